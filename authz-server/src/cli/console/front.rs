//! What stands between a browser and the server's Unix socket. Whoever reaches the socket is `local`, so only the browser of the person
//! who got the link may come through.
//!
//! - The name of the host is random, and is checked exactly: a page of another site that finds the port cannot reach it by any name that
//!   it knows (DNS rebinding), and no cookie of another program on loopback is sent here, although cookies ignore ports.
//! - The link has a secret behind `#`, which a browser sends nowhere. The page reads it, takes it out of the address, and sends it once.
//! - What another site starts is refused, whatever it is.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY, SET_COOKIE,
};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

const SESSION: &str = "portcullis-console";
/// The secret, and nothing else, is sent to enter.
const SECRET_BYTES: usize = 64;
/// A server on this machine answers a page in less.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// What a page or a call needs of the browser's headers. A cookie or a token of its own would be for somebody else.
const PASSED_ON: [HeaderName; 4] =
    [ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderName::from_static("last-event-id")];

/// The address that is printed.
pub(super) struct Link {
    /// The host with its port.
    host: String,
    secret: String,
}

impl Link {
    pub(super) fn new(port: u16) -> Result<Link, String> {
        Ok(Link { host: format!("{}.localhost:{port}", random()?), secret: random()? })
    }

    pub(super) fn address(&self) -> String {
        format!("http://{}/#{}", self.host, self.secret)
    }
}

/// 128 random bits in hexadecimal digits.
fn random() -> Result<String, String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "this machine gives no random numbers".to_owned())?;
    Ok(bytes.iter().fold(String::new(), |mut all, byte| {
        // A `String` always takes more.
        let _ = write!(all, "{byte:02x}");
        all
    }))
}

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Front {
    host: Arc<str>,
    socket: Arc<Path>,
    entry: Arc<Mutex<Entry>>,
}

/// Whether somebody has come in.
enum Entry {
    /// With this secret somebody can.
    Open(String),
    /// The browser with this cookie did.
    Taken(String),
}

impl Front {
    pub(super) fn new(Link { host, secret }: Link, socket: PathBuf) -> Front {
        Front { host: host.into(), socket: socket.into(), entry: Arc::new(Mutex::new(Entry::Open(secret))) }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/", get(door))
            .route("/enter.js", get(script))
            .route("/enter", post(enter))
            .fallback(pass_on)
            .layer(from_fn_with_state(self.clone(), check_asked_here))
            .with_state(self)
    }

    /// The cookie of a browser that shows the secret, the first time.
    fn enter(&self, shown: &[u8]) -> Option<String> {
        // Only complete values are stored under this lock.
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Open(secret) = &*entry else { return None };
        verify_slices_are_equal(secret.as_bytes(), shown).ok()?;
        let session = random().ok()?;
        *entry = Entry::Taken(session.clone());
        Some(session)
    }

    fn is_inside(&self, headers: &HeaderMap) -> bool {
        let entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Taken(session) = &*entry else { return false };
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut own = cookies
            .flat_map(|value| value.split(';'))
            .filter_map(|one| one.trim().strip_prefix(SESSION)?.strip_prefix('='));
        own.any(|shown| verify_slices_are_equal(session.as_bytes(), shown.as_bytes()).is_ok())
    }
}

/// Checks that a browser asks for exactly this host, and not for another site.
async fn check_asked_here(State(front): State<Front>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let only = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        (all.next(), all.next().is_none())
    };
    let is_host = matches!(only(HOST), (Some(host), true) if host.as_bytes() == front.host.as_bytes());
    let own = format!("http://{}", front.host);
    let is_own = match only(ORIGIN) {
        (None, _) => matches!(*request.method(), Method::GET | Method::HEAD),
        (Some(origin), is_only) => is_only && origin.as_bytes() == own.as_bytes(),
    };
    let sites = headers.get_all("sec-fetch-site").iter();
    let is_from_here = sites.into_iter().all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    if is_host && is_own && is_from_here {
        return secured(next.run(request).await);
    }
    secured((StatusCode::FORBIDDEN, "This is not for you.\n").into_response())
}

/// For the few pages that are made here. Those of the server have their own, stricter or equal.
fn secured(mut response: Response) -> Response {
    let own = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
        ),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in own {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

async fn door(State(front): State<Front>, headers: HeaderMap) -> Response {
    if front.is_inside(&headers) {
        return Redirect::to("/console/").into_response();
    }
    Html(include_str!("enter.html")).into_response()
}

async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("enter.js"))
}

async fn enter(State(front): State<Front>, body: Body) -> Response {
    let shown = axum::body::to_bytes(body, SECRET_BYTES).await.unwrap_or_default();
    let Some(session) = front.enter(&shown) else { return StatusCode::FORBIDDEN.into_response() };
    let cookie = format!("{SESSION}={session}; Path=/; HttpOnly; SameSite=Strict");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// Passes a request of the browser that has come in to the server.
async fn pass_on(State(front): State<Front>, request: Request) -> Response {
    if !front.is_inside(request.headers()) {
        return (StatusCode::UNAUTHORIZED, Html(include_str!("enter.html"))).into_response();
    }
    match tokio::time::timeout(ANSWERED_WITHIN, forward(&front.socket, request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(why)) => {
            (StatusCode::BAD_GATEWAY, format!("The server does not answer: {why}\n")).into_response()
        }
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "The server does not answer in time.\n").into_response(),
    }
}

/// The server's answer. Its body is passed on as it comes.
async fn forward(socket: &Path, request: Request) -> Result<Response, String> {
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    parts.uri = target.parse::<Uri>().map_err(|error| error.to_string())?;
    let asked = std::mem::take(&mut parts.headers);
    for name in PASSED_ON {
        parts.headers.extend(asked.get(&name).map(|value| (name, value.clone())));
    }
    parts.headers.insert(HOST, HeaderValue::from_static("localhost"));
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| format!("cannot connect to {}: {error}", socket.display()))?;
    let connecting = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connecting.map_err(|error| error.to_string())?;
    // It ends with the answer's body, or when the browser is gone.
    tokio::spawn(connection);
    let answer =
        sender.send_request(Request::from_parts(parts, body)).await.map_err(|error| error.to_string())?;
    Ok(answer.map(Body::new))
}

/// Checks that a server has its API there, before a link is printed.
pub(super) async fn check_answers(socket: &Path) -> Result<(), String> {
    let answer = async {
        let request =
            Request::get("/console/decisions").body(Body::empty()).map_err(|error| error.to_string())?;
        forward(socket, request).await
    };
    match tokio::time::timeout(ANSWERED_WITHIN, answer).await {
        Ok(Ok(answer)) if answer.status() == StatusCode::NOT_FOUND => {
            Err(format!("the server at {} is older than this program, and has no console", socket.display()))
        }
        Ok(answer) => answer.map(drop),
        Err(_) => Err(format!("the server at {} does not answer", socket.display())),
    }
}
