//! A relay between the filters of one Envoy and the server. It passes their polls for statements on, until a test tells it to lie:
//! then every poll gets an answer that no honest server gives. Its statements can hold for a shorter time than the server's. Decisions
//! do not pass it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use warrant::mint::Signer;
use warrant::statement::Answer;

use crate::direct_check::ProxyConnection;
use crate::keys::{Algorithm, TestKey};
use crate::server::Home;
use crate::signed_bundles::now;

/// What a relay answers instead of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The first answer that passed, again.
    Old,
    /// The last statement made anew, signed by another key under the name of the pinned one.
    Forged,
    /// The last statement made anew by the server's key, about another ledger of the same size.
    ClonedLog,
    /// The last statement made anew by the server's key, an hour ahead.
    FromTheFuture,
    /// Bytes that are not an answer.
    Garbage,
    /// An answer that never ends, one byte a second.
    SlowDrip,
}

/// A running relay. It and its connections end with its owner.
#[derive(Debug)]
pub struct StatementRelay {
    lie: watch::Sender<Option<Lie>>,
    passed: Arc<Passed>,
    task: JoinHandle<()>,
}

/// What passed the relay so far.
#[derive(Debug)]
struct Passed {
    server: PathBuf,
    key: TestKey,
    /// For how many seconds its statements hold.
    holds: u64,
    polls: AtomicU64,
    honest: AtomicU64,
    lies: AtomicU64,
    first: Mutex<Option<Bytes>>,
    last: Mutex<Option<SignedClaims>>,
}

impl StatementRelay {
    /// Listens at `socket`, and passes polls on to the server of this home directory. Its statements hold for at most so long.
    ///
    /// # Panics
    /// When the socket cannot be bound, or the home has no key for statements.
    #[must_use]
    pub fn at(socket: &Path, home: &Home, holds: Duration) -> StatementRelay {
        let listener = UnixListener::bind(socket).expect("the test owns the socket's directory");
        let passed = Arc::new(Passed {
            server: home.socket(),
            key: TestKey::read(&home.file("keys/statement.jwk")),
            holds: holds.as_secs(),
            polls: AtomicU64::new(0),
            honest: AtomicU64::new(0),
            lies: AtomicU64::new(0),
            first: Mutex::default(),
            last: Mutex::default(),
        });
        let (lie, told) = watch::channel(None);
        let relayed = Arc::clone(&passed);
        let task = tokio::spawn(async move {
            // A set, so that the connections end with the relay.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (passed, told) = (Arc::clone(&relayed), told.clone());
                let service = service_fn(move |poll| answer(poll, Arc::clone(&passed), told.clone()));
                let connection = http2::Builder::new(TokioExecutor::new());
                connections
                    .spawn(async move { connection.serve_connection(TokioIo::new(stream), service).await });
            }
        });
        StatementRelay { lie, passed, task }
    }

    /// From now on every poll gets this lie, also one that waits already.
    pub fn lie(&self, lie: Lie) {
        self.lie.send_replace(Some(lie));
    }

    /// From now on every poll gets the server's answer. An answer that drips breaks off, as if its server were replaced.
    pub fn be_honest(&self) {
        self.lie.send_replace(None);
    }

    /// How many polls have come.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.passed.polls.load(Ordering::Relaxed)
    }

    /// How many polls got a lie.
    #[must_use]
    pub fn lies(&self) -> u64 {
        self.passed.lies.load(Ordering::Relaxed)
    }

    /// How many polls got a statement of the server.
    #[must_use]
    pub fn honest_answers(&self) -> u64 {
        self.passed.honest.load(Ordering::Relaxed)
    }
}

impl Drop for StatementRelay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    poll: Request<Incoming>,
    passed: Arc<Passed>,
    mut told: watch::Receiver<Option<Lie>>,
) -> Result<Response<AnswerBody>, Error> {
    let target = poll.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    passed.polls.fetch_add(1, Ordering::Relaxed);
    loop {
        let lie = *told.borrow_and_update();
        let Some(lie) = lie else {
            tokio::select! {
                answer = passed.ask(&target) => return answer,
                _ = told.changed() => continue,
            }
        };
        passed.lies.fetch_add(1, Ordering::Relaxed);
        return Ok(Response::new(match lie {
            Lie::SlowDrip => drip(told),
            Lie::Old | Lie::Forged | Lie::ClonedLog | Lie::FromTheFuture | Lie::Garbage => {
                AnswerBody::Whole(Some(passed.false_answer(lie)))
            }
        }));
    }
}

