"""What the TAXII tests share: a node with API roots and collections, and a client that sends exactly what it is told."""
import base64
import gzip
import http.client
import json
import tempfile
import time
import urllib.parse
import uuid

from node import equal

TYPE = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"
ROOT = "/trustgroup1"
READER, WRITER, PARTNER = "reader of pages at noon", "writer of pages at dusk", "partner beyond the hills"
# collections of the server below
OPEN = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"    # everybody reads and writes; alias "open"
READ = "52892447-4d7e-4f70-b94d-d7f22742ff63"    # everybody reads
WRITE = "472c94ae-3113-4e3e-a4dd-a9f4ac7471d4"   # everybody writes
SECRET = "64993447-4d7e-4f70-b94d-d7f33742ee63"  # nobody but `reader`


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def identifier(kind, number):
    return f"{kind}--{uuid.uuid5(uuid.UUID('6d1c55f4-7ff6-4a4a-8f1a-0c51c7b2d0aa'), f'{kind} {number}')}"


def indicator(number, modified="2026-01-02T03:04:05.678Z", **more):
    return {"type": "indicator", "spec_version": "2.1", "id": identifier("indicator", number), "created": "2026-01-01T00:00:00.000Z",
            "modified": modified, "name": f"Indicator {number}", "pattern": f"[domain-name:value = 'h{number}.evil.example']",
            "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z", **more}


def manifest_of(objects, since="2026-02-01T00:00:00.000001Z"):
    """One microsecond apart, in order."""
    head, micro = since[:-7], int(since[-7:-1])
    return [{"id": o["id"], "date_added": f"{head}{micro + i:06d}Z", "version": o.get("modified", o.get("created")), "media_type": STIX}
            for i, o in enumerate(objects)]


def collection(uid, title, can_read, can_write, objects=(), **more):
    return {"id": uid, "title": title, "can_read": can_read, "can_write": can_write, "media_types": [STIX], "objects": list(objects),
            "manifest": manifest_of(objects), **more}


def description(objects=(), max_content=9765625):
    """A whole server in the form that `noroshi taxii load` reads."""
    return {
        "/discovery": {"title": "Tests", "description": "A server to test clients with", "contact": "soc@test.cert.example",
                       "default": f"https://elsewhere.example{ROOT}/", "api_roots": [f"https://elsewhere.example{ROOT}/", "/a/b/"]},
        ROOT[1:]: {"information": {"title": "Malware Research Group", "description": "A trust group",
                                   "versions": [TYPE], "max_content_length": max_content},
                   "status": [],
                   "collections": [collection(OPEN, "Open", True, True, objects, alias="open", description="Everybody reads and writes"),
                                   collection(READ, "Read", True, False, objects[:3]),
                                   collection(WRITE, "Write", False, True),
                                   collection(SECRET, "Secret", False, False, objects[:2])]},
        "a/b": {"information": {"title": "Deep", "versions": [TYPE], "max_content_length": 4096}, "status": [], "collections": []},
    }


made = {}
pantry = tempfile.TemporaryDirectory(prefix="noroshi-taxii-", ignore_cleanup_errors=True)


def server(t, objects=None, max_content=9765625):
    """A home with that server and three accounts beside the admin: reader, writer, partner (role client). Slow hashes are paid once: homes
    are copies of one that was made before."""
    objects = [indicator(i) for i in range(12)] if objects is None else objects
    text = json.dumps(description(objects, max_content))
    if "" not in made:
        made[""] = t.home().copy(f"{pantry.name}/plain")
        for name, role, password in (("reader", "viewer", READER), ("writer", "analyst", WRITER), ("partner", "client", PARTNER)):
            made[""].run("user", "add", name, "--role", role, input=password + "\n", code=0)
    if text not in made:
        made[text] = made[""].copy(f"{pantry.name}/{len(made)}")
        made[text].run("taxii", "load", t.file("server.json", text), code=0)
    home = made[text].copy(t.path("home"))
    home.objects = objects
    return home


class Taxii:
    """One connection, kept alive, as clients in use do."""

    def __init__(self, node, authorization=None, context=None):
        self.node, self.authorization = node, authorization
        self.connection = http.client.HTTPSConnection(node.host, node.port, timeout=60, context=context or node.client().context)

    def ask(self, method, path, body=None, want=None, headers=None, plain=False):
        h = {} if plain else {"Accept": TYPE}
        if self.authorization:
            h["Authorization"] = self.authorization
        if isinstance(body, (dict, list)):
            body = json.dumps(body, ensure_ascii=False).encode()
            h["Content-Type"] = TYPE
        h.update(headers or {})
        h = {k: v for k, v in h.items() if v is not None}
        for attempt in (1, 2):  # the node may have closed a connection that it refused something on
            try:
                self.connection.putrequest(method, path, skip_accept_encoding=True)
                for k, v in h.items():
                    self.connection.putheader(k, v)
                if body is not None:
                    self.connection.putheader("Content-Length", str(len(body)))
                self.connection.endheaders(body)
                response = self.connection.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                self.connection.close()
                if attempt == 2:
                    raise
        answer = Reply(response)
        if want is not None and answer.status not in (want if isinstance(want, tuple) else (want,)):
            raise AssertionError(f"{method} {path}: {answer}, want {want}")
        return answer

    def get(self, path, want=200, **more):
        return self.ask("GET", path, want=want, **more)

    def post(self, path, body, want=202, **more):
        return self.ask("POST", path, body, want=want, **more)

    def objects(self, uid, query="", root=ROOT, **more):
        return self.get(f"{root}/collections/{uid}/objects/{query}", **more)

    def walk(self, uid, limit=None, what="objects", root=ROOT, **query):
        """All entries of a collection, page by page."""
        entries = []
        query = {k.replace("match_", "match[") + ("]" if k.startswith("match_") else ""): v for k, v in query.items()}
        query.update({"limit": limit} if limit else {})
        while True:
            page = self.get(f"{root}/collections/{uid}/{what}/?{urllib.parse.urlencode(query)}").json()
            entries += page.get("objects", [])
            if not page.get("more"):
                return entries
            query["next"] = page["next"]

    def close(self):
        self.connection.close()


class Reply:
    def __init__(self, response):
        self.status, self.version = response.status, response.version
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.raw = response.read()
        self.body = gzip.decompress(self.raw) if self.headers.get("content-encoding") == "gzip" else self.raw

    def json(self):
        return json.loads(self.body)

    def error(self, status):
        """The TAXII error object (TAXII 2.1, 3.6.1), checked."""
        equal(self.status, status, f"status of {self}")
        equal(self.headers["content-type"], TYPE, "content type of an error")
        error = self.json()
        equal((bool(error["title"]), error["http_status"]), (True, str(status)), "error object")
        return error

    def __repr__(self):
        return f"{self.status} {self.headers.get('content-type')} {self.body[:500]!r}"


def final(client, status, root=ROOT, seconds=20):
    """Polls a status as taxii2-client does, until it is complete."""
    end = time.monotonic() + seconds
    while status["status"] != "complete" and time.monotonic() < end:
        time.sleep(0.1)
        status = client.get(f"{root}/status/{status['id']}/").json()
    equal(status["status"], "complete", "status")
    return status
