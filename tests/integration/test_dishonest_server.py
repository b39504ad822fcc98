"""A dishonest partner harms nobody (see test_dishonest.py): what its server sends, how it answers, and how it floods."""
import gzip
import json
import threading
import time

import node
from node import NIGHTLY, equal, true, until
from bad_taxii import BadTaxii
from dishonest import Pace, linger_free, open_connections
from leaks import BASE, CANARY, marked, thing
from taxii import TYPE, indicator
from test_dishonest import OTHERS, dishonest, nodes
from test_partners import act


# ---- sends what it may not

def serving(t, tw, jp_home, bad):
    """JPCERT's card names the bad server from now on."""
    time.sleep(1.1)  # versions of cards are seconds
    done = jp_home.run("partner", "rotate", "--url", bad.url.removesuffix("taxii2/"), "--name", jp_home.called, "--name-ja", "相手", code=0)
    act(tw, "partner", "accept", t.file("next.card", done.out))
    tw.run("peer", "add", "tokyo", "--partner", "JPCERT", "--every", "never", "--offline", code=0)


def lying(jp_home, objects, **switches):
    return BadTaxii(jp_home.path / "tls" / "cert.pem", jp_home.path / "tls" / "key.pem", objects, **switches)


def sync(tw, code=(0, 1, 3)):
    return tw.json("peer", "sync", "tokyo", code=code)


def test_sends_what_it_may_not(t):
    """Our objects changed and withdrawn, another partner's, TLP:RED, what is outside of the agreement, exercises as real, no STIX at all."""
    tw, jp_home, us_home, _ = nodes(t)
    later = "2026-06-01T00:00:00.000Z"
    deep = indicator(70)
    deep["x_deep"] = json.loads("[" * 300 + "]" * 300)
    evil = [indicator(1, modified=later, revoked=True), indicator(2, modified=later, pattern="[domain-name:value = 'www.city.example']", name=CANARY),
            indicator(3, modified=later, revoked=True), indicator(60, name=CANARY, **marked("red")),
            thing("threat-actor", 61, name=CANARY, threat_actor_types=["crime-syndicate"]),
            thing("identity", 62, name=f"{CANARY} victim", identity_class="individual", contact_information="a@b.example"),
            thing("marking-definition", 63, definition_type="tlp", definition={"tlp": "red"}), deep, {"type": "indicator", "id": "indicator--no"},
            {"type": "x", "id": "x--" + "9" * 5000}, 7, "text", None, [], indicator(64, name="x" * 3000000)]
    evil[6]["id"] = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"  # TLP:CLEAR is to become red
    us = dishonest(tw, us_home)
    with lying(jp_home, evil) as bad, tw.serve() as running:
        serving(t, tw, jp_home, bad)
        before = {o["id"]: o for o in json.loads(until(lambda: us.ask(running, "GET", OTHERS)[1], "objects"))["objects"]}
        exported = tw.run("export", "list", "--kind", "domain-name", code=0).out.split()
        reports = sync(tw)
        true(reports[0]["rejected"] >= 6, f"what is no STIX is refused: {reports}")
        listed = tw.json("rejected", "list", "--source", "tokyo")
        listed = listed["rejected"] if isinstance(listed, dict) else listed
        true(len(listed) >= 6, "and kept with its reason")
        time.sleep(2)
        now = tw.run("export", "list", "--kind", "domain-name", code=0).out.split()
        for value in ("h1.evil.example", "h2.evil.example", "h3.evil.example"):
            true(value in exported and value in now, f"{value} is in force as before: {now}")
        after = {o["id"]: o for o in json.loads(us.ask(running, "GET", OTHERS + "?match[version]=last")[1])["objects"]}
        equal({i: after.get(i) for i in before}, before, "what goes to the other partner is as before")
        true(CANARY not in json.dumps(after), "and holds nothing of the dishonest one's")
        own = [o for o in tw.json("look", indicator(2)["id"])["objects"] if o["source"] == "cert"]
        equal([o["object"] for o in own], [indicator(2)], "ours is as we wrote it")
        for n in (1, 2, 60, 61):
            i = evil[{1: 0, 2: 1, 60: 3, 61: 4}[n]]["id"]
            equal(tw.json("explain", i, "--to", "USCERT")["goes"] and n not in (1, 2), False, f"{n}: not on to others")
    tw.verified()


BORNE_SILENTLY = {"says gzip and is not"}  # it says nothing of the data


