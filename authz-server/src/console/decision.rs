//! One decision: what was asked, by whom, under which warrant, what was checked, what decided, and what became of it. It is made from
//! the entry alone, as everybody can read it who has the log.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use ledger::entry::{
    BurnKind, Burned, CheckResult, Decision, Entry, LinkTerms, OutcomeReport, RecordedLink, RequestText,
};
use maud::{Markup, html};
use warrant::Denial;

use super::callers::Refused;
use super::outcomes::outcome;
use super::page::{Section, page};
use super::parts::{code, encoded, facts, lineage_address, span, time, time_of_seconds};
use super::text::{lines, of_request, text};
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::{DecisionAnswer, Reading, RecordedBytes};

pub(super) async fn one(
    State(reading): State<Reading>,
    id: Result<Path<String>, PathRejection>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let Path(id) = id.map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))?;
    let answer =
        reading.in_turn(caller.clone(), move |reading, caller| reading.decision(caller, &id)).await?;
    let content = content(&answer)?;
    Ok(page(Section::Decisions, "Decision", &caller, &content).into_response())
}

fn content(answer: &DecisionAnswer) -> Result<Markup, ApiError> {
    let (stamped, Entry::Decision(decision)) = read(&answer.decision)? else {
        return Err(unreadable("it is no decision"));
    };
    let terms: Option<Vec<LinkTerms>> = match (&answer.terms, decision.terms.links()) {
        (Some(elsewhere), _) => serde_json::from_str(elsewhere.get()).ok(),
        (None, own) => own.map(|terms| terms.to_vec()),
    };
    let ended = match answer.outcome.as_ref().map(read).transpose()? {
        Some((_, Entry::Outcome(report))) => Some(report),
        Some(_) | None => None,
    };
    let word = decision.outcome.word();
    Ok(html! {
        h1 { (outcome(word)) " " (request_line(&decision)) }
        (meaning(word, &decision))
        (span(answer.span))
        section aria-labelledby="asked" { h2 id="asked" { "What was asked" } (asked(&decision, stamped)) }
        section aria-labelledby="checked" { h2 id="checked" { "What was checked" } (checked(&decision)) }
        section aria-labelledby="warrant" { h2 id="warrant" { "The warrant" } (chain(&decision, terms.as_deref())) }
        section aria-labelledby="known" { h2 id="known" { "What was known" } (known(&decision)) }
        section aria-labelledby="ended" { h2 id="ended" { "What became of it" } (became(&decision, ended.as_ref())) }
        section aria-labelledby="record" { h2 id="record" { "The record" } (record(answer, &decision)) }
    })
}

fn read(recorded: &RecordedBytes) -> Result<(u64, Entry), ApiError> {
    let (stamps, entry) =
        Entry::read(recorded.entry.get().as_bytes()).map_err(|error| unreadable(&error.to_string()))?;
    Ok((stamps.time, entry))
}

fn unreadable(why: &str) -> ApiError {
    ApiError::new(ApiErrorCode::Unavailable, format!("the entry cannot be read: {why}"))
}

fn request_line(decision: &Decision) -> Markup {
    let request = &decision.request;
    html! { span.request { (of_request(&request.method)) " " (of_request(&request.host)) (of_request(&request.path)) } }
}

/// In words: for a denial what was found and what to do.
fn meaning(word: &str, decision: &Decision) -> Markup {
    match Denial::from_code(word) {
        Some(denial) => html! {
            p.meaning { strong { (denial.title()) ". " } (denial.meaning()) }
            p.cure { strong { "What to do: " } (denial.cure()) }
        },
        None if word == "observed" => html! {
            p.meaning { "It was forwarded, because its route is only observed. Governed, it would be: " (outcome(decision.verdict.code.word())) }
        },
        None if word == "ungoverned" => {
            html! { p.meaning { "It was forwarded, because its route is declared ungoverned." } }
        }
        None => {
            html! { p.meaning { "Every check passed, the policy permitted it, and it was on record before it was forwarded." } }
        }
    }
}

