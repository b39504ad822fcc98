"""Partners and agreements: cards compared by fingerprint, two persons on each side, in force only when all have signed."""
import base64
import hashlib
import json
import pathlib
import tempfile
import time

import node
from messages import canonical, pae, seed_of, sign
from node import PASSWORD, equal, true

PERSONS = "mei", "lin"


def a_node(t, name):
    path = t.path(name)
    node.run("init", path, "--name", f"{name.lower()}.example", "--country", name[:2], "--zone", "UTC", "--password", PASSWORD, code=0)
    home = node.Home(path)
    home.source("feed")
    for person in PERSONS:
        home.run("user", "add", person, "--role", "admin", input=f"{PASSWORD}\n", code=0)
    home.run("user", "add", "analyst", "--role", "analyst", input=f"{PASSWORD}\n", code=0)
    home.called = name
    return home


def invite(t, home, verb="invite", *more):
    done = home.run("partner", verb, "--url", "https://127.0.0.1:9/", "--name", home.called, "--name-ja", "相手", *more, code=0)
    digits = done.err.split("fingerprint")[1].split("\n")[0].strip()
    return t.file(f"{home.called}-{verb}.card", done.out), digits


def act(home, *args, by="mei", password=PASSWORD, code=0):
    return home.run(*args, "--by", by, input=password + "\n", code=code)


def befriend(t, a, b):
    card, digits = invite(t, b)
    act(a, "partner", "accept", card, "--fingerprint", digits)
    act(a, "partner", "confirm", b.called, "--fingerprint", digits, by="lin")
    return card, digits


MADE = tempfile.TemporaryDirectory(prefix="noroshi-test-", ignore_cleanup_errors=True)
KEPT = {}


def once(name, make):
    """What make(t) gives, made once and copied for each test: passwords are slow to hash on purpose."""
    def copies(t):
        if name not in KEPT:
            KEPT[name] = make(node.Tests(pathlib.Path(MADE.name, name)))
        made = []
        for x in KEPT[name]:
            if isinstance(x, node.Home):
                copy = x.copy(t.path(x.called))
                copy.called = x.called
                x = copy
            made.append(x)
        return tuple(made)
    pathlib.Path(MADE.name, name).mkdir()
    return copies


def befriended(t):
    tw, jp = a_node(t, "TWCERT"), a_node(t, "JPCERT")
    befriend(t, tw, jp)
    befriend(t, jp, tw)
    return tw, jp


pair = once("pair", befriended)
strangers = once("strangers", lambda t: (a_node(t, "TWCERT"), a_node(t, "JPCERT"), a_node(t, "USCERT")))


def status(home, agreement):
    return home.json("agreement", "show", agreement)[-1]["status"]


def signed_by_all(t, tw, jp, *draft):
    """Draft, two signatures at one side, two at the other, back again. The id, and the file."""
    text = tw.run("agreement", "draft", "network-safety", "--with", jp.called, *draft, code=0).out
    agreement = json.loads(text)["id"]
    path = t.file("draft.json", text)
    for n, (home, by, verb) in enumerate([(tw, "mei", "sign"), (tw, "lin", "sign"), (jp, "mei", "countersign"), (jp, "lin", "countersign")]):
        path = t.file(f"signed-{n}.json", act(home, "agreement", verb, path, by=by).out)
        want = "active" if n == 3 else "draft"
        equal(status(home, agreement), want, f"after signature {n + 1}")
    tw.run("agreement", "countersign", path, code=0)
    equal(status(tw, agreement), "active", "at the side that began")
    return agreement, path


def test_two_persons_compare_the_fingerprint(t):
    tw, jp, _ = strangers(t)
    card, digits = invite(t, jp)
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    accept = ["partner", "accept", card, "--fingerprint"]
    true("do not go on" in act(tw, *accept, wrong, code=3).err, "wrong digits")
    act(tw, "partner", "accept", card, code=(2, 3))
    act(tw, *accept, digits, password="not the password of mei", code=3)
    act(tw, *accept, digits, by="analyst", code=3)
    act(tw, *accept, digits, by="nobody", code=3)
    equal(tw.json("partner", "list"), [], "nothing was taken")
    act(tw, *accept, digits.replace(" ", "-"))
    equal(tw.json("partner", "show", "jpcert")["status"], "proposed", "after the first person")
    act(tw, "partner", "confirm", "JPCERT", "--fingerprint", digits, by="mei", code=3)
    act(tw, "partner", "confirm", "JPCERT", "--fingerprint", wrong, by="lin", code=3)
    act(tw, "partner", "confirm", "相手", "--fingerprint", digits, by="lin")
    shown = tw.json("partner", "show", "JPCERT")
    equal((shown["status"], shown["proposed_by"], shown["confirmed_by"], shown["fingerprint"]), ("active", "mei", "lin", digits), "shown")
    tw.verified()
    tw.run("rebuild", code=0)
    equal(tw.json("partner", "show", "JPCERT"), shown, "after rebuild")


