//! Everything that a gate holds of governance, and how it takes the next answer. Answers come from the network and from
//! memory that others can write: nothing in them counts before the signature holds, and no part before its digest is
//! the one that was signed.

use std::{borrow::Cow, sync::Arc};

use super::{
    Answer, Ended, Halts, MarkSet, NotTaken, Part, Pins, Rules, Section, Statement, jws::PresentedStatement,
};
use crate::{Digest, key::PublicKey, time::Seconds, verifier::Verifier};

/// How far a statement may be ahead of the gate's time.
const MAX_AHEAD_SECONDS: u64 = 5;

/// A statement that was taken, with all its parts. A clone costs a few references.
#[derive(Clone, Debug)]
pub struct Held {
    statement: Arc<Statement>,
    /// The statement as it was signed.
    signed: Arc<[u8]>,
    content: Digest,
    kid: Box<str>,
    key: PublicKey,
    rules: Arc<Rules>,
    halts: Arc<Halts>,
    revocations: MarkSet,
    ended: Ended,
    /// The origins that are never taken again.
    replaced: Arc<[Box<str>]>,
}

impl Held {
    /// Takes an answer after what is held already, and shares with it every part that did not change. A statement that
    /// has ended is taken too: it says what may not come after it.
    ///
    /// What is held by a key that is no longer pinned does not count: whoever had that key could otherwise stop the
    /// mesh for ever.
    ///
    /// # Errors
    /// When anything about the answer does not hold. What is held stays as it is.
    pub fn take(
        before: Option<&Self>,
        pins: &Pins,
        answer: &[u8],
        now: Seconds,
        verifier: &dyn Verifier,
    ) -> Result<Self, NotTaken> {
        let answer = Answer::decode(answer)?;
        let (kid, key, statement) = verified(&answer.statement, pins, verifier)?;
        check_alone(&statement, pins, now)?;
        let before =
            before.filter(|held| held.is_by_pinned_key(pins) && *held.statement.aud == *pins.audience);
        let content = statement.content();
        if let Some(held) = before {
            held.check_follows(&statement, content)?;
        }
        Ok(Self {
            rules: rules(&answer, before, &statement)?,
            halts: halts(&answer, before, &statement)?,
            revocations: revocations(&answer, before, &statement)?,
            ended: ended(&answer, before, &statement)?,
            replaced: replaced(before, &statement),
            statement: Arc::new(statement),
            signed: Arc::from(&*answer.statement),
            content,
            kid,
            key,
        })
    }

    /// An answer that says all this to somebody who holds nothing.
    pub fn to_answer(&self) -> Vec<u8> {
        let answer = Answer {
            statement: Cow::Borrowed(&self.signed),
            rules: Some(self.rules.to_json().as_bytes().into()),
            halts: Some(self.halts.to_json().as_bytes().into()),
            revocations: Some(Section::Whole(self.revocations.to_bytes().into())),
            ended: Some(Section::Whole(self.ended.to_bytes().into())),
        };
        answer.encode()
    }

    /// Whether the statement is current at this time. Otherwise everything is denied.
    pub fn is_current(&self, now: Seconds) -> bool {
        now < self.statement.exp
    }

    /// Whether the key that signed the statement is pinned. Otherwise everything is denied.
    pub fn is_by_pinned_key(&self, pins: &Pins) -> bool {
        pins.key(&self.kid) == Some(&self.key)
    }

    /// The statement.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The statement as it was signed.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The digest of the statement's content.
    pub const fn content(&self) -> Digest {
        self.content
    }

    /// The rules.
    pub const fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// The halts.
    pub const fn halts(&self) -> &Arc<Halts> {
        &self.halts
    }

    /// The revoked marks.
    pub const fn revocations(&self) -> &MarkSet {
        &self.revocations
    }

    /// The decisions to end.
    pub const fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Checks that a statement may come after the held one.
    fn check_follows(&self, next: &Statement, content: Digest) -> Result<(), NotTaken> {
        let held = &*self.statement;
        if self.replaced.contains(&next.iss) {
            return Err(NotTaken::OldOrigin(next.iss.clone()));
        }
        not_lower("iat", next.iat.get(), held.iat.get())?;
        if next.iss != held.iss {
            // A log that was restored counts anew.
            let follows = next.restored.contains(&held.iss);
            return if follows { Ok(()) } else { Err(NotTaken::OtherLog(next.iss.clone())) };
        }
        not_lower("n", next.n, held.n)?;
        not_lower("seq", next.seq, held.seq)?;
        if next.n == held.n && content != self.content {
            return Err(NotTaken::Forked { claim: "n", value: next.n });
        }
        if next.seq == held.seq && next.root != held.root {
            return Err(NotTaken::Forked { claim: "seq", value: next.seq });
        }
        Ok(())
    }
}

