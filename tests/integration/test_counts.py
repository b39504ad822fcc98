"""Real data through the program: counts against those another program made, and different spellings of the same thing."""
import collections
import json
import subprocess
import sys
import tarfile

import node
from node import DATA, equal, shared, true

# COUNTS.json's word for a format: our format, and the fields whose sum is the number of records.
FORMATS = {
    "ip-list": ("list", ["entries"]),
    "maltrail": ("list", ["entries"]),
    "zeek-tsv": ("zeek", ["rows"]),
    "zeek-json": ("zeek", ["rows", "bad_lines"]),
    "zeek-intel": ("zeek-intel", ["entries"]),
    "eve-array": ("eve", ["events"]),
    "honeypot-jsonl": ("honeypot", ["events", "invalid_lines"]),
    "honeypot-array-lines": ("honeypot", ["events", "invalid_lines"]),
    "stix-bundle": ("stix2", ["objects"]),
    "stix-list": ("stix2", ["objects"]),
    "stix-object": ("stix2", ["objects"]),
    "taxii-object-page": ("stix2", ["objects"]),
    "misp": ("misp", ["attributes", "object_attributes"]),
    "misp-manifest": ("misp-manifest", ["events"]),
    "warninglist": ("warninglist", ["entries"]),
    "kev-json": ("kev", ["entries"]),
    "kev-csv": ("kev", ["rows"]),
    "tw165-csv": ("csv", ["rows"]),
    "tweetfeed-csv": ("csv", ["rows"]),
    "idea": ("idea", 1),  # a file is one record
    "xarf": ("xarf", 1),
}
# Said to be MISP, but no event: an answer of the sharing group API.
NOT_OURS = {"misp-pymisp-tests/sharing_groups.json"}


def counted():
    with open(shared("COUNTS.json"), encoding="utf-8") as f:
        counts = json.load(f)["files"]
    return {path: (FORMATS[c["format"]][0], records(c, FORMATS[c["format"]][1]), c)
            for path, c in counts.items() if c["format"] in FORMATS and path not in NOT_OURS}


def records(count, fields):
    return fields if isinstance(fields, int) else sum(count.get(k, 0) for k in fields)


def claims(home, where="1"):
    """(kind, value) of what was stated."""
    return {tuple(r) for r in home.rows(f"SELECT kind, value FROM claim WHERE {where}")}


def load_folders(home, folders):
    """Each folder as a source of its own, as they are."""
    return [f for name, paths in folders.items() for f in home.intake(name, *paths)["files"]]


def test_every_file_of_the_shared_data(t):
    files = counted()
    folders = collections.defaultdict(list)
    for path in sorted(files):
        folders[path.split("/")[0]].append(shared(path))
    home = t.home(*folders)
    before = shared("COUNTS.json").parent
    first = load_folders(home, folders)
    equal(len(first), len(files), "files")
    wrong, refused = [], 0
    for report in first:
        name = str(report["path"]).split("!")[0]
        name = name.removeprefix(str(before) + "/")
        ours, want, count = files[name]
        empty = want == 0 and report["records"] == 0
        if (report["format"] != ours and not empty) or report["records"] != want:
            wrong.append(f"{name}: {report['format']} {report['records']}, want {ours} {want}")
        if "valid_expected" in count:
            refused += report["rejected"]
            if report["rejected"] != (not count["valid_expected"]):
                wrong.append(f"{name}: {report['rejected']} rejected, valid {count['valid_expected']}")
        if "by_type" in count and count["format"].startswith(("stix", "taxii")) and not report["rejected"]:
            if report["by_type"] != count["by_type"]:
                wrong.append(f"{name}: {report['by_type']}, want {count['by_type']}")
    equal(wrong, [], "counts")
    rejected = sum(f["rejected"] for f in first)
    true(rejected - refused < 100, f"{rejected} rejected")
    equal(home.json("rejected", "list")["count"], rejected, "quarantine")

    kept = home.dump()
    second = load_folders(home, folders)
    equal([(f["path"], f["accepted"]) for f in second if f["accepted"]], [], "accepted the second time")
    equal([f["records"] for f in second], [f["records"] for f in first], "records the second time")
    again = home.dump()
    for table, rows in kept.items():
        equal(len(again[table]), len(rows), f"rows of {table} after the second time")
        true(again[table] == rows, f"{table} changed the second time: "
             f"{[(a, b) for a, b in zip(rows, again[table]) if a != b][:2]}")
    home.verified()


