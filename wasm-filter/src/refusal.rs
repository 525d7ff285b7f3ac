//! A denial as the proxy sends it: the law's own problem document, with its headers.

use warrant::{
    Denial,
    problem::{CONTENT_TYPE, Problem, Realm},
};

/// An answer that denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    denial: Denial,
    challenge: Option<String>,
}

impl Refusal {
    /// The answer for `denial` by the mesh of this name, whose warrants come from `issuers`.
    pub fn new<'a>(denial: Denial, audience: &str, issuers: impl Iterator<Item = &'a str>) -> Self {
        Self { denial, challenge: Problem::of(denial).challenge(Realm { audience, issuers }) }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.denial.status()
    }

    /// The headers of the answer.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let mut headers = vec![("content-type", CONTENT_TYPE), ("cache-control", "no-store")];
        headers.extend(self.challenge.as_deref().map(|challenge| ("www-authenticate", challenge)));
        headers
    }

    /// The problem document.
    pub fn body(&self) -> String {
        Problem::of(self.denial).body()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_401_carries_a_challenge_and_none_is_kept_by_a_cache() {
        for denial in Denial::ALL {
            let refusal = Refusal::new(*denial, "demo", ["https://a.example"].into_iter());
            let names: Vec<_> = refusal.headers().into_iter().map(|(name, _)| name).collect();
            let with_challenge = ["content-type", "cache-control", "www-authenticate"];
            let expected = if denial.status() == 401 { &with_challenge[..] } else { &with_challenge[..2] };
            assert_eq!(names, expected, "{denial}");
            assert_eq!(refusal.status(), denial.status());
            assert!(refusal.body().contains(denial.code()));
        }
    }
}
