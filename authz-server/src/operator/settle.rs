//! The pure core: from all objects of the cluster, the signed base and what was signed last, it makes the routes to sign, and says of
//! each object what became of it. It knows no Kubernetes, no clock and no key.
//!
//! One team's fault must not stop another's change, and must not open anything. So an object that cannot be built falls back, one step
//! at a time: to the version that was signed last, then to a closed route on its team's own ground, then to nothing.

use std::collections::{BTreeMap, BTreeSet};

use policy::authoring::{
    Built, ClosedPlace, ClosedRoute, Grounds, ObjectFault, Owner, RouteDocuments, TakenMatches, Tested,
    Unbuilt, route_file,
};
use policy::{Base, Fault, Files};
use serde_json::Value;
use warrant::Seconds;

use super::objects::{CompleteList, OF_CLOSED, RouteKey, RouteObject, is_of_closed};
use super::quota::{Quota, Scales, Tally, Weight};
use super::verdict::{Refusal, Standing, Verdict};

/// How often all objects together are tried. In each round everything with a fault falls by one step, so what is left after so many
/// rounds falls in a chain that somebody made on purpose: then each namespace is tried alone.
const ROUNDS: usize = 8;
/// How many faults of one object are kept.
pub(super) const MOST_FAULTS: usize = 32;

/// Over what is built.
#[derive(Debug)]
pub struct Foundation<'a> {
    pub base: &'a Base,
    pub grounds: &'a Grounds,
    /// The files of the routes that were signed last.
    pub signed: &'a Files,
    pub quota: Quota,
}

/// A bundle that can be signed, and what became of each object.
#[derive(Debug)]
pub struct Settled {
    pub built: Built,
    /// The documents in the bundle, by the object that they come from.
    pub documents: BTreeMap<RouteKey, RouteDocuments>,
    pub verdicts: BTreeMap<RouteKey, Verdict>,
    /// How much they are, each and together.
    pub weights: BTreeMap<RouteKey, Weight>,
    pub tally: Tally,
}

/// Nothing can be built, not even without any object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbuildable(String);

impl std::fmt::Display for Unbuildable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unbuildable {}

/// The steps by which an object falls, from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Current,
    LastSigned,
    LastSignedWithoutTests,
    Closed,
    Nothing,
}

/// An object that takes part in a build.
#[derive(Clone, Debug)]
struct Candidate<'a> {
    object: &'a RouteObject,
    current: Option<RouteDocuments>,
    /// The version that was signed last, if it was not a closed route.
    last: Option<RouteDocuments>,
    /// The closed route that was signed last. It stays closed also if its object cannot be read now.
    last_closed: Option<RouteDocuments>,
    step: Step,
    why: Option<Refusal>,
    /// What its closed route covers, and what it does not.
    closed: Option<ClosedRoute>,
    /// What a build has refused of its closed route.
    except: BTreeSet<ClosedPlace>,
}

