//! What follows the log: it decides about facts in the order of the log, and knows what is durable before anybody else.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::durable::{Disk, Op, Watch};
use crate::entry::{Digest, Issued, OutcomeReport, Revocation, RevocationTarget};

fn revocation(value: &str) -> Entry {
    let (by, iss, reason) = ("op".to_owned(), String::new(), "lost".to_owned());
    let what = RevocationTarget::Key;
    Revocation { bundle: None, by, iss, reason, until: None, value: value.to_owned(), was: None, what }.into()
}

fn issued(root: &str) -> Entry {
    let text = || "x".to_owned();
    let digest = Digest::of(b"x");
    Issued {
        by: text(),
        cnf: text(),
        details: digest,
        exp: 9,
        grants: vec![],
        iat: 1,
        id: text(),
        ini: None,
        iss: text(),
        jti: text(),
        policy: None,
        root: Digest::of(root.as_bytes()),
        roots: 0,
        sub: text(),
        token: None,
        token_exp: None,
        txn: text(),
        r#use: None,
    }
    .into()
}

/// What a follower was told, by value for revocations.
#[derive(Debug, Default)]
struct Told {
    in_force: BTreeMap<String, (u64, u64)>,
    issued: Vec<Digest>,
    heads: Vec<Head>,
    indices: Vec<u64>,
    /// The indices and the bytes of forwards.
    forwards: Vec<(u64, Vec<u8>)>,
    outcomes: Vec<u64>,
    discarded: usize,
}

/// A follower that admits each key's revocation once, and two issued warrants. Like the server's, it knows only what it
/// admitted.
#[derive(Default)]
struct Table {
    told: Arc<Mutex<Told>>,
    admitted: BTreeMap<String, (u64, u64)>,
    issued: Vec<Digest>,
}

impl FollowFacts for Table {
    fn admit(&mut self, fact: &Arc<Entry>, at: u64, time: u64) -> Result<(), FactRefused> {
        if let Entry::Issued(issued) = fact.as_ref() {
            let count = self.told.lock().unwrap().issued.len() + self.issued.len();
            if count == 2 {
                return Err(FactRefused::Full);
            }
            self.issued.push(issued.root);
            return Ok(());
        }
        let Entry::Revocation(revocation) = fact.as_ref() else { return Ok(()) };
        if revocation.value == "never" {
            return Err(FactRefused::OtherBundle);
        }
        let told = self.told.lock().unwrap();
        let known = self.admitted.get(&revocation.value).or_else(|| told.in_force.get(&revocation.value));
        if let Some((index, time)) = known {
            return Err(FactRefused::Repeats { index: *index, time: *time });
        }
        self.admitted.insert(revocation.value.clone(), (at, time));
        Ok(())
    }

    fn commit(&mut self, committed: &Committed<'_>) {
        let Committed { head, facts, forwards, outcomes } = *committed;
        let mut told = self.told.lock().unwrap();
        told.in_force.append(&mut self.admitted);
        told.issued.append(&mut self.issued);
        told.heads.push(head);
        told.indices.extend(facts.iter().map(|(index, _)| *index));
        told.forwards.extend(forwards.iter().map(|forward| (forward.index, forward.bytes.to_vec())));
        told.outcomes.extend(outcomes);
    }

    fn discard(&mut self) {
        self.admitted.clear();
        self.issued.clear();
        self.told.lock().unwrap().discarded += 1;
    }
}

fn followed(path: &Path, options: Options) -> (Ledger, Arc<Mutex<Told>>) {
    Ledger::init(path, "demo", &small()).unwrap();
    let ledger = Ledger::open(path, options).unwrap();
    let table = Table::default();
    let told = Arc::clone(&table.told);
    ledger.follow(Box::new(table), ledger.size()).unwrap();
    (ledger, told)
}

