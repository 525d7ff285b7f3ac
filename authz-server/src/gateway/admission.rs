//! Who may begin: a bounded number of decisions at once, and none once the server is closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warrant::Denial;

/// The door. A full house denies at once: a queue would only turn overload into missed deadlines.
#[derive(Clone, Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    most: u32,
    closed: Arc<AtomicBool>,
}

/// A place inside, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub fn of(most: u32) -> Admission {
        let places = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Admission { places: Arc::new(Semaphore::new(places)), most, closed: Arc::default() }
    }

    pub fn enter(&self) -> Result<Place, Denial> {
        if self.is_closed() {
            return Err(Denial::Overloaded);
        }
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Denial::Overloaded)?;
        Ok(Place { _permit: permit })
    }

    /// From now on nobody enters; who is inside may finish.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Returns once nobody is inside.
    pub async fn emptied(&self) {
        // Never closed, so this only fails if the house is too small for itself, which `of` rules out.
        let _all = self.places.acquire_many(self.most).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_house_denies_and_a_place_given_back_admits() {
        let door = Admission::of(1);
        let inside = door.enter().unwrap();
        assert_eq!(door.enter().unwrap_err(), Denial::Overloaded);
        drop(inside);
        assert!(door.enter().is_ok());
    }

    #[tokio::test]
    async fn closing_lets_finish_what_has_begun_and_denies_what_is_new() {
        let door = Admission::of(2);
        let inside = door.enter().unwrap();
        door.close();
        assert_eq!(door.enter().unwrap_err(), Denial::Overloaded);
        let waiting = tokio::spawn({
            let door = door.clone();
            async move { door.emptied().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(inside);
        waiting.await.unwrap();
    }
}
