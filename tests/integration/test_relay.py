"""The relay: what is new at one node is at its partners within seconds, once, as far as agreements let it; nodes are killed in the middle."""
import hashlib
import json
import time
import uuid

import node
from node import NIGHTLY, equal, true, until
from taxii import identifier
from test_partners import PERSONS, a_node, act, befriend, once
from test_witness import free_port

GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
BUDGET = 5.0  # seconds from intake at one node to what follows at another
HISTORY = 50000 if NIGHTLY else 4000
TRIO = ("TWCERT", "JPCERT", "USCERT")


# ---- three nodes that share

def stamp(seconds_ago=0.0):
    t = time.time() - seconds_ago
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1000):03}Z"


def indicator(name, **more):
    now = stamp()
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(uuid.NAMESPACE_DNS, name)}", "created": now, "modified": now,
            "name": name, "pattern": f"[domain-name:value = '{name}']", "pattern_type": "stix", "valid_from": now, **more}


def bundle(objects):
    return json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects})


def agreement(t, a, b, human):
    """In force between two: network safety, and exercises."""
    draft = json.loads(a.run("agreement", "draft", "network-safety", "--with", b.called, code=0).out)
    draft["purposes"].append("exercise")
    for grant in list(draft["grants"]):
        grant["human_release"] = human
        draft["grants"].append({**grant, "id": str(uuid.uuid4()), "purpose": "exercise", "exercise": True})
    path = t.file("draft.json", json.dumps(draft))
    for home, verb in ((a, "sign"), (b, "countersign")):
        for by in PERSONS:
            path = t.file("signed.json", act(home, "agreement", verb, path, by=by).out)
    a.run("agreement", "countersign", path, code=0)
    return draft["id"]


def open_to(home, *partners):
    """A collection of all that is real and one of exercises, that partners may read."""
    home.source("cert", "--marking", "TLP:GREEN")
    home.source("sensor", "--marking", "TLP:GREEN")
    home.source("drill", "--marking", "TLP:GREEN", "--exercise")
    home.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    home.run("taxii", "collection", "add", "share", "--title", "All", "--alias", "partners", code=0)
    home.run("taxii", "collection", "attach", "partners", "all", code=0)
    home.run("taxii", "collection", "add", "share", "--title", "Drill", "--alias", "drill", "--purpose", "exercise", "--source", "drill", code=0)
    for partner in partners:
        reader = "partner:" + home.json("partner", "show", partner.called)["card"]["id"]
        for collection in ("partners", "drill"):
            home.run("taxii", "collection", "grant", collection, "--read", reader, code=0)


def made_trio(t):
    homes = [a_node(t, name) for name in TRIO]
    ports = {h.called: free_port() for h in homes}
    tw, jp, us = homes
    for a, b in ((tw, jp), (jp, tw), (tw, us), (us, tw)):
        befriend_at(t, a, b, ports[b.called])
    signed = {b.called: agreement(t, tw, b, human) for b, human in ((jp, "never"), (us, "always"))}
    open_to(tw, jp, us)
    open_to(jp, tw)
    open_to(us, tw)
    return tw, jp, us, ports, signed


def befriend_at(t, a, b, port):
    done = b.run("partner", "invite", "--url", f"https://127.0.0.1:{port}/", "--name", b.called, code=0)
    digits = done.err.split("fingerprint")[1].split("\n")[0].strip()
    card = t.file(f"{b.called}.card", done.out)
    act(a, "partner", "accept", card, "--fingerprint", digits)
    act(a, "partner", "confirm", b.called, "--fingerprint", digits, by="lin")


trio = once("relay", made_trio)


def serve(home, ports):
    return home.serve(listen=f"127.0.0.1:{ports[home.called]}")


def relay(home, to, *more):
    home.run("relay", "add", to, "--collection", "partners", *more, code=0)


def key(home, role="analyst"):
    return home.json("key", "make", f"relay-{role}", "--role", role)["key"]


