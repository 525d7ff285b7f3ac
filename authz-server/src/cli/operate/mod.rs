//! The commands of operators: each makes one call to the API of a running server and prints its answer.

mod attest;
mod call;
mod posture;
mod reinstate;
mod revoke;

pub(super) use attest::Command as AttestCommand;
pub(super) use posture::Args as PostureArgs;
pub(super) use reinstate::Args as ReinstateArgs;
pub(super) use revoke::Args as RevokeArgs;

use super::out::{ExitStatus, Failure};
use ledger::entry::Posture;

pub(super) fn revoke(args: &RevokeArgs) -> Result<ExitStatus, Failure> {
    revoke::run(args)
}

pub(super) fn reinstate(args: &ReinstateArgs) -> Result<ExitStatus, Failure> {
    reinstate::run(args)
}

pub(super) fn attest(command: &AttestCommand) -> Result<ExitStatus, Failure> {
    attest::run(command)
}

/// `halt`, `restrict` and `resume`.
pub(super) fn set_posture(args: &PostureArgs, stance: Posture) -> Result<ExitStatus, Failure> {
    posture::run(args, stance)
}
