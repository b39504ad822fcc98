"""MISP to STIX and back, over two nodes: every attribute and object type that MISP's own converter maps (documentation/mapping of
misp-stix) comes back with the same type and value, or stands in a list below with the reason."""
import json
import re

import node
from node import equal, shared, true

# Kept as context, whatever to_ids says: no export states a context value as bad.
CONTEXT = {"link": "a reference of the report, never an indicator",
           "attachment": "a file somebody attached to the report; its bytes are not taken over"}
# Patterns of ours that differ from the converter's, and why.
OTHER_PATTERN = {"malware-sample": "the sample itself is not taken over, name and hash are",
                 "regkey|value": "the converter escapes '%', which STIX 2.1 9.3 does not know",
                 **{kind: "SHA-512/224 and /256 are not SHA-224 and SHA-256"
                    for kind in ("sha512/224", "sha512/256", "filename|sha512/224", "filename|sha512/256")},
                 "sigma": "a rule stands without brackets", "snort": "a rule stands without brackets",
                 "suricata": "a rule stands without brackets", "yara": "a rule stands without brackets"}


def canonical(kind, value):
    """Values are kept in one spelling."""
    value = value.strip()
    if kind == "AS":
        return value.upper().removeprefix("AS")
    if kind == "tlsh":
        return value.upper().removeprefix("T1")
    if kind.startswith("regkey"):
        value = value.lower()
        return "hkey_local_machine" + value[4:] if value.startswith("hklm") else value
    return value.lower() if kind.startswith(("email", "mac", "domain", "hostname")) else value


def event(attributes, objects=()):
    return json.dumps({"Event": {"uuid": "00000000-0000-4000-8000-0000000000aa", "info": "round trip", "date": "2020-10-25",
                                 "timestamp": "1603642920", "threat_level_id": "1", "analysis": "2", "Attribute": attributes,
                                 "Object": list(objects)}})


def batches(attributes):
    """No single value twice in one event: types of one value are one statement about it."""
    rest = list(attributes)
    while rest:
        taken, values, later = [], set(), []
        for a in rest:
            (later if a["value"].lower() in values else taken).append(a)
            values.add(a["value"].lower())
        yield taken
        rest = later


def there_and_back(t, text):
    """(bundle of the first node, attributes that the second gives as MISP)."""
    first, second = t.home("misp"), t.home("stix")
    report = first.intake("misp", t.file("event.json", text))
    bundle, back = t.path("bundle.json"), t.path("back.json")
    first.run("export", "stix", "--objects", "--output", bundle, code=0)
    again = second.intake("stix", bundle)
    equal(again["totals"]["rejected"], 0, f"{again}")
    second.run("export", "misp", "--objects", "--output", back, code=0)
    return report, json.loads(bundle.read_text())["objects"], json.loads(back.read_text())["Event"]["Attribute"]


def test_attribute_types(t):
    mapping = json.loads(shared("misp-stix-mapping", "misp_attributes_to_stix21.json").read_text())
    attributes = []
    for number, (kind, pair) in enumerate(sorted(mapping.items())):
        attributes.append({**{k: v for k, v in pair["MISP"].items() if k in ("value", "category", "comment", "timestamp")}, "type": kind,
                           "to_ids": True, "uuid": f"00000000-0000-4000-8000-{number:012}"})
    true(len(attributes) >= 79, f"types: {len(attributes)}")
    lost, patterns = [], {}
    for batch in batches(attributes):
        report, objects, back = there_and_back(t, event(batch))
        equal(report["totals"]["rejected"], 0, "MISP's own examples are read")
        have = {(a["type"], canonical(a["type"], a["value"])) for a in back}
        lost += [(a["type"], a["value"]) for a in batch if (a["type"], canonical(a["type"], a["value"])) not in have]
        for o in objects:
            label = next((x for x in o.get("labels", ()) if x.startswith("misp:type=")), "")
            if o["type"] == "indicator" and label:
                patterns[label[11:-1]] = o["pattern"]
    equal({kind for kind, _ in lost}, set(CONTEXT), "what does not come back")
    # The converter's own patterns are the oracle of ours, for what is more than one value of a kind.
    compared = 0
    for kind, pair in mapping.items():
        objects = pair["STIX"] if isinstance(pair["STIX"], list) else [pair["STIX"]]
        made = [o["pattern"] for o in objects if o["type"] == "indicator"]
        if not made or kind not in patterns or kind in OTHER_PATTERN or f"misp:type=\"{kind}\"" in SIMPLE:
            continue
        equal(re.sub(r"= (\d+)(?=[\] ])", r"= '\1'", patterns[kind]), made[0], f"pattern of {kind}")
        compared += 1
    true(compared >= 35, f"{compared} patterns agree with the converter's")


# One value of a kind of ours: its pattern is that of the kind, and the label keeps the type.
SIMPLE = {f'misp:type="{kind}"' for kind in ("email-attachment", "email-dst", "email-reply-to", "email-src", "hostname", "ip-src", "uri",
                                             "user-agent", "imphash", "ssdeep", "tlsh")}


