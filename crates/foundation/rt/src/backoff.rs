use std::time::Duration;

use crate::Rt;

/// Growing pauses between attempts: doubled each time up to a maximum, with jitter so that many that
/// failed together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    current: Duration,
    rt: Rt,
}

impl Backoff {
    pub fn new(first: Duration, max: Duration, rt: Rt) -> Backoff {
        Backoff { first, max, current: first, rt }
    }

    /// The pause before the next attempt: between half of and the whole current step.
    #[expect(clippy::should_implement_trait, reason = "a backoff never ends, so it is no iterator")]
    pub fn next(&mut self) -> Duration {
        let step = self.current.min(self.max);
        self.current = step.saturating_mul(2).min(self.max);
        let half = step / 2;
        let share = (self.rt.random_u64() >> 11) as f64 / (1u64 << 53) as f64;
        half + (step - half).mul_f64(share)
    }

    /// After a success: start again from the first step.
    pub fn reset(&mut self) {
        self.current = self.first;
    }
}