/// Queues facts at once, and returns their answers in order.
fn post(ledger: &Ledger, facts: Vec<Entry>) -> Vec<Result<FactReceipt, FactError>> {
    let answers: Vec<_> = facts
        .into_iter()
        .map(|fact| {
            let (done, answer) = mpsc::sync_channel(1);
            ledger.submit_fact(fact, Box::new(move |result| done.send(result).unwrap()));
            answer
        })
        .collect();
    answers.into_iter().map(|answer| answer.recv().unwrap()).collect()
}

#[test]
fn a_follower_that_has_not_read_the_whole_log_is_not_attached() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, _) = followed(&path, small());
    let (as_of, size) = (ledger.size() - 1, ledger.size());
    assert_eq!(ledger.follow(Box::<Table>::default(), as_of), Err(Behind { as_of, size }));
}

#[test]
fn a_repeated_fact_gets_a_receipt_of_the_first_and_a_refused_one_takes_no_index() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, told) = followed(&path, small());
    let facts = vec![revocation("a"), revocation("a"), revocation("never"), revocation("b")];
    let answers = post(&ledger, facts);
    let index = |at: usize| answers[at].as_ref().map(|fact| (fact.receipt.index(), fact.repeats));
    assert_eq!((index(0), index(1)), (Ok((2, false)), Ok((2, true))));
    assert_eq!(answers[2], Err(FactError::Refused(FactRefused::OtherBundle)));
    assert_eq!(index(3), Ok((3, false)));
    assert!(Ledger::inspect(&path).unwrap().handed_out.size >= 4);
    // The same facts as plain entries.
    assert_eq!(ledger.append(revocation("b")).map(|receipt| receipt.index()), Ok(3));
    assert_eq!(ledger.append(revocation("never")), Err(RecordError::Refused(FactRefused::OtherBundle)));
    assert_eq!(ledger.size(), 4);
    let told = told.lock().unwrap();
    assert_eq!((told.indices.as_slice(), told.discarded), ([2, 3].as_slice(), 0));
    assert_eq!(told.heads.last(), Some(&Head { size: 4, root: ledger.root().1, time: ledger.time() }));
}

#[test]
fn an_issued_warrant_is_known_from_the_moment_it_is_acknowledged_and_a_full_table_refuses_it() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, told) = followed(&path, small());
    for root in ["a", "b"] {
        ledger.append(issued(root)).unwrap();
        assert_eq!(told.lock().unwrap().issued.last(), Some(&Digest::of(root.as_bytes())));
    }
    let size = ledger.size();
    assert_eq!(ledger.append(issued("c")), Err(RecordError::Refused(FactRefused::Full)));
    assert_eq!(ledger.size(), size, "it takes no index");
    let read = ledger.size();
    ledger.append(decision("d", read - 2, DecisionOutcome::Allowed)).expect("it makes no decision stale");
}

#[test]
fn the_follower_knows_every_commit_before_its_size_can_be_read() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, told) = followed(&path, small());
    let stopped = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !stopped.load(Ordering::SeqCst) {
                let size = ledger.size();
                let known = told.lock().unwrap().heads.last().map_or(2, |head| head.size);
                assert!(known >= size, "the size {size} can be read, but the follower knows {known}");
                seen += usize::from(size > 2);
            }
            seen
        });
        for n in 0..300 {
            ledger.append(revocation(&n.to_string())).unwrap();
            ledger.append(decision(&n.to_string(), 0, EXPIRED)).unwrap();
        }
        stopped.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
    });
    assert!(told.lock().unwrap().heads.len() >= 300);
}

/// Refuses to write frames while `now` is true.
#[derive(Debug, Default)]
struct NoFrames {
    now: std::sync::atomic::AtomicBool,
}

impl Watch for NoFrames {
    fn before(&self, op: &Op<'_>) -> io::Result<()> {
        let is_frame = matches!(op, Op::Write(path, ..) if path.extension().is_some_and(|end| end == "wal"));
        if is_frame && self.now.load(Ordering::SeqCst) {
            return Err(rustix::io::Errno::ROFS.into());
        }
        Ok(())
    }
}

