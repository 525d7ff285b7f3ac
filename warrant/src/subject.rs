//! Patterns of names: the subjects an issuer may vouch for, or the identities in a group.

use crate::formats;

/// An exact name, or all names below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectPattern {
    /// This name.
    Exact(Box<str>),
    /// Written `<prefix>/**`: one or more whole segments below the prefix, none empty, `.` or `..`.
    Below(Box<str>),
    /// Written `<prefix>:*`: any rest of one or more characters without `/` and `:`.
    Named(Box<str>),
}

impl SubjectPattern {
    /// Reads a pattern. `None` when it has another form. A `*` is allowed only at the end.
    pub fn parse(text: &str) -> Option<Self> {
        let pattern = match (text.strip_suffix("/**"), text.strip_suffix(":*")) {
            (Some(prefix), _) => Self::Below(prefix.into()),
            (None, Some(prefix)) => Self::Named(prefix.into()),
            (None, None) => Self::Exact(text.into()),
        };
        let prefix = pattern.prefix();
        (formats::is_plain(text) && !prefix.is_empty() && !prefix.contains('*')).then_some(pattern)
    }

    /// Whether `name` matches this pattern.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => &**exact == name,
            Self::Below(prefix) => rest(name, prefix, '/')
                .is_some_and(|rest| rest.split('/').all(|segment| !matches!(segment, "" | "." | ".."))),
            Self::Named(prefix) => {
                rest(name, prefix, ':').is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', ':']))
            }
        }
    }

    /// Whether some name matches both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(name), pattern) | (pattern, Self::Exact(name)) => pattern.matches(name),
            (Self::Named(one), Self::Named(two)) => one == two,
            (Self::Below(one), Self::Below(two)) => one == two || other.matches(one) || self.matches(two),
            // A `:*` never adds a segment, so one of its names is enough to decide for all of them.
            (below @ Self::Below(_), Self::Named(prefix)) | (Self::Named(prefix), below @ Self::Below(_)) => {
                below.matches(&format!("{prefix}:x"))
            }
        }
    }

    fn prefix(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Below(text) | Self::Named(text) => text,
        }
    }
}

impl std::fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = match self {
            Self::Exact(_) => "",
            Self::Below(_) => "/**",
            Self::Named(_) => ":*",
        };
        write!(f, "{}{end}", self.prefix())
    }
}

fn rest<'n>(name: &'n str, prefix: &str, separator: char) -> Option<&'n str> {
    name.strip_prefix(prefix)?.strip_prefix(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> SubjectPattern {
        SubjectPattern::parse(text).unwrap_or_else(|| panic!("{text} is a pattern"))
    }

    #[test]
    fn a_star_is_allowed_only_at_the_end() {
        for good in ["a", "spiffe://shop/**", "agent:*"] {
            assert_eq!(pattern(good).to_string(), good);
        }
        for bad in ["", "*", "**", "a*", "a/*", "a/**/b", "*:*", "*/**", "a*b:*", ":*", "/**", "é"] {
            assert_eq!(SubjectPattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_matches_by_whole_segments() {
        for (text, yes, no) in [
            (
                "spiffe://shop/**",
                &["spiffe://shop/a", "spiffe://shop/ns/b"][..],
                &[
                    "spiffe://shop",
                    "spiffe://shop/",
                    "spiffe://shopping/a",
                    "spiffe://shop//a",
                    "spiffe://shop/../a",
                    "spiffe://shop/a/.",
                ][..],
            ),
            ("agent:*", &["agent:a"], &["agent", "agent:", "agent:a:b", "agent:a/b", "agents:a"]),
            ("a", &["a"], &["a:b", "a/b", "A"]),
        ] {
            yes.iter().for_each(|name| assert!(pattern(text).matches(name), "{text} {name}"));
            no.iter().for_each(|name| assert!(!pattern(text).matches(name), "{text} {name}"));
        }
    }

    #[test]
    fn an_overlap_is_found_in_both_directions() {
        for (one, two, overlap) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a/**", "a/b", true),
            ("a/**", "a", false),
            ("a/**", "a/b/**", true),
            ("a/**", "ab/**", false),
            ("a:*", "a:b", true),
            ("a:*", "a:*", true),
            ("a:*", "a:b:*", false),
            ("spiffe://shop/**", "spiffe://shop/ns/agent:*", true),
            ("spiffe://shop/**", "spiffe:*", false),
            ("a/**", "a/..:*", true),
            ("a/**", "a//b:*", false),
        ] {
            assert_eq!(pattern(one).overlaps(&pattern(two)), overlap, "{one} {two}");
            assert_eq!(pattern(two).overlaps(&pattern(one)), overlap, "{two} {one}");
        }
    }
}
