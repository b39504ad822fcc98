"""A partner's node made by hand: envelopes under any Ed25519 key (openssl signs), brought over TLS with any client certificate."""
import base64
import datetime
import http.client
import json
import pathlib
import ssl
import subprocess
import tempfile
import uuid

from node import Answer, equal, true

TAXII = "application/taxii+json;version=2.1"
PAYLOAD = "application/vnd.noroshi.message+json;v=1"
COLLECTION = str(uuid.uuid5(uuid.NAMESPACE_URL, "urn:noroshi:collection:messages"))
EXTENSION = f"extension-definition--{uuid.uuid5(uuid.NAMESPACE_URL, 'urn:noroshi:extension:message')}"
OBJECTS = f"/messages/collections/{COLLECTION}/objects/"
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")  # Ed25519, RFC 8410: then the seed
SPKI = bytes.fromhex("302a300506032b6570032100")           # then the public key


def canonical(value):
    """RFC 8785 for what stands in messages here: ASCII keys, whole numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pae(payload, type=PAYLOAD):
    return b"DSSEv1 %d %s %d %s" % (len(type), type.encode(), len(payload), payload)


def openssl(*args, key, text, signature=None):
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "key").write_bytes(key)
        (d / "text").write_bytes(text)
        (d / "sig").write_bytes(signature or b"")
        full = [str(d / a[1:]) if a.startswith("@") else a for a in args]
        return subprocess.run(["openssl", "pkeyutl", "-rawin", "-keyform", "DER", *full], capture_output=True)


def sign(seed, text):
    done = openssl("-sign", "-inkey", "@key", "-in", "@text", key=PKCS8 + seed, text=text)
    equal(done.returncode, 0, done.stderr)
    return done.stdout


def signed_by(public, text, signature):
    return openssl("-verify", "-pubin", "-inkey", "@key", "-in", "@text", "-sigfile", "@sig", key=SPKI + public, text=text,
                   signature=signature).returncode == 0


def seed_of(home):
    return (home.path / "keys" / "messages.seed").read_bytes()


def public_of(home):
    return base64.b64decode((home.path / "keys" / "messages.vkey").read_text().strip().split("+", 2)[2])[1:]


def at(seconds=0):
    t = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return t.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def opened(envelope):
    return json.loads(base64.b64decode(envelope["payload"]))


class Partner:
    """Speaks for `home` to the node that runs as `running`."""

    def __init__(self, home, running, me, other, port=None):
        self.home, self.running, self.me, self.other = home, running, me, other
        self.port = port or running.port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.load_cert_chain(home.path / "tls" / "cert.pem", home.path / "tls" / "key.pem")

    def message(self, counter, **more):
        return {"agreement": None, "agreement_version": 0, "body": {"nonce": "n"}, "counter": counter, "created": at(),
                "expires": at(3600), "from": self.me, "id": str(uuid.uuid4()), "kind": "probe", "to": self.other,
                "type": "noroshi-message", "v": 1, **more}

    def seal(self, message, seed=None, type=PAYLOAD):
        payload = message if isinstance(message, bytes) else canonical(message)
        sig = sign(seed or seed_of(self.home), pae(payload, type))
        return {"payload": base64.b64encode(payload).decode(), "payloadType": type,
                "signatures": [{"keyid": "k", "sig": base64.b64encode(sig).decode()}]}

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)
        try:
            c.request(method, path, body, {"Accept": TAXII, **({"Content-Type": TAXII} if body else {}), **(headers or {})})
            r = c.getresponse()
            return Answer(r, r.read())
        finally:
            c.close()

    def carry(self, envelope):
        id = f"noroshi-message--{uuid.uuid4()}"
        return {"type": "noroshi-message", "spec_version": "2.1", "id": id, "created": "2026-01-01T00:00:00.000Z",
                "modified": "2026-01-01T00:00:00.000Z", "extensions": {EXTENSION: {"extension_type": "new-sdo"}},
                "envelope": envelope}

    def post(self, *envelopes):
        answer = self.ask("POST", OBJECTS, json.dumps({"objects": [self.carry(e) for e in envelopes]}))
        equal(answer.status, 202, answer)
        return answer.json()

    def taken(self, envelope):
        """The acknowledgement's bytes."""
        status = self.post(envelope)
        equal((status["success_count"], status["failure_count"]), (1, 0), status)
        return status["successes"][0]["message"]

    def refused(self, envelope):
        """Why it was not taken."""
        status = self.post(envelope)
        equal((status["success_count"], status["failure_count"]), (0, 1), status)
        return status["failures"][0]["message"]

    def waiting(self, query=""):
        answer = self.ask("GET", OBJECTS + query)
        equal(answer.status, 200, answer)
        return [opened(o["envelope"]) for o in answer.json().get("objects", [])]
