//! Who sees what of the past: with a ledger on disk, and the small bundle, whose routes belong to two teams.

use std::sync::Arc;

use ledger::entry::{Decision, Details, EarlierTerms, LinkTerms, RecordedTerms};
use ledger::{Entry, VerifyingKey};
use policy::InForceUntil;
use serde_json::{Value, json};
use tempfile::TempDir;
use warrant::Seconds;

use super::*;
use crate::authority::callers::{CallerGroup, CallerId};
use crate::bundles::PolicyInForce;
use crate::example_decision::denied;
use crate::facts::ForwardList;
use crate::facts::test_ledger::{TestLedger, follow_from_here};
use crate::history::tests::example::{Link, decided};
use crate::policy_fixture::{NOW, bundle, files};

/// `local` may read everything, the payments team what is on its routes, `auditor` entries alone.
const OPERATORS: &str = r#"
@id("local") permit (principal == Person::"local", action, resource);
@id("payments")
permit (principal in Group::"https://idp|payments", action in [Action::"read-decisions", Action::"read-lineages"], resource is Route)
when { resource.team == Team::"payments" };
@id("auditor") permit (principal == Person::"auditor", action == Action::"read-entries", resource);
"#;

struct Scene {
    reading: Reading,
    ledger: Ledger,
    history: History,
    key: VerifyingKey,
    _directory: TempDir,
}

fn scene() -> Scene {
    let test = TestLedger::new();
    let ledger = test.ledger.clone();
    let mut files = files();
    files.insert("operators.cedar".to_owned(), OPERATORS.as_bytes().to_vec());
    let policy = Arc::new(PolicyInForce::new(bundle(&files), Some(InForceUntil(Seconds::new(NOW + 600)))));
    let live = follow_from_here(&ledger, ForwardList::default(), &policy, Vec::new());
    let clock = test.clock();
    let facts = FactRecorder::new(ledger.clone(), live, clock.clone());
    let digests = crate::keys::DigestKey::generate().unwrap();
    let recorder = Recorder::new(ledger.clone(), digests, 10, clock.clone());
    let history = History::new(ledger.clone(), 1000);
    let reading = Reading::new(ledger.clone(), history.clone(), facts, recorder, clock);
    Scene { reading, ledger, history, key: test.key, _directory: test.directory }
}

fn person(name: &str, groups: &[&str]) -> Caller {
    let group = |value: &&str| CallerGroup { iss: "https://idp".to_owned(), value: (*value).to_owned() };
    Caller { id: CallerId::Person(name.to_owned()), groups: groups.iter().map(group).collect(), until: None }
}

impl Scene {
    /// Records a denial on each of these routes, with the route as its id, all by one warrant.
    fn record(&self, routes: &[Option<&str>]) {
        for route in routes {
            let decision = decided(route.unwrap_or("none"), *route, false, &[Link::new("r", 0)]);
            self.ledger.append(decision.into()).unwrap();
        }
        self.ledger.publish().unwrap();
        while self.history.read_on(100).unwrap() {}
    }

    fn ids(&self, caller: &Caller) -> Result<Vec<String>, ApiErrorCode> {
        let answer = self.reading.decisions(caller, &Wanted::default(), None, 10);
        let answer = answer.map_err(|error| error.code())?;
        Ok(answer.decisions.into_iter().map(|decision| decision.id).collect())
    }

    /// The reads on record: who read, what, and how often.
    fn reads(&self) -> Vec<(String, String, u64)> {
        // It is recorded after the others.
        self.reading.recorder.count_read("the last", "of all");
        self.reading.recorder.record_reads(true);
        loop {
            let entries = self.ledger.read(0).unwrap().map(|entry| entry.unwrap().entry);
            let reads = entries.filter_map(|entry| {
                let Entry::Reads(reads) = entry else { return None };
                Some((reads.by, reads.what, reads.count))
            });
            let mut reads: Vec<_> = reads.collect();
            if reads.pop_if(|(by, ..)| by == "the last").is_some() {
                return reads;
            }
            std::thread::yield_now();
        }
    }
}

const ALL: [Option<&str>; 4] = [Some("hello"), Some("pay"), Some("gone"), None];

#[test]
fn a_team_sees_the_decisions_on_its_routes_only() {
    let scene = scene();
    scene.record(&ALL);
    let (local, team) = (person("local", &[]), person("pat", &["payments"]));
    assert_eq!(scene.ids(&local).unwrap(), ["none", "gone", "pay", "hello"]);
    assert_eq!(scene.ids(&team).unwrap(), ["pay"]);
    assert!(scene.reading.decision(&team, "pay").is_ok());
    for id in ["hello", "gone", "none"] {
        assert_eq!(scene.reading.decision(&team, id).unwrap_err().code(), ApiErrorCode::Unknown, "{id}");
        assert!(scene.reading.decision(&local, id).is_ok(), "{id}");
    }
    let of = |caller: &Caller| {
        let answer = scene.reading.lineage(caller, "t0", None).unwrap();
        answer.lineage.warrants.iter().map(|root| root.decisions.count).collect::<Vec<_>>()
    };
    assert_eq!((of(&local), of(&team)), (vec![4], vec![1]));
}

