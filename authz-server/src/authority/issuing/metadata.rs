//! What clients read about the authority: its keys, its own metadata (RFC 8414), and who issues warrants for a resource (RFC 9728).

use policy::{Bundle, GrantTerms};
use serde_json::json;

use super::AuthorityIdentity;
use super::form::{GRANT_TYPE, WARRANT_TYPE};
use crate::keys::{self, NamedSigner};

/// The public halves of these keys, as a JWK set.
#[must_use]
pub fn jwks(keys: &[NamedSigner]) -> String {
    keys::jwks(keys.iter().map(NamedSigner::public))
}

/// The path of the page about a resource (RFC 9728), whose URL is its parameter `resource`.
pub const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";

/// The URL of that page, at the authority with this URL.
#[must_use]
pub fn resource_page(url: &str) -> String {
    format!("{url}{RESOURCE_PATH}")
}

/// What a client can know about a resource of the mesh: who issues warrants for it, and which grants are for its host. `None` for
/// what is not the URL of a host that the bundle has, without a path.
#[must_use]
pub fn resource(bundle: &Bundle, url: &str) -> Option<String> {
    let authority = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let host = bundle.canonical_host(&authority.to_ascii_lowercase())?;
    let is_for_it = |grant: &GrantTerms| {
        grant.details.iter().any(|detail| detail.hosts().iter().any(|known| **known == *host))
    };
    let grants: Vec<&str> =
        bundle.grants().filter(|(_, grant)| is_for_it(grant)).map(|(name, _)| name).collect();
    let issuers: Vec<&str> = bundle.trust().issuers().iter().map(|issuer| issuer.iss.as_str()).collect();
    let page = json!({
        "resource": url,
        "authorization_servers": issuers,
        "authorization_details_types_supported": ["execution"],
        "scopes_supported": grants,
        "bearer_methods_supported": [],
    });
    Some(page.to_string())
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
