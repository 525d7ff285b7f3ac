//! Configurations that let requests come past ext_authz, or change them behind it, set up on purpose. Each has its twin without
//! the seal, which shows that the opening is real.

use portcullis_tests::agent::hello;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::fake_server::MeddlingServer;
use portcullis_tests::shipped::{CONNECTION_MANAGER, Configuration, EXT_AUTHZ, SEAL};
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};
use warrant::{Component, Denial};

const LUA: &str = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";

/// The codes that only the seal raises.
const OF_THE_SEAL: [Denial; 2] = [Denial::Ungoverned, Denial::Altered];

#[test]
fn every_denial_that_only_the_seal_raises_is_provoked_here() {
    let only_its: Vec<_> =
        Denial::ALL.iter().copied().filter(|denial| denial.raised_by() == [Component::Seal]).collect();
    assert_eq!(only_its, OF_THE_SEAL);
    let here = include_str!("openings.rs");
    for denial in OF_THE_SEAL {
        assert!(here.contains(&format!("\"{}\"", denial.code())), "{denial} is not provoked");
    }
}

/// Without the seal a request is executed; with it, it is denied with this code.
async fn opens_and_is_closed(
    open: fn(Configuration) -> Configuration,
    without_seal: fn(Configuration) -> Configuration,
    code: &str,
) {
    let setup = Setup { change: without_seal, allow_undecided: true, ..Setup::default() };
    let world = setup.start().await;
    let request = world.agent.request(&hello(), "GET", "/hello/you");
    assert_eq!(world.send(&request).await.status, 200, "this opens nothing: the test shows nothing");
    assert_eq!(world.executions_of(&request), 1);
    world.end().await;
    let world = World::with(open).await;
    for _ in 0..3 {
        world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 403, code).await;
    }
    assert!(world.upstream.executions().is_empty());
    world.end().await;
}

/// Switches ext_authz off for the virtual host.
fn disabled_for_the_host(shipped: Configuration) -> Configuration {
    let kind = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute";
    let host = format!("{CONNECTION_MANAGER}/route_config/virtual_hosts/0/typed_per_filter_config");
    shipped.set(&host, json!({EXT_AUTHZ: {"@type": kind, "disabled": true}}))
}

#[tokio::test]
async fn ext_authz_that_a_route_disables() {
    opens_and_is_closed(
        disabled_for_the_host,
        |shipped| disabled_for_the_host(shipped).without(SEAL),
        "ungoverned",
    )
    .await;
}

/// Puts ext_authz into the chain as a filter that routes may enable.
fn disabled_filter(shipped: Configuration) -> Configuration {
    // The shipped settings of the host would enable it.
    let host = format!("{CONNECTION_MANAGER}/route_config/virtual_hosts/0/typed_per_filter_config");
    shipped.with_changed(EXT_AUTHZ, |filter| filter["disabled"] = true.into()).set(&host, json!({}))
}

#[tokio::test]
async fn ext_authz_that_is_only_there_for_routes_that_enable_it() {
    opens_and_is_closed(disabled_filter, |shipped| disabled_filter(shipped).without(SEAL), "ungoverned")
        .await;
}

/// Enables ext_authz for no request, and does not deny where it is not enabled.
fn enabled_for_none(shipped: Configuration) -> Configuration {
    shipped.with_changed(EXT_AUTHZ, |filter| {
        let settings = filter["typed_config"].as_object_mut().unwrap();
        settings.remove("deny_at_disable").unwrap();
        settings.insert(
            "filter_enabled".to_owned(),
            json!({"default_value": {"numerator": 0, "denominator": "HUNDRED"}}),
        );
    })
}

#[tokio::test]
async fn ext_authz_that_is_enabled_for_a_part_of_the_requests() {
    opens_and_is_closed(enabled_for_none, |shipped| enabled_for_none(shipped).without(SEAL), "ungoverned")
        .await;
}

/// Skips ext_authz for requests that a matcher names.
fn skipped_by_a_matcher(shipped: Configuration) -> Configuration {
    let header = json!({
        "name": "request-headers",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
            "header_name": "warrant",
        },
    });
    let skip = json!({
        "name": "skip",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
        },
    });
    shipped.with_changed(EXT_AUTHZ, |filter| {
        let whole = filter["typed_config"].take();
        filter["typed_config"] = json!({
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": {"name": EXT_AUTHZ, "typed_config": whole},
            "xds_matcher": {"matcher_list": {"matchers": [{
                "predicate": {"single_predicate": {
                    "input": header, "value_match": {"safe_regex": {"google_re2": {}, "regex": ".+"}},
                }},
                "on_match": {"action": skip},
            }]}},
        });
    })
}

#[tokio::test]
async fn ext_authz_that_a_matcher_skips() {
    opens_and_is_closed(
        skipped_by_a_matcher,
        |shipped| skipped_by_a_matcher(shipped).without(SEAL),
        "ungoverned",
    )
    .await;
}

const ROUTES: &str = "route_config/virtual_hosts/0/routes";

/// Only requests with this header have a route.
fn only_with_header(mut route: Value) -> Value {
    route["match"]["headers"] = json!([{"name": "x-moved", "string_match": {"exact": "yes"}}]);
    route
}

/// A filter behind ext_authz that gives the request another route.
fn moves() -> Value {
    lua(
        "function envoy_on_request(handle) handle:headers():add('x-moved', 'yes'); handle:clearRouteCache() end",
    )
}

