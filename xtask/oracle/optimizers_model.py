"""testdata/optimizers/whole_*.json: rules on whole arrays and on the whole model that optimizers_whole.py has not.

prodigyopt 1.1.2 and dadaptation 3.2 (by the authors), Optax 0.2.8 and Keras 3.15.1 themselves; PyTorch 2.15.0's Muon,
whose Newton-Schulz iteration is given float64 in the place of bfloat16 and is otherwise its own code. Optax' Adafactor
is given its falling share of old squares in float64, which it computes in float32.
"""

import inspect

import optimizers
import optimizers_more
import optimizers_whole
from optimizers_more import LIBRARIES, case
from optimizers_whole import EPSILON, FACTOR, FACTOR_PROBE, SERIES, SHAPES, START, keep
from reference import jnp, keras, np, write

import dadaptation
import optax
from optax._src import factorized
import prodigyopt
import torch
from torch.optim import _muon

LIBRARIES |= {
    "prodigyopt": ("prodigyopt (the authors)", "1.1.2"),
    "dadaptation": ("dadaptation (the authors)", "3.2"),
    "optax64": ("Optax, shares in float64", optax.__version__),
    "torch64": ("PyTorch, Muon in float64", torch.__version__.split("+")[0]),
}


# Gradients that agree for a while: only along these does a rate that is found grow.
STEADY = [[[abs(g) + 0.2 for g in tensor] for tensor in SERIES[i]] for i in (0, 1, 2, 4, 5, 7, 9, 10)] * 2


def walk(build, settings, series=SERIES):
    tensors = [torch.tensor(start).reshape(shape).requires_grad_() for start, shape in zip(START, SHAPES)]
    optimizer, history = build(tensors, settings), []
    for step in series:
        for tensor, g, shape in zip(tensors, step, SHAPES):
            tensor.grad = torch.tensor(g).reshape(shape)
        optimizer.step()
        history.append([tensor.detach().flatten().tolist() for tensor in tensors])
    return history


def prodigy(tensors, s):
    return prodigyopt.Prodigy(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"]),
                              beta3=s["beta_3"] or None, eps=s["epsilon"], weight_decay=s.get("weight_decay", 0),
                              decouple=s.get("decay", "decoupled") == "decoupled",
                              use_bias_correction=s["use_bias_correction"], safeguard_warmup=s["safeguard_warmup"],
                              d0=s["d0"], d_coef=s["d_coef"], growth_rate=s["growth_rate"] or float("inf"))


def dadapt_adam(tensors, s):
    return dadaptation.DAdaptAdam(tensors, lr=s["learning_rate"], betas=(s["beta_1"], s["beta_2"]), eps=s["epsilon"],
                                  weight_decay=s.get("weight_decay", 0), decouple=s["decay"] == "decoupled",
                                  use_bias_correction=s["use_bias_correction"], d0=s["d0"],
                                  growth_rate=s["growth_rate"] or float("inf"))


def full_precision():
    """PyTorch's Newton-Schulz iteration, without its rounding to bfloat16."""
    source = inspect.getsource(_muon._zeropower_via_newtonschulz)
    assert source.count("torch.bfloat16") == 1
    scope = dict(vars(_muon))
    exec(source.replace("torch.bfloat16", "torch.float64"), scope)
    _muon._zeropower_via_newtonschulz = scope["_zeropower_via_newtonschulz"]


def full_decay():
    """Optax computes Adafactor's falling share in 32 bits whatever the precision of the rest: here in 64."""
    build = factorized.scale_by_factored_rms
    place = [p.default for p in inspect.signature(build).parameters.values()].index(factorized._decay_rate_pow)
    defaults = list(build.__defaults__)
    defaults[place] = lambda step, exponent: 1.0 - (jnp.asarray(step, jnp.float64) + 1.0) ** -exponent
    build.__defaults__ = tuple(defaults)


