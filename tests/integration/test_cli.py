"""The commands: help, JSON, exit codes, errors that say what to do, and the same answers through a running node."""
import fcntl
import json
import os
import select
import stat
import subprocess
import time

import node
from node import DATA, equal, run, true, until

COMMANDS = ["init", "serve", "source", "intake", "watch", "look", "find", "rejected", "status", "verify", "rebuild", "backup",
            "restore", "user", "key", "exercise", "checkpoint", "prove", "check", "id", "agreement", "partner", "shares", "explain", "witness", "version"]
BAD = "gate.phish.example"


def dns(name, second=0, src="192.0.2.1"):
    return json.dumps({"timestamp": f"2026-08-22T10:00:{second:02}.000000+0000", "event_type": "dns", "src_ip": src,
                       "dest_ip": "192.0.2.53", "dns": {"type": "query", "rrname": name, "rrtype": "A"}})


def filled(t):
    """A home with a feed of three indicators, a table with a reject, and no zone for `zoneless`."""
    home = t.home("feed", "sensor")
    home.source("zoneless", zone=None)
    home.intake("feed", t.file("feed.txt", f"{BAD}\n203.0.113.9\nhttp://gate.phish.example/login\n"), code=0)
    return home


def names_remedy(done, *words):
    """An error is two things: what is wrong, and, indented below it, what to do."""
    lines = done.err.rstrip().splitlines()
    true(lines and lines[0].startswith("noroshi"), f"names the program: {done}")
    true(any(line.startswith("  ") for line in lines), f"says what to do: {done}")
    for word in words:
        true(word in done.err, f"'{word}' in {done}")


def test_help_of_every_command(t):
    overview = run("--help", code=0).out
    equal(run("help", code=0).out, overview, "help")
    listed = [line.split()[0] for line in overview.split("COMMAND")[1].splitlines() if line.startswith("  ") and line[2] != "-"]
    true(set(COMMANDS) <= set(listed), f"commands without a line in --help: {set(COMMANDS) - set(listed)}")
    for command in listed:
        for word in "--help", "-h":
            text = run(command, word, code=0).out
        true(text.startswith(f"usage: noroshi {command}"), f"{command}: {text[:60]}")
        true("--json" in text, f"{command} --help says --json")
        true(all(len(line) <= 140 for line in text.splitlines()), f"{command} --help is narrow")
    for command in set(COMMANDS) - {"version", "status", "verify", "rebuild", "checkpoint", "exercise"}:
        true("example" in run(command, "--help").out, f"{command} --help has examples")
    equal(run(code=2).out, "", "no command: help goes to stderr")
    names_remedy(run("frobnicate", code=2), "frobnicate", "--help")


def test_wrong_use_is_2(t):
    home = filled(t)
    wrong = [["look"], ["look", "a", "b"], ["find"], ["find", "--limit", "0", "word"], ["find", "--limit", "ten", "word"],
             ["find", "--since", "yesterday", "word"], ["source"], ["source", "add"], ["source", "frob", "x"],
             ["source", "add", "x", "--reliability", "G"], ["source", "add", "x", "--marking", "purple"],
             ["source", "add", "x", "--expiry", "soon"], ["intake"], ["intake", "--source", "feed"], ["intake", "file"],
             ["intake", "--source", "feed", "--format", "word", "file"], ["intake", "--source"], ["watch", "a", "b"],
             ["rejected"], ["rejected", "show"], ["rejected", "show", "x"], ["rejected", "retry"], ["user"], ["user", "add"],
             ["user", "add", "x", "--role", "king"], ["key"], ["key", "make"], ["key", "make", "x", "--days", "0"],
             ["key", "make", "x", "--role", "king"], ["exercise"], ["exercise", "frob"], ["backup"], ["restore", "one"],
             ["status", "--frob"], ["verify", "--frob"], ["init"], ["init", "x"], ["serve", "--listen"], ["version", "--frob"]]
    for args in wrong:
        done = home.run(*args)
        equal(done.code, 2, f"exit of {args}: {done}")
        true(done.err.startswith("noroshi"), f"{args}: {done}")
        true("--help" in done.err or "\n  " in done.err or "takes" in done.err, f"{args} says how it is used: {done}")
    equal(home.run("look", "no value at all ::").code, 2, "look of no value")
    names_remedy(run("-C", code=2))


