//! A decision in a list: what is read of its entry for one line.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::schema::{DecisionId, Outcome, RequestPart, Verdict as VerdictWord};

/// What a list says of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Summary {
    /// The index of its entry.
    pub index: u64,
    #[schema(value_type = DecisionId)]
    pub id: String,
    /// In milliseconds.
    pub time: u64,
    #[schema(value_type = Outcome)]
    pub outcome: String,
    #[schema(value_type = VerdictWord)]
    pub verdict: String,
    /// The route that matched; `null` if none did.
    #[schema(required)]
    pub route: Option<String>,
    /// The request line, each part as it is in the entry: a text, or its bytes.
    #[schema(value_type = RequestPart)]
    pub method: Value,
    #[schema(value_type = RequestPart)]
    pub host: Value,
    #[schema(value_type = RequestPart)]
    pub path: Value,
    /// The holder, the path and the lineage of the warrant; `null` if none could be read.
    #[schema(required)]
    pub holder: Option<String>,
    /// The `jti`s of its links.
    #[schema(required)]
    pub warrant: Option<String>,
    /// The issuer of its root.
    #[schema(required)]
    pub iss: Option<String>,
    #[schema(required)]
    pub txn: Option<String>,
    /// The proxy that asked.
    pub proxy: String,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    chain: Vec<Link<'a>>,
    id: String,
    outcome: String,
    proxy: String,
    request: Request,
    time: u64,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Link<'a> {
    iss: Option<String>,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    txn: Option<String>,
}

#[derive(Deserialize)]
struct Request {
    host: Value,
    method: Value,
    path: Value,
}

#[derive(Deserialize)]
struct Verdict {
    code: String,
    route: Option<String>,
}

impl Summary {
    /// The summary of the entry of a decision.
    pub fn of_entry(index: u64, bytes: &[u8]) -> Result<Summary, serde_json::Error> {
        let Members { chain, id, outcome, proxy, request, time, verdict } = serde_json::from_slice(bytes)?;
        let path: Vec<&str> = chain.iter().map(|link| &*link.jti).collect();
        let root = chain.first();
        Ok(Summary {
            index,
            id,
            time,
            outcome,
            verdict: verdict.code,
            route: verdict.route,
            method: request.method,
            host: request.host,
            path: request.path,
            holder: chain.last().map(|link| link.sub.to_string()),
            warrant: root.map(|_| path.join("/")),
            iss: root.and_then(|link| link.iss.clone()),
            txn: root.and_then(|link| link.txn.clone()),
            proxy,
        })
    }
}
