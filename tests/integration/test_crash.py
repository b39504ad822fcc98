"""kill -9 at random moments: what was accepted stays, `verify` passes, and loading again ends as if nothing had happened.

5 rounds, 30 with NIGHTLY=1. The seed is printed; CRASH_SEED=N repeats a run.
"""
import json
import os
import random
import subprocess
import threading
import time

import node
from node import NIGHTLY, equal, kill_group, true

ROUNDS = 30 if NIGHTLY else 5
SEED = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(1 << 32))
BASE = {"feed": 12000, "events": 60000}


def address(n):
    return f"198.51.{n >> 8 & 255}.{n & 255}"


def feed_text(n):
    """A list with what makes loading interesting: addresses, names, URLs, doubles, a line that is none."""
    lines = ["# written by the test"]
    for i in range(n):
        lines += [address(i) if i < 20000 else f"h{i}.bad.example", f"n{i}.bad.example", f"http://u{i % 977}.example/p/{i}"]
        if i % 500 == 0:
            lines += ["no value !! at all", address(i)]
    return "\n".join(lines) + "\n"


def stix_text(n):
    def uuid(i):
        return f"{i:08x}-2222-4222-8222-222222222222"
    objects = [{"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid(i)}", "created": "2026-08-22T01:00:00.000Z",
                "modified": "2026-08-22T02:00:00.000Z", "pattern": f"[domain-name:value = 's{i}.bad.example']",
                "pattern_type": "stix", "valid_from": "2026-08-22T01:00:00Z", "labels": ["phishing"], "name": f"Name {i} 詐騙"}
               for i in range(n)]
    objects += [{"type": "relationship", "spec_version": "2.1", "id": f"relationship--{uuid(i)}",
                 "created": "2026-08-22T01:00:00.000Z", "modified": "2026-08-22T02:00:00.000Z", "relationship_type": "related-to",
                 "source_ref": f"indicator--{uuid(i)}", "target_ref": f"indicator--{uuid(i + 1)}"} for i in range(n - 1)]
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid(9999)}", "objects": objects})


def event_lines(n):
    for i in range(n):
        yield json.dumps({"timestamp": f"2026-08-22T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}.000000+0000",
                          "event_type": "dns", "src_ip": address(i % 700), "dest_ip": "192.0.2.53", "flow_id": i,
                          "dns": {"type": "query", "rrname": f"n{i * 7 % 30011}.bad.example", "rrtype": "A"}})