def post(running, k, objects, source="cert"):
    body = objects if isinstance(objects, str) else bundle(objects)
    return running.client(k).post(f"/api/v1/intake?source={source}", body, want=(200, 201), type="application/json").json()


def event(name, seconds_ago=60.0):
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - seconds_ago))
    return json.dumps({"timestamp": f"{at}.000000+0000", "event_type": "dns", "src_ip": "10.1.2.3", "dest_ip": "192.0.2.53",
                       "dns": {"type": "query", "rrname": name, "rrtype": "A"}}) + "\n"


def see(running, k, name, **more):
    running.client(k).post("/api/v1/events?source=sensor", event(name, **more), want=(200, 201), type="application/json")


def known(home, table="object"):
    """Ids with their versions, as they are stored."""
    return sorted(home.rows(f"SELECT stix_id, modified FROM {table} ORDER BY 1, 2"))


def ids_from(home, partner):
    return {r[0] for r in home.rows("SELECT o.stix_id FROM object o JOIN source s ON s.id = o.source WHERE s.upstream LIKE 'partner:%' AND s.name = ?", partner)}


def sightings(home, value):
    return home.rows("SELECT count, first_seen FROM sighting WHERE value = ?", value)


def answered(home, partner="JPCERT"):
    """The relay's state once nothing waits."""
    def quiet():
        states = [s for s in home.json("relay", "status", partner) if s["collection"] == "partners"]
        return states and not any(s["to_do"] or s["unanswered"] for s in states) and states[0]
    return until(quiet, "all is answered", 30)


# ---- tests

def test_a_new_indicator_is_seen_at_the_partner(t):
    """Events that the partner saw before, and events after."""
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "JPCERT")
    took = {}
    with serve(tw, ports) as at_tw, serve(jp, ports) as at_jp:
        k, kj = key(tw), key(jp)
        see(at_jp, kj, "before.evil.example")
        began = time.monotonic()
        post(at_tw, k, [indicator("before.evil.example", object_marking_refs=[GREEN])])
        until(lambda: sightings(jp, "before.evil.example"), "what was seen before is a sighting", 20)
        took["before"] = time.monotonic() - began
        began = time.monotonic()
        post(at_tw, k, [indicator("after.evil.example", object_marking_refs=[GREEN])])
        until(lambda: any("after.evil.example" in str(i) for i in ids_and_values(jp)), "the indicator is there", 20)
        see(at_jp, kj, "after.evil.example")
        until(lambda: sightings(jp, "after.evil.example"), "what is seen after is a sighting", 20)
        took["after"] = time.monotonic() - began
        looked = jp.json("look", "before.evil.example")
        equal((looked["indicators"][0]["sources"], looked["sightings"]["count"]), (["TWCERT"], 1), "first source")
        equal([(r["partner"], r["node"], 0 <= r["seconds"] < BUDGET) for r in looked["relayed"]],
              [("TWCERT", f"https://127.0.0.1:{ports['TWCERT']}/", True)], "who said so first, and how long it took")
        state = answered(tw)
        true(state["seconds_push"]["p95"] < BUDGET and state["seconds_fresh"]["p95"] < BUDGET, f"{state}")
    print(f"  seconds from POST to sighting: {took}, relay {state['seconds_fresh']}")
    true(all(s < BUDGET for s in took.values()), f"within the budget: {took}")
    shares = tw.json("shares", "list", "--partner", "JPCERT")
    equal([(s["share"]["channel"], s["complete"]) for s in shares if s["share"]["channel"] == "relay"][0], ("relay", True), "the register")
    for home in (tw, jp):
        home.verified()


def ids_and_values(home):
    return home.rows("SELECT value FROM claim")


def stix_sightings(home, partner):
    return [json.loads(r[0]) for r in home.rows("SELECT o.body FROM object o JOIN source s ON s.id = o.source WHERE o.type = 'sighting' AND s.name = ? "
                                                "ORDER BY o.id", partner)]


