//! Envoy's access log service (`envoy.service.accesslog.v3`): a proxy reports line by line how requests ended.
//!
//! A line is only translated here; `outcomes` knows what it means. What a client can choose (its request) and what
//! Envoy and our own answer put there (addresses, metadata, times) stay apart.

use std::pin::pin;
use std::sync::Arc;

use envoy_types::pb::envoy::data::accesslog::v3::{AccessLogCommon, AccessLogType, HttpAccessLogEntry};
use envoy_types::pb::envoy::service::accesslog::v3::access_log_service_server::AccessLogService;
use envoy_types::pb::envoy::service::accesslog::v3::stream_access_logs_message::LogEntries;
use envoy_types::pb::envoy::service::accesslog::v3::{StreamAccessLogsMessage, StreamAccessLogsResponse};
use envoy_types::pb::google::protobuf;
use envoy_types::pb::google::protobuf::value::Kind as Value;
use prost::Message;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};
use warrant::problem::DENIAL_HEADER;

use super::address;
use super::answer::{FILTER, StampField};
use super::proxy_identity::ProxyIdentity;
use crate::outcomes::{LogLine, LoggedStamp, Outcomes};

/// The service to which Envoy streams its access log.
#[derive(Clone, Debug)]
pub struct AccessLog {
    outcomes: Arc<Outcomes>,
    /// A stream never ends by itself, so a stopping server ends it.
    stopping: watch::Receiver<bool>,
}

impl AccessLog {
    pub fn new(outcomes: Arc<Outcomes>, stopping: watch::Receiver<bool>) -> AccessLog {
        AccessLog { outcomes, stopping }
    }

    fn take(&self, proxy: &str, message: StreamAccessLogsMessage) {
        let Some(LogEntries::HttpLogs(lines)) = message.log_entries else { return };
        lines
            .log_entry
            .into_iter()
            .filter_map(|line| log_line(proxy, line))
            .for_each(|line| self.outcomes.take(line));
    }
}

#[tonic::async_trait]
impl AccessLogService for AccessLog {
    /// Reads lines as fast as they come. Unread lines would use up the flow-control window of this connection, and
    /// then the proxy could send no check on it either.
    async fn stream_access_logs(
        &self,
        request: Request<Streaming<StreamAccessLogsMessage>>,
    ) -> Result<Response<StreamAccessLogsResponse>, Status> {
        let proxy = request.extensions().get::<ProxyIdentity>().map(|ProxyIdentity(id)| id.clone());
        let proxy =
            proxy.ok_or_else(|| Status::permission_denied("the peer of this connection is not a proxy"))?;
        let _teller = self.outcomes.open_stream();
        let mut lines = request.into_inner();
        let mut stopping = self.stopping.clone();
        let mut stopped = pin!(async {
            // An error means that the server is already gone: stop too.
            let _ = stopping.wait_for(|stop| *stop).await;
        });
        loop {
            let message = tokio::select! {
                biased; // lines that have arrived are read before the stream ends
                message = lines.message() => message,
                () = &mut stopped => Ok(None),
            };
            match message {
                Ok(Some(message)) => self.take(&proxy, message),
                Ok(None) => return Ok(Response::new(StreamAccessLogsResponse {})),
                Err(status) => {
                    self.outcomes.stream_failed(&proxy, status.message());
                    return Err(status);
                }
            }
        }
    }
}

/// `None` for a line that is not about a request's end: another line will follow.
fn log_line(proxy: &str, line: HttpAccessLogEntry) -> Option<LogLine> {
    let common = line.common_properties.unwrap_or_default();
    if !is_the_end(&common) {
        return None;
    }
    let request = line.request.unwrap_or_default();
    let mut response = line.response.unwrap_or_default();
    let method = request.request_method().as_str_name().to_owned();
    let sent = |name: &str| request.request_headers.get(name).cloned();
    let denial = ended_by_the_seal(&common).or_else(|| response.response_headers.remove(DENIAL_HEADER));
    Some(LogLine {
        proxy: proxy.to_owned(),
        stamp: logged_stamp(&common),
        // The address alone does not count: it is there also if the connection failed.
        reached: common.time_to_first_upstream_tx_byte.is_some(),
        upstream: common.upstream_remote_address.as_ref().and_then(address::text).unwrap_or_default(),
        attempts: common.upstream_request_attempt_count.into(),
        status: response.response_code.map(|code| code.value.into()).filter(|code| *code != 0),
        duration: common.duration.or(common.time_to_last_downstream_tx_byte).map_or(0, milliseconds),
        bytes_in: request.request_body_bytes,
        bytes_out: response.response_body_bytes,
        details: response.response_code_details,
        connection: common.connection_termination_details,
        denial,
        client_address: common.downstream_direct_remote_address.as_ref().and_then(address::host),
        method: sent(":method").unwrap_or(method),
        host: request.authority,
        path: request.path,
        request_id: request.request_id,
    })
}

