//! Patterns of paths: literals, `*` for exactly one non-empty segment, a final `**` for zero or more.

use super::{RawPath, escape};
use crate::rules;

/// A pattern that at least one unambiguous path matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern(Box<str>);

/// One step of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Literal(&'a str),
    /// `*`
    One,
    /// `**`, always the last.
    Rest,
}

impl PathPattern {
    /// Reads a pattern. `None` when it has another form, or when no unambiguous path can match it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::is_pattern(text).then(|| Self(text.into()))
    }

    /// Whether [`Self::parse`] would take `text`; without allocating.
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
        rules::is_plain(text)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` is one of the paths that this pattern stands for.
    pub fn matches(&self, path: &RawPath<'_>) -> bool {
        let mut segments = path.segments();
        for step in self.steps() {
            let matched = match step {
                Step::Rest => return true,
                Step::One => segments.next().is_some_and(|segment| !segment.is_empty()),
                Step::Literal(literal) => {
                    segments.next().is_some_and(|segment| escape::same(literal, segment))
                }
            };
            if !matched {
                return false;
            }
        }
        segments.next().is_none()
    }

    /// Whether every path of this pattern is, provably, one of `parent`'s.
    pub fn is_within(&self, parent: &Self) -> bool {
        let mut own = self.steps();
        for step in parent.steps() {
            let covered = match (step, own.next()) {
                (Step::Rest, _) => return true,
                (Step::One, Some(Step::One)) => true,
                (Step::One, Some(Step::Literal(literal))) => !literal.is_empty(),
                (Step::Literal(one), Some(Step::Literal(two))) => escape::same(one, two),
                (Step::One | Step::Literal(_), _) => false,
            };
            if !covered {
                return false;
            }
        }
        own.next().is_none()
    }

    fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.0.split('/').skip(1).map(|segment| match segment {
            "*" => Step::One,
            "**" => Step::Rest,
            literal => Step::Literal(literal),
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
    fn patterns_that_nothing_can_match_are_none() {
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
    fn star_is_one_segment_and_two_stars_are_any_number() {
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
    fn within_is_walked_step_by_step() {
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
