//! All calls to the proxy. This module decides nothing.
//!
//! Calls use `hostcalls` only: the methods of the context traits unwrap the proxy's answers, and no answer may make the
//! module panic.

use std::{
    cell::RefCell,
    time::{Duration, UNIX_EPOCH},
};

use proxy_wasm::{
    hostcalls,
    types::{BufferType, LogLevel, MapType, MetricType, Status},
};
use warrant::Seconds;

use crate::{
    denial_response::DenialResponse,
    governance::{PollFailure, SharedMemory},
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

/// The value of a request header. `None` if there is none, or if it cannot be read.
pub(crate) fn request_header(name: &str) -> Option<Vec<u8>> {
    hostcalls::get_map_value_bytes(MapType::HttpRequestHeaders, name).ok().flatten()
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

/// Removes a header of the response, if it is there.
pub(crate) fn remove_response_header(name: &str) {
    hostcalls::remove_map_value(MapType::HttpResponseHeaders, name).unwrap_or_default();
}

/// Where Envoy keeps what the server answered about a request.
const SERVERS_ANSWER: [&str; 3] = ["metadata", "filter_metadata", "envoy.filters.http.ext_authz"];

/// Whether something is there that looks like an answer of the server.
pub(crate) fn has_an_answer_of_the_server() -> Result<bool, NoAnswer> {
    let found = hostcalls::get_property(SERVERS_ANSWER.to_vec()).map_err(|_| NoAnswer)?;
    Ok(found.is_some_and(|answer| !answer.is_empty()))
}

/// The stamp that the server's answer left with the request.
pub(crate) fn stamp() -> Result<Option<Vec<u8>>, NoAnswer> {
    let [metadata, filters, filter] = SERVERS_ANSWER;
    hostcalls::get_property(vec![metadata, filters, filter, "stamp"]).map_err(|_| NoAnswer)
}

/// Where the seal says why it ended a stream. Envoy's access log calls it `wasm.portcullis.ended`.
const ENDED: &str = "portcullis.ended";

/// Ends a stream that runs, from a root context: with this answer, or by a reset if its own answer has begun. Afterwards the
/// effective context is the stream's: call [`return_to`].
pub(crate) fn end_stream(stream: u32, response: &DenialResponse) -> Result<(), NoAnswer> {
    hostcalls::set_effective_context(stream).map_err(|_| NoAnswer)?;
    // For the access log: an answer that is cut off looks there like one that ended by itself.
    let code = response.denial().code().as_bytes();
    hostcalls::set_property(vec![ENDED], Some(code)).unwrap_or_default();
    send_response(response)
}

/// Makes a root context the effective one again.
pub(crate) fn return_to(root: u32) {
    if hostcalls::set_effective_context(root).is_err() {
        log_error("portcullis: the proxy does not know the root context any more");
    }
}

/// Asks for a tick in this interval.
pub(crate) fn tick_every(interval: Duration) -> Result<(), NoAnswer> {
    hostcalls::set_tick_period(interval).map_err(|_| NoAnswer)
}

/// Who the client is: its certificate, or its address with its port. An address may be what the client itself says. Empty if the
/// proxy says neither: then all such clients count as one.
pub(crate) fn client() -> Vec<u8> {
    let certificate = vec!["connection", "sha256_peer_certificate_digest"];
    [certificate, vec!["source", "address"]]
        .into_iter()
        .filter_map(|property| hostcalls::get_property(property).ok().flatten())
        .find(|client| !client.is_empty())
        .unwrap_or_default()
}

/// Asks a cluster for a page. The answer comes in a callback with the number that is returned.
pub(crate) fn call(cluster: &str, path: &str, timeout: Duration) -> Result<u32, NoAnswer> {
    let headers = vec![(":method", "GET"), (":path", path), (":authority", "portcullis")];
    hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout).map_err(|_| NoAnswer)
}

/// The largest answer to a call that is read.
const ANSWER_AT_MOST: usize = 32 * 1024 * 1024;

/// The body of a call's answer, from its callback. Without headers there is no answer, and asking for a part of it would end the
/// VM.
pub(crate) fn answer(headers: usize, body: usize) -> Result<Vec<u8>, PollFailure> {
    if headers == 0 {
        return Err(PollFailure::NoAnswer);
    }
    let status = hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok().flatten();
    let status =
        status.and_then(|status| std::str::from_utf8(&status).ok()?.parse().ok()).unwrap_or_default();
    if status != 200 {
        return Err(PollFailure::Status(status));
    }
    if body > ANSWER_AT_MOST {
        return Err(PollFailure::TooLong);
    }
    let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, body);
    body.ok().flatten().ok_or(PollFailure::NoAnswer)
}

