"""Checks a published log, written only from the texts of C2SP tlog-tiles, tlog-checkpoint and RFC 6962.

reader.py VKEY DIRECTORY [PROOF...]     exits 0 if the log and every proof file are valid. It needs only the standard library.
"""
import base64, pathlib, struct, sys
from ed25519 import hashlib, verify

sha = lambda data: hashlib.sha256(data).digest()
leaf = lambda entry: sha(b"\0" + entry)
node = lambda left, right: sha(b"\1" + left + right)
b64 = lambda text: base64.b64decode(text, validate=True)

def checkpoint(note, vkey):
    name, key_id, key = vkey.strip().split("+", 2)
    key = b64(key)
    assert key[0] == 1 and sha(name.encode() + b"\n" + key)[:4].hex() == key_id, "vkey"
    text, signatures = note.rsplit("\n\n", 1)
    text, (*lines, last) = text + "\n", signatures.split("\n")
    assert last == "" and all(line.startswith("\u2014 ") and line.count(" ") == 2 for line in lines), "signature lines"
    ours = [b64(line.split(" ")[2]) for line in lines if line.startswith(f"\u2014 {name} ")]
    ours = [signature for signature in ours if signature[:4].hex() == key_id]
    assert len(ours) == 1, "signatures"
    assert verify(key[1:], text.encode(), ours[0][4:]), "signature"
    origin, size, root, end = text.split("\n")
    assert origin == name and end == "" and str(int(size)) == size, "checkpoint"
    return int(size), b64(root)

def tile(log, level, index, width):
    parts, rest = ["%03d" % (index % 1000)], index // 1000
    while rest:
        parts, rest = ["x%03d" % (rest % 1000)] + parts, rest // 1000
    return (log / "tile" / str(level) / ("/".join(parts) + (f".p/{width}" if width < 256 else ""))).read_bytes()

def mth(hashes):
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(mth(hashes[:split]), mth(hashes[split:]))

def audit(log, size, root):
    leaves = []
    for index in range((size + 255) // 256):
        width = min(256, size - index * 256)
        bundle, entries = tile(log, "entries", index, width), []
        while bundle:
            (length,) = struct.unpack(">H", bundle[:2])
            assert len(bundle) >= 2 + length, "bundle"
            entries, bundle = entries + [bundle[2:2 + length]], bundle[2 + length:]
        assert len(entries) == width, "bundle width"
        leaves += map(leaf, entries)
    level, hashes = 0, leaves
    while hashes:
        for index in range((len(hashes) + 255) // 256):
            part = hashes[index * 256:index * 256 + 256]
            assert tile(log, level, index, len(part)) == b"".join(part), f"tile {level} {index}"
        hashes = [mth(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    assert mth(leaves) == root, "root"

def proof(text, vkey):
    head, note = text.split("\n\n", 1)
    title, extra, index, *path = head.split("\n")
    assert title == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index "), "proof"
    size, root = checkpoint(note, vkey)
    path, at, entry = [b64(line) for line in path], int(index[6:]), b64(extra[6:])
    def climb(at, size, path):
        if size == 1:
            assert not path
            return leaf(entry)
        split = 1 << (size - 1).bit_length() - 1
        if at < split:
            return node(climb(at, split, path[:-1]), path[-1])
        return node(path[-1], climb(at - split, size - split, path[:-1]))
    assert 0 <= at < size and climb(at, size, path) == root, "inclusion"

if __name__ == "__main__":
    vkey, log = pathlib.Path(sys.argv[1]).read_text(), pathlib.Path(sys.argv[2])
    audit(log, *checkpoint((log / "checkpoint").read_text(), vkey))
    for file in sys.argv[3:]:
        proof(pathlib.Path(file).read_text(), vkey)
