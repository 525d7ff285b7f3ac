//! Envoy without Portcullis and without a server: what a request costs at least, and what Envoy's own filters add.

use portcullis_tests::agent::Agent;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::programs;
use portcullis_tests::server::Home;
use serde_json::{Value, json};
use std::path::Path;

use super::home::{different, long_lived, paced, same, unread};
use super::{Choice, Contender, bare_configuration, choice, directory};

pub(super) const CHOICES: &[Choice] = &[
    choice!("nothing", "Envoy alone", nothing),
    choice!("trivial", "a Wasm filter in Rust that reads one header", trivial),
    choice!("rbac", "Envoy's RBAC: a method, a path and a header that is there", rbac),
    choice!("jwt-cold", "Envoy's jwt_authn, ES256 tokens never seen before", jwt_cold),
    choice!("jwt-cached", "Envoy's jwt_authn with its cache, an ES256 token seen before", jwt_cached),
];

async fn nothing(name: &'static str) -> Option<Contender> {
    with_filter(name, None).await
}

async fn trivial(name: &'static str) -> Option<Contender> {
    let module = programs::built_for_wasm("trivial_filter.wasm");
    with_filter(name, Some(wasm_filter(&module))).await.map(Contender::with_wasm)
}

async fn rbac(name: &'static str) -> Option<Contender> {
    with_filter(name, Some(rbac_filter())).await
}

async fn with_filter(name: &'static str, filter: Option<Value>) -> Option<Contender> {
    let directory = directory();
    let bare = bare_configuration();
    let configuration = match filter {
        None => bare,
        Some(filter) => bare.with_first(filter),
    };
    let envoy = Envoy::start(&configuration, directory.path()).await;
    let supply = unread(directory.path());
    Some(Contender::new(name, envoy, supply, directory))
}

/// A warrant is a JWT, and so Envoy's own filter can verify it.
async fn jwt_cold(name: &'static str) -> Option<Contender> {
    let directory = directory();
    let agent = Agent::at(&Home::init(directory.path(), &[]));
    let configuration = bare_configuration().with_first(jwt_authn(&agent, false));
    let envoy = Envoy::start(&configuration, directory.path()).await;
    let supply = paced(different(move || vec![("warrant", agent.warrant(&long_lived()))]));
    Some(Contender::new(name, envoy, supply, directory))
}

async fn jwt_cached(name: &'static str) -> Option<Contender> {
    let directory = directory();
    let agent = Agent::at(&Home::init(directory.path(), &[]));
    let configuration = bare_configuration().with_first(jwt_authn(&agent, true));
    let envoy = Envoy::start(&configuration, directory.path()).await;
    let supply = same(vec![("warrant", agent.warrant(&long_lived()))]);
    Some(Contender::new(name, envoy, supply, directory))
}

fn jwt_authn(agent: &Agent, cached: bool) -> Value {
    let mut key = portcullis_tests::signed_bundles::jwk(&agent.authority);
    key["kid"] = "a1".into();
    let mut provider = json!({
        "issuer": "https://authority.demo",
        "audiences": ["demo"],
        "local_jwks": {"inline_string": json!({"keys": [key]}).to_string()},
        "from_headers": [{"name": "warrant"}],
        "forward": true,
    });
    if cached {
        provider["jwt_cache_config"] = json!({"jwt_cache_size": 1000});
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"authority": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "authority"}}],
        },
    })
}

fn rbac_filter() -> Value {
    let header = |name: &str, test: Value| {
        let mut header = json!({"name": name});
        header.as_object_mut().expect("an object").extend(test.as_object().expect("an object").clone());
        json!({"header": header})
    };
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"hello": {
                "permissions": [{"and_rules": {"rules": [
                    header(":method", json!({"string_match": {"exact": "GET"}})),
                    json!({"url_path": {"path": {"prefix": "/hello/"}}}),
                ]}}],
                "principals": [header("warrant", json!({"present_match": true}))],
            }}},
        },
    })
}

fn wasm_filter(module: &Path) -> Value {
    json!({
        "name": "trivial",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": module}},
                },
            },
        },
    })
}
