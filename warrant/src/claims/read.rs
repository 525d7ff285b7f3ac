//! Reads the payload of a link into its claims. A root and a delegation each have a closed set of claims.
//!
//! The same code reads every link twice: first only to check its form, before any signature is verified, and again to
//! keep its claims, after all signatures hold. So an unsigned payload never costs more memory than its own size.

use super::{
    Attribution, Claims, Detail, Environment, HolderKey, LinkKind, RootClaims, Starter, Times,
    strings::{check_not_empty, set},
};
use crate::{
    Digest,
    formats::{is_attribution, is_jti, is_plain},
    json::{JsonReader, Malformed, Parsed, Scalar, check_distinct, required, set_once, text},
    key::{PublicKey, Thumbprint},
    limits::MAX_USES,
    time::Seconds,
};

/// Whether the reader keeps lists and texts, or only checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadMode {
    /// Check the form. Only `cnf` is filled and, on a root, `iss`, `sub` and `ini`.
    Check,
    /// Fill all claims.
    Keep,
}

impl ReadMode {
    pub(super) fn keep<T>(self, kept: &mut Vec<T>, value: impl FnOnce() -> T) {
        if self == Self::Keep {
            kept.push(value());
        }
    }

    fn text(self, text: crate::json::JsonString<'_>) -> Box<str> {
        if self == Self::Keep { text.to_box() } else { Box::default() }
    }
}

/// Reads a payload as the claims of a root, or of a delegation.
pub(crate) fn read(payload: &[u8], is_root: bool, mode: ReadMode) -> Parsed<Claims> {
    let mut reader = JsonReader::new(payload)?;
    let mut builder = ClaimsBuilder::default();
    reader.object(|r, name| builder.member(r, name, is_root, mode))?;
    reader.end()?;
    builder.complete(is_root)
}

/// The claims that were read so far.
#[derive(Default)]
struct ClaimsBuilder {
    iss: Option<Box<str>>,
    signer: Option<Thumbprint>,
    parent: Option<Digest>,
    sub: Option<Box<str>>,
    aud: Option<Vec<Box<str>>>,
    jti: Option<Box<str>>,
    iat: Option<u64>,
    nbf: Option<u64>,
    exp: Option<u64>,
    cnf: Option<PublicKey>,
    depth: Option<u64>,
    max_depth: Option<u64>,
    use_max: Option<u32>,
    env: Option<Environment>,
    att: Option<Vec<Box<str>>>,
    details: Option<Vec<Detail>>,
    txn: Option<Box<str>>,
    ini: Option<Starter>,
    pol: Option<Box<str>>,
    dec: Option<Box<str>>,
    attr: Option<Attribution>,
}

impl ClaimsBuilder {
    fn member(&mut self, r: &mut JsonReader<'_>, name: &str, is_root: bool, mode: ReadMode) -> Parsed<()> {
        match name {
            "iss" => self.issuer(r, is_root, mode),
            "sub" => {
                let sub = text(r, is_plain, "`sub` is not a plain string")?;
                set_once(&mut self.sub, if is_root { sub.to_box() } else { mode.text(sub) })
            }
            "aud" => set_once(
                &mut self.aud,
                set(r, mode, is_plain, "a member of `aud` that is not a plain string")?,
            ),
            "jti" => set_once(
                &mut self.jti,
                mode.text(text(r, is_jti, "`jti` is not 1 to 64 letters, digits, `_` and `-`")?),
            ),
            "iat" => set_once(&mut self.iat, r.natural()?),
            "nbf" => set_once(&mut self.nbf, r.natural()?),
            "exp" => set_once(&mut self.exp, r.natural()?),
            "cnf" => set_once(&mut self.cnf, read_cnf(r)?),
            "depth" => set_once(&mut self.depth, r.natural()?),
            "max_depth" => set_once(&mut self.max_depth, r.natural()?),
            "use" => set_once(&mut self.use_max, read_use(r)?),
            "env" => set_once(&mut self.env, read_env(r, mode)?),
            "att" => set_once(&mut self.att, read_att(r, mode)?),
            "authorization_details" => set_once(&mut self.details, read_details(r, mode)?),
            "parent" if !is_root => {
                let digest = r.string()?.with(Digest::parse_base64url).flatten();
                set_once(&mut self.parent, digest.ok_or(Malformed("`parent` is not a digest"))?)
            }
            "txn" if is_root => set_once(
                &mut self.txn,
                mode.text(text(r, is_jti, "`txn` is not 1 to 64 letters, digits, `_` and `-`")?),
            ),
            "ini" if is_root => set_once(&mut self.ini, read_ini(r)?),
            "pol" if is_root => {
                set_once(&mut self.pol, mode.text(text(r, is_a_digest, "`pol` is not a `sha256:` digest")?))
            }
            "dec" if is_root => {
                set_once(&mut self.dec, mode.text(text(r, is_plain, "`dec` is not a plain string")?))
            }
            "attr" if is_root => set_once(&mut self.attr, read_attr(r, mode)?),
            _ => Err(Malformed("a claim that this kind of link does not have")),
        }
    }

    fn issuer(&mut self, r: &mut JsonReader<'_>, is_root: bool, mode: ReadMode) -> Parsed<()> {
        let iss = text(r, is_plain, "`iss` is not a plain string")?;
        if is_root {
            return set_once(&mut self.iss, iss.to_box());
        }
        let signer = iss.with(Thumbprint::from_uri).flatten();
        set_once(&mut self.signer, signer.ok_or(Malformed("a link's `iss` is not a thumbprint URI"))?)?;
        set_once(&mut self.iss, mode.text(iss))
    }

