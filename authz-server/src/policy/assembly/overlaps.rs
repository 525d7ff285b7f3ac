//! No two routes have the same pattern for a host and a method: which of them decided would be chance.

use crate::policy::fault::Faults;
use crate::policy::matching::Matcher;
use crate::policy::sources::Documents;

pub(super) fn index(documents: &Documents, faults: &Faults) -> Matcher<usize> {
    let mut matcher = Matcher::default();
    for (position, route) in documents.routes.iter().enumerate() {
        let page = faults.page(&route.file);
        for item in &route.matches {
            for host in &item.hosts {
                for (method, path) in item.endpoints() {
                    let Err(earlier) = matcher.insert(&host.value, method, &path.value, position) else {
                        continue;
                    };
                    let earlier =
                        documents.routes.get(earlier).map_or("?", |route| route.name.value.as_str());
                    let what = format!(
                        "{method} {}{} is matched by route `{earlier}` with equal weight",
                        host.value,
                        path.value.text()
                    );
                    page.fault(path.at, what, "drop one of the two, or make one more specific");
                }
            }
        }
    }
    matcher
}
