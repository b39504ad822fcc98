"""Reports, device logs and mapped JSON through the whole program: parsed in a narrowed worker, matched, quarantined, tried again."""
import json

import node
from node import DATA, equal, true

TIME = "2026-08-22T01:00:00"  # without a zone
XARF = "\n".join(["X-XARF: PLAIN", "Content-Type: multipart/mixed; boundary=x", "", "--x", "Content-Type: text/yaml", "",
                  "Reported-From: a@cert.example", "Category: abuse", "Report-Type: login-attack", f"Date: {TIME}",
                  "Source-Type: ip-address", "Source: 192.0.2.2", "--x--", ""])
IODEF = f"""<IODEF-Document xmlns="urn:ietf:params:xml:ns:iodef-2.0"><Incident purpose="reporting" restriction="green">
<IncidentID name="cert.example">1</IncidentID><GenerationTime>{TIME}</GenerationTime><EventData><Flow><System category="source">
<Node><Address category="ipv4-addr">192.0.2.3</Address></Node></System></Flow></EventData></Incident></IODEF-Document>"""
MAPPING = {"records": "/data", "fields": {"/ioc": "value", "/seen": "first"}}
EVENTS = {"events": True, "fields": {"/at": "time", "/src": "value:ip"}}
# format: (file, mapping, value of a claim or an event)
WITHOUT_ZONE = {
    "idea": (json.dumps({"Format": "IDEA0", "ID": "1", "DetectTime": TIME, "Category": ["Attempt.Login"],
                         "Source": [{"IP4": ["192.0.2.1"]}]}), None, "192.0.2.1"),
    "xarf": (XARF, None, "192.0.2.2"),
    "iodef": (IODEF, None, "192.0.2.3"),
    "json": (json.dumps({"data": [{"ioc": "192.0.2.4", "seen": TIME}]}), MAPPING, "192.0.2.4"),
    "cef": (f"CEF:0|Example|Sensor|1|1|Name|1|rt={TIME} src=192.0.2.5\n", None, "192.0.2.5"),
    "leef": (f"LEEF:1.0|Example|Gateway|1|1|devTime={TIME}\tsrc=192.0.2.6\n", None, "192.0.2.6"),
    "syslog": ("<34>Aug 22 01:00:00 host sshd[1]: Connection closed by 192.0.2.7\n", None, "192.0.2.7"),
    "json-events": (json.dumps({"at": TIME, "src": "192.0.2.8"}) + "\n", EVENTS, "192.0.2.8"),
}


def test_help_lists_them(t):
    text = node.run("intake", "--help", code=0).out.replace(";", " ")
    for name in WITHOUT_ZONE:
        true(name in text.split(), f"`noroshi intake --help` names {name}")


def test_a_record_without_zone_waits_for_it(t):
    """Each format: into quarantine with its reason, and out of it when the source says its zone."""
    home = t.home()
    for name, (content, mapping, _) in WITHOUT_ZONE.items():
        home.source(name, *(["--mapping", json.dumps(mapping)] if mapping else []), zone=None)
        report = home.intake(name, t.file(f"{name}.in", content), code=1)
        equal([(f["format"], f["records"], f["rejected"]) for f in report["files"]], [(name, 1, 1)], name)
    waiting = home.json("rejected", "list")["rejected"]
    equal({r["code"] for r in waiting}, {"zone"}, "reasons")
    equal(len(waiting), len(WITHOUT_ZONE), "waiting")
    for name in WITHOUT_ZONE:
        home.json("source", "set", name, "--zone", "Asia/Tokyo")
    home.run("rejected", "retry", "--all", code=0)
    equal(home.json("rejected", "list")["count"], 0, "left in quarantine")
    known = {v for (v,) in home.rows("SELECT value FROM claim")} | {v for (v,) in home.rows("SELECT value FROM past")}
    equal({v for _, _, v in WITHOUT_ZONE.values()} - known, set(), "values that did not arrive")
    times = dict(home.rows("SELECT value, first_seen FROM claim"))
    equal(times["192.0.2.1"], times["192.0.2.4"], "one zone for all")
    home.verified()


def test_devices_meet_the_reports(t):
    """A report names addresses; the logs of devices, read before and after it, meet them."""
    home = t.home("cert", "devices")
    home.intake("devices", DATA / "events" / "devices.log", code=0)
    report = json.dumps({"Format": "IDEA0", "ID": "2", "DetectTime": "2026-08-20T00:00:00Z", "Category": ["Attempt.Login"],
                         "Source": [{"IP4": ["192.0.2.10"], "Hostname": ["c2.bad.example"], "URL": ["http://bad.example/x.exe"]}],
                         "Target": [{"IP4": ["198.51.100.1"]}]})
    home.intake("cert", t.file("report.json", report), code=0)
    met = {v for (v,) in home.rows("SELECT value FROM sighting")}
    equal(met, {"192.0.2.10", "c2.bad.example", "http://bad.example/x.exe"}, "met in the past; a target is not bad")
    lines = (DATA / "events" / "devices.log").read_text()
    hits = home.run("watch", "--format", "syslog", "-", input=lines, code=1).lines()
    equal({h["value"] for h in hits}, met, "met by watch")
    hits = home.run("watch", "-", input="CEF:0|E|S|1|1|N|1|rt=1787360400 src=192.0.2.10\n", code=1).lines()
    equal([(h["value"], h["class"]) for h in hits], [("192.0.2.10", "alert")], "met in CEF")
    home.verified()


def test_hostile_reports(t):
    """Nothing of the machine comes in by XML, and nothing expands."""
    home = t.home("cert")
    outside = t.file("secret.txt", "192.0.2.66")
    doctype = f'<!DOCTYPE IODEF-Document [<!ENTITY x SYSTEM "file://{outside}">]>'
    report = home.intake("cert", t.file("xxe.xml", doctype + IODEF.replace("192.0.2.3", "&x;")), code=(1, 3))
    equal(report["totals"]["accepted"], 0, "accepted")
    true("document type" in json.dumps(report), f"the reason: {report}")
    laughs = "<!DOCTYPE a [<!ENTITY a0 'ha'>" + "".join(
        f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(12)) + "]>" + IODEF.replace("192.0.2.3", "&a12;")
    equal(home.intake("cert", t.file("laughs.xml", laughs), code=(1, 3))["totals"]["accepted"], 0, "accepted")
    deep = IODEF.split("<EventData>")[0] + "<EventData>" * 100000
    home.intake("cert", t.file("deep.xml", deep), code=(1, 3))
    equal(home.rows("SELECT count(*) FROM claim"), [(0,)], "claims")
    # the same worker process still reads what is well
    equal(home.intake("cert", t.file("well.xml", IODEF.replace(TIME, TIME + "Z")), code=0)["totals"]["accepted"], 1, "accepted")


def test_a_bad_mapping_is_refused_at_once(t):
    home = t.home()
    done = home.run("source", "add", "feed", "--reliability", "B", "--mapping",
                    json.dumps({"fields": {"/ioc": "worth"}}), code=None)
    true(done.code in (2, 3) and "/ioc" in done.err and "worth" in done.err, f"{done.code} {done.err}")


if __name__ == "__main__":
    node.main(globals())
