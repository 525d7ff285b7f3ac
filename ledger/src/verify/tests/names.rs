//! Names in the log's directory that are not part of the layout.

use super::*;
use crate::durable;
use crate::layout::Layout;

#[test]
fn a_name_that_is_no_part_of_a_published_log_is_a_fault() {
    let sound = sound_log();
    let log = sound.path().join("log");
    let archive = sound.dir.path().join("archive");
    durable::create_dir_all(&archive.join("tile/entries"), 0o755).unwrap();
    let source = Directory::new(&log).with_archive(&archive);
    assert!(sound.audit(&source).holds());
    for place in [
        log.join("notes.txt"),
        log.join("tile/entries/000.bak"),
        log.join("tile/0/000.p/1000"),
        log.join("checkpoint.tmp.tmp"),
        archive.join("tile/entries/0"),
    ] {
        durable::write_new(&place, b"x", 0o644).unwrap();
        let report = sound.audit(&source);
        let names: Vec<_> = report.faults.iter().map(|fault| PathBuf::from(&fault.place)).collect();
        assert_eq!(names, std::slice::from_ref(&place), "{:?}", report.faults);
        std::fs::remove_file(&place).unwrap();
    }
    let other = log.join("tile/other");
    durable::create_dir(&other, 0o755).unwrap();
    assert!(!sound.audit(&source).holds());
    std::fs::remove_dir(&other).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", log.join("tile/entries/001")).unwrap();
    assert!(!sound.audit(&source).holds(), "a link could lead anywhere");
    std::fs::remove_file(log.join("tile/entries/001")).unwrap();
    // A writer may be in the middle of replacing a file.
    durable::write_new(&log.join("checkpoint.tmp"), b"x", 0o644).unwrap();
    assert!(sound.audit(&source).holds());
}

#[test]
fn a_name_that_is_no_part_of_a_ledger_is_listed() {
    let sound = sound_log();
    let layout = Layout::new(&sound.path());
    assert_eq!(layout.foreign_names().unwrap(), Vec::<PathBuf>::new());
    durable::create_dir(&layout.bundles(), 0o755).unwrap();
    durable::write_new(&layout.bundle(&crate::entry::Digest::of(b"x")), b"{}", 0o644).unwrap();
    assert_eq!(layout.foreign_names().unwrap(), Vec::<PathBuf>::new());
    let mut foreign = [
        layout.root().join("notes"),
        layout.wal().join("1.wal"),
        layout.snapshots().join("old"),
        layout.bundles().join("abc.json"),
    ];
    for place in &foreign {
        durable::write_new(place, b"x", 0o644).unwrap();
    }
    foreign.sort();
    assert_eq!(layout.foreign_names().unwrap(), foreign);
}
