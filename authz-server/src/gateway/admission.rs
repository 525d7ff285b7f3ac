//! Admission: a bounded number of decisions at once, and no new one while the server stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use warrant::Denial;

/// Admits decisions. When all slots are taken it denies at once: a queue would only turn overload into missed
/// deadlines.
#[derive(Clone, Debug)]
pub struct Admission {
    slots: Arc<Semaphore>,
    most: u32,
    closed: Arc<AtomicBool>,
}

/// A slot for one decision, free again when dropped.
#[derive(Debug)]
pub struct AdmissionSlot {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub fn of(most: u32) -> Admission {
        let slots = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Admission { slots: Arc::new(Semaphore::new(slots)), most, closed: Arc::default() }
    }

    pub fn enter(&self) -> Result<AdmissionSlot, Denial> {
        if self.is_closed() {
            return Err(Denial::Overloaded);
        }
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Denial::Overloaded)?;
        Ok(AdmissionSlot { _permit: permit })
    }

    /// Admits no new decision from now on. Decisions that have begun may finish.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Returns once every admitted decision has finished.
    pub async fn drained(&self) {
        // The semaphore is never closed and has as many slots as are asked for, so this cannot fail.
        let _all = self.slots.acquire_many(self.most).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_free_slot_it_denies_and_a_freed_slot_admits() {
        let admission = Admission::of(1);
        let slot = admission.enter().unwrap();
        assert_eq!(admission.enter().unwrap_err(), Denial::Overloaded);
        drop(slot);
        assert!(admission.enter().is_ok());
    }

    #[tokio::test]
    async fn closing_lets_begun_decisions_finish_and_denies_new_ones() {
        let admission = Admission::of(2);
        let slot = admission.enter().unwrap();
        admission.close();
        assert_eq!(admission.enter().unwrap_err(), Denial::Overloaded);
        let waiting = tokio::spawn({
            let admission = admission.clone();
            async move { admission.drained().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(slot);
        waiting.await.unwrap();
    }
}
