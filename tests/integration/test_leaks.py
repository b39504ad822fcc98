"""One test for each leak that happened to others, named after it: what leaked there must hold here. This file: who gets what, markings, what is
taken back. test_leaks_rights.py: what one may do with other people's things.

Each is tried with the real program over what anybody can reach: commands, TAXII, API, live stream.
"""
import contextlib
import copy
import json
import threading

import node
from node import PASSWORD, equal, true, until
from bad_taxii import BadTaxii
from bad_taxii import indicator as theirs
from leaks import (BASE, CANARY, Who, bundle, document, foreign_keys, hidden, marked, nodes, refused, right, settled, sharing, take, thing,
                   told)
from taxii import TYPE, Taxii, identifier, indicator
from test_api import next_event, read_stream
from test_partners import act, befriend, signed_by_all


# ---- audiences

def test_misp_4200_empty_sharing_group(t):
    """An event shared with a group that had no members went to everybody. Here an empty audience is nobody, and cannot be signed."""
    with sharing(t) as (tw, _, _, agreement, running, jp, us):
        for change in ("parties", "purposes", "grants"):
            refused(t, {**document(tw, agreement), change: []}, change)
        for change in ("object_types", "kinds", "offences"):
            empty = document(tw, agreement)
            empty["grants"][0][change] = []
            refused(t, empty, change)
        tw.run("taxii", "collection", "add", "share", "--title", "Nobody", "--alias", "nobody", code=0)
        tw.run("taxii", "collection", "attach", "nobody", "cert", code=0)
        take(t, tw, hidden(1, "clear"), indicator(2))
        viewer = Who(running, key=tw.json("key", "make", "viewer", "--role", "viewer")["key"])
        client = Who(running, key=tw.json("key", "make", "client", "--role", "client")["key"])
        for who in (jp, us, viewer, client):
            who.ask("/share/collections/nobody/objects/", want=404)
            who.ask("/share/collections/nobody/manifest/", want=404)
            true("Nobody" not in who.ask("/share/collections/").body.decode(), "nor does it show in the list")


def test_misp_1720_1721_organisation_outside_the_group(t):
    """An organisation outside the sharing group received the event. Here a partner gets nothing by an agreement it is no party to, whatever
    collections it may read."""
    with sharing(t) as (tw, _, home, agreement, running, jp, us):
        tw.run("taxii", "collection", "grant", "partners", "--read", right(tw, home), code=0)
        take(t, tw, indicator(1, **marked("clear")))
        true(indicator(1)["id"] in settled(t, tw, jp), "the party gets it")
        for what in ("objects", "manifest"):
            equal(us.ask(f"{BASE}/{what}/").json(), {}, f"who is no party: {what}")
        us.ask(f"{BASE}/objects/{indicator(1)['id']}/", want=404)
        equal(tw.json("explain", indicator(1)["id"], "--to", "USCERT")["rule"], "agreement", "why")
        equal(tw.json("shares", "list", "--partner", "USCERT"), [], "register")


def test_misp_3380_7408_group_number_of_another_node(t):
    """A group's local number 5 was another group at the next node, and members who left stayed. Here everybody and everything is
    named by UUID, an unknown one is refused, and who is left out of a newer version gets nothing from then on."""
    with sharing(t) as (tw, jp_home, _, agreement, running, jp, _):
        for name in ("5", "partner:5", "partner:JPCERT", "partner:"):
            tw.run("taxii", "collection", "grant", "partners", "--read", name, code=(2, 3))
        for number in (5, "5", "00000000-0000-0000-0000-000000000005", None):
            for member in ("from", "to"):
                other = document(tw, agreement)
                other["grants"][0][member] = number
                refused(t, other, f"{member} {number}")
        for number in range(1, 6):
            jp.ask(f"/share/collections/{number}/objects/", want=404)
        take(t, tw, indicator(1))
        settled(t, tw, jp)
        less = document(tw, agreement)
        us = next(p["id"] for p in less["parties"] if p["name"]["en"] == "JPCERT")
        less["grants"] = [g for g in less["grants"] if g["to"] != us]
        path = t.file("less.json", json.dumps(less))
        for home, by in ((tw, "mei"), (tw, "lin"), (jp_home, "mei"), (jp_home, "lin")):
            path = t.file("less.json", act(home, "agreement", "sign", path, by=by).out)
        tw.run("agreement", "countersign", path, code=0)
        equal(jp.ask(f"{BASE}/objects/").json(), {}, "without a grant to it in the version that is in force")


