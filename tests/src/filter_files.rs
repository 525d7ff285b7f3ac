//! The files that Envoy reads gate and seal from, changed for a test: another cluster to fetch from, or other settings of the VM.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::programs;
use crate::server::Home;
use crate::shipped::read;

/// The settings of one filter, as Envoy reads them.
#[derive(Debug)]
pub struct FilterFile(Value);

impl FilterFile {
    /// Copies the files of a home directory into this directory, changed.
    ///
    /// # Panics
    /// When a file cannot be read or written.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub fn copy(home: &Home, to: &Path, change: impl Fn(FilterFile) -> FilterFile) {
        for name in ["gate.yaml", "seal.yaml"] {
            let FilterFile(changed) = change(FilterFile(read(&home.file(name))));
            fs::write(to.join(name), changed.to_string()).expect("the directory can be written");
        }
    }

    /// Fetches statements from another cluster of Envoy.
    ///
    /// # Panics
    /// When the file has another form.
    #[must_use]
    pub fn fetching_from(mut self, cluster: &str) -> FilterFile {
        let place = self.plugin().pointer_mut("/configuration/value").expect("a configuration");
        let mut config: Value =
            place.as_str().and_then(|text| serde_json::from_str(text).ok()).expect("JSON");
        config["cluster"] = cluster.into();
        *place = config.to_string().into();
        self
    }

    /// Lets Envoy refuse one of the calls of the module. The module panics at the answer, so this call traps the VM.
    ///
    /// # Panics
    /// When the module does not use this call.
    #[must_use]
    pub fn trapping_at(mut self, call: &str) -> FilterFile {
        let mut names = names_of_the_module();
        assert!(names.remove(call), "the module does not call {call}");
        let allowed: serde_json::Map<_, _> = names.into_iter().map(|name| (name, json!({}))).collect();
        self.plugin()["capability_restriction_config"] = json!({ "allowed_capabilities": allowed });
        self
    }

    fn plugin(&mut self) -> &mut Value {
        self.0.pointer_mut("/resources/0/typed_config/config").expect("the settings of a Wasm filter")
    }
}

/// What the module calls of Envoy, and what Envoy calls of the module: all names in it that have this form.
fn names_of_the_module() -> BTreeSet<String> {
    let file = programs::module();
    let module = fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let words = module.split(|byte| !(byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_'));
    let words = words.filter_map(|word| std::str::from_utf8(word).ok()?.split_once("proxy_"));
    words.map(|(_, name)| format!("proxy_{name}")).collect()
}
