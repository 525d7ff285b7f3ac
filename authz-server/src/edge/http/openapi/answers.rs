//! The answers that many calls have in common: one problem document for each code, the errors of OAuth, and sets of keys.

use std::collections::BTreeMap;

use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use crate::authority::issuing::RefusalCode;
use crate::authority::problem::ApiErrorCode;

type Answers = BTreeMap<String, RefOr<Response>>;

macro_rules! refused_with {
    ($($(#[doc = $doc:literal])+ $name:ident: $($code:ident)+;)+) => {
        $(
            $(#[doc = $doc])+
            pub(in crate::edge::http) struct $name;

            impl IntoResponses for $name {
                fn responses() -> Answers {
                    [$(ApiErrorCode::$code),+].map(named).into()
                }
            }
        )+
    };
}

refused_with! {
    /// The refusals of a call by anybody.
    OfAnybody: NotPermitted WrongMethod;
    /// The refusals of a call that reads.
    OfReaders: NotAuthenticated NotPermitted WrongMethod Unavailable;
    /// The refusals of a call that records something.
    OfRecorders: Malformed NotAuthenticated NotPermitted WrongMethod TooLarge WrongType TooMany Unavailable;
    /// The refusal of a call with parameters.
    OfParameters: Malformed;
    /// The refusals of a call that reads the past.
    OfHistory: Malformed TooMany;
    /// The refusal of a call that names something.
    OfNames: Unknown;
    /// The refusal of a call that must name the newest entry, or be the newest statement.
    OfConflicts: Conflict;
}

/// The answer with this problem, by its name in the document.
fn named(code: ApiErrorCode) -> (String, RefOr<Response>) {
    (code.status().to_string(), Ref::from_response_name(code.code()).into())
}

/// One answer for each problem there is.
pub(super) fn problems() -> impl Iterator<Item = (String, RefOr<Response>)> {
    ApiErrorCode::ALL.iter().map(|code| {
        let answer = ResponseBuilder::new()
            .description(code.meaning())
            .content(warrant::problem::CONTENT_TYPE, Content::new(Some(code.schema())));
        (code.code().to_owned(), answer.build().into())
    })
}

/// The refusals of a call for a warrant: errors of OAuth, and problem documents for what is refused before the form is read.
pub(in crate::edge::http) struct OfIssuing;

impl IntoResponses for OfIssuing {
    fn responses() -> Answers {
        let mut answers = OfAnybody::responses();
        for status in RefusalCode::ALL.iter().map(|code| code.status()) {
            let mut answer = ResponseBuilder::new()
                .description("Nothing is issued.")
                .content("application/json", Content::new(Some(RefusalCode::schema(status))));
            if status == ApiErrorCode::NotPermitted.status() {
                let problem = Content::new(Some(ApiErrorCode::NotPermitted.schema()));
                answer = answer.content(warrant::problem::CONTENT_TYPE, problem);
            }
            answers.insert(status.to_string(), answer.build().into());
        }
        answers
    }
}

/// Public keys (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "only the document needs the type: the keys are JSON already")]
pub(in crate::edge::http) struct KeySet {
    keys: Vec<PublicJwk>,
}

/// A public key.
#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
struct PublicJwk {
    #[schema(pattern = "^(EC|OKP)$")]
    kty: String,
    #[schema(pattern = "^(P-256|Ed25519)$")]
    crv: String,
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    x: String,
    /// With `EC` only.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", nullable = false)]
    y: Option<String>,
    #[schema(pattern = "^(ES256|Ed25519)$")]
    alg: String,
    #[schema(pattern = "^sig$")]
    r#use: String,
    kid: String,
}
