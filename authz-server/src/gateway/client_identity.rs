//! Who the client of a checked request is. The principal that Envoy sends counts only together with the certificate
//! that Envoy validated, and this certificate is read here: its one URI must be that principal. A name that Envoy took from
//! elsewhere (a DNS name, a subject, the first of several URIs) does not identify the client.
//!
//! The bundle says which proxies need not send the certificate, so this is asked anew for each judging of a request.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use warrant::formats::is_spiffe_id;

use super::incoming::ClientPeer;
use crate::keys::Certificate;
use policy::decision::Identity;

/// A client that is known by its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientIdentity {
    pub(super) identity: Identity,
    /// The thumbprint of the certificate's key; `None` if the proxy is trusted to have validated a certificate that it did
    /// not send.
    pub(super) certificate: Option<String>,
}

/// Why a check has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityMissing {
    /// The client showed no certificate, or the proxy sent nothing about it.
    Absent,
    /// The principal is not a SPIFFE ID.
    PrincipalNotSpiffe,
    /// The proxy sent a principal without the certificate.
    CertificateAbsent,
    CertificateUnreadable,
    /// The certificate's names do not hold exactly one URI that is a SPIFFE ID.
    CertificateNames,
    /// The certificate is somebody else's.
    Differs,
    OutOfTime,
}

impl IdentityMissing {
    pub(super) fn label(self) -> &'static str {
        match self {
            IdentityMissing::Absent => "absent",
            IdentityMissing::PrincipalNotSpiffe => "principal-not-spiffe",
            IdentityMissing::CertificateAbsent => "certificate-absent",
            IdentityMissing::CertificateUnreadable => "certificate-unreadable",
            IdentityMissing::CertificateNames => "certificate-names",
            IdentityMissing::Differs => "differs",
            IdentityMissing::OutOfTime => "out-of-time",
        }
    }
}

/// The client at the other end of the proxy's connection. `strict_mtls`: the bundle says of the asking proxy that it takes no connection without a validated
/// certificate, so its word counts also without the certificate. A certificate that it does send must fit all the same.
pub(super) fn client_identity(
    peer: &ClientPeer,
    now: u64,
    strict_mtls: bool,
    certificates: &ReadCertificates,
) -> Result<ClientIdentity, IdentityMissing> {
    let ClientPeer { principal, certificate } = peer;
    if principal.is_empty() && certificate.is_empty() {
        return Err(IdentityMissing::Absent);
    }
    if !is_spiffe_id(principal) {
        return Err(IdentityMissing::PrincipalNotSpiffe);
    }
    if certificate.is_empty() {
        return if strict_mtls {
            Ok(ClientIdentity { identity: Identity(principal.clone()), certificate: None })
        } else {
            Err(IdentityMissing::CertificateAbsent)
        };
    }
    let read = certificates.read(certificate).ok_or(IdentityMissing::CertificateUnreadable)?;
    match read.spiffe_id() {
        None => Err(IdentityMissing::CertificateNames),
        Some(id) if id != *principal => Err(IdentityMissing::Differs),
        Some(_) if !read.holds_at(now) => Err(IdentityMissing::OutOfTime),
        Some(_) => {
            let certificate = Some(read.thumbprint.clone());
            Ok(ClientIdentity { identity: Identity(principal.clone()), certificate })
        }
    }
}

/// The longest certificate that is read, as Envoy sends it.
const LONGEST: usize = 32 * 1024;
/// How many bytes of certificates are remembered: some thousand workloads.
const BYTES_AT_MOST: u64 = 8 * 1024 * 1024;
const IDLE: Duration = Duration::from_secs(600);

/// Certificates that were read, by their text as Envoy sends it: a workload sends the same one with every request, and
/// reading it costs many times what looking it up does. Only what can be read is remembered.
#[derive(Clone, Debug)]
pub struct ReadCertificates(Cache<String, Arc<Certificate>>);

impl Default for ReadCertificates {
    fn default() -> ReadCertificates {
        let weight = |text: &String, _: &Arc<Certificate>| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let cache = Cache::builder().max_capacity(BYTES_AT_MOST).weigher(weight).time_to_idle(IDLE);
        ReadCertificates(cache.build())
    }
}

impl ReadCertificates {
    fn read(&self, text: &str) -> Option<Arc<Certificate>> {
        if text.len() > LONGEST {
            return None;
        }
        if let Some(read) = self.0.get(text) {
            return Some(read);
        }
        let read = Arc::new(read(text)?);
        self.0.insert(text.to_owned(), Arc::clone(&read));
        Some(read)
    }
}

/// Reads one certificate in URL-encoded PEM.
fn read(text: &str) -> Option<Certificate> {
    let pem = url_decoded(text)?;
    let mut found = CertificateDer::pem_slice_iter(&pem);
    let der = found.next()?.ok()?;
    if found.next().is_some() {
        return None;
    }
    Certificate::from_der(&der).ok()
}

