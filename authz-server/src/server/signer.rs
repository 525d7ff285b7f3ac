//! The process that has a key in place of the server: it signs tokens of one role, over a socket that only its own user can
//! open. It knows nothing of the server.

use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::stop::StopSignals;
use crate::authority::signable::RoleSigner;
use crate::edge::listen::{BoundListener, ListenAddress, ListenError, SocketUsers};
use crate::keys::signing_protocol::{ANSWERED_WITHIN, INPUT_BYTES_AT_MOST, answer};

/// So many requests are read at once; more wait to be accepted.
const CONNECTIONS: usize = 256;

/// Signs until the process is asked to stop.
pub async fn run_signer(signer: RoleSigner, socket: &Path) -> Result<(), ListenError> {
    let mut stop_signals = StopSignals::listen();
    let address = ListenAddress::Unix { path: socket.to_owned(), for_whom: SocketUsers::Owner };
    let listener = BoundListener::at(&address).await?;
    info!(socket = listener.address(), "signing");
    tokio::select! {
        () = accept(listener, Arc::new(signer)) => {}
        () = stop_signals.received() => info!("stopped"),
    }
    Ok(())
}

async fn accept(listener: BoundListener, signer: Arc<RoleSigner>) {
    let BoundListener::Unix(listener, _) = listener else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // It is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ANSWERED_WITHIN).await;
                continue;
            }
        };
        let signer = Arc::clone(&signer);
        tokio::spawn(async move {
            let done = tokio::time::timeout(ANSWERED_WITHIN, serve(stream, &signer)).await;
            if let Ok(Err(error)) = done {
                warn!(%error, "a request for a signature broke off");
            }
            drop(place);
        });
    }
}

/// Reads one request and answers it.
async fn serve(mut stream: UnixStream, signer: &RoleSigner) -> std::io::Result<()> {
    let length = stream.read_u32().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let signed = if length > INPUT_BYTES_AT_MOST {
        Err("the request is too long".to_owned())
    } else {
        let mut input = vec![0; length];
        stream.read_exact(&mut input).await?;
        signer.sign(&input).map_err(|why| why.to_string())
    };
    if let Err(why) = &signed {
        warn!(%why, "refused to sign");
    }
    stream.write_all(&answer(&signed)).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests;