def test_a_sighting_goes_back_to_whose_indicator_it_is(t):
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "JPCERT")
    relay(jp, "TWCERT")
    mine = indicator("theirs.evil.example", object_marking_refs=[GREEN])
    with serve(tw, ports) as at_tw, serve(jp, ports) as at_jp:
        k, kj = key(tw), key(jp)
        see(at_jp, kj, "theirs.evil.example")
        see(at_jp, kj, "nothing.of.theirs.example")
        post(at_tw, k, [mine])
        got = until(lambda: stix_sightings(tw, "JPCERT"), "the sighting is back", 20)
        equal([(s["sighting_of_ref"], s["count"]) for s in got], [(mine["id"], 1)], "which, how often")
        text = json.dumps(got)
        true("10.1.2.3" not in text and "where_sighted_refs" not in text and "sensor" not in text, f"nothing of where inside: {text}")
        see(at_jp, kj, "theirs.evil.example", seconds_ago=30)
        time.sleep(3)
        equal(len(stix_sightings(tw, "JPCERT")), 1, "once a minute at most")
        shown = [r for r in tw.json("look", mine["id"])["relationships"] if r["type"] == "sighting"]
        equal([r["source"] for r in shown], ["JPCERT"], "look shows who saw it")
        answered(tw)
        answered(jp, "TWCERT")
        ids = {o["id"] for o in got}
        equal(ids & ids_from(jp, "TWCERT"), set(), "a sighting of ours does not come back")
    for home in (tw, jp):
        home.verified()


def test_history_never_delays_what_is_new(t):
    tw, jp, us, ports, _ = trio(t)
    many = [indicator(f"h{i}.history.example", object_marking_refs=[GREEN]) for i in range(HISTORY)]
    tw.intake("cert", t.file("history.json", bundle(many)), code=0)
    with serve(tw, ports) as at_tw, serve(jp, ports) as at_jp:
        k = key(tw)
        until(lambda: tw.rows("SELECT count(*) FROM member m JOIN collection c ON c.id = m.collection WHERE c.alias = 'partners'")[0][0] == HISTORY,
              "the collection is filled", 60)
        relay(tw, "JPCERT")
        until(lambda: len(ids_from(jp, "TWCERT")) > 300, "history begins", 30)
        took = []
        for n in range(3):
            began = time.monotonic()
            post(at_tw, k, [indicator(f"new{n}.evil.example", object_marking_refs=[GREEN])])
            until(lambda: jp.rows("SELECT 1 FROM claim WHERE value = ?", f"new{n}.evil.example"), "the new one is there", 20)
            took.append(time.monotonic() - began)
            left = HISTORY - len(ids_from(jp, "TWCERT")) if n == 0 else left  # a quick machine is soon done with all of it
        print(f"  {took} s; at the first {left} of {HISTORY} were still to come")
        true(left > 0, "it overtook")
        true(max(took) < BUDGET, f"within the budget: {took}")
        until(lambda: len(ids_from(jp, "TWCERT")) == HISTORY + 3, "all comes", 240)
        answered(tw)
    no_doubles(tw, HISTORY + 3)


def relayed(home, partner="JPCERT"):
    return [s for s in home.json("shares", "list", "--partner", partner, "--limit", 100000) if s["share"]["channel"] == "relay"]


def no_doubles(home, things, partner="JPCERT"):
    """Each thing went once, and stands in the register once."""
    shares = relayed(home, partner)
    equal(sum(s["share"]["things"] for s in shares), things, "things in the register")
    true(all(s["complete"] for s in shares), "all were acknowledged")
    sums = [s["share"]["payload_sha256"] for s in shares]
    equal(len(set(sums)), len(sums), "no message twice")


