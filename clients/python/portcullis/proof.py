"""The proof of possession: one JWS by the holder's key about one request."""

from __future__ import annotations

import secrets
import time

from ._encoding import digest
from .key import Key


def prove(
    warrant: str,
    key: Key,
    method: str,
    authority: str,
    path_and_query: str,
    body: bytes | None = None,
) -> str:
    """The value of `Warrant-Proof` for one request with this value of `Warrant`.

    `authority` and `path_and_query` are exactly what is sent: the `Host` header or `:authority`, and the raw path with its query.
    With `body`, the proof is for this body alone; a route that reads arguments from the body demands it. The proof holds for 30
    seconds and works once.
    """
    claims: dict[str, object] = {
        "jti": secrets.token_urlsafe(16),
        "iat": int(time.time()),
        "htm": method,
        "htu": authority + path_and_query,
        "wch": digest(warrant.encode("ascii")),
    }
    if body is not None:
        claims["cd"] = digest(body)
    return key.sign_jws("warrant-proof+jwt", claims)
