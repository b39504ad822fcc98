"""Three nodes share over lines that fail and are killed in the middle; once all is well again they agree, nothing went twice, and nothing went
that is not in the register.

    NOROSHI=build/noroshi SEED=7 ROUNDS=50 python3 tests/integration/test_healing.py
"""
import json
import os
import random
import time
import uuid

import node
from node import NIGHTLY, Home, equal, true, until
from cutting import Cutting
from test_faults import remount, small_disk
from test_partners import a_node, act, once, signed_by_all
from test_witness import free_port

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
ROUNDS = int(os.environ.get("ROUNDS", 120 if NIGHTLY else 5))
NAMES = ("TWCERT", "JPCERT", "USCERT")
GREEN, RED = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
HANDSHAKE = 6000  # bytes: a TLS handshake with both certificates, and a question, are less
PAIRS = [(a, b) for a in NAMES for b in NAMES if a != b]


def stamp(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06}Z"


def thing(key, version, red=False, **more):
    at = f"2026-08-01T{version // 3600 % 24:02}:{version // 60 % 60:02}:{version % 60:02}.000Z"
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(uuid.NAMESPACE_DNS, key)}", "created": "2026-08-01T00:00:00.000Z",
            "modified": at, "name": f"{key} {version}", "pattern": f"[domain-name:value = '{key}.example']", "pattern_type": "stix",
            "valid_from": "2026-08-01T00:00:00Z", "object_marking_refs": [RED if red else GREEN], **more}


def made(t):
    """All are partners of all; each card names the line on which its reader reaches that node."""
    homes = {name: a_node(t, name) for name in NAMES}
    ports = {name: free_port() for name in NAMES}
    lines = {pair: free_port() for pair in PAIRS}  # (who is reached, by whom)
    for (to, by), port in lines.items():
        done = homes[to].run("partner", "invite", "--url", f"https://127.0.0.1:{port}/", "--name", to, code=0)
        digits = done.err.split("fingerprint")[1].split("\n")[0].strip()
        card = t.file(f"{to}-{by}.card", done.out)
        act(homes[by], "partner", "accept", card, "--fingerprint", digits)
        act(homes[by], "partner", "confirm", to, "--fingerprint", digits, by="lin")
    for i, a in enumerate(NAMES):
        for b in NAMES[i + 1:]:
            signed_by_all(t, homes[a], homes[b])
    for name, home in homes.items():
        home.source("cert", "--marking", "TLP:GREEN")
        home.run("taxii", "root", "add", "share", "--title", "Share", code=0)
        home.run("taxii", "collection", "add", "share", "--title", "I", "--alias", "partners", code=0)
        home.run("taxii", "collection", "attach", "partners", "cert", code=0)
        for other in NAMES:
            if other != name:
                partner = home.json("partner", "show", other)["card"]["id"]
                home.run("taxii", "collection", "grant", "partners", "--read", f"partner:{partner}", code=0)
                home.run("relay", "add", other, "--collection", "partners", code=0)
    return (*homes.values(), ports, lines)


ready = once("healing", made)


class Federation:
    """The nodes, the lines between them, and what each stated."""

    def __init__(self, t):
        *homes, self.ports, lines = ready(t)
        self.t, self.homes = t, {h.called: h for h in homes}
        self.lines = {pair: Cutting(self.ports[pair[0]], port) for pair, port in lines.items()}
        self.running, self.stated = {}, {name: {} for name in NAMES}

    def __enter__(self):
        for line in self.lines.values():
            line.__enter__()
        for name in NAMES:
            self.start(name)
        return self

    def __exit__(self, kind, *_):
        for running in self.running.values():
            running.kill() if kind else running.stop()
        for line in self.lines.values():
            line.__exit__()

    def start(self, name):
        self.running[name] = self.homes[name].serve(listen=f"127.0.0.1:{self.ports[name]}")

    def kill(self, name):
        self.running[name].kill()
        self.start(name)

    def state(self, name, objects):
        """Taken in at a node; what counts is the newest version of each id."""
        text = json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects})
        self.homes[name].intake("cert", self.t.file("b.json", text), code=0)
        for o in objects:
            self.stated[name][o["id"]] = o

    def heal(self):
        for line in self.lines.values():
            line.heal()

    def done(self):
        """Nothing is on the way at any node."""
        for home in self.homes.values():
            found = home.run("relay", "status", "--json")
            if found.code != 0 or any(r["unanswered"] or r["to_do"] for r in found.json()):
                return False
            if any(m["direction"] == "out" and not m["acknowledged"] for m in home.json("messages", "list", "--limit", "1000")):
                return False
        return True

    def source_of(self, taker, giver):
        """The name of the source that what `giver` brings is of."""
        partner = "partner:" + self.homes[taker].json("partner", "show", giver)["card"]["id"]
        return next((s["name"] for s in self.homes[taker].json("source", "list") if s["upstream"] == partner), None)

    def held(self, taker, giver):
        """Every version that stands at one node from another: [(id, modified, object)]."""
        rows = self.homes[taker].rows("SELECT stix_id, body FROM object WHERE source = (SELECT id FROM source WHERE name = ?)",
                                      self.source_of(taker, giver))
        return [(i, json.loads(body)["modified"], json.loads(body)) for i, body in rows]

    def allowed(self, giver):
        return {i: o for i, o in self.stated[giver].items() if o["object_marking_refs"] == [GREEN]}