def material(t):
    """Source and file in the order in which they are loaded."""
    return [("sensor", t.file("early.json", "\n".join(event_lines(BASE["events"] // 4)) + "\n")),
            ("feed", t.file("feed.txt", feed_text(BASE["feed"]))),
            ("stix", t.file("bundle.json", stix_text(3000))),
            ("sensor", t.file("events.json", "\n".join(event_lines(BASE["events"])) + "\n"))]


def load(home, files, code=(0, 1)):
    return [home.intake(source, path, code=code)["totals"] for source, path in files]


def interrupted(home, files, after):
    """Loads the files in a process each, kills what runs `after` seconds later; True if something was killed."""
    end = time.monotonic() + after
    for source, path in files:
        p = subprocess.Popen([node.PROGRAM, "-C", str(home.path), "intake", "--source", source, str(path)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            p.wait(max(0.001, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill_group(p)
            return True
    return False


def compare(home, want, what):
    got = home.dump()
    for table, rows in want.items():
        a, b = set(rows), set(got[table])
        true(rows == got[table], f"{what}: {table} has {len(got[table])} rows, want {len(rows)}; "
             f"missing {sorted(a - b)[:2]}, too many {sorted(b - a)[:2]}")


def fresh(t):
    return t.home("feed", "stix", "sensor")


def test_kill_during_intake(t):
    print(f"  seed {SEED}", flush=True)
    rng = random.Random(SEED)
    template, files = fresh(t), material(t)
    calm = template.copy(t.path("calm"))
    began = time.monotonic()
    load(calm, files)
    whole = time.monotonic() - began
    want, answer = calm.dump(), calm.json("find", "詐騙", "--limit", "1000")["hits"]
    kills = 0
    for n in range(ROUNDS):
        home = template.copy(t.path("crash"))
        moment = rng.uniform(0.02, whole)
        for again in range(rng.randrange(1, 4)):  # now and then it dies again while it loads again
            kills += interrupted(home, files, moment / (again + 1))
            found = home.json("verify", code=(0, 1))
            equal(found["findings"], [], f"verify after round {n}, killed at {moment / (again + 1):.3f} s")
        load(home, files)
        compare(home, want, f"round {n}, killed at {moment:.3f} s")
        home.verified()
        hits = home.json("find", "詐騙", "--limit", "1000")["hits"]
        equal(sorted(h["id"] for h in hits), sorted(h["id"] for h in answer), "text search afterwards")
    true(kills, "nothing was killed: the rounds were too short")


def test_kill_of_the_running_node(t):
    """The node dies with a command of another process inside; the command says so, and nothing accepted is lost."""
    print(f"  seed {SEED}", flush=True)
    rng = random.Random(SEED + 1)
    template, files = fresh(t), material(t)
    calm = template.copy(t.path("calm"))
    load(calm, files)
    want = calm.dump()
    for n in range(max(2, ROUNDS // 3)):
        home = template.copy(t.path("crash"))
        running = home.serve()
        done = {}

        def through_node():
            done["result"] = [home.run("intake", "--source", s, p, "--json") for s, p in files]

        thread = threading.Thread(target=through_node)
        thread.start()
        time.sleep(rng.uniform(0.05, 2.0))
        running.kill()
        thread.join(60)
        running.__exit__(None)
        codes = [d.code for d in done["result"]]
        true(all(c in (0, 1, 3) for c in codes), f"exit codes of the commands: {codes}")
        for d in done["result"]:
            if d.code == 3:
                true(d.err.strip(), "a command whose node died says so")
        true(not (home.path / "run" / "noroshi.sock").exists() or home.run("status", code=0),
             "a left-over socket hinders nobody")
        home.verified()
        load(home, files)
        compare(home, want, f"round {n}")
        home.verified()
        with home.serve() as again:
            equal(again.client().get("/healthz").json()["ok"], True, "it starts again")


def test_kill_during_rebuild_retry_and_removal(t):
    """What changes much in one go is done whole or not at all."""
    print(f"  seed {SEED}", flush=True)
    rng = random.Random(SEED + 2)
    template, files = fresh(t), material(t)
    load(template, files)
    want = template.dump()
    for n in range(max(3, ROUNDS // 3)):
        home = template.copy(t.path("crash"))
        home.json("exercise", "load")
        for command in (["rebuild"], ["rejected", "retry", "--all"], ["exercise", "remove"]):
            p = subprocess.Popen([node.PROGRAM, "-C", str(home.path), *command], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                p.wait(rng.uniform(0.005, 0.6))
            except subprocess.TimeoutExpired:
                kill_group(p)
            home.verified()
        home.json("exercise", "remove")
        compare(home, want, f"round {n}")
        home.verified()


def test_kill_during_posts(t):
    """What the API acknowledged is there after kill -9 of the node."""
    home = t.home("feed", "sensor")
    key = home.json("key", "make", "probe", "--source", "sensor")["key"]
    home.intake("feed", t.file("feed.txt", "\n".join(f"n{i}.bad.example" for i in range(2000)) + "\n"), code=0)
    lines = list(event_lines(4000))
    running = home.serve()
    client = running.client(key)
    acknowledged = 0
    stop = threading.Event()
    threading.Timer(1.2, lambda: (stop.set(), running.kill())).start()
    while not stop.is_set() and acknowledged + 50 <= len(lines):
        try:
            answer = client.post("/api/v1/events", "\n".join(lines[acknowledged:acknowledged + 50]) + "\n",
                                 type="application/x-ndjson", headers={"Idempotency-Key": f"batch-{acknowledged}"})
        except OSError:
            break
        except Exception as e:  # cut off in the middle of an answer
            if stop.is_set():
                break
            raise e
        equal(answer.status, 200, f"answer {answer}")
        acknowledged += 50
    stop.wait(5)
    running.process.wait(10)
    running.__exit__(None)
    true(acknowledged, "something was acknowledged")
    home.verified()
    seen = home.rows("SELECT coalesce(sum(count), 0) FROM past WHERE value = '192.0.2.53'")[0][0]
    true(acknowledged <= seen <= acknowledged + 50, f"{seen} events kept, {acknowledged} acknowledged")
    with home.serve() as again:
        client = again.client(key)
        for first in range(0, len(lines), 50):
            client.post("/api/v1/events", "\n".join(lines[first:first + 50]) + "\n", type="application/x-ndjson",
                        headers={"Idempotency-Key": f"batch-{first}"}, want=200)
    seen = home.rows("SELECT sum(count) FROM past WHERE value = '192.0.2.53'")[0][0]
    equal(seen, len(lines), "events after sending all again with their keys")
    home.verified()


if __name__ == "__main__":
    node.main(globals())
