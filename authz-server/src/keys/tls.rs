//! The files of a TLS listener: this server's certificate and key, and the roots and CRLs by which clients' certificates are
//! verified. They are read here and turned into what `rustls` takes; who uses them, and when they are read again, is not
//! known here.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use warrant::Digest;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::Certificate;

/// The files of a TLS listener, all in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// This server's certificate, and after it those between it and its root.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// `None`: no client is asked for a certificate.
    pub clients: Option<ClientFiles>,
}

/// How clients' certificates are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    pub roots: PathBuf,
    /// What the roots, and the issuers below them, have revoked.
    pub crls: Option<PathBuf>,
    /// Whether a client without a certificate may connect.
    pub is_optional: bool,
}

/// The bytes of all these files at one time.
pub struct TlsFileContents {
    files: TlsFiles,
    certificate: Vec<u8>,
    key: Vec<u8>,
    roots: Vec<u8>,
    crls: Vec<u8>,
}

/// What a listener needs: valid in itself, and not yet compared with any clock.
#[derive(Debug)]
pub struct TlsMaterial {
    pub identity: Arc<CertifiedKey>,
    /// What the certificate of this server says.
    pub certificate: Certificate,
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
    /// The last second in which every CRL is valid, in seconds since 1970; `None` without CRLs. After it no client is
    /// admitted.
    pub crls_until: Option<u64>,
}

/// Why a file cannot be used: one line with the file, the fault and the cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFileError {
    path: PathBuf,
    what: String,
}

/// The algorithms of TLS, on this server's one library for signatures.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl TlsFiles {
    /// Reads all files as they are now.
    pub fn read(&self) -> Result<TlsFileContents, Vec<TlsFileError>> {
        let certificate = read(&self.certificate);
        let key = check_mode(&self.key).and_then(|()| read(&self.key));
        let roots = self.clients.as_ref().map_or(Ok(Vec::new()), |clients| read(&clients.roots));
        let crls = self.clients.as_ref().and_then(|clients| clients.crls.as_deref());
        let crls = crls.map_or(Ok(Vec::new()), read);
        match (certificate, key, roots, crls) {
            (Ok(certificate), Ok(key), Ok(roots), Ok(crls)) => {
                Ok(TlsFileContents { files: self.clone(), certificate, key, roots, crls })
            }
            (certificate, key, roots, crls) => {
                Err([certificate, key, roots, crls].into_iter().filter_map(Result::err).collect())
            }
        }
    }
}

impl TlsFileContents {
    /// Differs if any file differs.
    pub fn digest(&self) -> Digest {
        let all = [&self.certificate, &self.key, &self.roots, &self.crls].map(|bytes| Digest::of(bytes));
        Digest::of(&all.map(|digest| *digest.bytes()).concat())
    }

    pub fn parse(&self) -> Result<TlsMaterial, Vec<TlsFileError>> {
        let identity = self.identity();
        let clients = self.files.clients.as_ref().map(|clients| self.verifier(clients)).transpose();
        match (identity, clients) {
            (Ok((identity, certificate)), Ok(clients)) => {
                let (clients, crls_until) = clients.unzip();
                let crls_until = crls_until.flatten();
                Ok(TlsMaterial { identity: Arc::new(identity), certificate, clients, crls_until })
            }
            (identity, clients) => Err(identity.err().into_iter().chain(clients.err()).collect()),
        }
    }

