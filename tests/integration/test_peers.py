"""The TAXII client against a deliberately bad server: each fault of docs/peers.md is borne, and the end state is the server's content."""
import json
import signal
import threading
import time

import node
from node import equal, true, until

from bad_taxii import COLLECTION, BadTaxii, indicator

SOURCE = "bad"


def server(home, objects, **switches):
    return BadTaxii(home.path / "tls" / "cert.pem", home.path / "tls" / "key.pem", objects, **switches)


def add(home, bad, *more, name=SOURCE, code=0, **kw):
    return home.json("peer", "add", name, bad.url, "--ca", home.path / "tls" / "cert.pem", "--every", "never", *more, code=code, **kw)


def sync(home, name=SOURCE, code=0):
    return home.json("peer", "sync", name, code=code)[0]


def collection(home, name=SOURCE):
    return home.json("peer", "show", name)["collections"][0]


def held(home, name=SOURCE):
    bodies = home.rows("SELECT body FROM object WHERE source = (SELECT id FROM source WHERE name = ?)", name)
    return sorted(json.dumps(json.loads(body), sort_keys=True) for (body,) in bodies)


def same(home, bad, what="", name=SOURCE):
    """What stands here is what stands there, version by version."""
    want = sorted(json.dumps(o, sort_keys=True) for o in bad.content())
    equal(held(home, name), want, f"content {what}")


def some(n, first=0):
    return [indicator(i) for i in range(first, first + n)]


def borne(home, name, *notes, n=250, again=True, **switches):
    """A whole sync under a fault, then what was added later, with the fault named in the notes."""
    with server(home, some(n), **switches) as bad:
        add(home, bad, name=name)
        first = sync(home, name)
        same(home, bad, f"after the first sync of {name}", name)
        if again:
            bad.add(some(30, 10000))
            sync(home, name)
            same(home, bad, f"after what was added to {name}", name)
        found = collection(home, name)
        for note in notes:
            true(note in found["notes"].split(), f"{name}: {note} among the notes '{found['notes']}'")
        equal(found["error"], None, f"{name}: error")
        return bad, first, found


def test_faults_that_are_borne(t):
    """One node, a peer for each fault."""
    home = t.home()
    with home.serve():
        bad, first, found = borne(home, "plain")
        equal((found["notes"], first["accepted"], first["pages"]), ("", 250, 3), "a good server has no faults")
        shown = home.json("peer", "list")[0]
        equal((shown["name"], shown["state"], shown["taxii"], shown["source"]), ("plain", "ok", "2.1", "plain"), "list")
        # what is said of dates
        borne(home, "short-dates", "short-dates", dates="short", tick=1000000)
        borne(home, "no-dates", "no-dates", dates="none")
        borne(home, "no-dates-no-next", "no-next", "no-dates", dates="none", next="none")
        borne(home, "no-dates-no-next-2", "no-next", "no-dates", dates="none", next="none", manifest_next=False)
        borne(home, "future-dates", "future-dates", dates="future")
        borne(home, "dates-swapped", "disorder", dates="swapped")
        borne(home, "one-date", "equal-dates", next="none", tick=0, page=100000, n=3000, again=False)
        # the cursor
        borne(home, "no-next", "no-next", next="none")
        borne(home, "next-number", next="number")
        borne(home, "next-same", "next-repeated", next="same")
        borne(home, "next-dies", "next-expired", next="dies")
        # order and pages
        borne(home, "by-id", "disorder", order="id")
        borne(home, "by-id-no-next", "disorder", "no-next", order="id", next="none", page=100000, n=2500)
        borne(home, "twice", "page-repeated", twice=True)
        borne(home, "limit", "limit-ignored", limit=False, page=5000, n=2500)
        # types, codings, words
        borne(home, "old-type", "taxii-2.0", type="application/vnd.oasis.taxii+json; version=2.0")
        borne(home, "json-type", "content-type", type="application/json")
        borne(home, "gzip", gzip="yes")
        borne(home, "gzip-label", gzip="label")
        borne(home, "gzip-body", gzip="body")
        borne(home, "match", "last-version-only", match=False, errors="code")
        borne(home, "empty-bare", n=0, empty="bare")
        borne(home, "empty-full", n=0, empty="full")
        # discovery
        for roots in ("bare", "absolute", "http"):
            borne(home, f"roots-{roots}", n=20, again=False, roots=roots)
        borne(home, "default", n=20, again=False, default=False, display_name=True)
        # failures that pass, lines that break
        bad, first, found = borne(home, "failing", again=False, fail=[503, 500, 429, 502], retry_after="1")
        true(first["retries"] >= 3, f"retries {first}")
        bad, first, found = borne(home, "cut", cut=(0, 2, 5))
        true(first["retries"] >= 2, f"retries {first}")
        borne(home, "cut-always", "smaller-pages", cut=(0, 1, 2), n=120)
        bad, first, found = borne(home, "endless", "endless", n=50, endless="full", again=False)
        true(len(bad.log) < 100, f"{len(bad.log)} requests")
    home.verified()


