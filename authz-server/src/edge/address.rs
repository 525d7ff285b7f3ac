//! Addresses as Envoy sends them.

use envoy_types::pb::envoy::config::core::v3::Address;
use envoy_types::pb::envoy::config::core::v3::address::Address as Kind;
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;

/// The host alone; `None` if it is not a network address.
pub(super) fn host(address: &Address) -> Option<String> {
    match address.address.as_ref()? {
        Kind::SocketAddress(socket) => Some(socket.address.clone()),
        Kind::Pipe(_) | Kind::EnvoyInternalAddress(_) => None,
    }
}

/// The whole address, for people.
pub(super) fn text(address: &Address) -> Option<String> {
    match address.address.as_ref()? {
        Kind::SocketAddress(socket) => {
            let port = match &socket.port_specifier {
                Some(PortSpecifier::PortValue(port)) => port.to_string(),
                Some(PortSpecifier::NamedPort(name)) => name.clone(),
                None => String::new(),
            };
            Some(format!("{}:{port}", socket.address))
        }
        Kind::Pipe(pipe) => Some(pipe.path.clone()),
        Kind::EnvoyInternalAddress(_) => Some("a listener inside the proxy".to_owned()),
    }
}
