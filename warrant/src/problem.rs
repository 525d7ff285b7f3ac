//! The answer that a denied client gets: its headers and its RFC 9457 problem JSON. The gate and the server both use
//! it, so that they give the same answer. It contains no secret, and never says which of several keys failed.

use crate::{denial::Denial, json::writer::ObjectWriter, request::Host};

/// The media type of [`Problem::body`].
pub const CONTENT_TYPE: &str = "application/problem+json";
/// The header that names the denial for readers without a body: access logs and `HEAD` requests.
pub const DENIAL_HEADER: &str = "warrant-denial";

/// One denial, with what the client is told about it.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// The denial.
    pub denial: Denial,
    /// The decision's id, if there is a recorded decision.
    pub decision: Option<&'a str>,
    /// More about this case. Without it, the document has the denial's meaning.
    pub detail: Option<&'a str>,
    /// What to do about it. Without it, the document has the denial's own cure.
    pub cure: Option<&'a str>,
    /// Whether the record only counts this denial, because too many like it came at once. Then the record does not have
    /// the decision's id.
    pub is_summarised: bool,
}

/// A mesh and the issuers of its warrants.
#[derive(Clone, Copy, Debug)]
pub struct Realm<'a, I> {
    /// The mesh.
    pub audience: &'a str,
    /// Its issuers' URLs.
    pub issuers: I,
}

impl Problem<'_> {
    /// A denial without more information.
    pub const fn of(denial: Denial) -> Self {
        Self { denial, decision: None, detail: None, cure: None, is_summarised: false }
    }

    /// The problem document.
    pub fn body(&self) -> String {
        let denial = self.denial;
        let mut body = ObjectWriter::new();
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

    /// The value of `WWW-Authenticate`: where to get a warrant. Only for a 401.
    pub fn challenge<'i>(&self, realm: Realm<'_, impl Iterator<Item = &'i str>>) -> Option<String> {
        if self.denial.status() != 401 {
            return None;
        }
        // Audience and issuers are plain strings (`formats::is_plain`), so they need no escapes inside quotes.
        let issuers = realm.issuers.collect::<Vec<_>>().join(" ");
        let (realm, code) = (realm.audience, self.denial.code());
        Some(format!(r#"Warrant realm="{realm}", error="{code}", issuers="{issuers}""#))
    }
}

/// The parameter that a challenge gets behind the others: where the page about the resource is (RFC 9728). `None` for what is not the
/// URL of a host: then nothing is said.
pub fn resource_metadata(page: &str, scheme: &[u8], authority: &[u8]) -> Option<String> {
    let scheme = ["https", "http"].into_iter().find(|known| known.as_bytes() == scheme)?;
    let authority = std::str::from_utf8(authority).ok()?.to_ascii_lowercase();
    let host = Host::parse(&authority)?;
    Some(format!(r#", resource_metadata="{page}?resource={scheme}%3A%2F%2F{}""#, host.as_str()))
}

/// The headers of the answer to a denied request, in the order in which they are sent. `challenge` is the value of
/// [`Problem::challenge`].
pub fn headers(denial: Denial, challenge: Option<&str>) -> Vec<(&'static str, &str)> {
    let mut headers =
        vec![("content-type", CONTENT_TYPE), ("cache-control", "no-store"), (DENIAL_HEADER, denial.code())];
    headers.extend(challenge.map(|challenge| ("www-authenticate", challenge)));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_says_code_status_and_cure() {
        let problem = Problem { decision: Some("d1"), ..Problem::of(Denial::Expired) };
        let body = problem.body();
        assert!(!body.contains("recorded"), "a denial that is recorded alone needs no member for it: {body}");
        assert!(Problem { is_summarised: true, ..problem }.body().ends_with(r#","recorded":"summary"}"#));
        for member in [r#""status":401"#, r#""code":"expired""#, r#""decision":"d1""#, Denial::Expired.cure()]
        {
            assert!(body.contains(member), "{member} in {body}");
        }
    }

    #[test]
    fn a_policys_own_cure_replaces_ours_and_is_escaped() {
        let problem = Problem { cure: Some("say \"please\"\n"), ..Problem::of(Denial::PolicyDenied) };
        assert!(problem.body().contains(r#""cure":"say \"please\"\u000a""#), "{}", problem.body());
    }

    #[test]
    fn the_headers_are_in_a_fixed_order_and_the_challenge_is_last() {
        let always = [
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("warrant-denial", "expired"),
        ];
        assert_eq!(headers(Denial::Expired, None), always);
        let last = [("www-authenticate", "Warrant")];
        assert_eq!(headers(Denial::Expired, Some("Warrant")), [&always[..], &last].concat());
    }

    #[test]
    fn a_challenge_leads_to_the_page_about_exactly_the_resource_that_was_asked() {
        let page = "https://authority.shop/p";
        let said = resource_metadata(page, b"https", b"Pay.shop:8443");
        let expected =
            r#", resource_metadata="https://authority.shop/p?resource=https%3A%2F%2Fpay.shop:8443""#;
        assert_eq!(said.as_deref(), Some(expected));
        for (scheme, authority) in
            [("ftp", "pay.shop"), ("https", "pay.shop/x"), ("https", "a\"b"), ("", "a"), ("https", "")]
        {
            assert_eq!(resource_metadata(page, scheme.as_bytes(), authority.as_bytes()), None, "{authority}");
        }
        assert_eq!(resource_metadata(page, b"https", b"\xff"), None);
    }

    #[test]
    fn only_a_401_says_where_to_get_a_warrant() {
        for denial in Denial::ALL {
            let issuers = ["https://a.example", "https://b.example"].into_iter();
            let challenge = Problem::of(*denial).challenge(Realm { audience: "demo", issuers });
            let code = denial.code();
            let expected = format!(
                r#"Warrant realm="demo", error="{code}", issuers="https://a.example https://b.example""#
            );
            assert_eq!(challenge, (denial.status() == 401).then_some(expected));
        }
    }
}
