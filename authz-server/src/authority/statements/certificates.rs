//! The key of an attestor that comes in a certificate (`x5c`, RFC 7515), and the path from there to an anchor.
//!
//! `rustls-webpki` checks the path (RFC 5280): signatures, times, basic constraints, path lengths and name constraints.
//! Here the path must also consist of exactly the certificates that were sent, in their order, and the leaf must name
//! the attestor. An anchor is a key and a name that the bundle trusts: its own dates are not read.

use std::time::Duration;

use policy::Attestor;
use rustls_pki_types::{CertificateDer, UnixTime};
use warrant::{PublicKey, Seconds};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};

use super::{AttestorCertificate, CertificateFault};
use crate::keys::Certificate;

/// The key of a leaf whose path is valid.
pub(super) struct CertifiedKey {
    pub(super) key: PublicKey,
    pub(super) certificate: AttestorCertificate,
}

/// The key of the first of these certificates, if it may speak for the attestor.
pub(super) fn leaf_key(
    chain: &[Vec<u8>],
    attestor: &Attestor,
    now: Seconds,
) -> Result<CertifiedKey, CertificateFault> {
    let (leaf, above) = chain.split_first().ok_or(CertificateFault::Unreadable)?;
    let read = Certificate::from_der(leaf).map_err(|_| CertificateFault::Unreadable)?;
    let anchor = attestor.anchors.iter().find(|anchor| leads(leaf, above, &anchor.der, now));
    let anchor = anchor.ok_or(CertificateFault::NoPath)?;
    if read.uris() != [attestor.iss.as_str()] {
        return Err(CertificateFault::Name);
    }
    if !read.may_sign {
        return Err(CertificateFault::Usage);
    }
    Ok(CertifiedKey {
        key: read.key.ok_or(CertificateFault::Key)?,
        certificate: AttestorCertificate { anchor: anchor.digest, not_after: Seconds::new(read.not_after) },
    })
}

/// Whether there is a valid path from the leaf through exactly the certificates above it to this anchor, which may also
/// be the last of them.
fn leads(leaf: &[u8], above: &[Vec<u8>], anchor: &[u8], now: Seconds) -> bool {
    let above = match above.split_last() {
        Some((last, before)) if last == anchor => before,
        Some(_) | None => above,
    };
    let (leaf, anchor) = (CertificateDer::from(leaf), CertificateDer::from(anchor));
    let between: Vec<CertificateDer<'_>> =
        above.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let (Ok(leaf), Ok(anchor)) = (EndEntityCert::try_from(&leaf), anchor_from_trusted_cert(&anchor)) else {
        return false;
    };
    let anchors = [anchor];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.get()));
    let path =
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &between, now, AnyUsage, None, None);
    // The library finds a path in any order, and without some of the certificates.
    path.is_ok_and(|path| {
        path.intermediate_certificates().map(|certificate| certificate.der()).eq(between.iter().cloned())
    })
}

/// No purpose is registered for the keys of attestors, so an extended key usage says nothing about them.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}
