//! Fills in the sample documents of a new home directory. Each is a file of its own, so that it reads like
//! the document it becomes.

use super::home::Placeholders;

/// Each document's path below the directory `policy`, and its text.
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

/// The documents with these values. The build reads them again, and refuses values that are not allowed.
pub(super) fn documents(values: &Placeholders) -> impl Iterator<Item = (&'static str, String)> {
    DOCUMENTS.iter().map(|(path, text)| (*path, fill(text, values)))
}

pub(super) fn configuration(values: &Placeholders) -> String {
    fill(CONFIGURATION, values)
}

fn fill(text: &str, values: &Placeholders) -> String {
    values
        .0
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}
