//! Tests of who comes through to the Unix socket.

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;

use super::front::{Front, Link};

struct Door {
    front: Router,
    host: String,
    secret: String,
    _home: tempfile::TempDir,
}

impl Door {
    /// In front of a server that says which headers it got.
    async fn new() -> Door {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("api.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let server = Router::new().fallback(async |request: Request<Body>| {
            format!("{} {} {:?}", request.method(), request.uri(), request.headers())
        });
        tokio::spawn(async move { axum::serve(listener, server).await });
        let link = Link::new(4711).unwrap();
        let address = link.address();
        let (host, secret) = address.strip_prefix("http://").unwrap().split_once("/#").unwrap();
        let (host, secret) = (host.to_owned(), secret.to_owned());
        Door { front: Front::new(link, socket).router(), host, secret, _home: home }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (StatusCode, Response) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = TowerToHyperService::new(self.front.clone())
            .call(request.body(Body::from(body.to_owned())).unwrap())
            .await
            .unwrap();
        (answer.status(), answer)
    }

    fn origin(&self) -> String {
        format!("http://{}", self.host)
    }

    /// The cookie of a browser that has come in.
    async fn enter(&self) -> String {
        let headers = [(HOST.as_str(), self.host.as_str()), (ORIGIN.as_str(), &self.origin())];
        let (status, answer) = self.ask("POST", "/enter", &headers, &self.secret).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

async fn text(answer: Response) -> String {
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_browser_with_the_link_comes_through_and_brings_nothing_of_its_own() {
    let door = Door::new().await;
    let host = (HOST.as_str(), door.host.as_str());
    let (status, answer) = door.ask("GET", "/", &[host], "").await;
    assert!(status == StatusCode::OK && !text(answer).await.contains(&door.secret));
    let (status, _) = door.ask("GET", "/console/decisions", &[host], "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let cookie = door.enter().await;
    let headers =
        [host, (COOKIE.as_str(), cookie.as_str()), ("authorization", "Bearer x"), ("accept", "text/html")];
    let (status, answer) = door.ask("GET", "/console/decisions?from=3", &headers, "").await;
    let got = text(answer).await;
    assert!(status == StatusCode::OK && got.starts_with("GET /console/decisions?from=3"), "{got}");
    assert!(got.contains("text/html") && !got.contains("Bearer") && !got.contains(&cookie), "{got}");
}

#[tokio::test]
async fn the_link_works_once_and_only_with_its_secret() {
    let door = Door::new().await;
    let origin = door.origin();
    let headers = [(HOST.as_str(), door.host.as_str()), (ORIGIN.as_str(), origin.as_str())];
    for wrong in [
        "",
        "0",
        door.secret.get(1..).unwrap(),
        &format!("{}0", door.secret),
        &"0".repeat(32),
        &"0".repeat(4096),
    ] {
        assert_eq!(door.ask("POST", "/enter", &headers, wrong).await.0, StatusCode::FORBIDDEN);
    }
    let first = door.enter().await;
    assert_eq!(door.ask("POST", "/enter", &headers, &door.secret).await.0, StatusCode::FORBIDDEN);
    let other = format!("portcullis-console={}", "0".repeat(32));
    for (cookie, expected) in [(&first, StatusCode::OK), (&other, StatusCode::UNAUTHORIZED)] {
        let headers = [headers[0], (COOKIE.as_str(), cookie.as_str())];
        assert_eq!(door.ask("GET", "/v1/proxies", &headers, "").await.0, expected);
    }
}

/// Any program and any page on this machine can reach the port.
#[tokio::test]
async fn another_host_or_another_site_is_refused_also_with_the_cookie() {
    let door = Door::new().await;
    let cookie = door.enter().await;
    let (host, own) = (door.host.clone(), door.origin());
    let other = host.replace("4711", "4712");
    for (method, headers) in [
        ("GET", vec![]),
        ("GET", vec![("host", "127.0.0.1:4711")]),
        ("GET", vec![("host", "localhost:4711")]),
        ("GET", vec![("host", other.as_str())]),
        ("GET", vec![("host", host.as_str()), ("host", "localhost")]),
        ("GET", vec![("host", &host), ("origin", "https://evil.example")]),
        ("GET", vec![("host", &host), ("sec-fetch-site", "cross-site")]),
        ("GET", vec![("host", &host), ("sec-fetch-site", "same-site")]),
        ("POST", vec![("host", &host)]),
        ("PUT", vec![("host", &host), ("origin", "null")]),
        ("POST", vec![("host", &host), ("origin", &own), ("origin", "null")]),
        ("POST", vec![("host", &host), ("origin", &own), ("sec-fetch-site", "cross-site")]),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
        assert_eq!(
            door.ask(method, "/v1/posture", &headers, "{}").await.0,
            StatusCode::FORBIDDEN,
            "{headers:?}"
        );
    }
    let good =
        [("host", host.as_str()), ("origin", &own), ("sec-fetch-site", "same-origin"), ("cookie", &cookie)];
    let (status, answer) = door.ask("PUT", "/v1/posture", &good, "{}").await;
    let got = text(answer).await;
    assert!(status == StatusCode::OK && !got.contains("origin") && !got.contains("sec-fetch"), "{got}");
}
