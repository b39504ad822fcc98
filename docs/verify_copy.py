#!/usr/bin/env python3
"""Checks a copy of a Noroshi node without Noroshi: Python's standard library and openssl only. Written from docs/copies.md.

usage: verify_copy.py COPY --card CARD [--card CARD]... [--disclosure FILE]

COPY is one object as JSON. CARD is the partner card of who made the copy (and of those before him): a DSSE envelope, compared by
phone when it came. --disclosure is what was told of the original later.
exit codes: 0 verified, 1 refused (the reason is printed), 2 wrong use or openssl is missing
"""
import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

EXTENSION = "extension-definition--8cb201dd-ee1d-497d-a184-5551d77765dd"
PROOF = ["copy", "digests", "holder", "key", "salts", "signature"]


class Refused(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Refused(why)


def without_doubles(pairs):
    need(len({k for k, _ in pairs}) == len(pairs), "a member stands twice")
    return dict(pairs)


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f, object_pairs_hook=without_doubles)


# ---- canonical JSON, RFC 8785

def number(v):
    if isinstance(v, int) or v == int(v) and abs(v) < 1e21:
        need(abs(v) <= 2**53 - 1, "a number has no canonical form")
        return str(int(v))
    for width in range(17):  # the fewest digits that read back
        sign, digits, exponent = re.fullmatch(r"(-?)([\d.]+)e([+-]\d+)", f"{v:.{width}e}").groups()
        if float(f"{v:.{width}e}") == v:
            break
    digits, n = digits.replace(".", ""), int(exponent) + 1
    if len(digits) <= n <= 21:
        text = digits + "0" * (n - len(digits))
    elif 0 < n <= 21:
        text = digits[:n] + "." + digits[n:]
    elif -6 < n <= 0:
        text = "0." + "0" * -n + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{n - 1:+d}"
    return sign + text


def canonical(v):
    if isinstance(v, str):
        return json.dumps(v, ensure_ascii=False)
    if v is None or isinstance(v, bool):
        return json.dumps(v)
    if isinstance(v, (int, float)):
        return number(v)
    if isinstance(v, list):
        return "[" + ",".join(map(canonical, v)) + "]"
    keys = sorted(v, key=lambda k: k.encode("utf-16-be"))
    return "{" + ",".join(canonical(k) + ":" + canonical(v[k]) for k in keys) + "}"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text32(text):
    need(isinstance(text, str) and re.fullmatch(r"[A-Za-z0-9_-]{43}", text), "32 bytes of base64url are none")
    raw = base64.urlsafe_b64decode(text + "=")
    need(base64.urlsafe_b64encode(raw).decode() == text + "=", "32 bytes of base64url are written in a way that is not the only one")
    return raw


# ---- keys

def signed(public, message, signature):
    with tempfile.TemporaryDirectory() as d:
        for name, data in (("key", bytes.fromhex("302a300506032b6570032100") + public), ("text", message), ("sig", signature)):
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key", "-rawin", "-in", "text",
                               "-sigfile", "sig"], cwd=d, capture_output=True, check=False).returncode == 0


def pae(kind, body):
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def read_card(path):
    """(id, key name, public key, name of the partner), of a card that its own key signed."""
    envelope = load(path)
    body = base64.b64decode(envelope["payload"], validate=True)
    card = json.loads(body)
    name, digest, key = card["messages"].split("+", 2)
    raw = base64.b64decode(key, validate=True)
    need(raw[0] == 1 and len(raw) == 33 and sha256(name.encode(), b"\n", raw)[:4].hex() == digest, f"the message key in {path} is damaged")
    kind = envelope["payloadType"].encode()
    need(kind == b"application/vnd.noroshi.partner+json;v=1" and
         any(signed(raw[1:], pae(kind, body), base64.b64decode(s["sig"])) for s in envelope["signatures"]), f"{path} is not signed by the key in it")
    return card["id"], f"{name}+{digest}", raw[1:], card["name"]["en"]


