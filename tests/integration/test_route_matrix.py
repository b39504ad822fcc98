"""Every route of a running node, from its own table (the OpenAPI document), for everybody who may come, with ids that are his, another's, nobody's and
none at all. Another's is answered as one that is not there, byte for byte. A route that stands here in no table fails."""
import contextlib
import json
import re
import subprocess

import node
from leaks import BASE, Who, bundle, foreign_keys, hidden, marked, nodes, right, settled, take
from node import equal, true
from taxii import TYPE, Taxii, indicator
from test_partners import act, once

ROLES = ("viewer", "analyst", "admin", "sensor", "auditor", "client")
READERS, ANALYSTS, REGISTER = {"viewer", "analyst", "admin"}, {"analyst", "admin"}, {"analyst", "admin", "auditor"}
TOLD = READERS | {"auditor"}
TAXII = READERS | {"client"}
EVERYBODY = set(ROLES) | {"nobody"}
# Who may, by role; written down apart from the program's table.
MAY = {
    "signIn": EVERYBODY, "openapi": EVERYBODY, "healthz": EVERYBODY, "metrics": EVERYBODY, "page": EVERYBODY, "asset": EVERYBODY,
    "whoAmI": set(ROLES) - {"client"}, "signOut": set(ROLES) - {"client"}, "postEvents": ANALYSTS | {"sensor"}, "postIntake": ANALYSTS,
    "look": READERS, "find": READERS, "sightings": READERS, "live": READERS, "export": READERS, "exports": READERS, "rejected": READERS,
    "retryRejected": ANALYSTS, "addSource": {"admin"}, "sources": TOLD, "feeds": TOLD, "status": TOLD, "partners": TOLD, "partner": TOLD,
    "agreements": TOLD, "agreement": TOLD, "witnessStatus": TOLD, "shares": REGISTER, "share": REGISTER, "explain": REGISTER, "exchange": REGISTER,
    "messages": REGISTER, "withdrawals": REGISTER, "releaseQueue": REGISTER, "releaseOne": ANALYSTS, "releaseDecide": {"admin"},
    "addCheckpoint": {"client"}, "checkpoint": EVERYBODY - {"nobody"},
    "taxiiDiscovery": TAXII, "taxiiRoot": TAXII, "taxiiStatus": TAXII, "taxiiCollections": TAXII, "taxiiCollection": TAXII, "taxiiManifest": TAXII,
    "taxiiObjects": TAXII, "taxiiObject": TAXII, "taxiiVersions": TAXII, "taxiiTombstones": TAXII, "taxiiAdd": TAXII - {"viewer"},
    "taxiiDelete": TAXII - {"viewer"},
    "messagesRoot": {"client"}, "messagesCollections": {"client"}, "messagesCollection": {"client"}, "messagesWaiting": {"client"},
    "messagesBring": {"client"},
}
# For certificates of partners; the messages for nobody else, who are told that there is nothing.
BETWEEN_NODES = {"messagesRoot", "messagesCollections", "messagesCollection", "messagesWaiting", "messagesBring"}
PARTNERS_TOO = BETWEEN_NODES | {"addCheckpoint", "checkpoint"} | {n for n in MAY if n.startswith("taxii")}
STREAMS = {"live"}  # never ends for who may
MISSING = "6d1c55f4-7ff6-4a4a-8f1a-000000000000"
NOTHING = {"id": MISSING, "api-root": "share", "object": f"indicator--{MISSING}", "path": "none", "format": "list", "entry": "999999999", "number": "999999999"}
QUERY = {"look": "?value=198.51.100.1", "find": "?q=nothing", "explain": f"?to={MISSING}"}
MALFORMED = ["%00", "%2e%2e%2f%2e%2e", "x" * 300, "'", "-1", "9223372036854775808", "%F0%28%8C%28", "%0d%0aX:%20y"]
# What takes an id: the ways to name something there, {} is the id, and what is named.
TAKES_IDS = {
    "partner": [("/api/v1/partners/{}", "partner")],
    "agreement": [("/api/v1/agreements/{}", "agreement"), ("/api/v1/agreements/{}?language=ja", "agreement")],
    "share": [("/api/v1/shares/{}", "share")],
    "retryRejected": [("/api/v1/rejected/{}/retry", "row")],
    "taxiiStatus": [("/share/status/{}/", "status")],
    "taxiiCollection": [("/share/collections/{}/", "secret")],
    "taxiiManifest": [("/share/collections/{}/manifest/", "secret")],
    "taxiiObjects": [("/share/collections/{}/objects/", "secret")],
    "taxiiAdd": [("/share/collections/{}/objects/", "secret")],
    "taxiiObject": [("/share/collections/{}/objects/" + indicator(1)["id"] + "/", "secret")],
    "taxiiDelete": [("/share/collections/{}/objects/" + indicator(1)["id"] + "/", "secret")],
    "taxiiVersions": [("/share/collections/{}/objects/" + indicator(1)["id"] + "/versions/", "secret")],
    "taxiiTombstones": [("/share/collections/{}/tombstones/", "secret")],
    "messagesCollection": [("/messages/collections/{}/", "secret"), ("/messages/collections/{}/", "partners")],
    "messagesWaiting": [("/messages/collections/{}/objects/", "secret")],
    "messagesBring": [("/messages/collections/{}/objects/", "secret")],
    # by query
    "look": [("/api/v1/look?value={}", "object"), ("/api/v1/look?value={}&version=last", "object")],
    "find": [("/api/v1/find?q=indicator&source={}", "source")],
    "export": [("/api/v1/export/list?kind=domain-name&source={}", "source")],
    "postEvents": [("/api/v1/events?source={}", "source")],
    "postIntake": [("/api/v1/intake?source={}", "source")],
    "shares": [("/api/v1/shares?partner={}", "partner")],
    "explain": [("/api/v1/explain?to={}", "partner"), ("/api/v1/explain?to={}&object=h1.evil.example", "partner")],
    # nothing waits for a person in this home; what waits is of the organisation that runs the node, as the register is
    "releaseOne": [("/api/v1/release/{}", "share")], "releaseDecide": [("/api/v1/release/{}", "share")],
    # what they take is no id of anybody's: a root that discovery lists, a file of the console
    "asset": [], "taxiiRoot": [], "taxiiCollections": [],
}


