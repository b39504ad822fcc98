"""Partners, agreements, the register of shares and a partner's eyes over HTTPS: who may know what, and that the eyes tell what really goes."""
import json
import urllib.parse

import node
from leaks import foreign_keys
from node import equal, true, until
from taxii import identifier
from test_api import ROLES, refused
from test_partners import act
from test_release import CANARY, Partner, filled, hidden, open_ones, shared

READS = {"partners", "partners/JPCERT", "agreements", "witness"}
REGISTER = {"shares", "explain?to=JPCERT", "exchange", "messages", "withdrawals"}


def ask(client, path, want=200):
    return client.get(f"/api/v1/{path}", want=want).json()


def keys(home):
    return {role: home.json("key", "make", f"key-{role}", "--role", role)["key"] for role in ROLES}


def test_who_may_ask_what(t):
    tw, _, agreement, _ = shared(t)
    made = keys(tw)
    with tw.serve() as running:
        for role in ROLES:
            client = running.client(made[role])
            for path in READS | {f"agreements/{agreement}", f"agreements/{agreement}?language=ja"}:
                client.get(f"/api/v1/{path}", want=403 if role == "sensor" else 200)
            for path in REGISTER:
                client.get(f"/api/v1/{path}", want=403 if role in ("sensor", "viewer") else 200)
            client.get("/api/v1/exports", want=200 if role in ("viewer", "analyst", "admin") else 403)
            for path in ("look?value=198.51.100.1&as=JPCERT", "find?q=loader&as=JPCERT"):
                client.get(f"/api/v1/{path}", want=200 if role in ("analyst", "admin") else 403)
        nobody = running.client()
        for path in READS | REGISTER:
            refused(nobody.get(f"/api/v1/{path}", want=401), 401)


def test_partners_and_agreements(t):
    tw, _, agreement, _ = shared(t)
    key = keys(tw)["viewer"]
    shown = tw.json("partner", "show", "JPCERT")
    with tw.serve() as running:
        client = running.client(key)
        (partner,) = ask(client, "partners")["partners"]
        equal((partner["id"], partner["fingerprint"], partner["status"]), (shown["card"]["id"], shown["fingerprint"], "active"), "partner")
        equal(partner["name"], shown["card"]["name"], "name in three languages")
        equal((partner["witness"]["frozen"], partner["witness"]["cosigned_size"], partner["last_share"]), (False, 0, None), "nothing yet")
        for name in (partner["id"], "jpcert", urllib.parse.quote(partner["name"]["ja"])):
            equal(ask(client, f"partners/{name}")["id"], partner["id"], name)
        refused(client.get("/api/v1/partners/nobody", want=404), 404)
        (head,) = ask(client, "agreements")["agreements"]
        equal((head["id"], head["status"], len(head["parties"]), len(head["statements"])), (agreement, "active", 2, 4), "agreement")
        for language, word in (("en", "gives"), ("ja", "から"), ("zh-Hant", "提供予")):
            one = ask(client, f"agreements/{agreement}?language={language}")
            true(word in one["text"] and one["language"] == language, language)
            equal(one["text"].strip(), tw.run("agreement", "explain", agreement, "--language", language, code=0).out.strip(), "as the command tells it")
        equal(len(one["document"]["grants"]), head["grants"], "grants")
        refused(client.get(f"/api/v1/agreements/{agreement}?language=fr", want=400), 400)
        refused(client.get(f"/api/v1/agreements/{agreement}?version=2", want=404), 404)
        refused(client.get(f"/api/v1/agreements/{identifier('x', 1)[3:]}", want=404), 404)


def marks(answer):
    found = {}
    for i in answer.get("indicators", []):
        found.update({c["id"]: c["eyes"] for c in i["claims"]})
    for part in ("objects", "relationships", "hits"):
        found.update({o["id"]: o["eyes"] for o in answer.get(part, [])})
    return found


def timeless(mark):
    """Without what depends on the moment of asking."""
    return {k: v for k, v in mark.items() if k != "delete_after"}


