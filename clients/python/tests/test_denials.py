from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import REPOSITORY, root

from portcullis import Denial, Key, Target
from portcullis._attempts import Again, Attempts
from portcullis.denials import DENIALS, Challenge, Reaction


def documented() -> dict[str, int]:
    page = (REPOSITORY / "docs/denials.md").read_text(encoding="utf-8")
    return {code: int(status) for code, status in re.findall(r"^\| `([a-z-]+)` \| ([0-9]+) \|", page, re.M)}


def test_every_documented_denial_is_classified_and_no_other() -> None:
    """A new code fails here until somebody has decided what a client does about it."""
    assert {code: row.status for code, row in DENIALS.items()} == documented()
    assert len(DENIALS) > 40


def test_what_says_retry_is_retried_and_what_was_used_is_not() -> None:
    waits = {code for code, row in DENIALS.items() if row.reaction is Reaction.WAIT}
    assert waits < {code for code, row in DENIALS.items() if row.status in (503, 401)}
    assert {row.reaction for row in DENIALS.values() if row.status in (400, 421)} == {Reaction.NEVER}
    for code in ("replayed", "halted", "policy-denied", "outside-warrant", "use-too-wide"):
        assert DENIALS[code].reaction is Reaction.NEVER


def problem(code: str, **members: object) -> bytes:
    return json.dumps({"code": code, **members}).encode()


def headers(code: str, **more: str) -> dict[str, str]:
    return {"warrant-denial": code, "content-type": "application/problem+json", **more}


def test_a_denial_is_read_whole() -> None:
    body = problem("expired", title="t", detail="d", cure="c", decision="id")
    assert Denial.of(401, headers("expired"), body) == Denial("expired", 401, "t", "d", "c", "id")


def test_an_upstream_cannot_make_its_answer_look_like_a_denial() -> None:
    """The proxies remove the header `Warrant-Denial` from what an upstream answers: without it, the document is the upstream's."""
    only_document = {"content-type": "application/problem+json"}
    assert Denial.of(401, only_document, problem("expired")) is None
    assert Denial.of(401, headers("revoked"), problem("expired")) is None
    assert Denial.of(401, {**headers("expired"), "content-type": "text/plain"}, problem("expired")) is None
    assert Denial.of(401, headers("expired"), b"[" * 100_000) is None
    assert Denial.of(401, headers("expired"), b"[]") is None
    assert Denial.of(401, headers("expired"), b'{"code":"revoked","code":"expired"}') is None


def test_a_code_that_nobody_classified_is_never_retried() -> None:
    assert Denial("new-code", 503).reaction is Reaction.NEVER
    assert Denial("expired", 503).reaction is Reaction.NEVER


def test_a_challenge_names_issuers_and_nothing_else_of_it_is_read() -> None:
    text = 'Warrant realm="shop", error="expired", issuers="https://a https://b", resource_metadata="https://evil/x"'
    assert Challenge.of(text) == Challenge("shop", ("https://a", "https://b"))
    assert Challenge.of("Bearer") is None
    assert Challenge.of(None) is None


KEY = Key.generate()


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def attempts(method: str = "GET", body: bytes | None = b"", clock: Clock | None = None, **claims: Any) -> Attempts:
    target = Target("https", method, "payments.shop", "payments.shop", "/v1/payments/a-7")
    return Attempts(KEY, target, body, root(KEY, **claims), retries=2, deadline=10, clock=clock or Clock())


def by_the_server(code: str) -> Denial:
    return Denial(code, DENIALS[code].status, decision="d1")


def test_a_pause_is_what_the_answer_asks_for_or_doubles() -> None:
    own = attempts()
    assert own.next_after(by_the_server("overloaded"), {}) == Again(0.5, False)
    assert own.next_after(by_the_server("overloaded"), {}) == Again(1.0, False)
    assert own.next_after(by_the_server("overloaded"), {}) is None
    assert attempts().next_after(by_the_server("overloaded"), {"retry-after": "3"}) == Again(3.0, False)
    past = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert attempts().next_after(by_the_server("overloaded"), past) == Again(0.0, False)


def test_nothing_is_tried_after_the_deadline() -> None:
    assert attempts().next_after(by_the_server("overloaded"), {"retry-after": "10"}) is None
    clock = Clock()
    late = attempts(clock=clock)
    clock.time += 9.6
    assert late.next_after(by_the_server("internal"), {}) is None


def test_a_cure_that_has_not_helped_is_not_taken_twice() -> None:
    own = attempts()
    assert own.next_after(by_the_server("proof-invalid"), {}) == Again(0.0, False)
    assert own.next_after(by_the_server("proof-invalid"), {}) is None


@pytest.mark.parametrize("code", sorted(DENIALS))
def test_a_body_that_cannot_be_sent_again_is_never_retried(code: str) -> None:
    assert attempts("POST", None).next_after(by_the_server(code), {}) is None


@pytest.mark.parametrize("code", sorted(code for code, row in DENIALS.items() if row.reaction is Reaction.WAIT))
def test_what_may_have_run_already_is_retried_only_if_it_is_idempotent(code: str) -> None:
    """A gate may end a request that already runs, with any code. Only the server's denials come before the execution."""
    by_a_gate = Denial(code, DENIALS[code].status)
    for method, again in (("GET", True), ("PUT", True), ("DELETE", True), ("POST", False), ("PATCH", False)):
        assert (attempts(method).next_after(by_a_gate, {"retry-after": "0"}) is not None) is again
    assert attempts("POST").next_after(by_the_server(code), {"retry-after": "0"}) is not None


def test_a_limited_warrant_whose_use_may_be_burned_is_not_presented_again_and_without_an_authority_there_is_no_other() -> None:
    assert attempts(use={"max": 5}).next_after(by_the_server("ledger-unavailable"), {}) is None
    assert attempts(use={"max": 5}).next_after(by_the_server("proof-invalid"), {}) == Again(0.0, False)
    assert attempts().next_after(by_the_server("revoked"), {}) is None
