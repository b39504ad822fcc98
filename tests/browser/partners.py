"""Two nodes that signed an agreement, with things to give and to keep, for the console to be looked at.

usage: NOROSHI=PATH python3 tests/browser/partners.py

Prints one line of JSON, {"address","name","password","auditor","agreement"}, and runs until its standard input ends.
"""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import node  # noqa: E402
from taxii import identifier, indicator  # noqa: E402
from test_partners import PERSONS, a_node, act, signed_by_all  # noqa: E402
from test_release import GREEN, RED, Partner, filled, thing  # noqa: E402
from test_witness import free_port, serve  # noqa: E402

NAMES = {"TWCERT": ("Taiwan CERT", "台湾CERT", "臺灣電腦網路危機處理中心"), "JPCERT": ("Japan CERT", "日本CERT", "日本電腦網路危機處理中心"),
         "USCERT": ("US CERT", "米国CERT", "美國CERT")}


def card(t, home, port):
    en, ja, zh = NAMES[home.called]
    done = home.run("partner", "invite", "--url", f"https://127.0.0.1:{port}/", "--name", en, "--name-ja", ja, "--name-zh", zh, "--contact",
                    "+81 3 0000 0000", code=0)
    return t.file(f"{home.called}.card", done.out), done.err.split("fingerprint")[1].split("\n")[0].strip()


def meet(t, me, other, port, confirmed=True):
    file, digits = card(t, other, port)
    act(me, "partner", "accept", file, "--fingerprint", digits)
    if confirmed:
        act(me, "partner", "confirm", NAMES[other.called][0], "--fingerprint", digits, by="lin")


def things():
    """Some go, some stay, for different reasons; one has members that must not go."""
    malware = identifier("malware", 3)
    return [
        indicator(1, name="Loader host", object_marking_refs=[GREEN]),
        indicator(2, name="Loader host, kept here", object_marking_refs=[RED]),
        thing("malware", 3, name="Loader", is_family=False, description="A loader that <b>phones</b> home"),
        thing("threat-actor", 5, name="Loader crew", threat_actor_types=["crime-syndicate"]),
        thing("identity", 6, name="Hospital of the test", identity_class="organization", sectors=["healthcare"]),
        thing("sighting", 7, sighting_of_ref=indicator(1)["id"], where_sighted_refs=[identifier("identity", 6)]),
        thing("relationship", 8, relationship_type="indicates", source_ref=indicator(1)["id"], target_ref=malware),
        thing("relationship", 9, relationship_type="uses", source_ref=identifier("threat-actor", 5), target_ref=malware),
    ]


def made(t):
    tw, jp, us = (a_node(t, name) for name in NAMES)
    ports = {home.called: free_port() for home in (tw, jp, us)}
    meet(t, tw, jp, ports[jp.called])
    meet(t, jp, tw, ports[tw.called])
    meet(t, tw, us, ports[us.called], confirmed=False)
    jp.called, us.called = NAMES["JPCERT"][0], NAMES["USCERT"][0]
    agreement, _ = signed_by_all(t, tw, jp)
    draft = tw.run("agreement", "draft", "joint-cybercrime", "--with", jp.called, code=0).out
    act(tw, "agreement", "sign", t.file("draft.json", draft))
    tw.source("cert", "--marking", "TLP:GREEN")
    bundle = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": things()}
    tw.intake("cert", t.file("b.json", json.dumps(bundle)), code=(0, 1))
    tw.intake("feed", t.file("f.csv", "type,value,note\nip,203.0.113.99,a loader host\ntext,hello,a loader word\n"), "--format", "csv", code=(0, 1))
    partner = tw.json("partner", "show", jp.called)["card"]["id"]
    tw.run("taxii", "root", "add", "share", "--title", "For partners", code=0)
    tw.run("taxii", "collection", "add", "share", "--title", "For Japan CERT", "--alias", "partners", "--read", f"partner:{partner}", code=0)
    tw.run("taxii", "collection", "attach", "partners", "cert", code=0)
    tw.run("user", "add", "audit", "--role", "auditor", input=node.PASSWORD + "\n", code=0)
    return tw, jp, ports, agreement


def main():
    with tempfile.TemporaryDirectory(prefix="noroshi-browser-", ignore_cleanup_errors=True) as directory:
        tw, jp, ports, agreement = made(node.Tests(directory))
        with node.Running(jp, listen=f"127.0.0.1:{ports['JPCERT']}"), serve(tw, ports) as running:
            filled(Partner(running, jp))
            tw.run("witness", "ask", code=0)
            print(json.dumps({"address": running.address.rstrip("/"), "name": PERSONS[0], "password": node.PASSWORD, "auditor": "audit",
                              "agreement": agreement}), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