def test_killed_at_either_side_nothing_is_lost_or_doubled(t):
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "JPCERT")
    objects = [indicator(f"k{i}.evil.example", object_marking_refs=[GREEN]) for i in range(2400)]
    at_tw, at_jp = serve(tw, ports), serve(jp, ports)
    try:
        k = key(tw)
        for n in range(12):
            post(at_tw, k, objects[n * 200:(n + 1) * 200])
            if n % 3 == 1:
                at_jp.kill()
                at_jp = serve(jp, ports)
            if n % 3 == 2:
                at_tw.kill()
                at_tw = serve(tw, ports)
        until(lambda: len(ids_from(jp, "TWCERT")) == len(objects), "all comes", 90)
        answered(tw)
    finally:
        for running in (at_tw, at_jp):
            running.stop()
            running.log.close()
    mine = {o["id"]: o for o in objects}
    theirs = {o["id"]: o for o in (json.loads(r[0]) for r in jp.rows("SELECT body FROM object"))}
    equal({i: hashlib.sha256(json.dumps(o, sort_keys=True).encode()).hexdigest() for i, o in theirs.items()},
          {i: hashlib.sha256(json.dumps(o, sort_keys=True).encode()).hexdigest() for i, o in mine.items()}, "the same objects")
    equal(len(jp.rows("SELECT 1 FROM object")), len(objects), "each once")
    no_doubles(tw, len(objects))
    for home in (tw, jp):
        home.verified()


def test_what_a_person_releases_stays_until_then(t):
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "USCERT")
    relay(tw, "JPCERT")
    with serve(tw, ports) as at_tw, serve(us, ports), serve(jp, ports):
        post(at_tw, key(tw), [indicator("careful.evil.example", object_marking_refs=[GREEN])])
        until(lambda: ids_from(jp, "TWCERT"), "who needs no release has it", 20)
        held = until(lambda: tw.json("relay", "status", "USCERT")[0]["held_by_rule"], "it is held back", 20)
        equal((held, ids_from(us, "TWCERT"), tw.json("relay", "status", "USCERT")[0]["sent"]), ({"release": 1}, set(), 0), "held")
        equal([s for s in tw.json("shares", "list", "--partner", "USCERT") if s["share"]["channel"] == "relay"], [], "nothing in the register")


def test_what_waits_goes_only_if_it_still_may(t):
    """Things wait for a partner that cannot be reached; meanwhile one is restricted, then the agreement stops."""
    tw, jp, us, ports, signed = trio(t)
    secret = indicator("regretted.evil.example", object_marking_refs=[GREEN])
    plain = indicator("plain.evil.example", object_marking_refs=[GREEN])
    with serve(tw, ports) as at_tw:
        k = key(tw)
        relay(tw, "JPCERT")
        post(at_tw, k, [secret, plain])
        until(lambda: tw.rows("SELECT 1 FROM outbox WHERE kind = 'objects'"), "both wait")
        post(at_tw, k, [{**secret, "modified": stamp(-1), "object_marking_refs": [RED]}])
        time.sleep(6)  # what was decided a moment ago is not decided again
        with serve(jp, ports):
            tw.run("messages", "push", "--partner", "JPCERT")  # or the courier would, within a minute
            until(lambda: plain["id"] in ids_from(jp, "TWCERT"), "the other one goes", 60)
            answered(tw)
            true(secret["id"] not in ids_from(jp, "TWCERT"), "what was restricted while it waited stays")
        late = indicator("late.evil.example", object_marking_refs=[GREEN])
        post(at_tw, k, [late])
        until(lambda: tw.rows("SELECT 1 FROM outbox WHERE kind = 'objects'"), "it waits")
        act(tw, "agreement", "suspend", signed["JPCERT"])
        with serve(jp, ports):
            tw.run("messages", "push", "--partner", "JPCERT")
            until(lambda: not tw.rows("SELECT 1 FROM outbox WHERE kind = 'objects'"), "it is taken out", 90)
            time.sleep(1)
            true(late["id"] not in ids_from(jp, "TWCERT"), "nothing goes under a suspended agreement")
            dropped = [m for m in tw.json("messages", "list", "--partner", "JPCERT") if "no longer allowed" in (m.get("text") or "")]
            true(dropped, "it is on record")
            act(tw, "agreement", "resume", signed["JPCERT"])
            until(lambda: late["id"] in ids_from(jp, "TWCERT"), "it goes when the agreement is in force again", 30)
    for home in (tw, jp):
        home.verified()


