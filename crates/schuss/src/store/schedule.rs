//! When a snapshot is due.

/// At most this share of a run's time goes into snapshots after epochs.
const SHARE: f64 = 0.02;
/// What writing costs, until one was written: seconds, and seconds for each byte.
const GUESS: (f64, f64) = (0.01, 1e-8);

/// When a snapshot is due: every so many seconds, and after an epoch where that takes little of the time.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    every: f64,
    start: f64,
    last: f64,
    spent: f64,
    cost: f64,
}

impl Schedule {
    /// Every so many seconds; the first after so many from `now`. A snapshot has so many bytes.
    pub fn new(every: f64, now: f64, bytes: usize) -> Self {
        Schedule { every, start: now, last: now, spent: 0.0, cost: GUESS.0 + GUESS.1 * bytes as f64 }
    }
    /// Is one due because of the time?
    pub fn is_due(&self, now: f64) -> bool {
        now - self.last >= self.every
    }
    /// Is there time for one after an epoch?
    pub fn has_time(&self, now: f64) -> bool {
        self.is_due(now) || self.spent + self.cost <= SHARE * (now - self.start)
    }
    /// One was taken.
    pub fn taken(&mut self, now: f64) {
        self.last = now;
    }
    /// It has cost so many seconds.
    pub fn paid(&mut self, seconds: f64) {
        self.spent += seconds;
        self.cost = seconds;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_makes_one_due_and_epochs_take_a_small_share() {
        let mut s = Schedule::new(20.0, 100.0, 1_000_000);
        assert!(!s.is_due(119.9) && s.is_due(120.0));
        // A guess of 0.02 s is 2 % of 1 s.
        assert!(!s.has_time(100.9) && s.has_time(101.1));
        s.taken(101.1);
        s.paid(0.1);
        // 0.1 s spent and 0.1 s to come are 2 % of 10 s.
        assert!(!s.has_time(109.9) && s.has_time(110.1));
        assert!(!s.is_due(121.0) && s.is_due(121.2));
        // When the time has come, it is taken whatever it costs.
        s.paid(10.0);
        assert!(s.has_time(121.2));
    }
}
