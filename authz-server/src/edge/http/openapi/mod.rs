//! `/v1/openapi.json`: the document that describes everything under `/v1/` on the API's listener (OpenAPI 3.1).
//!
//! What it says of a call stands beside the call's handler (`#[utoipa::path]`), and what it says of a value beside the value's
//! type (`ToSchema`). Here is what all calls have in common. `docs/openapi.json` is the same document; a test compares them.

mod answers;
mod closed;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, OpenApi as OpenApiDocument};
use utoipa::{Modify, OpenApi};

use super::public_page;
pub(super) use answers::{
    KeySet, OfAnybody, OfConflicts, OfHistory, OfIssuing, OfNames, OfParameters, OfReaders, OfRecorders,
};

use crate::authority::api::Natural;
use crate::schema;

/// Serves the document.
pub(super) fn router() -> Router {
    let text = document();
    Router::new().route("/v1/openapi.json", get(move || page(text)))
}

/// This document
#[utoipa::path(get, path = "/v1/openapi.json", tag = "public",
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json", body = Object), OfAnybody))]
async fn page(text: String) -> Response {
    public_page("application/json", text).into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portcullis",
        description = "Everything that people and programs ask of the server itself, apart from decisions about requests. \
            Bodies are JSON with each name once, without unknown members, `null` and fractions, and have at most 64 KiB. \
            On the API's Unix socket the caller is the person `local`, and a call shows nothing else.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        page,
        super::candidate::status,
        super::facts::attest,
        super::facts::attestations,
        super::facts::conditions,
        super::facts::postures,
        super::facts::reinstate,
        super::facts::revocation,
        super::facts::revocations,
        super::facts::revoke,
        super::facts::set_posture,
        super::facts::state_condition,
        super::proxies::list,
        super::reading::decision,
        super::reading::decisions,
        super::reading::lineage,
        super::reading::proof,
        super::receipt_keys::set,
        super::token::keys,
        super::token::token,
    ),
    components(schemas(super::fact_answers::RecordedFact, schema::Jti, Natural)),
    modifiers(&Common),
    tags(
        (name = "facts", description = "What holds in the mesh: revocations, postures, statements of attestors."),
        (name = "decisions", description = "What was decided, and under which warrants."),
        (name = "warrants", description = "Warrants from this server's authority."),
        (name = "proxies", description = "The proxies that this server governs."),
        (name = "policy", description = "The bundle that may come next."),
        (name = "public", description = "For everybody."),
    ),
)]
struct Document;

/// What all calls have in common.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApiDocument) {
        let components = ComponentsBuilder::from(document.components.take().unwrap_or_default());
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A token of an issuer that the bundle lists under `callers`."))
            .build();
        let certificate = SecurityScheme::MutualTls {
            description: Some("A client certificate with exactly one SPIFFE ID.".to_owned()),
            deprecated: None,
            extensions: None,
        };
        let components = components
            .security_scheme("token", SecurityScheme::Http(token))
            .security_scheme("certificate", certificate)
            .responses_from_iter(answers::problems());
        document.components = Some(components.build());
    }
}

/// The text of the document.
fn document() -> String {
    // A document of texts and numbers always serialises.
    let mut document: Value = serde_json::to_value(Document::openapi()).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.extend(schema::of_entries());
    }
    closed::close(&mut document);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::authority::issuing::TOKEN_PATH;

    #[test]
    fn the_file_in_docs_is_the_document() {
        crate::made_page::assert_is_file("openapi.json", &document());
    }

    #[test]
    fn what_the_document_names_is_in_it() {
        let document: Value = serde_json::from_str(&document()).unwrap();
        let text = document.to_string();
        let named: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let missing: Vec<_> = named.iter().filter(|place| document.pointer(place).is_none()).collect();
        assert!(named.len() > 50 && missing.is_empty(), "{missing:?} of {named:?}");
    }

    /// `/v1/statement` is on the listener for proxies.
    #[test]
    fn every_page_below_v1_is_in_the_document() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/edge/http");
        let mut served = BTreeSet::new();
        let folders = [folder.clone(), folder.join("openapi")];
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
        for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            let source = std::fs::read_to_string(path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            served.extend(source.split(".route(").skip(1).map(
                |rest| match rest.split(',').next().unwrap() {
                    "TOKEN_PATH" => TOKEN_PATH.to_owned(),
                    "JWKS_PATH" => super::super::token::JWKS_PATH.to_owned(),
                    literal => literal.trim_matches('"').to_owned(),
                },
            ));
        }
        served.retain(|path| path.starts_with("/v1/") && path != "/v1/statement");
        let document: Value = serde_json::from_str(&document()).unwrap();
        let described: BTreeSet<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(described, served);
    }
}
