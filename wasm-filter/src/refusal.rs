//! A denial as HTTP carries it. What it says to people is `warrant::problem`'s, so that gate and court say the same.

use warrant::{
    Denial,
    problem::{CONTENT_TYPE, DENIAL_HEADER, Problem, Realm},
};

/// An answer that denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    denial: Denial,
    body: String,
    challenge: Option<String>,
}

impl Refusal {
    /// The answer for `denial`, by the mesh of this name, whose warrants come from `issuers`.
    pub fn new<'a>(denial: Denial, audience: &str, issuers: impl Iterator<Item = &'a str>) -> Self {
        let problem = Problem::of(denial);
        Self { denial, body: problem.body(), challenge: problem.challenge(Realm { audience, issuers }) }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.denial.status()
    }

    /// The headers. The code is among them for those who see no body: access logs, and `HEAD`.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let mut headers = vec![
            ("content-type", CONTENT_TYPE),
            ("cache-control", "no-store"),
            (DENIAL_HEADER, self.denial.code()),
        ];
        headers.extend(self.challenge.as_deref().map(|challenge| ("www-authenticate", challenge)));
        headers
    }

    /// The problem document.
    pub fn body(&self) -> &str {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_headers_and_body_are_of_the_one_denial() {
        for denial in Denial::ALL {
            let refusal = Refusal::new(*denial, "demo", ["https://a.example"].into_iter());
            assert_eq!(refusal.status(), denial.status());
            assert!(refusal.headers().contains(&("warrant-denial", denial.code())));
            let body: serde_json::Value = serde_json::from_str(refusal.body()).unwrap();
            assert_eq!((&body["code"], &body["status"]), (&denial.code().into(), &denial.status().into()));
            let challenged = refusal.headers().iter().any(|(name, _)| *name == "www-authenticate");
            assert_eq!(challenged, denial.status() == 401, "{denial}");
        }
    }
}
