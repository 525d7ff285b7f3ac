//! How an outcome looks. A kind has a sign, a word and a colour, so that nobody needs the colour.

use maud::{Markup, html};
use warrant::Denial;

/// What a person must do about a decision decides its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Allowed,
    /// Forwarded without a warrant, on purpose.
    Forwarded,
    /// The client did not show what it must show, or it does not hold.
    Shown,
    /// What it showed is not enough for this.
    Permitted,
    /// It was used before, or revoked.
    Ended,
    /// Nothing is allowed now, or not in this place.
    Governance,
    /// The request itself is not as it must be.
    Request,
}

impl Kind {
    fn of(outcome: &str) -> Kind {
        match outcome {
            "allowed" | "permit" => return Kind::Allowed,
            "observed" | "ungoverned" => return Kind::Forwarded,
            _ => {}
        }
        let Some(denial) = Denial::from_code(outcome) else { return Kind::Governance };
        if matches!(denial, Denial::Replayed | Denial::Revoked | Denial::Expired) {
            return Kind::Ended;
        }
        match denial.status() {
            400 | 421 => Kind::Request,
            401 => Kind::Shown,
            403 | 409 => Kind::Permitted,
            _ => Kind::Governance,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Kind::Allowed => "allowed",
            Kind::Forwarded => "forwarded",
            Kind::Shown => "shown",
            Kind::Permitted => "permitted",
            Kind::Ended => "ended",
            Kind::Governance => "governance",
            Kind::Request => "request",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Kind::Allowed => "✓",
            Kind::Forwarded => "→",
            Kind::Shown => "?",
            Kind::Permitted => "×",
            Kind::Ended => "■",
            Kind::Governance => "!",
            Kind::Request => "≠",
        }
    }
}

/// An outcome or a verdict, as one word with its sign.
pub(super) fn outcome(name: &str) -> Markup {
    let kind = Kind::of(name);
    word(kind.class(), kind.sign(), name)
}

/// A word with a sign, in the colour of this class.
pub(super) fn word(class: &str, sign: &str, word: &str) -> Markup {
    html! { span class={ "outcome " (class) } { span.sign aria-hidden="true" { (sign) } " " (word) } }
}
