//! The closed list of errors that the API answers with, and their RFC 9457 problem documents.
//!
//! A refused call to the API is not a denial of a request through a proxy: those are `warrant::Denial`. An answer
//! contains no secret, and never says which of several keys failed.

use serde::Serialize;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::schema::words;

struct ErrorRow {
    code: &'static str,
    status: u16,
    title: &'static str,
    meaning: &'static str,
    cure: &'static str,
}

macro_rules! api_errors {
    ($($name:ident = $code:literal $status:literal $title:literal, $meaning:literal, $cure:literal;)+) => {
        /// One reason for which a call to the API is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ApiErrorCode {
            $(#[doc = $meaning] $name,)+
        }

        impl ApiErrorCode {
            /// Every reason there is.
            pub const ALL: &[ApiErrorCode] = &[$(ApiErrorCode::$name,)+];

            const fn row(self) -> ErrorRow {
                match self {
                    $(ApiErrorCode::$name => ErrorRow {
                        code: $code,
                        status: $status,
                        title: $title,
                        meaning: $meaning,
                        cure: $cure,
                    },)+
                }
            }
        }
    };
}

api_errors! {
    NotAuthenticated = "not-authenticated" 401 "Caller not authenticated",
        "The call does not show who makes it, or it shows two callers at once.",
        "Send a client certificate or a valid bearer token, and not both.";
    NotPermitted = "not-permitted" 403 "Caller not permitted",
        "The policy for operators does not permit this caller to do this.",
        "Ask the platform team for a permit in `operators.cedar`.";
    Malformed = "malformed" 400 "Malformed call",
        "The body, a parameter or a signed statement is not of the required form, or is not valid.",
        "Correct what `detail` names.";
    TooLarge = "too-large" 413 "Call too large",
        "The body has more bytes than this call may have.",
        "Send at most 64 KiB.";
    Conflict = "conflict" 409 "Conflict with a newer fact",
        "A newer fact is on record than the one that this call names or replaces.",
        "Read what is on record now, decide again, and name it.";
    Unknown = "unknown" 404 "Unknown",
        "There is nothing of this name or index, or it is not in force.",
        "Correct the name or index.";
    WrongMethod = "wrong-method" 405 "Wrong method",
        "There is such a page, but not with this method.",
        "Use a method that the header `Allow` names.";
    WrongType = "wrong-content-type" 415 "Wrong content type",
        "The header `Content-Type` says that the body is not JSON.",
        "Send JSON, with `Content-Type: application/json`.";
    TooMany = "too-many" 429 "Too many calls",
        "This caller, or all callers together, made too many calls in a short time.",
        "Wait, and call again at a slower rate.";
    Unavailable = "unavailable" 503 "Unavailable",
        "The server cannot answer now, and what was asked for is not on record.",
        "Call again later. If it goes on, look at `/readyz`.";
}

impl ApiErrorCode {
    /// The stable name in answers, logs and metrics.
    pub const fn code(self) -> &'static str {
        self.row().code
    }

    /// The HTTP status of the answer.
    pub const fn status(self) -> u16 {
        self.row().status
    }

    /// A few words for people: the `title` of the problem document.
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What was found, in one sentence.
    pub const fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// What the caller can do about it.
    pub const fn cure(self) -> &'static str {
        self.row().cure
    }

    /// The `type` of the problem document.
    fn kind(self) -> String {
        format!("urn:portcullis:api-error:{self}")
    }

    /// The problem documents with this code, for the API's own document.
    pub fn schema(self) -> Object {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let status = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([self.status()]));
        let document = ObjectBuilder::new()
            .property("type", words([self.kind().as_str()]))
            .property("title", words([self.title()]))
            .property("status", status)
            .property("code", words([self.code()]))
            .property("detail", text().description(Some("What was wrong with this call, for people.")))
            .property("cure", words([self.cure()]));
        let document = ["type", "title", "status", "code", "detail", "cure"]
            .into_iter()
            .fold(document, ObjectBuilder::required);
        if self != ApiErrorCode::Conflict {
            return document.build();
        }
        let index = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_i32));
        document.property("index", index.description(Some("The entry that is on record."))).build()
    }
}

impl std::fmt::Display for ApiErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// A refused call: the reason, and what the caller is told about this case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: ApiErrorCode,
    detail: Option<String>,
    index: Option<u64>,
}

