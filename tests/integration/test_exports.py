"""Exports: what is in them and what never is, that nothing breaks their syntax, and that equipment can poll them."""
import csv
import io
import ipaddress
import json
import shutil
import subprocess
import time

import node
import strict_formats as strict
from node import Skip, equal, true

FILES = [["stix"], ["stix", "--objects"], ["misp"], ["csv"], ["rpz"], ["suricata"], ["zeek"], ["nft"], ["yara"], ["sigma"]]
KINDS = ["ipv4-addr", "ipv6-addr", "domain-name", "url", "md5", "sha-256", "email-addr", "user-agent", "file", "mutex"]
DATASETS = ["ipv4-addr", "ipv6-addr", "domain-name", "url", "md5", "sha-256", "user-agent"]

FEED = """bad.example
*.wild.example
203.0.113.7
203.0.113.0/24
198.51.100.9
2001:db8::1
2001:db8:0:0:1:0:0:1
2001:db8:7::/48
http://gate.example/a;b"c?x=1
http://gate.example:8080/evil/path
d41d8cd98f00b204e9800998ecf8427e
e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
CVE-2021-44228
1BoatSLRHtKNngkdXEeobR76b53LETtpyT
"""


def export(home, *args, code=0):
    return home.run("export", *args, code=code).out


def everything(home, directory):
    """Name and text of every form there is."""
    for args in FILES:
        yield " ".join(args), export(home, *args)
    for kind in KINDS[:8]:
        yield f"list of {kind}", export(home, "list", "--kind", kind)
    for kind in DATASETS:
        text = export(home, "suricata-dataset", "--kind", kind)
        coded = kind in ("domain-name", "url", "user-agent")
        yield f"dataset of {kind}", "\n".join(strict.dataset(text, coded))
    home.run("export", "misp-feed", "--output", directory, code=0)
    for path in directory.iterdir():
        yield f"feed {path.name}", path.read_text()


def values(home, *kinds):
    return {v for k, v in home.rows("SELECT DISTINCT kind, value FROM claim WHERE flags = 0") if not kinds or k in kinds}


def indicator(number, pattern, modified="2026-08-01T00:00:00.000Z", **more):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--00000000-0000-4000-8000-{number:012}",
            "created": "2026-08-01T00:00:00.000Z", "modified": modified, "valid_from": "2026-08-01T00:00:00Z",
            "indicator_types": ["malicious-activity"], "pattern": pattern, "pattern_type": "stix", **more}


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": list(objects)})


def filled(t, *more):
    home = t.home("feed", *more)
    home.intake("feed", t.file("feed.txt", FEED), code=0)
    return home


# ---- what is in them

def test_each_format_holds_what_it_can_carry(t):
    home = filled(t)
    known = values(home)
    equal(len(known), 14, "claims")
    rows = list(csv.DictReader(io.StringIO(export(home, "csv"))))
    equal({r["value"] for r in rows}, known, "csv")
    equal({(r["tlp"], r["sources"], r["grade"], r["confidence"]) for r in rows}, {("TLP:AMBER", "feed (B)", "B", "80")}, "statements")
    objects = json.loads(export(home, "stix"))["objects"]
    equal({o["name"] for o in objects if o["type"] == "indicator"}, known, "stix")
    true(any("reliability B" in o.get("content", "") for o in objects), "the grade of the source in a note")
    event = json.loads(export(home, "misp"))["Event"]
    equal({a["value"] for a in event["Attribute"]}, known, "misp")
    names = {"bad.example", "*.wild.example"}
    single = {"203.0.113.7", "198.51.100.9", "2001:db8::1", "2001:db8::1:0:0:1"}
    nets = {"203.0.113.0/24", "2001:db8:7::/48"}
    _, owners = strict.rpz(export(home, "rpz"))
    equal(strict.rpz_values(owners), names | single | nets, "rpz")
    true("*.bad.example" in owners and "wild.example" not in owners, "what is below a name, and a wildcard alone")
    urls = {'gate.example/a;b"c?x=1', "gate.example:8080/evil/path"}
    hashes = {v for v in known if len(v) in (32, 64)}
    equal({r[0] for r in strict.zeek(export(home, "zeek"))}, {"bad.example"} | single | nets | urls | hashes, "zeek")
    equal(strict.suricata_values(export(home, "suricata")),
          {"bad.example", "wild.example", 'gate.example/a;b"c?x=1', "gate.example/evil/path"} | single | nets, "suricata")
    sets = strict.nft(export(home, "nft"))
    equal({str(n) for n, _ in sets["block4"]}, {"203.0.113.0/24", "198.51.100.9/32"}, "the wider prefix stands for what is in it")
    equal(len(sets["block6"]), 3, "block6")
    equal(strict.dataset(export(home, "suricata-dataset", "--kind", "url"), True), urls, "dataset")
    report = home.json("export", "zeek", "--output", t.path("intel"))
    equal((report["written"], report["left_out"]["kind"]), (11, 3), "what is left out is counted")


