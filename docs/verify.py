#!/usr/bin/env python3
"""Checks a tlog-proof of a Noroshi node without Noroshi: Python's standard library and openssl only.

usage: verify.py PROOF --log VKEY [--witness VKEY]... [--quorum N] [--contains FILE]

VKEY is a verification key "name+hash+base64" or a file that holds one; get it from the node's owner on another
way than the proof. --witness names partners that cosign the node's checkpoints; --quorum (default: all of
them) how many must have. --contains FILE demands that the proved record holds the bytes of FILE.
Formats: c2sp.org/tlog-proof, signed-note, tlog-checkpoint, tlog-cosignature; RFC 6962; docs/ledger.md.
exit codes: 0 proved, 1 refused (the reason is printed), 2 wrong use or openssl is missing
"""
import argparse
import base64
import binascii
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

ED25519, COSIGNATURE = 0x01, 0x04


class Refused(Exception):
    pass


def b64(text, length=None):
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("it holds base64 that is none") from None
    if length is not None and len(raw) != length:
        raise Refused(f"{len(raw)} bytes stand where {length} belong")
    return raw


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Key:
    def __init__(self, text, wanted):
        if os.path.exists(text):
            with open(text, encoding="utf-8") as f:
                text = f.read()
        name, _, rest = text.strip().partition("+")
        digest, _, key = rest.partition("+")
        raw = b64(key, 33)
        self.name, self.type, self.public = name, raw[0], raw[1:]
        self.id = sha256(name.encode(), b"\n", raw)[:4]
        if self.id.hex() != digest or self.type != wanted:
            raise Refused(f"the key of {name} is damaged or of another type")

    def verify(self, message, signature):
        der = bytes.fromhex("302a300506032b6570032100") + self.public
        with tempfile.TemporaryDirectory() as d:
            for name, data in (("key", der), ("text", message), ("sig", signature)):
                with open(os.path.join(d, name), "wb") as f:
                    f.write(data)
            done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin",
                                   "-in", "text", "-sigfile", "sig"], cwd=d, capture_output=True, check=False)
        return done.returncode == 0


def root_of(index, size, leaf, path):
    """RFC 9162 2.1.3.2."""
    if not 0 <= index < size:
        raise Refused(f"index {index} is not in a tree of {size}")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise Refused("the path is too long")
        if fn & 1 or fn == sn:
            r = sha256(b"\x01", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Refused("the path is too short")
    return r


def read_proof(text):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise Refused("it is no tlog-proof")
    lines = lines[1:]
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = json.loads(b64(lines[0][6:]).decode())
        lines = lines[1:]
    if not lines or not lines[0].startswith("index ") or not lines[0][6:].isdigit():
        raise Refused("it has no index")
    return int(lines[0][6:]), [b64(x, 32) for x in lines[1:]], extra, note


def check_note(note, log, witnesses):
    """Returns size, root and when each witness cosigned."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if len(lines) < 4 or lines[0] != log.name or not lines[1].isdigit():
        raise Refused(f"the checkpoint is not one of {log.name}")
    signed, cosigned = False, {}
    for line in signatures.splitlines():
        name, _, sig = line.removeprefix("\u2014 ").partition(" ")
        raw = b64(sig)
        if name == log.name and raw[:4] == log.id:
            if not log.verify(text.encode(), raw[4:]):
                raise Refused("the log's signature is wrong")
            signed = True
        for w in witnesses:
            if name == w.name and raw[:4] == w.id and len(raw) == 76:
                at = int.from_bytes(raw[4:12], "big")
                if not w.verify(f"cosignature/v1\ntime {at}\n{text}".encode(), raw[12:]):
                    raise Refused(f"the cosignature of {name} is wrong")
                cosigned[name] = at
    if not signed:
        raise Refused("the log did not sign it")
    return int(lines[1]), b64(lines[2], 32), cosigned


def check_record(entry, record):
    """The record's bytes, proved to be what the entry commits to."""
    raw = b64(record["bytes"])
    leaf = sha256(b"\x00", sha256(b64(record["salt"], 16), raw))
    if record["of"] != entry["n"]:
        raise Refused("the record is of another entry")
    if root_of(record["index"], record["of"], leaf, [b64(p, 32) for p in record["proof"]]).hex() != entry["root"]:
        raise Refused("the record is not what the entry commits to")
    return raw


def check(options):
    log = Key(options.log, ED25519)
    witnesses = [Key(w, COSIGNATURE) for w in options.witness]
    with open(options.proof, encoding="utf-8") as f:
        index, path, extra, note = read_proof(f.read())
    size, root, cosigned = check_note(note, log, witnesses)
    if extra is None:
        raise Refused("it does not hold the entry: ask for one made by 'noroshi prove'")
    body = extra["entry"]
    if root_of(index, size, sha256(b"\x00", body.encode()), path) != root:
        raise Refused("the entry is not under this checkpoint")
    if len(cosigned) < (len(witnesses) if options.quorum is None else options.quorum):
        raise Refused(f"only {len(cosigned)} of {len(witnesses)} witnesses cosigned")
    entry = json.loads(body)
    raw = check_record(entry, extra["record"]) if "record" in extra else b""
    if options.contains:
        with open(options.contains, "rb") as f:
            if f.read() not in raw:
                raise Refused(f"the record does not hold the bytes of {options.contains}")
    print(f"log        {log.name}, entry {index} of {size}")
    for name, at in cosigned.items():
        print(f"witness    {name} at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}")
    print(f"accepted   {entry['at']}  kind {entry['kind']}  organisation {entry['org']}")
    if raw:
        print(f"record     {len(raw)} bytes, SHA-256 {hashlib.sha256(raw).hexdigest()}")
    print("proved")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("proof")
    p.add_argument("--log", required=True)
    p.add_argument("--witness", action="append", default=[])
    p.add_argument("--quorum", type=int)
    p.add_argument("--contains")
    try:
        check(p.parse_args())
    except FileNotFoundError as e:
        print(f"verify.py: {e.filename} is not there", file=sys.stderr)
        return 2
    except (Refused, KeyError, TypeError, ValueError, RecursionError) as e:
        print(f"refused: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
