//! The volumes of a pod, as a kubelet fills them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use super::cluster::{Shared, namespace};
use super::container::{array, text};
use super::fields::field;

/// Makes and fills all volumes of a pod.
pub(super) fn fill(shared: &Shared, pod: &Value, address: &str) {
    for volume in array(&pod["spec"]["volumes"]) {
        Volume { shared, pod, address, at: place(shared, pod, name_of(volume)) }.fill(volume);
    }
}

/// Where a volume of a pod is. A claim outlives the pod.
pub(super) fn place(shared: &Shared, pod: &Value, volume: &str) -> PathBuf {
    let claim = array(&pod["spec"]["volumes"])
        .find(|one| one["name"] == volume)
        .and_then(|one| one["persistentVolumeClaim"]["claimName"].as_str());
    match claim {
        Some(claim) => shared.directory.join("claims").join(namespace(pod)).join(claim),
        None => shared.directory_of(pod).join("volumes").join(volume),
    }
}

struct Volume<'a> {
    shared: &'a Shared,
    pod: &'a Value,
    address: &'a str,
    at: PathBuf,
}

impl Volume<'_> {
    fn fill(&self, volume: &Value) {
        fs::create_dir_all(&self.at).expect("a temporary directory");
        let own = |mode| {
            chown(&self.at, None, self.group()).expect("a mesh needs root");
            fs::set_permissions(&self.at, fs::Permissions::from_mode(mode)).expect("our own directory");
        };
        let kinds = volume.as_object().expect("a volume is an object");
        let kind = kinds.keys().find(|key| *key != "name").expect("a volume has a kind").as_str();
        let source = &volume[kind];
        match kind {
            "emptyDir" => own(0o2777),
            "persistentVolumeClaim" => own(0o2775),
            "secret" => self.secret(source, text(&source["secretName"]), source),
            "configMap" => self.config_map(source, name_of(source), source),
            "downwardAPI" => self.downward(source, source),
            "projected" => {
                for part in array(&source["sources"]) {
                    self.projected(part, source);
                }
            }
            other => panic!("this harness has no volumes of the kind {other}: {volume}"),
        }
    }

    fn projected(&self, part: &Value, modes: &Value) {
        if let Some(token) = part.get("serviceAccountToken") {
            let account = self.pod["spec"]["serviceAccountName"].as_str().unwrap_or("default");
            let token_text = self.shared.token(namespace(self.pod), account, token["audience"].as_str());
            self.write(text(&token["path"]), token_text.as_bytes(), modes);
        } else if let Some(map) = part.get("configMap") {
            self.config_map(map, name_of(map), modes);
        } else if let Some(secret) = part.get("secret") {
            self.secret(secret, name_of(secret), modes);
        } else if let Some(downward) = part.get("downwardAPI") {
            self.downward(downward, modes);
        } else {
            panic!("this harness cannot project {part}");
        }
    }

    fn secret(&self, source: &Value, secret: &str, modes: &Value) {
        let decode = |value: &Value| STANDARD.decode(text(value)).expect("a Secret is base64");
        self.members("secret", source, secret, &decode, modes);
    }

    fn config_map(&self, source: &Value, map: &str, modes: &Value) {
        self.members("configmap", source, map, &|value| text(value).as_bytes().to_vec(), modes);
    }

    /// The members of a Secret or a ConfigMap as files.
    fn members(
        &self,
        kind: &str,
        source: &Value,
        object: &str,
        decode: &dyn Fn(&Value) -> Vec<u8>,
        modes: &Value,
    ) {
        let namespace = namespace(self.pod);
        let Some(found) = self.shared.find(namespace, kind, object) else {
            assert!(source["optional"] == true, "there is no {kind} {object} in {namespace}");
            return;
        };
        for (key, value) in found["data"].as_object().into_iter().flatten() {
            let item = array(&source["items"]).find(|item| item["key"] == **key);
            if source["items"].is_array() && item.is_none() {
                continue;
            }
            let path = item.map_or(key.as_str(), |item| text(&item["path"]));
            self.write(path, &decode(value), modes);
        }
    }

    fn downward(&self, source: &Value, modes: &Value) {
        for item in array(&source["items"]) {
            let content = field(self.pod, self.address, text(&item["fieldRef"]["fieldPath"]));
            self.write(text(&item["path"]), content.as_bytes(), modes);
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    fn write(&self, path: &str, content: &[u8], modes: &Value) {
        let file = self.at.join(path);
        fs::create_dir_all(file.parent().expect("it is in a directory")).expect("a temporary directory");
        fs::write(&file, content).expect("a temporary file can be written");
        let mode = u32::try_from(modes["defaultMode"].as_u64().unwrap_or(0o644)).expect("a mode");
        // With a group for files, that group may read them.
        let mode = if self.group().is_some() { mode | 0o440 } else { mode };
        chown(&file, None, self.group()).expect("a mesh needs root");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("our own file");
    }

    fn group(&self) -> Option<u32> {
        let group = self.pod["spec"]["securityContext"]["fsGroup"].as_u64()?;
        Some(u32::try_from(group).expect("a group"))
    }
}

fn name_of(source: &Value) -> &str {
    text(&source["name"])
}