def test_broken_on_purpose(t):
    """What comes before the damage is kept, and the report says what is wrong."""
    home = t.home("feed")
    report = home.intake("feed", shared("event-zeek-zat", "http.log.corrupt.gz"), code=1)
    one = report["files"][0]
    equal(one["format"], "zeek", "format")
    true(one["accepted"] >= 100, f"{one['accepted']} rows before the end")
    equal(one["problem"]["code"], "corrupt", "problem")
    true(one["rejected"] >= 1, "the cut is counted")
    for version in "v20", "v21":
        folder = shared("stix-oasis-validator-cases", version, "test_examples")
        for path in sorted(folder.glob("invalid_*.json")):
            report = home.intake("feed", path, code=1)
            equal(report["totals"]["accepted"], 0, f"accepted of {path.name}")
            true(report["totals"]["rejected"] >= 1, f"rejects of {path.name}")
    listed = home.json("rejected", "list", "--limit", "1000")
    true(all(r["reason"] if "reason" in r else r["text"] for r in listed["rejected"]), "each reject has its reason")


def test_tweetfeed_says_the_same_in_csv_and_stix(t):
    as_csv, as_stix = t.home("feed"), t.home("feed")
    equal(as_csv.intake("feed", shared("tweetfeed", "csv", "today.csv"), code=0)["totals"]["accepted"], 59, "rows")
    as_stix.intake("feed", shared("tweetfeed", "stix", "today.json"), code=0)
    equal(len(claims(as_csv)), 59, "pairs")
    equal(sorted(claims(as_csv) ^ claims(as_stix)), [], "pairs in one of them only")


def test_kev_snapshots_in_turn(t):
    home, only_later = t.home("kev"), t.home("kev")
    days = ["2025-03-03", "2025-07-07"]
    for day in days:
        home.intake("kev", shared("us-cisa-kev", day, "known_exploited_vulnerabilities.json"), code=0)
    path = shared("us-cisa-kev", days[1], "known_exploited_vulnerabilities.json")
    only_later.intake("kev", path, code=0)
    state = "SELECT value, labels, note, meta, first_seen, created, modified FROM claim ORDER BY value"
    later = dict((r[0], r[1:]) for r in only_later.rows(state))
    in_turn = dict((r[0], r[1:]) for r in home.rows(state))
    entries = {v["cveID"]: v for v in json.load(open(path, encoding="utf-8"))["vulnerabilities"]}
    equal(set(later), set(entries), "vulnerabilities")
    for cve, row in later.items():
        equal(in_turn[cve], row, cve)
    ransom = {c for c, v in entries.items() if v["knownRansomwareCampaignUse"] == "Known"}
    equal({c for c, row in in_turn.items() if "ransomware" in row[0] and c in entries}, ransom, "ransomware")
    # The earlier one again does not bring the earlier state back.
    home.intake("kev", shared("us-cisa-kev", days[0], "known_exploited_vulnerabilities.json"), code=0)
    equal(dict((r[0], r[1:]) for r in home.rows(state)), in_turn, "after the earlier snapshot again")


def zeek_json(path):
    return subprocess.run([sys.executable, str(DATA / "zeek_to_json.py")], input=path.read_bytes(), capture_output=True,
                          check=True).stdout


