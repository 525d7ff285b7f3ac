//! What judging again must not accept. That every case gets the same verdict again is tested in `judge`: there each
//! case is recorded, read back and judged again.

mod judge;
mod judged_elsewhere;

use ledger::entry::{
    CheckResult, Checks, Decision, DecisionOutcome, DenialCode, IntegerJson, Posture, RecordedChain,
    RecordedTerms, RecordedVerdict, VerdictCode,
};
use policy::decision::Case;

use super::{JudgedAgain, RecordedWarrant, explain, judge_again};
use crate::example_decision;
use crate::policy_fixture::{NOW, bundle, files, with_policy};

/// A request without a warrant on a governed route.
fn decision() -> Decision {
    let ok = Some(CheckResult::Passed);
    let code = DenialCode::WarrantMissing;
    Decision {
        args: [].into(),
        checks: Checks {
            governance: ok,
            request: ok,
            parse: Some(CheckResult::Denied(code)),
            ..Checks::default()
        },
        clock: NOW,
        environment: [].into(),
        outcome: DecisionOutcome::Denied(code),
        proxy: "spiffe://shop/ns/shop/sa/payments".to_owned(),
        request: example_decision::request("payments.shop:8080", "POST", "/v1/payments/a-7"),
        verdict: RecordedVerdict { code: VerdictCode::Denied(code), policies: vec![], route: None },
        ..example_decision::denied("d")
    }
}

/// The warrant of a case as it is recorded.
fn warrant_of(case: &Case<'_>) -> (RecordedChain, RecordedTerms) {
    let chain = case.http.as_ref().ok().and_then(|http| http.chain.as_ref().ok());
    let RecordedWarrant { chain, terms } = chain.map(|chain| RecordedWarrant::of(chain)).unwrap_or_default();
    (chain, RecordedTerms::Whole(terms))
}

#[test]
fn an_honest_record_gets_the_same_verdict_again() {
    assert_eq!(judge_again(&decision(), &bundle(&files())), JudgedAgain::Same);
}

#[test]
fn a_verdict_that_the_judge_did_not_give_is_detected() {
    let mut forged = decision();
    forged.verdict.code = VerdictCode::Permit;
    let JudgedAgain::Differs(found) = judge_again(&forged, &bundle(&files())) else {
        panic!("accepted as the judge's")
    };
    assert_eq!(found.code.word(), "warrant-missing");
}

#[test]
fn stale_governance_and_an_ambiguous_request_are_part_of_the_input() {
    for (check, code) in [(0, DenialCode::GovernanceStale), (1, DenialCode::RequestAmbiguous)] {
        let mut one = decision();
        let place = if check == 0 { &mut one.checks.governance } else { &mut one.checks.request };
        *place = Some(CheckResult::Denied(code));
        let JudgedAgain::Differs(found) = judge_again(&one, &bundle(&files())) else { panic!("{code:?}") };
        assert_eq!(found.code, VerdictCode::Denied(code));
    }
}

#[test]
fn a_record_whose_parts_do_not_fit_together_is_not_judged() {
    let bundle = bundle(&files());
    let unfit = |change: fn(&mut Decision)| {
        let mut one = decision();
        change(&mut one);
        judge_again(&one, &bundle)
    };
    assert_eq!(unfit(|d| d.checks.governance = None), JudgedAgain::Unfit("the check `governance`"));
    assert_eq!(unfit(|d| d.checks.parse = None), JudgedAgain::Unfit("the check `parse`"));
    assert_eq!(unfit(|d| d.posture = Posture::Halted), JudgedAgain::Unfit("the posture"));
    assert_eq!(unfit(|d| d.request.path = "/a//b".into()), JudgedAgain::Unfit("the path"));
    let nothing_signed = |d: &mut Decision| {
        d.checks.parse = Some(CheckResult::Passed);
        d.checks.signatures = Some(CheckResult::Passed);
        d.checks.binding = Some(CheckResult::Passed);
    };
    assert_eq!(unfit(nothing_signed), JudgedAgain::Unfit("the chain"));
    let withheld = |d: &mut Decision| {
        d.request.action = Some("POST".to_owned());
        d.args.insert(
            "amount".to_owned(),
            IntegerJson::Object([("hmac".to_owned(), IntegerJson::Null)].into()),
        );
    };
    assert_eq!(unfit(withheld), JudgedAgain::Withheld);
}

#[test]
fn an_explanation_says_what_the_judge_says_and_that_the_record_differs() {
    let honest = explain(&decision(), &bundle(&files()));
    assert_eq!((honest.again, honest.explained.result), (JudgedAgain::Same, "warrant-missing"));
    assert_eq!(honest.explained.route.as_deref(), Some("pay"), "the judge denied before it named the route");

    let mut forged = decision();
    forged.verdict.code = VerdictCode::Permit;
    let account = explain(&forged, &bundle(&files()));
    assert_eq!(account.explained.result, "warrant-missing");
    assert!(matches!(account.again, JudgedAgain::Differs(found) if found.code.word() == "warrant-missing"));

    let mut elsewhere = decision();
    elsewhere.request.path = "/nowhere".into();
    elsewhere.proxy = "spiffe://shop/ns/other".to_owned();
    assert_eq!(explain(&elsewhere, &bundle(&files())).explained.result, "target-mismatch");
}

#[test]
fn where_arguments_are_withheld_the_recorded_policies_are_explained() {
    let limit = "@id(\"limit\") @reason(\"too much\") @cure(\"ask for less\")\nforbid (principal, action, resource) when { context.args.amount > 100 };";
    let bundle = bundle(&with_policy("amount: {from: query:amount, type: natural, record: digest}", limit));
    let mut one = decision();
    one.checks.parse = Some(CheckResult::Passed);
    one.request.action = Some("POST".to_owned());
    one.args
        .insert("amount".to_owned(), IntegerJson::Object([("hmac".to_owned(), IntegerJson::Null)].into()));
    one.checks.signatures = Some(CheckResult::Denied(DenialCode::IssuerUntrusted));
    let told = |code: VerdictCode, policies: &[&str]| {
        let mut one = one.clone();
        let policies = policies.iter().map(|id| (*id).to_owned()).collect();
        one.verdict = RecordedVerdict { code, policies, route: Some("pay".to_owned()) };
        let account = explain(&one, &bundle);
        assert_eq!(account.again, JudgedAgain::Withheld);
        account.explained
    };
    let refused = told(VerdictCode::Denied(DenialCode::PolicyDenied), &["pay/limit"]);
    assert_eq!((refused.result, refused.why.as_str()), ("policy-denied", "too much"));
    assert_eq!(refused.cure.as_deref(), Some("ask for less"));
    let permitted = told(VerdictCode::Permit, &["pay/caller:group:payments-agents"]);
    assert_eq!(permitted.result, "allow");
    assert_eq!(permitted.why, "permitted by pay/caller:group:payments-agents");
}
