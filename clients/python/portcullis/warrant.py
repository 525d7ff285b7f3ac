"""Warrants: reading them, and narrowing them for somebody else. Sends nothing and verifies no signature: gates do."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ._claims import check_claims, executions
from ._encoding import Json, Malformed, digest, from_base64url, from_json_object
from ._lineage import first_widened
from .errors import DelegationError, InvalidKeyError, MalformedWarrantError, WidenedError
from .key import Key, PublicKey
from .proof import prove

MOST_LINKS = 8
MOST_BYTES_OF_A_LINK = 2 * 1024
MOST_BYTES = 12 * 1024
_ALGORITHMS = ("ES256", "Ed25519", "EdDSA")
_INHERITED = ("aud", "nbf", "exp", "max_depth", "use", "env", "att", "authorization_details")


@dataclass(frozen=True, repr=False)
class Link:
    """One link of a warrant: the claims that its signer stated. `claims` is not to be changed."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def holder(self) -> PublicKey:
        """The key that must sign the next link, and the proof of each request."""
        return PublicKey.from_jwk(self.claims["cnf"]["jwk"])

    @property
    def name(self) -> str:
        """SHA-256 of the signing input: the name by which the next link knows this one as its `parent`."""
        return digest(self.token.rpartition(".")[0].encode("ascii"))

    def __repr__(self) -> str:
        return f"<Link {self.claims['depth']} of {self.claims['sub']}>"


class Warrant:
    """A chain `<root>~<link>~…~<leaf>`.

    `text` is the value of the header `Warrant`. It is not in the object's `repr` and `str`, so that it does not get into logs by
    accident.
    """

    def __init__(self, text: str, links: Sequence[Link]) -> None:
        self.text = text
        self.links = tuple(links)

    @classmethod
    def parse(cls, text: str) -> Warrant:
        """Reads a warrant. Checks its whole form, and no signature: the gates verify, and an agent trusts whom it was had from."""
        tokens = text.split("~")
        if len(text) > MOST_BYTES or len(tokens) > MOST_LINKS:
            raise MalformedWarrantError(f"a warrant has at most {MOST_LINKS} links and {MOST_BYTES} bytes")
        links = []
        for position, token in enumerate(tokens):
            try:
                links.append(_read_link(token, is_root=position == 0))
            except Malformed as fault:
                raise MalformedWarrantError(f"link {position}: {fault}") from None
        return cls(text, links)

    @property
    def root(self) -> Link:
        return self.links[0]

    @property
    def leaf(self) -> Link:
        return self.links[-1]

    @property
    def expires(self) -> int:
        """The second since 1970 at which the first link expires."""
        # Not always the leaf's: `parse` checks no lineage, so a child may claim to outlive its parent. Gates deny such a chain.
        return min(int(link.claims["exp"]) for link in self.links)

    @property
    def uses(self) -> int | None:
        """The smallest limit of any link; `None` if no link has one. How many are left, only the server knows."""
        limits = [int(link.claims["use"]["max"]) for link in self.links if "use" in link.claims]
        return min(limits, default=None)

    def names_host(self, host: str) -> bool:
        """Whether the leaf allows anything at this canonical host."""
        return any(host in detail["hosts"] for detail in self.leaf.claims["authorization_details"])

    def inspect(self) -> str:
        """What the warrant says, for people: one paragraph a link."""
        return "\n".join(_describe(link) for link in self.links)

    def prove(self, key: Key, method: str, authority: str, path_and_query: str, body: bytes | None = None) -> str:
        """The value of `Warrant-Proof` for one request with this warrant. See `portcullis.prove`."""
        if key.public != self.leaf.holder:
            raise InvalidKeyError("the leaf of this warrant is bound to another key")
        return prove(self.text, key, method, authority, path_and_query, body)

    def delegate(
        self,
        key: Key,
        sub: str,
        to: PublicKey | Mapping[str, object],
        *,
        use: int | None = None,
        lifetime: int | None = None,
        nbf: int | None = None,
        max_depth: int | None = None,
        aud: Sequence[str] | None = None,
        env: Mapping[str, Sequence[str]] | None = None,
        att: Sequence[str] | None = None,
        details: Sequence[Mapping[str, Any]] | None = None,
    ) -> Warrant:
        """Adds a link for another holder, signed by this holder's `key`. Nobody is asked.

        What is left out is as in this warrant. `lifetime` is in seconds from now; `details` are the child's whole
        `authorization_details`, `env` its whole environment, `att` the measurements it is bound to. A child that would be wider
        than this warrant is not made: that is a `WidenedError`, where a gate would deny the chain as `lineage-widened`.
        """
        parent = self.leaf.claims
        if key.public != self.leaf.holder:
            raise DelegationError("only the holder's own key can delegate: this warrant is bound to another key")
        if len(self.links) >= MOST_LINKS:
            raise DelegationError(f"a warrant has at most {MOST_LINKS} links")
        if parent["depth"] + 1 > (parent["max_depth"] if max_depth is None else max_depth):
            raise DelegationError("the chain would be deeper than `max_depth`: it would be denied as lineage-too-deep")

        issued = max(int(time.time()), parent["iat"])
        claims: Json = {"iss": key.thumbprint_uri, "parent": self.leaf.name, "sub": sub}
        claims["cnf"] = {"jwk": (to if isinstance(to, PublicKey) else PublicKey.from_jwk(to)).jwk}
        claims |= {"jti": secrets.token_urlsafe(16), "iat": issued, "depth": parent["depth"] + 1}
        claims |= {name: parent[name] for name in _INHERITED if name in parent}
        narrower = {
            "use": None if use is None else {"max": use},
            "exp": None if lifetime is None else issued + lifetime,
            "nbf": nbf,
            "max_depth": max_depth,
            "aud": None if aud is None else list(aud),
            "env": None if env is None else {name: list(values) for name, values in env.items()},
            "att": None if att is None else {"measurement": list(att)},
            "authorization_details": None if details is None else executions(details),
        }
        claims |= {name: value for name, value in narrower.items() if value is not None}
        try:
            check_claims(claims, is_root=False)
        except Malformed as fault:
            raise DelegationError(f"the child would be malformed: {fault}") from None
        widened = first_widened(claims, parent)
        if widened is not None:
            raise WidenedError(widened)
        token = key.sign_jws("warrant+jwt", claims)
        if len(token) > MOST_BYTES_OF_A_LINK or len(self.text) + 1 + len(token) > MOST_BYTES:
            raise DelegationError(f"a link has at most {MOST_BYTES_OF_A_LINK} bytes, and a warrant {MOST_BYTES}")
        return Warrant.parse(f"{self.text}~{token}")

    def __repr__(self) -> str:
        return f"<Warrant of {self.leaf.claims['sub']}, {len(self.links)} links, expires {_time(self.expires)}>"


