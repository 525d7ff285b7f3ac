"""The form of a link's claims: the closed set, by position. What holds between links is in `_lineage`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import paths
from ._encoding import Json, Malformed, from_base64url
from .errors import InvalidKeyError
from .key import THUMBPRINT_URI, PublicKey

_MOST_USES = 2**31 - 1
_ROOT_ONLY = {"txn", "ini", "pol", "dec", "attr"}
_ALL = {"iss", "sub", "aud", "jti", "iat", "nbf", "exp", "cnf", "depth", "max_depth", "env", "authorization_details"}

_JTI = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_METHOD = re.compile(r"[A-Z]{1,256}\Z")
_PLAIN = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,256}\Z")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}\Z")
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::([1-9][0-9]{{0,4}}))?\Z")

_A_TEXT = '1 to 256 printable ASCII characters other than `"` and `\\`'
_A_SHA256 = "`sha256:` and 64 hexadecimal digits in lower case"
_AN_ID = "1 to 64 letters, digits, `-` and `_`"

Check = Callable[[Any], bool]


def check_claims(claims: Json, *, is_root: bool) -> None:
    """Raises `Malformed` with the first fault."""
    required = _ALL | ({"txn"} if is_root else {"parent"})
    allowed = required | {"use", "att"} | (_ROOT_ONLY if is_root else set())
    missing = sorted(required - set(claims))
    _require(not missing, f"the claims {', '.join(missing)} are missing")
    _require(set(claims) <= allowed, f"it has a claim that {'a root' if is_root else 'a delegated link'} must not have")
    _require(_is_plain(claims["sub"]), f"`sub` must be {_A_TEXT}")
    _require_set("aud", claims["aud"], _is_plain, f"meshes, each {_A_TEXT}")
    _require(_is_jti(claims["jti"]), f"`jti` must be {_AN_ID}")
    for name in ("iat", "nbf", "exp", "depth", "max_depth"):
        _require(_is_count(claims[name]), f"`{name}` must be a whole number from 0")
    _require(claims["nbf"] < claims["exp"], "`nbf` must be before `exp`")
    if is_root:
        _check_root(claims)
    else:
        _require(_is_thumbprint_uri(claims["iss"]), "`iss` of a delegated link must be the thumbprint URI of a key")
        _require(_is_digest(claims["parent"]), "`parent` must be a SHA-256 digest in base64url")
    _check_holder(claims["cnf"])
    if "use" in claims:
        use = claims["use"]
        is_limit = isinstance(use, dict) and set(use) == {"max"} and is_integer(use["max"])
        _require(is_limit and 1 <= use["max"] <= _MOST_USES, f"`use` must have a `max` from 1 to {_MOST_USES}, and no other member")
    env = claims["env"]
    has_form = isinstance(env, dict) and all(_is_plain(name) and _is_set(values, _is_plain) for name, values in env.items())
    _require(has_form, f"`env` must have a list of values under each name, none twice; each name and value {_A_TEXT}")
    if "att" in claims:
        att = claims["att"]
        _require(isinstance(att, dict) and set(att) == {"measurement"}, "`att` must have a `measurement`, and no other member")
        _require_set("measurement", att["measurement"], _is_sha256, f"measurements, each {_A_SHA256}")
    check_details(claims["authorization_details"])


def executions(details: Iterable[Mapping[str, Any]]) -> list[Json]:
    """`authorization_details` of the type `execution`: the type is added, so that callers need not write it."""
    return [{"type": "execution", **one} for one in details]


def check_details(details: Any) -> None:
    """Raises `Malformed` unless these are `authorization_details` of the type `execution`."""
    _require(isinstance(details, list) and len(details) > 0, "`authorization_details` must be a list with at least one detail")
    for detail in details:
        _require(
            isinstance(detail, dict) and detail.get("type") == "execution", "each detail must be an object of the type `execution`"
        )
        _require({"hosts", "methods", "paths"} <= set(detail), "each detail must have `hosts`, `methods` and `paths`")
        _require(
            set(detail) <= {"type", "hosts", "methods", "paths", "actions", "args"},
            "a detail has no members but `type`, `hosts`, `methods`, `paths`, `actions` and `args`",
        )
        _require_set("hosts", detail["hosts"], is_host, "hosts in lower case, like `payments.shop` or `localhost:8080`")
        _require_set("methods", detail["methods"], is_method, "methods in upper case")
        _require_set(
            "paths", detail["paths"], _is_pattern, f"patterns of at most {paths.MOST_BYTES} bytes, like `/v1/*` or `/v1/**`"
        )
        if "actions" in detail:
            _require_set("actions", detail["actions"], _is_plain, f"actions, each {_A_TEXT}")
        if "args" in detail:
            args = detail["args"]
            _require(isinstance(args, dict) and len(args) > 0, "`args` must have at least one argument")
            _require(
                all(_ARGUMENT.match(name) for name in args),
                "the name of an argument must be 1 to 32 lower-case letters, digits and `_`, the first a letter",
            )
            _require(
                all(map(_is_constraint, args.values())),
                "each argument must have one constraint: `exact`, `one_of` (none twice), `range` (two whole numbers) or `any`",
            )


def is_host(value: Any) -> bool:
    """Whether this is a canonical host: lower case, and with its port wherever the mesh's own name has one."""
    match = _HOST.match(value) if isinstance(value, str) and len(value) <= 253 else None
    return match is not None and int(match[1] or 1) <= 65535


