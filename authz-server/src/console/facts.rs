//! The facts in force: how much is allowed where, what is revoked, what attestors say; each with who said it, when and why. From here a
//! person halts, restricts, resumes, revokes and reinstates.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ledger::entry::{
    AttestationStatement, ConditionStatement, FactScope, Posture, PostureChange, Revocation, RevocationTarget,
};
use maud::{Markup, html};

use super::acts::{self, Act};
use super::callers::Refused;
use super::page::{Section, page};
use super::parts::{time, time_of_seconds};
use super::text::{start_of, text};
use super::{Pages, outcomes};
use crate::authority::callers::Caller;
use crate::facts::{Known, Recorded};

/// So many of a kind are shown: the newest.
const SHOWN: usize = 100;

pub(super) async fn all(
    State(Pages { reading, facts, .. }): State<Pages>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    // There may be a million, and they are not looked through where decisions are made.
    let made =
        reading.in_turn(caller.clone(), move |_, caller| facts.read(caller).map(|known| content(&known)));
    let content = made.await?;
    Ok(page(Section::Facts, "Facts", &caller, &content).into_response())
}

fn content(known: &Arc<Known>) -> Markup {
    let tables = known.tables();
    let (postures, more_postures) = newest(tables.postures.iter());
    let (revocations, more_revocations) = newest(tables.revocations.iter());
    let (attestations, more_attestations) = newest(tables.attestations.iter());
    let (conditions, more_conditions) = newest(tables.conditions.iter());
    html! {
        h1 { "Facts" }
        p.span { "What is in force, as of entry " (known.as_of()) " of the record." }
        section {
            h2 { "How much is allowed" }
            @if postures.is_empty() {
                p { "Everywhere " (posture_word(Posture::Normal)) ": what the policy allows." }
            } @else {
                (table("How much is allowed", &["Posture", "Where", "Since", "By", "Reason", ""], postures.iter().map(|one| posture_row(one))))
                p.hint { "Everywhere else it is normal: what the policy allows." }
            }
            (more(more_postures))
            (acts::form(&Act::SetPosture))
        }
        section {
            h2 { "What is revoked" }
            @if revocations.is_empty() {
                p { "Nothing. A warrant or a lineage is revoked from the page of its lineage; a key or a holder here." }
            } @else {
                (table("What is revoked", &["What", "Name", "Since", "Until", "By", "Reason", ""], revocations.iter().map(|one| revocation_row(one))))
            }
            (more(more_revocations))
            (acts::form(&Act::RevokeHolderOrKey))
        }
        section {
            h2 { "What attestors say of workloads" }
            @if attestations.is_empty() { p { "Nothing yet." } } @else {
                (table("What attestors say of workloads", &["Workload", "Says", "Valid until", "Attestor"], attestations.iter().map(|one| attestation_row(one))))
            }
            (more(more_attestations))
        }
        section {
            h2 { "Conditions" }
            @if conditions.is_empty() { p { "None is stated." } } @else {
                (table("Conditions", &["Condition", "Value", "Where", "Valid until", "Attestor"], conditions.iter().map(|one| condition_row(one))))
            }
            (more(more_conditions))
        }
    }
}

/// The newest of these, the newest first, and how many older ones there are.
fn newest<'a, F: 'a>(all: impl Iterator<Item = &'a Recorded<F>>) -> (Vec<&'a Recorded<F>>, usize) {
    let (mut kept, mut count) = (BTreeMap::new(), 0_usize);
    for one in all {
        count = count.saturating_add(1);
        kept.insert(one.index, one);
        if kept.len() > SHOWN {
            kept.pop_first();
        }
    }
    let older = count.saturating_sub(kept.len());
    (kept.into_values().rev().collect(), older)
}

fn more(older: usize) -> Markup {
    html! {
        @if older > 0 { p.hint { (older) " older ones are not shown. The API has them (" code { "/v1/" } ")." } }
    }
}

fn table(name: &str, heads: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.scroll role="region" aria-label=(name) tabindex="0" {
            table {
                thead { tr { @for head in heads { @if head.is_empty() { td {} } @else { th scope="col" { (head) } } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

/// What is allowed, as one word with its sign.
pub(super) fn posture_word(posture: Posture) -> Markup {
    let (class, sign) = match posture {
        Posture::Normal => ("allowed", "✓"),
        Posture::Restricted => ("forwarded", "◐"),
        Posture::Halted => ("permitted", "■"),
    };
    outcomes::word(class, sign, posture.word())
}

fn place(scope: FactScope, subject: &str) -> Markup {
    match scope {
        FactScope::Mesh => html! { "the mesh" },
        FactScope::Route | FactScope::Environment | FactScope::Issuer => {
            html! { (scope.word()) " " (text(subject)) }
        }
    }
}

fn posture_row(Recorded { index, time: at, fact }: &Recorded<PostureChange>) -> Markup {
    html! {
        tr {
            td data-label="Posture" { (posture_word(fact.stance)) }
            td data-label="Where" { (place(fact.scope, &fact.subject)) }
            td.when data-label="Since" { (time(*at)) }
            td data-label="By" { (start_of(&fact.by)) }
            td data-label="Reason" { (text(&fact.reason)) }
            td {
                @if fact.stance != Posture::Normal {
                    (acts::form(&Act::Resume { scope: fact.scope, subject: &fact.subject, replaces: *index }))
                }
            }
        }
    }
}

fn revocation_row(Recorded { index, time: at, fact }: &Recorded<Revocation>) -> Markup {
    let what = match fact.what {
        RevocationTarget::Path => "warrant",
        RevocationTarget::Key => "key",
        RevocationTarget::Lineage => "lineage",
        RevocationTarget::Subject => "holder",
    };
    let can_end = matches!(fact.what, RevocationTarget::Key | RevocationTarget::Subject);
    html! {
        tr {
            td data-label="What" { (what) }
            td data-label="Name" { (text(&fact.value)) @if !fact.iss.is_empty() { " " span.hint { "of " (text(&fact.iss)) } } }
            td.when data-label="Since" { (time(*at)) }
            td.when data-label="Until" { @match fact.until { Some(until) => (time_of_seconds(until)), None => "no end: until it is reinstated" } }
            td data-label="By" { (start_of(&fact.by)) }
            td data-label="Reason" { (text(&fact.reason)) }
            td { @if can_end { (acts::form(&Act::Reinstate { revocation: *index })) } }
        }
    }
}

fn attestation_row(Recorded { fact, .. }: &Recorded<AttestationStatement>) -> Markup {
    let (class, sign, says) =
        if fact.positive { ("allowed", "✓", "positive") } else { ("permitted", "×", "negative") };
    html! {
        tr {
            td data-label="Workload" { (text(&fact.subject)) }
            td data-label="Says" { (outcomes::word(class, sign, says)) }
            td.when data-label="Valid until" { (time_of_seconds(fact.exp)) }
            td data-label="Attestor" { (text(&fact.iss)) }
        }
    }
}

fn condition_row(Recorded { fact, .. }: &Recorded<ConditionStatement>) -> Markup {
    html! {
        tr {
            td data-label="Condition" { (text(&fact.name)) }
            td data-label="Value" { (text(&fact.value)) }
            td data-label="Where" { (place(fact.scope, &fact.subject)) }
            td.when data-label="Valid until" { (time_of_seconds(fact.exp)) }
            td data-label="Attestor" { (text(&fact.iss)) }
        }
    }
}
