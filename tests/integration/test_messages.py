"""Messages between nodes: pushed at once, fetched as a fallback, delivered once and in order, acknowledged; what is wrong is refused."""
import base64
import hashlib
import http.client
import json
import random
import socket
import ssl
import subprocess
import threading
import time
import uuid

import node
from messages import OBJECTS, PKCS8, Partner, TAXII, at, canonical, opened, pae, public_of, seed_of, sign, signed_by
from node import NIGHTLY, equal, true, until
from test_partners import act, once, strangers
from test_witness import card, free_port, pair, serve


def probe(home, to, *more):
    return home.json("messages", "probe", "--partner", to, *more)["id"]


def message(home, id):
    return home.json("messages", "show", id)


def acknowledged(home, id, seconds=15):
    return until(lambda: (m := message(home, id))["acknowledged"] and m, f"{id} acknowledged", seconds)


def card_id(home, name):
    return home.json("partner", "show", name)["card"]["id"]


def partner_of(home, running, other, port=None):
    """Speaks for `home` to `other`, which runs."""
    return Partner(home, running, card_id(other, home.called), card_id(home, other.called), port)


def refusals(home):
    return {r["why"]: r["count"] for r in home.json("messages", "refusals")}


def set_conf(home, **items):
    with open(home.path / "noroshi.conf", "a") as f:
        for key, value in items.items():
            f.write(f"{key.replace('__', '.')} = {value}\n")


def seconds(text):
    return float(text[17:-1]) + 60 * int(text[14:16])


def test_a_message_is_pushed_within_a_second(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports), serve(tw, ports):
        acknowledged(tw, probe(tw, "JPCERT"))  # threads and pins are there
        took = []
        for _ in range(5):
            sent = acknowledged(tw, probe(tw, "JPCERT"))
            took.append((seconds(sent["acknowledged"]) - seconds(sent["created"])) % 3600)
        print(f"   acknowledged after {sorted(took)[2] * 1000:.0f} ms (median of 5; {max(took) * 1000:.0f} at most)")
        true(sorted(took)[2] < 1, f"pushed at once: {took}")
        answer = json.loads(sent["text"])
        equal((sent["accepted"], sent["attempts"], answer["node"], answer["nonce"]), (True, 0, "jpcert.example", sent["body"]["nonce"]), "what came back")
        got = message(jp, sent["id"])
        equal([got[k] for k in ("direction", "counter", "body_sha256", "created")], ["in", 6] + [sent[k] for k in ("body_sha256", "created")], "there")
        acknowledged(jp, probe(jp, "TWCERT"))
    for home in (tw, jp):
        home.verified()
        before = home.json("messages", "list")
        equal(len(before), 7, "on record")
        home.run("rebuild", code=0)
        equal(home.json("messages", "list"), before, "after rebuild")


def test_what_cannot_be_pushed_is_fetched(t):
    tw, jp, ports = pair(t)
    set_conf(tw, messages__pull="1s")
    away = {**ports, tw.called: free_port()}  # its card names another port: nobody reaches it
    with serve(jp, ports), serve(tw, away):
        ids = [probe(jp, "TWCERT") for _ in range(3)]
        for id in ids:
            true(acknowledged(jp, id)["accepted"], "fetched, and acknowledged by who fetched it")
        equal([m["id"] for m in tw.json("messages", "list")], ids[::-1], "in order")
        status = jp.json("status")["messages"]
        equal((status["waiting"], status["overdue"], status["oldest"]), (0, 0, None), "nothing waits")


