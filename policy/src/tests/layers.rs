//! A base that is signed offline, and the routes of teams that others sign over it: what these may change, and what not.

use warrant::mint::Signer;
use warrant::{AwsLcVerifier, Seconds};

use super::fixture::{
    NOW, PAY_FILE, TestKey, assert_fault, built, edit, expected, faults, files, note_key, parcel, told, trust,
};
use crate::authoring::Tested;
use crate::bundles::resigned;
use crate::{
    Activated, Base, Bundle, BundleRefusal, Expected, Files, Note, Parcel, PastBundle, RoutesParcel,
    RoutesSigning, open, open_base,
};

/// The seeds of the keys that sign routes. Two of three must.
const SIGNERS: [u8; 3] = [40, 41, 42];

/// The small bundle, whose mesh names who signs the routes of teams.
pub(super) fn layered() -> Files {
    let mut files = files();
    let keys = SIGNERS.map(|seed| TestKey::new(seed).jwk()).join(", ");
    edit(
        &mut files,
        "mesh.yaml",
        "  notes:",
        &format!("  routesBy: {{threshold: 2, keys: [{keys}]}}\n  notes:"),
    );
    files
}

pub(super) fn base_of(files: &Files, version: u64) -> Parcel {
    parcel(files, version, &trust(1, &[10]), &trust(1, &[10]), &[], &[10])
}

pub(super) fn opened_base(base: &Parcel) -> Base {
    open_base(base, &expected(&trust(1, &[10])), &AwsLcVerifier).unwrap()
}

/// The files of teams alone.
fn of_teams(files: &Files) -> Files {
    files.clone().into_iter().filter(|(name, _)| name.starts_with("routes/payments/")).collect()
}

/// Signs routes over a base, by these keys, for this time.
fn routes(base: &Parcel, teams: &Files, version: u64, seeds: &[u8], window: (u64, u64)) -> RoutesParcel {
    let base = opened_base(base);
    let built = Tested::over(&base, teams)
        .and_then(Tested::passed)
        .unwrap_or_else(|faults| panic!("{}", told(&faults)));
    let keys: Vec<_> = seeds.iter().map(|seed| TestKey::new(*seed)).collect();
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| -> &dyn Signer { key }).collect();
    let (not_before, expires) = window;
    let terms = RoutesSigning { version, not_before, expires, signers: &signers };
    built.sign_routes(&base, &terms).unwrap().parcel
}

const WINDOW: (u64, u64) = (NOW - 5, NOW + 500);

/// A base of version 1 with its routes.
fn pair() -> Parcel {
    let base = base_of(&layered(), 1);
    let routes = routes(&base, &of_teams(&files()), 7, &[40, 42], WINDOW);
    Parcel { routes: Some(routes), ..base }
}

fn opened(parcel: &Parcel, floor: Option<&Activated>) -> Result<Bundle, BundleRefusal> {
    open(parcel, &Expected { floor, ..expected(&trust(1, &[10])) }, &AwsLcVerifier)
}

/// Why the routes of this parcel are refused.
fn refused(parcel: &Parcel, floor: Option<&Activated>) -> BundleRefusal {
    match opened(parcel, floor) {
        Err(BundleRefusal::Routes(why)) => *why,
        other => panic!("{other:?}"),
    }
}

/// The routes of the pair, with their manifest changed and signed again by the keys that may sign routes.
fn stolen(parcel: &Parcel, from: &str, to: &str) -> Parcel {
    let routes = parcel.routes.clone().unwrap();
    let keys = SIGNERS.map(TestKey::new);
    let signers = keys.each_ref().map(|key| -> &dyn Signer { key });
    let change = |text: String| {
        assert!(text.contains(from), "{text}");
        text.replacen(from, to, 1)
    };
    let manifest = resigned(&routes.manifest, change, &signers);
    Parcel { routes: Some(RoutesParcel { manifest, ..routes }), ..parcel.clone() }
}