fn url_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        decoded.push(match byte {
            b'%' => {
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            byte => byte,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use rcgen::{CertificateParams, KeyPair, SanType};

    const PAYER: &str = "spiffe://shop/ns/shop/sa/payer";
    const OTHER: &str = "spiffe://shop/ns/shop/sa/other";
    /// In the time of every certificate here.
    const NOW: u64 = 1_767_300_000;

    /// A certificate as Envoy sends it.
    fn sent(uris: &[&str]) -> String {
        let mut params = CertificateParams::default();
        let uri = |uri: &&str| SanType::URI((*uri).try_into().unwrap());
        params.subject_alt_names = uris.iter().map(uri).collect();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 3);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let text = STANDARD.encode(certificate.der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let encoded = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        };
        pem.bytes().map(encoded).collect()
    }

    fn peer(principal: &str, certificate: &str) -> ClientPeer {
        ClientPeer { principal: principal.into(), certificate: certificate.into() }
    }

    fn missing(peer: ClientPeer, now: u64) -> Option<&'static str> {
        client_identity(&peer, now, false, &ReadCertificates::default()).err().map(IdentityMissing::label)
    }

    #[test]
    fn a_principal_counts_only_with_a_certificate_whose_one_uri_it_is() {
        let certificates = ReadCertificates::default();
        let found = client_identity(&peer(PAYER, &sent(&[PAYER])), NOW, false, &certificates).unwrap();
        assert_eq!(found.identity, Identity(PAYER.into()));
        assert_eq!(found.certificate.map(|thumbprint| thumbprint.len()), Some(43));

        assert_eq!(missing(peer(PAYER, &sent(&[OTHER])), NOW), Some("differs"));
        assert_eq!(missing(peer(PAYER, &sent(&[PAYER, OTHER])), NOW), Some("certificate-names"));
        assert_eq!(missing(peer(PAYER, &sent(&[PAYER, PAYER])), NOW), Some("certificate-names"));
        assert_eq!(missing(peer(PAYER, &sent(&[])), NOW), Some("certificate-names"));
        assert_eq!(missing(peer(PAYER, ""), NOW), Some("certificate-absent"));
        assert_eq!(missing(peer("", &sent(&[PAYER])), NOW), Some("principal-not-spiffe"));
        assert_eq!(missing(peer("CN=payer", &sent(&[PAYER])), NOW), Some("principal-not-spiffe"));
        assert_eq!(missing(peer("", ""), NOW), Some("absent"));
    }

    #[test]
    fn a_certificate_out_of_its_time_is_no_identity() {
        let certificate = sent(&[PAYER]);
        for (now, expected) in [
            (1_767_225_599, Some("out-of-time")),
            (1_767_225_600, None),
            (1_767_398_400, None),
            (1_767_398_401, Some("out-of-time")),
        ] {
            assert_eq!(missing(peer(PAYER, &certificate), now), expected, "{now}");
        }
    }

    #[test]
    fn text_that_is_not_exactly_one_certificate_is_unreadable() {
        let good = sent(&[PAYER]);
        let twice = format!("{good}{good}");
        let long = format!("{good}{}", "%0A".repeat(LONGEST));
        let half = good.get(..good.len() / 2).unwrap();
        for bad in ["-----BEGIN", "%", "%4", "%zz", half, &twice, &long] {
            assert_eq!(missing(peer(PAYER, bad), NOW), Some("certificate-unreadable"), "{bad}");
        }
    }

    #[test]
    fn a_strict_proxy_may_send_a_principal_without_a_certificate_but_not_with_another_ones() {
        let certificates = ReadCertificates::default();
        let strict = |principal, certificate: &str| {
            client_identity(&peer(principal, certificate), NOW, true, &certificates)
        };
        let expected = ClientIdentity { identity: Identity(PAYER.into()), certificate: None };
        assert_eq!(strict(PAYER, ""), Ok(expected));
        assert_eq!(strict("payer", ""), Err(IdentityMissing::PrincipalNotSpiffe));
        assert_eq!(strict("", ""), Err(IdentityMissing::Absent));
        assert_eq!(strict(PAYER, &sent(&[OTHER])), Err(IdentityMissing::Differs));
    }

    #[test]
    fn a_certificate_is_read_once_and_looked_up_after_that() {
        let certificates = ReadCertificates::default();
        let text = sent(&[PAYER]);
        let first = certificates.read(&text).unwrap();
        assert!(Arc::ptr_eq(&first, &certificates.read(&text).unwrap()));
        // For people: what both cost, on this machine and in this build.
        let timed = |what: &dyn Fn()| {
            let from = std::time::Instant::now();
            (0..1000).for_each(|_| what());
            from.elapsed() / 1000
        };
        let reading = timed(&|| assert!(read(&text).is_some()));
        let lookup = timed(&|| assert!(certificates.read(&text).is_some()));
        println!("reading {} bytes: {reading:?}, looking them up: {lookup:?}", text.len());
    }
}
