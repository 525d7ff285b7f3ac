//! Routes that others sign: as files in YAML, as `portcullis policy sign --routes --dir` reads them, and as one archive of them.

use std::collections::BTreeMap;
use std::io;

use policy::authoring::{RouteDocuments, yaml_lines};
use serde_json::Value;

use super::objects::RouteKey;

/// The files of these routes, by their paths in a policy directory.
pub fn files(documents: &BTreeMap<RouteKey, RouteDocuments>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for one in documents.values() {
        let stem = format!("routes/{}/{}", one.team(), one.name());
        all.insert(format!("{stem}.yaml"), text(&one.route_value()));
        if let Some(tests) = one.tests_value() {
            all.insert(format!("{stem}.test.yaml"), text(&tests));
        }
    }
    all
}

fn text(document: &Value) -> String {
    let mut text = String::from("# From an object of the cluster; change it there.\n");
    for line in yaml_lines(document) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The same files as a tar archive: the same files give the same bytes.
pub fn archive(files: &BTreeMap<String, String>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut head = tar::Header::new_gnu();
        head.set_mode(0o644);
        head.set_mtime(0);
        head.set_size(u64::try_from(text.len()).map_err(io::Error::other)?);
        archive.append_data(&mut head, path, text.as_bytes())?;
    }
    archive.into_inner()
}