def test_a_changed_card_is_refused(t):
    tw, jp, _ = strangers(t)
    card, digits = invite(t, jp)
    envelope = json.loads(open(card).read())
    envelope["payload"] = ("A" if envelope["payload"][5] != "A" else "B").join([envelope["payload"][:5], envelope["payload"][6:]])
    for text in (json.dumps(envelope), "{}", "[]", "", "\0", json.dumps({**envelope, "signatures": []})):
        act(tw, "partner", "accept", t.file("bad.card", text), "--fingerprint", digits, code=3)
    equal(tw.json("partner", "list"), [], "nothing was taken")


def test_keys_rotate_under_the_pinned_key(t):
    tw, jp, _ = strangers(t)
    old, digits = befriend(t, tw, jp)
    before = tw.json("partner", "show", "JPCERT")
    time.sleep(1.1)  # versions of a card are seconds
    next_card, _ = invite(t, jp, "rotate", "--contact", "+81 00", "--next", str(jp.path / "tls" / "cert.pem"))
    act(tw, "partner", "accept", next_card)
    after = tw.json("partner", "show", "JPCERT")
    equal((after["status"], after["card"]["contact"], len(after["card"]["tls_spki_sha256"])), ("active", "+81 00", 2), "rotated")
    true(after["card"]["version"] > before["card"]["version"], "grows")
    act(tw, "partner", "accept", old, code=3)  # an older card comes again
    equal(tw.json("partner", "show", "JPCERT"), after, "unchanged")
    act(tw, "partner", "suspend", "JPCERT")
    equal(tw.json("partner", "show", "JPCERT")["status"], "suspended", "suspended")
    act(tw, "partner", "resume", "JPCERT")
    act(tw, "partner", "end", "JPCERT")
    act(tw, "partner", "resume", "JPCERT", code=3)
    act(tw, "partner", "accept", next_card, code=3)


def test_an_agreement_is_in_force_when_all_have_signed(t):
    tw, jp = pair(t)
    agreement, path = signed_by_all(t, tw, jp)
    for language, word in (("en", "gives"), ("ja", "から"), ("zh-Hant", "提供予")):
        true(word in tw.run("agreement", "explain", agreement, "--language", language, code=0).out, language)
    for home in (tw, jp):
        home.verified()
        home.run("rebuild", code=0)
        equal(status(home, agreement), "active", "after rebuild")
    before = tw.json("status")["ledger"]["entries"]
    tw.run("agreement", "countersign", path, code=0)
    equal(tw.json("status")["ledger"]["entries"], before, "the same file again changes nothing")


def test_one_person_twice_is_one_person(t):
    tw, jp = pair(t)
    text = tw.run("agreement", "draft", "network-safety", "--with", "JPCERT", code=0).out
    path = t.file("draft.json", text)
    for n in range(3):
        path = t.file(f"s{n}.json", act(tw, "agreement", "sign", path, by="mei").out)
    for by in PERSONS:
        path = t.file(f"s-{by}.json", act(jp, "agreement", "countersign", path, by=by).out)
    equal(status(jp, json.loads(text)["id"]), "draft", "two persons are two persons")


def test_signatures_of_others_are_checked(t):
    tw, jp = pair(t)
    us = strangers(t)[2]
    text = tw.run("agreement", "draft", "network-safety", "--with", "JPCERT", code=0).out
    signed = json.loads(act(tw, "agreement", "sign", t.file("draft.json", text), by="mei").out)
    us.run("agreement", "countersign", t.file("s.json", json.dumps(signed)), code=3)  # no party to it
    changed = json.loads(json.dumps(signed))
    changed["agreement"]["review_days"] += 1
    jp.run("agreement", "countersign", t.file("changed.json", json.dumps(changed)), code=3)
    forged = json.loads(json.dumps(signed))
    forged["signatures"][0]["signatures"][0]["sig"] = forged["signatures"][0]["signatures"][0]["sig"][::-1]
    jp2 = jp.run("agreement", "countersign", t.file("forged.json", json.dumps(forged)), code=3)
    true("error" not in jp2.out, jp2)
    jp.run("agreement", "countersign", t.file("alone.json", text), code=3)  # nobody signed
    other = json.loads(text)
    other["review_days"] = 7
    act(tw, "agreement", "sign", t.file("other.json", json.dumps(other)), by="lin", code=3)  # same id and version, other text


def test_time_suspension_and_end(t):
    tw, jp = pair(t)
    past, _ = signed_by_all_at(t, tw, jp, "2026-01-01", "2026-02-01")
    equal(status(tw, past), "expired", "past")
    agreement, _ = signed_by_all(t, tw, jp)
    told = act(jp, "agreement", "suspend", agreement, by="lin").out
    equal((status(jp, agreement), status(tw, agreement)), ("suspended", "active"), "before the other is told")
    tw.run("agreement", "countersign", t.file("told.json", told), code=0)
    equal(status(tw, agreement), "suspended", "told")
    act(tw, "agreement", "resume", agreement)
    equal(status(tw, agreement), "suspended", "who did not suspend cannot resume")
    amended = json.loads(tw.run("agreement", "amend", agreement, code=0).out)
    equal(amended["version"], 2, "amend")
    told = act(tw, "agreement", "end", agreement).out
    equal(status(tw, agreement), "ended", "ended here at once")
    jp.run("agreement", "countersign", t.file("ended.json", told), code=0)
    equal(status(jp, agreement), "ended", "and there")


