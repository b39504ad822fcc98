"""Nothing leaves but what may, over real HTTPS: random things with a canary of their own in every member, one partner, every address it can ask.
Two nodes that differ only in what is denied answer with the same bytes, but for times. tests/unit/test_no_leak.c does the same for all agreements.

    NOROSHI_SEED=7 NOROSHI=build/noroshi python3 tests/integration/test_no_leak.py
"""
import base64
import contextlib
import gzip
import json
import os
import random
import re
import subprocess
import urllib.parse
import zlib

import node
from leaks import BASE, HEAD, TLP, marked, nodes, settled, Who
from node import NIGHTLY, equal, true, until
from taxii import TYPE, identifier
from test_taxii import certificate

SEED = int(os.environ.get("NOROSHI_SEED", random.SystemRandom().randrange(2**32)))
THINGS = 1500 if NIGHTLY else 200
OPEN = "zqopen"  # in what may go; "zqshut" stands in what may not
LEVELS = ["clear", "green", "amber"]


class Maker:
    """Things by chance: each with the reason why it stays, or None."""

    def __init__(self, r):
        self.r, self.n, self.made = r, 0, []

    def word(self, stays):
        self.n += 1
        return f"{'zqshut' if stays else OPEN}{self.n:06d}{self.r.randrange(10**6):06d}qz"

    def head(self, kind, **more):
        return {"type": kind, "id": identifier(kind, f"{SEED} {len(self.made)}"), **HEAD, **more}

    def one(self):
        r = self.r
        reason = r.choice([None, None, None, *REASONS])
        w = lambda: self.word(reason)  # noqa: E731
        kind = r.choice(["indicator", "malware", "attack-pattern"])
        o = self.head("indicator" if reason == "expired" else kind, name=w(), **marked(*r.choices(LEVELS, k=r.choice([1, 1, 2]))))
        if o["type"] == "indicator":
            o.update(pattern=f"[domain-name:value = '{w()}.example']", pattern_type="stix", valid_from="2026-01-01T00:00:00Z")
        if o["type"] == "malware":
            o.update(is_family=False)
        for name, value in (("description", w()), ("labels", [w()]), ("x_note", {"deep": [[{"inner": w()}]]}), ("external_references", [
                {"source_name": w(), "url": f"https://h.example/{w()}"}]), ("aliases" if o["type"] != "indicator" else "x_list", [w(), w()])):
            if r.random() < 0.4:
                o[name] = value
        if r.random() < 0.2:
            o["extensions"] = {f"extension-definition--{TLP['unknown']}": {"extension_type": "property-extension", "said": w()}}
        if reason:
            REASONS[reason](self, o, w)
        self.made.append((o, reason))


def mark(*levels):
    return lambda m, o, w: o.update(marked(*levels))


def person(m, o, w):
    text = m.r.choice([f"by {w()}@people.example", f"by {w()}%40people.example", f"by {w()}[at]people.example", f"by {w()}＠people.example"])
    o[m.r.choice(["description", "x_by"])] = text


def become(kind, **members):
    def change(m, o, w):
        for name in set(o) - {"spec_version", "created", "modified", "name", "description", "labels", "object_marking_refs", "x_note"}:
            del o[name]
        o.update({"type": kind, "id": identifier(kind, f"{SEED} {len(m.made)}"), **{k: v() if callable(v) else v for k, v in members.items()}})
        if kind in ("relationship", "identity", "sighting", "report"):
            o["x_word"] = w()
    return change


