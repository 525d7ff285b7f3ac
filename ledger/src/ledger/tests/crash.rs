//! Cuts the power after every operation of a recorded run, each time with different parts of the unsynced data.

use super::model::{DiskStep, Model, StepRecorder, Survival};
use super::*;
use crate::durable::Disk;
use crate::layout::Layout;
use crate::snapshot;

/// An entry, and the number of operations after which it had been acknowledged.
struct Acknowledged {
    steps: usize,
    receipt: Receipt,
    id: String,
    fact: bool,
}

/// A snapshot that was saved, and the number of operations after which it had been.
struct Saved {
    steps: usize,
    size: u64,
}

const SEED: u64 = 20_261;

/// Random images for each crash point, in addition to the one with no unsynced data and the one with all of it.
const RANDOM_IMAGES: usize = 6;

#[test]
fn after_every_crash_only_whole_frames_are_found_and_no_acknowledged_entry_is_lost() {
    let run = Run::record();
    let mut random = SeededRandom(SEED);
    let (mut images, mut torn, mut reopened, mut short) = (0, 0, 0, 0);
    run.crash(&run.steps, &mut random, |image| {
        let found = image.check().unwrap_or_else(|what| panic!("seed {SEED} step {}: {what}", image.done));
        images += 1;
        torn += usize::from(found.torn > 0);
        short += usize::from(found.durable.size < run.longest);
        // Opening and writing is slower, so it is done once for each crash point.
        if image.variant == 2 || (image.variant == 1 && image.done % 3 == 0) {
            continues(image.path, found.torn, image.acknowledged());
            reopened += 1;
        }
        true
    });
    println!(
        "{} operations, {} acknowledged, {images} crash images: {torn} with a torn tail, {short} with fewer entries than the whole run, \
         {reopened} opened and continued; seed {SEED}",
        run.steps.len(),
        run.acknowledged.len()
    );
    assert!(images > 1_000 && torn > 20 && reopened > 100 && run.acknowledged.len() > 40);
}

/// The test above must catch a ledger that acknowledges before its sync. Here are four, made from the same run.
#[test]
fn a_ledger_that_forgets_a_sync_is_caught() {
    type Forgets = fn(&DiskStep) -> bool;
    let wrong: [(&str, Forgets); 4] = [
        (
            "the sync of a frame",
            |step| matches!(step, DiskStep::Sync(path) if path.extension().is_some_and(|end| end == "wal")),
        ),
        (
            "the sync of `handed-out`",
            |step| matches!(step, DiskStep::Sync(path) if path.ends_with("handed-out")),
        ),
        ("the sync of directories", |step| matches!(step, DiskStep::SyncDir(_))),
        (
            "the sync of a snapshot",
            |step| matches!(step, DiskStep::Sync(path) if path.to_string_lossy().contains(".snapshot")),
        ),
    ];
    let run = Run::record();
    for (what, forgets) in wrong {
        let keep: Vec<DiskStep> = run
            .steps
            .iter()
            .map(|step| if forgets(step) { DiskStep::Nothing } else { step.clone() })
            .collect();
        let (mut images, mut caught) = (0, None);
        run.crash(&keep, &mut SeededRandom(SEED), |image| {
            images += 1;
            caught = image.check().err();
            caught.is_none()
        });
        println!("without {what}: caught after {images} images: {caught:?}");
        assert!(caught.is_some(), "without {what} no fault was found");
    }
}

