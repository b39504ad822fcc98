"""The decision whether a thing may go to a partner, against a second one written from docs/agreements.md alone, slow and plain.

    NOROSHI=build/noroshi CASES=1000000 SEED=7 python3 tests/integration/test_agreement.py
"""
import copy
import datetime
import json
import os
import random
import subprocess
import uuid

import node
from node import NIGHTLY, PROGRAM, equal, run, true

CASES = int(os.environ.get("CASES", 1_000_000 if NIGHTLY else 100_000))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))

PURPOSES = ["network_safety", "cybercrime_investigation", "prosecution_assistance", "victim_notification", "deconfliction", "exercise"]
LATTICE = ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]
TYPES = ["indicator", "sighting", "threat-actor", "campaign", "intrusion-set", "relationship", "malware", "x-odd"]
KINDS = ["ipv4-addr", "domain-name", "url", "email-addr", "sha-256"]
OFFENCES = ["fraud:phishing", "malicious-code:ransomware"]
FIELDS = ["id", "name", "goals", "where_sighted_refs", "contact_information", "sectors", "labels", "resource_level", "where_sighted_values"]
TEXTS = {"en": "a", "ja": "b", "zh-Hant": "c"}


# ---- the second implementation. Nothing of it is shared with the program: sets and lists, no cleverness.

def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def listed(words, word):
    return words == ["*"] or word in words


def denied_fields(grant):
    denied = set(grant["fields_deny"])
    if not grant["attribution"]:
        denied |= {"threat_actor_types", "goals", "sophistication", "resource_level", "primary_motivation", "secondary_motivations",
                   "personal_motivations"}
    if not grant["victim_identity"]:
        denied |= {"where_sighted_refs", "observed_data_refs", "contact_information", "sectors", "where_sighted_values", "x_opencti_where_sighted"}
    return denied


def origin_agrees(ask):
    if ask["origin"] == ask["owner"]:
        return True
    if isinstance(ask["onward"], list):
        return ask["partner"] in ask["onward"]
    return ask["onward"] == "with_consent" and ask["consent"]


def refusals(grant, ask):
    """Every rule that speaks against it, in the order of the document; the first one counts."""
    denied = denied_fields(grant)
    hidden = [f for f in ask["fields"] if f["name"] in denied or grant["fields_deny"] == ["*"]]
    level = LATTICE.index(ask["marking"]) if ask["marking"] in LATTICE else 99
    data = ask["personal_data"]
    rules = [
        ("grant", grant["from"] != ask["owner"] or grant["to"] != ask["partner"] or grant["purpose"] != ask["purpose"]),
        ("type", not listed(grant["object_types"], ask["type"]) or not all(listed(grant["kinds"], k) for k in ask["kinds"])
         or not listed(grant["offences"], ask["offence"])),
        ("exercise", grant["exercise"] != ask["exercise"]),
        ("local", ask["local_only"] or ask["expired"]),
        ("marking", level > 3 or level > LATTICE.index(grant["tlp_ceiling"])),
        ("origin", not origin_agrees(ask)),
        ("attribution", not grant["attribution"] and (ask["type"] in ("threat-actor", "intrusion-set", "campaign")
                                                       or ask["relationship"] == "attributed-to"
                                                       or {"threat-actor", "intrusion-set", "campaign"} & set(ask["refs"]))
         or not grant["victim_identity"] and ask["relationship"] == "targets"),
        ("personal_data", data != "none" and grant["personal_data"] != "all"
         and not (data == "suspect" and grant["personal_data"] == "suspect_only")),
        ("redaction", any(f["required"] for f in hidden)),
        ("cap", ask["sent_today"] >= grant["max_items_per_day"]),
        ("release", not ask["released"] and (grant["human_release"] == "always"
                                             or grant["human_release"] == "sensitive" and ask["sensitive"])),
    ]
    return [name for name, against in rules if against], [f["name"] for f in hidden]


ORDER = ["agreement", "grant", "type", "exercise", "local", "marking", "origin", "attribution", "personal_data", "redaction", "cap",
         "release"]