fn asked(decision: &Decision, stamped: u64) -> Markup {
    let request = &decision.request;
    let or_none = |value: Option<Markup>| value.unwrap_or_else(|| html! { span.none { "none" } });
    let part = |part: &RequestText| of_request(part);
    html! {
        (facts([
            ("Recorded", time(stamped)),
            ("Method", part(&request.method)),
            ("Host", part(&request.host)),
            ("Path", part(&request.path)),
            ("Action", or_none(request.action.as_deref().map(text))),
            ("Client", or_none(decision.identity.as_deref().map(text))),
            ("Proxy", text(&decision.proxy)),
        ]))
        @if !decision.args.is_empty() {
            h3 { "Arguments that the route reads" }
            dl.facts { @for (name, value) in &decision.args { div { dt { (text(name)) } dd { (json(value)) } } } }
        }
    }
}

/// The checks before the judge, in the order in which they are made, and then the judge.
fn checked(decision: &Decision) -> Markup {
    let checks = &decision.checks;
    let all = [
        ("Request", "It can be read in one way only.", checks.request),
        ("Governance", "A policy is in force, the clock is sane, and nothing is halted.", checks.governance),
        ("Form", "The warrant has its form.", checks.parse),
        ("Signatures", "The issuer is trusted, and every signature holds.", checks.signatures),
        ("Binding", "Each link names the one before it.", checks.binding),
        ("Issued", "The root is among those that were issued.", checks.issued),
        ("Proof", "The holder has the key.", checks.proof),
        ("Arguments", "Path and headers are what the route expects.", checks.arguments),
        ("Query", "The query is what the route expects.", checks.query),
        ("Body", "The body is what the route expects.", checks.body),
    ];
    let verdict = &decision.verdict;
    html! {
        ol.checks {
            @for (name, means, result) in all {
                li {
                    span.check { (name) } " "
                    @match result {
                        Some(CheckResult::Passed) => { span.outcome.allowed { span.sign aria-hidden="true" { "✓" } " holds" } }
                        Some(CheckResult::Denied(denied)) => { (outcome(denied.word())) }
                        None => { span.outcome.none { span.sign aria-hidden="true" { "–" } " not made" } }
                    }
                    " " span.hint { (means) }
                }
            }
            li {
                span.check { "Policy" } " " (outcome(verdict.code.word())) " "
                span.hint {
                    @match &verdict.route { Some(route) => { "Route " (text(route)) } None => "No route matched" }
                    ". "
                    @if verdict.policies.is_empty() { "No policy decided." } @else { "Decided by " }
                    @for (place, policy) in verdict.policies.iter().enumerate() { @if place > 0 { ", " } (text(policy)) }
                }
            }
        }
    }
}

fn chain(decision: &Decision, terms: Option<&[LinkTerms]>) -> Markup {
    let links: &[RecordedLink] = &decision.chain;
    let Some(root) = links.first() else {
        return html! { p { "The request had no warrant that could be read." } };
    };
    let lineage = root.txn.as_deref().zip(root.iss.as_deref());
    html! {
        @if let Some((txn, iss)) = lineage { p { "Lineage " a href=(lineage_address(txn, iss)) { (text(txn)) } } }
        @if terms.is_none() { p.hint { "What each link permits is said by an earlier entry, which was moved to an archive." } }
        ol.chain {
            @for (place, link) in links.iter().enumerate() {
                li { (one_link(place, link, terms.and_then(|terms| terms.get(place)))) }
            }
        }
        @if !decision.burned.is_empty() {
            h3 { "Used up by this decision" }
            ul { @for item in &decision.burned { li { (burned(item, links)) } } }
        }
    }
}

