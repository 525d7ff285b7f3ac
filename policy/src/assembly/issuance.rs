//! Compiles `issuance.cedar` with the names that the other documents define, and checks who may be named by which token.

use std::path::Path;

use super::could_not_compile;
use crate::documents::files::{Documents, ISSUANCE};
use crate::engine::{self, Findings, IssuanceNames, IssuanceSlice};
use crate::fault::{Faults, Placed};

/// The compiled policies, unless there is a fault; `None` if they could not be compiled at all.
pub(super) fn compile(documents: &Documents, faults: &Faults) -> Option<(Option<IssuanceSlice>, Findings)> {
    let Some(compiled) = engine::compile_issuance(documents.issuance.as_ref(), &names(documents)) else {
        return could_not_compile(faults);
    };
    compiled.1.report_faults(faults.in_file(Path::new(ISSUANCE)));
    Some(compiled)
}

fn names(documents: &Documents) -> IssuanceNames<'_> {
    fn text<T>((name, _): &(Placed<String>, T)) -> &str {
        &name.value
    }
    let mesh = documents.mesh.as_ref();
    IssuanceNames {
        mesh: mesh.map(|mesh| mesh.terms.audience.as_str()),
        max_lifetime: mesh.map(|mesh| mesh.terms.max_lifetime),
        grants: mesh.map(|mesh| mesh.grants.iter().map(text).collect()),
        groups: documents.identities.as_ref().map(|identities| identities.groups.iter().map(text).collect()),
    }
}

/// A token of one issuer and audience serves one use: one that names a caller of the API must not get a warrant.
pub(super) fn check_tokens_serve_one_use(documents: &Documents, faults: &Faults) {
    let Some(mesh) = &documents.mesh else { return };
    let name = documents.top("mesh");
    let faults = faults.in_file(Path::new(&name));
    for subject in &mesh.subjects {
        let issuer = &subject.issuer;
        let is_caller = mesh.callers.iter().any(|caller| {
            issuer.iss.as_ref().is_none_or(|iss| *iss == caller.iss) && caller.audience == issuer.audience
        });
        if is_caller {
            faults.fault(
                subject.at,
                format!("tokens for the audience `{}` name callers of the API too", issuer.audience),
                "let its tokens for warrants have an audience of their own",
            );
        }
    }
}
