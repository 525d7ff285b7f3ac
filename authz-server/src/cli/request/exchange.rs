//! Gets a warrant from an authority: one exchange of the agent's token, with a proof that the agent has its key.

use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value as Json;
use warrant::Seconds;
use warrant::mint::{NewProof, Signer};

use super::agent_file::KnownAuthority;
use super::{LIMITS, fresh_name};
use crate::authority::issuing::{GRANT_TYPE, JWT_TYPE, TOKEN_PATH, WARRANT_TYPE};
use crate::cli::out::Failure;
use crate::fetch::Fetcher;
use crate::keys::PrivateKey;

/// What is asked for.
pub(super) struct Asked<'a> {
    pub(super) scope: Option<&'a str>,
    pub(super) details: Option<&'a str>,
    /// The URL of the host for which the warrant is wanted.
    pub(super) resource: &'a str,
    pub(super) lifetime: Option<u64>,
    pub(super) uses: Option<u32>,
    pub(super) max_depth: Option<u64>,
}

/// What the authority answered.
pub(super) enum Exchanged {
    Warrant { warrant: String, expires_in: u64 },
    Refused { code: String, says: String },
}

pub(super) async fn exchange(
    fetcher: &Fetcher,
    authority: &KnownAuthority,
    key: &PrivateKey,
    asked: &Asked<'_>,
    now: Seconds,
) -> Result<Exchanged, Failure> {
    let token = std::fs::read_to_string(&authority.token).map_err(|error| {
        Failure::new(format!("the token {} cannot be read: {error}", authority.token.display()))
    })?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", GRANT_TYPE);
    form.append_pair("requested_token_type", WARRANT_TYPE);
    form.append_pair("subject_token_type", JWT_TYPE);
    form.append_pair("subject_token", token.trim());
    form.append_pair("audience", &authority.audience);
    form.append_pair("resource", asked.resource);
    form.append_pair("cnf", &key.public_key().to_jwk_json());
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let optional = [
        ("scope", asked.scope.map(str::to_owned)),
        ("authorization_details", asked.details.map(str::to_owned)),
        ("lifetime", number(asked.lifetime)),
        ("use", number(asked.uses.map(u64::from))),
        ("max_depth", number(asked.max_depth)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            form.append_pair(name, &value);
        }
    }
    let body = form.finish();
    let proof = NewProof {
        jti: fresh_name(),
        iat: now,
        method: "POST",
        authority: authority.api.host(),
        path_and_query: TOKEN_PATH,
        warrant_header: "",
        body: Some(body.as_bytes()),
    };
    let proof = proof.sign(key).map_err(Failure::new)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        (ACCEPT, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("warrant-proof"), HeaderValue::try_from(proof).map_err(Failure::new)?),
    ];
    let url = authority.api.url(TOKEN_PATH);
    let answer = fetcher.send(Method::POST, &url, &headers, body, LIMITS).await.map_err(Failure::new)?;
    let said: Json = serde_json::from_slice(&answer.body).unwrap_or(Json::Null);
    let text = |name: &str| said.get(name).and_then(Json::as_str).map(str::to_owned);
    if answer.status == 200
        && let Some(warrant) = text("access_token")
    {
        let expires_in = said.get("expires_in").and_then(Json::as_u64).unwrap_or_default();
        return Ok(Exchanged::Warrant { warrant, expires_in });
    }
    let code = text("code").unwrap_or_else(|| format!("status {}", answer.status));
    let says = ["error_description", "cure"].into_iter().filter_map(text).collect::<Vec<_>>().join("; ");
    Ok(Exchanged::Refused { code, says })
}
