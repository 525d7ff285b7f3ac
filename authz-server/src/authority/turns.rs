//! Turns: calls for the same are worked on one after another. Roots for one token or holder are, so that the policy reads of the
//! others what the ledger's writer will find; and what one caller reads is, so that others come in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::entry::Digest;
use tokio::sync::OwnedMutexGuard;

/// So many calls for the same have their turn or wait. More are refused, so that they do not take the places of all others.
const AT_ONCE: usize = 32;

type Place = Arc<tokio::sync::Mutex<()>>;

/// Who has a turn, by what the calls are for. What nobody waits for is not here. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<Digest, Place>>>);

/// While it lives, nobody else has a turn for the same.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    of: Digest,
    /// `None` while it waits.
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else has a turn for this. `None` if too many wait already.
    pub(super) async fn wait(&self, of: Digest) -> Option<Turn> {
        let place = {
            let mut places = self.places();
            let place = places.entry(of).or_default();
            // The table has one of them itself.
            if Arc::strong_count(place) > AT_ONCE {
                return None;
            }
            Arc::clone(place)
        };
        // A call that ends while it waits leaves the row too.
        let mut turn = Turn { turns: self.clone(), of, held: None };
        turn.held = Some(place.lock_owned().await);
        Some(turn)
    }

    // A panic leaves a whole table.
    fn places(&self) -> MutexGuard<'_, HashMap<Digest, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.held.take());
        let mut places = self.turns.places();
        // A place is only taken from the locked table, so nobody else can take this one now.
        if places.get(&self.of).is_some_and(|place| Arc::strong_count(place) == 1) {
            places.remove(&self.of);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_has_a_turn_others_wait_and_those_that_give_up_leave_nothing() {
        let turns = Turns::default();
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let first = turns.wait(one).await.unwrap();
        assert!(turns.wait(other).await.is_some(), "another is not kept waiting");
        let given_up = tokio::time::timeout(Duration::from_millis(5), turns.wait(one)).await;
        assert!(given_up.is_err(), "the first has its turn");
        let mut waiting: Vec<_> = (1..AT_ONCE).map(|_| Box::pin(turns.wait(one))).collect();
        for next in &mut waiting {
            assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(turns.wait(one).await.is_none(), "too many wait");
        drop(first);
        for next in waiting {
            assert!(next.await.is_some());
        }
        assert!(turns.places().is_empty());
    }
}