#[test]
fn a_decision_that_names_an_earlier_one_for_its_terms_is_answered_with_them() {
    let scene = scene();
    let links = [Link::new("r", 0)];
    let whole = decided("first", Some("pay"), false, &links);
    let whole = Decision { terms: vec![example_terms()].into(), ..whole };
    let index = scene.ledger.append(whole.into()).unwrap().index();
    let terms = RecordedTerms::SameAs(EarlierTerms { index, known: None });
    let later = Decision { terms, ..decided("second", Some("pay"), false, &links) };
    scene.ledger.append(later.into()).unwrap();
    scene.ledger.publish().unwrap();
    while scene.history.read_on(100).unwrap() {}
    let team = person("pat", &["payments"]);
    let answer = |id: &str| json!(scene.reading.decision(&team, id).unwrap());
    let (first, second) = (answer("first"), answer("second"));
    assert_eq!((&first["terms"], &second["entry"]["terms"]), (&Value::Null, &json!(index)));
    assert_eq!(second["terms"], first["entry"]["terms"]);
    assert_eq!(second["terms"][0]["aud"], json!(["shop"]));
}

fn example_terms() -> LinkTerms {
    LinkTerms {
        attr: None,
        aud: vec!["shop".to_owned()],
        authorization_details: Details::Whole(vec![]),
        dec: None,
        depth: 0,
        env: [].into(),
        iat: NOW,
        ini: None,
        iss: None,
        kid: Some("a1".to_owned()),
        max_depth: 3,
        nbf: NOW,
        pol: None,
    }
}

#[test]
fn a_stranger_cannot_tell_an_id_that_exists_from_one_that_does_not() {
    let scene = scene();
    scene.record(&ALL);
    for stranger in [person("eve", &[]), person("eve", &["sre"]), person("auditor", &[])] {
        let refused = |id: &str| scene.reading.decision(&stranger, id).unwrap_err();
        assert_eq!(refused("pay"), refused("never"));
        assert_eq!(refused("pay").status(), 404);
        let refused = |txn: &str| scene.reading.lineage(&stranger, txn, None).unwrap_err();
        assert_eq!((refused("t0"), refused("t0").code()), (refused("never"), ApiErrorCode::NotPermitted));
        assert_eq!(scene.ids(&stranger), Err(ApiErrorCode::NotPermitted));
        let wanted = Wanted { lineage: Some("never".to_owned()), ..Wanted::default() };
        let error = scene.reading.decisions(&stranger, &wanted, None, 10).unwrap_err();
        assert_eq!(error.code(), ApiErrorCode::NotPermitted);
    }
    let stranger = person("pat", &["payments"]);
    let refused = |id: &str| scene.reading.proof(&stranger, id).unwrap_err();
    assert_eq!((refused("pay"), refused("pay").code()), (refused("never"), ApiErrorCode::NotPermitted));
    assert_eq!(scene.reads(), [], "nothing was read");
}

#[test]
fn a_proof_holds_and_every_read_is_counted() {
    let scene = scene();
    scene.record(&ALL);
    let (local, auditor) = (person("local", &[]), person("auditor", &[]));
    let text = scene.reading.proof(&auditor, "pay").unwrap();
    let proof = EntryProof::verify(text.as_bytes(), &scene.key, &[]).unwrap();
    let answer = json!(scene.reading.decision(&local, "pay").unwrap());
    assert_eq!(answer["index"], proof.index());
    assert_eq!(answer["entry"], serde_json::from_slice::<Value>(proof.bytes()).unwrap());
    assert_eq!(answer["outcome"], Value::Null);
    assert_eq!((answer["from"].clone(), answer["as_of"].clone()), (json!(0), json!(scene.ledger.size())));
    scene.reading.decision(&local, "hello").unwrap();
    scene.ids(&local).unwrap();
    scene.reading.lineage(&local, "t0", Some("https://a")).unwrap();
    assert_eq!(scene.reading.proof(&auditor, "never").unwrap_err().code(), ApiErrorCode::Unknown);
    let counted = |by: &str, what: &str, count| (by.to_owned(), what.to_owned(), count);
    let expected = [
        counted("auditor", "read-entries", 1),
        counted("local", "read-decisions", 3),
        counted("local", "read-lineages", 1),
    ];
    assert_eq!(scene.reads(), expected);
}

#[test]
fn an_answer_says_that_the_index_lags() {
    let scene = scene();
    scene.record(&[Some("hello")]);
    let local = person("local", &[]);
    scene.ledger.append(denied("newer").into()).unwrap();
    scene.ledger.publish().unwrap();
    let error = scene.reading.decision(&local, "newer").unwrap_err();
    let document: Value = serde_json::from_str(&error.body()).unwrap();
    let (as_of, size) = (scene.ledger.size() - 1, scene.ledger.size());
    let says = format!("up to {as_of}, and {size} are on record");
    assert!(document["detail"].as_str().unwrap().contains(&says), "{document}");
    let answer = json!(scene.reading.decisions(&local, &Wanted::default(), None, 10).unwrap());
    assert_eq!((answer["as_of"].clone(), answer["size"].clone()), (json!(as_of), json!(size)));
}
