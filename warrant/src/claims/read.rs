//! From the payload of a link to its claims: a closed set, by position.
//!
//! Every link is read twice by the same code: once for its form alone, before any signature was looked at, and once
//! to keep what it says, after all of them held. So what nobody signed never costs more memory than it has itself.

use super::{
    Attribution, Claims, Detail, Environment, Holder, Place, Root, Starter, Times,
    lists::{filled, set, text},
};
use crate::{
    Digest,
    json::{Key, Malformed, Reader, all_distinct, once, required},
    key::{PublicKey, Thumbprint},
    limits::MAX_USES,
    rules::{is_attribution, is_jti, is_plain},
    time::Seconds,
};

type Read<T> = Result<T, Malformed>;

/// Whether lists and texts are kept, or only checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Only the form is of interest; of the claims only `cnf` and, on a root, `iss`, `sub` and `ini` are filled.
    Check,
    /// Everything is filled.
    Keep,
}

impl Reading {
    pub(super) fn keep<T>(self, kept: &mut Vec<T>, value: impl FnOnce() -> T) {
        if self == Self::Keep {
            kept.push(value());
        }
    }

    fn text(self, text: crate::json::Text<'_>) -> Box<str> {
        if self == Self::Keep { text.to_box() } else { Box::default() }
    }
}

/// Reads a payload as the claims of a root, or of a link.
pub(crate) fn read(payload: &[u8], is_root: bool, reading: Reading) -> Read<Claims> {
    let mut reader = Reader::new(payload)?;
    let mut draft = Draft::default();
    reader.object(|r, name| draft.member(r, name, is_root, reading))?;
    reader.end()?;
    draft.complete(is_root)
}

#[derive(Default)]
struct Draft {
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

impl Draft {
    fn member(&mut self, r: &mut Reader<'_>, name: &str, is_root: bool, reading: Reading) -> Read<()> {
        match name {
            "iss" => self.issuer(r, is_root, reading),
            "sub" => {
                let sub = text(r, is_plain, "`sub`")?;
                once(&mut self.sub, if is_root { sub.to_box() } else { reading.text(sub) })
            }
            "aud" => once(&mut self.aud, set(r, reading, is_plain, "a member of `aud`")?),
            "jti" => once(&mut self.jti, reading.text(text(r, is_jti, "`jti`")?)),
            "iat" => once(&mut self.iat, r.natural()?),
            "nbf" => once(&mut self.nbf, r.natural()?),
            "exp" => once(&mut self.exp, r.natural()?),
            "cnf" => once(&mut self.cnf, read_cnf(r)?),
            "depth" => once(&mut self.depth, r.natural()?),
            "max_depth" => once(&mut self.max_depth, r.natural()?),
            "use" => once(&mut self.use_max, read_use(r)?),
            "env" => once(&mut self.env, read_env(r, reading)?),
            "att" => once(&mut self.att, read_att(r, reading)?),
            "authorization_details" => once(&mut self.details, read_details(r, reading)?),
            "parent" if !is_root => {
                let digest = r.string()?.with(Digest::parse_base64url).flatten();
                once(&mut self.parent, digest.ok_or(Malformed("`parent` is not a digest"))?)
            }
            "txn" if is_root => once(&mut self.txn, reading.text(text(r, is_jti, "`txn`")?)),
            "ini" if is_root => once(&mut self.ini, read_ini(r)?),
            "pol" if is_root => once(&mut self.pol, reading.text(text(r, is_a_digest, "`pol`")?)),
            "dec" if is_root => once(&mut self.dec, reading.text(text(r, is_plain, "`dec`")?)),
            "attr" if is_root => once(&mut self.attr, read_attr(r, reading)?),
            _ => Err(Malformed("a claim that does not belong here")),
        }
    }

    fn issuer(&mut self, r: &mut Reader<'_>, is_root: bool, reading: Reading) -> Read<()> {
        let iss = text(r, is_plain, "`iss`")?;
        if is_root {
            return once(&mut self.iss, iss.to_box());
        }
        let signer = iss.with(Thumbprint::from_uri).flatten();
        once(&mut self.signer, signer.ok_or(Malformed("a link's `iss` is not a thumbprint URI"))?)?;
        once(&mut self.iss, reading.text(iss))
    }

