//! The arguments of `verify` that say whom it trusts: the bundle of a home directory, or an issuer and its
//! keys.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use warrant::{Issuer, PresentedWarrant, SubjectPattern, Terms, Trust};

use crate::cli::init::home;
use crate::cli::out::Failure;
use crate::cli::values::duration;
use crate::keys;

/// The leeway that `portcullis init` writes.
const LEEWAY_SECONDS: u64 = 5;

#[derive(Debug, ClapArgs)]
pub(super) struct TrustArgs {
    /// A home directory that `portcullis init` made: its bundle names the trusted issuers and the mesh's
    /// limits
    #[arg(long, conflicts_with_all = ["issuer", "keys", "aud", "subjects", "max_lifetime"])]
    home: Option<PathBuf>,
    /// Without --home: the URL of the only trusted issuer
    #[arg(long)]
    issuer: Option<String>,
    /// Without --home: the issuer's keys, as a JWK or a JWK set; may be given several times
    #[arg(long = "key")]
    keys: Vec<PathBuf>,
    /// Without --home: the mesh
    #[arg(long)]
    aud: Option<String>,
    /// Without --home: for whom the issuer may issue warrants, as agent:* or spiffe://shop/** [default: any
    /// subject]
    #[arg(long = "subject", value_parser = subject)]
    subjects: Vec<SubjectPattern>,
    /// Without --home: the maximum lifetime of a warrant
    #[arg(long, value_parser = duration, default_value = "1h")]
    max_lifetime: u64,
}

impl TrustArgs {
    /// The trust and the terms for this warrant.
    pub(super) fn read(&self, header: &str) -> Result<(Trust, Terms), Failure> {
        match (&self.home, &self.issuer, &self.aud) {
            (Some(home), ..) => {
                let bundle = home::bundle(home)?;
                Ok((bundle.trust().clone(), bundle.terms().clone()))
            }
            (None, Some(issuer), Some(aud)) if !self.keys.is_empty() => {
                let terms = Terms::new(aud.as_str(), self.max_lifetime, LEEWAY_SECONDS)
                    .map_err(|e| Failure::new(format!("--aud, --max-lifetime: {e}")))?;
                let trust = Trust::new(vec![self.issuer(issuer, header)?])
                    .map_err(|e| Failure::new(format!("--issuer, --key: {e}")))?;
                Ok((trust, terms))
            }
            (None, ..) => {
                Err(Failure::new("say which issuer to trust: give --home, or --key with --issuer and --aud"))
            }
        }
    }

    fn issuer(&self, iss: &str, header: &str) -> Result<Issuer, Failure> {
        let mut keys = Vec::new();
        for file in &self.keys {
            let named = keys::read_public(file).map_err(Failure::new)?;
            keys.extend(named.into_iter().map(|named| (named.kid, named.key)));
        }
        let root = PresentedWarrant::parse(header.as_bytes())
            .ok()
            .and_then(|presented| presented.unverified_claims().ok());
        let root = root.as_ref().and_then(|links| links.first());
        // Without `--subject` the subject of this root is allowed. Nothing else in it is trusted before it is
        // verified.
        let root_subject = || root.and_then(|root| SubjectPattern::parse(root.sub())).into_iter().collect();
        let starter = root.and_then(|root| root.as_root()).and_then(|root| root.ini());
        Ok(Issuer {
            iss: iss.to_owned(),
            keys,
            subjects: if self.subjects.is_empty() { root_subject() } else { self.subjects.clone() },
            starters: starter.map(|starter| starter.iss.to_string()).into_iter().collect(),
        })
    }
}

fn subject(text: &str) -> Result<SubjectPattern, String> {
    SubjectPattern::parse(text)
        .ok_or_else(|| format!("{text:?} is not a valid pattern: write a name, <prefix>:* or <prefix>/**"))
}
