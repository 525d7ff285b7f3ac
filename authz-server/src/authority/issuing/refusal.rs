//! The closed list of reasons for which no warrant is issued, and how they are answered: as RFC 6749 writes errors, with a code
//! and a cure of our own.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::schema::words;

struct Row {
    code: &'static str,
    error: &'static str,
    status: u16,
    meaning: &'static str,
    cure: &'static str,
}

macro_rules! refusals {
    ($($name:ident = $code:literal $error:literal $status:literal, $meaning:literal, $cure:literal;)+) => {
        /// One reason for which nothing is issued.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RefusalCode {
            $(#[doc = $meaning] $name,)+
        }

        impl RefusalCode {
            /// Every reason there is.
            pub const ALL: &[RefusalCode] = &[$(RefusalCode::$name,)+];

            const fn row(self) -> Row {
                match self {
                    $(RefusalCode::$name => Row {
                        code: $code, error: $error, status: $status, meaning: $meaning, cure: $cure,
                    },)+
                }
            }
        }
    };
}

refusals! {
    FormMalformed = "form-malformed" "invalid_request" 400,
        "The body is not the form of a token exchange (RFC 8693).",
        "Send `application/x-www-form-urlencoded` with each parameter once. `error_description` names what is wrong.";
    FormTooLarge = "form-too-large" "invalid_request" 413,
        "The body has more than 64 KiB.",
        "Ask for fewer details, or for a grant by its name (`scope`).";
    GrantType = "grant-type" "unsupported_grant_type" 400,
        "The grant type is not token exchange.",
        "Send `grant_type=urn:ietf:params:oauth:grant-type:token-exchange`.";
    TokenType = "token-type" "invalid_request" 400,
        "A type of token that is not known here.",
        "Ask for `urn:portcullis:params:oauth:token-type:warrant`, by a token of the type `jwt`, `id_token` or `access_token`.";
    SubjectMissing = "subject-missing" "invalid_request" 400,
        "Nothing shows for whom the warrant is: neither a token nor a client certificate with a SPIFFE ID.",
        "Send `subject_token` and `subject_token_type`, or call with a client certificate.";
    SubjectInvalid = "subject-invalid" "invalid_request" 400,
        "The subject's token does not count.",
        "Get a new token, for the audience that `subjects` of mesh.yaml names. `error_description` says what is wrong.";
    ActorMissing = "actor-missing" "invalid_request" 400,
        "The subject may only start what somebody else holds, or names who may act, and nobody acts.",
        "Call with the actor's client certificate, or send `actor_token` too.";
    ActorInvalid = "actor-invalid" "invalid_request" 400,
        "The actor's token does not count, or the subject's token is for another actor.",
        "Act as the one whom the subject's token names.";
    KeyMissing = "key-missing" "invalid_request" 400,
        "There is no key to which the warrant could be bound.",
        "Send the public key of its holder as `cnf`, with a proof, or call with a client certificate for ES256 or Ed25519.";
    KeyInvalid = "key-invalid" "invalid_request" 400,
        "`cnf` is not a public key for ES256 or Ed25519.",
        "Send what `portcullis key show` prints.";
    ProofInvalid = "proof-invalid" "invalid_request" 400,
        "The header `Warrant-Proof` does not show that the caller has the key in `cnf`.",
        "Sign a new proof for this request: method, URL, the digest of an empty warrant, and the digest of this body.";
    Audience = "audience" "invalid_target" 400,
        "The audience is another mesh.",
        "Send the name of this mesh as `audience`, or leave it out.";
    Resource = "resource" "invalid_target" 400,
        "A `resource` is not the URL of a host in this mesh, or nothing that is asked for is at these hosts.",
        "Name hosts of this mesh, like `https://payments.shop`.";
    Pins = "pins" "invalid_target" 400,
        "The grants together could be used nowhere: they are for different places or workloads.",
        "Ask for one grant at a time.";
    NothingWanted = "nothing-wanted" "invalid_request" 400,
        "Neither `scope` nor `authorization_details` says what the warrant is for.",
        "Send the name of a grant as `scope`, or the details.";
    Scope = "scope" "invalid_scope" 400,
        "There is no such grant, or this holder may not have it.",
        "Ask for a grant of mesh.yaml that `issuance.cedar` permits.";
    DetailsMalformed = "details-malformed" "invalid_authorization_details" 400,
        "`authorization_details` is not what a warrant can contain.",
        "Send a JSON list of `execution` details.";
    DetailsOutside = "details-outside" "invalid_authorization_details" 400,
        "A detail is not within one detail of a grant that this holder may have.",
        "Ask for less, or ask the platform team for a grant.";
    Limit = "limit" "invalid_request" 400,
        "`lifetime`, `use` or `max_depth` is not a whole number that a warrant can have.",
        "Write digits alone: seconds, uses, and how often it may be delegated.";
    EndsTooSoon = "ends-too-soon" "invalid_request" 400,
        "The token or certificate that shows who asks ends within a second.",
        "Get a new one.";
    TooLarge = "too-large" "invalid_request" 400,
        "The warrant would be larger than 2 KiB.",
        "Ask for fewer or shorter details.";
    NotPermitted = "not-permitted" "unauthorized_client" 403,
        "`issuance.cedar` permits this holder nothing like it.",
        "Ask the platform team for a permit in `issuance.cedar`.";
    PolicyError = "policy-error" "server_error" 500,
        "A policy of `issuance.cedar` could not be evaluated.",
        "Tell the platform team: `portcullis policy test` shows it.";
    Revoked = "revoked" "unauthorized_client" 403,
        "The holder, its key, the starter or this authority's key is revoked.",
        "Ask an operator which of them; a holder whose key is revoked can use another one.";
    Halted = "halted" "temporarily_unavailable" 503,
        "The mesh, this environment or this authority is halted.",
        "Wait until operators resume.";
    NotInForce = "not-in-force" "temporarily_unavailable" 503,
        "No policy bundle is in force, or the clock cannot be relied on.",
        "Wait, and ask again. Operators: look at `/readyz`.";
    NotTrusted = "not-trusted" "server_error" 500,
        "The bundle does not trust this authority's key, or not for this holder or starter.",
        "Tell the platform team: `issuers` of mesh.yaml lists keys, subjects and starters.";
    KeysUnavailable = "keys-unavailable" "temporarily_unavailable" 503,
        "The keys of the token's issuer cannot be fetched.",
        "Ask again later.";
    Full = "full" "temporarily_unavailable" 503,
        "This authority remembers as many roots as it can, of this holder or of all together.",
        "Wait until warrants and tokens of this holder have expired, and ask for fewer.";
    NotRecorded = "not-recorded" "temporarily_unavailable" 503,
        "The issuance could not be recorded, so nothing is issued.",
        "Ask again. Operators: look at the ledger's disk.";
    NotSigned = "not-signed" "server_error" 500,
        "The authority's key cannot sign now.",
        "Ask again. Operators: look at the signer.";
    TooMany = "too-many" "slow_down" 429,
        "This holder, or all together, ask for too many warrants in a short time.",
        "Wait, and ask again at a slower rate.";
}

