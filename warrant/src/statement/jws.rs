//! A statement as a signed token (JWS): how the server signs it, and how it is read before its signature is checked.
//! This module does not know which keys are pinned.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Statement, StatementFault};
use crate::{
    base64url,
    json::{Malformed, Parsed, writer::ObjectWriter},
    key::{Algorithm, PublicKey},
    signature::Signature,
    token::{Token, TokenKind},
    verifier::{Verifier, is_signed_by},
};
#[cfg(feature = "mint")]
use crate::{
    formats::is_kid,
    mint::{MintError, Signer},
};

/// A signed statement. Limits the cost of reading one: 128 predecessors have room.
const MAX_BYTES: usize = 64 * 1024;

/// A signed statement of good form. Its signature is not checked yet.
#[derive(Clone, Debug)]
pub(crate) struct PresentedStatement<'a> {
    signing_input: &'a [u8],
    signature: Signature,
    kid: Box<str>,
    statement: Statement,
}

impl<'a> PresentedStatement<'a> {
    pub(crate) fn parse(jws: &'a [u8]) -> Result<Self, StatementFault> {
        Self::read(jws).map_err(StatementFault::from)
    }

    /// The name of the key that must have signed it.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The statement, if `key` signed it.
    pub(crate) fn verify(self, key: &PublicKey, verifier: &dyn Verifier) -> Option<Statement> {
        let holds =
            key.alg() == Algorithm::Es256 && is_signed_by(verifier, key, self.signing_input, &self.signature);
        holds.then_some(self.statement)
    }

    fn read(jws: &'a [u8]) -> Parsed<Self> {
        if jws.len() > MAX_BYTES {
            return Err(Malformed("a signed statement is too long"));
        }
        let token = Token::parse(jws, TokenKind::Statement)?;
        let kid = token.kid.ok_or(Malformed("a header lacks `kid`"))?;
        // The header has one text, which has no other algorithm.
        let mut canonical = base64url::encode(header(&kid).as_bytes()).into_bytes();
        canonical.push(b'.');
        if !token.signing_input.starts_with(&canonical) {
            return Err(Malformed(
                "the header of a statement is not canonical, or has another `alg` than ES256",
            ));
        }
        let claims = URL_SAFE_NO_PAD
            .decode(token.payload)
            .map_err(|_| Malformed("the claims of a statement are not canonical base64url"))?;
        Ok(Self {
            signing_input: token.signing_input,
            signature: token.signature,
            kid,
            statement: Statement::read(&claims)?,
        })
    }
}

#[cfg(feature = "mint")]
impl Statement {
    /// Checks that this is what is signed of a statement that a gate could take.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn check_signing_input(input: &[u8]) -> Result<(), StatementFault> {
        // The form of a signature is its length.
        let signature = base64url::encode(&[0; 64]);
        let presented = PresentedStatement::read(&[input, b".", signature.as_bytes()].concat())?.statement;
        if presented.lives_too_long() {
            return Err(Malformed("a statement is current for more than 30 s").into());
        }
        Ok(())
    }

    /// Signs the statement with the key whose name is `kid`.
    ///
    /// # Errors
    /// When no gate would accept it, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer, kid: &str) -> Result<String, MintError> {
        if !is_kid(kid) {
            return Err(MintError::Malformed("`kid` is not 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        if signer.public_key().alg() != Algorithm::Es256 {
            return Err(MintError::Malformed("the key of a statement is not for ES256"));
        }
        if self.lives_too_long() {
            return Err(MintError::Malformed("a statement is current for more than 30 s"));
        }
        let claims = self.to_json();
        Self::read(claims.as_bytes()).map_err(|Malformed(what)| MintError::Malformed(what))?;
        let input =
            format!("{}.{}", base64url::encode(header(kid).as_bytes()), base64url::encode(claims.as_bytes()));
        let signature = signer.sign(input.as_bytes()).map_err(MintError::Sign)?;
        Ok(format!("{input}.{}", base64url::encode(&signature)))
    }
}

/// The header as canonical JSON.
fn header(kid: &str) -> String {
    let mut header = ObjectWriter::new();
    header.text("alg", Algorithm::Es256.name());
    header.text("kid", kid);
    header.text("typ", TokenKind::Statement.typ());
    header.end()
}
