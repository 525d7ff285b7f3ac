//! The sample documents of a new house, filled in. They are files of their own, so that they read as what they become.

use super::house::Names;

/// Each document's place in a bundle's directory, and its text.
const DOCUMENTS: [(&str, &str); 8] = [
    ("mesh.yaml", include_str!("sample/mesh.yaml")),
    ("proxies.yaml", include_str!("sample/proxies.yaml")),
    ("identities.yaml", include_str!("sample/identities.yaml")),
    ("teams.yaml", include_str!("sample/teams.yaml")),
    ("mesh.cedar", include_str!("sample/mesh.cedar")),
    ("routes/demo/errand.yaml", include_str!("sample/routes/demo/errand.yaml")),
    ("routes/demo/hello.yaml", include_str!("sample/routes/demo/hello.yaml")),
    ("routes/demo/pay.yaml", include_str!("sample/routes/demo/pay.yaml")),
];

const CONFIGURATION: &str = include_str!("sample/portcullis.yaml");

/// The documents for these names. What is filled in is read again by the build, which refuses what does not fit.
pub(super) fn documents(names: &Names) -> impl Iterator<Item = (&'static str, String)> {
    DOCUMENTS.iter().map(|(place, text)| (*place, fill(text, names)))
}

pub(super) fn configuration(names: &Names) -> String {
    fill(CONFIGURATION, names)
}

fn fill(text: &str, names: &Names) -> String {
    names
        .0
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}
