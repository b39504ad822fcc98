"""Two nodes exchange what they hold over TLS, both ways, while one is killed and started again three times: both end with the same digest."""
import json
import socket
import threading
import time
import uuid

import node
from node import NIGHTLY, equal, true, until

NS = uuid.UUID("4b2f0f4e-3d0c-4a8e-9d39-5a2f8f3f6f10")
EACH = 50000 if NIGHTLY else 1500
PAGE = 1000 if NIGHTLY else 100


def things(who, n):
    """n objects of several types, some of them versions of the same id, some observables, some in other scripts."""
    for i in range(n):
        key, kind = f"{who} {i}", i % 6
        head = {"spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z", "modified": f"2026-01-01T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}.{i % 1000:03}Z"}
        if kind < 3:
            yield {"type": "indicator", "id": f"indicator--{uuid.uuid5(NS, key)}", **head, "name": f"{who} 脅威指標 {i}",
                   "pattern": f"[domain-name:value = 'h{i}.{who}.example']", "pattern_type": "stix",
                   "valid_from": "2026-01-01T00:00:00Z", "confidence": i % 101}
        elif kind == 3:
            yield {"type": "malware", "id": f"malware--{uuid.uuid5(NS, key)}", **head, "name": f"惡意程式 {i}", "is_family": False,
                   "x_score": i / 7, "x_note": "\u2028 \"quoted\" \\ and é"}
        elif kind == 4:  # a second version of one that came before
            yield {"type": "campaign", "id": f"campaign--{uuid.uuid5(NS, f'{who} {i % 600}')}", **head, "name": f"Campaign {i}"}
        else:
            yield {"type": "domain-name", "spec_version": "2.1", "value": f"o{i}.{who}.example",
                   "id": "domain-name--" + str(uuid.uuid5(uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7"),
                                                          json.dumps({"value": f"o{i}.{who}.example"}, separators=(",", ":"))))}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Side:
    def __init__(self, t, who):
        self.who, self.home, self.port = who, t.home("own"), free_port()
        home = self.home
        home.run("taxii", "collection", "add", "taxii2/root", "--title", "Shared", "--alias", "shared", "--ceiling", "amber",
                 "--read", "key:other", "--no-admins", code=0)
        home.run("taxii", "collection", "attach", "shared", "own", code=0)
        self.key = home.json("key", "make", "other", "--role", "client")["key"]
        path = t.file(f"{who}.json", json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid5(NS, who)}", "objects": list(things(who, EACH))}))
        equal(home.intake("own", path, code=0)["totals"]["accepted"], EACH, "objects of its own")
        self.running = None

    def start(self):
        self.running = self.home.serve(listen=f"127.0.0.1:{self.port}")

    def knows(self, other):
        self.home.json("peer", "add", "other", f"https://127.0.0.1:{other.port}/taxii2/", "--key-stdin", "--ca",
                       other.home.path / "tls" / "cert.pem", "--page", PAGE, "--every", "never", "--offline",
                       input=other.key + "\n")

    def count(self):
        return self.home.rows("SELECT count(*) FROM object")[0][0]

    def content(self):
        """(id, content) of every version, as a reader of the table sees it."""
        return sorted((i, json.dumps(json.loads(b), sort_keys=True)) for i, b in self.home.rows("SELECT stix_id, body FROM object"))

    def digest(self):
        return self.home.json("status", "--digest")["digest"]


def keep_syncing(side, ends, problems):
    """As the clock would: again and again, whatever came of the last time."""
    while not ends.is_set():
        try:
            done = side.home.run("peer", "sync", "other", "--json")
            if done.code == 0 and done.json()[0]["objects"] == 0 and side.count() >= 2 * EACH:
                return
        except Exception as why:
            problems.append(f"{side.who}: {why}")
            return
        time.sleep(0.2)


def test_both_ways_with_kills(t):
    a, b = Side(t, "tokyo"), Side(t, "taipei")
    for side in (a, b):
        side.start()
    a.knows(b)
    b.knows(a)
    before = [a.digest(), b.digest()]
    true(before[0]["sha256"] != before[1]["sha256"], "different before")
    ends, problems = threading.Event(), []
    began = time.monotonic()
    workers = [threading.Thread(target=keep_syncing, args=(side, ends, problems)) for side in (a, b)]
    try:
        for w in workers:
            w.start()
        killed_at = []
        for part in (1, 2, 3):
            goal = EACH + EACH * part // 4
            until(lambda: a.count() >= goal or problems, f"tokyo has {goal} objects", 600)
            killed_at.append((a.count(), b.count()))
            b.running.kill()
            b.start()
        for w in workers:
            w.join(900)
    finally:
        ends.set()
    seconds = time.monotonic() - began
    equal(problems, [], "problems")
    true(killed_at[0][0] < 2 * EACH, f"killed in the middle: {killed_at}")
    equal([a.count(), b.count()], [2 * EACH] * 2, "objects of both")
    equal(a.content(), b.content(), "content")
    mine, theirs = a.digest(), b.digest()
    equal(mine, theirs, "digest")
    equal(mine["objects"], len({i for i, _ in a.content()}), "objects in the digest: newest versions")
    print(f"  {2 * EACH} objects exchanged in {seconds:.1f} s with three kills at {killed_at}: {2 * EACH / seconds:.0f} objects/s", flush=True)
    for side in (a, b):
        side.running.stop()
        side.home.verified()


if __name__ == "__main__":
    node.main(globals())