/// Envoy passes over ext_authz where a request has no route, and this one gets its route only after that.
fn without_a_route_at_first(shipped: Configuration) -> Configuration {
    let place = format!("{CONNECTION_MANAGER}/{ROUTES}/0");
    let route = only_with_header(shipped.at_place(&place));
    shipped.set(&place, route).with_behind(EXT_AUTHZ, moves())
}

#[tokio::test]
async fn a_request_that_has_no_route_when_it_would_be_judged() {
    opens_and_is_closed(
        without_a_route_at_first,
        |shipped| without_a_route_at_first(shipped).without(SEAL),
        "ungoverned",
    )
    .await;
}

/// Its first route is one without ext_authz, and a filter behind that moves it to a guarded one. (A Wasm filter moves it by
/// writing any header.)
fn moved_to_a_guarded_route(shipped: Configuration) -> Configuration {
    let place = format!("{CONNECTION_MANAGER}/{ROUTES}");
    let guarded = shipped.at_place(&format!("{place}/0"));
    let kind = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute";
    let open = json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": {EXT_AUTHZ: {"@type": kind, "disabled": true}},
    });
    shipped.set(&place, json!([only_with_header(guarded), open])).with_behind(EXT_AUTHZ, moves())
}

#[tokio::test]
async fn a_request_that_is_moved_from_an_open_route_to_a_guarded_one() {
    opens_and_is_closed(
        moved_to_a_guarded_route,
        |shipped| moved_to_a_guarded_route(shipped).without(SEAL),
        "ungoverned",
    )
    .await;
}

fn lua(code: &str) -> Value {
    json!({"name": "test.lua", "typed_config": {"@type": LUA, "default_source_code": {"inline_string": code}}})
}

/// Changes the path behind ext_authz.
fn another_path(shipped: Configuration) -> Configuration {
    let code = "function envoy_on_request(handle) handle:headers():replace(':path', '/pay/everything') end";
    shipped.with_behind(EXT_AUTHZ, lua(code))
}

#[tokio::test]
async fn a_request_whose_path_is_changed_after_its_decision() {
    opens_and_is_closed(another_path, |shipped| another_path(shipped).without(SEAL), "altered").await;
}

/// Changes the method behind ext_authz.
fn another_method(shipped: Configuration) -> Configuration {
    let code = "function envoy_on_request(handle) handle:headers():replace(':method', 'DELETE') end";
    shipped.with_behind(EXT_AUTHZ, lua(code))
}

#[tokio::test]
async fn a_request_whose_method_is_changed_after_its_decision() {
    opens_and_is_closed(another_method, |shipped| another_method(shipped).without(SEAL), "altered").await;
}

/// A filter before the gate writes where Envoy keeps the server's answers.
#[tokio::test]
async fn an_answer_of_the_server_that_is_there_before_it_was_asked_is_refused_by_the_gate() {
    let world = World::with(|shipped| {
        let code = format!(
            "function envoy_on_request(handle) \
             handle:streamInfo():dynamicMetadata():set('{EXT_AUTHZ}', 'stamp', 'stamp 1') end"
        );
        shipped.with_first(lua(&code))
    })
    .await;
    world.denies(&world.agent.request(&hello(), "GET", "/hello/you"), 400, "request-ambiguous").await;
    world.end().await;
}

/// A server that moves allowed requests to another path. The shipped settings forbid it, and Envoy answers with 500; without them,
/// there is the seal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_changes_what_it_has_allowed() {
    let world = Setup { allow_undecided: true, ..Setup::default() }.start().await;
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("meddling.sock");
    let _meddling = MeddlingServer::at(&socket, &world.home.socket(), "/pay/everything");
    let asking_it = |rules: bool| {
        let shipped = Configuration::shipped("envoy.yaml")
            .filters_at(world.home.directory())
            .server_at_socket(&world.home.socket())
            .cluster_at("upstream", world.upstream.address())
            .listening_on_loopback(0)
            .with_cluster_like_the_server("meddling", &socket);
        shipped.with_changed(EXT_AUTHZ, |filter| {
            let settings = &mut filter["typed_config"];
            settings["grpc_service"]["envoy_grpc"]["cluster_name"] = "meddling".into();
            if !rules {
                settings.as_object_mut().unwrap().remove("decoder_header_mutation_rules").unwrap();
            }
        })
    };
    for (configuration, status, code, executed) in [
        (asking_it(true).without(SEAL), 500, None, None),
        (asking_it(false).without(SEAL), 200, None, Some("/pay/everything")),
        (asking_it(false), 403, Some("altered"), None),
    ] {
        let place = tempfile::tempdir().unwrap();
        let envoy = Envoy::start(&configuration, place.path()).await;
        envoy.until_governed().await;
        let request = world.agent.request(&hello(), "GET", "/hello/you");
        let response = request.send(envoy.address()).await.unwrap();
        world.replay_check.note(&response);
        assert_eq!((response.status, response.code().as_deref()), (status, code), "{}", response.text());
        let executions = world.upstream.executions();
        let found = executions.iter().find(|one| one.request_id() == Some(&request.id));
        assert_eq!(found.map(|one| one.target.as_str()), executed);
    }
    world.allows(&world.agent.request(&hello(), "GET", "/hello/you")).await;
    world.end().await;
}