impl Passed {
    async fn ask(&self, target: &str) -> Result<Response<AnswerBody>, Error> {
        let (status, mut body) = ProxyConnection::to(&self.server).await.get(target).await;
        if status == 200 {
            let mut answer = Answer::decode(&body).expect("the server's answer is of good form");
            let mut last = SignedClaims::of(&answer.statement);
            last.shorten(self.holds);
            answer.statement = last.signed_by(&self.key).into();
            body = answer.encode().into();
            *self.last.lock().unwrap() = Some(last);
            self.first.lock().unwrap().get_or_insert_with(|| body.clone());
            self.honest.fetch_add(1, Ordering::Relaxed);
        }
        let response = Response::builder().status(status).body(AnswerBody::Whole(Some(body)));
        Ok(response.expect("the server's status is one"))
    }

    fn false_answer(&self, lie: Lie) -> Bytes {
        let stranger = TestKey::stranger(Algorithm::Es256, 0xf0);
        match lie {
            Lie::Old => self.first.lock().unwrap().clone().expect("an honest answer has passed"),
            Lie::Forged => self.steady(&stranger, now(), |_| {}),
            Lie::ClonedLog => self.steady(&self.key, now(), |claims| {
                claims["root"] = URL_SAFE_NO_PAD.encode([7; 32]).into();
            }),
            Lie::FromTheFuture => self.steady(&self.key, now() + 3600, |_| {}),
            Lie::Garbage | Lie::SlowDrip => Bytes::from_static(&[0xa5; 512]),
        }
    }

    /// An answer with the next statement, made at this time. It says of its parts what the last one said, so it carries none.
    fn steady(&self, key: &TestKey, iat: u64, change: impl FnOnce(&mut Value)) -> Bytes {
        let mut next = self.last.lock().unwrap().clone().expect("an honest answer has passed");
        next.claims["n"] = (next.claims["n"].as_u64().expect("a number") + 1).into();
        next.claims["iat"] = iat.into();
        next.claims["exp"] = (iat + self.holds).into();
        change(&mut next.claims);
        Answer { statement: next.signed_by(key).into(), ..Answer::default() }.encode().into()
    }
}

/// The claims of a signed statement, to be changed and signed anew.
#[derive(Clone, Debug)]
struct SignedClaims {
    header: String,
    claims: Value,
}

impl SignedClaims {
    fn of(statement: &[u8]) -> SignedClaims {
        let text = std::str::from_utf8(statement).expect("a signed statement is text");
        let (header, rest) = text.split_once('.').expect("three parts");
        let (claims, _) = rest.split_once('.').expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        SignedClaims { header: header.to_owned(), claims: serde_json::from_slice(&claims).expect("JSON") }
    }

    fn shorten(&mut self, holds: u64) {
        let [iat, exp] = ["iat", "exp"].map(|claim| self.claims[claim].as_u64().expect("a time"));
        self.claims["exp"] = exp.min(iat + holds).into();
    }

    fn signed_by(&self, key: &TestKey) -> Vec<u8> {
        let input = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(self.claims.to_string()));
        let signature = key.sign(input.as_bytes()).expect("a test key signs");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
    }
}

/// The body of an answer.
#[derive(Debug)]
enum AnswerBody {
    Whole(Option<Bytes>),
    Drips(mpsc::Receiver<Result<Bytes, Error>>),
}

/// One byte a second, until something else is told.
fn drip(mut told: watch::Receiver<Option<Lie>>) -> AnswerBody {
    let (drops, body) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            let drop = tokio::select! {
                _ = second.tick() => Ok(Bytes::from_static(b"P")),
                _ = told.changed() => Err(Error::other("the server is replaced")),
            };
            let is_last = drop.is_err();
            if drops.send(drop).await.is_err() || is_last {
                return;
            }
        }
    });
    AnswerBody::Drips(body)
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            AnswerBody::Drips(drops) => {
                drops.poll_recv(context).map(|drop| drop.map(|drop| drop.map(Frame::data)))
            }
        }
    }
}
