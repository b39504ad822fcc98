"""A dishonest partner harms nobody: each attempt is refused, named and on record, and the others are served in their usual time.

TWCERT is the honest node. JPCERT has real keys, an agreement, and does what it should not; USCERT is the other partner.
"""
import copy
import json
import shutil
import time

import node
from node import equal, true, until
from dishonest import CARD, Dishonest, Key, checkpoint, other_root, payload_of
from messages import Partner, opened
from leaks import BASE, CANARY, marked, right, take, thing
from taxii import TYPE, identifier, indicator
from test_partners import act, befriend, invite, once, signed_by_all, strangers
from test_witness import more


def made(t):
    """Three partners; TWCERT has agreements with both, a collection for each, and knows things of USCERT's."""
    tw, jp, us = strangers(t)
    for me, other in ((tw, jp), (jp, tw), (tw, us), (us, tw)):
        befriend(t, me, other)
    tw.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    tw.source("cert", "--marking", "TLP:GREEN")
    agreements = [signed_by_all(t, tw, other)[0] for other in (jp, us)]
    for other, alias in ((jp, "partners"), (us, "others")):
        tw.run("taxii", "collection", "add", "share", "--title", alias, "--alias", alias, "--read", right(tw, other), code=0)
        tw.run("taxii", "collection", "attach", alias, "all", code=0)
    tw.source("usa", "--marking", "TLP:GREEN", "--upstream", right(tw, us))
    take(t, tw, indicator(1), indicator(2), code=0)
    take(t, tw, indicator(3), source="usa", code=0)
    return tw, jp, us, agreements


nodes = once("dishonest", made)
OTHERS = "/share/collections/others/objects/"


def dishonest(tw, home):
    who = Dishonest(home)
    who.id = tw.json("partner", "show", home.called)["card"]["id"]
    return who


def status_of(home, agreement):
    return [v["status"] for v in home.json("agreement", "show", agreement)]


# ---- its log

def test_its_log(t):
    """Forks, goes back, signs with another key, speaks for others' logs, sends rubbish."""
    tw, jp_home, us_home, _ = nodes(t)
    jp = dishonest(tw, jp_home)
    with tw.serve() as running:
        def add(old, note, *proof):
            return jp.add_checkpoint(running, old, note, proof)

        def held():
            return next((w for w in tw.json("witness", "status")["witnessed_here"] if w["origin"] == jp.log.name), {"size": 0, "frozen": False})

        status, body = add(0, jp.log.note(checkpoint(jp.log.name, 64, other_root("one"))))
        equal(status, 200, f"a first head is believed: {body}")
        equal(held()["size"], 64, "held")
        honest = tw.json("witness", "status")
        for what, old, note, proof, want in (
                ("goes back", 32, jp.log.note(checkpoint(jp.log.name, 32, other_root("less"))), (), 409),
                ("goes back and says otherwise", 64, jp.log.note(checkpoint(jp.log.name, 32, other_root("less"))), (), 400),
                ("grows without a proof", 64, jp.log.note(checkpoint(jp.log.name, 128, other_root("more"))), (), 422),
                ("grows by a made-up proof", 64, jp.log.note(checkpoint(jp.log.name, 128, other_root("more"))), [other_root("p")], 422),
                ("a proof of 64 steps", 64, jp.log.note(checkpoint(jp.log.name, 128, other_root("more"))), [other_root("p")] * 64, (400, 422)),
                ("signed by its message key", 64, jp.messages.note(checkpoint(jp.log.name, 64, other_root("one"))), (), 403),
                ("signed under its log's name by another key", 64,
                 Key(jp.messages.seed, jp.log.name, jp.log.number).note(checkpoint(jp.log.name, 64, other_root("one"))), (), 403),
                ("this node's own log", 0, jp.log.note(checkpoint(Key.of(tw, "log").name, 64, other_root("x"))), (), (403, 404)),
                ("another partner's log", 0, jp.log.note(checkpoint(Key.of(us_home, "log").name, 64, other_root("x"))), (), 403),
                ("a log nobody knows", 0, jp.log.note(checkpoint("nobody.example", 64, other_root("x"))), (), 404),
                ("a size below zero", 0, jp.log.note(checkpoint(jp.log.name, -1, other_root("x"))), (), 400),
                ("a size past 2^63", 0, jp.log.note(checkpoint(jp.log.name, 1 << 64, other_root("x"))), (), 400),
                ("rubbish", 0, "\x00" * 5000, (), 400)):
            status, body = add(old, note, *proof)
            true(status in (want if isinstance(want, tuple) else (want,)), f"{what}: {status} {body}")
        equal(tw.json("witness", "status")["witnesses"], honest["witnesses"], "nothing was cosigned of what it made up")
        equal((held()["size"], held()["frozen"]), (64, False), "the head stands where it was")
        log = running.messages()
        for word in ("the consistency proof does not hold", "not signed by the log's key", "not known here"):
            true(any(word in line and (jp.id in line or "JPCERT" in line) for line in log.splitlines()), f"on record: {word}: {[l for l in log.splitlines() if word in l]}")
        status, body = add(64, jp.log.note(checkpoint(jp.log.name, 64, other_root("two"))))
        equal(status, 409, f"a fork: {body}")
        equal((held()["frozen"], held()["alarm"].split(":")[0]), (True, "fork"), "alarm")
        equal(len(tw.rows("SELECT 1 FROM witness_alarm")), 1, "the two heads are kept")
        true("has shown two heads" in running.messages(), f"and told: {running.messages()[-900:]}")
        equal(jp.ask(running, "GET", f"{BASE}/objects/")[1] in (b"", b"{}"), True, "nothing goes to it any more")
        us = dishonest(tw, us_home)
        until(lambda: b"indicator" in us.ask(running, "GET", OTHERS)[1], "the other partner gets what it may")


