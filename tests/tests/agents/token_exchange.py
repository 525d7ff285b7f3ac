"""Three clients of the same authority: one of OAuth that knows nothing of warrants, and the package of this repository.

Prints the warrant that each of them got, as JSON. What it is called with says where the authority is.
"""

import json
import ssl
import sys
from pathlib import Path

import google.auth.transport.requests
import google.oauth2.sts
import requests

asked = json.load(sys.stdin)
endpoint, roots, token = asked["endpoint"], asked["roots"], asked["token"]
JWT = "urn:ietf:params:oauth:token-type:jwt"
WARRANT = "urn:portcullis:params:oauth:token-type:warrant"

# google-auth's client of RFC 8693. The warrant is bound to the key of the client certificate.
session = requests.Session()
# A bundle of roots in the environment (REQUESTS_CA_BUNDLE) would replace `verify`.
session.trust_env = False
session.verify, session.cert = roots, (asked["certificate"], asked["key"])
stock = google.oauth2.sts.Client(endpoint).exchange_token(
    google.auth.transport.requests.Request(session),
    "urn:ietf:params:oauth:grant-type:token-exchange",
    token,
    JWT,
    audience="demo",
    scopes=["greetings"],
    requested_token_type=WARRANT,
)

sys.path.insert(0, asked["package"])
from portcullis import Ask, Authority, Key, Portcullis  # noqa: E402

own = Key.load(asked["holder"])
authority = Authority(
    token_endpoint=endpoint,
    audience="demo",
    issuer="https://authority.demo",
    subject_token=lambda: token,
    subject_token_type=JWT,
    ssl_context=ssl.create_default_context(cafile=roots),
)
package = Portcullis(own, [authority]).obtain(Ask(scope="greetings", lifetime=30, use=2))

print(json.dumps({"stock": stock["access_token"], "expires_in": stock["expires_in"], "package": package.text}))
