//! Builds the index of patterns, and checks that no two routes have the same pattern, host and method.
//!
//! With two such routes it would be unclear which of them decides.

use crate::documents::files::Documents;
use crate::documents::require::Require;
use crate::documents::route::RouteDoc;
use crate::fault::Faults;
use crate::matching::Matcher;
use crate::routes::MatchIndex;

pub(super) fn index(
    documents: &Documents,
    governed: &[(&RouteDoc, Require)],
    faults: &Faults,
) -> Matcher<MatchIndex> {
    let mut matcher = Matcher::default();
    let (mut routes, mut openings) = (0_usize, 0_usize);
    let mut names = Vec::new();
    for document in &documents.routes {
        let is_open = document.ungoverned.as_ref().is_some_and(|ungoverned| !ungoverned.observe);
        let is_governed = governed.get(routes).is_some_and(|(route, _)| std::ptr::eq(*route, document));
        let leads_to = if is_open { MatchIndex::Ungoverned(openings) } else { MatchIndex::Route(routes) };
        add(document, leads_to, &mut matcher, &names, faults);
        names.push((leads_to, document.name.value.as_str()));
        routes = routes.saturating_add(usize::from(is_governed));
        openings = openings.saturating_add(usize::from(is_open));
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
