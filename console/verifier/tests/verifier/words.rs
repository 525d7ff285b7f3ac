//! Every code has its words in `verifier.js`, and there are no words without a code.

use console_verifier::{LeftOpen, Outcome, Part, Proved};

/// The names of the members of this constant in the script.
fn members(constant: &str) -> Vec<&'static str> {
    let from = proof_page::SCRIPT.split_once(&format!("export const {constant} = {{\n")).unwrap().1;
    let body = from.split_once("\n};").unwrap().0;
    let name = |line: &'static str| line.strip_prefix("  \"")?.split_once("\": ").map(|(name, _)| name);
    body.lines().filter_map(name).collect()
}

fn check(constant: &str, codes: impl Iterator<Item = &'static str>, own: &[&'static str]) {
    let (mut expected, mut found) = (codes.chain(own.iter().copied()).collect::<Vec<_>>(), members(constant));
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{constant}");
}

#[test]
fn every_code_has_words_and_all_words_have_a_code() {
    // What the script itself finds before or instead of an answer.
    let of_the_script = ["too-long", "verifier-stopped"];
    check("OUTCOMES", Outcome::ALL.iter().map(|code| code.code()), &of_the_script);
    check("PARTS", Part::ALL.iter().map(|code| code.code()), &[]);
    check("PROVED", Proved::ALL.iter().map(|code| code.code()), &[]);
    check("LEFT_OPEN", LeftOpen::ALL.iter().map(|code| code.code()), &[]);
}
