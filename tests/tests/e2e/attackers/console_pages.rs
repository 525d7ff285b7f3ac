//! The pages of the console, for each caller and with texts that a client chose: nobody sees what he may not read, and no text becomes
//! markup. What a browser makes of the pages is tried in `tests/browser`.

use portcullis_tests::agent::{WarrantSpec, hello};
use portcullis_tests::client::{ClientRequest, ClientResponse};
use portcullis_tests::condition::until;
use portcullis_tests::tls_client::TlsClient;
use serde_json::{Value, json};

use super::api::TlsApi;
use super::callers::{AUDIENCE, ISS, Issuer, es256};

/// Texts that would be something else than text on a careless page.
const HOSTILE: [&str; 6] =
    ["<script>alert(1)</script>", "\"><img src=x>", "\"\"<b>", "'onmouseover=x", "{{x}}", "javascript:x"];

struct Console {
    api: TlsApi,
    issuer: Issuer,
}

impl Console {
    /// Alice may do everything, Carol reads what is on the route `hello`, and Bob may do nothing.
    async fn start() -> Console {
        let issuer = Issuer::new();
        let listed = json!([{"iss": ISS, "audience": AUDIENCE, "jwks": issuer.keys()}]);
        let operators = format!(
            "@id(\"alice\") permit (principal == Person::\"{ISS}|alice\", action, resource);
             @id(\"carol\") permit (principal == Person::\"{ISS}|carol\",
               action in [Action::\"read-decisions\", Action::\"read-lineages\"], resource == Route::\"hello\");"
        );
        Console { api: TlsApi::permitting(Some(listed), &operators).await, issuer }
    }

    fn token(&self, who: &str) -> String {
        self.issuer.token(&es256("k1"), |claims| claims["sub"] = who.into())
    }

    /// A page, as this person, or as nobody.
    async fn page(&self, who: Option<&str>, path: &str) -> ClientResponse {
        let request = match who {
            Some(who) => ClientRequest::new("GET", "localhost", path).with("authorization", self.token(who)),
            None => ClientRequest::new("GET", "localhost", path),
        };
        self.send(&request, &self.api.anybody()).await
    }

    async fn send(&self, request: &ClientRequest, client: &TlsClient) -> ClientResponse {
        let stream = client.connect(self.api.world.server.api()).await.unwrap();
        request.send_over(stream).await.unwrap()
    }

    /// The newest decision with this outcome, once it can be read.
    async fn newest(&self, code: &str) -> Value {
        until("the decision to be readable", async || {
            let found = self.page(Some("alice"), &format!("/v1/decisions?code={code}&limit=1")).await;
            let found: Value = serde_json::from_slice(&found.body).unwrap();
            found["decisions"].get(0).cloned()
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_shows_a_caller_what_the_api_would_show_him() {
    let console = Console::start().await;
    let agent = &console.api.world.agent;
    console.api.world.allows(&agent.request(&hello(), "GET", "/hello/you")).await;
    // On another route.
    let errand = WarrantSpec { methods: vec!["POST".to_owned()], path: "/errands/**".to_owned(), ..hello() };
    let elsewhere = agent.request(&errand, "POST", "/errands/none");
    console.api.world.denies(&elsewhere, 403, "use-too-wide").await;
    let (allowed, denied) = (console.newest("allowed").await, console.newest("use-too-wide").await);
    let id = |decision: &Value| format!("/console/decisions/{}", decision["id"].as_str().unwrap());
    let lineage = format!("/console/lineages/{}", allowed["txn"].as_str().unwrap());
    // What nobody, a caller without a permission, one who reads one route, and one who reads all get.
    let table = [
        ("/console/".to_owned(), [401, 303, 303, 303]),
        ("/console/decisions".to_owned(), [401, 403, 200, 200]),
        ("/console/decisions?route=errand".to_owned(), [401, 403, 200, 200]),
        (id(&allowed), [401, 404, 200, 200]),
        (id(&denied), [401, 404, 404, 200]),
        ("/console/decisions/AAAAAAAAAAAAAAAAAAAAAA".to_owned(), [401, 404, 404, 404]),
        // The form has nothing that anybody has done.
        ("/console/lineages".to_owned(), [401, 200, 200, 200]),
        (lineage, [401, 403, 200, 200]),
        ("/console/lineages/nosuch".to_owned(), [401, 403, 404, 404]),
        ("/console/lineages/nosuch?under=x&iss=y".to_owned(), [401, 403, 404, 404]),
        ("/console/facts".to_owned(), [401, 403, 403, 200]),
        ("/console/health".to_owned(), [401, 403, 403, 200]),
        ("/console/nosuch".to_owned(), [401, 404, 404, 404]),
        ("/console/decisions?nosuch=1".to_owned(), [401, 400, 400, 400]),
        ("/console/decisions?from=-1".to_owned(), [401, 400, 400, 400]),
    ];
    for (path, expected) in table {
        for (who, status) in [None, Some("bob"), Some("carol"), Some("alice")].into_iter().zip(expected) {
            let page = console.page(who, &path).await;
            assert_eq!(page.status, status, "{who:?} {path}: {}", page.text());
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
            assert_eq!(page.headers["cache-control"], "no-store", "{path}");
            let text = page.text();
            assert!(
                !text.contains("<script>") && !text.contains("style=") && !text.contains(" onclick"),
                "{path}"
            );
            if who != Some("alice") {
                assert!(!text.contains("/errands/none"), "{who:?} {path}: {text}");
            }
            if status != 200 {
                assert!(!text.contains("/hello/you"), "{who:?} {path}: {text}");
            }
        }
    }
    // News are for those who may read decisions.
    assert_eq!(console.page(Some("bob"), "/console/events").await.status, 403);
    assert_eq!(console.page(None, "/console/events").await.status, 401);
    console.api.world.end().await;
}

/// Another site may lead a person to a page. It may not load one behind the person's back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_site_can_only_lead_to_a_page() {
    let console = Console::start().await;
    let asked = |headers: &[(&str, &str)]| {
        let request = ClientRequest::new("GET", "localhost", "/console/decisions");
        let request = request.with("authorization", console.token("alice"));
        headers.iter().fold(request, |request, (name, value)| request.with(name, *value))
    };
    let client = console.api.anybody();
    let site = ("sec-fetch-site", "cross-site");
    for (headers, status) in [
        (&[site, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")][..], 200),
        (&[site, ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")], 403),
        (&[site, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")], 403),
        (&[site, ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")], 403),
        (&[("origin", "https://evil.example")], 403),
    ] {
        let answer = console.send(&asked(headers), &client).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
    }
    console.api.world.allows(&console.api.world.agent.request(&hello(), "GET", "/hello/you")).await;
    console.api.world.end().await;
}

/// A request reaches the record by its method, host, path and warrant, and a reader's own address by what the page repeats of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_wrote_is_text_on_every_page() {
    let console = Console::start().await;
    for hostile in HOSTILE {
        let path: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
        // What is ambiguous in a path is refused by the gate, and is on no record.
        let request =
            console.api.world.agent.request(&hello(), "GET", &format!("/hello/{}", path.replace("%2F", "")));
        console.api.world.send(&request).await;
    }
    console.api.world.allows(&console.api.world.agent.request(&hello(), "GET", "/hello/last")).await;
    console.newest("allowed").await;
    let list = console.page(Some("alice"), "/console/decisions").await.text();
    assert!(list.contains("/hello/"), "{list}");
    assert_plain(&list);
    for hostile in HOSTILE {
        let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("/console/decisions?route={encoded}"),
            format!("/console/decisions?code={encoded}&holder={encoded}&lineage={encoded}"),
            format!("/console/decisions/{encoded}"),
            format!("/console/lineages/{encoded}?under={encoded}"),
            format!("/console/{encoded}"),
            format!("/console/decisions?{encoded}=1"),
        ] {
            assert_plain(&console.page(Some("alice"), &path).await.text());
        }
    }
    console.api.world.end().await;
}

/// Nothing of the texts above has become markup, or ended an attribute: all of these are written between quotation marks.
fn assert_plain(page: &str) {
    for markup in ["<script>", "<img", "<b>", "\"\"", "href=\"javascript:"] {
        let places: Vec<usize> = page.match_indices(markup).map(|(at, _)| at).collect();
        // An empty value has two quotation marks too, and an equals sign before them.
        let is_value =
            |at: &usize| markup == "\"\"" && page.get(..*at).is_some_and(|before| before.ends_with('='));
        assert!(places.iter().all(is_value), "{markup}: {page}");
    }
}
