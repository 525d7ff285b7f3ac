//! Public keys. A delegator chooses the next holder's key, so a key is hostile input: its form is checked here, before
//! any library sees it. This module does not know how signatures are verified.

use crate::{
    Digest, base64url,
    formats::is_kid,
    json::{JsonReader, JsonString, Malformed, Parsed, required, set_once, text, writer::ObjectWriter},
};

/// The two signature algorithms. The algorithm belongs to the key, and no token can choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519. `EdDSA` is accepted as another name for it.
    Ed25519,
}

impl Algorithm {
    /// The name that this crate writes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Ed25519 => "Ed25519",
        }
    }

    pub(crate) fn named(text: JsonString<'_>) -> Option<Self> {
        if text.is("ES256") {
            Some(Self::Es256)
        } else if text.is("Ed25519") || text.is("EdDSA") {
            Some(Self::Ed25519)
        } else {
            None
        }
    }
}

/// A public key of good form. Only a [`crate::Verifier`] can say whether its coordinates are a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(Coordinates);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Coordinates {
    /// x, then y.
    P256([u8; 64]),
    Ed25519([u8; 32]),
}

/// A key's thumbprint (RFC 7638). It is the same for every spelling of the JWK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint(Digest);

/// Why a key was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError(&'static str);

impl PublicKey {
    /// Reads a public JWK with exactly the members `kty`, `crv`, `x`, `alg` and, for P-256, `y`.
    ///
    /// # Errors
    /// When it has another member (such as a private part), lacks a member, or its members do not agree.
    pub fn from_jwk(json: &[u8]) -> Result<Self, KeyError> {
        let read = || {
            let mut reader = JsonReader::new(json)?;
            let key = Self::read(&mut reader)?;
            reader.end().map(|()| key)
        };
        read().map_err(|Malformed(why)| KeyError(why))
    }

    /// Reads a public JWK that also has the member `kid`, as configurations name a key.
    ///
    /// # Errors
    /// As [`Self::from_jwk`], and when `kid` is missing or has a wrong form.
    pub fn from_jwk_with_kid(json: &[u8]) -> Result<(Box<str>, Self), KeyError> {
        let read = || {
            let mut reader = JsonReader::new(json)?;
            let named = Self::read_with_kid(&mut reader)?;
            reader.end().map(|()| named)
        };
        read().map_err(|Malformed(why)| KeyError(why))
    }

    /// A key from its coordinates: x and y of P-256, or the 32 bytes of Ed25519.
    ///
    /// # Errors
    /// When the number of bytes is wrong, or an Ed25519 key is not canonical or is of small order.
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Result<Self, KeyError> {
        let length = |_| KeyError("a key has the wrong length");
        let coordinates = match algorithm {
            Algorithm::Es256 => Coordinates::P256(raw.try_into().map_err(length)?),
            Algorithm::Ed25519 => Coordinates::Ed25519(raw.try_into().map_err(length)?),
        };
        Self::of(coordinates).map_err(|Malformed(why)| KeyError(why))
    }

