//! What every page has: the head, the way to the other pages, and who is looking.

use axum::response::{Html, IntoResponse};
use maud::{DOCTYPE, Markup, html};

use super::assets;
use super::text::text;
use crate::authority::callers::Caller;

/// Where in the console a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Decisions,
    Lineages,
    Facts,
    Health,
}

impl Section {
    const ALL: [Section; 4] = [Section::Decisions, Section::Lineages, Section::Facts, Section::Health];

    const fn name(self) -> &'static str {
        match self {
            Section::Decisions => "Decisions",
            Section::Lineages => "Lineages",
            Section::Facts => "Facts",
            Section::Health => "Health",
        }
    }

    const fn address(self) -> &'static str {
        match self {
            Section::Decisions => "/console/decisions",
            Section::Lineages => "/console/lineages",
            Section::Facts => "/console/facts",
            Section::Health => "/console/health",
        }
    }
}

/// A page of this section, for this caller.
pub(super) fn page(
    section: Section,
    title: &str,
    caller: &Caller,
    content: &Markup,
) -> impl IntoResponse + use<> {
    let way = html! {
        nav aria-label="Pages" {
            ul {
                @for one in Section::ALL {
                    li { a href=(one.address()) aria-current=[(one == section).then_some("page")] { (one.name()) } }
                }
            }
        }
        p.caller { span.label { "You are " } (text(&caller.id.to_string())) }
    };
    Html(whole(title, &way, content).into_string())
}

/// A page for somebody who may be nobody.
pub(super) fn without_caller(title: &str, content: &Markup) -> impl IntoResponse + use<> {
    let way = html! { nav aria-label="Pages" { ul { li { a href="/console/" { "The console" } } } } };
    Html(whole(title, &way, content).into_string())
}

fn whole(title: &str, way: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Portcullis" }
                link rel="icon" href=(assets::address("icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(assets::address("console.css"));
                script type="module" src=(assets::address("console.js")) {}
            }
            body {
                a.skip href="#content" { "To the content" }
                header.bar { a.name href="/console/" { "Portcullis" } (way) }
                main id="content" tabindex="-1" { (content) }
            }
        }
    }
}