def test_eyes_tell_what_really_goes(t):
    """The marks of each thing are those of explain, and what goes is exactly what the partner then reads."""
    tw, jp, _, _ = shared(t)
    key = keys(tw)["analyst"]
    tw.intake("feed", t.file("feed.txt", "203.0.113.99\n"), code=0)
    with tw.serve() as running:
        client = running.client(key)
        told = {}
        for o in [*open_ones().values(), *hidden().values()]:
            plain = ask(client, f"look?value={o['id']}")
            answer = ask(client, f"look?value={o['id']}&as=JPCERT")
            mark = marks(answer)[o["id"]]
            why = ask(client, f"explain?to=JPCERT&object={o['id']}")
            equal(timeless(why["mark"]), timeless(mark), o["id"])
            equal(timeless(marks(tw.json("look", o["id"], "--as", "JPCERT"))[o["id"]]), timeless(mark), "the command says the same")
            counts = answer["eyes"]
            equal(counts["things"], counts["goes"] + counts["redacted"] + counts["stays"], "counts")
            equal(counts["things"], sum(counts["rules"].values()), "each by one rule")
            for part in ("objects", "relationships"):
                equal([x["object"] for x in answer[part]], [x["object"] for x in plain[part]], "the answer itself is the same")
            told[o["id"]] = mark["state"]
        everything, after, steps = {}, "", 0
        while after is not None:
            step = ask(client, f"explain?to=JPCERT&list=1&limit=3&after={after}")
            true(len(step["things"]) <= 3 and len(step["things"]) == step["eyes"]["things"], step)
            everything.update({x["id"]: x["eyes"]["state"] for x in step["things"]})
            after, steps = step["next"], steps + 1
        true(steps > 5, "steps")
        equal({k: v for k, v in everything.items() if k in told}, told, "everything, a step at a time")
        whole = ask(client, "explain?to=JPCERT&limit=10000")
        equal((whole["eyes"]["things"], whole["next"], whole["things"]), (len(everything), None, []), "in one step, without the list")
        who = Partner(running, jp)
        got = {o["id"] for o in filled(who)}
        equal({i for i, state in told.items() if state == "goes"}, got, "what the partner reads is what the eyes saw")
        after_it = ask(client, f"explain?to=JPCERT&object={open_ones()['indicator']['id']}")["mark"]
        equal(after_it["given"], True, "it went")
        for bad in ("x", "1.2", "1.2.3.4.5", "-1.0.0.0", "1.2.3.x"):
            refused(client.get(f"/api/v1/explain?to=JPCERT&after={bad}", want=400), 400)
        refused(client.get("/api/v1/explain", want=400), 400)
        refused(client.get("/api/v1/look?value=203.0.113.99&as=nobody", want=404), 404)
        refused(client.get("/api/v1/look?value=203.0.113.99&as=JPCERT&purpose=war", want=400), 400)


def test_eyes_on_claims_searches_and_graphs(t):
    tw, _, agreement, _ = shared(t)
    key = keys(tw)["analyst"]
    tw.intake("feed", t.file("feed.csv", "type,value,note\nip,203.0.113.99,a loader host\ntext,hello,a loader word\n"), "--format", "csv", code=0)
    tw.source("kept", "--marking", "TLP:RED")
    tw.intake("kept", t.file("kept.csv", "type,value,note\nip,203.0.113.99,a red loader host\n"), "--format", "csv", code=0)
    with tw.serve() as running:
        client = running.client(key)
        (i,) = ask(client, "look?value=203.0.113.99&as=JPCERT")["indicators"]
        by = {c["source"]: c["eyes"] for c in i["claims"]}
        equal((by["kept"]["state"], by["kept"]["rule"]), ("stays", "marking"), "a claim marked red")
        equal((by["feed"]["state"], by["feed"].get("agreement")), ("goes", agreement), "a claim of the same value by another source")
        hits = ask(client, "find?q=loader&as=JPCERT")
        of = {(h.get("value"), h["source"]): h["eyes"]["state"] for h in hits["hits"]}
        equal((of[("203.0.113.99", "feed")], of[("203.0.113.99", "kept")]), ("goes", "stays"), "hits")
        equal(of[(None, "cert")], "goes", "an object")
        equal([h["eyes"]["rule"] for h in hits["hits"] if h.get("value") == "hello"], ["not_given"], "a mere word")
        equal(hits["eyes"]["things"], len(hits["hits"]), "counts of the search")
        text = tw.run("find", "loader", "--as", "JPCERT", code=0).out
        true("[goes]" in text and "[stays: marking]" in text and "as seen by   JPCERT" in text, text)
        # the graph: what refers to the malware, with both ends of each relationship
        graph = ask(client, f"look?value={identifier('malware', 3)}&as=JPCERT")
        ends = {r["id"]: {e["id"]: e["state"] for e in r["ends"]} for r in graph["relationships"]}
        used = hidden()["used by an actor"]
        equal(ends[used["id"]], {used["source_ref"]: "stays", used["target_ref"]: "goes"}, "ends")