#[test]
fn the_follower_is_told_of_forwards_with_their_entries_and_of_outcomes() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, told) = followed(&path, small());
    ledger.append(revocation("first")).unwrap();
    ledger.append(denied("no").into()).unwrap();
    let decision = decision("yes", ledger.size(), DecisionOutcome::Allowed);
    let index = ledger.append(decision).unwrap().index();
    let outcome = OutcomeReport {
        attempts: 1,
        bytes_in: 0,
        bytes_out: 0,
        duration: 1,
        id: "yes".to_owned(),
        index,
        proxy: "local".to_owned(),
        reached: true,
        repeat: false,
        status: Some(200),
        termination: String::new(),
    };
    ledger.append(outcome.into()).unwrap();
    let mut log = ledger.read(index).unwrap();
    let recorded = log.next_bytes().unwrap().map(|(index, bytes)| (index, bytes.to_vec())).unwrap();
    let told = told.lock().unwrap();
    assert_eq!((&told.forwards, &told.outcomes), (&vec![recorded], &vec![index]));
}

#[test]
fn what_was_admitted_to_a_commit_that_is_not_written_never_happened() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let disk = Arc::new(NoFrames::default());
    let (ledger, told) = followed(&path, small().disk(Disk::watched(disk.clone())));
    ledger.append(revocation("first")).unwrap();
    disk.now.store(true, Ordering::SeqCst);
    let answers = post(&ledger, vec![revocation("a"), revocation("a"), revocation("first")]);
    let refused = Err(FactError::NotRecorded(RecordError::ReadOnly));
    assert_eq!(answers[..2], [refused.clone(), refused]);
    assert!(ledger.health().refuses_facts);
    assert_eq!(answers[2].as_ref().map(|fact| (fact.receipt.index(), fact.repeats)), Ok((2, true)));
    assert!(told.lock().unwrap().discarded > 0 && !told.lock().unwrap().in_force.contains_key("a"));
    disk.now.store(false, Ordering::SeqCst);
    let again = post(&ledger, vec![revocation("a")]);
    assert!(again[0].as_ref().is_ok_and(|fact| !fact.repeats), "{again:?}");
    assert!(!ledger.health().refuses_facts);
}

#[test]
fn no_forward_is_recorded_after_a_revocation_that_its_judge_had_not_read() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, told) = followed(&path, small());
    for n in 0..50 {
        let key = format!("key-{n}");
        let read = ledger.size();
        let (done, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for decided in 0..20 {
                    let done = done.clone();
                    let id = format!("{n}-{decided}");
                    let Entry::Decision(mut allow) = decision(&id, read, DecisionOutcome::Allowed) else {
                        panic!("a decision")
                    };
                    allow.chain[0].cnf.clone_from(&key);
                    ledger.submit(allow.into(), Box::new(move |result| done.send(result).unwrap()));
                }
            });
            let revoked = post(&ledger, vec![revocation(&key)])[0].clone().unwrap().receipt.index();
            for result in answers.iter().take(20) {
                match result {
                    Ok(receipt) => assert!(receipt.index() < revoked),
                    Err(refused) => assert_eq!(refused, RecordError::Stale),
                }
            }
        });
    }
    assert_eq!(told.lock().unwrap().in_force.len(), 50);
}

#[test]
fn thousands_of_facts_that_concern_nobody_make_no_decision_stale() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    let (ledger, _) = followed(&path, small().segment_bytes(0));
    let read = ledger.size();
    let facts = (0..2048).map(|n| revocation(&format!("nobody-{n}"))).collect();
    assert!(post(&ledger, facts).iter().all(Result::is_ok));
    assert!(ledger.append(decision("d", read, DecisionOutcome::Allowed)).is_ok());
}