impl SharedMemory for EnvoyHost {
    fn read(&self, key: &str) -> (Option<Vec<u8>>, Option<u32>) {
        hostcalls::get_shared_data(key).unwrap_or_default()
    }

    fn write(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
        hostcalls::set_shared_data(key, Some(value), version).is_ok()
    }

    fn make_queue(&self, name: &str) -> Option<u32> {
        hostcalls::register_shared_queue(name).ok()
    }

    fn wake(&self, queue: u32) {
        // A queue whose maker is gone wakes nobody.
        hostcalls::enqueue_shared_queue(queue, Some(b"!")).unwrap_or_default();
    }
}

/// Takes all messages out of a queue. They say nothing.
pub(crate) fn empty_queue(queue: u32) {
    while let Ok(Some(_)) = hostcalls::dequeue_shared_queue(queue) {}
}

/// A counter or a gauge of Envoy's statistics.
#[derive(Debug)]
struct Metric {
    kind: MetricType,
    name: Box<str>,
    /// The proxy's number, once it gave one.
    number: Option<u32>,
    /// By how much it has changed since the proxy was told.
    untold: i64,
}

impl Metric {
    fn number(&mut self) -> Option<u32> {
        self.number = self.number.or_else(|| hostcalls::define_metric(self.kind, &self.name).ok());
        self.number
    }

    fn tell(&mut self) {
        if self.untold != 0
            && let Some(number) = self.number()
            && hostcalls::increment_metric(number, self.untold).is_ok()
        {
            self.untold = 0;
        }
    }
}

thread_local! {
    /// This VM's metrics. There are a dozen, and they are looked through one by one.
    static METRICS: RefCell<Vec<Metric>> = RefCell::default();
}

/// Adds one to a counter in Envoy's statistics. What cannot be counted denies nothing.
pub(crate) fn count(name: &str) {
    change(MetricType::Counter, name, 1);
}

/// Changes a gauge to which all VMs add.
pub(crate) fn add(name: &str, by: i64) {
    change(MetricType::Gauge, name, by);
}

/// The proxy is told later, by [`tell_metrics`]: a call for each request would be a good part of what the filter costs.
fn change(kind: MetricType, name: &str, by: i64) {
    with_metric(kind, name, &mut |metric| metric.untold = metric.untold.saturating_add(by));
}

/// Sets a gauge in Envoy's statistics.
pub(crate) fn gauge(name: &str, value: u64) {
    with_metric(MetricType::Gauge, name, &mut |metric| {
        if let Some(number) = metric.number() {
            hostcalls::record_metric(number, value).unwrap_or_default();
        }
    });
}

/// Tells the proxy by how much each metric has changed. A VM that panics loses what changed since the last tick, so a gauge may
/// stay wrong by as much.
pub(crate) fn tell_metrics() {
    METRICS.with(|metrics| {
        metrics
            .try_borrow_mut()
            .into_iter()
            .for_each(|mut metrics| metrics.iter_mut().for_each(Metric::tell));
    });
}

fn with_metric(kind: MetricType, name: &str, then: &mut dyn FnMut(&mut Metric)) {
    METRICS.with(|metrics| {
        let Ok(mut metrics) = metrics.try_borrow_mut() else { return };
        if let Some(known) = metrics.iter_mut().find(|metric| *metric.name == *name) {
            return then(known);
        }
        metrics.push(Metric { kind, name: name.into(), number: None, untold: 0 });
        metrics.last_mut().into_iter().for_each(then);
    });
}

/// Writes one line to Envoy's log.
pub(crate) fn log_error(line: &str) {
    log(LogLevel::Error, line);
}

/// Writes one line to Envoy's log, about something that may pass by itself.
pub(crate) fn log_warning(line: &str) {
    log(LogLevel::Warn, line);
}

fn log(level: LogLevel, line: &str) {
    // If logging fails, there is no other way to report it.
    hostcalls::log(level, line).unwrap_or_default();
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