def test_foreign_root(t):
    home = t.home()
    with server(home, some(3), roots="foreign") as bad:
        add(home, bad, code=1)
        equal(sync(home, code=3)["accepted"], 0, "accepted")
        true("another host" in home.json("peer", "show", SOURCE)["error"], "said")


def test_taxii_20(t):
    """A server that knows 2.0 only, with STIX 2.0 bundles and ranges of items."""
    old = [{k: v for k, v in indicator(i).items() if k not in ("spec_version", "pattern_type")} | {"labels": ["malicious-activity"]}
           for i in range(230)]
    home = t.home()
    with server(home, old, version=20, type="application/vnd.oasis.taxii+json; version=2.0") as bad:
        add(home, bad)
        equal(sync(home)["accepted"], 230, "accepted")
        equal({o[0] for o in home.rows("SELECT stix_id FROM object")}, {o["id"] for o in old}, "ids")
        bad.add([dict(old[0], id=indicator(999)["id"], name="new")])
        equal(sync(home)["accepted"], 1, "what was added")
        equal(home.json("peer", "show", SOURCE)["taxii"], "2.0", "version")
        equal(sync(home)["objects"], 0, "nothing new")


def test_endless_pages_of_nothing(t):
    home = t.home()
    with server(home, some(5), endless="pages") as bad:
        add(home, bad)
        equal(sync(home)["objects"], 0, "objects")
        true(len(bad.log) < 100, f"{len(bad.log)} requests")
        true("endless" in collection(home)["notes"], "noted")


def test_redirects(t):
    home = t.home()
    with server(home, some(5), redirect="loop") as bad:
        add(home, bad)
        sync(home, code=3)
        true("sent on" in collection(home)["error"], collection(home)["error"])
        true(len(bad.log) < 40, f"{len(bad.log)} requests")


def test_web_page(t):
    home = t.home()
    with server(home, some(5), web_page=True) as bad:
        add(home, bad)
        sync(home, code=3)
        true("web page" in collection(home)["error"], collection(home)["error"])
        equal(home.json("status")["quarantine"] if "quarantine" in home.json("status") else 0, 0, "quarantine")


def test_errors_in_words(t):
    for style, want in (("title", "Problem: not now"), ("code", "Problem: not now"), ("html", "a web page")):
        home = t.home()
        with server(home, some(5), fail=[403] * 50, errors=style) as bad:
            add(home, bad)
            sync(home, code=3)
            text = collection(home)["error"]
            true("does not allow it (403" in text and want in text, text)


def test_told_to_wait(t):
    home = t.home()
    with server(home, some(5), fail=[429], retry_after="3600") as bad:
        add(home, bad)
        sync(home, code=3)
        shown = home.json("peer", "show", SOURCE)
        true(shown["not_before"], "not before")
        sync(home)
        same(home, bad)


def test_deep_and_broken_objects(t):
    deep = indicator(7777)
    deep["x_deep"] = json.loads("[" * 200 + "]" * 200)
    home = t.home()
    with server(home, some(50) + [deep] + some(50, 500)) as bad:
        add(home, bad)
        report = sync(home, code=1)
        equal((report["accepted"], report["rejected"]), (100, 1), "deep nesting is one refused object")
        bad.add([{"type": "indicator", "id": "indicator--no"}])
        report = sync(home, code=1)
        equal((report["accepted"], report["rejected"]), (0, 1), "no object")
        bad.add(some(5, 900))
        equal(sync(home)["accepted"], 5, "it goes on behind them")


