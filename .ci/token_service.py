"""A token service for registries with `auth: token`: whoever has the account gets a token for all that he asks for.

Arguments: the port, a folder with key.pem and cert.pem, the account (USER:PASSWORD), and the name of issuer and service. Tokens are valid for a minute,
which is the shortest time that clients have to accept. Each request is a line of the output: the scopes, or why it is refused.
"""
import base64
import http.server
import json
import secrets
import subprocess
import sys
import time
import urllib.parse

PORT, FOLDER, ACCOUNT, SERVICE = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
VALID = 60


def url_safe(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims):
    """Returns the token. The registry finds the key in the certificate of its header, which it has to trust."""
    with open(f"{FOLDER}/cert.pem") as file:
        certificate = "".join(line for line in file.read().splitlines() if not line.startswith("-----"))
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
    text = b".".join(url_safe(json.dumps(part).encode()) for part in (header, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", f"{FOLDER}/key.pem"], input=text, capture_output=True, check=True).stdout
    return (text + b"." + url_safe(signature)).decode()


def access(scopes):
    """Returns what a token grants: all that is asked for. A scope's name may have colons."""
    granted = []
    for scope in " ".join(scopes).split():
        kind, rest = scope.split(":", 1)
        name, actions = rest.rsplit(":", 1)
        granted.append({"type": kind, "name": name, "actions": actions.split(",")})
    return granted


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        expected = "Basic " + base64.b64encode(ACCOUNT.encode()).decode()
        if self.headers.get("Authorization") != expected or query.get("service") != [SERVICE]:
            self.respond(401, {"errors": [{"code": "UNAUTHORIZED"}]}, "refused")
            return
        now, scopes = int(time.time()), query.get("scope", [])
        claims = {"iss": SERVICE, "aud": SERVICE, "sub": ACCOUNT.split(":")[0], "iat": now, "nbf": now - 10, "exp": now + VALID,
                  "jti": secrets.token_hex(8), "access": access(scopes)}
        self.respond(200, {"token": signed(claims), "expires_in": VALID}, " ".join(sorted(scopes)))

    def respond(self, status, body, told):
        print(told, flush=True)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