def test_could_not_is_3(t):
    home = filled(t)
    names_remedy(home.run("intake", "--source", "nobody", "x", code=3), "nobody", "source add")
    names_remedy(home.run("source", "show", "nobody", code=3), "source list")
    names_remedy(home.run("rejected", "show", "99", code=3), "rejected list")
    names_remedy(home.run("user", "add", "x", input="short\n", code=3), "12 characters")
    names_remedy(home.run("source", "add", "x", "--zone", "Mars/Base", code=3), "Mars/Base")
    names_remedy(home.run("source", "add", "feed", code=3), "feed")
    done = home.run("intake", "--source", "feed", t.path("missing"), code=3)
    true("missing" in done.err, f"names the file: {done}")
    nowhere = run("-C", t.path("nowhere"), "status", code=3)
    names_remedy(nowhere, "noroshi init")
    # One file that is not there does not keep the others out.
    done = home.run("intake", "--source", "feed", "--json", t.path("missing"), t.file("more.txt", "one.more.example\n"), code=3)
    equal(done.json()["totals"]["accepted"], 1, "the file that is there")
    asked = home.run("rejected", "show", "99", "--json", code=3)
    equal(asked.json()["error"]["code"], "not_found", "errors as JSON")


def test_errors_are_json_too(t):
    """With --json an error is JSON also when the home cannot be opened."""
    done = run("-C", t.path("nowhere"), "status", "--json", code=3)
    equal(done.json()["error"]["code"], "not_found", "error")


def test_init(t):
    path = t.path("made")
    made = run("init", path, "--name", "jp.cert.example", "--country", "JP", "--zone", "Asia/Tokyo", "--user", "hanako", "--json",
               code=0).json()
    equal((made["name"], made["user"], len(made["password"]) >= 20), ("jp.cert.example", "hanako", True), "what was made")
    for seed in ("log", "witness", "messages"):
        file = path / "keys" / f"{seed}.seed"
        equal((stat.S_IMODE(file.stat().st_mode), file.stat().st_size), (0o600, 32), f"{seed}.seed")
    for secret in ("keys/hash.secret", "tls/key.pem", "noroshi.db", "noroshi.conf"):
        equal(stat.S_IMODE((path / secret).stat().st_mode) & 0o077, 0, f"others may not read {secret}")
    equal(stat.S_IMODE(path.stat().st_mode), 0o700, "the home")
    before = sorted(p.name for p in path.iterdir())
    args = ["--name", "x.example", "--country", "JP", "--zone", "Asia/Tokyo"]
    names_remedy(run("init", path, *args, code=3), "not empty")
    other = t.path("other")
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    names_remedy(run("init", other, *args, code=3), "thesis.txt")
    equal([p.name for p in other.iterdir()], ["thesis.txt"], "a refused directory stays as it was")
    equal(sorted(p.name for p in path.iterdir()), before, "a refused home stays as it was")
    empty = t.path("empty")
    empty.mkdir()
    run("init", empty, *args, code=0)
    for wrong in (["--name", "Not A Name", "--country", "JP", "--zone", "UTC"], ["--name", "x", "--country", "jp", "--zone", "UTC"],
                  ["--name", "x", "--country", "JP", "--zone", "Asia/Tokio"]):
        target = t.path("refused")
        names_remedy(run("init", target, *wrong, code=3))
        true(not target.exists(), f"{wrong} leaves nothing behind")
    short = t.path("short")
    names_remedy(run("init", short, *args, "--password", "short", code=3), "12 to 1024")
    true(not short.exists() or not list(short.iterdir()), "a refused password leaves nothing behind")
    with node.Home(path, made["password"]).serve() as running:
        client = running.client()
        equal(client.sign_in("hanako", want=200).json()["role"], "admin", "the first user")


