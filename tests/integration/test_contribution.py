"""Who gives and takes how much: two nodes, known things, and each number worked out by hand."""
import node
from node import equal, true, until
from test_relay import GREEN, answered, ids_from, indicator, key, post, relay, see, serve, trio


def told(home, *more):
    return home.json("contribution", "--partner", *more)[0]


def test_numbers(t):
    tw, jp, us, ports, signed = trio(t)
    relay(jp, "TWCERT")
    shared = [indicator(f"c{i}.contribution.example", object_marking_refs=[GREEN]) for i in range(4)]
    with serve(tw, ports) as at_tw, serve(jp, ports) as at_jp:
        k = key(tw)
        tw.intake("cert", t.file("known.txt", "c0.contribution.example\n"), code=0)  # stated here before the partner says so
        post(at_jp, key(jp), shared)
        until(lambda: len(ids_from(tw, "JPCERT")) == 4, "they come", 30)
        answered(jp, "TWCERT")
        for _ in range(3):
            see(at_tw, k, "c1.contribution.example")
        see(at_tw, k, "c2.contribution.example")
        see(at_tw, k, "unrelated.example")
        until(lambda: len(tw.rows("SELECT 1 FROM sighting")) == 2, "seen", 20)
        given, taken = told(jp, "TWCERT")["given"], told(tw, "JPCERT")["taken"]
        equal((given["things"], given["by_type"]), (4, {"indicator": 4}), "given")
        equal(list(given["by_agreement"].values()), [4], "by agreement")
        equal((taken["objects"], taken["by_type"], taken["values"], taken["first"]), (4, {"indicator": 4}, 4, 3), "taken")
        equal((taken["hits"], taken["values_hit"]), (sum(r[0] for r in tw.rows("SELECT count FROM sighting")), 2), "hits")
        equal((taken["withdrawn"], taken["false_positives"]), (0, 0), "nothing is taken back")
        equal(told(tw, "JPCERT", "--since", "2999-01-01")["taken"]["objects"], 0, "from a later day on")
        equal([p["name"] for p in tw.json("contribution")], sorted(["JPCERT", "USCERT"], key=lambda n: tw.json("partner", "show", n)["card"]["id"]), "all")
        true("HITS" in tw.run("contribution", code=0).out, "for people")
        tw.run("contribution", "--partner", "nobody", code=3)
        tw.run("contribution", "--since", "some day", code=2)


if __name__ == "__main__":
    node.main(globals())
