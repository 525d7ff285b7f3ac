"""When a link is within its parent: proved from the claims of the two alone, on every dimension of the law.

The gates and the server prove it again. It is proved here too so that a mistake is an exception where it is made, and not a
denial in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import paths
from ._claims import is_integer, typed

Claims = Mapping[str, Any]


def first_widened(child: Claims, parent: Claims) -> str | None:
    """The name of the first claim in which the child is wider than its parent."""
    return next((name for name, is_within in _DIMENSIONS if not is_within(child, parent)), None)


def _details(child: Claims, parent: Claims) -> bool:
    """Each detail of the child is within one detail of the parent, never within several together."""
    wider = parent["authorization_details"]
    return all(any(_is_detail_within(own, one) for one in wider) for own in child["authorization_details"])


def _is_detail_within(own: Claims, wider: Claims) -> bool:
    return (
        set(own["hosts"]) <= set(wider["hosts"])
        and set(own["methods"]) <= set(wider["methods"])
        and all(any(paths.is_within(path, one) for one in wider["paths"]) for path in own["paths"])
        and _is_narrower(own.get("actions"), wider.get("actions"))
        and all(
            name in own.get("args", {}) and _is_constraint_within(own["args"][name], constraint)
            for name, constraint in wider.get("args", {}).items()
        )
    )


def _is_constraint_within(own: Claims, wider: Claims) -> bool:
    """Whether everything that `own` admits is provably admitted by `wider`. The pairs are those of the law: a range of one number
    is not within that number."""
    ((kind, bound),) = own.items()
    ((wider_kind, wider_bound),) = wider.items()
    if wider_kind == "any":
        return True
    if wider_kind == "range":
        low, high = wider_bound
        values = [bound] if kind == "exact" else bound
        return kind != "any" and all(is_integer(value) and low <= value <= high for value in values)
    if wider_kind == "one_of":
        members = set(map(typed, wider_bound))
        values = [bound] if kind == "exact" else bound
        return kind in ("exact", "one_of") and set(map(typed, values)) <= members
    return kind == "exact" and typed(bound) == typed(wider_bound)


def _uses(child: Claims, parent: Claims) -> bool:
    if "use" not in parent:
        return True
    return "use" in child and bool(child["use"]["max"] <= parent["use"]["max"])


def _time(child: Claims, parent: Claims) -> bool:
    return bool(child["nbf"] >= parent["nbf"] and child["exp"] <= parent["exp"] and child["iat"] >= parent["iat"])


def _max_depth(child: Claims, parent: Claims) -> bool:
    return bool(child["max_depth"] <= parent["max_depth"])


def _audience(child: Claims, parent: Claims) -> bool:
    return set(child["aud"]) <= set(parent["aud"])


def _environment(child: Claims, parent: Claims) -> bool:
    return all(_is_narrower(child["env"].get(name), values) for name, values in parent["env"].items())


def _attestation(child: Claims, parent: Claims) -> bool:
    return _is_narrower(child.get("att", {}).get("measurement"), parent.get("att", {}).get("measurement"))


def _is_narrower(own: list[Any] | None, wider: list[Any] | None) -> bool:
    """Whether one set is inside another. A set that is absent admits everything."""
    return wider is None or (own is not None and set(own) <= set(wider))


_DIMENSIONS: tuple[tuple[str, Callable[[Claims, Claims], bool]], ...] = (
    ("authorization_details", _details),
    ("use", _uses),
    ("time", _time),
    ("max_depth", _max_depth),
    ("aud", _audience),
    ("env", _environment),
    ("att", _attestation),
)
