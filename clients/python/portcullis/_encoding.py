"""Base64url, SHA-256 digests and JSON, exactly as warrants write them. Knows no keys and no claims."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

Json = dict[str, Any]

_MAX_INTEGER = 2**53 - 1
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")


class Malformed(ValueError):  # noqa: N818 it is a word for people, and never leaves the package
    """A text that does not have the required form. The message never repeats the text."""


def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Accepts only the canonical form: no padding, and trailing bits that are zero."""
    if not _BASE64URL.match(text) or len(text) % 4 == 1:
        raise Malformed("not base64url without padding")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64url(data) != text:
        raise Malformed("not canonical base64url")
    return data


def digest(data: bytes) -> str:
    return to_base64url(hashlib.sha256(data).digest())


def to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def from_json(data: bytes) -> Any:
    """Reads JSON: the only reader in this package. Refuses what two readers may read in different ways: a name that occurs twice,
    numbers that are not whole or not exact everywhere, lone surrogates."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_members,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        to_json(value).encode("utf-8")
        return value
    except Malformed:
        raise
    except (ValueError, RecursionError):
        pass  # this error holds the whole text, so ours is raised outside of the handler
    raise Malformed("not JSON")


def from_json_object(data: bytes) -> Json:
    value = from_json(data)
    if not isinstance(value, dict):
        raise Malformed("not a JSON object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a member occurs twice")
    return members


def _integer(text: str) -> int:
    # `json` has a reader in C and one in Python; the second takes the digits of every script.
    if text == "-0" or not text.isascii() or len(text) > 17 or abs(int(text)) > _MAX_INTEGER:
        raise Malformed("a number outside ±(2^53-1), or not written in the one form")
    return int(text)


def _no_number(text: str) -> int:
    raise Malformed("a number that is not whole")