REASONS = {
    "red": mark("red"), "above": mark("strict"), "unknown": mark("unknown"), "doubled": mark("clear", "red"),
    "a part is red": lambda m, o, w: o.update(granular_markings=[{"marking_ref": f"marking-definition--{TLP['red']}", "selectors": ["name"]}]),
    "person": person, "expired": lambda m, o, w: o.update(valid_until="2026-01-05T00:00:00Z"),
    "actor": become("threat-actor"), "campaign": become("campaign"), "set": become("intrusion-set"),
    "refers to an actor": lambda m, o, w: o.update(x_actor_ref=identifier("threat-actor", 1)),
    "attributed": become("relationship", relationship_type="attributed-to", source_ref=identifier("malware", 1), target_ref=identifier("malware", 2)),
    "targets": become("relationship", relationship_type="targets", source_ref=identifier("malware", 1), target_ref=identifier("malware", 2)),
    "not listed": become("report", published="2026-01-01T00:00:00Z", object_refs=[identifier("malware", 1)]),
    "somebody": become("identity", identity_class="individual"),
}


def bundle(objects, escaped):
    """Non-ASCII and the at-sign escaped in one half of the things: JSON says the same in many ways."""
    text = ",".join(json.dumps(o).replace("@", "\\u0040") if i in escaped else json.dumps(o, ensure_ascii=False) for i, o in enumerate(objects))
    return f'{{"type":"bundle","id":"bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff","objects":[{text}]}}'