def test_exercises_stay_apart(t):
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "JPCERT")
    tw.run("relay", "add", "JPCERT", "--collection", "drill", code=0)
    with serve(tw, ports) as at_tw, serve(jp, ports):
        k = key(tw)
        post(at_tw, k, [indicator("real.evil.example", object_marking_refs=[GREEN])])
        drill = indicator("drill.evil.example", object_marking_refs=[GREEN])
        answer = at_tw.client(key(tw, "admin")).post("/share/collections/drill/objects/", json.dumps({"objects": [drill]}), type="application/taxii+json;version=2.1",
                                      headers={"Accept": "application/taxii+json;version=2.1"})
        equal((answer.status, answer.json()["success_count"]), (202, 1), "posted to the exercise")
        got = until(lambda: len(rows := jp.rows("SELECT o.stix_id, s.name, s.exercise FROM object o JOIN source s ON s.id = o.source")) == 2 and rows,
                    "both come", 20)
        equal({r[1]: r[2] for r in got}, {"TWCERT": 0, "TWCERT (exercise)": 1}, "sources of their own")
        equal([r[2] for r in got if r[0] == drill["id"]], [1], "the drill's is of an exercise")
        answered(tw)


def test_withdrawn_and_stopped(t):
    """A revoked version follows to who has it; without an agreement nothing goes, and what was held back follows when it is in force again."""
    tw, jp, us, ports, signed = trio(t)
    relay(tw, "JPCERT")
    one = indicator("one.evil.example", object_marking_refs=[GREEN])
    with serve(tw, ports) as at_tw, serve(jp, ports):
        k = key(tw)
        post(at_tw, k, [one])
        until(lambda: ids_from(jp, "TWCERT"), "it comes", 20)
        act(tw, "agreement", "suspend", signed["JPCERT"])
        two = indicator("two.evil.example", object_marking_refs=[GREEN])
        post(at_tw, k, [two])
        until(lambda: tw.json("relay", "status", "JPCERT")[0]["held_by_rule"].get("agreement"), "held back", 20)
        equal(ids_from(jp, "TWCERT"), {one["id"]}, "nothing goes")
        time.sleep(1.1)  # statements are told apart by seconds
        act(tw, "agreement", "resume", signed["JPCERT"])
        until(lambda: two["id"] in ids_from(jp, "TWCERT"), "what was held back follows", 20)
        equal(answered(tw)["held"], 0, "nothing is held back any more")
        never = indicator("never.evil.example", object_marking_refs=[GREEN], revoked=True)
        post(at_tw, k, [{**one, "modified": stamp(), "revoked": True}, never])
        until(lambda: jp.rows("SELECT 1 FROM object WHERE stix_id = ? AND revoked = 1", one["id"]), "the revoked version follows", 20)
        answered(tw)
        true(never["id"] not in ids_from(jp, "TWCERT"), "what was never given is not taken back")
        # The revoked version goes by the relay, or the notice of it was there before; either way once.
        no_doubles(tw, 3 if len(relayed(tw)) == 3 else 2)


def test_pulling_next_to_it_doubles_nothing(t):
    tw, jp, us, ports, _ = trio(t)
    relay(tw, "JPCERT")
    with serve(tw, ports) as at_tw, serve(jp, ports):
        k = key(tw)
        post(at_tw, k, [indicator(f"p{i}.evil.example", object_marking_refs=[GREEN]) for i in range(20)])
        until(lambda: len(ids_from(jp, "TWCERT")) == 20, "by relay", 20)
        jp.run("peer", "add", "taipei", "--partner", "TWCERT", "--every", "never", code=0)
        report = jp.json("peer", "sync", "taipei")
        equal(len(jp.rows("SELECT 1 FROM object")), 20, f"each once: {report}")
        equal(len(jp.rows("SELECT 1 FROM claim")), 20, "each claim once")
        equal(jp.json("look", "p1.evil.example")["indicators"][0]["sources"], ["TWCERT"], "one source")
        answered(tw)


if __name__ == "__main__":
    node.main(globals())
