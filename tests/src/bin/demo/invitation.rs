//! What the reader can do now: lines to paste, each of which makes what it needs when it runs.

use portcullis_tests::programs;
use portcullis_tests::world::World;

pub(crate) fn print(world: &World, host: &str) {
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
    println!("It stays up until Ctrl-C:");
    println!("  guarded         http://{host}");
    println!("  server          http://{}/readyz  http://{}/metrics", world.court.http(), world.court.http());
    println!("  Envoy's admin   http://{}", world.envoy.admin());
    println!("  its files       {home}");
    println!("\nTry it. Without a warrant:\n");
    println!("curl -i http://{host}/hello/you");
    println!("\nWith a new one each time:\n");
    let hello = mint("--method GET --path '/hello/**' --lifetime 60s");
    println!(
        "W=$({hello}); curl -i http://{host}/hello/you -H \"Warrant: $W\" -H \"Warrant-Proof: $({})\"",
        prove("GET", "/hello/you")
    );
    println!("\nA payment, with a warrant for one. The second line tries to pay again:\n");
    let pay = mint("--method POST --path '/v1/payments/*' --lifetime 60s --use 1");
    let send = format!(
        "curl -i -X POST http://{host}/v1/payments/42 -H \"Warrant: $W\" -H \"Warrant-Proof: $({})\"",
        prove("POST", "/v1/payments/42")
    );
    println!("W=$({pay}); {send}");
    println!("{send}");
}
