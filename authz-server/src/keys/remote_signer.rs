//! A key that another process has: it signs over a Unix socket. So a key can be in a KMS or an HSM, and never in this process.
//!
//! What comes back is verified with the public key before it is used. A process that is gone, slow or has another key is an error
//! of the one signature, and nothing more.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;
use warrant::mint::{Signer, SignerError};
use warrant::verifier::is_signed_by;
use warrant::{AwsLcVerifier, PublicKey, Signature};

use super::signing_protocol::{ANSWERED_WITHIN, REASON_BYTES_AT_MOST, is_answer, read_answer, request};

/// So many signatures are waited for at once: each keeps a thread.
const AT_ONCE: usize = 128;

/// A key behind a socket.
pub struct RemoteSigner {
    socket: PathBuf,
    public: PublicKey,
    waiting: AtomicUsize,
}

impl RemoteSigner {
    #[must_use]
    pub fn new(socket: PathBuf, public: PublicKey) -> RemoteSigner {
        RemoteSigner { socket, public, waiting: AtomicUsize::new(0) }
    }

    /// What the other process answers, in time.
    fn answer(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        let runtime = Handle::try_current()
            .ok()
            .filter(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
            .ok_or("it cannot be waited for here")?;
        let place = Place::among(&self.waiting).ok_or("too many signatures are waited for")?;
        let asked = block_in_place(|| {
            runtime.block_on(async { tokio::time::timeout(ANSWERED_WITHIN, self.ask(input)).await })
        });
        drop(place);
        asked.map_err(|_| "it does not answer in time")?
    }

    async fn ask(&self, input: &[u8]) -> Result<Vec<u8>, String> {
        let request = request(input).ok_or("the token is too long")?;
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = UnixStream::connect(&self.socket).await.map_err(failed)?;
        stream.write_all(&request).await.map_err(failed)?;
        let mut answer = Vec::new();
        let most = u64::try_from(REASON_BYTES_AT_MOST).unwrap_or(u64::MAX).saturating_add(1);
        stream.take(most).read_to_end(&mut answer).await.map_err(failed)?;
        Ok(answer)
    }
}

impl Signer for RemoteSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// It waits, so it needs a runtime whose other threads go on meanwhile.
    fn sign(&self, signing_input: &[u8]) -> Result<[u8; 64], SignerError> {
        let failed = |why: &str| SignerError(format!("the signer at {}: {why}", self.socket.display()));
        let signature = self.answer(signing_input).and_then(|answer| read_answer(&answer));
        let signature = signature.map_err(|why| failed(&why))?;
        if is_signed_by(&AwsLcVerifier, &self.public, signing_input, &Signature::new(signature)) {
            Ok(signature)
        } else {
            Err(failed("its signature is not by the key that the configuration names"))
        }
    }

    /// A signer refuses an empty input, so any answer shows that it is there.
    fn is_there(&self) -> bool {
        self.answer(&[]).is_ok_and(|answer| is_answer(&answer))
    }
}

/// One of the places for those that wait.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn among(waiting: &AtomicUsize) -> Option<Place<'_>> {
        let place = Place(waiting);
        // The place is given back when it is dropped, also if there was none.
        (waiting.fetch_add(1, Ordering::Relaxed) < AT_ONCE).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for RemoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSigner").field("socket", &self.socket).field("public", &self.public).finish()
    }
}
