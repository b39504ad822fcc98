"""What was shared is taken back: at who has it, at whom they gave it to, in every answer and in every file; and only by who gave it."""
import json
import time
import uuid

import node
from messages import Partner, opened
from node import equal, true, until
from test_partners import PERSONS, a_node, act, once
from test_relay import befriend_at, indicator, key, open_to, post, relay, see, serve, stamp
from test_witness import free_port

CANARY = "zanzibarcanary"
NAMES = ("TWCERT", "JPCERT", "USCERT")


# ---- three nodes in a row: what TWCERT gives to JPCERT may go on to USCERT

def card_id(home, name):
    return home.json("partner", "show", name)["card"]["id"]


def agree(t, a, b, onward=None, **more):
    draft = json.loads(a.run("agreement", "draft", "network-safety", "--with", b.called, code=0).out)
    draft.update(more)
    for grant in draft["grants"]:
        grant["human_release"] = "never"
        if onward:
            grant["onward"] = [onward]
    path = t.file("draft.json", json.dumps(draft))
    for home, verb in ((a, "sign"), (b, "countersign")):
        for by in PERSONS:
            path = t.file("signed.json", act(home, "agreement", verb, path, by=by).out)
    a.run("agreement", "countersign", path, code=0)
    return draft["id"], path


def made_row(t):
    homes = [a_node(t, name) for name in NAMES]
    ports = {h.called: free_port() for h in homes}
    tw, jp, us = homes
    for a, b in ((tw, jp), (jp, tw), (jp, us), (us, jp)):
        befriend_at(t, a, b, ports[b.called])
    first, _ = agree(t, tw, jp, onward=card_id(jp, "USCERT"))
    second, _ = agree(t, jp, us)
    open_to(tw, jp)
    open_to(jp, tw, us)
    open_to(us, jp)
    relay(tw, "JPCERT")
    relay(jp, "USCERT")
    for home in homes:
        with open(home.path / "noroshi.conf", "a") as f:
            f.write("recall.overdue = 1s\n")
    return tw, jp, us, ports, (first, second)


row = once("recall", made_row)


class All:
    """The three of them, running."""

    def __init__(self, homes, ports):
        self.homes, self.ports, self.running = homes, ports, {}

    def __enter__(self):
        for home in self.homes:
            self.running[home.called] = serve(home, self.ports).__enter__()
        return self

    def __exit__(self, *why):
        for running in self.running.values():
            running.__exit__(*why)

    def __getitem__(self, home):
        return self.running[home.called]


def canary(n=1, **more):
    return indicator(f"gate{n}.{CANARY}.example", description=f"told by {CANARY}", labels=[f"{CANARY}-label"], **more)


def has(home, id):
    return home.rows("SELECT 1 FROM object WHERE stix_id = ?", id)


def answers(home, running, siem, ids):
    """The bytes of every answer that could tell of it, without repeating a question that names it."""
    client = running.client(home.key)
    told = b""
    for id in ids:
        told += client.get(f"/api/v1/look?value={id}", want=(200, 400, 404)).body
        told += home.run("look", id).out.encode()
        told += home.run("prove", id).out.encode()
        told += home.run("explain", id, "--to", "JPCERT" if home.called != "JPCERT" else "USCERT").out.encode()
    for path in ("/api/v1/find?q=told", "/api/v1/sightings", "/api/v1/status", "/api/v1/rejected", "/api/v1/sources"):
        answer = client.get(path, want=(200, 400, 404))
        told += answer.body.replace(b'"query":"told"', b"") + repr(answer.headers).encode()
    for format in (("csv",), ("stix", "--objects"), ("list", "--kind", "domain-name"), ("misp",), ("zeek",), ("suricata",), ("rpz",)):
        told += home.run("export", *format).out.encode()
    taxii = running.client(siem)
    accept = {"Accept": "application/taxii+json;version=2.1"}
    for what in ("objects", "manifest", "tombstones"):
        told += taxii.get(f"/share/collections/partners/{what}/", headers=accept, want=(200, 404)).body
    for words in (("status", "--digest"), ("find", "told"), ("shares", "list"), ("shares", "recalled"), ("messages", "list"), ("rejected", "list")):
        told += home.run(*words, "--json").out.encode().replace(b'"query":"told"', b"")
    return told