def is_method(value: Any) -> bool:
    return isinstance(value, str) and _METHOD.match(value) is not None


def _check_root(claims: Json) -> None:
    _require(_is_plain(claims["iss"]), f"`iss` must be {_A_TEXT}")
    _require(_is_jti(claims["txn"]), f"`txn` must be {_AN_ID}")
    if "ini" in claims:
        ini = claims["ini"]
        _require(
            isinstance(ini, dict) and set(ini) == {"iss", "sub"} and all(map(_is_plain, ini.values())),
            "`ini` must have `iss` and `sub`",
        )
    _require("pol" not in claims or _is_sha256(claims["pol"]), f"`pol` must be {_A_SHA256}")
    _require("dec" not in claims or _is_plain(claims["dec"]), f"`dec` must be {_A_TEXT}")
    if "attr" in claims:
        attr = claims["attr"]
        has_form = isinstance(attr, dict) and len(attr) > 0 and set(attr) <= {"run", "agent", "purpose"}
        _require(
            has_form and all(_is_text(value) and value != "" for value in attr.values()),
            "`attr` must have one or more of `run`, `agent` and `purpose`, each a text of at most 256 bytes",
        )


def _check_holder(cnf: Any) -> None:
    _require(
        isinstance(cnf, dict) and set(cnf) == {"jwk"} and isinstance(cnf["jwk"], dict),
        "`cnf` must have a `jwk`, and no other member",
    )
    try:
        PublicKey.from_jwk(cnf["jwk"])
    except InvalidKeyError as error:
        raise Malformed(f"`cnf`: {error}") from None


def _is_constraint(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, bound),) = value.items()
    if kind == "exact":
        return _is_argument(bound)
    if kind == "one_of":
        return _is_set(bound, _is_argument)
    if kind == "range":
        return isinstance(bound, list) and len(bound) == 2 and all(map(is_integer, bound)) and bound[0] <= bound[1]
    return kind == "any" and bound is True


def is_integer(value: Any) -> bool:
    """`True` is an `int` in Python, and not a number in a warrant."""
    return isinstance(value, int) and not isinstance(value, bool)


def typed(value: Any) -> tuple[type, Any]:
    """An argument's value for comparison: equality includes its type, and in Python `1 == True`."""
    return type(value), value


def _is_argument(value: Any) -> bool:
    return isinstance(value, bool) or is_integer(value) or _is_text(value)


def _is_set(value: Any, check: Check) -> bool:
    if not isinstance(value, list) or not value or not all(map(check, value)):
        return False
    return len(set(map(typed, value))) == len(value)


def _is_count(value: Any) -> bool:
    return is_integer(value) and value >= 0


def _is_plain(value: Any) -> bool:
    return isinstance(value, str) and _PLAIN.match(value) is not None


def _is_jti(value: Any) -> bool:
    return isinstance(value, str) and _JTI.match(value) is not None


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.match(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value.encode()) <= 256 and not _CONTROL.search(value)


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and paths.is_pattern(value)


def _is_digest(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(from_base64url(value)) == 32
    except Malformed:
        return False


def _is_thumbprint_uri(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(THUMBPRINT_URI) and _is_digest(value[len(THUMBPRINT_URI) :])


def _require_set(name: str, value: Any, check: Check, what: str) -> None:
    _require(_is_set(value, check), f"`{name}` must be a list of one or more {what}; none twice")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Malformed(what)
