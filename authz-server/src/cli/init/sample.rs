//! Fills in the sample documents of a new home directory. Each is a file of its own, so that it reads like
//! the document it becomes.

use super::home::Placeholders;

/// Each document's path below the directory `policy`, and its text.
const DOCUMENTS: [(&str, &str); 12] = [
    ("mesh.yaml", include_str!("sample/mesh.yaml")),
    ("proxies.yaml", include_str!("sample/proxies.yaml")),
    ("identities.yaml", include_str!("sample/identities.yaml")),
    ("teams.yaml", include_str!("sample/teams.yaml")),
    ("mesh.cedar", include_str!("sample/mesh.cedar")),
    ("operators.cedar", include_str!("sample/operators.cedar")),
    ("operators.test.yaml", include_str!("sample/operators.test.yaml")),
    ("issuance.cedar", include_str!("sample/issuance.cedar")),
    ("issuance.test.yaml", include_str!("sample/issuance.test.yaml")),
    ("routes/demo/errand.yaml", include_str!("sample/routes/demo/errand.yaml")),
    ("routes/demo/hello.yaml", include_str!("sample/routes/demo/hello.yaml")),
    ("routes/demo/pay.yaml", include_str!("sample/routes/demo/pay.yaml")),
];

const CONFIGURATION: &str = include_str!("sample/portcullis.yaml");
const AGENT: &str = include_str!("sample/agent.yaml");

/// The schema of the documents, for editors. Its name begins with a dot, so that it is not taken for a document.
pub(super) const SCHEMA: &str = ".portcullis.schema.json";

/// The documents with these values, each with a link to the schema. The build reads them again, and refuses values that
/// are not allowed.
pub(super) fn documents(values: &Placeholders) -> impl Iterator<Item = (&'static str, String)> {
    DOCUMENTS.iter().map(|(path, text)| (*path, format!("{}{}", schema_link(path), fill(text, values))))
}

/// The line by which YAML editors find the schema of a document.
fn schema_link(path: &str) -> String {
    if !path.ends_with(".yaml") {
        return String::new();
    }
    let up = "../".repeat(path.matches('/').count());
    format!("# yaml-language-server: $schema={up}{SCHEMA}\n")
}

pub(super) fn configuration(values: &Placeholders) -> String {
    fill(CONFIGURATION, values)
}

/// The file of an agent, for `portcullis request`.
pub(super) fn agent(values: &Placeholders) -> String {
    fill(AGENT, values)
}

fn fill(text: &str, values: &Placeholders) -> String {
    values
        .0
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}
