//! Certificates for tests: roots, and what they issue. Files are replaced by a rename, as an SVID agent does it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A certificate authority.
#[derive(Debug)]
pub struct Root {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    pub certificate: String,
    pub key: String,
}

/// From when until when a certificate is valid, in seconds from now.
pub const A_DAY: (i64, i64) = (-3600, 86_400);

impl Root {
    /// A new root with a name.
    ///
    /// # Panics
    /// Never: the parameters are valid.
    #[must_use]
    pub fn new(name: &str) -> Root {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named(name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a root");
        Root { certificate, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", self.certificate.der())
    }

    /// Its key in PEM, for an authority that is another program.
    #[must_use]
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.issuer.key().serialize_der())
    }

    /// A certificate with these URIs and the name `localhost`, for servers and clients, valid for this time.
    #[must_use]
    pub fn issue(&self, uris: &[&str], time: (i64, i64)) -> Issued {
        self.issue_with(uris, "localhost", time)
    }

    /// A certificate for a server with this name.
    #[must_use]
    pub fn issue_for(&self, name: &str, time: (i64, i64)) -> Issued {
        self.issue_with(&[], name, time)
    }

    #[expect(clippy::disallowed_methods, reason = "an authority has its own clock")]
    fn issue_with(&self, uris: &[&str], name: &str, (from, until): (i64, i64)) -> Issued {
        let at = |seconds: i64| {
            let distance = Duration::from_secs(seconds.unsigned_abs());
            let now = SystemTime::now();
            if seconds < 0 { now - distance } else { now + distance }.into()
        };
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("ASCII"))).collect();
        params.subject_alt_names.push(SanType::DnsName(name.try_into().expect("ASCII")));
        params.distinguished_name = named("a workload");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (at(from), at(until));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued {
            certificate: pem("CERTIFICATE", certificate.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
        }
    }
}

impl Issued {
    /// Puts certificate and key in place of the files `<name>.pem` and `<name>.key`.
    ///
    /// # Panics
    /// When a file cannot be written.
    pub fn put(&self, directory: &Path, name: &str) {
        // The key first: a server that reads in between finds two files that do not fit, and reads them again.
        put(&directory.join(format!("{name}.key")), &self.key, 0o600);
        put(&directory.join(format!("{name}.pem")), &self.certificate, 0o644);
    }
}

/// Puts these roots in place of a file.
///
/// # Panics
/// When the file cannot be written.
pub fn put_roots(roots: &[&Root], file: &Path) {
    put(file, &roots.iter().map(|root| root.pem()).collect::<String>(), 0o644);
}

/// Puts a text in place of a file, by a rename.
///
/// # Panics
/// When the file cannot be written.
#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
pub fn put(file: &Path, text: &str, mode: u32) {
    let mut part: PathBuf = file.to_owned();
    part.as_mut_os_string().push(".part");
    fs::write(&part, text)
        .and_then(|()| fs::set_permissions(&part, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&part, file))
        .unwrap_or_else(|why| panic!("{}: {why}", file.display()));
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
