"""Copies of what may go only without some members: over TAXII, to a partner's node that keeps them, with proofs that two programs check."""
import json
import pathlib
import subprocess
import sys

import node
from node import equal, run, true, until
from taxii import TYPE, identifier, indicator
from test_partners import act, invite, once, signed_by_all, strangers
from test_release import BASE, CANARY, GREEN, Partner, thing
from test_witness import card, free_port, serve

VERIFY = pathlib.Path(__file__).resolve().parents[2] / "docs" / "verify_copy.py"
EXTENSION = "extension-definition--8cb201dd-ee1d-497d-a184-5551d77765dd"
VICTIM = identifier("identity", 20)
SEEN = thing("sighting", 21, sighting_of_ref=indicator(1)["id"], where_sighted_refs=[VICTIM], count=3, object_marking_refs=[GREEN],
             created_by_ref=identifier("identity", 22), x_odd=0.1)
BUNDLE = "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff"


def bundle(t, *objects):
    return t.file(f"b{len(objects)}.json", json.dumps({"type": "bundle", "id": BUNDLE, "objects": objects}))


def made(t):
    """tw gives jp under the template, which denies where_sighted_refs; each knows where the other is."""
    tw, jp, _ = strangers(t)
    ports = {h.called: free_port() for h in (tw, jp)}
    cards = {}
    for me, other in ((tw, jp), (jp, tw)):
        file, digits = card(t, other, ports[other.called])
        cards[other.called] = file
        act(me, "partner", "accept", file, "--fingerprint", digits)
        act(me, "partner", "confirm", other.called, "--fingerprint", digits, by="lin")
    signed_by_all(t, tw, jp)
    tw.source("cert", "--marking", "TLP:GREEN")
    partner = tw.json("partner", "show", "JPCERT")["card"]["id"]
    tw.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    tw.run("taxii", "collection", "add", "share", "--title", "I", "--alias", "partners", "--read", f"partner:{partner}", code=0)
    tw.run("taxii", "collection", "attach", "partners", "cert", code=0)
    return tw, jp, ports, cards["TWCERT"]


pair = once("copies", made)


def take(t, home, *objects):
    equal(home.intake("cert", bundle(t, *objects), code=0)["totals"]["rejected"], 0, "taken")


def of_type(who, kind, query=""):
    return [o for o in who.ask(f"{BASE}/objects/?match[type]={kind}{query}").get("objects", [])]


def verify(*args):
    """The two programs agree; 0 or 1."""
    ours = run("copy", "verify", *args, "--json").code
    theirs = subprocess.run([sys.executable, str(VERIFY), *map(str, args)], capture_output=True, text=True, timeout=60)
    equal(ours, theirs.returncode, f"{args}: {theirs.stdout}{theirs.stderr}")
    return ours


def test_a_copy_goes_and_proves_itself(t):
    tw, jp, ports, tw_card = pair(t)
    take(t, tw, indicator(1, object_marking_refs=[GREEN]), SEEN)
    with serve(tw, ports) as running:
        who = Partner(running, jp)
        copy = until(lambda: of_type(who, "sighting"), "the copy")[0]
        text = json.dumps(copy)
        true(VICTIM not in text and SEEN["id"] not in text and SEEN["created_by_ref"] not in text, f"hidden ids: {text}")
        equal((copy["sighting_of_ref"], copy["count"], copy["x_odd"]), (indicator(1)["id"], 3, 0.1), "what remains")
        path = t.file("copy.json", json.dumps(copy, indent=2))
        equal(verify(path, "--card", tw_card), 0, "verifies, also written in another way")
        run("check", path, code=0)
        for change in ({"count": 4}, {"x_new": 1}, {"id": SEEN["id"]}, {"created_by_ref": VICTIM}, {"modified": "2026-01-05T00:00:00.000Z"}):
            equal(verify(t.file("changed.json", json.dumps({**copy, **change})), "--card", tw_card), 1, f"{change}")
        other, _ = invite(t, jp)
        equal(verify(path, "--card", other), 1, "under another's card")
        # by its own id, and by no other
        equal(who.ask(f"{BASE}/objects/{copy['id']}/")["objects"], [copy], "by its id: the same bytes")
        equal([m["id"] for m in who.ask(f"{BASE}/manifest/?match[type]=sighting")["objects"]], [copy["id"]], "manifest")
        equal(who.ask(f"{BASE}/objects/{copy['id']}/versions/")["versions"], [SEEN["modified"]], "versions")
        who.ask(f"{BASE}/objects/{SEEN['id']}/", want=404)
        equal(who.ask(f"{BASE}/objects/?match[id]={SEEN['id']}"), {}, "by the original's id")
        # what it refers to can be had
        maker = until(lambda: of_type(who, "identity"), "our identity")
        true(copy["created_by_ref"] in [o["id"] for o in maker], "created_by_ref")
        equal([o["id"] for o in of_type(who, "extension-definition")], [EXTENSION], "definition")
        shown = tw.run("explain", SEEN["id"], "--to", "JPCERT", "--copy", "--json", code=0).json()
        equal((shown["form"], shown["copy"], shown["redact"]), ("copy", copy, ["where_sighted_refs"]), "explained before it goes")
    run("check", bundle(t, copy, *maker), code=0)
    tw.verified()


