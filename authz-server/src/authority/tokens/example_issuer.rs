//! Keys of an issuer of tokens, for every algorithm. They sign whatever a test writes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// A key of an issuer: its public JWK, and how it signs.
pub(crate) struct IssuerKey {
    pub(crate) alg: &'static str,
    pub(crate) jwk: Value,
    sign: Sign,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl IssuerKey {
    pub(crate) fn es256() -> IssuerKey {
        IssuerKey::ecdsa("ES256", "P-256", EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn es384() -> IssuerKey {
        IssuerKey::ecdsa("ES384", "P-384", EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap())
    }

    fn ecdsa(alg: &'static str, crv: &str, pair: EcdsaKeyPair) -> IssuerKey {
        let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
        IssuerKey {
            alg,
            jwk: json!({"kid": "k1", "kty": "EC", "crv": crv, "x": encode(x), "y": encode(y), "use": "sig"}),
            sign: Box::new(move |message| {
                pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
            }),
        }
    }

    pub(crate) fn ed25519() -> IssuerKey {
        let pair = Ed25519KeyPair::generate().unwrap();
        IssuerKey {
            alg: "EdDSA",
            jwk: json!({"kid": "k1", "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()), "alg": "EdDSA"}),
            sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
        }
    }

    /// `alg` is RS256 or PS256.
    pub(crate) fn rsa(alg: &'static str) -> IssuerKey {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let (n, e) = (
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        );
        let jwk = json!({"kid": "k1", "kty": "RSA", "n": encode(n), "e": encode(e), "alg": alg, "key_ops": ["verify"]});
        let padding = if alg == "RS256" { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
        IssuerKey {
            alg,
            jwk,
            sign: Box::new(move |message| {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }),
        }
    }

    /// A token with these claims and the usual header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.alg, "kid": "k1", "typ": "JWT"}), claims)
    }

    pub(crate) fn token_with(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token with exactly these texts.
    pub(crate) fn token_of(&self, header: &str, claims: &str) -> String {
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature = encode((self.sign)(input.as_bytes()));
        format!("{input}.{signature}")
    }
}
