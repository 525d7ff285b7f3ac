//! Whose turn it is to read: each caller has one at a time, and not more often than a person looks. All together leave most of the
//! processors to decisions.

use std::num::NonZero;
use std::sync::Arc;
use std::thread::available_parallelism;

use ledger::entry::Digest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::rates::{EACH, SharedRates, UNBOUNDED};
use crate::authority::turns::{Turn, Turns};
use crate::clock::Clock;

/// However many processors there are, so many turns are enough.
const AT_ONCE_AT_MOST: usize = 4;

/// Who reads and who waits. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct ReadingTurns {
    clock: Clock,
    rates: SharedRates,
    of_callers: Turns,
    of_all: Arc<Semaphore>,
}

/// While it lives, its caller has no other.
#[derive(Debug)]
pub(super) struct ReadingTurn {
    _of_all: OwnedSemaphorePermit,
    _of_caller: Turn,
}

impl ReadingTurns {
    /// As many at once as half the processors.
    pub(super) fn of_this_machine(clock: Clock) -> ReadingTurns {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let at_once = (processors / 2).clamp(1, AT_ONCE_AT_MOST);
        ReadingTurns {
            rates: SharedRates::new(EACH, UNBOUNDED, clock.since_boot()),
            clock,
            of_callers: Turns::default(),
            of_all: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// First among the caller's own calls: those that wait for him keep no place that another could have.
    pub(super) async fn wait(&self, caller: &str) -> Result<ReadingTurn, ApiError> {
        let too_many = || ApiError::of(ApiErrorCode::TooMany);
        if !self.rates.admit(&[caller], self.clock.since_boot()) {
            return Err(too_many());
        }
        let of_caller = self.of_callers.wait(Digest::of(caller.as_bytes())).await.ok_or_else(too_many)?;
        let stopping = |_| ApiError::new(ApiErrorCode::Unavailable, "this server is stopping");
        let of_all = Arc::clone(&self.of_all).acquire_owned().await.map_err(stopping)?;
        Ok(ReadingTurn { _of_all: of_all, _of_caller: of_caller })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_caller_has_one_turn_at_a_time_and_only_so_many() {
        let mut turns = ReadingTurns::of_this_machine(Clock::of_the_machine());
        turns.of_all = Arc::new(Semaphore::new(2));
        let soon = Duration::from_millis(5);
        let first = turns.wait("one").await.unwrap();
        assert!(tokio::time::timeout(soon, turns.wait("one")).await.is_err(), "he has a turn");
        let second = turns.wait("two").await.unwrap();
        assert!(tokio::time::timeout(soon, turns.wait("three")).await.is_err(), "all turns are taken");
        drop(first);
        drop(turns.wait("three").await.unwrap());
        drop(second);
        let mut refused = None;
        for _ in 0..=EACH.most {
            refused = turns.wait("one").await.err();
        }
        assert_eq!(refused.unwrap().code(), ApiErrorCode::TooMany);
        assert!(turns.wait("two").await.is_ok(), "another has a share of his own");
    }
}