def test_a_home_that_was_set_back(t):
    """The real program on an older copy of its home brings a fork of its log."""
    tw, jp_home, _, _ = nodes(t)
    older = t.path("older")
    shutil.copytree(jp_home.path, older)
    fork = node.Home(older)
    with tw.serve() as running:
        jp = Dishonest(jp_home)
        for home, name in ((jp_home, "one"), (fork, "another")):
            more(t, home, name)
            note = home.run("checkpoint", code=0).out
            status, body = jp.add_checkpoint(running, 0, note)
            true(status in (200, 409), f"{name}: {status} {body}")
        frozen = [w["frozen"] for w in tw.json("witness", "status")["witnessed_here"] if w["origin"] == jp.log.name]
        equal(frozen, [True], "two heads of one size")


# ---- cards and agreements

def test_cards(t):
    tw, jp_home, us_home, _ = nodes(t)
    jp = dishonest(tw, jp_home)
    mine = payload_of(json.loads(open(invite(t, jp_home)[0]).read()))
    theirs = tw.json("partner", "show", "USCERT")["card"]
    before = tw.json("partner", "list")
    later = {"version": mine["version"] + 1000}
    forged = {"an older card": {**mine, "version": 1}, "another's id": {**mine, **later, "id": theirs["id"]},
              "this node's id": {**mine, **later, "id": tw.json("status")["org"]},
              "another's witness key": {**mine, **later, "witness": theirs["witness"]}, "another's log": {**mine, **later, "log": theirs["log"]},
              "another's TLS key": {**mine, **later, "tls_spki_sha256": theirs["tls_spki_sha256"]},
              "one key for all": {**mine, **later, "log": mine["messages"], "witness": mine["messages"]},
              "no TLS key": {**mine, **later, "tls_spki_sha256": []}, "a member more": {**mine, **later, "admin": True},
              "a plain address": {**mine, **later, "url": "http://127.0.0.1:1/"}, "another log of its own": {**mine, **later, "log": mine["witness"]}}
    for what, card in forged.items():
        done = act(tw, "partner", "accept", t.file("x.card", json.dumps(jp.messages.envelope(card, CARD))), code=(2, 3))
        true(done.err.strip(), f"{what}: it is said why")
    for what, envelope in (("signed by its log key", jp.log.envelope({**mine, **later}, CARD)),
                           ("another payload type", jp.messages.envelope({**mine, **later}, "application/json")),
                           ("no signature", {**jp.messages.envelope({**mine, **later}, CARD), "signatures": []}),
                           ("another one's signature", {**jp.messages.envelope({**mine, **later}, CARD),
                                                        "signatures": jp.messages.envelope(mine, CARD)["signatures"]})):
        act(tw, "partner", "accept", t.file("x.card", json.dumps(envelope)), code=(2, 3))
        true(tw.json("partner", "list") == before, what)
    equal(tw.json("partner", "list"), before, "nothing changed")