# ---- the copy

def parts_of(copy):
    """Name of each part: the bytes that are hashed after its salt."""
    def named(name):
        return name.replace("~", "~0").replace("/", "~1")
    parts = {named(k): canonical([k, v]) for k, v in copy.items() if not (k == "extensions" and isinstance(v, dict))}
    if isinstance(copy.get("extensions"), dict):
        parts |= {"extensions/" + named(k): canonical(["extensions", k, v]) for k, v in copy["extensions"].items() if k != EXTENSION}
    return parts


def read_proof(p):
    need(isinstance(p, dict) and sorted(p) == PROOF, "a proof has other members than it must")
    need(isinstance(p["digests"], list) and 0 < len(p["digests"]) <= 520 and len(p["digests"]) % 8 == 0, "the number of digests is wrong")
    for t in (p["copy"], *p["digests"], *p["salts"].values()):
        text32(t)
    need(p["digests"] == sorted(set(p["digests"])), "the digests are not in their order")
    need(re.fullmatch(r"identity--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", p["holder"]), "the holder is no identity")
    signature = base64.b64decode(p["signature"], validate=True)
    need(len(signature) == 64 and base64.b64encode(signature).decode() == p["signature"], "the signature is not 64 bytes")
    return signature


def check(options):
    copy, cards = load(options.copy), {c[0]: c for c in map(read_card, options.card)}
    extension = copy.get("extensions", {}).get(EXTENSION)
    need(extension, "it has no proofs: it is no copy")
    need(sorted(extension) == ["extension_type", "proofs"] and extension["extension_type"] == "property-extension", "the extension is another")
    proofs, parts, by = extension["proofs"], parts_of(copy), {}
    need(isinstance(proofs, list) and 0 < len(proofs) <= 8, "the number of proofs is wrong")
    for p in proofs:
        signature = read_proof(p)
        card = cards.get(p["holder"].removeprefix("identity--"))
        need(card or p is not proofs[-1], f"no card was given of {p['holder']}, who made the copy")
        if card:
            need(p["key"] == card[1], "it was signed with another key than the card's")
            body = canonical({k: p[k] for k in ("copy", "digests", "holder", "key")}).encode()
            need(signed(card[2], pae(b"application/vnd.noroshi.copy+json;v=1", body), signature), "the signature is wrong")
        for name, salt in p["salts"].items():
            need(name in parts, f"there is a salt for {name!r}, which the copy does not have")
            digest = base64.urlsafe_b64encode(sha256(text32(salt), parts[name].encode())).decode().rstrip("=")
            need(digest in p["digests"], f"{name!r} is not what was committed to")
            if card:
                by.setdefault(name, card[3])
    extension["proofs"] = proofs[:-1]
    need(sha256(canonical(copy).encode()) == text32(proofs[-1]["copy"]), "the copy is not the one that its last proof was made for")
    for name in parts:
        print(f"{by.get(name, '(its maker alone)'):24} {name}")
    if options.disclosure:
        d = load(options.disclosure)
        need(sorted(d) == ["member", "salt", "type", "value"] and d["type"] == "noroshi-disclosure", "the disclosure is none")
        path = [x.replace("~1", "/").replace("~0", "~") for x in d["member"].split("/")]
        digest = base64.urlsafe_b64encode(sha256(text32(d["salt"]), canonical([*path, d["value"]]).encode())).decode().rstrip("=")
        need(any(digest in p["digests"] for p in proofs), "no proof commits to what is disclosed")
        print(f"disclosed                {d['member'] or '(the whole object)'}")
    print("verified")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("copy")
    p.add_argument("--card", action="append", required=True)
    p.add_argument("--disclosure")
    try:
        check(p.parse_args())
    except FileNotFoundError as e:
        print(f"verify_copy.py: {e.filename} is not there", file=sys.stderr)
        return 2
    except (Refused, KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, binascii.Error) as e:
        print(f"refused: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
