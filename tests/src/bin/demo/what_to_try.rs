//! Prints commands for the reader to paste. Each command makes the warrant and the proof that it needs.

use portcullis_tests::programs;
use portcullis_tests::world::World;

pub(crate) fn print(world: &World, host: &str, console: &str) {
    let portcullis = programs::portcullis();
    let portcullis = portcullis.display();
    let home = world.home.file("");
    let home = home.display().to_string();
    let home = home.trim_end_matches('/');
    let mint = |rest: &str| {
        format!(
            "{portcullis} warrant mint --home {home} --sub agent:demo --cnf {home}/agent.jwk --host localhost {rest}"
        )
    };
    let prove = |method: &str, path: &str| {
        format!(
            "{portcullis} warrant prove --key {home}/agent.jwk --warrant \"$W\" --method {method} --host {host} --path {path}"
        )
    };
    println!("The demo runs until you press Ctrl-C:");
    println!("  console           {console}");
    println!("  guarded service   http://{host}");
    println!("  Portcullis server http://{0}/readyz  http://{0}/metrics", world.server.health());
    println!("  Envoy's admin     http://{}", world.envoy.admin());
    println!("  home directory    {home}");
    println!(
        "\nThe console has the story above: each request, and why it was allowed or denied. Its link works once."
    );
    println!("\nSend a request without a warrant:\n");
    println!("curl -i http://{host}/hello/you");
    println!("\nSend a request with a new warrant:\n");
    let hello = mint("--method GET --path '/hello/**' --lifetime 60s");
    println!(
        "W=$({hello}); curl -i http://{host}/hello/you -H \"Warrant: $W\" -H \"Warrant-Proof: $({})\"",
        prove("GET", "/hello/you")
    );
    println!("\nPay with a warrant for one payment. The second command tries to pay again and is denied:\n");
    let pay = mint("--method POST --path '/v1/payments/*' --lifetime 60s --use 1");
    let send = format!(
        "curl -i -X POST http://{host}/v1/payments/42 -H \"Warrant: $W\" -H \"Warrant-Proof: $({})\"",
        prove("POST", "/v1/payments/42")
    );
    println!("W=$({pay}); {send}");
    println!("{send}");
    println!("\nHalt the mesh, and resume it. While it is halted, every request is denied:\n");
    let configuration = format!("--config {home}/portcullis.yaml");
    println!("{portcullis} halt --reason 'a drill' {configuration}");
    println!("{portcullis} resume --reason 'the drill is over' {configuration}");
}
