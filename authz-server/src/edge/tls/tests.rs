//! A client of the tests speaks TLS with a listener over a pipe in memory.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as ClientStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::*;
use crate::edge::peer::{Peer, PeerCertificate};
use crate::keys::ClientFiles;

const PROXY: &str = "spiffe://shop/edge";
/// Noon of the day for which the certificates here are valid.
const NOON: u64 = 1_767_268_800;
const DAY: u64 = 86_400;

struct Root {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

#[derive(Clone)]
struct Issued {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Root {
    fn new() -> Root {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Root { certificate, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, uri: &str, serial: u64) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            vec![SanType::URI(uri.try_into().unwrap()), SanType::DnsName("portcullis".try_into().unwrap())];
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Issued { certificate, key: key.serialize_der() }
    }

    /// A CRL that names this serial number.
    fn revoke(&self, serial: u64) -> String {
        self.revoke_until(serial, 3)
    }

    /// The same, valid until the beginning of this day.
    fn revoke_until(&self, serial: u64, day: u8) -> String {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2025, 12, 31),
            next_update: date_time_ymd(2026, 1, day),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        pem("X509 CRL", params.signed_by(&self.issuer).unwrap().der())
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

/// A listener with its files.
struct Listener {
    directory: TempDir,
    root: Root,
    now: Arc<AtomicU64>,
    tls: Tls,
}

impl Listener {
    fn new(change: impl FnOnce(&mut ClientFiles)) -> Listener {
        let (directory, root) = (tempfile::tempdir().unwrap(), Root::new());
        let at = |name: &str| directory.path().join(name);
        put(&at("roots.pem"), &root.pem());
        put(&at("crls.pem"), &root.revoke(66));
        put_issued(directory.path(), &root.issue("spiffe://shop/server", 1));
        let mut clients = ClientFiles { roots: at("roots.pem"), crls: None, is_optional: false };
        change(&mut clients);
        let files = TlsFiles { certificate: at("server.pem"), key: at("server.key"), clients: Some(clients) };
        let now = Arc::new(AtomicU64::new(NOON * 1000));
        let tls = Tls::open(files, Offered::Http2, clock(&now)).unwrap();
        Listener { directory, root, now, tls }
    }

    /// Connects with this certificate. Returns what the server knows of the client, or why it refused it.
    async fn connect(&self, client: Option<&Issued>) -> Result<PeerChain, String> {
        self.connect_by(&version::TLS13, client).await.map(|(chain, _)| chain)
    }