    fn identity(&self) -> Result<(CertifiedKey, Certificate), TlsFileError> {
        let path = &self.files.certificate;
        let chain: Vec<CertificateDer<'static>> = pem(path, &self.certificate, "CERTIFICATE")?;
        let leaf = chain.first().map_or(&[][..], |leaf| leaf);
        let certificate = Certificate::from_der(leaf).map_err(|e| fault(path, e.to_string()))?;
        let mut keys: Vec<PrivateKeyDer<'static>> = pem(&self.files.key, &self.key, "PRIVATE KEY")?;
        let (Some(key), true) = (keys.pop(), keys.is_empty()) else {
            return Err(fault(
                &self.files.key,
                "has more than one key: keep only the certificate's own".into(),
            ));
        };
        let both = CertifiedKey::from_der(chain, key, &provider());
        let both = both.map_err(|e| {
            let certificate = path.display();
            fault(&self.files.key, format!("is not the key of {certificate}: {e}; replace both together"))
        })?;
        Ok((both, certificate))
    }

    /// Verifies a client's certificate as RFC 5280 says, for its use as a client's. With CRLs it also wants to know of every
    /// certificate below the root that it is not revoked, by a CRL that is in its time.
    /// Also returns until when all CRLs are valid.
    fn verifier(&self, clients: &ClientFiles) -> Result<VerifierAndCrls, TlsFileError> {
        let mut roots = RootCertStore::empty();
        for root in pem::<CertificateDer<'static>>(&clients.roots, &self.roots, "CERTIFICATE")? {
            roots
                .add(root)
                .map_err(|e| fault(&clients.roots, format!("has a root that cannot be used: {e}")))?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let mut crls_until = None;
        if let Some(path) = &clients.crls {
            let crls: Vec<CertificateRevocationListDer<'static>> = pem(path, &self.crls, "X509 CRL")?;
            crls_until = crls.iter().filter_map(|crl| next_update(crl)).min();
            builder = builder.with_crls(crls).enforce_revocation_expiration();
        }
        if clients.is_optional {
            builder = builder.allow_unauthenticated();
        }
        let place = clients.crls.as_deref().unwrap_or(&clients.roots);
        let verifier = builder.build().map_err(|e| fault(place, format!("cannot be used: {e}")))?;
        Ok((verifier, crls_until))
    }
}

type VerifierAndCrls = (Arc<dyn ClientCertVerifier>, Option<u64>);

/// When a newer CRL must be there, in seconds since 1970.
fn next_update(crl: &CertificateRevocationListDer<'_>) -> Option<u64> {
    let (_, read) = CertificateRevocationList::from_der(crl).ok()?;
    u64::try_from(read.next_update()?.timestamp()).ok()
}

impl TlsFileError {
    /// The library refuses these settings, whatever the files hold.
    pub fn library(e: tokio_rustls::rustls::Error) -> TlsFileError {
        fault(Path::new("TLS"), format!("cannot be set up: {e}"))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    std::fs::read(path).map_err(|e| fault(path, format!("cannot be read: {e}")))
}

/// The key may be readable for this user's group, as an agent that writes it may run as another user, but for nobody else.
fn check_mode(path: &Path) -> Result<(), TlsFileError> {
    let found = std::fs::metadata(path).map_err(|e| fault(path, format!("cannot be read: {e}")))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o007 == 0 {
        return Ok(());
    }
    Err(fault(path, format!("can be read by every user (mode {mode:03o}): chmod 640 it, or make a new key")))
}

/// All sections of this kind; there is at least one.
fn pem<T: PemObject>(path: &Path, bytes: &[u8], kind: &str) -> Result<Vec<T>, TlsFileError> {
    let found: Result<Vec<T>, _> = T::pem_slice_iter(bytes).collect();
    let found = found.map_err(|e| fault(path, format!("is not valid PEM: {e}")))?;
    if found.is_empty() {
        return Err(fault(path, format!("has no section `{kind}`: write it in PEM")));
    }
    Ok(found)
}

fn fault(path: &Path, what: String) -> TlsFileError {
    TlsFileError { path: path.to_owned(), what }
}

impl fmt::Display for TlsFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path.display(), self.what)
    }
}

impl std::error::Error for TlsFileError {}

/// No bytes: one of them is a private key.
impl fmt::Debug for TlsFileContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFileContents").field("files", &self.files).finish_non_exhaustive()
    }
}