def test_an_old_key_after_rotation(t):
    """After the message key was lost and the partner invited anew, what the old key signs counts for nothing."""
    tw, jp_home, _, (agreement, _) = nodes(t)
    jp = dishonest(tw, jp_home)
    document = tw.json("agreement", "show", agreement)[-1]
    version = json.loads(tw.run("agreement", "amend", agreement, code=0).out)
    act(tw, "partner", "end", "JPCERT")
    file = {"agreement": version, "signatures": [jp.statement(version, jp.id, p) for p in ("mei", "lin")]}
    tw.run("agreement", "countersign", t.file("old.json", json.dumps(file)), code=3)
    later = {**payload_of(json.loads(open(invite(t, jp_home)[0]).read()))}
    later["version"] += 1000
    act(tw, "partner", "accept", t.file("x.card", json.dumps(jp.messages.envelope(later, CARD))), code=3)
    equal([s for s in status_of(tw, agreement) if s != "draft"], [document["status"]], "no version came into force")
    with tw.serve() as running:
        equal(jp.ask(running, "GET", f"{BASE}/objects/")[0], 401, "its TLS key opens nothing")


def test_agreements(t):
    """Claims a version that nobody signed, signs for the other party, twice for one person, for a changed text, at another's agreement."""
    tw, jp_home, us_home, (agreement, with_us) = nodes(t)
    jp = dishonest(tw, jp_home)
    own = tw.json("status")["org"]
    wide = json.loads(tw.run("agreement", "amend", agreement, code=0).out)
    for grant in wide["grants"]:
        grant.update(tlp_ceiling="TLP:AMBER+STRICT", attribution=True, victim_identity=True, personal_data="all", object_types=["*"], fields_deny=[])
    real = tw.run("agreement", "list", "--json", code=0).json()
    old_signatures = [json.loads(e) if isinstance(e, str) else e for (e,) in tw.rows("SELECT envelope FROM agreement_signature")]
    mine = [jp.statement(wide, jp.id, p) for p in ("ichiro", "jiro")]
    attempts = {"only its own": mine, "for the other party": mine + [jp.statement(wide, own, p) for p in ("mei", "lin")],
                "with signatures of the version before": mine + old_signatures, "by its log key": [jp.statement(wide, jp.id, p, key=jp.log) for p in ("a", "b")],
                "of another text": mine + [jp.statement(wide, own, "mei", sha256="0" * 64)], "by nobody": mine + [jp.statement(wide, jp.id, "")],
                "by an act that is none": [jp.statement(wide, jp.id, "a", act="approve")], "at a time to come": [jp.statement(wide, jp.id, "a", at="2999-01-01T00:00:00Z")],
                "for the third": mine + [jp.statement(wide, right(tw, us_home)[8:], p) for p in ("alice", "bob")]}
    for what, signatures in attempts.items():
        tw.run("agreement", "countersign", t.file("x.json", json.dumps({"agreement": wide, "signatures": signatures})), code=(0, 3))
        equal([s for s in status_of(tw, agreement) if s != "draft"], ["active"], f"{what}: the version in force is the one that all signed")
    theirs = json.loads(tw.run("agreement", "amend", with_us, code=0).out)
    theirs["version"] = 1
    for act_ in ("suspend", "end"):
        end = {"agreement": theirs, "signatures": [jp.statement(theirs, right(tw, us_home)[8:], "alice", act=act_)]}
        tw.run("agreement", "countersign", t.file("x.json", json.dumps(end)), code=3)
        end["signatures"] = [jp.statement(theirs, jp.id, "ichiro", act=act_)]
        tw.run("agreement", "countersign", t.file("x.json", json.dumps(end)), code=3)
    equal(status_of(tw, with_us), ["active"], "what is between others stays")
    third = copy.deepcopy(theirs)
    third["version"] = 2
    third["parties"].append({"id": jp.id, "name": third["parties"][0]["name"], "country": "JP"})
    third["grants"] += [{**third["grants"][0], "id": identifier("x", 1)[3:], "to": jp.id}]
    tw.run("agreement", "countersign", t.file("x.json", json.dumps({"agreement": third, "signatures": [jp.statement(third, jp.id, p) for p in ("a", "b")]})),
           code=(0, 3))
    equal(status_of(tw, with_us)[0], "active", "nor does it become a party by its own word")
    equal(tw.json("explain", indicator(3)["id"], "--to", "JPCERT")["goes"], False, "and nothing goes that did not")
    true(len(tw.run("agreement", "list", "--json", code=0).json()) >= len(real), "kept")
    tw.verified()