    /// The one algorithm of this key.
    pub const fn alg(&self) -> Algorithm {
        match self.0 {
            Coordinates::P256(_) => Algorithm::Es256,
            Coordinates::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The coordinates: x and y of P-256, or the 32 bytes of Ed25519.
    pub const fn as_raw(&self) -> &[u8] {
        match &self.0 {
            Coordinates::P256(xy) => xy,
            Coordinates::Ed25519(y) => y,
        }
    }

    /// The key's thumbprint.
    pub fn thumbprint(&self) -> Thumbprint {
        let canonical = match &self.0 {
            Coordinates::P256(_) => {
                let (x, y) = self.p256_text();
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Coordinates::Ed25519(y) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url::encode(y))
            }
        };
        Thumbprint(Digest::of(canonical.as_bytes()))
    }

    /// The JWK, as a warrant's `cnf` contains it.
    pub fn to_jwk_json(&self) -> String {
        match &self.0 {
            Coordinates::P256(_) => {
                let (x, y) = self.p256_text();
                format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}","alg":"ES256"}}"#)
            }
            Coordinates::Ed25519(y) => {
                format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}","alg":"Ed25519"}}"#, base64url::encode(y))
            }
        }
    }

    /// SubjectPublicKeyInfo in DER, for hosts that expect keys in X.509 form.
    pub fn spki_der(&self) -> Vec<u8> {
        // Both are a fixed prefix before the coordinates, because every length in them is constant.
        const P256: &[u8] = &[
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
        ];
        const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        match &self.0 {
            Coordinates::P256(xy) => [P256, xy].concat(),
            Coordinates::Ed25519(y) => [ED25519, y].concat(),
        }
    }

    pub(crate) fn read(reader: &mut JsonReader<'_>) -> Result<Self, Malformed> {
        let mut jwk = Jwk::default();
        reader.object(|r, name| jwk.member(r, name))?;
        jwk.key()
    }

    /// Reads a public JWK that also has the member `kid`.
    pub(crate) fn read_with_kid(reader: &mut JsonReader<'_>) -> Result<(Box<str>, Self), Malformed> {
        let (mut jwk, mut kid) = (Jwk::default(), None);
        reader.object(|r, name| match name {
            "kid" => {
                set_once(&mut kid, text(r, is_kid, "`kid` is not 1 to 64 letters, digits, `.`, `_` and `-`")?)
            }
            _ => jwk.member(r, name),
        })?;
        Ok((required(kid, "a key lacks `kid`")?.to_box(), jwk.key()?))
    }

    /// The JWK with its `kid`, in canonical JSON: the members are sorted.
    pub(crate) fn canonical_jwk_json(&self, kid: &str) -> String {
        let mut jwk = ObjectWriter::new();
        jwk.text("alg", self.alg().name());
        match &self.0 {
            Coordinates::P256(_) => {
                let (x, y) = self.p256_text();
                jwk.text("crv", "P-256");
                jwk.text("kid", kid);
                jwk.text("kty", "EC");
                jwk.text("x", &x);
                jwk.text("y", &y);
            }
            Coordinates::Ed25519(y) => {
                jwk.text("crv", "Ed25519");
                jwk.text("kid", kid);
                jwk.text("kty", "OKP");
                jwk.text("x", &base64url::encode(y));
            }
        }
        jwk.end()
    }

    fn of(coordinates: Coordinates) -> Result<Self, Malformed> {
        match coordinates {
            Coordinates::Ed25519(y) if !is_canonical_and_of_large_order(&y) => {
                Err(Malformed("an Ed25519 key is not canonical, or it has small order"))
            }
            Coordinates::P256(_) | Coordinates::Ed25519(_) => Ok(Self(coordinates)),
        }
    }

    fn p256_text(&self) -> (String, String) {
        let (x, y) = self.as_raw().split_at_checked(32).unwrap_or_default();
        (base64url::encode(x), base64url::encode(y))
    }
}

/// The members of a JWK that were read so far.
#[derive(Default)]
struct Jwk<'a> {
    kty: Option<JsonString<'a>>,
    crv: Option<JsonString<'a>>,
    x: Option<JsonString<'a>>,
    y: Option<JsonString<'a>>,
    alg: Option<JsonString<'a>>,
}

impl<'a> Jwk<'a> {
    fn member(&mut self, r: &mut JsonReader<'a>, name: &str) -> Parsed<()> {
        let slot = match name {
            "kty" => &mut self.kty,
            "crv" => &mut self.crv,
            "x" => &mut self.x,
            "y" => &mut self.y,
            "alg" => &mut self.alg,
            _ => return Err(Malformed("a key has a member that a public key does not have")),
        };
        set_once(slot, r.string()?)
    }

    fn key(self) -> Parsed<PublicKey> {
        let kty = required(self.kty, "a key lacks `kty`")?;
        let crv = required(self.crv, "a key lacks `crv`")?;
        let x = coordinate(required(self.x, "a key lacks `x`")?)?;
        let alg = Algorithm::named(required(self.alg, "a key lacks `alg`")?)
            .ok_or(Malformed("a key has an `alg` other than ES256, Ed25519 and EdDSA"))?;
        match alg {
            Algorithm::Es256 if kty.is("EC") && crv.is("P-256") => {
                let y = coordinate(required(self.y, "a P-256 key lacks `y`")?)?;
                let mut xy = [0; 64];
                for (to, from) in xy.iter_mut().zip(x.into_iter().chain(y)) {
                    *to = from;
                }
                PublicKey::of(Coordinates::P256(xy))
            }
            Algorithm::Ed25519 if kty.is("OKP") && crv.is("Ed25519") && self.y.is_none() => {
                PublicKey::of(Coordinates::Ed25519(x))
            }
            Algorithm::Es256 | Algorithm::Ed25519 => {
                Err(Malformed("the members of a key do not fit together"))
            }
        }
    }
}

impl Thumbprint {
    const URI: &str = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:";

    /// Reads a thumbprint URI (RFC 9278). `None` when it has another form.
    pub fn from_uri(text: &str) -> Option<Self> {
        text.strip_prefix(Self::URI).and_then(Self::parse)
    }

    /// Reads a thumbprint in its displayed form: 43 characters of base64url.
    pub fn parse(text: &str) -> Option<Self> {
        Digest::parse_base64url(text).map(Self)
    }

    /// The thumbprint URI (RFC 9278): the `iss` of a delegation.
    pub fn uri(&self) -> String {
        format!("{}{self}", Self::URI)
    }
}

impl std::fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.to_base64url())
    }
}

