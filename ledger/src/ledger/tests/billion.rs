//! A ledger with the right edge of a billion entries can be opened and written, and costs no more than a small one.

use std::time::Instant;

use super::*;
use crate::layout::Layout;
use crate::merkle::{TreeHead, inclusion_root, leaf_hash};
use crate::note::Checkpoint;
use crate::published_file::PublishedFile;
use crate::tree::{Directory, MerkleTree};
use crate::wal::{frame, segment::Segment};

const BILLION: u64 = 1_000_000_000;

/// Writes tiles of made-up hashes, a checkpoint over them, and one frame that continues from there.
fn forge(path: &Path, options: &Options) {
    let origin = Ledger::init(path, "demo", options).unwrap();
    let layout = Layout::new(path);
    for level in 0..8 {
        let index = BILLION.checked_shr(u32::from(level) * 8 + 8).unwrap_or(0);
        let Some(resource) = PublishedFile::hashes(level, index, BILLION) else { continue };
        let PublishedFile::Hashes { width, .. } = resource else { panic!("hashes") };
        let made_up: Vec<_> =
            (0..width).map(|n| leaf_hash(&[level, n.to_be_bytes()[0], n.to_be_bytes()[1]])).collect();
        let file = layout.log().join(resource.path());
        crate::durable::create_dir_all(file.parent().unwrap(), 0o755).unwrap();
        crate::durable::replace(&file, &made_up.concat()).unwrap();
    }
    let source = Directory::new(&layout.log());
    let mut edge = MerkleTree::new(&source, BILLION).edge(BILLION).unwrap();
    let head = TreeHead { size: BILLION, root: edge.root() };
    let checkpoint = Checkpoint { origin: origin.name().to_owned(), size: head.size, root: head.root };
    let note = checkpoint.sign(&SigningKey::from_seed(&[1; 32]).unwrap());
    crate::durable::replace(&layout.log().join("checkpoint"), note.note().as_bytes()).unwrap();
    crate::durable::replace(&layout.handed_out(), &crate::handed_out::new_file(origin.name(), head)).unwrap();

    let stamps = crate::entry::Stamps { nonce: Nonce([1; 16]), time: 1_600_000_000_000 };
    let entry = fact().to_bytes(stamps).unwrap();
    edge.append(leaf_hash(&entry));
    let header = frame::FrameHeader {
        count: 1,
        log: super::super::open::log_id(&layout, origin.key()).unwrap(),
        segment: 1,
        first: BILLION,
        new_size: BILLION + 1,
        old_root: head.root,
        new_root: edge.root(),
    };
    let (mut entries, mut bytes) = (Vec::new(), Vec::new());
    frame::push_entry(&mut entries, |out| out.extend_from_slice(&entry));
    frame::encode(&header, &entries, &mut bytes);
    std::fs::remove_file(layout.segment(1)).unwrap();
    Segment::create(&options.disk, &layout, &layout.segment(1), options.segment_bytes).unwrap();
    let mut segment = Segment::resume(1, Segment::hold(&options.disk, &layout, 1).unwrap(), 0).unwrap();
    segment.write(&bytes).unwrap();
}

fn fill(ledger: &Ledger, entries: usize) -> f64 {
    let began = Instant::now();
    let (sender, receiver) = mpsc::channel();
    for from in (0..entries).step_by(2_000) {
        for n in from..from + 2_000 {
            let sender = sender.clone();
            let done =
                Box::new(move |result: Result<Receipt, RecordError>| sender.send(result.unwrap()).unwrap());
            ledger.submit(decision(&n.to_string(), 0, EXPIRED), done);
        }
        assert_eq!(receiver.iter().take(2_000).count(), 2_000);
    }
    began.elapsed().as_secs_f64() / entries as f64 * 1e6
}

#[test]
fn the_next_entry_costs_no_more_after_a_billion_entries() {
    let dir = scratch();
    let (young, old) = (dir.path().join("young"), dir.path().join("old"));
    let options = options(&Arc::new(AtomicU64::new(1_700_000_000_000)));
    Ledger::init(&young, "demo", &options).unwrap();
    forge(&old, &options);
    let young = Ledger::open(&young, options.clone()).unwrap();
    let ledger = Ledger::open(&old, options).unwrap();
    assert_eq!(ledger.recovery().size, BILLION + 1);
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        few.push(fill(&young, 4_000));
        many.push(fill(&ledger, 4_000));
    }
    few.sort_by(f64::total_cmp);
    many.sort_by(f64::total_cmp);
    println!("an entry costs {:.2} µs in a new log, {:.2} µs in a log of a billion entries", few[2], many[2]);
    let size = ledger.publish().unwrap();
    assert_eq!(size, BILLION + 2 + 20_000);
    ledger.close();

    // The new entries can be proved in the old tree.
    let source = Directory::new(&old.join("log"));
    let tree = MerkleTree::new(&source, size + 1);
    let root = tree.root().unwrap();
    for index in [BILLION + 256, BILLION + 19_999] {
        let bundle = tree.bundle(index >> 8).unwrap();
        let entry = bundle.iter().nth(usize::try_from(index & 0xff).unwrap()).unwrap();
        let proof = tree.inclusion(index).unwrap();
        assert_eq!(inclusion_root(leaf_hash(entry), index, size + 1, &proof), Some(root));
    }
}