# ---- asks for what is not its

def test_asks_for_others(t):
    tw, jp_home, us_home, _ = nodes(t)
    jp, us = dishonest(tw, jp_home), dishonest(tw, us_home)
    tw.source("closed", "--marking", "TLP:AMBER+STRICT")
    take(t, tw, indicator(50, name=CANARY), source="closed", code=0)
    with tw.serve() as running:
        until(lambda: b"indicator" in us.ask(running, "GET", OTHERS)[1], "the other has something")
        until(lambda: b"indicator" in jp.ask(running, "GET", f"{BASE}/objects/")[1], "so has it")
        cursor = json.loads(us.ask(running, "GET", OTHERS + "?limit=1")[1])["next"]
        ids = [indicator(50)["id"], indicator(3)["id"]]
        before = len(tw.json("shares", "list", "--partner", "JPCERT"))
        absent = jp.ask(running, "GET", "/share/collections/00000000-0000-4000-8000-000000000000/objects/")
        for path in (OTHERS, OTHERS + f"?next={cursor}", OTHERS + ids[0] + "/", OTHERS.replace("objects", "manifest"), OTHERS.replace("objects/", "")):
            equal(jp.ask(running, "GET", path)[0], absent[0], path)
        equal(jp.ask(running, "GET", f"{BASE}/objects/?next={cursor}")[0], 400, "another's cursor")
        for i in ids:
            for path in (f"{BASE}/objects/{i}/", f"{BASE}/objects/{i}/versions/"):
                equal(jp.ask(running, "GET", path)[0], 404, path)
        for method, path, body in (("POST", f"{BASE}/objects/", b'{"objects":[]}'), ("DELETE", f"{BASE}/objects/{ids[1]}/", None),
                                   ("DELETE", f"{OTHERS}{indicator(1)['id']}/", None), ("POST", OTHERS, b'{"objects":[]}')):
            status, answer = jp.ask(running, method, path, body, Content_Type=TYPE)
            true(status in (403, 404), f"{method} {path}: {status} {answer}")
        for path in ("/api/v1/status", "/api/v1/look?value=h1.evil.example", "/api/v1/find?q=x", "/api/v1/rejected", "/api/v1/live"):
            true(jp.ask(running, "GET", path)[0] in (401, 403), path)
        equal(jp.ask(running, "GET", f"{BASE}/objects/?match[id]={','.join([ids[0]] * 5000)}")[0], 414, "a question too long")
        equal(len(tw.json("shares", "list", "--partner", "JPCERT")), before, "nothing went by all that")
        got = json.loads(us.ask(running, "GET", OTHERS)[1])["objects"]
        true({indicator(1)["id"], indicator(2)["id"]} <= {o["id"] for o in got}, "the other still has all of its own")


# ---- messages

def document_of(home, agreement):
    return json.loads(home.run("agreement", "amend", agreement, code=0).out)


