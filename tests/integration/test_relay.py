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


def agreement(t, a, b, human="never"):
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
    agreement(t, tw, jp)
    agreement(t, tw, us, human="always")
    open_to(tw, jp, us)
    open_to(jp, tw)
    open_to(us, tw)
    return tw, jp, us, ports


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
    tw, jp, us, ports = trio(t)
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


if __name__ == "__main__":
    node.main(globals())