impl ApiError {
    /// A refusal without more information.
    #[must_use]
    pub const fn of(code: ApiErrorCode) -> ApiError {
        ApiError { code, detail: None, index: None }
    }

    /// A refusal with one sentence about this case.
    #[must_use]
    pub fn new(code: ApiErrorCode, detail: impl std::fmt::Display) -> ApiError {
        ApiError { code, detail: Some(detail.to_string()), index: None }
    }

    /// Names the entry that is on record, which a conflict is about.
    #[must_use]
    pub fn with_index(self, index: Option<u64>) -> ApiError {
        ApiError { index, ..self }
    }

    #[must_use]
    pub const fn code(&self) -> ApiErrorCode {
        self.code
    }

    #[must_use]
    pub const fn status(&self) -> u16 {
        self.code.status()
    }

    /// What the caller is told about this case, if anything.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The headers of the answer.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, &'static str)> {
        let mut headers =
            vec![("content-type", warrant::problem::CONTENT_TYPE), ("cache-control", "no-store")];
        match self.code {
            ApiErrorCode::NotAuthenticated => headers.push(("www-authenticate", "Bearer")),
            ApiErrorCode::TooMany => headers.push(("retry-after", "1")),
            ApiErrorCode::NotPermitted
            | ApiErrorCode::Malformed
            | ApiErrorCode::TooLarge
            | ApiErrorCode::Conflict
            | ApiErrorCode::Unknown
            | ApiErrorCode::WrongMethod
            | ApiErrorCode::WrongType
            | ApiErrorCode::Unavailable => {}
        }
        headers
    }

    /// The problem document.
    #[must_use]
    pub fn body(&self) -> String {
        let code = self.code;
        let document = Document {
            kind: code.kind(),
            title: code.title(),
            status: code.status(),
            code: code.code(),
            detail: self.detail.as_deref().unwrap_or(code.meaning()),
            cure: code.cure(),
            index: self.index,
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    cure: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail.as_deref().unwrap_or(self.code.meaning()))
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const BEGIN: &str = "<!-- Made from `authz-server/src/authority/problem.rs` by `WRITE_DOCS=1 cargo test --workspace --lib -- api_page`. -->\n";
    const END: &str = "<!-- End of the table of errors. -->\n";

    #[test]
    fn a_code_has_one_row_and_a_status_of_an_error() {
        let mut codes: Vec<_> = ApiErrorCode::ALL.iter().map(|error| error.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ApiErrorCode::ALL.len());
        assert!(ApiErrorCode::ALL.iter().all(|error| (400..600).contains(&error.status())));
    }

    #[test]
    fn the_document_says_code_status_detail_and_cure() {
        let error = ApiError::new(ApiErrorCode::Conflict, "entry 7 is newer").with_index(Some(7));
        let document: serde_json::Value = serde_json::from_str(&error.body()).unwrap();
        let expected = serde_json::json!({
            "type": "urn:portcullis:api-error:conflict", "title": "Conflict with a newer fact", "status": 409,
            "code": "conflict", "detail": "entry 7 is newer", "cure": ApiErrorCode::Conflict.cure(), "index": 7,
        });
        assert_eq!(document, expected);
        let without = ApiError::of(ApiErrorCode::Unknown).body();
        assert!(
            without.contains(ApiErrorCode::Unknown.meaning()) && !without.contains("\"index\""),
            "{without}"
        );
    }

    #[test]
    fn only_a_401_asks_for_a_bearer_token() {
        for code in ApiErrorCode::ALL {
            let headers = ApiError::of(*code).headers();
            let asks = headers.contains(&("www-authenticate", "Bearer"));
            assert_eq!(asks, code.status() == 401, "{code}");
            assert!(headers.contains(&("content-type", "application/problem+json")), "{code}");
        }
    }

    #[test]
    fn the_api_page_has_the_same_errors_as_the_list() {
        let mut table =
            String::from("| code | status | title | what was found | what to do |\n|---|---|---|---|---|\n");
        for error in ApiErrorCode::ALL {
            let (title, meaning, cure) = (error.title(), error.meaning(), error.cure());
            writeln!(table, "| `{error}` | {} | {title} | {meaning} | {cure} |", error.status()).unwrap();
        }
        crate::made_page::assert_has_table("api.md", [BEGIN, END], &table);
    }
}
