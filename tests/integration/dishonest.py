"""A partner that does what no honest one does, with the real keys of a home: signs what is false, forges, forks, floods. For tests only.

Ed25519 is done by `openssl pkeyutl`; the formats are those of C2SP (signed note, checkpoint, tlog-witness) and DSSE, written here once more.
"""
import base64
import hashlib
import http.client
import json
import pathlib
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

PKCS8 = bytes.fromhex("302e020100300506032b657004220420")  # Ed25519, RFC 8410: then the seed
CARD = "application/vnd.noroshi.partner+json;v=1"
SIGNATURE = "application/vnd.noroshi.agreement-signature+json;v=1"


def canonical(value):
    """RFC 8785 of what these documents hold: no fractions, no keys beyond ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    """A seed and its verification key, as they stand in keys/ of a home."""

    def __init__(self, seed, name, number):
        self.seed, self.name, self.number = seed, name, number

    @classmethod
    def of(cls, home, which):
        name, number, _ = (home.path / "keys" / f"{which}.vkey").read_text().strip().split("+", 2)
        seed = (home.path / "keys" / f"{which}.seed").read_bytes()
        return cls(seed, name, bytes.fromhex(number))

    def sign(self, data):
        with tempfile.TemporaryDirectory(prefix="noroshi-sign-") as where:
            key, text = pathlib.Path(where, "key"), pathlib.Path(where, "text")
            key.write_bytes(PKCS8 + self.seed)
            text.write_bytes(data)
            return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key, "-in", text], check=True,
                                  capture_output=True).stdout

    def note(self, text):
        return f"{text}\n\u2014 {self.name} {base64.b64encode(self.number + self.sign(text.encode())).decode()}\n"

    def envelope(self, payload, kind):
        body = payload if isinstance(payload, bytes) else canonical(payload)
        pae = f"DSSEv1 {len(kind)} {kind} {len(body)} ".encode() + body
        return {"payload": base64.b64encode(body).decode(), "payloadType": kind,
                "signatures": [{"keyid": f"{self.name}+{self.number.hex()}", "sig": base64.b64encode(self.sign(pae)).decode()}]}


def payload_of(envelope):
    return json.loads(base64.b64decode(envelope["payload"]))


def checkpoint(origin, size, root):
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def other_root(word):
    return hashlib.sha256(word.encode()).digest()


class Dishonest:
    def __init__(self, home):
        self.home = home
        self.log, self.witness, self.messages = (Key.of(home, k) for k in ("log", "witness", "messages"))
        self.id = None  # of the organisation, as the card says it

    # ---- as a client

    def context(self, running):
        context = ssl.create_default_context(cafile=str(running.home.path / "tls" / "cert.pem"))
        context.load_cert_chain(self.home.path / "tls" / "cert.pem", self.home.path / "tls" / "key.pem")
        return context

    def connect(self, running, timeout=30, source=None):
        return http.client.HTTPSConnection(running.host, running.port, timeout=timeout, context=self.context(running),
                                           source_address=(source, 0) if source else None)

    def ask(self, running, method, path, body=None, **headers):
        c = self.connect(running)
        try:
            c.request(method, path, body, {"Accept": "application/taxii+json;version=2.1", **{k.replace("_", "-"): v for k, v in headers.items()}})
            response = c.getresponse()
            return response.status, response.read()
        finally:
            c.close()

    # ---- as a log

    def add_checkpoint(self, running, old, note, proof=()):
        lines = [f"old {old}"] + [base64.b64encode(p).decode() for p in proof]
        return self.ask(running, "POST", "/witness/add-checkpoint", ("\n".join(lines) + "\n\n" + note).encode(), Content_Type="text/plain")

    # ---- as a party

    def statement(self, agreement, party, person, act="sign", key=None, **changes):
        """What a person says of a version, as if it were `party` who says it."""
        said = {"act": act, "agreement": agreement["id"], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "party": party, "person": person,
                "sha256": hashlib.sha256(canonical(agreement)).hexdigest(), "version": agreement["version"], **changes}
        return (key or self.messages).envelope(said, SIGNATURE)


class Pace:
    """How long an honest partner waits for its answers, from another address of this machine; meanwhile others may do what they want."""

    def __init__(self, running, partner, path, source="127.0.0.2"):
        self.running, self.partner, self.path, self.source = running, partner, path, source
        self.times, self.failed, self.ended = [], None, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            c = self.partner.connect(self.running, source=self.source)
            while not self.ended.wait(0.02):
                began = time.monotonic()
                c.request("GET", self.path, headers={"Accept": "application/taxii+json;version=2.1"})
                response = c.getresponse()
                body = response.read()
                if response.status != 200 or b"objects" not in body:
                    raise AssertionError(f"{response.status} {body[:300]}")
                self.times.append(time.monotonic() - began)
            c.close()
        except Exception as why:  # told by who waits for it
            self.failed = why

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.thread.join()
        if not kind and self.failed:
            raise AssertionError(f"the honest partner was not served: {self.failed}")

    def of(self, part):
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def open_connections(running, count, seconds=5):
    """So many TCP connections that say nothing."""
    kept = []
    for _ in range(count):
        try:
            kept.append(socket.create_connection((running.host, running.port), timeout=seconds))
        except OSError:
            break
    return kept


def linger_free(s):
    """Closed by a reset, as a node that vanishes does."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
