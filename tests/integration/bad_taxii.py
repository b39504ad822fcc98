"""A TAXII server that does wrong what real ones do wrong: each fault has a switch. For tests of the client only.

Alone, to try a client by hand:  bad_taxii.py CERTIFICATE KEY [SWITCH=VALUE ...]
"""
import base64
import gzip
import hashlib
import http.server
import json
import random
import ssl
import sys
import threading
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone

TYPE = "application/taxii+json;version=2.1"
NS = uuid.UUID("0d3b4c3e-2f0f-4c55-8d0a-6c9f2d0f7e11")
COLLECTION = "365fed99-08fa-4dcd-a1b3-fb247eb41d01"
BEGIN = datetime(2026, 3, 1, tzinfo=timezone.utc)

SWITCHES = dict(
    user="", password="", bearer="",   # who is let in
    prefix="/api",                     # the API root
    roots="relative",                  # relative, bare, absolute, http, foreign: how discovery writes it
    default=True,                      # name it in api_roots; False: as `default` only
    display_name=False,                # display_name in place of title
    type=TYPE,                         # Content-Type of answers
    version=21,                        # 20: speaks TAXII 2.0 only (406 for 2.1), ranges of items
    order="date",                      # id: pages are in the order of ids
    dates="full",                      # none, short (no fraction), swapped (first and last), future (the last one)
    tick=1,                            # microseconds between objects; 0: all have one date
    next="full",                       # none, same (never changes), number, dies (404 when used)
    manifest=True,                     # False: 404
    manifest_next=True,                # False: more without next
    twice=False,                       # each page comes twice
    limit=True,                        # False: ignored
    page=100,                          # most objects a page has
    empty="full",                      # bare: {} without headers
    endless="",                        # pages: more:true for ever; full: the first page for ever
    gzip="",                           # label: says gzip and is not; body: is gzip and does not say so; yes
    cut=(),                            # numbers of object requests whose answer breaks in the middle
    cut_at=0.5,
    late=0.0,                          # seconds that a page takes
    redirect="",                       # loop, foreign
    errors="title",                    # code: code/name/description; html
    fail=(),                           # statuses with which the first object requests are answered
    retry_after=None,
    match=True,                        # False: 400 for match[version]
    etag=False,
    post=202,                          # status of a POST that went well
    pending=0,                         # how often a status says so before it is complete
    most=1 << 20,                      # max_content_length
    honest_most=None,                  # what is really taken
    refuse=(),                         # ids that are refused in the status
    reject=(),                         # ids for which the whole POST is 422
    web_page=False,                    # 200 and HTML instead of objects
)


def stamp(at, digits=6):
    return at.strftime("%Y-%m-%dT%H:%M:%S") + ("." + f"{at.microsecond:06d}" if digits else "") + "Z"


def indicator(number, **more):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(NS, str(number))}",
            "created": "2026-02-01T00:00:00.000Z", "modified": "2026-02-01T00:00:00.000Z", "name": f"Number {number}",
            "pattern": f"[domain-name:value = 'n{number}.bad.example']", "pattern_type": "stix",
            "valid_from": "2026-02-01T00:00:00Z", **more}


def read_time(text):
    text = text.rstrip("Z")
    head, _, tail = text.partition(".")
    return datetime.fromisoformat(head).replace(tzinfo=timezone.utc) + timedelta(microseconds=int((tail + "000000")[:6]))


