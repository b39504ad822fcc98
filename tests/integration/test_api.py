"""The API over real HTTPS: who may do what, what is refused and how, and that nothing accepted is lost."""
import contextlib
import gzip
import json
import socket
import sqlite3
import ssl
import threading
import time
import warnings

import node
from node import equal, true, until

BAD = "gate.phish.example"
NDJSON = "application/x-ndjson"
ROLES = ["viewer", "analyst", "admin", "sensor", "auditor"]


def dns(name, second=0):
    return json.dumps({"timestamp": f"2026-08-22T10:{second // 60 % 60:02}:{second % 60:02}.000000+0000", "event_type": "dns",
                       "src_ip": "192.0.2.1", "dest_ip": "192.0.2.53", "dns": {"type": "query", "rrname": name, "rrtype": "A"}})


def events(*names):
    return "".join(dns(n, i) + "\n" for i, n in enumerate(names))


def filled(t):
    home = t.home("feed", "sensor", "other")
    home.intake("feed", t.file("feed.txt", f"{BAD}\n203.0.113.9\nhttp://gate.phish.example/login\n"), code=0)
    return home


def keys_of(home):
    return {role: home.json("key", "make", f"key-{role}", "--role", role, *(["--source", "sensor"] if role == "sensor" else []))["key"]
            for role in ROLES}


def refused(answer, status, *words):
    """Errors are JSON with a code and a sentence."""
    equal(answer.status, status, f"{answer}")
    error = answer.json()["error"]
    true(error["code"] and error["text"], f"code and sentence: {answer}")
    for word in words:
        true(word in json.dumps(error), f"'{word}' in {error}")
    return error


