"""A stub for the unit tests of agents: an authority, a gate and an upstream in one local HTTP server of the standard library.

It checks what an agent can get wrong (the form of a token request, the chain, the proof, what the warrant allows, uses), and not
everything that the real ones check. It is for tests: it believes one subject token and grants whatever is asked.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import httpx

from . import paths
from ._claims import executions
from ._encoding import Json, Malformed, digest, from_base64url, from_json, from_json_object, to_json
from .authority import GRANT_TYPE, WARRANT_TYPE, Authority
from .denials import DENIALS, PROBLEM_TYPE
from .errors import MalformedWarrantError, PortcullisError
from .key import Key, PublicKey
from .warrant import Warrant, first_fault_of_lineage

_Next = TypeVar("_Next")
Upstream = Callable[["Execution"], tuple[int, Mapping[str, str], bytes]]
_PROOF_WINDOW = 30
_MOST_BYTES_OF_A_BODY = 16 * 1024 * 1024
_PROOF_MEMBERS = ({"jti", "iat", "htm", "htu", "wch"}, {"jti", "iat", "htm", "htu", "wch", "cd"})


@dataclass(frozen=True)
class Execution:
    """One request that reached the upstream."""

    method: str
    host: str
    path_and_query: str
    headers: Mapping[str, str]
    body: bytes
    warrant: Warrant


@dataclass(frozen=True)
class _Forced:
    code: str
    retry_after: str | None = None
    names_decision: bool = True
    challenge: str | None = None


class _Denied(Exception):  # noqa: N818
    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.forced = _Forced(code)
        self.detail = detail


class _Refused(Exception):  # noqa: N818
    def __init__(
        self,
        error: str,
        description: str,
        status: int = 400,
        retry_after: str | None = None,
        members: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}
        self.answer = {"error": error, "error_description": description, **(members or {})}


@dataclass
class StubServer:
    """Use it as a context manager: `with StubServer() as stub: …`.

    `grants` are the details that each `scope` stands for. `lifetime`, `use` and `max_depth` are caps of what is issued. `upstream`
    answers executions; without it the answer is 200 with a JSON document.
    """

    subject_token: str = "stub-subject-token"  # noqa: S105 only the stub believes it
    audience: str = "stub"
    sub: str = "agent:stub"
    grants: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    canonical_hosts: Mapping[str, str] = field(default_factory=dict)
    lifetime: int = 300
    use: int | None = None
    max_depth: int = 7
    upstream: Upstream | None = None

    def __post_init__(self) -> None:
        self.executions: list[Execution] = []
        """What reached the upstream."""
        self.token_requests: list[dict[str, str]] = []
        """The forms of all token requests, refused ones included."""
        self._key = Key.generate()
        self._lock = threading.Lock()
        self._forced: deque[_Forced] = deque()
        self._refusals: deque[_Refused] = deque()
        self._burned: dict[str, int] = {}
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> StubServer:
        stub = self

        class Handler(_Handler):
            owner = stub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    @property
    def host(self) -> str:
        if self._server is None:
            raise RuntimeError("the stub server is not started: use it as a context manager")
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where the gate listens."""
        return f"http://{self.host}"

    def authority(self, **settings: Any) -> Authority:
        """The configuration of an agent for this stub."""
        chosen: dict[str, Any] = {"audience": self.audience, "subject_token": self.subject_token, **settings}
        return Authority(token_endpoint=f"{self.url}/v1/token", **chosen)

    def deny_next(
        self,
        code: str,
        times: int = 1,
        *,
        retry_after: str | None = None,
        by_the_server: bool = True,
        challenge: str | None = None,
    ) -> None:
        """Denies the next requests with this code, whatever they bring. Not `by_the_server` is as the proxy does it: the document
        names no decision. `challenge` replaces the value of `WWW-Authenticate`."""
        self._forced.extend([_Forced(code, retry_after, by_the_server, challenge)] * times)

    def refuse_next_token(
        self, error: str, description: str = "", *, status: int = 400, retry_after: str | None = None, **members: str
    ) -> None:
        """Refuses the next token request. `members` are further ones of the answer, for instance `code` and `cure`."""
        self._refusals.append(_Refused(error, description, status, retry_after, members))

    # --- the authority -----------------------------------------------------------------------------------------------

    def _token(self, host: str, target: str, headers: Mapping[str, str], body: bytes) -> dict[str, object]:
        try:
            pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise _Refused("invalid_request", "not a form") from None
        form = dict(pairs)
        self.token_requests.append(form)
        refusal = self._next(self._refusals)
        if refusal is not None:
            raise refusal
        repeated = [name for name, _ in pairs if name != "resource"]
        if len(repeated) != len(set(repeated)):
            raise _Refused("invalid_request", "a parameter occurs twice")
        if form.get("grant_type") != GRANT_TYPE or form.get("requested_token_type") != WARRANT_TYPE:
            raise _Refused("unsupported_grant_type", "not a token exchange for a warrant")
        if form.get("subject_token") != self.subject_token or "subject_token_type" not in form:
            raise _Refused("invalid_request", "the subject token does not hold")
        if form.get("audience") != self.audience:
            raise _Refused("invalid_target", "another mesh")
        try:
            holder = PublicKey.from_jwk(from_json_object(form.get("cnf", "").encode()))
        except (Malformed, PortcullisError) as error:
            raise _Refused("invalid_request", f"cnf: {error}") from None
        try:
            self._check_proof(headers.get("Warrant-Proof"), holder, "", ("POST", host, target), body, needs_body=True)
        except _Denied as denied:
            raise _Refused("invalid_request", f"Warrant-Proof: {denied.detail}") from None
        return self._issued(holder, form)

    def _issued(self, holder: PublicKey, form: Mapping[str, str]) -> dict[str, object]:
        if "scope" in form:
            if form["scope"] not in self.grants:
                raise _Refused("invalid_scope", "no such grant")
            details = executions(self.grants[form["scope"]])
        else:
            try:
                details = from_json(form.get("authorization_details", "").encode())
            except Malformed as fault:
                raise _Refused("invalid_authorization_details", str(fault)) from None
        limits = [limit for limit in (self.use, _number(form, "use")) if limit is not None]
        lifetime = min(self.lifetime, _number(form, "lifetime") or self.lifetime)
        asked_depth = _number(form, "max_depth")
        claims = {
            "authorization_details": details,
            "max_depth": self.max_depth if asked_depth is None else min(self.max_depth, asked_depth),
            **({"use": {"max": min(limits)}} if limits else {}),
        }
        try:
            text = self._sign(holder, claims, lifetime)
            Warrant.parse(text)
        except MalformedWarrantError as error:
            raise _Refused("invalid_authorization_details", str(error)) from None
        return {"access_token": text, "issued_token_type": WARRANT_TYPE, "token_type": "N_A", "expires_in": lifetime}

    def _sign(self, holder: PublicKey, claims: Mapping[str, object], lifetime: int) -> str:
        now = int(time.time())
        root: Json = {"iss": self.url, "sub": self.sub, "aud": [self.audience], "txn": secrets.token_urlsafe(8)}
        root |= {"jti": secrets.token_urlsafe(8), "iat": now, "nbf": now, "exp": now + lifetime}
        root |= {"cnf": {"jwk": holder.jwk}, "depth": 0, "env": {}}
        return self._key.sign_jws("warrant+jwt", {**root, **claims}, kid="stub")

    # --- the gate ----------------------------------------------------------------------------------------------------

    def _judge(self, method: str, host: str, target: str, headers: Mapping[str, str], body: bytes) -> Warrant:
        path = target.partition("?")[0]
        if not paths.is_unambiguous(path):
            raise _Denied("request-ambiguous")
        text = headers.get("Warrant")
        if not text:
            raise _Denied("warrant-missing")
        try:
            warrant = Warrant.parse(text)
        except MalformedWarrantError as error:
            raise _Denied("warrant-malformed", str(error)) from None
        if warrant.root.claims["iss"] != self.url:
            raise _Denied("issuer-untrusted")
        signer = self._key.public
        for link in warrant.links:
            signed, _, signature = link.token.rpartition(".")
            if not signer.verify(from_base64url(signature), signed.encode()):
                raise _Denied("signature-invalid")
            signer = link.holder
        if warrant.expires <= time.time():
            raise _Denied("expired")
        if list(warrant.leaf.claims["aud"]) != [self.audience]:
            raise _Denied("audience-mismatch")
        fault = first_fault_of_lineage(warrant)
        if fault is not None:
            raise _Denied(fault)
        canonical = self.canonical_hosts.get(host, host)
        if not all(_admits(link.claims, canonical, method, path) for link in warrant.links):
            raise _Denied("outside-warrant")
        self._check_proof(headers.get("Warrant-Proof"), signer, text, (method, host, target), body)
        self._burn_uses(warrant)
        return warrant

    def _check_proof(
        self,
        proof: str | None,
        holder: PublicKey,
        warrant: str,
        line: tuple[str, str, str],
        body: bytes,
        *,
        needs_body: bool = False,
    ) -> None:
        if not proof:
            raise _Denied("proof-missing", "missing")
        method, host, target = line
        try:
            header, claims, signature = (from_base64url(part) for part in proof.split("."))
            stated = from_json_object(claims)
            has_form = from_json(header) == {"alg": holder.alg, "typ": "warrant-proof+jwt"} and set(stated) in _PROOF_MEMBERS
        except ValueError:
            raise _Denied("proof-invalid", "its form") from None
        if not has_form or not holder.verify(signature, proof.rpartition(".")[0].encode()):
            raise _Denied("proof-invalid", "its form or signature")
        expected = {"htm": method, "htu": host + target, "wch": digest(warrant.encode())}
        if needs_body or "cd" in stated:
            expected["cd"] = digest(body)
        for name, value in expected.items():
            if stated.get(name) != value:
                raise _Denied("proof-invalid", f"its {name}")
        if abs(time.time() - stated["iat"]) > _PROOF_WINDOW:
            raise _Denied("proof-invalid", "its iat")
        self._burn(f"{holder.thumbprint} {stated['jti']}", 1)

    def _burn_uses(self, warrant: Warrant) -> None:
        path = warrant.root.claims["iss"]
        for link in warrant.links:
            path += "/" + link.claims["jti"]
            if "use" in link.claims:
                self._burn(path, link.claims["use"]["max"])

    def _burn(self, name: str, most: int) -> None:
        with self._lock:
            burned = self._burned.get(name, 0) + 1
            if burned > most:
                raise _Denied("replayed")
            self._burned[name] = burned

    def _problem(self, forced: _Forced, detail: str) -> tuple[int, dict[str, str], bytes]:
        row = DENIALS.get(forced.code)
        status = 403 if row is None else row.status
        problem: Json = {"type": f"urn:portcullis:denial:{forced.code}", "title": forced.code, "status": status}
        problem |= {"code": forced.code, "detail": detail, "cure": "This is the stub server."}
        if forced.names_decision:
            problem["decision"] = secrets.token_hex(16)
        headers = {"Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", "Warrant-Denial": forced.code}
        if status == 401:
            own = f'Warrant realm="{self.audience}", error="{forced.code}", issuers="{self.url}"'
            headers["WWW-Authenticate"] = own if forced.challenge is None else forced.challenge
        if forced.retry_after is not None:
            headers["Retry-After"] = forced.retry_after
        return status, headers, to_json(problem).encode()

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        host = headers.get("Host", "").lower()
        if urlsplit(target).path == "/v1/token" and method == "POST":
            said = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            try:
                return 200, said, to_json(self._token(host, target, headers, body)).encode()
            except _Refused as refused:
                return refused.status, {**said, **refused.headers}, to_json(refused.answer).encode()
        forced = self._next(self._forced)
        if forced is not None:
            return self._problem(forced, "The test asked for this denial.")
        try:
            warrant = self._judge(method, host, target, headers, body)
        except _Denied as denied:
            return self._problem(denied.forced, denied.detail)
        kept = {name: value for name, value in headers.items() if not name.lower().startswith("warrant")}
        execution = Execution(method, host, target, kept, body, warrant)
        self.executions.append(execution)
        if self.upstream is not None:
            return self.upstream(execution)
        return 200, {"Content-Type": "application/json"}, to_json({"executed": f"{method} {target}"}).encode()

    def _next(self, waiting: deque[_Next]) -> _Next | None:
        with self._lock:  # requests are handled in threads, so somebody else may take the last one
            return waiting.popleft() if waiting else None


class _Handler(BaseHTTPRequestHandler):
    owner: StubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        body = self._body()
        status, headers, answer = self.owner._answer(self.command, self.path, httpx.Headers(self.headers.items()), body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _MOST_BYTES_OF_A_BODY))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:
        """A test's output is its own."""


def _admits(claims: Mapping[str, Any], host: str, method: str, path: str) -> bool:
    return any(
        host in detail["hosts"] and method in detail["methods"] and any(paths.matches(pattern, path) for pattern in detail["paths"])
        for detail in claims["authorization_details"]
    )


def _number(form: Mapping[str, str], name: str) -> int | None:
    if name not in form:
        return None
    if not form[name].isdecimal():
        raise _Refused("invalid_request", f"{name} is not a whole number")
    return int(form[name])
