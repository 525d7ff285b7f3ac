//! Whatever a world has decided is judged again when it ends well: by another process, from nothing but the record and the
//! bundles that were in force. Each decision that somebody was told of must be there, and come out byte for byte the same.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use crate::client::Answer;
use crate::court::{Court, Home};
use crate::press;
use crate::record::Record;

/// What it takes to judge a world's decisions again.
#[derive(Debug)]
pub struct Again {
    record: Record,
    /// A copy of every bundle that was published, by the digest that decisions name.
    bundles: PathBuf,
    archive: Option<PathBuf>,
    /// Why this world's record cannot be judged.
    excuse: Option<&'static str>,
    /// The denials that clients were told to be on record.
    told: Mutex<BTreeSet<String>>,
}

impl Again {
    /// From its first decision on: the bundle and the log's key as they are now are kept.
    #[must_use]
    pub fn of(home: &Home) -> Again {
        let bundle = home.file("bundle");
        press::keep(&bundle);
        let bundles = press::kept(&bundle);
        let record = Record::of(home, &bundles);
        Again { record, bundles, archive: None, excuse: None, told: Mutex::default() }
    }

    /// Older entries were moved there.
    pub fn archived_into(&mut self, archive: &Path) {
        self.archive = Some(archive.to_owned());
    }

    /// The record is not what this world's decisions left behind, for this reason.
    pub fn is_excused(&mut self, reason: &'static str) {
        self.excuse = Some(reason);
    }

    /// Notes the decision that this answer names, where the record holds it alone.
    ///
    /// # Panics
    /// When another thread has panicked over it.
    pub fn hears(&self, answer: &Answer) {
        let Ok(problem) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let is_told = answer.code().is_some() && problem["recorded"] != "summary";
        if let Some(id) = problem["decision"].as_str().filter(|_| is_told) {
            self.told.lock().unwrap().insert(id.to_owned());
        }
    }

    /// Ends the server, so that all it decided is published, and judges; `executed` are the decisions that the upstream saw.
    ///
    /// # Panics
    /// When a decision is missing, or came out otherwise.
    pub fn judge(&self, court: &mut Court, executed: BTreeSet<String>) {
        if let Some(reason) = self.excuse {
            eprintln!("not judged again: {reason}");
            return;
        }
        let from = Instant::now();
        let ended_well = end(court);
        let entries = self.record.entries_with(&self.archive()).into_iter();
        let entries: Vec<Value> = entries.map(|mut line| line["entry"].take()).collect();
        let decisions: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == "decision/1").collect();
        let text = |value: &Value| value.as_str().expect("a decision's members are text").to_owned();
        let ids: BTreeSet<String> = decisions.iter().map(|decision| text(&decision["id"])).collect();
        let mut known = executed;
        // Nobody waits for a denial to be durable: a crash or a full disk may have lost one that was told. An allow never.
        if ended_well && !entries.iter().any(loses_denials) {
            known.extend(self.told.lock().unwrap().iter().cloned());
        }
        let missing: Vec<_> = known.difference(&ids).collect();
        assert!(missing.is_empty(), "told or executed, and not on record: {missing:?}");
        if decisions.is_empty() {
            return;
        }
        let digests: BTreeSet<String> =
            decisions.iter().map(|decision| text(&decision["bundle"]["digest"])).collect();
        let counts = self.replayed(&digests);
        let count = |name: &str| counts[name].as_u64().expect("a count");
        assert_eq!(
            (count("decisions"), count("differs"), count("unfit"), &counts["unknown_bundles"]),
            (u64::try_from(decisions.len()).expect("a count"), 0, 0, &serde_json::json!({})),
            "{counts}"
        );
        assert_eq!(count("same") + count("withheld"), count("decisions"), "{counts}");
        println!(
            "judged again by another process: {} decisions, {} the same, {} withheld, by {} bundles, in {:?}",
            count("decisions"),
            count("same"),
            count("withheld"),
            digests.len(),
            from.elapsed()
        );
    }

    fn archive(&self) -> Vec<String> {
        let named = |archive: &PathBuf| ["--archive".to_owned(), archive.display().to_string()];
        self.archive.iter().flat_map(named).collect()
    }

    /// What `portcullis ledger replay` counts.
    fn replayed(&self, digests: &BTreeSet<String>) -> Value {
        let mut words = self.archive();
        words.push("--bundles".to_owned());
        words.extend(digests.iter().map(|digest| self.bundles.join(digest).display().to_string()));
        words.push("--json".to_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let folder = self.record.folder();
        let output = self.record.ask("replay", folder.to_str().expect("paths of tests are text"), &words);
        let (said, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let last = said.lines().last().and_then(|line| serde_json::from_str(line).ok());
        last.unwrap_or_else(|| panic!("replay counted nothing: {said}{err}"))
    }
}

/// Whether this entry says that what was not waited for may be missing before it.
fn loses_denials(entry: &Value) -> bool {
    entry["kind"] == "gap/1" || (entry["kind"] == "start/1" && entry["cut"] == true)
}

/// Asks the server to end, unless it has, and says whether it ended in order; on a runtime of its own, since the world's
/// may be the one that waits here.
fn end(court: &mut Court) -> bool {
    if let Some(status) = court.program.ended() {
        return status.success();
    }
    let stop = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(court.program.stop())
    };
    let status = std::thread::scope(|scope| scope.spawn(stop).join()).expect("the server ends");
    assert_eq!(status.code(), Some(0), "asked to end:\n{}", court.program.log());
    true
}