def files_with(path, word):
    return sorted(str(f.relative_to(path)) for f in path.rglob("*") if f.is_file() and word.encode() in f.read_bytes())


def siem(home):
    home.key = key(home)
    secret = home.json("key", "make", "siem", "--role", "client")["key"]
    home.run("taxii", "collection", "grant", "partners", "--read", "key:siem", code=0)
    return secret


def settled(home):
    return until(lambda: not home.rows("SELECT 1 FROM cursor WHERE name = 'withdraw_unsettled' AND at <> 0"), "nothing is left in the files", 30)


def recall(home, *what, reason="it named a victim", code=0):
    return json.loads(act(home, "shares", "recall", *what, "--reason", reason, "--json", code=code).out)


def answered(home, n=1, seconds=20):
    def all_answered():
        sent = home.json("shares", "recalled")
        return len(sent) >= n and all(s["answered"] for s in sent) and sent
    return until(all_answered, "the recall is answered", seconds)


def spread(nodes, homes, objects, seconds=25):
    """Taken in at the first, and on all of them."""
    report = post(nodes[homes[0]], homes[0].key, objects)
    equal(report["totals"]["rejected"], 0, "taken in")
    for home in homes:
        for o in objects:
            until(lambda: has(home, o["id"]), f"{o['id']} at {home.called}", seconds)


# ---- tests

def test_a_recall_reaches_whoever_it_was_given_to(t):
    tw, jp, us, ports, _ = row(t)
    keys = {h.called: siem(h) for h in (tw, jp, us)}
    gone, kept = [canary(1), canary(2)], indicator("kept.phish.example", description="told as well")
    ids = [o["id"] for o in gone]
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [*gone, kept])
        for home in (jp, us):
            see(nodes[home], home.key, f"gate1.{CANARY}.example")
            true(CANARY.encode() in answers(home, nodes[home], keys[home.called], ids), f"told at {home.called} before")
        before = {h.called: h.json("status")["counts"] for h in (jp, us)}
        entry = tw.json("shares", "list", "--partner", "JPCERT")[0]["entry"]
        sent = recall(tw, ids[0])
        equal((sent["messages"], sent["partners"], sent["things"]), (1, 1, 1), "sent")
        first = answered(tw)[0]
        equal((first["why"], first["accepted"], first["result"]["taken"], first["result"]["passed_on"], first["result"]["refused"]),
              ("recalled", True, 1, 1, []), "the answer")
        equal(recall(tw, ids[0])["messages"], 0, "again")
        sent = recall(tw, ids[1])
        answered(tw, 2)
        answered(jp, 2)
        for home in (jp, us):
            settled(home)
            told = answers(home, nodes[home], keys[home.called], ids)
            true(CANARY.encode() not in told, f"told at {home.called} after: {told[max(0, told.find(CANARY.encode()) - 300):][:600]}")
            true(b"kept.phish.example" in told, "what was not recalled stays")
            after = home.json("status")["counts"]
            equal([before[home.called][k] - after[k] for k in ("claims", "objects")], [2, 2], "counts")
            equal(home.rows("SELECT count(*) FROM sighting"), [(0,)], "sightings")
            true(home.verified()["expunged"] >= 4, "expunged, and verified")
        shown = tw.json("shares", "show", entry)[0]
        equal((shown["state"]["recalled"], shown["state"]["confirmed"], shown["state"]["deleted"]), (2, 2, 2), "the register's state")
        # It does not come back: neither by the same node's word, nor by a rebuild.
        report = post(nodes[tw], tw.key, [canary(1, modified=stamp(-1))])
        equal(report["totals"]["accepted"], 1, "a newer version at its own node")
        time.sleep(2)
        true(not has(jp, ids[0]) and not has(us, ids[0]), "barred")
        equal(tw.json("shares", "overdue", code=(0, 1))["unanswered"], [], "overdue")
    for home in (jp, us):
        home.run("rebuild", code=0)
        home.verified()
        true(not has(home, ids[0]), "after rebuild")
        # What our own sensors saw is ours for its 30 days; nothing else may hold it.
        with_it = home.rows("SELECT count(*) FROM past WHERE value LIKE ?", f"%{CANARY}%")
        equal(with_it, [(1,)], "our own observation")
        backup = t.path("backup")
        home.run("backup", backup, code=0)
        restored = t.path("restored")
        node.run("restore", backup, restored, code=0)
        there = node.Home(restored)
        there.verified()
        equal(there.rows("SELECT count(*) FROM object WHERE body LIKE ?", f"%{CANARY}%"), [(0,)], "restored")


