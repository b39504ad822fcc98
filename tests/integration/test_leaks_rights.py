"""One test for each leak that happened to others, named after it: what one may do with other people's things (see test_leaks.py)."""
import urllib.parse

import node
from node import equal, true, until
from bad_taxii import BadTaxii
from bad_taxii import indicator as theirs
from leaks import BASE, CANARY, Who, foreign_keys, nodes, take, told
from taxii import Taxii, indicator


def test_cve_2026_56424_authorise_one_change_another(t):
    """The right to object X was checked and object Y changed. Here the row that is changed is the one the right was checked for."""
    tw, _, _, _ = nodes(t)
    for alias, source in (("mine", "mine"), ("yours", "yours")):
        tw.source(source, "--marking", "TLP:GREEN")
        tw.run("taxii", "collection", "add", "share", "--title", alias, "--alias", alias, "--source", source, "--read", f"key:{alias}", "--write",
               f"key:{alias}", "--no-admins", code=0)
    keys = {a: tw.json("key", "make", a, "--role", "client")["key"] for a in ("mine", "yours")}
    with tw.serve() as running:
        mine, yours = (Taxii(running, f"Bearer {keys[a]}") for a in ("mine", "yours"))
        yours.post("/share/collections/yours/objects/", {"objects": [indicator(1)]})
        mine.post("/share/collections/mine/objects/", {"objects": [indicator(2)]})
        one, ids = indicator(1)["id"], {c["alias"]: c["id"] for c in tw.json("taxii", "collection", "list", "share") if c.get("alias")}
        for path in (f"/share/collections/mine/objects/{one}/", f"/share/collections/mine/objects/{one}/?collection=yours",
                     f"/share/collections/mine/../yours/objects/{one}/", f"/share/collections/{ids['yours']}/objects/{one}/",
                     f"/share/collections/mine%2F..%2Fyours/objects/{one}/", f"/share/collections/yours/objects/{one}/"):
            true(mine.ask("DELETE", path).status in (400, 403, 404), path)
        # another's object under the same id stays what its owner said
        mine.post("/share/collections/mine/objects/", {"objects": [indicator(1, name="changed", modified="2026-05-01T00:00:00.000Z")]})
        got = yours.get(f"/share/collections/yours/objects/{one}/").json()["objects"]
        equal(got, [indicator(1)], "as its owner posted it")


def test_cve_2026_44380_44730_accounts_above_one_s_own(t):
    """An organisation's administrator reset the key of a stronger one, or pulled a stronger user into the own organisation. Here no request
    makes or changes an account or key, and an administrator of one organisation changes nothing of another's."""
    tw, _, us_home, _ = nodes(t)
    keys, org = foreign_keys(tw, "admin")
    tables = ("SELECT id, name, org, role FROM account ORDER BY 1", "SELECT name, org, role FROM api_key ORDER BY 1",
              "SELECT name, org, reliability FROM source ORDER BY 1")
    with tw.serve() as running:
        admin = running.client(keys["admin"])
        before = [tw.rows(sql) for sql in tables]
        paths = admin.get("/api/v1/openapi.json").json()["paths"]
        changing = [(m.upper(), p) for p, methods in paths.items() for m in methods if m in ("post", "put", "patch", "delete")]
        true(len(changing) > 4, f"{changing}")
        for method, path in changing:
            for body in ({"name": "admin", "password": "another long password", "role": "admin", "org": org},
                         {"name": "cert", "reliability": "F", "marking": "clear", "org": org, "user": "admin", "key": "admin"}):
                if path != "/api/v1/sources":
                    admin.ask(method, path.replace("{id}", "1").replace("{api-root}", "share"), body)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/api/v1/users", "/api/v1/users/admin", "/api/v1/keys", "/api/v1/keys/own", "/api/v1/orgs", "/api/v1/users/admin/password"):
                true(admin.ask(method, path, {"name": "admin", "password": "another long password", "org": org}).status in (404, 405), path)
        admin.post("/api/v1/sources", {"name": "cert", "reliability": "F", "marking": "clear"})
        after = [tw.rows(sql) for sql in tables]
        equal(after[:2], before[:2], "accounts and keys")
        equal([r for r in after[2] if r[0] == "cert" and r[1] == before[2][0][1]], [r for r in before[2] if r[0] == "cert" and r[1] == before[2][0][1]],
              "our source")
        running.client().sign_in(want=200)