impl RefusalCode {
    /// The stable name in answers, logs and metrics.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The word of RFC 6749, RFC 8693 or RFC 9396.
    pub const fn error(self) -> &'static str {
        self.row().error
    }

    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// What was found, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// What the client can do about it.
    pub const fn cure(self) -> &'static str {
        self.row().cure
    }

    /// The answers with this status, for the API's document.
    pub fn schema(status: u16) -> Object {
        let with_status = RefusalCode::ALL.iter().filter(|code| code.status() == status);
        let errors: BTreeSet<&str> = with_status.clone().map(|code| code.error()).collect();
        let text = |says: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(says));
        let answer = ObjectBuilder::new()
            .property("error", words(errors))
            .property("error_description", text("What was found, in printable ASCII."))
            .property("code", words(with_status.map(|code| code.code())))
            .property("cure", text("What the client can do about it."));
        ["error", "error_description", "code", "cure"]
            .into_iter()
            .fold(answer, ObjectBuilder::required)
            .build()
    }
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// Nothing is issued: the reason, and what the client is told about this case. It contains no part of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    detail: Option<String>,
    cure: Option<String>,
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Refusal {
        Refusal { code, detail: None, cure: None }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    error_description: &'a str,
    code: &'a str,
    cure: &'a str,
}

impl Refusal {
    /// A refusal with one sentence about this case.
    #[must_use]
    pub fn new(code: RefusalCode, detail: impl std::fmt::Display) -> Refusal {
        Refusal { detail: Some(ascii(&detail.to_string())), ..Refusal::from(code) }
    }

