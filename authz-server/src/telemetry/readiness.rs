//! Ready, or what is missing. Parts ask themselves when they are asked: nothing here can go stale.

use serde::Serialize;

type Ask = Box<dyn Fn() -> Result<Option<String>, String> + Send + Sync>;

/// The parts that must all be ready before this server can allow anything.
#[derive(Default)]
pub struct Readiness {
    parts: Vec<(String, Ask)>,
}

#[derive(Debug, Serialize)]
pub struct Detail {
    pub ready: bool,
    pub parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
pub struct Part {
    pub name: String,
    pub ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// What is worth knowing of a part that is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl Readiness {
    pub fn with(
        self,
        name: impl Into<String>,
        ask: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Readiness {
        self.push(name, Box::new(move || ask().map(|()| None)))
    }

    /// A part that has something to say even where it is ready.
    pub fn with_remark(
        self,
        name: impl Into<String>,
        ask: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Readiness {
        self.push(name, Box::new(move || ask().map(Some)))
    }

    fn push(mut self, name: impl Into<String>, ask: Ask) -> Readiness {
        self.parts.push((name.into(), ask));
        self
    }

    pub fn detail(&self) -> Detail {
        let parts: Vec<Part> = self
            .parts
            .iter()
            .map(|(name, ask)| {
                let (remark, why_not) = ask().map_or_else(|why| (None, Some(why)), |remark| (remark, None));
                Part { name: name.clone(), ready: why_not.is_none(), why_not, remark }
            })
            .collect();
        Detail { ready: parts.iter().all(|part| part.ready), parts }
    }
}

impl Detail {
    pub fn to_json(&self) -> String {
        // Names, booleans and strings always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.detail().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_that_is_not_ready_says_why_for_all() {
        let readiness = Readiness::default()
            .with("ledger", || Ok(()))
            .with_remark("clock", || Ok("a little fast".into()))
            .with("bundle", || Err("no note".into()));
        let detail = readiness.detail();
        assert!(!detail.ready);
        let json = detail.to_json();
        assert_eq!(
            json,
            r#"{"ready":false,"parts":[{"name":"ledger","ready":true},{"name":"clock","ready":true,"remark":"a little fast"},{"name":"bundle","ready":false,"why_not":"no note"}]}"#
        );
    }
}