def test_messages_that_lie(t):
    """Objects that the grants do not cover, of others and of ours, under agreements that nobody signed, exercises as real, withdrawals of what was
    never given: refused object by object or as a whole, named in the acknowledgement, and nothing of ours or of others changes."""
    tw, jp_home, us_home, (agreement, with_us) = nodes(t)
    me, other = right(tw, jp_home)[8:], tw.json("status")["org"]
    document, version = document_of(tw, agreement), 1
    grant = next(g for g in document["grants"] if g["from"] == me and g["to"] == other)
    theirs = next(g for g in document_of(tw, with_us)["grants"] if g["to"] == other)
    counter, later = iter(range(1, 1000)), "2026-06-01T00:00:00.000Z"
    us = dishonest(tw, us_home)
    with tw.serve() as running:
        before = {o["id"]: o for o in json.loads(until(lambda: us.ask(running, "GET", OTHERS)[1].replace(b"{}", b""), "objects"))["objects"]}
        jp = Partner(jp_home, running, me, other)

        def send(*objects, exercise=False, **changes):
            stands = {"agreement": agreement, "delete_after": "2027-11-01T00:00:00.000000Z", "grant": grant["id"], "ids": [o["id"] for o in objects],
                      "judicial_use": grant["judicial_use"], "onward": grant["onward"], "purpose": grant["purpose"], "version": version, **changes}
            body = {"collection": "00000000-0000-4000-8000-000000000001", "exercise": exercise, "grants": [stands], "objects": list(objects)}
            message = jp.message(next(counter), kind="objects", body=body, agreement=stands["agreement"], agreement_version=stands["version"])
            return opened(json.loads(jp.taken(jp.seal(message))))["body"]

        def nothing(what, answer):
            taken = answer["result"]["accepted"] if answer["accepted"] else 0
            true(taken == 0 and (not answer["accepted"] or answer["result"]["rejected"]), f"{what} is refused and named: {answer}")

        fine = send(indicator(200, **marked("green")))
        equal((fine["accepted"], fine["result"]["accepted"]), (True, 1), f"what it may send: {fine}")
        nothing("TLP:RED", send(indicator(202, name=CANARY, **marked("red"))))
        nothing("above the ceiling", send(indicator(203, name=CANARY, **marked("strict"))))
        nothing("an unknown marking", send(indicator(204, name=CANARY, **marked("unknown"))))
        nothing("a type outside of the grant", send(thing("threat-actor", 201, name=CANARY, threat_actor_types=["spy"], **marked("green"))))
        nothing("a version nobody signed", send(indicator(205), version=99))
        nothing("an agreement nobody signed", send(indicator(206), agreement=identifier("x", 7)[3:]))
        nothing("another partner's agreement", send(indicator(207), agreement=with_us, grant=theirs["id"]))
        nothing("a grant of ours to it", send(indicator(208), grant=next(g["id"] for g in document["grants"] if g["from"] == other)))
        nothing("another purpose", send(indicator(209), purpose="cybercrime_investigation"))
        send(indicator(210, **marked("green")), onward=[right(tw, us_home)[8:]])
        onward = tw.json("explain", indicator(210)["id"], "--to", "USCERT")
        equal((onward["goes"], onward["rule"]), (False, "origin"), "what the agreement says of onward holds, not what the message says")
        nothing("an exercise under a real grant", send(indicator(211), exercise=True))
        nothing("ids that are not those of the objects", send(indicator(212), ids=[indicator(213)["id"]]))
        for changed in (indicator(1, modified=later, revoked=True), indicator(2, modified=later, name=CANARY, pattern="[domain-name:value = 'www.city.example']"),
                        indicator(3, modified=later, revoked=True)):
            send(changed)  # it may state what it likes as its own word
        for n in (1, 2, 3):
            body = {"items": [{"id": indicator(n)["id"], "modified": None}], "reason": "x"}
            answer = opened(json.loads(jp.taken(jp.seal(jp.message(next(counter), kind="recall", body=body)))))["body"]
            true(not answer["accepted"] or not json.dumps(answer["result"]).count("deleted\":1"), f"recall of what it never gave: {answer}")
        time.sleep(1.5)
        after = {o["id"]: o for o in json.loads(us.ask(running, "GET", OTHERS)[1])["objects"]}
        equal({i: after.get(i) for i in before}, before, "what goes to the other partner is as before")
        true(CANARY not in json.dumps(after), "and holds nothing of the dishonest one's")
        listed = tw.run("export", "list", "--kind", "domain-name", code=0).out.split()
        true({"h1.evil.example", "h2.evil.example", "h3.evil.example"} <= set(listed), f"ours and the other's are in force: {listed}")
        told_of = [m for m in tw.json("messages", "list", "--partner", "JPCERT", "--limit", "1000") if m["direction"] == "in"]
        equal(len(told_of), next(counter) - 1, "every message is on record")
    tw.verified()


if __name__ == "__main__":
    node.main(globals())