/// Where the seal says why it ended a stream whose answer had begun.
const ENDED: &str = "wasm.portcullis.ended";

fn ended_by_the_seal(common: &AccessLogCommon) -> Option<String> {
    let said = common.filter_state_objects.get(ENDED)?;
    let code = protobuf::BytesValue::decode(&*said.value).ok()?.value;
    String::from_utf8(code).ok()
}

/// A proxy may be configured to log requests also when they begin, and repeatedly while they run.
fn is_the_end(common: &AccessLogCommon) -> bool {
    let ends = [AccessLogType::NotSet, AccessLogType::DownstreamEnd].map(i32::from);
    ends.contains(&common.access_log_type)
}

/// The stamp that our answer left with the request. No client can change it.
fn logged_stamp(common: &AccessLogCommon) -> Option<LoggedStamp> {
    let stamp = common.metadata.as_ref()?.filter_metadata.get(FILTER)?;
    let member = |member: StampField| match &stamp.fields.get(member.name())?.kind {
        Some(Value::StringValue(text)) => Some(text.clone()),
        Some(_) | None => None,
    };
    let index = member(StampField::Index)?.parse().ok()?;
    Some(LoggedStamp { decision: member(StampField::Decision)?, index, ticket: member(StampField::Ticket)? })
}

fn milliseconds(duration: protobuf::Duration) -> u64 {
    let seconds = u64::try_from(duration.seconds).unwrap_or(0);
    let rest = u64::try_from(duration.nanos).unwrap_or(0) / 1_000_000;
    seconds.saturating_mul(1000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::answer::stamp_of;
    use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
    use envoy_types::pb::envoy::config::core::v3::{Address, Metadata};

    #[test]
    fn only_the_stamp_of_our_answer_is_read_back() {
        let with = |filter: &str, fields: &[(StampField, &str)]| AccessLogCommon {
            metadata: Some(Metadata {
                filter_metadata: [(filter.to_owned(), stamp_of(fields))].into(),
                ..Metadata::default()
            }),
            ..AccessLogCommon::default()
        };
        let all = [(StampField::Decision, "d"), (StampField::Index, "7"), (StampField::Ticket, "t")];
        let found = logged_stamp(&with(FILTER, &all)).unwrap();
        assert_eq!((found.decision.as_str(), found.index, found.ticket.as_str()), ("d", 7, "t"));
        assert!(logged_stamp(&with("another.filter", &all)).is_none());
        for missing in 0..all.len() {
            let mut fields = all.to_vec();
            fields.remove(missing);
            assert!(logged_stamp(&with(FILTER, &fields)).is_none());
        }
        assert!(logged_stamp(&with(FILTER, &[all[0], (StampField::Index, "-7"), all[2]])).is_none());
    }

    #[test]
    fn an_upstream_address_without_a_byte_sent_is_not_an_execution() {
        let line = |sent: bool| HttpAccessLogEntry {
            common_properties: Some(AccessLogCommon {
                time_to_first_upstream_tx_byte: sent.then(protobuf::Duration::default),
                upstream_remote_address: Some(Address {
                    address: Some(Kind::SocketAddress(Default::default())),
                }),
                ..AccessLogCommon::default()
            }),
            ..HttpAccessLogEntry::default()
        };
        assert!(log_line("local", line(true)).unwrap().reached);
        assert!(!log_line("local", line(false)).unwrap().reached);
    }

    #[test]
    fn only_the_end_of_a_request_is_its_end() {
        let line = |kind: AccessLogType| HttpAccessLogEntry {
            common_properties: Some(AccessLogCommon {
                access_log_type: kind.into(),
                ..AccessLogCommon::default()
            }),
            ..HttpAccessLogEntry::default()
        };
        for end in [AccessLogType::NotSet, AccessLogType::DownstreamEnd] {
            assert!(log_line("local", line(end)).is_some());
        }
        for other in [AccessLogType::DownstreamStart, AccessLogType::DownstreamPeriodic] {
            assert!(log_line("local", line(other)).is_none(), "{other:?}");
        }
    }
}