fn one_link(place: usize, link: &RecordedLink, terms: Option<&LinkTerms>) -> Markup {
    html! {
        p.holder {
            strong { (text(&link.sub)) } " "
            span.hint { @if place == 0 { "holds the root" } @else { "got it by delegation" } ", as " (text(&link.jti)) }
        }
        (facts([
            ("Ends", time_of_seconds(link.exp)),
            ("Uses", link.r#use.map_or_else(|| html! { "without a limit" }, |uses| html! { "at most " (uses) })),
            ("Key", code(&link.cnf)),
        ]))
        @if let Some(iss) = &link.iss { (facts([("Issuer", text(iss))])) }
        @if let Some(terms) = terms {
            details { summary { "What it permits" } pre { (lines(&pretty(terms))) } }
        }
    }
}

fn burned(item: &Burned, chain: &[RecordedLink]) -> Markup {
    match item {
        Burned::UseOfLink(place) => {
            let link = usize::try_from(*place).ok().and_then(|place| chain.get(place));
            html! { "One use of " @if let Some(link) = link { (text(&link.jti)) @if let Some(uses) = link.r#use { ", which may be used " (uses) @if uses == 1 { " time" } @else { " times" } } } }
        }
        Burned::Proof(proof) => html! { "The proof " (text(&proof.proof)) },
        Burned::Item(burn) => html! {
            @match burn.what { BurnKind::Use => "One use of ", BurnKind::Proof => "The proof " } (text(&burn.name))
        },
    }
}

/// The facts that the judge read.
fn known(decision: &Decision) -> Markup {
    let posture = decision.posture.word();
    html! {
        (facts([
            ("Posture", html! { (posture) }),
            ("Facts up to", html! { "entry " (decision.as_of) }),
            ("Policy", match &decision.bundle {
                Some(bundle) => html! { "version " (bundle.version) ", " (code(bundle.digest)) },
                None => html! { span.none { "none was in force" } },
            }),
        ]))
        @if !decision.environment.is_empty() {
            dl.facts { @for (dimension, value) in &decision.environment { div { dt { (text(dimension)) } dd { (text(value)) } } } }
        }
        @for revoked in &decision.revoked { p { "Revoked: " (revoked.what.word()) " " (text(&revoked.value)) } }
        @for place in &decision.halted { p { "Halted: the " (place.word()) } }
        @for condition in &decision.conditions {
            p { "Condition " (text(&condition.name)) " is " (text(&condition.value)) ", says " (text(&condition.iss)) " until " (time_of_seconds(condition.exp)) }
        }
        @for attestation in &decision.attestation {
            p { "Attestation of " (text(&attestation.subject)) ": " @if attestation.positive { "positive" } @else { "negative" } ", says " (text(&attestation.iss)) " until " (time_of_seconds(attestation.exp)) }
        }
    }
}

fn became(decision: &Decision, ended: Option<&OutcomeReport>) -> Markup {
    match ended {
        Some(report) => html! {
            (facts([
                ("Status", report.status.map_or_else(|| html! { span.none { "none was sent" } }, |status| html! { (status) })),
                ("Upstream", html! { @if report.reached { "reached" } @else { "not reached" } }),
                ("Took", html! { (report.duration) " ms" }),
                ("Sent upstream", html! { (report.attempts) @if report.attempts == 1 { " time" } @else { " times" } }),
            ]))
            @if !report.termination.is_empty() { p { "It ended with: " (text(&report.termination)) } }
            @if report.repeat { p.alarm { "The proxy reported an end of it before. That is an alarm: it may have run twice." } }
        },
        None if decision.forwards() => {
            html! { p { "Not known: it still runs, or the proxy did not report how it ended." } }
        }
        None => html! { p { "It was denied, and reached no upstream." } },
    }
}

fn record(answer: &DecisionAnswer, decision: &Decision) -> Markup {
    let proof = format!("/v1/decisions/{}/proof", encoded(&decision.id));
    html! {
        (facts([("Id", code(&decision.id)), ("Entry", html! { (answer.decision.index) })]))
        p { a href=(proof) download={ (answer.decision.index) ".tlog-proof" } { "Download the proof" } " that it is on record. " code { "portcullis ledger verify" } " checks it with the log's key, without this server." }
        details { summary { "The entry, as it is recorded" } pre { (lines(answer.decision.entry.get())) } }
    }
}

fn json(value: &impl serde::Serialize) -> Markup {
    text(&serde_json::to_string(value).unwrap_or_default())
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