    fn complete(self, is_root: bool) -> Parsed<Claims> {
        let (nbf, exp) = (
            required(self.nbf, "the claim `nbf` is missing")?,
            required(self.exp, "the claim `exp` is missing")?,
        );
        if nbf >= exp {
            return Err(Malformed("`exp` is not after `nbf`"));
        }
        let kind = if is_root {
            let root = RootClaims {
                txn: required(self.txn, "the claim `txn` is missing")?,
                ini: self.ini,
                pol: self.pol,
                dec: self.dec,
                attr: self.attr,
            };
            LinkKind::Root(Box::new(root))
        } else {
            LinkKind::Delegation {
                signer: required(self.signer, "the claim `iss` is missing")?,
                parent: required(self.parent, "the claim `parent` is missing")?,
            }
        };
        Ok(Claims {
            iss: required(self.iss, "the claim `iss` is missing")?,
            sub: required(self.sub, "the claim `sub` is missing")?,
            aud: required(self.aud, "the claim `aud` is missing")?,
            jti: required(self.jti, "the claim `jti` is missing")?,
            times: Times {
                iat: Seconds::new(required(self.iat, "the claim `iat` is missing")?),
                nbf: Seconds::new(nbf),
                exp: Seconds::new(exp),
            },
            cnf: HolderKey::Known(required(self.cnf, "the claim `cnf` is missing")?),
            depth: required(self.depth, "the claim `depth` is missing")?,
            max_depth: required(self.max_depth, "the claim `max_depth` is missing")?,
            use_max: self.use_max,
            env: required(self.env, "the claim `env` is missing")?,
            att: self.att,
            details: required(self.details, "the claim `authorization_details` is missing")?,
            kind,
        })
    }
}

fn read_cnf(reader: &mut JsonReader<'_>) -> Parsed<PublicKey> {
    let mut key = None;
    reader.object(|r, name| match name {
        "jwk" => set_once(&mut key, PublicKey::read(r)?),
        _ => Err(Malformed("`cnf` has an unknown member")),
    })?;
    required(key, "`cnf` lacks `jwk`")
}

fn read_use(reader: &mut JsonReader<'_>) -> Parsed<u32> {
    let mut max = None;
    reader.object(|r, name| match name {
        "max" => set_once(&mut max, r.integer()?),
        _ => Err(Malformed("`use` has an unknown member")),
    })?;
    let max = required(max, "`use` lacks `max`")?;
    let max = (1..=MAX_USES).contains(&max).then(|| u32::try_from(max).ok()).flatten();
    required(max, "`use.max` is not between 1 and 2^31-1")
}

fn read_env(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Environment> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.object(|r, dimension| {
        if !is_plain(dimension) {
            return Err(Malformed("a dimension of `env` that is not a plain string"));
        }
        let values = set(r, mode, is_plain, "a value of `env` that is not a plain string")?;
        mode.keep(&mut kept, || (dimension.into(), values));
        Ok(())
    })?;
    check_distinct(start, count, Scalar::name)?;
    Ok(Environment(kept))
}

fn read_att(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Vec<Box<str>>> {
    let mut measurements = None;
    reader.object(|r, name| match name {
        "measurement" => set_once(
            &mut measurements,
            set(r, mode, is_a_digest, "a measurement that is not a `sha256:` digest")?,
        ),
        _ => Err(Malformed("`att` has an unknown member")),
    })?;
    required(measurements, "`att` lacks `measurement`")
}

pub(crate) fn read_details(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Vec<Detail>> {
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let detail = Detail::read(r, mode)?;
        mode.keep(&mut kept, || detail);
        Ok(())
    })?;
    check_not_empty(count)?;
    Ok(kept)
}

fn read_ini(reader: &mut JsonReader<'_>) -> Parsed<Starter> {
    let (mut iss, mut sub) = (None, None);
    reader.object(|r, name| match name {
        "iss" => set_once(&mut iss, text(r, is_plain, "`ini.iss` is not a plain string")?.to_box()),
        "sub" => set_once(&mut sub, text(r, is_plain, "`ini.sub` is not a plain string")?.to_box()),
        _ => Err(Malformed("`ini` has an unknown member")),
    })?;
    Ok(Starter { iss: required(iss, "`ini` lacks `iss`")?, sub: required(sub, "`ini` lacks `sub`")? })
}

fn read_attr(reader: &mut JsonReader<'_>, mode: ReadMode) -> Parsed<Attribution> {
    let mut attr = Attribution::default();
    let count = reader.object(|r, name| {
        let slot = match name {
            "run" => &mut attr.run,
            "agent" => &mut attr.agent,
            "purpose" => &mut attr.purpose,
            _ => return Err(Malformed("`attr` has an unknown member")),
        };
        set_once(
            slot,
            mode.text(text(
                r,
                is_attribution,
                "a value of `attr` that is empty, too long or has control characters",
            )?),
        )
    })?;
    check_not_empty(count)?;
    Ok(attr)
}

/// Whether `text` is `sha256:` and 64 lower-case hexadecimal digits, as measurements and bundles are named.
fn is_a_digest(text: &str) -> bool {
    Digest::parse(text).is_some()
}
