//! Opening: the ledger, what is folded from it, and the bundle that it allows.

use ledger::entry::Posture;
use ledger::{Ledger, Options};

use super::bundles::Keeper;
use super::witnesses::Counted;
use crate::clock::Clock;
use crate::config::{BundleSource, LedgerHome};
use crate::facts::{self, Ended};
use crate::gateway::Burner;
use crate::keys::PrivateKey;

/// What stands once everything has been opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    pub(super) burner: Burner,
    pub(super) keeper: Keeper,
    pub(super) stance: Posture,
    pub(super) ended: Ended,
}

/// The error is one line: what is wrong, where, and what to do.
pub(super) fn open(
    home: &LedgerHome,
    counted: Vec<Counted>,
    bundle: BundleSource,
    audience: String,
    clock: &Clock,
) -> Result<Opened, String> {
    let witnesses = home.witnesses.iter().map(|witness| witness.key.clone()).collect();
    let options = ledger_options(&home.key, clock)?.witnesses(witnesses);
    let options = counted.iter().fold(options, |options, Counted { by, size }| options.must_reach(by, *size));
    let ledger = Ledger::open(&home.directory, options).map_err(|e| e.to_string())?;
    let (folded, _) = facts::fold(&ledger, clock.now()).map_err(|e| e.to_string())?;
    let before = folded.activation.as_ref();
    let keeper = Keeper::open(bundle, audience, ledger.clone(), before, clock.clone())?;
    let burner = Burner { uses: folded.uses, origin: ledger.origin().to_owned(), forgot: folded.forgot };
    let stance = folded.stance.unwrap_or(Posture::Normal);
    Ok(Opened { ledger, burner, keeper, stance, ended: folded.ended })
}

/// How this server opens a ledger, and how `init` makes one.
pub fn ledger_options(key: &PrivateKey, clock: &Clock) -> Result<Options, String> {
    let key = ledger::SigningKey::from_seed(key.secret()).ok_or("the ledger's key is no Ed25519 key")?;
    Ok(Options::new(key, clock.clone().into(), env!("CARGO_PKG_VERSION")))
}