impl KeyError {
    #[cfg(all(feature = "mint", feature = "pure"))]
    pub(crate) const fn new(why: &'static str) -> Self {
        Self(why)
    }
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

fn coordinate(text: JsonString<'_>) -> Result<[u8; 32], Malformed> {
    text.with(|t| base64url::decode_exactly(t.as_bytes()))
        .flatten()
        .ok_or(Malformed("a key has a coordinate that is not 32 bytes in canonical base64url"))
}

/// Whether 32 bytes are the canonical encoding of an Edwards y-coordinate and, if that is a point, the point is not of
/// small order. Libraries differ on both, so this is checked before any library is called.
pub(crate) fn is_canonical_and_of_large_order(encoded: &[u8; 32]) -> bool {
    /// 2^255 - 19, little-endian.
    const P: [u8; 32] = field_edge(0xed);
    /// The y-coordinates of the eight points of small order: 0, 1, -1 and the two of order eight.
    const SMALL: [[u8; 32]; 5] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        field_edge(0xec),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f; // remove the sign of x, which does not change the order
    }
    y.iter().rev().lt(P.iter().rev()) && !SMALL.contains(&y)
}

const fn field_edge(lowest: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = lowest;
    bytes[31] = 0x7f;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8037, appendix A.3, and RFC 7517's P-256 example. The latter's thumbprint was computed with coreutils.
    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ed_jwk(alg: &str) -> String {
        format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED}","alg":"{alg}"}}"#)
    }

    fn ec_jwk() -> String {
        r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","alg":"ES256"}"#.to_owned()
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        let key = PublicKey::from_jwk(ed_jwk("EdDSA").as_bytes()).unwrap();
        assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(Thumbprint::from_uri(&key.thumbprint().uri()), Some(key.thumbprint()));
        let key = PublicKey::from_jwk(ec_jwk().as_bytes()).unwrap();
        assert_eq!(key.thumbprint().to_string(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn keys_read_back() {
        for jwk in [ed_jwk("Ed25519"), ec_jwk()] {
            let key = PublicKey::from_jwk(jwk.as_bytes()).unwrap();
            assert_eq!(key.to_jwk_json(), jwk);
            assert_eq!(PublicKey::from_raw(key.alg(), key.as_raw()), Ok(key));
        }
    }

    #[test]
    fn a_key_with_other_or_disagreeing_members_is_refused() {
        let edits = [
            ("\"kty\":\"EC\"", "\"kty\":\"OKP\""),
            ("\"crv\":\"P-256\"", "\"crv\":\"P-384\""),
            ("\"crv\":\"P-256\"", "\"crv\":\"secp256k1\""),
            ("\"alg\":\"ES256\"", "\"alg\":\"EdDSA\""),
            ("\"alg\":\"ES256\"", "\"alg\":\"ES384\""),
            (",\"alg\":\"ES256\"", ""),
            ("\"kty\":\"EC\",", ""),
            ("\"crv\":\"P-256\",", ""),
            ("{\"kty\"", "{\"d\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"kty\""),
            ("{\"kty\"", "{\"kid\":\"a\",\"kty\""),
            ("{\"kty\"", "{\"kty\":\"EC\",\"kty\""),
            ("7D4\"", "7D5\""),
            ("7D4\"", "7D4=\""),
            ("7D4\"", "7D4A\""),
            ("\"x\":\"MK", "\"x\":\""),
        ];
        for (from, to) in edits {
            let jwk = ec_jwk().replacen(from, to, 1);
            assert_ne!(jwk, ec_jwk(), "{from} is there");
            assert!(PublicKey::from_jwk(jwk.as_bytes()).is_err(), "{jwk}");
        }
        let with_y = ed_jwk("EdDSA").replace("\"alg\"", &format!("\"y\":\"{ED}\",\"alg\""));
        assert!(PublicKey::from_jwk(with_y.as_bytes()).is_err());
        assert!(PublicKey::from_jwk(format!("{} x", ec_jwk()).as_bytes()).is_err());
    }

    #[test]
    fn points_of_small_order_and_second_encodings_are_refused() {
        let mut edge = field_edge(0xed);
        for y in 0xed..=0xff_u8 {
            edge[0] = y;
            edge[31] = 0x7f;
            assert!(!is_canonical_and_of_large_order(&edge), "{y:x}: not below the prime");
            edge[31] = 0xff;
            assert!(!is_canonical_and_of_large_order(&edge));
        }
        edge[0] = 0xeb;
        assert!(is_canonical_and_of_large_order(&edge));
        for sign in [0, 0x80] {
            for mut y in [[0; 32], field_edge(0xec)] {
                y[31] |= sign;
                assert!(!is_canonical_and_of_large_order(&y));
            }
        }
        assert!(PublicKey::from_raw(Algorithm::Ed25519, &[0; 32]).is_err());
        assert!(PublicKey::from_raw(Algorithm::Ed25519, &[9; 31]).is_err());
        assert!(PublicKey::from_raw(Algorithm::Es256, &[9; 65]).is_err());
    }
}