def test_iris_web_1034_objects_by_number(t):
    """Global tasks could be read and changed by counting through their numbers. Here each number, status and id of somebody else is answered
    as one that is not there."""
    tw, _, _, _ = nodes(t)
    keys, _ = foreign_keys(tw, "viewer", "analyst", "admin")
    tw.run("intake", "--source", "cert", t.file("bad.csv", f"value,first_seen\n{CANARY}.example,not a time at all\n"), code=1)
    tw.run("taxii", "collection", "set", "partners", "--source", "cert", code=0)
    own = tw.json("key", "make", "own", "--role", "admin")["key"]
    with tw.serve() as running:
        poster = Taxii(running, f"Bearer {own}")
        status = poster.post(f"{BASE}/objects/", {"objects": [indicator(1)]}).json()["id"]
        numbers = [r["number"] for r in tw.json("rejected", "list")["rejected"]] if isinstance(tw.json("rejected", "list"), dict) else \
            [r["number"] for r in tw.json("rejected", "list")]
        true(numbers, "something is in quarantine")
        for role, key in keys.items():
            who = Who(running, key=key)
            for number in numbers:
                want = told(who.ask("/api/v1/rejected/99999999/retry", want=None, method="POST", headers=None))
                equal(told(who.ask(f"/api/v1/rejected/{number}/retry", want=None, method="POST", headers=None))[0], want[0], f"{role} {number}")
            equal(who.ask("/api/v1/rejected", headers=None).json()["rejected"], [], role)
            who.ask(f"/share/status/{status}/", want=404)
            for source in tw.json("source", "list"):
                if not source["exercise"]:
                    who.ask(f"/api/v1/find?q=x&source={source['number']}", want=404, headers=None)


def test_iris_web_626_access_list_of_another_case(t):
    """The access list of one case decided about another. Here the rights of each collection are its own, also where aliases are alike, and what
    is taken away holds at the next request."""
    tw, _, _, _ = nodes(t)
    for root, reader in (("one", "ann"), ("two", "bob")):
        tw.run("taxii", "root", "add", root, "--title", root, code=0)
        tw.run("taxii", "collection", "add", root, "--title", "Case", "--alias", "case", "--read", f"key:{reader}", "--no-admins", code=0)
        tw.run("taxii", "collection", "attach", f"{root}/case", "cert", code=0)
    keys = {n: tw.json("key", "make", n, "--role", "client")["key"] for n in ("ann", "bob")}
    take(t, tw, indicator(1))
    with tw.serve() as running:
        ann, bob = (Taxii(running, f"Bearer {keys[n]}") for n in ("ann", "bob"))
        for who, own, other in ((ann, "one", "two"), (bob, "two", "one")):
            until(lambda: who.get(f"/{own}/collections/case/objects/").json().get("objects"), "its own")
            who.get(f"/{other}/collections/case/objects/", want=404)
            equal(who.get(f"/{other}/collections/").json().get("collections", []), [], other)
        tw.run("taxii", "collection", "revoke", "one/case", "key:ann", code=0)
        ann.get("/one/collections/case/objects/", want=404)
        bob.get("/two/collections/case/objects/")


