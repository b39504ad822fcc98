#!/usr/bin/env python3
"""Feeds against servers of ours: each entry of the catalogue, conditions, refusals, waits, schedules, restarts, redirects."""
import gzip
import http.server
import io
import json
import re
import ssl
import tarfile
import threading
import time

import node
from node import DATA, equal, main, true, until

FEEDS = DATA / "feeds"


class Server:
    """Answers by path: self.pages[path] = bytes, or a function of the handler. Keeps what was asked."""

    def __init__(self, tls=None):
        self.pages, self.etags, self.asked = {}, {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                page = outer.pages.get(self.path, outer.pages.get(self.path.split("?")[0]))
                if callable(page):
                    page(self)
                elif page is None:
                    self.say(404, b"")
                elif outer.etags.get(self.path) and self.headers.get("If-None-Match") == outer.etags[self.path]:
                    self.say(304, b"", ETag=outer.etags[self.path])
                else:
                    more = {"ETag": outer.etags[self.path]} if outer.etags.get(self.path) else {}
                    self.say(200, page, **more)

            def say(self, status, body, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.handle_error = lambda *_: None  # clients that hang up are part of the tests
        self.http.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls / "cert.pem", tls / "key.pem")
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def paths(self):
        return [path for path, _ in self.asked]

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def archive(name):
    """A .tar.gz of a directory of the test data, like a repository's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path in sorted((FEEDS / name).rglob("*")):
            tar.add(path, str(path.relative_to(FEEDS / name)), recursive=False)
    return out.getvalue()


def serve_entry(server, entry):
    """Puts the test data of an entry on the server; gives the address."""
    name, way = entry["name"], entry["way"]
    if way == "misp":
        for path in (FEEDS / name).glob("*.json"):
            server.pages[f"/{name}/{path.name}"] = path.read_bytes()
        return f"{server.url}/{name}/"
    if way == "otx":
        def page(handler):
            number = re.search(r"[?&]page=(\d+)", handler.path).group(1)
            handler.say(200, (FEEDS / "otx.json").read_bytes() if number == "1" else b'{"results":[],"count":1,"next":null}')
        server.pages[f"/{name}"] = page
    elif (FEEDS / name).is_dir():
        server.pages[f"/{name}"] = archive(name)
    else:
        body = next(p for p in FEEDS.iterdir() if p.stem == name).read_bytes()
        server.pages[f"/{name}"] = gzip.compress(body) if entry["url"].endswith(".gz") else body
    return f"{server.url}/{name}"


def catalogue(home):
    return home.json("feed", "list")["catalogue"]


def run_feed(home, *names, code=0, more=()):
    feeds = home.json("feed", "run", *names, *more, code=code)["feeds"]
    for f in feeds:
        equal(f["accepted"] + f["duplicates"] + f["rejected"], f["records"], f"sum of {f['name']}")
    return feeds[0] if len(names) == 1 else feeds


def status(home, name):
    return next(f for f in home.json("feed", "status")["feeds"] if f["name"] == name)


def own(t, home, server, name="own", page=b"192.0.2.1\n192.0.2.2\n", *more):
    """A feed of one's own: a list on the server."""
    server.pages[f"/{name}"] = page
    home.source(name)
    home.json("feed", "add", name, "--url", f"{server.url}/{name}", "--format", "list", *more)


def test_catalogue(t):
    home = t.home()
    entries = catalogue(home)
    names = [e["name"] for e in entries]
    equal(len(names), len(set(names)), "names are told apart")
    for wanted in ["urlhaus", "threatfox", "feodo", "cisa-kev", "epss", "ipsum", "tweetfeed", "circl-osint", "otx", "eset",
                   "jpcert-phishurl", "npa-165", "tor-exits", "spamhaus-drop", "misp-warninglists"]:
        true(wanted in names, f"{wanted} is in the catalogue")
    formats = set(re.findall(r"[a-z0-9-]+", home.run("intake", "--help").out))
    for e in entries:
        true(e["url"].startswith("https://"), f"{e['name']}: https")
        true(e["licence"] and e["title"] and e["note"], f"{e['name']}: licence, title and note")
        true(e["format"] is None or e["format"] in formats, f"{e['name']}: format {e['format']}")
        true(e["reliability"] in "ABCDEF" and e["every_seconds"] >= 1800, f"{e['name']}: grade and interval")
        # Enabling makes the source, which refuses a mapping or zone that is none.
        key = ["--key-file", t.file("key", "secret")] if e["needs_key"] else []
        home.json("feed", "enable", e["name"], *key)
    equal(len(home.json("source", "list")), len(entries), "a source for each")
    equal({f["name"] for f in home.json("feed", "list")["feeds"]}, set(names), "all enabled")


def test_each_entry(t):
    home, expected = t.home(), json.loads((FEEDS / "expected.json").read_text())
    with Server() as server:
        entries = catalogue(home)
        equal(set(expected), {e["name"] for e in entries}, "data for each entry")
        for e in entries:
            key = ["--key-file", t.file("key", "s3cret\n")] if e["needs_key"] else []
            home.json("feed", "enable", e["name"], "--url", serve_entry(server, e), *key)
        done = {f["name"]: f for f in run_feed(home, code=(0, 1, 3))}
        for name, (records, accepted, rejected) in expected.items():
            f = done[name]
            equal([f["result"], f["records"], f["accepted"], f["rejected"]], ["ok", records, accepted, rejected], f"{name}: {f}")
        equal(done["circl-osint"]["absent"], 1, "the event that is not there")
        otx = [headers for path, headers in server.asked if path.startswith("/otx")]
        equal({h.get("x-otx-api-key") for h in otx}, {"s3cret"}, "the key goes to its server")
        true(not any("x-otx-api-key" in h for path, h in server.asked if not path.startswith("/otx")), "and to no other")
        check_statements(home)
        # Again: nothing is new, and what was asked for by tag or date is not sent again.
        for f in run_feed(home, code=(0, 1)):
            equal([f["result"], f["accepted"]], ["ok", 0], f"second run of {f['name']}")
    home.verified()


def check_statements(home):
    """What the mappings make of the rows."""
    def claim(value):
        return home.json("look", value)["indicators"][0]
    url = claim("http://198.51.100.7:52113/i")
    equal([url["first"], url["last"]], ["2026-11-20T10:00:05Z", "2026-11-22T10:00:05Z"], "times of URLhaus")
    true({"elf", "mips", "malware_download"} <= set(url["labels"]), f"labels of URLhaus: {url['labels']}")
    rows = dict((value, (flags, labels, meta, modified)) for value, flags, labels, meta, modified in home.rows(
        "SELECT value, flags, labels, meta, modified FROM claim"))
    equal(rows["198.51.100.201"][:2], (1, "tor-exit"), "Tor exits are context")
    equal(rows["198.51.100.0/25"][:2], (0, "drop"), "DROP is bad")
    confidence = home.rows("SELECT confidence FROM claim WHERE value = 'c2.bad.example'")
    equal(confidence, [(75,)], "confidence of ThreatFox")
    scores = home.rows("SELECT c.flags, c.meta, c.modified FROM claim c JOIN source s ON s.id = c.source "
                       "WHERE s.name = 'epss' AND c.value = 'CVE-2021-44228'")
    equal([(1, {"epss": "0.97565", "percentile": "0.99996"}, 1795179300000000)],
          [(f, json.loads(m), at) for f, m, at in scores], "EPSS is context as of its date")
    until_ = home.rows("SELECT valid_until FROM claim WHERE value = '198.51.100.99'")
    equal(until_, [(1800316800000000,)], "OTX says when it ends")
    true("eset-doc.bad.example" not in rows and "bank.example" not in rows, "members that no pattern names are left")
    first = home.rows("SELECT first_seen FROM claim WHERE value = 'https://card.bad.example/'")
    equal(first, [(1790813640000000,)], "JPCERT's times are of Tokyo")


def test_epss_is_a_state(t):
    home = t.home()
    with Server() as server:
        entry = next(e for e in catalogue(home) if e["name"] == "epss")
        home.json("feed", "enable", "epss", "--url", serve_entry(server, entry))
        run_feed(home, "epss")
        body = (FEEDS / "epss.csv").read_text().replace("2026-11-20T", "2026-11-21T").replace("0.97565", "0.5")
        server.pages["/epss"] = gzip.compress(body.encode())
        equal(run_feed(home, "epss")["accepted"], 2, "a newer state")
        meta = home.rows("SELECT meta FROM claim WHERE value = 'CVE-2021-44228'")
        equal(json.loads(meta[0][0])["epss"], "0.5", "the newer score stands")


def test_conditions(t):
    home = t.home()
    with Server() as server:
        own(t, home, server)
        server.etags["/own"] = '"one"'
        f = run_feed(home, "own")
        equal([f["unchanged"], f["accepted"]], [False, 2], "first")
        f = run_feed(home, "own")
        equal([f["result"], f["unchanged"], f["fetched_bytes"]], ["ok", True, 0], "304 is a success")
        equal(server.asked[-1][1]["if-none-match"], '"one"', "asked by tag")
        server.pages["/own"], server.etags["/own"] = b"192.0.2.1\n192.0.2.2\n192.0.2.3\n", '"two"'
        f = run_feed(home, "own")
        equal([f["accepted"], f["duplicates"]], [1, 2], "what changed")
        s = status(home, "own")
        equal([s["etag"], s["total_accepted"], s["status"], s["result"]], ['"two"', 3, 200, "ok"], "status")
        # Another address: the tag of the old one means nothing there.
        server.pages["/moved"] = b"192.0.2.1\n"
        home.json("feed", "add", "own", "--url", f"{server.url}/moved", "--format", "list")
        run_feed(home, "own")
        true("if-none-match" not in server.asked[-1][1], "a new address is asked for all")


def test_refusals(t):
    home = t.home()
    with Server() as server:
        own(t, home, server, "own", b"".join(b"192.0.2.%d\n" % i for i in range(100)), "--steady")
        server.etags["/own"] = '"good"'
        run_feed(home, "own")
        claims = home.rows("SELECT count(*) FROM claim")
        good, server.etags["/own"] = server.pages["/own"], '"bad"'

        def refused(page, result, words):
            server.pages["/own"] = page
            f = run_feed(home, "own", code=3)
            equal(f["result"], result, words)
            true(words in f["error"]["text"], f"{words!r} in {f['error']['text']!r}")
            equal(home.rows("SELECT count(*) FROM claim"), claims, "nothing was emptied")
            equal(status(home, "own")["etag"], '"good"', "the last good tag stays")

        refused(b"<!DOCTYPE html><html><body>Just a moment...</body></html>" * 50, "value", "web page")
        refused(lambda h: h.say(200, good, Content_Type="text/html; charset=utf-8"), "value", "web page")
        refused(b"", "value", "empty")
        refused(b"192.0.2.1\n", "value", "bytes, the last one had")
        refused(lambda h: h.say(404, b"gone"), "not_found", "404")
        refused(lambda h: h.say(403, b"no"), "auth", "403")
        refused(lambda h: h.say(500, b"oh"), "io", "500")
        refused(b"%%% no list at all\n" * 200, "syntax", "could be read")
        refused(b"# only comments\n" * 200, "value", "no record")
        server.pages["/own"] = b"192.0.2.1\n"
        f = run_feed(home, "own", more=["--accept-small"])
        equal([f["result"], f["duplicates"]], ["ok", 1], "somebody looked")
        server.pages["/own"] = lambda h: h.say(429, b"", Retry_After="7200")
        equal(run_feed(home, "own", code=3)["result"], "busy", "429")
        wait = home.rows("SELECT next_run - last_end FROM job WHERE name = 'feed:own'")[0][0] / 1e6
        true(7190 <= wait <= 7300, f"the server's wait is kept: {wait}")


def test_limits(t):
    home = t.home()
    with Server() as server:
        own(t, home, server, "own", b"192.0.2.1\n" * 30000, "--max-bytes", "100k")
        f = run_feed(home, "own", code=3)
        equal([f["result"], "larger than" in f["error"]["text"]], ["limit", True], "too large")
        server.pages["/own"] = lambda h: h.say(200, gzip.compress(b"192.0.2.1\n" * 30000), Content_Encoding="gzip")
        equal(run_feed(home, "own", code=3)["result"], "limit", "too large unpacked")


def test_down(t):
    home, server = t.home(), Server()
    own(t, home, server)
    run_feed(home, "own")
    server.stop()
    waits = []
    for i in range(1, 5):
        f = run_feed(home, "own", code=3)
        equal(f["result"], "io", "nobody answers")
        s = status(home, "own")
        equal([s["failures_in_a_row"], s["result"]], [i, "io"], "failures are counted")
        true("connect:" in s["text"] and "127.0.0.1" in s["text"], f"the step is named: {s['text']}")
        waits.append(home.rows("SELECT next_run - last_end FROM job")[0][0] / 1e6)
    for i, wait in enumerate(waits):
        true(0.74 * 30 * 2**i <= wait <= 1.26 * 30 * 2**i, f"waits double: {waits}")
    true("failing" in home.run("feed", "status", code=0).out, "told to people")


def test_schedule_and_restart(t):
    home = t.home()
    with Server() as server:
        own(t, home, server)
        server.etags["/own"] = '"one"'
        with home.serve() as running:
            # Due at once, while the node runs, without a command.
            until(lambda: status(home, "own")["runs"] == 1, "the first run")
            equal(status(home, "own")["result"], "ok", "the first run")
            # A command hands a new feed to the running node, which looks at once.
            server.pages["/second"] = b"198.51.100.1\n"
            home.source("second")
            home.json("feed", "add", "second", "--url", f"{server.url}/second", "--format", "list")
            until(lambda: status(home, "second")["runs"] == 1, "a feed added while it runs")
            client = running.client()
            client.sign_in(want=(200, 201))
            listed = client.get("/api/v1/feeds").json()
            equal([f["name"] for f in listed["feeds"]], ["own", "second"], "the API tells")
            home.json("feed", "disable", "second")
            equal(status(home, "second")["enabled"], False, "disabled")
            asked = len(server.asked)
            running.kill()
        with home.serve():
            time.sleep(1)
            equal(len(server.asked), asked, "nothing was due after the restart")
            equal(run_feed(home, "own")["unchanged"], True, "the tag outlived the kill")
            equal(server.asked[-1][1]["if-none-match"], '"one"', "asked by tag")
        home.json("feed", "remove", "second")
        equal([f["name"] for f in home.json("feed", "list")["feeds"]], ["own"], "removed")
        equal(home.json("look", "198.51.100.1")["indicators"][0]["sources"], ["second"], "what it stated stays")
    home.verified()


def test_killed_in_the_middle(t):
    home = t.home()
    with Server() as server:
        def slow(handler):
            time.sleep(30)
        own(t, home, server, "own", slow)
        with home.serve() as running:
            until(lambda: server.asked, "the feed is asked for")
            equal(status(home, "own")["running"], True, "it runs")
            running.kill()
        server.pages["/own"] = b"192.0.2.1\n"
        with home.serve():
            until(lambda: status(home, "own")["last_good"], "due again after the kill")


def test_stop_does_not_wait(t):
    home = t.home()
    with Server() as server:
        own(t, home, server, "own", lambda handler: time.sleep(30))
        with home.serve() as running:
            until(lambda: server.asked, "the feed is asked for")
            began = time.monotonic()
            running.stop()
            true(time.monotonic() - began < 8, "the node does not wait for a server outside")
        s = status(home, "own")
        equal([s["failures"], s["running"]], [0, False], "it is no failure of the feed")


def test_misp(t):
    home = t.home()
    with Server() as server:
        entry = next(e for e in catalogue(home) if e["name"] == "circl-osint")
        home.json("feed", "enable", "circl-osint", "--url", serve_entry(server, entry))
        manifest = json.loads((FEEDS / "circl-osint/manifest.json").read_text())
        f = run_feed(home, "circl-osint")
        equal([f["answers"], f["absent"], f["accepted"]], [2, 1, 3], "two events and one that is not there")
        asked = len(server.asked)
        equal(run_feed(home, "circl-osint")["answers"], 0, "nothing changed")
        equal(len(server.asked) - asked, 2, "the manifest, and the absent event once more")
        # One event changed.
        first = sorted(manifest)[0]
        manifest[first]["timestamp"] = "1763700000"
        event = json.loads((FEEDS / f"circl-osint/{first}.json").read_text())
        event["Event"]["Attribute"].append(dict(event["Event"]["Attribute"][0], value="new.bad.example",
                                               uuid="5b2a3c4d-0000-4000-8000-00000000ffff"))
        server.pages["/circl-osint/manifest.json"] = json.dumps(manifest).encode()
        server.pages[f"/circl-osint/{first}.json"] = json.dumps(event).encode()
        f = run_feed(home, "circl-osint")
        equal([f["answers"], f["accepted"], f["duplicates"]], [1, 1, 2], "only the changed one")
        # A broken event stops no other, and is asked for again.
        second = sorted(manifest)[1]
        manifest[first]["timestamp"] = manifest[second]["timestamp"] = "1763800000"
        server.pages["/circl-osint/manifest.json"] = json.dumps(manifest).encode()
        server.pages[f"/circl-osint/{first}.json"] = b"<html>busy</html>"
        f = run_feed(home, "circl-osint", code=3)
        equal([f["result"], f["answers"]], ["value", 1], "the other was taken")
        server.pages[f"/circl-osint/{first}.json"] = json.dumps(event).encode()
        equal(run_feed(home, "circl-osint")["answers"], 1, "the broken one again")
    home.verified()


def test_redirects(t):
    home, other = t.home(), t.home()
    with Server() as plain, Server(tls=other.path / "tls") as tls:
        home.source("keyed")
        plain.pages["/go"] = lambda h: h.say(302, b"", Location=f"{tls.url}/list")
        tls.pages["/list"] = b"192.0.2.9\n"
        home.json("feed", "add", "keyed", "--url", f"{plain.url}/go", "--key-header", "X-Key", "--key-file", t.file("key", "abc"),
                  "--ca", other.path / "tls" / "cert.pem", "--format", "list")
        equal(run_feed(home, "keyed")["accepted"], 1, "followed to a server with TLS")
        equal(plain.asked[-1][1].get("x-key"), "abc", "the key goes where it belongs")
        equal(tls.asked[-1][1].get("x-key"), None, "and nowhere else")
        tls.pages["/down"] = lambda h: h.say(301, b"", Location=f"{plain.url}/list")
        home.json("feed", "add", "keyed", "--url", f"{tls.url}/down", "--ca", other.path / "tls" / "cert.pem")
        f = run_feed(home, "keyed", code=3)
        equal([f["result"], f["error"]["text"].startswith("redirect:")], ["denied", True], "not down to http")
        home.json("feed", "add", "keyed", "--url", f"{tls.url}/list")
        equal(run_feed(home, "keyed", code=3)["result"], "auth", "a certificate nobody vouches for")
        tls.pages["/loop"] = lambda h: h.say(302, b"", Location="/loop")
        home.json("feed", "add", "keyed", "--url", f"{tls.url}/loop", "--ca", other.path / "tls" / "cert.pem")
        equal(run_feed(home, "keyed", code=3)["result"], "limit", "in a circle")


def test_cut_and_taken_up(t):
    home = t.home()
    body = b"".join(b"192.0.2.%d\n" % i for i in range(200))
    with Server() as server:
        def halting(handler):
            asked = handler.headers.get("Range")
            start = int(asked[6:-1]) if asked and handler.headers.get("If-Range") == '"v"' else 0
            handler.send_response(206 if start else 200)
            handler.send_header("ETag", '"v"')
            handler.send_header("Content-Length", str(len(body) - start))
            handler.end_headers()
            handler.wfile.write(body[start:start + 900])
            handler.wfile.flush()
            handler.close_connection = True
        own(t, home, server, "own", halting)
        f = run_feed(home, "own")
        equal([f["records"], f["accepted"], f["fetched_bytes"]], [200, 200, len(body)], "put together")
        equal(len(server.asked), 3, "asked three times")
        # Without a tag it cannot be known to be the same file.
        def torn(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[:900])
            handler.close_connection = True
        server.pages["/own"] = torn
        f = run_feed(home, "own", code=3)
        true("broke after 900 bytes" in f["error"]["text"], f["error"]["text"])


def test_rules(t):
    home = t.home("list")
    def refused(code, *args):
        return home.run("feed", *args, code=code)
    refused(3, "add", "list", "--url", "http://feed.example/list")
    refused(3, "add", "list", "--url", "http://127.0.0.1.feed.example/list")
    refused(3, "add", "list", "--url", "file:///etc/passwd")
    refused(3, "add", "../list", "--url", "https://feed.example/list")
    refused(3, "add", "nobody", "--url", "https://feed.example/list")
    refused(2, "add", "list", "--url", "https://feed.example/list", "--every", "3")
    refused(2, "add", "list", "--url", "https://feed.example/list", "--format", "pdf")
    refused(3, "add", "urlhaus", "--url", "https://feed.example/list")
    refused(3, "enable", "nothing")
    refused(3, "run")
    refused(3, "run", "urlhaus")
    refused(2)
    home.json("feed", "enable", "otx", "--url", "http://127.0.0.1:9/x")
    f = home.json("feed", "run", "otx", code=3)["feeds"][0]
    equal([f["result"], "--key-file" in f["error"]["remedy"]], ["auth", True], "a key is missing")
    key = t.file("key", "abc\n")
    home.json("feed", "enable", "otx", "--url", "http://127.0.0.1:9/x", "--key-file", key)
    kept = home.path / "keys" / "feed-otx.key"
    equal([kept.read_text(), oct(kept.stat().st_mode & 0o777)], ["abc", "0o600"], "the key's file")
    home.json("feed", "remove", "otx")
    true(not kept.exists(), "removed with the feed")


def test_past(t):
    """What a feed names now was met before: told like any other sighting, also by the command that runs it."""
    home = t.home("sensor")
    seen = time.strftime("%Y-%m-%dT%H:%M:%S.000000+0000", time.gmtime(time.time() - 7200))
    event = json.dumps({"timestamp": seen, "event_type": "flow", "src_ip": "10.0.0.1", "src_port": 1, "dest_ip": "198.51.100.77",
                        "dest_port": 443, "proto": "TCP"}) + "\n"
    home.intake("sensor", t.file("eve.json", event))
    with Server() as server, home.serve():
        own(t, home, server, "own", b"198.51.100.77\n")
        until(lambda: status(home, "own")["last_good"], "taken by the schedule")
        own(t, home, server, "other", b"198.51.100.0/24\n")
        run = home.json("feed", "run", "other", code=(0, 3))["feeds"][0]
        true(run["result"] in ("ok", "busy"), f"taken by the command or by the schedule: {run}")
        until(lambda: status(home, "other")["last_good"], "taken")
    equal(len(home.rows("SELECT DISTINCT value FROM sighting")), 2, "both met what was seen")


def test_docs_are_current(t):
    home = t.home()
    table = home.run("feed", "list", "--markdown", code=0).out
    true(table in (node.REPO / "docs" / "feeds.md").read_text(), "docs/feeds.md holds `noroshi feed list --markdown`")
    equal(node.run("config", "--markdown", code=0).out, (node.REPO / "docs" / "configuration.md").read_text(),
          "docs/configuration.md is `noroshi config --markdown`")


if __name__ == "__main__":
    main(globals())