def test_the_register(t):
    tw, jp, agreement, collection = shared(t)
    made = keys(tw)
    with tw.serve() as running:
        client = running.client(made["auditor"])
        who = Partner(running, jp)
        filled(who)
        for _ in range(3):
            who.ask("/share/collections/partners/objects/")
        listed = ask(client, "shares?partner=JPCERT")["shares"]
        equal([s["entry"] for s in listed], [s["entry"] for s in tw.json("shares", "list")], "as the command lists them")
        newest = listed[0]
        equal((newest["share"]["collection"], newest["share"]["grants"][0]["agreement"]), (collection["id"], agreement), "which collection, which agreement")
        true(newest["complete_at"] and newest["past_deletion"] is False, newest)
        equal(ask(client, f"shares/{newest['entry']}"), newest, "one")
        seen, before = [], ""
        while before is not None:
            page = ask(client, f"shares?limit=2{before and f'&before={before}'}")
            seen, before = seen + [s["entry"] for s in page["shares"]], page["next"]
        equal(seen, [s["entry"] for s in listed], "page by page")
        for bad in ("0", "x", str(newest["entry"] + 1), "1", str(2 ** 63 - 1), str(2 ** 63)):
            refused(client.get(f"/api/v1/shares/{bad}", want=404), 404)
        refused(client.get("/api/v1/shares?partner=nobody", want=404), 404)
        true(ask(client, "partners/JPCERT")["last_share"], "last heard of")
        true(CANARY not in json.dumps(listed), "the register tells of no content")
        (by,) = [s for s in listed if s["state"]["things"]]  # given again under the same version they stay with the first
        equal((by["state"]["things"], by["state"]["recalled"]), (len(open_ones()), 0), "what became of it")
        equal(ask(client, "withdrawals")["withdrawals"], [], "nothing was taken back")
        thing = open_ones()["malware"]["id"]
        act(tw, "shares", "recall", thing, "--reason", "named a victim")
        (back,) = ask(client, "withdrawals?partner=JPCERT")["withdrawals"]
        equal((back["why"], back["reason"], back["by"], back["things"], back["accepted"], back["overdue"]),
              ("recalled", "named a victim", "mei", 1, None, False), "taken back")
        equal(ask(client, f"shares/{by['entry']}")["state"]["recalled"], 1, "as the register tells")
        equal(ask(client, "withdrawals?overdue=1")["withdrawals"], [], "not overdue yet")
        exchange = ask(client, "exchange")
        of = {c["alias"]: c for root in exchange["roots"] for c in root["collections"]}
        equal([r["principal"].split(":")[0] for r in of["partners"]["rights"]], ["partner"], "rights")
        formats = ask(running.client(made["viewer"]), "exports")["formats"]
        for f in formats:
            if f["url"]:
                running.client(made["viewer"]).get(f"{f['url']}?kind=ipv4-addr", want=(200, 304))


