//! The trusted issuers as canonical JSON. [`Trust::new`] checks what they say about each other.

use super::StatementFault;
use crate::{
    formats::is_plain,
    json::{
        JsonReader, JsonString, Malformed, Parsed, required, set_once, text,
        writer::{ObjectWriter, array},
    },
    key::PublicKey,
    subject::SubjectPattern,
    trust::{Issuer, Trust},
};

/// [`Trust::new`] compares issuers, subjects and keys in pairs, so their numbers are limited.
const MAX_ISSUERS: usize = 256;
const MAX_SUBJECTS: usize = 1024;
const MAX_KEYS: usize = 1024;
const TOO_MANY: Malformed =
    Malformed("rules have more than 256 issuers, or their issuers have more than 1024 subjects or keys");

/// Takes issuers that were read.
pub(super) fn trust(issuers: Vec<Issuer>) -> Result<Trust, StatementFault> {
    if are_few(&issuers) { Ok(Trust::new(issuers)?) } else { Err(TOO_MANY.into()) }
}

/// Checks that a gate would take them.
pub(super) fn check_size(trust: &Trust) -> Parsed<()> {
    if are_few(trust.issuers()) { Ok(()) } else { Err(TOO_MANY) }
}

fn are_few(issuers: &[Issuer]) -> bool {
    let count = |count: fn(&Issuer) -> usize| issuers.iter().map(count).fold(0, usize::saturating_add);
    issuers.len() <= MAX_ISSUERS
        && count(|issuer| issuer.subjects.len()) <= MAX_SUBJECTS
        && count(|issuer| issuer.keys.len()) <= MAX_KEYS
}

pub(super) fn json(issuer: &Issuer) -> String {
    let mut out = ObjectWriter::new();
    out.text("iss", &issuer.iss);
    out.raw("keys", &array(issuer.keys.iter().map(|(kid, key)| key.canonical_jwk_json(kid))));
    out.texts("starters", &issuer.starters);
    let subjects: Vec<_> = issuer.subjects.iter().map(SubjectPattern::to_string).collect();
    out.texts("subjects", &subjects);
    out.end()
}

pub(super) fn read(r: &mut JsonReader<'_>) -> Parsed<Vec<Issuer>> {
    let mut issuers = Vec::new();
    r.array(|r| read_one(r).map(|issuer| issuers.push(issuer)))?;
    Ok(issuers)
}

fn read_one(r: &mut JsonReader<'_>) -> Parsed<Issuer> {
    let (mut iss, mut keys, mut subjects, mut starters) = (None, None, None, None);
    r.object(|r, name| match name {
        "iss" => set_once(&mut iss, plain(r)?),
        "keys" => {
            let mut read = Vec::new();
            r.array(|r| PublicKey::read_with_kid(r).map(|(kid, key)| read.push((kid.into(), key))))?;
            set_once(&mut keys, read)
        }
        "starters" => {
            let mut read = Vec::new();
            r.array(|r| plain(r).map(|starter| read.push(starter)))?;
            set_once(&mut starters, read)
        }
        "subjects" => {
            let mut read = Vec::new();
            r.array(|r| {
                let subject = r.string()?.with(SubjectPattern::parse).flatten();
                read.push(subject.ok_or(Malformed("a subject that is not a pattern of names"))?);
                Ok(())
            })?;
            set_once(&mut subjects, read)
        }
        _ => Err(Malformed("an issuer has an unknown member")),
    })?;
    Ok(Issuer {
        iss: required(iss, "an issuer lacks `iss`")?,
        keys: required(keys, "an issuer lacks `keys`")?,
        subjects: required(subjects, "an issuer lacks `subjects`")?,
        starters: required(starters, "an issuer lacks `starters`")?,
    })
}

fn plain(r: &mut JsonReader<'_>) -> Parsed<String> {
    text(r, is_plain, "a name that is not a plain string").map(JsonString::to_box).map(String::from)
}