impl Candidate<'_> {
    fn key(&self) -> &RouteKey {
        &self.object.key
    }

    /// Whether something of it is signed already.
    fn is_signed(&self) -> bool {
        self.last.is_some() || self.last_closed.is_some()
    }

    /// From what its closed route is made: the match that is wanted now, or else the one that is closed already.
    fn spec_to_close(&self) -> Value {
        self.object.spec.read().ok().or_else(|| self.spec_of_last_closed()).unwrap_or_default()
    }

    fn spec_of_last_closed(&self) -> Option<Value> {
        self.last_closed.as_ref()?.route_value().get("spec").cloned()
    }

    fn is_changed(&self) -> bool {
        self.current != self.last
    }

    /// Who comes first in a build, and keeps what both want: what is signed already, then what was changed, then what is new.
    fn rank(&self) -> (u8, i64, &RouteKey) {
        let class = match (self.step, &self.last) {
            (Step::Current, Some(_)) if self.is_changed() => 1,
            (Step::Current, None) => 2,
            (Step::Current | Step::LastSigned | Step::LastSignedWithoutTests, _) => 0,
            (Step::Closed | Step::Nothing, _) => 3,
        };
        (class, self.object.created, self.key())
    }

    /// Its documents at this step; a closed route has none before the others are known.
    fn documents(&self) -> Option<RouteDocuments> {
        match self.step {
            Step::Current => self.current.clone(),
            Step::LastSigned => self.last.clone(),
            Step::LastSignedWithoutTests => self.last.as_ref().map(RouteDocuments::without_tests),
            Step::Closed | Step::Nothing => None,
        }
    }

    /// The next step down. `is_tests`: only its tests fail.
    fn fall(&mut self, is_tests: bool) {
        let has_other_version = self.last.is_some() && self.is_changed();
        let tests_may_go = is_tests && self.last.as_ref().is_some_and(RouteDocuments::has_tests);
        self.step = match self.step {
            Step::Current if has_other_version => Step::LastSigned,
            Step::Current | Step::LastSigned if tests_may_go => Step::LastSignedWithoutTests,
            Step::Current | Step::LastSigned | Step::LastSignedWithoutTests => Step::Closed,
            Step::Closed | Step::Nothing => Step::Nothing,
        };
    }

    /// What becomes of its closed route, about which there are faults: it goes without the places of the faults, if that is known and was
    /// not tried yet. One bad part must not open the rest.
    fn narrow(&mut self, faults: &[ObjectFault]) {
        let places = self.closed.iter().flat_map(|closed| faults.iter().map(|fault| closed.places_of(fault)));
        let places: Vec<Vec<ClosedPlace>> = places.collect();
        let are_all_known = !places.is_empty() && places.iter().all(|places| !places.is_empty());
        match are_all_known && self.except.is_empty() {
            true => self.except.extend(places.into_iter().flatten()),
            false => self.fall(false),
        }
    }

    fn verdict(&self, warnings: &BTreeMap<String, Vec<String>>) -> Verdict {
        let instead = match self.step {
            Step::Current => {
                let file = route_file(&self.key().namespace, &self.key().name);
                return Verdict::Accepted { warnings: warnings.get(&file).cloned().unwrap_or_default() };
            }
            Step::LastSigned => Standing::LastSigned,
            Step::LastSignedWithoutTests => Standing::LastSignedWithoutTests,
            Step::Closed | Step::Nothing => {
                let covers = self.closed.clone();
                let (closed, dropped) =
                    covers.map(|covers| (covers.closed, covers.dropped)).unwrap_or_default();
                match self.step == Step::Closed && !closed.is_empty() {
                    true => Standing::Closed { closed, dropped },
                    false => Standing::Nothing { dropped },
                }
            }
        };
        let why = self.why.clone().unwrap_or(Refusal::Invalid(Vec::new()));
        Verdict::Refused { why, instead }
    }
}

/// Builds what can be built. `now` is for warnings about times.
pub fn settle(
    foundation: &Foundation<'_>,
    objects: &CompleteList,
    now: Seconds,
) -> Result<Settled, Unbuildable> {
    let mut verdicts = BTreeMap::new();
    // Where objects may be missing, what is signed stays.
    let objects = &objects.with_signed(foundation.signed, |key| objects.is_overfull(&key.namespace));
    let (mut candidates, room) = candidates(foundation, objects, &mut verdicts);
    let plan = &Plan { foundation, room };
    let all: BTreeSet<RouteKey> = candidates.iter().map(|one| one.key().clone()).collect();
    let tried = candidates.clone();
    let built = match rounds(plan, &mut candidates, &all) {
        Ok(built) => built,
        Err(Stuck) => {
            candidates = tried;
            one_namespace_after_another(plan, &mut candidates)?
        }
    };
    let warnings = warnings(&built, now);
    let (mut documents, mut weights) = (BTreeMap::new(), BTreeMap::new());
    let (mut scales, mut tally) = (Scales::default(), Tally::new(foundation.quota));
    for one in &candidates {
        let own =
            one.documents().or_else(|| one.closed.clone().filter(|_| one.step == Step::Closed)?.documents);
        if let Some(own) = own {
            let weight = scales.weigh(&own);
            tally.count(&one.key().namespace, weight);
            weights.insert(one.key().clone(), weight);
            documents.insert(one.key().clone(), own);
        }
        verdicts.insert(one.key().clone(), one.verdict(&warnings));
    }
    Ok(Settled { built, documents, verdicts, weights, tally })
}