def test_messages_and_relays(t):
    tw, _, _, collection = shared(t)
    key = keys(tw)["auditor"]
    partner = tw.json("partner", "show", "JPCERT")["card"]["id"]
    tw.run("relay", "add", "JPCERT", "--collection", "partners", code=0)
    with tw.serve() as running:
        client = running.client(key)
        id = tw.json("messages", "probe", "--partner", "JPCERT")["id"]
        wanted = len(open_ones())
        (relay,) = until(lambda: (r := ask(client, "exchange")["relays"]) and r[0]["sent"] >= wanted and r, "the relay has looked at all")
        equal((relay["partner"], relay["collection"]), (partner, collection["id"]), "whose")
        true(relay["held"] > 0 and relay["p50"] is None and sum(relay["rules"].values()) == relay["held"], relay)
        found = until(lambda: (m := ask(client, "messages?partner=JPCERT"))["messages"][-1]["attempts"] and m, "nobody is there to take it")
        mine = [m for m in found["messages"] if m["id"] == id]
        equal([(m["direction"], m["partner"], m["accepted"], m["overdue"]) for m in mine], [("out", partner, None, False)], "waits")
        true(found["waiting"] >= 2 and found["overdue"] == 0 and found["oldest"], found)
        true(any(m["share"] for m in found["messages"]), "what went stands in the register")
        equal(ask(client, "messages?overdue=1")["messages"], [], "none is overdue")
        equal([m["id"] for m in ask(client, f"messages?kind={mine[0]['kind']}")["messages"]], [id], "of its kind")
        equal(len(ask(client, "messages?limit=1")["messages"]), 1, "at most")
        true(CANARY not in json.dumps(found) and "body" not in json.dumps(found), "no contents")


def test_another_organisation_knows_only_its_own_agreements(t):
    """melicertes/csp#22: whom one shares with is not for everybody on the node."""
    tw, _, agreement, _ = shared(t)
    theirs, org = foreign_keys(tw, "admin")
    jpcert = tw.json("partner", "show", "JPCERT")["card"]["id"]
    with tw.serve() as running:
        foreign = running.client(theirs["admin"])
        for path, want in (("partners", {"partners": []}), ("agreements", {"agreements": []}), ("shares", {"shares": [], "next": None}),
                           ("witness", {"witnessed_here": [], "witnesses": []}), ("exchange", {"roots": [], "peers": [], "relays": []}),
                           ("withdrawals", {"withdrawals": []}), ("messages", {"waiting": 0, "overdue": 0, "refused": 0, "oldest": None, "messages": [], "refusals": []})):
            equal(ask(foreign, path), want, path)
        for path in ("partners/{}", "explain?to={}", "look?value=203.0.113.1&as={}", "shares?partner={}", "find?q=x&as={}", "messages?partner={}", "withdrawals?partner={}"):
            known, unknown = (foreign.get("/api/v1/" + path.format(name), want=404).body for name in ("JPCERT", "NOBODY"))
            equal(known.replace(b"JPCERT", b""), unknown.replace(b"NOBODY", b""), "one that is there is answered as one that is not")
        for path in (f"agreements/{agreement}", f"partners/{jpcert}", "shares/1"):
            refused(foreign.get(f"/api/v1/{path}", want=404), 404)
        for path in ("partners", "agreements", "shares", "exchange", "status", "sources", "openapi.json"):
            body = foreign.get(f"/api/v1/{path}", want=200).body.decode()
            true(not any(s in body for s in (agreement, "JPCERT", jpcert)), path)
        # a draft to which it is a party: that one it sees, and its parties; the other agreement still not
        draft = json.loads(tw.run("agreement", "draft", "network-safety", "--with", "JPCERT", code=0).out)
        draft["parties"].append({"id": org, "name": {"en": "Third", "ja": "Third", "zh-Hant": "Third"}, "country": "TW"})
        act(tw, "agreement", "sign", t.file("three.json", json.dumps(draft)))
        equal([a["id"] for a in ask(foreign, "agreements")["agreements"]], [draft["id"]], "its own")
        (partner,) = ask(foreign, "partners")["partners"]
        equal((partner["id"], "witness" in partner, "proposed_by" in partner, "last_share" in partner), (jpcert, False, False, False), "what it is told")
        ask(foreign, "explain?to=JPCERT")
        refused(foreign.get(f"/api/v1/agreements/{agreement}", want=404), 404)


if __name__ == "__main__":
    node.main(globals())