def test_nothing_is_lost_or_doubled_by_kill_9(t):
    tw, jp, ports = pair(t)
    set_conf(tw, messages__pull="1s")
    set_conf(jp, messages__pull="1s")
    sent, rounds, luck = [], 12 if NIGHTLY else 4, random.Random(20261123)
    for round in range(rounds):
        with serve(jp, ports) as b, serve(tw, ports) as a:
            for _ in range(4):
                sent.append(probe(tw, "JPCERT"))
            time.sleep(luck.random() * 0.6)
            (a, b)[round % 2].kill()
            if luck.random() < 0.5:
                (b, a)[round % 2].kill()
    got = {m["id"] for m in jp.json("messages", "list", "--limit", "1000")}
    on_record = {m["id"] for m in tw.json("messages", "list", "--limit", "1000")}
    true(got <= on_record, f"sent and not on record: {got - on_record}")
    equal(on_record, set(sent), "what was queued stayed queued")
    with serve(jp, ports), serve(tw, ports):
        for id in sent:
            true(acknowledged(tw, id)["accepted"], id)
    got = jp.json("messages", "list", "--limit", "1000")
    equal([m["id"] for m in got], sent[::-1], "each once, in order")
    equal([m["counter"] for m in got], list(range(len(sent), 0, -1)), "counters")
    for home in (tw, jp):
        home.verified()


