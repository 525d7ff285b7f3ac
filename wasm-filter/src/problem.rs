//! What a denied client reads: RFC 9457 problem JSON, and on a 401 where a warrant is to be had. No secrets, and
//! never which of several keys failed.

use serde_json::json;
use warrant::Denial;

/// An answer that denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    denial: Denial,
    body: String,
    challenge: Option<String>,
}

impl Problem {
    /// The answer for `denial` by the mesh of this name, whose warrants come from `issuers`.
    pub fn new<'a>(denial: Denial, audience: &str, issuers: impl Iterator<Item = &'a str>) -> Self {
        let body = json!({
            "type": format!("urn:portcullis:denial:{}", denial.code()),
            "title": denial.title(),
            "status": denial.status(),
            "code": denial.code(),
            "detail": denial.meaning(),
            "cure": denial.cure(),
        });
        let challenge = (denial.status() == 401).then(|| challenge(denial, audience, issuers));
        Self { denial, body: body.to_string(), challenge }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.denial.status()
    }

    /// The headers of the answer. The code is among them for those who see no body: access logs, and `HEAD`.
    pub fn headers(&self) -> Vec<(&str, &str)> {
        let mut headers = vec![
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("warrant-denial", self.denial.code()),
        ];
        headers.extend(self.challenge.as_deref().map(|challenge| ("www-authenticate", challenge)));
        headers
    }

    /// The problem document.
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// Audience and issuers are plain strings (`Config` lets no others in), so that quoting them is all there is to do.
fn challenge<'a>(denial: Denial, audience: &str, issuers: impl Iterator<Item = &'a str>) -> String {
    let issuers = issuers.collect::<Vec<_>>().join(" ");
    format!(r#"Warrant realm="{audience}", error="{}", issuers="{issuers}""#, denial.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(denial: Denial) -> Problem {
        Problem::new(denial, "demo", ["https://a.example", "https://b.example"].into_iter())
    }

    #[test]
    fn the_body_says_code_status_and_cure() {
        for denial in Denial::ALL {
            let problem = problem(*denial);
            let body: serde_json::Value = serde_json::from_str(problem.body()).unwrap();
            assert_eq!(body["code"], denial.code());
            assert_eq!(body["status"], denial.status());
            assert_eq!(body["cure"], denial.cure());
            assert_eq!(problem.status(), denial.status());
            assert!(problem.headers().contains(&("warrant-denial", denial.code())));
        }
    }

    #[test]
    fn a_401_and_nothing_else_says_where_a_warrant_is_to_be_had() {
        for denial in Denial::ALL {
            let problem = problem(*denial);
            let challenge = problem.headers().into_iter().find(|(name, _)| *name == "www-authenticate");
            assert_eq!(challenge.is_some(), denial.status() == 401, "{denial}");
            if let Some((_, value)) = challenge {
                assert_eq!(
                    value,
                    format!(
                        r#"Warrant realm="demo", error="{denial}", issuers="https://a.example https://b.example""#
                    )
                );
            }
        }
    }
}
