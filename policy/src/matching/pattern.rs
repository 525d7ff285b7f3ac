//! The path pattern of a route: the pattern of a warrant, plus `{name}` for a `*` with a name.

use warrant::{PathPattern, RawPath};

use super::BrokenRule;

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// This segment, unescaped.
    Literal(String),
    /// Exactly one segment that is not empty.
    Any,
}

#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    steps: Vec<Step>,
    is_open: bool,
    names: Vec<(String, usize)>,
}

impl Pattern {
    /// Reads a pattern. What is not valid in a warrant is not valid here.
    pub(crate) fn parse(text: &str) -> Result<Self, BrokenRule> {
        let mut names = Vec::new();
        let mut unnamed = Vec::new();
        for (position, segment) in text.split('/').skip(1).enumerate() {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => {
                    add_name(&mut names, name, position)?;
                    unnamed.push("*");
                }
                None => unnamed.push(segment),
            }
        }
        let plain = format!("/{}", unnamed.join("/"));
        if !text.starts_with('/') || PathPattern::parse(&plain).is_none() {
            return Err(BrokenRule::of(if text.starts_with('/') { &plain } else { text }));
        }
        let is_open = unnamed.last() == Some(&"**");
        if is_open {
            unnamed.pop();
        }
        let steps = unnamed
            .iter()
            .map(
                |segment| {
                    if *segment == "*" { Step::Any } else { Step::Literal(RawPath::unescaped(segment)) }
                },
            )
            .collect();
        Ok(Self { text: text.to_owned(), steps, is_open, names })
    }

    /// Reads the prefix of a team's ground: whole literal segments, without a trailing slash; `/` is the whole host.
    pub(crate) fn ground(text: &str) -> Result<Self, BrokenRule> {
        if text == "/" {
            return Ok(Self { text: text.to_owned(), steps: Vec::new(), is_open: false, names: Vec::new() });
        }
        let ground = Self::exact(text)?;
        match text.trim_end_matches('/') {
            shorter if shorter == text => Ok(ground),
            shorter => Err(BrokenRule::new("it ends in `/`", format!("write `{shorter}`"))),
        }
    }

    /// Reads a path without `*`, `{name}` and `**`.
    pub(crate) fn exact(text: &str) -> Result<Self, BrokenRule> {
        let pattern = Self::parse(text)?;
        if pattern.is_exact() {
            return Ok(pattern);
        }
        Err(BrokenRule::new(
            "it has a segment that is not literal",
            "write literal segments only, without `*`, `{name}` and `**`",
        ))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it ends in `**`.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether it matches exactly one path.
    pub(crate) fn is_exact(&self) -> bool {
        !self.is_open && !self.steps.contains(&Step::Any)
    }

    /// The position of the segment with this name, counted from zero.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, position)| *position)
    }

    pub(crate) fn matches(&self, segments: &[impl AsRef<str>]) -> bool {
        let long_enough = if self.is_open {
            segments.len() >= self.steps.len()
        } else {
            segments.len() == self.steps.len()
        };
        long_enough && self.steps.iter().zip(segments).all(|(step, segment)| step.covers(segment.as_ref()))
    }

    /// Greater for the more specific of two patterns that match the same path: a literal beats `*`, `*` beats the end, the end beats
    /// `**`.
    pub(crate) fn weight(&self) -> Vec<u8> {
        let steps = self.steps.iter().map(|step| if *step == Step::Any { 2 } else { 3 });
        steps.chain([u8::from(!self.is_open)]).collect()
    }

    /// The same pattern for a warrant, without names.
    pub(crate) fn unnamed(&self) -> Option<PathPattern> {
        let segments =
            self.text.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment });
        PathPattern::parse(&segments.collect::<Vec<_>>().join("/"))
    }

    /// Whether there is a path that both match.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let agree = |(one, two): (&Step, &Step)| match (one, two) {
            (Step::Literal(literal), step) | (step, Step::Literal(literal)) => step.covers(literal),
            (Step::Any, Step::Any) => true,
        };
        let long_enough = |one: &Self, other: &Self| one.is_open || one.steps.len() >= other.steps.len();
        long_enough(self, other) && long_enough(other, self) && self.steps.iter().zip(&other.steps).all(agree)
    }

    /// Whether everything it matches begins with these literal segments.
    pub(crate) fn is_below(&self, prefix: &Self) -> bool {
        self.steps.len() >= prefix.steps.len()
            && self.steps.iter().zip(&prefix.steps).all(|(step, literal)| step == literal)
    }

    /// The part of it that begins with these literal segments, without names; `None` if there is none.
    pub(crate) fn within(&self, prefix: &Self) -> Option<Self> {
        if !self.reaches(prefix) {
            return None;
        }
        let literal = prefix.text.split('/').skip(1).filter(|segment| !segment.is_empty());
        let own: Vec<&str> = self.text.split('/').skip(1).collect();
        // Of `/**` the ground has everything below it too.
        let rest = own.get(prefix.steps.len()..).filter(|rest| !rest.is_empty()).unwrap_or(&["**"]);
        let is_whole = self.steps.len() == prefix.steps.len() && !self.is_open;
        let rest: &[&str] = if is_whole { &[] } else { rest };
        let unnamed = rest.iter().map(|segment| if segment.starts_with('{') { "*" } else { segment });
        let segments: Vec<&str> = literal.chain(unnamed).collect();
        Self::parse(&format!("/{}", segments.join("/"))).ok()
    }

    /// Whether anything it matches begins with these literal segments.
    pub(crate) fn reaches(&self, prefix: &Self) -> bool {
        let fits = |(step, literal): (&Step, &Step)| step == literal || *step == Step::Any;
        (self.steps.len() >= prefix.steps.len() || self.is_open)
            && self.steps.iter().zip(&prefix.steps).all(fits)
    }
}

