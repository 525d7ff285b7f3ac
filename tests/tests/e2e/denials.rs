//! Every denial that the court raises, provoked through the real Envoy: once with our settings and once with exactly those that
//! istiod generates. A code without a row fails the test.
//!
//! The gate raises many of these before the server is asked, so it is taken out of our settings. With it the same table shows
//! that a client gets the same answers from the gate and from the court.

mod artifact;
pub(crate) mod court;
mod governance;
mod holder;
mod request;
mod route;
mod state;
mod tcp;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use portcullis_tests::client::{ClientRequest, ClientResponse};
use serde_json::Value;
use sha2::{Digest, Sha256};
use warrant::{Component, Denial};

use court::{Court, Settings, Source};

/// One way to provoke a denial.
pub(crate) struct Row {
    denial: Denial,
    /// What happens, for people.
    how: &'static str,
    provoke: Provoke,
    /// `None`: under all settings.
    only: Option<Source>,
}

type Provoke = for<'a> fn(&'a Court) -> Pin<Box<dyn Future<Output = Provoked> + 'a>>;

/// A request that was denied.
pub(crate) struct Provoked {
    request: ClientRequest,
    response: ClientResponse,
    record: Record,
}

/// How the ledger holds a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// An entry of its own.
    Entry,
    /// A summary of one, whose digest is that of the decision's id: it was denied before or after it could be judged.
    Summary,
    /// An entry that counts the decisions which could not be recorded.
    Gap,
    /// An entry of its own, in another world, which was looked at there.
    SeenElsewhere,
}

impl Row {
    fn new(denial: Denial, how: &'static str, provoke: Provoke) -> Row {
        Row { denial, how, provoke, only: None }
    }

    fn only(self, source: Source) -> Row {
        Row { only: Some(source), ..self }
    }

    fn applies_to(&self, settings: Settings) -> bool {
        self.only.is_none_or(|only| only == settings.source())
    }
}

impl Provoked {
    /// Asserts what every denied client gets. Returns the id of the decision; the gate makes none.
    pub(crate) fn assert_is(&self, denial: Denial) -> Option<String> {
        let Provoked { request, response, record } = self;
        let about = format!("{request:?}: {} {}", response.status, response.text());
        assert_eq!(
            (response.status, response.code().as_deref()),
            (denial.status(), Some(denial.code())),
            "{about}"
        );
        assert_eq!(response.headers["warrant-denial"], denial.code(), "{about}");
        let challenge = response.headers.get("www-authenticate").map(|value| value.to_str().unwrap());
        let error = format!("error=\"{}\"", denial.code());
        assert_eq!(challenge.is_some_and(|challenge| challenge.contains(&error)), denial.status() == 401);
        let problem: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(problem["title"], denial.title(), "{about}");
        let is_counted = matches!(record, Record::Summary | Record::Gap);
        assert_eq!(problem["recorded"] == "summary", is_counted, "{about}");
        problem["decision"].as_str().map(str::to_owned)
    }
}

fn rows() -> Vec<Row> {
    [governance::rows(), request::rows(), artifact::rows(), route::rows(), holder::rows(), state::rows()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_denial_of_the_court_has_a_row_under_both_settings_and_no_other_denial_has_one() {
    let courts: BTreeSet<_> =
        Denial::ALL.iter().filter(|denial| denial.raised_by().contains(&Component::Court)).collect();
    for settings in [Settings::Shipped, Settings::Istio] {
        let rows = rows();
        let applies = |row: &&Row| row.applies_to(settings);
        let with_rows: BTreeSet<_> = rows.iter().filter(applies).map(|row| &row.denial).collect();
        assert_eq!(with_rows, courts, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_court_raises_each_of_its_denials_through_envoy_as_we_ship_it() {
    provoke_every_denial(Settings::Shipped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_court_raises_each_of_its_denials_through_envoy_as_istiod_configures_it() {
    provoke_every_denial(Settings::Istio).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_gate_before_the_court_the_client_gets_the_same_denials() {
    provoke_every_denial(Settings::Gated).await;
}

async fn provoke_every_denial(settings: Settings) {
    let from = Instant::now();
    let mut court = Court::start(settings).await;
    court.allows_what_has_no_fault().await;
    let (mut denied, mut by_gate) = (Vec::new(), BTreeSet::new());
    for row in rows().into_iter().filter(|row| row.applies_to(settings)) {
        let provoked = (row.provoke)(&court).await;
        let id = provoked.assert_is(row.denial);
        assert_eq!(court.world.executions_of(&provoked.request), 0, "{}: {}", row.denial, row.how);
        println!("{:5} ms  {} {}: {}", from.elapsed().as_millis(), row.denial.status(), row.denial, row.how);
        match id {
            Some(id) => denied.push((row, id, provoked.record)),
            None => {
                assert!(settings == Settings::Gated && row.denial.raised_by().contains(&Component::Gate));
                by_gate.insert(row.denial);
            }
        }
    }
    if settings == Settings::Gated {
        let raises = |denial: &&Denial| denial.raised_by().contains(&Component::Gate);
        let gates = Denial::ALL.iter().filter(raises).filter(|denial| !ELSEWHERE.contains(denial));
        assert_eq!(by_gate, gates.copied().collect(), "what the gate raises, before the court is asked");
    }
    // Each fault has ended, so none of them can have caused the denial of a later row.
    court.allows_what_has_no_fault().await;

    let entries = court.recorded().await;
    for (row, id, record) in &denied {
        let is_held = entries.iter().any(|entry| holds(entry, *record, row.denial, id));
        assert!(is_held, "the ledger does not hold {id} as {record:?}: {}: {}", row.denial, row.how);
    }
    println!(
        "{settings:?}: {} denials by the court and codes {by_gate:?} by the gate in {:?}",
        denied.len(),
        from.elapsed()
    );
    court.world.end().await;
}

/// What the gate raises too, and what other tests show: a server that contradicts itself and too many new chains are shown by the
/// unit tests of the filter, and nobody can provoke a fault of its own.
const ELSEWHERE: &[Denial] = &[Denial::GovernanceInconsistent, Denial::Overloaded, Denial::Internal];

/// Whether this entry holds the denial with this id.
fn holds(entry: &Value, record: Record, denial: Denial, id: &str) -> bool {
    match record {
        Record::Entry => {
            entry["kind"] == "decision/1" && entry["id"] == id && entry["outcome"] == denial.code()
        }
        Record::Summary => {
            let digest: String =
                Sha256::digest(format!("{id}\n")).iter().map(|byte| format!("{byte:02x}")).collect();
            entry["kind"] == "denials/1"
                && entry["reason"] == denial.code()
                && entry["digest"] == format!("sha256:{digest}")
        }
        Record::Gap => entry["kind"] == "gap/1" && entry["count"].as_u64().is_some_and(|count| count > 0),
        Record::SeenElsewhere => true,
    }
}
