//! What is asked of the proxy, in one place. May not decide anything.
//!
//! Only `hostcalls` stand here: the methods of the context traits unwrap what the host answers, and no answer of a
//! host may end the guest.

use std::time::UNIX_EPOCH;

use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType, Status},
};
use warrant::Seconds;

use crate::{
    parts::Header,
    refusal::Refusal,
    verify::{Answer, HostCurves, VerifySignature},
};

/// The proxy that this module runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proxy;

/// The host did not answer what it must be able to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// The configuration of this plugin, as it was written.
pub(crate) fn configuration() -> Result<Vec<u8>, NoAnswer> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)
        .map(Option::unwrap_or_default)
        .map_err(|_| NoAnswer)
}

/// All headers of the request, in one call.
pub(crate) fn request_headers() -> Result<Vec<Header>, NoAnswer> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).map_err(|_| NoAnswer)
}

/// The time, to the nanosecond. A request reads it once.
pub(crate) fn nanoseconds() -> Result<u128, NoAnswer> {
    let now = hostcalls::get_current_time().map_err(|_| NoAnswer)?;
    now.duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).map_err(|_| NoAnswer)
}

/// The time, in whole seconds.
pub(crate) fn now() -> Result<Seconds, NoAnswer> {
    let seconds = nanoseconds()?.checked_div(1_000_000_000).ok_or(NoAnswer)?;
    u64::try_from(seconds).map(Seconds::new).map_err(|_| NoAnswer)
}

/// Answers the request here. For a gRPC client Envoy turns this into a grpc-status.
pub(crate) fn answer(refusal: &Refusal) -> Result<(), NoAnswer> {
    hostcalls::send_http_response(
        u32::from(refusal.status()),
        refusal.headers(),
        Some(refusal.body().as_bytes()),
    )
    .map_err(|_| NoAnswer)
}

/// One line in Envoy's log.
pub(crate) fn complain(line: &str) {
    // A host that cannot log cannot be told so either.
    hostcalls::log(LogLevel::Error, line).unwrap_or_default();
}

impl HostCurves for Proxy {
    fn verify_signature(&self, question: &VerifySignature) -> Answer {
        match hostcalls::call_foreign_function("verify_signature", Some(&question.encoded())) {
            Ok(answer) => Answer::read(answer.as_deref().unwrap_or_default()),
            Err(Status::NotFound) => Answer::NotOffered,
            Err(_) => Answer::Bad,
        }
    }
}
