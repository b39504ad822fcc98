"""Strict readers of what exports write, ours and small: each refuses whatever its format does not plainly allow."""
import base64
import ipaddress
import re

# ---- Suricata rules (docs.suricata.io, Rules Format)

HEAD = re.compile(r"alert (ip|dns|tls|http) (any|\[[0-9a-f.:/]+\]) (any|\d{1,5}) (->|<>) (any|\[[0-9a-f.:/]+\]) (any|\d{1,5}) \((.*)\)")
STICKY = {"dns.query", "tls.sni", "http.host", "http.uri.raw", "http.user_agent", "ja3.hash", "ja3s.hash", "tls.cert_fingerprint"}
FLAGS = {"nocase", "startswith", "endswith", "dotprefix"} | STICKY


def options(text):
    """name -> value pairs of a rule's body; every option ends with ';', quotes and escapes are closed."""
    found, at = [], 0
    while at < len(text):
        name = re.match(r"[a-z0-9_.]+", text[at:])
        if not name:
            raise ValueError(f"an option's name at {text[at:at + 30]!r}")
        at += name.end()
        value = None
        if text[at] == ":":
            at += 1
            if text[at] == '"':
                end = at + 1
                while text[end] != '"':
                    if text[end] in ";\\":
                        raise ValueError(f"{text[end]!r} inside quotes: {text[at:end + 5]!r}")
                    end += 1
                value, at = text[at:end + 1], end + 1
            else:
                end = text.index(";", at)
                value, at = text[at:end], end
                if '"' in value or "\\" in value:
                    raise ValueError(f"quotes in {value!r}")
        if text[at] != ";":
            raise ValueError(f"';' after {name.group()}: {text[at:at + 20]!r}")
        at += 1
        if at < len(text):
            if text[at] != " ":
                raise ValueError("a space between options")
            at += 1
        found.append((name.group(), value))
    return found


def content(quoted):
    """The bytes of a pattern."""
    out, text = b"", quoted[1:-1]
    for i, part in enumerate(text.split("|")):
        if i % 2:
            if not re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", part):
                raise ValueError(f"hex in {quoted}")
            out += bytes.fromhex(part)
        else:
            if not re.fullmatch(r"[A-Za-z0-9._/-]*", part):
                raise ValueError(f"plain characters in {quoted}")
            out += part.encode()
    if text.count("|") % 2 or not 1 <= len(out) <= 255:
        raise ValueError(f"{quoted}: bars or length")
    return out


def suricata(text):
    """[(protocol, {option: [values]}, [contents])]; sids are unique."""
    rules, sids = [], set()
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        head = HEAD.fullmatch(line)
        if not head:
            raise ValueError(f"no rule: {line!r}")
        for side in (head[2], head[5]):
            if side != "any":
                ipaddress.ip_network(side[1:-1])
        body, contents, by_name, buffer = options(head[7]), [], {}, None
        for name, value in body:
            if (name in FLAGS) != (value is None):
                raise ValueError(f"{name} with value {value!r}")
            if name in STICKY:
                buffer = name
            if name == "content":
                if not buffer:
                    raise ValueError("a content without a buffer")
                contents.append((buffer, content(value)))
            if name == "nocase" and buffer == "http.host":
                raise ValueError("http.host is lower case: nocase is refused")
            if name not in FLAGS | {"msg", "content", "threshold", "classtype", "metadata", "sid", "rev"}:
                raise ValueError(f"no option {name}")
            by_name.setdefault(name, []).append(value)
        for once in ("msg", "sid", "rev", "metadata"):
            if len(by_name[once]) != 1:
                raise ValueError(f"{once} once")
        if body[0][0] != "msg" or any(ord(c) < 32 for c in by_name["msg"][0]):
            raise ValueError("msg first, one line")
        if not re.fullmatch(r"[A-Za-z_]+ [A-Za-z0-9._-]+(, [A-Za-z_]+ [A-Za-z0-9._-]+)*", by_name["metadata"][0]):
            raise ValueError(f"metadata {by_name['metadata'][0]!r}")
        sid = int(by_name["sid"][0])
        if not 0 < sid < 2 ** 32 or sid in sids:
            raise ValueError(f"sid {sid}")
        sids.add(sid)
        rules.append((head[1], head[2], head[5], by_name, contents))
    return rules


def suricata_values(text):
    """What the rules are about, spelt as their contents are."""
    found = set()
    for protocol, left, right, by_name, contents in suricata(text):
        if protocol == "ip":
            found.add(right[1:-1])
        elif [b for b, _ in contents] == ["http.host", "http.uri.raw"]:
            found.add((contents[0][1] + contents[1][1]).decode())
        else:
            found.add(contents[0][1].decode().removeprefix("."))
    return found


