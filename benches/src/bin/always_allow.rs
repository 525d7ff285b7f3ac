//! The smallest possible ext_authz server in Rust: it reads nothing and allows everything.
//!     always-allow SOCKET
#![allow(
    clippy::expect_used,
    reason = "a program for comparison: it panics when something unexpected happens"
)]

use envoy_types::ext_authz::v3::CheckResponseExt;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

struct AlwaysAllow;

#[tonic::async_trait]
impl Authorization for AlwaysAllow {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(CheckResponse::with_status(Status::ok(""))))
    }
}

#[tokio::main]
async fn main() {
    let socket = std::env::args_os().nth(1).expect("usage: always-allow SOCKET");
    let listener = UnixListener::bind(socket).expect("the socket can be bound");
    tonic::transport::Server::builder()
        .add_service(AuthorizationServer::new(AlwaysAllow))
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await
        .expect("it serves until it is killed");
}