def test_object_types(t):
    """Objects come back with name, relations, types and values; bytes of files are not taken over."""
    mapping = json.loads(shared("misp-stix-mapping", "misp_objects_to_stix21.json").read_text())
    objects, number = [], 0
    for pair in mapping.values():
        for o in pair["MISP"] if isinstance(pair["MISP"], list) else [pair["MISP"]]:
            number += 1
            objects.append({"name": o["name"], "meta-category": o["meta-category"], "timestamp": o.get("timestamp", "1603642920"),
                            "uuid": f"00000000-0000-4000-9000-{number:012}",
                            "Attribute": [{**{k: v for k, v in a.items() if k not in ("data", "uuid")}, "timestamp": "1603642920",
                                           "uuid": f"00000000-0000-4000-a{number:03}-{n:012}"} for n, a in enumerate(o["Attribute"])]})
    true(len(objects) >= 56, f"objects: {len(objects)}")
    first, second, bundle, back = t.home("misp"), t.home("stix"), t.path("bundle.json"), t.path("back.json")
    first.intake("misp", t.file("event.json", event([], objects)))
    first.run("export", "stix", "--objects", "--output", bundle, code=0)
    equal(second.intake("stix", bundle)["totals"]["rejected"], 0, "the bundle")
    second.run("export", "misp", "--objects", "--output", back, code=0)
    have = {o["uuid"]: o for o in json.loads(back.read_text())["Event"]["Object"]}
    for o in objects:
        got = have[o["uuid"]]
        equal((got["name"], got["meta-category"]), (o["name"], o["meta-category"]), "object")
        equal([(a["object_relation"], a["type"], a["value"], bool(a["to_ids"])) for a in got["Attribute"]],
              [(a["object_relation"], a["type"], a["value"] if isinstance(a["value"], str) else json.dumps(a["value"]),
                bool(a.get("to_ids"))) for a in o["Attribute"]], f"attributes of {o['name']}")
    third = t.home("again")
    equal(third.intake("again", back)["totals"]["rejected"], first.intake("misp", t.file("event.json", event([], objects)))["totals"]["rejected"],
          "MISP reads what came back as it read the first")


def test_an_object_is_as_secret_as_its_attributes(t):
    home = t.home("misp", "lists")
    objects = [{"name": "domain-ip", "meta-category": "network", "timestamp": "1603642920", "uuid": f"00000000-0000-4000-9000-{n:012}",
                "Attribute": [{"type": "domain", "object_relation": "domain", "value": value, "to_ids": True, "timestamp": "1603642920",
                               "category": "Network activity", "uuid": f"00000000-0000-4000-a000-{n:012}", **more}]}
               for n, (value, more) in enumerate([("shown.example", {}), ("canary-red.example", {"Tag": [{"name": "tlp:red"}]}),
                                                  ("canary-listed.example", {}), ("canary-deleted.example", {"deleted": True})])]
    home.intake("misp", t.file("event.json", event([], objects)), code=0)
    home.intake("lists", t.file("list.json", json.dumps({"name": "known", "version": 1, "description": "x", "type": "hostname",
                                                         "matching_attributes": ["domain"], "list": ["canary-listed.example"]})), code=0)
    for args in (["stix", "--objects"], ["misp", "--objects"], ["misp"], ["csv"]):
        text = home.run("export", *args, code=0).out
        true("canary" not in text and "shown.example" in text, f"{args}: {text}")


def test_several_types_of_one_value(t):
    attributes = [{"type": kind, "value": "203.0.113.7", "category": "Network activity", "to_ids": True, "timestamp": "1603642920",
                   "uuid": f"00000000-0000-4000-8000-{n:012}"} for n, kind in enumerate(["ip-src", "ip-dst|port"])]
    attributes[1]["value"] += "|8443"
    _, _, back = there_and_back(t, event(attributes))
    have = {(a["type"], a["value"]) for a in back}
    true({("ip-src", "203.0.113.7"), ("ip-dst|port", "203.0.113.7|8443")} <= have, f"{have}")


def test_a_pair_holds_no_benign_part(t):
    """The pair is not given when a part of it is on a warninglist; the other part is, alone."""
    home = t.home("misp", "lists")
    pairs = [("domain|ip", "bad.example|198.51.100.53"), ("ip-dst|port", "198.51.100.53|53"), ("hostname|port", "good.example|80")]
    attributes = [{"type": kind, "value": value, "category": "Network activity", "to_ids": True, "timestamp": "1603642920",
                   "uuid": f"00000000-0000-4000-8000-{n:012}"} for n, (kind, value) in enumerate(pairs)]
    home.intake("misp", t.file("event.json", event(attributes)), code=0)
    for n, (kind, entries) in enumerate((("cidr", ["198.51.100.53/32"]), ("hostname", ["good.example"]))):
        home.intake("lists", t.file("list.json", json.dumps({"name": f"known {n}", "version": 1, "description": "x", "type": kind,
                                                             "matching_attributes": ["ip-dst"], "list": entries})), code=0)
    for args in (["stix", "--objects"], ["stix"], ["misp"], ["misp", "--objects"]):
        text = home.run("export", *args, code=0).out
        true("198.51.100.53" not in text and "good.example" not in text, f"{args}: {text}")
        true("bad.example" in text, f"{args}: the other part")


if __name__ == "__main__":
    node.main(globals())
