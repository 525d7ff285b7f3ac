//! What each object is told about itself in its status: whether it is accepted, and whether servers have it in force.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use policy::authoring::RouteDocuments;
use tokio::time::Instant;

use super::super::base::SignedBase;
use super::super::cluster::write_statuses;
use super::super::conditions::{Progress, Reported, conditions, to_write};
use super::super::objects::{CompleteList, RouteKey, RouteObject};
use super::super::servers;
use super::super::settle::Settled;
use super::super::verdict::Verdict;
use super::round::Operator;

const SERVERS_EVERY: Duration = Duration::from_secs(2);
/// How soon the watch shows what was written.
const SHOWN_WITHIN: Duration = Duration::from_secs(10);
/// More statuses are written in the next rounds: many new objects must not keep back a signature.
const STATUSES_AT_ONCE: usize = 512;

impl Operator {
    /// Notes for each object since which routes its documents are in the pair as they are.
    pub(super) fn note_since(&mut self, settled: &Settled) {
        let Some(pair) = &self.known.pair else { return };
        let base = pair.bundle.base().version();
        let routes = pair.bundle.routes_version().unwrap_or_default();
        let files = &pair.content.routes.files;
        let is_in = |documents: &RouteDocuments| {
            documents.files().iter().all(|(name, bytes)| files.get(name) == Some(bytes))
        };
        let mut since = BTreeMap::new();
        for (key, documents) in settled.documents.iter().filter(|(_, documents)| is_in(documents)) {
            let digest = documents.digest();
            let before =
                self.known.since.get(key).filter(|(known, over, _)| *known == digest && *over == base);
            since.insert(key.clone(), before.copied().unwrap_or((digest, base, routes)));
        }
        self.known.since = since;
    }

    pub(super) async fn ask_servers(&mut self) {
        let is_time = self.known.asked_at.is_none_or(|at| at.elapsed() >= SERVERS_EVERY);
        if self.config.servers.is_empty() || !is_time {
            return;
        }
        let reports = servers::ask(&self.fetcher, &self.config.servers).await;
        self.known.seen.note(reports);
        self.known.asked_at = Some(Instant::now());
    }

    /// Writes the status of each object whose status says something else.
    pub(super) async fn tell(&mut self, base: &SignedBase, settled: &Settled) {
        if !self.take_written().await {
            return;
        }
        let Some(from) = &self.known.built_from else { return };
        let seen = self.watched.gathered(|seen| seen.conditions());
        let now = self.clock.now();
        let stamp = i64::try_from(now.get()).ok().and_then(|now| Timestamp::from_second(now).ok());
        let stamp = stamp.map(|stamp| stamp.to_string()).unwrap_or_default();
        let mut due = BTreeMap::new();
        let mut written = std::mem::take(&mut self.known.written);
        // What the watch shows later than that was written by somebody else.
        written.retain(|key, (at, conditions)| {
            at.elapsed() < SHOWN_WITHIN && seen.get(key).is_some_and(|shown| shown != conditions)
        });
        let mut told_to = None;
        for object in in_turn(&from.objects, self.known.told_to.as_ref()) {
            let verdict = settled.verdicts.get(&object.key).filter(|_| seen.contains_key(&object.key));
            let Some(verdict) = verdict else { continue };
            let (progress, in_force, enforced) = self.progress(base, settled, &object.key, verdict);
            let conditions = conditions(verdict, &progress, &in_force, &enforced, object.generation);
            let own = written.get(&object.key).map(|(_, conditions)| conditions);
            let shown = own.or_else(|| seen.get(&object.key));
            let shown = shown.map(Vec::as_slice).unwrap_or_default();
            if let Some(conditions) = to_write(shown, conditions, &stamp) {
                due.insert(object.key.clone(), (object.generation, conditions));
            }
            if due.len() >= STATUSES_AT_ONCE {
                told_to = Some(object.key.clone());
                break;
            }
        }
        self.known.told_to = told_to;
        self.known.written = written;
        if due.is_empty() {
            return;
        }
        // A slow API server must not keep back a signature.
        let client = self.client.clone();
        self.known.writing = Some(tokio::spawn(async move { write_statuses(&client, due).await }));
    }

    /// Takes note of the statuses that were written. Returns false while they are being written.
    async fn take_written(&mut self) -> bool {
        let Some(task) = self.known.writing.take() else { return true };
        if !task.is_finished() {
            self.known.writing = Some(task);
            return false;
        }
        let done = task.await.unwrap_or_default();
        self.figures.statuses.inc_by(u64::try_from(done.len()).unwrap_or_default());
        let at = Instant::now();
        self.known.written.extend(done.into_iter().map(|(key, conditions)| (key, (at, conditions))));
        true
    }

    fn progress(
        &self,
        base: &SignedBase,
        settled: &Settled,
        key: &RouteKey,
        verdict: &Verdict,
    ) -> (Progress, Reported, Reported) {
        let none = || (Reported::NotAsked, Reported::NotAsked);
        if !verdict.is_accepted() {
            let (in_force, enforced) = none();
            return (Progress::Refused, in_force, enforced);
        }
        let since = self.known.since.get(key);
        let (Some((_, over, routes)), Some(documents)) = (since, settled.documents.get(key)) else {
            let who = match self.config.routes_key {
                Some(_) => "the operator has not signed it yet",
                None => "it is built, and waits for `portcullis policy sign --routes`",
            };
            let (in_force, enforced) = none();
            return (Progress::Unsigned(who.to_owned()), in_force, enforced);
        };
        let now = self.clock.now();
        let proxies = base.opened.grounds.proxies_of(documents);
        let in_force = self.known.seen.in_force(*over, *routes, now);
        let enforced = self.known.seen.enforced(*over, *routes, &proxies, now);
        (Progress::Published, in_force, enforced)
    }
}

/// All objects, beginning after this one: if there are too many for one time, those at the end must have their turn.
fn in_turn<'a>(objects: &'a CompleteList, after: Option<&RouteKey>) -> impl Iterator<Item = &'a RouteObject> {
    let is_later = |object: &&RouteObject| after.is_none_or(|after| object.key > *after);
    let later: Vec<&RouteObject> = objects.iter().filter(is_later).collect();
    let earlier: Vec<&RouteObject> = objects.iter().filter(|object| !is_later(object)).collect();
    later.into_iter().chain(earlier)
}

#[cfg(test)]
mod tests {
    use super::super::super::objects::SpecText;
    use super::*;

    #[test]
    fn every_object_has_its_turn() {
        let key = |name: &str| RouteKey { namespace: "payments".into(), name: name.into() };
        let object =
            |name: &str| RouteObject { key: key(name), generation: 1, created: 0, spec: SpecText::of("{}") };
        let list = CompleteList::of_finished(["a", "b", "c", "d"].map(object).into());
        let names = |after: Option<&RouteKey>| -> String {
            in_turn(&list, after).map(|object| object.key.name.as_str()).collect()
        };
        assert_eq!(names(None), "abcd");
        assert_eq!(names(Some(&key("b"))), "cdab");
        assert_eq!(names(Some(&key("bb"))), "cdab");
    }
}