def undressed(raw):
    """The bytes, and what they say when an escape, a coding or a compression is taken off."""
    seen, found = [raw], [raw]
    for _ in range(2):
        for b in list(seen):
            new = []
            with contextlib.suppress(OSError, EOFError, zlib.error):  # not everything is compressed
                new.append(gzip.decompress(b))
            new.append(re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), b))
            new.append(urllib.parse.unquote_to_bytes(b))
            new.append(b.replace(b"\0", b""))
            for run in re.findall(rb"[A-Za-z0-9+/_-]{20,}", b):
                for at in range(4):
                    part = run[at:].replace(b"-", b"+").replace(b"_", b"/")
                    new.append(base64.b64decode(part[: len(part) // 4 * 4]))
            found += [x for x in new if x != b]
        seen, found = found, list(found)
    return b"\n".join(found)


class Asker:
    """A partner's TLS key, everything it is told searched, and kept without times for the other node's to be held against."""

    def __init__(self, running, home, shut):
        self.who, self.shut, self.said = Who(running, home), shut, []

    def ask(self, path, method="GET", **headers):
        answer = self.who.client.ask(method, path, headers={"Accept": TYPE, **headers})
        true(answer.status < 500, f"{path}: {answer}")
        raw = answer.body + json.dumps(answer.headers).encode()
        for text in (undressed(answer.body), undressed(json.dumps(answer.headers).encode())):
            true(b"zqshut" not in text.lower(), f"NOROSHI_SEED={SEED}: {method} {path}: {raw[:900]}")
            for i in self.shut:
                # an id that was asked for may be told back in a cursor or an error, nothing else
                true(i.encode() not in text or i in path, f"NOROSHI_SEED={SEED}: {method} {path} tells of {i}")
        body = gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
        plain = re.sub(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z|"next":"[^"]*"|"error_id":"[^"]*"', "", body.decode())
        told = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id") and not k.startswith("x-taxii-date")}
        if answer.headers.get("content-encoding") == "gzip":
            told.pop("content-length", None)
        self.said.append((method, path.split("&next=")[0], answer.status, told, plain))
        return json.loads(body) if answer.status == 200 and body else {}

    def walk(self, what, limit):
        ids, cursor = [], ""
        while True:
            page = self.ask(f"{BASE}/{what}/?limit={limit}{cursor}")
            ids += [o["id"] for o in page.get("objects", [])]
            if not page.get("more"):
                return ids
            cursor = "&next=" + page["next"]

    def everything(self, things):
        for path in ("/taxii2/", "/share/", "/share/collections/", f"{BASE}/", f"{BASE}/tombstones/", f"{BASE}/objects/?limit=x", f"{BASE}/nothing/",
                     f"{BASE}/objects/?match[version]=yesterday", f"{BASE}/objects/?next=AAAA", "/share/collections/none/objects/", "/nowhere/"):
            self.ask(path)
        for query in ("", "?match[version]=all", "?match[version]=first", "?added_after=2020-01-01T00:00:00Z", "?match[type]=threat-actor,malware",
                      "?match[spec_version]=2.0", "?match[spec_version]=2.1,2.0"):
            for what in ("objects", "manifest"):
                self.ask(f"{BASE}/{what}/{query}")
        self.ask(f"{BASE}/objects/", **{"Accept-Encoding": "gzip"})
        self.ask(f"{BASE}/objects/", method="HEAD")
        for o in things:
            for path in (f"objects/{o['id']}/", f"objects/{o['id']}/versions/", f"manifest/?match[id]={o['id']}"):
                self.ask(f"{BASE}/{path}")
        return self.walk("objects", 11), self.walk("manifest", 50)


def test_nothing_leaves_but_what_may(t):
    print(f"NOROSHI_SEED={SEED}", flush=True)
    r = random.Random(SEED)
    tw, jp, _, _ = nodes(t)
    m = Maker(r)
    for _ in range(THINGS):
        m.one()
    escaped = {i for i in range(THINGS) if r.random() < 0.5}
    goes = [o for o, reason in m.made if not reason]
    shut = [o["id"] for o, reason in m.made if reason]
    true(len(goes) > THINGS / 10 and {reason for _, reason in m.made} == {None, *REASONS}, "of everything something")
    less = tw.copy(t.path("less"))
    sample = r.sample([o for o, _ in m.made], 24)
    said = []
    for home, objects in ((tw, [o for o, _ in m.made]), (less, goes)):
        keep = {i for i, o in enumerate(objects) if any(o is m.made[k][0] for k in escaped)}
        report = home.intake("cert", t.file("b.json", bundle(objects, keep)), code=0)
        equal(report["totals"]["accepted"] >= len(objects), True, f"taken in: {report['totals']}")
        with home.serve() as running:
            asker = Asker(running, jp, shut)
            until(lambda: len(asker.who.objects("?limit=1000")) >= len(goes), "all that may go is there", 30)
            asker.said.clear()
            objects_seen, manifest_seen = asker.everything(sample)
            equal((sorted(objects_seen), sorted(manifest_seen)), (sorted(o["id"] for o in goes),) * 2, f"NOROSHI_SEED={SEED}: exactly what may go")
            log = running.messages()
            true("zqshut" not in log and OPEN not in log, "nor does the log hold what things say")
            said.append(asker.said)
    for a, b in zip(*said, strict=True):
        equal(a, b, f"NOROSHI_SEED={SEED}: what is denied changes an answer")


def test_a_certificate_whose_time_is_over(t):
    """The pinned key in a certificate that has expired is nobody's, and told what a stranger is told."""
    tw, jp, _, _ = nodes(t)
    key, old, stranger = jp.path / "tls" / "key.pem", t.path("old.pem"), certificate(t, "stranger")
    request, index = t.path("jp.csr"), t.file("index.txt", "")
    config = t.file("ca.conf", f"[ca]\ndefault_ca=x\n[x]\ndatabase={index}\nnew_certs_dir={t.directory}\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n"
                               "[p]\ncommonName=supplied\n")
    for args in (["req", "-new", "-key", key, "-subj", "/CN=jp", "-out", request],
                 ["ca", "-selfsign", "-batch", "-notext", "-config", config, "-keyfile", key, "-in", request, "-startdate", "20240101000000Z",
                  "-enddate", "20250101000000Z", "-out", old]):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
    with tw.serve() as running:
        settled(t, tw, Who(running, jp))
        answers = []
        for pair in ((old, key), stranger):
            client = running.client()
            client.context.load_cert_chain(*pair)
            answers.append(client.get(f"{BASE}/objects/", want=401, headers={"Accept": TYPE}))
        equal(json.loads(answers[0].body)["http_status"], json.loads(answers[1].body)["http_status"], "refused")
        true(b"JPCERT" not in answers[0].body, answers[0])


if __name__ == "__main__":
    node.main(globals())
