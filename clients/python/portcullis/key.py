"""The agent's key: made once, kept in one file, and never sent anywhere. Knows nothing about warrants."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ._encoding import Malformed, digest, from_base64url, from_json_object, to_base64url, to_json
from .errors import InvalidKeyError

Algorithm = Literal["ES256", "Ed25519"]
THUMBPRINT_URI = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"

_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_KINDS: Mapping[Algorithm, tuple[str, str]] = {"ES256": ("EC", "P-256"), "Ed25519": ("OKP", "Ed25519")}
_MOST_BYTES_OF_A_FILE = 64 * 1024


class PublicKey:
    """The public half of a key."""

    def __init__(self, key: _Public) -> None:
        self._key = key
        if isinstance(key, ec.EllipticCurvePublicKey):
            numbers = key.public_numbers()
            coordinates = {"x": _coordinate(numbers.x), "y": _coordinate(numbers.y)}
            self.alg: Algorithm = "ES256"
        else:
            coordinates = {"x": to_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
            self.alg = "Ed25519"
        kty, crv = _KINDS[self.alg]
        self._jwk = {"kty": kty, "crv": crv, **coordinates}

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> PublicKey:
        """Reads a public JWK that has exactly the members `kty`, `crv`, `x`, `y` (for ES256) and `alg`."""
        alg, parts = _parts(jwk)
        if set(jwk) != {"kty", "crv", "alg", *(name for name in parts if name != "d")}:
            raise InvalidKeyError("a public JWK has no other members than kty, crv, x, y and alg")
        return cls(_public(alg, parts))

    @property
    def jwk(self) -> dict[str, str]:
        """The public JWK with its `alg`: the form that `cnf` has in a warrant."""
        return {**self._jwk, "alg": self.alg}

    @property
    def thumbprint(self) -> str:
        """The SHA-256 thumbprint of RFC 7638, in base64url."""
        return digest(to_json(dict(sorted(self._jwk.items()))).encode())

    @property
    def thumbprint_uri(self) -> str:
        """The thumbprint as the URI of RFC 9278. It is the `iss` of every link that this key signs."""
        return THUMBPRINT_URI + self.thumbprint

    def verify(self, signature: bytes, signed: bytes) -> bool:
        """Whether this key signed these bytes. A signature is 64 bytes, as in a JWS."""
        if len(signature) != 64:
            return False
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, signed)
            else:
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                self._key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._jwk == other._jwk

    def __hash__(self) -> int:
        return hash(self.thumbprint)

    def __repr__(self) -> str:
        return f"<PublicKey {self.alg} {self.thumbprint}>"


class Key:
    """A private key with its one algorithm.

    The object cannot be pickled, and its `repr` shows only the thumbprint.
    """

    def __init__(self, private: _Private) -> None:
        self._private = private
        self.public = PublicKey(private.public_key())

    @classmethod
    def generate(cls, alg: Algorithm = "ES256") -> Key:
        if alg == "ES256":
            return cls(ec.generate_private_key(ec.SECP256R1()))
        if alg == "Ed25519":
            return cls(ed25519.Ed25519PrivateKey.generate())
        raise InvalidKeyError("the algorithm is neither ES256 nor Ed25519")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Key:
        """Reads the file that `portcullis key new` or `save` wrote. Refuses a file that others may read."""
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & 0o077:
                raise InvalidKeyError(f"others may read {os.fspath(path)}: chmod 600, or make a new key")
            text = file.read(_MOST_BYTES_OF_A_FILE)
        try:
            return cls.from_jwk(from_json_object(text))
        except (Malformed, InvalidKeyError) as fault:
            raise InvalidKeyError(f"{os.fspath(path)} is not a private JWK: {fault}") from None

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> Key:
        """Reads a private JWK. A `kid` is allowed and not kept: agents' keys are known by their thumbprints."""
        alg, parts = _parts(jwk)
        if "d" not in parts:
            raise InvalidKeyError("the JWK is a public key: there is nothing to sign with")
        private = _private(alg, parts["d"])
        key = cls(private)
        if key.public != PublicKey(_public(alg, parts)):
            raise InvalidKeyError("the halves of the JWK do not belong together")
        return key

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a new file that only this user can read. Never replaces a file: a lost key cannot be made again."""
        jwk = {**self.public.jwk, "d": to_base64url(self._secret())}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(to_json(jwk) + "\n")

    @property
    def alg(self) -> Algorithm:
        return self.public.alg

    @property
    def thumbprint(self) -> str:
        return self.public.thumbprint

    @property
    def thumbprint_uri(self) -> str:
        return self.public.thumbprint_uri

    def sign_jws(self, typ: str, claims: Mapping[str, object], *, kid: str | None = None) -> str:
        """One compact JWS. Warrants and proofs have no other header members than `alg`, `typ` and, on a root, `kid`."""
        header = {"alg": self.alg, "typ": typ, **({} if kid is None else {"kid": kid})}
        signed = f"{to_base64url(to_json(header).encode())}.{to_base64url(to_json(claims).encode())}"
        return f"{signed}.{to_base64url(self._sign(signed.encode('ascii')))}"

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(data)
        r, s = decode_dss_signature(self._private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _secret(self) -> bytes:
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.private_bytes_raw()
        return self._private.private_numbers().private_value.to_bytes(32, "big")

    def __reduce__(self) -> str:
        raise TypeError("a private key is not pickled")

    def __repr__(self) -> str:
        return f"<Key {self.alg} {self.thumbprint}>"


def _coordinate(number: int) -> str:
    return to_base64url(number.to_bytes(32, "big"))


def _parts(jwk: Mapping[str, object]) -> tuple[Algorithm, dict[str, bytes]]:
    """The algorithm, and the members that are numbers: 32 bytes each."""
    kind = (jwk.get("kty"), jwk.get("crv"))
    alg = next((alg for alg, own in _KINDS.items() if own == kind), None)
    if alg is None:
        raise InvalidKeyError("the JWK is neither a P-256 nor an Ed25519 key")
    named = jwk.get("alg")
    if named != alg and not (alg == "Ed25519" and named == "EdDSA"):
        raise InvalidKeyError(f"the JWK's `alg` is not {alg}")
    numbers = ["x", "y"] if alg == "ES256" else ["x"]
    parts: dict[str, bytes] = {}
    for name in [*numbers, *(["d"] if "d" in jwk else [])]:
        text = jwk.get(name)
        try:
            parts[name] = from_base64url(text) if isinstance(text, str) else b""
        except Malformed:
            parts[name] = b""
        if len(parts[name]) != 32:
            raise InvalidKeyError(f"the JWK's `{name}` is not 32 bytes in base64url")
    return alg, parts


def _public(alg: Algorithm, parts: Mapping[str, bytes]) -> _Public:
    try:
        if alg == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(parts["x"])
        x, y = (int.from_bytes(parts[name], "big") for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise InvalidKeyError("the JWK's point is not on its curve") from None


def _private(alg: Algorithm, secret: bytes) -> _Private:
    if alg == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    try:
        return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    except ValueError:
        raise InvalidKeyError("the JWK's `d` is outside the range of its curve") from None
