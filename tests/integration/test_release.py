"""What goes to a partner: asked about thing by thing, registered before it leaves, and nothing of the rest in any byte."""
import json
import ssl
import time

import node
from node import equal, true, until
from taxii import TYPE, identifier, indicator
from test_witness import card, free_port, serve
from test_partners import act, once, pair, signed_by_all, strangers

CANARY = "zqcanaryzq"
RED = "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"
STRICT = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"
GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
ODD = "marking-definition--11111111-4e03-4974-9ac4-e53a884c97c1"
TIMES = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "spec_version": "2.1"}


def thing(kind, number, **more):
    return {"type": kind, "id": identifier(kind, number), **TIMES, **more}


def hidden():
    """Each must stay, for a reason of its own."""
    seen = indicator(1)["id"]
    return {
        "red": indicator(10, name=CANARY, object_marking_refs=[RED]),
        "above the ceiling": indicator(11, name=CANARY, object_marking_refs=[STRICT]),
        "unknown marking": indicator(12, name=CANARY, object_marking_refs=[ODD]),
        "expired": indicator(13, name=CANARY, valid_until="2026-01-05T00:00:00Z"),
        "personal data": {**indicator(14, name=CANARY), "pattern": f"[email-addr:value = '{CANARY}@evil.example']"},
        "actor": thing("threat-actor", 15, name=CANARY, threat_actor_types=["crime-syndicate"]),
        "campaign": thing("campaign", 16, name=CANARY),
        "attributed": thing("relationship", 17, relationship_type="attributed-to", source_ref=identifier("campaign", 16),
                            target_ref=identifier("threat-actor", 15), description=CANARY),
        "targets": thing("relationship", 18, relationship_type="targets", source_ref=identifier("malware", 3),
                         target_ref=identifier("identity", 20), description=CANARY),
        "type that is not listed": thing("report", 19, name=CANARY, published="2026-01-01T00:00:00Z", object_refs=[seen]),
        "victim": thing("identity", 20, name=CANARY, identity_class="individual"),
        "used by an actor": thing("relationship", 22, relationship_type="uses", source_ref=identifier("threat-actor", 15),
                                  target_ref=identifier("malware", 3), description=CANARY),
        "an address in its text": indicator(23, name=CANARY, description=f"reported by {CANARY}@victim.example last week"),
        "an address in a URL": {**indicator(24, name=CANARY), "pattern": f"[url:value = 'http://{CANARY}@evil.example.net/']"},
        "where it was sighted": thing("sighting", 21, sighting_of_ref=seen, where_sighted_refs=[identifier("identity", 20)], description=CANARY),
    }


def open_ones():
    return {"indicator": indicator(1, object_marking_refs=[GREEN]), "unmarked, as its source": indicator(2),
            "malware": thing("malware", 3, name="Loader", is_family=False),
            "sighting": thing("sighting", 4, sighting_of_ref=indicator(1)["id"])}


class Partner:
    """Speaks TAXII under the TLS key of its own node."""

    def __init__(self, running, home):
        self.client = running.client()
        self.client.context.load_cert_chain(home.path / "tls" / "cert.pem", home.path / "tls" / "key.pem")

    def ask(self, path, want=200):
        self.last = self.client.get(path, want=want, headers={"Accept": TYPE})
        raw = self.last.body + json.dumps(self.last.headers).encode()
        true(CANARY.encode() not in raw, f"a canary leaves by {path}: {raw[:600]}")
        return self.last.json() if self.last.body else {}


def made_shared(t):
    """A node with an agreement in force, things to give and to keep, and a collection the partner may read."""
    tw, jp = pair(t)
    agreement, _ = signed_by_all(t, tw, jp)
    tw.source("cert", "--marking", "TLP:GREEN")
    objects = [*open_ones().values(), *hidden().values()]
    tw.intake("cert", t.file("b.json", json.dumps({"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": objects})),
              code=(0, 1))
    partner = tw.json("partner", "show", "JPCERT")["card"]["id"]
    tw.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    tw.run("taxii", "collection", "add", "share", "--title", "Indicators", "--alias", "partners", "--read", f"partner:{partner}", code=0)
    tw.run("taxii", "collection", "attach", "partners", "cert", code=0)
    return tw, jp, agreement, tw.json("taxii", "collection", "show", "partners")


shared = once("shared", made_shared)
BASE = "/share/collections/partners"


def filled(who):
    return until(lambda: who.ask(f"{BASE}/objects/").get("objects"), "the collection fills")