def test_sign_in(t):
    home = filled(t)
    with home.serve() as running:
        client = running.client()
        refused(client.get("/api/v1/session", want=401), 401, "sign in")
        wrong = client.sign_in("admin", "not the password at all")
        nobody = client.sign_in("nobody-of-that-name", "not the password at all")
        refused(wrong, 401)
        equal(nobody.json(), wrong.json(), "a wrong name is answered as a wrong password")
        made = client.sign_in(want=200)
        cookie = made.cookies[0]
        for word in ("__Host-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            true(word in cookie, f"{word} in the cookie")
        true("domain" not in cookie.lower(), "a cookie for this host alone")
        equal(made.headers["cache-control"], "no-store", "answers are not kept")
        equal(client.get("/api/v1/session").json()["role"], "admin", "who I am")
        stolen = running.client()
        stolen.cookie = client.cookie[:-4] + "AAAA"
        refused(stolen.get("/api/v1/session", want=401), 401)
        old = client.cookie
        equal(client.ask("DELETE", "/api/v1/session", want=204).body, b"", "sign out")
        client.cookie = old
        refused(client.get("/api/v1/status", want=401), 401)
        again = running.client()
        again.sign_in(want=200)
        home.json("user", "set", "admin", input="quite another sentence\n")
        refused(again.get("/api/v1/status", want=401), 401)
        for body in (b"{", b"[]", b'{"name":"admin"}', b'{"name":1,"password":2}', b'{"name":"a","name":"b","password":"c"}'):
            refused(client.ask("POST", "/api/v1/session", body, type="application/json", headers={"Cookie": None}), 400)
        refused(client.ask("POST", "/api/v1/session", b"name=admin", type="application/x-www-form-urlencoded"), 415)


def test_sign_in_is_throttled(t):
    home = filled(t)
    home.json("user", "add", "hanako", input="a long sentence of hers\n")
    with home.serve() as running:
        client = running.client()
        statuses = [client.sign_in("hanako", f"wrong password {n}").status for n in range(9)]
        true(401 in statuses and 429 in statuses, f"answers to wrong passwords: {statuses}")
        answer = client.sign_in("hanako", "a long sentence of hers")
        refused(answer, 429)
        wait = int(answer.headers["retry-after"])
        true(1 <= wait <= 300, f"Retry-After {wait}")
        equal(running.client().sign_in("admin", want=200).status, 200, "others are not kept out")
        until(lambda: client.sign_in("hanako", "a long sentence of hers").status == 200, "after the wait", 20)


def test_forged_requests(t):
    home = filled(t)
    with home.serve() as running:
        client = running.client()
        client.sign_in(want=200)
        token, client.csrf = client.csrf, None
        new = {"name": "made", "zone": "UTC"}
        refused(client.post("/api/v1/sources", new), 403, "X-CSRF-Token")
        refused(client.post("/api/v1/sources", new, headers={"X-CSRF-Token": "x" * len(token)}), 403)
        client.csrf = token
        refused(client.post("/api/v1/sources", new, headers={"Origin": "https://evil.example"}), 403)
        refused(client.post("/api/v1/sources", new, headers={"Sec-Fetch-Site": "cross-site"}), 403)
        equal([s for s in home.json("source", "list") if s["name"] == "made"], [], "nothing was made")
        client.post("/api/v1/sources", new, want=201)
        refused(running.client().post("/api/v1/session", {"name": "admin", "password": home.password},
                                      headers={"Origin": "https://evil.example"}), 403)


# Route, body and type, roles that may.
ROUTES = [
    ("GET", "/api/v1/session", None, None, ROLES),
    ("GET", "/api/v1/status", None, None, ["viewer", "analyst", "admin", "auditor"]),
    ("GET", "/api/v1/sources", None, None, ["viewer", "analyst", "admin", "auditor"]),
    ("GET", f"/api/v1/look?value={BAD}", None, None, ["viewer", "analyst", "admin"]),
    ("GET", "/api/v1/find?q=phish", None, None, ["viewer", "analyst", "admin"]),
    ("GET", "/api/v1/sightings", None, None, ["viewer", "analyst", "admin"]),
    ("GET", "/api/v1/rejected", None, None, ["viewer", "analyst", "admin"]),
    ("POST", "/api/v1/events?source=sensor", events("quiet.example"), NDJSON, ["analyst", "admin", "sensor"]),
    ("POST", "/api/v1/intake?source=feed", "one.more.example\n", "text/plain", ["analyst", "admin"]),
    ("POST", "/api/v1/rejected/1/retry", b"", None, ["analyst", "admin"]),
    ("POST", "/api/v1/sources", json.dumps({"name": "by-{role}", "zone": "UTC"}), "application/json", ["admin"]),
]


def test_roles_and_routes(t):
    home = filled(t)
    keys = keys_of(home)
    with home.serve() as running:
        for role, key in list(keys.items()) + [(None, None)]:
            client = running.client(key)
            for method, path, body, kind, may in ROUTES:
                if isinstance(body, str):
                    body = body.replace("{role}", str(role))
                answer = client.ask(method, path, body, type=kind)
                if role in may:
                    good = answer.status in (200, 201) or (answer.status == 404 and "retry" in path)
                    true(good, f"{role} {method} {path}: {answer}")
                else:
                    refused(answer, 401 if role is None else 403)
        for path in ("/healthz", "/api/v1/openapi.json", "/"):
            running.client().get(path)


def test_a_sensor_speaks_for_its_own_source(t):
    home = filled(t)
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    loose = home.json("key", "make", "loose", "--role", "sensor")["key"]
    with home.serve() as running:
        client = running.client(key)
        report = client.post("/api/v1/events", events(BAD), type=NDJSON, want=200).json()
        equal(report["totals"]["matched"], 1, "matched")
        client.post("/api/v1/events?source=sensor", events("a.example"), type=NDJSON, want=200)
        for other in ("other", "feed"):
            refused(client.post(f"/api/v1/events?source={other}", events(BAD), type=NDJSON), 403)
        refused(client.post("/api/v1/events?source=nobody", events(BAD), type=NDJSON), 404)
        refused(running.client(loose).post("/api/v1/events", events(BAD), type=NDJSON), 403, "--source")
        # Nor may it state indicators where events are asked for.
        answer = client.post("/api/v1/events", "stated.by.a.sensor.example\nand.another.example\n", type="text/plain")
        true(answer.status in (400, 415, 422), f"a list as events: {answer}")
        equal(home.json("look", "stated.by.a.sensor.example")["indicators"], [], "no indicator from a sensor")
    sources = dict(home.rows("SELECT s.name, sum(g.count) FROM sighting g JOIN source s ON s.id = g.source GROUP BY 1"))
    equal(sources, {"sensor": 1}, "sightings by source")


def test_other_organisations(t):
    """Ids of what belongs to another organisation are answered as if they did not exist."""
    home = filled(t)
    home.json("exercise", "load")
    foreign = [s for s in home.json("source", "list") if s["exercise"]]
    keys = keys_of(home)
    partner = foreign[0]["org"]
    db = sqlite3.connect(home.path / "noroshi.db")  # a user of the partner on the same node
    db.execute("UPDATE api_key SET org = ? WHERE name = 'key-analyst'", (partner,))
    db.commit()
    db.close()
    with home.serve() as running:
        admin, theirs = running.client(keys["admin"]), running.client(keys["analyst"])
        for s in foreign:
            refused(admin.post(f"/api/v1/intake?source={s['id']}", "x.example\n", type="text/plain"), 404)
            refused(admin.post(f"/api/v1/events?source={s['number']}", events(BAD), type=NDJSON), 404)
        equal(theirs.get(f"/api/v1/look?value={BAD}").json()["indicators"], [], "ours is not theirs")
        equal(theirs.get("/api/v1/find?q=phish").json()["hits"], [], "nor in the search")
        seen = {s["name"] for s in theirs.get("/api/v1/sources").json()["sources"]}
        true("feed" not in seen and "sensor" not in seen, f"nor are our sources: {seen}")
        refused(theirs.get("/api/v1/find?q=phish&source=feed", want=404), 404)
        refused(theirs.get("/api/v1/rejected?source=feed", want=404), 404)
        refused(theirs.post("/api/v1/intake?source=feed", "x.example\n", type="text/plain"), 404)
        admin.post("/api/v1/intake?source=feed", "value,first_seen\nlate.example,not a time at all\n", type="text/csv")
        number = admin.get("/api/v1/rejected").json()["rejected"][0]["number"]
        equal(theirs.get("/api/v1/rejected").json()["rejected"], [], "their quarantine")
        unknown = theirs.post("/api/v1/rejected/99999/retry", want=404)
        answer = theirs.post(f"/api/v1/rejected/{number}/retry", want=404)
        equal(answer.json()["error"]["code"], unknown.json()["error"]["code"], "as one that is not there")


def test_keys_end(t):
    home = filled(t)
    keys = {n: home.json("key", "make", n, "--role", "viewer")["key"] for n in ("good", "old", "revoked")}
    db = sqlite3.connect(home.path / "noroshi.db")
    db.execute("UPDATE api_key SET expires = ? WHERE name = 'old'", (int((time.time() - 60) * 1e6),))
    db.commit()
    db.close()
    with home.serve() as running:
        running.client(keys["good"]).get("/api/v1/status")
        running.client(keys["revoked"]).get("/api/v1/status")
        home.json("key", "revoke", "revoked")
        answers = [running.client(k).get("/api/v1/status", want=401) for k in
                   (keys["old"], keys["revoked"], keys["good"][:-2] + "AA", "nrs_", "x" * 3000)]
        for answer in answers:
            refused(answer, 401)
        equal({a.json()["error"]["text"] for a in answers[:3]}, {answers[0].json()["error"]["text"]}, "no word about which")
        running.client(keys["good"]).get("/api/v1/status")


def test_events(t):
    home = filled(t)
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    body = events(BAD, "quiet.example", "www." + BAD) + "{broken\n" + dns(BAD, 9) + "\n"
    with home.serve() as running:
        client = running.client(key)
        report = client.post("/api/v1/events", body, type=NDJSON, want=200).json()["totals"]
        equal({k: report[k] for k in ("records", "accepted", "duplicates", "rejected", "matched")},
              {"records": 5, "accepted": 4, "duplicates": 0, "rejected": 1, "matched": 3}, "report")
        report = client.post("/api/v1/events", body, type=NDJSON, want=200).json()["totals"]
        equal((report["accepted"], report["matched"]), (0, 0), "the same body again")
        packed = gzip.compress((events(*[f"g{i}.example" for i in range(3000)]) + dns(BAD, 77) + "\n").encode())
        report = client.post("/api/v1/events", packed, type=NDJSON, headers={"Content-Encoding": "gzip"}, want=200).json()["totals"]
        equal((report["records"], report["matched"]), (3001, 1), "gzip")
        refused(client.post("/api/v1/events", b"x", type=NDJSON, headers={"Content-Encoding": "br"}), 415)
        refused(client.post("/api/v1/events", packed[:200], type=NDJSON, headers={"Content-Encoding": "gzip"}), 400)
        refused(client.post("/api/v1/events", b"not gzip at all", type=NDJSON, headers={"Content-Encoding": "gzip"}), 400)
        refused(client.post("/api/v1/events?format=nothing", body, type=NDJSON), 400)
        admin = running.client()
        admin.sign_in(want=200)
        refused(admin.post("/api/v1/events", body, type=NDJSON), 400, "source")
        shown = admin.get("/api/v1/sightings?limit=10").json()
        true(shown["sightings"], "sightings over the API")
        looked = admin.get(f"/api/v1/look?value={BAD}").json()
        equal(looked["sightings"]["count"], 4, "sightings of the name and of names below it")
    home.verified()


def test_idempotency(t):
    home = filled(t)
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    with home.serve() as running:
        client = running.client(key)
        once = {"Idempotency-Key": "batch-1"}
        first = client.post("/api/v1/events", events(BAD), type=NDJSON, headers=once, want=200)
        second = client.post("/api/v1/events", events(BAD), type=NDJSON, headers=once, want=200)
        equal(second.body, first.body, "the stored answer")
        equal(second.headers.get("idempotent-replayed"), "true", "says that it is one")
        refused(client.post("/api/v1/events", events("other.example"), type=NDJSON, headers=once), 409)
        refused(client.post("/api/v1/events", events(BAD), type=NDJSON, headers={"Idempotency-Key": "k" * 300}), 400)
        answers = []
        body = events(*[f"n{i}.example" for i in range(20000)] + [BAD])

        def send():
            answers.append(client.post("/api/v1/events", body, type=NDJSON, headers={"Idempotency-Key": "both"}).status)

        threads = [threading.Thread(target=send) for _ in range(3)]
        [x.start() for x in threads]
        [x.join() for x in threads]
        true(set(answers) <= {200, 409} and 200 in answers, f"at the same time: {answers}")
    with home.serve() as running:
        again = running.client(key).post("/api/v1/events", events(BAD), type=NDJSON, headers=once, want=200)
        equal(again.body, first.body, "also after a restart")
    equal(home.rows("SELECT sum(count) FROM sighting")[0][0], 2, "sightings")


def test_reading(t):
    home = filled(t)
    home.intake("feed", t.file("note.csv", "value,note\nscam.example,投資詐騙網站の報告\n"), code=0)
    home.intake("sensor", "-", input=events(BAD))
    with home.serve() as running:
        client = running.client()
        client.sign_in(want=200)
        looked = client.get(f"/api/v1/look?value={BAD}").json()
        by_command = home.json("look", BAD)

        def steady(v):
            if isinstance(v, dict):
                return {k: steady(x) for k, x in v.items() if k != "confidence"}
            return [steady(x) for x in v] if isinstance(v, list) else v
        equal(steady(looked), steady(by_command), "the API answers as the command does")
        equal(client.get("/api/v1/look?value=hxxp%3A%2F%2Fgate%5B.%5Dphish.example%2Flogin").json()["kind"], "url", "defanged")
        refused(client.get("/api/v1/look", want=400), 400)
        client.get("/api/v1/look?value=" + "a" * 9000, want=400)
        equal([h["value"] for h in client.get("/api/v1/find?q=%E8%A9%90%E9%A8%99").json()["hits"]], ["scam.example"], "詐騙")
        refused(client.get("/api/v1/find?q=", want=400), 400)
        refused(client.get("/api/v1/find?q=x&limit=0", want=400), 400)
        refused(client.get("/api/v1/find?q=x&limit=99999", want=400), 400)
        refused(client.get("/api/v1/find?q=x&since=yesterday", want=400), 400)
        status = client.get("/api/v1/status").json()
        equal(status["counts"], home.json("status")["counts"], "status")
        names = {s["name"] for s in client.get("/api/v1/sources").json()["sources"]}
        equal(names, {"feed", "sensor", "other"}, "sources")
        refused(client.post("/api/v1/sources", {"name": "feed"}), 409)
        refused(client.post("/api/v1/sources", {"name": "x", "reliability": "Z"}), 400)
        refused(client.post("/api/v1/sources", {"name": "x", "zone": "Mars/Base"}), 400)
        client.post("/api/v1/intake?source=feed", "value,first_seen\nlate.example,not a time at all\n", type="text/csv")
        listed = client.get("/api/v1/rejected?limit=1").json()["rejected"]
        equal(len(listed), 1, "rejected")
        tried = client.post(f"/api/v1/rejected/{listed[0]['number']}/retry", want=200).json()
        equal(tried["accepted"], 0, "still not readable")


def test_openapi_tells_the_routes(t):
    home = filled(t)
    with home.serve() as running:
        client = running.client()
        document = client.get("/api/v1/openapi.json").json()
        true(document["openapi"].startswith("3.1"), "version")
        names = set()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method == "parameters":
                    continue
                true(operation["operationId"] not in names, "operationId is unique")
                names.add(operation["operationId"])
                true(operation["responses"], f"{method} {path} has answers")
                concrete = path.replace("{id}", "1").replace("{path}", "none").replace("{api-root}", "taxii2/root").replace("{object}", "x")
                if path != "/api/v1/live":
                    status = client.ask(method.upper(), concrete).status
                    partners = path.startswith("/messages/")  # there for partners alone (test_route_matrix)
                    true(status not in (404, 405, 501) or "none" in concrete or partners, f"{method} {path} is a route: {status}")
        for method, path, *_ in ROUTES:
            path = path.split("?")[0].replace("/1/", "/{id}/")
            true(method.lower() in document["paths"][path], f"{method} {path} is described")


def test_metrics_and_health(t):
    home = filled(t)
    with home.serve() as running:
        client = running.client()
        equal(client.get("/healthz").json(), {"ok": True}, "healthz")
        text = client.get("/metrics").body.decode()
        for line in text.splitlines():
            true(line.startswith("# ") or len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0, f"line {line!r}")
        true("noroshi_ledger_entries" in text, "the ledger")
        client.get("/metrics", headers={"X-Forwarded-For": "198.51.100.1"}, want=401)
        client.get("/metrics", headers={"Sec-Fetch-Site": "cross-site"}, want=401)


def read_stream(client, headers=None):
    """A socket that reads /api/v1/live, and the text that came so far."""
    c = client.connect(20)
    c.request("GET", "/api/v1/live", headers=client.headers(headers))
    response = c.getresponse()
    equal((response.status, response.headers["Content-Type"].split(";")[0]), (200, "text/event-stream"), "live")
    return c, response


def next_event(response):
    fields = {}
    while True:
        line = response.readline().decode().rstrip("\n")
        if not line and "data" in fields:
            return fields
        if ":" in line and not line.startswith(":"):
            name, value = line.split(":", 1)
            fields[name] = value.strip()


def test_live_stream(t):
    home = filled(t)
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    with home.serve() as running:
        client, sensor = running.client(), running.client(key)
        refused(client.get("/api/v1/live", want=401), 401)
        client.sign_in(want=200)
        c, response = read_stream(client)
        sensor.post("/api/v1/events", events("quiet.example", BAD), type=NDJSON, want=200)
        first = next_event(response)
        equal((first["event"], json.loads(first["data"])["value"]), ("sighting", BAD), "a POST is seen")
        home.intake("sensor", "-", input=events("x.example", "y.example", "www." + BAD))
        equal(json.loads(next_event(response)["data"])["value"], "www." + BAD, "an intake by command is seen")
        c.close()
        sensor.post("/api/v1/events", events("a.example", "b.example", "c.example", "api." + BAD), type=NDJSON, want=200)
        c, response = read_stream(client, {"Last-Event-ID": first["id"]})
        values = [json.loads(next_event(response)["data"])["value"] for _ in range(2)]
        equal(values, ["www." + BAD, "api." + BAD], "resumed where it was")
        c.close()
        c, response = read_stream(client, {"Last-Event-ID": "made up"})
        equal(next_event(response)["event"], "lost", "an id that is not known")
        client.ask("DELETE", "/api/v1/session", want=204)
        began = time.monotonic()
        try:
            while response.readline():
                true(time.monotonic() - began < 40, "the stream of a session that ended is ended")
        except TimeoutError:
            raise AssertionError("the stream of a session that ended goes on") from None
        c.close()


def test_limits(t):
    home = filled(t)
    with open(home.path / "noroshi.conf", "a", encoding="ascii") as f:
        f.write("http.max_body = 1M\nhttp.idle = 2s\n")
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    admin = home.json("key", "make", "boss", "--role", "admin")["key"]
    with home.serve() as running:
        client, boss = running.client(key), running.client(admin)
        head = (f"POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: {NDJSON}\r\n"
                f"Content-Length: {3 << 20}\r\nExpect: 100-continue\r\n\r\n")
        with raw(running) as s:
            s.sendall(head.encode())
            equal(s.recv(4096).split(b"\r\n")[0], b"HTTP/1.1 413 Content Too Large", "refused before it is sent")
        with contextlib.suppress(OSError):  # sent all the same: it may be cut off
            equal(client.post("/api/v1/events", b"x" * (3 << 20), type=NDJSON).status, 413, "a body too large")
        bomb = gzip.compress(b"\n" * (64 << 20))
        refused(client.post("/api/v1/events", bomb, type=NDJSON, headers={"Content-Encoding": "gzip"}), 413)
        refused(client.ask("POST", "/api/v1/session", b'{"name":"' + b"a" * 20000 + b'"}', type="application/json"), 413)
        deep = b"[" * 7000 + b"]" * 7000
        refused(client.ask("POST", "/api/v1/session", b'{"name":' + deep + b"}", type="application/json"), 413, "64 levels")
        report = boss.post("/api/v1/events?source=sensor", dns(BAD).encode() + b'\n{"timestamp":' + b"[" * 100000 + b"\n",
                           type=NDJSON).json()["totals"]
        equal((report["rejected"], report["matched"]), (1, 1), "a deep line costs itself")
        refused(boss.post("/api/v1/sources", "<xml/>", type="text/xml"), 415)
        refused(boss.post("/api/v1/sources", "{", type="application/json"), 400)
        refused(client.get("/api/v1/nothing", want=404), 404)
        client.get("/../../etc/passwd", want=(400, 404))
        refused(client.get("/assets/..%2f..%2fnoroshi.conf", want=404), 404)
        answer = client.ask("PUT", "/api/v1/status")
        refused(answer, 405)
        true("GET" in answer.headers["allow"], "Allow")
        true(client.ask("GET", "/healthz", headers={"X-Long": "a" * 40000}).status in (400, 413, 431), "a long header")
        head = client.ask("HEAD", "/healthz")
        equal((head.status, head.body), (200, b""), "HEAD")
        client.get("/healthz")


def raw(running):
    client = running.client()
    return client.context.wrap_socket(socket.create_connection((running.host, running.port), 20), server_hostname=running.host)


def test_slow_clients_hold_up_nobody(t):
    home = filled(t)
    with open(home.path / "noroshi.conf", "a", encoding="ascii") as f:
        f.write("http.idle = 2s\n")
    with home.serve() as running:
        slow = [raw(running) for _ in range(20)]
        for n, s in enumerate(slow):
            s.sendall(b"GET /healthz HT" if n % 2 else
                      b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        plain = socket.create_connection((running.host, running.port), 20)
        began = time.monotonic()
        running.client().get("/healthz")
        true(time.monotonic() - began < 2, "others are answered at once")
        for s in slow:
            s.settimeout(20)
            try:
                while s.recv(4096):
                    pass
            except (ssl.SSLError, ConnectionError):
                pass
            except TimeoutError:
                raise AssertionError("a silent connection is closed") from None
            s.close()
        true(time.monotonic() - began < 15, "closed soon after http.idle")
        plain.close()
        running.client().get("/healthz")


def test_security_headers(t):
    home = filled(t)
    with home.serve() as running:
        client = running.client()
        for path in ("/", "/healthz", "/api/v1/openapi.json", "/api/v1/status", "/nothing"):
            h = client.ask("GET", path).headers
            policy = h["content-security-policy"]
            true("default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, f"{path}: {policy}")
            equal(h["x-content-type-options"], "nosniff", path)
            equal(h["referrer-policy"], "no-referrer", path)
            true("max-age" in h["strict-transport-security"], path)
            true("server" not in h, f"{path} names no server")
        warnings.simplefilter("ignore", DeprecationWarning)
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers("ALL:@SECLEVEL=0")
            old.minimum_version = old.maximum_version = version
            try:
                with old.wrap_socket(socket.create_connection((running.host, running.port), 10)):
                    raise AssertionError(f"{version.name} is accepted")
            except (ssl.SSLError, ConnectionError):
                pass
        page = client.get("/")
        true("text/html" in page.headers["content-type"], "the console")
        true(b"<script>" not in page.body and b" onclick=" not in page.body, "no inline script")


def test_many_at_once(t):
    """Sensors, analysts, commands and a follower of the stream at the same time: every count is right in the end."""
    home = filled(t)
    keys = {r: home.json("key", "make", r, "--role", r, *(["--source", "sensor"] if r == "sensor" else []))["key"]
            for r in ("sensor", "analyst")}
    wrong = []
    with home.serve() as running:
        def guarded(work):
            def go():
                try:
                    work()
                except Exception as e:  # told below, by the test's own thread
                    wrong.append(e)
            return threading.Thread(target=go)

        def sensor(who):
            client = running.client(keys["sensor"])
            for n in range(15):
                names = [f"w{who}n{n}e{k}.example" for k in range(30)] + [BAD]
                equal(client.post("/api/v1/events", events(*names), type=NDJSON, want=200).json()["totals"]["matched"], 1, "matched")

        def analyst(who):
            client = running.client(keys["analyst"])
            for n in range(10):
                client.post("/api/v1/intake?source=feed", f"a{who}n{n}.stated.example\nb{who}n{n}.stated.example\n",
                            type="text/plain", want=200)
                client.get(f"/api/v1/look?value={BAD}")
                client.get("/api/v1/status")
                client.get("/api/v1/sightings")

        def commands(who):
            for n in range(5):
                home.intake("other", "-", input=f"c{who}n{n}.stated.example\n", code=0)
                home.json("look", "203.0.113.0/24")

        follower = running.client()
        follower.sign_in(want=200)
        c, response = read_stream(follower)
        threads = [guarded(lambda n=n: sensor(n)) for n in range(3)] + [guarded(lambda n=n: analyst(n)) for n in range(2)]
        threads += [guarded(lambda n=n: commands(n)) for n in range(4)]
        [x.start() for x in threads]
        [x.join() for x in threads]
        equal(wrong, [], "what went wrong")
        seen = sum(json.loads(next_event(response)["data"]).get("count", 1) for _ in range(3))
        true(seen >= 3, "the stream went on")
        c.close()
    equal(home.rows("SELECT sum(count) FROM sighting WHERE value = ?", BAD)[0][0], 45, "sightings")
    equal(home.rows("SELECT count(*) FROM claim WHERE value LIKE '%.stated.example'")[0][0], 60, "claims")
    equal(home.rows("SELECT count(*) FROM past WHERE value LIKE 'w%.example'")[0][0], 1350, "names kept")
    home.verified()


def test_clean_shutdown_loses_nothing(t):
    """Every answer 200 is in the database after SIGTERM in the middle of the stream; requests are answered or cut, never half."""
    home = filled(t)
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    running = home.serve()
    accepted, lock, stop = [], threading.Lock(), threading.Event()

    def send(who):
        client = running.client(key)
        n = 0
        while not stop.is_set():
            names = [f"w{who}n{n}e{k}.example" for k in range(40)]
            try:
                if client.post("/api/v1/events", events(*names), type=NDJSON).status == 200:
                    with lock:
                        accepted.extend(names)
            except Exception:  # the node has gone
                return
            n += 1

    threads = [threading.Thread(target=send, args=(w,)) for w in range(4)]
    [x.start() for x in threads]
    until(lambda: len(accepted) > 400, "some were accepted")
    running.stop()
    stop.set()
    [x.join() for x in threads]
    running.log.close()
    kept = {v for (v,) in home.rows("SELECT value FROM past WHERE value LIKE 'w%.example'")}
    equal(sorted(set(accepted) - kept)[:3], [], "accepted and lost")
    true(not (home.path / "run" / "noroshi.sock").exists(), "the socket is gone")
    home.verified()
    state = home.json("status")["ledger"]
    equal(state["checkpoint_size"], state["size"], "everything is under a checkpoint")


if __name__ == "__main__":
    node.main(globals())