def first_fault_of_lineage(warrant: Warrant) -> str | None:
    """The first denial that the lineage itself deserves, in the law's order of precedence."""
    pairs = list(itertools.pairwise(warrant.links))
    follows = all(
        child.claims["parent"] == parent.name and child.claims["iss"] == parent.holder.thumbprint_uri for parent, child in pairs
    )
    if not follows or any(link.claims["depth"] != position for position, link in enumerate(warrant.links)):
        return "lineage-broken"
    if any(first_widened(child.claims, parent.claims) for parent, child in pairs):
        return "lineage-widened"
    if any(link.claims["depth"] > link.claims["max_depth"] for link in warrant.links):
        return "lineage-too-deep"
    return None


def _read_link(token: str, *, is_root: bool) -> Link:
    segments = token.split(".")
    if len(token) > MOST_BYTES_OF_A_LINK or len(segments) != 3:
        raise Malformed(f"not a compact JWS of at most {MOST_BYTES_OF_A_LINK} bytes")
    decoded = [from_base64url(segment) for segment in segments]
    header, claims = from_json_object(decoded[0]), from_json_object(decoded[1])
    if set(header) != ({"alg", "typ", "kid"} if is_root else {"alg", "typ"}) or b"\\" in decoded[0]:
        raise Malformed("the header has other members than alg, typ and, on a root alone, kid")
    if header["typ"] != "warrant+jwt" or header["alg"] not in _ALGORITHMS:
        raise Malformed("the header's `typ` or `alg`")
    if is_root and not _is_kid(header["kid"]):
        raise Malformed("the header's `kid`")
    if len(decoded[2]) != 64:
        raise Malformed("the signature has other than 64 bytes")
    check_claims(claims, is_root=is_root)
    return Link(token, header, claims)


def _is_kid(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 64
        and value.isascii()
        and all(character.isalnum() or character in "._-" for character in value)
    )


def _describe(link: Link) -> str:
    claims = link.claims
    lines = [f"link {claims['depth']}: {claims['sub']}, from {claims['iss']}, for {', '.join(claims['aud'])}"]
    lines.append(f"  key      {link.holder.alg} {link.holder.thumbprint}")
    lines.append(f"  valid    {_time(claims['nbf'])} until {_time(claims['exp'])}")
    lines.append(f"  uses     {claims['use']['max'] if 'use' in claims else 'no limit'}")
    lines.append(f"  depth    {claims['depth']} of at most {claims['max_depth']}")
    for name, values in claims["env"].items():
        lines.append(f"  in       {name} {', '.join(values)}")
    for measurement in claims.get("att", {}).get("measurement", ()):
        lines.append(f"  build    {measurement}")
    for detail in claims["authorization_details"]:
        words = [*detail["methods"], *detail["hosts"], *detail["paths"]]
        words += [f"action {action}" for action in detail.get("actions", ())]
        words += [f"{name} {constraint}" for name, constraint in detail.get("args", {}).items()]
        lines.append(f"  allows   {' '.join(words)}")
    return "\n".join(lines)


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s after 1970"
