//! Where the server listens: the address of each listener and, if it has any, its TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use super::error::ServerError;
use crate::clock::Clock;
use crate::config::{ApiAddress, Listen, ProxiesAddress, TlsAddress};
use crate::edge::listen::{ListenAddress, SocketUsers};
use crate::edge::proxy_identity::NamedProxies;
use crate::edge::serve::{Protocol, Transport};
use crate::edge::tls::{Offered, PeerAdmission, Tls};

#[derive(Clone, Debug)]
pub(super) struct Listeners {
    pub(super) proxies: ListensAt,
    pub(super) api: ListensAt,
    pub(super) health: SocketAddr,
}

/// An address, and the TLS that is spoken there.
#[derive(Clone, Debug)]
pub(super) struct ListensAt {
    pub(super) address: ListenAddress,
    pub(super) tls: Option<Arc<Tls>>,
}

impl Listeners {
    pub(super) fn of(listen: &Listen, clock: &Clock) -> Result<Listeners, ServerError> {
        let proxies = match &listen.proxies {
            ProxiesAddress::Local(address) => ListensAt { address: address.into(), tls: None },
            ProxiesAddress::Tls(at) => ListensAt::with_tls(at, Offered::Http2, clock)?,
        };
        let api = match &listen.api {
            ApiAddress::Unix(path) => {
                let address = ListenAddress::Unix { path: path.clone(), for_whom: SocketUsers::Owner };
                ListensAt { address, tls: None }
            }
            ApiAddress::Tls(at) => ListensAt::with_tls(at, Offered::Http2AndHttp1, clock)?,
        };
        Ok(Listeners { proxies, api, health: listen.health })
    }

    /// The TLS of every listener that has it, with the listener's name.
    pub(super) fn tls(&self) -> impl Iterator<Item = (&'static str, Arc<Tls>)> {
        let all = [("proxies", &self.proxies), ("api", &self.api)];
        all.into_iter().filter_map(|(name, at)| at.tls.clone().map(|tls| (name, tls)))
    }
}

impl ListensAt {
    fn with_tls(at: &TlsAddress, offered: Offered, clock: &Clock) -> Result<ListensAt, ServerError> {
        let tls = Tls::open(at.files.clone(), offered, clock.clone()).map_err(ServerError::Tls)?;
        Ok(ListensAt { address: ListenAddress::Tcp(at.address), tls: Some(Arc::new(tls)) })
    }

    /// `protocol`: for clients that choose none. `proxies`: only these may use the listener.
    pub(super) fn transport(
        &self,
        protocol: Protocol,
        clock: &Clock,
        proxies: Option<NamedProxies>,
    ) -> Transport {
        match &self.tls {
            None => Transport::Cleartext(protocol),
            Some(tls) => {
                let admission = PeerAdmission::new(Arc::clone(tls), clock.clone(), proxies);
                Transport::Tls(Arc::new(admission), protocol)
            }
        }
    }
}