def decide(register, ask):
    nil = str(uuid.UUID(int=0))
    if nil in (ask["owner"], ask["partner"], ask["origin"]) or ask["owner"] == ask["partner"]:
        return {"allow": False, "rule": "nobody", "agreement": None, "grant": None, "redact": [], "delete_after": None}
    if not (ask["partner_active"] and ask["partner_pinned"]):
        return {"allow": False, "rule": "partner", "agreement": None, "grant": None, "redact": [], "delete_after": None}
    allowed, refused = [], []
    for entry in register:
        a = entry["agreement"]
        parties = [p["id"] for p in a["parties"]]
        if not entry["active"] or not moment(a["valid_from"]) <= moment(ask["now"]) < moment(a["valid_until"]):
            continue
        if ask["owner"] not in parties or ask["partner"] not in parties:
            continue
        for grant in a["grants"]:
            against, hidden = refusals(grant, ask)
            if against:
                refused.append((ORDER.index(against[0]), a, grant))
            else:
                allowed.append((len(hidden), hidden, a, grant))
    if allowed:
        _, hidden, a, grant = min(allowed, key=lambda x: x[0])  # the first of the least
        after = moment(ask["now"]) + datetime.timedelta(days=grant["retention_days"])
        return {"allow": True, "rule": "granted", "agreement": a["id"], "grant": grant["id"], "redact": hidden,
                "delete_after": after.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if refused:
        rank, a, grant = max(refused, key=lambda x: x[0])
        if rank:
            return {"allow": False, "rule": ORDER[rank], "agreement": a["id"], "grant": grant["id"], "redact": [], "delete_after": None}
    return {"allow": False, "rule": "agreement", "agreement": None, "grant": None, "redact": [], "delete_after": None}


# ---- random registers and questions

def subset(r, words, star=0.4, empty=False):
    if r.random() < star:
        return ["*"]
    chosen = r.sample(words, r.randint(0 if empty else 1, len(words)))
    return chosen


def random_grant(r, parties, purposes, ids):
    giver, taker = r.sample(parties, 2)
    purpose = r.choice(purposes)
    onward = r.choice(["none", "with_consent", [r.choice(ids)]])
    return {"id": str(uuid.UUID(int=r.getrandbits(128))), "from": giver, "to": taker, "purpose": purpose,
            "object_types": subset(r, TYPES), "kinds": subset(r, KINDS, 0.6), "offences": subset(r, OFFENCES, 0.7),
            "tlp_ceiling": r.choice(LATTICE[:4]), "fields_deny": subset(r, FIELDS[1:], 0.02, True), "redact": r.choice(["drop", "mask"]),
            "personal_data": r.choice(["none", "suspect_only", "all"]), "attribution": r.random() < 0.5,
            "victim_identity": r.random() < 0.5, "max_items_per_day": r.choice([1, 5, 1000]),
            "human_release": r.choice(["never", "never", "sensitive", "always"]),
            "judicial_use": r.choice(["lead_only", "with_consent", "evidence"]), "onward": onward,
            "retention_days": r.randint(1, 3650), "exercise": purpose == "exercise"}


def random_register(r, ids):
    register = []
    for _ in range(r.randint(0, 3)):
        parties = r.sample(ids, r.randint(2, 3))
        purposes = r.sample(PURPOSES, r.randint(1, 3))
        start = r.randint(0, 20)
        register.append({"active": r.random() < 0.85, "agreement": {
            "type": "noroshi-agreement", "id": str(uuid.UUID(int=r.getrandbits(128))), "version": 1, "title": TEXTS, "legal_basis": TEXTS,
            "parties": [{"id": p, "name": TEXTS, "country": "TW"} for p in parties], "purposes": purposes,
            "valid_from": day(start), "valid_until": day(start + r.randint(1, 30)), "review_days": 30, "on_termination": "delete",
            "grants": [random_grant(r, parties, purposes, ids) for _ in range(r.randint(1, 6))]}})
    return register


def day(n, second=0):
    at = datetime.datetime(2026, 3, 20, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=n, seconds=second)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def random_ask(r, ids, register):
    nil = str(uuid.UUID(int=0))
    entry = r.choice(register) if register and r.random() < 0.9 else None
    grant = r.choice(entry["agreement"]["grants"]) if entry else None
    now = day(r.randint(0, 50), r.choice([-1, 0, 1, 4242]))
    if entry and r.random() < 0.8:
        now = r.choice([entry["agreement"]["valid_from"]] * 9 + [entry["agreement"]["valid_until"]])
    anybody = [nil] if r.random() < 0.02 else ids
    owner = grant["from"] if grant else r.choice(anybody)
    partner = grant["to"] if grant else r.choice(anybody)
    purpose = grant["purpose"] if grant and r.random() < 0.9 else r.choice([*PURPOSES, "intelligence", ""])
    return {"owner": owner, "partner": partner, "origin": owner if r.random() < 0.7 else r.choice(anybody),
            "partner_active": r.random() < 0.97, "partner_pinned": r.random() < 0.97, "purpose": purpose,
            "now": now, "type": r.choice(TYPES),
            "relationship": r.choice(["", "", "attributed-to", "targets", "uses"]), "kinds": r.sample(KINDS, r.randint(0, 2)),
            "refs": r.sample(["indicator", "malware", "identity", "campaign", "threat-actor"], r.choice([0, 0, 1, 2])),
            "offence": r.choice(["", "", *OFFENCES, "unheard-of"]), "marking": r.choice([*LATTICE, *LATTICE[:2] * 4, "TLP:MAUVE", ""]),
            "exercise": (purpose == "exercise") if r.random() < 0.9 else r.random() < 0.5, "local_only": r.random() < 0.03,
            "expired": r.random() < 0.03, "personal_data": r.choice(["none", "none", "none", "suspect", "other", "odd"]),
            "sensitive": r.random() < 0.3, "released": r.random() < 0.5, "onward": r.choice(["none", "with_consent", [r.choice(ids)], "odd"]),
            "consent": r.random() < 0.5, "sent_today": r.choice([0, 0, 0, 1, 4, 5, 999, 1000]),
            "fields": [{"name": f, "required": f == "id" or r.random() < 0.05} for f in r.sample(FIELDS, r.randint(0, 5))]}


def answers(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    done = subprocess.run([PROGRAM, "agreement", "try"], input=text.encode(), capture_output=True, timeout=600)
    equal(done.returncode, 0, f"agreement try: {done.stderr[:300]} {done.stdout[-300:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_two_decisions_agree(t):
    r = random.Random(SEED)
    ids = [str(uuid.UUID(int=r.getrandbits(128))) for _ in range(4)]
    allowed, rules, left = 0, {}, CASES
    while left > 0:
        lines, wanted = [], []
        for _ in range(200):
            register = random_register(r, ids)
            lines.append({"agreements": register})
            for _ in range(25):
                ask = random_ask(r, ids, register)
                lines.append({"ask": ask})
                wanted.append((register, ask, decide(register, ask)))
        for got, (register, ask, want) in zip(answers(lines), wanted, strict=True):
            if got != want:
                raise AssertionError(f"seed {SEED}: got {got}, want {want}\nask {json.dumps(ask)}\nregister {json.dumps(register)}")
            allowed += got["allow"]
            rules[got["rule"]] = rules.get(got["rule"], 0) + 1
        left -= len(wanted)
    print(f"   seed {SEED}: {CASES - left} questions, {allowed} allowed, {dict(sorted(rules.items()))}")
    true(set(rules) == {*ORDER, "granted", "nobody", "partner"}, f"rules never met: {set(ORDER) - set(rules)}")


def weaker(r, register):
    """The same register with less in it: a grant or an agreement gone, a ceiling lowered, a deny added."""
    less = copy.deepcopy(register)
    entry = r.choice(less)
    grant = r.choice(entry["agreement"]["grants"])
    change = r.randrange(5)
    if change == 0:
        less.remove(entry)
    elif change == 1:
        entry["active"] = False
    elif change == 2 and len(entry["agreement"]["grants"]) > 1:
        entry["agreement"]["grants"].remove(grant)
    elif change == 3 and grant["tlp_ceiling"] != "TLP:CLEAR":
        grant["tlp_ceiling"] = LATTICE[LATTICE.index(grant["tlp_ceiling"]) - 1]
    elif grant["fields_deny"] != ["*"]:
        grant["fields_deny"] = sorted({*grant["fields_deny"], r.choice(FIELDS[1:])})
    return less


def test_less_granted_never_shows_more(t):
    r = random.Random(SEED + 1)
    ids = [str(uuid.UUID(int=r.getrandbits(128))) for _ in range(3)]
    lines, shown, compared = [], [], 0
    for _ in range(CASES // 50):
        register = random_register(r, ids)
        if register:
            less = weaker(r, register)
            asks = [random_ask(r, ids, register) for _ in range(5)]
            lines += [{"agreements": register}, *({"ask": a} for a in asks), {"agreements": less}, *({"ask": a} for a in asks)]
            shown.append((asks, register, less))
    got = answers(lines)
    for i, (asks, register, less) in enumerate(shown):
        for k, ask in enumerate(asks):
            before, after = got[i * 10 + k], got[i * 10 + 5 + k]
            true(before["allow"] or not after["allow"], f"seed {SEED}: less granted allows it: {ask} {register} {less}")
            if after["allow"]:
                compared += 1
                true(len(after["redact"]) >= len(before["redact"]), f"seed {SEED}: less granted shows more: {ask} {register} {less}")
    true(compared > 20, f"only {compared} were allowed both times")


def test_a_document_is_checked_and_told(t):
    r = random.Random(5)
    ids = [str(uuid.UUID(int=n)) for n in (1, 2, 3)]
    agreement = next(x for x in (random_register(r, ids) for _ in range(99)) if x)[0]["agreement"]
    path = t.file("agreement.json", json.dumps(agreement))
    equal(run("agreement", "check", path, "--json", code=0).json()["id"], agreement["id"], "check")
    for language in TEXTS:
        true(agreement["id"] in run("agreement", "text", path, "--language", language, code=0).out, language)
    for change in ({"version": "1"}, {"parties": agreement["parties"][:1]}, {"grants": []}, {"target_country": "XX"}):
        done = run("agreement", "check", t.file("bad.json", json.dumps({**agreement, **change})), code=1)
        true("docs/agreements.md" in done.err, f"{change}: {done}")
    true("error" in run("agreement", "try", input="{\n[]\n{\"agreements\":[{}]}\n", code=1).out, "bad lines are answered")


if __name__ == "__main__":
    node.main(globals())
