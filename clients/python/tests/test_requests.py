"""The agent for the library requests."""

from __future__ import annotations

import io

import pytest
import requests
from conftest import Recorder

from portcullis import Portcullis, TokenRefusedError
from portcullis.testing import Execution, StubServer


def test_a_request_runs(stub: StubServer, agent: Portcullis) -> None:
    answer = requests.post(f"{stub.url}/v1/payments/a-7?x=1", json={"amount": 5}, auth=agent.requests(), timeout=10)
    assert answer.status_code == 200
    assert stub.executions[0].body == b'{"amount": 5}'


def test_one_session_serves_many_requests(stub: StubServer, agent: Portcullis) -> None:
    with requests.Session() as session:
        session.auth = agent.requests()
        for _ in range(3):
            assert session.get(f"{stub.url}/v1/payments/a-7", timeout=10).status_code == 200
    assert len(stub.executions) == 3


def test_a_denied_request_is_tried_again(stub: StubServer, agent: Portcullis) -> None:
    stub.deny_next("revoked")
    stub.deny_next("overloaded", retry_after="0")
    answer = requests.post(f"{stub.url}/v1/payments/a-7", data="text", auth=agent.requests(), timeout=10)
    assert answer.status_code == 200
    assert [one.status_code for one in answer.history] == [403, 503]
    stub.deny_next("overloaded", times=10, retry_after="0")
    assert requests.get(f"{stub.url}/v1/payments/a-7", auth=agent.requests(), timeout=10).status_code == 503


def test_a_file_is_sent_once(stub: StubServer, agent: Portcullis) -> None:
    stub.deny_next("revoked")
    url = f"{stub.url}/v1/payments/a-7"
    assert requests.put(url, data=io.BytesIO(b"file"), auth=agent.requests(), timeout=10).status_code == 403
    assert stub.executions == []


def test_a_redirect_carries_neither_warrant_nor_proof_nor_token(stub: StubServer, agent: Portcullis) -> None:
    with Recorder() as other:

        def redirect(_: Execution) -> tuple[int, dict[str, str], bytes]:
            return 307, {"Location": f"{other.url}/taken"}, b""

        stub.upstream = redirect
        answer = requests.post(f"{stub.url}/v1/payments/a-7", data=b"{}", auth=agent.requests(), timeout=10)
        assert answer.status_code == 200
        [(_, path, headers, body)] = other.seen
        assert (path, body) == ("/taken", b"{}")
        assert not {"warrant", "warrant-proof"} & set(headers)


def test_a_refusal_of_the_authority_is_an_exception(stub: StubServer, agent: Portcullis) -> None:
    stub.refuse_next_token("invalid_target")
    with pytest.raises(TokenRefusedError):
        requests.get(f"{stub.url}/v1/payments/a-7", auth=agent.requests(), timeout=10)
