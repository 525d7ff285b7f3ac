//! Opening: the ledger, what is folded from it, and the bundle that it allows.

use std::sync::Arc;

use ledger::entry::{Activation, Digest, Stance};
use ledger::{Ledger, Options};
use warrant::AwsLcVerifier;

use super::notes;
use crate::clock::Clock;
use crate::config::Config;
use crate::facts;
use crate::gateway::Burner;
use crate::keys::PrivateKey;
use crate::policy::{self, Activated, Expected};
use crate::policy_in_force::PolicyInForce;

/// What stands once everything has been opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    pub(super) burner: Burner,
    pub(super) policy: Arc<PolicyInForce>,
    pub(super) stance: Stance,
}

/// The error is one line: what is wrong, where, and what to do.
pub(super) fn open(config: &Config, clock: &Clock) -> Result<Opened, String> {
    let options = ledger_options(&config.ledger.key, clock)?;
    let ledger = Ledger::open(&config.ledger.directory, options).map_err(|e| e.to_string())?;
    let (folded, _) = facts::fold(&ledger, clock.now()).map_err(|e| e.to_string())?;
    let floor = folded.activation.as_ref().map(floor).transpose()?;
    let source = &config.bundle;
    let expected = Expected {
        trust: &source.trust,
        audience: &config.audience,
        floor: floor.as_ref(),
        now: clock.now(),
    };
    let bundle = policy::load(&source.directory, &expected, &AwsLcVerifier)
        .map_err(|refusal| format!("bundle {}: {refusal}", source.directory.display()))?;
    activate(&ledger, &bundle, folded.activation.as_ref())?;
    let policy = Arc::new(PolicyInForce::new(bundle, None));
    notes::refresh(source, &policy, clock.now());
    let stance = folded.stance.unwrap_or(Stance::Normal);
    let burner = Burner { uses: folded.uses, origin: ledger.origin().to_owned(), forgot: folded.forgot };
    Ok(Opened { ledger, burner, policy, stance })
}

/// How this server opens a ledger, and how `init` makes one.
pub fn ledger_options(key: &PrivateKey, clock: &Clock) -> Result<Options, String> {
    let key = ledger::SigningKey::from_seed(key.secret()).ok_or("the ledger's key is no Ed25519 key")?;
    Ok(Options::new(key, clock.clone().into(), env!("CARGO_PKG_VERSION")))
}

fn floor(activation: &Activation) -> Result<Activated, String> {
    let digest = policy::Digest::parse(&activation.bundle.to_string());
    let digest = digest.ok_or("the ledger names an activated bundle by no digest")?;
    Ok(Activated { version: activation.version, digest, retired: Default::default() })
}

/// What is judged by is on record first, and never goes back below what was.
fn activate(ledger: &Ledger, bundle: &policy::Bundle, before: Option<&Activation>) -> Result<(), String> {
    let digest = Digest::parse(bundle.digest().as_str()).ok_or("a bundle is named by no digest")?;
    if before.is_some_and(|before| before.bundle == digest) {
        return Ok(());
    }
    let activation = Activation {
        bundle: digest,
        expires: bundle.expires().get(),
        previous: before.map(|before| before.bundle),
        version: bundle.version(),
    };
    ledger.append(activation.into()).map(|_| ()).map_err(|e| format!("the bundle's activation: {e}"))
}
