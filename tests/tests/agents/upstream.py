"""An upstream of the tests: it checks the receipt of each request with the code of docs/api.md.

It reads one JSON object from standard input: the key set, the log's name, the host, the time and a list of requests. It writes
a JSON list with one answer for each request: the decision's id, or {"refused": why}. The module `receipts` is the block of
docs/api.md; the tests write it next to this file.
"""

import json
import sys

from joserfc.errors import JoseError
from receipts import Receipts

asked = json.load(sys.stdin)
upstream = Receipts(asked["jwks"], asked["iss"], asked["host"], now=lambda: asked["now"])


def answer(request):
    body = request.get("body")
    try:
        claims = upstream.take(
            request["receipts"], request["method"], request["path"], None if body is None else body.encode()
        )
        return claims["dec"]
    except PermissionError as why:
        return {"refused": str(why)}
    except (JoseError, ValueError) as why:
        return {"refused": type(why).__name__}


json.dump([answer(request) for request in asked["requests"]], sys.stdout)