#[test]
fn base_and_routes_make_the_bundle_that_one_signature_would_have_made() {
    let pair = pair();
    let (both, whole) = (opened(&pair, None).unwrap(), super::fixture::bundle(&files()));
    let names =
        |bundle: &Bundle| bundle.routes().iter().map(|route| route.name().to_owned()).collect::<Vec<_>>();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names(&both)), sorted(names(&whole)));
    assert_eq!((both.version(), both.routes_version(), whole.routes_version()), (1, Some(7), None));
    assert_eq!(both.files().keys().collect::<Vec<_>>(), whole.files().keys().collect::<Vec<_>>());
    assert_eq!(both.digest(), pair.digest().unwrap());
    assert_ne!(both.digest(), both.base().digest());
    assert_eq!(both.expires(), Seconds::new(NOW + 500), "the routes end before their base");
    assert!(pair.files.keys().all(|file| !file.starts_with("routes/payments/")));
    // Judged again, it is the same.
    let past = PastBundle::open(&pair).unwrap();
    assert_eq!((past.digest(), past.routes().len()), (both.digest(), 2));
    assert!(PastBundle::open(&Parcel { routes: None, ..pair }).unwrap().routes().len() == 1);
}

#[test]
fn a_base_that_names_who_signs_routes_is_not_in_force_without_any() {
    let base = base_of(&layered(), 1);
    assert_eq!(opened(&base, None).unwrap_err(), BundleRefusal::RoutesMissing);
    let none = routes(&base, &Files::new(), 1, &[40, 41], WINDOW);
    let empty = opened(&Parcel { routes: Some(none), ..base }, None).unwrap();
    assert_eq!(empty.routes().len(), 1, "the platform's route is of the base");
}

#[test]
fn routes_beside_a_base_that_names_nobody_count_for_nothing() {
    let whole = base_of(&files(), 1);
    let stray = Parcel { routes: pair().routes, ..whole.clone() };
    assert_eq!(opened(&stray, None).unwrap().digest(), opened(&whole, None).unwrap().digest());
}

#[test]
fn whoever_has_the_keys_of_routes_changes_nothing_else() {
    let pair = pair();
    let digest = warrant::Digest::of(b"{}");
    for file in [
        "mesh.json",
        "proxies.json",
        "teams.json",
        "operators.cedar",
        "routes/platform/hello.json",
        "routes/platform/open.json",
    ] {
        let more = format!("\"files\":{{\"{file}\":\"{digest}\",");
        let mut changed = stolen(&pair, "\"files\":{", &more);
        changed.routes.as_mut().unwrap().files.insert(file.to_owned(), b"{}".to_vec());
        assert_eq!(refused(&changed, None), BundleRefusal::NotOfATeam { file: file.to_owned() });
    }
    // A team that the base does not have owns no ground.
    let stray = format!("\"files\":{{\"routes/new/pay.json\":\"{}\",", warrant::Digest::of(b"[]"));
    let mut changed = stolen(&pair, "\"files\":{", &stray);
    changed.routes.as_mut().unwrap().files.insert("routes/new/pay.json".to_owned(), b"[]".to_vec());
    assert!(matches!(opened(&changed, None), Err(BundleRefusal::Unsound { .. })));
    let longer = stolen(&pair, &format!("\"expires\":{}", NOW + 500), &format!("\"expires\":{}", NOW + 1001));
    assert!(matches!(refused(&longer, None), BundleRefusal::OutsideWindow { .. }));
    let earlier =
        stolen(&pair, &format!("\"notBefore\":{}", NOW - 5), &format!("\"notBefore\":{}", NOW - 11));
    assert!(matches!(refused(&earlier, None), BundleRefusal::OutsideWindow { .. }));
    let elsewhere = stolen(&pair, "\"audience\":\"shop\"", "\"audience\":\"bank\"");
    assert!(matches!(refused(&elsewhere, None), BundleRefusal::OtherAudience { .. }));
    let trusted = stolen(&pair, "\"version\":7", "\"version\":7,\"trust\":{}");
    assert!(matches!(refused(&trusted, None), BundleRefusal::Malformed { .. }));
    // Nor do the keys of a base sign routes, or those of routes a base.
    let routes = pair.routes.clone().unwrap();
    let by_base = resigned(&routes.manifest, |text| text, &[&TestKey::new(10)]);
    let changed =
        Parcel { routes: Some(RoutesParcel { manifest: by_base, ..routes.clone() }), ..pair.clone() };
    assert!(matches!(refused(&changed, None), BundleRefusal::TooFewSignatures { good: 0, wanted: 2, .. }));
    let as_base = Parcel { manifest: routes.manifest, routes: None, ..pair.clone() };
    assert!(matches!(opened(&as_base, None), Err(BundleRefusal::Malformed { .. })));
    let by_routes = resigned(&pair.manifest, |text| text, &[&TestKey::new(40), &TestKey::new(41)]);
    let changed = Parcel { manifest: by_routes, ..pair };
    assert!(matches!(opened(&changed, None), Err(BundleRefusal::TooFewSignatures { .. })));
}

