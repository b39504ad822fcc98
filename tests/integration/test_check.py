"""`noroshi check` and `noroshi id`: forms of files, messages, exit codes, one line an object, bounded memory; and the cases of the
OASIS suites through the program, as others would run them."""
import gzip
import json
import resource
import subprocess

import node
from node import NIGHTLY, PROGRAM, SHARED, Skip, equal, run, true

UUID = "2f9a6c8e-8f3e-4a6b-9d4e-0a1b2c3d4e5f"
GOOD = {"type": "identity", "spec_version": "2.1", "id": f"identity--{UUID}", "created": "2026-01-02T03:04:05.678Z",
        "modified": "2026-01-02T03:04:05.678Z", "name": "test.cert.example", "identity_class": "organization"}
BAD = dict(GOOD, id=f"tool--{UUID}")
ADVISED = dict(GOOD, identity_class="Cat Herd")


def bundle(*objects):
    return {"type": "bundle", "id": f"bundle--{UUID}", "objects": list(objects)}


def check(text, *args, code=None):
    return run("check", "--json", *args, input=text if isinstance(text, (str, bytes)) else json.dumps(text), code=code).lines()


def test_forms_of_files(t):
    for text in GOOD, [GOOD], bundle(GOOD), {"more": False, "objects": [GOOD]}:
        answers = check(text, code=0)
        equal([a["valid"] for a in answers], [True], json.dumps(text)[:60])
    lines = "".join(json.dumps(o) + "\n" for o in (GOOD, BAD, ADVISED))
    equal([a["valid"] for a in check(lines, code=1)], [True, False, True], "lines")
    equal([a["valid"] for a in check(gzip.compress(lines.encode()), code=1)], [True, False, True], "gzip")
    equal([a["valid"] for a in check(json.dumps(GOOD), "--lines", code=0)], [True], "--lines")
    path = t.file("a.json", json.dumps(bundle(GOOD, BAD), indent=1))
    equal([a["valid"] for a in run("check", "--json", path, path, code=1).lines()], [True, False] * 2, "two files")


def test_messages_say_what_and_where(t):
    message, = check(BAD, code=1)[0]["messages"]
    equal([message[k] for k in ("level", "id", "pointer", "section")], ["MUST", BAD["id"], "/id", "2.9"], "MUST")
    words = {m["rule"]: m for m in check(ADVISED, code=0)[0]["messages"]}
    equal(words["identity-class"]["section"], "10.8", "vocabulary")
    equal(words["open-vocab-format"]["level"], "SHOULD", "its spelling")
    check(ADVISED, "--strict", code=1)
    check(ADVISED, "--strict", "--disable", "identity-class,open-vocab-format", code=0)
    equal(check(ADVISED, "--level", "must", code=0)[0]["messages"], [], "--level must")
    own = dict(GOOD, x_note="mine")
    equal(check(own, code=0)[0]["messages"][0]["rule"], "extensions-use", "a property of its own")
    check(own, "--no-custom", code=1)
    shown = run("check", input=json.dumps(BAD), code=1).out
    true("MUST" in shown and "2.9" in shown and BAD["id"] in shown and "1 not valid" in shown, shown)


def test_what_is_no_json_stops_nothing(t):
    text = "\n".join([json.dumps(GOOD), '{"type":', json.dumps(BAD), "nonsense", json.dumps(GOOD)])
    answers = check(text, code=1)
    equal([a["valid"] for a in answers], [True, False, False, False, True], "verdicts")
    equal([a["error"]["line"] for a in answers if "error" in a], [2, 4], "lines")
    answers = check('[' + json.dumps(GOOD) + ', {"a" 1}, ' + json.dumps(GOOD) + ']', code=1)
    equal([a["valid"] for a in answers], [True, False, True], "members of a list")
    run("check", "/nowhere/at/all", code=3)
    run("check", "--disable", "everything", code=2)
    run("check", "--spec", "3.0", code=2)


def test_bundles_and_20(t):
    frame = bundle(GOOD)
    frame["id"] = "indicator--" + UUID
    answers = check(frame, code=1)
    equal([m["section"] for m in answers[1]["messages"]], ["8.1"], "id of the bundle")
    twice = check(bundle(GOOD, GOOD), code=0)
    equal([m["rule"] for m in twice[1]["messages"]], ["duplicate-ids"], "the same version twice")
    old = {k: v for k, v in GOOD.items() if k != "spec_version"}
    check(old, code=0)
    check(old, "--spec", "2.1", code=1)
    observed = dict(old, type="observed-data", id=f"observed-data--{UUID}", first_observed="2026-01-02T03:04:05Z",
                    last_observed="2026-01-02T03:04:05Z", number_observed=1,
                    objects={"0": {"type": "file", "hashes": {"MD5": "short"}}})
    del observed["name"], observed["identity_class"]
    message = next(m for m in check(observed, code=1)[0]["messages"] if m["level"] == "MUST")
    equal(message["pointer"], "/objects/0/hashes/MD5", "inside the observables of 2.0")


