"""The list of what waits for a person, over HTTPS: looked at by some, decided by a person who shows once more who he is."""
import contextlib
import json
import sqlite3

import node
from node import PASSWORD, equal, true
from test_api import ROLES, refused
from test_relay import bundle, indicator
from test_release_queue import mark, three, word


def asked(t, tw, *names):
    """What waits, asked for by mei; by name the number of each."""
    things = {name: indicator(f"{name}.release.example") for name in names}
    tw.intake("cert", t.file("b.json", bundle(list(things.values()))), code=0)
    for thing in things.values():
        word(tw, "ask", thing["id"], "--to", "USCERT", by="mei")
    numbers = {r["id"]: r["number"] for r in tw.json("release", "list")["waiting"]}
    return {name: (numbers[thing["id"]], thing) for name, thing in things.items()}


def keys(home):
    return {role: home.json("key", "make", f"key-{role}", "--role", role)["key"] for role in ROLES}


def foreign_key(home):
    """An administrator's key of another organisation of the node."""
    home.json("exercise", "load")
    own = home.json("status")["org"]
    org = next(s["org"] for s in home.json("source", "list") if s["org"] != own)
    made = home.json("key", "make", "foreign", "--role", "admin")["key"]
    with contextlib.closing(sqlite3.connect(home.path / "noroshi.db")) as db, db:
        db.execute("UPDATE api_key SET org = ? WHERE name = 'foreign'", (org,))
    return made


def person(running, name):
    client = running.client()
    client.sign_in(name, want=200)
    return client


def decide(client, number, want, decision="approve", password=PASSWORD, **more):
    body = {"decision": decision, "password": password, "reason": "agreed by phone", **more}
    return client.post(f"/api/v1/release/{number}", body, want=want, headers=more.pop("headers", None))


def test_who_sees_and_who_decides(t):
    tw, *_ = three(t)
    (number, thing), = asked(t, tw, "seen").values()
    made = keys(tw)
    theirs = foreign_key(tw)
    with tw.serve() as running:
        for role in ROLES:
            client = running.client(made[role])
            client.get("/api/v1/release", want=200 if role in ("analyst", "admin", "auditor") else 403)
            client.get(f"/api/v1/release/{number}", want=200 if role in ("analyst", "admin") else 403)
            refused(client.post(f"/api/v1/release/{number}", {"decision": "approve", "password": PASSWORD}, want=403), 403)
        (row,) = running.client(made["auditor"]).get("/api/v1/release?partner=USCERT").json()["queue"]
        equal((row["number"], row["id"], row["asked_by"], row["two_persons"], row["overdue"]), (number, thing["id"], "mei", True, False), "waits")
        equal(running.client(made["auditor"]).get("/api/v1/release?partner=JPCERT").json()["queue"], [], "for another")
        one = running.client(made["analyst"]).get(f"/api/v1/release/{number}").json()
        equal((one["object"], one["sha256"]), (thing, row["sha256"]), "what would go")
        running.client(made["analyst"]).get(f"/api/v1/release/{number + 1}", want=404)
        foreign = running.client(theirs)
        equal(foreign.get("/api/v1/release").json(), {"waiting": 0, "overdue": 0, "oldest": None, "queue": [], "decisions": []}, "another organisation")
        foreign.get(f"/api/v1/release/{number}", want=404)
        foreign.post(f"/api/v1/release/{number}", {"decision": "approve", "password": PASSWORD, "sha256": row["sha256"]}, want=404)
        equal(mark(tw, thing["id"])["rule"], "release", "it waits all the same")


def test_a_person_decides_on_what_was_looked_at(t):
    tw, *_ = three(t)
    waiting = asked(t, tw, "one", "two")
    (one, first), (two, second) = waiting["one"], waiting["two"]
    with tw.serve() as running:
        lin, mei = person(running, "lin"), person(running, "mei")
        sums = {n: lin.get(f"/api/v1/release/{n}").json()["sha256"] for n in (one, two)}
        good = {"sha256": sums[one]}
        body = {"decision": "approve", "password": PASSWORD, **good}
        url = f"/api/v1/release/{one}"
        refused(lin.post(url, body, headers={"X-CSRF-Token": None}, want=403), 403)
        refused(lin.post(url, body, headers={"Origin": "https://elsewhere.example"}, want=403), 403)
        refused(decide(lin, one, 403, password="not the password of lin", **good), 403, "password")
        refused(decide(lin, one, 400, password="", **good), 400)
        refused(decide(lin, one, 409, sha256=sums[two]), 409, "changed")
        refused(decide(lin, one, 409), 409)
        refused(decide(lin, one, 400, decision="perhaps", **good), 400)
        refused(decide(lin, 10 ** 9, 404, **good), 404)
        refused(decide(mei, one, 403, **good), 403, "two persons")
        equal((mark(tw, first["id"])["rule"], len(lin.get("/api/v1/release").json()["queue"])), ("release", 2), "nothing was decided")
        equal(lin.get("/api/v1/session").json()["name"], "lin", "a wrong password ends no session")
        equal(decide(lin, one, 200, **good).json(), {"outcome": "approved"}, "approved")
        equal(decide(mei, two, 200, decision="refuse", sha256=sums[two]).json(), {"outcome": "refused"}, "refused")
        equal((mark(tw, first["id"])["rule"], mark(tw, second["id"])["rule"]), ("granted", "release"), "one goes, the other stays")
        refused(decide(lin, one, 404, **good), 404)
        told = lin.get("/api/v1/release").json()
        equal(told["queue"], [], "nothing waits")
        equal([(d["decision"]["act"], d["decision"]["by"], d["decision"]["asked_by"], d["decision"]["reason"]) for d in told["decisions"]],
              [("refuse", "mei", "mei", "agreed by phone"), ("approve", "lin", "mei", "agreed by phone")], "on record")
        true(PASSWORD not in json.dumps(told), "the password stands nowhere")
    tw.verified()


def test_passwords_are_not_to_be_guessed(t):
    tw, *_ = three(t)
    (number, thing), = asked(t, tw, "guessed").values()
    with tw.serve() as running:
        lin = person(running, "lin")
        sum_ = lin.get(f"/api/v1/release/{number}").json()["sha256"]
        statuses = [decide(lin, number, (403, 429), password=f"wrong password {n}", sha256=sum_).status for n in range(8)]
        true(statuses[0] == 403 and statuses[-1] == 429, statuses)
        decide(lin, number, 429, sha256=sum_)
        equal(mark(tw, thing["id"])["rule"], "release", "it waits")


if __name__ == "__main__":
    node.main(globals())
