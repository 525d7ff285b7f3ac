//! Whether the peer of an open connection may still use it. Log streams and polls are requests without an end, so it is not
//! enough to ask when a request begins.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::warn;

use super::{PeerChain, Tls};
use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::edge::peer::Peer;
use crate::edge::proxy_identity::NamedProxies;

const ASK_EVERY: Duration = Duration::from_millis(500);
/// Roots and CRLs run out too, without any change of a file.
const VERIFY_EVERY: Duration = Duration::from_secs(60);
/// A connection ends before its certificate does, so that requests which have begun can end before it too.
const END_BEFORE_SECONDS: u64 = 3;

/// Who may use the connections of a TLS listener.
#[derive(Debug)]
pub struct PeerAdmission {
    tls: Arc<Tls>,
    clock: Clock,
    /// On the listener for proxies: only they may use it.
    proxies: Option<NamedProxies>,
    /// The last refusal: a peer that connects again and again is logged once.
    last: Complaint,
}

impl PeerAdmission {
    pub fn new(tls: Arc<Tls>, clock: Clock, proxies: Option<NamedProxies>) -> PeerAdmission {
        PeerAdmission { tls, clock, proxies, last: Complaint::default() }
    }

    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Resolves when this peer may not use its connection any longer. It has been verified just now, so it is asked only after
    /// a moment. Until then each request of a peer that the bundle does not name gets its own answer.
    pub async fn until_refused(&self, chain: &PeerChain) {
        let (mut verified, mut by) = (Instant::now(), self.tls.digest());
        loop {
            sleep(ASK_EVERY).await;
            let mut refusal = self.refuses(chain.peer());
            let current = self.tls.digest();
            if refusal.is_none() && (current != by || verified.elapsed() > VERIFY_EVERY) {
                (verified, by) = (Instant::now(), current);
                if !self.tls.admits(chain) {
                    refusal = Some("the roots and CRLs do not admit its certificate now".to_owned());
                }
            }
            if let Some(why) = refusal {
                if self.last.raise(&format!("{:?} {why}", chain.peer())) {
                    warn!(peer = ?chain.peer(), "closing a connection: {why}");
                }
                return;
            }
        }
    }

    fn refuses(&self, peer: &Peer) -> Option<String> {
        if let Peer::Certificate(certificate) = peer
            && self.clock.now().plus(END_BEFORE_SECONDS).get() > certificate.not_after
        {
            return Some("its certificate runs out".to_owned());
        }
        self.proxies.as_ref()?.identify(peer).err().map(|why| why.to_string())
    }
}
