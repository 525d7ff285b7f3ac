//! `POST /v1/reinstatements`: ends the revocation of a key or a holder.

use ledger::entry::{Reinstate, Revocation, RevocationTarget};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CallContext, Natural, check_reason, malformed, read};
use crate::authority::problem::ApiError;
use crate::schema::Reason;

/// A call to end a revocation, in its valid form. The permission is asked of the mesh.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReinstatementCall {
    /// The index of the revocation that it ends.
    revocation: Natural,
    #[schema(value_type = Reason)]
    reason: String,
}

impl ReinstatementCall {
    /// Reads the body of a call.
    pub fn read(body: &[u8]) -> Result<ReinstatementCall, ApiError> {
        let call: ReinstatementCall = read(body)?;
        check_reason(&call.reason)?;
        Ok(call)
    }

    /// The index of the revocation that it ends: the caller looks it up.
    #[must_use]
    pub const fn revocation(&self) -> u64 {
        self.revocation.get()
    }

    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The entry that it asks for. `revocation` is the entry at the index that it names.
    pub fn entry(self, revocation: &Revocation, context: &CallContext<'_>) -> Result<Reinstate, ApiError> {
        match revocation.what {
            RevocationTarget::Key | RevocationTarget::Subject => {}
            RevocationTarget::Path | RevocationTarget::Lineage => {
                return Err(malformed(
                    "only the revocation of a key or a holder can end: mint a new warrant instead",
                ));
            }
        }
        Ok(Reinstate {
            bundle: Some(context.bundle),
            by: context.by.to_string(),
            iss: revocation.iss.clone(),
            reason: self.reason,
            revocation: self.revocation.get(),
            value: revocation.value.clone(),
            what: revocation.what,
        })
    }
}