def dataset(text, coded):
    return {base64.b64decode(line, validate=True).decode() if coded else line for line in text.splitlines()}


# ---- Zeek intel (docs.zeek.org, frameworks/intel)

ZEEK_TYPES = {"ADDR", "SUBNET", "URL", "SOFTWARE", "EMAIL", "DOMAIN", "USER_NAME", "CERT_HASH", "PUBKEY_HASH", "FILE_HASH", "FILE_NAME"}


def zeek(text):
    lines = text.split("\n")
    if lines.pop() != "" or lines[0] != "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\tmeta.url":
        raise ValueError("header and last line end")
    rows = []
    for line in lines[1:]:
        fields = line.split("\t")
        if len(fields) != 5 or any(ord(c) < 32 for f in fields for c in f) or not all(fields) or line.startswith("#"):
            raise ValueError(f"five fields: {line!r}")
        if not fields[1].startswith("Intel::") or fields[1][7:] not in ZEEK_TYPES:
            raise ValueError(fields[1])
        for f in fields:
            if re.search(r"\\(?!x[0-9a-f]{2})", f):
                raise ValueError(f"a bare backslash: {f!r}")
        plain = [re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m[1], 16)), f) for f in fields]
        rows.append((plain[0], fields[1], plain[2], plain[3]))
    return rows


# ---- nftables

def nft(text):
    """set -> [(network, seconds or None)]; commands are those we know, elements do not overlap."""
    body = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    sets = {"block4": [], "block6": []}
    commands = re.compile(r"\s*(?:(add table inet noroshi)|(add set inet noroshi (block[46]) \{ type ipv[46]_addr; flags interval, timeout; \})"
                          r"|(flush set inet noroshi block[46])|add element inet noroshi (block[46]) \{\n((?:[^{}\"]|\"[^\"{}\n]*\")*)\n\})\n")
    at = 0
    while at < len(body.rstrip("\n")):
        m = commands.match(body, at)
        if not m:
            raise ValueError(f"no command: {body[at:at + 120]!r}")
        at = m.end()
        for line in (m[6] or "").split("\n") if m[5] else []:
            e = re.fullmatch(r"  ([0-9a-f.:/]+)(?: timeout (\d+)s)? comment \"([ -!#-~]{1,128})\",?", line)
            if not e:
                raise ValueError(f"no element: {line!r}")
            network = ipaddress.ip_network(e[1])
            if network.version != int(m[5][-1]):
                raise ValueError(line)
            sets[m[5]].append((network, int(e[2]) if e[2] else None))
    for elements in sets.values():
        ordered = sorted(n for n, _ in elements)
        for a, b in zip(ordered, ordered[1:]):
            if a.overlaps(b):
                raise ValueError(f"{a} and {b} overlap")
    return sets


# ---- RPZ

def rpz(text):
    """(serial, {owner: target}); every owner at most 63 a label."""
    owners, serial = {}, None
    for line in text.split("\n"):
        line = line.split(" ; ")[0] if not line.startswith(";") else ""
        if not line or line == "$TTL 300" or line == "@ IN NS localhost.":
            continue
        soa = re.fullmatch(r"@ IN SOA localhost\. hostmaster\.localhost\. (\d{10}) 300 60 604800 300", line)
        if soa:
            serial = int(soa[1])
            continue
        record = re.fullmatch(r"((?:[a-z0-9_*-]|\\\d{3})+(?:\.(?:[a-z0-9_-]|\\\d{3})+)*) CNAME \.", line)
        if not record:
            raise ValueError(f"no record: {line!r}")
        labels = [re.sub(r"\\(\d{3})", "x", label) for label in record[1].split(".")]
        if not all(1 <= len(label) <= 63 for label in labels) or len(".".join(labels)) > 220:
            raise ValueError(f"length of {record[1]}")
        owners[record[1]] = "."
    if not serial:
        raise ValueError("no SOA")
    return serial, owners


def rpz_values(owners):
    found = set()
    for owner in owners:
        if owner.endswith(".rpz-ip"):
            bits, *words = owner.removesuffix(".rpz-ip").split(".")
            if len(words) == 4 and "zz" not in words and int(bits) <= 32 and all(w.isdigit() for w in words):
                found.add(str(ipaddress.ip_network(".".join(reversed(words)) + "/" + bits)).removesuffix("/32"))
            else:
                text = ":".join("" if w == "zz" else w for w in reversed(words))
                text = ":" + text if text.startswith(":") else text
                text = text + ":" if text.endswith(":") else text
                found.add(str(ipaddress.ip_network(text + "/" + bits)).removesuffix("/128"))
        elif not (owner.startswith("*.") and owner[2:] in owners):
            found.add(owner)
    return found