class Muon:
    """PyTorch's Muon for matrices and its AdamW for what is none."""

    def __init__(self, tensors, s):
        matrices = [t for t in tensors if t.ndim == 2]
        others = [t for t in tensors if t.ndim != 2]
        self.both = [
            torch.optim.Muon(matrices, lr=s["learning_rate"], weight_decay=s["weight_decay"], momentum=s["momentum"],
                             nesterov=s["nesterov"], ns_coefficients=(s["muon_a"], s["muon_b"], s["muon_c"]),
                             ns_steps=s["ns_steps"], adjust_lr_fn=s["adjust_lr_fn"]),
            # Decay has the same rate for both here.
            torch.optim.AdamW(others, lr=s["learning_rate"] * s["adam_lr_ratio"],
                              betas=(s["adam_beta_1"], s["adam_beta_2"]), eps=s["epsilon"], foreach=False,
                              weight_decay=s["weight_decay"] / s["adam_lr_ratio"])]

    def step(self):
        for optimizer in self.both:
            optimizer.step()


PRODIGY = {"learning_rate": 1.0, "beta_1": 0.9, "beta_2": 0.999, "beta_3": 0.0, "epsilon": 1e-8, "d0": 1e-6,
           "d_coef": 1.0, "growth_rate": 0.0, "use_bias_correction": False, "safeguard_warmup": False}
PRODIGY_PROBE = PRODIGY | {"learning_rate": 0.3, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "d0": 1e-4,
                           "d_coef": 0.7}
DADAPT = {"learning_rate": 1.0, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "d0": 1e-6, "growth_rate": 0.0,
          "use_bias_correction": False, "decay": "l2"}
DADAPT_PROBE = DADAPT | {"learning_rate": 0.3, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "d0": 1e-2}
MUON = {"learning_rate": 0.001, "momentum": 0.95, "nesterov": True, "ns_steps": 5, "muon_a": 3.4445, "muon_b": -4.775,
        "muon_c": 2.0315, "adjust_lr_fn": "original", "adam_lr_ratio": 1.0, "adam_beta_1": 0.9, "adam_beta_2": 0.999,
        "epsilon": 1e-8, "weight_decay": 0.1}
MUON_PROBE = MUON | {"learning_rate": 0.05, "momentum": 0.8, "muon_a": 3.0, "muon_b": -4.0, "muon_c": 1.9,
                     "adam_lr_ratio": 0.7, "adam_beta_1": 0.8, "adam_beta_2": 0.95, "epsilon": 1e-3,
                     "weight_decay": 0.03}
PACKAGES = {
    "prodigy": ("prodigyopt", prodigy, PRODIGY, PRODIGY_PROBE, {
        "plain": {}, "decay": {"weight_decay": 0.1}, "l2": {"weight_decay": 0.1, "decay": "l2"},
        "other": {"beta_3": 0.9, "growth_rate": 1.02, "use_bias_correction": True, "safeguard_warmup": True}}),
    "dadapt_adam": ("dadaptation", dadapt_adam, DADAPT, DADAPT_PROBE, {
        "plain": {}, "decay": {"weight_decay": 0.1},
        "other": {"weight_decay": 0.1, "decay": "decoupled", "growth_rate": 1.5, "use_bias_correction": True}}),
    "muon:torch": ("torch64", Muon, MUON, MUON_PROBE, {
        "plain": {}, "match": {"adjust_lr_fn": "match_rms_adamw", "nesterov": False, "ns_steps": 3},
        "spectral": {"adjust_lr_fn": "spectral_unclamped"}}),
}
ADAM = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-6, "epsilon_root": 0.0}
OPTAX_FACTOR = {"learning_rate": 1.0, "beta_2_decay": -0.8, "epsilon_1": 1e-30, "clip_threshold": 1.0,
                "min_dim_size_to_factor": 128, "multiply_by_parameter_scale": True}
