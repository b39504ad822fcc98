"""What a grant wants a person for waits until a person decided, holds for exactly that version, and then goes; origins consent or not."""
import hashlib
import json

import node
from node import equal, true, until
from test_partners import PERSONS, a_node, act, once
from test_relay import GREEN, befriend_at, bundle, ids_from, indicator, key, open_to, post, relay, serve
from test_witness import free_port


def agreement(t, a, b, **grants):
    """In force between two; what each gives has these members."""
    draft = json.loads(a.run("agreement", "draft", "network-safety", "--with", b.called, code=0).out)
    for grant in draft["grants"]:
        grant.update(grants)
    path = t.file("draft.json", json.dumps(draft))
    for home, verb in ((a, "sign"), (b, "countersign")):
        for by in PERSONS:
            path = t.file("signed.json", act(home, "agreement", verb, path, by=by).out)
    a.run("agreement", "countersign", path, code=0)
    return draft["id"]


def made_three(t):
    """TWCERT between an origin that wants to be asked and a partner to whom persons release."""
    tw, jp, us = homes = [a_node(t, name) for name in ("TWCERT", "JPCERT", "USCERT")]
    ports = {h.called: free_port() for h in homes}
    for a, b in ((tw, jp), (jp, tw), (tw, us), (us, tw)):
        befriend_at(t, a, b, ports[b.called])
    agreement(t, tw, us, human_release="always")
    agreement(t, tw, jp, human_release="never", onward="with_consent", judicial_use="lead_only")
    open_to(tw, jp, us)
    open_to(jp, tw)
    return tw, jp, us, ports


three = once("release-queue", made_three)


def waiting(home, *more):
    return home.json("release", "list", *more)["waiting"]


def word(home, verb, what, *more, by="lin", code=0):
    return act(home, "release", verb, what, *more, by=by, code=code)


def mark(home, what, to="USCERT"):
    return home.json("explain", what, "--to", to)


def partner_id(home, name):
    return home.json("partner", "show", name)["card"]["id"]


def read_by(running, who):
    """Ids that a partner's page of the collection holds."""
    c = running.client()
    c.context.load_cert_chain(who.path / "tls" / "cert.pem", who.path / "tls" / "key.pem")
    page = c.get("/share/collections/partners/objects/", headers={"Accept": "application/taxii+json;version=2.1"})
    return {o["id"] for o in page.json().get("objects", []) if o["type"] == "indicator"}, page


def test_a_thing_waits_for_two_persons_and_then_goes(t):
    tw, jp, us, ports = three(t)
    with serve(tw, ports) as running:
        k = key(tw)
        one, two = indicator("one.release.example"), indicator("two.release.example")
        post(running, k, [one, two])
        rows = until(lambda: len(w := waiting(tw, "--to", "USCERT")) == 2 and w, "both are found", 15)
        equal({r["id"] for r in rows}, {one["id"], two["id"]}, "what waits")
        true(all(r["two_persons"] and not r["asked_by"] and not r["overdue"] and r["waiting_seconds"] < 60 for r in rows), rows)
        equal(waiting(tw, "--to", "JPCERT"), [], "what goes by itself waits for nobody")
        ids, page = read_by(running, us)
        equal(ids, set(), "nothing goes yet")
        true(b"one.release" not in page.body and "x-taxii-date-added-last" not in {h.lower() for h in page.headers}, "and nothing tells of it")
        number = next(r["number"] for r in rows if r["id"] == one["id"])
        shown = tw.json("release", "show", number)
        stored = tw.rows("SELECT body FROM object WHERE stix_id = ?", one["id"])[0][0]
        equal(shown["asked"]["sha256"], hashlib.sha256(stored if isinstance(stored, bytes) else stored.encode()).hexdigest(), "of exactly what is shown")
        equal(shown["object"], one, "shown")
        word(tw, "approve", number, by="mei")
        equal(next(r["asked_by"] for r in waiting(tw) if r["number"] == number), "mei", "the first person asks")
        equal(read_by(running, us)[0], set(), "one person is not two")
        true("two persons" in word(tw, "approve", number, by="mei", code=3).err, "the same person again")
        word(tw, "approve", number, "--reason", "agreed by phone", by="lin")
        equal(read_by(running, us)[0], {one["id"]}, "it goes, and nothing else")
        record = tw.json("release", "list", "--decided")[0]["decision"]
        equal((record["act"], record["asked_by"], record["by"], record["reason"], record["sha256"], record["partner"]),
              ("approve", "mei", "lin", "agreed by phone", shown["asked"]["sha256"], partner_id(tw, "USCERT")), "on record")
        word(tw, "refuse", two["id"], "--to", "USCERT", by="mei")
        equal(waiting(tw), [], "decided")
        newer = {**one, "modified": one["modified"].replace(one["modified"][:4], str(int(one["modified"][:4]) + 1)), "name": "changed"}
        post(running, k, [newer])
        rows = until(lambda: waiting(tw), "another version asks again", 15)
        equal([(r["id"], r["version"]) for r in rows], [(one["id"], newer["modified"])], "the version")
        word(tw, "revoke", one["id"], "--to", "USCERT", by="mei")
        equal(read_by(running, us)[0], set(), "taken back")
    tw.verified()
    tw.run("rebuild", code=0)
    tw.verified()


