"""A witness, written from the texts of C2SP tlog-witness, C2SP tlog-cosignature and RFC 6962 alone.

python_witness.py NAME STATE VKEY    cosigns, as NAME, the checkpoints of the log whose key is in the file VKEY. It listens
on a free port of loopback. It reads what it remembers from STATE (JSON) at each request, and writes it before each answer.
"""
import base64, hashlib, http.server, json, pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "ledger/tests/readers"))
from ed25519 import BASE, L, P, times
from reader import b64, checkpoint, node, sha

name, state, vkey = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).read_text()

def encode(point):
    x, y = (point[i] * pow(point[2], -1, P) % P for i in (0, 1))
    return (y | (x & 1) << 255).to_bytes(32, "little")

# RFC 8032, sections 5.1.5 and 5.1.6. The seed is the digest of the name: nothing here is secret.
digest = hashlib.sha512(sha(name.encode())).digest()
scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
public = encode(times(scalar, BASE))

def sign(message):
    number = lambda *parts: int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L
    r = number(digest[32:], message)
    point = encode(times(r, BASE))
    return point + ((r + number(point, public, message) * scalar) % L).to_bytes(32, "little")

key_id = sha(name.encode() + b"\n\x04" + public)[:4]
written = lambda data: base64.b64encode(data).decode()

def cosign(text):
    now = int(time.time())
    message = f"cosignature/v1\ntime {now}\n{text}".encode()
    return f"\u2014 {name} {written(key_id + now.to_bytes(8, 'big') + sign(message))}\n"

def continues(old, old_root, new, new_root, proof):
    """Whether a proof of RFC 6962, section 2.1.2, leads to both roots; the recursion is the definition's own."""
    proof = list(proof)
    def subproof(m, n, is_old):
        if m == n:
            return (old_root if is_old else proof.pop(0),) * 2
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            before, left = subproof(m, k, is_old)
            return before, node(left, proof.pop(0))
        before, right = subproof(m - k, n - k, False)
        left = proof.pop(0)
        return node(left, before), node(left, right)
    try:
        return subproof(old, new, True) == (old_root, new_root) and not proof
    except IndexError:
        return False

def add_checkpoint(body):
    head, note = body.split("\n\n", 1)
    first, *proof = head.split("\n")
    assert first.startswith("old ") and first == f"old {int(first[4:])}" and len(proof) <= 63, "form"
    old, proof = int(first[4:]), [b64(line) for line in proof]
    if note.split("\n")[0] != vkey.split("+")[0]:
        return f"{first}", 404, ""
    try:
        size, root = checkpoint(note, vkey)
    except AssertionError as why:
        return f"{first} ({why})", 403, ""
    asked = f"{first} size {size}"
    held = json.loads(state.read_text()) if state.exists() else {"size": 0, "root": ""}
    if old > size:
        return asked, 400, ""
    if old != held["size"] or old == size and b64(held["root"]) != root:
        return asked, 409, f"{held['size']}\n"
    if proof if old == 0 else not continues(old, b64(held["root"]), size, root, proof):
        return asked, 422, ""
    state.with_suffix(".new").write_text(json.dumps({"size": size, "root": written(root)}))
    state.with_suffix(".new").rename(state)
    return asked, 200, cosign(note.rsplit("\n\n", 1)[0] + "\n")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        asked, status, answer = add_checkpoint(body) if self.path == "/w/add-checkpoint" else (self.path, 404, "")
        print(f"{asked} -> {status}", flush=True)
        self.send_response(status)
        self.send_header("content-type", "text/x.tlog.size" if status == 409 else "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(f"key {name}+{key_id.hex()}+{written(bytes([4]) + public)}")
print(f"listening {server.server_port}", flush=True)
server.serve_forever()