    async fn connect_by(
        &self,
        version: &'static SupportedProtocolVersion,
        client: Option<&Issued>,
    ) -> Result<(PeerChain, Vec<u8>), String> {
        let (ours, theirs) = duplex(64 * 1024);
        let mut roots = RootCertStore::empty();
        roots.add(self.root.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_details(provider(), Arc::new(ClockOfTls(clock(&self.now))))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => config.with_no_client_auth(),
            Some(issued) => {
                let key = PrivateKeyDer::try_from(issued.key.clone()).unwrap();
                config.with_client_auth_cert(vec![issued.certificate.clone()], key).unwrap()
            }
        };
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("portcullis").unwrap();
        let (accepted, connected) = tokio::join!(self.tls.accept(ours), connector.connect(name, theirs));
        let (stream, chain) = accepted?;
        let mut client: ClientStream<DuplexStream> = connected.map_err(|e| e.to_string())?;
        let shown = client.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        // Both can read what the other writes.
        let mut stream = stream;
        client.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        Ok((chain, shown))
    }
}

fn clock(now: &Arc<AtomicU64>) -> Clock {
    let now = Arc::clone(now);
    Clock::from_fn(move || now.load(Ordering::Relaxed))
}

fn put_issued(directory: &Path, issued: &Issued) {
    put(&directory.join("server.key"), &pem("PRIVATE KEY", &issued.key));
    put(&directory.join("server.pem"), &pem("CERTIFICATE", &issued.certificate));
}

fn put(file: &Path, text: &str) {
    let _ = std::fs::remove_file(file);
    ledger::durable::write_new(file, text.as_bytes(), 0o600).unwrap();
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let listener = Listener::new(|_| ());
    let client = listener.root.issue(PROXY, 2);
    let chain = listener.connect(Some(&client)).await.unwrap();
    let Peer::Certificate(PeerCertificate { spiffe_id, thumbprint, not_after, .. }) = chain.peer() else {
        panic!("{:?}", chain.peer());
    };
    assert_eq!((spiffe_id.as_deref(), *not_after), (Some(PROXY), NOON + DAY / 2));
    assert_eq!(*thumbprint, Certificate::from_der(&client.certificate).unwrap().thumbprint);
}

#[tokio::test]
async fn a_client_without_a_certificate_of_the_roots_is_refused() {
    let listener = Listener::new(|_| ());
    assert!(listener.connect(None).await.is_err());
    assert!(listener.connect(Some(&Root::new().issue(PROXY, 2))).await.is_err());
    // Where a certificate is optional, one that was shown must be good all the same.
    let listener = Listener::new(|clients| clients.is_optional = true);
    assert_eq!(listener.connect(None).await.unwrap().peer(), &Peer::Anonymous);
    assert!(listener.connect(Some(&Root::new().issue(PROXY, 2))).await.is_err());
}

#[tokio::test]
async fn only_tls_1_3_is_spoken() {
    let listener = Listener::new(|_| ());
    let client = listener.root.issue(PROXY, 2);
    assert!(listener.connect_by(&version::TLS12, Some(&client)).await.is_err());
    assert!(listener.connect_by(&version::TLS13, Some(&client)).await.is_ok());
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_with_crls_everything_else_must_be_known_not_to_be_revoked() {
    let listener = Listener::new(|clients| clients.crls = Some(clients.roots.with_file_name("crls.pem")));
    assert!(listener.connect(Some(&listener.root.issue(PROXY, 66))).await.is_err());
    let chain = listener.connect(Some(&listener.root.issue(PROXY, 2))).await.unwrap();
    assert!(listener.tls.admits(&chain));
    // A newer CRL revokes it too, and its open connection ends.
    put(&listener.directory.path().join("crls.pem"), &listener.root.revoke(2));
    listener.tls.reload();
    assert!(!listener.tls.admits(&chain));
    // After its time, a CRL says nothing any more.
    put(&listener.directory.path().join("crls.pem"), &listener.root.revoke(66));
    listener.tls.reload();
    assert!(listener.tls.admits(&chain));
    listener.now.store((NOON + 2 * DAY) * 1000, Ordering::Relaxed);
    assert!(!listener.tls.admits(&chain));
}

#[tokio::test]
async fn a_crl_that_has_run_out_is_a_readiness_failure() {
    let listener = Listener::new(|clients| clients.crls = Some(clients.roots.with_file_name("crls.pem")));
    assert_eq!(listener.tls.readiness(), Ok(None));
    put(&listener.directory.path().join("crls.pem"), &listener.root.revoke_until(66, 1));
    listener.tls.reload();
    assert!(listener.tls.readiness().unwrap_err().contains("a CRL ran out at"));
}

#[tokio::test]
async fn new_files_come_into_force_without_a_restart_and_bad_ones_do_not() {
    let listener = Listener::new(|_| ());
    let client = listener.root.issue(PROXY, 2);
    let renewed = listener.root.issue("spiffe://shop/server", 3);
    put_issued(listener.directory.path(), &renewed);
    listener.tls.reload();
    let shown = async || listener.connect_by(&version::TLS13, Some(&client)).await.unwrap().1;
    assert_eq!(shown().await, renewed.certificate.to_vec());
    assert_eq!(listener.tls.readiness(), Ok(None));

    // The key of one certificate beside another one's certificate: an agent is between two renames.
    let next = listener.root.issue("spiffe://shop/server", 4);
    put(&listener.directory.path().join("server.key"), &pem("PRIVATE KEY", &next.key));
    listener.tls.reload();
    assert_eq!(shown().await, renewed.certificate.to_vec());
    let remark = listener.tls.readiness().unwrap().unwrap();
    assert!(remark.contains("stay in force") && remark.contains("server.key is not the key of"), "{remark}");

    put_issued(listener.directory.path(), &next);
    listener.tls.reload();
    assert_eq!(shown().await, next.certificate.to_vec());
    assert_eq!(listener.tls.readiness(), Ok(None));
}

#[tokio::test]
async fn roots_that_are_taken_out_admit_neither_new_nor_open_connections() {
    let listener = Listener::new(|_| ());
    let roots = listener.directory.path().join("roots.pem");
    let other = Root::new();
    put(&roots, &[listener.root.pem(), other.pem()].concat());
    listener.tls.reload();
    let (of_first, of_other) = (listener.root.issue(PROXY, 2), other.issue(PROXY, 2));
    let first = listener.connect(Some(&of_first)).await.unwrap();
    let second = listener.connect(Some(&of_other)).await.unwrap();
    assert!(listener.tls.admits(&first) && listener.tls.admits(&second));

    put(&roots, &other.pem());
    listener.tls.reload();
    assert!(!listener.tls.admits(&first) && listener.tls.admits(&second));
    assert!(listener.connect(Some(&of_first)).await.is_err());
}

#[tokio::test]
async fn a_certificate_is_a_readiness_failure_before_it_runs_out() {
    let listener = Listener::new(|_| ());
    let at = |now: u64| {
        listener.now.store(now * 1000, Ordering::Relaxed);
        listener.tls.readiness()
    };
    let end = NOON + DAY / 2;
    assert_eq!(at(end - 3600), Ok(None));
    assert!(at(end - 3599).unwrap_err().contains("server.pem runs out at "), "less than an hour");
    assert!(at(end + 1).unwrap_err().contains("ran out at"));
    assert!(at(NOON - DAY).unwrap_err().contains("valid only from"));
}

#[tokio::test]
async fn a_connection_ends_before_its_certificate_does() {
    let listener = Listener::new(|_| ());
    let chain = listener.connect(Some(&listener.root.issue(PROXY, 2))).await.unwrap();
    let (now, clock) = (Arc::clone(&listener.now), clock(&listener.now));
    let admission = PeerAdmission::new(Arc::new(listener.tls), clock, None);
    let waits = Duration::from_millis(800);
    assert!(tokio::time::timeout(waits, admission.until_refused(&chain)).await.is_err(), "it is in its time");
    now.store((NOON + DAY / 2 - 1) * 1000, Ordering::Relaxed);
    let ended = tokio::time::timeout(Duration::from_secs(30), admission.until_refused(&chain)).await;
    assert!(ended.is_ok(), "the connection outlives the certificate");
}

#[test]
fn every_fault_of_the_files_is_reported_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let clients = ClientFiles { roots: at("roots.pem"), crls: None, is_optional: false };
    let files = TlsFiles { certificate: at("server.pem"), key: at("server.key"), clients: Some(clients) };
    let faults = |files: &TlsFiles| -> Vec<String> {
        let faults = files.read().and_then(|contents| contents.parse()).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    };
    let missing = faults(&files);
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(missing.iter().all(|fault| fault.contains("cannot be read")), "{missing:?}");

    put_issued(directory.path(), &Root::new().issue(PROXY, 1));
    put(&at("roots.pem"), "no PEM\n");
    put(&at("server.pem"), "no PEM\n");
    let empty = faults(&files);
    assert_eq!(empty.len(), 2, "{empty:?}");
    assert!(empty.iter().all(|fault| fault.contains("has no section `CERTIFICATE`")), "{empty:?}");

    let open = TlsFiles { key: at("open.key"), ..files };
    ledger::durable::write_new(&at("open.key"), b"secret", 0o644).unwrap();
    assert!(faults(&open).iter().any(|fault| fault.contains("mode 644") && fault.contains("chmod 640")));
}
