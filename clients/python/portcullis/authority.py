"""Authorities and the token exchange of RFC 8693. Builds the request and judges the answer; `_transport` sends it."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlencode, urlsplit

from ._encoding import Json, Malformed, from_json_object, to_json
from ._retry_after import seconds_to_wait
from .ask import Ask
from .errors import (
    AuthorityError,
    ConfigurationError,
    MalformedWarrantError,
    TokenRefusedError,
    UnexpectedAnswerError,
)
from .key import Key
from .proof import prove
from .warrant import Warrant

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
WARRANT_TYPE = "urn:portcullis:params:oauth:token-type:warrant"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 a name, not a secret

Token = str | Callable[[], str]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MOST_CHARACTERS_OF_A_REASON = 500


@dataclass(frozen=True)
class Authority:
    """One authority that this agent may ask, and with what.

    Subject tokens are sent to `token_endpoint` and nowhere else. A token may be a function, which is called for each exchange, so
    that a token that rotates in a file is always the newest one. It is not called for a request that a kept warrant serves: for
    each person on whose behalf a program acts, make an `Authority` and an agent of their own. Without any `subject_token`, the
    client certificate of `ssl_context` speaks for the agent.

    `issuer` is the authority's name in warrants and challenges: the origin of the endpoint, unless it says otherwise.
    `ssl_context` may be a function too. Without it, the system's certificate authorities are trusted. `allow_cleartext` permits
    `http` to another host than loopback: then everybody on the way can take the token. `timeout` is in seconds, for each step of an
    exchange: to connect, to send, and for each part of the answer.
    """

    token_endpoint: str
    audience: str
    subject_token: Token | None = field(default=None, repr=False)
    subject_token_type: str = JWT_TYPE
    actor_token: Token | None = field(default=None, repr=False)
    actor_token_type: str = JWT_TYPE
    issuer: str = ""
    ssl_context: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    allow_cleartext: bool = False
    timeout: float = 5.0

    def __post_init__(self) -> None:
        url = _parsed(self.token_endpoint)
        if url is None or url.scheme not in ("https", "http") or not url.hostname or url.fragment or url.query or "@" in url.netloc:
            # The URL is not quoted: a password may be in it.
            raise ConfigurationError(
                "`token_endpoint` must be an https URL without user, query and fragment, like https://authority.shop/v1/token"
            )
        if url.scheme == "http" and not self.allow_cleartext and not _is_loopback(url.hostname):
            raise ConfigurationError(
                f"the token endpoint at {url.netloc} is not https: a subject token would be readable on the way. Use https, or set "
                "`allow_cleartext` where something else encrypts"
            )
        if not self.issuer:
            object.__setattr__(self, "issuer", f"{url.scheme}://{url.netloc}".lower())

    def is_named(self, realm: str | None, issuers: Sequence[str]) -> bool:
        """Whether a challenge means this authority."""
        return realm in (None, self.audience) and (not issuers or self.issuer in issuers)


@dataclass(frozen=True, repr=False)
class Exchange:
    """One token request: what is sent, and what is to be kept out of every message."""

    authority: Authority
    holder: Key
    body: bytes
    secrets: tuple[str, ...]

    @classmethod
    def of(cls, authority: Authority, key: Key, ask: Ask) -> Exchange:
        """Calls the functions that read tokens: do not call this on an event loop."""
        form: list[tuple[str, str]] = [("grant_type", GRANT_TYPE), ("requested_token_type", WARRANT_TYPE)]
        form += [("audience", authority.audience), ("cnf", to_json(key.public.jwk)), *ask.form]
        tokens = []
        for name, source, kind in (
            ("subject_token", authority.subject_token, authority.subject_token_type),
            ("actor_token", authority.actor_token, authority.actor_token_type),
        ):
            if source is None:
                continue
            token = (source() if callable(source) else source).strip()
            if not token:
                raise ConfigurationError(f"the {name} is empty: nothing was sent to {authority.token_endpoint}")
            tokens.append(token)
            form += [(name, token), (f"{name}_type", kind)]
        return cls(authority, key, urlencode(form).encode("ascii"), tuple(tokens))

    def headers(self, host: str, target: str) -> dict[str, str]:
        """`host` and `target` are the `Host` header and the raw path that are sent: the proof names them."""
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            # There is no warrant yet, so the proof is about the empty one. It shows that the key of `cnf` is held.
            "Warrant-Proof": prove("", self.holder, "POST", host, target, self.body),
        }

    def warrant(self, status: int, retry_after: str | None, body: bytes) -> Warrant:
        """The warrant in the answer. Raises `TokenRefusedError` or `UnexpectedAnswerError`."""
        endpoint = self.authority.token_endpoint
        try:
            answer = from_json_object(body)
        except Malformed as fault:
            if status == 200:
                raise UnexpectedAnswerError(f"the answer of {endpoint} is malformed: {fault}") from None
            answer = {}  # something in front of the authority has answered: the status says what there is to say
        if status != 200:
            raise self._refusal(status, retry_after, answer)
        text = answer.get("access_token")
        if not isinstance(text, str) or answer.get("issued_token_type") != WARRANT_TYPE:
            raise UnexpectedAnswerError(
                f"{endpoint} answered with something else than a warrant: is it the endpoint of a Portcullis server?"
            )
        try:
            warrant = Warrant.parse(text)
        except MalformedWarrantError as error:
            raise UnexpectedAnswerError(f"{endpoint} answered with a malformed warrant: {error}") from None
        if len(warrant.links) != 1 or warrant.leaf.holder != self.holder.public:
            raise UnexpectedAnswerError(f"{endpoint} answered with a warrant that is not a root for this agent's key")
        return warrant

    def _refusal(self, status: int, retry_after: str | None, answer: Json) -> AuthorityError:
        endpoint = self.authority.token_endpoint
        if 300 <= status < 400:
            return UnexpectedAnswerError(
                f"{endpoint} redirects ({status}), and a subject token is not sent elsewhere: configure the URL that answers"
            )
        said = {name: self._reason(answer.get(name)) for name in ("error", "error_description", "code", "cure")}
        if said["error_description"] is None:
            said["error_description"] = self._reason(answer.get("detail"))
        return TokenRefusedError(status, **said, retry_after=seconds_to_wait(retry_after), token_endpoint=endpoint)

    def _reason(self, text: object) -> str | None:
        """A text of the authority, fit for a log line: without control characters, and without what it may repeat of us."""
        if not isinstance(text, str):
            return None
        for secret in self.secrets:
            text = text.replace(secret, "…")
        return _CONTROL.sub(" ", text)[:_MOST_CHARACTERS_OF_A_REASON]

    def __repr__(self) -> str:
        return f"<Exchange at {self.authority.token_endpoint}>"


def _parsed(url: str) -> SplitResult | None:
    try:
        parsed = urlsplit(url)
        return parsed if parsed.port != 0 else None
    except ValueError:  # the port, or an address in brackets
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
