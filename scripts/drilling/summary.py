"""The numbers at the end: what was given and taken, what was held back and why, who saw what first, how fast, what is on record."""
import json

from drilling import live


def percentile(numbers, part):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else None


def shares_to(node, other):
    """(entries, complete ones, things) of the register."""
    found = node.json("shares", "list", "--partner", other.cert, "--limit", "100000")
    return len(found), sum(1 for s in found if s["complete"]), sum(s["share"]["things"] for s in found)


def relayed(node, other):
    """What came by relay from the other: (things that were new, messages)."""
    told = [m for m in node.json("messages", "list", "--partner", other.cert, "--kind", "objects", "--limit", "1000") if m["direction"] == "in" and m["accepted"]]
    return sum(json.loads(m["text"])["accepted"] for m in told), len(told)


def preview(node, other):
    """What would go of everything here, and by which rule the rest stays."""
    last = node.run("explain", "--all", "--to", other.cert, "--json").strip().splitlines()[-1]
    return json.loads(last)


def pairs(nodes):
    for node in nodes.values():
        for other in nodes.values():
            if other is not node:
                yield node, other


def collect(nodes, board, came):
    """Everything that the table shows, as one document."""
    told = {"pairs": [], "nodes": [], "held_in_replay": [{"from": a, "to": b, "id": i, "rule": r} for a, b, i, r in board.held]}
    for node, other in pairs(nodes):
        entries, complete, things = shares_to(node, other)
        all_ = preview(node, other)
        ms = board.latency.get((node.code, other.code), [])
        first, (later, messages) = came.get((node.code, other.code), 0), relayed(other, node)
        told["pairs"].append({"from": node.code, "to": other.code, "given": things, "taken_first": first, "taken": first + later, "messages": messages,
                              "would_go": all_["goes"], "held_back": {r: n for r, n in sorted(all_["rules"].items()) if r != "granted" and n},
                              "register_entries": entries, "complete_entries": complete, "measured": len(ms),
                              "latency_p50_ms": percentile(ms, 0.5), "latency_p95_ms": percentile(ms, 0.95)})
    for node in nodes.values():
        told["nodes"].append(of_node(node, board))
    return told


def of_node(node, board):
    witness = node.json("witness", "status")
    found = node.json("verify", ok=(0, 1))
    firsts = sum(1 for code, _ in board.first.values() if code == node.code)
    return {"node": node.code, "address": node.url, "values_seen": len(board.seen.get(node.code, {})), "first_sightings": firsts,
            "ledger_entries": node.json("status")["ledger"]["entries"], "cosigned_by": sum(1 for w in witness["witnesses"] if w["size"] > 0),
            "cosigns": sum(1 for w in witness["witnessed_here"] if w["size"] > 0), "frozen": sum(1 for w in witness["witnessed_here"] if w["frozen"]),
            "verify_findings": len(found["findings"])}


def ms(number):
    return "-" if number is None else f"{number:.0f}"


def table(told):
    lines = ["", "from to    given    taken  register  messages  latency ms p50    p95 (n)   held back, by rule"]
    for p in told["pairs"]:
        held = ", ".join(f"{n} {r}" for r, n in p["held_back"].items()) or "nothing"
        lines.append(f"{p['from']} > {p['to']} {p['given']:>8} {p['taken']:>8} {p['register_entries']:>9} {p['messages']:>9} {ms(p['latency_p50_ms']):>15} "
                     f"{ms(p['latency_p95_ms']):>6} ({p['measured']})   {held}")
    lines += ["", "node  values seen  seen first here  ledger entries  cosigned by  cosigns  verify"]
    for n in told["nodes"]:
        verified = "as written" if not n["verify_findings"] else f"{n['verify_findings']} findings"
        frozen = f", {n['frozen']} FROZEN" if n["frozen"] else ""
        lines.append(f"{n['node']:<6}{n['values_seen']:>11} {n['first_sightings']:>16} {n['ledger_entries']:>15} {n['cosigned_by']:>12} {n['cosigns']:>8}  {verified}{frozen}")
    rules = sorted({r for p in told["pairs"] for r in p["held_back"]})
    lines += [""] + [f"  {r:<16}{live.why(r)}" for r in rules]
    return "\n".join(lines)
