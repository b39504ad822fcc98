"""The steps of the drill up to the point where the nodes run and have what they may have of each other."""
import contextlib
import itertools
import json
import threading
import time

from drilling.nodes import Failed

COLLECTION = "share/partners"


class Steps:
    """Says what is being done and how long it took."""

    def __init__(self, began):
        self.began, self.number = began, 0

    @contextlib.contextmanager
    def step(self, text):
        self.number += 1
        at = time.monotonic()
        print(f"[{self.number}] {text} ...", flush=True)
        yield
        print(f"    {time.monotonic() - at:.1f} s", flush=True)


def together(jobs):
    """Runs functions at the same time; the first that failed is raised when all have ended."""
    problems = []

    def one(job):
        try:
            job()
        except BaseException as why:  # noqa: B902: it is raised below
            problems.append(why)
    threads = [threading.Thread(target=one, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def exchange_cards(nodes, directory):
    """Each node takes in the cards of the others: one officer accepts, another confirms, both by the fingerprint."""
    for node in nodes.values():
        (directory / f"{node.code.lower()}.card").write_text(node.card)

    def take_in(node):
        for other in nodes.values():
            if other is not node:
                node.act(0, "partner", "accept", directory / f"{other.code.lower()}.card", "--fingerprint", other.fingerprint)
                node.act(1, "partner", "confirm", other.cert, "--fingerprint", other.fingerprint)
                other.partner_id = node.json("partner", "show", other.cert)["card"]["id"]
    together([lambda n=n: take_in(n) for n in nodes.values()])


def draft_of(a, b, template):
    draft = json.loads(a.run("agreement", "draft", "network-safety" if template == "exercise" else template, "--with", b.cert))
    if template == "exercise":
        draft["purposes"] = ["exercise"]
        draft["title"] = {"en": "Joint exercise", "ja": "合同演習", "zh-Hant": "聯合演習"}
        for grant in draft["grants"]:
            grant.update(purpose="exercise", exercise=True)
    return draft


def agree(a, b, template, directory):
    """Drafted at a; signed by two officers there, by two at b, and taken in again at a. The agreement's id."""
    draft = draft_of(a, b, template)
    path = directory / f"{template}-{a.code}-{b.code}.json"
    path.write_text(json.dumps(draft, ensure_ascii=False))
    for node, officer, verb in ((a, 0, "sign"), (a, 1, "sign"), (b, 0, "countersign"), (b, 1, "countersign")):
        path.write_text(node.act(officer, "agreement", verb, path))
    a.run("agreement", "countersign", path)
    for node in (a, b):
        status = node.json("agreement", "show", draft["id"])[-1]["status"]
        if status != "active":
            raise Failed(f"{node.code}: the agreement {template} with {b.code} is {status}")
    return draft["id"]


def agree_all(nodes, directory):
    """{(template, a, b): id}. Pairs that share no node sign at the same time; here each pair shares one, so one pair after the other."""
    made = {}
    for a, b in itertools.combinations(nodes.values(), 2):
        made["network-safety", a.code, b.code] = agree(a, b, "network-safety", directory)
    codes = list(nodes)
    made["joint-cybercrime", codes[0], codes[2]] = agree(nodes[codes[0]], nodes[codes[2]], "joint-cybercrime", directory)
    made["exercise", codes[0], codes[1]] = agree(nodes[codes[0]], nodes[codes[1]], "exercise", directory)
    return made


def fill(node, feeds, sensors):
    """Sources, what they bring, and the collection for partners."""
    told = []
    for feed in feeds:
        licence = ["--licence", feed.licence] if feed.licence else []
        node.run("source", "add", feed.name, "--reliability", feed.grade, "--zone", feed.zone, "--marking", feed.marking, *licence)
        totals = node.json("intake", "--source", feed.name, *feed.paths, ok=(0, 1))["totals"]
        told.append(f"    {node.code}  {feed.name:<14}{totals['accepted']:>8} taken  {totals['duplicates']:>7} known  {totals['rejected']:>5} refused   {feed.origin}")
    for sensor in sensors:
        node.run("source", "add", sensor, "--reliability", "B", "--zone", "UTC")
    node.run("taxii", "root", "add", "share", "--title", f"{node.cert} for partners")
    node.run("taxii", "collection", "add", "share", "--title", "For partners", "--alias", "partners")
    node.run("taxii", "collection", "attach", "partners", "all")
    print("\n".join(told), flush=True)


def open_collection(node, others):
    for other in others:
        node.run("taxii", "collection", "grant", "partners", "--read", f"partner:{other.partner_id}")


def know_each_other(nodes):
    """Each node's collection is open to the others, and each reads the others'."""
    def join(node):
        others = [o for o in nodes.values() if o is not node]
        open_collection(node, others)
        for other in others:
            node.run("peer", "add", other.code, "--partner", other.cert, "--every", "never", ok=(0, 1))
            node.run("source", "set", other.code, "--reliability", "C", "--zone", other.zone)
    together([lambda n=n: join(n) for n in nodes.values()])


def held(node):
    return node.ask("GET", "/api/v1/status")["counts"]["objects"]


def tell_progress(nodes, ended):
    """A line each five seconds, when there is something to wait for."""
    while not ended.wait(5):
        print("    objects: " + ", ".join(f"{code} {held(node)}" for code, node in nodes.items()), flush=True)


def drain(node, others, came, end):
    """Reads the others until two rounds brought nothing."""
    quiet = 0
    while quiet < 2:
        if time.monotonic() > end:
            raise Failed(f"{node.code}: the first exchange does not come to an end")
        new = 0
        for other in others:
            report = node.json("peer", "sync", other.code, ok=(0, 1))[0]
            new += report["objects"]
            came[other.code, node.code] = came.get((other.code, node.code), 0) + report["accepted"]
        quiet = 0 if new else quiet + 1
        time.sleep(0.1 if new else 1.2)  # a collection takes what sources brought after about a second


def first_exchange(nodes, limit):
    """Each node reads the others until nothing more comes. What came, {(from, to): objects}."""
    came, end, ended = {}, time.monotonic() + limit, threading.Event()
    progress = threading.Thread(target=tell_progress, args=(nodes, ended))
    progress.start()
    try:
        together([lambda n=n: drain(n, [o for o in nodes.values() if o is not n], came, end) for n in nodes.values()])
    finally:
        ended.set()
        progress.join()
    print("    " + ", ".join(f"{a} > {b} {n}" for (a, b), n in sorted(came.items())), flush=True)
    return came


def relay(nodes):
    """From now on what is new is at the partners within a moment: each node relays its collection to both."""
    def start(node):
        for other in nodes.values():
            if other is not node:
                node.run("relay", "add", other.cert, "--collection", "partners", "--no-history")
    together([lambda n=n: start(n) for n in nodes.values()])


def settled(nodes, seconds):
    """Waits until nothing is on the way any more; the relays that are not done."""
    end = time.monotonic() + seconds
    while True:
        busy = [f"{n.code} > {r['partner']}" for n in nodes.values() for r in n.json("relay", "status") if r["unanswered"] or r["to_do"]]
        if not busy or time.monotonic() > end:
            return busy
        time.sleep(0.3)
