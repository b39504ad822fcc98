"""`scripts/drill` with the small set, to its end; its numbers against what this file works out from the set and docs/agreements.md alone."""
import base64
import csv
import json
import os
import re
import socket
import subprocess
import sys
import time

import node
from node import PROGRAM, REPO, Home, equal, true

DRILL = REPO / "scripts" / "drill"
SMALL = REPO / "scripts" / "drilling" / "data"
CODES = ("TW", "JP", "US")
TLP = {"94868c89-83c2-464b-929b-a1a8aa3c8487": 0, "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": 1, "55d920b0-5e8b-4f79-9ee9-91f868d9b421": 2,
       "939a9414-2ddd-4d32-a0cd-375ea402b003": 3, "e828b379-4e03-4974-9ac4-e53a884c97c1": 4}
TYPES = {"indicator", "sighting", "observed-data", "malware", "attack-pattern", "vulnerability", "relationship", "note"}
ACTORS = ("threat-actor--", "campaign--", "intrusion-set--")


# ---- the template "network safety" once more, in plain words

def stays(o):
    """Why an object may not go, or None. It would go but for a member that is withheld: "redact"."""
    refs = [r for k, v in o.items() if k.endswith(("_ref", "_refs")) for r in (v if isinstance(v, list) else [v])]
    if o["type"] not in TYPES:
        return "type"
    if "valid_until" in o and o["valid_until"] < "2026-08-21":
        return "local"
    if max(TLP[m.split("--")[1]] for m in o["object_marking_refs"]) > 2:
        return "marking"
    if any(r.startswith(ACTORS) for r in refs) or o.get("relationship_type") in ("attributed-to", "targets"):
        return "attribution"
    if re.search(r"\w@\w", json.dumps(o)):
        return "personal_data"
    return "redact" if {"where_sighted_refs", "contact_information"} & set(o) else None


def objects_of(code):
    found = json.loads((SMALL / f"{code}.json").read_text())["objects"]
    found += [s["report"] for s in json.loads((SMALL / "replay.json").read_text()) if s.get("node") == code and "report" in s]
    return found + (json.loads((SMALL / "case.json").read_text())["objects"] if code == "TW" else [])


def values_of(code):
    with open(SMALL / f"{code}.csv", newline="") as table:
        return {row["value"] for row in csv.DictReader(table)}


def names_in(text):
    return set(re.findall(r"value = '([^']+)'", text))


def known(code, whose):
    """Values of `whose` that may match at `code`."""
    objects = [o for o in objects_of(whose) if o["type"] == "indicator" and stays(o) != "local" and (code == whose or stays(o) is None)]
    return values_of(whose) | {n for o in objects for n in names_in(o["pattern"])}


def asked_for(event):
    return event.get("dns", event.get("tls", event.get("http", event))).get(
        {"dns": "rrname", "tls": "sni", "http": "hostname", "flow": "dest_ip"}[event["event_type"]])


# ---- the drill

def run_drill(t, *more, code=0):
    where, numbers = t.path("drill"), t.path("numbers.json")
    done = subprocess.run([sys.executable, str(DRILL), PROGRAM, "--dir", str(where), "--small", "--end", "--speed", "3", "--summary", str(numbers), *more],
                          capture_output=True, text=True, timeout=240, env={k: v for k, v in os.environ.items() if k != "NOROSHI_HOME"})
    equal(done.returncode, code, f"exit of the drill: {done.stdout[-3000:]}{done.stderr[-2000:]}")
    return done, where, json.loads(numbers.read_text()) if numbers.exists() else None


def taken(home, source):
    """{id: object} of what stands at a home from a source."""
    rows = home.rows("SELECT stix_id, body FROM object WHERE source = (SELECT id FROM source WHERE name = ?)", source)
    return {i: json.loads(body) for i, body in rows}


