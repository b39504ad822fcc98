"""What this node signs, checked by programs of others: minisign and openssl."""
import base64
import hashlib
import json
import shutil
import struct
import subprocess

import node
from messages import pae, public_of, signed_by
from node import Skip, equal, true
from test_partners import invite, pair, signed_by_all

SEP = "\n\n"


def minisign(*args):
    if not shutil.which("minisign"):
        raise Skip("minisign is not installed (scripts/install-deps test)")
    return subprocess.run(["minisign", *map(str, args)], capture_output=True, text=True, timeout=60)


def vkey(home, which):
    """Name, key id and public key of a verification key (C2SP signed-note), by hand."""
    name, number, key = (home.path / "keys" / f"{which}.vkey").read_text().strip().split("+", 2)
    raw = base64.b64decode(key)
    equal(hashlib.sha256(f"{name}\n".encode() + raw).hexdigest()[:8], number, f"key id of {which}")
    return name, number, raw[1:]


def signature_of(note, home, which):
    """The signature by that key in a note: its bytes after the key id."""
    name, number, _ = vkey(home, which)
    for line in note.split(SEP, 1)[1].splitlines():
        dash, who, coded = line.split(" ")
        raw = base64.b64decode(coded)
        if (who, raw[:4].hex()) == (name, number):
            equal(dash, "\u2014", "a signature's line")
            return raw[4:]
    raise AssertionError(f"no signature of {name} in {note}")


def test_minisign_checks_a_file(t):
    tw, jp = pair(t)
    _, path = signed_by_all(t, tw, jp)
    key = t.file("tw.pub", tw.run("prove", "--minisign-key", code=0).out)
    sig = t.file("both.minisig", tw.run("prove", "--minisign", path, code=0).out)
    good = minisign("-V", "-p", key, "-m", path, "-x", sig)
    equal(good.returncode, 0, f"{good.stdout} {good.stderr}")
    true("Signature and comment signature verified" in good.stdout and f"file:{path.name}" in good.stdout and "hashed" in good.stdout, good.stdout)
    other = t.file("changed.json", path.read_text().replace('"review_days":180', '"review_days":181'))
    true(other.read_text() != path.read_text(), "changed")
    true(minisign("-V", "-p", key, "-m", other, "-x", sig).returncode != 0, "another file")
    lines = sig.read_text().splitlines()
    forged = t.file("forged.minisig", "\n".join([lines[0], lines[1], lines[2].replace("hashed", "hasher"), lines[3], ""]))
    true(minisign("-V", "-p", key, "-m", path, "-x", forged).returncode != 0, "another comment")
    theirs = t.file("jp.pub", jp.run("prove", "--minisign-key", code=0).out)
    true(minisign("-V", "-p", theirs, "-m", path, "-x", sig).returncode != 0, "another key")
    # the key is the one of the card, in another form
    raw = base64.b64decode(key.read_text().splitlines()[1])
    equal((raw[:2], raw[10:]), (b"Ed", public_of(tw)), "the message key")
    empty = t.file("empty", b"")
    equal(minisign("-V", "-p", key, "-m", empty, "-x", t.file("e.minisig", tw.run("prove", "--minisign", empty, code=0).out)).returncode, 0, "nothing")
    with tw.serve():  # the running node opens what the command names
        sig = t.file("again.minisig", tw.run("prove", "--minisign", path, code=0).out)
    equal(minisign("-V", "-p", key, "-m", path, "-x", sig).returncode, 0, "while it runs")
    for wrong in ([], ["--minisign"], ["--minisign", path, path], ["--minisign-key", path], ["--minisign", path, "--minisign-key"]):
        tw.run("prove", *wrong, code=2)
    tw.run("prove", "--minisign", t.path("nothing"), code=3)


def test_openssl_checks_a_checkpoint(t):
    home = t.home("feed")
    home.intake("feed", t.file("list.txt", "a.example\n"), code=0)
    proof = home.run("prove", "a.example", code=0).out
    head, note = proof.split(SEP, 1)
    text = note.split(SEP, 1)[0] + "\n"
    origin, size, root = text.splitlines()
    log, witness = vkey(home, "log"), vkey(home, "witness")
    equal((origin, int(size) % 64, len(base64.b64decode(root))), (log[0], 0, 32), "the checkpoint")
    true(signed_by(log[2], text.encode(), signature_of(note, home, "log")), "log key")
    cosigned = signature_of(note, home, "witness")
    (at,) = struct.unpack(">Q", cosigned[:8])
    true(signed_by(witness[2], f"cosignature/v1\ntime {at}\n{text}".encode(), cosigned[8:]), "witness key")
    true(not signed_by(log[2], text.replace(f"\n{size}\n", f"\n{int(size) + 64}\n").encode(), signature_of(note, home, "log")), "another size")
    true(not signed_by(witness[2], text.encode(), signature_of(note, home, "log")), "another key")


def envelope_checks(envelope, public, kind):
    payload = base64.b64decode(envelope["payload"])
    equal(envelope["payloadType"], kind, "payload type")
    (signature,) = envelope["signatures"]
    sig = base64.b64decode(signature["sig"])
    true(signed_by(public, pae(payload, kind), sig), f"{kind}: {payload[:200]}")
    true(not signed_by(public, payload, sig), "what is signed is the pre-authentication encoding")
    true(not signed_by(public, pae(payload, "application/json"), sig), "the type is signed too")
    return json.loads(payload)


def test_openssl_checks_cards_and_agreements(t):
    tw, jp = pair(t)
    card, _ = invite(t, tw)
    said = envelope_checks(json.loads(card.read_text()), public_of(tw), "application/vnd.noroshi.partner+json;v=1")
    equal(said["messages"], (tw.path / "keys" / "messages.vkey").read_text().strip(), "the card names the key that signs it")
    agreement, path = signed_by_all(t, tw, jp)
    file = json.loads(path.read_text())
    keys = {tw.json("partner", "show", "JPCERT")["card"]["id"]: jp, jp.json("partner", "show", "TWCERT")["card"]["id"]: tw}
    people = set()
    for envelope in file["signatures"]:
        claimed = json.loads(base64.b64decode(envelope["payload"]))
        said = envelope_checks(envelope, public_of(keys[claimed["party"]]), "application/vnd.noroshi.agreement-signature+json;v=1")
        canonical = json.dumps(file["agreement"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        equal((said["act"], said["agreement"], said["sha256"]), ("sign", agreement, hashlib.sha256(canonical).hexdigest()), "what was signed")
        people.add((said["party"], said["person"]))
    equal(len(people), 4, "two persons on each side")


if __name__ == "__main__":
    node.main(globals())