class BadTaxii:
    """The server, until the end of the with block. `objects` may grow meanwhile (add)."""

    def __init__(self, certificate, key, objects=(), **switches):
        unknown = set(switches) - set(SWITCHES)
        assert not unknown, unknown
        self.s = type("switches", (), {**SWITCHES, **switches})
        self.rows, self.posted, self.statuses, self.log = [], [], {}, []
        self.asked = self.served = 0
        self.lock = threading.Lock()
        self.moved = {}
        self.add(objects)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(certificate), str(key))
        owner = self

        class Handler(Requests):
            server_of = owner
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.httpd.server_address[1]
        self.url = f"https://127.0.0.1:{self.port}/taxii2/"
        self.thread = threading.Thread(target=self.httpd.serve_forever, daemon=True)

    def add(self, objects):
        for o in objects:
            self.rows.append((BEGIN + timedelta(microseconds=self.s.tick * len(self.rows)), o))

    def content(self):
        return [o for _, o in self.rows]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.httpd.shutdown()
        self.httpd.server_close()


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            pass

    # ---- answers

    def answer(self, status, body, headers=None, type=None):
        o = self.server_of
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = dict(headers or {})
        cut = headers.pop("cut", None)
        if o.s.gzip == "body" and status == 200:
            data = gzip.compress(data)
        if o.s.gzip == "yes" and status == 200:
            data, headers["Content-Encoding"] = gzip.compress(data), "gzip"
        if o.s.gzip == "label" and status == 200:
            headers["Content-Encoding"] = "gzip"
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k, v)
        if type or o.s.type:
            self.send_header("Content-Type", type or o.s.type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if cut:
            self.wfile.write(data[:int(len(data) * o.s.cut_at)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data)

    def error(self, status, text, headers=None):
        style = self.server_of.s.errors
        if style == "html":
            return self.answer(status, f"<html><h1>{text}</h1></html>".encode(), headers, "text/html")
        body = {"code": status, "name": "Problem", "description": text} if style == "code" else \
               {"title": "Problem", "description": text, "http_status": str(status)}
        return self.answer(status, body, headers)

    # ---- what is asked

    def prepare(self):
        o = self.server_of
        url = urllib.parse.urlsplit(self.path)
        self.parts = [p for p in url.path.split("/") if p]
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        o.log.append((self.command, self.path))
        want = None
        if o.s.user:
            want = "Basic " + base64.b64encode(f"{o.s.user}:{o.s.password}".encode()).decode()
        if o.s.bearer:
            want = "Bearer " + o.s.bearer
        if want and self.headers.get("Authorization") != want:
            self.error(401, "who are you?", {"WWW-Authenticate": "Basic realm=\"x\""})
            return False
        accept = self.headers.get("Accept", "")
        if o.s.version == 20 and "version=2.0" not in accept or o.s.version == 21 and "version=2.1" not in accept:
            self.error(406, "not in this version")
            return False
        return True

    def do_GET(self):
        o = self.server_of
        if not self.prepare():
            return
        root = [p for p in o.s.prefix.split("/") if p]
        if self.parts in (["taxii2"], ["taxii"]):
            return self.discovery()
        if self.parts[:len(root)] != root:
            return self.error(404, "nothing here")
        rest = self.parts[len(root):]
        if not rest:
            return self.answer(200, {"title": "Root", "versions": [TYPE], "max_content_length": o.s.most})
        if rest == ["collections"]:
            c = {"id": COLLECTION, "can_read": True, "can_write": True, "media_types": ["application/stix+json;version=2.1"]}
            c["display_name" if o.s.display_name else "title"] = "Things"
            return self.answer(200, {"collections": [c]})
        if rest[:2] == ["collections", COLLECTION] and rest[2:] == ["objects"]:
            return self.objects()
        if rest[:2] == ["collections", COLLECTION] and rest[2:] == ["manifest"]:
            return self.manifest()
        if len(rest) == 2 and rest[0] == "status":
            return self.status(rest[1])
        return self.error(404, "nothing here")

    def discovery(self):
        o = self.server_of
        at = f"127.0.0.1:{o.port}"
        root = {"relative": f"{o.s.prefix}/", "bare": f"..{o.s.prefix}", "absolute": f"https://{at}{o.s.prefix}/",
                "http": f"http://{at}{o.s.prefix}/", "foreign": f"https://elsewhere.invalid{o.s.prefix}/"}[o.s.roots]
        body = {"title": "A bad server", "default": root}
        if o.s.default:
            body["api_roots"] = [root]
        self.answer(200, body)

    def choose(self):
        """Rows after added_after, in this server's order."""
        o = self.server_of
        rows = list(o.rows)
        after = self.query.get("added_after")
        if after:
            rows = [r for r in rows if r[0] > read_time(after)]
        return sorted(rows, key=lambda r: r[1]["id"]) if o.s.order == "id" else rows

    def dates(self, rows, headers):
        o = self.server_of
        if not rows or o.s.dates == "none":
            return
        first, last = (min(r[0] for r in rows), max(r[0] for r in rows))
        digits = 0 if o.s.dates == "short" else 6
        if o.s.dates == "swapped":
            first, last = last, first
        if o.s.dates == "future":
            last = last.replace(year=9000)
        headers["X-TAXII-Date-Added-First"], headers["X-TAXII-Date-Added-Last"] = stamp(first, digits), stamp(last, digits)

    def faults(self):
        """Whether an object request was answered by a fault."""
        o = self.server_of
        with o.lock:
            number, o.asked = o.asked, o.asked + 1
        if o.s.late:
            time.sleep(o.s.late)
        if number < len(o.s.fail):
            self.error(o.s.fail[number], "not now", {"Retry-After": o.s.retry_after} if o.s.retry_after else {})
            return True
        if o.s.redirect:
            to = self.path if o.s.redirect == "loop" else "https://elsewhere.invalid/"
            self.answer(302, b"", {"Location": to})
            return True
        if o.s.web_page:
            self.answer(200, b"<html>Sign in</html>", type="text/html")
            return True
        if not o.s.match and "match[version]" in self.query:
            self.error(400, "match[version] is not known")
            return True
        self.cut = number in o.s.cut
        return False

    def offset(self):
        """Where the page begins; None when it was answered."""
        o = self.server_of
        if o.s.version == 20:
            return int(self.headers.get("Range", "items 0-").split()[1].split("-")[0])
        if "next" not in self.query:
            return 0
        if o.s.next == "dies":
            self.error(404, "what is that?")
            return None
        return int(self.query["next"].split(".")[0])

    def objects(self):
        o = self.server_of
        if self.faults():
            return None
        start = self.offset()
        if start is None:
            return None
        if o.s.endless == "pages":
            return self.answer(200, {"more": True, "next": str(time.monotonic_ns())})
        rows = self.choose()
        if o.s.version == 20:
            return self.objects_20(rows, start)
        size = min(int(self.query.get("limit", 100000)), o.s.page) if o.s.limit else o.s.page
        page = rows[start:start + size]
        more = start + size < len(rows)
        body, headers = {}, {}
        if page:
            body["objects"] = [r[1] for r in page]
        if page or o.s.empty == "full":
            body["more"] = more
        self.dates(page, headers)
        to = start + size
        if o.s.twice and ".again" not in self.query.get("next", ""):
            more, body["more"], to = True, True, f"{start}.again"
        if o.s.endless == "full":
            more, body["more"] = True, True
        if more and o.s.next != "none":
            body["next"] = {"full": f"{to}", "dies": f"{to}", "same": "0", "number": to}[o.s.next]
        if o.s.etag:
            tag = '"' + hashlib.sha256(json.dumps(body).encode()).hexdigest()[:16] + '"'
            headers["ETag"] = tag
            if self.headers.get("If-None-Match") == tag:
                return self.answer(304, b"", headers)
        if self.cut:
            headers["cut"] = True
        o.served += len(page)
        return self.answer(200, body, headers)

    def objects_20(self, rows, start):
        page = rows[start:start + self.server_of.s.page]
        headers = {"Content-Range": f"items {start}-{start + len(page) - 1}/{len(rows)}"}
        self.dates(page, headers)
        if not page:
            return self.error(416, "past the end")
        body = {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "spec_version": "2.0", "objects": [r[1] for r in page]}
        whole = start == 0 and len(page) == len(rows)
        return self.answer(200 if whole else 206, body, headers, "application/vnd.oasis.stix+json; version=2.0")

    def manifest(self):
        o = self.server_of
        if not o.s.manifest:
            return self.error(404, "no manifest")
        rows = self.choose()
        start = int(self.query.get("next", 0))
        size = min(int(self.query.get("limit", 100000)), 100000)
        page = rows[start:start + size]
        more = start + size < len(rows)
        body = {"objects": [{"id": r[1]["id"], "date_added": stamp(r[0]), "version": r[1].get("modified", "")} for r in page],
                "more": more}
        if more and o.s.manifest_next:
            body["next"] = str(start + size)
        return self.answer(200, body if page else {})

    # ---- posting

    def do_POST(self):
        o = self.server_of
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.prepare():
            return None
        if len(data) > (o.s.honest_most or o.s.most):
            return self.error(413, "too much")
        objects = json.loads(data)["objects"]
        if any(x["id"] in o.s.reject for x in objects):
            return self.error(422, "one of them is bad")
        bad = [x for x in objects if x["id"] in o.s.refuse]
        o.posted += [x for x in objects if x not in bad]
        status = {"id": str(uuid.uuid4()), "status": "complete", "total_count": len(objects), "success_count": len(objects) - len(bad),
                  "failure_count": len(bad), "pending_count": 0,
                  "failures": [{"id": x["id"], "version": x.get("modified"), "message": "we do not like it"} for x in bad]}
        o.statuses[status["id"]] = [o.s.pending, status]
        return self.answer(o.s.post, self.status_now(status["id"]))

    def status_now(self, key):
        left, status = self.server_of.statuses[key]
        if left:
            self.server_of.statuses[key][0] -= 1
            return {"id": key, "status": "pending", "total_count": status["total_count"], "success_count": 0, "failure_count": 0,
                    "pending_count": status["total_count"]}
        return status

    def status(self, key):
        return self.answer(200, self.status_now(key)) if key in self.server_of.statuses else self.error(404, "no such status")


def main():
    certificate, key, *words = sys.argv[1:]
    switches = {k: type(SWITCHES[k])(v) if isinstance(SWITCHES[k], (int, float, str)) and not isinstance(SWITCHES[k], bool)
                else v == "True" for k, v in (w.split("=", 1) for w in words)}
    order = list(range(1000))
    random.Random(1).shuffle(order)
    with BadTaxii(certificate, key, [indicator(i) for i in order], **switches) as server:
        print(server.url, flush=True)
        server.thread.join()


if __name__ == "__main__":
    main()