#[test]
fn a_changed_missing_or_added_file_and_too_few_keys_are_refused() {
    let pair = pair();
    let with = |change: &dyn Fn(&mut RoutesParcel)| {
        let mut changed = pair.clone();
        change(changed.routes.as_mut().unwrap());
        refused(&changed, None)
    };
    let pay = "routes/payments/pay.json".to_owned();
    let file = pay.clone();
    assert_eq!(
        with(&|routes| routes.files.get_mut(&pay).unwrap().push(b' ')),
        BundleRefusal::FileChanged { file: file.clone() }
    );
    assert_eq!(with(&|routes| drop(routes.files.remove(&pay))), BundleRefusal::FileMissing { file });
    let more = "routes/payments/more.json".to_owned();
    assert_eq!(
        with(&|routes| drop(routes.files.insert(more.clone(), vec![]))),
        BundleRefusal::FileAdded { file: more.clone() }
    );
    let one = resigned(&pair.routes.clone().unwrap().manifest, |text| text, &[&TestKey::new(41)]);
    assert!(matches!(
        with(&|routes| routes.manifest = one.clone()),
        BundleRefusal::TooFewSignatures { good: 1, wanted: 2, .. }
    ));
}

#[test]
fn routes_and_base_are_in_force_only_as_they_were_signed_together() {
    let first = pair();
    let mut changed = layered();
    edit(&mut changed, "mesh.yaml", "24h", "23h");
    let second = base_of(&changed, 2);
    let mixed = Parcel { routes: first.routes.clone(), ..second.clone() };
    assert!(matches!(refused(&mixed, None), BundleRefusal::OtherBase { .. }));
    let new = routes(&second, &of_teams(&files()), 1, &[40, 41], WINDOW);
    let second = Parcel { routes: Some(new), ..second };
    let floor = opened(&first, None).unwrap().activated();
    let after = opened(&second, Some(&floor)).unwrap();
    assert_eq!((after.version(), after.routes_version()), (2, Some(1)), "the versions of routes begin anew");
    // An older base is rolled back, with any routes.
    let floor = after.activated();
    assert!(matches!(
        opened(&first, Some(&floor)),
        Err(BundleRefusal::RolledBack { version: 1, highest: 2 })
    ));
}

#[test]
fn routes_are_never_rolled_back_over_one_base() {
    let base = base_of(&layered(), 1);
    let mut slower = of_teams(&files());
    edit(&mut slower, PAY_FILE, "60s", "59s");
    let signed = |teams: &Files, version| Parcel {
        routes: Some(routes(&base, teams, version, &[40, 41], WINDOW)),
        ..base.clone()
    };
    let floor = opened(&signed(&of_teams(&files()), 7), None).unwrap().activated();
    assert_eq!(
        refused(&signed(&slower, 6), Some(&floor)),
        BundleRefusal::RolledBack { version: 6, highest: 7 }
    );
    assert!(matches!(
        refused(&signed(&slower, 7), Some(&floor)),
        BundleRefusal::SameVersionOtherContent { version: 7, .. }
    ));
    assert!(opened(&signed(&slower, 8), Some(&floor)).is_ok());
}

