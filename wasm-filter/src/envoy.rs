//! All calls to the proxy. This module decides nothing.
//!
//! Calls use `hostcalls` only: the methods of the context traits unwrap the proxy's answers, and no answer may make the
//! module panic.

use std::time::UNIX_EPOCH;

use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType, Status},
};
use warrant::Seconds;

use crate::{
    denial_response::DenialResponse,
    request_head::Header,
    verifier::{HostAnswer, HostCurves, VerifySignature},
};

/// The proxy that this module runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvoyHost;

/// The proxy did not give an answer that it must always be able to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// The bytes of this plugin's configuration.
pub(crate) fn configuration() -> Result<Vec<u8>, NoAnswer> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)
        .map(Option::unwrap_or_default)
        .map_err(|_| NoAnswer)
}

/// All headers of the request, in one call.
pub(crate) fn request_headers() -> Result<Vec<Header>, NoAnswer> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).map_err(|_| NoAnswer)
}

/// The time in nanoseconds. A request reads it once.
pub(crate) fn nanoseconds() -> Result<u128, NoAnswer> {
    let now = hostcalls::get_current_time().map_err(|_| NoAnswer)?;
    now.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).map_err(|_| NoAnswer)
}

/// The time in whole seconds.
pub(crate) fn now() -> Result<Seconds, NoAnswer> {
    let seconds = nanoseconds()?.checked_div(1_000_000_000).ok_or(NoAnswer)?;
    u64::try_from(seconds).map(Seconds::new).map_err(|_| NoAnswer)
}

/// Answers the request from the filter. For a gRPC client, Envoy turns this into a grpc-status.
pub(crate) fn send_response(response: &DenialResponse) -> Result<(), NoAnswer> {
    hostcalls::send_http_response(
        u32::from(response.status()),
        response.headers(),
        Some(response.body().as_bytes()),
    )
    .map_err(|_| NoAnswer)
}

/// Writes one line to Envoy's log.
pub(crate) fn log_error(line: &str) {
    // If logging fails, there is no other way to report it.
    hostcalls::log(LogLevel::Error, line).unwrap_or_default();
}

impl HostCurves for EnvoyHost {
    fn verify_signature(&self, call: &VerifySignature) -> HostAnswer {
        match hostcalls::call_foreign_function("verify_signature", Some(&call.encoded())) {
            Ok(answer) => HostAnswer::read(answer.as_deref().unwrap_or_default()),
            Err(Status::NotFound) => HostAnswer::NotOffered,
            Err(_) => HostAnswer::Bad,
        }
    }
}
