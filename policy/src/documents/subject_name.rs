//! How the name of a holder is made from the claims of a foreign token: `spiffe://shop/ns/{/kubernetes.io/namespace}`.
//!
//! Each claim fills a whole segment, between `/` or `:`, and can contain neither. So a claim that its owner chose cannot make
//! the name of somebody else.

use std::fmt;

use super::arguments::unescaped;
use super::scalars;

/// The most bytes of one claim in a name.
const LONGEST_CLAIM: usize = 128;

/// A name with places for claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(ClaimPath),
}

/// The place of a claim: its name, or the names on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// `name`, or an RFC 6901 pointer like `/kubernetes.io/namespace`.
    fn parse(text: &str) -> Option<Self> {
        let names: Vec<String> = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescaped).collect::<Option<_>>()?,
            None => vec![text.to_owned()],
        };
        let is_name = |name: &String| scalars::is_plain(name) && !name.contains(['{', '}']);
        names.iter().all(is_name).then_some(Self(names))
    }
}

impl NameTemplate {
    /// Reads a template. `None` if a claim does not fill a segment, or if there is none: then all tokens would have one name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // A token never says which trust domain it is of.
        if !scalars::is_plain(text) || text.starts_with("spiffe://{") {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (claim, after) = after.split_once('}')?;
            let fills_its_segment =
                before.ends_with(['/', ':']) && (after.is_empty() || after.starts_with(['/', ':']));
            if !fills_its_segment || before.contains('}') {
                return None;
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Claim(ClaimPath::parse(claim)?));
            rest = after;
        }
        if parts.is_empty() || rest.contains('}') {
            return None;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self { text: text.to_owned(), parts };
        // With short claims it must be a name that a warrant can have.
        template.fill(|_| Some("a".to_owned())).map(|_| template)
    }

    /// What every name begins with.
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Claim(_)) | None => "",
        }
    }

    /// The name of a token with these claims. `None` if a claim is missing, or has another form.
    pub fn fill(&self, claim: impl Fn(&ClaimPath) -> Option<String>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Claim(path) => name.push_str(&claim(path).filter(|value| is_claim(value))?),
            }
        }
        let is_spiffe = name.starts_with("spiffe:");
        let is_name = scalars::is_plain(&name) && (!is_spiffe || scalars::is_spiffe_id(&name));
        is_name.then_some(name)
    }
}

/// A claim that can be a segment of a name.
fn is_claim(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'@' | b'-');
    (1..=LONGEST_CLAIM).contains(&text.len()) && text.bytes().all(inside) && !matches!(text, "." | "..")
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_fill_whole_segments() {
        for (good, name) in [
            ("spiffe://shop/ns/{ns}/sa/{sub}", "spiffe://shop/ns/x/sa/x"),
            ("agent:{sub}", "agent:x"),
            ("user:{/a~1b/c}", "user:x"),
        ] {
            let template = NameTemplate::parse(good).unwrap_or_else(|| panic!("{good}"));
            assert_eq!(template.fill(|_| Some("x".to_owned())).as_deref(), Some(name));
            assert_eq!(template.to_string(), good);
        }
        for bad in [
            "",
            "agent:demo",
            "{sub}",
            "agent:{sub",
            "agent:sub}",
            "agent:x{sub}",
            "agent:{sub}x",
            "agent:{}",
            "agent:{{sub}}",
            "agent:{sub}}",
            "user:{/a~2b}",
            "spiffe://{domain}/x",
            "spiffe://Shop/{sub}",
        ] {
            assert_eq!(NameTemplate::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_claim_cannot_leave_its_segment() {
        let template = NameTemplate::parse("spiffe://shop/user/{sub}").unwrap();
        assert_eq!(template.prefix(), "spiffe://shop/user/");
        let filled = |claim: &str| template.fill(|_| Some(claim.to_owned()));
        assert_eq!(filled("alice").as_deref(), Some("spiffe://shop/user/alice"));
        let long = "a".repeat(129);
        for bad in ["", ".", "..", "a/b", "a:b", "a b", "a%2fb", "a\u{e9}", "a\n", "a@b", long.as_str()] {
            assert_eq!(filled(bad), None, "{bad}");
        }
        let plain = NameTemplate::parse("user:{sub}").unwrap();
        assert_eq!(plain.fill(|_| Some("a@b.c".to_owned())).as_deref(), Some("user:a@b.c"));
        assert_eq!(plain.fill(|_| None), None);
    }

    #[test]
    fn a_pointer_leads_to_a_claim_inside_another() {
        let path = ClaimPath::parse("/kubernetes.io/serviceaccount/name").unwrap();
        assert_eq!(path.names(), ["kubernetes.io", "serviceaccount", "name"]);
        assert_eq!(ClaimPath::parse("/a~1b/~0").unwrap().names(), ["a/b", "~"]);
    }
}
