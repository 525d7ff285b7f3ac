//! What an object would become if it were applied now: the answer of the webhook, from the last complete build and without any change.
//! It is pure, like the build.

use policy::Fault;
use policy::authoring::{ObjectFault, Owner, RouteDocuments, Tested, route_file};
use serde_json::Value;
use warrant::Seconds;

use super::objects::{CompleteList, RouteKey};
use super::quota::{Scales, Weight};
use super::settle::{Foundation, MOST_FAULTS, Settled, check_name, warnings};
use super::verdict::{Refusal, Verdict};

/// What an object would become if it were applied now, beside what is in the bundle: its warnings, or why it would be refused.
///
/// `objects` are those of now, which may be more than were settled: so a burst of new ones does not get over the quota. Only what can
/// collide with it is built with it: the routes of its own namespace, and those of others that are ungoverned. So the
/// answer takes as long for a large cluster as for a small one.
pub fn check_one(
    foundation: &Foundation<'_>,
    (settled, objects): (&Settled, &CompleteList),
    key: &RouteKey,
    spec: &Value,
    now: Seconds,
) -> Result<Vec<String>, Refusal> {
    match foundation.grounds.owner(&key.namespace) {
        Owner::Nobody => return Err(Refusal::NotATeam),
        Owner::Platform => return Err(Refusal::OfThePlatform),
        Owner::Team => {}
    }
    let own = check_name(&key.name).and_then(|()| RouteDocuments::of_object(&key.namespace, &key.name, spec));
    let own = own.map_err(|fault| Refusal::Invalid(vec![fault]))?;
    check_quota(settled, objects, key, &own)?;
    let others =
        || settled.documents.iter().filter(|(other, documents)| *other != key && !documents.is_closed());
    if let Some((other, _)) = others().find(|(_, documents)| documents.name() == own.name()) {
        return Err(Refusal::Invalid(vec![ObjectFault {
            path: "metadata.name".to_owned(),
            what: format!("the namespace `{}` has a route of this name", other.namespace),
            instead: "names are unique in the whole mesh: choose another one, for example with the name of your team"
                .to_owned(),
        }]));
    }
    let near =
        others().filter(|(other, documents)| other.namespace == key.namespace || documents.is_ungoverned());
    // The tests of others say nothing about this object, and would run at each kubectl apply.
    let near: Vec<RouteDocuments> = near.map(|(_, documents)| documents.without_tests()).collect();
    let near: Vec<&RouteDocuments> = near.iter().chain([&own]).collect();
    let of_own = |faults: &[Fault]| -> Vec<ObjectFault> {
        faults.iter().filter_map(|fault| own.fault(fault)).take(MOST_FAULTS).collect()
    };
    let refuse = |faults: &[Fault], refusal: fn(Vec<ObjectFault>) -> Refusal| match of_own(faults) {
        // It is not about this object, and still nothing says that it is sound.
        own if own.is_empty() => {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            Err(refusal(vec![ObjectFault {
                path: String::new(),
                what: format!("it cannot be checked beside the other routes: {first}"),
                instead: "try again when that is repaired".to_owned(),
            }]))
        }
        own => Err(refusal(own)),
    };
    match Tested::of_objects(foundation.base, &near) {
        Err(unbuilt) => refuse(&unbuilt.faults, Refusal::Invalid),
        Ok(tested) => match tested.passed() {
            Err(failures) if of_own(&failures).is_empty() => Ok(Vec::new()),
            Err(failures) => refuse(&failures, Refusal::TestsFailed),
            Ok(built) => {
                let file = route_file(&key.namespace, &key.name);
                Ok(warnings(&built, now).remove(&file).unwrap_or_default())
            }
        },
    }
}

/// Whether there is place for it, in the place of what it is now. Objects that are listed, and not built yet, count as routes.
fn check_quota(
    settled: &Settled,
    objects: &CompleteList,
    key: &RouteKey,
    own: &RouteDocuments,
) -> Result<(), Refusal> {
    let mut tally = settled.tally.clone();
    if let Some(before) = settled.weights.get(key) {
        tally.remove(&key.namespace, *before);
    }
    let is_uncounted = |other: &RouteKey| {
        let has_no_place = match settled.verdicts.get(other) {
            Some(Verdict::Refused { why, .. }) => {
                matches!(why, Refusal::OverQuota { .. } | Refusal::NotATeam | Refusal::OfThePlatform)
            }
            Some(Verdict::Accepted { .. }) | None => false,
        };
        other != key && !has_no_place && !settled.weights.contains_key(other)
    };
    for object in objects.iter().filter(|object| is_uncounted(&object.key)) {
        tally.count(&object.key.namespace, Weight::ONE_ROUTE);
    }
    // A change of what is there is not one more route.
    let is_change = settled.weights.contains_key(key);
    let weight = Scales::default().weigh(own);
    if is_change {
        tally.count(&key.namespace, Weight::ONE_ROUTE);
    }
    tally.admit(&key.namespace, if is_change { weight.of_a_change() } else { weight })
}
