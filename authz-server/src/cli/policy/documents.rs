//! Where the documents are, and reading them: as they stand in a folder, or as they were signed.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::report::Report;
use crate::bundles::directory;
use crate::cli::init::house;
use crate::cli::out::{Done, Failure};
use crate::clock::Clock;
use policy::Fault;
use policy::authoring::View;

#[derive(Debug, ClapArgs)]
pub(super) struct Documents {
    /// A folder that `portcullis init` made
    #[arg(long, default_value = ".")]
    pub(super) home: PathBuf,
    /// The folder of the documents [default: HOME/policy]
    #[arg(long)]
    dir: Option<PathBuf>,
    /// For machines
    #[arg(long)]
    pub(super) json: bool,
}

impl Documents {
    /// Reads and tests them. Faults name files as they can be opened from here.
    pub(super) fn examine(&self, is_strict: bool) -> Result<Report, Failure> {
        let dir = self.dir.clone().unwrap_or_else(|| self.home.join("policy"));
        if !dir.is_dir() {
            return Err(Failure::new(format!(
                "{} is no folder: name a house by --home, or the folder of its documents by --dir",
                dir.display()
            )));
        }
        let now = Clock::of_the_machine().now();
        let mut report = match directory::examine(&dir) {
            Err(faults) => Report { faults, ..Report::default() },
            Ok(tested) => Report {
                failures: tested.failures().to_vec(),
                warnings: tested.documents().warnings(now),
                tested: Some(tested),
                ..Report::default()
            },
        };
        let warned = report.warnings.iter_mut().map(|warning| &mut warning.fault);
        for fault in report.faults.iter_mut().chain(&mut report.failures).chain(warned) {
            fault.file = from_here(&dir, &fault.file);
        }
        if is_strict {
            let named = |warning: &policy::Warning| Fault {
                what: format!("{} [{}]", warning.fault.what, warning.name),
                ..warning.fault.clone()
            };
            report.faults.extend(report.warnings.iter().map(named));
            report.warnings.clear();
        }
        Ok(report)
    }
}

fn from_here(dir: &Path, file: &Path) -> PathBuf {
    let path = dir.join(file);
    path.strip_prefix(".").map_or_else(|_| path.clone(), Path::to_path_buf)
}

/// The same for whoever builds of them.
#[derive(Debug, ClapArgs)]
pub(super) struct Building {
    #[command(flatten)]
    pub(super) documents: Documents,
    /// Take every warning for a fault
    #[arg(long)]
    strict: bool,
}

impl Building {
    pub(super) fn examine(&self) -> Result<Report, Failure> {
        self.documents.examine(self.strict)
    }
}

/// What is looked at, by whoever only asks: documents that are sound, whether their tests pass or not, or what was signed.
#[derive(Debug, ClapArgs)]
pub(super) struct Looking {
    #[command(flatten)]
    pub(super) documents: Documents,
    /// Ask the signed bundle of the house, not its documents
    #[arg(long, conflicts_with = "dir")]
    signed: bool,
}

impl Looking {
    /// Asks what is meant. Faults are told, and end the command.
    pub(super) fn ask(&self, ask: impl FnOnce(View<'_>) -> Result<Done, Failure>) -> Result<Done, Failure> {
        if self.signed {
            return ask(View::of(&house::bundle(&self.documents.home)?));
        }
        let report = self.documents.examine(false)?;
        match &report.tested {
            Some(tested) if report.faults.is_empty() => ask(tested.documents().view()),
            Some(_) | None => report.tell(self.documents.json, serde_json::Map::new()),
        }
    }
}

/// There is no such route: which there are.
pub(super) fn unknown(view: View<'_>, name: &str) -> Failure {
    let routes = view.routes();
    let known: Vec<_> = routes.iter().map(|route| route.name()).collect();
    Failure::new(format!("there is no governed route `{name}`; there are: {}", known.join(", ")))
}
