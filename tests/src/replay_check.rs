//! The replay check judges every recorded decision of a world a second time. It uses another process, which gets
//! nothing but the ledger's directory, with the bundles that the server kept there. Every decision that a client or
//! the upstream knows must be on record, and each must come out byte for byte the same.

use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use crate::client::ClientResponse;
use crate::ledger_auditor::LedgerAuditor;
use crate::server::{Home, Server};

/// What is needed to judge a world's decisions a second time.
#[derive(Debug)]
pub struct ReplayCheck {
    auditor: LedgerAuditor,
    /// Why this world's record cannot be judged.
    skip: Option<&'static str>,
    /// The ids of denials whose response said that they are on record.
    recorded_denials: Mutex<BTreeSet<String>>,
}

impl ReplayCheck {
    /// Copies the ledger's key as it is before the first decision.
    #[must_use]
    pub fn new(home: &Home) -> ReplayCheck {
        let auditor = LedgerAuditor::new(home, &home.file(""));
        ReplayCheck { auditor, skip: None, recorded_denials: Mutex::default() }
    }

    /// Skips the check, because the test has replaced or damaged the record.
    pub fn skip_because(&mut self, reason: &'static str) {
        self.skip = Some(reason);
    }

    /// Remembers the decision that this response names, if the response says that it is recorded by itself.
    ///
    /// # Panics
    /// When another thread panicked while it held the lock.
    pub fn note(&self, response: &ClientResponse) {
        let Ok(problem) = serde_json::from_slice::<Value>(&response.body) else { return };
        let is_recorded = response.code().is_some() && problem["recorded"] != "summary";
        if let Some(id) = problem["decision"].as_str().filter(|_| is_recorded) {
            self.recorded_denials.lock().unwrap().insert(id.to_owned());
        }
    }

    /// Stops the server, so that all decisions are published, and judges them. `executed` are the decisions that the
    /// upstream saw.
    ///
    /// # Panics
    /// When a decision is missing, or comes out differently.
    pub async fn run(&self, server: &mut Server, executed: BTreeSet<String>) {
        if let Some(reason) = self.skip {
            eprintln!("the replay check was skipped: {reason}");
            return;
        }
        let from = Instant::now();
        let ended_in_order = stop(server).await;
        let entries = self.auditor.entries().into_iter();
        let entries: Vec<Value> = entries.map(|mut line| line["entry"].take()).collect();
        let decisions: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "decision/1").collect();
        let text = |value: &Value| value.as_str().expect("a decision's members are text").to_owned();
        let ids: BTreeSet<String> = decisions.iter().map(|decision| text(&decision["id"])).collect();
        let mut known = executed;
        // The server does not wait until a denial is durable, so a crash or a full disk may lose one. It never loses an allow.
        if ended_in_order && !entries.iter().any(may_lose_denials) {
            known.extend(self.recorded_denials.lock().unwrap().iter().cloned());
        }
        let missing: Vec<_> = known.difference(&ids).collect();
        assert!(missing.is_empty(), "answered or executed, but not on record: {missing:?}");
        if decisions.is_empty() {
            return;
        }
        let digests: BTreeSet<String> =
            decisions.iter().map(|decision| text(&decision["bundle"]["digest"])).collect();
        let counts = self.replay();
        let count = |name: &str| counts[name].as_u64().expect("a count");
        assert_eq!(
            (count("decisions"), count("differs"), count("unfit"), &counts["unknown_bundles"]),
            (u64::try_from(decisions.len()).expect("a count"), 0, 0, &serde_json::json!({})),
            "{counts}"
        );
        assert_eq!(count("same") + count("withheld"), count("decisions"), "{counts}");
        println!(
            "replay check: a second process judged all {} decisions; {} are the same, {} withhold arguments; bundles: {}; {:?}",
            count("decisions"),
            count("same"),
            count("withheld"),
            digests.len(),
            from.elapsed(),
        );
    }

    /// The counts of `portcullis ledger replay`.
    fn replay(&self) -> Value {
        let output = self.auditor.run("replay", self.auditor.folder(), &["--json"]);
        let last = output.out.lines().last().and_then(|line| serde_json::from_str(line).ok());
        last.unwrap_or_else(|| panic!("replay printed no counts: {output:?}"))
    }
}

/// Whether this entry says that denials before it may be missing.
fn may_lose_denials(entry: &Value) -> bool {
    entry["kind"] == "gap/1" || (entry["kind"] == "start/1" && entry["cut"] == true)
}

/// Stops the server if it still runs. Returns whether it ended in order.
async fn stop(server: &mut Server) -> bool {
    if let Some(status) = server.process.exit_status() {
        return status.success();
    }
    let status = server.process.stop().await;
    assert_eq!(status.code(), Some(0), "the server was asked to end:\n{}", server.process.log());
    true
}
