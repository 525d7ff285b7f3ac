//! The list of decisions, the newest first, and the form that narrows it. Every state of it has an address.

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use ledger::entry::RequestText;
use maud::{Markup, html};
use serde::Deserialize;
use warrant::Denial;

use super::callers::Refused;
use super::outcomes::outcome;
use super::page::{Section, page};
use super::parts::{decision_address, encoded, lineage_address, span, time};
use super::text::{of_request, start_of, text};
use crate::authority::callers::Caller;
use crate::authority::problem::{ApiError, ApiErrorCode};
use crate::authority::reading::{DecisionsAnswer, Reading};
use crate::history::{Summary, Wanted};

/// How many a page has.
const ON_A_PAGE: usize = 50;

/// What the form asks for. A field without a value selects all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    route: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    holder: String,
    from: Option<u64>,
    /// One decision, and no list.
    #[serde(default)]
    id: String,
}

impl Asked {
    fn wanted(&self) -> Wanted {
        let some = |field: &String| Some(field.trim().to_owned()).filter(|field| !field.is_empty());
        Wanted {
            route: some(&self.route),
            code: some(&self.code),
            lineage: some(&self.lineage),
            holder: some(&self.holder),
        }
    }

    /// The address of the same list, from this entry on or from the newest.
    fn address(&self, from: Option<u64>) -> String {
        let fields = [
            ("route", &self.route),
            ("code", &self.code),
            ("lineage", &self.lineage),
            ("holder", &self.holder),
        ];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let mut parts: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        parts.extend(from.map(|from| format!("from={from}")));
        format!("/console/decisions?{}", parts.join("&"))
    }
}

pub(super) async fn list(
    State(reading): State<Reading>,
    asked: Result<Query<Asked>, QueryRejection>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    let Query(asked) = asked.map_err(|error| ApiError::new(ApiErrorCode::Malformed, error.body_text()))?;
    if !asked.id.trim().is_empty() {
        return Ok(Redirect::to(&decision_address(asked.id.trim())).into_response());
    }
    let (wanted, from) = (asked.wanted(), asked.from);
    let is_narrowed = wanted != Wanted::default();
    let read = move |reading: &Reading, caller: &Caller| reading.decisions(caller, &wanted, from, ON_A_PAGE);
    let answer = reading.in_turn(caller.clone(), read).await?;
    let content = content(&asked, is_narrowed, &answer);
    Ok(page(Section::Decisions, "Decisions", &caller, &content).into_response())
}

fn content(asked: &Asked, is_narrowed: bool, answer: &DecisionsAnswer) -> Markup {
    html! {
        h1 { "Decisions" }
        (form(asked, is_narrowed))
        (span(answer.span))
        @if answer.decisions.is_empty() {
            (nothing(asked, is_narrowed))
        } @else {
            div.scroll role="region" aria-label="Decisions, the newest first" tabindex="0" {
                table.decisions {
                    thead { tr {
                        th scope="col" { "Outcome" } th scope="col" { "Time" } th scope="col" { "Request" }
                        th scope="col" { "Route" } th scope="col" { "Holder" } th scope="col" { "Lineage" }
                    } }
                    tbody { @for decision in &answer.decisions { (row(decision)) } }
                }
            }
        }
        nav.pager aria-label="Older and newer decisions" {
            @if asked.from.is_some() { a href=(asked.address(None)) { "Newest" } }
            @if let Some(next) = answer.next { a rel="next" href=(asked.address(Some(next))) { "Older" } }
        }
    }
}

fn form(asked: &Asked, is_narrowed: bool) -> Markup {
    let field = |name: &str, label: &str, value: &str, list: Option<&str>| {
        html! {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) list=[list] autocomplete="off" spellcheck="false";
        }
    };
    html! {
        div.ways {
            form.narrow method="get" action="/console/decisions" role="search" aria-label="Decisions" {
                div { (field("code", "Outcome", &asked.code, Some("codes"))) }
                div { (field("route", "Route", &asked.route, None)) }
                div { (field("holder", "Holder", &asked.holder, None)) }
                div { (field("lineage", "Lineage", &asked.lineage, None)) }
                div.buttons { button type="submit" { "Show" } @if is_narrowed { a href="/console/decisions" { "Show all" } } }
            }
            form.narrow method="get" action="/console/decisions" aria-label="One decision" {
                div { label for="id" { "Id of a decision" } input id="id" name="id" autocomplete="off" spellcheck="false" required; }
                div.buttons { button type="submit" { "Open" } }
            }
        }
        datalist id="codes" {
            @for word in ["allowed", "ungoverned", "observed", "permit"] { option value=(word); }
            @for denial in Denial::ALL { option value=(denial.code()) { (denial.title()) } }
        }
    }
}

fn nothing(asked: &Asked, is_narrowed: bool) -> Markup {
    html! {
        div.empty {
            @if is_narrowed || asked.from.is_some() {
                p { "No decision that you may see fits." }
                p { a href="/console/decisions" { "Show all decisions" } }
            } @else {
                p { "There is no decision that you may see, or none is read yet." }
                p { "A decision is here about a second after a request came through a proxy. Send one: with or without a warrant, the answer is on record." }
            }
        }
    }
}

fn row(decision: &Summary) -> Markup {
    let part = |value: &serde_json::Value| serde_json::from_value::<RequestText>(value.clone()).ok();
    let short = |value| match part(value) {
        Some(RequestText::Utf8(whole)) => start_of(&whole),
        Some(other @ (RequestText::Bytes(_) | RequestText::Start(_))) => of_request(&other),
        None => html! {},
    };
    html! {
        tr {
            td data-label="Outcome" { (outcome(&decision.outcome)) @if decision.outcome == "observed" { " " (outcome(&decision.verdict)) } }
            td.when data-label="Time" { a href=(decision_address(&decision.id)) { (time(decision.time)) } }
            td.request data-label="Request" { (short(&decision.method)) " " (short(&decision.host)) (short(&decision.path)) }
            td data-label="Route" { @match &decision.route { Some(route) => (text(route)), None => span.none { "none" } } }
            td data-label="Holder" { @match &decision.holder { Some(holder) => (start_of(holder)), None => span.none { "none" } } }
            td data-label="Lineage" {
                @match (&decision.txn, &decision.iss) {
                    (Some(txn), Some(iss)) => a href=(lineage_address(txn, iss)) { (start_of(txn)) },
                    _ => span.none { "none" },
                }
            }
        }
    }
}
