"""Denials: what a gate answers, and the one table of what this client does about each.

The codes are the closed list of `docs/denials.md`; a test compares the two. A code that is not in the table is never retried.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ._encoding import Malformed, from_json_object

PROBLEM_TYPE = "application/problem+json"


class Reaction(enum.Enum):
    """What is worth trying after a denial."""

    NEVER = "never"  #: the same would be denied again, or only a person can change it
    NEW_PROOF = "a new proof"  #: the same warrant with a new proof
    NEW_WARRANT = "a new warrant"  #: a new warrant, and a new proof
    WAIT = "wait"  #: the same after a pause. A warrant with a use limit is replaced: its use may be burned


@dataclass(frozen=True)
class Row:
    status: int
    reaction: Reaction


DENIALS: Mapping[str, Row] = {
    "halted": Row(503, Reaction.NEVER),  # until a person lifts the halt
    "governance-stale": Row(503, Reaction.WAIT),
    "governance-inconsistent": Row(503, Reaction.NEVER),
    "overloaded": Row(503, Reaction.WAIT),
    "request-ambiguous": Row(400, Reaction.NEVER),
    "target-mismatch": Row(421, Reaction.NEVER),
    "warrant-missing": Row(401, Reaction.NEVER),  # one was sent: something on the way removes it
    "warrant-malformed": Row(400, Reaction.NEVER),
    "issuer-untrusted": Row(401, Reaction.NEW_WARRANT),  # the authority's key was rotated, or another authority is meant
    "signature-invalid": Row(401, Reaction.NEW_WARRANT),
    "expired": Row(401, Reaction.NEW_WARRANT),
    "not-yet-valid": Row(401, Reaction.WAIT),  # two clocks differ by a moment
    "lifetime-too-long": Row(403, Reaction.NEVER),
    "audience-mismatch": Row(403, Reaction.NEVER),
    "lineage-broken": Row(403, Reaction.NEVER),
    "lineage-widened": Row(403, Reaction.NEVER),
    "lineage-too-deep": Row(403, Reaction.NEVER),
    "revoked": Row(403, Reaction.NEW_WARRANT),  # the authority decides whether it still grants one
    "outside-warrant": Row(403, Reaction.NEVER),
    "no-route-policy": Row(403, Reaction.NEVER),
    "use-too-wide": Row(403, Reaction.NEVER),
    "not-issued": Row(403, Reaction.NEVER),
    "arguments-invalid": Row(400, Reaction.NEVER),
    "identity-missing": Row(401, Reaction.NEVER),
    "identity-mismatch": Row(403, Reaction.NEVER),
    "proof-missing": Row(401, Reaction.NEVER),  # one was sent: something on the way removes it
    "proof-invalid": Row(401, Reaction.NEW_PROOF),  # it may have waited somewhere for longer than 30 seconds
    "environment-mismatch": Row(403, Reaction.NEVER),
    "condition-unmet": Row(403, Reaction.NEVER),
    "attestation-missing": Row(403, Reaction.NEVER),
    "attestation-invalid": Row(403, Reaction.NEVER),
    "attestation-stale": Row(403, Reaction.NEVER),
    "attestation-mismatch": Row(403, Reaction.NEVER),
    "policy-error": Row(403, Reaction.NEVER),
    "policy-denied": Row(403, Reaction.NEVER),
    # Somebody on the way has sent the same twice, and the first may have been executed: again could be twice.
    "replayed": Row(403, Reaction.NEVER),
    "state-unavailable": Row(503, Reaction.WAIT),
    "ledger-unavailable": Row(503, Reaction.WAIT),
    "deadline-exceeded": Row(503, Reaction.WAIT),
    "ungoverned": Row(403, Reaction.NEVER),
    "altered": Row(403, Reaction.NEVER),
    "internal": Row(503, Reaction.WAIT),
}


@dataclass(frozen=True)
class Denial:
    """A denial of a gate or of the server, as it was answered. A program relies on `code` alone; a person reads `cure`."""

    code: str
    status: int
    title: str = ""
    detail: str = ""
    cure: str = ""
    decision: str | None = None
    """The decision's id. The server sets it, and it answers before anything is executed. A gate does not, and a gate also ends
    requests that already run."""

    @property
    def reaction(self) -> Reaction:
        row = DENIALS.get(self.code)
        return Reaction.NEVER if row is None or row.status != self.status else row.reaction

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> Denial | None:
        """Reads an answer. `None` if it is not a denial.

        The header `Warrant-Denial` must say the same code as the document: the proxies remove this header from what upstreams
        answer, so an upstream cannot make an executed request look denied.
        """
        code = headers.get("warrant-denial")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if code is None or kind != PROBLEM_TYPE:
            return None
        try:
            problem = from_json_object(body)
        except Malformed:
            return None
        if problem.get("code") != code:
            return None
        texts = {name: text for name in ("title", "detail", "cure") if isinstance(text := problem.get(name), str)}
        decision = problem.get("decision")
        return cls(code, status, **texts, decision=decision if isinstance(decision, str) else None)


@dataclass(frozen=True)
class Challenge:
    """What `WWW-Authenticate: Warrant …` of a 401 says.

    It only *selects* among the authorities that the agent is configured with. A member `resource_metadata` is not even read:
    whoever answers a request must not decide where a subject token goes, or what this agent fetches.
    """

    realm: str | None
    issuers: tuple[str, ...]

    @classmethod
    def of(cls, header: str | None) -> Challenge | None:
        scheme, _, rest = (header or "").strip().partition(" ")
        if scheme.lower() != "warrant":
            return None
        # The mesh and its issuers are plain strings without quotes and backslashes, so no escapes are needed here.
        members = dict(re.findall(r'([a-z_]+)="([^"\\]*)"', rest))
        return cls(members.get("realm"), tuple(members.get("issuers", "").split()))
