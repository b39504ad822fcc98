"""What the tests of leaks share: TWCERT gives to JPCERT under a signed agreement (network safety, up to TLP:AMBER); USCERT is an active
partner that no agreement covers."""
import contextlib
import json
import sqlite3

import node
from node import true, until
from taxii import TYPE, identifier, indicator
from test_partners import befriend, once, signed_by_all, strangers

CANARY = "zqcanaryzq"
TLP = {"clear": "94868c89-83c2-464b-929b-a1a8aa3c8487", "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
       "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421", "strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
       "red": "e828b379-4e03-4974-9ac4-e53a884c97c1", "unknown": "11111111-4e03-4974-9ac4-e53a884c97c1"}
BASE = "/share/collections/partners"
HEAD = {"spec_version": "2.1", "created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}


def marked(*levels):
    return {"object_marking_refs": [f"marking-definition--{TLP[level]}" for level in levels]}


def thing(kind, number, **more):
    return {"type": kind, "id": identifier(kind, number), **HEAD, **more}


def hidden(number, *levels, **more):
    """An indicator whose every word betrays it."""
    return indicator(number, name=CANARY, pattern=f"[domain-name:value = '{CANARY}{number}.example']", description=CANARY, **marked(*levels), **more)


def made(t):
    tw, jp, us = strangers(t)
    for me, other in ((tw, jp), (jp, tw), (tw, us)):
        befriend(t, me, other)
    agreement, path = signed_by_all(t, tw, jp)
    tw.source("cert", "--marking", "TLP:GREEN")
    tw.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    tw.run("taxii", "collection", "add", "share", "--title", "Indicators", "--alias", "partners", "--read", right(tw, jp), code=0)
    tw.run("taxii", "collection", "attach", "partners", "cert", code=0)
    return tw, jp, us, agreement


nodes = once("leaks", made)


def right(home, of):
    return f"partner:{home.json('partner', 'show', of.called)['card']['id']}"


def document(home, agreement):
    return json.loads(home.run("agreement", "amend", agreement, code=0).out)


def bundle(*objects):
    return json.dumps({"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": list(objects)})


def take(t, home, *objects, source="cert", code=(0, 1)):
    return home.intake(source, t.file("bundle.json", bundle(*objects)), code=code)


class Who:
    """Somebody who reads a node, by a partner's TLS key, an API key, or nothing; no answer may hold the canary."""

    def __init__(self, running, home=None, key=None):
        self.client = running.client(key)
        if home:
            self.client.context.load_cert_chain(home.path / "tls" / "cert.pem", home.path / "tls" / "key.pem")

    def ask(self, path, want=200, method="GET", **more):
        answer = self.client.ask(method, path, want=want, **{"headers": {"Accept": TYPE}, **more})
        raw = answer.body + json.dumps(answer.headers).encode()
        true(CANARY.encode() not in raw, f"what is hidden leaves by {method} {path}: {raw[:900]}")
        return answer

    def objects(self, query="", base=BASE, what="objects"):
        return self.ask(f"{base}/{what}/{query}").json().get("objects", [])

    def ids(self, base=BASE):
        return {o["id"] for o in self.objects(base=base)}


MARKS = iter(range(900000, 990000))


def settled(t, home, who, source="cert", base=BASE):
    """Waits until all that came before is through: something that may go is taken in behind it, and is there. All that is there."""
    mark = indicator(next(MARKS))
    take(t, home, mark, source=source, code=0)
    until(lambda: mark["id"] in who.ids(base), "what may go is there")
    return who.ids(base) - {mark["id"]}


@contextlib.contextmanager
def sharing(t):
    """TWCERT runs; JPCERT and USCERT ask."""
    tw, jp, us, agreement = nodes(t)
    with tw.serve() as running:
        yield tw, jp, us, agreement, running, Who(running, jp), Who(running, us)


def refused(t, agreement, what):
    done = node.run("agreement", "check", t.file("agreement.json", json.dumps(agreement)), code=1)
    true("docs/agreements.md" in done.err, f"{what}: {done}")


def told(answer):
    return answer.status, {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id")}, answer.body


def foreign_keys(home, *roles):
    """Another organisation on the same node, with a key for each role; and its UUID."""
    home.json("exercise", "load")
    org = next(s["org"] for s in home.json("source", "list") if s["exercise"])
    keys = {role: home.json("key", "make", f"foreign-{role}", "--role", role)["key"] for role in roles}
    with contextlib.closing(sqlite3.connect(home.path / "noroshi.db")) as db, db:
        db.execute("UPDATE api_key SET org = ? WHERE name LIKE 'foreign-%'", (org,))
    return keys, org
