//! The warrant by itself: its form, its signatures, its times, its audience and its lineage.

use portcullis_tests::agent::{Agent, WarrantSpec, hello};
use portcullis_tests::client::ClientRequest;
use portcullis_tests::keys::{Algorithm, TestKey};
use portcullis_tests::world::HOST;
use warrant::Denial;

use super::court::Court;
use super::{Provoked, Row};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new(Denial::WarrantMissing, "no warrant", |court| Box::pin(without(court))),
        Row::new(Denial::WarrantMalformed, "the header of a link is not JSON", |court| {
            Box::pin(malformed(court))
        }),
        Row::new(Denial::IssuerUntrusted, "a key that the bundle does not list", |court| {
            Box::pin(minted(court, |content| content.kid = "another".into()))
        }),
        Row::new(Denial::SignatureInvalid, "a key that is not the authority's", |court| {
            Box::pin(signed_by_another(court))
        }),
        Row::new(Denial::Expired, "a warrant of yesterday", |court| {
            Box::pin(minted(court, |content| content.age = 86_400))
        }),
        Row::new(Denial::NotYetValid, "a warrant of tomorrow", |court| {
            Box::pin(minted(court, |content| content.age = -86_400))
        }),
        Row::new(Denial::LifetimeTooLong, "two hours, where the mesh allows one", |court| {
            Box::pin(minted(court, |content| content.lifetime = 7200))
        }),
        Row::new(Denial::LifetimeTooLong, "ten minutes, where the route allows five", |court| {
            Box::pin(minted(court, |content| content.lifetime = 600))
        }),
        Row::new(Denial::AudienceMismatch, "a warrant for another mesh", |court| {
            Box::pin(minted(court, |content| content.audience = "another".into()))
        }),
        Row::new(Denial::LineageBroken, "a link under another parent of the same holder", |court| {
            Box::pin(under_another_parent(court))
        }),
        Row::new(Denial::LineageWidened, "a link to more paths than its parent's", |court| {
            Box::pin(widened(court))
        }),
        Row::new(Denial::LineageTooDeep, "two delegations, where the route allows one", |court| {
            Box::pin(too_deep(court))
        }),
        Row::new(Denial::LineageTooDeep, "a delegation of a root that allows none", |court| {
            Box::pin(sealed(court))
        }),
    ]
}

async fn without(court: &Court) -> Provoked {
    court.provoke(ClientRequest::new("GET", HOST, "/hello/you")).await
}

async fn malformed(court: &Court) -> Provoked {
    let agent = &court.world.agent;
    let warrant = agent.warrant(&hello()).replacen("ey", "eY", 1);
    court.provoke(agent.present(&warrant, ClientRequest::new("GET", HOST, "/hello/you"))).await
}

async fn minted(court: &Court, change: fn(&mut WarrantSpec)) -> Provoked {
    let mut content = hello();
    change(&mut content);
    court.provoke(court.asking(&content)).await
}

async fn signed_by_another(court: &Court) -> Provoked {
    let authority = TestKey::stranger(Algorithm::Es256, 7);
    let agent = Agent { authority, ..court.world.agent.clone() };
    court.provoke(agent.request(&hello(), "GET", "/hello/you")).await
}

async fn under_another_parent(court: &Court) -> Provoked {
    let ((child, chain), (_, other)) = (court.delegated(), court.delegated());
    let (other, _) = other.split_once('~').unwrap();
    let (_, leaf) = chain.split_once('~').unwrap();
    delegated(court, &child, &format!("{other}~{leaf}")).await
}

async fn widened(court: &Court) -> Provoked {
    let (child, chain) = court.delegated();
    let wider = Agent::forge(&chain, &court.world.agent.holder, |claims| {
        claims["authorization_details"][0]["paths"][0] = "/**".into();
    });
    delegated(court, &child, &wider).await
}

async fn too_deep(court: &Court) -> Provoked {
    let (child, chain) = court.delegated();
    let content = WarrantSpec { path: "/delegated/**".into(), max_depth: 3, lifetime: 40, ..hello() };
    let key = TestKey::stranger(Algorithm::Ed25519, 10);
    let chain = child.delegate(&chain, &content, &key);
    delegated(court, &Agent { holder: key, ..child }, &chain).await
}

/// The root is made to allow no delegation after its holder has delegated it. The child names its parent by a digest, so it is
/// signed again too.
async fn sealed(court: &Court) -> Provoked {
    let agent = &court.world.agent;
    let (child, chain) = court.delegated();
    let (root, leaf) = chain.split_once('~').unwrap();
    let root = Agent::forge(root, &agent.authority, |claims| claims["max_depth"] = 0.into());
    let parent = warrant::PresentedWarrant::parse(root.as_bytes()).unwrap();
    let digest = parent.digests().last().unwrap().to_base64url();
    let chain = Agent::forge(&format!("{root}~{leaf}"), &agent.holder, |claims| {
        claims["parent"] = digest.into();
        claims["max_depth"] = 0.into();
    });
    delegated(court, &child, &chain).await
}

async fn delegated(court: &Court, child: &Agent, chain: &str) -> Provoked {
    court.provoke(child.present(chain, ClientRequest::new("GET", HOST, "/delegated/you"))).await
}
