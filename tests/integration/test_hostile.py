"""What a hostile neighbour tries: another organisation of the same node, a client that breaks the rules of HTTP, a node that asks
a command for files.
"""
import gzip
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading

from node import PROGRAM, Client, equal, main, true, until

SECRET = "secret-plans.example.org"
EVENT = '{"timestamp":"2026-01-01T00:00:00Z","event_type":"dns","src_ip":"192.0.2.1","dest_ip":"192.0.2.2",' \
        '"dns":{"type":"query","rrname":"%s"}}\n'
GOOD = "".join(f"good{i}.example.org\n" for i in range(6))


def two_organisations(t):
    """A home whose own organisation holds secrets, and a guest organisation with an administrator and keys."""
    home = t.home("own")
    home.json("exercise", "load", code=(0, 1))
    guest = home.rows("SELECT id FROM org ORDER BY entry, id LIMIT 1 OFFSET 1")[0][0]
    home.run("user", "add", "mallory", "--role", "admin", input="a stranger in the same house\n", code=0)
    home.intake("own", t.file("secret.txt", GOOD + SECRET + "\n"))
    home.intake("own", t.file("retry", GOOD + "this is bad %\n"))
    db = sqlite3.connect(home.path / "noroshi.db")
    db.execute("UPDATE account SET org = ? WHERE name = 'mallory'", (guest,))
    db.commit()
    db.close()
    return home


def sign_in(node, name, password):
    client = Client(node)
    answer = client.post("/api/v1/session", {"name": name, "password": password}, want=200)
    client.cookie, client.csrf = answer.cookies[0].split(";")[0], answer.json()["csrf"]
    return client


def test_a_guest_learns_nothing(t):
    home = two_organisations(t)
    with home.serve() as node:
        mallory = sign_in(node, "mallory", "a stranger in the same house")
        owner = sign_in(node, "admin", home.password)
        owner.post("/api/v1/events?source=own", EVENT % SECRET, type="application/x-ndjson", want=200)
        mallory.post("/api/v1/sources", {"name": "probe", "zone": "UTC"}, want=201)
        report = mallory.post("/api/v1/events?source=probe", EVENT % SECRET, type="application/x-ndjson", want=200).json()
        equal((report["totals"]["accepted"], report["totals"]["matched"], report["totals"]["sightings"]), (1, 0, 0), "report")
        look = mallory.get(f"/api/v1/look?value={SECRET}").json()
        equal((look["indicators"], look["sightings"]["count"], look["sources"]), ([], 0, []), "look")
        equal(mallory.get("/api/v1/find?q=secret").json()["hits"], [], "find")
        for path in ("sightings", "sources", "rejected", "status"):
            text = mallory.get(f"/api/v1/{path}").body.decode()
            true(SECRET not in text and '"own"' not in text, f"{path} tells of the other organisation: {text}")
        equal(mallory.get("/api/v1/rejected").json(), {"rejected": [], "next": None}, "rejected")
        status = mallory.get("/api/v1/status").json()
        equal((status["quarantine"], status["index"]["indicators"]), (0, None), "status")
        for what in ("/api/v1/events?source=own", "/api/v1/intake?source=own", "/api/v1/intake?source=1"):
            mallory.post(what, GOOD, type="text/plain", want=404)
        number = home.rows("SELECT max(id) FROM quarantine")[0][0]
        there = mallory.post(f"/api/v1/rejected/{number}/retry", want=404).json()
        absent = mallory.post(f"/api/v1/rejected/{number + 1000}/retry", want=404).json()
        equal(there["error"]["text"].replace(str(number), "N"), absent["error"]["text"].replace(str(number + 1000), "N"), "404")
        mallory.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}, want=403)
        owner.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}, want=200)
        equal(owner.get(f"/api/v1/look?value={SECRET}").json()["sightings"]["count"], 1, "the owner's own look")


def test_one_line_does_not_stop_matching(t):
    home = t.home("own")
    home.intake("own", t.file("list.txt", GOOD + "*.com\n*.org\n"))
    with home.serve() as node:
        owner = sign_in(node, "admin", home.password)
        report = owner.post("/api/v1/events?source=own", EVENT % "good1.example.org", type="application/x-ndjson", want=200)
        equal(report.json()["totals"]["matched"], 1, "matched")


def raw(node, text, seconds=3):
    """The first line of the answer to bytes sent as they are."""
    with socket.create_connection((node.host, node.port), timeout=seconds) as plain:
        with node.client().context.wrap_socket(plain, server_hostname=node.host) as s:
            try:
                s.sendall(text)
                return s.recv(65536).split(b"\r\n")[0]
            except (ConnectionError, ssl.SSLError, TimeoutError):
                return b""