def test_misp_1196_2814_sharing_group_id_silently_0(t):
    """A policy that came without its group was kept with group 0. Here a part of a policy is no policy: whatever member is absent or
    null, the whole is refused and nothing is kept."""
    tw, jp, _, agreement = nodes(t)
    whole = document(tw, agreement)
    node.run("agreement", "check", t.file("whole.json", json.dumps(whole)), code=0)
    for kept, part in ((whole, lambda a: a), (whole["grants"][0], lambda a: a["grants"][0]), (whole["parties"][0], lambda a: a["parties"][0])):
        for member in kept:
            for change in (lambda d, m: d.pop(m), lambda d, m: d.__setitem__(m, None), lambda d, m: d.__setitem__(m, 0 if d[m] != 0 else "")):
                partial = copy.deepcopy(whole)
                change(part(partial), member)
                refused(t, partial, f"without {member}")
    before = tw.json("agreement", "list")
    del whole["grants"][0]["tlp_ceiling"]
    act(tw, "agreement", "sign", t.file("partial.json", json.dumps(whole)), code=(1, 3))
    equal(tw.json("agreement", "list"), before, "nothing was kept of it")


def test_melicertes_csp_22_members_told_to_ineligible_nodes(t):
    """Names and members of trust groups were sent to nodes outside of them. Here partners, agreements and collections are told to nobody
    whom they do not concern."""
    with sharing(t) as (tw, jp_home, us_home, agreement, running, jp, us):
        tw.run("taxii", "collection", "add", "share", "--title", f"Plans {CANARY}", "--alias", CANARY, "--read", right(tw, us_home), code=0)
        tw.run("taxii", "root", "add", "group", "--title", "Other", code=0)
        tw.run("taxii", "collection", "add", "group", "--title", f"Group {CANARY}", "--read", right(tw, us_home), code=0)
        take(t, tw, indicator(1))
        settled(t, tw, jp)
        names = [us_home.called, tw.json("partner", "show", "USCERT")["card"]["id"], "USCERT"]
        for path, want in ((f"{BASE}/objects/", 200), (f"{BASE}/manifest/", 200), (f"{BASE}/", 200), ("/share/collections/", 200), ("/share/", 200),
                           ("/taxii2/", 200), ("/group/collections/", (200, 404)), ("/witness/checkpoint", (200, 404)),
                           (f"/share/collections/{CANARY[:4]}/", 404), ("/api/v1/status", (401, 403)), ("/api/v1/sources", (401, 403))):
            raw = jp.ask(path, want=want)
            for name in names:
                true(name.encode() not in raw.body + json.dumps(raw.headers).encode(), f"{path} tells of {name}: {raw}")
        for path, want in (("/taxii2/", 200), ("/share/", 200), ("/share/collections/", 200), (f"{BASE}/", 404), (f"{BASE}/objects/", 404)):
            raw = us.client.get(path, want=want, headers={"Accept": TYPE}).body
            for word in (b"JPCERT", agreement.encode(), b"Indicators", right(tw, jp_home)[8:].encode()):
                true(word not in raw, f"{path} tells of {word}: {raw}")


