"""TAXII 2.1 as the clients in use speak it: their requests as recorded from them, sent to a real node over TLS."""
import base64
import datetime
import gzip
import importlib.util
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import urllib.parse

from node import Skip, equal, main, run, shared, true, until
from taxii import (OPEN, PARTNER, READ, READER, ROOT, SECRET, STIX, TYPE, WRITE, WRITER, Taxii, basic, collection, final, indicator,
                   server)

SIX = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
AGENT = "taxii2-client/2.3.0"


def content_type_pleases(content_type, accept):
    """The check of taxii2-client: every parameter of its Accept must stand in the answer's type."""
    have, want = (text.replace(" ", "").split(";") for text in (content_type, accept))
    return all(part in have for part in want) and have[0] == "application/taxii+json"


def check_dates(reply, entries, what):
    """X-TAXII-Date-Added-First and -Last are there when, and only when, the page holds something."""
    first, last = (reply.headers.get(f"x-taxii-date-added-{which}") for which in ("first", "last"))
    equal((first is not None, last is not None), (entries > 0, entries > 0), f"date headers of {what}")
    if entries:
        true(SIX.match(first) and SIX.match(last) and first <= last, f"date headers of {what}: {first}, {last}")
    return first, last


# ---- OASIS taxii2-client

def oasis(client, method, url, params=None, body=None, want=200):
    """One request with the headers that python-requests and taxii2-client 2.3.0 send, and the client's checks of the answer."""
    headers = {"User-Agent": AGENT, "Accept-Encoding": "gzip, deflate", "Accept": TYPE, "Connection": "keep-alive"}
    if body is not None:
        headers["Content-Type"] = TYPE
    if method == "DELETE":
        headers["Content-Length"] = "0"
    query = "?" + urllib.parse.urlencode(params) if params else ""
    reply = client.ask(method, url + query, body, want=want, headers=headers, plain=True)
    if method == "GET":
        true(content_type_pleases(reply.headers["content-type"], TYPE), f"taxii2-client refuses {reply.headers['content-type']}")
    return reply


def as_pages(client, url, per_request, **params):
    """as_pages of taxii2-client: sends limit only when it is not 0, takes over the size of the first page, sends `next` as it came."""
    sent = dict(params, **({"limit": per_request} if per_request else {}))
    page = oasis(client, "GET", url, sent).json()
    yield page
    got = len(page.get("objects", []))
    if page.get("more", False) and got != per_request:
        per_request = got
    while page.get("more", False):
        sent = dict(params, **({"limit": per_request} if per_request else {}), **({"next": page["next"]} if page.get("next") else {}))
        page = oasis(client, "GET", url, sent).json()
        yield page


def test_the_oasis_client_replayed(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("writer", WRITER))
        # Server(url): discovery, and each API root made from it by urljoin
        discovery = oasis(client, "GET", "/taxii2/").json()
        true(discovery["title"], "title")
        base = f"https://{node.host}:{node.port}/taxii2/"
        roots = [urllib.parse.urljoin(base, url) for url in discovery["api_roots"]]
        true(discovery["default"] in discovery["api_roots"], "default is an item of api_roots")
        default = urllib.parse.urljoin(base, discovery["default"])
        root = urllib.parse.urlparse(default).path
        equal(root, ROOT + "/", "default root")
        true(all(urllib.parse.urlparse(r).netloc == f"{node.host}:{node.port}" for r in roots), f"roots are here: {roots}")
        # ApiRoot: information, collections
        information = oasis(client, "GET", root).json()
        true(information["title"] and information["max_content_length"] > 0 and TYPE in information["versions"], f"{information}")
        found = oasis(client, "GET", root + "collections/").json()["collections"]
        equal({c["id"]: (c["can_read"], c["can_write"]) for c in found},
              {OPEN: (True, True), READ: (True, False), WRITE: (False, True)}, "collections")
        for c in found:
            equal(oasis(client, "GET", f"{root}collections/{c['id']}/").json(), c, "a collection")
        url = f"{root}collections/{OPEN}/"
        # get_objects, get_object, object_versions, get_manifest with their filters
        equal([o["id"] for o in oasis(client, "GET", url + "objects/").json()["objects"]], [o["id"] for o in home.objects], "objects")
        one = home.objects[3]
        equal(oasis(client, "GET", f"{url}objects/{one['id']}/").json()["objects"], [one], "one object")
        equal(oasis(client, "GET", f"{url}objects/", {"match[id]": one["id"]}).json()["objects"], [one], "filtered by id")
        equal(oasis(client, "GET", f"{url}objects/", {"match[type]": "indicator,malware", "match[version]": "all"}).json()["objects"],
              home.objects, "filtered by type")
        equal(oasis(client, "GET", f"{url}objects/", {"match[type]": "malware"}).json(), {}, "nothing is {}")
        equal(oasis(client, "GET", f"{url}objects/{one['id']}/versions/").json()["versions"], [one["modified"]], "versions")
        manifest = oasis(client, "GET", url + "manifest/").json()["objects"]
        equal([m["id"] for m in manifest], [o["id"] for o in home.objects], "manifest")
        after = manifest[4]["date_added"]
        equal([m["id"] for m in oasis(client, "GET", url + "manifest/", {"added_after": after}).json()["objects"]],
              [o["id"] for o in home.objects[5:]], "added after")
        # as_pages with its per_request quirks, over objects and manifest
        for what in ("objects/", "manifest/"):
            for per_request in (0, 1, 5, 12, 50):
                ids = [o["id"] for page in as_pages(client, url + what, per_request) for o in page.get("objects", [])]
                equal(ids, [o["id"] for o in home.objects], f"pages of {per_request} over {what}")
        equal(oasis(client, "GET", url + "objects/", {"limit": "0"}).json()["objects"], home.objects, "limit=0 of older clients")
        equal(oasis(client, "GET", url + "objects/", {"limit": "5", "next": ""}).json()["objects"], home.objects[:5], "empty next")
        # add_objects and its polling at urljoin(collection, "../../status/ID") without and with a slash
        new = [indicator(100), indicator(101, description="火狼煙 \U0001f525")]
        status = oasis(client, "POST", url + "objects/", body={"objects": new}, want=202).json()
        equal(status["total_count"], status["success_count"] + status["failure_count"] + status["pending_count"], "sums of a status")
        for polled in (f"../../status/{status['id']}", f"../../status/{status['id']}/"):
            again = oasis(client, "GET", urllib.parse.urljoin(url, polled)).json()
            equal(again["id"], status["id"], "status by its URL")
        equal((final(client, status)["success_count"], status.get("failures", [])), (2, []), "status")
        equal(oasis(client, "GET", f"{url}objects/{new[1]['id']}/").json()["objects"], [new[1]], "what was added")
        # delete_object
        oasis(client, "DELETE", f"{url}objects/{new[0]['id']}/")
        oasis(client, "GET", f"{url}objects/{new[0]['id']}/", want=404)
        client.close()