def test_users_and_keys(t):
    home = filled(t)
    equal(home.json("user", "add", "hanako", "--role", "analyst", input="a long sentence of hers\n"), {"done": True}, "add")
    home.run("user", "add", "hanako", "--role", "analyst", input="another long sentence\n", code=3)
    names_remedy(home.run("user", "set", "nobody", input="another long sentence\n", code=3), "user add")
    home.json("user", "set", "hanako", "--role", "viewer", input="another long sentence\n")
    key = home.json("key", "make", "probe", "--source", "sensor", "--days", "30")["key"]
    true(key.startswith("nrs_") and len(key) > 50, "the form of a key")
    home.run("key", "make", "x", "--source", "nobody", code=3)
    text = home.run("key", "make", "dashboard", "--role", "viewer", code=0).out.strip()
    true(text.startswith("nrs_"), "printed alone")
    whole = (home.path / "noroshi.db").read_bytes() + b"".join(p.read_bytes() for p in home.path.glob("noroshi.db-wal"))
    true(key.encode() not in whole and key.split("_")[-1].encode() not in whole, "the key itself is not stored")
    true(b"another long sentence" not in whole, "the password itself is not stored")
    equal(home.json("key", "revoke", "probe"), {"done": True}, "revoke")
    home.run("key", "revoke", "nobody", code=3)
    home.json("user", "set", "admin", input="yet another long sentence\n")
    equal(home.rows("SELECT role FROM account WHERE name = 'admin'"), [("admin",)], "a new password leaves the role")
    with home.serve() as running:
        client = running.client()
        client.sign_in("hanako", "a long sentence of hers", want=401)
        equal(client.sign_in("hanako", "another long sentence", want=200).json()["role"], "viewer", "after set")
        running.client(key).get("/api/v1/status", want=401)
        running.client(text).get("/api/v1/status", want=200)


def test_exercise(t):
    home = filled(t)
    before = home.dump()
    loaded = home.json("exercise", "load")
    true(loaded["sightings"] > 0 and loaded["matched"] > 0, f"something matched: {loaded}")
    marked = [s for s in home.json("source", "list") if s["exercise"]]
    equal(len(marked), 6, "sources of the drill")
    true("EXERCISE" in home.run("source", "list", code=0).out, "marked in the list")
    value = home.rows("SELECT value FROM sighting LIMIT 1")[0][0]
    true("EXERCISE" in home.run("look", value, code=0).out, f"marked in look {value}")
    true(all(i["exercise"] for i in home.json("look", value)["indicators"]), "marked in JSON")
    home.verified()
    again = home.json("exercise", "load")
    equal((again["sightings"], again["matched"]), (0, 0), "loading it twice adds nothing")
    equal(home.json("exercise", "remove")["sources_removed"], 6, "sources removed")
    equal([s for s in home.json("source", "list") if s["exercise"]], [], "no source is left")
    equal(home.json("look", value)["indicators"], [], "no indicator is left")
    after = home.dump()
    for table in before:
        true(after[table] == before[table], f"{table} is as before: {after[table][:2]}")
    home.verified()
    equal(home.json("exercise", "load"), loaded, "and loads again")


ANSWERS = [("look", BAD), ("look", "hxxp://gate[.]phish[.]example/login"), ("look", "203.0.113.0/24"), ("find", "phish"),
           ("source", "list"), ("source", "show", "feed"), ("rejected", "list"), ("look", "nothing-known.example")]


