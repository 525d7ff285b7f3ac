//! Finds and reads policy documents: as they are in a directory, or as they were signed.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::report::DocumentsReport;
use crate::bundles::directory;
use crate::cli::init::home;
use crate::cli::out::{ExitStatus, Failure};
use crate::clock::Clock;
use policy::authoring::{Tested, View};
use policy::{Base, Fault};

#[derive(Debug, ClapArgs)]
pub(super) struct DocumentArgs {
    /// A home directory that `portcullis init` made
    #[arg(long, default_value = ".")]
    pub(super) home: PathBuf,
    /// The directory of the documents [default: HOME/policy]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl DocumentArgs {
    /// Reads and tests the documents. Faults name files by paths that can be opened from the current
    /// directory.
    pub(super) fn examine(&self, is_strict: bool) -> Result<DocumentsReport, Failure> {
        self.examine_by(is_strict, directory::examine)
    }

    fn examine_by(
        &self,
        is_strict: bool,
        examine: impl FnOnce(&Path) -> Result<Tested, Vec<Fault>>,
    ) -> Result<DocumentsReport, Failure> {
        let dir = self.dir.clone().unwrap_or_else(|| self.home.join("policy"));
        if !dir.is_dir() {
            return Err(Failure::new(format!(
                "{} is not a directory: name a home directory with --home, or the directory of its documents with --dir",
                dir.display()
            )));
        }
        let now = Clock::of_the_machine().now();
        let mut report = match examine(&dir) {
            Err(faults) => DocumentsReport { faults, ..DocumentsReport::default() },
            Ok(tested) => DocumentsReport {
                failures: tested.failures().to_vec(),
                warnings: tested.documents().warnings(now),
                tested: Some(tested),
                ..DocumentsReport::default()
            },
        };
        let warnings = report.warnings.iter_mut().map(|warning| &mut warning.fault);
        for fault in report.faults.iter_mut().chain(&mut report.failures).chain(warnings) {
            fault.file = from_here(&dir, &fault.file);
        }
        if is_strict {
            let as_fault = |warning: &policy::Warning| Fault {
                what: format!("{} [{}]", warning.fault.what, warning.name),
                ..warning.fault.clone()
            };
            report.faults.extend(report.warnings.iter().map(as_fault));
            report.warnings.clear();
        }
        Ok(report)
    }
}

fn from_here(dir: &Path, file: &Path) -> PathBuf {
    let path = dir.join(file);
    path.strip_prefix(".").map_or_else(|_| path.clone(), Path::to_path_buf)
}

/// The same arguments for commands that build a bundle.
#[derive(Debug, ClapArgs)]
pub(super) struct BuildArgs {
    #[command(flatten)]
    pub(super) documents: DocumentArgs,
    /// Treat every warning as a fault
    #[arg(long)]
    strict: bool,
}

impl BuildArgs {
    pub(super) fn examine(&self) -> Result<DocumentsReport, Failure> {
        self.documents.examine(self.strict)
    }

    /// The same for the routes of teams over a signed base.
    pub(super) fn examine_over(&self, base: &Base) -> Result<DocumentsReport, Failure> {
        self.documents.examine_by(self.strict, |dir| directory::examine_over(dir, base))
    }
}

/// The arguments of commands that only ask questions: about sound documents, whose tests may fail, or about
/// the signed bundle.
#[derive(Debug, ClapArgs)]
pub(super) struct ViewArgs {
    #[command(flatten)]
    pub(super) documents: DocumentArgs,
    /// Use the signed bundle of the home directory, not its documents
    #[arg(long, conflicts_with = "dir")]
    signed: bool,
}

impl ViewArgs {
    /// Calls `ask` with the view. If the documents have faults, they are printed instead, and the command
    /// ends.
    pub(super) fn with_view(
        &self,
        ask: impl FnOnce(View<'_>) -> Result<ExitStatus, Failure>,
    ) -> Result<ExitStatus, Failure> {
        if self.signed {
            return ask(View::of(&home::bundle(&self.documents.home)?));
        }
        let report = self.documents.examine(false)?;
        match &report.tested {
            Some(tested) if report.faults.is_empty() => ask(tested.documents().view()),
            Some(_) | None => report.print(self.documents.json, serde_json::Map::new()),
        }
    }
}

/// The failure for an unknown route: it names the known ones.
pub(super) fn unknown_route(view: View<'_>, name: &str) -> Failure {
    let routes = view.routes();
    let known: Vec<_> = routes.iter().map(|route| route.name()).collect();
    Failure::new(format!(
        "there is no governed route `{name}`; the governed routes are: {}",
        known.join(", ")
    ))
}