def test_who_asks_does_not_approve_and_words_are_checked(t):
    tw, jp, us, ports = three(t)
    thing = indicator("asked.release.example")
    tw.intake("cert", t.file("b.json", bundle([thing])), code=0)
    word(tw, "ask", thing["id"], "--to", "USCERT", by="mei")
    number = waiting(tw)[0]["number"]
    equal(len(waiting(tw)), 1, "once")
    word(tw, "ask", thing["id"], "--to", "USCERT", by="mei")
    equal(len(waiting(tw)), 1, "again is the same")
    word(tw, "approve", number, by="mei", code=3)
    word(tw, "approve", number, by="analyst", code=3)
    act(tw, "release", "approve", number, by="lin", password="wrong password", code=3)
    tw.run("release", "approve", number, code=2)  # nobody answers for it
    true("cert" not in word(tw, "ask", thing["id"], "--to", "JPCERT", code=3).out, "goes by itself")
    red = indicator("red.release.example", object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"])
    tw.intake("cert", t.file("r.json", bundle([red])), code=0)
    true("marking" in word(tw, "ask", red["id"], "--to", "USCERT", code=3).err, "more than a release is missing")
    word(tw, "ask", "unknown.release.example", "--to", "USCERT", code=3)
    equal(len(waiting(tw)), 1, "only the first waits")
    feed = t.file("feed.txt", "line.release.example\n")
    tw.source("lines", "--marking", "TLP:GREEN")
    tw.intake("lines", feed, code=0)
    word(tw, "ask", "line.release.example", "--to", "USCERT", by="mei")
    row = next(r for r in waiting(tw) if r["number"] != number)
    word(tw, "approve", row["number"])
    equal(mark(tw, "line.release.example")["rule"], "granted", "a line of a feed too")
    equal(mark(tw, thing["id"])["rule"], "release", "nothing else")


def test_an_approval_ends_with_the_version_of_the_agreement(t):
    tw, jp, us, ports = three(t)
    thing = indicator("amended.release.example")
    tw.intake("cert", t.file("b.json", bundle([thing])), code=0)
    word(tw, "ask", thing["id"], "--to", "USCERT", by="mei")
    word(tw, "approve", thing["id"], "--to", "USCERT")
    equal(mark(tw, thing["id"])["rule"], "granted", "released")
    id = tw.rows("SELECT id FROM agreement WHERE document LIKE '%USCERT%'")[0][0]
    path = t.file("v2.json", tw.run("agreement", "amend", id, code=0).out)
    for home in (tw, us):
        for by in PERSONS:
            path = t.file("v2.json", act(home, "agreement", "sign", path, by=by).out)
    tw.run("agreement", "countersign", path, code=0)
    equal(mark(tw, thing["id"])["rule"], "release", "under another version it is asked about again")


def test_wrong_passwords_are_throttled(t):
    tw, jp, us, ports = three(t)
    with serve(tw, ports):
        for _ in range(5):
            true("wrong" in act(tw, "release", "approve", "1", by="lin", password="not the password", code=3).err, "counted")
        done = act(tw, "release", "approve", "1", by="lin", code=3)
        true("too many" in done.err and "seconds" in done.err, f"even the right one waits: {done}")
        act(tw, "release", "approve", "1", by="mei", code=3)  # another name does not: nothing waits under 1
        true("nothing waits" in act(tw, "release", "approve", "1", by="mei", code=3).err, "mei is not lin")


def test_the_origin_consents_for_one_thing_and_one_partner(t):
    tw, jp, us, ports = three(t)
    with serve(tw, ports) as running, serve(jp, ports) as origin, serve(us, ports):
        relay(jp, "TWCERT")
        thing, other = indicator("origin.release.example", object_marking_refs=[GREEN]), indicator("other.release.example", object_marking_refs=[GREEN])
        post(origin, key(jp), [thing, other])
        until(lambda: ids_from(tw, "JPCERT") >= {thing["id"], other["id"]}, "it came from its origin", 20)
        equal(mark(tw, thing["id"])["rule"], "origin", "not without consent")
        equal(waiting(tw), [], "a release is not all that is missing")
        word(tw, "consent", thing["id"], "--for", "USCERT", by="mei")
        row = until(lambda: waiting(jp), "it waits at its origin", 20)[0]
        equal((row["kind"], row["id"], row["partner"], row["asker"]), ("consent", thing["id"], partner_id(tw, "USCERT"), partner_id(jp, "TWCERT")), "asked")
        equal(jp.json("release", "show", row["number"])["object"], thing, "shown to the person")
        word(jp, "approve", row["number"], by="mei")
        until(lambda: tw.json("release", "list")["consents"][0]["state"] == "granted", "the answer came", 20)
        equal(mark(tw, thing["id"])["rule"], "release", "now a person here is missing")
        equal(mark(tw, other["id"])["rule"], "origin", "for exactly that object")
        until(lambda: [r["id"] for r in waiting(tw)] == [thing["id"]], "and is asked for", 20)
        word(tw, "approve", thing["id"], by="mei")
        word(tw, "approve", thing["id"], by="lin")
        equal(read_by(running, us)[0], {thing["id"]}, "it goes")
        word(jp, "revoke", thing["id"], "--to", partner_id(tw, "USCERT"), by="mei")
        equal(jp.json("release", "list", "--decided")[0]["decision"]["act"], "revoke", "on record at the origin")
        until(lambda: tw.json("release", "list")["consents"][0]["state"] == "refused", "taken back", 20)
        equal(read_by(running, us)[0], set(), "no more")
        word(tw, "consent", other["id"], "--for", "USCERT", by="mei")
        row = until(lambda: waiting(jp), "asked for the other", 20)[0]
        word(jp, "refuse", row["number"], by="mei")
        until(lambda: any(c["id"] == other["id"] and c["state"] == "refused" for c in tw.json("release", "list")["consents"]), "refused", 20)
    for home in (tw, jp):
        home.verified()


if __name__ == "__main__":
    node.main(globals())
