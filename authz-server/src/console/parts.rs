//! Small parts that several pages have: times, numbers that link, lists of names and values, and where a list goes on.

use chrono::{DateTime, SecondsFormat};
use maud::{Markup, html};

use crate::history::Span;

/// A moment in milliseconds since 1970. The script adds what it is in the reader's zone.
pub(super) fn time(milliseconds: u64) -> Markup {
    let instant = i64::try_from(milliseconds).ok().and_then(DateTime::from_timestamp_millis);
    html! {
        @match instant {
            Some(instant) => {
                time datetime=(instant.to_rfc3339_opts(SecondsFormat::Millis, true)) {
                    (instant.format("%Y-%m-%d %H:%M:%S").to_string()) small { (instant.format("%.3f").to_string()) } " UTC"
                }
            }
            None => { (milliseconds) " ms" }
        }
    }
}

/// The same in seconds.
pub(super) fn time_of_seconds(seconds: u64) -> Markup {
    time(seconds.saturating_mul(1000))
}

/// A digest, a thumbprint or an id: as it is, and breakable anywhere.
pub(super) fn code(word: impl std::fmt::Display) -> Markup {
    html! { code { (word.to_string()) } }
}

/// Names and what they stand for.
pub(super) fn facts(rows: impl IntoIterator<Item = (&'static str, Markup)>) -> Markup {
    html! { dl.facts { @for (name, value) in rows { div { dt { (name) } dd { (value) } } } } }
}

/// How much of the record a page was made from. The script compares it with how far the record is now.
pub(super) fn span(Span { from, as_of, size }: Span) -> Markup {
    let unread = size.saturating_sub(as_of);
    html! {
        p.span id="span" data-as-of=(as_of) {
            @match as_of.checked_sub(1) {
                Some(last) if last >= from => { "Made from the entries " (from) " to " (last) " of the record." }
                Some(_) | None => "No entry is read yet.",
            }
            @if unread > 0 { " " (unread) " newer ones are not read yet." }
        }
        p.newer id="newer" role="status" hidden {}
    }
}

/// A part of an address: everything but letters, digits and a few signs is escaped.
pub(super) fn encoded(part: &str) -> String {
    // As in a form, but for the space, which is a plus sign only there.
    let encoded: String = form_urlencoded::byte_serialize(part.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// The address of a decision.
pub(super) fn decision_address(id: &str) -> String {
    format!("/console/decisions/{}", encoded(id))
}

/// The address of a lineage.
pub(super) fn lineage_address(txn: &str, iss: &str) -> String {
    format!("/console/lineages/{}?iss={}", encoded(txn), encoded(iss))
}