def test_only_what_a_grant_covers_goes(t):
    tw, jp, _, _ = shared(t)
    wanted = {o["id"] for o in open_ones().values()}
    with tw.serve() as running:
        who = Partner(running, jp)
        equal({o["id"] for o in filled(who)}, wanted, "objects")
        equal({m["id"] for m in who.ask(f"{BASE}/manifest/")["objects"]}, wanted, "manifest")
        for name, o in hidden().items():
            for path in (f"objects/{o['id']}/", f"objects/{o['id']}/versions/"):
                who.ask(f"{BASE}/{path}", want=404)
            equal(who.ask(f"{BASE}/objects/?match[id]={o['id']}"), {}, name)
            equal(who.ask(f"{BASE}/objects/?match[type]={o['type']}&match[id]={o['id']}&match[version]=all"), {}, name)
        seen, cursor = [], ""
        for _ in range(9):
            page = who.ask(f"{BASE}/objects/?limit=1{cursor}")
            seen += [o["id"] for o in page["objects"]]
            if not page.get("more"):
                break
            cursor = "&next=" + page["next"]
        equal((set(seen), len(seen)), (wanted, len(wanted)), "page by page: no page tells that something is behind it")


def test_explain_says_what_happens(t):
    tw, _, agreement, _ = shared(t)
    for name, o in open_ones().items():
        told = tw.json("explain", o["id"], "--to", "JPCERT")
        equal((told["goes"], told["rule"], told["agreement"]), (True, "granted", agreement), name)
    rules = {"red": "marking", "above the ceiling": "marking", "unknown marking": "marking", "expired": "local", "personal data": "personal_data",
             "actor": "type", "campaign": "type", "attributed": "attribution", "targets": "attribution", "type that is not listed": "type",
             "victim": "type", "used by an actor": "attribution", "an address in its text": "personal_data",
             "an address in a URL": "personal_data", "where it was sighted": "redaction"}
    for name, o in hidden().items():
        told = tw.json("explain", o["id"], "--to", "JPCERT")
        equal(told["goes"], False, name)
        equal(told["rule"], rules[name], name)
        true(tw.run("explain", o["id"], "--to", "JPCERT", code=0).out.startswith("stays: "), name)
    equal(tw.json("explain", hidden()["where it was sighted"]["id"], "--to", "JPCERT")["redact"], ["where_sighted_refs"], "redacted")
    equal(tw.json("explain", open_ones()["indicator"]["id"], "--to", "JPCERT", "--purpose", "prosecution_assistance")["rule"], "grant", "purpose")
    tw.run("explain", identifier("indicator", 999), "--to", "JPCERT", code=3)
    tw.run("explain", open_ones()["indicator"]["id"], "--to", "nobody", code=3)


def test_explain_asks_about_every_statement(t):
    """One source may not let it go, another may: what goes is what the second says."""
    tw, _, _, _ = shared(t)
    tw.source("narrow", "--marking", "TLP:AMBER+STRICT")
    for source in ("narrow", "cert"):
        tw.intake(source, t.file("two.txt", "stated-by-two.example\n"), code=0)
    told = tw.json("explain", "stated-by-two.example", "--to", "JPCERT")
    equal((told["goes"], told["rule"], told["source"]), (True, "granted", "cert"), "the statement that decides")
    equal([(s["source"], s["goes"], s["rule"]) for s in told["statements"]], [("narrow", False, "marking"), ("cert", True, "granted")], "each by itself")
    true("by all who state it" in tw.run("explain", "stated-by-two.example", "--to", "JPCERT", code=0).out, "for people")


def test_everything_through_the_partner_s_eyes(t):
    tw, _, _, _ = shared(t)
    lines = tw.run("explain", "--all", "--list", "--to", "JPCERT", "--json", code=0).lines()
    told, sum_ = {x["id"]: x["goes"] for x in lines[:-1]}, lines[-1]
    equal({i for i, goes in told.items() if goes}, {o["id"] for o in open_ones().values()}, "what would go")
    equal((sum_["things"], sum_["goes"], sum_["copies"]), (len(told), len(open_ones()), 0), "sums")
    equal(sum(sum_["rules"].values()), sum_["things"], "each thing has one rule")
    for o in hidden().values():
        equal(told[o["id"]], tw.json("explain", o["id"], "--to", "JPCERT")["goes"], o["id"])
    true("would go" in tw.run("explain", "--all", "--to", "JPCERT", code=0).out, "for people")


