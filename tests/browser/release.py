"""A node on which one thing waits for a person, for the console to be looked at; runs until its standard input ends.

usage: NOROSHI=PATH python3 tests/browser/release.py

Prints one line of JSON: {"address","name","password","id"}. The person who asked for it is another one.
"""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import node  # noqa: E402
from test_api_release import asked  # noqa: E402
from test_partners import PERSONS, a_node  # noqa: E402
from test_relay import befriend_at, open_to  # noqa: E402
from test_release_queue import agreement  # noqa: E402
from test_witness import free_port  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="noroshi-browser-", ignore_cleanup_errors=True) as directory:
        t = node.Tests(directory)
        tw, us = a_node(t, "TWCERT"), a_node(t, "USCERT")
        for me, other in ((tw, us), (us, tw)):
            befriend_at(t, me, other, free_port())
        agreement(t, tw, us, human_release="always")
        open_to(tw, us)
        _, thing = asked(t, tw, "one")["one"]
        with tw.serve() as running:
            print(json.dumps({"address": running.address.rstrip("/"), "name": PERSONS[1], "password": node.PASSWORD, "id": thing["id"]}), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
