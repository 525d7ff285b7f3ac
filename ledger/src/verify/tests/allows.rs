//! What an allow needs, by itself.

use super::*;
use crate::entry::{
    BurnKind, Burned, CheckResult, DenialCode, LeafProof, Posture, RecordedBurn, RequestText,
    UngovernedRequest, VerdictCode,
};
use crate::example_log::ISSUER;

const EXPIRED: VerdictCode = VerdictCode::Denied(DenialCode::Expired);

/// A change of the allow at its place, after what the audit says about it.
type Change = (&'static str, fn(&mut Decision));

fn table() -> Vec<Change> {
    vec![
        ("it is `allowed`, but its verdict is `expired`", |d| d.verdict.code = EXPIRED),
        ("link 0 of its warrant has a limit and not exactly one use of it was burned", |d| d.burned.clear()),
        ("link 1 of its warrant has a limit", |d| drop(d.burned.pop())),
        ("link 1 of its warrant has a limit", |d| burn(d, 1).max = 2),
        ("link 1 of its warrant has a limit", |d| burn(d, 1).until += 1),
        ("link 0 of its warrant has a limit", |d| burn(d, 0).owner = "https://other".to_owned()),
        ("link 1 of its warrant has a limit", |d| burn(d, 1).name = "c".to_owned()),
        ("a use of something that is not a link with a limit", |d| {
            let name = "r/c/x".to_owned();
            let more = RecordedBurn { name, ..burn(d, 1).clone() };
            d.burned.push(more.into());
        }),
        ("the proofs that it burned are not the one that was checked", |d| {
            d.checks.proof = Some(CheckResult::Passed);
        }),
        ("of a link that its chain does not have, or that has no limit", |d| {
            d.burned.push(Burned::UseOfLink(2));
        }),
        ("of a link that its chain does not have, or that has no limit", |d| {
            d.chain[1].r#use = None;
            d.burned[1] = Burned::UseOfLink(1);
        }),
        ("link 0 of its warrant has a limit and not exactly one use", |d| {
            d.burned = vec![Burned::UseOfLink(1), Burned::UseOfLink(1)];
        }),
        ("the proofs that it burned are not the one that was checked", |d| {
            d.checks.proof = Some(CheckResult::Passed);
            d.burned.push(proof_by("key-of-the-agent").into());
        }),
        ("its chain is empty", |d| {
            d.chain = Vec::new().into();
            d.terms = Vec::new().into();
            d.burned.clear();
        }),
        ("it names no bundle", |d| d.bundle = None),
        ("it names no route", |d| d.verdict.route = None),
        ("the check `signatures` is `signature-invalid`", |d| {
            d.checks.signatures = Some(CheckResult::Denied(DenialCode::SignatureInvalid));
        }),
        ("the check `query` is `outside-warrant`", |d| {
            d.checks.query = Some(CheckResult::Denied(DenialCode::OutsideWarrant));
        }),
        ("the check `governance` was not made", |d| d.checks.governance = None),
        ("the check `parse` was not made", |d| d.checks.parse = None),
        ("the check `binding` was not made", |d| d.checks.binding = None),
        ("in the posture `halted`", |d| d.posture = Posture::Halted),
        ("link 1 of its warrant had expired", |d| {
            d.chain[1].exp = d.clock;
            burn(d, 1).until = d.clock;
        }),
        ("it does not say when it ends", |d| d.ends = None),
        ("but it ends at", |d| d.ends = Some(d.clock)),
        ("but link 0 of its warrant expires at", |d| d.ends = Some(d.chain[0].exp + 1)),
        ("by facts that hold until", |d| d.lapses = Some(d.clock)),
        ("by its terms it is valid from 1700000031 on", |d| terms_of(d)[0].nbf = d.clock + 31),
        ("by its terms it is valid from 1700000031 on", |d| terms_of(d)[1].iat = d.clock + 31),
        ("its `clock` is later than its `time`", |d| d.clock += 1),
        ("a clock that is more than 60 s earlier", |d| d.clock -= 61),
        ("link 1 of its chain does not follow", |d| terms_of(d)[1].depth = 2),
        ("link 1 of its chain does not follow", |d| {
            terms_of(d)[1].iss = Some("urn:another:key".to_owned());
        }),
        ("link 1 of its chain does not follow", |d| terms_of(d)[1].iss = None),
        ("link 1 of its chain does not follow", |d| terms_of(d)[1].kid = Some("a1".to_owned())),
        ("link 1 of its chain does not follow", |d| d.chain[1].iss = Some(ISSUER.to_owned())),
        ("link 0 of its chain does not follow", |d| terms_of(d)[0].kid = None),
        ("link 0 of its chain does not follow", |d| terms_of(d)[0].iss = Some("urn:a:key".to_owned())),
        ("link 0 of its chain does not follow", |d| d.chain[0].iss = None),
        ("its terms are not one for each link", |d| d.terms = Vec::new().into()),
        ("link 1 of its chain does not follow", |d| d.chain[1].txn = Some("t".to_owned())),
        ("link 0 of its chain does not follow", |d| d.chain[0].key = None),
        ("bound to an attestation, but the judge read none", |d| {
            d.chain[1].att = Some(vec!["sha256:00".to_owned()])
        }),
        ("`request.path` holds a query", |d| d.request.path = RequestText::from("/pay?card=1")),
        ("`request.path` holds a query", |d| d.request.path = RequestText::from("/pay#card")),
        ("`request.path` holds a query", |d| d.request.path = RequestText::Bytes(b"/\xff?card".to_vec())),
        ("its `as_of` names facts that were not recorded yet", |d| d.as_of = 9),
        ("had not read the fact at index 2", |d| d.as_of = 2),
    ]
}

/// What the decision burned at this place of its list.
fn burn(decision: &mut Decision, place: usize) -> &mut RecordedBurn {
    match &mut decision.burned[place] {
        Burned::Item(burn) => burn,
        other @ (Burned::UseOfLink(_) | Burned::Proof(_)) => panic!("{other:?}"),
    }
}

fn proof_by(owner: &str) -> RecordedBurn {
    let (name, owner) = ("p".to_owned(), owner.to_owned());
    RecordedBurn { max: 1, name, owner, until: CLOCK + 30, what: BurnKind::Proof }
}

#[test]
fn a_false_member_of_an_allow_is_named() {
    let sound = sound_log();
    for (text, change) in table() {
        sound.finds(ALLOWED, text, |log| change(decision_at(log, ALLOWED)));
    }
}

#[test]
fn an_allow_with_the_proof_that_was_checked_holds() {
    let mut proved = next_allow(0);
    proved.checks.proof = Some(CheckResult::Passed);
    proved.burned = vec![proof_by("key-of-the-agent").into()];
    let proof = LeafProof { proof: "q".to_owned(), until: CLOCK + 30 };
    let short = Decision { id: "short".to_owned(), burned: vec![Burned::Proof(proof)], ..proved.clone() };
    sound_log().accepts("its proof is burned", vec![proved.into(), short.clone().into()]);
    let again = Decision { id: "again".to_owned(), ..short.clone() };
    sound_log().refuses("the proof of q was burned before", vec![short.into(), again.into()]);
}

#[test]
fn every_forward_needs_a_bundle_a_route_and_sane_governance() {
    let sound = sound_log();
    for place in [OBSERVED, UNGOVERNED] {
        sound.finds(place, "it names no bundle", |log| decision_at(log, place).bundle = None);
        sound.finds(place, "it names no route", |log| decision_at(log, place).verdict.route = None);
        sound.finds(place, "the check `request` was not made", |log| {
            decision_at(log, place).checks.request = None
        });
    }
    for place in [OBSERVED, UNGOVERNED] {
        sound.finds(place, "it does not say when it ends", |log| decision_at(log, place).ends = None);
        sound.finds(place, "by facts that hold until", |log| {
            decision_at(log, place).lapses = Some(CLOCK + 9);
        });
    }
    sound.finds(DENIED, "it says when its proxy ends it", |log| {
        decision_at(log, DENIED).ends = Some(CLOCK + 9)
    });
    sound.finds(UNGOVERNED, "its verdict is `expired`", |log| {
        decision_at(log, UNGOVERNED).verdict.code = EXPIRED
    });
    let report = sound.audit_after(|log| decision_at(log, OBSERVED).verdict.code = EXPIRED);
    assert!(report.holds(), "an observed request is forwarded whatever the verdict: {:?}", report.faults);
}

#[test]
fn no_entry_holds_a_query() {
    let sound = sound_log();
    let with_query = |log: &mut Vec<_>| decision_at(log, DENIED).request.path = RequestText::from("/a?b");
    sound.finds(DENIED, "`request.path` holds a query", with_query);
    let request = crate::example_decision::request("demo", "GET", "/a?secret");
    let ungoverned = UngovernedRequest {
        id: None,
        proxy: "local".to_owned(),
        request,
        status: None,
        upstream: String::new(),
    };
    sound.refuses("`request.path` holds a query", vec![ungoverned.into()]);
}

#[test]
fn a_word_outside_its_closed_list_is_named() {
    let sound = sound_log();
    for (index, from, to) in [
        (ALLOWED, r#""outcome":"allowed""#, r#""outcome":"approved""#),
        (ALLOWED, r#""code":"permit""#, r#""code":"permitted""#),
        (ALLOWED, r#""not_made":["body""#, r#""not_made":["bodies""#),
        (ALLOWED, r#""posture":"normal""#, r#""posture":"calm""#),
        (DENIED, r#""outcome":"expired""#, r#""outcome":"altered""#),
    ] {
        let mut entries = sound.rewritten(|_| ());
        let text = String::from_utf8(entries[index].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        entries[index] = text.replace(from, to).into_bytes();
        let report = sound.audit(&sound.signed_again(&entries));
        let word = to.rsplit('"').nth(1).unwrap();
        let is_named = |fault: &crate::verify::AuditFault| {
            fault.place == format!("entry {index}") && fault.what.contains(word)
        };
        assert!(report.faults.iter().any(is_named), "{to}: {:?}", report.faults);
    }
}
