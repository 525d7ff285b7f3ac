//! Power is cut after every operation of a recorded run, with every tried share of what was not synced.

use super::model::{Luck, Model, Recorder, Step};
use super::*;
use crate::durable::Disk;

/// What had been acknowledged after so many operations.
struct Acknowledged {
    steps: usize,
    receipt: Receipt,
    id: String,
    fact: bool,
}

const SEED: u64 = 20_261;

/// Images with dice, for each prefix, beside the one where nothing and the one where everything was written.
const THROWS: usize = 6;

#[test]
fn after_every_crash_a_whole_number_of_frames_is_there_and_nothing_acknowledged_is_lost() {
    let run = Run::record();
    let mut dice = Dice(SEED);
    let (mut images, mut torn, mut reopened, mut short) = (0, 0, 0, 0);
    run.crash(&run.steps, &mut dice, |image| {
        let found = image.check().unwrap_or_else(|what| panic!("seed {SEED} step {}: {what}", image.done));
        images += 1;
        torn += usize::from(found.torn > 0);
        short += usize::from(found.durable.size < run.longest);
        // Going on for real is slower: once for each prefix is enough.
        if image.throw == 2 || (image.throw == 1 && image.done % 3 == 0) {
            goes_on(image.path, found.torn, image.acknowledged());
            reopened += 1;
        }
        true
    });
    println!(
        "{} operations, {} acknowledged, {images} crash images: {torn} with a torn tail, {short} short of the whole run, \
         {reopened} opened and written on; seed {SEED}",
        run.steps.len(),
        run.acknowledged.len()
    );
    assert!(images > 1_000 && torn > 20 && reopened > 100 && run.acknowledged.len() > 40);
}

/// The harness above must catch a ledger that acknowledges before its sync: here are three, made from the same run.
#[test]
fn a_ledger_that_forgets_a_sync_is_caught() {
    type Forgets = fn(&Step) -> bool;
    let wrong: [(&str, Forgets); 3] = [
        (
            "the sync of a frame",
            |step| matches!(step, Step::Sync(path) if path.extension().is_some_and(|end| end == "wal")),
        ),
        ("the sync of a promise", |step| matches!(step, Step::Sync(path) if path.ends_with("handed-out"))),
        ("the sync of directories", |step| matches!(step, Step::SyncDir(_))),
    ];
    let run = Run::record();
    for (what, forgets) in wrong {
        let keep: Vec<Step> =
            run.steps.iter().map(|step| if forgets(step) { Step::Nothing } else { step.clone() }).collect();
        let (mut images, mut caught) = (0, None);
        run.crash(&keep, &mut Dice(SEED), |image| {
            images += 1;
            caught = image.check().err();
            caught.is_none()
        });
        println!("without {what}: caught after {images} images: {caught:?}");
        assert!(caught.is_some(), "without {what} nothing was noticed");
    }
}

/// A start that cuts a torn tail may crash as well: the one after it still records that something was cut.
#[test]
fn that_a_tail_was_cut_survives_crashes_of_the_start_that_cut_it() {
    let run = Run::record();
    let mut tail = None;
    run.crash(&run.steps, &mut Dice(SEED), |image| {
        let torn = image.check().unwrap().torn;
        if torn > 0 {
            let start = Model::of(image.path);
            let recorder = Arc::new(Recorder::default());
            let options = small().disk(Disk::watched(recorder.clone()));
            Ledger::open(image.path, options).unwrap().close();
            let steps = recorder.steps.lock().unwrap().clone();
            tail = Some((torn, start, steps));
        }
        tail.is_none()
    });
    let (torn, start, steps) = tail.expect("some crash of the run tears its tail");
    let broken = Run { start, steps, ..run };
    let (mut images, mut cut_already) = (0, 0);
    broken.crash(&broken.steps, &mut Dice(SEED), |image| {
        cut_already += usize::from(image.path.join("torn").exists());
        let ledger = Ledger::open(image.path, small()).unwrap();
        let starts = ledger.read(0).unwrap().filter_map(|record| {
            let Entry::Start(start) = record.unwrap().entry else { return None };
            start.torn
        });
        assert!(starts.count() > 0, "step {} forgot {torn} bytes, seed {SEED}", image.done);
        ledger.close();
        images += 1;
        true
    });
    println!("{images} crashes of a start that cut {torn} bytes, {cut_already} of them with the note there");
    assert!(images > 50 && cut_already > 20);
}

/// A recorded run.
struct Run {
    dir: tempfile::TempDir,
    start: Model,
    steps: Vec<Step>,
    acknowledged: Vec<Acknowledged>,
    longest: u64,
}

/// What one crash left.
struct Image<'a> {
    path: &'a Path,
    run: &'a Run,
    done: usize,
    throw: usize,
}

impl Run {
    fn record() -> Self {
        let dir = scratch();
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &small()).unwrap();
        let start = Model::of(&path);
        let recorder = Arc::new(Recorder::default());
        let acknowledged = run(&path, &recorder);
        let steps = recorder.steps.lock().unwrap().clone();
        let longest = Ledger::inspect(&path).unwrap().durable.size;
        Self { dir, start, steps, acknowledged, longest }
    }

    /// Cuts the power after each step: once so that nothing unsynced is left, once all, and some of it by dice.
    fn crash(&self, steps: &[Step], dice: &mut Dice, mut see: impl FnMut(&Image<'_>) -> bool) {
        let path = self.dir.path().join("image");
        let mut model = self.start.clone();
        for done in 0..=steps.len() {
            if done > 0 {
                model.apply(&steps[done - 1]);
            }
            for throw in 0..THROWS + 2 {
                model.crash(&path, [Luck::None, Luck::All].get(throw).copied().unwrap_or(Luck::Dice), dice);
                let on = see(&Image { path: &path, run: self, done, throw });
                std::fs::remove_dir_all(&path).unwrap();
                if !on {
                    return;
                }
            }
        }
    }
}

impl<'a> Image<'a> {
    fn acknowledged(&self) -> impl Iterator<Item = &'a Acknowledged> + use<'a> {
        let done = self.done;
        self.run.acknowledged.iter().filter(move |acknowledged| acknowledged.steps <= done)
    }

    /// It starts, everything acknowledged is there, and every acknowledged fact is promised.
    fn check(&self) -> Result<Inspection, String> {
        let found = Ledger::inspect(self.path).map_err(|error| error.to_string())?;
        let size = |fact: bool| {
            let these = self.acknowledged().filter(|acknowledged| acknowledged.fact || !fact);
            these.map(|acknowledged| acknowledged.receipt.index() + 1).max().unwrap_or(1)
        };
        if found.durable.size < size(false) {
            return Err(format!("{} entries, {} were acknowledged", found.durable.size, size(false)));
        }
        if found.promised.size < size(true) {
            return Err(format!(
                "{} promised, a fact at {} was acknowledged",
                found.promised.size,
                size(true)
            ));
        }
        Ok(found)
    }
}

/// Two servers one after the other, several segments, facts among decisions, checkpoints in between.
fn run(path: &Path, recorder: &Arc<Recorder>) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    for server in 0..2 {
        let ledger = Ledger::open(path, small().disk(Disk::watched(recorder.clone()))).unwrap();
        for n in 0..24 {
            let id = format!("{server}-{n}");
            let fact = n % 6 == 5;
            let entry = if fact {
                activation()
            } else {
                decision(&id, ledger.size(), Answer::Denied("expired".into()))
            };
            let receipt = ledger.append(entry).unwrap();
            acknowledged.push(Acknowledged {
                steps: recorder.steps.lock().unwrap().len(),
                receipt,
                id,
                fact,
            });
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
