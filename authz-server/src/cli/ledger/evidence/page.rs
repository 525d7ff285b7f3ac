//! The page of an evidence folder: it says in plain words what is in it, and how to verify it. Its text is `page.md`, with the
//! values of this folder. A test runs every command of it.

use ledger::note::SignedCheckpoint;

use super::contents::{Contents, RECEIPT_KEYS, witness_name};

const TEXT: &str = include_str!("page.md");

pub(super) fn text(contents: &Contents, signed: &SignedCheckpoint) -> String {
    let values = [
        ("origin", contents.origin.clone()),
        ("first", contents.entries.first.to_string()),
        ("last", contents.entries.last.to_string()),
        ("size", contents.size.to_string()),
        ("cosigned", cosigned(signed)),
        ("bundles", format!("{} of them", contents.bundles.len())),
        ("keys", keys(contents)),
        ("asked", asked(contents)),
        ("earlier", earlier(contents)),
        ("missing", missing(contents)),
    ];
    values
        .into_iter()
        .fold(TEXT.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), &value))
}

/// The signature lines after the log's own. Only a witness's key says whether one of them is valid.
fn cosigned(signed: &SignedCheckpoint) -> String {
    let lines = signed.note().lines().filter(|line| line.starts_with('—'));
    match lines.count().saturating_sub(1) {
        0 => "; no witness cosigned it".to_owned(),
        1 => "; 1 more is a witness's signature".to_owned(),
        others => format!("; {others} more are witnesses' signatures"),
    }
}

fn keys(contents: &Contents) -> String {
    if !contents.receipt_keys {
        return "not here: it was made without the server's configuration, which knows the public keys of receipts and \
                witnesses"
            .to_owned();
    }
    let witnesses: Vec<String> = (0..).map(witness_name).zip(&contents.witnesses).map(witness).collect();
    let witnesses = if witnesses.is_empty() {
        "no witness is configured".to_owned()
    } else {
        format!("{} (verify with `--witness FILE`)", witnesses.join(", "))
    };
    format!("`{RECEIPT_KEYS}`: the public key with which the server signs receipts now; {witnesses}")
}

fn witness((file, name): (String, &String)) -> String {
    format!("`{file}`: the key of the witness {name}")
}

fn asked(contents: &Contents) -> String {
    let (asked, entries) = (contents.asked, contents.entries);
    if asked == entries {
        return "The entries are exactly those that were asked for.".to_owned();
    }
    format!(
        "The entries {} to {} were asked for. Entries are kept and hashed in bundles of 256, so the others of their bundles are \
         here too.",
        asked.first, asked.last
    )
}

fn earlier(contents: &Contents) -> String {
    if contents.earlier.is_empty() {
        return "Each decision says the terms of its warrant itself. No earlier entry is needed to read it."
            .to_owned();
    }
    let all: Vec<String> = contents.earlier.iter().map(u64::to_string).collect();
    format!(
        "A decision may name an earlier one that says the terms of the same warrant. So these earlier entries are here too, with \
         the others of their bundles: {}.",
        all.join(", ")
    )
}

fn missing(contents: &Contents) -> String {
    if contents.missing_bundles.is_empty() {
        return "No policy bundle that a decision names is missing.".to_owned();
    }
    let lines: String = contents
        .missing_bundles
        .iter()
        .map(|missing| format!("\n- {}: {}", missing.digest, missing.why))
        .collect();
    format!(
        "**Missing.** Decisions name these policy bundles, and they are not here. What was decided by them is proved, but cannot \
         be judged again, and `replay` ends with status 2:\n{lines}"
    )
}