/// What does not change while a build is tried.
struct Plan<'a> {
    foundation: &'a Foundation<'a>,
    /// What the objects are together. Closed routes must have room beside it.
    room: Tally,
}

/// The objects that take part, and what they are together. The others get their verdict here.
fn candidates<'a>(
    foundation: &Foundation<'_>,
    objects: &'a CompleteList,
    verdicts: &mut BTreeMap<RouteKey, Verdict>,
) -> (Vec<Candidate<'a>>, Tally) {
    let mut all = Vec::new();
    for object in objects.iter() {
        let why = match foundation.grounds.owner(&object.key.namespace) {
            Owner::Nobody => Refusal::NotATeam,
            Owner::Platform => Refusal::OfThePlatform,
            Owner::Team => {
                let (team, name) = (&object.key.namespace, &object.key.name);
                let signed = |name: &str| RouteDocuments::of_files(team, name, foundation.signed);
                let (last, last_closed) = match signed(name) {
                    Some(closed) if closed.is_closed() => (None, Some(closed)),
                    Some(last) => (Some(last), None),
                    None => (None, signed(&object.key.closed_name(0))),
                };
                all.push(Candidate {
                    object,
                    current: None,
                    last,
                    last_closed,
                    step: Step::Current,
                    why: None,
                    closed: None,
                    except: BTreeSet::new(),
                });
                continue;
            }
        };
        let instead = Standing::Nothing { dropped: Vec::new() };
        verdicts.insert(object.key.clone(), Verdict::Refused { why, instead });
    }
    // What is signed already counts first: a lower quota takes no route out of force.
    all.sort_by(|one, other| {
        let rank = |one: &Candidate<'_>| (!one.is_signed(), one.object.created);
        rank(one).cmp(&rank(other)).then_with(|| one.key().cmp(other.key()))
    });
    let (mut scales, mut tally) = (Scales::default(), Tally::new(foundation.quota));
    for one in &all {
        if let Some(signed) = one.last.as_ref().or(one.last_closed.as_ref()) {
            tally.count(&one.key().namespace, scales.weigh(signed));
        }
    }
    let mut within = Vec::new();
    for mut one in all {
        let is_new = !one.is_signed();
        read_current(&mut one);
        let admitted = match (&one.current, &one.last) {
            (Some(current), last) if last.as_ref() != Some(current) => {
                let weight = scales.weigh(current);
                // The version before it is counted until the next build: only then it is known to be gone.
                tally.admit(&one.key().namespace, if is_new { weight } else { weight.of_a_change() })
            }
            (Some(_), _) => Ok(()),
            (None, _) if is_new => tally.admit(&one.key().namespace, Weight::ONE_ROUTE),
            (None, _) => Ok(()),
        };
        match admitted {
            Ok(()) => within.push(one),
            Err(why) if is_new => {
                let instead = Standing::Nothing { dropped: Vec::new() };
                verdicts.insert(one.key().clone(), Verdict::Refused { why, instead });
            }
            Err(why) => {
                one.current = None;
                one.why = Some(why);
                one.step = if one.last.is_some() { Step::LastSigned } else { Step::Closed };
                within.push(one);
            }
        }
    }
    (within, tally)
}

fn read_current(one: &mut Candidate<'_>) {
    let key = &one.object.key;
    let current = check_name(&key.name)
        .and_then(|()| one.object.spec.read())
        .and_then(|spec| RouteDocuments::of_object(&key.namespace, &key.name, &spec));
    match current {
        Ok(current) => one.current = Some(current),
        Err(fault) => {
            one.why = Some(Refusal::Invalid(vec![fault]));
            one.fall(false);
        }
    }
}

/// Some names are only for the routes that the operator makes.
pub(super) fn check_name(name: &str) -> Result<(), ObjectFault> {
    if !is_of_closed(name) {
        return Ok(());
    }
    Err(ObjectFault {
        path: "metadata.name".to_owned(),
        what: format!("names that begin with `{OF_CLOSED}` are for routes that the operator closes"),
        instead: "choose another name".to_owned(),
    })
}

/// Not everything could be built in the rounds that there are, or a fault is of none of the objects that may fall.
struct Stuck;

