//! What somebody in the way of bundles may try. Each is refused by its own message, and nothing else changes.

use super::{Signers, signer, without_note_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::court::Home;
use portcullis_tests::keys::Key;
use portcullis_tests::press::{Bundle, Pressed, jwk, now, put_note, trust};
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};

const HELLO: &str = "routes/demo/hello.json";

/// What is offered, and perhaps a note about it.
struct Attack {
    name: &'static str,
    offered: Pressed,
    note: Option<Value>,
    said: &'static str,
}

/// Who signs in this house: two of three, and a note key that has been exchanged once.
struct Keys {
    all: [Key; 3],
    note: Key,
    old_note: Key,
}

impl Keys {
    fn two(&self) -> [&Key; 2] {
        [&self.all[0], &self.all[1]]
    }
}

fn attack(name: &'static str, offered: Pressed, said: &'static str) -> Attack {
    Attack { name, offered, note: None, said }
}

/// The same manifest with its envelope changed after it was signed.
fn tampered(mut pressed: Pressed, change: impl FnOnce(&mut Value)) -> Pressed {
    change(&mut pressed.envelope);
    pressed
}

fn attacks(keys: &Keys, active: &Bundle) -> Vec<Attack> {
    let two = keys.two();
    let next = || active.clone().version(6);
    let sound = || next().signed(&two);
    let strangers = [&signer(71), &signer(72)];
    let others = trust(2, &strangers);
    let on_files = |change: fn(&mut Pressed)| {
        let mut pressed = sound();
        change(&mut pressed);
        pressed
    };
    let mut all = vec![
        attack(
            "a lower version",
            active.clone().version(4).signed(&two),
            "version 4, but version 5 was already active",
        ),
        attack(
            "the same version with other content",
            active.clone().edit(HELLO, |hello| hello["spec"]["callers"] = json!(["any-holder"])).signed(&two),
            "version 5 was active with other content",
        ),
        attack(
            "stripped signatures",
            tampered(sound(), |envelope| envelope["signatures"] = json!([])),
            "0 good signatures, but the trust in force requires 2",
        ),
        attack("too few signatures", next().signed(&[two[0]]), "1 good signatures, but the trust in force requires 2"),
        attack("one key counted twice", next().signed(&[two[0], two[0]]), "1 good signatures, but the trust in force requires 2"),
        attack("keys that nobody knows", next().signed(&strangers), "(signatures by unknown keys are ignored: "),
        attack(
            "a payload changed after signing",
            tampered(sound(), |envelope| {
                let bytes = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
                let text = String::from_utf8(bytes).unwrap().replace("\"version\":6", "\"version\":7");
                envelope["payload"] = STANDARD.encode(text).into();
            }),
            "0 good signatures, but the trust in force requires 2",
        ),
        attack(
            "a file added",
            on_files(|pressed| {
                drop(pressed.files.insert("routes/demo/more.json".to_owned(), b"{}".to_vec()))
            }),
            "routes/demo/more.json is not in the manifest",
        ),
        attack(
            "a file changed",
            on_files(|pressed| pressed.files.get_mut(HELLO).unwrap().push(b' ')),
            "routes/demo/hello.json is not the file that was signed",
        ),
        attack(
            "a file taken away",
            on_files(|pressed| drop(pressed.files.remove(HELLO))),
            "routes/demo/hello.json is in the manifest but not in the bundle",
        ),
        attack(
            "a manifest for another audience",
            next().with("audience", "other".into()).signed(&two),
            "for the audience `other`, but this server is for `demo`",
        ),
        attack(
            "documents for another audience",
            next().edit("mesh.json", |mesh| mesh["spec"]["audience"] = "other".into()).signed(&two),
            "for the audience `other`",
        ),
        attack(
            "another language",
            next().with("engine", "9.9".into()).signed(&two),
            "built for policy language 9.9",
        ),
        attack(
            "not yet valid",
            next().with("notBefore", (now() + 3600).into()).signed(&two),
            "is not valid before",
        ),
        attack(
            "no longer valid",
            next().with("expires", (now() - 1).into()).signed(&two),
            "the bundle expired at",
        ),
        attack(
            "a trust change signed by the old side only",
            next().with("trust", others.clone()).signed(&two),
            "changes the trust, but it has 0 of the 2 signatures that the new trust requires",
        ),
        attack(
            "a trust change signed by the new side only",
            next().with("trust", others).signed(&strangers),
            "0 good signatures, but the trust in force requires 2",
        ),
        attack(
            "no manifest",
            tampered(sound(), |envelope| *envelope = json!({})),
            "manifest.json is malformed",
        ),
        attack(
            "an envelope of another kind",
            tampered(sound(), |envelope| envelope["payloadType"] = "application/json".into()),
            "found `application/json`",
        ),
    ];
    all.push(Attack {
        name: "an expired note",
        note: Some(sound().note(-1, &keys.note)),
        offered: sound(),
        said: "waits for its note: the note expired at",
    });
    all.push(Attack {
        name: "a note by a key that was rotated out",
        note: Some(sound().note(600, &keys.old_note)),
        offered: sound(),
        said: "waits for its note: the note is not signed by a note key",
    });
    all.push(Attack {
        name: "a note that holds for too long",
        note: Some(sound().note(90_000, &keys.note)),
        offered: sound(),
        said: "waits for its note: the note is valid for 90000 s",
    });
    all.push(Attack {
        name: "a note about the bundle before",
        note: None,
        offered: sound(),
        said: "waits for its note: the note names version 5",
    });
    all
}

