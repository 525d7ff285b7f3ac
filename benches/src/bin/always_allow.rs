//! The smallest possible ext_authz server in Rust: it reads nothing and allows everything.
//!     always-allow SOCKET [ANSWER]      ANSWER: a file with the `CheckResponse` to give each time; without it, the shortest one
#![allow(
    clippy::expect_used,
    reason = "a program for comparison: it panics when something unexpected happens"
)]

use envoy_types::ext_authz::v3::CheckResponseExt;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use prost::Message;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

struct AlwaysAllow(CheckResponse);

#[tonic::async_trait]
impl Authorization for AlwaysAllow {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let socket = arguments.next().expect("usage: always-allow SOCKET [ANSWER]");
    let shortest = || CheckResponse::with_status(Status::ok(""));
    let answer = arguments.next().map_or_else(shortest, |file| {
        let bytes = std::fs::read(file).expect("the file of the answer can be read");
        CheckResponse::decode(bytes.as_slice()).expect("it is a CheckResponse")
    });
    let listener = UnixListener::bind(socket).expect("the socket can be bound");
    tonic::transport::Server::builder()
        .add_service(AuthorizationServer::new(AlwaysAllow(answer)))
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await
        .expect("it serves until it is killed");
}