def signed_by_all_at(t, tw, jp, start, end):
    text = tw.run("agreement", "draft", "network-safety", "--with", jp.called, "--from", start, "--until", end, code=0).out
    path = t.file("d.json", text)
    for home in (tw, jp):
        for by in PERSONS:
            path = t.file("d.json", act(home, "agreement", "sign", path, by=by).out)
    tw.run("agreement", "countersign", path, code=0)
    return json.loads(text)["id"], path


def test_a_newer_version_supersedes(t):
    tw, jp = pair(t)
    agreement, _ = signed_by_all(t, tw, jp)
    path = t.file("v2.json", tw.run("agreement", "amend", agreement, code=0).out)
    for home in (tw, jp):
        for by in PERSONS:
            equal([v["status"] for v in home.json("agreement", "show", agreement)][0], "active", "until all have signed")
            path = t.file("v2.json", act(home, "agreement", "sign", path, by=by).out)
    equal([v["status"] for v in jp.json("agreement", "show", agreement)], ["superseded", "active"], "then")


def test_an_older_version_does_not_come_back(t):
    tw, jp = pair(t)
    agreement, _ = signed_by_all(t, tw, jp)
    path = t.file("v2.json", tw.run("agreement", "amend", agreement, code=0).out)
    path = t.file("v2.json", act(tw, "agreement", "sign", path).out)
    act(tw, "agreement", "suspend", agreement)
    equal([v["status"] for v in tw.json("agreement", "show", agreement)], ["superseded", "draft"], "stopped while an amendment is a draft")
    act(tw, "agreement", "resume", agreement)
    equal([v["status"] for v in tw.json("agreement", "show", agreement)], ["active", "draft"], "resumed")
    for home, by in ((tw, "lin"), (jp, "mei"), (jp, "lin")):
        path = t.file("v2.json", act(home, "agreement", "sign", path, by=by).out)
    tw.run("agreement", "countersign", path, code=0)
    time.sleep(1.1)  # statements are told apart by seconds
    for verb, want in (("suspend", "suspended"), ("resume", "active"), ("end", "ended")):
        act(tw, "agreement", verb, agreement)
        equal([v["status"] for v in tw.json("agreement", "show", agreement)], ["superseded", want], verb)


def test_a_card_with_somebody_else_s_key_or_id_is_refused(t):
    tw, jp, us = strangers(t)
    befriend(t, tw, jp)
    own, digits = invite(t, tw)
    act(tw, "partner", "accept", own, "--fingerprint", digits, code=3)
    for file in ("cert.pem", "key.pem"):
        (us.path / "tls" / file).write_bytes((jp.path / "tls" / file).read_bytes())
    card, digits = invite(t, us)
    true("somebody else" in act(tw, "partner", "accept", card, "--fingerprint", digits, code=3).err, "a partner's TLS key")
    equal([p["card"]["name"]["en"] for p in tw.json("partner", "list")], ["JPCERT"], "nothing was taken")


def statement(home, agreement, document, second, act="suspend"):
    """What a person of the home says, signed by its message key without the node."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1000 + second))
    party = next(p["id"] for p in document["parties"] if p["name"]["en"] == home.called)
    body = canonical({"act": act, "agreement": agreement, "at": at, "party": party, "person": "mei",
                      "sha256": hashlib.sha256(canonical(document)).hexdigest(), "version": document["version"]})
    type = "application/vnd.noroshi.agreement-signature+json;v=1"
    return {"payload": base64.b64encode(body).decode(), "payloadType": type,
            "signatures": [{"keyid": "k", "sig": base64.b64encode(sign(seed_of(home), pae(body, type))).decode()}]}


def test_a_party_that_said_too_much_can_still_end_it(t):
    tw, jp = pair(t)
    agreement, path = signed_by_all(t, tw, jp)
    signed = json.loads(open(path).read())

    def bring(*statements, code):
        file = {"agreement": signed["agreement"], "signatures": list(statements)}
        return tw.run("agreement", "countersign", t.file("many.json", json.dumps(file)), code=code)

    said = [statement(jp, agreement, signed["agreement"], n) for n in range(63)]
    bring(*said[:62], code=0)  # with two signatures: as many as one party may say
    true("already" in bring(said[62], code=3).err, "one more")
    equal(status(tw, agreement), "suspended", "before")
    bring(statement(jp, agreement, signed["agreement"], 100, "end"), code=0)
    equal(status(tw, agreement), "ended", "an end has a place always")
    bring(statement(jp, agreement, signed["agreement"], 101, "end"), code=3)  # and one end is enough


if __name__ == "__main__":
    node.main(globals())