def test_unchanged(t):
    home = t.home()
    with server(home, some(120), etag=True) as bad:
        add(home, bad)
        sync(home)
        sync(home)
        before = len(bad.log)
        report = sync(home)
        equal(report["objects"], 0, "objects")
        true(report["bytes"] < 1000, f"bytes {report}")
        equal(len(bad.log) - before, 4, "discovery, root, collections, one question")
        bad.add(some(1, 400))
        equal(sync(home)["accepted"], 1, "what was added")
        same(home, bad)


def test_who_is_let_in(t):
    home = t.home()
    secret = "one two three four"
    with server(home, some(5), user="tw", password=secret) as bad:
        add(home, bad, "--user", "tw", "--password-stdin", input="wrong\n", code=1)
        true("401" in home.json("peer", "show", SOURCE)["error"], "refused")
        home.json("peer", "set", SOURCE, "--user", "tw", "--password-stdin", input=secret + "\n")
        sync(home)
        same(home, bad)
        files = list((home.path / "keys").glob("peer-*.json"))
        equal([f.stat().st_mode & 0o777 for f in files], [0o600], "mode of the credentials")
        true(secret.encode() not in b"".join(f.read_bytes() for f in home.path.glob("noroshi.db*")), "not in the database")
        true(secret not in json.dumps(home.json("peer", "show", SOURCE)), "not shown")
        home.run("peer", "add", "x", bad.url, "--user", "tw", code=2)
        copy = t.path("backup")
        home.run("backup", copy, code=0)
        equal([f.name for f in (copy / "keys").glob("peer-*.json")], [f.name for f in files], "in a backup")
        home.run("peer", "remove", SOURCE, code=0)
        equal(list((home.path / "keys").glob("peer-*.json")), [], "gone with the peer")
        equal(home.json("peer", "list"), [], "list")
    with server(home, some(5), bearer="key of theirs") as bad:
        add(home, bad, "--key-stdin", input="key of theirs\n")
        sync(home)
    other = t.home()
    with server(other, some(5)) as bad:
        home.json("peer", "add", "untrusted", bad.url, code=1)
        true("certificate" in home.json("peer", "show", "untrusted")["error"], "an unknown certificate is not trusted")


def test_only_what_is_picked(t):
    home = t.home()
    with server(home, some(5)) as bad:
        add(home, bad, "--pick")
        equal(sync(home)["objects"], 0, "nothing enabled")
        home.run("peer", "enable", SOURCE, COLLECTION, code=0)
        equal(sync(home)["accepted"], 5, "enabled")
        home.run("peer", "disable", SOURCE, COLLECTION, code=0)
        bad.add(some(5, 50))
        equal(sync(home)["objects"], 0, "disabled")


def test_killed_in_the_middle(t):
    home = t.home()
    with server(home, some(1500), page=50, late=0.05) as bad:
        add(home, bad)
        for _ in range(3):
            running = home.serve()
            asked = bad.asked
            worker = threading.Thread(target=lambda: home.run("peer", "sync", SOURCE, code=(0, 1, 3)))
            worker.start()
            until(lambda: bad.asked > asked + 4, "pages come")
            running.kill()
            worker.join()
        before = len(home.rows("SELECT id FROM object"))
        true(0 < before < 1500, f"{before} objects after three kills")
        report = sync(home)
        same(home, bad)
        true(report["objects"] <= 1500 - before + 50, f"at most one page again: {report}, {before} were there")
        home.verified()


def test_by_the_clock(t):
    home = t.home()
    with server(home, some(20)) as bad:
        add(home, bad)
        home.json("peer", "set", SOURCE, "--every", "1s")
        with home.serve():
            until(lambda: len(home.rows("SELECT id FROM object")) == 20, "first run")
            bad.add(some(5, 100))
            until(lambda: len(home.rows("SELECT id FROM object")) == 25, "a later run")
            home.json("peer", "set", SOURCE, "--every", "never")
            bad.add(some(5, 200))
            home.json("peer", "set", SOURCE, "--every", "1s")
            until(lambda: len(home.rows("SELECT id FROM object")) == 30, "scheduled anew while it runs", 8)