def fault(r, line):
    kind = r.choice(["cut", "stall", "there", "back", "break", "open"])
    if kind == "cut":
        line.cut()
    elif kind == "stall":
        line.stall()
    elif kind in ("there", "back"):
        line.one_way(kind)
    elif kind == "break":
        line.break_at(r.choice([1, 300, 1500, 2500, 4000, 6000, 20000]))
    else:
        line.heal()
    return kind


def lots(r, name, number):
    """New things, some that must stay, and newer versions of what was there."""
    fresh = [thing(f"{name.lower()}-{number}-{k}", 1, red=k % 4 == 3) for k in range(r.randint(1, 8))]
    again = [thing(f"{name.lower()}-{n}-0", number + 1) for n in r.sample(range(number), min(number, 2))]
    return fresh + again


def agree_in_the_end(fed):
    """What each pair may hold is held, in its newest version, byte by byte what the giver stated, and no more."""
    for giver, taker in PAIRS:
        what = f"{giver} > {taker} (seed {SEED})"
        held, want = fed.held(taker, giver), fed.allowed(giver)
        newest = {}
        for i, modified, o in held:
            if i not in newest or modified > newest[i]["modified"]:
                newest[i] = o
        equal({i: o["name"] for i, o in newest.items()}, {i: o["name"] for i, o in want.items()}, f"{what}: ids and versions")
        equal(newest, want, f"{what}: content")
        true(all(o["object_marking_refs"] == [GREEN] for _, _, o in held), f"{what}: nothing that must stay, in any version")
        register_tells(fed, giver, taker, held, what)


def register_tells(fed, giver, taker, held, what):
    """Each thing that arrived stands once in the giver's register, and each message under the digest it was sent with. What was taken back
    before it left has arrived nowhere."""
    home = fed.homes[giver]
    shares = {s["entry"]: s["share"] for s in home.json("shares", "list", "--partner", taker, "--limit", "100000")}
    sent = {m["id"]: m for m in home.json("messages", "list", "--partner", taker, "--kind", "objects", "--limit", "1000") if m["direction"] == "out"}
    got = {m["id"]: m for m in fed.homes[taker].json("messages", "list", "--partner", giver, "--kind", "objects", "--limit", "1000")
           if m["direction"] == "in"}
    equal(set(got) - set(sent), set(), f"{what}: arrived, and nobody sent it")
    equal({i for i, m in sent.items() if m["accepted"]} - set(got), set(), f"{what}: accepted, and did not arrive")
    for i, m in got.items():
        equal(m["body_sha256"], sent[i]["body_sha256"], f"{what}: {i} as it was sent")
        true(sent[i]["share"] in shares, f"{what}: {i} is in the register: {sent[i]}")
    equal(len({m["counter"] for m in sent.values()}), len(sent), f"{what}: counters")
    equal({m["share"] for m in sent.values()}, set(shares), f"{what}: entries of the register, and messages")
    # What had left and was dropped before its acknowledgement came may be brought again in another message: told there as a duplicate.
    again = sum(json.loads(m["text"])["duplicates"] for i, m in sent.items() if m["accepted"])
    dropped = sum(shares[sent[i]["share"]]["things"] for i in got if not sent[i]["accepted"])
    true(again <= dropped, f"{what}: {again} things went twice, {dropped} were in messages that were dropped after they had left")
    equal(sum(shares[sent[i]["share"]]["things"] for i in got) - again, len(held), f"{what}: things that went by the register, and versions that arrived")


def through(fed):
    """Bytes that went over all lines, and connections that failed."""
    return sum(sum(line.passed().values()) for line in fed.lines.values()), sum(line.broken + line.refused for line in fed.lines.values())