def test_zeek_log_and_json_are_the_same(t):
    logs = sorted((DATA / "events" / "zeek").glob("*.log"))
    if node.SHARED.joinpath("data", "event-zeek-zat").exists():
        logs += [shared("event-zeek-zat", n) for n in ("conn.log", "dns.log", "http.log", "ssl.log", "files.log", "x509.log")]
    columns = "kind, value, sensor, class, field, hour, count, first_seen, last_seen"
    for path in logs:
        if path.name == "several.log":
            continue  # several headers in one file have no JSON spelling
        tsv, js = t.home("zeek"), t.home("zeek")
        first = tsv.intake("zeek", path)["totals"]
        second = js.intake("zeek", t.file(path.name, zeek_json(path)), "--format", "zeek")["totals"]
        equal(second["records"], first["records"], f"records of {path.name}")
        equal(second["rejected"], first["rejected"], f"rejects of {path.name}")
        got = [home.rows(f"SELECT {columns} FROM past ORDER BY {columns}") for home in (tsv, js)]
        true(got[0] == got[1], f"{path.name}: {sorted(set(got[0]) ^ set(got[1]))[:4]}")


def addresses_of_ipsum():
    with open(shared("list-ipsum", "ipsum.txt"), encoding="ascii") as f:
        return {line.split()[0] for line in f if line[0] != "#"}


def honeypot_events(archive):
    """The events of a T-Pot archive as a dictionary each."""
    with tarfile.open(archive) as tar:
        for member in tar:
            for line in tar.extractfile(member):
                line = line.strip().rstrip(b",").strip()
                if line.startswith(b"[") and not line.startswith(b"[{"):
                    line = line[1:]
                if line.startswith(b"[{"):
                    line = line[1:]
                if line.endswith(b"]") and line.count(b"[") < line.count(b"]"):
                    line = line[:-1]
                if line.startswith(b"{"):
                    yield json.loads(line)


def sightings_of(t, archive, sensor_first):
    home = t.home("ipsum", "sensor")
    feed, events = shared("list-ipsum", "ipsum.txt"), shared("event-honeypot-tpot", archive)
    order = [("sensor", events), ("ipsum", feed)] if sensor_first else [("ipsum", feed), ("sensor", events)]
    reports = {name: home.intake(name, path)["totals"] for name, path in order}
    rows = home.rows("SELECT value, observed, hour, sensor, class, field, count, first_seen, last_seen FROM sighting ORDER BY 1,2,3,4,5,6")
    home.verified()
    return home, reports, rows


def check_honeypot(t, archive, addresses, matched):
    bad = addresses_of_ipsum()
    seen = collections.Counter(e.get("src_ip") or e.get("source_ip") for e in honeypot_events(shared("event-honeypot-tpot", archive)))
    hits = {ip: n for ip, n in seen.items() if ip in bad}
    equal((len(hits), sum(hits.values())), (addresses, matched), "this test's own reading")
    results = []
    for sensor_first in False, True:
        home, reports, rows = sightings_of(t, archive, sensor_first)
        per = collections.Counter()
        for value, _, _, _, _, _, count, _, _ in rows:
            per[value] += count
        true(per == hits, f"addresses and counts, sensor first {sensor_first}: {len(per)} {sum(per.values())}, {dict(list((per - collections.Counter(hits)).items())[:3])}")
        if not sensor_first:
            equal(reports["sensor"]["matched"], matched, "events matched at intake")
        some = max(hits, key=hits.get)
        looked = home.json("look", some)
        equal(looked["sightings"]["count"], hits[some], f"sightings of {some}")
        results.append(rows)
    true(results[0] == results[1], f"the order of loading matters: {sorted(set(results[0]) ^ set(results[1]))[:4]}")


def test_heralding_against_ipsum(t):
    check_honeypot(t, "heralding_82k_raw.json.tar.gz", 508, 14299)


def test_dionaea_against_ipsum(t):
    check_honeypot(t, "dioneae_20k.json.tar.gz", 558, 1487)