OPTAX = {
    "lamb:optax": (lambda s: optax.lamb(s["learning_rate"], b1=s["beta_1"], b2=s["beta_2"], eps=s["epsilon"],
                                        eps_root=s["epsilon_root"], weight_decay=s.get("weight_decay", 0.0)),
                   ADAM, ADAM | {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
                   {"plain": {}, "decay": {"weight_decay": 0.1, "epsilon_root": 1e-2}}),
    "adafactor:optax": (lambda s: optax.adafactor(s["learning_rate"], s["min_dim_size_to_factor"], -s["beta_2_decay"],
                                                  clipping_threshold=s["clip_threshold"], eps=s["epsilon_1"],
                                                  multiply_by_parameter_scale=s["multiply_by_parameter_scale"]),
                        OPTAX_FACTOR, OPTAX_FACTOR | {"learning_rate": 0.3, "beta_2_decay": -0.6, "epsilon_1": 1e-3,
                                                      "clip_threshold": 0.6},
                        {"plain": {}, "factored": {"min_dim_size_to_factor": 2},
                         "unscaled": {"multiply_by_parameter_scale": False, "min_dim_size_to_factor": 3}}),
}


def make():
    for module in (optimizers, optimizers_more):
        module.SHAPES, module.START = SHAPES, START
    own = lambda build: {name: p.default for name, p in inspect.signature(build.__init__).parameters.items()}
    theirs = own(prodigyopt.Prodigy)
    assert (theirs["lr"], theirs["betas"], theirs["eps"], theirs["d0"], theirs["d_coef"]) == (
        1.0, (0.9, 0.999), 1e-8, 1e-6, 1.0)
    theirs = own(dadaptation.DAdaptAdam)
    assert (theirs["lr"], theirs["betas"], theirs["eps"], theirs["d0"], theirs["decouple"]) == (
        1.0, (0.9, 0.999), 1e-8, 1e-6, False)
    theirs = own(torch.optim.Muon)
    assert (theirs["lr"], theirs["weight_decay"], theirs["momentum"], theirs["nesterov"]) == (1e-3, 0.1, 0.95, True)
    rounded = walk(Muon, MUON)
    full_precision()
    exact = walk(Muon, MUON)
    apart = max(np.abs(np.array(a[1]) - np.array(b[1])).max() for a, b in zip(rounded, exact))
    print(f"muon:torch in bfloat16 ends {apart / MUON['learning_rate']:.2f} steps of the rate elsewhere")
    for rule, (library, build, defaults, probe, variants) in PACKAGES.items():
        keep(library, rule, defaults, probe, variants, lambda s: walk(build, s))
    for rule in ("prodigy", "dadapt_adam"):
        library, build, defaults, probe, variants = PACKAGES[rule]
        made = []
        for variant, change in variants.items():
            for setting, base in (("default", defaults), ("probe", probe)):
                settings = base | change
                made.append(case(f"steady-{variant}-{setting}", rule, settings, STEADY, walk(build, settings, STEADY)) |
                            {"shapes": SHAPES, "start": START})
        write(f"optimizers/whole_{rule}_steady.json", "optimizers_model.py",
              ["theta is after the step: [step][tensor][element]."], made, LIBRARIES[library])
    full_decay()
    for rule, (build, defaults, probe, variants) in OPTAX.items():
        library = "optax64" if rule == "adafactor:optax" else "optax"
        keep(library, rule, defaults, probe, variants, lambda s: optimizers_more.walk_optax(build(s), SERIES))
    # The paper's rate, given to Keras' optimizer.
    paper, probe = FACTOR | {"learning_rate": 0.01}, FACTOR_PROBE | {"learning_rate": 0.2}
    keep("keras", "adafactor:paper", paper, probe, {"plain": {}},
         lambda s: optimizers.run(keras.optimizers.Adafactor(**s), SERIES))


if __name__ == "__main__":
    make()
