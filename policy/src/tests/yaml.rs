//! Tests of the YAML profile: for each rule, what it refuses, and something similar that it accepts.

use super::fixture::{PAY, assert_fault, assert_sound, edited, faults, files, told};

const FILE: &str = "routes/payments/pay.yaml";

fn provokes(from: &str, to: &str, line: u32, what: &str) {
    assert_fault(&edited(FILE, from, to), &format!("{FILE}:{line}:"), what);
}

fn passes(from: &str, to: &str) {
    assert_sound(&edited(FILE, from, to));
}

#[test]
fn a_key_occurs_once_however_it_is_quoted() {
    provokes("require:", "\"mat\\u0063h\": []\n  require:", 7, "`match` occurs twice");
    passes("require:", "\"requi\\u0072e\":");
}

#[test]
fn tags_are_refused() {
    provokes("[POST]", "[!!str POST]", 6, "a tag");
    provokes("[POST]", "!!seq [POST]", 6, "a tag");
    passes("[POST]", "[\"POST\"]");
}

#[test]
fn anchors_and_aliases_are_refused() {
    provokes("[POST]", "&m [POST]", 6, "an anchor");
    provokes("[POST]", "*m", 6, "an alias");
    passes("[POST]", "['POST']");
}

#[test]
fn merge_keys_are_refused() {
    provokes("require: {", "require: {<<: {use: any}, ", 7, "a merge key");
    provokes("require: {", "require: {\"<<\": 1, ", 7, "unknown key `<<`");
}

#[test]
fn directives_and_a_second_document_are_refused() {
    provokes("apiVersion", "%YAML 1.2\n---\napiVersion", 1, "this YAML is not accepted");
    passes("apiVersion", "---\napiVersion");
    let mut two = files();
    two.insert(FILE.to_owned(), format!("{PAY}---\n{PAY}").into_bytes());
    assert_fault(&two, &format!("{FILE}:9:"), "a second document");
}

#[test]
fn a_document_is_utf_8_without_a_byte_order_mark() {
    let mut marked = files();
    marked.insert(FILE.to_owned(), format!("\u{feff}{PAY}").into_bytes());
    assert_fault(&marked, &format!("{FILE}:1:1"), "byte order mark");
    let mut latin = files();
    latin.insert(FILE.to_owned(), [PAY.as_bytes(), b"# caf\xe9\n"].concat());
    assert_fault(&latin, FILE, "is not UTF-8");
    passes("callers", "# café\n  callers");
}

#[test]
fn a_document_has_at_most_256_kib_and_32_levels() {
    let padded = |size: usize| {
        let mut files = files();
        files.insert(FILE.to_owned(), format!("{PAY}#{}\n", "x".repeat(size - PAY.len() - 2)).into_bytes());
        files
    };
    assert_sound(&padded(256 * 1024));
    assert_fault(&padded(256 * 1024 + 1), FILE, "bytes");
    let nested = |depth: usize| {
        edited(
            FILE,
            "{name: pay}",
            &format!("{{name: pay, annotations: {}{}}}", "[".repeat(depth), "]".repeat(depth)),
        )
    };
    assert_sound(&nested(30));
    assert_fault(&nested(31), &format!("{FILE}:3:"), "32 levels deep");
}

#[test]
fn booleans_and_integers_are_written_in_one_way() {
    for (good, bad) in [
        ("issued: true", "issued: yes"),
        ("issued: false", "issued: False"),
        ("maxDepth: 2", "maxDepth: 02"),
        ("maxDepth: 0", "maxDepth: 0x1"),
        ("issued: true", "issued: \"true\""),
        ("maxDepth: 7", "maxDepth: \"2\""),
    ] {
        passes("use: once", &format!("use: once, {good}"));
        provokes("use: once", &format!("use: once, {bad}"), 7, "expected ");
    }
}

#[test]
fn what_yaml_1_1_reads_differently_needs_quotes() {
    for doubtful in ["NO", "on", "y", "010", "1:30", "null", "~", "1.5", "2026-11-21", "true", "7"] {
        let with = |value: &str| format!("use: once, environment: {{region: [{value}]}}");
        let files = edited(FILE, "use: once", &with(doubtful));
        let faults = faults(&files);
        assert_eq!(faults.len(), 1, "{doubtful}: {}", told(&faults));
        assert_eq!(faults[0].instead, format!("quote it: \"{doubtful}\""));
        passes("use: once", &with(&format!("\"{doubtful}\"")));
        let as_key = |key: &str| format!("use: once, environment: {{{key}: [a]}}");
        provokes("use: once", &as_key(doubtful), 7, "some YAML parsers do not read the key");
        passes("use: once", &as_key(&format!("'{doubtful}'")));
    }
}

#[test]
fn a_fault_in_broken_yaml_has_a_place() {
    provokes("[POST]", "[POST", 6, "this YAML is not accepted");
}

#[test]
fn characters_that_change_how_a_text_looks_are_refused() {
    for (written, code) in
        [("\u{202e}", "U+202E"), ("\\u202e", "U+202E"), ("\\x07", "U+0007"), ("\\u2066", "U+2066")]
    {
        let labels = |value: &str| {
            edited(FILE, "{name: pay}", &format!("{{name: pay, labels: {{note: \"a{value}b\"}}}}"))
        };
        assert_fault(&labels(written), &format!("{FILE}:3:"), code);
    }
    passes("{name: pay}", "{name: pay, labels: {note: \"caf\u{e9}\\n\"}}");
    provokes("callers", "# a \u{202e} comment\n  callers", 8, "U+202E");
}
