//! Types that the API's document names and that other crates define: closed lists of words, and texts of a fixed form. They have
//! no values; a member with such a text names its type here (`value_type`), so that the document says exactly what it can be.

use std::borrow::Cow;

use ledger::entry::{DenialCode, FactScope, Posture, RevocationTarget};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, OneOfBuilder, Schema, Type};
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
                    described($schema.into(), says)
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
    Statement = ObjectBuilder::from(matching("^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$"))
        .max_length(Some(32 * 1024))
        .build();
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
    RequestPart = OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::String))
        .item(hex())
        .item(
            ObjectBuilder::new()
                .property("start", OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::String)).item(hex()))
                .property("length", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_i32)))
                .property("digest", Digest::schema())
                .required("start").required("length").required("digest"),
        )
        .build();
    /// An entry of the ledger, as it is recorded: `ledger/ENTRIES.md` has the members of each kind.
    Entry = ObjectBuilder::new()
        .property("kind", matching("^[a-z]+/[0-9]+$"))
        .property("nonce", matching("^[A-Za-z0-9_-]{21}[AQgw]$"))
        .property("time", ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0_i32)))
        .required("kind").required("nonce").required("time")
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .build();
}

/// A text that matches this pattern.
pub fn matching(pattern: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

/// One of these words.
pub fn words<'a>(all: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(all)).build()
}

fn denials() -> impl Iterator<Item = &'static str> {
    DenialCode::ALL.iter().map(|code| code.word())
}

fn hex() -> ObjectBuilder {
    ObjectBuilder::new().property("hex", matching("^([0-9a-f]{2})*$")).required("hex")
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that may grow; nothing else is described here"
)]
fn described(schema: Schema, says: String) -> RefOr<Schema> {
    RefOr::T(match schema {
        Schema::Object(object) => ObjectBuilder::from(object).description(Some(says)).build().into(),
        Schema::OneOf(choice) => OneOfBuilder::from(choice).description(Some(says)).build().into(),
        other => other,
    })
}