def test_broken_requests_do_no_harm(t):
    home = t.home("own")
    zeros = gzip.compress(bytes(64 << 20))
    with home.serve() as node:
        owner = sign_in(node, "admin", home.password)
        head = b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\n"
        for wrong in (head + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
                      head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                      head + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
                      head + b"Content-Length: -1\r\n\r\n", head + b"Content-Length: 99999999999999999999\r\n\r\n",
                      b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
                      b"GET /api/v1/%2e%2e/%2e%2e/keys/log.seed HTTP/1.1\r\nHost: a\r\n\r\n",
                      b"GET /assets/../../keys/log.seed HTTP/1.1\r\nHost: a\r\n\r\n",
                      b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 5000, b"GET\r\n\r\n",
                      b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70000 + b"\r\n\r\n"):
            line = raw(node, wrong)
            true(not line.startswith(b"HTTP/1.1 2"), f"{wrong[:60]!r} was answered {line!r}")
        owner.post("/api/v1/intake?source=own", zeros, headers={"Content-Encoding": "gzip"}, type="application/octet-stream",
                   want=413)
        owner.post("/api/v1/session", gzip.compress(b"x" * (1 << 20)), headers={"Content-Encoding": "gzip"},
                   type="application/json", want=413)
        for path in ("look?value=%ff", "look?value=%00", "look", "find?q=%22&limit=99999", "find?q=*&before=-1",
                     "sightings?limit=0", "sightings?before=9223372036854775808", "rejected?after=x"):
            true(owner.get("/api/v1/" + path, want=None).status in (400, 413), path)
        for q in ('" OR 1', "NEAR(a", "a AND", "text:secret", "^", "a*"):
            owner.get("/api/v1/find?q=" + q.replace(" ", "%20").replace('"', "%22").replace("^", "%5e"), want=(200, 400))
        owner.post("/api/v1/sources", "[" * 5000, type="application/json", want=(400, 413))
        evil = owner.ask("DELETE", "/api/v1/session", headers={"Origin": "https://evil.example"})
        equal(evil.status, 403, "a foreign page's request")
        owner.csrf = None
        equal(owner.ask("DELETE", "/api/v1/session").status, 403, "a request without token")
        equal(node.client().get("/healthz").status, 200, "the node answers still")


def test_streams_come_and_go(t):
    home = t.home("own")
    home.intake("own", t.file("list.txt", GOOD))
    with home.serve() as node:
        owner = sign_in(node, "admin", home.password)

        def follow():
            for _ in range(12):
                c = owner.connect()
                c.request("GET", "/api/v1/live", headers=owner.headers())
                c.getresponse().read1(64)
                c.close()

        threads = [threading.Thread(target=follow) for _ in range(6)]
        for thread in threads:
            thread.start()
        for i in range(20):
            owner.post("/api/v1/events?source=own", EVENT.replace("00:00:00", f"00:00:{i:02}") % "good1.example.org",
                       type="application/x-ndjson", want=200)
        for thread in threads:
            thread.join()
        equal(node.client().get("/healthz").status, 200, "the node answers still")


def test_an_ended_session_ends_its_stream(t):
    home = t.home("own")
    with home.serve() as node:
        first = sign_in(node, "admin", home.password)
        c = first.connect(timeout=60)
        c.request("GET", "/api/v1/live", headers=first.headers())
        stream = c.getresponse()
        stream.read1(64)
        first.ask("DELETE", "/api/v1/session", want=204)
        sign_in(node, "admin", home.password)  # is given the number of the ended session
        until(lambda: not stream.read1(4096), "the stream ends", seconds=45)
        c.close()


def children(pid):
    return [int(p) for p in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def test_a_parser_that_hangs_stops_nobody(t):
    home = t.home("own")
    lines = t.file("many.txt", "".join(f"x{i}.example.org\n" for i in range(800000)))
    with home.serve() as node:
        command = subprocess.Popen([PROGRAM, "-C", str(home.path), "intake", "--source", "own", str(lines)],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        worker = until(lambda: [w for c in children(node.process.pid) for w in children(c)], "a worker")[0]
        until(lambda: home.rows("SELECT count(*) FROM claim")[0][0] > 20000, "a part is taken")
        os.kill(worker, signal.SIGSTOP)
        try:
            owner = sign_in(node, "admin", home.password)
            owner.post("/api/v1/sources", {"name": "meanwhile", "zone": "UTC"}, want=201)
            true(command.poll() is None, "the command waits still")
        finally:
            os.kill(worker, signal.SIGCONT)
        command.communicate(timeout=120)
        equal(command.returncode, 0, "exit of the command")
        equal(home.rows("SELECT count(*) FROM claim"), [(800000,)], "claims")
    home.verified()


def test_a_command_opens_only_what_it_names(t):
    """A node that asks the command for another file, with the rights of whoever gave the command."""
    path = t.path("home")
    (path / "run").mkdir(parents=True)
    named, other = t.file("named", "a"), t.file("other", "b")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path / "run" / "noroshi.sock"))
    server.listen(1)
    client = subprocess.Popen([PROGRAM, "-C", str(path), "intake", "--source", "s", str(named)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    peer, _ = server.accept()

    def receive():
        data, descriptors, _, _ = socket.recv_fds(peer, 65536, 8)
        for d in descriptors:
            os.close(d)
        return data[4], len(descriptors)

    equal(receive(), (1, 3), "the command")
    for asked, answer in ((named, (4, 1)), (other, (5, 0)), (f"{named}/../other", (5, 0)), ("/etc/passwd", (5, 0))):
        text = str(asked).encode()
        peer.sendall(len(text).to_bytes(4, "little") + b"\x03" + text)
        equal(receive(), answer, f"asked for {asked}")
    peer.sendall((1).to_bytes(4, "little") + b"\x02\x00")
    equal(client.wait(20), 0, "exit")
    client.stdout.close()
    peer.close()
    server.close()


if __name__ == "__main__":
    main(globals())