#[test]
fn each_layer_has_a_note_of_its_own() {
    let bundle = opened(&pair(), None).unwrap();
    let now = Seconds::new(NOW);
    let of_base = Note::sign(bundle.base(), now, 60, &note_key()).unwrap();
    let of_routes = Note::sign_routes(&bundle, now, 90, &TestKey::new(41)).unwrap();
    let until =
        |note: Result<Note, BundleRefusal>| note.and_then(|note| note.verify(&bundle, now, &AwsLcVerifier));
    assert_eq!(until(Note::open(&of_base)).unwrap().0.get(), NOW + 60);
    assert_eq!(until(Note::open_routes(&of_routes)).unwrap().0.get(), NOW + 90);
    assert!(Note::open(&of_routes).is_err() && Note::open_routes(&of_base).is_err());
    assert!(Note::sign(bundle.base(), now, 60, &TestKey::new(41)).is_err());
    assert!(Note::sign_routes(&bundle, now, 60, &note_key()).is_err());
    // The same text under the other key.
    let swapped = resigned(&of_routes, |text| text, &[&note_key()]);
    assert_eq!(until(Note::open_routes(&swapped)).unwrap_err(), BundleRefusal::NoteNotSigned);
    let whole = super::fixture::bundle(&files());
    assert!(Note::sign_routes(&whole, now, 60, &TestKey::new(41)).is_err());
    // A note about the routes is none about another version of them.
    let other =
        resigned(&of_routes, |text| text.replacen("\"version\":7", "\"version\":8", 1), &[&TestKey::new(41)]);
    assert!(matches!(
        until(Note::open_routes(&other)),
        Err(BundleRefusal::NoteForOther { what: "version", .. })
    ));
}

#[test]
fn documents_of_the_base_beside_the_routes_must_say_what_was_signed() {
    let base = opened_base(&base_of(&layered(), 1));
    let fault_of = |files: &Files| {
        let faults = Tested::over(&base, files).map(drop).unwrap_err();
        told(&faults)
    };
    assert!(Tested::over(&base, &layered()).is_ok());
    for (file, from, to) in [
        ("mesh.yaml", "24h", "25h"),
        ("routes/platform/hello.yaml", "5m", "6m"),
        ("mesh.cedar", "nothing", "something"),
    ] {
        let mut changed = layered();
        edit(&mut changed, file, from, to);
        let told = fault_of(&changed);
        assert!(told.starts_with(file) && told.contains("not as the base was signed"), "{told}");
    }
    let mut more = of_teams(&files());
    more.insert("routes/platform/new.yaml".to_owned(), files()["routes/platform/hello.yaml"].clone());
    assert!(fault_of(&more).starts_with("routes/platform/new.yaml"));
    // A team cannot leave its ground over a base either.
    let mut outside = of_teams(&files());
    edit(&mut outside, PAY_FILE, "/v1/payments/", "/v2/payments/");
    assert!(fault_of(&outside).starts_with(PAY_FILE), "{}", fault_of(&outside));
}

#[test]
fn a_base_must_be_sound_without_the_routes_of_teams() {
    let mut files = layered();
    let policy = "@id(\"p\") permit (principal, action, resource == Route::\"pay\");";
    files.insert("operators.cedar".to_owned(), policy.as_bytes().to_vec());
    let trust = trust(1, &[10]);
    let key = TestKey::new(10);
    let terms = crate::Signing {
        version: 1,
        not_before: NOW - 10,
        expires: NOW + 1000,
        trust: &trust,
        next: &trust,
        chain: &[],
        signers: &[&key],
    };
    let refused = built(&files).sign(&terms).unwrap_err().to_string();
    assert!(refused.contains("without the routes of teams") && refused.contains("pay"), "{refused}");
}