def test_a_member_is_disclosed_later(t):
    tw, jp, ports, tw_card = pair(t)
    take(t, tw, indicator(1, object_marking_refs=[GREEN]), SEEN)
    with serve(tw, ports) as running:
        copy = until(lambda: of_type(Partner(running, jp), "sighting"), "the copy")[0]
        path = t.file("copy.json", json.dumps(copy))
        ask = ["copy", "disclose", SEEN["id"], "--to", "JPCERT"]
        act(tw, *ask, "--field", "where_sighted_refs", by="analyst", code=3)
        act(tw, *ask, "--field", "where_sighted_refs", password="not it", code=3)
        act(tw, *ask, "--field", "nothing", code=3)
        act(tw, *ask, code=2)
        act(tw, "copy", "disclose", indicator(1)["id"], "--to", "JPCERT", "--field", "name", code=3)
        equal([s for s in tw.json("shares", "list") if s["share"]["channel"] == "disclosure"], [], "nothing was told")
        told = json.loads(act(tw, *ask, "--field", "where_sighted_refs").out)
        equal(told["value"], [VICTIM], "told")
        whole = json.loads(act(tw, *ask, "--whole").out)
        equal({k: whole["value"][k] for k in SEEN}, SEEN, "the original")
        equal([s["share"]["things"] for s in tw.json("shares", "list") if s["share"]["channel"] == "disclosure"], [1, 1], "register")
        for d in (told, whole):
            equal(verify(path, "--card", tw_card, "--disclosure", t.file("d.json", json.dumps(d))), 0, "disclosed")
            salts = copy["extensions"][EXTENSION]["proofs"][0]["salts"]
            for change in ({"value": ["identity--11111111-1111-4111-8111-111111111111"]}, {"member": "count"}, {"salt": salts["count"]}):
                equal(verify(path, "--card", tw_card, "--disclosure", t.file("d.json", json.dumps({**d, **change}))), 1, f"{change}")


def test_a_partner_s_node_keeps_copies_and_their_versions(t):
    tw, jp, ports, tw_card = pair(t)
    take(t, tw, indicator(1, object_marking_refs=[GREEN]), SEEN)
    with serve(tw, ports), serve(jp, ports):
        jp.run("peer", "add", "taipei", "--partner", "TWCERT", "--every", "never", code=0)

        def kept():
            jp.run("peer", "sync", "taipei", code=0)
            return jp.rows("SELECT stix_id, body FROM object WHERE type = 'sighting' ORDER BY modified")
        first = until(kept, "kept")
        equal(verify(t.file("kept.json", first[0][1]), "--card", tw_card), 0, "as it is kept")
        until(lambda: kept() and jp.rows("SELECT 1 FROM object WHERE type = 'extension-definition'"), "what it refers to came too")
        take(t, tw, {**SEEN, "modified": "2026-02-01T00:00:00.000Z", "count": 4})
        both = until(lambda: len(kept()) == 2 and kept(), "the later version")
        equal(both[0][0], both[1][0], "of the same copy")
        take(t, tw, {**SEEN, "modified": "2026-03-01T00:00:00.000Z", "revoked": True})
        last = until(lambda: len(kept()) == 3 and kept(), "the withdrawal")[-1]
        true(json.loads(last[1])["revoked"] and last[0] == first[0][0], "of the copy it has")
        never = {**SEEN, "id": identifier("sighting", 30), "revoked": True}
        take(t, tw, never)
        equal(len(until(kept, "still")), 3, "what it never had is not taken back")
    for home in (tw, jp):
        home.verified()