/// A house that trusts two of three keys, with a bundle of version 5 that names another note key than the one before.
fn house(home: &Home) -> (Keys, Bundle) {
    let signers = Signers::of(home);
    let keys =
        Keys { all: [signers.bundle, signer(61), signer(62)], note: signer(63), old_note: signers.note };
    let all: Vec<&Key> = keys.all.iter().collect();
    home.configure(|configuration| configuration["bundle"]["trust"] = trust(2, &all));
    without_note_key(home);
    let first = Bundle::of(home).with("trust", trust(2, &all)).version(4);
    let pressed = first.signed(&keys.two());
    put_note(&pressed.note(600, &keys.old_note), &signers.place);
    pressed.put(&signers.place);
    let active =
        first.version(5).edit("mesh.json", |mesh| mesh["spec"]["notes"]["keys"] = json!([jwk(&keys.note)]));
    (keys, active)
}

/// How long a note holds here: enough for one attack on a busy machine, and not long to wait for at the end.
const NOTE_SECONDS: i64 = 12;

/// Puts the active bundle back with a fresh note, and waits until the server is content with both.
async fn restore(world: &World, keys: &Keys, active: &Pressed) {
    let place = world.home.file("bundle");
    let note = active.note(NOTE_SECONDS, &keys.note);
    let bytes = STANDARD.decode(note["payload"].as_str().unwrap()).unwrap();
    let until_then = serde_json::from_slice::<Value>(&bytes).unwrap()["exp"].to_string();
    put_note(&note, &place);
    active.put(&place);
    let wanted = format!("is in force until {until_then}");
    until("the active bundle to be offered again, and prolonged", async || {
        world.court.bundle().await.ends_with(&wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_is_refused_by_name_and_the_old_bundle_stays_until_its_own_note_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let (keys, active) = house(&home);
    let world = Setup::default().around(directory, home).await;
    let place = world.home.file("bundle");
    let fresh = || world.agent.asks(&hello(), "GET", "/hello/you");
    let pressed = active.signed(&keys.two());
    let too_long = pressed.note(600, &keys.old_note);
    restore(&world, &keys, &pressed).await;
    put_note(&too_long, &place);

    for attack in attacks(&keys, &active) {
        restore(&world, &keys, &pressed).await;
        if let Some(note) = &attack.note {
            put_note(note, &place);
        }
        attack.offered.put(&place);
        let said = world.court.bundle_says(attack.said).await;
        assert!(said.starts_with("version 5 "), "{}: {said}", attack.name);
        world.allows(&fresh()).await;
        println!("{}: {said}", attack.name);
    }

    // What is refused prolongs nothing: the old bundle's note runs out, and then nothing is allowed.
    until("the old bundle's note to be over", async || {
        let answer = world.send(&fresh()).await;
        (answer.code().as_deref() == Some("governance-stale")).then_some(())
    })
    .await;
    world.denies(&fresh(), 503, "governance-stale").await;
    assert!(world.court.bundle().await.starts_with("version 5 "), "{}", world.court.bundle().await);
    let log = world.court.program.log();
    for attack in attacks(&keys, &active) {
        assert!(log.contains(&attack.said.replace('"', "\\\"")), "the log does not say `{}`", attack.said);
    }
    // And whoever signs puts it right without a restart.
    let next = active.clone().version(6).signed(&keys.two());
    put_note(&next.note(600, &keys.note), &place);
    next.put(&place);
    world.court.bundle_says("version 6 (sha256:").await;
    world.allows(&fresh()).await;
}
