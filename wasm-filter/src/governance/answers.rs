//! The server's answers in the memory that VMs share: one whole answer, the changes since, and the last one without a change.
//! They are raw, and nobody trusts them: whoever reads one verifies it like one from the server.

use warrant::{
    Seconds, Verifier,
    statement::{Answer, Held, NotTaken},
};

use super::{Governance, SharedMemory};

/// Changes are kept up to so many bytes. Then there is a new whole answer.
const CHANGES_AT_MOST: usize = 64 * 1024;

/// Where the answers are.
#[derive(Debug)]
pub(super) struct SharedAnswers {
    whole: String,
    changes: String,
    steady: String,
}

/// How far a VM has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReadUpTo {
    /// The whole answer that the changes follow.
    series: u64,
    bytes: usize,
}

impl SharedAnswers {
    pub(super) fn at(prefix: &str) -> Self {
        let key = |name| format!("{prefix}.{name}");
        Self { whole: key("whole"), changes: key("changes"), steady: key("steady") }
    }

    /// Shares an answer that was just taken.
    pub(super) fn share<V: Verifier>(
        &self,
        memory: &dyn SharedMemory,
        answer: &[u8],
        governance: &Governance<V>,
    ) {
        if Answer::decode(answer).is_ok_and(|answer| answer.is_steady()) {
            memory.write(&self.steady, answer, None);
            return;
        }
        let before = memory.read(&self.changes).0.unwrap_or_default();
        let follows = series_of(&before).is_some_and(|(series, changes)| {
            let is_read = ReadUpTo { series, bytes: changes.len() } == governance.read().get();
            is_read && changes.len().saturating_add(answer.len()) < CHANGES_AT_MOST
        });
        if follows {
            let mut changes = before;
            let mut read = governance.read().get();
            changes.extend(u32::try_from(answer.len()).unwrap_or(u32::MAX).to_be_bytes());
            changes.extend(answer);
            read.bytes = changes.len().saturating_sub(SERIES_BYTES);
            governance.read().set(read);
            memory.write(&self.changes, &changes, None);
        } else {
            self.share_whole(memory, governance);
        }
    }

    /// Begins a new series with everything that is held.
    pub(super) fn share_whole<V: Verifier>(&self, memory: &dyn SharedMemory, governance: &Governance<V>) {
        let Some(held) = governance.held() else { return };
        let before = memory.read(&self.changes).0.unwrap_or_default();
        // No VM has read one that was higher, even if something else stands there now.
        let before = series_of(&before).map_or(0, |(series, _)| series);
        let series = before.max(governance.read().get().series).saturating_add(1);
        let mut whole = series.to_be_bytes().to_vec();
        whole.extend(held.to_answer());
        // Who reads the new whole answer and the old changes takes no notice of these.
        memory.write(&self.whole, &whole, None);
        memory.write(&self.changes, &series.to_be_bytes(), None);
        governance.read().set(ReadUpTo { series, bytes: 0 });
    }

    /// Takes what others shared since the last time. Returns why something was not taken that is not simply older.
    pub(super) fn catch_up<V: Verifier>(
        &self,
        memory: &dyn SharedMemory,
        governance: &Governance<V>,
        clock: Seconds,
    ) -> Option<NotTaken> {
        let mut refused = None;
        let mut take = |answer: &[u8]| {
            let is_held =
                |held: &Held| Answer::decode(answer).is_ok_and(|answer| *answer.statement == *held.signed());
            if governance.held().is_some_and(|held| is_held(&held)) {
                return;
            }
            match governance.take(answer, clock) {
                // What is held already is newer.
                Ok(()) | Err(NotTaken::RolledBack { .. }) => {}
                Err(why) => refused = Some(why),
            }
        };
        let mut read = governance.read().get();
        // First the steady answer is read and then the changes, so that it never needs a change that was not read.
        let steady = memory.read(&self.steady).0.unwrap_or_default();
        let changes = memory.read(&self.changes).0.unwrap_or_default();
        if let Some((series, changes)) = series_of(&changes) {
            if series != read.series || changes.len() < read.bytes {
                let whole = memory.read(&self.whole).0.unwrap_or_default();
                if let Some((found, whole)) = series_of(&whole).filter(|(found, _)| *found == series) {
                    take(whole);
                    read = ReadUpTo { series: found, bytes: 0 };
                }
            }
            if series == read.series {
                let mut rest = changes.get(read.bytes..).unwrap_or_default();
                while let Some((answer, more)) = first_of(rest) {
                    take(answer);
                    rest = more;
                }
                read.bytes = changes.len();
            }
        }
        governance.read().set(read);
        if !steady.is_empty() {
            take(&steady);
        }
        refused
    }
}

const SERIES_BYTES: usize = 8;

fn series_of(value: &[u8]) -> Option<(u64, &[u8])> {
    let (series, rest) = value.split_first_chunk()?;
    Some((u64::from_be_bytes(*series), rest))
}

/// The first of several answers, each after its length.
fn first_of(answers: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = answers.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
