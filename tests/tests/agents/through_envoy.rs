//! Every command of the guide `docs/agents.md`, from first to last, through the real Envoy.

use portcullis_tests::guide::{only_block, shell};
use portcullis_tests::world::World;
use std::fs;
use std::path::Path;

use crate::guide;
use crate::peer::python;

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_helper_runs_one_errand_and_is_denied_a_second() {
    let world = World::start().await;
    let directory = world.directory();
    run(directory, "portcullis key new --out agent.jwk\n");
    run(directory, &block("key show"));
    run(directory, &block("warrant mint"));

    let envoy = format!("http://{}", world.envoy.address());
    let program =
        format!("{}\n{}", guide::library(), guide::call().replace("http://localhost:10000", &envoy));
    assert!(program.contains(&envoy), "the guide's program names Envoy's address");
    let output = world.run_other_client(|| python(directory, &["-c", &program], ""));

    let lines: Vec<&str> = output.lines().collect();
    let [first, second] = lines.as_slice() else { panic!("{output}") };
    assert_eq!(*first, "200 executed");
    assert!(second.starts_with("403 replayed: "), "{second}");
    let executions = world.upstream.executions();
    let [execution] = executions.as_slice() else { panic!("{executions:?}") };
    assert_eq!((execution.method.as_str(), execution.target.as_str()), ("POST", "/errands/bread"));
    assert!(execution.decision().is_some(), "executed without a decision: {execution:?}");
    world.end().await;
}

/// The shell block of the guide that contains these words, without the line that makes the key.
fn block(words: &str) -> String {
    let page = fs::read_to_string(portcullis_tests::programs::repository().join("docs/agents.md")).unwrap();
    let block = only_block(&page, "sh", words);
    block.lines().filter(|line| !line.contains("key new")).map(|line| format!("{line}\n")).collect()
}

fn run(directory: &Path, script: &str) {
    let output = shell(directory, script);
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