    /// What the author of a policy tells the client.
    #[must_use]
    pub fn advised(code: RefusalCode, reason: Option<String>, cure: Option<String>) -> Refusal {
        Refusal { code, detail: reason.as_deref().map(ascii), cure: cure.as_deref().map(ascii) }
    }

    /// The JSON of the answer.
    #[must_use]
    pub fn body(&self) -> String {
        let body = Body {
            error: self.code.error(),
            error_description: self.detail.as_deref().unwrap_or(self.code.meaning()),
            code: self.code.code(),
            cure: self.cure.as_deref().unwrap_or(self.code.cure()),
        };
        // A struct of texts always serialises.
        serde_json::to_string(&body).unwrap_or_default()
    }
}

/// RFC 6749 allows only printable ASCII without `"` and `\` in a description.
fn ascii(text: &str) -> String {
    let allowed = |letter: char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\');
    text.chars().map(|letter| if allowed(letter) { letter } else { '?' }).collect()
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail.as_deref().unwrap_or(self.code.meaning()))
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::{Value, json};

    use super::*;

    const BEGIN: &str = "<!-- Made from `authz-server/src/authority/issuing/refusal.rs` by `WRITE_DOCS=1 cargo test --workspace --lib -- api_page`. -->\n";
    const END: &str = "<!-- End of the table of refusals. -->\n";

    #[test]
    fn a_code_has_one_row_and_an_error_of_oauth() {
        let mut codes: Vec<_> = RefusalCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), RefusalCode::ALL.len());
        for code in RefusalCode::ALL {
            let words = [
                "invalid_request",
                "unsupported_grant_type",
                "invalid_target",
                "invalid_scope",
                "invalid_authorization_details",
                "unauthorized_client",
                "temporarily_unavailable",
                "server_error",
                "slow_down",
            ];
            assert!(words.contains(&code.error()) && (400..600).contains(&code.status()), "{code}");
        }
        let body: Value =
            serde_json::from_str(&Refusal::new(RefusalCode::Scope, "a \"quoted\" word").body()).unwrap();
        assert_eq!(body["error"], "invalid_scope");
        assert_eq!(body["error_description"], "a ?quoted? word", "as RFC 6749 allows");
        assert_eq!((&body["code"], body["cure"].is_string()), (&json!("scope"), true));
    }

    #[test]
    fn the_api_page_has_the_same_refusals_as_the_list() {
        let mut table = String::from(
            "| code | status | `error` | what was found | what to do |\n|---|---|---|---|---|\n",
        );
        for refusal in RefusalCode::ALL {
            let (status, error) = (refusal.status(), refusal.error());
            writeln!(
                table,
                "| `{refusal}` | {status} | `{error}` | {} | {} |",
                refusal.meaning(),
                refusal.cure()
            )
            .unwrap();
        }
        crate::made_page::assert_has_table("api.md", [BEGIN, END], &table);
    }
}
