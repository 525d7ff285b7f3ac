//! `portcullis revoke`: from now on nothing under this name is allowed.

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;
use warrant::PresentedWarrant;

use super::call::shown;
use super::wait::FactCall;
use crate::cli::out::{ExitStatus, Failure};
use crate::cli::values::value_or_file;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Args {
    /// What the value is
    what: What,
    // One thumbprint of 64 begins with a hyphen.
    /// A warrant or @FILE, the joined `jti`s of one, a lineage's `txn`, a key's thumbprint, or a holder's `sub`
    #[arg(allow_hyphen_values = true)]
    value: String,
    /// The issuer of the warrant: for `path` and `txn`
    #[arg(long)]
    iss: Option<String>,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    call: FactCall,
}

/// The kinds of revocations.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum What {
    /// A warrant and all delegated from it, by the warrant itself
    Warrant,
    /// The same, by its path
    Path,
    /// A whole lineage
    Txn,
    /// A key, of a holder or of the authority
    Key,
    /// A holder, by name
    Sub,
}

impl What {
    /// As the API has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            What::Warrant | What::Path => "path",
            What::Txn => "txn",
            What::Key => "key",
            What::Sub => "sub",
        }
    }
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitStatus, Failure> {
    let what = args.what.word();
    let (value, iss) = match args.what {
        What::Warrant if args.iss.is_some() => {
            return Err(Failure::new("--iss: leave it out: the warrant says who issued it"));
        }
        What::Warrant => {
            let (path, iss) = path_of(&value_or_file(&args.value)?)?;
            (path, Some(iss))
        }
        What::Path | What::Txn | What::Key | What::Sub => (args.value.clone(), args.iss.clone()),
    };
    let mut body = json!({"what": what, "value": value, "reason": args.reason});
    if let (Some(iss), Some(body)) = (iss, body.as_object_mut()) {
        body.insert("iss".to_owned(), json!(iss));
    }
    let answer = args.call.server.post("/v1/revocations", &body)?;
    args.call.tell(answer, |entry| {
        format!(
            "entry {}: {what} {} is revoked (the log has {} entries)",
            shown(entry, "index"),
            value,
            shown(entry, "seq")
        )
    })
}

/// The path of a warrant, and its issuer. Nothing is verified: a revocation of something that does not exist harms nobody.
fn path_of(header: &str) -> Result<(String, String), Failure> {
    let links =
        PresentedWarrant::parse(header.as_bytes()).and_then(|presented| presented.unverified_claims());
    let links =
        links.map_err(|denial| Failure::new(format!("this is not a warrant: {}", denial.meaning())))?;
    let root = links.first().ok_or_else(|| Failure::new("this is not a warrant: it has no links"))?;
    let path: Vec<&str> = links.iter().map(|link| link.jti()).collect();
    Ok((path.join("/"), root.iss().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_thumbprint_that_begins_with_a_hyphen_is_a_value_wherever_the_options_are() {
        let options = ["--reason", "stolen", "--config", "home/portcullis.yaml"];
        for value in ["-Vx1_thumbprint", "--x", "plain"] {
            for line in [
                [&["revoke", "key", value][..], &options].concat(),
                [&["revoke"][..], &options, &["key", value]].concat(),
            ] {
                let read = Line::try_parse_from(&line).unwrap_or_else(|why| panic!("{line:?}: {why}"));
                assert_eq!(read.args.value, value);
            }
        }
    }
}