def test_the_oasis_client(t):
    if not importlib.util.find_spec("taxii2client"):
        raise Skip("the Python module taxii2client is not installed")
    home = server(t)
    with home.serve() as node:
        program = f"""
import json
from taxii2client.v21 import Server, as_pages
s = Server({f'https://{node.host}:{node.port}/taxii2/'!r}, user='writer', password={WRITER!r}, verify={str(home.path / 'tls' / 'cert.pem')!r})
assert s.title == 'Tests' and s.default.url.endswith('{ROOT}/'), s.default.url
c = {{c.id: c for c in s.default.collections}}[{OPEN!r}]
assert c.alias == 'open' and c.can_read and c.can_write
pages = [len(p['objects']) for p in as_pages(c.get_objects, per_request=5)]
assert pages == [5, 5, 2], pages
assert len(c.get_manifest()['objects']) == 12
assert [len(p['objects']) for p in as_pages(c.get_manifest, per_request=7)] == [7, 5]
new = json.loads({json.dumps(json.dumps(indicator(200)))})
status = c.add_objects({{'objects': [new]}})
assert status.status == 'complete' and status.success_count == 1, status._raw
assert c.get_object(new['id'])['objects'] == [new]
assert c.object_versions(new['id'])['versions'] == [new['modified']]
assert s.default.get_status(status.id).success_count == 1
c.delete_object(new['id'])
try:
    c.get_object(new['id'])
    raise SystemExit('deleted and yet there')
except Exception as e:
    assert '404' in str(e), e
print('whole life')
"""
        # These two would have requests trust another certificate than the one it is told to.
        env = {k: v for k, v in os.environ.items() if k not in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=env)
        equal((done.stdout, done.returncode), ("whole life\n", 0), f"taxii2client: {done.stderr}")


# ---- others

def test_misp(t):
    """MISP's TAXII client: "basic" in small letters, Content-Type on GET, limit 50, an empty `next` at first."""
    objects = [indicator(i) for i in range(120)]
    home = server(t, objects)
    with home.serve() as node:
        key = base64.b64encode(f"partner:{PARTNER}".encode()).decode()
        client = Taxii(node)
        headers = {"Accept": TYPE, "Content-type": TYPE, "Authorization": f"basic {key}", "User-Agent": "CakePHP"}
        found = client.get(f"{ROOT}/collections/", headers=headers).json()["collections"]
        true(OPEN in [c["id"] for c in found], "collections")
        got, following = [], ""
        while following is not None:
            page = client.get(f"{ROOT}/collections/{OPEN}/objects/?limit=50&next={following}", headers=headers).json()
            got += page["objects"]
            following = page.get("next")
            equal(following is None, not page.get("more", False), "next stands with more")
        equal(got, objects, "all objects")
        equal(client.get(f"{ROOT}/collections/{OPEN}/objects/{objects[7]['id']}/", headers=headers).json()["objects"][0], objects[7],
              "one object")


