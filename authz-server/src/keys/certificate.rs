//! What an X.509 certificate says: whose it is, from when until when, and about which key. It is only read here. Who reads
//! one must know that somebody has verified it.

use std::fmt;

use warrant::formats::is_spiffe_id;
use warrant::{Algorithm, Digest, PublicKey};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// A certificate's content, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// All URIs among its names, in order.
    uris: Vec<String>,
    /// In seconds since 1970; both ends belong to its time.
    pub not_before: u64,
    pub not_after: u64,
    /// Of its public key: RFC 7638 for P-256 and Ed25519, else the SHA-256 of the SubjectPublicKeyInfo in base64url.
    pub thumbprint: String,
    /// Its public key, if that is for ES256 or Ed25519.
    pub key: Option<PublicKey>,
    /// Whether its key may make digital signatures: it has no key usage, or one with them.
    pub may_sign: bool,
    /// The SHA-256 of its DER.
    pub digest: Digest,
}

/// Why a certificate cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateError(&'static str);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CertificateError {}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Certificate, CertificateError> {
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| CertificateError("is not an X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(CertificateError("has bytes after its end"));
        }
        let validity = parsed.validity();
        // A time before 1970 is 0: such a certificate has run out.
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        let usage =
            parsed.key_usage().map_err(|_| CertificateError("has a key usage that cannot be read"))?;
        let spki = parsed.public_key().raw;
        let key = known_key(spki);
        Ok(Certificate {
            uris: uris(&parsed)?,
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
            thumbprint: key
                .map_or_else(|| Digest::of(spki).to_base64url(), |key| key.thumbprint().to_string()),
            key,
            may_sign: usage.is_none_or(|usage| usage.value.digital_signature()),
            digest: Digest::of(der),
        })
    }

    pub fn uris(&self) -> &[String] {
        &self.uris
    }

    /// The SPIFFE ID, if the certificate's only URI is one.
    pub fn spiffe_id(&self) -> Option<&str> {
        match self.uris.as_slice() {
            [uri] if is_spiffe_id(uri) => Some(uri),
            _ => None,
        }
    }

    pub fn holds_at(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

fn uris(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertificateError> {
    let names = certificate.subject_alternative_name();
    let names = names.map_err(|_| CertificateError("has names that cannot be read"))?;
    let Some(names) = names else { return Ok(Vec::new()) };
    let mut uris = Vec::new();
    for name in &names.value.general_names {
        if let GeneralName::Invalid(..) = name {
            return Err(CertificateError("has names that cannot be read"));
        }
        if let GeneralName::URI(uri) = name {
            uris.push((*uri).to_owned());
        }
    }
    Ok(uris)
}

/// The key in this SubjectPublicKeyInfo, if it is for ES256 or Ed25519.
fn known_key(spki: &[u8]) -> Option<PublicKey> {
    [Algorithm::Es256, Algorithm::Ed25519].into_iter().find_map(|algorithm| {
        // Both forms have a fixed length and end in the coordinates. So the key that ends like this one is this one if all
        // its bytes are the same.
        let length = match algorithm {
            Algorithm::Es256 => 64,
            Algorithm::Ed25519 => 32,
        };
        let coordinates = spki.get(spki.len().checked_sub(length)?..)?;
        PublicKey::from_raw(algorithm, coordinates).ok().filter(|key| key.spki_der() == spki)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn read(key: &KeyPair, names: &[&str]) -> Certificate {
        let mut params = CertificateParams::default();
        let uri = |name: &&str| SanType::URI((*name).try_into().unwrap());
        params.subject_alt_names = names.iter().map(uri).collect();
        params.subject_alt_names.push(SanType::DnsName("payer.shop".try_into().unwrap()));
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 2);
        Certificate::from_der(params.self_signed(key).unwrap().der()).unwrap()
    }

    #[test]
    fn a_certificate_has_an_identity_only_by_its_one_uri_that_is_a_spiffe_id() {
        let key = KeyPair::generate().unwrap();
        assert_eq!(read(&key, &["spiffe://shop/a"]).spiffe_id(), Some("spiffe://shop/a"));
        for other in [
            &[][..],
            &["https://shop/a"],
            &["spiffe://shop/a", "spiffe://shop/b"],
            &["spiffe://shop/a", "x:y"],
        ] {
            assert_eq!(read(&key, other).spiffe_id(), None, "{other:?}");
        }
    }

    #[test]
    fn the_thumbprint_is_the_one_of_the_key_as_a_jwk() {
        let key = KeyPair::generate().unwrap();
        let coordinates = &rcgen::PublicKeyData::der_bytes(&key)[1..];
        let jwk = PublicKey::from_raw(Algorithm::Es256, coordinates).unwrap();
        assert_eq!(read(&key, &[]).thumbprint, jwk.thumbprint().to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let jwk = PublicKey::from_raw(Algorithm::Ed25519, rcgen::PublicKeyData::der_bytes(&key)).unwrap();
        assert_eq!(read(&key, &[]).thumbprint, jwk.thumbprint().to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
        assert_eq!(read(&key, &[]).thumbprint, Digest::of(&spki).to_base64url());
    }

    #[test]
    fn both_ends_of_its_time_belong_to_it() {
        let certificate = read(&KeyPair::generate().unwrap(), &[]);
        let (from, until) = (1_767_225_600, 1_767_312_000);
        assert_eq!((certificate.not_before, certificate.not_after), (from, until));
        assert!(certificate.holds_at(from) && certificate.holds_at(until));
        assert!(!certificate.holds_at(from - 1) && !certificate.holds_at(until + 1));
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI("spiffe://shop/a".try_into().unwrap())];
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        assert!(Certificate::from_der(&der).is_ok());
        assert!(Certificate::from_der(&[&der[..], &[0]].concat()).is_err());
        assert!(Certificate::from_der(&der[1..]).is_err());
        assert!(Certificate::from_der(b"").is_err());
    }
}