def test_ghsa_fj35_m94r_9h4c_shared_connection(t):
    """One client's connection, with its credentials, served several users. Here each request stands for itself, and each peer's credentials go to
    that peer only."""
    tw, jp_home, _, _ = nodes(t)
    with BadTaxii(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem", [theirs(1)], bearer="key of a") as a, \
            BadTaxii(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem", [theirs(2)], bearer="key of b") as b, tw.serve() as running:
        for name, server, key in (("a", a, "key of a"), ("b", b, "key of b"), ("a-none", a, None), ("b-wrong", b, "key of a")):
            more = ["--key-stdin"] if key else []
            tw.run("peer", "add", name, server.url, "--ca", tw.path / "tls" / "cert.pem", "--every", "never", "--offline", *more,
                   input=(key or "") + "\n", code=0)
        for _ in range(2):
            for name, code in (("a", 0), ("b", 0), ("a-none", 3), ("b-wrong", 3), ("b", 0), ("a", 0)):
                tw.run("peer", "sync", name, code=code)
        keys = {role: tw.json("key", "make", f"own-{role}", "--role", role)["key"] for role in ("viewer", "admin")}
        connection = Taxii(running)
        for key, want in ((keys["admin"], 200), (None, 401), (keys["viewer"], 200), ("nrs_x", 401), (None, 401), (keys["admin"], 200)):
            connection.authorization = f"Bearer {key}" if key else None
            connection.get("/api/v1/status", want=want)
        # a partner's certificate on the connection adds nothing to who a key belongs to, and a key that is wrong is not made good by it
        context = Who(running, jp_home).client.context
        partner = Taxii(running, "Bearer nrs_x", context)
        partner.get(f"{BASE}/objects/", want=401)
        partner.authorization = None
        partner.get("/api/v1/status", want=(401, 403))


def test_blueleaks_2020_uploads(t):
    """An upload on shared hosting became a program that read everybody's files, 24 years of them. Here what is uploaded is inert: never served,
    never run, never written where its name says; and each home holds only its own."""
    tw, jp_home, _, _ = nodes(t)
    key = tw.json("key", "make", "uploader", "--role", "analyst")["key"]
    page = f"<html><script>fetch('/{CANARY}')</script><?php system($_GET['c']); ?></html>\n"
    with tw.serve() as running:
        client = running.client(key)
        for name in ("shell.php", "../../web/index.html", "/etc/cron.d/x", "..%2f..%2fkeys%2flog.seed", "a\nb.html", "<script>.json", "\u202e.html"):
            answer = client.post(f"/api/v1/intake?source=cert&name={urllib.parse.quote(name)}", page, type="text/html")
            true(answer.status in (200, 400, 415, 422), f"{name}: {answer}")
            true(answer.headers["content-type"].startswith("application/json"), f"{name}: {answer.headers}")
        for path in ("/shell.php", "/web/index.html", "/uploads/shell.php", "/api/v1/uploads/shell.php", "/files/shell.php", "/tmp/", "/run/", "/keys/log.seed",
                     "/../keys/log.seed", "/noroshi.db", "/%2e%2e/noroshi.db"):
            answer = client.ask("GET", path)
            true(CANARY.encode() not in answer.body and b"SQLite format" not in answer.body, f"{path}: {answer}")
        listed = client.get("/api/v1/rejected")
        equal((listed.headers["content-type"].split(";")[0], listed.headers.get("x-content-type-options")), ("application/json", "nosniff"), "listed as data")
        made = [p for p in tw.path.rglob("*") if p.is_file() and p.suffix in (".php", ".html")]
        equal(made, [], "no file of its name")
        true(not (tw.path.parent / "web").exists(), "nor outside of the home")
    modes = {oct(p.stat().st_mode & 0o077) for p in [tw.path, *tw.path.rglob("*")] if not p.is_symlink() and p.exists() and p.parent == tw.path and p.name in
             ("noroshi.db", "keys")}
    equal(modes, {"0o0"}, "nobody else of the machine reads it")
    equal(jp_home.rows("SELECT count(*) FROM quarantine")[0][0], 0, "another node has nothing of it")


if __name__ == "__main__":
    node.main(globals())