def test_opencti(t):
    """OpenCTI: no slash that it did not add, `next` together with `added_after`, then added_after cut to milliseconds."""
    objects = [indicator(i) for i in range(30)]
    home = server(t, objects)
    key = home.json("key", "make", "opencti", "--role", "client")["key"]
    with home.serve() as node:
        client = Taxii(node, f"Bearer {key}")
        got, cursor, start = [], None, "2026-01-31T00:00:00.000Z"
        for _ in range(20):
            query = {**({"next": cursor} if cursor else {}), "added_after": start, "limit": 8}
            reply = client.get(f"{ROOT}/collections/{OPEN}/objects/?{urllib.parse.urlencode(query)}",
                               headers={"Accept": TYPE, "User-Agent": "opencti/6.2", "Accept-Encoding": "gzip, compress, deflate, br"})
            page = reply.json()
            got += page.get("objects", [])
            if page.get("more") and page.get("next"):
                cursor = page["next"]
                continue
            cursor, start = None, reply.headers["x-taxii-date-added-last"][:-4] + "Z"
            break
        equal([o["id"] for o in got], [o["id"] for o in objects], "all objects once")
        # It asks again from the cut time: what came in that millisecond is repeated, nothing is lost.
        repeated = client.objects(OPEN, f"?added_after={start}").json().get("objects", [])
        equal(repeated, objects[-len(repeated):] if repeated else [], "after the last")
        client.post(f"{ROOT}/collections/{OPEN}/objects/", {"objects": [indicator(500)]})
        true(indicator(500)["id"] in [o["id"] for o in client.objects(OPEN, f"?added_after={start}").json()["objects"]], "what is new")


def test_splunk_elastic_sentinel(t):
    """Splunk: plain JSON accepted and the version spaced; Elastic: by `next` and limit with the STIX types it takes; Sentinel: only the API
    root and the collection, name and password, added_after with seven digits."""
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        for accept in ("application/taxii+json; version=2.1", "application/taxii+json", "application/json", "*/*", None,
                       "application/vnd.oasis.taxii+json; version=2.0, application/taxii+json;version=2.1"):
            reply = client.get("/taxii2/", headers={"Accept": accept}, plain=True)
            equal(reply.headers["content-type"], TYPE, f"type for {accept}")
        got, query = [], {"limit": 5, "match[type]": "indicator", "added_after": "2025-12-31T23:59:59Z"}
        while True:
            page = client.objects(OPEN, "?" + urllib.parse.urlencode(query)).json()
            got += page["objects"]
            if not page.get("more"):
                break
            query["next"] = page["next"]
        equal(got, home.objects, "Elastic's pages")
        equal(client.get(f"{ROOT}").json()["title"], "Malware Research Group", "a root without its slash")
        equal(client.get(f"{ROOT}/collections/{OPEN}/objects?added_after=2026-01-31T00:00:00.0000000Z").json()["objects"], home.objects,
              "seven digits")
        equal(client.get(f"{ROOT}/collections/open/objects/?added_after=2026-01-31t00:00:00%2B00:00").json()["objects"], home.objects,
              "an offset, by alias")


def test_medallion_data(t):
    """The data of OASIS' own server, moved in: answers are what its manifest says."""
    path = shared("taxii-medallion-data", "default_data.json")
    data = json.loads(path.read_text())
    home = t.home()
    home.run("taxii", "load", path, code=(0, 1))
    home.run("user", "add", "partner", "--role", "client", input=PARTNER + "\n", code=0)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        discovery = client.get("/taxii2/").json()
        equal((discovery["title"], discovery["contact"]), (data["/discovery"]["title"], data["/discovery"]["contact"]), "discovery")
        for root in ("api1", "api2", "trustgroup1"):
            got = client.get(f"/{root}/").json()
            want = data[root]["information"]
            equal((got["title"], got["max_content_length"]), (want["title"], want["max_content_length"]), root)
            got = {c["id"]: (c["title"], c["can_read"], c["can_write"]) for c in client.get(f"/{root}/collections/").json().get("collections", [])}
            equal(got, {c["id"]: (c["title"], c["can_read"], c["can_write"]) for c in data[root]["collections"]
                        if c["can_read"] or c["can_write"]}, f"collections of {root}")
        held = next(c for c in data["trustgroup1"]["collections"] if c["id"] == OPEN)
        manifest = client.walk(OPEN, what="manifest", limit=3, match_version="all", match_spec_version="2.0,2.1")
        equal([(m["id"], when(m["version"]), m["media_type"]) for m in manifest],
              [(m["id"], when(m["version"]), m["media_type"]) for m in held["manifest"]], "manifest")
        added, given = [m["date_added"] for m in manifest], [m["date_added"] for m in held["manifest"]]
        true(added == sorted(set(added)) and all(SIX.match(d) for d in added), f"unique and rising: {added}")
        for got, want in zip(added, given):
            true(0 <= (when(got) - when(want)).total_seconds() <= 10e-6, f"{got} for {want}")
        newest = {}
        for m in held["manifest"]:
            newest[m["id"]] = max(newest.get(m["id"], m["version"]), m["version"])
        for what, query in (("2.1", {"match_spec_version": "2.1"}), ("newest", {})):
            got = {o["id"]: o.get("modified", o["created"]) for o in client.walk(OPEN, **query)}
            want = newest if what == "newest" else {
                i: max(m["version"] for m in held["manifest"] if m["id"] == i and m["media_type"].endswith("2.1")) for i in newest
                if any(m["id"] == i and m["media_type"].endswith("2.1") for m in held["manifest"])}
            if what == "newest":  # without match[spec_version] the newest STIX version of each object (TAXII 2.1, 3.4)
                want = {i: max(m["version"] for m in held["manifest"] if m["id"] == i and m["media_type"] == max(
                    x["media_type"] for x in held["manifest"] if x["id"] == i)) for i in newest}
            equal({i: when(v) for i, v in got.items()}, {i: when(v) for i, v in want.items()}, what)
        three = "indicator--6770298f-0fd8-471a-ab8c-1c658a46574e"
        reply = client.get(f"/trustgroup1/collections/{OPEN}/objects/{three}/versions/")
        equal([when(v) for v in reply.json()["versions"]], [when(m["version"]) for m in held["manifest"] if m["id"] == three], "versions")
        check_dates(reply, 3, "versions")
        for which, want in (("first", 0), ("last", 2)):
            got = client.get(f"/trustgroup1/collections/{OPEN}/objects/{three}/?match[version]={which}").json()["objects"]
            versions = sorted(m["version"] for m in held["manifest"] if m["id"] == three)
            equal([when(o["modified"]) for o in got], [when(versions[want])], which)
        equal(client.get("/trustgroup1/collections/64993447-4d7e-4f70-b94d-d7f33742ee63/objects/", want=404).error(404)["title"],
              "Not found", "a collection without rights")