def steady(value):
    """Without what differs from one moment to the next."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k not in ("confidence", "since", "age", "seconds", "age_seconds", "built")}
    return [steady(v) for v in value] if isinstance(value, list) else value


def test_the_same_through_a_running_node(t):
    home = filled(t)
    home.intake("zoneless", DATA / "events" / "zeek" / "conn.log")
    home.intake("sensor", "-", input=dns(BAD) + "\n")
    alone = [steady(home.json(*args)) for args in ANSWERS]
    people = [home.run(*args, code=0).out for args in ANSWERS[:2]]
    status = steady(home.json("status"))
    with home.serve():
        equal([steady(home.json(*args)) for args in ANSWERS], alone, "answers through the node")
        equal([home.run(*args, code=0).out for args in ANSWERS[:2]], people, "for people")
        through = steady(home.json("status"))
        equal(through["counts"], status["counts"], "counts")
        equal(through["ledger"]["root"], status["ledger"]["root"], "root")
        # Relative paths mean the place where the command was given, also inside directories.
        folder = t.path("folder")
        folder.mkdir()
        (folder / "a.txt").write_text("a.relative.example\n")
        report = home.intake("feed", "a.txt", cwd=folder, code=0)
        equal((report["totals"]["accepted"], report["files"][0]["path"]), (1, "a.txt"), "a relative path")
        (folder / "b.txt").write_text("b.relative.example\n")
        equal(home.intake("feed", ".", cwd=folder, code=0)["totals"]["accepted"], 1, "a relative directory")
        equal(home.intake("feed", "-", input="c.relative.example\n", code=0)["totals"]["accepted"], 1, "standard input")
        equal(home.run("look", "no value at all ::").code, 2, "exit codes travel")
        names_remedy(home.run("source", "show", "nobody", code=3), "source list")
        home.run("intake", "--source", "feed", "missing.txt", cwd=folder, code=3)
        names_remedy(home.run("serve", code=3))
        home.verified()
        names_remedy(home.run("restore", t.path("x"), home.path, code=3))
    equal(home.json("look", "a.relative.example")["indicators"][0]["value"], "a.relative.example", "after the node ended")


def test_intake_directories_archives_and_stdin(t):
    import gzip
    import io
    import tarfile
    home = filled(t)
    folder = t.path("tree")
    (folder / "deep").mkdir(parents=True)
    (folder / "one.txt").write_text("one.tree.example\n")
    (folder / "deep" / "two.txt.gz").write_bytes(gzip.compress(b"two.tree.example\n"))
    (folder / ".hidden").write_text("hidden.tree.example\n")
    with tarfile.open(folder / "three.tar.gz", "w:gz") as tar:
        info = tarfile.TarInfo("inside/three.txt")
        content = b"three.tree.example\n"
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    os.symlink("/etc/passwd", folder / "deep" / "link")
    report = home.intake("feed", folder)
    found = {v for (v,) in home.rows("SELECT value FROM claim WHERE value LIKE '%.tree.example'")}
    equal(found, {"one.tree.example", "two.tree.example", "three.tree.example"}, "values of the tree")
    equal(home.intake("feed", folder / "one.txt", folder / "deep" / "two.txt.gz", code=0)["totals"]["duplicates"], 2, "again")
    done = home.run("intake", "--source", "feed", t.file("noise.bin", b"\x00\x01\x02" * 500), code=1)
    true("noise.bin" in done.err, f"an unknown format names the file: {done}")
    equal(home.intake("feed", t.file("empty.txt", b""))["totals"]["records"], 0, "an empty file")
    table = home.run("intake", "--source", "feed", folder / "one.txt", code=0).out
    true("records" in table and "list" in table, "the table for people")
    true(report["totals"]["files"] >= 3, "files")


def test_rejected_and_retry(t):
    home = filled(t)
    report = home.intake("zoneless", "-", input="value,first_seen\nlate.example,2026-08-22 10:00:00\n", code=1)
    equal(report["totals"]["rejected"], 1, "without a zone")
    one = home.json("rejected", "list")["rejected"][0]
    equal(one["code"], "zone", "why")
    true(one["remedy"], "the remedy")
    shown = home.json("rejected", "show", one["number"] if "number" in one else one["id"])
    true("late.example" in json.dumps(shown), "its bytes are shown")
    equal(home.run("rejected", "retry", "--all", code=1).code, 1, "still without a zone")
    home.json("source", "set", "zoneless", "--zone", "Asia/Taipei")
    equal(home.json("rejected", "retry", "--all", "--source", "zoneless"), {"tried": 1, "accepted": 1}, "retry")
    equal(home.json("rejected", "list")["count"], 0, "left in quarantine")
    first = home.rows("SELECT first_seen FROM claim WHERE value = 'late.example'")[0][0]
    equal(first, 1787364000 * 1000000, "10:00 in Taipei")
    home.verified()


def test_watch_reads_standard_input(t):
    home = filled(t)
    lines = [dns("harmless.example"), dns(BAD, 1), "{broken", dns("www." + BAD, 2), ""]
    done = home.run("watch", "--format", "eve", "-", input="\n".join(lines) + "\n", code=1)
    hits = done.lines()
    equal([h["value"] for h in hits], [BAD, "www." + BAD], "sightings")
    for h in hits:
        equal(set(h) >= {"time", "sensor", "class", "value", "kind", "where", "indicator", "event"}, True, "members")
        equal(set(h["indicator"]) >= {"id", "sources", "confidence", "labels"}, True, "members of the indicator")
        equal(h["event"]["dns"]["rrname"], h["value"], "the event")
    true(":3" in done.err or "line 3" in done.err, f"the broken line is named: {done.err}")
    equal(home.run("watch", "-", input=dns("harmless.example") + "\n", code=0).out, "", "nothing met")
    equal(home.rows("SELECT count(*) FROM sighting")[0][0], 0, "nothing is stored")
    with home.serve():  # beside a running node
        equal(len(home.run("watch", "-", input=dns(BAD) + "\n", code=1).lines()), 1, "beside a running node")


class Lines:
    """The lines a process prints, as they come."""

    def __init__(self, pipe):
        self.pipe, self.rest, self.lines = pipe, b"", []
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_NONBLOCK)

    def read(self):
        while select.select([self.pipe], [], [], 0)[0]:
            more = os.read(self.pipe.fileno(), 65536)
            if not more:
                break
            self.rest += more
            *whole, self.rest = self.rest.split(b"\n")
            self.lines += [json.loads(w) for w in whole]
        return self.lines


def test_watch_follows_through_rotation(t):
    home = filled(t)
    path = t.path("eve.json")
    path.write_text(dns(BAD, 0) + "\n")
    p = subprocess.Popen([node.PROGRAM, "-C", str(home.path), "watch", "-f", str(path)], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = Lines(p.stdout)

    def seconds():
        return [h["time"][17:19] for h in seen.read()]

    try:
        until(lambda: seconds() == ["00"], "what stood there already")
        with open(path, "a", encoding="ascii") as f:
            f.write(dns(BAD, 1) + "\n" + dns(BAD, 2)[:40])
            f.flush()
            until(lambda: seconds() == ["00", "01"], "an appended line")
            time.sleep(0.3)
            f.write(dns(BAD, 2)[40:] + "\n")
        until(lambda: seconds() == ["00", "01", "02"], "a line written in two parts")
        with open(path, "a", encoding="ascii") as old:
            path.rename(str(path) + ".1")
            old.write(dns(BAD, 3) + "\n")  # the writer has not noticed yet
        time.sleep(0.1)
        path.write_text(dns(BAD, 4) + "\n")
        until(lambda: seconds() == ["00", "01", "02", "03", "04"], f"after renaming: {seconds()}")
        with open(path, "r+", encoding="ascii") as f:
            f.truncate(0)
        time.sleep(0.6)
        with open(path, "a", encoding="ascii") as f:
            f.write(dns(BAD, 5) + "\n")
        until(lambda: seconds() == ["00", "01", "02", "03", "04", "05"], f"after truncating: {seconds()}")
    finally:
        p.terminate()
        p.wait(10)
        p.stdout.close()
        p.stderr.close()


def test_look_and_find(t):
    home = filled(t)
    home.intake("feed", t.file("note.csv", "value,note\nscam.example,投資詐騙網站の報告\n"), code=0)
    looked = home.json("look", BAD)
    equal(set(looked) >= {"value", "kind", "benign", "indicators", "sightings", "objects", "relationships", "network", "sources"},
          True, f"members: {sorted(looked)}")
    equal(set(looked["sightings"]) >= {"count", "first", "last", "by_source"}, True, "members of sightings")
    equal(looked["value"], BAD, "value")
    for word in ("詐騙", "報告", "投資"):
        hits = home.json("find", word)["hits"]
        equal([h["value"] for h in hits], ["scam.example"], f"find {word}")
    equal(home.json("find", "word-that-is-nowhere")["hits"], [], "find nothing")
    equal(home.json("find", "詐騙", "--source", "feed")["hits"] != [], True, "by source")
    equal(home.json("find", "詐騙", "--source", "sensor")["hits"], [], "by another source")
    equal(home.json("find", "詐騙", "--until", "2000-01-01")["hits"], [], "by time")
    equal(home.json("find", '"; DROP TABLE claim; --')["hits"], [], "what is no word")
    home.run("find", "詐騙", "--source", "nobody", code=3)


def test_backup_and_restore(t):
    home = filled(t)
    for running in False, True:
        target, back = t.path("backup"), t.path("restored")
        if running:
            with home.serve():
                home.json("backup", target)
        else:
            home.json("backup", target)
        subprocess.run(["sha256sum", "--quiet", "-c", "manifest-sha256.txt"], cwd=target, check=True)
        equal(run("restore", target, back, "--json", code=0).json(), {"restored": True}, "restore")
        again = node.Home(back)
        again.verified()
        equal(again.dump(), home.dump(), "what was restored")
        equal(again.json("status")["ledger"]["epoch"], home.json("status")["ledger"]["epoch"] + 1, "a new epoch")
        names_remedy(home.run("backup", target, code=3))
        run("restore", target, back, code=3)
        with open(target / "noroshi.db", "r+b") as f:
            f.seek(5000)
            f.write(b"\xff\x00\xff")
        run("restore", target, t.path("never"), code=3)


def test_rebuild_and_verify(t):
    home = filled(t)
    home.intake("sensor", "-", input=dns(BAD) + "\n", code=0)
    before = home.dump()
    true(home.json("rebuild")["rebuilt"], "rebuilt")
    equal(home.dump(), before, "tables after rebuild")
    import sqlite3
    db = sqlite3.connect(home.path / "noroshi.db")
    db.execute("UPDATE claim SET value = 'gone.example' WHERE value = ?", (BAD,))
    db.commit()
    db.close()
    found = home.json("verify", code=1)
    true(found["count"] > 0 and "claim" in json.dumps(found["findings"]), f"verify names the table: {found}")
    true("claim" in home.run("verify", code=1).out, "and says it in words")
    home.json("rebuild")
    equal(home.dump(), before, "rebuild mends it")
    home.verified()
    note = home.run("checkpoint", code=0).out
    equal(home.json("checkpoint")["checkpoint"], note, "the same as JSON")
    true(note.startswith("test.cert.example") and "\n\n— " in note, f"a signed note: {note}")


def test_sources(t):
    home = t.home()
    made = home.json("source", "add", "feed", "--reliability", "A", "--zone", "Asia/Tokyo", "--marking", "green", "--licence",
                     "CC0-1.0", "--expiry", "30d", "--mapping", '{"columns":{"1":"value"},"header":0}')
    equal((made["reliability"], made["marking"], made["expiry_seconds"], made["zone"]),
          ("A", "TLP:GREEN", 30 * 86400, "Asia/Tokyo"), "as given")
    equal(home.json("source", "show", "feed"), made, "show")
    equal(home.json("source", "show", made["id"]), made, "show by id")
    changed = home.json("source", "set", "feed", "--reliability", "B")
    equal((changed["id"], changed["reliability"], changed["zone"]), (made["id"], "B", "Asia/Tokyo"), "set changes only what it says")
    names_remedy(home.run("source", "add", "other", "--mapping", "{broken", code=3), "docs/formats.md")
    equal([s["name"] for s in home.json("source", "list")], ["feed"], "list")


def test_hostile_text_does_not_reach_the_terminal(t):
    home = t.home("feed")
    home.intake("feed", t.file("x.csv", "value,note\nevil.example,\x1b]0;owned\x07\u009b31mred\n"))
    for args in (["look", "evil.example"], ["find", "owned"]):
        out = home.run(*args, code=0).out
        true(not any(c in out for c in "\x1b\x07\u009b"), f"{args}: {out!r}")


if __name__ == "__main__":
    node.main(globals())
