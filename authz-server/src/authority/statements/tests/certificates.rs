//! Statements by a key that comes in a certificate.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType, SignatureAlgorithm, date_time_ymd,
};

use super::*;

/// A certificate authority of a test.
struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    fn root(name: &str) -> Authority {
        let (key, params) = (KeyPair::generate().unwrap(), authority_params(name));
        Authority { der: params.self_signed(&key).unwrap().der().to_vec(), issuer: Issuer::new(params, key) }
    }

    fn below(&self, name: &str) -> Authority {
        let (key, params) = (KeyPair::generate().unwrap(), authority_params(name));
        Authority {
            der: params.signed_by(&key, &self.issuer).unwrap().der().to_vec(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A leaf with these parameters, and its key.
    fn leaf(&self, params: &CertificateParams, algorithm: &'static SignatureAlgorithm) -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().to_vec(), key)
    }
}

fn leaf_params() -> CertificateParams {
    let mut params = params("leaf");
    params.subject_alt_names = vec![uri(ISS)];
    params
}

/// A statement that this key signed, with these certificates.
fn statement(chain: &[&[u8]], key: &KeyPair) -> String {
    let x5c: Vec<_> = chain.iter().map(|der| STANDARD.encode(der)).collect();
    let is_ed25519 = key.algorithm() == &PKCS_ED25519;
    let alg = if is_ed25519 { "EdDSA" } else { "ES256" };
    let header = json!({"alg": alg, "typ": "workload-attestation+jwt", "x5c": x5c});
    forge(&header, &claims(), |input| {
        let pkcs8 = key.serialize_der();
        if is_ed25519 {
            let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap();
            return pair.sign(input).as_ref().to_vec();
        }
        let algorithm = if key.algorithm() == &PKCS_ECDSA_P384_SHA384 {
            return vec![7; 64];
        } else {
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING
        };
        let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8).unwrap();
        pair.sign(&aws_lc_rs::rand::SystemRandom::new(), input).unwrap().as_ref().to_vec()
    })
}

fn judged(
    anchors: &[&Authority],
    chain: &[&[u8]],
    key: &KeyPair,
) -> Result<AcceptedStatement<WorkloadClaims>, StatementFault> {
    let anchors: Vec<_> = anchors.iter().map(|anchor| anchor.der.as_slice()).collect();
    workload(&statement(chain, key), &terms(&[attestor(&[], &anchors)]))
}

fn refused(answer: Result<AcceptedStatement<WorkloadClaims>, StatementFault>) -> CertificateFault {
    match answer {
        Err(StatementFault::Certificate(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_leaf_that_leads_to_an_anchor_speaks_for_its_attestor() {
    let (other, root) = (Authority::root("other"), Authority::root("root"));
    let (middle, lowest) = (root.below("middle"), root.below("middle").below("lowest"));
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519] {
        let (leaf, key) = middle.leaf(&leaf_params(), algorithm);
        for chain in [vec![&leaf[..], &middle.der], vec![&leaf[..], &middle.der, &root.der]] {
            let accepted = judged(&[&other, &root], &chain, &key).unwrap();
            let certificate = accepted.certificate.unwrap();
            assert_eq!(certificate.anchor, Digest::of(&root.der));
            assert_eq!(certificate.not_after, Seconds::new(1_893_456_000));
        }
        let (leaf, key) = root.leaf(&leaf_params(), algorithm);
        assert!(judged(&[&root], &[&leaf], &key).is_ok());
    }
    let (leaf, key) = lowest.leaf(&leaf_params(), &PKCS_ED25519);
    assert_eq!(refused(judged(&[&root], &[&leaf, &lowest.der], &key)), CertificateFault::NoPath);
}

#[test]
fn a_chain_to_another_anchor_or_in_another_order_or_with_more_certificates_is_refused() {
    let (root, other) = (Authority::root("root"), Authority::root("root"));
    let middle = root.below("middle");
    let lowest = middle.below("lowest");
    let (leaf, key) = lowest.leaf(&leaf_params(), &PKCS_ED25519);
    assert!(judged(&[&root], &[&leaf, &lowest.der, &middle.der], &key).is_ok());
    for chain in [
        vec![&leaf[..], &middle.der, &lowest.der],
        vec![&leaf[..], &lowest.der],
        vec![&leaf[..], &lowest.der, &middle.der, &other.der],
        vec![&leaf[..], &lowest.der, &lowest.der, &middle.der],
        vec![&leaf[..], &root.der, &lowest.der, &middle.der],
    ] {
        assert_eq!(refused(judged(&[&root], &chain, &key)), CertificateFault::NoPath);
    }
    let chain = [&leaf[..], &lowest.der, &middle.der];
    assert_eq!(refused(judged(&[&other], &chain, &key)), CertificateFault::NoPath);
    assert_eq!(refused(judged(&[], &chain, &key)), CertificateFault::NoPath);
}

#[test]
fn a_leaf_out_of_its_time_is_refused() {
    let root = Authority::root("root");
    for (from, until, good) in [(2026, 2030, true), (2024, 2026, false), (2028, 2030, false)] {
        let mut params = leaf_params();
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let (leaf, key) = root.leaf(&params, &PKCS_ED25519);
        let answer = judged(&[&root], &[&leaf], &key);
        if good {
            assert!(answer.is_ok());
        } else {
            assert_eq!(refused(answer), CertificateFault::NoPath);
        }
    }
}

#[test]
fn the_only_uri_name_of_a_leaf_is_the_attestor() {
    let root = Authority::root("root");
    let dns = || SanType::DnsName("attest.shop".try_into().unwrap());
    for (names, good) in [
        (vec![uri(ISS), dns()], true),
        (vec![uri(ISS), uri("spiffe://shop/other")], false),
        (vec![uri(ISS), uri(ISS)], false),
        (vec![uri("https://other")], false),
        (vec![dns()], false),
        (vec![], false),
    ] {
        let mut params = leaf_params();
        params.subject_alt_names = names.clone();
        let (leaf, key) = root.leaf(&params, &PKCS_ED25519);
        let answer = judged(&[&root], &[&leaf], &key);
        if good {
            assert!(answer.is_ok(), "{names:?}");
        } else {
            assert_eq!(refused(answer), CertificateFault::Name, "{names:?}");
        }
    }
}

#[test]
fn a_certificate_authority_is_not_a_leaf_and_a_leaf_is_not_an_authority() {
    let root = Authority::root("root");
    let mut params = authority_params("an authority with the attestor's name");
    params.subject_alt_names = vec![uri(ISS)];
    let (leaf, key) = root.leaf(&params, &PKCS_ED25519);
    assert_eq!(refused(judged(&[&root], &[&leaf], &key)), CertificateFault::NoPath);

    let (issuing, issuing_key) = root.leaf(&leaf_params(), &PKCS_ECDSA_P256_SHA256);
    let below = Issuer::new(leaf_params(), issuing_key);
    let key = KeyPair::generate().unwrap();
    let leaf = leaf_params().signed_by(&key, &below).unwrap();
    assert_eq!(refused(judged(&[&root], &[leaf.der(), &issuing], &key)), CertificateFault::NoPath);
}

#[test]
fn a_leaf_signs_with_a_key_for_signatures_of_an_algorithm_of_ours() {
    let root = Authority::root("root");
    let mut params = leaf_params();
    for (usage, good) in
        [(KeyUsagePurpose::DigitalSignature, true), (KeyUsagePurpose::KeyEncipherment, false)]
    {
        params.key_usages = vec![usage];
        let (leaf, key) = root.leaf(&params, &PKCS_ECDSA_P256_SHA256);
        let answer = judged(&[&root], &[&leaf], &key);
        if good {
            assert!(answer.is_ok());
        } else {
            assert_eq!(refused(answer), CertificateFault::Usage);
        }
    }
    let (leaf, key) = root.leaf(&leaf_params(), &PKCS_ECDSA_P384_SHA384);
    assert_eq!(refused(judged(&[&root], &[&leaf], &key)), CertificateFault::Key);
}

#[test]
fn a_signature_by_another_key_than_the_leafs_is_refused() {
    let root = Authority::root("root");
    let (leaf, _) = root.leaf(&leaf_params(), &PKCS_ECDSA_P256_SHA256);
    let stranger = KeyPair::generate().unwrap();
    assert_eq!(judged(&[&root], &[&leaf], &stranger).err(), Some(StatementFault::Signature));
    let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    assert_eq!(judged(&[&root], &[&leaf], &other).err(), Some(StatementFault::Algorithm));
}

#[test]
fn bytes_that_are_not_a_certificate_are_refused() {
    let root = Authority::root("root");
    let (leaf, key) = root.leaf(&leaf_params(), &PKCS_ECDSA_P256_SHA256);
    let longer = [&leaf[..], &[0]].concat();
    assert_eq!(refused(judged(&[&root], &[&longer], &key)), CertificateFault::Unreadable);
    assert_eq!(refused(judged(&[&root], &[b"leaf"], &key)), CertificateFault::Unreadable);
    let many = vec![&leaf[..]; 6];
    assert!(matches!(judged(&[&root], &many, &key), Err(StatementFault::Form(_))));
}
