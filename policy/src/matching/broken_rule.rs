//! Says which rule a text breaks that is not a path pattern, and what to write instead.
//!
//! `warrant` decides what a pattern is. This module only explains: it is asked after a text was refused.

use warrant::PathPattern;

/// The first rule that a text breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokenRule {
    pub(crate) why: String,
    pub(crate) instead: String,
}

impl BrokenRule {
    pub(super) fn new(why: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { why: why.into(), instead: instead.into() }
    }

    /// The rule that this text breaks, whose `{name}` segments are already written as `*`.
    pub(super) fn of(text: &str) -> Self {
        let Some(inner) = text.strip_prefix('/') else {
            return Self::new("it does not begin with `/`", "begin it with `/`");
        };
        if text.len() > 256 {
            return Self::new(format!("it has {} bytes", text.len()), "use at most 256 bytes");
        }
        let segments: Vec<_> = inner.split('/').collect();
        let before_the_last = segments.split_last().map_or(&[][..], |(_, before)| before);
        if before_the_last.contains(&"**") {
            return Self::new(
                "`**` is not at the end",
                "write `*` for one segment, and `**` only at the end",
            );
        }
        if before_the_last.contains(&"") {
            return Self::new("two `/` follow each other", "write one `/` between two segments");
        }
        let broken = segments.iter().find(|segment| PathPattern::parse(&format!("/{segment}")).is_none());
        Self::of_segment(broken.copied().unwrap_or(inner))
    }

    fn of_segment(segment: &str) -> Self {
        if segment.contains(['{', '}']) {
            return Self::new(
                format!("in `{segment}` the braces are not a whole segment"),
                "write `{name}` alone between two `/`",
            );
        }
        if segment.contains('*') {
            return Self::new(
                format!("in `{segment}` the `*` is not a whole segment"),
                "write `*` alone between two `/`, or `%2A` for the character itself",
            );
        }
        if matches!(segment, "." | "..") {
            return Self::new(
                format!("no request may have the segment `{segment}`"),
                "write the path to which it leads",
            );
        }
        if let Some(mark) = segment.chars().find(|letter| matches!(letter, '?' | '#')) {
            return Self::new(
                format!("`{mark}` is not part of a path"),
                format!("end the path before `{mark}`; `args` reads a query with `query:<name>`"),
            );
        }
        let letter = segment.chars().find(|letter| !is_allowed(&letter.to_string()));
        match letter {
            None | Some('%') => Self::new(
                format!("`{segment}` has an escape that is not needed or not valid"),
                "escape only what is not a letter, a digit or one of `-._~`, as UTF-8: `%20` is a space",
            ),
            Some(letter) => Self::of_letter(letter),
        }
    }

    fn of_letter(letter: char) -> Self {
        let mut bytes = [0; 4];
        let escaped: String =
            letter.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
        if is_allowed(&escaped) {
            return Self::new(format!("`{letter}` is not escaped"), format!("write it as `{escaped}`"));
        }
        Self::new(
            format!("no request may have `{letter}` in its path"),
            "leave it out: upstreams read it in different ways",
        )
    }
}

/// Whether a path may have this text inside a segment.
fn is_allowed(text: &str) -> bool {
    PathPattern::parse(&format!("/a{text}")).is_some()
}