def test_before_valid_from(t):
    """The feed is of 2026, the events of 2025: they match, and each line says so."""
    home = t.home("ipsum")
    home.intake("ipsum", shared("list-ipsum", "ipsum.txt"), code=0)
    archive = shared("event-honeypot-tpot", "heralding_82k_raw.json.tar.gz")
    lines = (json.dumps(e) for _, e in zip(range(3000), honeypot_events(archive)))
    hits = home.run("watch", "--zone", "UTC", "-", input="\n".join(lines) + "\n", code=1).lines()
    true(hits, "something matches")
    true(all(h["before_valid_from"] is True for h in hits), "each says before_valid_from")


def event(name, n):
    return json.dumps({"timestamp": f"2026-08-22T10:00:{n % 60:02}.000000+0000", "event_type": "dns", "src_ip": "192.0.2.1",
                       "dest_ip": "192.0.2.2", "dns": {"type": "query", "rrname": name, "rrtype": "A"}})


def test_benign_hosts_raise_nothing(t):
    """docs.google.com and others stand on the feeds as hosts of URLs or alone; the warninglists keep them quiet."""
    hosts = ["docs.google.com", "play.google.com", "lnkd.in"]
    home = t.home("feed", "lists", "sensor")
    home.intake("lists", shared("warninglists-misp"))
    home.intake("feed", *[shared("tweetfeed", "csv", "2025", "202501"), shared("tweetfeed", "csv", "2026", "202607"),
                          shared("tweetfeed", "csv", "today.csv")])
    home.intake("feed", t.file("hosts.txt", "\n".join(hosts + ["plainly-bad.example"]) + "\n"), "--format", "list")
    events = "\n".join(event(h, n) for n, h in enumerate(hosts + ["plainly-bad.example"])) + "\n"
    hits = home.run("watch", "-", input=events, code=1).lines()
    equal([h["value"] for h in hits], ["plainly-bad.example"], "sightings of watch")
    report = home.intake("sensor", "-", input=events, code=0)["totals"]
    equal(report["matched"], 1, "events matched")
    for host in hosts:
        looked = home.json("look", host)
        equal(looked["sightings"]["count"], 0, f"sightings of {host}")
        why = [b for b in looked["benign"] if b["suppresses"]]
        true(why and why[0]["list"] and why[0]["entry"], f"look {host} does not say why: {looked['benign']}")
        true(looked["indicators"], f"the claims about {host} are shown")
        true("not matched" in home.run("look", host, code=0).out, f"look {host} says it in words")
    # A URL with a path on such a host still matches.
    home.intake("feed", t.file("urls.txt", "https://docs.google.com/forms/d/e/a-phishing-form/viewform\n"), "--format", "list")
    url = json.dumps({"timestamp": "2026-08-22T10:00:00.000000+0000", "event_type": "http", "src_ip": "192.0.2.1",
                      "dest_ip": "192.0.2.2", "dest_port": 443, "proto": "TCP",
                      "http": {"hostname": "docs.google.com", "url": "https://docs.google.com/forms/d/e/a-phishing-form/viewform",
                               "http_method": "GET", "protocol": "HTTP/1.1"}})
    hits = home.run("watch", "-", input=url + "\n", code=1).lines()
    true(any(h["kind"] == "url" for h in hits), f"the form matches: {hits}")


# ---- one day of indicators, three spellings

