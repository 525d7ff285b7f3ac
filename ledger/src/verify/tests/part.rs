//! A part of a log: it holds by itself, also if its decisions name earlier ones, and a changed entry is named.

use super::*;
use crate::part::Part;

const SIZE: usize = 600;
/// The entry that says the terms of the last decision.
const SAID: usize = END;

/// The sound log, grown to 600 entries. The last decision names one of the first bundle for its terms.
fn grown(sound: &SoundLog) -> Vec<Vec<u8>> {
    sound.rewritten(|log| {
        let first = Decision { as_of: u64::try_from(END).unwrap(), ..allowed("first") };
        let last =
            Decision { id: "last".to_owned(), terms: said_at(u64::try_from(SAID).unwrap()), ..first.clone() };
        add(log, vec![first.into()]);
        let between = SIZE - log.len() - 1;
        add(log, (0..between).map(|n| denied(&n.to_string()).into()).collect());
        add(log, vec![last.into()]);
    })
}

/// The faults of the part with the last entry, and of this earlier entry.
fn audit(sound: &SoundLog, log: &Memory, earlier: Option<usize>) -> AuditReport {
    let last = u64::try_from(SIZE - 1).unwrap();
    let mut part = Part::around(last, last, last + 1).unwrap();
    if let Some(earlier) = earlier {
        part.add_earlier(u64::try_from(earlier).unwrap());
    }
    let mut files = part.files();
    files.insert(PublishedFile::Checkpoint);
    let cut = Memory(files.into_iter().map(|file| (file, log.0[&file].clone())).collect());
    let auditor =
        Auditor { log: &sound.key, witnesses: &[], previous: None, threads: 1, progress: &|_, _| () };
    auditor.audit_part(&cut, &part).unwrap()
}

#[test]
fn a_part_holds_with_the_decision_that_says_its_terms_and_not_without() {
    let sound = sound_log();
    let log = sound.signed_again(&grown(&sound));
    let report = audit(&sound, &log, Some(SAID));
    assert!(report.holds(), "{:?}", report.faults);
    let own = u64::try_from(SIZE - 512).unwrap();
    assert_eq!((report.size, report.kinds.get("decision/1")), (600, Some(&own)), "only its own entries");
    let without = audit(&sound, &log, None);
    let told: Vec<&str> = without.faults.iter().map(|fault| fault.what.as_str()).collect();
    assert_eq!(told, ["its terms are those of entry 8, which is not a decision that says its terms"]);
}

#[test]
fn a_part_of_another_checkpoint_or_with_a_changed_entry_is_refused() {
    let sound = sound_log();
    let entries = grown(&sound);
    let mut log = sound.signed_again(&entries);
    let whole = sound.signed_again(&entries[..SIZE - 1]);
    log.0.insert(PublishedFile::Checkpoint, whole.0[&PublishedFile::Checkpoint].clone());
    let other = audit(&sound, &log, Some(SAID));
    assert!(other.faults[0].what.contains("names 599 entries, but the part is of a log of 600"), "{other:?}");

    let mut log = sound.signed_again(&entries);
    let bundle = log.0.get_mut(&PublishedFile::entries(2, 600).unwrap()).unwrap();
    let at = bundle.len() - 10;
    bundle[at] ^= 1;
    let changed = audit(&sound, &log, Some(SAID));
    assert!(changed.faults.iter().any(|fault| fault.place.contains("tile/0/002.p/88")), "{changed:?}");
}
