//! How long the streams of a route may run: as it says, or a minute, and no longer than the mesh allows.

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::documents::stream_limit::{OF_A_MESH, OF_A_ROUTE};
use crate::documents::times::duration_text;
use crate::fault::Faults;

fn of_mesh(documents: &Documents) -> u64 {
    // A mesh that could not be read has a fault of its own.
    documents.mesh.as_ref().map_or(OF_A_MESH, |mesh| mesh.max_stream)
}

/// The limit that holds for this route, in seconds.
pub(super) fn most(document: &RouteDoc, documents: &Documents) -> u64 {
    document.max_stream.as_ref().map_or(OF_A_ROUTE, |limit| limit.value).min(of_mesh(documents))
}

pub(super) fn check_within_the_mesh(documents: &Documents, faults: &Faults) {
    let most = of_mesh(documents);
    for document in &documents.routes {
        if let Some(limit) = document.max_stream.as_ref().filter(|limit| limit.value > most) {
            faults.in_file(&document.file).fault(
                limit.at,
                format!(
                    "`maxStream` is {}, and the mesh allows {}",
                    duration_text(limit.value),
                    duration_text(most)
                ),
                format!("write at most `{}`, or ask the platform team for more", duration_text(most)),
            );
        }
    }
}
