"""The cache: shared by threads and tasks, renewed before expiry, one exchange in flight for each question."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import PAYMENTS

from portcullis import Ask, Key, Portcullis, TokenRefusedError
from portcullis._wallet import Wallet
from portcullis.errors import AuthorityUnreachableError
from portcullis.testing import StubServer

ASK = Ask(details=[PAYMENTS])


class Gate:
    """A subject token that is read only when the test says so: an exchange that is in flight for as long as it takes."""

    def __init__(self, token: str) -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.reads = 0
        self._token = token

    def __call__(self) -> str:
        self.reads += 1
        self.entered.set()
        assert self.open.wait(10)
        return self._token


def when_somebody_waits(wallet: Wallet) -> threading.Event:
    """Is set as soon as a thread or a task has found that another one is already on the way with its question."""
    look, waits = wallet._look, threading.Event()

    def looks(*question: Any) -> Any:
        found = look(*question)
        if isinstance(found, tuple) and not found[1]:
            waits.set()
        return found

    wallet._look = looks  # type: ignore[assignment, method-assign]
    return waits


def test_threads_with_one_question_make_one_exchange(stub: StubServer, key: Key) -> None:
    gate = Gate(stub.subject_token)
    agent = Portcullis(key, [stub.authority(subject_token=gate)])
    with ThreadPoolExecutor(16) as pool:
        started = threading.Barrier(17)

        def ask() -> str:
            started.wait()
            return agent.obtain(ASK).text

        asked = [pool.submit(ask) for _ in range(16)]
        started.wait()
        gate.open.set()
        assert len({one.result(10) for one in asked}) == 1
    assert len(stub.token_requests) == 1


def test_tasks_with_one_question_make_one_exchange(stub: StubServer, agent: Portcullis) -> None:
    async def go() -> set[str]:
        warrants = await asyncio.gather(*(agent.obtain_async(ASK) for _ in range(32)))
        return {warrant.text for warrant in warrants}

    assert len(asyncio.run(go())) == 1
    assert len(stub.token_requests) == 1


def test_threads_and_tasks_wait_for_each_other(stub: StubServer, key: Key) -> None:
    gate = Gate(stub.subject_token)
    agent = Portcullis(key, [stub.authority(subject_token=gate)])
    with ThreadPoolExecutor(1) as pool:
        by_a_thread = pool.submit(agent.obtain, ASK)
        assert gate.entered.wait(10)

        async def go() -> str:
            by_a_task = asyncio.create_task(agent.obtain_async(ASK))
            await asyncio.sleep(0)
            gate.open.set()
            return (await by_a_task).text

        assert asyncio.run(go()) == by_a_thread.result(10).text
    assert gate.reads == 1


def test_other_questions_and_limited_ones_do_not_wait(stub: StubServer, agent: Portcullis) -> None:
    limited = Ask(details=[PAYMENTS], use=1)
    warrants = [agent.obtain(ask) for ask in (ASK, limited, limited, Ask(details=[PAYMENTS], lifetime=60))]
    assert len({warrant.text for warrant in warrants}) == 4


def test_a_warrant_that_the_authority_limited_is_given_to_one_thread(key: Key) -> None:
    with StubServer(use=1) as stub, ThreadPoolExecutor(2) as pool:
        gate = Gate(stub.subject_token)
        agent = Portcullis(key, [stub.authority(subject_token=gate)])
        leader = pool.submit(agent.obtain, ASK)
        assert gate.entered.wait(10)
        waits = when_somebody_waits(agent._wallet)
        waiting = pool.submit(agent.obtain, ASK)
        assert waits.wait(10)
        gate.open.set()
        assert leader.result(10).text != waiting.result(10).text


def test_a_warrant_that_the_authority_limited_is_given_to_one_task(key: Key) -> None:
    with StubServer(use=1) as stub:
        agent = Portcullis(key, [stub.authority()])

        async def go() -> set[str]:
            return {warrant.text for warrant in await asyncio.gather(*(agent.obtain_async(ASK) for _ in range(8)))}

        assert len(asyncio.run(go())) == 8


def test_who_waited_gets_the_same_refusal_and_the_next_asks_again(stub: StubServer, agent: Portcullis) -> None:
    stub.refuse_next_token("invalid_target")

    async def go() -> list[object]:
        return await asyncio.gather(*(agent.obtain_async(ASK) for _ in range(4)), return_exceptions=True)

    results = asyncio.run(go())
    assert all(isinstance(one, TokenRefusedError) for one in results)
    assert len(stub.token_requests) == 1
    assert agent.obtain(ASK)


def test_a_cancelled_task_leaves_nobody_waiting(stub: StubServer, key: Key) -> None:
    gate = Gate(stub.subject_token)
    agent = Portcullis(key, [stub.authority(subject_token=gate)])

    async def go() -> None:
        leader = asyncio.create_task(agent.obtain_async(ASK))
        await asyncio.to_thread(gate.entered.wait, 10)
        waiting, cancelled = (asyncio.create_task(agent.obtain_async(ASK)) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        leader.cancel()
        gate.open.set()
        assert (await waiting).leaf.claims["sub"] == "agent:stub"
        for task in (leader, cancelled):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(go())


def test_a_thread_that_fails_before_it_asks_leaves_nobody_waiting(stub: StubServer, key: Key) -> None:
    gate = Gate(stub.subject_token)
    fails = iter([True, False])

    def token() -> str:
        read = gate()
        if next(fails):
            raise FileNotFoundError("token")
        return read

    agent = Portcullis(key, [stub.authority(subject_token=token)])
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(agent.obtain, ASK)
        assert gate.entered.wait(10)
        waits = when_somebody_waits(agent._wallet)
        waiting = pool.submit(agent.obtain, ASK)
        assert waits.wait(10)
        gate.open.set()
        with pytest.raises(FileNotFoundError):
            leader.result(10)
        assert waiting.result(10).leaf.claims["sub"] == "agent:stub"


def test_a_blocking_call_on_an_event_loop_does_not_wait_for_that_loop(stub: StubServer, key: Key) -> None:
    agent = Portcullis(key, [stub.authority(timeout=1.0)])

    async def go() -> None:
        task = asyncio.create_task(agent.obtain_async(ASK))
        await asyncio.sleep(0)
        assert agent.obtain(ASK).leaf.claims["sub"] == "agent:stub"
        await task

    asyncio.run(go())


@pytest.mark.parametrize(("lifetime", "renewed_with"), [(300, 60), (10, 5)])
def test_a_warrant_is_renewed_when_a_fifth_or_five_seconds_are_left(
    stub: StubServer, agent: Portcullis, lifetime: int, renewed_with: int
) -> None:
    ask = Ask(details=[PAYMENTS], lifetime=lifetime)
    first = agent.obtain(ask)
    agent._wallet._now = lambda: first.expires - renewed_with
    assert agent.obtain(ask) is first
    agent._wallet._now = lambda: first.expires - renewed_with + 0.1
    assert agent.obtain(ask) is not first
    assert len(stub.token_requests) == 2


def test_while_the_authority_is_away_a_warrant_serves_until_it_expires(stub: StubServer, agent: Portcullis) -> None:
    first = agent.obtain(ASK)
    stub.__exit__(None, None, None)
    agent._wallet._now = lambda: first.expires - 1.0
    assert agent.obtain(ASK) is first
    agent._wallet._now = lambda: float(first.expires)
    with pytest.raises(AuthorityUnreachableError):
        agent.obtain(ASK)
    stub.__enter__()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_while_the_authority_cannot_answer_a_warrant_serves_until_it_expires(
    stub: StubServer, agent: Portcullis, status: int
) -> None:
    first = agent.obtain(ASK)
    agent._wallet._now = lambda: first.expires - 1.0
    stub.refuse_next_token("temporarily_unavailable", status=status)
    assert agent.obtain(ASK) is first


def test_what_the_authority_refuses_is_refused_although_a_warrant_is_left(stub: StubServer, agent: Portcullis) -> None:
    first = agent.obtain(ASK)
    agent._wallet._now = lambda: first.expires - 1.0
    stub.refuse_next_token("unauthorized_client", status=403)
    with pytest.raises(TokenRefusedError):
        agent.obtain(ASK)


@pytest.mark.parametrize(("retry_after", "pause"), [(None, 5), ("1", 5), ("20", 20)])
def test_after_a_failed_renewal_the_authority_is_left_in_peace_for_a_while(
    stub: StubServer, agent: Portcullis, retry_after: str | None, pause: int
) -> None:
    first = agent.obtain(ASK)
    failed = first.expires - 59.0
    agent._wallet._now = lambda: failed
    stub.refuse_next_token("slow_down", status=429, retry_after=retry_after)
    assert agent.obtain(ASK) is first
    assert len(stub.token_requests) == 2
    agent._wallet._now = lambda: failed + pause
    assert agent.obtain(ASK) is first
    assert len(stub.token_requests) == 2
    agent._wallet._now = lambda: failed + pause + 0.1
    assert agent.obtain(ASK) is not first
    assert len(stub.token_requests) == 3


def test_a_pause_does_not_make_a_warrant_outlive_its_time(stub: StubServer, agent: Portcullis) -> None:
    first = agent.obtain(ASK)
    agent._wallet._now = lambda: first.expires - 1.0
    stub.refuse_next_token("slow_down", status=429)
    assert agent.obtain(ASK) is first
    agent._wallet._now = lambda: float(first.expires)
    assert agent.obtain(ASK) is not first


def test_while_an_authority_hangs_a_waiting_thread_uses_the_warrant_that_is_left(stub: StubServer, key: Key) -> None:
    gate = Gate(stub.subject_token)
    gate.open.set()
    agent = Portcullis(key, [stub.authority(subject_token=gate, timeout=1.0)])
    first = agent.obtain(ASK)
    agent._wallet._now = lambda: first.expires - 1.0
    gate.open.clear()
    gate.entered.clear()
    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(agent.obtain, ASK)
        assert gate.entered.wait(10)
        assert agent.obtain(ASK) is first
        gate.open.set()
        leader.result(10)


@pytest.mark.parametrize("kind", ["thread", "task"])
def test_who_waited_is_not_given_the_warrant_that_was_denied(stub: StubServer, key: Key, kind: str) -> None:
    gate = Gate(stub.subject_token)
    gate.open.set()
    authority = stub.authority(subject_token=gate)
    wallet = Portcullis(key, [authority])._wallet
    first = wallet.get(authority, ASK)
    wallet._now = lambda: first.expires - 1.0
    gate.open.clear()
    gate.entered.clear()
    stub.refuse_next_token("slow_down", status=429)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(wallet.get, authority, ASK)
        assert gate.entered.wait(10)
        waits = when_somebody_waits(wallet)
        if kind == "thread":
            waiting = pool.submit(wallet.get, authority, ASK, first)
        else:
            waiting = pool.submit(asyncio.run, wallet.get_async(authority, ASK, first))
        assert waits.wait(10)
        gate.open.set()
        assert leader.result(10) is first
        assert waiting.result(10) is not first


def test_the_cache_is_bounded(agent: Portcullis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portcullis._wallet._MOST_KEPT", 3)
    for number in range(5):
        agent.obtain(Ask(details=[{**PAYMENTS, "paths": [f"/{number}"]}]))
    assert len(agent._wallet._kept) == 3