def test_filters(t):
    home = filled(t, "second")
    old = bundle(indicator(1, "[domain-name:value = 'old.example']", confidence=10, labels=["botnet", "c2"]))
    home.intake("second", t.file("old.json", old), code=0)

    def listed(*args):
        return {line for line in export(home, "list", "--kind", "domain-name", *args).splitlines() if not line.startswith("#")}

    equal(listed(), {"bad.example", "*.wild.example", "old.example"}, "all")
    equal(listed("--confidence", "50"), {"bad.example", "*.wild.example"}, "confidence")
    equal(listed("--label", "botnet"), {"old.example"}, "label")
    equal(listed("--source", "second"), {"old.example"}, "source")
    equal(listed("--age", "1d"), {"bad.example", "*.wild.example"}, "age")
    equal(listed("--tlp", "green"), set(), "nothing is marked lower than the sources' own AMBER")
    for args in (["list"], ["list", "--kind", "ipv4-addr,url"], ["csv", "--tlp", "red"], ["csv", "--confidence", "101"],
                 ["csv", "--age", "soon"], ["csv", "--kind", "nothing"], ["none"], [], ["misp-feed"], ["csv", "--json"]):
        home.run("export", *args, code=2)


def test_same_bytes_again_and_a_serial_that_grows(t):
    home = filled(t)
    zone = t.path("zone")
    home.run("export", "rpz", "--output", zone, code=0)
    first = zone.read_text()
    equal(export(home, "rpz"), first, "equal content, equal bytes")
    for name in ("stix", "misp", "csv", "zeek", "suricata"):
        equal(export(home, name), export(home, name), name)
    serials = [strict.rpz(first)[0]]
    for n in range(3):
        home.intake("feed", t.file("more.txt", f"more{n}.example\n"), code=0)
        serials.append(strict.rpz(export(home, "rpz"))[0])
    true(all(a < b for a, b in zip(serials, serials[1:])), f"serials grow with every change, also within a second: {serials}")
    with open(home.path / "run" / "exports", "r+b") as state:
        state.truncate(100)  # a crash in the middle of a line
    true(strict.rpz(export(home, "rpz"))[0] >= serials[-1] - 3, "a damaged state is no error")


# ---- what never is