impl Step {
    fn covers(&self, segment: &str) -> bool {
        match self {
            Self::Literal(literal) => literal == segment,
            Self::Any => !segment.is_empty(),
        }
    }
}

fn add_name(names: &mut Vec<(String, usize)>, name: &str, position: usize) -> Result<(), BrokenRule> {
    if !is_name(name) {
        return Err(BrokenRule::new(
            format!("`{{{name}}}` is not a valid name of a segment"),
            "use at most 32 of a-z, 0-9 and `_`, and begin with a letter",
        ));
    }
    if names.iter().any(|(known, _)| known == name) {
        return Err(BrokenRule::new(
            format!("`{{{name}}}` occurs twice"),
            "give each segment its own name, or write `*`",
        ));
    }
    names.push((name.to_owned(), position));
    Ok(())
}

/// `[a-z][a-z0-9_]{0,31}`: the form of an argument's name, here and in a warrant.
pub(crate) fn is_name(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 32
        && text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && text.bytes().all(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn named_segments_are_wildcards_with_a_position() {
        let named = pattern("/v1/{account}/x/{id}/**");
        assert_eq!(
            (named.position("account"), named.position("id"), named.position("x")),
            (Some(1), Some(3), None)
        );
        assert_eq!(named.steps(), pattern("/v1/*/x/*/**").steps());
        assert!(named.is_open());
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for text in [
            "", "v1", "/a*", "/**/a", "/{a}/{a}", "/{A}", "/{}", "/a//b", "/a/../b", "/%2f", "/a;b", "/a?b",
            "/{a}b",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_pattern_says_which_rule_it_breaks_and_what_to_write() {
        for (text, why, instead) in [
            ("", "it does not begin with `/`", "begin it with `/`"),
            ("v1/a", "it does not begin with `/`", "begin it with `/`"),
            ("/a/**/b", "`**` is not at the end", "only at the end"),
            ("/a//b", "two `/` follow each other", "one `/`"),
            ("/a*", "in `a*` the `*` is not a whole segment", "`%2A`"),
            ("/x/{a}b", "in `{a}b` the braces are not a whole segment", "`{name}` alone"),
            ("/{A}", "`{A}` is not a valid name", "a-z"),
            ("/{a}/{a}", "`{a}` occurs twice", "its own name"),
            ("/a/../b", "the segment `..`", "to which it leads"),
            ("/a?b=1", "`?` is not part of a path", "`query:<name>`"),
            ("/a;b", "no request may have `;`", "leave it out"),
            ("/a\\b", "no request may have `\\`", "leave it out"),
            ("/a b", "` ` is not escaped", "write it as `%20`"),
            ("/caf\u{e9}", "`\u{e9}` is not escaped", "write it as `%C3%A9`"),
            ("/%2f", "`%2f` has an escape", "`%20` is a space"),
            ("/%zz", "`%zz` has an escape", "`%20` is a space"),
        ] {
            let broken = Pattern::parse(text).unwrap_err();
            assert!(broken.why.contains(why) && broken.instead.contains(instead), "{text}: {broken:?}");
        }
        let long = format!("/{}", "a".repeat(256));
        assert_eq!(Pattern::parse(&long).unwrap_err().instead, "use at most 256 bytes");
    }

    #[test]
    fn the_part_of_a_pattern_within_a_ground_is_a_pattern() {
        let ground = pattern("/v1/payments");
        for (text, part) in [
            ("/v1/payments", Some("/v1/payments")),
            ("/v1/payments/", Some("/v1/payments/")),
            ("/v1/payments/{id}", Some("/v1/payments/*")),
            ("/v1/payments/**", Some("/v1/payments/**")),
            ("/**", Some("/v1/payments/**")),
            ("/v1/**", Some("/v1/payments/**")),
            ("/v1/*/x", Some("/v1/payments/x")),
            ("/{a}/{b}", Some("/v1/payments")),
            ("/*/*/{c}/**", Some("/v1/payments/*/**")),
            ("/v1", None),
            ("/v2/**", None),
        ] {
            let within = pattern(text).within(&ground);
            assert_eq!(within.as_ref().map(Pattern::text), part, "{text}");
            assert!(within.is_none_or(|within| within.is_below(&ground)), "{text}");
        }
        let whole = Pattern::ground("/").unwrap();
        for (text, part) in [("/", "/"), ("/a/{b}", "/a/*"), ("/**", "/**")] {
            assert_eq!(pattern(text).within(&whole).unwrap().text(), part);
        }
    }

    #[test]
    fn an_escaped_star_is_a_literal() {
        assert_eq!(pattern("/%2A").steps(), [Step::Literal("*".to_owned())]);
        assert_eq!(pattern("/a%3Ab").steps(), pattern("/a:b").steps());
    }

    #[test]
    fn a_pattern_is_below_a_ground_or_reaches_into_it() {
        let ground = pattern("/v1/payments");
        for (text, is_below, reaches) in [
            ("/v1/payments", true, true),
            ("/v1/payments/**", true, true),
            ("/v1/payments/{id}", true, true),
            ("/v1/paymentsx", false, false),
            ("/v1/pay", false, false),
            ("/v1", false, false),
            ("/v1/**", false, true),
            ("/**", false, true),
            ("/v1/*/x", false, true),
            ("/v2/*/x", false, false),
            ("/*", false, false),
        ] {
            assert_eq!(
                (pattern(text).is_below(&ground), pattern(text).reaches(&ground)),
                (is_below, reaches),
                "{text}"
            );
        }
        let whole = Pattern::ground("/").unwrap();
        assert!(pattern("/a").is_below(&whole) && pattern("/**").is_below(&whole));
        assert!(Pattern::ground("/a/b").is_ok());
        for text in ["/a/", "/a/*", "/a/**", "/a/{b}", "a", ""] {
            assert!(Pattern::ground(text).is_err(), "{text}");
        }
    }
}
