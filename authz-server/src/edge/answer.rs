//! From the gateway's answer to a `CheckResponse`. **The one function that builds responses.**
//!
//! Envoy forwards a request on an empty response, and on one with a denied body but no status (tried on 1.40). So every
//! response made here has an explicit status, and there is no other place that makes one.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use envoy_types::pb::google::rpc::Status;
use tonic::Code;
use warrant::problem::{CONTENT_TYPE, DENIAL_HEADER};

use crate::gateway::{Allow, Answer, Refusal};

/// What an upstream learns of the decision; a client's own header of that name is overwritten.
pub const DECISION_HEADER: &str = "warrant-decision";
/// An artifact never reaches an upstream: it could be presented again from there. Nor does what only we may say, when a
/// client says it.
const REMOVED_HEADERS: [&str; 4] = ["warrant", "warrant-proof", "warrant-receipt", DENIAL_HEADER];

pub fn check_response(answer: &Answer) -> CheckResponse {
    let (code, http_response, dynamic_metadata) = match answer {
        Answer::Allow(allow) => (Code::Ok, HttpResponse::OkResponse(ok(allow)), Some(stamp(allow))),
        Answer::Deny(refusal) => {
            (Code::PermissionDenied, HttpResponse::DeniedResponse(denied(refusal)), None)
        }
    };
    let status = Some(Status { code: code.into(), ..Status::default() });
    CheckResponse { status, dynamic_metadata, http_response: Some(http_response) }
}

fn ok(allow: &Allow) -> OkHttpResponse {
    OkHttpResponse {
        headers: vec![set(DECISION_HEADER, allow.decision().as_str())],
        headers_to_remove: REMOVED_HEADERS.map(str::to_owned).to_vec(),
        ..OkHttpResponse::default()
    }
}

fn denied(refusal: &Refusal) -> DeniedHttpResponse {
    let denial = refusal.denied.denial;
    let mut headers = vec![
        set("content-type", CONTENT_TYPE),
        set("cache-control", "no-store"),
        set(DENIAL_HEADER, denial.code()),
    ];
    headers.extend(refusal.challenge.as_deref().map(|value| set("www-authenticate", value)));
    DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(denial.status()) }),
        headers,
        body: refusal.problem().body(),
    }
}

/// The stamp of this decision, for the seal behind us: it lets a request pass only with the stamp of its own line.
fn stamp(allow: &Allow) -> Struct {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let stamp = allow.stamp();
    let digests = stamp.digests.iter().map(|digest| text(digest)).collect();
    let fields: HashMap<String, Value> = [
        ("decision", text(allow.decision().as_str())),
        ("method", text(&stamp.method)),
        ("authority", text(&stamp.authority)),
        ("path", text(&stamp.path)),
        ("digests", Value { kind: Some(Kind::ListValue(ListValue { values: digests })) }),
        ("exp", text(&stamp.expires.map_or_else(String::new, |end| end.get().to_string()))),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Struct { fields }
}

fn set(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value: value.to_owned(), raw_value: Vec::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}
