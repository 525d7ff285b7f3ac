"""The agent as authentication of httpx, sync and async, against the stub server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from conftest import PAYMENTS, Recorder, Send, send_async, send_sync

from portcullis import Ask, Denial, Key, Portcullis, TokenRefusedError, narrowest
from portcullis.denials import DENIALS, Reaction
from portcullis.errors import ConfigurationError, InvalidKeyError, OutsideWarrantError, UnaskableRequestError
from portcullis.testing import StubServer


def test_a_request_runs_with_the_narrowest_warrant_there_is(stub: StubServer, agent: Portcullis, send: Send) -> None:
    answer = send(agent, "POST", f"{stub.url}/v1/payments/a*7?dry=1", content=b"{}")
    assert answer.status_code == 200
    [execution] = stub.executions
    root = execution.warrant.root.claims
    assert root["authorization_details"] == [
        {"type": "execution", "hosts": [stub.host], "methods": ["POST"], "paths": ["/v1/payments/a%2A7"]}
    ]
    assert root["use"] == {"max": 1}
    assert root["max_depth"] == 0
    assert root["exp"] - root["nbf"] == 60
    assert (execution.body, execution.path_and_query) == (b"{}", "/v1/payments/a*7?dry=1")


def test_a_once_only_warrant_is_asked_for_anew_each_time(stub: StubServer, agent: Portcullis, send: Send) -> None:
    for _ in range(3):
        assert send(agent, "GET", f"{stub.url}/v1/payments/a-7").status_code == 200
    assert len(stub.token_requests) == 3


def test_a_warrant_without_a_limit_is_kept(stub: StubServer, key: Key, send: Send) -> None:
    agent = Portcullis(key, [stub.authority()], ask=lambda target: narrowest(target, use=None))
    for _ in range(3):
        assert send(agent, "GET", f"{stub.url}/v1/payments/a-7").status_code == 200
    assert send(agent, "GET", f"{stub.url}/v1/payments/a-8").status_code == 200
    assert len(stub.token_requests) == 2


def test_a_grant_is_asked_for_by_its_name(key: Key, send: Send) -> None:
    with StubServer(grants={"payments": [PAYMENTS]}, canonical_hosts={}) as stub:
        stub.canonical_hosts = {stub.host: "payments.shop"}
        agent = Portcullis(key, [stub.authority()], scope="payments", canonical_hosts=stub.canonical_hosts)
        for path in ("/v1/payments/a-7", "/v1/payments/a-8"):
            assert send(agent, "POST", stub.url + path).status_code == 200
        [form] = stub.token_requests
        assert (form["scope"], form["resource"]) == ("payments", stub.url)
        assert "authorization_details" not in form


@pytest.mark.parametrize("code", sorted(DENIALS))
def test_each_denial_is_met_as_the_table_says(stub: StubServer, key: Key, code: str) -> None:
    agent = Portcullis(key, [stub.authority()], ask=lambda target: narrowest(target, use=None))
    url = f"{stub.url}/v1/payments/a-7"
    assert send_sync(agent, "GET", url).status_code == 200
    stub.deny_next(code, retry_after="0")
    answer = send_sync(agent, "POST", url)  # another method, so another warrant
    reaction = DENIALS[code].reaction
    executed = 1 if reaction is Reaction.NEVER else 2
    assert len(stub.executions) == executed
    assert answer.status_code == (DENIALS[code].status if reaction is Reaction.NEVER else 200)
    assert len(stub.token_requests) == (3 if reaction is Reaction.NEW_WARRANT else 2)
    if reaction is Reaction.NEVER:
        denial = Denial.of(answer.status_code, answer.headers, answer.content)
        assert denial is not None
        assert denial.code == code


def test_a_denied_request_is_tried_again(stub: StubServer, agent: Portcullis, send: Send) -> None:
    stub.deny_next("revoked")
    answer = send(agent, "POST", f"{stub.url}/v1/payments/a-7", json={"amount": 5})
    assert answer.status_code == 200
    assert [one.status_code for one in answer.history] == [403]
    assert stub.executions[0].body == b'{"amount":5}'


def test_attempts_are_bounded(stub: StubServer, agent: Portcullis, send: Send) -> None:
    stub.deny_next("overloaded", times=10, retry_after="0")
    answer = send(agent, "GET", f"{stub.url}/v1/payments/a-7")
    assert answer.status_code == 503
    assert len(answer.history) == 2
    none = Portcullis(Key.generate(), [stub.authority()], retries=0)
    assert send(none, "GET", f"{stub.url}/v1/payments/a-7").history == []


def test_a_post_that_a_gate_may_have_ended_is_not_repeated(stub: StubServer, agent: Portcullis, send: Send) -> None:
    stub.deny_next("expired", by_the_server=False)
    assert send(agent, "POST", f"{stub.url}/v1/payments/a-7").status_code == 401
    assert stub.executions == []


def test_a_streamed_body_is_sent_once_and_not_bound(stub: StubServer, agent: Portcullis) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    url = f"{stub.url}/v1/payments/a-7"
    stub.deny_next("revoked")
    assert send_sync(agent, "PUT", url, content=chunks()).status_code == 403
    assert stub.executions == []
    assert send_sync(agent, "PUT", url, content=chunks()).status_code == 200
    assert stub.executions[0].body == b"onetwo"


def test_a_streamed_body_is_sent_once_on_an_event_loop_too(stub: StubServer, agent: Portcullis) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"

    stub.deny_next("revoked")
    assert send_async(agent, "PUT", f"{stub.url}/v1/payments/a-7", content=chunks()).status_code == 403


def test_an_event_loop_goes_on_while_a_token_is_read(stub: StubServer, key: Key) -> None:
    """The function that reads the token waits until the loop has done something else."""
    turned = threading.Event()

    def token() -> str:
        assert turned.wait(10)
        return stub.subject_token

    async def go() -> int:
        agent = Portcullis(key, [stub.authority(subject_token=token)])
        async with httpx.AsyncClient(auth=agent, verify=False) as client:
            request = asyncio.create_task(client.get(f"{stub.url}/v1/payments/a-7"))
            await asyncio.sleep(0)
            turned.set()
            return (await request).status_code

    assert asyncio.run(go()) == 200


def test_a_refusal_of_the_authority_is_an_exception_with_its_words(stub: StubServer, agent: Portcullis, send: Send) -> None:
    stub.refuse_next_token("invalid_target", "no permit", code="not-permitted", cure="Ask for less.")
    with pytest.raises(TokenRefusedError, match=r"Ask for less\.") as caught:
        send(agent, "GET", f"{stub.url}/v1/payments/a-7")
    error = caught.value
    assert (error.status, error.error, error.error_description) == (400, "invalid_target", "no permit")
    assert (error.code, error.cure) == ("not-permitted", "Ask for less.")


def test_a_request_that_no_warrant_can_name_is_not_sent(stub: StubServer, agent: Portcullis, send: Send) -> None:
    for method, path, named in (
        ("GET", "/a//b", "'/a//b' can be read in two ways"),
        ("GET", "/a;b", "'/a;b' can be read in two ways"),
        ("GET", "/a%2Fb", "'/a%2Fb' can be read in two ways"),
        ("GET", "/" + "a" * 256, "257 bytes, because 256"),
        ("M-SEARCH", "/a", "the method 'M-SEARCH'"),
    ):
        with pytest.raises(UnaskableRequestError, match=named):
            send(agent, method, stub.url + path)
    with pytest.raises(UnaskableRequestError, match=r"the host '_payments'.*canonical_hosts"):
        send(agent, "GET", stub.url, headers={"Host": "_payments"})
    assert stub.token_requests == []


def test_a_delegated_warrant_is_sent_without_asking_anybody(stub: StubServer, agent: Portcullis, key: Key, send: Send) -> None:
    helper = Key.generate("Ed25519")
    held = agent.obtain(Ask(details=[{"hosts": [stub.host], "methods": ["POST"], "paths": ["/v1/payments/**"]}]))
    child = held.delegate(
        key,
        "agent:helper",
        helper.public,
        use=1,
        details=[{"hosts": [stub.host], "methods": ["POST"], "paths": ["/v1/payments/a-7"]}],
    )
    worker = Portcullis(helper, warrant=child)
    assert send(worker, "POST", f"{stub.url}/v1/payments/a-7").status_code == 200
    assert send(worker, "POST", f"{stub.url}/v1/payments/a-7").status_code == 403
    assert send(worker, "POST", f"{stub.url}/v1/payments/a-8").json()["code"] == "outside-warrant"
    assert len(stub.token_requests) == 1


def test_a_warrant_is_not_shown_to_a_host_that_it_does_not_name(stub: StubServer, agent: Portcullis, key: Key, send: Send) -> None:
    held = agent.obtain(Ask(details=[{"hosts": [stub.host], "methods": ["GET"], "paths": ["/**"]}]))
    with Recorder() as other:
        with pytest.raises(OutsideWarrantError):
            send(Portcullis(key, warrant=held), "GET", other.url)
        assert other.seen == []


def test_a_configuration_that_cannot_work_is_refused(stub: StubServer, agent: Portcullis, key: Key) -> None:
    held = agent.obtain(Ask(details=[PAYMENTS]))
    with pytest.raises(ConfigurationError):
        Portcullis(key)
    with pytest.raises(ConfigurationError):
        Portcullis(key, [stub.authority()], warrant=held)
    with pytest.raises(ConfigurationError):
        Portcullis(key, [stub.authority()], scope="a", ask=Ask(scope="b"))
    for question in ({"scope": "a"}, {"ask": Ask(scope="b")}):
        with pytest.raises(ConfigurationError, match="nobody is asked"):
            Portcullis(key, warrant=held, **question)
    with pytest.raises(InvalidKeyError):
        Portcullis(Key.generate(), warrant=held)
    with pytest.raises(ConfigurationError):
        Ask()
    with pytest.raises(ConfigurationError, match=r"`hosts` must be .* in lower case"):
        Ask(details=[{**PAYMENTS, "hosts": ["Payments.shop"]}])