/// The statement, and the pinned key that signed it.
fn verified(
    jws: &[u8],
    pins: &Pins,
    verifier: &dyn Verifier,
) -> Result<(Box<str>, PublicKey, Statement), NotTaken> {
    let presented = PresentedStatement::parse(jws)?;
    let kid: Box<str> = presented.kid().into();
    let key = *pins.key(&kid).ok_or_else(|| NotTaken::KeyNotPinned(kid.clone()))?;
    let statement = presented.verify(&key, verifier).ok_or(NotTaken::SignatureInvalid)?;
    Ok((kid, key, statement))
}

/// Checks everything that does not depend on what is held.
fn check_alone(statement: &Statement, pins: &Pins, now: Seconds) -> Result<(), NotTaken> {
    if statement.aud != pins.audience {
        return Err(NotTaken::OtherAudience(statement.aud.clone()));
    }
    if !pins.are_of_its_log(statement) {
        return Err(NotTaken::OtherLog(statement.iss.clone()));
    }
    if statement.lives_too_long() {
        return Err(NotTaken::LivesTooLong);
    }
    if statement.iat > now.plus(MAX_AHEAD_SECONDS) {
        return Err(NotTaken::FromTheFuture { iat: statement.iat.get(), now: now.get() });
    }
    Ok(())
}

fn not_lower(claim: &'static str, value: u64, held: u64) -> Result<(), NotTaken> {
    if value < held { Err(NotTaken::RolledBack { claim, value, held }) } else { Ok(()) }
}

fn replaced(before: Option<&Held>, statement: &Statement) -> Arc<[Box<str>]> {
    let older: Arc<[Box<str>]> = before.map_or_else(Arc::default, |held| Arc::clone(&held.replaced));
    let new: Vec<_> = statement.restored.iter().filter(|origin| !older.contains(*origin)).collect();
    if new.is_empty() { older } else { older.iter().chain(new).cloned().collect() }
}

fn rules(answer: &Answer<'_>, before: Option<&Held>, says: &Statement) -> Result<Arc<Rules>, NotTaken> {
    if let Some(held) = before.filter(|held| held.rules.digest() == says.rules) {
        return Ok(Arc::clone(&held.rules));
    }
    let text = answer.rules.as_ref().ok_or(NotTaken::NeedsAll(Part::Rules))?;
    check_digest(Digest::of(text), says.rules, Part::Rules)?;
    Ok(Arc::new(Rules::parse(text, &says.aud)?))
}

fn halts(answer: &Answer<'_>, before: Option<&Held>, says: &Statement) -> Result<Arc<Halts>, NotTaken> {
    if let Some(held) = before.filter(|held| held.halts.digest() == says.halts) {
        return Ok(Arc::clone(&held.halts));
    }
    let text = answer.halts.as_ref().ok_or(NotTaken::NeedsAll(Part::Halts))?;
    check_digest(Digest::of(text), says.halts, Part::Halts)?;
    Ok(Arc::new(Halts::parse(text)?))
}

fn revocations(answer: &Answer<'_>, before: Option<&Held>, says: &Statement) -> Result<MarkSet, NotTaken> {
    let held = before.map(|held| &held.revocations);
    if let Some(held) = held.filter(|held| held.digest() == says.revocations) {
        return Ok(held.clone());
    }
    let marks = match &answer.revocations {
        Some(Section::Whole(bytes)) => {
            // Nothing is made of bytes that nobody signed: they may be many.
            check_digest(MarkSet::digest_of(bytes), says.revocations, Part::Revocations)?;
            MarkSet::from_bytes(bytes)?
        }
        Some(Section::Delta(delta)) => {
            base(held, MarkSet::digest, MarkSet::base_of(delta), Part::Revocations)?.apply(delta)?
        }
        None => return Err(NotTaken::NeedsAll(Part::Revocations)),
    };
    check_digest(marks.digest(), says.revocations, Part::Revocations)?;
    Ok(marks)
}

fn ended(answer: &Answer<'_>, before: Option<&Held>, says: &Statement) -> Result<Ended, NotTaken> {
    let held = before.map(|held| &held.ended);
    if let Some(held) = held.filter(|held| held.digest() == says.ended) {
        return Ok(held.clone());
    }
    let ended = match &answer.ended {
        Some(Section::Whole(bytes)) => {
            check_digest(Digest::of(bytes), says.ended, Part::Ended)?;
            Ended::from_bytes(bytes)?
        }
        Some(Section::Delta(delta)) => {
            base(held, Ended::digest, Ended::base_of(delta), Part::Ended)?.apply(delta)?
        }
        None => return Err(NotTaken::NeedsAll(Part::Ended)),
    };
    check_digest(ended.digest(), says.ended, Part::Ended)?;
    Ok(ended)
}

/// The held part, if it is the one that a delta changes.
fn base<T>(
    held: Option<&T>,
    digest: fn(&T) -> Digest,
    wanted: Option<Digest>,
    part: Part,
) -> Result<&T, NotTaken> {
    held.filter(|held| Some(digest(held)) == wanted).ok_or(NotTaken::NeedsAll(part))
}

fn check_digest(found: Digest, signed: Digest, part: Part) -> Result<(), NotTaken> {
    if found == signed { Ok(()) } else { Err(NotTaken::OtherDigest(part)) }
}