def test_what_went_stands_in_the_register(t):
    tw, jp, agreement, collection = shared(t)
    with tw.serve() as running:
        who = Partner(running, jp)
        objects = filled(who)
        first = until(lambda: [s for s in tw.json("shares", "list") if s["complete"]], "the page is completed")[-1]
        share = first["share"]
        equal((share["channel"], share["things"], share["collection"]), ("taxii objects", len(objects), collection["id"]), "share")
        equal([(g["agreement"], g["things"]) for g in share["grants"]], [(agreement, len(objects))], "by which grant")
        before = len(tw.json("shares", "list"))
        who.ask(f"{BASE}/objects/?match[type]=indicator")
        newest = tw.json("shares", "list", "--partner", "JPCERT")[0]
        equal((len(tw.json("shares", "list")), newest["share"]["filter"]), (before + 1, "match[type]=indicator"), "one a page")
        who.ask(f"{BASE}/objects/?match[type]=report")
        equal(len(tw.json("shares", "list")), before + 1, "an empty page is no share")
        shown = tw.json("shares", "show", newest["entry"])[0]
        equal({k: shown[k] for k in newest}, newest, "show")
    tw.verified()
    tw.run("rebuild", code=0)
    equal(tw.json("shares", "list")[0]["share"], newest["share"], "after rebuild")


def test_withdrawals_go_to_those_who_have_it(t):
    tw, jp, _, _ = shared(t)
    later = {"modified": "2026-03-01T00:00:00.000Z", "revoked": True}
    bundle = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdfe", "objects": [
        {**indicator(1, object_marking_refs=[GREEN]), **later}, {**indicator(30, object_marking_refs=[GREEN]), **later}]}
    with tw.serve() as running:
        who = Partner(running, jp)
        filled(who)
        tw.intake("cert", t.file("revoked.json", json.dumps(bundle)), code=0)
        got = until(lambda: who.ask(f"{BASE}/objects/?match[id]={indicator(1)['id']}").get("objects", [{}])[0].get("revoked")
                    and who.ask(f"{BASE}/objects/"), "the revoked version")
        ids = [o["id"] for o in got["objects"]]
        true(indicator(1)["id"] in ids and indicator(30)["id"] not in ids, f"what was never given is not taken back: {ids}")
        tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
        deleter = running.client(tw.json("key", "make", "deleter", "--role", "admin")["key"])
        for o in (open_ones()["malware"], hidden()["red"]):
            deleter.ask("DELETE", f"{BASE}/objects/{o['id']}/", want=(200, 404), headers={"Accept": TYPE})
        path = tombstones_path(who)
        equal([x["id"] for x in who.ask(path).get("tombstones", [])], [open_ones()["malware"]["id"]], "tombstones")


def tombstones_path(who):
    return f"{BASE}/tombstones/"


def test_without_an_agreement_nothing_goes(t):
    tw, jp, agreement, _ = shared(t)
    with tw.serve() as running:
        who = Partner(running, jp)
        filled(who)
        act(tw, "agreement", "suspend", agreement)
        equal(who.ask(f"{BASE}/objects/"), {}, "suspended")
        equal(who.ask(f"{BASE}/manifest/"), {}, "suspended")
        who.ask(f"{BASE}/objects/{indicator(1)['id']}/", want=404)
        act(tw, "agreement", "resume", agreement)
        true(who.ask(f"{BASE}/objects/")["objects"], "resumed")
        act(tw, "partner", "suspend", "JPCERT")
        who.ask(f"{BASE}/objects/", want=401)
        act(tw, "partner", "resume", "JPCERT")
        until(lambda: who.client.get(f"{BASE}/objects/", want=(200, 401), headers={"Accept": TYPE}).status == 200, "known again", 40)
        act(tw, "agreement", "end", agreement)
        equal(who.ask(f"{BASE}/objects/"), {}, "ended")


