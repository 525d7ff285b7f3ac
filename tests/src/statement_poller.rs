//! A proxy's filter as far as governance statements go: it polls the listener for proxies, and holds what it is told.

use warrant::mint::Signer;
use warrant::statement::{Held, Pins};
use warrant::{AwsLcVerifier, Denial, Seconds};

use crate::condition::until;
use crate::direct_check::ProxyConnection;
use crate::keys::TestKey;
use crate::server::Home;
use crate::signed_bundles::now;

/// How long a poll waits while a test waits for a change, in milliseconds.
const WAIT: u64 = 10_000;

/// A filter that polls.
#[derive(Debug)]
pub struct StatementPoller {
    pub connection: ProxyConnection,
    pins: Pins,
    held: Option<Held>,
}

impl StatementPoller {
    /// A filter of the proxy `local` that holds nothing.
    ///
    /// # Panics
    /// When the server does not listen.
    pub async fn of(home: &Home) -> StatementPoller {
        StatementPoller::over(home, ProxyConnection::to(&home.socket()).await)
    }

    /// A filter of the proxy that this is a connection of.
    #[must_use]
    pub fn over(home: &Home, connection: ProxyConnection) -> StatementPoller {
        let key = TestKey::read(&home.file("keys/statement.jwk"));
        let pins = Pins {
            audience: "demo".into(),
            log_name: "demo".into(),
            origin: None,
            keys: vec![("s1".into(), *key.public_key())],
        };
        StatementPoller { connection, pins, held: None }
    }

    /// The same, and it holds this already.
    #[must_use]
    pub fn holding(self, held: Held) -> StatementPoller {
        StatementPoller { held: Some(held), ..self }
    }

    /// The target of its next poll.
    #[must_use]
    pub fn target(&self, wait: u64) -> String {
        let (hex, mut query) = ("0".repeat(64), String::new());
        if let Some(held) = &self.held {
            let statement = held.statement();
            let digest = |part: warrant::Digest| part.to_base64url();
            query = format!(
                "n={}&rules={}&halts={}&revocations={}&ended={}&seq={}&judged={}&",
                statement.n,
                digest(statement.rules),
                digest(statement.halts),
                digest(statement.revocations),
                digest(statement.ended),
                statement.seq,
                statement.judged
            );
        }
        format!("/v1/statement?{query}module={hex}&config={hex}&instance=00000000000000af&wait={wait}")
    }

    /// Polls once, takes the answer, and returns its length.
    ///
    /// # Panics
    /// When there is no statement, or it is not taken.
    pub async fn poll(&mut self, wait: u64) -> usize {
        self.try_poll(wait).await.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// The same.
    ///
    /// # Errors
    /// The answer of a server that gives no statement.
    ///
    /// # Panics
    /// When a statement is not taken.
    pub async fn try_poll(&mut self, wait: u64) -> Result<usize, String> {
        let (status, body) = self.connection.get(&self.target(wait)).await;
        if status != 200 {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
        let now = Seconds::new(now());
        let held = Held::take(self.held.as_ref(), &self.pins, &body, now, &AwsLcVerifier);
        self.held = Some(held.unwrap_or_else(|why| panic!("{why}")));
        Ok(body.len())
    }

    /// Polls until so many decisions must end. Returns why.
    ///
    /// # Panics
    /// When they are not told in time.
    pub async fn until_ended(&mut self, count: usize) -> Vec<Denial> {
        let mut wait = 0;
        until("the decisions to end", async || {
            self.poll(wait).await;
            wait = WAIT;
            Some(self.ended()).filter(|ended| ended.len() == count)
        })
        .await
    }

    /// Why decisions must end, in no order.
    ///
    /// # Panics
    /// When it holds nothing.
    #[must_use]
    pub fn ended(&self) -> Vec<Denial> {
        self.held().ended().iter().map(|(_, denial)| denial).collect()
    }

    /// # Panics
    /// When it holds nothing.
    #[must_use]
    pub fn held(&self) -> &Held {
        self.held.as_ref().expect("a statement was taken")
    }
}