def when(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


# ---- the protocol

def test_negotiation(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("writer", WRITER))
        places = ["/taxii2/", f"{ROOT}/", f"{ROOT}/collections/", f"{ROOT}/collections/{OPEN}/", f"{ROOT}/collections/{OPEN}/objects/",
                  f"{ROOT}/collections/{OPEN}/manifest/", f"{ROOT}/collections/{OPEN}/objects/{home.objects[0]['id']}/",
                  f"{ROOT}/collections/{OPEN}/objects/{home.objects[0]['id']}/versions/"]
        for path in places:
            full = client.get(path)
            for other in (path.rstrip("/"), path.replace(OPEN, OPEN.upper()), path.replace(OPEN, "open")):
                equal(client.get(other).body, full.body, f"{other} without redirect")
            for accept in (None, "*/*", "application/*", "application/json", "application/taxii+json",
                           "application/taxii+json; version=2.1;q=0.5, text/html"):
                equal(client.get(path, headers={"Accept": accept}, plain=True).headers["content-type"], TYPE, f"{path} for {accept}")
            for accept in ("application/taxii+json;version=2.0", "application/vnd.oasis.stix+json; version=2.0", "text/html"):
                client.get(path, want=406, headers={"Accept": accept}).error(406)
            head = client.ask("HEAD", path, want=200)
            equal((head.body, head.headers["content-type"]), (b"", TYPE), f"HEAD {path}")
            dates = [k for k in full.headers if k.startswith("x-taxii-date-added")]
            equal([head.headers.get(k) for k in dates], [full.headers[k] for k in dates], f"HEAD {path}")
            packed = client.get(path, headers={"Accept-Encoding": "gzip"})
            equal(packed.body, full.body, f"gzip of {path}")
            wrong = client.ask("PUT", path, b"", want=405)
            wrong.error(405)
            true("GET" in wrong.headers["allow"], "Allow")
        new = {"objects": [indicator(300)]}
        url = f"{ROOT}/collections/{OPEN}/objects/"
        for number, good in enumerate((TYPE, "application/taxii+json", "application/taxii+json; version=2.1; charset=utf-8")):
            body = json.dumps({"objects": [indicator(310 + number)]}).encode()
            client.ask("POST", url, body, want=202, headers={"Content-Type": good})
        packed = gzip.compress(json.dumps(new).encode())
        status = client.ask("POST", url, packed, want=202, headers={"Content-Type": TYPE, "Content-Encoding": "gzip"})
        equal(final(client, status.json())["success_count"], 1, "a gzip body")
        for bad in ("application/json", STIX, "application/vnd.oasis.stix+json; version=2.0", "application/taxii+json;version=2.0", "text/plain",
                    None):
            client.ask("POST", url, json.dumps(new).encode(), want=415, headers={"Content-Type": bad}).error(415)
        for body in (b"", b"{", b"[]", b'{"objects":{}}', b'"x"'):
            reply = client.ask("POST", url, body, headers={"Content-Type": TYPE})
            true(reply.status in (400, 422), f"{body}: {reply}")
            reply.error(reply.status)
        for query in ("limit=x", "limit=-1", "added_after=yesterday", "next=forged", "match[version]=newest", "match[colour]=red",
                      "limit=1&limit=2", "match%5Bid%5D=%ff"):
            client.objects(OPEN, "?" + query, want=400).error(400)
        client.get(f"{ROOT}/collections/{OPEN}/objects/{home.objects[0]['id']}/more/", want=404).error(404)
        client.get(f"{ROOT}/status/{OPEN}/", want=404).error(404)
        client.get("/unknown/collections/", want=404)
        equal(client.get("/healthz", plain=True).status, 200, "other addresses are as they were")


def test_page_headers(t):
    """X-TAXII-Date-Added-First/Last, `more` with `next` everywhere, empty pages, follow-ups, limits."""
    objects = [indicator(1, f"2026-01-02T03:04:{i:02}.000Z") for i in range(9)] + [indicator(i) for i in range(2, 30)]
    home = server(t, objects)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        url = f"{ROOT}/collections/{OPEN}/"
        for path, key in ((f"{url}objects/?match[version]=all&", "objects"), (f"{url}manifest/?match[version]=all&", "objects"),
                          (f"{url}objects/{objects[0]['id']}/?match[version]=all&", "objects"),
                          (f"{url}objects/{objects[0]['id']}/versions/?", "versions")):
            total, more, seen, last = [], True, "", ""
            while more:
                reply = client.get(f"{path}limit=4{seen}")
                page = reply.json()
                first, new_last = check_dates(reply, len(page[key]), path)
                true(first > last, f"{path}: {first} after {last}")
                last, more = new_last, page.get("more", False)
                equal("next" in page, more, f"next with more of {path}")
                true(0 < len(page[key]) <= 4, "limit")
                total += page[key]
                seen = f"&next={urllib.parse.quote(page.get('next', ''))}"
            equal(total if key == "versions" else len(total), [o["modified"] for o in objects[:9]] if key == "versions"
                  else 9 if "indicator--" in path else len(objects), path)
            # the continuation for those who know no `next`: nothing lost, nothing twice
            total, after = [], ""
            while True:
                reply = client.get(f"{path}limit=4{after}")
                total += [json.dumps(x) for x in reply.json().get(key, [])]
                if not reply.json().get("more"):
                    break
                after = f"&added_after={reply.headers['x-taxii-date-added-last']}"
            equal(len(total), len(set(total)), f"{path} by date: none twice")
            equal(len(total), 9 if "indicator--" in path else len(objects), f"{path} by date: none lost")
        reply = client.get(f"{url}objects/?added_after=2030-01-01T00:00:00Z")
        equal(reply.json(), {}, "an empty envelope")
        check_dates(reply, 0, "an empty envelope")
        equal(len(client.get(f"{url}objects/?limit=1000000").json()["objects"]), 29, "more than the server gives at once")


def test_paging_while_others_write(t):
    home = server(t, [indicator(i) for i in range(300)])
    with home.serve() as node:
        stop = threading.Event()
        written = []

        def write():
            other, number = Taxii(node, basic("writer", WRITER)), 1000
            while not stop.is_set() and number < 1200:
                other.post(f"{ROOT}/collections/{OPEN}/objects/", {"objects": [indicator(number), indicator(number + 1)]})
                written.extend([indicator(number)["id"], indicator(number + 1)["id"]])
                number += 2
            other.close()

        thread = threading.Thread(target=write)
        thread.start()
        client = Taxii(node, basic("partner", PARTNER))
        walked = [o["id"] for o in client.walk(OPEN, limit=7)]
        stop.set()
        thread.join()
        equal(len(walked), len(set(walked)), "none twice")
        equal(walked[:300], [o["id"] for o in home.objects], "none missed")
        rest = [o["id"] for o in client.walk(OPEN)]
        equal(sorted(rest), sorted([o["id"] for o in home.objects] + written), "all that was written")
        equal(walked, rest[:len(walked)], "the order stays")


def test_a_cursor_outlives_the_node(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        page = client.objects(OPEN, "?limit=5").json()
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        following = urllib.parse.quote(page["next"])
        equal(client.objects(OPEN, f"?limit=7&next={following}").json()["objects"], home.objects[5:], "after a restart, with another limit")
        client.objects(READ, f"?limit=5&next={following}", want=400).error(400)
        client.objects(OPEN, f"?limit=5&next={following}&match[type]=malware", want=400).error(400)
        for i in range(0, len(page["next"]), 7):
            forged = page["next"][:i] + ("0" if page["next"][i] != "0" else "1") + page["next"][i + 1:]
            client.objects(OPEN, f"?limit=5&next={urllib.parse.quote(forged)}", want=400).error(400)


def test_posts(t):
    home = server(t, max_content=20000)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        url = f"{ROOT}/collections/{OPEN}/objects/"
        good, bad = indicator(400), indicator(401)
        del bad["pattern"]
        status = final(client, client.post(url, {"objects": [good, bad]}).json())
        equal((status["total_count"], status["success_count"], status["failure_count"]), (2, 1, 1), "object by object")
        equal(([s["id"] for s in status["successes"]], [f["id"] for f in status["failures"]]), ([good["id"]], [bad["id"]]), "which")
        true(status["failures"][0]["message"], "why")
        equal(final(client, client.post(url, {"objects": [good]}).json())["success_count"], 1, "the same again is a success")
        equal([o["id"] for o in client.walk(OPEN)].count(good["id"]), 1, "and stands once")
        # just as large as it may be, then one byte more; also when it says nothing of its length
        exact = json.dumps({"objects": [indicator(402)]}).encode()
        exact += b" " * (20000 - len(exact))
        client.ask("POST", url, exact, want=202, headers={"Content-Type": TYPE})
        client.ask("POST", url, exact + b" ", want=413, headers={"Content-Type": TYPE}).error(413)
        zipped = gzip.compress(exact, 9)
        true(len(exact) / len(zipped) > 50, "compresses well")
        client.ask("POST", url, zipped, want=202, headers={"Content-Type": TYPE, "Content-Encoding": "gzip"})
        client.ask("POST", url, gzip.compress(exact + b" "), want=413,
                   headers={"Content-Type": TYPE, "Content-Encoding": "gzip"}).error(413)
        # the status belongs to who asked, and lives over a restart
        other = Taxii(node, basic("writer", WRITER))
        other.get(f"{ROOT}/status/{status['id']}/", want=404).error(404)
        other.get(f"/a/b/status/{status['id']}/", want=404).error(404)
    with home.serve() as node:
        equal(Taxii(node, basic("partner", PARTNER)).get(f"{ROOT}/status/{status['id']}/").json(), status, "after a restart")


def test_acknowledged_is_durable(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        for i in range(20):
            client.post(f"{ROOT}/collections/{OPEN}/objects/", {"objects": [indicator(600 + i)]})
        client.ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{indicator(600)['id']}/", want=200)
        node.kill()
    with home.serve() as node:
        ids = [o["id"] for o in Taxii(node, basic("partner", PARTNER)).walk(OPEN)]
        equal(ids, [o["id"] for o in home.objects] + [indicator(601 + i)["id"] for i in range(19)], "after kill -9")
    home.verified()


def test_deleting(t):
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        one = home.objects[0]["id"]
        client.ask("DELETE", f"{ROOT}/collections/{READ}/objects/{one}/", want=403).error(403)
        client.ask("DELETE", f"{ROOT}/collections/{WRITE}/objects/{one}/", want=403).error(403)
        client.ask("DELETE", f"{ROOT}/collections/{SECRET}/objects/{one}/", want=404).error(404)
        Taxii(node, basic("reader", READER)).ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{one}/", want=403).error(403)
        client.ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{one}/", want=200)
        client.get(f"{ROOT}/collections/{OPEN}/objects/{one}/", want=404).error(404)
        client.get(f"{ROOT}/collections/{OPEN}/objects/{one}/versions/", want=404).error(404)
        client.ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{one}/", want=404).error(404)
        true(one not in [m["id"] for m in client.walk(OPEN, what="manifest")], "gone from the manifest")
        true(one in [o["id"] for o in client.walk(READ)], "and from that collection only")


def test_tombstones(t):
    """What was deleted, for peers of this program; other clients pass over the property that tells of it."""
    home = server(t)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        feed = client.get(f"{ROOT}/").json()["x_noroshi_tombstones"]
        url = f"{ROOT}/{feed.replace('{id}', OPEN)}"
        equal(client.get(url).json().get("tombstones", []), [], "nothing deleted")
        gone = [o["id"] for o in home.objects[2:4]]
        for one in gone:
            client.ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{one}/", want=200)
        told = client.get(url).json()["tombstones"]
        equal([x["id"] for x in told], gone, "tombstones")
        true(all(SIX.match(x["deleted"]) for x in told), f"{told}")
        equal([x["id"] for x in client.get(f"{url}?added_after={told[0]['deleted']}").json()["tombstones"]], gone[1:], "after the first")
        client.get(f"{url}?added_after=yesterday", want=400).error(400)
        client.get(f"{ROOT}/collections/{WRITE}/tombstones/", want=403).error(403)
        client.get(f"{ROOT}/collections/{SECRET}/tombstones/", want=404).error(404)


# ---- who asks

def certificate(t, name, days=30):
    """A self-signed certificate and its key, as a partner makes them."""
    cert, key = t.path(f"{name}.pem"), t.path(f"{name}.key")
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days),
                           "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(cert)], capture_output=True)
    equal(done.returncode, 0, f"openssl: {done.stderr}")
    return cert, key


def test_authentication(t):
    home = server(t)
    cert, key = certificate(t, "misp")
    stranger = certificate(t, "stranger")
    token = home.json("key", "make", "splunk", "--role", "client")["key"]
    sensor = home.json("key", "make", "dmz", "--role", "sensor")["key"]
    auditor = home.json("key", "make", "audit", "--role", "auditor")["key"]
    with home.serve() as node:
        url = f"{ROOT}/collections/"
        client = Taxii(node)  # a client that waits for the challenge keeps its connection
        client.get("/taxii2/", want=401)
        local = client.connection.sock.getsockname()
        client.get("/taxii2/", headers={"Authorization": basic("writer", WRITER)})
        equal(client.connection.sock.getsockname(), local, "the connection is kept")
        places = ["/taxii2/", f"{ROOT}/", url, f"{url}{OPEN}/objects/", f"{url}{OPEN}/", f"{url}{'0' * 8}-0000-4000-8000-{'0' * 12}/",
                  f"{ROOT}/status/x/", f"{ROOT}/nothing/"]
        for path in places:
            for authorization in (None, basic("writer", "a wrong password of them"), "Bearer nrs_nonsense", "Basic x", "Digest x"):
                if authorization and authorization.startswith("Basic ") and path != "/taxii2/" and len(authorization) > 20:
                    continue  # wrong passwords are throttled: once is enough
                reply = Taxii(node, authorization).get(path, want=401)
                reply.error(401)
                true(reply.headers["www-authenticate"].startswith('Basic realm="'), "challenge")
        for authorization in (basic("writer", WRITER), f"Bearer {token}", f"Token {token}", basic("anything", token), basic("", token)):
            equal(Taxii(node, authorization).get(url).status, 200, authorization[:8])
        for wrong in (sensor, auditor):
            Taxii(node, f"Bearer {wrong}").get(url, want=403).error(403)
        # a cookie signs nobody in here
        owner = node.client()
        owner.sign_in(want=200)
        Taxii(node).get(url, want=401, headers={"Cookie": owner.cookie}).error(401)
        # nor does a page of another site write with what a browser keeps
        Taxii(node, basic("writer", WRITER)).ask("POST", f"{url}{OPEN}/objects/", {"objects": []}, want=403,
                                                 headers={"Origin": "https://evil.example"}).error(403)
        # a client certificate, once it is known
        def by(pair):
            context = ssl.create_default_context(cafile=str(home.path / "tls" / "cert.pem"))
            context.load_cert_chain(*map(str, pair))
            return Taxii(node, context=context)

        by((cert, key)).get(url, want=401).error(401)
        principal = home.json("key", "add", "misp", "--certificate", cert)["principal"]
        true(re.match(r"^cert:[0-9a-f]{64}$", principal), principal)
        until(lambda: by((cert, key)).get(url, want=None).status == 200, "the node asks for certificates")
        by(stranger).get(url, want=401).error(401)
        equal(Taxii(node, f"Bearer {token}").get(url).status, 200, "others need none")
        home.run("key", "revoke", "misp", code=0)
        by((cert, key)).get(url, want=401).error(401)
        # equipment that polls an export often knows Basic only; nothing else of the API takes it, and no write does
        viewer = home.json("key", "make", "firewall", "--role", "viewer")["key"]
        equal(node.client().get("/api/v1/export/csv", headers={"Authorization": basic("x", viewer)}).status, 200, "an export by Basic")
        for site, challenges in ((None, ["Basic", "Bearer"]), ("same-origin", ["Bearer"])):  # a browser is not made to ask for a name
            connection = node.client().connect()
            connection.request("GET", "/api/v1/export/csv", headers={"Sec-Fetch-Site": site} if site else {})
            asked = connection.getresponse()
            equal((asked.status, sorted(v.split()[0] for k, v in asked.getheaders() if k.lower() == "www-authenticate")), (401, challenges),
                  f"challenges for {site}")
            connection.close()
        node.client().get("/api/v1/status", headers={"Authorization": basic("x", viewer)}, want=401)
        # a client's account is for TAXII only
        node.client(key=token).get("/api/v1/look?value=a.example", want=403)
        equal(node.client().sign_in("partner", PARTNER).status, 403, "a client does not sign in")
        # a changed password is known at once, and a revoked key
        home.run("user", "set", "writer", input="another good sentence\n", code=0)
        Taxii(node, basic("writer", WRITER)).get(url, want=401).error(401)
        equal(Taxii(node, basic("writer", "another good sentence")).get(url).status, 200, "the new password")
        home.run("key", "revoke", "splunk", code=0)
        Taxii(node, f"Bearer {token}").get(url, want=401).error(401)


def test_throttling(t):
    home = server(t)
    with home.serve() as node:
        good = Taxii(node, basic("writer", WRITER))
        good.get("/taxii2/")
        replies = [Taxii(node, basic(name, "a wrong password of them")).get("/taxii2/", want=None)
                   for name in ("writer", "nobody-there") for _ in range(7)]
        for seven in (replies[:7], replies[7:]):  # no difference between who exists and who does not
            equal([r.status for r in seven], [401] * 5 + [429] * 2, "statuses")
            true(int(seven[-1].error(429) and seven[-1].headers["retry-after"]) > 0, "Retry-After")
        good.get("/taxii2/")  # whoever is known is not locked out by others
        began = datetime.datetime.now()
        for _ in range(50):
            good.get("/taxii2/")
        true((datetime.datetime.now() - began).total_seconds() < 2, "the slow hash is not paid again")


def test_roles_and_routes(t):
    """Every TAXII route for every role: what the table says is what is answered."""
    home = server(t)
    roles = ("viewer", "analyst", "admin", "sensor", "auditor", "client")
    keys = {role: home.json("key", "make", role, "--role", role)["key"] for role in roles}
    with home.serve() as node:
        one = home.objects[0]["id"]
        reads = ["/taxii2/", f"{ROOT}/", f"{ROOT}/collections/", f"{ROOT}/collections/{OPEN}/", f"{ROOT}/collections/{OPEN}/manifest/",
                 f"{ROOT}/collections/{OPEN}/objects/", f"{ROOT}/collections/{OPEN}/objects/{one}/",
                 f"{ROOT}/collections/{OPEN}/objects/{one}/versions/"]
        for role in roles:
            client = Taxii(node, f"Bearer {keys[role]}")
            may_read, may_write = role not in ("sensor", "auditor"), role in ("analyst", "admin", "client")
            for path in reads:
                client.get(path, want=200 if may_read else 403)
            client.ask("POST", f"{ROOT}/collections/{OPEN}/objects/", {"objects": [indicator(700)]}, want=202 if may_write else 403)
            client.ask("DELETE", f"{ROOT}/collections/{OPEN}/objects/{indicator(700)['id']}/", want=200 if may_write else 403)
        paths = node.client(keys["viewer"]).get("/api/v1/openapi.json").json()["paths"]
        true({"/taxii2/", "/{api-root}/", "/{api-root}/collections/{id}/objects/{object}/versions/"} <= set(paths), "the document tells them")


# ---- what must not be told

def told(reply):
    """All of an answer but what differs anyway."""
    return reply.status, {k: v for k, v in reply.headers.items() if k != "date"}, reply.body


def test_nothing_leaks(t):
    secret = indicator(77, name="名前 nobody may know")
    objects = [indicator(i) for i in range(5)]
    home = t.home()
    hidden = collection(SECRET, "Secret plans", False, False, [secret], alias="plans")
    shown = collection(READ, "Read", True, False, objects)
    home.run("taxii", "load", t.file("server.json", json.dumps({
        "/discovery": {"title": "Tests", "default": "/one/", "api_roots": ["/one/"]},
        "one": {"information": {"title": "One", "versions": [TYPE], "max_content_length": 1000}, "status": [],
                "collections": [hidden, shown]}})), code=0)
    home.run("user", "add", "partner", "--role", "client", input=PARTNER + "\n", code=0)
    with home.serve() as node:
        client = Taxii(node, basic("partner", PARTNER))
        absent = "64993447-4d7e-4f70-b94d-d7f33742ee64"
        equal([c["id"] for c in client.get("/one/collections/").json()["collections"]], [READ], "collections")
        for there, not_there in ((SECRET, absent), ("plans", "plane")):
            for tail in ("", "objects/", "manifest/", f"objects/{secret['id']}/", f"objects/{secret['id']}/versions/", "objects/?limit=x",
                         "objects/?next=forged"):
                equal(told(client.get(f"/one/collections/{there}/{tail}", want=None)),
                      told(client.get(f"/one/collections/{not_there}/{tail}", want=None)), f"{there}/{tail}")
            for method, tail, body in (("POST", "objects/", {"objects": [secret]}), ("DELETE", f"objects/{secret['id']}/", None),
                                       ("POST", "objects/", {"objects": [indicator(i) for i in range(9)]}), ("PUT", "objects/", None)):
                equal(told(client.ask(method, f"/one/collections/{there}/{tail}", body)),
                      told(client.ask(method, f"/one/collections/{not_there}/{tail}", body)), f"{method} {there}/{tail}")
        # an object that stands elsewhere is as one that stands nowhere
        nowhere = indicator(78)["id"]
        for tail in ("", "versions/"):
            equal(told(client.get(f"/one/collections/{READ}/objects/{secret['id']}/{tail}", want=404)),
                  told(client.get(f"/one/collections/{READ}/objects/{nowhere}/{tail}", want=404)), "object")
        for query in ("match[id]=", "match[version]=all&match[id]="):
            equal(told(client.get(f"/one/collections/{READ}/objects/?{query}{secret['id']}")),
                  told(client.get(f"/one/collections/{READ}/objects/?{query}{nowhere}")), "filter")
        # and without a name every address of a root is the same
        nobody = Taxii(node)
        for tail in (f"{SECRET}/", f"{READ}/objects/", f"{READ}/objects/{objects[0]['id']}/", "zzz/"):
            equal(told(nobody.get(f"/one/collections/{tail}", want=401)), told(nobody.get(f"/one/collections/{absent}/", want=401)), tail)
        for path in ("/one/", "/one/collections/", f"/one/collections/{READ}/objects/", "/taxii2/", f"/one/collections/{READ}/manifest/"):
            text = client.get(path).body.decode()
            for word in ("plans", secret["id"], "名前", SECRET):
                true(word not in text, f"{path} tells {word}")


if __name__ == "__main__":
    main(globals())
