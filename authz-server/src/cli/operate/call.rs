//! One call to the API: over the Unix socket of this machine's server, or by HTTPS with a token.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::cli::out::{ExitStatus, Failure, line, line_to_stderr};
use crate::config::{self, ApiAddress};
use crate::fetch::{Fetched, Fetcher, Limits};

const LIMITS: Limits = Limits { bytes: 4 * 1024 * 1024, time: Duration::from_secs(30) };

/// Which server is called, and as whom.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Server {
    /// The configuration of a server on this machine: its `listen.api` is called
    #[arg(long, value_name = "FILE", conflicts_with = "api")]
    config: Option<PathBuf>,
    /// The address of the API: `unix:PATH`, or `https://HOST:PORT`
    #[arg(long, value_name = "ADDRESS", required_unless_present = "config")]
    api: Option<String>,
    /// A file with the token of the caller
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What the server answered.
pub(in crate::cli) enum Answer {
    Done(Json),
    Refused { code: String, says: String },
}

impl Server {
    /// The server of this configuration, or at this address.
    pub(in crate::cli) fn at(config: Option<PathBuf>, api: Option<String>, token: Option<PathBuf>) -> Server {
        Server { config, api, token, json: false }
    }

    pub(in crate::cli) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call(Method::GET, path, None)
    }

    /// The same for an answer that is a text.
    pub(super) fn get_text(&self, path: &str) -> Result<Answer, Failure> {
        let fetched = self.send(Method::GET, path, None)?;
        if fetched.status == StatusCode::OK.as_u16() {
            let text = String::from_utf8(fetched.body.to_vec());
            return Ok(Answer::Done(Json::String(text.map_err(Failure::new)?)));
        }
        Ok(read(fetched))
    }

    pub(super) fn post(&self, path: &str, body: &Json) -> Result<Answer, Failure> {
        self.call(Method::POST, path, Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Json) -> Result<Answer, Failure> {
        self.call(Method::PUT, path, Some(body))
    }

    fn call(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Answer, Failure> {
        self.send(method, path, body).map(read)
    }

    fn send(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Fetched, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("cannot start: {error}")))?;
        let url = format!("{}{path}", self.address()?);
        let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        headers.extend(self.authorization()?);
        let body = body.map_or_else(String::new, Json::to_string);
        let fetcher = self.fetcher()?;
        let sent = runtime.block_on(fetcher.send(method, &url, &headers, body, LIMITS));
        sent.map_err(Failure::new)
    }

    /// What a URL of the API begins with.
    fn address(&self) -> Result<String, Failure> {
        if let Some(file) = &self.config {
            let config = config::load(file).map_err(|faults| Failure::all(&faults))?;
            return match config.listen.api {
                ApiAddress::Unix(path) => Ok(format!("unix:{}:", path.display())),
                ApiAddress::Tls(_) => Err(Failure::new(format!(
                    "{}: its API is not on a Unix socket; give its URL with --api",
                    file.display()
                ))),
            };
        }
        let text = self.api.as_deref().unwrap_or_default();
        match (text.strip_prefix("unix:"), text.strip_prefix("https://")) {
            (Some(path), _) if !path.is_empty() => Ok(format!("unix:{path}:")),
            (_, Some(host)) if !host.is_empty() => Ok(text.trim_end_matches('/').to_owned()),
            _ => Err(Failure::new(format!(
                "`{text}` is not an address of an API; write unix:PATH or https://HOST:PORT"
            ))),
        }
    }

    fn authorization(&self) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
        let Some(file) = &self.token else { return Ok(None) };
        let failed = |what: String| Failure::new(format!("{}: {what}", file.display()));
        let token =
            std::fs::read_to_string(file).map_err(|error| failed(format!("cannot be read: {error}")))?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| failed("is not a token: it has bytes that no header may have".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some((AUTHORIZATION, value)))
    }

    fn fetcher(&self) -> Result<Fetcher, Failure> {
        Fetcher::new().map_err(Failure::new)
    }
}

fn read(fetched: Fetched) -> Answer {
    let body: Json = serde_json::from_slice(&fetched.body).unwrap_or(Json::Null);
    let is_done = StatusCode::from_u16(fetched.status).is_ok_and(|status| status.is_success());
    if is_done && !body.is_null() {
        return Answer::Done(body);
    }
    let text = |member: &str| body.get(member).and_then(Json::as_str).unwrap_or_default().to_owned();
    let code = match text("code") {
        code if code.is_empty() => format!("status {}", fetched.status),
        code => code,
    };
    let says = ["detail", "cure"].map(text).into_iter().filter(|part| !part.is_empty());
    Answer::Refused { code, says: says.collect::<Vec<_>>().join("; ") }
}

/// Prints what became of a call: `done` makes the line for a person from the server's answer. A refusal has exit status 1.
pub(super) fn tell(
    answer: Answer,
    json: bool,
    done: impl FnOnce(&Json) -> String,
) -> Result<ExitStatus, Failure> {
    match answer {
        Answer::Done(body) => {
            line(if json { body.to_string() } else { done(&body) })?;
            Ok(ExitStatus::Success)
        }
        Answer::Refused { code, says } => {
            if json {
                line(json!({"code": code, "detail": says}))?;
            } else {
                line_to_stderr(format!("portcullis: refused: {code}: {says}"));
            }
            Ok(ExitStatus::Denied)
        }
    }
}

/// Text from an answer, safe for a terminal. What is not a text is printed as JSON.
pub(super) fn safe(value: &Json) -> String {
    match value {
        Json::String(text) => text.escape_debug().to_string(),
        Json::Null => "none".to_owned(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => value.to_string(),
    }
}

/// A part of a URL's path, or a parameter.
pub(super) fn encoded(text: &str) -> String {
    // As in a form, but for the space, which is a plus sign only there.
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// Which entries an answer was made from, in a line.
pub(super) fn span(answer: &Json) -> String {
    let number = |member: &str| answer[member].as_u64().unwrap_or_default();
    let (as_of, unread) = (number("as_of"), number("size").saturating_sub(number("as_of")));
    let read = match as_of.checked_sub(1) {
        Some(last) => format!("read: entries {} to {last}", number("from")),
        None => "no entry is read yet".to_owned(),
    };
    if unread == 0 { read } else { format!("{read}; {unread} newer ones are not read yet") }
}

/// A member of an answer, for people.
pub(in crate::cli) fn shown(body: &Json, member: &str) -> String {
    body.get(member).map_or_else(|| "?".to_owned(), safe)
}
