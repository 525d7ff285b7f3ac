//! Turns the gateway's answer into a `CheckResponse`. **The one function that builds responses.**
//!
//! Envoy forwards a request on an empty response, and on one with a denied body but no status (tried on 1.40). So every
//! response made here has an explicit status, and no other code makes one.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc::Status;
use tonic::Code;
use warrant::problem::{self, DENIAL_HEADER};

use crate::authority::receipts::RECEIPT_HEADER;
use crate::gateway::{Allow, Answer, DenialAnswer};

/// The header that tells the upstream the decision's id. A client's own header of that name is overwritten.
pub const DECISION_HEADER: &str = "warrant-decision";
/// Headers that never reach an upstream: artifacts, because they could be presented again from there, and a header
/// that only we may set.
const REMOVED_HEADERS: [&str; 4] = ["warrant", "warrant-proof", RECEIPT_HEADER, DENIAL_HEADER];

pub fn check_response(answer: &Answer) -> CheckResponse {
    let (code, http_response, dynamic_metadata) = match answer {
        Answer::Allow(allow) => (Code::Ok, HttpResponse::OkResponse(ok(allow)), Some(stamp(allow))),
        Answer::Deny(denial_answer) => {
            (Code::PermissionDenied, HttpResponse::DeniedResponse(denied(denial_answer)), None)
        }
    };
    let status = Some(Status { code: code.into(), ..Status::default() });
    CheckResponse { status, dynamic_metadata, http_response: Some(http_response) }
}

fn ok(allow: &Allow) -> OkHttpResponse {
    let evidence = allow.evidence().map(|receipt| set(RECEIPT_HEADER, receipt));
    // The proxy removes headers after it has set them. A client's own receipt is overwritten.
    let removed = REMOVED_HEADERS.into_iter().filter(|name| evidence.is_none() || *name != RECEIPT_HEADER);
    OkHttpResponse {
        headers_to_remove: removed.map(str::to_owned).collect(),
        headers: [set(DECISION_HEADER, allow.decision().as_str())].into_iter().chain(evidence).collect(),
        ..OkHttpResponse::default()
    }
}

fn denied(denial_answer: &DenialAnswer) -> DeniedHttpResponse {
    let denial = denial_answer.denied.denial;
    let headers = problem::headers(denial, denial_answer.challenge.as_deref());
    DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(denial.status()) }),
        headers: headers.into_iter().map(|(name, value)| set(name, value)).collect(),
        body: denial_answer.problem().body(),
    }
}

/// The name under which Envoy keeps the metadata of our answer with the request.
pub const FILTER: &str = "envoy.filters.http.ext_authz";

/// A member of the stamp: the metadata that an allow leaves with the request. No client can change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampField {
    /// The decision's id.
    Decision,
    /// Its entry's index, and the ticket for it: they come back with the access log.
    Index,
    Ticket,
    /// What the seal reads: `warrant::Stamp` says what it holds. The seal runs after us and lets a request pass only with the
    /// stamp of its own request line.
    Stamp,
}

impl StampField {
    pub const fn name(self) -> &'static str {
        match self {
            StampField::Decision => "decision",
            StampField::Index => "index",
            StampField::Ticket => "ticket",
            StampField::Stamp => "stamp",
        }
    }
}

fn stamp(allow: &Allow) -> Struct {
    let index = allow.receipt().index().to_string();
    stamp_of(&[
        (StampField::Decision, allow.decision().as_str()),
        (StampField::Index, &index),
        (StampField::Ticket, allow.ticket()),
        (StampField::Stamp, allow.stamp()),
    ])
}

pub(super) fn stamp_of(members: &[(StampField, &str)]) -> Struct {
    let fields = members.iter().map(|(member, value)| (member.name().to_owned(), text(value)));
    Struct { fields: fields.collect() }
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn set(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}
