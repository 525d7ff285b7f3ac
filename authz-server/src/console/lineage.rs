//! A lineage: the warrants that came from roots with one name, as a tree, with the decisions under each. What is too much for one page
//! has a page of its own.

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::acts::{self, Act};
use super::callers::Refused;
use super::outcomes::outcome;
use super::page::{Section, page};
use super::parts::{code, decision_address, encoded, facts, lineage_address, span, time, time_of_seconds};
use super::text::{start_of, text};
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::{LineageAnswer, Reading};
use crate::history::{LineageWarrant, Tally};

/// How many warrants a page has: those nearest to its top, and of each level the first.
const ON_A_PAGE: usize = 200;
/// How many children of one warrant are on the page of its parents.
const CHILDREN: usize = 50;

/// What the address of the form says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sought {
    txn: Option<String>,
}

/// What the address of a lineage says beside its name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// The issuer.
    iss: Option<String>,
    /// Only what is below the warrant with this path.
    under: Option<String>,
}

pub(super) async fn find(
    sought: Result<Query<Sought>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let Query(Sought { txn }) = sought.map_err(|error| malformed(error.body_text()))?;
    if let Some(txn) = txn.as_deref().map(str::trim).filter(|txn| !txn.is_empty()) {
        return Ok(
            axum::response::Redirect::to(&format!("/console/lineages/{}", encoded(txn))).into_response()
        );
    }
    let content = html! {
        h1 { "Lineages" }
        p { "A lineage is everything that came from one root warrant: the warrants that were delegated, and what each was used for." }
        form.narrow method="get" action="/console/lineages" role="search" aria-label="A lineage" {
            div {
                label for="txn" { "Name of the lineage (" code { "txn" } " of its root)" }
                input id="txn" name="txn" autocomplete="off" spellcheck="false" required;
            }
            div.buttons { button type="submit" { "Open" } }
        }
        p.hint { "Every decision with a warrant leads to its lineage: " a href="/console/decisions" { "look at the decisions" } "." }
    };
    Ok(page(Section::Lineages, "Lineages", &caller, &content).into_response())
}

pub(super) async fn one(
    State(reading): State<Reading>,
    txn: Result<Path<String>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let Path(txn) = txn.map_err(|error| malformed(error.body_text()))?;
    let Query(Which { iss, under }) = which.map_err(|error| malformed(error.body_text()))?;
    let made = reading.in_turn(caller.clone(), move |reading, caller| {
        let answer = reading.lineage(caller, &txn, iss.as_deref())?;
        // A tree can have thousands of warrants: it is not written where decisions are made.
        content(&answer, under.as_deref())
    });
    let content = made.await?;
    Ok(page(Section::Lineages, "Lineage", &caller, &content).into_response())
}

fn malformed(detail: String) -> ApiError {
    ApiError::new(ApiErrorCode::Malformed, detail)
}

fn content(answer: &LineageAnswer, under: Option<&str>) -> Result<Markup, ApiError> {
    let lineage = &answer.lineage;
    let (txn, iss) = (lineage.txn.as_str(), lineage.iss.as_str());
    let (top, above) = match under {
        None => (lineage.warrants.iter().collect(), None),
        Some(path) => {
            let unknown = || ApiError::new(ApiErrorCode::Unknown, "this lineage has no warrant of this path");
            (
                vec![find_by_path(&lineage.warrants, path).ok_or_else(unknown)?],
                Some(lineage_address(txn, iss)),
            )
        }
    };
    let mut shown = Shown { txn, iss, left: ON_A_PAGE };
    let issued = match lineage.issued {
        Some(index) => html! { "by entry " (index) " of this record" },
        None => html! { "not by this server, or before the oldest entry that is known" },
    };
    Ok(html! {
        h1 { "Lineage " (text(txn)) }
        (facts([("Issuer", text(iss)), ("Root issued", issued)]))
        @if let Some(above) = above { p { a href=(above) { "The whole lineage" } } }
        p { a href={ "/console/decisions?lineage=" (encoded(txn)) } { "Its decisions, one by one" } }
        @if under.is_none() { (acts::form(&Act::RevokeLineage { txn, iss })) }
        (span(answer.span))
        ul.tree aria-label="Warrants" { @for warrant in &top { (branch(warrant, &mut shown)) } }
        @if lineage.left_out > 0 {
            p.hint { (lineage.left_out) " decisions are under further warrants, for which there is no room here." }
        }
    })
}

/// The warrant with this path. Paths are those of the answer itself, so one that begins with a warrant's leads there.
fn find_by_path<'a>(warrants: &'a [LineageWarrant], path: &str) -> Option<&'a LineageWarrant> {
    let mut level = warrants;
    loop {
        if let Some(found) = level.iter().find(|warrant| warrant.path == path) {
            return Some(found);
        }
        let leads = |warrant: &&LineageWarrant| {
            path.strip_prefix(warrant.path.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        level = &level.iter().find(leads)?.children;
    }
}

/// What a page still has room for, and where what it has no room for is.
struct Shown<'a> {
    txn: &'a str,
    iss: &'a str,
    left: usize,
}

impl Shown<'_> {
    fn address_under(&self, path: &str) -> String {
        format!("{}&under={}", lineage_address(self.txn, self.iss), encoded(path))
    }
}

fn branch(warrant: &LineageWarrant, shown: &mut Shown<'_>) -> Markup {
    shown.left = shown.left.saturating_sub(1);
    let own = html! {
        div.warrant {
            p.holder { strong { (text(&warrant.sub)) } " " span.hint { "as " (start_of(&warrant.jti)) } }
            (facts([
                ("Ends", time_of_seconds(warrant.exp)),
                ("Uses", warrant.uses.map_or_else(|| html! { "without a limit" }, |uses| html! { "at most " (uses) })),
                ("Key", code(&warrant.cnf)),
            ]))
            (tally(&warrant.decisions))
            (acts::form(&Act::RevokeWarrant { path: &warrant.path, iss: shown.iss }))
        }
    };
    let mut children = Vec::new();
    for child in warrant.children.iter().take(CHILDREN) {
        if shown.left == 0 {
            break;
        }
        children.push(branch(child, shown));
    }
    let hidden = warrant.children.len().saturating_sub(children.len());
    html! {
        li {
            @if warrant.children.is_empty() {
                (own)
            } @else {
                (own)
                details open {
                    summary { (warrant.children.len()) @if warrant.children.len() == 1 { " delegation" } @else { " delegations" } }
                    ul { @for child in &children { (child) } }
                    @if hidden > 0 {
                        p.hint { a href=(shown.address_under(&warrant.path)) { "All below this warrant" } " (" (hidden) " more)" }
                    }
                }
            }
        }
    }
}

fn tally(decisions: &Tally) -> Markup {
    html! {
        @if decisions.count == 0 {
            p.hint { "No decision about a request that presented exactly this warrant." }
        } @else {
            ul.tally aria-label="Decisions" {
                @for (word, count) in &decisions.outcomes { li { (count) " " (outcome(word)) } }
            }
            p.hint {
                @if let Some(first) = decisions.first { "From " (time(first.time)) }
                @if let Some(last) = decisions.last { " to " (time(last.time)) }
                ". Newest: "
                @for (place, id) in decisions.newest.iter().enumerate() {
                    @if place > 0 { ", " }
                    a href=(decision_address(id)) { (code(id)) }
                }
            }
        }
    }
}
