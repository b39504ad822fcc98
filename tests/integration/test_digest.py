"""Versions through the program, and the content digest against a computation of its own from the specification in docs/json.md."""
import hashlib
import json
import math
import uuid
from datetime import datetime, timezone

import node
from node import equal, run, true

ID = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
CLAIMS = uuid.UUID("6a1f5f0e-3b0c-4d57-9a55-6e6f726f7368")


def indicator(modified, value="gate.phish.example", **more):
    return dict({"type": "indicator", "spec_version": "2.1", "id": ID, "created": "2026-01-01T00:00:00.000Z", "modified": modified,
                 "pattern": f"[domain-name:value = '{value}']", "pattern_type": "stix", "valid_from": "2026-01-01T00:00:00Z"}, **more)


def bundle(t, *objects):
    return t.file("b.json", json.dumps({"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}))


def dns(t, name, second):
    return t.file("eve.json", json.dumps({"timestamp": f"2026-08-22T10:00:{second:02}.000000+0000", "event_type": "dns",
                                          "src_ip": "192.0.2.1", "dest_ip": "192.0.2.53",
                                          "dns": {"type": "query", "rrname": name, "rrtype": "A"}}) + "\n")


def test_revoked_ends_at_once(t):
    home = t.home("bundle", "sensor")
    first, gone = indicator("2026-01-01T00:00:00.000Z"), indicator("2026-01-02T00:00:00.000Z", revoked=True)
    home.intake("bundle", bundle(t, first))
    equal(home.intake("sensor", dns(t, "gate.phish.example", 1))["totals"]["matched"], 1, "matched before")
    true("\ngate.phish.example\n" in home.run("export", "list", "--kind", "domain-name", code=0).out, "exported before")
    home.intake("bundle", bundle(t, gone))
    equal(home.intake("sensor", dns(t, "gate.phish.example", 2))["totals"]["matched"], 0, "matched after")
    true("gate.phish.example" not in home.run("export", "list", "--kind", "domain-name", code=0).out, "exported after")
    true(ID not in home.run("export", "stix", "--objects", code=0).out, "nor as an object")
    shown = home.json("look", ID, "--version", "last")["objects"]
    equal([(o["revoked"], o["object"]) for o in shown], [(True, gone)], "readable as revoked")
    equal([o["object"] for o in home.json("look", ID, "--version", "2026-01-01T00:00:00Z")["objects"]], [first], "the older one")
    equal(len(home.json("look", ID, "--version", "all")["objects"]), 2, "all")
    back = indicator("2026-01-03T00:00:00.000Z")
    equal(home.intake("bundle", bundle(t, back))["totals"]["rejected"], 1, "revoked is final")
    equal(home.intake("sensor", dns(t, "gate.phish.example", 3))["totals"]["matched"], 0, "matched after that")
    other = indicator("2026-01-01T00:00:00.000Z", "other.phish.example")
    equal(home.intake("bundle", bundle(t, other))["totals"]["rejected"], 1, "a conflict")
    numbers = [r["number"] for r in home.json("rejected", "list")["rejected"]]
    texts = [home.json("rejected", "show", n) for n in numbers]
    equal([(json.loads(x["bytes"]), json.loads(x["against"])) for x in texts], [(back, gone), (other, first)], "both texts")
    home.run("look", ID, "--version", "yesterday", code=2)
    with home.serve() as running:
        client = running.client()
        client.sign_in(want=200)
        for version, count in ("all", 2), ("last", 1), ("2026-01-01T00:00:00Z", 1), ("2026-01-09T00:00:00Z", 0):
            answer = client.get(f"/api/v1/look?value={ID}&version={version}").json()
            equal(len(answer["objects"]), count, version)
        client.get(f"/api/v1/look?value={ID}&version=yesterday", want=400)
    home.run("look", "192.0.2.1", "--version", "all", code=2)
    home.verified()


# ---- the digest, from its specification alone

def number(x):
    """ECMAScript's Number::toString, which RFC 8785 asks for."""
    if isinstance(x, int):
        return str(x)
    if x == 0:
        return "0"
    if x == math.floor(x) and abs(x) < 1e21:
        return str(int(x))
    text = repr(x)
    if "e" in text:
        mantissa, exponent = text.split("e")
        power = int(exponent)
        if -6 <= power < 0:
            return format(x, f".{len(mantissa.replace('.', '').lstrip('-')) - 1 - power}f")
        return f"{mantissa.removesuffix('.0')}e{'+' if power > 0 else ''}{power}"
    return text


def canonical(v):
    if isinstance(v, dict):
        keys = sorted(v, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(k)}:{canonical(v[k])}" for k in keys) + "}"
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    if isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if isinstance(v, bool) or v is None:
        return json.dumps(v)
    return number(v)


def sha(v):
    return hashlib.sha256(canonical(v).encode()).hexdigest()


def instant(text):
    """Nine fraction digits."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return f"{whole}.{fraction[:9]:0<9}Z"


def digest(objects):
    lines, newest = set(), {}
    for o in objects:
        when = o.get("modified", o.get("created"))
        if when is None:
            lines.add(f"{o['id']} - {sha(o)}")
            continue
        when = instant(when)
        kept = newest.setdefault(o["id"], {})
        kept.setdefault(when, []).append(o)
    for id, versions in newest.items():
        when = max(versions)
        if not any(o.get("revoked") for o in versions[when]):
            lines |= {f"{id} {when} {sha(o)}" for o in versions[when]}
    text = "".join(line + "\n" for line in sorted(lines, key=str.encode))
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "objects": len(lines)}


TLP = ["94868c89-83c2-464b-929b-a1a8aa3c8487", "bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "55d920b0-5e8b-4f79-9ee9-91f868d9b421"]


def milliseconds(us):
    return datetime.fromtimestamp(us / 1e6, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{us // 1000 % 1000:03}Z"


def claim_as_indicator(source, kind, value, pattern, row):
    """The claim as it is given out (docs/json.md); `row`: version, created, valid_from, modified, tlp, labels."""
    version, created, valid_from, modified, tlp, labels = row
    created, valid_from = (next(x for x in xs if x is not None) for xs in
                           ((created, valid_from, modified, version), (valid_from, created, modified, version)))
    name = {"kind": kind, "source": source, "value": value}
    o = {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid.uuid5(CLAIMS, canonical(name))}",
         "created_by_ref": f"identity--{uuid.uuid5(CLAIMS, canonical({'source': source}))}",
         "created": milliseconds(min(created, version)), "modified": milliseconds(version), "name": value, "pattern": pattern,
         "pattern_type": "stix", "pattern_version": "2.1", "valid_from": milliseconds(valid_from),
         "object_marking_refs": [f"marking-definition--{TLP[tlp]}"]}
    return dict(o, labels=labels.split()) if labels else o


def test_digest(t):
    home, other = t.home("bundle", "relay", "feed"), t.home("bundle")
    empty = {"sha256": hashlib.sha256(b"").hexdigest(), "objects": 0}
    equal(home.json("status", "--digest")["digest"], empty, "nothing")
    true("digest" not in home.json("status"), "only when asked for")
    objects = [
        indicator("2026-01-01T00:00:00.000Z"), indicator("2026-01-02T00:00:00.000000001Z", "b.phish.example"),
        indicator("2026-01-02T00:00:00.000000002Z", "c.phish.example", confidence=70, x_ratio=0.1, x_big=1e21, x_small=1.5e-7),
        {"type": "tool", "spec_version": "2.1", "id": f"tool--{uuid.UUID(int=0x40008000 << 64 | 1, version=4)}",
         "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z", "name": "\u4e2d\u6587 \"\\\u0001\U0001f525"},
        {"type": "file", "spec_version": "2.1", "id": f"file--{uuid.uuid5(CLAIMS, 'f')}", "name": "a", "size": 10, "x_ratio": 10.0},
        {"type": "file", "spec_version": "2.1", "id": f"file--{uuid.uuid5(CLAIMS, 'f')}", "name": "a", "size": 11},
        {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{uuid.uuid4()}",
         "created": "2026-01-01T00:00:00.000Z", "definition_type": "statement", "definition": {"statement": "Copyright"}},
    ]
    gone = [dict(objects[3], id=f"tool--{uuid.uuid4()}"), ]
    gone.append(dict(gone[0], modified="2026-01-05T00:00:00.000Z", revoked=True))
    home.intake("bundle", bundle(t, *objects, *gone), code=0)
    equal(home.json("status", "--digest")["digest"], digest(objects), "objects")
    # Under a second source, in another order, without what is revoked: the same.
    home.intake("relay", bundle(t, *reversed(objects)), code=0)
    equal(home.json("status", "--digest")["digest"], digest(objects), "under two sources")
    other.intake("bundle", bundle(t, *reversed(objects)), code=0)
    equal(other.json("status", "--digest")["digest"], digest(objects), "at another node")
    # Claims of a feed, as the indicators they are given out as.
    home.intake("feed", t.file("feed.csv", "type,value,first_seen,last_seen,confidence,labels\n"
                                           "domain,login.example,2026-02-03T04:05:06Z,2026-02-04T04:05:06Z,80,phishing\n"), code=0)
    given = home.json("status", "--digest")["digest"]
    equal(given["objects"], digest(objects)["objects"] + 1, "a claim counts once")
    shown = home.json("look", "login.example")["indicators"][0]["claims"][0]
    with home.serve() as running:
        client = running.client()
        client.sign_in(want=200)
        answer = client.get("/api/v1/status?digest=1").json()
        equal(answer["digest"], given, "over the API")
        true("digest" not in client.get("/api/v1/status").json(), "only when asked for")
        equal(home.json("status", "--digest")["digest"], given, "through the running node")
    true(given["sha256"] in home.run("status", "--digest").out, "for people")
    row, = home.rows("SELECT version, created, valid_from, modified, tlp, labels FROM claim WHERE value = 'login.example'")
    made = claim_as_indicator("feed", "domain-name", "login.example", "[domain-name:value = 'login.example']", row)
    equal(shown["id"], made["id"], "its id")
    equal(given, digest(objects + [made]), "objects and a claim")
    # What a claim stands for as a stored object counts once.
    equal(home.intake("relay", bundle(t, made))["totals"]["accepted"], 1, "given back")
    equal(home.json("status", "--digest")["digest"], given, "as claim and as object")
    home.verified()


if __name__ == "__main__":
    node.main(globals())