def test_a_collection_is_read_for_its_purpose(t):
    tw, jp, _, _ = shared(t)
    partner = tw.json("partner", "show", "JPCERT")["card"]["id"]
    tw.run("taxii", "collection", "add", "share", "--title", "Crime", "--alias", "crime", "--purpose", "cybercrime_investigation",
           "--read", f"partner:{partner}", code=0)
    tw.run("taxii", "collection", "attach", "crime", "cert", code=0)
    path = "/share/collections/crime/objects/"
    with tw.serve() as running:
        who = Partner(running, jp)
        filled(who)
        equal(who.ask(path), {}, "granted for network_safety alone")
        draft = json.loads(tw.run("agreement", "draft", "joint-cybercrime", "--with", jp.called, code=0).out)
        for grant in draft["grants"]:
            grant.update(human_release="never", object_types=["malware"], offences=["*"])
        text = t.file("crime.json", json.dumps(draft))
        for home, by in ((tw, "mei"), (tw, "lin"), (jp, "mei"), (jp, "lin")):
            text = t.file("crime.json", act(home, "agreement", "sign", text, by=by).out)
        tw.run("agreement", "countersign", text, code=0)
        equal([o["type"] for o in who.ask(path)["objects"]], ["malware"], "granted for this purpose")
        equal(tw.json("shares", "list")[0]["share"]["purpose"], "cybercrime_investigation", "registered")
    wrong = tw.run("taxii", "collection", "set", "crime", "--purpose", "curiosity", code=(2, 3))
    true("network_safety" in wrong.err, "the closed list is told")


def test_a_stranger_and_a_partner_without_a_right(t):
    tw, jp, _, _ = shared(t)
    us = strangers(t)[2]
    with tw.serve() as running:
        stranger = Partner(running, us)
        stranger.ask(f"{BASE}/objects/", want=401)
        stranger.ask("/taxii2/", want=401)
        running.client().get(f"{BASE}/objects/", want=401, headers={"Accept": TYPE})
        try:
            answer = Partner(running, jp).client.post(f"{BASE}/objects/", b'{"objects":[]}', type=TYPE, headers={"Accept": TYPE})
            equal(answer.status, 403, "a partner that may read may not write")
        except ssl.SSLError as e:
            raise AssertionError(f"TLS: {e}") from e


def three(t):
    """Three nodes that can reach each other, each with an agreement with the next: tw gives jp, jp gives us."""
    homes = strangers(t)
    ports = {h.called: free_port() for h in homes}
    tw, jp, us = homes
    for me, other in ((tw, jp), (jp, tw), (jp, us), (us, jp)):
        file, digits = card(t, other, ports[other.called])
        act(me, "partner", "accept", file, "--fingerprint", digits)
        act(me, "partner", "confirm", other.called, "--fingerprint", digits, by="lin")
    for giver, taker in ((tw, jp), (jp, us)):
        signed_by_all(t, giver, taker)
        partner = giver.json("partner", "show", taker.called)["card"]["id"]
        giver.run("taxii", "root", "add", "share", "--title", "Share", code=0)
        giver.run("taxii", "collection", "add", "share", "--title", "I", "--alias", "partners", "--read", f"partner:{partner}", code=0)
    return tw, jp, us, ports


chain = once("chain", three)


def test_a_partner_s_node_reads_and_what_it_read_stays_its_partner_s(t):
    tw, jp, us, ports = chain(t)
    for home, number in ((tw, 1), (jp, 2)):
        home.source("cert", "--marking", "TLP:GREEN")
        bundle = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": [indicator(number, object_marking_refs=[GREEN])]}
        home.intake("cert", t.file("b.json", json.dumps(bundle)), code=0)
        home.run("taxii", "collection", "attach", "partners", "cert", code=0)
    with serve(tw, ports), serve(jp, ports):
        jp.run("peer", "add", "taipei", "--partner", "TWCERT", "--every", "never", code=0)
        until(lambda: jp.run("peer", "sync", "taipei", code=0) and jp.run("look", indicator(1)["id"], "--json", code=0).json()["objects"], "read")
        equal(jp.json("source", "show", "taipei")["upstream"], "partner:" + jp.json("partner", "show", "TWCERT")["card"]["id"], "whose it is")
        jp.run("taxii", "collection", "attach", "partners", "taipei", code=0)
        told = jp.json("explain", indicator(1)["id"], "--to", "USCERT")
        equal((told["goes"], told["rule"]), (False, "origin"), "the one it came from did not say so")
        us.run("peer", "add", "tokyo", "--partner", "JPCERT", "--every", "never", code=0)
        until(lambda: us.run("peer", "sync", "tokyo", code=0) and us.json("look", indicator(2)["id"])["objects"], "read")
        time.sleep(2)
        us.run("peer", "sync", "tokyo", code=0)
        equal(us.json("look", indicator(1)["id"])["objects"], [], "what came from Taipei does not go on to Washington")
        equal({s["share"]["partner"] for s in jp.json("shares", "list")}, {jp.json("partner", "show", "USCERT")["card"]["id"]}, "register")
        act(jp, "partner", "suspend", "TWCERT")
        true("suspended" in jp.run("peer", "sync", "taipei", code=3).err, "a suspended partner is not asked")


if __name__ == "__main__":
    node.main(globals())