#[test]
fn who_signs_routes_has_no_other_role() {
    let note = note_key().jwk();
    let mut shared = layered();
    edit(&mut shared, "mesh.yaml", &TestKey::new(41).jwk(), &note);
    assert_fault(&shared, "mesh.yaml", "under `notes` too");
    let mut twice = layered();
    edit(&mut twice, "mesh.yaml", &TestKey::new(41).jwk(), &TestKey::new(40).jwk());
    assert_fault(&twice, "mesh.yaml", "a key occurs twice");
    let mut many = layered();
    edit(&mut many, "mesh.yaml", "threshold: 2", "threshold: 4");
    assert_fault(&many, "mesh.yaml", "4 keys must sign, but only 3 are listed");
    assert!(faults(&layered()).is_empty());
    // Nor may it sign bases: that is known only where the trust is.
    let mut trusted = layered();
    edit(&mut trusted, "mesh.yaml", &TestKey::new(41).jwk(), &TestKey::new(10).jwk());
    let mixed = open_base(&base_of(&trusted, 1), &expected(&trust(1, &[10])), &AwsLcVerifier);
    assert!(matches!(mixed, Err(BundleRefusal::RolesMixed { .. })), "{mixed:?}");
}

#[test]
fn a_new_server_takes_no_base_below_the_version_that_its_trust_names() {
    let trust = trust(1, &[10]);
    let whole = base_of(&files(), 3);
    let at = |min_version, floor| {
        open(&whole, &Expected { min_version, floor, ..expected(&trust) }, &AwsLcVerifier)
    };
    assert!(at(3, None).is_ok());
    assert_eq!(at(4, None).unwrap_err(), BundleRefusal::BelowLeast { version: 3, least: 4 });
    // A server with a floor of its own goes by that.
    let floor = at(0, None).unwrap().activated();
    assert!(at(4, Some(&floor)).is_ok());
}

#[test]
fn a_digest_names_the_base_under_the_routes_too() {
    let honest = pair();
    let mut files = layered();
    edit(&mut files, "mesh.yaml", "https://authority.shop", "https://evil.shop");
    let forged = Parcel { routes: honest.routes.clone(), ..base_of(&files, 1) };
    assert!(matches!(forged.digest(), Err(BundleRefusal::OtherBase { .. })));
    assert!(matches!(PastBundle::open(&forged), Err(BundleRefusal::OtherBase { .. })));
    assert!(honest.digest().is_ok());
}

#[test]
fn only_signed_routes_over_this_base_count_for_the_next_version() {
    let pair = pair();
    let base = opened_base(&pair);
    let of = |manifest: &[u8]| base.version_of_routes(manifest, &AwsLcVerifier);
    let manifest = pair.routes.clone().unwrap().manifest;
    assert_eq!(of(&manifest), Some(7));
    let forged = resigned(
        &manifest,
        |text| text.replacen("\"version\":7", "\"version\":9007199254740990", 1),
        &[&TestKey::new(10)],
    );
    assert_eq!((of(&forged), of(b"{}")), (None, None));
    let other = opened_base(&base_of(&layered(), 2));
    assert_eq!(other.version_of_routes(&manifest, &AwsLcVerifier), None);
}

#[test]
fn a_test_of_the_base_that_names_a_route_does_not_keep_back_the_team_that_removes_it() {
    let mut files = layered();
    let cases = "apiVersion: portcullis.dev/v1alpha1
kind: OperatorTests
given: {caller: local, action: set-posture, resource: mesh}
cases:
  - {name: halts, resource: \"route:pay\", expect: allow}
";
    let policy = "@id(\"local\") permit (principal == Person::\"local\", action, resource);";
    files.insert("operators.cedar".to_owned(), policy.as_bytes().to_vec());
    files.insert("operators.test.yaml".to_owned(), cases.as_bytes().to_vec());
    let base = base_of(&files, 1);
    let none = routes(&base, &Files::new(), 1, &[40, 41], WINDOW);
    assert!(opened(&Parcel { routes: Some(none), ..base.clone() }, None).is_ok());
    // A team's own failing test does.
    let mut failing = of_teams(&files);
    let test = "apiVersion: portcullis.dev/v1alpha1
kind: RouteTests
metadata: {name: pay}
cases:
  - {name: pays, caller: \"spiffe://shop/ns/x/sa/y\", expect: allow}
";
    failing.insert("routes/payments/pay.test.yaml".to_owned(), test.as_bytes().to_vec());
    let failed = Tested::over(&opened_base(&base), &failing).unwrap().passed().map(drop).unwrap_err();
    assert!(told(&failed).contains("pay.test.yaml"), "{}", told(&failed));
}
