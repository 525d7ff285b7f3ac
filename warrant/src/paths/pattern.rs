//! Path patterns: literals, `*` for exactly one non-empty segment, and a final `**` for zero or more segments.

use super::{RawPath, escape};
use crate::formats;

/// A path pattern. At least one unambiguous path matches it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern(Box<str>);

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatternStep<'a> {
    Literal(&'a str),
    /// `*`
    One,
    /// `**`, always at the end.
    Rest,
}

impl PathPattern {
    /// Reads a pattern. `None` when it has another form, or when no unambiguous path can match it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_pattern(text).then(|| Self(text.into()))
    }

    /// Whether [`Self::parse`] would accept `text`. Does not allocate.
    pub(crate) fn is_pattern(text: &str) -> bool {
        let Some(inner) = text.strip_prefix('/') else { return false };
        let mut segments = inner.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            let good = match segment {
                "*" => true,
                "**" | "" => is_last,
                literal => !literal.contains('*') && escape::is_unambiguous(literal),
            };
            if !good {
                return false;
            }
        }
        formats::is_plain(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` matches this pattern.
    pub fn matches(&self, path: &RawPath<'_>) -> bool {
        let mut segments = path.segments();
        for step in self.steps() {
            let matched = match step {
                PatternStep::Rest => return true,
                PatternStep::One => segments.next().is_some_and(|segment| !segment.is_empty()),
                PatternStep::Literal(literal) => {
                    segments.next().is_some_and(|segment| escape::is_same_text(literal, segment))
                }
            };
            if !matched {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Whether every path that matches this pattern provably matches `parent`.
    pub fn is_within(&self, parent: &Self) -> bool {
        let mut own = self.steps();
        for step in parent.steps() {
            let covered = match (step, own.next()) {
                (PatternStep::Rest, _) => return true,
                (PatternStep::One, Some(PatternStep::One)) => true,
                (PatternStep::One, Some(PatternStep::Literal(literal))) => !literal.is_empty(),
                (PatternStep::Literal(one), Some(PatternStep::Literal(two))) => {
                    escape::is_same_text(one, two)
                }
                (PatternStep::One | PatternStep::Literal(_), _) => false,
            };
            if !covered {
                return false;
            }
        }
        own.next().is_none()
    }

    fn steps(&self) -> impl Iterator<Item = PatternStep<'_>> {
        self.0.split('/').skip(1).map(|segment| match segment {
            "*" => PatternStep::One,
            "**" => PatternStep::Rest,
            literal => PatternStep::Literal(literal),
        })
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap_or_else(|| panic!("{text} is a pattern"))
    }

    fn matches(text: &str, path: &str) -> bool {
        pattern(text).matches(&RawPath::parse(path.as_bytes()).unwrap().0)
    }

    #[test]
    fn patterns_that_no_path_can_match_are_refused() {
        for good in ["/", "/**", "/*", "/a/*/b/**", "/a/", "/%2A", "/a%3Ab"] {
            pattern(good);
        }
        for bad in [
            "",
            "a",
            "**",
            "/a*",
            "/**/a",
            "/***",
            "/a/**b",
            "//",
            "/a//b",
            "/.",
            "/a/../b",
            "/a;b",
            "/%2F",
            "/%41",
            "/a?b",
            "/a#",
            "/a b",
            "/é",
            "/**/",
            "/{a}",
            &format!("/{}", "a".repeat(256)),
        ] {
            assert_eq!(PathPattern::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_star_matches_one_segment_and_two_stars_match_any_number() {
        for (text, yes, no) in [
            ("/v1/**", &["/v1", "/v1/", "/v1/a", "/v1/a/b/"][..], &["/", "/v", "/v1a", "/v2/a"][..]),
            ("/v1/*", &["/v1/a", "/v1/*"], &["/v1", "/v1/", "/v1/a/", "/v1/a/b"]),
            ("/v1/*/", &["/v1/a/"], &["/v1/a", "/v1//"]),
            ("/**", &["/", "/a"], &[]),
            ("/", &["/"], &["/a"]),
            ("/%2A", &["/*", "/%2a"], &["/a"]),
            ("/a%3Ab", &["/a:b", "/a%3ab"], &["/a"]),
        ] {
            for path in yes {
                assert!(matches(text, path), "{text} {path}");
            }
            for path in no.iter().filter(|path| RawPath::parse(path.as_bytes()).is_ok()) {
                assert!(!matches(text, path), "{text} {path}");
            }
        }
    }

    #[test]
    fn one_pattern_is_within_another_exactly_as_this_table_says() {
        for (child, parent, within) in [
            ("/v1/a", "/v1/**", true),
            ("/v1", "/v1/**", true),
            ("/v1/", "/v1/**", true),
            ("/v1/**", "/v1/**", true),
            ("/v1/*/x/**", "/v1/**", true),
            ("/v1/*", "/v1/*", true),
            ("/v1/a", "/v1/*", true),
            ("/v1/", "/v1/*", false),
            ("/v1/**", "/v1/*", false),
            ("/v1/*", "/v1/a", false),
            ("/**", "/v1/**", false),
            ("/v1/a/b", "/v1/*", false),
            ("/v1", "/v1/*", false),
            ("/a%3Ab", "/a:b", true),
            ("/%2A", "/*", true),
            ("/*", "/%2A", false),
            ("/v1/a", "/v1/a/**", true),
            ("/v1", "/v1/a/**", false),
            ("/v1/a", "/v1", false),
        ] {
            assert_eq!(pattern(child).is_within(&pattern(parent)), within, "{child} within {parent}");
        }
    }
}