def table(running):
    """(name, method, path, roles) of every route, as the node tells them."""
    paths = running.client().get("/api/v1/openapi.json").json()["paths"]
    return [(o["operationId"], m.upper(), p, set(o["x-roles"])) for p, item in paths.items() for m, o in item.items() if m != "parameters"]


def concrete(path, every=None):
    """With ids of nothing, or with one text in place of every id."""
    return re.sub(r"{([\w-]+)}", lambda m: every or NOTHING[m[1]], path)


def is_taxii(name):
    return name.startswith("taxii") or name in BETWEEN_NODES


def told(answer, *ids):
    """All that an answer tells, without the id that was asked for."""
    body = re.sub(r'"error_id": ?"[^"]*"', "", answer.body.decode("utf-8", "replace"))
    for i in ids:
        body = re.sub(rf"\b{re.escape(i)}\b", "ID", body)
    return answer.status, {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id")}, body


def made(t):
    """A home with something of everything, a key for each role here and at another organisation of it, and partners of each kind."""
    tw, jp, us, agreement = nodes(t)
    home_keys = {role: tw.json("key", "make", f"own-{role}", "--role", role, *(("--source", "cert") if role == "sensor" else ()))["key"]
                 for role in ROLES}
    others, _ = foreign_keys(tw, *ROLES)
    tw.run("taxii", "collection", "add", "share", "--title", "Secret", "--alias", "secret", "--read", right(tw, us), "--no-admins", code=0)
    tw.run("taxii", "collection", "attach", "secret", "cert", code=0)
    tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
    tw.run("intake", "--source", "cert", t.file("bad.json", bundle({"type": "indicator"})), code=1)
    take(t, tw, indicator(1, **marked("clear")), hidden(2, "red"))
    ids = {
        "agreement": agreement,
        "partner": tw.json("partner", "show", "JPCERT")["card"]["id"],
        "row": str(tw.rows("SELECT max(id) FROM quarantine")[0][0]),
        "source": next(s["id"] for s in tw.json("source", "list") if s["name"] == "cert"),
        "partners": tw.json("taxii", "collection", "show", "partners")["id"],
        "secret": tw.json("taxii", "collection", "show", "secret")["id"],
        "object": indicator(1)["id"], "hidden": hidden(2)["id"],
    }
    with tw.serve() as running:
        settled(t, tw, Who(running, jp))
        poster = Taxii(running, f"Bearer {home_keys['admin']}")
        ids["status"] = poster.post(f"{BASE}/objects/", {"objects": [indicator(7)]}).json()["id"]
        ids["share"] = str(tw.json("shares", "list")[0]["entry"])
    return tw, jp, us, {"own": home_keys, "other": others}, ids


prepared = once("matrix", made)


@contextlib.contextmanager
def everything(t):
    tw, jp, us, keys, ids = prepared(t)
    with tw.serve() as running:
        yield tw, running, {**keys, "jp": jp, "us": us}, ids


def certified(running, home):
    client = running.client()
    client.context.load_cert_chain(home.path / "tls" / "cert.pem", home.path / "tls" / "key.pem")
    return client


def stranger(t, running):
    """A client with a certificate of its own that nobody knows."""
    key, cert = t.path("key.pem"), t.path("cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=x",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    client = running.client()
    client.context.load_cert_chain(cert, key)
    return client


def ask(client, name, method, path, **more):
    headers = {"Accept": TYPE} if is_taxii(name) else {}
    kind, body = None, None
    if method != "GET":
        json_wanted = name in ("signIn", "addSource", "releaseDecide")
        kind, body = (TYPE, '{"objects":[]}') if is_taxii(name) else ("application/json", "{}") if json_wanted else (None, b"")
    answer = client.ask(method, path, body if method == "POST" else None, type=kind if method == "POST" else None, headers={**headers, **more})
    true(answer.status < 500 or answer.status == 503, f"{method} {path}: {answer}")
    return answer


# ---- the table

def test_the_table_is_the_one_that_was_thought_of(t):
    with t.home().serve() as running:
        stands = table(running)
        equal(sorted(n for n, *_ in stands), sorted(MAY), "routes; a new one needs a line in MAY, and in TAKES_IDS where it takes an id")
        for name, _, path, roles in stands:
            equal(roles, MAY[name] - {"nobody"}, f"audience of {name}")
            true("{" not in path or name in TAKES_IDS, f"{name} takes an id: {path}")


# ---- who may

def test_each_role_at_each_route(t):
    with everything(t) as (_, running, who, _ids):
        stands = table(running)
        for role in ("nobody", *ROLES):
            for whose in ("own", "other"):
                client = running.client(who[whose].get(role))
                for name, method, path, _ in stands:
                    may = role in MAY[name]
                    if may and name in STREAMS:
                        continue
                    answer = ask(client, name, method, concrete(path) + QUERY.get(name, ""))
                    what = f"{whose} {role}: {method} {path}: {answer}"
                    if name in BETWEEN_NODES:
                        equal(answer.status, 404, what)
                    elif not may:
                        equal(answer.status, 401 if role == "nobody" else 403, what)
                    elif is_taxii(name) or name in PARTNERS_TOO:
                        true(answer.status != 401, what)
                    else:
                        true(answer.status not in (401, 403) or name in ("signIn", "metrics", "releaseDecide") or (role == "sensor" and whose == "other"), what)


def test_certificates_at_each_route(t):
    with everything(t) as (tw, running, who, _):
        act(tw, "partner", "suspend", "USCERT")
        active, suspended, unknown = certified(running, who["jp"]), certified(running, who["us"]), stranger(t, running)
        for name, method, path, _ in table(running):
            path = concrete(path) + QUERY.get(name, "")
            if "nobody" in MAY[name]:
                continue
            got = told(ask(unknown, name, method, path))
            equal(got[0], 404 if name in BETWEEN_NODES else 401, f"unknown: {method} {path}: {got}")
            equal(told(ask(suspended, name, method, path)), got, f"suspended is told what a stranger is told: {method} {path}")
            answer = ask(active, name, method, path)
            true(answer.status != 401 if name in PARTNERS_TOO else answer.status in (401, 403), f"partner: {method} {path}: {answer}")


def missing_like(value):
    """An id of the same shape and length that nothing has."""
    if value.isdigit():
        return "9" * len(value) if value != "9" * len(value) else "8" * len(value)
    kind, _, _ = value.rpartition("--")
    return f"{kind}--{MISSING}" if kind else MISSING


def same(client, name, method, pattern, foreign, label):
    missing = missing_like(foreign)
    got = [told(ask(client, name, method, pattern.format(i)), i) for i in (foreign, missing)]
    equal(got[0], got[1], f"{label} asks {method} {pattern} for another's and for none")


# ---- ids of others

def test_another_organisation_s_ids(t):
    with everything(t) as (_, running, who, ids):
        stands = {n: m for n, m, _, _ in table(running)}
        for role in ROLES:
            client = running.client(who["other"][role])
            for name, ways in TAKES_IDS.items():
                for pattern, what in ways if role in MAY[name] else ():
                    same(client, name, stands[name], pattern, ids[what], f"another organisation's {role}")


def test_a_client_s_and_a_partner_s_ids(t):
    """Between nodes: a collection that is not theirs, a status of somebody else's, and things that stay."""
    with everything(t) as (tw, running, who, ids):
        stands = {n: m for n, m, _, _ in table(running)}
        tw.run("taxii", "collection", "grant", "partners", "--read", "key:own-client", code=0)
        client, partner = running.client(who["own"]["client"]), certified(running, who["jp"])
        for label, asker in (("client", client), ("partner", partner)):
            for name, ways in TAKES_IDS.items():
                for pattern, what in ways if is_taxii(name) else ():
                    same(asker, name, stands[name], pattern, ids[what], label)
        for method, way in (("GET", "{}/"), ("GET", "{}/versions/"), ("DELETE", "{}/"), ("GET", "?match[id]={}"), ("GET", "?match[id]={}&match[version]=all")):
            same(partner, "taxiiObject", method, f"{BASE}/objects/{way}", ids["hidden"], "partner")
        same(partner, "taxiiManifest", "GET", BASE + "/manifest/?match[id]={}", ids["hidden"], "partner")


def test_malformed_ids(t):
    with everything(t) as (_, running, who, _ids):
        admin, partner = running.client(who["own"]["admin"]), certified(running, who["jp"])
        for name, method, path, _ in table(running):
            for bad in MALFORMED if "{" in path else ():
                for client in (admin, partner) if is_taxii(name) else (admin,):
                    answer = ask(client, name, method, concrete(path, bad))
                    true(400 <= answer.status < 500, f"{method} {path} with {bad}: {answer}")


# ---- cookies

def test_cookies_change_nothing_without_their_token(t):
    with everything(t) as (tw, running, who, _):
        tables = ("SELECT count(*) FROM source", "SELECT count(*) FROM quarantine", "SELECT count(*) FROM object")
        client = running.client()
        client.sign_in(want=200)
        before = [tw.rows(sql) for sql in tables]
        forged = [{"X-CSRF-Token": None}, {"X-CSRF-Token": "x" * len(client.csrf)}, {"Origin": "https://evil.example"},
                  {"Sec-Fetch-Site": "cross-site"}]
        changing = [(n, m, p) for n, m, p, _ in table(running) if m != "GET" and n != "signIn"]
        true(len(changing) >= 6, f"{changing}")
        for name, method, path in changing:
            for headers in forged:
                answer = ask(client, name, method, concrete(path), **headers)
                # TAXII and what is between nodes do not look at cookies at all
                want = (404,) if name in BETWEEN_NODES else (401,) if is_taxii(name) else (401, 403) if name in PARTNERS_TOO else (403,)
                true(answer.status in want, f"{method} {path} {headers}: {answer}")
        client.get("/api/v1/session", want=200)
        equal([tw.rows(sql) for sql in tables], before, "nothing was changed")
        both = certified(running, who["jp"])
        both.cookie, both.csrf = client.cookie, client.csrf
        ids = [o["id"] for o in both.ask("GET", f"{BASE}/objects/", headers={"Accept": TYPE}, want=200).json()["objects"]]
        true(indicator(1)["id"] in ids and hidden(2)["id"] not in ids, "a session adds nothing to what a partner's certificate is given")


if __name__ == "__main__":
    node.main(globals())
