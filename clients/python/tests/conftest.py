"""What the tests share: a stub server, an agent for it, httpx with and without asyncio, and a server that remembers requests."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from portcullis import Key, Portcullis, Warrant
from portcullis.testing import StubServer

REPOSITORY = Path(__file__).resolve().parents[3]
PAYMENTS = {"hosts": ["payments.shop"], "methods": ["GET", "POST"], "paths": ["/v1/payments/**"]}


class Recorder:
    """A server that is neither an authority nor a gate. It answers with `status` and `headers`, and keeps what it got. With
    `certificate`, a file that has the key too, it speaks TLS."""

    def __init__(self, status: int = 200, headers: dict[str, str] | None = None, certificate: Path | None = None) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                sent = {name.lower(): value for name, value in self.headers.items()}
                recorder.seen.append((self.command, self.path, sent, body))
                self.send_response(status)
                for name, value in {**(headers or {}), "Content-Length": "2"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = _handle  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is in the thread of the connection: a client that refuses the certificate does not stop the server.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
            self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as running:
        yield running


@pytest.fixture
def key() -> Key:
    return Key.generate()


@pytest.fixture
def agent(stub: StubServer, key: Key) -> Portcullis:
    return Portcullis(key=key, authorities=[stub.authority()])


Send = Callable[..., httpx.Response]


def send_sync(agent: Portcullis, method: str, url: str, **more: object) -> httpx.Response:
    with httpx.Client(auth=agent, verify=False) as client:
        return client.request(method, url, **more)  # type: ignore[arg-type]


def send_async(agent: Portcullis, method: str, url: str, **more: object) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(auth=agent, verify=False) as client:
            return await client.request(method, url, **more)  # type: ignore[arg-type]

    return asyncio.run(go())


@pytest.fixture(params=[send_sync, send_async])
def send(request: pytest.FixtureRequest) -> Send:
    chosen: Send = request.param
    return chosen


def root(holder: Key, issuer: Key | None = None, **claims: Any) -> Warrant:
    """A root for payments, until the year 2065."""
    stated = {
        "iss": "https://authority.shop",
        "sub": "agent:demo",
        "aud": ["shop"],
        "jti": "r1",
        "txn": "t1",
        "iat": 1_700_000_000,
        "nbf": 1_700_000_000,
        "exp": 3_000_000_000,
        "cnf": {"jwk": holder.public.jwk},
        "depth": 0,
        "max_depth": 7,
        "env": {},
        "authorization_details": [{"type": "execution", **PAYMENTS}],
        **claims,
    }
    return Warrant.parse((issuer or Key.generate()).sign_jws("warrant+jwt", stated, kid="a1"))


def vectors() -> list[dict[str, Any]]:
    """The golden vectors. Only those whose request has one `Warrant` header: an HTTP library sends no second one."""
    files = sorted((REPOSITORY / "warrant/vectors").glob("*.json"))
    assert len(files) > 700, "the golden vectors are not there"
    read = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [vector for vector in read if len(vector["warrant"]) == 1]
