//! `portcullis policy build --from-cluster`: does once what the operator does all the time, for a pipeline that signs. It reads all
//! GovernedRoutes of a cluster, builds them over the signed base, and writes the files for `policy sign --routes --dir`.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use policy::authoring::Grounds;
use policy::{Base, Files, RoutesParcel};
use serde_json::json;
use warrant::AwsLcVerifier;

use super::bundle_directory::BundleDirectoryArgs;
use crate::bundles::directory;
use crate::cli::out::{ExitStatus, Failure, line};
use crate::clock::Clock;
use crate::operator::cluster;
use crate::operator::objects::CompleteList;
use crate::operator::quota::Quota;
use crate::operator::settle::{Foundation, Settled, settle};
use crate::operator::unsigned;

#[derive(Debug, ClapArgs)]
pub(super) struct FromClusterArgs {
    /// Build the GovernedRoutes of a Kubernetes cluster over the base that is signed already
    #[arg(long, requires = "out")]
    pub(super) from_cluster: bool,
    #[command(flatten)]
    bundle_directory: BundleDirectoryArgs,
    /// The mesh, for `--from-cluster` on a machine without a home directory
    #[arg(long, requires_all = ["from_cluster", "bundle"])]
    audience: Option<String>,
    /// The directory to write, for `portcullis policy sign --routes --dir`; it must not exist, or be empty
    #[arg(long, value_name = "DIR", requires = "from_cluster")]
    out: Option<PathBuf>,
    /// The context of the kubeconfig [default: the current one, or that of the pod]
    #[arg(long, value_name = "NAME", requires = "from_cluster")]
    context: Option<String>,
}

pub(super) fn run(args: &FromClusterArgs, home: &Path, is_json: bool) -> Result<ExitStatus, Failure> {
    let clock = Clock::of_the_machine();
    let out = args.out.as_deref().ok_or_else(|| Failure::new("name the directory to write with --out"))?;
    check_is_free(out)?;
    let place = args.bundle_directory.resolve(home)?;
    let base = place.base(args.audience.as_deref().unwrap_or_default(), &clock)?;
    if base.routes_by().is_none() {
        return Err(Failure::new(
            "the base names nobody under `routesBy` of mesh.yaml, so all routes are signed with it: add a key there, and sign the base again",
        ));
    }
    let grounds = Grounds::of(&base).ok_or_else(|| {
        Failure::new("the documents of the base are not sound: check them with `portcullis policy check`")
    })?;
    let objects = list(args.context.as_deref())?;
    let signed = signed_last(&place.path, &base);
    let foundation = Foundation { base: &base, grounds: &grounds, signed: &signed, quota: Quota::default() };
    let settled = settle(&foundation, &objects, clock.now()).map_err(Failure::new)?;
    let files = unsigned::files(&settled.documents);
    let failed = |e: std::io::Error| Failure::new(format!("cannot write to {}: {e}", out.display()));
    ledger::durable::create_dir_all(out, 0o755).map_err(failed)?;
    for (name, text) in &files {
        let path = out.join(name);
        if let Some(folder) = path.parent() {
            ledger::durable::create_dir_all(folder, 0o755).map_err(failed)?;
        }
        ledger::durable::replace(&path, text.as_bytes()).map_err(failed)?;
    }
    tell(&settled, files.len(), out, is_json)
}

/// Files that were there before would be signed with the others.
fn check_is_free(out: &Path) -> Result<(), Failure> {
    let found = match std::fs::read_dir(out) {
        Ok(mut entries) => entries.next(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(Failure::new(format!("{}: {e}", out.display()))),
    };
    match found {
        None => Ok(()),
        Some(_) => Err(Failure::new(format!(
            "{} is not empty: what is in it would be signed too; name a new directory with --out",
            out.display()
        ))),
    }
}

fn list(context: Option<&str>) -> Result<CompleteList, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::new(format!("cannot start: {e}")))?;
    runtime.block_on(async {
        let config = match context {
            None => Config::infer().await.map_err(|e| e.to_string()),
            Some(context) => {
                let options =
                    KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
                Config::from_kubeconfig(&options).await.map_err(|e| e.to_string())
            }
        };
        let client = config.and_then(|config| Client::try_from(config).map_err(|e| e.to_string()));
        let client = client.map_err(|e| {
            Failure::new(format!(
                "cannot find the Kubernetes API: {e}; set KUBECONFIG, or name a context with --context"
            ))
        })?;
        cluster::list_once(client)
            .await
            .map_err(|e| Failure::new(format!("cannot list the GovernedRoutes of the cluster: {e}")))
    })
}

/// The routes in the directory of bundles, if those who may sign over this base have signed them.
fn signed_last(dir: &Path, base: &Base) -> Files {
    let manifest = directory::routes_so_far(dir).ok().flatten();
    let routes = manifest.and_then(|manifest| {
        let files = directory::routes_content(dir, &manifest).ok()?;
        Some(RoutesParcel { manifest, files })
    });
    routes
        .filter(|routes| base.vouches_for(routes, &AwsLcVerifier))
        .map(|routes| routes.files)
        .unwrap_or_default()
}

fn tell(settled: &Settled, files: usize, out: &Path, is_json: bool) -> Result<ExitStatus, Failure> {
    let refused: Vec<_> = settled.verdicts.iter().filter(|(_, verdict)| !verdict.is_accepted()).collect();
    if is_json {
        let refused: Vec<_> = refused
            .iter()
            .map(|(key, verdict)| json!({"namespace": key.namespace, "name": key.name, "reason": verdict.reason(), "message": verdict.message()}))
            .collect();
        line(
            json!({"objects": settled.verdicts.len(), "refused": refused, "files": files, "directory": out}),
        )?;
    } else {
        for (key, verdict) in &refused {
            line(format!("{key}: {}: {}", verdict.reason(), verdict.message()))?;
        }
        line(format!(
            "{} of {} objects are accepted; wrote {files} files to {}",
            settled.verdicts.len().saturating_sub(refused.len()),
            settled.verdicts.len(),
            out.display()
        ))?;
    }
    Ok(if refused.is_empty() { ExitStatus::Success } else { ExitStatus::Denied })
}
