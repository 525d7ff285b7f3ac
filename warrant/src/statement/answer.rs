//! The body of one answer to a poll: a signed statement, and the parts that the poll does not hold. Only its form is
//! checked here.

use std::borrow::Cow;

use super::{StatementFault, bytes::Bytes};
use crate::json::Malformed;

/// Marks the form and its version.
const TITLE: &[u8] = b"PSTM1";
/// The largest body. 100,000 revoked marks are 1.6 MB.
const MAX_BYTES: usize = 32 * 1024 * 1024;

const STATEMENT: u8 = 1;
const RULES: u8 = 2;
const HALTS: u8 = 3;
const ALL_MARKS: u8 = 4;
const CHANGED_MARKS: u8 = 5;
const ALL_ENDED: u8 = 6;
const CHANGED_ENDED: u8 = 7;

/// What the server answers to a poll.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The signed statement.
    pub statement: Cow<'a, [u8]>,
    /// The rules, unless the poll holds them.
    pub rules: Option<Cow<'a, [u8]>>,
    /// The halts, unless the poll holds them.
    pub halts: Option<Cow<'a, [u8]>>,
    /// The revoked marks, unless the poll holds them.
    pub revocations: Option<Section<'a>>,
    /// The decisions to end, unless the poll holds them.
    pub ended: Option<Section<'a>>,
}

/// A part that can be sent as a change of what the poll holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Section<'a> {
    /// The whole part.
    Whole(Cow<'a, [u8]>),
    /// What makes it from the part that the poll holds.
    Delta(Cow<'a, [u8]>),
}

impl<'a> Answer<'a> {
    /// Reads a body. The sections must be in the order of their tags.
    ///
    /// # Errors
    /// When it is too long, has another form, lacks the statement, or has a section twice.
    pub fn decode(body: &'a [u8]) -> Result<Self, StatementFault> {
        const CUT: Malformed = Malformed("an answer is cut off");
        if body.len() > MAX_BYTES {
            return Err(Malformed("an answer is longer than 32 MiB").into());
        }
        let mut bytes =
            Bytes(body.strip_prefix(TITLE).ok_or(Malformed("an answer does not begin with `PSTM1`"))?);
        let (mut answer, mut last_tag) = (Self::default(), 0);
        while let Some([tag]) = bytes.array() {
            let length = bytes.count().ok_or(CUT)?;
            let section = Cow::Borrowed(bytes.take(length).ok_or(CUT)?);
            if tag <= std::mem::replace(&mut last_tag, tag) {
                return Err(
                    Malformed("an answer has a section twice, or its sections are not in order").into()
                );
            }
            answer.add(tag, section)?;
        }
        if answer.statement.is_empty() {
            return Err(Malformed("an answer has no statement").into());
        }
        Ok(answer)
    }

    /// Whether it has nothing but the statement: what is held did not change.
    pub const fn is_steady(&self) -> bool {
        self.rules.is_none() && self.halts.is_none() && self.revocations.is_none() && self.ended.is_none()
    }

    /// Writes the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = TITLE.to_vec();
        write(&mut body, STATEMENT, &self.statement);
        for (tag, part) in [(RULES, &self.rules), (HALTS, &self.halts)] {
            if let Some(part) = part {
                write(&mut body, tag, part);
            }
        }
        let parts = [(&self.revocations, ALL_MARKS, CHANGED_MARKS), (&self.ended, ALL_ENDED, CHANGED_ENDED)];
        for (part, whole, delta) in parts {
            match part {
                Some(Section::Whole(bytes)) => write(&mut body, whole, bytes),
                Some(Section::Delta(bytes)) => write(&mut body, delta, bytes),
                None => {}
            }
        }
        body
    }

    fn add(&mut self, tag: u8, section: Cow<'a, [u8]>) -> Result<(), Malformed> {
        let twice = match tag {
            STATEMENT => {
                self.statement = section;
                false
            }
            RULES => self.rules.replace(section).is_some(),
            HALTS => self.halts.replace(section).is_some(),
            ALL_MARKS => self.revocations.replace(Section::Whole(section)).is_some(),
            CHANGED_MARKS => self.revocations.replace(Section::Delta(section)).is_some(),
            ALL_ENDED => self.ended.replace(Section::Whole(section)).is_some(),
            CHANGED_ENDED => self.ended.replace(Section::Delta(section)).is_some(),
            _ => return Err(Malformed("an answer has a section with an unknown tag")),
        };
        if twice { Err(Malformed("an answer has a part whole and as a change")) } else { Ok(()) }
    }
}

fn write(body: &mut Vec<u8>, tag: u8, section: &[u8]) {
    body.push(tag);
    // Longer sections than an answer may have are refused when it is read.
    body.extend(u32::try_from(section.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend(section);
}
