//! Power is cut after every operation of a recorded run, with every tried share of what was not synced.

use super::model::{Luck, Model, Recorder};
use super::*;
use crate::durable::Disk;

/// What had been acknowledged after so many operations.
struct Acknowledged {
    steps: usize,
    receipt: Receipt,
    id: String,
}

const SEED: u64 = 20_261;

/// Images with dice, for each prefix, beside the one where nothing and the one where everything was written.
const THROWS: usize = 6;

#[test]
fn after_every_crash_a_whole_number_of_frames_is_there_and_nothing_acknowledged_is_lost() {
    let dir = scratch();
    let path = dir.path().join("ledger");
    Ledger::init(&path, "demo", &small()).unwrap();
    let mut model = Model::of(&path);
    let recorder = Arc::new(Recorder::default());
    let acknowledged = run(&path, &recorder);
    let steps = recorder.steps.lock().unwrap().clone();

    let mut dice = Dice(SEED);
    let (mut images, mut torn, mut reopened, mut lost_unacknowledged) = (0, 0, 0, 0);
    let longest = Ledger::inspect(&path).unwrap().durable.size;
    for done in 0..=steps.len() {
        if done > 0 {
            model.apply(&steps[done - 1]);
        }
        for throw in 0..THROWS + 2 {
            let luck = [Luck::None, Luck::All].get(throw).copied().unwrap_or(Luck::Dice);
            let image = dir.path().join("image");
            model.crash(&image, luck, &mut dice);
            let found = Ledger::inspect(&image)
                .unwrap_or_else(|error| panic!("seed {SEED} step {done} {luck:?}: {error}"));
            let safe = acknowledged.iter().filter(|acknowledged| acknowledged.steps <= done);
            let least = safe.clone().map(|acknowledged| acknowledged.receipt.index() + 1).max().unwrap_or(1);
            assert!(
                found.durable.size >= least,
                "seed {SEED} step {done}: {} of {least}",
                found.durable.size
            );
            images += 1;
            torn += usize::from(found.torn > 0);
            lost_unacknowledged += usize::from(found.durable.size < longest);
            // Going on for real is slower: once for each prefix is enough.
            if throw == 2 || (luck == Luck::All && done % 3 == 0) {
                goes_on(&image, found.torn, safe);
                reopened += 1;
            }
            std::fs::remove_dir_all(&image).unwrap();
        }
    }
    println!(
        "{} operations, {} acknowledged, {images} crash images: {torn} with a torn tail, {lost_unacknowledged} short of \
         the whole run, {reopened} opened and written on; seed {SEED}",
        steps.len(),
        acknowledged.len()
    );
    assert!(images > 1_000 && torn > 20 && reopened > 100 && acknowledged.len() > 40);
}

/// Two servers one after the other, several segments, facts among decisions, checkpoints in between.
fn run(path: &Path, recorder: &Arc<Recorder>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for server in 0..2 {
        let ledger = Ledger::open(path, small().disk(Disk::watched(recorder.clone()))).unwrap();
        for n in 0..24 {
            let id = format!("{server}-{n}");
            let entry = if n % 6 == 5 {
                activation()
            } else {
                decision(&id, ledger.size(), Answer::Denied("expired".into()))
            };
            let receipt = ledger.append(entry).unwrap();
            acknowledged.push(Acknowledged { steps: recorder.steps.lock().unwrap().len(), receipt, id });
            if n % 10 == 9 {
                ledger.publish().unwrap();
            }
        }
        ledger.close();
    }
    acknowledged
}

fn goes_on<'a>(image: &Path, torn: u64, safe: impl Iterator<Item = &'a Acknowledged>) {
    let ledger = Ledger::open(image, small()).unwrap();
    assert_eq!(ledger.recovery().torn, torn);
    let records: Vec<_> = ledger.read(0).unwrap().map(Result::unwrap).collect();
    for acknowledged in safe {
        let record = &records[usize::try_from(acknowledged.receipt.index()).unwrap()];
        assert_eq!(record.stamps.time, acknowledged.receipt.time());
        if let Entry::Decision(decision) = &record.entry {
            assert_eq!(decision.id, acknowledged.id);
        } else {
            assert!(record.entry.is_fact());
        }
    }
    let receipt = ledger.append(activation()).unwrap();
    ledger.close();
    let after = Ledger::inspect(image).unwrap();
    assert_eq!((after.torn, after.published), (0, after.durable));
    assert!(after.promised.size > receipt.index());
    super::damage::audit_holds(image);
}
