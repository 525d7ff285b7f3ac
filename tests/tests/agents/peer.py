"""The Python side of the tests: agents, an authority and a reader, with the guide's code and a stock JOSE library.

It reads one JSON object {"do": NAME, ...arguments} from standard input, and writes one JSON answer to standard output. The
module `guide` is the block of docs/agents.md; the tests write it next to this file. For a warrant that is not valid the
answer is {"refused": why}.
"""

import json
import sys

import guide
from joserfc import jwk, jws
from joserfc.errors import JoseError


class Refused(Exception):
    pass


def new_key(alg):
    parameters = {"alg": alg}
    made = (
        jwk.ECKey.generate_key("P-256", parameters=parameters)
        if alg == "ES256"
        else jwk.OKPKey.generate_key("Ed25519", parameters=parameters)
    )
    return {"alg": alg, **made.as_dict(private=True)}


def root(key, kid, claims):
    return guide.sign("warrant+jwt", claims, jwk.import_key(key), kid=kid)


def public(key):
    return guide.public(jwk.import_key(key))


def delegate(warrant, key, sub, to, narrower):
    return guide.delegate(warrant, jwk.import_key(key), sub, jwk.import_key(to), **narrower)


def prove(warrant, key, method, authority, path, body=None):
    return guide.prove(
        warrant, jwk.import_key(key), method, authority, path, None if body is None else body.encode()
    )


def read(warrant, authority):
    """Reads every link with the stock library and the key that its parent names. The token's own header is not trusted."""
    key, parent, seen = jwk.import_key(authority), None, []
    for depth, token in enumerate(warrant.split("~")):
        try:
            link = jws.deserialize_compact(token, key, algorithms=[key.alg])
        except (JoseError, ValueError) as why:
            raise Refused(f"link {depth}: {why}") from why
        claims = json.loads(link.payload)
        if claims["depth"] != depth:
            raise Refused(f"link {depth}: depth")
        if parent is not None and claims["iss"] != key.thumbprint_uri():
            raise Refused(f"link {depth}: iss")
        if parent is not None and claims["parent"] != guide.digest(parent.rpartition(".")[0].encode()):
            raise Refused(f"link {depth}: parent")
        key, parent = jwk.import_key(claims["cnf"]["jwk"]), token
        seen.append(claims)
    return seen


def read_proof(proof, leaf, warrant):
    key = jwk.import_key(leaf)
    try:
        claims = json.loads(jws.deserialize_compact(proof, key, algorithms=[key.alg]).payload)
    except (JoseError, ValueError) as why:
        raise Refused(str(why)) from why
    if claims["wch"] != guide.digest(warrant.encode()):
        raise Refused("wch")
    return claims


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    verbs = {verb.__name__: verb for verb in (new_key, root, public, delegate, prove, read, read_proof)}
    try:
        answer = verbs[asked.pop("do")](**asked)
    except Refused as why:
        answer = {"refused": str(why)}
    json.dump(answer, sys.stdout)
