//! What clients read about the authority: its keys, and where it is asked (RFC 8414).

use serde_json::json;

use super::form::{GRANT_TYPE, WARRANT_TYPE};
use super::{AuthorityIdentity, SigningKey};

/// The public halves of these keys, as a JWK set.
#[must_use]
pub fn jwks(keys: &[SigningKey]) -> String {
    let jwk = |SigningKey { kid, signer }: &SigningKey| {
        let mut key = json!({"kid": kid, "use": "sig"});
        let public = serde_json::from_str(&signer.public_key().to_jwk_json()).unwrap_or_default();
        if let (Some(key), serde_json::Value::Object(public)) = (key.as_object_mut(), public) {
            key.extend(public);
        }
        key
    };
    json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()}).to_string()
}

/// The authorization server's metadata, with these paths below its URL.
#[must_use]
pub fn server(authority: &AuthorityIdentity, token: &str, jwks: &str) -> String {
    let url = &authority.url;
    json!({
        "issuer": authority.iss,
        "token_endpoint": format!("{url}{token}"),
        "jwks_uri": format!("{url}{jwks}"),
        "grant_types_supported": [GRANT_TYPE],
        "token_endpoint_auth_methods_supported": ["none", "tls_client_auth"],
        "authorization_details_types_supported": ["execution"],
        "issued_token_types_supported": [WARRANT_TYPE],
        "response_types_supported": [],
    })
    .to_string()
}