/// Builds all candidates; those with a fault fall, if they may.
fn rounds(
    plan: &Plan<'_>,
    candidates: &mut [Candidate<'_>],
    may_fall: &BTreeSet<RouteKey>,
) -> Result<Built, Stuck> {
    for _ in 0..ROUNDS {
        let order = in_order(plan, candidates);
        let documents: Vec<&RouteDocuments> = order.iter().map(|(_, documents)| documents).collect();
        let (faults, is_tests) = match Tested::of_objects(plan.foundation.base, &documents) {
            Err(unbuilt) => (own_first(unbuilt), false),
            Ok(tested) => match tested.passed() {
                Ok(built) => return Ok(built),
                Err(failures) => (failures, true),
            },
        };
        let blamed = blame(&order, &faults);
        let mut has_any_fallen = false;
        for one in candidates.iter_mut().filter(|one| may_fall.contains(one.key())) {
            let Some(faults) = blamed.get(one.key()) else { continue };
            if one.step == Step::Current {
                let faults = faults.clone();
                one.why =
                    Some(if is_tests { Refusal::TestsFailed(faults) } else { Refusal::Invalid(faults) });
            }
            match one.step {
                Step::Closed => one.narrow(faults),
                Step::Current | Step::LastSigned | Step::LastSignedWithoutTests | Step::Nothing => {
                    one.fall(is_tests);
                }
            }
            has_any_fallen = true;
        }
        if !has_any_fallen {
            return Err(Stuck);
        }
    }
    Err(Stuck)
}

/// The faults of single routes come before those between two: what collides with a route that falls by a fault of its own may be good
/// without it.
fn own_first(unbuilt: Unbuilt) -> Vec<Fault> {
    let between: BTreeSet<Fault> = unbuilt.collisions.into_iter().collect();
    let is_own = |fault: &&Fault| fault.file.starts_with("routes") && !between.contains(*fault);
    let own: Vec<Fault> = unbuilt.faults.iter().filter(is_own).cloned().collect();
    if own.is_empty() { unbuilt.faults } else { own }
}

/// The documents of all candidates in the order of their ranks, closed routes last.
fn in_order(plan: &Plan<'_>, candidates: &mut [Candidate<'_>]) -> Vec<(RouteKey, RouteDocuments)> {
    let foundation = plan.foundation;
    candidates.sort_by(|one, other| one.rank().cmp(&other.rank()));
    let mut order = Vec::new();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for one in candidates.iter() {
        if let Some(documents) = one.documents() {
            names.insert(documents.name().to_owned());
            order.push((one.key().clone(), documents));
        }
    }
    let (mut scales, mut room) = (Scales::default(), plan.room.clone());
    let mut taken: Option<TakenMatches> = None;
    for one in candidates.iter_mut().filter(|one| one.step == Step::Closed) {
        let taken = taken.get_or_insert_with(|| {
            let mut taken = TakenMatches::of_base(foundation.grounds);
            order.iter().for_each(|(_, documents)| taken.add(documents));
            taken
        });
        let key = &one.object.key;
        let name = free_name(key, |name| names.contains(name) || foundation.grounds.has_route(name));
        let mut close =
            |spec: &Value| foundation.grounds.closed(&key.namespace, &name, spec, taken, &one.except);
        let mut closed = close(&one.spec_to_close());
        // What is signed already has its room.
        let is_signed = closed.documents.is_some() && closed.documents == one.last_closed;
        let weight = closed.documents.as_ref().filter(|_| !is_signed);
        let weight = weight.map(|documents| scales.weigh(documents).of_a_change());
        if weight.is_some_and(|weight| room.admit(&key.namespace, weight).is_err()) {
            let dropped = "this namespace, or the cluster, has no room for a route that closes it".to_owned();
            closed = match one.spec_of_last_closed() {
                Some(signed) => close(&signed),
                None => ClosedRoute { documents: None, closed: Vec::new(), dropped: Vec::new() },
            };
            closed.dropped.push(dropped);
        }
        if let Some(documents) = &closed.documents {
            names.insert(name);
            order.push((key.clone(), documents.clone()));
        }
        one.closed = Some(closed);
    }
    order
}

