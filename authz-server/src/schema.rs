//! Types that the API's document names and that other crates define: closed lists of words, and texts of a fixed form. They have
//! no values; a member with such a text names its type here (`value_type`), so that the document says exactly what it can be.

use std::borrow::Cow;

use ledger::entry::{DenialCode, FactScope, Posture, RevocationTarget};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};
use warrant::Denial;

macro_rules! named {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let says = [$($doc.trim()),+].join(" ");
                    $schema.description(Some(says)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )+
    };
}

named! {
    /// A SHA-256 digest.
    Digest = matching("^sha256:[0-9a-f]{64}$");
    /// 128 random bits in base64url: the id of a decision or of an issuance.
    DecisionId = matching("^[A-Za-z0-9_-]{21}[AQgw]$");
    /// The `jti` of a warrant's link, or the `txn` of its root.
    Jti = matching("^[A-Za-z0-9_-]{1,64}$");
    /// A warrant: the `jti`s of its links, joined with `/`, the root's first.
    WarrantPath = matching("^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64})*$");
    /// The thumbprint of a key (RFC 7638) in base64url.
    Thumbprint = matching("^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$");
    /// The name of a holder, a route or an issuer: printable ASCII without `"` and `\`.
    PlainName = matching("^[ !#-\\[\\]-~]{1,256}$");
    /// An environment: `dimension=value`.
    Environment = matching("^[ !#-)+-<>-\\[\\]-~]{1,256}=[ !#-)+-\\[\\]-~]{1,256}$");
    /// A text for people without control characters. It has at most 256 bytes in UTF-8.
    Reason = matching("^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$");
    /// A compact JWS, with at most 32 KiB.
    Statement = matching("^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$")
        .max_length(Some(32 * 1024));
    /// What a revocation names.
    Target = words(RevocationTarget::ALL.iter().map(|word| word.word()));
    /// Where a posture applies.
    Scope = words(FactScope::ALL.iter().map(|word| word.word()));
    /// Where a condition applies.
    ConditionPlace = words([FactScope::Mesh.word(), FactScope::Environment.word()]);
    /// How much is allowed.
    Stance = words(Posture::ALL.iter().map(|word| word.word()));
    /// What a decision answered: `allowed`, `observed`, `ungoverned`, or the code of a denial.
    Outcome = words(["allowed", "observed", "ungoverned"].into_iter().chain(denials()));
    /// What the judge found: `permit`, or the code of a denial.
    Verdict = words(["permit"].into_iter().chain(denials()));
    /// What a bundle says of a request: `allow`, or the code of a denial.
    Judged = words(["allow"].into_iter().chain(Denial::ALL.iter().map(|denial| denial.code())));
    /// A part of a request: a text, its bytes if it is not UTF-8, or the beginning of a long one.
    RequestPart = request_part();
    /// A decision, as it is recorded.
    RecordedDecision = recorded("decision.1");
    /// How a request ended, as it is recorded.
    RecordedOutcome = recorded("outcome.1");
}

/// The terms of a link, as they are recorded.
#[derive(Clone, Copy, Debug)]
pub enum LinkTerms {}

impl PartialSchema for LinkTerms {
    fn schema() -> RefOr<Schema> {
        in_entries("Terms").into()
    }
}

impl ToSchema for LinkTerms {}

/// The schemas of the ledger's entries and of the objects in them, by their names in the document.
pub fn of_entries() -> impl Iterator<Item = (String, Value)> {
    let all = ledger::entry::schemas().into_iter();
    all.map(|(name, schema)| {
        let text = schema.to_string().replace("#/$defs/", "#/components/schemas/entry.");
        // It was JSON a moment ago.
        (format!("entry.{}", name.replace('/', ".")), serde_json::from_str(&text).unwrap_or_default())
    })
}

fn in_entries(name: &str) -> Ref {
    Ref::new(format!("#/components/schemas/entry.{name}"))
}

fn recorded(kind: &str) -> ObjectBuilder {
    let entry = ObjectBuilder::new().property("index", u64::schema()).property("entry", in_entries(kind));
    entry.required("index").required("entry")
}

/// A text that matches this pattern.
pub fn matching(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// One of these words.
pub fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all))
}

fn denials() -> impl Iterator<Item = &'static str> {
    DenialCode::ALL.iter().map(|code| code.word())
}

fn request_part() -> OneOfBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let start = ObjectBuilder::new()
        .property("start", OneOfBuilder::new().item(text()).item(hex()))
        .property("length", u64::schema())
        .property("digest", Digest::schema());
    let start = ["start", "length", "digest"].into_iter().fold(start, ObjectBuilder::required);
    OneOfBuilder::new().item(text()).item(hex()).item(start)
}

fn hex() -> ObjectBuilder {
    ObjectBuilder::new().property("hex", matching("^([0-9a-f]{2})*$")).required("hex")
}
