# The nearest equivalent of a warrant check in Rego: one ES256 JWT (a warrant is one), verified with the authority's key; issuer,
# audience and time; and the request's method and path within what the token allows. No proof of possession, no record, no uses.
package portcullis.authz

import rego.v1

default allow := false

allow if {
	[valid, _, claims] := io.jwt.decode_verify(input.attributes.request.http.headers.warrant, {
		"cert": data.keys,
		"alg": "ES256",
		"iss": "https://authority.demo",
		"aud": "demo",
	})
	valid
	some detail in claims.authorization_details
	input.attributes.request.http.method in detail.methods
	some path in detail.paths
	glob.match(path, ["/"], input.attributes.request.http.path)
}