DAY = [  # kind in MISP, in STIX patterns, value, first, last, labels, confidence, tlp
    ("domain", "domain-name:value", "gate.phish.example", "2026-08-22T01:00:00Z", "2026-08-22T09:30:00Z", ["phishing"], 75, "green"),
    ("url", "url:value", "http://gate.phish.example/login.php?id=1", "2026-08-22T02:00:00Z", "2026-08-22T03:00:00Z",
     ["phishing", "bank"], 50, "amber"),
    ("ip-dst", "ipv4-addr:value", "203.0.113.77", "2026-08-22T03:00:00Z", "2026-08-22T03:00:01Z", ["c2"], 100, "green"),
    ("ip-dst", "ipv6-addr:value", "2001:db8::77", "2026-08-22T04:00:00Z", "2026-08-22T05:00:00Z", ["c2"], 25, "clear"),
    ("sha256", "file:hashes.'SHA-256'", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "2026-08-22T05:00:00Z", "2026-08-22T06:00:00Z", ["dropper"], 50, "green"),
    ("email-src", "email-addr:value", "clerk@phish.example", "2026-08-22T07:00:00Z", "2026-08-22T08:00:00Z", ["phishing"], 75,
     "amber"),
]
MISP_WORDS = {100: "completely-confident", 75: "usually-confident", 50: "fairly-confident", 25: "rarely-confident"}
TLP = {"clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
       "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
       "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"}


def day_as_csv():
    rows = ["value,first_seen,last_seen,labels,confidence,tlp"]
    for _, _, value, first, last, labels, confidence, tlp in DAY:
        rows.append(f'"{value}",{first},{last},"{",".join(labels)}",{confidence},{tlp}')
    return "\r\n".join(rows) + "\r\n"


def uuid(n):
    return f"{n:08x}-1111-4111-8111-111111111111"


def day_as_misp():
    attributes = []
    for n, (kind, _, value, first, last, labels, confidence, tlp) in enumerate(DAY):
        tags = [{"name": w} for w in labels] + [{"name": f"tlp:{tlp}"}, {"name": f'misp:confidence-level="{MISP_WORDS[confidence]}"'}]
        attributes.append({"uuid": uuid(n + 1), "type": kind, "category": "Network activity", "value": value, "to_ids": True,
                           "timestamp": "1787400000", "first_seen": first, "last_seen": last, "Tag": tags})
    return json.dumps({"Event": {"uuid": uuid(900), "info": "one day", "date": "2026-08-22", "timestamp": "1787400000",
                                 "threat_level_id": "2", "analysis": "2", "published": True, "Attribute": attributes}})


def day_as_taxii():
    objects = []
    for n, (_, path, value, first, last, labels, confidence, tlp) in enumerate(DAY):
        objects.append({"type": "indicator", "spec_version": "2.1", "id": f"indicator--{uuid(n + 1)}", "created": first,
                        "modified": last, "pattern": f"[{path} = '{value}']", "pattern_type": "stix", "valid_from": first,
                        "labels": labels, "confidence": confidence, "object_marking_refs": [TLP[tlp]]})
    return json.dumps({"more": False, "objects": objects})


def test_one_day_as_csv_misp_and_taxii(t):
    """The same kinds, values, times, labels, markings and confidence."""
    got = {}
    for name, text in ("day.csv", day_as_csv()), ("day.misp.json", day_as_misp()), ("day.taxii.json", day_as_taxii()):
        home = t.home("feed")
        equal(home.intake("feed", t.file(name, text), code=0)["totals"]["accepted"], len(DAY), name)
        rows = {}
        for kind, value, labels, tlp in home.rows("SELECT kind, value, labels, tlp FROM claim"):
            words = {w for w in labels.replace("\n", " ").replace(",", " ").split() if w in {x for d in DAY for x in d[5]}}
            rows[(kind, value)] = (tuple(sorted(words)), tlp)
        times = {v: (first, last) for v, first, last in
                 home.rows("SELECT value, coalesce(first_seen, valid_from, created), coalesce(last_seen, modified) FROM claim")}
        sure = dict(home.rows("SELECT value, confidence FROM claim"))
        got[name] = (rows, times, sure)
    first = got["day.csv"]
    equal({v for _, v in first[0]}, {d[2] for d in DAY}, "values")
    for name, (rows, times, sure) in got.items():
        equal(rows, first[0], f"kinds, labels and markings of {name}")
        equal(times, first[1], f"times of {name}")
        equal(sure, {d[2]: d[6] for d in DAY}, f"confidence of {name}")


if __name__ == "__main__":
    node.main(globals())