def test_the_same_message_gets_the_same_answer(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        first = p.message(1)
        envelope = p.seal(first)
        ack = p.taken(envelope)
        true(all(p.taken(envelope) == ack for _ in range(3)), "the same bytes")
        said = json.loads(ack)
        payload = base64.b64decode(said["payload"])
        true(signed_by(public_of(jp), pae(payload), base64.b64decode(said["signatures"][0]["sig"])), "openssl says so")
        receipt = opened(said)
        equal(payload, canonical(receipt), "canonical")
        equal((receipt["kind"], receipt["counter"], receipt["body"]["message"], receipt["body"]["accepted"]), ("ack", 0, first["id"], True), "receipt")
        fresh = p.seal({**first, "created": at(1), "expires": at(7200)})
        equal(p.taken(fresh), ack, "written anew, it is still the same message")
        running.stop()
    with serve(jp, ports) as running:
        p.port = running.port
        equal(p.taken(envelope), ack, "and after a restart")
        equal(len(jp.json("messages", "list")), 1, "one message")
        equal(refusals(jp), {}, "nothing was refused")


def test_what_is_wrong_is_refused_and_counted(t):
    tw, jp, ports = pair(t)
    us = strangers(t)[2]
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        ok = p.message(5)
        p.taken(p.seal(ok))
        deep = b'{"a":' * 70 + b"1" + b"}" * 70
        head = canonical(p.message(9)).split(b'{"nonce":"n"}')
        cases = [
            ("order", p.seal(p.message(5))), ("order", p.seal(p.message(1))), ("order", p.seal(p.message(4))),
            ("replay", p.seal({**ok, "body": {"nonce": "other"}})), ("replay", p.seal({**ok, "counter": 6})),
            ("signature", p.seal(p.message(6), seed=seed_of(us))), ("signature", p.seal(p.message(6), seed=seed_of(jp))),
            ("address", p.seal(p.message(6, **{"from": str(uuid.uuid4())}))), ("address", p.seal(p.message(6, to=str(uuid.uuid4())))),
            ("address", p.seal(p.message(6, **{"from": p.other, "to": p.me}))),
            ("time", p.seal(p.message(6, created=at(400)))),
            ("expired", p.seal(p.message(6, created=at(-7200), expires=at(-3600)))),
            ("form", p.seal(p.message(6), type="application/vnd.noroshi.partner+json;v=1")),
            ("form", p.seal(p.message(6, more=1))), ("form", p.seal({k: v for k, v in p.message(6).items() if k != "v"})),
            ("form", p.seal(p.message(6, v=2))), ("form", p.seal(p.message(0))), ("form", p.seal(p.message(-1))),
            ("form", p.seal(p.message(6, expires=at(40 * 86400)))), ("form", p.seal(p.message(6, kind="Probe"))),
            ("form", p.seal(json.dumps(p.message(6)).encode())), ("form", p.seal(b"")), ("form", p.seal(b"[]")),
            ("form", p.seal(head[0] + deep + head[1])),
            ("form", {**p.seal(p.message(6)), "signatures": []}),
            ("ack", p.seal(p.message(0, kind="ack", body={"accepted": True, "message": str(uuid.uuid4())}))),
        ]
        want = {}
        for why, envelope in cases:
            said = p.refused(envelope)
            want[why] = want.get(why, 0) + 1
            equal(refusals(jp), want, f"{why}: {said}")
        equal([m["counter"] for m in jp.json("messages", "list")], [5], "none of them was handled")
        health = jp.json("status")["health"]
        equal([(h["what"], h["partner"]) for h in health], [("clock", tw.called)], "the clock is a health item")
        true("future" in health[0]["text"], health)
        # What a kind refuses is refused for good, and said so under our signature.
        for why, more in (("kind", {"kind": "nonsense"}), ("content", {"body": {"nonce": ""}})):
            receipt = opened(json.loads(p.taken(p.seal(p.message(p_next(jp), **more)))))["body"]
            equal((receipt["accepted"], bool(receipt["text"]), refusals(jp)[why]), (False, True, 1), why)
        p.taken(p.seal(p.message(p_next(jp), created=at(240))))  # within five minutes
        jp.run("messages", "list", code=0)
        jp.run("messages", "refusals", code=0)
    jp.verified()


def p_next(home):
    return home.json("messages", "list")[0]["counter"] + 1


def test_what_follows_a_refusal_does_not_overtake_it(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        late = p.seal(p.message(2, created=at(400)))
        status = p.post(p.seal(p.message(1)), late, p.seal(p.message(3)))
        equal((status["status"], status["success_count"], status["failure_count"], status["pending_count"]), ("complete", 1, 2, 0), status)
        true("before it" in status["failures"][1]["message"], status)
        p.taken(p.seal(p.message(2)))
        p.taken(p.seal(p.message(3)))


def test_sizes(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports) as running, serve(tw, ports):
        p = partner_of(tw, running, jp)
        answer = None
        try:
            answer = p.ask("POST", OBJECTS, b"{" + b" " * (16 << 20) + b" " * (1 << 17) + b"}").status
        except (ConnectionError, ssl.SSLError, BrokenPipeError):
            pass
        true(answer in (413, None), f"more than an envelope may have: {answer}")
        for body in (b"", b"{}", b"[]", b'{"objects":[]}', b'{"objects":{}}', b"[" * 100000, b'{"objects":[' + b"{}," * 1000 + b"{}]}"):
            equal(p.ask("POST", OBJECTS, body or b" ").status, 422, body[:40])
        equal(p.ask("POST", OBJECTS, b'{"objects":[1]}').json()["failure_count"], 1, "no object")
        equal(refusals(jp), {}, "what carries no message is none that was refused")
        true("larger than" in tw.run("messages", "probe", "--partner", "JPCERT", "--bytes", str(8 << 20), code=3).err, "too large to send")
        sent = acknowledged(tw, probe(tw, "JPCERT", "--bytes", str((8 << 20) - 200)), 60)
        equal((sent["accepted"], sent["body"]), (True, None), "as large as a body may be: on record by its sum")
        equal(message(jp, sent["id"])["body_sha256"], sent["body_sha256"], "the same")


def test_only_active_partners_know_that_there_are_messages(t):
    tw, jp, ports = pair(t)
    us = strangers(t)[2]
    key = jp.run("key", "make", "siem", "--role", "client", code=0).out.split()[0]
    set_conf(tw, messages__pull="1h")
    with serve(jp, ports) as running:
        p, stranger = partner_of(tw, running, jp), Partner(us, running, str(uuid.uuid4()), str(uuid.uuid4()))
        nobody = running.client()
        known = {"Authorization": f"Bearer {key}"}

        def same_as_nothing(ask):
            for method, body, paths in (("GET", None, ("/messages/", "/messages", OBJECTS + "?limit=1")), ("POST", b'{"objects":[]}', (OBJECTS,))):
                for path in paths:
                    shown = [ask(method, x, body) for x in (path, path.replace("messages", "massages", 1))]
                    got = [(a.status, a.body, sorted((k, v) for k, v in a.headers.items() if k != "date")) for a in shown]
                    equal(got[0], got[1], f"{method} {path}")
                    equal(got[0][0], 404, path)

        jp_waits = probe(jp, "TWCERT")
        same_as_nothing(stranger.ask)
        same_as_nothing(lambda m, x, b: nobody.ask(m, x, b, headers={"Accept": TAXII}))
        same_as_nothing(lambda m, x, b: nobody.ask(m, x, b, headers={"Accept": TAXII, **known}))
        equal(p.ask("GET", "/messages/").json()["versions"], [TAXII], "a partner sees the root")
        equal([c["id"] in OBJECTS for c in p.ask("GET", "/messages/collections/").json()["collections"]], [True], "and its collection")
        true("/messages/" in p.ask("GET", "/taxii2/").json()["api_roots"], "discovery")
        true("messages" not in nobody.ask("GET", "/taxii2/", headers=known).body.decode(), "not for others")
        equal(p.ask("GET", "/messages/collections/00000000-0000-4000-8000-000000000000/objects/").status, 404, "another collection")
        equal(p.ask("GET", OBJECTS, headers={"Accept": "text/html"}).status, 406, "negotiation")
        equal(p.ask("GET", OBJECTS + "?match%5Btype%5D=x").status, 400, "filters")
        equal([m["id"] for m in p.waiting()], [jp_waits], "what waits for it")
        act(jp, "partner", "suspend", "TWCERT")
        same_as_nothing(p.ask)
        true("not active" in jp.run("messages", "probe", "--partner", "TWCERT", code=3).err, "nor does anything go")
        act(jp, "partner", "resume", "TWCERT")
        until(lambda: p.ask("GET", OBJECTS).status == 200, "certificates are asked for again")
        equal([m["id"] for m in p.waiting()], [jp_waits], "resumed")
        act(jp, "partner", "end", "TWCERT")
        same_as_nothing(p.ask)


def test_pages_of_what_waits(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        ids = [probe(jp, "TWCERT") for _ in range(5)]
        equal([m["id"] for m in p.waiting()], ids, "oldest first")
        got, after = [], None
        while True:
            a = p.ask("GET", OBJECTS + "?limit=2" + (f"&added_after={after}" if after else ""))
            if a.body == b"{}":
                break
            page = [opened(o["envelope"])["id"] for o in a.json()["objects"]]
            true(a.headers["x-taxii-date-added-first"] > (after or ""), "rising")
            equal(a.json().get("more", False), len(got) + len(page) < 5, "more")
            after = a.headers["x-taxii-date-added-last"]
            got += page
        equal(got, ids, "pages")
        # An acknowledgement that is posted takes its message away; one that lies about another's does nothing.
        ack = p.message(0, kind="ack", body={"accepted": True, "message": ids[0]})
        p.post(p.seal(ack))
        equal([m["id"] for m in p.waiting()], ids[1:], "acknowledged")
        equal(p.post(p.seal(ack))["success_count"], 1, "again is no harm")
        equal(message(jp, ids[0])["accepted"], True, "on record")
        equal(len([r for r in jp.rows("SELECT * FROM message WHERE sent = 1")]), 5, "rows")


def test_a_message_key_that_was_replaced_is_no_key(t):
    tw, jp, ports = pair(t)
    old = seed_of(tw)
    envelope = json.loads(card(t, tw, ports[tw.called])[0].read_text())
    new_seed = bytes(range(32))
    fresh = make_vkey(new_seed, "twcert.example/messages")
    document = {**opened(envelope), "version": int(time.time()) + 5, "messages": fresh}
    payload = canonical(document)
    kind = envelope["payloadType"]
    both = [{"keyid": "", "sig": base64.b64encode(sign(seed, pae(payload, kind))).decode()} for seed in (old, new_seed)]
    rotated = t.file("rotated.card", json.dumps({**envelope, "payload": base64.b64encode(payload).decode(), "signatures": both}))
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        p.taken(p.seal(p.message(1)))
        act(jp, "partner", "accept", rotated)
        p.refused(p.seal(p.message(2)))
        equal(refusals(jp), {"signature": 1}, "the old key is no key any more")
        p.taken(p.seal(p.message(2), seed=new_seed))


def make_vkey(seed, name):
    der = subprocess.run(["openssl", "pkey", "-inform", "DER", "-pubout", "-outform", "DER"], input=PKCS8 + seed, capture_output=True, check=True).stdout
    key = b"\x01" + der[-32:]
    number = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex()
    return f"{name}+{number}+{base64.b64encode(key).decode()}"


def test_old_keys_are_a_health_item(t):
    tw, jp, _ = strangers(t)
    envelope = json.loads(card(t, tw, free_port())[0].read_text())
    payload = canonical({**opened(envelope), "version": int(time.time()) - 100 * 86400})
    sig = base64.b64encode(sign(seed_of(tw), pae(payload, envelope["payloadType"]))).decode()
    old = t.file("old.card", json.dumps({**envelope, "payload": base64.b64encode(payload).decode(), "signatures": [{"keyid": "", "sig": sig}]}))
    sum = hashlib.sha256(payload).digest()
    digits = " ".join(f"{int.from_bytes(sum[i:i + 4], 'big') % 10000:04}" for i in range(0, 32, 4))
    act(jp, "partner", "accept", old, "--fingerprint", digits)
    equal(jp.json("status")["health"], [], "not active yet")
    act(jp, "partner", "confirm", tw.called, "--fingerprint", digits, by="lin")
    health = jp.json("status")["health"]
    equal([(h["what"], h["partner"]) for h in health], [("keys", tw.called)], "health")
    true("100 days" in health[0]["text"], health)
    true("older than 90 days" in jp.run("partner", "list", code=0).out, "list")
    true("100 days" in jp.run("status", code=0).out, "status for people")
    act(jp, "partner", "accept", card(t, tw, free_port())[0])
    equal(jp.json("status")["health"], [], "a new card")


def test_a_restored_node_goes_on_above_its_counters(t):
    tw, jp, ports = pair(t)
    backup, again = t.path("backup"), t.path("again")
    with serve(jp, ports), serve(tw, ports):
        acknowledged(tw, probe(tw, "JPCERT"))
        tw.run("backup", backup, code=0)
        for _ in range(3):
            acknowledged(tw, probe(tw, "JPCERT"))
    node.run("restore", backup, again, code=0)
    tw2 = node.Home(again)
    tw2.called = tw.called
    with serve(jp, ports), serve(tw2, ports):
        sent = acknowledged(tw2, probe(tw2, "JPCERT"))
        true(sent["accepted"] and sent["counter"] > 4, sent)
    equal(refusals(jp), {}, "no counter came twice")


def trio(t):
    tw, jp, us = strangers(t)
    ports = {h.called: free_port() for h in (tw, jp, us)}
    for other in (jp, us):
        for a, b in ((tw, other), (other, tw)):
            file, digits = card(t, b, ports[b.called])
            act(a, "partner", "accept", file, "--fingerprint", digits)
            act(a, "partner", "confirm", b.called, "--fingerprint", digits, by="lin")
    return tw, jp, us, ports


three = once("three", trio)


def test_a_partner_that_hangs_delays_nobody(t):
    tw, jp, us, ports = three(t)
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", ports[us.called]))
        hanging.listen(50)  # connections are made, and nothing is ever said
        with serve(jp, ports), serve(tw, ports):
            acknowledged(tw, probe(tw, "JPCERT"))
            stuck = [probe(tw, "USCERT") for _ in range(3)]
            time.sleep(0.5)
            for _ in range(3):
                sent = acknowledged(tw, probe(tw, "JPCERT"))
                took = (seconds(sent["acknowledged"]) - seconds(sent["created"])) % 3600
                true(took < 2, f"{took} s beside one that hangs")
            began = time.monotonic()
        true(time.monotonic() - began < 8, "and the node stops at once")
        equal([message(tw, id)["acknowledged"] for id in stuck], [None] * 3, "they wait")


def tls(context, port, path="/messages/"):
    c = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        c.request("GET", path, headers={"Accept": TAXII})
        r = c.getresponse()
        return r.status, r.read(), sorted((k, v) for k, v in r.getheaders() if k != "Date")
    finally:
        c.close()


def test_the_partners_own_listener(t):
    tw, jp, ports = pair(t)
    us = strangers(t)[2]
    inner = free_port()
    set_conf(jp, http__partner_listen=f"127.0.0.1:{ports[jp.called]}")
    with jp.serve(listen=f"127.0.0.1:{inner}") as running, serve(tw, ports):
        true(acknowledged(tw, probe(tw, "JPCERT"))["accepted"], "messages come by the card's address")
        equal(tw.run("witness", "ask", code=0).out, "1 partners asked, 1 cosigned\n", "so do checkpoints")
        door = partner_of(tw, running, jp, ports[jp.called])
        p = partner_of(tw, running, jp)
        stranger = Partner(us, running, "", "")
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
        answers = [tls(c, door.port, path) for c in (stranger.context, bare)
                   for path in ("/messages/", "/taxii2/", "/api/v1/status", "/healthz", "/", "/" + "x" * 20000, "/%", "/witness/checkpoint")]
        true(all(a == answers[0] for a in answers) and answers[0][0] == 404, f"one answer for everybody else: {answers}")
        for path, want in (("/messages/", 200), ("/taxii2/", 200), ("/witness/checkpoint", 200), ("/api/v1/status", 404), ("/healthz", 404), ("/", 404), ("/metrics", 404)):
            equal(door.ask("GET", path).status, want, path)
        equal(p.ask("GET", "/messages/").status, 404, "partners' keys are nobody's at the other listener")
        equal(p.ask("GET", "/taxii2/").status, 401, "nor does TAXII know them")
        equal(running.client().get("/healthz").status, 200, "which serves all the rest")
        for version, good in ((ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)):
            c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
            c.load_cert_chain(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem")
            c.minimum_version = c.maximum_version = version
            try:
                equal((tls(c, door.port)[0], good), (200, True), str(version))
            except ssl.SSLError:
                true(not good, f"{version} is refused")


def test_the_vector_of_the_docs(t):
    lines = [x.strip() for x in (node.REPO / "docs" / "messages.md").read_text().split("## Vector")[1].splitlines() if x.startswith("    ")]
    text, signature = lines[0].encode(), base64.b64decode(lines[1])
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    equal(canonical(json.loads(text)), text, "canonical")
    equal(sign(seed, pae(text)), signature, "openssl signs the same")
    true(signed_by(public, pae(text), signature), "and verifies it")
    true(not signed_by(public, pae(text + b" "), signature), "not another")


def test_flooding_is_bounded(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports) as running:
        p = partner_of(tw, running, jp)
        bad = json.dumps({"objects": [p.carry({"payload": "", "payloadType": "x", "signatures": []})]})
        codes = []

        def flood():
            for _ in range(25):
                codes.append(p.ask("POST", OBJECTS, bad).status)

        threads = [threading.Thread(target=flood) for _ in range(4)]
        for x in threads:
            x.start()
        for x in threads:
            x.join()
        true(set(codes) <= {202, 503}, f"{set(codes)}")
        rows = jp.json("messages", "refusals")
        equal([(r["why"], r["count"]) for r in rows], [("form", codes.count(202))], "one row")
        p.taken(p.seal(p.message(1)))


if __name__ == "__main__":
    node.main(globals())
