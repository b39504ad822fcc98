"""What happens, as it happens: sightings of all nodes, what arrives where and how fast, and one line for each on the terminal."""
import json
import sys
import threading
import time

WHY = {  # rules of pact_release, in words that fit a line
    "nobody": "nobody to give it to", "partner": "not an active partner", "agreement": "no agreement in force", "grant": "no grant for this purpose",
    "type": "such things are not in the grant", "exercise": "exercise and real never mix", "local": "kept here, or expired",
    "marking": "its TLP is above the ceiling", "origin": "it is somebody else's, who did not allow it", "attribution": "it says who did it, or who was hit",
    "personal_data": "it holds data of a person", "redaction": "what must not go cannot be taken out", "cap": "the day's number is reached",
    "release": "a person has to release it first",
}


def why(rule):
    return WHY.get(rule, rule)


class Board:
    """Prints lines and keeps what the summary needs."""

    def __init__(self, began):
        self.began, self.lock = began, threading.Lock()
        self.first = {}        # value -> (code, when)
        self.seen = {}         # code -> {value: sources that knew it}
        self.latency = {}      # (from, to) -> [ms]
        self.held = []         # (from, to, what, rule)
        self.quiet = set()     # values whose sightings come by the hundred

    def line(self, who, verb, what, more=""):
        with self.lock:
            print(f"{time.monotonic() - self.began:8.3f}  {who:<8}{verb:<11}{what:<34} {more}".rstrip(), flush=True)

    def sighting(self, code, event):
        value, known = event["indicator"]["value"], event["indicator"]["sources"]
        with self.lock:
            fresh = value not in self.seen.setdefault(code, {})
            first = self.first.setdefault(value, (code, time.monotonic()))[0]
            self.seen[code][value] = known
        return fresh, first, value, known


class Follower(threading.Thread):
    """Reads /api/v1/live of one node."""

    def __init__(self, node, board, others, bulk):
        super().__init__(daemon=True)
        self.node, self.board, self.others, self.bulk, self.ended, self.counted = node, board, others, bulk, False, 0

    def run(self):
        while not self.ended:
            try:
                connection = self.node.connect(timeout=20)
                connection.request("GET", "/api/v1/live", headers={"Authorization": f"Bearer {self.node.key}"})
                response = connection.getresponse()
                while not self.ended and (line := response.readline()):
                    if line.startswith(b"data:") and b'"indicator"' in line:
                        self.one(json.loads(line[5:]))
            except (OSError, ValueError):
                time.sleep(0.2)

    def one(self, event):
        fresh, first, value, known = self.board.sighting(self.node.code, event)
        self.counted += 1
        if not fresh or event["source"] in self.bulk:
            return
        foreign = sorted(set(known) & self.others)
        who = f"known only by {' and '.join(foreign)}" if foreign and len(foreign) == len(known) else "known here"
        self.board.line(self.node.code, "saw first" if first == self.node.code else "saw too", value, f"{event['class']}; {who}")


class Arrivals(threading.Thread):
    """Asks a node, again and again, for what others gave it, and says when it is there."""

    def __init__(self, node, board):
        super().__init__(daemon=True)
        self.node, self.board, self.wanted, self.lock, self.ended = node, board, [], threading.Lock(), False

    def expect(self, origin, identifier, what, since):
        with self.lock:
            self.wanted.append((origin, identifier, what, since))

    def waiting(self):
        with self.lock:
            return len(self.wanted)

    def run(self):
        while not self.ended:
            with self.lock:
                wanted = list(self.wanted)
            for item in wanted:
                try:
                    self.look(item)
                except Exception as problem:  # the node may be stopping
                    if not self.ended:
                        print(f"  {self.node.code}: {problem}", file=sys.stderr)
            time.sleep(0.02)

    def look(self, item):
        origin, identifier, what, since = item
        found = self.node.ask("GET", f"/api/v1/look?value={identifier}")
        if any(o["source"] == origin for o in found["objects"]):
            ms = (time.monotonic() - since) * 1000
            with self.lock:
                self.wanted.remove(item)
            with self.board.lock:
                self.board.latency.setdefault((origin, self.node.code), []).append(ms)
            self.board.line(f"{origin} > {self.node.code}", "gave", what, f"{ms:.0f} ms")
