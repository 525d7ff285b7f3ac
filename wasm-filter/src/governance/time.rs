//! Time as the ticks of root contexts tell it. It does not follow the proxy's clock, which may be set back.

use std::{cell::Cell, time::Duration};

/// How much time has passed at least since the VM began: the most that any of its root contexts has counted.
#[derive(Debug, Default)]
pub(crate) struct TickTime(Cell<Duration>);

/// The ticks of one root context. They begin with the time of the VM, and never run ahead of it.
#[derive(Debug)]
pub(crate) struct Ticks(Duration);

impl TickTime {
    pub(crate) fn passed(&self) -> Duration {
        self.0.get()
    }
}

impl Ticks {
    pub(crate) fn starting(time: &TickTime) -> Self {
        Self(time.passed())
    }

    /// Counts one tick, after this interval.
    pub(crate) fn count(&mut self, interval: Duration, time: &TickTime) {
        self.0 = self.0.saturating_add(interval);
        time.0.set(time.passed().max(self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ticks_of_two_contexts_are_not_added_up() {
        let time = TickTime::default();
        let tick = Duration::from_millis(250);
        let mut one = Ticks::starting(&time);
        one.count(tick, &time);
        let mut two = Ticks::starting(&time);
        for _ in 0..3 {
            one.count(tick, &time);
            two.count(tick, &time);
        }
        assert_eq!(time.passed(), tick * 4);
    }
}