def test_not_a_byte_of_it_is_left(t):
    tw, jp, us, ports, _ = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    objects = [canary(n) for n in range(1, 40)]
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [*objects, *(indicator(f"n{n}.plain.example") for n in range(200))])
        true(files_with(jp.path, CANARY), "in the files before")
        older = t.path("older")
        jp.run("backup", older, code=0)
        for entry in {s["entry"] for s in tw.json("shares", "list", "--partner", "JPCERT")}:
            act(tw, "shares", "recall", "--entry", str(entry), "--reason", "all of it", code=(0, 3))
        answered(tw)
        until(lambda: not has(us, objects[0]["id"]), "gone at the third", 20)
        answered(jp)
        for home in (jp, us):
            settled(home)
            equal(home.rows("SELECT count(*) FROM object"), [(0,)], f"objects at {home.called}")
        for home in (jp, us):
            equal(files_with(home.path, CANARY), [], f"files of {home.called} while it runs")
    for home in (jp, us):
        equal(files_with(home.path, CANARY), [], f"files of {home.called}")
        backup = t.path("backup")
        home.run("backup", backup, code=0)
        equal(files_with(backup, CANARY), [], f"a backup of {home.called}")
        home.verified()
    # A backup that is older than the recall, and the newer list.
    true(files_with(older, CANARY), "in the older backup")
    restored = t.path("restored")
    withdrawn = t.file("withdrawn.json", json.dumps(jp.json("shares", "withdrawn")))
    refused = t.path("refused")
    node.run("restore", older, refused, "--withdrawn", t.file("none.json", "{}"), code=3)
    true(not refused.exists(), "nothing is made that would show it")
    node.run("restore", older, restored, "--withdrawn", withdrawn, code=0)
    equal(files_with(restored, CANARY), [], "restored with the list")
    node.Home(restored).verified()


def test_a_node_that_was_away_hears_of_it(t):
    tw, jp, us, ports, _ = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    o = canary()
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [o])
    with serve(tw, ports):
        equal(recall(tw, o["id"])["messages"], 1, "sent")
        late = until(lambda: tw.json("shares", "overdue", code=(0, 1))["unanswered"], "overdue after a second", 10)
        equal((late[0]["why"], late[0]["answered"]), ("recalled", None), "overdue")
    with All((tw, jp, us), ports):
        answered(tw)
        until(lambda: not has(jp, o["id"]) and not has(us, o["id"]), "gone at both", 20)
        equal(tw.json("shares", "overdue", code=0)["unanswered"], [], "nothing is overdue any more")


def test_nobody_takes_back_what_another_gave(t):
    tw, jp, us, ports, _ = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    theirs, own = canary(1), canary(2)
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [theirs])
        post(nodes[jp], jp.key, [own])
        until(lambda: has(us, own["id"]), "at the third", 20)
    # A dishonest third node: with its own keys, against what it was given and what it never knew.
    with serve(jp, ports) as running:
        liar = Partner(us, running, card_id(jp, "USCERT"), card_id(us, "JPCERT"))

        def ask(counter, body):
            return opened(json.loads(liar.taken(liar.seal(liar.message(counter, kind="recall", body=body)))))["body"]
        unknown = f"indicator--{uuid.uuid4()}"
        asked = [theirs["id"], own["id"], unknown]
        body = {"entries": [1], "ids": asked, "reason": "mine", "why": "recalled"}
        answer = ask(5000, body)
        refused = answer["result"]["refused"]
        equal(sorted(r["id"] for r in refused), sorted(asked), "all are refused and named")
        equal({r["reason"] for r in refused}, {"not_yours"}, "in the same words, known here or not")
        for n, bad in enumerate(({}, {"ids": []}, {"ids": asked}, {**body, "why": "revoked"}, {**body, "ids": ["x"]}, {**body, "ids": asked * 400})):
            true(not ask(5001 + n, bad)["accepted"], f"refused: {bad}")
        true(has(jp, theirs["id"]) and has(jp, own["id"]), "all stands")
    jp.verified()


if __name__ == "__main__":
    node.main(globals())
