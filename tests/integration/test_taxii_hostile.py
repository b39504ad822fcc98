"""What a hostile client does to the TAXII side: heads and bodies that trickle, thousands of connections, bodies that are large, packed, deep or
no TAXII at all, requests that two readers would read as two things. The node answers with the right status, stays within its memory, and goes on
serving others.
"""
import gzip
import json
import resource
import socket
import ssl
import threading
import time

from node import NIGHTLY, equal, main, true
from taxii import OPEN, PARTNER, ROOT, TYPE, Taxii, basic, indicator, server

MEGABYTE = 1 << 20
OBJECTS = f"{ROOT}/collections/{OPEN}/objects/"
WHO = basic("partner", PARTNER)


def memory(node):
    """Resident bytes of the process with the database."""
    for line in open(f"/proc/{node.process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class Watch:
    """The most memory that the node takes meanwhile, and how long another client waits for its answers."""

    def __init__(self, node):
        self.node, self.before, self.most, self.slowest, self.answers = node, memory(node), 0, 0.0, 0
        self.stop = threading.Event()
        self.failed = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = Taxii(self.node, WHO)
        try:
            while not self.stop.wait(0.05):
                began = time.monotonic()
                client.objects(OPEN, "?limit=3")
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answers += 1
                self.most = max(self.most, memory(self.node) - self.before)
        except Exception as why:  # told by the thread that waits
            self.failed = why
        client.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        self.thread.join()
        if not kind:
            true(self.failed is None and self.answers > 0, f"the other client was not served: {self.failed}")

    def check(self, megabytes, seconds, what):
        print(f"  {what}: {self.most / MEGABYTE:.0f} MB more at most, another client waited {self.slowest * 1000:.0f} ms at most", flush=True)
        true(self.most < megabytes * MEGABYTE, f"{what}: {self.most / MEGABYTE:.0f} MB more than before")
        true(self.slowest < seconds, f"{what}: another client waited {self.slowest:.1f} s")


def configure(home, **settings):
    path = home.path / "noroshi.conf"
    text = path.read_text() + "".join(f"http.{name} = {value}\n" for name, value in settings.items())
    path.write_text(text)


def connect(node, seconds=20):
    plain = socket.create_connection((node.host, node.port), timeout=seconds)
    return node.client().context.wrap_socket(plain, server_hostname=node.host)


def send(node, head, body=b"", seconds=20):
    """Bytes as they are; the whole that comes back until the node closes or falls silent."""
    got = b""
    with connect(node, seconds) as s:
        try:
            s.sendall(head + body)
        except (ConnectionError, ssl.SSLError):
            pass
        s.settimeout(1)
        try:
            while chunk := s.recv(65536):
                got += chunk
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
    return got


def status(answer):
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else None


def head(method="POST", path=OBJECTS, *more, length=None):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {WHO}", f"Accept: {TYPE}", f"Content-Type: {TYPE}", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# ---- trickling

def test_slow_loris(t):
    """Heads that never end, and bodies at a byte a second: closed in time, and nobody else waits."""
    home = server(t)
    configure(home, idle="1s", max_per_address=1000)
    count = 400 if NIGHTLY else 120
    with home.serve() as node:
        with Watch(node) as watch:
            heads = [connect(node) for _ in range(count)]
            for s in heads:
                s.sendall(head(length=1000)[:-2])  # the empty line is missing
                s.setblocking(False)
            began, open_ones = time.monotonic(), set(heads)
            while open_ones and time.monotonic() - began < 20:
                for s in list(open_ones):
                    try:
                        s.sendall(b"X-A: b\r\n"[int(time.monotonic() - began) % 8:][:1])
                        s.recv(1)
                    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                        continue
                    except (OSError, ssl.SSLError):
                        pass
                    open_ones.discard(s)
                time.sleep(0.3)
            equal(len(open_ones), 0, f"heads that trickle after {time.monotonic() - began:.0f} s")
            for s in heads:
                s.close()
        watch.check(60, 3, f"{count} heads that trickle")


def test_slow_readers(t):
    """Clients that ask for long pages and read none of it hold no page in memory."""
    text = "x" * 2000
    home = server(t, [indicator(i, description=text) for i in range(1000)], max_content=64 << 20)
    configure(home, idle="20s", max_per_address=1000)
    count = 200 if NIGHTLY else 60
    with home.serve() as node:
        Taxii(node, WHO).objects(OPEN)
        with Watch(node) as watch:
            readers = [connect(node) for _ in range(count)]
            for s in readers:
                s.sendall(head("GET", OBJECTS))
            time.sleep(2)
            got = readers[-1].recv(100)
            true(got.startswith(b"HTTP/1.1 200"), f"{got}")
            for s in readers:
                s.close()
        # 2.3 MB a page: kept whole, that would be hundreds of megabytes
        watch.check(count * 0.8, 3, f"{count} readers that do not read")


# ---- many

def silent(s):
    """The other side neither says anything nor has closed."""
    try:
        return s.recv(1) != b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def test_idle_connections(t):
    """10,000 that say nothing: the node holds them within its memory, or refuses what is past its limit at once; and serves others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    want = 10000
    if hard != resource.RLIM_INFINITY:
        want = min(want, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(want + 400, hard) if hard != resource.RLIM_INFINITY else want + 400, hard))
    home = server(t)
    configure(home, max_connections=want + 100, max_per_address=want + 50, idle="900s")
    spoken = want if NIGHTLY else 400  # with a TLS handshake; the others are silent from the start
    with home.serve() as node:
        connections = []
        try:
            with Watch(node) as watch:
                for i in range(want):
                    connections.append(connect(node) if i < spoken else socket.create_connection((node.host, node.port), timeout=20))
                time.sleep(1)
                for s in connections:
                    s.setblocking(False)
                true(all(map(silent, connections)), "all are held")
                began = time.monotonic()
                equal(Taxii(node, WHO).objects(OPEN, "?limit=5").status, 200, "a new client")
                print(f"  a new client is served in {(time.monotonic() - began) * 1000:.0f} ms beside {want} idle ones", flush=True)
            watch.check(want * 0.1, 5, f"{want} idle connections, {spoken} of them with TLS")
        finally:
            for s in connections:
                s.close()


def test_connections_past_the_limit(t):
    home = server(t)
    configure(home, max_connections=300, max_per_address=100)
    with home.serve() as node:
        keep = [connect(node) for _ in range(90)]
        began, refused = time.monotonic(), 0
        for _ in range(300):
            try:
                plain = socket.create_connection((node.host, node.port), timeout=5)
                keep.append(plain)
                plain.settimeout(0.05)
                refused += plain.recv(1) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                refused += 1
        took = time.monotonic() - began
        true(refused >= 270, f"{refused} of 300 are refused")
        true(took < 10, f"refused in {took:.1f} s")
        for s in keep:
            s.close()
        time.sleep(0.5)
        equal(Taxii(node, WHO).objects(OPEN, "?limit=1").status, 200, "room again")


# ---- large

def test_large_bodies(t):
    home = server(t)
    most = 9765625
    with home.serve() as node:
        Taxii(node, WHO).get("/taxii2/")
        with Watch(node) as watch:
            began = time.monotonic()
            answer = send(node, head(length=1 << 30))  # not one byte of it is sent
            equal(status(answer), 413, f"a gigabyte that is announced: {answer[:200]}")
            true(b"application/taxii+json;version=2.1" in answer and b'"http_status":"413"' in answer, f"as TAXII: {answer}")
            answer = send(node, head("POST", OBJECTS, "Expect: 100-continue", length=1 << 30))
            equal(status(answer), 413, f"a gigabyte that waits for 100: {answer[:200]}")
            equal(status(send(node, head(length=most + 1))), 413, "one byte too many")
            equal(status(send(node, head(length=1 << 62))), 413, "2^62")
            # without a word on its length: at most what fits is taken, the connection ends
            sent = 0
            with connect(node) as s:
                block = b"10000\r\n" + b" " * 65536 + b"\r\n"
                s.sendall(head("POST", OBJECTS, "Transfer-Encoding: chunked"))
                try:
                    while sent < 1 << 30:
                        s.sendall(block)
                        sent += 65536
                except (ConnectionError, ssl.SSLError, TimeoutError):
                    pass
            true(sent < 40 * MEGABYTE, f"{sent} bytes were taken of a body without a length")
            # unauthenticated: not before the body
            wrong = head(length=1 << 30).replace(WHO.encode(), b"Bearer nrs_x")
            equal(status(send(node, wrong)), 401, "a gigabyte of nobody")
            took = time.monotonic() - began
        watch.check(40, 2, f"large bodies in {took:.1f} s")


def test_bombs(t):
    """What is small on the way and large here."""
    home = server(t, max_content=20 * MEGABYTE)
    with home.serve() as node:
        client = Taxii(node, WHO)
        client.get("/taxii2/")
        packed = {"Content-Type": TYPE, "Content-Encoding": "gzip"}
        with Watch(node) as watch:
            zeros = gzip.compress(bytes((1024 if NIGHTLY else 256) * MEGABYTE), 9)
            client.ask("POST", OBJECTS, zeros, want=413, headers=packed).error(413)
            spaces = b'{"objects":[' + json.dumps(indicator(1)).encode() + b" " * (19 * MEGABYTE) + b"]}"
            client.ask("POST", OBJECTS, gzip.compress(spaces, 9), want=202, headers=packed)  # it fits: any ratio may be
            client.ask("POST", OBJECTS, gzip.compress(gzip.compress(spaces)), want=(400, 422), headers=packed)
            client.ask("POST", OBJECTS, b"\x1f\x8b\x08" + b"\xff" * 5000, want=400, headers=packed).error(400)
            client.ask("POST", OBJECTS, gzip.compress(spaces)[:-9], want=400, headers=packed).error(400)
            client.ask("POST", OBJECTS, b"x", want=415, headers={"Content-Type": TYPE, "Content-Encoding": "br"}).error(415)
        watch.check(64, 3, "bombs")


def test_shapes(t):
    """Deep, long, broken and wrong content: refused as a whole or object by object, never half read."""
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, WHO)
        client.get("/taxii2/")
        good = json.dumps(indicator(1))
        with Watch(node) as watch:
            for what, body in (("deep", "[" * 500000), ("deep objects", '{"objects":' * 100000), ("deep and closed", "[" * 90000 + "]" * 90000),
                               ("cut", '{"objects":[' + good), ("two", f'{{"objects":[{good}]}}{{"objects":[]}}'), ("text", "hello"),
                               ("UTF-16", "\ufeff{}"), ("keys", "{" + '"objects":[],' * 2 + '"a":1}')):
                reply = client.ask("POST", OBJECTS, body.encode("utf-16" if what == "UTF-16" else "utf-8"), headers={"Content-Type": TYPE})
                true(reply.status in (400, 422), f"{what}: {reply}")
                reply.error(reply.status)
            # inside one object: that one fails, its neighbours do not
            deep = '{"type":"x-deep","id":"x-deep--1d2b5b3f-6f2b-4c1e-9d53-0d7f0a6a1d11","a":' + "[" * 5000 + "]" * 5000 + "}"
            reply = client.ask("POST", OBJECTS, f'{{"objects":[{good},{deep},7,null,"x",[],\x00]}}'.encode(), want=202,
                               headers={"Content-Type": TYPE}).json()
            equal((reply["success_count"], reply["failure_count"]), (1, 6), f"{reply}")
            many = json.dumps({"objects": [7] * 100000}).encode()
            reply = client.ask("POST", OBJECTS, many, headers={"Content-Type": TYPE})
            true(reply.status in (202, 422), f"100,000 numbers: {reply.status}")
        watch.check(80, 5, "shapes")


def test_long_questions(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, WHO)
        client.get("/taxii2/")
        with Watch(node) as watch:
            million = ",".join(["indicator"] * 1000000)
            answer = send(node, head("GET", f"{OBJECTS}?match[type]={million}"))
            true(status(answer) in (414, 431), f"1e6 match values: {answer[:100]}")
            for field in ("type", "id", "version", "spec_version"):
                value = ",".join(["2.1" if field == "spec_version" else "a"] * 3000)
                reply = client.objects(OPEN, f"?match[{field}]={value}", want=None)
                true(reply.status in (200, 400), f"3,000 values of {field}: {reply}")
            for query in ("&" * 5000, "a=b&" * 3000):  # more parameters than a head has room for: refused, or cut off
                true(status(send(node, head("GET", f"{OBJECTS}?{query}"))) in (None, 400, 413, 414, 431), f"{query[:8]}...")
            for query in ("&" * 100, "a=b&" * 100, "limit=" + "9" * 5000, "next=" + "a" * 9000, "added_after=" + "2" * 9000, "match[id]=%00",
                          "match[]=x", "match[id", "limit=1;next=2"):
                reply = client.objects(OPEN, "?" + query, want=None)
                true(reply.status in (200, 400), f"{query[:30]}: {reply}")
            for path in ("/" + "a/" * 3000, f"{ROOT}/collections/{'a' * 9000}/", f"{ROOT}//collections//", f"{ROOT}/../{ROOT}/",
                         f"{ROOT}/collections/%2e%2e/", "/taxii2/%ff", "/taxii2/%00"):
                reply = client.ask("GET", path)
                true(reply.status in (400, 404, 431), f"{path[:40]}: {reply}")
        watch.check(40, 2, "long questions")


# ---- one request or two

def test_smuggling(t):
    """Shapes that a proxy in front could read otherwise than the node: refused, and what is hidden inside is never answered."""
    home = server(t)
    inner = head("GET", "/taxii2/")
    with home.serve() as node:
        Taxii(node, WHO).get("/taxii2/")
        shapes = {
            "both lengths": ["Transfer-Encoding: chunked", f"Content-Length: {5 + len(inner)}"],
            "two lengths": ["Content-Length: 5", f"Content-Length: {5 + len(inner)}"],
            "a list of lengths": ["Content-Length: 5, 5"],
            "a signed length": ["Content-Length: +5"],
            "a hexadecimal length": ["Content-Length: 0x5"],
            "a spaced length": ["Content-Length: 5 5"],
            "chunked twice": ["Transfer-Encoding: chunked, chunked"],
            "two codings": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
            "an unknown coding": ["Transfer-Encoding: xchunked"],
            "a hidden coding": ["Transfer-Encoding: identity, chunked"],
            "a tab in the coding": ["Transfer-Encoding: \x0bchunked"],
            "a blank before the colon": ["Transfer-Encoding : chunked", "Content-Length: 5"],
        }
        for what, lines in shapes.items():
            answer = send(node, head("POST", OBJECTS, *lines), b"0\r\n\r\n" + inner)
            true(status(answer) is None or 400 <= status(answer) < 500, f"{what}: {answer[:120]}")
            equal(answer.count(b'"api_roots"'), 0, f"{what}: the hidden request was answered: {answer}")
        # chunks that lie
        for what, body in (("a size past 2^64", b"10000000000000005\r\nhello\r\n0\r\n\r\n"), ("a negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
                           ("no size", b"\r\nhello\r\n0\r\n\r\n"), ("too short", b"3\r\nhello\r\n0\r\n\r\n")):
            answer = send(node, head("POST", OBJECTS, "Transfer-Encoding: chunked"), body + inner)
            true(status(answer) is None or 400 <= status(answer) < 500, f"{what}: {answer[:120]}")
            equal(answer.count(b'"api_roots"'), 0, f"{what}: the hidden request was answered")
        # two honest requests on one connection are two
        answer = send(node, head("GET", "/taxii2/") + head("GET", "/taxii2/", "Connection: close"))
        equal(answer.count(b'"api_roots"'), 2, "pipelined requests")
        # a body on GET is passed over, not read as a request
        answer = send(node, head("GET", "/taxii2/", length=len(inner)) + inner + head("GET", f"{ROOT}/", "Connection: close"))
        equal(answer.count(b'"api_roots"'), 0 if status(answer) == 413 else 1, f"a body on GET: {answer[:200]}")


if __name__ == "__main__":
    main(globals())
