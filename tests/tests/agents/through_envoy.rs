//! The guide followed from its first command to its last, through the real Envoy.

use portcullis_tests::programs::portcullis;
use portcullis_tests::world::World;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::guide;
use crate::peer::python;

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_helper_runs_one_errand_and_no_second() {
    let world = World::start().await;
    let here = world.directory();
    std::os::unix::fs::symlink(world.home.file(""), here.join("home")).unwrap();
    shell(here, "portcullis key new --out agent.jwk\n");
    shell(here, &block("key show"));
    shell(here, &block("warrant mint"));

    let listens = format!("http://{}", world.envoy.address());
    let program =
        format!("{}\n{}", guide::library(), guide::call().replace("http://localhost:10000", &listens));
    assert!(program.contains(&listens), "the guide's program says where Envoy listens");
    let said = world.serves(|| python(here, &["-c", &program], ""));

    let lines: Vec<&str> = said.lines().collect();
    let [first, second] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*first, "200 executed");
    assert!(second.starts_with("403 replayed: "), "{second}");
    let hits = world.upstream.hits();
    let [hit] = hits.as_slice() else { panic!("{hits:?}") };
    assert_eq!((hit.method.as_str(), hit.target.as_str()), ("POST", "/errands/bread"));
    assert!(hit.decision().is_some(), "executed without a decision: {hit:?}");
}

/// The shell block of the guide that holds these words, but for the key, which is there already.
fn block(words: &str) -> String {
    let page = fs::read_to_string(portcullis_tests::programs::repository().join("docs/agents.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    let found: Vec<String> = blocks.filter(|block| block.contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}");
    found[0].lines().filter(|line| !line.contains("key new")).map(|line| format!("{line}\n")).collect()
}

fn shell(directory: &Path, script: &str) {
    let binaries = portcullis().parent().unwrap().display().to_string();
    let script = format!("set -eu; PATH={binaries}:$PATH\n{script}");
    let output = Command::new("sh").args(["-c", &script]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
