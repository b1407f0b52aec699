//! Which instruction set the kernels use: chosen once at start.

/// An instruction set that kernels are compiled for. A greater one is the faster one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// What the compiler makes for any processor of this architecture; products without fused multiply-add.
    Portable,
    /// NEON with fused multiply-add, which is part of the architecture.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX2 with FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, DQ, BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// All that are compiled in, slowest first.
    pub const ALL: &[Isa] = &[
        Isa::Portable,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512,
    ];

    /// The best that this machine can run.
    pub fn detect() -> Isa {
        Isa::all_available().last().unwrap_or(Isa::Portable)
    }

    /// What the environment variable `SCHUSS_ISA` names, else the best.
    pub fn chosen() -> Result<Isa, String> {
        let named = std::env::var_os("SCHUSS_ISA").filter(|value| !value.is_empty());
        let Some(value) = named else { return Ok(Isa::detect()) };
        let value = value.to_string_lossy();
        let list = |which: &mut dyn Iterator<Item = Isa>| which.map(Isa::name).collect::<Vec<_>>().join(", ");
        match Isa::from_name(&value) {
            Some(isa) if isa.available() => Ok(isa),
            Some(_) => Err(format!(
                "SCHUSS_ISA is '{value}', which this machine cannot run; it can run: {}",
                list(&mut Isa::all_available())
            )),
            None => Err(format!("SCHUSS_ISA is '{value}'; allowed: {}", list(&mut Isa::ALL.iter().copied()))),
        }
    }

    /// The instruction set called `name`, whether or not this machine has it.
    pub fn from_name(name: &str) -> Option<Isa> {
        Isa::ALL.iter().copied().find(|isa| isa.name() == name)
    }

    /// Its name: `portable`, `neon`, `avx2`, `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this machine can run it. Cheap: the answer is cached.
    pub fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("popcnt")
            }
            // The kernels for AVX-512 may use AVX2 and FMA too.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
        }
    }

    /// Those that this machine can run, slowest first.
    pub fn all_available() -> impl Iterator<Item = Isa> {
        Isa::ALL.iter().copied().filter(|isa| isa.available())
    }
}
