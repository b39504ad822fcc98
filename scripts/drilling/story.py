"""What is played while the nodes run: reports and events in order, the case that a person has to release, the exercise."""
import datetime
import json
import threading
import time

from drilling import live, material


def value_of(thing):
    return thing.get("pattern", thing.get("name", thing["id"])).split("'")[1 if "pattern" in thing else 0]


def report(nodes, code, thing, board, arrivals):
    """A node learns something new. What the partners get of it is asked for, and what they do not get is said, with the rule."""
    bundle = json.dumps({"type": "bundle", "id": thing["id"].replace(thing["type"], "bundle"), "objects": [thing]})
    node = nodes[code]
    node.ask("POST", f"/api/v1/intake?source={code.lower()}-reports", bundle)
    since = time.monotonic()
    board.line(code, "reports", value_of(thing), thing["name"])
    for other in nodes.values():
        if other is node:
            continue
        told = node.json("explain", thing["id"], "--to", other.cert)
        if told["goes"]:
            arrivals[other.code].expect(code, thing["id"], value_of(thing), since)
        else:
            board.held.append((code, other.code, thing["id"], told["rule"]))
            board.line(f"{code} | {other.code}", "held back", value_of(thing), live.why(told["rule"]))


def event(nodes, code, what):
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    line = {"timestamp": now, "src_ip": "198.18.0.17", "src_port": 49152, "dest_ip": "198.18.0.53", "dest_port": 443, "proto": "TCP", **what}
    nodes[code].ask("POST", f"/api/v1/events?source={code.lower()}-sensor", json.dumps(line) + "\n", "application/x-ndjson")


def play(nodes, board, arrivals, speed):
    for step in material.replay():
        if "pause" in step:
            time.sleep(step["pause"] / speed)
        elif "report" in step:
            report(nodes, step["node"], step["report"], board, arrivals)
        else:
            event(nodes, step["node"], step["event"])


class Honeypots(threading.Thread):
    """Real logs, replayed at speed beside the story: one line a batch."""

    def __init__(self, node, data, board):
        super().__init__(daemon=True)
        self.node, self.data, self.board, self.events, self.problem, self.ended = node, data, board, 0, None, False

    def run(self):
        try:
            for count, lines in material.honeypots(self.data):
                if self.ended:
                    return
                before = set(self.board.seen.get(self.node.code, {}))
                report_ = self.node.ask("POST", f"/api/v1/events?source=honeypots&format=honeypot&name=batch-{self.events}.json", lines,
                                        "application/x-ndjson")
                self.events += count
                self.tell(report_["totals"], before)
        except Exception as why:
            self.problem = why

    def tell(self, totals, before):
        time.sleep(0.3)  # the stream is a moment behind the answer
        with self.board.lock:
            new = {v: k for v, k in self.board.seen.get(self.node.code, {}).items() if v not in before}
        by = {}
        for known in new.values():
            for source in known:
                by[source] = by.get(source, 0) + 1
        told = ", ".join(f"{n} by {s}" for s, n in sorted(by.items()))
        self.board.line(self.node.code, "honeypots", f"{totals['records']} events", f"{totals.get('matched', 0)} matched; {len(new)} addresses seen first, known {told or 'by nobody'}")


def joint_case(giver, taker, board):
    """A thing of a joint case goes only when a person releases it."""
    giver.run("intake", "--source", f"{giver.code.lower()}-reports", material.SMALL / "case.json")
    thing = json.loads((material.SMALL / "case.json").read_text())["objects"][0]
    told = giver.json("explain", thing["id"], "--to", taker.cert, "--purpose", "cybercrime_investigation")
    board.line(f"{giver.code} | {taker.code}", "waits" if told["rule"] == "release" else "held back", value_of(thing), f"joint cybercrime: {live.why(told['rule'])}")
    return told["rule"]


def exercise(giver, taker, board):
    """What belongs to an exercise goes under the agreement of the exercise, and never as something real."""
    giver.run("source", "add", f"{giver.code.lower()}-exercise", "--reliability", "B", "--zone", "UTC", "--marking", "green", "--exercise")
    giver.run("intake", "--source", f"{giver.code.lower()}-exercise", material.SMALL / "exercise.csv")
    rules = {}
    for purpose in ("exercise", "network_safety"):
        told = giver.json("explain", "drill-only.exercise.example", "--to", taker.cert, "--purpose", purpose)
        rules[purpose] = told["rule"]
        board.line(f"{giver.code} {'>' if told['goes'] else '|'} {taker.code}", "may go" if told["goes"] else "held back", "drill-only.exercise.example",
                   f"as {purpose}: {'under the agreement of the exercise' if told['goes'] else live.why(told['rule'])}")
    return rules
