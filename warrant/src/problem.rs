//! What a denied client reads: RFC 9457 problem JSON, and on a 401 where a warrant is to be had. Written here once, so
//! that gate and court answer alike. Never a secret, and never which of several keys failed.

use crate::{denial::Denial, json::writer::Object};

/// The media type of [`Problem::body`].
pub const CONTENT_TYPE: &str = "application/problem+json";
/// The header that names the denial for those who see no body: access logs, and `HEAD`.
pub const DENIAL_HEADER: &str = "warrant-denial";

/// One denial, as it is told.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// Which.
    pub denial: Denial,
    /// The decision's id, where one was taken and recorded.
    pub decision: Option<&'a str>,
    /// What this case adds; without it, what the denial means.
    pub detail: Option<&'a str>,
    /// What to do about it; without it, the denial's own advice.
    pub cure: Option<&'a str>,
    /// Whether the record only counts it, since too many like it came at once: its decision's id will not be found.
    pub is_summarised: bool,
}

/// Where warrants for a mesh are to be had.
#[derive(Clone, Copy, Debug)]
pub struct Realm<'a, I> {
    /// The mesh.
    pub audience: &'a str,
    /// Its issuers' URLs.
    pub issuers: I,
}

impl Problem<'_> {
    /// A denial about which there is nothing more to say.
    pub const fn of(denial: Denial) -> Self {
        Self { denial, decision: None, detail: None, cure: None, is_summarised: false }
    }

    /// The problem document.
    pub fn body(&self) -> String {
        let denial = self.denial;
        let mut body = Object::new();
        body.text("type", &format!("urn:portcullis:denial:{}", denial.code()));
        body.text("title", denial.title());
        body.number("status", u64::from(denial.status()));
        body.text("code", denial.code());
        body.text("detail", self.detail.unwrap_or(denial.meaning()));
        body.text("cure", self.cure.unwrap_or(denial.cure()));
        if let Some(decision) = self.decision {
            body.text("decision", decision);
        }
        if self.is_summarised {
            body.text("recorded", "summary");
        }
        body.end()
    }

    /// The value of `WWW-Authenticate`, on a 401 and on nothing else.
    pub fn challenge<'i>(&self, realm: Realm<'_, impl Iterator<Item = &'i str>>) -> Option<String> {
        if self.denial.status() != 401 {
            return None;
        }
        // Audience and issuers are plain strings (`rules::is_plain`), so quoting them is all there is to do.
        let issuers = realm.issuers.collect::<Vec<_>>().join(" ");
        let (realm, code) = (realm.audience, self.denial.code());
        Some(format!(r#"Warrant realm="{realm}", error="{code}", issuers="{issuers}""#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_says_code_status_and_cure() {
        let problem = Problem { decision: Some("d1"), ..Problem::of(Denial::Expired) };
        let body = problem.body();
        assert!(!body.contains("recorded"), "one by one needs no word: {body}");
        assert!(Problem { is_summarised: true, ..problem }.body().ends_with(r#","recorded":"summary"}"#));
        for member in [r#""status":401"#, r#""code":"expired""#, r#""decision":"d1""#, Denial::Expired.cure()]
        {
            assert!(body.contains(member), "{member} in {body}");
        }
    }

    #[test]
    fn a_policys_words_stand_in_place_of_ours_and_are_quoted() {
        let problem = Problem { cure: Some("say \"please\"\n"), ..Problem::of(Denial::PolicyDenied) };
        assert!(problem.body().contains(r#""cure":"say \"please\"\u000a""#), "{}", problem.body());
    }

    #[test]
    fn a_401_and_nothing_else_says_where_a_warrant_is_to_be_had() {
        for denial in Denial::ALL {
            let issuers = ["https://a.example", "https://b.example"].into_iter();
            let told = Problem::of(*denial).challenge(Realm { audience: "demo", issuers });
            let code = denial.code();
            let expected = format!(
                r#"Warrant realm="demo", error="{code}", issuers="https://a.example https://b.example""#
            );
            assert_eq!(told, (denial.status() == 401).then_some(expected));
        }
    }
}