def test_extensions(t):
    definition = "extension-definition--" + UUID
    for kind in "property-extension", "toplevel-property-extension":
        own = dict(GOOD, extensions={definition: {"extension_type": kind, "rank": 5}})
        equal([m["level"] for m in check(own, code=0)[0]["messages"]], [], kind)
    own = dict(GOOD, toxicity=8, extensions={definition: {"extension_type": "toplevel-property-extension"}})
    equal(check(own, code=0)[0]["messages"], [], "a property an extension adds")
    for kind in "new-sdo", "new-sco", "new-sro":
        own = dict(GOOD, type="night-watch", id=f"night-watch--{UUID}", extensions={definition: {"extension_type": kind}})
        equal(check(own, code=0)[0]["messages"], [], kind)
    check(dict(GOOD, extensions={definition: {"extension_type": "no-such-type"}}), code=1)
    check(dict(GOOD, extensions={definition: {"rank": 5}}), code=1)


def test_two_tlp_markings(t):
    marked = dict(GOOD, object_marking_refs=["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
                                             "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"])
    equal([m["text"] for m in check(marked, code=0)[0]["messages"]], ["TLP:CLEAR and TLP:RED: the more restrictive holds"], "two")


def test_incidents_are_held_to_their_extension(t):
    core = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
    fields = {"extension_type": "property-extension", "determination": "suspected", "investigation_status": "open"}
    incident = dict(GOOD, type="incident", id=f"incident--{UUID}", extensions={core: fields})
    del incident["identity_class"]
    equal([m["section"] for m in check(incident, code=0)[0]["messages"]], ["3.5"], "nobody made it, and that is all")
    incident["extensions"] = {core: dict(fields, determination="maybe", criticality=101)}
    pointers = [m["pointer"] for m in check(incident, code=0)[0]["messages"] if "Incident Core" in m["text"]]
    equal(pointers, [f"/extensions/{core}/determination", f"/extensions/{core}"], "where it is not kept")


def test_memory_of_one_object(t):
    """100 times the objects, not 100 times the memory."""
    count = 2_000_000 if NIGHTLY else 200_000
    p = subprocess.Popen([PROGRAM, "check", "--level", "must"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdin.write(b'{"type":"bundle","id":"bundle--' + UUID.encode() + b'","objects":[')
    for start in range(0, count, 1000):
        p.stdin.write(b",".join(b'{"type":"mutex","id":"mutex--%08x-8f3e-5a6b-9d4e-0a1b2c3d4e5f","name":"m%d"}' % (i, i)
                                for i in range(start, start + 1000)) + (b"," if start + 1000 < count else b"]}"))
    p.stdin.close()
    true(b"%d objects, 0 not valid" % count in p.stdout.read(), "all checked")
    p.stdout.close()
    equal(p.wait(), 0, "exit")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    true(used < 200_000, f"{used} KiB")


def test_id(t):
    address = {"type": "ipv4-addr", "value": "198.51.100.3"}
    made = run("id", "--json", input=json.dumps({"object": address}), code=0).json()
    equal(made["id"], "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4", "the example of STIX 2.1 6.8.2")
    equal([made["contributing"], made["used"]], [["value"], ["value"]], "contributing")
    equal(run("id", input=json.dumps(address), code=0).out, made["id"] + "\n", "for people")
    answers = run("id", "--json", input="\n".join([json.dumps(address), "{oops", json.dumps(GOOD)]), code=1).lines()
    equal([a["id"] for a in answers], [made["id"], None, None], "what has none")
    true(all("error" in a for a in answers[1:]), answers)


def cases(name):
    path = SHARED / "cases" / name
    if not path.exists():
        raise Skip(f"{path} is not there (NOROSHI_SHARED names the shared data)")
    return json.loads(path.read_text())["cases"]


def test_cases_of_the_oasis_suites(t):
    """Which cases we judge otherwise, and why, stands in tests/unit/test_stix_cases.c; here it is the same number of them."""
    for name, verdict, differ in ("stix_validate.json", "valid", 17), ("stix_parse.json", "ok", 25):
        rows = cases(name)
        answers = check("\n".join(map(json.dumps, rows)), code=1)
        equal(len(answers), len(rows), name)
        other = [i for i, (a, r) in enumerate(zip(answers, rows)) if r[verdict] is not None and a["valid"] != r[verdict]]
        equal(len(other), differ, f"{name}: {other}")
    rows = cases("sco_ids.json")
    answers = run("id", "--json", input="\n".join(map(json.dumps, rows)), code=0).lines()
    equal([(a["id"], a["contributing"]) for a in answers], [(r["id"], r["contributing"]) for r in rows], "ids")


if __name__ == "__main__":
    node.main(globals())