/// A start that cuts a torn tail may crash too. The next start must still record the cut.
#[test]
fn a_cut_tail_is_recorded_even_if_the_start_that_cut_it_crashes() {
    let run = Run::record();
    let mut tail = None;
    run.crash(&run.steps, &mut SeededRandom(SEED), |image| {
        let torn = image.check().unwrap().torn;
        if torn > 0 {
            let start = Model::of(image.path);
            let recorder = Arc::new(StepRecorder::default());
            let options = small().disk(Disk::watched(recorder.clone()));
            Ledger::open(image.path, options).unwrap().close();
            let steps = recorder.steps.lock().unwrap().clone();
            tail = Some((torn, start, steps));
        }
        tail.is_none()
    });
    let (torn, start, steps) = tail.expect("some crash of the run leaves a torn tail");
    let broken = Run { start, steps, ..run };
    let (mut images, mut cut_already) = (0, 0);
    broken.crash(&broken.steps, &mut SeededRandom(SEED), |image| {
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
    println!("{images} crashes of a start that cut {torn} bytes, {cut_already} of them with the note");
    assert!(images > 50 && cut_already > 20);
}

#[test]
fn a_crash_while_a_log_is_created_leaves_no_log_or_a_whole_one() {
    let dir = scratch();
    let place = dir.path().join("place");
    std::fs::create_dir(&place).unwrap();
    let mut model = Model::of(&place);
    let recorder = Arc::new(StepRecorder::default());
    Ledger::init(&place.join("ledger"), "demo", &small().disk(Disk::watched(recorder.clone()))).unwrap();
    let image = dir.path().join("image");
    let path = image.join("ledger");
    let mut random = SeededRandom(SEED);
    let (mut none, mut whole) = (0, 0);
    for step in recorder.steps.lock().unwrap().iter() {
        model.apply(step);
        for survival in [Survival::None, Survival::All, Survival::Random, Survival::Random] {
            model.crash(&image, survival, &mut random);
            if path.exists() {
                whole += 1;
                Ledger::open(&path, small()).unwrap().append(fact()).unwrap();
            } else {
                none += 1;
                Ledger::init(&path, "demo", &small()).unwrap();
                Ledger::open(&path, small()).unwrap().close();
            }
            assert_eq!(std::fs::read_dir(&image).unwrap().count(), 1, "nothing else is left");
            std::fs::remove_dir_all(&image).unwrap();
        }
    }
    println!("{none} crashes left no log, {whole} a whole one; seed {SEED}");
    assert!(none > 100 && whole >= 3);
}

/// A recorded run.
struct Run {
    dir: tempfile::TempDir,
    start: Model,
    steps: Vec<DiskStep>,
    acknowledged: Vec<Acknowledged>,
    saved: Vec<Saved>,
    longest: u64,
}

/// The directory that one crash left.
struct Image<'a> {
    path: &'a Path,
    run: &'a Run,
    done: usize,
    variant: usize,
}

impl Run {
    fn record() -> Self {
        let dir = scratch();
        let path = dir.path().join("ledger");
        Ledger::init(&path, "demo", &small()).unwrap();
        let start = Model::of(&path);
        let recorder = Arc::new(StepRecorder::default());
        let (acknowledged, saved) = run(&path, &recorder);
        let steps = recorder.steps.lock().unwrap().clone();
        let longest = Ledger::inspect(&path).unwrap().durable.size;
        Self { dir, start, steps, acknowledged, saved, longest }
    }

    /// Cuts the power after each step: once with no unsynced data, once with all of it, and several times with a random
    /// part of it.
    fn crash(&self, steps: &[DiskStep], random: &mut SeededRandom, mut see: impl FnMut(&Image<'_>) -> bool) {
        let path = self.dir.path().join("image");
        let mut model = self.start.clone();
        for done in 0..=steps.len() {
            if done > 0 {
                model.apply(&steps[done - 1]);
            }
            for variant in 0..RANDOM_IMAGES + 2 {
                model.crash(
                    &path,
                    [Survival::None, Survival::All].get(variant).copied().unwrap_or(Survival::Random),
                    random,
                );
                let on = see(&Image { path: &path, run: self, done, variant });
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

    /// Checks that the ledger can start, that it has every acknowledged entry, and that `handed-out` includes every
    /// acknowledged fact.
    fn check(&self) -> Result<Inspection, String> {
        let found = Ledger::inspect(self.path).map_err(|error| error.to_string())?;
        let size = |fact: bool| {
            let these = self.acknowledged().filter(|acknowledged| acknowledged.fact || !fact);
            these.map(|acknowledged| acknowledged.receipt.index() + 1).max().unwrap_or(1)
        };
        if found.durable.size < size(false) {
            return Err(format!("{} entries, but {} were acknowledged", found.durable.size, size(false)));
        }
        if found.handed_out.size < size(true) {
            return Err(format!(
                "{} handed out, but a fact at {} was acknowledged",
                found.handed_out.size,
                size(true)
            ));
        }
        self.check_snapshots()?;
        Ok(found)
    }

    /// Checks that the newest usable snapshot is at least the last one that was saved, and has the facts of its own size.
    fn check_snapshots(&self) -> Result<(), String> {
        let (_, published) = Ledger::published(self.path).map_err(|error| error.to_string())?;
        let published = published.checkpoint().clone();
        let layout = Layout::new(self.path);
        let usable = snapshot::usable(&layout, &published.origin, published.size);
        let mut usable = usable.map_err(|error| error.to_string())?;
        let newest = usable.next();
        let saved =
            self.run.saved.iter().filter(|saved| saved.steps <= self.done).map(|saved| saved.size).max();
        match (&newest, saved) {
            (None, None) => return Ok(()),
            (None, Some(saved)) => return Err(format!("the snapshot at {saved} is lost")),
            (Some(newest), saved) if newest.saved.head.size < saved.unwrap_or(0) => {
                return Err(format!(
                    "the newest snapshot is at {}, and one at {saved:?} was saved",
                    newest.saved.head.size
                ));
            }
            (Some(_), _) => {}
        }
        for snapshot in newest.into_iter().chain(usable) {
            let size = snapshot.saved.head.size;
            if facts_of(snapshot) != facts_at(size) {
                return Err(format!("the snapshot at {size} has other facts"));
            }
        }
        Ok(())
    }
}

/// The facts of a snapshot at this size: several sectors, which a crash may separate.
fn facts_at(size: u64) -> Vec<u8> {
    size.to_le_bytes().repeat(300)
}

/// Two servers, one after the other, with several segments, facts among the decisions, and checkpoints and snapshots in
/// between. At the end the disk is full, so that facts go into the reserve.
fn run(path: &Path, recorder: &Arc<StepRecorder>) -> (Vec<Acknowledged>, Vec<Saved>) {
    let (mut acknowledged, mut saved) = (Vec::new(), Vec::new());
    for server in 0..2 {
        let ledger = Ledger::open(path, small().disk(Disk::watched(recorder.clone()))).unwrap();
        for n in 0..24 {
            let id = format!("{server}-{n}");
            let is_fact = n % 6 == 5;
            let entry = if is_fact { fact() } else { decision(&id, ledger.size(), EXPIRED) };
            let receipt = ledger.append(entry).unwrap();
            acknowledged.push(Acknowledged {
                steps: recorder.steps.lock().unwrap().len(),
                receipt,
                id,
                fact: is_fact,
            });
            if n % 10 == 9 {
                let size = ledger.publish().unwrap();
                ledger.save_snapshot(size, |to| to.write_all(&facts_at(size))).unwrap();
                saved.push(Saved { steps: recorder.steps.lock().unwrap().len(), size });
            }
        }
        recorder.is_full.store(server == 1, Ordering::SeqCst);
        while server == 1 && Layout::new(path).reserve().exists() {
            let receipt = ledger.append(fact()).unwrap();
            let steps = recorder.steps.lock().unwrap().len();
            acknowledged.push(Acknowledged { steps, receipt, id: String::new(), fact: true });
        }
        ledger.close();
    }
    (acknowledged, saved)
}

fn continues<'a>(image: &Path, torn: u64, safe: impl Iterator<Item = &'a Acknowledged>) {
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
    let receipt = ledger.append(fact()).unwrap();
    ledger.close();
    let after = Ledger::inspect(image).unwrap();
    assert_eq!((after.torn, after.published), (0, after.durable));
    assert!(after.handed_out.size > receipt.index());
    super::damage::audit_holds(image);
}
