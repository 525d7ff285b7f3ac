//! Whether the infrastructure is sound: this server's parts, and the proxies that ask it.

use std::collections::BTreeSet;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use warrant::Seconds;

use super::callers::Refused;
use super::page::{Section, page};
use super::parts::{code, time, time_of_seconds};
use super::text::text;
use super::{Pages, outcomes};
use crate::authority::callers::Caller;
use crate::authority::governance::HeardProxy;
use crate::facts::Known;
use crate::telemetry::ReadinessReport;

pub(super) async fn health(
    State(Pages { facts, proxies, readiness, .. }): State<Pages>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Refused> {
    // The listener for health is for the machine and its monitoring. A caller of the API must be permitted to look.
    let (known, now) = facts.read_proxies(&caller)?;
    let content = html! {
        h1 { "Health" }
        p.span { "As of " (time_of_seconds(now.get())) "." }
        (server(&readiness.report()))
        section {
            h2 { "Proxies" }
            (all_proxies(&proxies.heard.all(), &known, now))
        }
    };
    Ok(page(Section::Health, "Health", &caller, &content).into_response())
}

fn server(report: &ReadinessReport) -> Markup {
    let word = |is_ready: bool| {
        if is_ready {
            outcomes::word("allowed", "✓", "sound")
        } else {
            outcomes::word("permitted", "×", "not ready")
        }
    };
    let mut parts: Vec<_> = report.parts.iter().collect();
    // What needs somebody comes first.
    parts.sort_by_key(|part| part.ready);
    html! {
        section {
            h2 { "This server" }
            p { (word(report.ready)) @if !report.ready { " It denies what it cannot judge." } }
            ol.checks {
                @for part in parts {
                    li {
                        span.check { (part.name) } " " (word(part.ready)) " "
                        span.hint { @if let Some(why) = part.why_not.as_ref().or(part.remark.as_ref()) { (text(why)) } }
                    }
                }
            }
        }
    }
}

fn all_proxies(heard: &[HeardProxy], known: &Known, now: Seconds) -> Markup {
    let ids: BTreeSet<&str> = heard.iter().map(|proxy| proxy.id.as_str()).collect();
    let silent: Vec<&str> = known.bundle().proxies().filter(|id| !ids.contains(id)).collect();
    html! {
        @if !silent.is_empty() {
            p { (outcomes::word("permitted", "×", "silent")) " This server has not heard of these since its start. They ask another one, deny everything, or do not run." }
            ul { @for id in &silent { li { (text(id)) } } }
        }
        @if heard.is_empty() {
            p { "No proxy has asked for a statement since the start, or within the last hour." }
        } @else {
            div.scroll role="region" aria-label="Proxies" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "State" } th scope="col" { "Proxy" } th scope="col" { "Process" } th scope="col" { "Asked" } th scope="col" { "Facts" } th scope="col" { "Statement ends" } th scope="col" { "Module" } } }
                    tbody { @for proxy in heard { (proxy_row(proxy, known.as_of(), now)) } }
                }
            }
            p.hint { "A proxy whose statement has ended denies everything until it gets another one." }
        }
    }
}

fn proxy_row(proxy: &HeardProxy, as_of: u64, now: Seconds) -> Markup {
    let has_ended = proxy.until <= now.get();
    let behind = as_of.saturating_sub(proxy.seq.min(proxy.judged));
    let state = if has_ended {
        outcomes::word("permitted", "×", "denies all")
    } else {
        outcomes::word("allowed", "✓", "current")
    };
    html! {
        tr {
            td data-label="State" { (state) }
            td data-label="Proxy" { (text(&proxy.id)) }
            td data-label="Process" { (code(&proxy.instance)) }
            td.when data-label="Asked" { (time(proxy.heard)) }
            td data-label="Facts" { "up to entry " (proxy.seq) @if behind > 0 { " " span.hint { "(" (behind) " behind the record)" } } }
            td.when data-label="Statement ends" { @if proxy.until == 0 { "it was sent none" } @else { (time_of_seconds(proxy.until)) } }
            td data-label="Module" { (code(proxy.module)) }
        }
    }
}