def test_versions_that_do_not_go_do_not_show(t):
    tw, jp, ports, _ = pair(t)
    red = ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]
    later = {"modified": "2026-02-02T03:04:05.678Z", "object_marking_refs": red, "name": CANARY}
    take(t, tw, indicator(1, object_marking_refs=[GREEN]), indicator(2, object_marking_refs=[GREEN]), {**indicator(1), **later})
    with serve(tw, ports) as running:
        who = Partner(running, jp)
        until(lambda: len(of_type(who, "indicator")) == 2, "both, in the version that goes")
        for version in ("last", "first", "all"):
            got = [o["modified"] for o in of_type(who, "indicator", f"&match[id]={indicator(1)['id']}&match[version]={version}")]
            equal(got, [indicator(1)["modified"]], version)
        equal(of_type(who, "indicator", f"&match[version]={later['modified']}"), [], "its time")
        equal(who.ask(f"{BASE}/objects/{indicator(1)['id']}/versions/")["versions"], [indicator(1)["modified"]], "versions")
        tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
        deleter = running.client(tw.json("key", "make", "deleter", "--role", "admin")["key"])
        deleter.ask("DELETE", f"{BASE}/objects/{indicator(1)['id']}/", want=200, headers={"Accept": TYPE})
        told = who.ask(f"{BASE}/tombstones/")["tombstones"]
        equal([(x["id"], x["version"]) for x in told], [(indicator(1)["id"], indicator(1)["modified"])], "of what it has alone")


def test_a_deleted_original_is_told_as_its_copy(t):
    tw, jp, ports, _ = pair(t)
    take(t, tw, indicator(1, object_marking_refs=[GREEN]), SEEN)
    with serve(tw, ports) as running:
        who = Partner(running, jp)
        copy = until(lambda: of_type(who, "sighting"), "the copy")[0]
        tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
        deleter = running.client(tw.json("key", "make", "deleter", "--role", "admin")["key"])
        deleter.ask("DELETE", f"{BASE}/objects/{SEEN['id']}/", want=200, headers={"Accept": TYPE})
        equal([x["id"] for x in who.ask(f"{BASE}/tombstones/")["tombstones"]], [copy["id"]], "tombstones")


def test_a_page_over_much_that_is_denied_ends(t):
    tw, jp, ports, _ = pair(t)
    n = 100000 if node.NIGHTLY else 12000
    named = [indicator(100 + i, object_marking_refs=[GREEN], description="said mei@victim.example") for i in range(n)]
    tw.intake("cert", bundle(t, *named), code=0)
    take(t, tw, indicator(1, object_marking_refs=[GREEN]))
    with serve(tw, ports) as running:
        who = Partner(running, jp)
        until(lambda: who.ask(f"{BASE}/objects/?match[id]={indicator(1)['id']}"), "the collection fills", 60)
        pages, cursor, got = 0, "", []
        while pages < 99:
            page = who.ask(f"{BASE}/objects/?limit=1000{cursor}")
            pages += 1
            got += [o["id"] for o in page.get("objects", [])]
            if not page.get("more"):
                break
            cursor = "&next=" + page["next"]
        equal(got, [indicator(1)["id"]], "it is found behind them")
        equal(pages, n // 10000 + 1, "pages")


if __name__ == "__main__":
    node.main(globals())