def test_the_numbers_are_what_the_grants_allow(t):
    began = time.monotonic()
    done, where, told = run_drill(t)
    true(time.monotonic() - began < 120, f"{time.monotonic() - began:.0f} seconds")
    homes = {code: Home(where / code.lower()) for code in CODES}
    for pair in told["pairs"]:
        giver, taker = pair["from"], pair["to"]
        what = f"{giver} > {taker}"
        own = {o["id"] for o in objects_of(giver)}
        got = taken(homes[taker], giver)
        equal(set(got) & own, {o["id"] for o in objects_of(giver) if stays(o) is None}, f"{what}: the ids that may go, and no other")
        rest = [o for i, o in got.items() if i not in own]
        generated = [o for o in rest if o["type"] == "indicator"]
        equal(set().union(*(names_in(o["pattern"]) for o in generated)), values_of(giver), f"{what}: every line of its reports")
        copies = [o for o in rest if o["type"] == "sighting" and "extensions" in o]
        equal(len(copies), sum(stays(o) == "redact" for o in objects_of(giver)), f"{what}: one copy of what goes without a member")
        true(not any("where_sighted_refs" in o for o in rest), f"{what}: the member is not there: {copies}")
        equal(sightings(rest, copies, homes[giver], taker), expected_sightings(giver, taker), f"{what}: sightings of what the other stated")
        true({o["type"] for o in rest} <= {"indicator", "sighting", "identity", "extension-definition"}, f"{what}: and nothing else")
        others = {o["id"] for other in CODES if other != giver for o in objects_of(other)}
        equal(others & set(got), set(), f"{what}: nothing of the third")
        versions = homes[taker].rows("SELECT count(*) FROM object WHERE source = (SELECT id FROM source WHERE name = ?)", giver)[0][0]
        equal((pair["given"], pair["taken"]), (versions, versions), f"{what}: given and taken")
        equal(pair["complete_entries"], pair["register_entries"], f"{what}: every page was wholly written")
        count = {}
        for rule in [stays(o) for o in objects_of(giver)]:
            count[rule] = count.get(rule, 0) + 1
        for rule in ("marking", "personal_data", "attribution", "local"):
            equal(pair["held_back"].get(rule, 0), count.get(rule, 0), f"{what}: held back by {rule}")
        true(pair["measured"] == 3 and 0 < pair["latency_p50_ms"] <= pair["latency_p95_ms"], f"{what}: {pair}")
    held = {(h["from"], h["to"], h["id"], h["rule"]) for h in told["held_in_replay"]}
    reports = [s for s in json.loads((SMALL / "replay.json").read_text()) if "report" in s]
    want = {(s["node"], to, s["report"]["id"], stays(s["report"])) for s in reports for to in CODES if to != s["node"] and stays(s["report"])}
    equal(held, want, "what was held back, live")
    for line in ("held back", "saw first", "gave", "waits", "as exercise"):
        true(line in done.stdout, f"{line} is told")
    seen_values(homes, told)


def sightings(rest, copies, giver, taker):
    """The values of the taker's indicators that relayed sightings are of."""
    stated = {i: names_in(o.get("pattern", "")) for i, o in taken(giver, taker).items()}
    found = [o["sighting_of_ref"] for o in rest if o["type"] == "sighting" and o not in copies]
    return set().union(*(stated.get(i, {i}) for i in found))


def expected_sightings(giver, taker):
    """A partner is told of each event that met what it stated itself."""
    events = [asked_for(s["event"]) for s in json.loads((SMALL / "replay.json").read_text()) if "event" in s and s["node"] == giver]
    return set(events) & known(giver, taker)


def seen_values(homes, told):
    """Sightings at each node: events whose value it knew, by itself or from a partner, and none that only a withheld object names."""
    events = [(s["node"], asked_for(s["event"])) for s in json.loads((SMALL / "replay.json").read_text()) if "event" in s]
    every = set()
    for n in told["nodes"]:
        code = n["node"]
        want = {v for at, v in events if at == code and any(v in known(code, whose) for whose in CODES)}
        got = {v for (v,) in homes[code].rows("SELECT DISTINCT value FROM sighting")}
        equal(got, want, f"{code}: values seen")
        equal(n["values_seen"], len(want), f"{code}: as told")
        equal((n["cosigned_by"], n["cosigns"], n["frozen"], n["verify_findings"]), (2, 2, 0, 0), f"{code}: witnesses and verification")
        every |= want
    equal(sum(n["first_sightings"] for n in told["nodes"]), len(every), "each value was seen first by one")
    for code in ("JP", "US"):
        equal(homes[code].json("look", "drill-only.exercise.example")["indicators"], [], "the exercise stays where it is")


def test_it_ends_clean(t):
    """A second drill in the same place; in somebody else's directory; and one that is told to end in the middle leaves no process."""
    where = t.path("drill")
    process = subprocess.Popen([sys.executable, str(DRILL), PROGRAM, "--dir", str(where), "--small"], stdout=subprocess.PIPE, text=True)
    ports = []
    for line in process.stdout:
        if line.startswith("[6]"):  # the nodes run
            break
    for code in CODES:
        card = json.loads((where / f"{code.lower()}.card").read_text())
        ports.append(int(re.search(r"127\.0\.0\.1:(\d+)", base64.b64decode(card["payload"]).decode()).group(1)))
    for port in ports:
        socket.create_connection(("127.0.0.1", port), 5).close()
    process.terminate()
    process.stdout.read()
    equal(process.wait(60), 0, "told to end")
    process.stdout.close()
    for port in ports:
        with socket.socket() as s:
            true(s.connect_ex(("127.0.0.1", port)) != 0, f"nobody listens on {port} any more")
    mine = t.path("mine")
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    done = subprocess.run([sys.executable, str(DRILL), PROGRAM, "--dir", str(mine), "--small", "--end"], capture_output=True, text=True, timeout=60)
    equal((done.returncode, (mine / "thesis.txt").read_text()), (3, "mine"), f"somebody else's directory: {done.stderr}")
    done = subprocess.run([sys.executable, str(DRILL), "/bin/false", "--dir", str(where), "--small", "--end"], capture_output=True, text=True, timeout=60)
    equal(done.returncode, 3, f"a program that fails: {done.stderr}")


if __name__ == "__main__":
    node.main(globals())
