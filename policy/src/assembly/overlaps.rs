//! Builds the index of patterns, and checks that no two routes have the same pattern, host and method.
//!
//! With two such routes it would be unclear which of them decides.

use crate::documents::files::Documents;
use crate::documents::route::RouteDoc;
use crate::fault::Faults;
use crate::matching::Matcher;
use crate::routes::MatchIndex;

/// The index of the governed and the open matches, whose positions are those in their lists.
pub(super) fn index(documents: &Documents, faults: &Faults) -> Matcher<MatchIndex> {
    let mut matcher = Matcher::default();
    let (mut governed, mut open) = (0_usize, 0_usize);
    let mut names = Vec::new();
    for document in &documents.routes {
        let leads_to =
            if document.is_open() { MatchIndex::Ungoverned(open) } else { MatchIndex::Route(governed) };
        add(document, leads_to, &mut matcher, &names, faults);
        names.push((leads_to, document.name.value.as_str()));
        open = open.saturating_add(usize::from(document.is_open()));
        governed = governed.saturating_add(usize::from(!document.is_open()));
    }
    matcher
}

fn add(
    document: &RouteDoc,
    leads_to: MatchIndex,
    matcher: &mut Matcher<MatchIndex>,
    names: &[(MatchIndex, &str)],
    faults: &Faults,
) {
    let file_faults = faults.in_file(&document.file);
    for item in &document.matches {
        for host in &item.hosts {
            for (method, path) in item.endpoints() {
                let Err(earlier) = matcher.insert(&host.value, method, &path.value, leads_to) else {
                    continue;
                };
                if earlier == leads_to {
                    // Written twice in one route: that is a warning. It is clear which route decides.
                    continue;
                }
                let earlier = names
                    .iter()
                    .find(|(known, _)| *known == earlier)
                    .map_or(document.name.value.as_str(), |(_, name)| name);
                let what = format!(
                    "{method} {}{} is also matched by route `{earlier}`, and neither is more specific",
                    host.value,
                    path.value.text()
                );
                file_faults.fault(path.at, what, "remove one of the two, or make one more specific");
            }
        }
    }
}
