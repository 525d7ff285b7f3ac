//! Imports go down the order of the modules, never up; so no module imports another in a circle.

use std::collections::BTreeSet;

use crate::sources::{self, SourceFile};

/// The modules of the server, from the one that knows most to the one that knows least.
const SERVER: [&str; 22] = [
    "main",
    "cli",
    "operator",
    "server",
    "console",
    "edge",
    "gateway",
    "authority",
    "outcomes",
    "telemetry",
    "recorder",
    "record",
    "history",
    "facts",
    "bundles",
    "witnesses",
    "config",
    "keys",
    "fetch",
    "complaint",
    "made_page",
    "schema",
];

/// The modules of the rules, in the same order.
const POLICY: [&str; 13] = [
    "authoring",
    "bundles",
    "decision",
    "issuing",
    "assembly",
    "routes",
    "engine",
    "arguments",
    "documents",
    "matching",
    "warning",
    "strict",
    "fault",
];

/// Modules that every other may import, and that import none.
const SERVER_COMMON: [&str; 1] = ["clock"];

#[test]
fn imports_of_the_server_go_down() {
    check("authz-server/src", &SERVER, &SERVER_COMMON);
}

#[test]
fn imports_of_the_rules_go_down() {
    check("policy/src", &POLICY, &[]);
}

/// `authority` is reserved for the module that comes next; every other name must be there.
fn check(folder: &str, order: &[&str], common: &[&str]) {
    let files = sources::below(folder);
    let (mut upward, mut imports) = (Vec::new(), 0);
    for file in files.iter().filter(|file| !file.is_for_tests()) {
        let Some(module) = module_of(file, folder) else { continue };
        if common.contains(&module.as_str()) {
            assert_eq!(imported(&file.text, &depth_of(file, folder)), BTreeSet::new(), "{module} imports");
            continue;
        }
        let place = position(order, &module).unwrap_or_else(|| {
            panic!("{}: `{module}` has no place in the order of {folder}", file.path.display())
        });
        for name in imported(&file.text, &depth_of(file, folder)) {
            if name == module || common.contains(&name.as_str()) {
                continue;
            }
            let Some(target) = position(order, &name) else { continue };
            imports += 1;
            if target < place {
                upward.push(format!(
                    "{}: `{module}` imports `{name}`, which stands above it",
                    file.path.display()
                ));
            }
        }
    }
    assert!(imports > 50, "{imports} imports were read below {folder}: this test shows nothing");
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

fn position(order: &[&str], name: &str) -> Option<usize> {
    order.iter().position(|known| *known == name)
}

/// The module at the root of the crate that the file belongs to; `None` for the root itself.
fn module_of(file: &SourceFile, folder: &str) -> Option<String> {
    let below = file.path.strip_prefix(folder).unwrap();
    let first = below.iter().next().unwrap().to_string_lossy();
    let name = first.strip_suffix(".rs").unwrap_or(&first);
    (name != "lib").then(|| name.to_owned())
}

/// How many `super::` lead from the file to the root of the crate.
fn depth_of(file: &SourceFile, folder: &str) -> String {
    let below = file.path.strip_prefix(folder).unwrap();
    let levels = below.iter().count() - usize::from(below.ends_with("mod.rs"));
    "super::".repeat(levels)
}

/// The names at the root of the crate that this text uses, outside the tests at its end.
fn imported(text: &str, to_root: &str) -> BTreeSet<String> {
    let product = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
    let lines = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for prefix in ["crate::", to_root] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | ':')) {
                continue;
            }
            names.extend(names_after(&code[at + prefix.len()..]));
        }
    }
    names
}

/// The first name of a path, or of each path in braces.
fn names_after(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(inside) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name(&inside[from..at]));
                from = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

#[test]
fn an_import_is_found_however_it_is_written() {
    let found = |text: &str, to_root: &str| imported(text, to_root).into_iter().collect::<Vec<_>>();
    assert_eq!(found("use crate::gateway::Allow;", "super::"), ["gateway"]);
    assert_eq!(found("use crate::{edge::{a, b}, keys};", "super::"), ["edge", "keys"]);
    assert_eq!(found("let x = crate::cli::main();", "super::"), ["cli"]);
    assert_eq!(found("use super::super::edge::X;", "super::super::"), ["edge"]);
    assert_eq!(found("use super::sibling::X;", "super::super::"), Vec::<String>::new());
    assert_eq!(found("// crate::cli\n", "super::"), Vec::<String>::new());
    assert_eq!(
        found("a\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}", "super::"),
        Vec::<String>::new()
    );
}
