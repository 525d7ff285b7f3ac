//! The gate alone. Its server only signs statements, and is not asked about requests.

use portcullis_tests::agent::Agent;
use portcullis_tests::envoy::Envoy;
use portcullis_tests::server::Server;
use portcullis_tests::shipped::{EXT_AUTHZ, SEAL};

use super::home::{Terms, different, long_lived, paced, requests, same, with_proof};
use super::{Choice, Contender, Supply, choice, directory, measured};
use crate::load::Requests;

pub(super) const CHOICES: &[Choice] = &[
    choice!("gate-warm", "the gate alone, a warrant seen before", warm),
    choice!("gate-cold", "the gate alone, ES256 warrants never seen before", cold),
    choice!("gate-refusing", "the gate alone, no warrant: a refusal", refusing),
];

async fn warm(name: &'static str) -> Option<Contender> {
    gate_with(name, |agent| {
        let warrant = agent.warrant(&long_lived());
        same(with_proof(&agent, warrant))
    })
    .await
}

async fn cold(name: &'static str) -> Option<Contender> {
    gate_with(name, |agent| paced(different(move || vec![("warrant", agent.warrant(&long_lived()))]))).await
}

async fn refusing(name: &'static str) -> Option<Contender> {
    gate_with(name, |_| Box::new(|_| Requests { status: 401, ..requests() })).await
}

async fn gate_with(name: &'static str, supply: impl FnOnce(Agent) -> Supply) -> Option<Contender> {
    let directory = directory();
    let home = Terms::PROOF.home(directory.path());
    let server = Server::start(&home).await;
    let configuration = measured().filters_at(home.directory()).server_at_socket(&home.socket());
    let configuration = configuration.without(EXT_AUTHZ).without(SEAL);
    let envoy = Envoy::start(&configuration, directory.path()).await;
    envoy.until_governed().await;
    let supply = supply(Agent::at(&home));
    let gate = Contender { _statements: Some(server), ..Contender::new(name, envoy, supply, directory) };
    Some(gate.with_wasm())
}
