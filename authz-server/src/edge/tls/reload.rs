//! Reads the files of TLS listeners again when they change. Agents replace them by a rename, one after the other, so for a
//! moment a certificate may stand beside another one's key: such files are refused, and read again at the next look.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::{error, info};

use super::{Current, Tls};

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Keeps these listeners current while the server runs.
pub async fn keep_current(all: Vec<Arc<Tls>>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let all = all.clone();
        // Files may be on a slow disk; no decision waits for it.
        let looked = tokio::task::spawn_blocking(move || all.iter().for_each(|tls| tls.reload())).await;
        if looked.is_err() {
            error!("reading the files of TLS failed; they are read again");
        }
    }
}

impl Tls {
    /// Reads the files again. New ones come into force if they are good; else the last good ones stay.
    pub(super) fn reload(&self) {
        let changed = self.files.read().and_then(|contents| {
            let digest = contents.digest();
            if digest == self.current().digest {
                return Ok(None);
            }
            let current = Current::of(contents.parse()?, digest, self.offered, &self.clock);
            current.map(Some).map_err(|e| vec![e])
        });
        match changed {
            Ok(None) => {
                self.refused.clear();
            }
            Ok(Some(current)) => {
                info!(certificate = %self.files.certificate.display(), until = current.certificate.not_after, "took new files for TLS");
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
                self.refused.clear();
            }
            Err(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let why = format!("the last good files for TLS stay in force: {}", faults.join("; "));
                if self.refused.raise(&why) {
                    error!("{why}");
                }
            }
        }
    }
}
