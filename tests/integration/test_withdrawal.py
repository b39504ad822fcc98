"""What is withdrawn without a person: changes, days that come, agreements that end, deletions at a peer."""
import json
import sqlite3
import time

import node
from node import equal, true, until
from test_partners import act
from test_recall import CANARY, All, canary, files_with, has, row, settled, spread
from test_relay import indicator, key, post, see, serve, stamp

RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"


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
