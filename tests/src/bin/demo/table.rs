//! Prints the scenes as a table.

use crate::story::{Scene, SceneResult};

pub(crate) fn print(scenes: &[Scene]) {
    println!();
    println!("  {:<48} {:<7} {:<18} request", "what the client sends", "status", "denial code");
    println!("  {:-<48} {:-<7} {:-<18} {:-<16}", "", "", "", "");
    for scene in scenes {
        let mark = if scene.is_as_expected() { ' ' } else { '!' };
        println!("{mark} {:<48} {}", scene.title, columns(&scene.actual));
        if !scene.is_as_expected() {
            println!("  {:>48} {}", "expected:", columns(&scene.expected));
        }
    }
    println!();
}

fn columns(result: &SceneResult) -> String {
    let code = result.code.as_deref().unwrap_or(if result.status == 200 { "" } else { "none: by Envoy" });
    let reached = match (result.reached_upstream, result.status) {
        (true, 200) => "reached upstream",
        (true, _) => "was ended",
        (false, _) => "was blocked",
    };
    format!("{:<7} {code:<18} {reached}", result.status)
}