def test_canaries_stand_in_no_byte_of_any_format(t):
    home = t.home("feed", "lists")
    home.source("red", "--marking", "TLP:RED")
    home.source("short", "--expiry", "1d")
    home.source("drill", "--exercise")
    home.intake("drill", t.file("drill.txt", "canary-drill.example\n198.51.100.3\n"), code=0)
    home.intake("feed", t.file("good.txt", "shown.example\n203.0.113.7\nhttp://shown.example/x\n"), code=0)
    home.intake("red", t.file("red.txt", "canary-red.example\n198.51.100.1\nhttp://canary-red.example/x\n2001:db8:ca::1\n"
                                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01\n"), code=0)
    home.intake("short", t.file("short.txt", "# Last update: Sat, 22 Aug 2020 03:00:29 +0200\ncanary-old.example\n198.51.100.2\n"), code=0)
    objects = [indicator(1, "[domain-name:value = 'canary-ended.example']", valid_until="2026-08-02T00:00:00Z"),
               indicator(2, "[domain-name:value = 'canary-revoked.example']", revoked=True),
               indicator(3, "[domain-name:value = 'canary-benign.example']", indicator_types=["benign"]),
               indicator(4, "[domain-name:value = 'canary-later.example']", valid_from="2099-01-01T00:00:00Z"),
               indicator(5, "[domain-name:value = 'canary-marked.example']",
                         object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]),
               indicator(6, "[domain-name:value = 'canary-listed.example' AND ipv4-addr:value = '192.0.2.77']"),
               {"type": "domain-name", "spec_version": "2.1", "id": "domain-name--00000000-0000-4000-8000-000000000007",
                "value": "canary-listed.example"}]
    home.intake("feed", t.file("canaries.json", bundle(*objects)))
    misp = {"Event": {"uuid": "00000000-0000-4000-8000-0000000000aa", "info": "x", "date": "2026-08-01", "timestamp": "1785000000",
                      "threat_level_id": "1", "analysis": "2", "Attribute": [
                          {"uuid": "00000000-0000-4000-8000-0000000000ab", "type": "domain", "value": "canary-context.example",
                           "to_ids": False, "category": "Other", "timestamp": "1785000000"}]}}
    home.intake("feed", t.file("misp.json", json.dumps(misp)), code=0)
    lists = {"name": "canaries", "version": 1, "description": "x", "type": "hostname", "matching_attributes": ["domain"],
             "list": ["canary-listed.example", ".canary-below.example"]}
    home.intake("lists", t.file("list.json", json.dumps(lists)), code=0)
    cidr = {"name": "canary ranges", "version": 1, "description": "x", "type": "cidr", "matching_attributes": ["ip-src"],
            "list": ["198.51.100.128/28"]}
    home.intake("lists", t.file("cidr.json", json.dumps(cidr)), code=0)
    home.intake("feed", t.file("listed.txt", "canary-listed.example\nx.canary-below.example\n198.51.100.130\n198.51.100.0/24\n"
                                             "192.0.2.5\n192.0.2.0/28\ncanary-never.example\nwww.canary-never.example\n"
                                             "http://canary-never.example/path\nsomebody@canary-never.example\n"
                                             "*.canary-never.example\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb02\n"), code=0)
    (home.path / "never-block.txt").write_text("# ours\n192.0.2.5\nwww.canary-never.example  # the shop\ncanary-never.example\n"
                                               "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB02\n")
    hidden = ["canary", "198.51.100.", "2001:db8:ca", ".100.51.198", "ca.db8.2001", "192.0.2.", ".2.0.192", "a" * 30, "b" * 30]
    seen = 0
    for name, text in everything(home, t.path("feed")):
        for word in hidden:
            true(word not in text.lower(), f"'{word}' stands in {name}: {text[max(0, text.lower().find(word) - 200):][:400]}")
        seen += "shown.example" in text
    true(seen >= 10, f"what may be shown is in {seen} of them")
    (home.path / "never-block.txt").write_text("203.0.113.99\nno value at all, really\n")
    answer = home.run("export", "csv", code=3)
    true("never-block.txt:2" in answer.err, f"a line that cannot be read stops every export, with its place: {answer}")
    equal(answer.out, "", "nothing goes out")


def test_revoked_ends_at_once(t):
    home = t.home("feed")
    shown = indicator(1, "[domain-name:value = 'taken-back.example']")
    home.intake("feed", t.file("one.json", bundle(shown)), code=0)
    before = dict(everything(home, t.path("before")))
    true(sum("taken-back.example" in text for text in before.values()) >= 8, "it stands there first")
    again = dict(shown, revoked=True, modified="2026-08-05T00:00:00.000Z")
    home.intake("feed", t.file("two.json", bundle(again)), code=0)
    for name, text in everything(home, t.path("after")):
        true("taken-back" not in text, f"{name} still holds it")


def test_folder_loses_what_is_no_longer_given(t):
    home = t.home("feed", "other")
    shown = indicator(1, "[domain-name:value = 'taken-back.example']")
    home.intake("feed", t.file("one.json", bundle(shown)), code=0)
    home.intake("other", t.file("other.txt", "stays.example\n"), code=0)
    feed = t.path("feed")
    home.run("export", "misp-feed", "--output", feed, code=0)
    (feed / "index.html").write_text("of somebody else")
    manifest = json.loads((feed / "manifest.json").read_text())
    equal({p.stem for p in feed.glob("*.json")} - {"manifest"}, set(manifest), "an event each")
    equal(len(manifest), 2, "an event for each source and day")
    home.intake("feed", t.file("two.json", bundle(dict(shown, revoked=True, modified="2026-08-05T00:00:00.000Z"))), code=0)
    home.run("export", "misp-feed", "--output", feed, code=0)
    equal(len(list(feed.glob("*.json"))), 2, "the old event is gone")
    true((feed / "index.html").exists(), "nothing else is touched")
    hashes = (feed / "hashes.csv").read_text().split()
    equal([h.split(",")[1] for h in hashes], list(json.loads((feed / "manifest.json").read_text())), "hashes name the event")


def test_expiry_ends_by_itself(t):
    home = t.home("feed")
    end = time.time() + 4
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
    home.intake("feed", t.file("one.json", bundle(indicator(1, "[domain-name:value = 'short.example']", valid_until=text),
                                                  indicator(2, "[ipv4-addr:value = '203.0.113.7']", valid_until=text))), code=0)
    with home.serve() as running:
        client = running.client(home.json("key", "make", "reader", "--role", "viewer")["key"])
        first = client.get("/api/v1/export/rpz")
        true(b"short.example" in first.body, "in force")
        left = strict.nft(client.get("/api/v1/export/nft").body.decode())["block4"][0][1]
        true(left and left <= 65, f"a timeout from its end: {left}")
        time.sleep(max(0, end + 1.1 - time.time()))
        second = client.get("/api/v1/export/rpz", headers={"If-None-Match": first.headers["etag"]})
        true(b"short.example" not in second.body and second.headers["etag"] != first.headers["etag"], "it ended, with another tag")


# ---- hostile values

ODD = ['=cmd|"/c calc"!A1', "+1+1", "-2+3", "@SUM(1)", "a\tb", 'say "hi", you', "semi;colon", "back\\slash", "pipe|pipe", "per%cent",
       "new\nline", "car\rriage", "'; DROP TABLE claim; --", "<script>alert(1)</script>", "{{7*7}}", "$(id)", "`id`", "\u202egnp.exe",
       "名前.exe", "\x1b[31mred", "# comment", "} add rule inet x y drop", "|3b|", '"); alert', "-", "(empty)", "x" * 700]


def hostile(t, home):
    attributes = []
    for n, text in enumerate(ODD):
        for kind in ("filename", "mutex", "user-agent", "email-subject"):
            attributes.append({"uuid": f"00000000-0000-4000-8000-{len(attributes):012}", "type": kind, "value": text, "to_ids": True,
                               "category": "Other", "timestamp": "1785000000", "comment": f"note {text}",
                               "Tag": [{"name": f"label{n}={text}"}]})
    for path in ('a"b', "a;b", "a|b", "a'b", "a%0ab", "a\\b", "a{b}", "$(x)", "a b", "ü", "p" * 300):
        attributes.append({"uuid": f"00000000-0000-4000-8000-{len(attributes):012}", "type": "url",
                           "value": f"http://odd.example/{path}?q={path}", "to_ids": True, "category": "Other", "timestamp": "1785000000"})
    labels = [".".join(["l" * 60] * 3) + ".long.example", "_dmarc.odd.example", "xn--80ak6aa92e.example", "a-.odd.example"]
    for name in labels:
        attributes.append({"uuid": f"00000000-0000-4000-8000-{len(attributes):012}", "type": "domain", "value": name, "to_ids": True,
                           "category": "Other", "timestamp": "1785000000"})
    event = {"Event": {"uuid": "00000000-0000-4000-8000-0000000000aa", "info": 'x"\n; drop', "date": "2026-08-01",
                       "timestamp": "1785000000", "threat_level_id": "1", "analysis": "2", "Attribute": attributes}}
    home.intake("feed", t.file("hostile.json", json.dumps(event)))


def test_hostile_values_break_nothing(t):
    home = t.home()
    home.source("feed", "--upstream", "x")
    hostile(t, home)
    known = values(home)
    true(len(known) > 30, f"hostile values are in: {len(known)}")
    table = export(home, "csv")
    rows = list(csv.reader(io.StringIO(table, newline="")))
    equal({len(r) for r in rows}, {10}, "every row has ten fields")
    plain = {r[0] for r in rows[1:]}
    true(all(field[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n") for r in rows for field in r), "no field is a formula")
    equal({p[1:] if p.startswith("'") and p not in known else p for p in plain}, known, "csv holds them all")
    strict.suricata(export(home, "suricata"))
    strict.zeek(export(home, "zeek"))
    strict.rpz(export(home, "rpz"))
    strict.nft(export(home, "nft"))
    objects = json.loads(export(home, "stix"))["objects"]
    equal({o["name"] for o in objects if o["type"] == "indicator"}, known, "stix holds them all")
    names = {a["value"] for a in json.loads(export(home, "misp"))["Event"]["Attribute"]}
    true(known <= names <= known | {odd.strip() for odd in ODD}, "misp holds them all, and the subjects that are no value of ours")
    for kind in ("user-agent", "file-name", "mutex", "url", "domain-name"):
        answer = home.run("export", "list", "--kind", kind, code=(0, 2))
        lines = [line for line in answer.out.split("\n") if line and not line.startswith("#")]
        true(all(line in known for line in lines), f"every line of the list is one value, whole: {set(lines) - known}")


def test_hostile_values_come_back(t):
    home = t.home("feed")
    hostile(t, home)
    known = values(home)
    for name in ("stix", "misp", "csv"):
        other, path = t.home("back"), t.path(name)
        home.run("export", name, "--output", path, code=0)
        equal(other.intake("back", path)["totals"]["rejected"], 0, name)
        apart = known ^ values(other)
        if name == "csv":  # the apostrophe before a formula stays
            apart -= {v for v in apart if v.removeprefix("'")[:1] in "=+-@"}
        equal(apart, set(), name)


def test_sources_with_odd_names(t):
    home = t.home()
    for name in ('feed"; drop', "feed\\x", "feed (A); sid:1", "源"):
        done = home.run("source", "add", name, "--reliability", "B", "--zone", "UTC")
        if done.code == 0:
            home.intake(name, t.file("f.txt", "203.0.113.7\nodd.example\nhttp://odd.example/x\n"), code=0)
    strict.suricata(export(home, "suricata"))
    strict.zeek(export(home, "zeek"))
    strict.rpz(export(home, "rpz"))
    strict.nft(export(home, "nft"))


# ---- independent tools

def tool(name):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if not path:
        raise Skip(f"{name} is not installed (scripts/install-deps test)")
    return path


def test_named_checkzone(t):
    checker, home = tool("named-checkzone"), filled(t)
    hostile(t, home)
    zone = t.path("zone")
    home.run("export", "rpz", "--output", zone, code=0)
    done = subprocess.run([checker, "rpz.noroshi.example", str(zone)], capture_output=True, text=True, timeout=30)
    equal(done.returncode, 0, f"named-checkzone: {done.stdout}{done.stderr}")
    true(str(strict.rpz(zone.read_text())[0]) in done.stdout, "its serial")


def test_nft_check(t):
    checker, home = tool("nft"), filled(t)
    many = "".join(f"{ipaddress.ip_address(0xCB007100 + n * 7)}\n" for n in range(3000))
    home.intake("feed", t.file("many.txt", many), code=0)
    rules = t.path("rules")
    home.run("export", "nft", "--output", rules, code=0)
    true(len(strict.nft(rules.read_text())["block4"]) > 2500, "several commands of elements")
    done = subprocess.run([checker, "-c", "-f", str(rules)], capture_output=True, text=True, timeout=60)
    if done.returncode and "Operation not permitted" in done.stderr:
        raise Skip("nft -c needs CAP_NET_ADMIN, which this user has not")
    equal(done.returncode, 0, f"nft -c: {done.stderr[:1000]}")


# ---- there and back

def test_round_trips(t):
    home = filled(t)
    everything_known = values(home)
    by_format = {"stix": everything_known, "misp": everything_known, "csv": everything_known,
                 "rpz": values(home, 1, 2, 3) | {"*.bad.example"},
                 "zeek": {v.removeprefix("http://") for v in everything_known if not v.startswith(("CVE", "1Boat", "*."))}}
    for name, want in by_format.items():
        other = t.home("back")
        path = t.path(name)
        home.run("export", name, "--output", path, code=0)
        report = other.intake("back", path)
        equal(report["totals"]["rejected"], 0, f"{name}: {report}")
        equal(values(other), want, name)
    other = t.home("back")
    for kind in ("ipv4-addr", "ipv6-addr", "domain-name", "url", "md5", "sha-256", "vulnerability", "cryptocurrency-wallet"):
        path = t.path("list.txt")
        home.run("export", "list", "--kind", kind, "--output", path, code=0)
        other.intake("back", path, code=0)
    equal(values(other), everything_known, "lists")
    other = t.home("back")
    home.run("export", "misp-feed", "--output", t.directory / "folder", code=0)
    other.intake("back", *(p for p in (t.directory / "folder").glob("*-*.json")), code=0)
    equal(values(other), everything_known, "feed")


# ---- rules as they came

YARA = 'rule found_it : tag {\n  strings:\n    $a = "evil } rule x"\n    $b = /re[}"]x/ // { not a brace\n    $h = { 6A 40 ?? }\n  condition:\n    any of them\n}'


def test_yara_and_sigma(t):
    home = t.home("feed")
    sigma = "title: Odd\nlogsource:\n  product: windows\ndetection:\n  selection:\n    Image: evil.exe\n  condition: selection\n"
    rules = [(YARA, "yara"), (YARA.replace("any of", "all of"), "yara"), ('include "/etc/passwd"\nrule inc { condition: true }', "yara"),
             ("rule open { condition: true", "yara"), ("rule second { condition: true }", "yara"), (sigma, "sigma"),
             (sigma + "---\ntitle: smuggled\n", "sigma"), ("alert tcp any any -> any any (sid:1;)", "snort")]
    home.intake("feed", t.file("rules.json", bundle(*(dict(indicator(n, pattern), pattern_type=kind)
                                                      for n, (pattern, kind) in enumerate(rules)))), code=0)
    text = export(home, "yara")
    true(YARA in text and "rule second" in text, "rules as they came")
    true("all of them" not in text and "include" not in text and "rule open" not in text, "one of a name; nothing that reads files; whole ones")
    true("(B)" in text and "TLP:AMBER" in text and "no end" in text, "grade, marking and end stand with a rule")
    text = export(home, "sigma")
    true(sigma in text and "smuggled" not in text, "sigma")
    report = home.json("export", "yara", "--output", t.path("yar"))
    equal((report["written"], report["left_out"]["characters"], report["left_out"]["covered"]), (2, 2, 1), "counted")


# ---- trying first

def test_dry_run(t):
    home = t.home("feed", "sensor")
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000+0000", time.gmtime(time.time() - 3600))
    old = time.strftime("%Y-%m-%dT%H:%M:%S.000000+0000", time.gmtime(time.time() - 9 * 86400))
    lines = [{"timestamp": now, "event_type": "dns", "src_ip": "192.0.2.1", "dest_ip": "192.0.2.53",
              "dns": {"type": "query", "rrname": name, "rrtype": "A"}} for name in ["www.bad.example"] * 5 + ["fine.example"] * 3]
    lines.append(dict(lines[0], timestamp=old))
    home.intake("sensor", t.file("eve.json", "".join(json.dumps(line) + "\n" for line in lines)), code=0)
    home.intake("feed", t.file("feed.txt", "bad.example\nunseen.example\n"), code=0)
    report = home.json("export", "rpz", "--dry-run")["dry_run"]
    equal((report["observations"], report["met"]), (5, 1), f"what it would have met: {report}")
    equal(report["top"], [{"value": "bad.example", "kind": "domain-name", "observations": 5}], "top")
    true("5 observations" in home.run("export", "rpz", "--dry-run", code=0).out, "for people")
    equal(home.json("export", "nft", "--dry-run")["dry_run"]["observations"], 0, "only what the format carries")


# ---- polled

def test_api(t):
    home = filled(t)
    keys = {role: home.json("key", "make", f"key-{role}", "--role", role, *(["--source", "feed"] if role == "sensor" else []))["key"]
            for role in ("viewer", "sensor", "auditor")}
    with home.serve() as running:
        client = running.client(keys["viewer"])
        running.client().get("/api/v1/export/csv", want=401)
        for role in ("sensor", "auditor"):
            running.client(keys[role]).get("/api/v1/export/csv", want=403)
        first = client.get("/api/v1/export/csv")
        equal({r["value"] for r in csv.DictReader(io.StringIO(first.body.decode()))}, values(home), "csv")
        true(first.headers["content-type"].startswith("text/csv"), "its type")
        equal((first.headers["x-noroshi-marking"], first.headers["x-noroshi-entries"]), ("TLP:AMBER", "14"), "what the format cannot say")
        tag = first.headers["etag"]
        for header in ({"If-None-Match": tag}, {"If-None-Match": f'"other", W/{tag}'}, {"If-None-Match": "*"},
                       {"If-Modified-Since": first.headers["last-modified"]}):
            answer = client.get("/api/v1/export/csv", want=304, headers=header)
            equal((answer.body, answer.headers["etag"]), (b"", tag), f"{header}")
        equal(client.ask("HEAD", "/api/v1/export/csv", want=200).body, b"", "HEAD")
        only = client.get("/api/v1/export/list?kind=ipv4-addr&tlp=amber&confidence=10&age=30d")
        equal({line for line in only.body.decode().splitlines() if line[0] != "#"}, {"203.0.113.7", "203.0.113.0/24", "198.51.100.9"}, "list")
        equal(client.get("/api/v1/export/rpz").body, client.get("/api/v1/export/rpz").body, "kept")
        home.intake("feed", t.file("more.txt", "more.example\n"), code=0)
        changed = client.get("/api/v1/export/csv", headers={"If-None-Match": tag})
        true(changed.headers["etag"] != tag and b"more.example" in changed.body, "a change is seen at once")
        (home.path / "never-block.txt").write_text("more.example\n")
        again = client.get("/api/v1/export/csv", headers={"If-None-Match": changed.headers["etag"]})
        true(b"more.example" not in again.body, "the never-block list as well")
        for path, status in (("nothing", 404), ("misp-feed", 400), ("list", 400), ("csv?tlp=red", 400), ("csv?age=x", 400),
                             ("csv?kind=x", 400), ("csv?source=none", 404), ("csv?confidence=-1", 400)):
            answer = client.get(f"/api/v1/export/{path}", want=status)
            true(answer.json()["error"]["text"], f"{path} says why")
        for name in ("stix", "misp", "rpz", "suricata", "zeek", "nft", "yara", "sigma"):
            client.get(f"/api/v1/export/{name}")


def test_taxii_gives_the_same_versions(t):
    """One id and `modified` never stand over two contents, whichever way the indicator went."""
    home = t.home("plain")
    home.source("short", "--expiry", "3650d")
    home.intake("plain", t.file("a.csv", "value,first_seen,valid_until\na.evil.example,2026-08-01T00:00:00Z,2036-01-01T00:00:00Z\n"
                                         "b.evil.example,2026-08-02T00:00:00Z,\n"), code=0)
    home.intake("short", t.file("b.csv", "value,last_seen\nc.evil.example,2026-08-03T00:00:00Z\n"), code=0)
    exported = {o["id"]: o for o in json.loads(home.run("export", "stix", code=0).out)["objects"] if o["type"] == "indicator"}
    with home.serve() as running:
        client = running.client(home.json("key", "make", "reader", "--role", "admin")["key"])
        path = "/taxii2/root/collections/all/objects/"
        node.until(lambda: len(client.get(path).json().get("objects", [])) >= 3, "the collection fills")
        given = {o["id"]: o for o in client.get(path).json()["objects"] if o["type"] == "indicator"}
    equal(set(exported), set(given), "the same indicators")
    for name, o in exported.items():
        if o["modified"] == given[name]["modified"]:
            equal(o, given[name], "one version, one content")
        else:
            true(o["modified"] > given[name]["modified"], "the export's own end is a newer version")
            equal({k: v for k, v in o.items() if k not in ("modified", "valid_until")},
                  {k: v for k, v in given[name].items() if k != "modified"}, "and nothing else differs")
    true(any(o["modified"] == given[n]["modified"] for n, o in exported.items()), "what the source ends itself is the same version")


if __name__ == "__main__":
    node.main(globals())