# ---- pushing

def shared(t, *objects, ceiling="amber"):
    """A home with a collection of its own that the peer may read."""
    home = t.home("own")
    own = home.json("taxii", "collection", "add", "taxii2/root", "--title", "Shared", "--alias", "shared", "--ceiling", ceiling)
    home.run("taxii", "collection", "attach", "shared", "own", code=0)
    home.run("source", "set", "own", "--marking", "green", code=0)
    home.intake("own", t.file("b.json", json.dumps({"type": "bundle", "id": "bundle--" + COLLECTION, "objects": list(objects)})), code=0)
    return home, own


def push(home, code=0):
    return home.json("peer", "push", SOURCE, COLLECTION, "--from", "shared", code=code)


def grant(home):
    home.run("taxii", "collection", "grant", "shared", "--read", f"peer:{SOURCE}", code=0)


def ids(objects):
    return sorted(o["id"] for o in objects)


def test_push(t):
    objects = some(450)
    home, _ = shared(t, *objects)
    with server(home, [], pending=2) as bad:
        add(home, bad)
        error = push(home, code=3)
        true("peer:bad" in json.dumps(error), f"no right, no objects: {error}")
        equal(bad.posted, [], "posted")
        grant(home)
        equal(push(home)["pushed"], 450, "pushed")
        equal(sorted(map(json.dumps, bad.posted)), sorted(map(json.dumps, objects)), "exactly what stands here")
        equal(push(home)["pushed"], 0, "nothing twice")
        more = [indicator(9000)]
        home.intake("own", t.file("c.json", json.dumps(more)), code=0)
        equal(sync(home)["pushed"], 1, "a sync pushes too")
        home.run("peer", "push", SOURCE, COLLECTION, "--off", code=0)


def test_push_split_and_refused(t):
    objects = some(300)
    no, bad_one = objects[7]["id"], objects[200]["id"]
    home, _ = shared(t, *objects)
    with server(home, [], most=40000, honest_most=9000, refuse=[no], reject=[bad_one], post=200) as bad:
        add(home, bad)
        grant(home)
        report = push(home, code=1)
        equal((report["pushed"], report["refused"]), (298, 2), "report")
        equal(ids(bad.posted), sorted(set(ids(objects)) - {no, bad_one}), "posted")
        refusals = {r["id"]: r["message"] for r in collection(home)["refusals"]}
        equal(set(refusals), {no, bad_one}, "kept")
        true("do not like" in refusals[no] and "bad" in refusals[bad_one], f"with their words: {refusals}")
        equal(push(home)["pushed"], 0, "they are not sent again")


def test_push_goes_through_the_gate(t):
    marking = {"amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
               "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"}
    plain, amber, red = indicator(1), indicator(2, object_marking_refs=[marking["amber"]]), \
        indicator(3, object_marking_refs=[marking["red"]])
    home, _ = shared(t, plain, amber, red, ceiling="green")
    with server(home, some(4, 100)) as bad:
        add(home, bad)
        grant(home)
        sync(home)
        home.run("taxii", "collection", "attach", "shared", SOURCE, code=0)
        equal(push(home)["pushed"], 1, "above the ceiling, and what came from it, stay")
        equal(ids(bad.posted), [plain["id"]], "posted")
        home.run("taxii", "collection", "set", "shared", "--ceiling", "red", code=0)
        home.intake("own", t.file("d.json", json.dumps([indicator(4, object_marking_refs=[marking["amber"]]),
                                                        indicator(5, object_marking_refs=[marking["red"]])])), code=0)
        push(home)
        true(indicator(5)["id"] not in ids(bad.posted), "TLP:RED never goes")
        true(indicator(4)["id"] in ids(bad.posted), "TLP:AMBER does then")
        true(not set(ids(bad.posted)) & set(ids(bad.content())), "nothing comes back to it")


if __name__ == "__main__":
    node.main(globals())
