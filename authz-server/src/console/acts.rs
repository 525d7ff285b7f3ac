//! The forms with which a person changes something. Each is one call to the API, which decides whether it is permitted and puts it on
//! record; the script makes the call, and then shows how the proxies learn of it. Without the script the forms are not shown.

use ledger::entry::{FactScope, Posture};
use maud::{Markup, html};

/// What a person can do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act<'a> {
    SetPosture,
    /// Ends a stricter posture. The API wants to know which one the person has seen.
    Resume {
        scope: FactScope,
        subject: &'a str,
        replaces: u64,
    },
    RevokeHolderOrKey,
    RevokeLineage {
        txn: &'a str,
        iss: &'a str,
    },
    /// A warrant, and everything below it.
    RevokeWarrant {
        path: &'a str,
        iss: &'a str,
    },
    Reinstate {
        revocation: u64,
    },
}

impl Act<'_> {
    /// The call: its method and path.
    const fn call(self) -> (&'static str, &'static str) {
        match self {
            Act::SetPosture | Act::Resume { .. } => ("PUT", "/v1/posture"),
            Act::RevokeHolderOrKey | Act::RevokeLineage { .. } | Act::RevokeWarrant { .. } => {
                ("POST", "/v1/revocations")
            }
            Act::Reinstate { .. } => ("POST", "/v1/reinstatements"),
        }
    }

    /// What opens the form, and what the button in it says.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Act::SetPosture => ("Halt or restrict", "Set it"),
            Act::Resume { .. } => ("Resume", "Resume"),
            Act::RevokeHolderOrKey => ("Revoke a holder or a key", "Revoke"),
            Act::RevokeLineage { .. } => ("Revoke this lineage", "Revoke the lineage"),
            Act::RevokeWarrant { .. } => ("Revoke", "Revoke it and all below it"),
            Act::Reinstate { .. } => ("Reinstate", "End the revocation"),
        }
    }
}

/// Closed until it is opened, so that nothing is changed by one click. A reason is always asked for.
pub(super) fn form(act: &Act<'_>) -> Markup {
    let ((method, path), (opens, button)) = (act.call(), act.words());
    html! {
        details.act hidden data-act="" {
            summary { (opens) }
            form data-method=(method) data-call=(path) {
                (members(act))
                div { label { "Reason" input name="reason" required maxlength="1024" autocomplete="off"; } }
                div.buttons { button type="submit" { (button) } }
                p.told role="status" {}
            }
        }
    }
}

/// The members of the call, beside the reason.
fn members(act: &Act<'_>) -> Markup {
    let given = |name: &str, value: &str| html! { input type="hidden" name=(name) value=(value); };
    // JSON has numbers, and a form has texts.
    let number =
        |name: &str, value: u64| html! { input type="hidden" name=(name) value=(value) data-number=""; };
    match act {
        Act::SetPosture => html! {
            div { label { "Posture" select name="stance" required {
                option value="" {}
                option value=(Posture::Halted.word()) { "halted: nothing is allowed" }
                option value=(Posture::Restricted.word()) { "restricted: what the policy allows in this posture" }
            } } }
            div { label { "Where" select name="scope" {
                @for scope in FactScope::ALL { option value=(scope.word()) { (scope.word()) } }
            } } }
            div { label { "Name of the route, environment or issuer" input name="subject" autocomplete="off" spellcheck="false"; } }
        },
        Act::Resume { scope, subject, replaces } => html! {
            (given("stance", Posture::Normal.word())) (given("scope", scope.word())) (given("subject", subject)) (number("replaces", *replaces))
        },
        Act::RevokeHolderOrKey => html! {
            div { label { "What" select name="what" { option value="sub" { "holder" } option value="key" { "key, by its thumbprint" } } } }
            div { label { "Name" input name="value" required autocomplete="off" spellcheck="false"; } }
        },
        Act::RevokeLineage { txn, iss } => {
            html! { (given("what", "txn")) (given("value", txn)) (given("iss", iss)) }
        }
        Act::RevokeWarrant { path, iss } => {
            html! { (given("what", "path")) (given("value", path)) (given("iss", iss)) }
        }
        Act::Reinstate { revocation } => number("revocation", *revocation),
    }
}
