"""The Python of docs/python.md runs as it is written there, from first to last, against the stub server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import REPOSITORY

from portcullis import Key
from portcullis.testing import StubServer

BLOCKS = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs/python.md").read_text(encoding="utf-8"), re.S)


def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the network is another: what the guide sends to its hosts reaches the stub, with the guide's own `Host` header."""
    Key.generate().save(tmp_path / "agent.jwk")
    (tmp_path / "token").write_text("stub-subject-token\n")
    monkeypatch.chdir(tmp_path)
    with StubServer(audience="shop") as stub:
        send = httpx.HTTPTransport.handle_request

        def to_the_stub(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            if request.url.host.endswith(".shop"):
                request.url = request.url.copy_with(scheme="http", host="127.0.0.1", port=int(stub.host.partition(":")[2]))
            return send(transport, request)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", to_the_stub)
        names: dict[str, Any] = {}
        for block in BLOCKS:
            exec(compile(block, "docs/python.md", "exec"), names)  # the guide's own code
        assert [(one.host, one.path_and_query) for one in stub.executions] == [("payments.shop", "/v1/payments/a-7")] * 2
        assert [one.warrant.leaf.claims["sub"] for one in stub.executions] == ["agent:stub", "agent:helper"]
    printed = capsys.readouterr().out
    assert printed.startswith("200\n")
    assert "the child would be wider than its parent in `use`" in printed
    assert len(BLOCKS) == 4