def nothing_before_the_register(fed):
    """From outside of the nodes: whoever read or was brought so many bytes as the smallest message has, was brought it after the first entry."""
    for giver, taker in PAIRS:
        entries = [s["share"]["at"] for s in fed.homes[giver].json("shares", "list", "--partner", taker, "--limit", "100000")]
        large = [p.began for p in fed.lines[taker, giver].passages if p.bytes["there"] > HANDSHAKE]
        if large:
            true(entries and min(entries) <= stamp(min(large) + 1), f"{giver} > {taker}: {min(large)} and {entries[-1:]}")


def test_cuts_and_kills(t):
    r = random.Random(SEED)
    told = []
    with Federation(t) as fed:
        for number in range(ROUNDS):
            for pair in PAIRS:
                told.append(fault(r, fed.lines[pair]))
            for name in NAMES:
                fed.state(name, lots(r, name, number))
            time.sleep(r.uniform(0.05, 0.8))
            if r.random() < 0.6:
                fed.kill(r.choice(NAMES))
        fed.heal()
        began = time.monotonic()
        until(fed.done, f"all is answered (seed {SEED})", 90)
        until(lambda: all(len({i for i, _, _ in fed.held(b, a)}) >= len(fed.allowed(a)) for a, b in PAIRS), f"all is there (seed {SEED})", 30)
        until(fed.done, f"all is answered still (seed {SEED})", 30)
        healed = time.monotonic() - began
        agree_in_the_end(fed)
        nothing_before_the_register(fed)
        passed, failed = through(fed)
        true(failed > 0, "the lines failed")
        stated = {name: len(fed.stated[name]) for name in NAMES}
    for home in fed.homes.values():
        home.verified()
    print(f"  seed {SEED}: {ROUNDS} rounds, {stated} stated, {passed} bytes, {failed} connections refused or broken, faults "
          f"{ {k: told.count(k) for k in sorted(set(told))} }; whole {healed:.1f} s after healing", flush=True)


def test_a_recall_over_a_line_that_is_cut(t):
    """What was given is taken back while nobody can be reached: it arrives when they can, once."""
    with Federation(t) as fed:
        fed.state("TWCERT", [thing("wrong", 1), thing("right", 1)])
        until(lambda: all(len(fed.held(b, "TWCERT")) == 2 for b in NAMES[1:]), "both have both", 30)
        for (to, by), line in fed.lines.items():
            if "TWCERT" in (to, by):
                line.cut()
        wrong = thing("wrong", 1)["id"]
        act(fed.homes["TWCERT"], "shares", "recall", wrong, "--reason", "named a victim")
        fed.kill("TWCERT")
        time.sleep(0.5)
        true(all(len(fed.held(b, "TWCERT")) == 2 for b in NAMES[1:]), "not yet")
        fed.heal()
        for name in NAMES[1:]:
            until(lambda n=name: [i for i, _, _ in fed.held(n, "TWCERT")] == [thing("right", 1)["id"]], f"gone at {name}", 60)
        until(lambda: fed.homes["TWCERT"].run("shares", "overdue", "--json").code == 0, "nothing is overdue", 30)
        for name in NAMES[1:]:
            equal([m["kind"] for m in fed.homes[name].json("messages", "list", "--partner", "TWCERT", "--limit", "1000")
                   if m["direction"] == "in" and m["kind"] == "recall"], ["recall"], f"{name} was told once")


def test_the_receiver_s_disk_is_full(t):
    """The receiver cannot take what comes: the giver keeps it, and brings it once there is room."""
    with small_disk(t, "60m") as disk:
        with Federation(t) as fed:
            fed.running.pop("JPCERT").stop()
            home = fed.homes["JPCERT"].copy(disk / "home")
            home.called = "JPCERT"
            fed.homes["JPCERT"] = home
            fed.start("JPCERT")
            fed.state("TWCERT", [thing("before", 1)])
            until(lambda: len(fed.held("JPCERT", "TWCERT")) == 1, "it works", 30)
            used = os.statvfs(disk)
            remount(disk, f"size={(used.f_blocks - used.f_bfree) * used.f_frsize // 1024 + 100}k")
            fed.state("TWCERT", [thing(f"full-{n}", 1, description="x" * 20000) for n in range(60)])
            until(lambda: len(fed.held("USCERT", "TWCERT")) == 61, "the other partner has all", 30)
            true(len(fed.held("JPCERT", "TWCERT")) < 61, "it does not fit")
            remount(disk, "size=200m")
            until(lambda: len(fed.held("JPCERT", "TWCERT")) == 61, "all of it, once there is room", 120)
            until(fed.done, "all is answered", 60)
            agree_in_the_end(fed)
        Home(disk / "home").verified()


if __name__ == "__main__":
    node.main(globals())
