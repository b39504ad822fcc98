"""What was shared is taken back: at who has it, at whom they gave it to, in every answer and in every file; and only by who gave it."""
import json
import sqlite3
import time
import uuid

import node
from messages import Partner, opened
from node import PASSWORD, equal, true, until
from test_partners import PERSONS, a_node, act, once
from test_relay import GREEN, befriend_at, bundle, indicator, key, open_to, post, relay, see, serve, stamp
from test_witness import free_port

CANARY = "zanzibarcanary"
NAMES = ("TWCERT", "JPCERT", "USCERT")
CLEAR = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


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


def test_what_changes_is_withdrawn_by_itself(t):
    tw, jp, us, ports, _ = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    revoked, wrong, marked, short = (canary(n) for n in range(1, 5))
    short["valid_until"] = stamp(-6)
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [revoked, wrong, marked, short])
        later = {"modified": stamp(-1)}
        post(nodes[tw], tw.key, [{**revoked, **later, "revoked": True}, {**wrong, **later, "labels": ["false-positive"]},
                                 {**marked, **later, "object_marking_refs": [RED]}])

        def whys(home):
            return {s["why"] for s in home.json("shares", "recalled") if s["answered"] and s["accepted"]}
        want = {"revoked", "false_positive", "marking", "expired"}
        until(lambda: whys(tw) >= want, "withdrawn at the second", 40)
        until(lambda: whys(jp) >= want, "withdrawn at the third", 40)
        for home in (jp, us):
            true(not has(home, marked["id"]), f"what is marked higher now is gone at {home.called}")
            for o in (revoked, wrong, short):
                true(has(home, o["id"]), "the fact stays")
                looked = home.json("look", o["id"])
                true(looked["withdrawn"][0]["why"] in want, f"and is shown as withdrawn: {looked['withdrawn']}")
                name = o["name"]
                see(nodes[home], home.key, name)
                equal(home.rows("SELECT count(*) FROM sighting WHERE value = ?", name), [(0,)], "not matched")
            home.verified()


def test_what_is_past_its_day_is_deleted_and_told(t):
    tw, jp, us, ports, agreements = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    old, young = canary(1), indicator("young.phish.example", description="told")
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [old, young])
        owed = jp.json("look", old["id"])["obligations"]
        equal([(o["agreement"], o["onward"], o["judicial_use"], o["source"]) for o in owed], [(agreements[0], "list", "lead_only", "TWCERT")], "owed")
        true(owed[0]["delete_by"] > stamp(), "a day to come")
        true("delete by" in jp.run("look", old["id"], code=0).out, "for people")
    with sqlite3.connect(jp.path / "noroshi.db") as db:  # its day comes
        equal(db.execute("UPDATE obligation SET delete_after = 1 WHERE stix_id = ?", (old["id"],)).rowcount, 1, "the day")
    with All((tw, jp, us), ports) as nodes:
        until(lambda: not has(jp, old["id"]) and not has(us, old["id"]), "deleted, and where it went on to", 25)
        true(has(jp, young["id"]) and has(us, young["id"]), "the other stays")
        entry = [s["entry"] for s in tw.json("shares", "list", "--partner", "JPCERT")]
        until(lambda: sum(tw.json("shares", "show", e)[0]["state"]["deleted"] for e in entry) == 1, "its origin is told", 20)
        time.sleep(1.5)
        equal(tw.json("shares", "overdue", code=0), {"unanswered": [], "undeleted": []}, "nothing is overdue")
        settled(jp)
        equal([f for f in files_with(jp.path, CANARY)], [], "files")
    jp.verified()


def test_the_end_of_an_agreement_takes_back(t):
    tw, jp, us, ports, agreements = row(t)
    for home in (tw, jp, us):
        home.key = key(home)
    o, own = canary(1), indicator("own.phish.example")
    with All((tw, jp, us), ports) as nodes:
        spread(nodes, (tw, jp, us), [o])
        post(nodes[jp], jp.key, [own])
        until(lambda: has(us, own["id"]), "at the third", 20)
        act(tw, "agreement", "end", agreements[0])
        until(lambda: not has(jp, o["id"]) and not has(us, o["id"]), "gone at both", 40)
        equal({s["why"] for s in tw.json("shares", "recalled")}, {"agreement_ended"}, "why")
        true(has(jp, own["id"]) and has(us, own["id"]) and has(tw, o["id"]), "what went by another stays, and at its origin")
    jp.verified()


def test_deletions_at_a_peer_are_followed(t):
    """A node that is no partner: plain TAXII, and the tombstones beside it."""
    tw, jp, _, ports, _ = row(t)
    tw.key = key(tw)
    kept, gone, back = indicator("kept.phish.example"), canary(1), indicator("back.phish.example")
    secret = tw.json("key", "make", "jp", "--role", "analyst")["key"]
    tw.run("taxii", "collection", "add", "share", "--title", "Box", "--alias", "box", "--source", "cert", "--read", "key:jp", "--write", "key:jp", code=0)
    tw.run("taxii", "collection", "attach", "box", "cert", code=0)
    with serve(tw, ports) as running:
        post(running, tw.key, [kept, gone, back])
        jp.run("peer", "add", "plain", running.address + "taxii2/", "--key-stdin", "--ca", str(tw.path / "tls" / "cert.pem"), input=secret + "\n", code=0)
        until(lambda: tw.rows("SELECT 1 FROM member m JOIN collection c ON c.id = m.collection WHERE c.alias = 'box' AND m.stix_id = ?", back["id"]), "a member", 15)
        jp.run("peer", "sync", "plain", code=0)
        for o in (kept, gone, back):
            true(has(jp, o["id"]), "came")
        taxii = running.client(secret)
        accept = {"Accept": "application/taxii+json;version=2.1"}
        for o in (gone, back):
            taxii.ask("DELETE", f"/share/collections/box/objects/{o['id']}/", headers=accept, want=200)
        taxii.post("/share/collections/box/objects/", json.dumps({"objects": [back]}), headers=accept, type=accept["Accept"], want=202)
        jp.run("peer", "sync", "plain", code=0)
        true(has(jp, kept["id"]) and not has(jp, gone["id"]), "the deletion is followed")
        true(has(jp, back["id"]), "what was put back is not")
        jp.run("peer", "sync", "plain", code=0)
        true(not has(jp, gone["id"]), "and stay")
    equal([f for f in files_with(jp.path, CANARY)], [], "files")
    jp.verified()


if __name__ == "__main__":
    node.main(globals())