def test_misp_3378_9879_8840_push_all_ignores_rules(t):
    """"Push all" ignored the rules, a tag rule blocked what was allowed, TLP tags were lost on the way. Here every way out asks the same
    question, what the preview says is exactly what goes, and the marking arrives."""
    tw, jp_home, _, agreement = nodes(t)
    objects = [indicator(n, **marked(level)) for n, level in enumerate(("clear", "green", "amber"))]
    objects += [hidden(10, "strict"), hidden(11, "red"), hidden(12, "unknown"), thing("campaign", 13, name=CANARY),
                indicator(14, labels=["anything"]), thing("malware", 15, name="Loader", is_family=False)]
    take(t, tw, *objects)
    partner = right(tw, jp_home)
    with BadTaxii(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem", []) as sink, tw.serve() as running:
        jp = Who(running, jp_home)
        by_taxii = settled(t, tw, jp)
        lines = tw.run("explain", "--all", "--list", "--to", "JPCERT", "--json", code=0).lines()[:-1]
        preview = {x["id"] for x in lines if x["goes"]}
        equal(by_taxii, preview & {o["id"] for o in objects}, "what goes is what the preview said")
        equal(len(by_taxii), 5, "and what is allowed is not blocked")
        tw.json("peer", "add", "sink", sink.url, "--ca", tw.path / "tls" / "cert.pem", "--every", "never", "--org", partner.split(":")[1])
        tw.run("taxii", "collection", "grant", "partners", "--read", "peer:sink", code=0)
        tw.run("peer", "push", "sink", sink_collection(tw), "--from", "partners", code=(0, 1, 3))
        true({o["id"] for o in sink.posted} & {o["id"] for o in objects} <= by_taxii, f"pushed in a partner's name: {sorted(o['id'] for o in sink.posted)}")
        true(CANARY not in json.dumps(sink.posted), "nor does a push hold what is hidden")
        for o in jp.objects():
            wanted = next((x for x in objects if x["id"] == o["id"]), None)
            true(wanted is None or o == wanted, f"with its marking, as it is: {o}")


def sink_collection(home):
    return home.json("peer", "show", "sink")["collections"][0]["id"]


# ---- markings

def test_misp_9853_import_dropped_the_group(t):
    """An import lost the chosen group and became "this community". Here what comes without a marking has its source's, in every format, and
    what a file says of itself is not widened."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        tw.source("narrow", "--marking", "TLP:AMBER+STRICT")
        tw.run("taxii", "collection", "attach", "partners", "narrow", code=0)
        attribute = {"type": "domain", "category": "Network activity", "value": f"{CANARY}-misp.example", "to_ids": True,
                     "uuid": "6d1c55f4-7ff6-4a4a-8f1a-0c51c7b2d0ab", "timestamp": "1767225600"}
        event = {"Event": {"uuid": "6d1c55f4-7ff6-4a4a-8f1a-0c51c7b2d0ac", "info": CANARY, "date": "2026-01-01", "timestamp": "1767225600",
                           "distribution": "4", "sharing_group_id": "5", "Attribute": [attribute]}}
        files = {"list.txt": f"{CANARY}-list.example\n", "event.json": json.dumps(event),
                 "table.csv": f"domain,first_seen\n{CANARY}-csv.example,2026-01-01T00:00:00Z\n",
                 "bundle.json": bundle(indicator(1, name=CANARY, pattern=f"[domain-name:value = '{CANARY}-stix.example']"))}
        for name, text in files.items():
            path = t.path(name)
            path.write_text(text)
            equal(tw.intake("narrow", path, code=0)["totals"]["accepted"] > 0, True, name)
        settled(t, tw, jp)
        for what in ("list", "csv", "stix", "misp"):
            preview = tw.json("explain", f"{CANARY}-{what}.example", "--to", "JPCERT")
            equal((preview["goes"], preview["rule"]), (False, "marking"), what)
        equal(tw.run("export", "list", "--kind", "domain-name", "--tlp", "amber", code=0).out.count(CANARY), 0, "nor in an export up to TLP:AMBER")


def test_misp_10450_policy_rewritten_on_the_way(t):
    """A node that could not make the group lowered the distribution instead. Here a policy is never rewritten: a marking that is not
    understood stays as it is and nothing so marked goes on."""
    tw, jp_home, _, _ = nodes(t)
    odd = [theirs(1, name=CANARY, **marked("unknown")), theirs(2, name=CANARY, **marked("green", "unknown")), theirs(3, **marked("green"))]
    with BadTaxii(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem", odd) as peer, tw.serve() as running:
        tw.json("peer", "add", "far", peer.url, "--ca", tw.path / "tls" / "cert.pem", "--every", "never")
        tw.json("peer", "sync", "far")
        tw.run("taxii", "collection", "attach", "partners", "far", code=0)
        jp = Who(running, jp_home)
        ids = settled(t, tw, jp)
        true(odd[0]["id"] not in ids and odd[1]["id"] not in ids, f"{ids}")
        for o in odd[:2]:
            held = tw.rows("SELECT body FROM object WHERE stix_id = ?", o["id"])
            equal([json.loads(b) for (b,) in held], [o], "kept as it came")
            equal(tw.json("explain", o["id"], "--to", "JPCERT")["rule"], "marking", "why it stays")


def test_misp_2223_two_tlps(t):
    """A removed tag was not synchronised and an event had two TLPs. Here the most restrictive one holds, in whatever form they stand."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        both = [hidden(1, "green", "red"), hidden(2, "clear", "strict"), hidden(3, "red", "clear"), hidden(4, "amber", "unknown")]
        # the same version says two things at two sources
        tw.source("second", "--marking", "TLP:GREEN")
        tw.run("taxii", "collection", "attach", "partners", "second", code=0)
        take(t, tw, *both)
        attribute = {"type": "domain", "category": "Network activity", "value": f"{CANARY}-misp.example", "to_ids": True,
                     "uuid": "6d1c55f4-7ff6-4a4a-8f1a-0c51c7b2d0ab", "timestamp": "1767225600", "comment": CANARY}
        event = {"Event": {"uuid": "6d1c55f4-7ff6-4a4a-8f1a-0c51c7b2d0ac", "info": CANARY, "date": "2026-01-01", "timestamp": "1767225600",
                           "Tag": [{"name": "tlp:green"}, {"name": "tlp:red"}], "Attribute": [attribute]}}
        tw.intake("cert", t.file("event.json", json.dumps(event)), code=0)
        ids = settled(t, tw, jp)
        true(not ids & {o["id"] for o in both}, f"{ids}")
        for o in both:
            equal(tw.json("explain", o["id"], "--to", "JPCERT")["rule"], "marking", o["id"])


def test_misp_394_2461_tlp_not_enforced(t):
    """TLP was a label that nothing obeyed. Here each level up to the grant's ceiling goes and none above it, TLP:RED never."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        goes = [indicator(n, **marked(level)) for n, level in ((1, "clear"), (2, "green"), (3, "amber"))]
        take(t, tw, *goes, hidden(4, "strict"), hidden(5, "red"))
        equal(settled(t, tw, jp), {o["id"] for o in goes}, "by their markings")
        tw.run("taxii", "collection", "set", "partners", "--ceiling", "none", code=0)
        equal(settled(t, tw, jp) & {hidden(4)["id"], hidden(5)["id"]}, set(), "the collection's ceiling opens nothing")
        draft = tw.run("agreement", "draft", "network-safety", "--with", "JPCERT", code=0).out
        refused(t, json.loads(draft.replace("TLP:AMBER", "TLP:RED")), "TLP:RED cannot be granted")


def test_opencti_8422_3287_connectors_3349_default_marking(t):
    """What came over TAXII had no default marking; the first creator decided a TLP for all. Here the source's marking holds where none stands,
    and each report keeps its own."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        tw.source("inbox", "--marking", "TLP:RED")
        tw.run("taxii", "collection", "add", "share", "--title", "Inbox", "--alias", "inbox", "--source", "inbox", "--write", "key:poster", code=0)
        key = tw.json("key", "make", "poster", "--role", "client")["key"]
        poster = Taxii(running, f"Bearer {key}")
        tw.run("taxii", "collection", "attach", "partners", "inbox", code=0)
        first = indicator(1, name=CANARY, pattern=f"[domain-name:value = '{CANARY}.example']")
        poster.post("/share/collections/inbox/objects/", {"objects": [first]})
        true(first["id"] not in settled(t, tw, jp), "unmarked in a source that is TLP:RED")
        equal(tw.json("explain", first["id"], "--to", "JPCERT")["rule"], "marking", "why")
        # a value two sources state: what goes is the open one's statement, with nothing of the other's
        tw.intake("inbox", t.file("a.csv", f"domain,labels,note\nshared.evil.example,{CANARY},{CANARY}\n"), code=(0, 1))
        tw.intake("cert", t.file("b.txt", "shared.evil.example\n"), code=0)
        settled(t, tw, jp)
        patterns = [o for o in jp.objects() if "shared.evil.example" in o.get("pattern", "")]
        equal(len(patterns), 1, f"one statement of the two: {patterns}")


def test_opencti_9160_visible_before_restricted(t):
    """Objects were on the stream before their restriction was set. Here the marking is set with the object: a partner that asks without pause
    while thousands come in never sees one that is restricted."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        ends, problems, asked = threading.Event(), [], [0]

        def without_pause():
            while not ends.is_set():
                try:
                    jp.objects("?match[version]=all&limit=1000")
                    jp.objects(what="manifest")
                    asked[0] += 1
                except Exception as why:
                    problems.append(why)
                    return
        worker = threading.Thread(target=without_pause)
        worker.start()
        try:
            for lot in range(12):
                objects = [hidden(1000 + lot * 60 + n, ("red", "strict", "unknown")[n % 3]) for n in range(60)]
                take(t, tw, *objects[:30], indicator(lot), *objects[30:])
        finally:
            settled(t, tw, jp)
            ends.set()
            worker.join()
        equal(problems, [], "seen")
        true(asked[0] > 5, f"asked {asked[0]} times")
        equal(jp.ids() & {indicator(n)["id"] for n in range(12)}, {indicator(n)["id"] for n in range(12)}, "what may go went")


# ---- what follows from others

def heard(c, response, seconds):
    """What a stream says within a time."""
    got = bytearray()
    c.sock.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        while line := response.readline():
            got += line
    return bytes(got)


def test_opencti_17576_live_stream(t):
    """The live stream gave TLP:RED objects to a user without access. Here a follower gets sightings of what its organisation may see, nothing
    else, also when it resumes."""
    tw, _, _, _ = nodes(t)
    keys, _ = foreign_keys(tw, "viewer", "admin")
    take(t, tw, hidden(1, "red"))
    tw.source("sensor")
    events = "".join(json.dumps({"timestamp": f"2026-08-22T10:00:{n:02}.000000+0000", "event_type": "dns", "src_ip": "192.0.2.1",
                                 "dest_ip": "192.0.2.53", "dns": {"type": "query", "rrname": f"{CANARY}1.example", "rrtype": "A"}}) + "\n" for n in range(5))
    with tw.serve() as running:
        own = running.client(tw.json("key", "make", "own", "--role", "viewer")["key"])
        c, ours = read_stream(own)
        streams = [read_stream(running.client(key), {"Last-Event-ID": "made up"}) for key in keys.values()]
        report = tw.intake("sensor", t.file("eve.json", events), code=0)
        true(report["totals"]["matched"] > 0, f"it matches: {report}")
        event = next_event(ours)
        true(CANARY in event["data"], "the owner sees it")
        c.close()
        for c, response in streams:
            got = heard(c, response, 1.5)
            true(CANARY.encode() not in got, f"told to another organisation: {bytes(got)[:500]}")
            c.close()
        for role, key in keys.items():
            client = Who(running, key=key)
            c, response = read_stream(client.client, {"Last-Event-ID": event["id"]})
            c.close()
            true(CANARY not in client.ask("/api/v1/sightings", headers=None).body.decode(), role)


def test_opencti_16814_context_of_restricted_objects(t):
    """The context of restricted objects showed. Here what refers to something hidden tells neither its words nor, where an id is made of
    the content, that id; other organisations of the node find no trace in answers, counts or searches."""
    tw, jp_home, _, _ = nodes(t)
    keys, _ = foreign_keys(tw, "viewer", "analyst")
    secret = thing("malware", 20, name=CANARY, is_family=False, **marked("red"))
    take(t, tw, indicator(1), secret, hidden(21, "red"),
         thing("relationship", 22, relationship_type="indicates", source_ref=indicator(1)["id"], target_ref=secret["id"], **marked("red")),
         thing("note", 23, content=CANARY, object_refs=[secret["id"]], **marked("strict")),
         # These may go by themselves, and stay because of what they are about.
         thing("relationship", 24, relationship_type="indicates", source_ref=indicator(1)["id"], target_ref=secret["id"], **marked("green")),
         thing("sighting", 25, sighting_of_ref=hidden(21, "red")["id"], **marked("green")))
    with tw.serve() as running:
        jp = Who(running, jp_home)
        equal(settled(t, tw, jp), {indicator(1)["id"]}, "partner")
        true(secret["id"] not in json.dumps(jp.objects()), "nor its id")
        for key in keys.values():
            who = Who(running, key=key)
            for path in (f"/api/v1/look?value={secret['id']}", "/api/v1/status", "/api/v1/sources", "/api/v1/rejected", "/api/v1/sightings",
                         "/api/v1/feeds"):
                who.ask(path, headers=None)
            for path, known, absent in (("look?value=", f"{CANARY}21.example", "nobody-says.example"), ("find?q=", CANARY, "nobodysaysthis")):
                answers = [who.client.get(f"/api/v1/{path}{word}").body.decode().replace(word, "...") for word in (known, absent)]
                equal(answers[0], answers[1], f"{path}: as what is not there")


def test_opencti_15533_organisation_names_in_where_sighted(t):
    """Organisation names leaked in values derived from where something was sighted. Here who was hit stays, and no derived value tells it."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        victim = thing("identity", 30, name=f"{CANARY} Hospital", identity_class="organization", contact_information=f"{CANARY}@hospital.example")
        seen = thing("sighting", 31, sighting_of_ref=indicator(1)["id"], where_sighted_refs=[victim["id"]], count=3,
                     where_sighted_values=[f"{CANARY} Hospital"], x_opencti_where_sighted=f"{CANARY} Hospital")
        derived = thing("sighting", 32, sighting_of_ref=indicator(1)["id"], count=3, where_sighted_values=[f"{CANARY} Clinic"],
                        x_opencti_where_sighted=f"{CANARY} Clinic")
        take(t, tw, indicator(1), victim, seen, derived)
        settled(t, tw, jp)
        text = json.dumps(jp.objects())
        true(victim["id"] not in text and victim["id"].split("--")[1] not in text, "nor the victim's id")
        jp.ask(f"{BASE}/objects/{victim['id']}/", want=404)


def test_opencti_8237_history_shows_other_recipients(t):
    """An object's history showed who else had received it. Here not one byte of an answer depends on what went to others."""
    with sharing(t) as (tw, jp_home, us_home, _, running, jp, us):
        befriend(t, us_home, tw)
        signed_by_all(t, tw, us_home)
        take(t, tw, indicator(1), indicator(2))
        settled(t, tw, jp)
        paths = [f"{BASE}/objects/", f"{BASE}/manifest/", f"{BASE}/objects/{indicator(1)['id']}/", f"{BASE}/objects/{indicator(1)['id']}/versions/",
                 f"{BASE}/", f"{BASE}/tombstones/", "/share/collections/"]
        before = [told(jp.ask(p)) for p in paths]
        tw.run("taxii", "collection", "add", "share", "--title", "Other", "--alias", "other", "--read", right(tw, us_home), code=0)
        tw.run("taxii", "collection", "attach", "other", "cert", code=0)
        until(lambda: us.ids("/share/collections/other"), "it goes to another partner too")
        true(tw.json("shares", "list", "--partner", "USCERT"), "register")
        equal([told(jp.ask(p)) for p in paths], before, "answers")


def test_opencti_12926_user_lists_cross_organisations(t):
    """Lists to choose from held the users of all organisations. Here nobody outside of an organisation is told who its users, keys and sources
    are."""
    tw, jp_home, _, _ = nodes(t)
    keys, _ = foreign_keys(tw, "viewer", "analyst", "admin", "auditor")
    tw.run("user", "add", CANARY, "--role", "analyst", input=PASSWORD + "\n", code=0)
    tw.source(f"{CANARY}-source")
    tw.json("key", "make", f"{CANARY}-key", "--role", "viewer")
    with tw.serve() as running:
        paths = sorted(path for path, methods in running.client().get("/api/v1/openapi.json").json()["paths"].items()
                       if "get" in methods and "{" not in path and path not in ("/api/v1/live", "/metrics"))
        true(len(paths) > 6, f"{paths}")
        for who in [Who(running, key=k) for k in keys.values()] + [Who(running, jp_home), Who(running)]:
            for path in paths:
                who.ask(path, want=None, headers={"Accept": "*/*"})
        taken = running.client().post("/api/v1/session", {"name": CANARY, "password": "wrong horse battery"})
        absent = running.client().post("/api/v1/session", {"name": "absent", "password": "wrong horse battery"})
        equal((taken.status, taken.json()), (absent.status, absent.json()), "nor does a wrong password tell who exists")


# ---- collections and rights

def test_opencti_4734_4621_collection_filters_ignored(t):
    """A TAXII collection gave everything, whatever its filters said. Here a collection holds what its sources brought and nothing else; a
    question that is not understood is refused, not answered with all."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        tw.source("other", "--marking", "TLP:CLEAR")
        take(t, tw, indicator(1, name=CANARY, pattern=f"[domain-name:value = '{CANARY}.example']"), source="other")
        take(t, tw, indicator(2), thing("malware", 3, name="Loader", is_family=False))
        equal(settled(t, tw, jp), {indicator(2)["id"], identifier("malware", 3)}, "only of the sources that are attached")
        equal([o["type"] for o in jp.objects("?match[type]=malware")], ["malware"], "match[type]")
        equal([o["id"] for o in jp.objects(f"?match[id]={indicator(2)['id']}")], [indicator(2)["id"]], "match[id]")
        for query in ("match[labels]=x", "match[tlp]=red", "match[type]=malware&match[type]=indicator", "added_after=yesterday", "next=x", "limit=-1"):
            jp.ask(f"{BASE}/objects/?{query}", want=400)
        equal(jp.objects("?match[type]=nothing"), [], "what nothing is gets nothing")


def test_opencti_11057_labels_before_sharing(t):
    """Labels for internal use could not be taken off before sharing. Here what a grant denies does not leave: not with the object, nor in
    anything else that is said of it."""
    tw, jp_home, _, _ = nodes(t)
    draft = json.loads(tw.run("agreement", "draft", "network-safety", "--with", "JPCERT", code=0).out)
    first = tw.json("agreement", "list")[0]
    act(tw, "agreement", "end", first["agreement"]["id"] if "agreement" in first else first["id"])
    for grant in draft["grants"]:
        grant["fields_deny"] = sorted({*grant["fields_deny"], "labels", "description", "x_internal"})
    path = t.file("draft.json", json.dumps(draft))
    for home, by in ((tw, "mei"), (tw, "lin"), (jp_home, "mei"), (jp_home, "lin")):
        path = t.file("signed.json", act(home, "agreement", "sign", path, by=by).out)
    tw.run("agreement", "countersign", path, code=0)
    with tw.serve() as running:
        jp = Who(running, jp_home)
        take(t, tw, indicator(1, labels=[CANARY]), indicator(2, description=CANARY), indicator(3, x_internal={"who": CANARY}), indicator(4))
        true(indicator(4)["id"] in settled(t, tw, jp), "what has none of them goes")
        for what in ("objects", "manifest"):
            jp.ask(f"{BASE}/{what}/?match[version]=all")
        for o in jp.objects():
            true(not {"labels", "description", "x_internal"} & set(o), f"{o}")
        equal(tw.json("explain", indicator(1)["id"], "--to", "JPCERT")["redact"], ["labels"], "preview")


# ---- taking back

def test_misp_7409_4681_4784_8977_deletion_not_propagated(t):
    """Deleted and downgraded events stayed at those who had them. Here what is withdrawn goes out as such to those who have it, and to nobody
    else; what is deleted from a collection stands in its tombstones."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        take(t, tw, indicator(1), indicator(2), indicator(3), hidden(4, "red"))
        equal(settled(t, tw, jp), {indicator(n)["id"] for n in (1, 2, 3)}, "before")
        later = "2026-03-01T00:00:00.000Z"
        take(t, tw, indicator(1, modified=later, revoked=True), indicator(5, modified=later, revoked=True), hidden(4, "red", revoked=True))
        ids = settled(t, tw, jp)
        true(jp.objects(f"?match[id]={indicator(1)['id']}")[0]["revoked"], "the withdrawal goes to who has it")
        true(indicator(5)["id"] not in ids, "what was never given is not taken back")
        tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
        deleter = running.client(tw.json("key", "make", "deleter", "--role", "admin")["key"])
        deleter.ask("DELETE", f"{BASE}/objects/{indicator(2)['id']}/", want=200, headers={"Accept": TYPE})
        deleter.ask("DELETE", f"{BASE}/objects/{hidden(4)['id']}/", want=(200, 404), headers={"Accept": TYPE})
        stones = [x["id"] for x in jp.ask(f"{BASE}/tombstones/").json().get("tombstones", [])]
        true(indicator(2)["id"] in stones and hidden(4)["id"] not in stones, f"tombstones {stones}")


def test_opencti_1564_deleted_objects_come_back(t):
    """Deleted or merged objects were taken in again at the next run of a feed. Here what was revoked stays revoked when its older version comes
    again, and what was deleted from a collection does not come back with the same file."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        take(t, tw, indicator(1), indicator(2))
        settled(t, tw, jp)
        take(t, tw, indicator(1, modified="2026-03-01T00:00:00.000Z", revoked=True))
        deleter = running.client(tw.json("key", "make", "deleter", "--role", "admin")["key"])
        tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
        deleter.ask("DELETE", f"{BASE}/objects/{indicator(2)['id']}/", want=200, headers={"Accept": TYPE})
        for again in (indicator(1), indicator(1, modified="2026-02-01T00:00:00.000Z"), indicator(1, modified="2026-04-01T00:00:00.000Z")):
            take(t, tw, again, indicator(2))
        settled(t, tw, jp)
        last = jp.objects(f"?match[id]={indicator(1)['id']}")
        true(all(o.get("revoked") for o in last), f"revoked is final: {last}")
        equal(jp.objects(f"?match[id]={indicator(2)['id']}"), [], "deleted")
        equal(tw.run("export", "list", "--kind", "domain-name", code=0).out.count("h1.evil.example"), 0, "nor does equipment block it again")


def test_opencti_3041_observables_of_a_revoked_indicator(t):
    """Observables of an indicator that was revoked went on being shared. Here nothing made of it is in force any more: matches, exports,
    TAXII."""
    with sharing(t) as (tw, _, _, _, running, jp, _):
        take(t, tw, indicator(1), indicator(2))
        settled(t, tw, jp)
        listed = lambda: tw.run("export", "list", "--kind", "domain-name", code=0).out  # noqa: E731
        true("h1.evil.example" in listed(), "in force before")
        take(t, tw, indicator(1, modified="2026-03-01T00:00:00.000Z", revoked=True))
        settled(t, tw, jp)
        for format in ("list", "csv", "rpz", "suricata", "zeek", "stix", "misp"):
            kind = ["--kind", "domain-name"] if format == "list" else []
            text = tw.run("export", format, *kind, code=0).out
            true("h1.evil.example" not in text and "h2.evil.example" in text, format)
        tw.source("sensor")
        event = {"timestamp": "2026-08-22T10:00:00.000000+0000", "event_type": "dns", "src_ip": "192.0.2.1", "dest_ip": "192.0.2.53",
                 "dns": {"type": "query", "rrname": "h1.evil.example", "rrtype": "A"}}
        equal(tw.intake("sensor", t.file("eve.json", json.dumps(event) + "\n"))["totals"]["matched"], 0, "matched")
        true(all(o.get("revoked") for o in jp.objects() if "h1.evil.example" in json.dumps(o)), "TAXII")


if __name__ == "__main__":
    node.main(globals())
