"""`noroshi pattern`: cases in, one JSON line each out; what is no case stops nothing; patterns as arguments; and the collected cases
through the program, as others would run them."""
import json

import node
from node import SHARED, Skip, equal, run, true


def lines(verb, cases, code=None):
    text = "".join((c if isinstance(c, str) else json.dumps(c)) + "\n" for c in cases)
    return run("pattern", verb, input=text, code=code).lines()


def test_check(t):
    answers = lines("check", [{"pattern": "[a:b = 1]"}, {"pattern": "[a:b = 1]\n AND [a:狼 = 1]"}, {"pattern": ""}], code=1)
    equal([a["valid"] for a in answers], [True, False, False], "verdicts")
    equal((answers[0]["error"], answers[1]["line"], answers[1]["column"]), (None, 2, 9), "place")
    twice = "[a:b = 1] REPEATS 2 TIMES REPEATS 2 TIMES"
    answers = lines("check", [{"pattern": twice, "stix_version": v} for v in ("2.0", "2.1")], code=1)
    equal([a["valid"] for a in answers], [True, False], "versions")
    equal(run("pattern", "check", "--stix-version", "2.0", twice, code=0).out, "valid\n", "an argument")
    shown = run("pattern", "check", "[a:b = ]", code=1).out
    true("\n         ^ line 1, column 8" in shown, shown)


def test_match(t):
    def seen(**properties):
        return {"type": "observed-data", "first_observed": "2026-01-01T00:00:00Z", "last_observed": "2026-01-01T00:00:00Z",
                "number_observed": 1, "objects": {"0": dict({"type": "a"}, **properties)}}
    answers = lines("match", [
        {"pattern": "[a:b = 1]", "observed_data": [seen(b=1)]},
        {"pattern": "[a:b = 1] AND [a:b = 1]", "observed_data": [seen(b=1)]},
        {"pattern": "[a:b = 1] AND [a:b = 1]", "observed_data": [seen(b=1), seen(b=1)]},
        {"pattern": "[a:b MATCHES '(']", "observed_data": [seen(b=1)]},
        {"pattern": "[a:b MATCHES '^(a|a)*$']", "observed_data": [seen(b="a" * 40 + "b")]},
        {"pattern": "[a:b = 1]", "observed_data": [{"type": "observed-data"}]},
        {"pattern": "[a:b = 1]"}], code=1)
    equal([a["match"] for a in answers], [True, False, True, None, None, None, None], "answers")
    true(all((a["error"] is None) == (a["match"] is not None) for a in answers), answers)


def test_equivalent(t):
    answers = lines("equivalent", [{"a": "[a:b = 1 AND a:c = 2]", "b": "[a:c = 2 AND a:b = 1]"},
                                   {"a": "[a:b = 1]", "b": "[a:b = 2]"}, {"a": "[a:b = 1"}], code=1)
    equal([a["equivalent"] for a in answers], [True, False, None], "answers")
    equal(run("pattern", "equivalent", "[a:b = 1]", "[a:b = 1.0]", code=0).out, "equivalent\n", "arguments")


def test_what_is_no_case_stops_nothing(t):
    good = {"pattern": "[a:b = 1]"}
    huge = '{"pattern":"' + "x" * (70 << 20) + '"}'
    answers = lines("check", [good, "nonsense", "[1]", '{"pattern":5}', huge, '{"pattern":"\\ud800"}', good], code=1)
    equal([a["valid"] for a in answers], [True, None, None, None, None, None, True], "answers")
    true("line 2" in answers[1]["error"], answers[1])
    run("pattern", code=2)
    run("pattern", "check", "/nowhere.json", code=3)


def test_collected_cases(t):
    for name, verb, key in (("validity", "check", "valid"), ("match", "match", "match"), ("equivalence", "equivalent", "equivalent")):
        path = SHARED / "cases" / f"pattern_{name}.json"
        if not path.is_file():
            raise Skip(f"{path} is not there")
        cases = json.loads(path.read_text())["cases"]
        answers = run("pattern", verb, path).lines()
        equal([a[key] for a in answers], [c[key] for c in cases], name)


if __name__ == "__main__":
    node.main(globals())