def test_lies_of_its_server(t):
    """Endless pages, `more` without end, dates backwards, wrong totals, packed bombs, answers that break: borne, named, and over in time."""
    tw, jp_home, us_home, _ = nodes(t)
    us = dishonest(tw, us_home)
    objects = [indicator(n) for n in range(100, 160)]
    bomb = gzip.compress(b'{"objects":[' + b" " * (600 << 20) + b"]}", 9)
    lies = {"endless pages": dict(endless="pages"), "the first page for ever": dict(endless="full", page=20), "next that never changes": dict(next="same", page=20),
            "dates to come": dict(dates="future"), "dates backwards": dict(dates="swapped", page=20), "a web page": dict(web_page=True),
            "broken pages": dict(cut=range(200), page=20), "says gzip and is not": dict(gzip="label"), "redirects": dict(redirect="loop")}
    if not NIGHTLY:  # these wait between tries, as they should
        lies = {what: lies[what] for what in lies if what not in ("broken pages", "redirects", "the first page for ever")}
    with tw.serve() as running:
        with lying(jp_home, objects) as bad:
            serving(t, tw, jp_home, bad)
            honest = bad.s
            for what, switches in lies.items():
                bad.s, asked, began = type("switches", (honest,), switches), len(bad.log), time.monotonic()
                with Pace(running, us, OTHERS + "?limit=1") as pace:
                    sync(tw)
                took, asked = time.monotonic() - began, len(bad.log) - asked
                true(took < 60 and asked < 400, f"{what}: over after {took:.1f} s and {asked} requests")
                shown = tw.json("peer", "show", "tokyo")
                named = [c["notes"] or c["error"] for c in shown["collections"]] + [shown["error"]]
                true(any(named) or what in BORNE_SILENTLY, f"{what}: named: {shown}")
                true(pace.of(0.95) < 1.5, f"{what}: the other partner waited {pace.of(0.95):.2f} s")
            bad.s = honest
            bad_answer(bad, bomb)
            with Pace(running, us, OTHERS + "?limit=1") as pace:
                sync(tw)
            true(tw.json("peer", "show", "tokyo")["error"], "a bomb of 600 MB is refused, and said")
        true(pace.of(0.95) < 1.5, f"bomb: the other partner waited {pace.of(0.95):.2f} s")
        print(f"  under a bomb the other partner waited {pace.of(0.5) * 1000:.0f} ms (median), {pace.of(1) * 1000:.0f} ms at most", flush=True)
    tw.verified()


def bad_answer(bad, packed):
    """Every page of objects is this, packed."""
    handler = bad.httpd.RequestHandlerClass
    real = handler.do_GET

    def get(self):
        if "/objects" not in self.path:
            return real(self)
        self.send_response(200)
        for name, value in (("Content-Type", TYPE), ("Content-Encoding", "gzip"), ("Content-Length", str(len(packed)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(packed)
    handler.do_GET = get


# ---- floods

def test_floods(t):
    """Thousands of connections, requests and bodies: the other partner is served in its usual time."""
    tw, jp_home, us_home, _ = nodes(t)
    jp, us = dishonest(tw, jp_home), dishonest(tw, us_home)
    with tw.serve() as running:
        until(lambda: b"indicator" in us.ask(running, "GET", OTHERS)[1], "the other has something")
        with Pace(running, us, OTHERS) as usual:
            time.sleep(2)
        with Pace(running, us, OTHERS) as connections:
            kept = open_connections(running, 2000)
            time.sleep(1)
            for s in kept:
                linger_free(s)
        ends = threading.Event()

        def hammer(method, path, body):
            while not ends.is_set():
                try:
                    c = jp.connect(running, 5)
                    for _ in range(200):
                        if ends.is_set():
                            break
                        c.request(method, path, body, {"Accept": TYPE, "Content-Type": TYPE})
                        c.getresponse().read()
                    c.close()
                except Exception:
                    time.sleep(0.01)
        work = [("GET", f"{BASE}/objects/?limit=1000", None), ("GET", f"{BASE}/manifest/?limit=1000", None), ("GET", "/share/collections/nowhere/", None),
                ("POST", f"{BASE}/objects/", b'{"objects":[' + b"7," * 50000 + b"7]}"), ("POST", "/witness/add-checkpoint", b"old 0\n\nx")] * 4
        threads = [threading.Thread(target=hammer, args=w) for w in work]
        with Pace(running, us, OTHERS) as requests:
            for thread in threads:
                thread.start()
            time.sleep(5)
            ends.set()
            for thread in threads:
                thread.join()
        for what, pace in (("usual", usual), ("2000 connections", connections), ("20 clients without pause", requests)):
            print(f"  {what}: the other partner waits {pace.of(0.5) * 1000:.0f} ms (median), {pace.of(0.95) * 1000:.0f} ms (p95), of {len(pace.times)}", flush=True)
            true(pace.of(0.95) < 1.5 and len(pace.times) > 5, f"{what}: {pace.of(0.95):.2f} s")
        equal(us.ask(running, "GET", OTHERS)[0], 200, "and afterwards")
    tw.verified()


if __name__ == "__main__":
    node.main(globals())
