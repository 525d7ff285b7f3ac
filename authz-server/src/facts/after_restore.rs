//! What a log that began after a restore from a backup must know about its beginning, also after that is archived.

use ledger::Entry;
use ledger::entry::{FactScope, Posture};
use serde::{Deserialize, Serialize};

/// The beginning of a log that continues one which was restored from a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterRestore {
    /// The names of all logs that this one continues, the oldest first.
    pub predecessors: Vec<String>,
    /// The posture of the mesh in the log before.
    pub stance_before: Posture,
    /// Whether all facts of the log before are recorded again.
    pub is_complete: bool,
    /// Whether requests were decided since.
    pub was_used: bool,
}

impl AfterRestore {
    /// Takes the next entry of a log. `begun` is `None` before the first one, and in a log that began by itself.
    pub(super) fn take(begun: &mut Option<AfterRestore>, entry: &Entry) {
        if let Entry::Init(init) = entry {
            *begun = init.restored.as_ref().map(|old| AfterRestore {
                predecessors: old.continued.iter().chain([&old.origin]).cloned().collect(),
                stance_before: Posture::Normal,
                is_complete: false,
                was_used: false,
            });
        }
        let Some(begun) = begun else { return };
        if let Entry::Posture(change) = entry
            && change.scope == FactScope::Mesh
            && change.was.is_some()
        {
            begun.stance_before = change.stance;
        }
        begun.is_complete |= matches!(entry, Entry::Restored(_));
        begun.was_used |= matches!(entry, Entry::Decision(_) | Entry::Denials(_));
    }
}
