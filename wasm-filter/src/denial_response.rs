//! The HTTP answer to a denied request. `warrant::problem` writes its headers and body, so that the gate and the server
//! give the same answer.

use warrant::{
    Denial,
    problem::{self, Problem, Realm},
};

/// The answer to a denied request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenialResponse {
    denial: Denial,
    body: String,
    challenge: Option<String>,
}

impl DenialResponse {
    /// The answer for `denial` from the mesh `audience`, whose warrants come from `issuers`.
    pub fn new<'a>(denial: Denial, audience: &str, issuers: impl Iterator<Item = &'a str>) -> Self {
        let problem = Problem::of(denial);
        Self { denial, body: problem.body(), challenge: problem.challenge(Realm { audience, issuers }) }
    }

    /// Says where the page about the resource is, if an authority issues warrants for it: behind `read` are the page, and the scheme and the
    /// authority of the request.
    #[must_use]
    pub fn leading_to(mut self, read: impl FnOnce() -> Option<String>) -> Self {
        if let Some(challenge) = &mut self.challenge
            && let Some(parameter) = read()
        {
            challenge.push_str(&parameter);
        }
        self
    }

    /// What is denied.
    pub const fn denial(&self) -> Denial {
        self.denial
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.denial.status()
    }

    /// The headers.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        problem::headers(self.denial, self.challenge.as_deref())
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
    fn status_headers_and_body_are_those_of_the_denial() {
        for denial in Denial::ALL {
            let response = DenialResponse::new(*denial, "demo", ["https://a.example"].into_iter());
            assert_eq!(response.status(), denial.status());
            assert!(response.headers().contains(&("warrant-denial", denial.code())));
            let body: serde_json::Value = serde_json::from_str(response.body()).unwrap();
            assert_eq!((&body["code"], &body["status"]), (&denial.code().into(), &denial.status().into()));
            let challenged = response.headers().iter().any(|(name, _)| *name == "www-authenticate");
            assert_eq!(challenged, denial.status() == 401, "{denial}");
        }
    }
}
