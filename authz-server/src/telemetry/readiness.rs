//! Readiness: whether the server is ready, or what is missing. Each part is checked when readiness is read, so it is
//! never stale.

use serde::Serialize;

type PartCheck = Box<dyn Fn() -> Result<Option<String>, String> + Send + Sync>;

/// The parts that must all be ready before this server can allow a request.
#[derive(Default)]
pub struct Readiness {
    parts: Vec<(String, PartCheck)>,
}

#[derive(Debug, Serialize)]
pub struct ReadinessReport {
    pub ready: bool,
    pub parts: Vec<PartReadiness>,
}

#[derive(Debug, Serialize)]
pub struct PartReadiness {
    pub name: String,
    pub ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Something worth knowing about a part that is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

impl Readiness {
    /// Adds a part that is either ready or not.
    pub fn with(
        self,
        name: impl Into<String>,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Readiness {
        self.push(name, Box::new(move || check().map(|()| None)))
    }

    /// Adds a part that has a remark also when it is ready.
    pub fn with_remark(
        self,
        name: impl Into<String>,
        check: impl Fn() -> Result<String, String> + Send + Sync + 'static,
    ) -> Readiness {
        self.push(name, Box::new(move || check().map(Some)))
    }

    /// Adds a part that may have a remark when it is ready.
    pub fn with_optional_remark(
        self,
        name: impl Into<String>,
        check: impl Fn() -> Result<Option<String>, String> + Send + Sync + 'static,
    ) -> Readiness {
        self.push(name, Box::new(check))
    }

    fn push(mut self, name: impl Into<String>, check: PartCheck) -> Readiness {
        self.parts.push((name.into(), check));
        self
    }

    /// Checks every part now.
    pub fn report(&self) -> ReadinessReport {
        let parts: Vec<PartReadiness> = self
            .parts
            .iter()
            .map(|(name, check)| {
                let (remark, why_not) = check().map_or_else(|why| (None, Some(why)), |remark| (remark, None));
                PartReadiness { name: name.clone(), ready: why_not.is_none(), why_not, remark }
            })
            .collect();
        ReadinessReport { ready: parts.iter().all(|part| part.ready), parts }
    }
}

impl ReadinessReport {
    pub fn to_json(&self) -> String {
        // Names, booleans and strings always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.report().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_that_is_not_ready_makes_the_server_not_ready_and_says_why() {
        let readiness = Readiness::default()
            .with("ledger", || Ok(()))
            .with_remark("clock", || Ok("a little fast".into()))
            .with("bundle", || Err("no note".into()));
        let report = readiness.report();
        assert!(!report.ready);
        let json = report.to_json();
        assert_eq!(
            json,
            r#"{"ready":false,"parts":[{"name":"ledger","ready":true},{"name":"clock","ready":true,"remark":"a little fast"},{"name":"bundle","ready":false,"why_not":"no note"}]}"#
        );
    }
}
