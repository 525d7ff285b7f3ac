//! What a proxy's filter sends with a poll: what it holds, and what it says of itself. Read strictly; it decides nothing.

use std::time::Duration;

use serde::Deserialize;
use warrant::Digest;

use super::proxies::{Instance, ProxyReport};

/// How long a poll waits at most.
const WAITS_AT_MOST: Duration = Duration::from_secs(10);

/// So many keys a filter can be configured with.
const MAX_PINS: usize = 16;

/// The parameters of a poll, as they were sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollParameters {
    n: Option<u64>,
    rules: Option<String>,
    halts: Option<String>,
    revocations: Option<String>,
    ended: Option<String>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    judged: u64,
    module: String,
    config: String,
    instance: String,
    /// The filter's pins, joined with `.`.
    pins: Option<String>,
    /// In milliseconds.
    #[serde(default)]
    wait: u64,
}

/// One poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poll {
    pub held: HeldParts,
    pub report: ProxyReport,
    pub wait: Duration,
}

/// What the proxy holds: the number of its statement, and the digests of the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldParts {
    pub n: Option<u64>,
    pub rules: Option<Digest>,
    pub halts: Option<Digest>,
    pub revocations: Option<Digest>,
    pub ended: Option<Digest>,
}

impl PollParameters {
    /// The error names the parameter.
    pub fn read(self) -> Result<Poll, String> {
        let held = HeldParts {
            n: self.n,
            rules: part("rules", self.rules)?,
            halts: part("halts", self.halts)?,
            revocations: part("revocations", self.revocations)?,
            ended: part("ended", self.ended)?,
        };
        let instance = Instance::parse(&self.instance);
        let report = ProxyReport {
            instance: instance.ok_or("`instance` is not 16 hexadecimal digits in lower case")?,
            seq: self.seq,
            judged: self.judged,
            module: hexadecimal("module", &self.module)?,
            configuration: hexadecimal("config", &self.config)?,
            pins: pins(self.pins)?,
        };
        Ok(Poll { held, report, wait: Duration::from_millis(self.wait).min(WAITS_AT_MOST) })
    }
}

fn part(name: &str, text: Option<String>) -> Result<Option<Digest>, String> {
    let digest = |text: String| {
        Digest::parse_base64url(&text).ok_or_else(|| {
            format!("`{name}` is not a digest as a statement writes it: 43 characters of base64url")
        })
    };
    text.map(digest).transpose()
}

/// A filter of an older version does not say them.
fn pins(text: Option<String>) -> Result<Vec<Digest>, String> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let pins: Option<Vec<Digest>> = text.split('.').map(Digest::parse_base64url).collect();
    pins.filter(|pins| pins.len() <= MAX_PINS).ok_or_else(|| {
        format!("`pins` is not 1 to {MAX_PINS} digests as a statement writes them, joined with `.`")
    })
}

fn hexadecimal(name: &str, text: &str) -> Result<Digest, String> {
    let digest = Digest::parse(&format!("sha256:{text}"));
    digest.ok_or_else(|| format!("`{name}` is not 64 hexadecimal digits in lower case"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(change: impl FnOnce(&mut PollParameters)) -> Result<Poll, String> {
        let hex = "0".repeat(64);
        let mut sent = PollParameters {
            n: None,
            rules: None,
            halts: None,
            revocations: None,
            ended: None,
            seq: 0,
            judged: 0,
            module: hex.clone(),
            config: hex,
            instance: "00000000000000af".to_owned(),
            pins: None,
            wait: 0,
        };
        change(&mut sent);
        sent.read()
    }

    #[test]
    fn a_poll_says_who_asks_and_may_hold_nothing() {
        let poll = parameters(|_| ()).unwrap();
        assert_eq!((poll.held, poll.wait), (HeldParts::default(), Duration::ZERO));
        assert_eq!(poll.report.instance.to_string(), "00000000000000af");
        let digest = Digest::of(b"a part");
        let poll = parameters(|sent| {
            (sent.n, sent.revocations, sent.wait) = (Some(7), Some(digest.to_base64url()), 3_600_000);
        });
        let poll = poll.unwrap();
        assert_eq!((poll.held.n, poll.held.revocations), (Some(7), Some(digest)));
        assert_eq!((poll.wait, poll.report.pins.len()), (WAITS_AT_MOST, 0));
        let pins = format!("{}.{}", digest.to_base64url(), Digest::of(b"another").to_base64url());
        let poll = parameters(|sent| sent.pins = Some(pins)).unwrap();
        assert_eq!(poll.report.pins, [digest, Digest::of(b"another")]);
    }

    #[test]
    fn what_is_malformed_is_named() {
        for (name, poll) in [
            ("`rules`", parameters(|sent| sent.rules = Some("x".to_owned()))),
            ("`ended`", parameters(|sent| sent.ended = Some(String::new()))),
            ("`module`", parameters(|sent| sent.module.push('0'))),
            ("`config`", parameters(|sent| sent.config = "A".repeat(64))),
            ("`pins`", parameters(|sent| sent.pins = Some(String::new()))),
            (
                "`pins`",
                parameters(|sent| sent.pins = Some(vec![Digest::of(b"a").to_base64url(); 17].join("."))),
            ),
            ("`instance`", parameters(|sent| sent.instance.clear())),
        ] {
            assert!(poll.as_ref().is_err_and(|why| why.starts_with(name)), "{name}: {poll:?}");
        }
    }
}