    fn complete(self, is_root: bool) -> Read<Claims> {
        let (nbf, exp) = (required(self.nbf, "no `nbf`")?, required(self.exp, "no `exp`")?);
        if nbf >= exp {
            return Err(Malformed("`exp` is not after `nbf`"));
        }
        let place = if is_root {
            let root = Root {
                txn: required(self.txn, "no `txn`")?,
                ini: self.ini,
                pol: self.pol,
                dec: self.dec,
                attr: self.attr,
            };
            Place::Root(Box::new(root))
        } else {
            Place::Link {
                signer: required(self.signer, "no `iss`")?,
                parent: required(self.parent, "no `parent`")?,
            }
        };
        Ok(Claims {
            iss: required(self.iss, "no `iss`")?,
            sub: required(self.sub, "no `sub`")?,
            aud: required(self.aud, "no `aud`")?,
            jti: required(self.jti, "no `jti`")?,
            times: Times {
                iat: Seconds::new(required(self.iat, "no `iat`")?),
                nbf: Seconds::new(nbf),
                exp: Seconds::new(exp),
            },
            cnf: Holder::Key(required(self.cnf, "no `cnf`")?),
            depth: required(self.depth, "no `depth`")?,
            max_depth: required(self.max_depth, "no `max_depth`")?,
            use_max: self.use_max,
            env: required(self.env, "no `env`")?,
            att: self.att,
            details: required(self.details, "no `authorization_details`")?,
            place,
        })
    }
}

fn read_cnf(reader: &mut Reader<'_>) -> Read<PublicKey> {
    let mut key = None;
    reader.object(|r, name| match name {
        "jwk" => once(&mut key, PublicKey::read(r)?),
        _ => Err(Malformed("`cnf` has an unknown member")),
    })?;
    required(key, "`cnf` lacks `jwk`")
}

fn read_use(reader: &mut Reader<'_>) -> Read<u32> {
    let mut max = None;
    reader.object(|r, name| match name {
        "max" => once(&mut max, r.integer()?),
        _ => Err(Malformed("`use` has an unknown member")),
    })?;
    let max = required(max, "`use` lacks `max`")?;
    let max = (1..=MAX_USES).contains(&max).then(|| u32::try_from(max).ok()).flatten();
    required(max, "`use.max` is not between 1 and 2^31-1")
}

fn read_env(reader: &mut Reader<'_>, reading: Reading) -> Read<Environment> {
    let start = *reader;
    let mut kept = Vec::new();
    let count = reader.object(|r, dimension| {
        if !is_plain(dimension) {
            return Err(Malformed("a dimension of `env`"));
        }
        let values = set(r, reading, is_plain, "a value of `env`")?;
        reading.keep(&mut kept, || (dimension.into(), values));
        Ok(())
    })?;
    all_distinct(start, count, Key::name)?;
    Ok(Environment(kept))
}

fn read_att(reader: &mut Reader<'_>, reading: Reading) -> Read<Vec<Box<str>>> {
    let mut measurements = None;
    reader.object(|r, name| match name {
        "measurement" => once(&mut measurements, set(r, reading, is_a_digest, "a measurement")?),
        _ => Err(Malformed("`att` has an unknown member")),
    })?;
    required(measurements, "`att` lacks `measurement`")
}

pub(crate) fn read_details(reader: &mut Reader<'_>, reading: Reading) -> Read<Vec<Detail>> {
    let mut kept = Vec::new();
    let count = reader.array(|r| {
        let detail = Detail::read(r, reading)?;
        reading.keep(&mut kept, || detail);
        Ok(())
    })?;
    filled(count)?;
    Ok(kept)
}

fn read_ini(reader: &mut Reader<'_>) -> Read<Starter> {
    let (mut iss, mut sub) = (None, None);
    reader.object(|r, name| match name {
        "iss" => once(&mut iss, text(r, is_plain, "`ini.iss`")?.to_box()),
        "sub" => once(&mut sub, text(r, is_plain, "`ini.sub`")?.to_box()),
        _ => Err(Malformed("`ini` has an unknown member")),
    })?;
    Ok(Starter { iss: required(iss, "`ini` lacks `iss`")?, sub: required(sub, "`ini` lacks `sub`")? })
}

fn read_attr(reader: &mut Reader<'_>, reading: Reading) -> Read<Attribution> {
    let mut attr = Attribution::default();
    let count = reader.object(|r, name| {
        let slot = match name {
            "run" => &mut attr.run,
            "agent" => &mut attr.agent,
            "purpose" => &mut attr.purpose,
            _ => return Err(Malformed("`attr` has an unknown member")),
        };
        once(slot, reading.text(text(r, is_attribution, "a value of `attr`")?))
    })?;
    filled(count)?;
    Ok(attr)
}

/// Whether `text` is `sha256:` and 64 lower-case hexadecimal digits, as measurements and bundles are named.
fn is_a_digest(text: &str) -> bool {
    Digest::parse(text).is_some()
}
