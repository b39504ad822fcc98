"""Proofs for strangers: `noroshi prove`, checked by docs/verify.py, which knows nothing of the program."""
import base64
import json
import pathlib
import subprocess
import sys

import node
from node import REPO, equal, true

VERIFY = REPO / "docs" / "verify.py"
CANARY = "a neighbour that nobody may see"


def indicator(number, name):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd{number:02x}",
            "created": "2026-05-01T00:00:00.000Z", "modified": "2026-05-01T00:00:00.000Z", "name": name,
            "pattern": f"[domain-name:value = 'n{number}.example']", "pattern_type": "stix", "valid_from": "2026-05-01T00:00:00Z"}


def filled(t):
    home = t.home("partner", "feed")
    objects = [indicator(i, "proved" if i == 5 else CANARY) for i in range(13)]
    bundle = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": objects}
    home.intake("partner", t.file("bundle.json", json.dumps(bundle)), code=0)
    home.intake("feed", t.file("feed.txt", "gate.phish.example\n203.0.113.9\n"), code=0)
    return home, objects


def check(proof, *args, code=0):
    done = subprocess.run([sys.executable, str(VERIFY), str(proof), *map(str, args)], capture_output=True, text=True, timeout=60)
    if done.returncode != code:
        raise AssertionError(f"verify.py exits {done.returncode}, want {code}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def proof_of(t, home, what, name):
    return t.file(name, home.run("prove", what, code=0).out)


def keys(home):
    return home.path / "keys" / "log.vkey", home.path / "keys" / "witness.vkey"


def test_an_object_is_proved_and_its_neighbours_stay_hidden(t):
    home, objects = filled(t)
    log, witness = keys(home)
    proof = proof_of(t, home, objects[5]["id"], "one.tlog-proof")
    text = check(proof, "--log", log, "--witness", witness, "--contains", t.file("object.json", json.dumps(objects[5])))
    true("proved" in text and "kind objects" in text, text)
    extra = base64.b64decode(pathlib.Path(proof).read_text().splitlines()[1][6:])
    record = base64.b64decode(json.loads(extra)["record"]["bytes"])
    true(b"proved" in record, "the record is the object")
    true(CANARY.encode() not in record and CANARY.encode() not in extra, "a neighbour stands in the proof")


def test_a_value_and_an_entry_are_proved(t):
    home, _ = filled(t)
    log, _ = keys(home)
    true("kind claims" in check(proof_of(t, home, "gate[.]phish[.]example", "value.tlog-proof"), "--log", log), "a claim")
    for entry in range(1, home.json("status")["ledger"]["entries"] + 1):
        text = check(proof_of(t, home, entry, "entry.tlog-proof"), "--log", log)
        true("record" not in text, f"entry {entry} shows content: {text}")


def test_every_changed_byte_is_refused(t):
    home, objects = filled(t)
    log, witness = keys(home)
    proof = pathlib.Path(proof_of(t, home, objects[5]["id"], "one.tlog-proof")).read_text()
    lines = proof.split("\n")
    extra = json.loads(base64.b64decode(lines[1][6:]))

    def refused(text, what):
        out = check(t.file("bad.tlog-proof", text), "--log", log, "--witness", witness, code=1)
        true(out.startswith("refused: "), f"{what}: {out}")

    def with_extra(change):
        other = json.loads(json.dumps(extra))
        change(other)
        return "\n".join([lines[0], "extra " + base64.b64encode(json.dumps(other).encode()).decode(), *lines[2:]])

    def flip(text):
        return ("A" if text[0] != "A" else "B") + text[1:]

    refused(with_extra(lambda x: x.update(entry=x["entry"].replace('"kind":"objects"', '"kind":"claims"'))), "another kind")
    refused(with_extra(lambda x: x["record"].update(bytes=flip(x["record"]["bytes"]))), "other bytes")
    refused(with_extra(lambda x: x["record"].update(salt=flip(x["record"]["salt"]))), "another salt")
    refused(with_extra(lambda x: x["record"].update(index=x["record"]["index"] + 1)), "another place")
    refused(with_extra(lambda x: x["record"].update(of=x["record"]["of"] + 1)), "another number")
    refused(with_extra(lambda x: x["record"]["proof"].pop()), "a shorter path")
    refused(with_extra(lambda x: x["record"]["proof"].append(x["record"]["proof"][0])), "a longer path")
    refused(proof.replace("index ", "index 1"), "another index")
    blank = lines.index("")
    for at in range(3, len(lines) - 1):
        if at != blank and at != lines.index("", blank + 1):
            word = lines[at].rsplit(" ", 1)
            changed = lines[:at] + [" ".join([*word[:-1], flip(word[-1])])] + lines[at + 1:]
            refused("\n".join(changed), f"line {at + 1}: {lines[at]}")


def test_the_wrong_key_or_too_few_witnesses_are_refused(t):
    home, objects = filled(t)
    other, _ = filled(t)
    log, _ = keys(home)
    proof = proof_of(t, home, objects[5]["id"], "one.tlog-proof")
    true("refused" in check(proof, "--log", keys(other)[0], code=1), "the key of another node")
    true("witnesses" in check(proof, "--log", log, "--witness", keys(other)[1], code=1), "a witness that did not cosign")
    check(proof, "--log", log, "--witness", keys(other)[1], "--quorum", "0")
    true("does not hold" in check(proof, "--log", log, "--contains", t.file("other.json", json.dumps(objects[4])), code=1), "contains")


def test_what_is_not_known_is_said(t):
    home, _ = filled(t)
    for what in "unknown.example", "indicator--11111111-17d4-4cbf-938f-98ee46b3cd00", "999":
        done = home.run("prove", what, code=3)
        equal(done.out, "", f"prove {what}")
        true("noroshi" in done.err, done)


if __name__ == "__main__":
    node.main(globals())