/// The name of a closed route: that of its object, or another one if a route of another team has it.
fn free_name(key: &RouteKey, is_taken: impl Fn(&str) -> bool) -> String {
    let is_label = key.name.len() <= 63 && !key.name.contains('.');
    if is_label && !matches!(key.name.as_str(), "mesh" | "operators" | "issuance") && !is_taken(&key.name) {
        return key.name.clone();
    }
    (0..64)
        .map(|number| key.closed_name(number))
        .find(|name| !is_taken(name))
        .unwrap_or_else(|| key.closed_name(64))
}

/// The faults of each object. What is of no object is left out.
fn blame(order: &[(RouteKey, RouteDocuments)], faults: &[Fault]) -> BTreeMap<RouteKey, Vec<ObjectFault>> {
    let mut by_file = BTreeMap::new();
    for (key, documents) in order {
        by_file.extend(documents.files().into_keys().map(|file| (file, (key, documents))));
    }
    let mut blamed: BTreeMap<RouteKey, Vec<ObjectFault>> = BTreeMap::new();
    for fault in faults {
        let found = fault.file.to_str().and_then(|file| by_file.get(file));
        let Some((key, documents)) = found else { continue };
        let all = blamed.entry((*key).clone()).or_default();
        // To find the place of a fault, the document is read again.
        if all.len() < MOST_FAULTS
            && let Some(fault) = documents.fault(fault)
        {
            all.push(fault);
        }
    }
    blamed
}

/// Begins with what was signed last, and adds the changes of one namespace after the other. What cannot be added stays as it was.
fn one_namespace_after_another(
    plan: &Plan<'_>,
    candidates: &mut Vec<Candidate<'_>>,
) -> Result<Built, Unbuildable> {
    let begun = candidates.clone();
    let all: BTreeSet<RouteKey> = candidates.iter().map(|one| one.key().clone()).collect();
    for one in candidates.iter_mut() {
        one.step = match one.last {
            Some(_) if !one.is_changed() => Step::Current,
            Some(_) => Step::LastSigned,
            None if one.last_closed.is_some() => Step::Closed,
            None => Step::Nothing,
        };
    }
    let mut built = rounds(plan, candidates, &all).map_err(|Stuck| {
        Unbuildable("the routes that were signed last cannot be built over this base, and what is wrong is of none of them: check the base with `portcullis policy check`".to_owned())
    })?;
    let namespaces: BTreeSet<&str> = begun
        .iter()
        .filter(|one| one.is_changed() || one.why.is_some())
        .map(|one| one.key().namespace.as_str())
        .collect();
    for namespace in namespaces {
        let own: BTreeSet<RouteKey> = all.iter().filter(|key| key.namespace == namespace).cloned().collect();
        let is_own = |one: &&Candidate<'_>| own.contains(one.key());
        let kept = candidates.iter().filter(|one| !is_own(one)).cloned();
        let mut trial: Vec<Candidate<'_>> = kept.chain(begun.iter().filter(is_own).cloned()).collect();
        if let Ok(with_changes) = rounds(plan, &mut trial, &own) {
            (*candidates, built) = (trial, with_changes);
            continue;
        }
        // None of its changes is taken. What is new is closed, if that can be.
        let mut trial = candidates.clone();
        for one in trial.iter_mut().filter(|one| own.contains(one.key())) {
            if one.step == Step::Nothing {
                one.step = Step::Closed;
            }
        }
        if let Ok(closed) = rounds(plan, &mut trial, &own) {
            (*candidates, built) = (trial, closed);
        }
        for one in candidates.iter_mut().filter(|one| own.contains(one.key())) {
            if one.step == Step::Current || one.why.is_some() {
                continue;
            }
            one.why = Some(Refusal::Invalid(vec![ObjectFault {
                path: String::new(),
                what: "the changes of this namespace collide with each other, or with those of others, in too many ways"
                    .to_owned(),
                instead: "apply fewer changes at once, and look at the status of each".to_owned(),
            }]));
        }
    }
    Ok(built)
}

/// The warnings about each file.
pub(super) fn warnings(built: &Built, now: Seconds) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for warning in built.warnings(now) {
        let Some(file) = warning.fault.file.to_str() else { continue };
        let told = format!("warning [{}]: {}; {}", warning.name, warning.fault.what, warning.fault.instead);
        all.entry(file.to_owned()).or_default().push(told);
    }
    all
}
