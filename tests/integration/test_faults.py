"""What goes wrong around the program: a clear error with what to do, exit 3, and nothing lost."""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import node
from node import Skip, equal, run, true, until

SHIM = r"""
/* Moves the wall clock by SHIFT_SECONDS for the program it is loaded into. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) { const char *s = getenv("SHIFT_SECONDS"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = (int)syscall(SYS_clock_gettime, id, t);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        t->tv_sec += shift();
    return rc;
}
time_t time(time_t *t) { struct timespec n; clock_gettime(CLOCK_REALTIME, &n); if (t) *t = n.tv_sec; return n.tv_sec; }
int gettimeofday(struct timeval *t, void *z)
{
    struct timespec n;
    clock_gettime(CLOCK_REALTIME, &n);
    t->tv_sec = n.tv_sec;
    t->tv_usec = n.tv_nsec / 1000;
    return 0;
}
"""


def refused(done, *words, code=3):
    """A clear error: exit 3, one sentence, and below it what to do."""
    equal(done.code, code, f"{done}")
    lines = [line for line in done.err.splitlines() if line.strip()]
    true(lines and lines[0].startswith("noroshi"), f"names the program: {done}")
    true(any(line.startswith("  ") for line in lines), f"says what to do: {done}")
    for word in words:
        true(word in done.err, f"'{word}' in {done}")
    return done


def filled(t):
    home = t.home("feed", "sensor")
    home.intake("feed", t.file("first.txt", "".join(f"first{i}.example\n" for i in range(200))), code=0)
    return home


def big(t, n=60000):
    return t.file("big.txt", "".join(f"number-{i}.with-a-rather-long-name.bad.example\n" for i in range(n)))


@contextlib.contextmanager
def small_disk(t, size):
    """A file system of its own, of `size`; skips where that is not permitted."""
    path = t.path("disk")
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", path], capture_output=True)
    if done.returncode:
        raise Skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=False)


def remount(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True, capture_output=True)


def test_disk_full(t):
    template, file = filled(t), big(t)
    calm = template.copy(t.path("calm"))
    calm.intake("feed", file, code=0)
    for size in (None, "4m", "9m"):
        with small_disk(t, "40m") as disk:
            home = template.copy(disk / "home")
            size = size or f"{shutil.disk_usage(disk).used // 1024 + 100}k"  # hardly more than what is there
            remount(disk, f"size={size}")
            done = refused(home.run("intake", "--source", "feed", file), "full")
            true("Traceback" not in done.err, "no trace")
            remount(disk, "size=200m")
            home.verified()
            equal(home.intake("feed", file, code=0)["totals"]["rejected"], 0, "loading again")
            equal(home.dump(), calm.dump(), f"the state after a disk of {size} was full")
            home.verified()


def test_disk_full_under_a_running_node(t):
    template, file = filled(t), big(t)
    with small_disk(t, "40m") as disk:
        home = template.copy(disk / "home")
        key = home.json("key", "make", "boss", "--role", "admin")["key"]
        with home.serve() as running:
            remount(disk, "size=5m")
            client = running.client(key)
            refused(home.run("intake", "--source", "feed", file), "full")
            answer = client.post("/api/v1/intake?source=feed", file.read_bytes(), type="text/plain")
            equal(answer.status, 507, f"the API says that it has no room: {answer}")
            equal(client.get("/api/v1/look?value=first7.example").json()["indicators"] != [], True, "reading goes on")
            remount(disk, "size=200m")
            client.post("/api/v1/intake?source=feed", file.read_bytes(), type="text/plain", want=200)
        home.verified()
        equal(home.rows("SELECT count(*) FROM claim")[0][0], 60200, "claims afterwards")


def test_disk_full_at_init(t):
    with small_disk(t, "64k") as disk:
        refused(run("init", disk / "home", "--name", "x.example", "--country", "TW", "--zone", "UTC"), "space")


def test_read_only_home(t):
    template, file = filled(t), big(t, 100)
    with small_disk(t, "40m") as disk:
        home = template.copy(disk / "home")
        remount(disk, "ro")
        try:
            refused(home.run("intake", "--source", "feed", file))
            refused(home.run("serve", "--listen", "127.0.0.1:0"))
            refused(home.run("user", "add", "x", input="a long enough sentence\n"))
            event = json.dumps({"timestamp": "2026-08-22T10:00:00.000000+0000", "event_type": "dns", "src_ip": "192.0.2.1",
                                "dest_ip": "192.0.2.2", "dns": {"type": "query", "rrname": "first7.example", "rrtype": "A"}})
            equal(len(home.run("watch", "-", input=event + "\n", code=1).lines()), 1, "watch only reads")
            backup = t.path("backup")
            home.run("backup", backup, code=0)
            true((backup / "noroshi.db").exists(), "and so does backup")
        finally:
            remount(disk, "rw")
        home.intake("feed", file, code=0)
        home.verified()


def test_database_in_use(t):
    home, file = filled(t), big(t, 100)
    with open(home.path / "noroshi.db.lock", "r+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(home.run("intake", "--source", "feed", file), "in use")
        refused(home.run("serve", "--listen", "127.0.0.1:0"), "in use")
        refused(home.run("look", "first1.example"), "in use")
    equal(home.intake("feed", file, code=0)["totals"]["accepted"], 100, "after it has gone")
    with home.serve() as running:
        done = refused(home.run("serve", "--listen", "127.0.0.1:0"), "in use")
        true(str(running.process.pid) in done.err, f"names the process: {done}")


def test_database_locked_by_another_program(t):
    """Another program that ignores our lock file holds SQLite's own."""
    home, file = filled(t), big(t, 100)
    other = sqlite3.connect(home.path / "noroshi.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        began = time.monotonic()
        refused(home.run("intake", "--source", "feed", file))
        true(time.monotonic() - began < 90, "does not wait for ever")
    finally:
        other.execute("ROLLBACK")
        other.close()
    equal(home.intake("feed", file, code=0)["totals"]["accepted"], 100, "after it has gone")
    home.verified()


@contextlib.contextmanager
def changed(path):
    """Puts the file back as it was."""
    kept = path.parent / (path.name + ".kept")
    shutil.copy2(path, kept)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.replace(kept, path)


def test_wrong_and_damaged_key_files(t):
    home, stranger, file = filled(t), t.home(), big(t, 100)
    serve = ("serve", "--listen", "127.0.0.1:0")
    for name in ("keys/log.seed", "keys/witness.seed", "keys/messages.seed", "keys/hash.secret"):
        path = home.path / name
        with changed(path):
            path.write_bytes(path.read_bytes()[:20])
            refused(home.run("intake", "--source", "feed", file), name.split("/")[1])
        with changed(path):
            path.unlink()
            done = home.run("intake", "--source", "feed", file)
            equal(done.code, 3, f"without {name}: {done}")
            true(name.split("/")[1] in done.err, f"names the file: {done}")
        with changed(path):
            path.write_bytes((stranger.path / name).read_bytes())
            refused(home.run("intake", "--source", "feed", file))
            refused(home.run(*serve))
            refused(home.run("look", "first1.example"))
    with changed(home.path / "keys/log.seed") as path:
        path.chmod(0o644)
        refused(home.run("intake", "--source", "feed", file), "chmod")
    with changed(home.path / "keys/log.vkey") as path:
        path.write_bytes((stranger.path / "keys/log.vkey").read_bytes())
        equal(home.run("intake", "--source", "feed", file).code, 3, "another node's verification key")
    for name in ("tls/cert.pem", "tls/key.pem"):
        with changed(home.path / name) as path:
            path.write_text("nothing of the kind\n")
            equal(home.run(*serve).code, 3, f"damaged {name}")
        with changed(home.path / name) as path:
            path.write_bytes((stranger.path / name).read_bytes())
            equal(home.run(*serve).code, 3, f"another node's {name}")
        with changed(home.path / name) as path:
            path.unlink()
            equal(home.run(*serve).code, 3, f"no {name}")
    home.verified()
    equal(home.intake("feed", file, code=0)["totals"]["accepted"], 100, "with its own keys")


def shifted(t):
    """An environment in which the clock is set back by a day."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Skip("no C compiler to make a clock that is set back")
    source, library = t.file("shift.c", SHIM), t.path("shift.so")
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], capture_output=True)
    if done.returncode:
        raise Skip(f"the clock shim does not compile: {done.stderr.decode()[:200]}")
    return {"LD_PRELOAD": str(library), "SHIFT_SECONDS": "-86400"}


def test_clock_set_back(t):
    home, file = filled(t), big(t, 100)
    env = shifted(t)
    size = home.json("status")["ledger"]["checkpoint_size"]
    refused(home.run("intake", "--source", "feed", file, env=env), "clock was set back")
    refused(home.run("checkpoint", env=env), "clock")
    equal(home.json("verify", env=env)["count"], 0, "it can still be verified")
    state = home.json("status")["ledger"]
    equal(state["checkpoint_size"], size, "nothing was signed meanwhile")
    equal(home.rows("SELECT count(*) FROM claim")[0][0], 300, "what was accepted is there")
    equal(home.intake("feed", file, code=0)["totals"]["duplicates"], 100, "and not taken twice")
    state = home.json("status")["ledger"]
    equal(state["checkpoint_size"], state["size"], "signed with the right clock")
    home.verified()


def test_clock_set_back_under_a_running_node(t):
    home = filled(t)
    with home.serve(env=shifted(t)) as running:
        equal(running.client().get("/healthz").json(), {"ok": True}, "it answers")
        report = home.run("intake", "--source", "feed", t.file("more.txt", "more.example\n"))
        equal(report.code, 3, f"says that nothing can be signed: {report}")
        equal(home.json("look", "more.example")["indicators"] != [], True, "accepted all the same")
    home.verified()


def test_not_a_home(t):
    empty = t.path("empty")
    empty.mkdir()
    for path in (empty, t.path("nowhere"), t.file("file", "text")):
        for command in (["status"], ["serve"], ["intake", "--source", "x", "y"], ["watch"], ["backup", t.path("b")]):
            done = run("-C", path, *command)
            equal(done.code, 3, f"{done}")
            true(str(path) in done.err, f"names the place: {done}")
    equal(list(empty.iterdir()), [], "nothing is made there")
    refused(run("-C", empty, "status"), "noroshi init")
    refused(run("status", env={"NOROSHI_HOME": str(empty)}), "NOROSHI_HOME")


def test_damaged_home(t):
    home = filled(t)
    with changed(home.path / "noroshi.conf") as conf:
        conf.write_text(conf.read_text() + "no.such.setting = 1\n")
        refused(home.run("status"), "no.such.setting", "noroshi.conf")
    with changed(home.path / "noroshi.conf") as conf:
        conf.write_text(conf.read_text() + "http.threads = many\n")
        refused(home.run("status"), "http.threads")
    with changed(home.path / "noroshi.db") as db:
        db.write_bytes(b"this is no database at all, " * 400)
        equal(home.run("status").code, 3, "no database")
    with changed(home.path / "noroshi.db") as db:
        db.unlink()
        refused(home.run("status"))
        true(not db.exists(), "an empty one is not put in its place")
    with changed(home.path / "noroshi.db") as db:
        db.unlink()
        other = sqlite3.connect(db)
        other.execute("CREATE TABLE recipes (name TEXT)")
        other.commit()
        other.close()
        refused(home.run("status"), "another program")
    home.verified()


def test_damaged_database(t):
    """Bytes that flip on the disk are found and named, or the database says that it is damaged; never silence."""
    template = filled(t)
    silent = []
    data = (template.path / "noroshi.db").read_bytes()
    at = [data.index(word) + 3 for word in (b"first7.example", b"first150.example")]
    at += [data.rindex(word) + 2 for word in (b"test.cert.example", b"first42.example")]
    for place in at:
        home = template.copy(t.path("flipped"))
        with open(home.path / "noroshi.db", "r+b") as f:
            f.seek(place)
            f.write(bytes([data[place] ^ 1]))
        done = home.run("verify", "--json")
        if done.code == 0:
            silent.append((place, data[place - 20:place + 20]))
        else:
            true(done.code == 3 or done.json()["findings"], f"{done}")
    equal(silent, [], "flipped bytes that nobody noticed")


def test_what_lies_at_the_command_socket(t):
    home = filled(t)
    path = home.path / "run" / "noroshi.sock"
    path.write_text("a file\n")
    home.json("look", "first1.example")
    with home.serve():
        home.json("look", "first1.example")
    path.unlink(missing_ok=True)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()  # nobody listens any more
    home.json("look", "first1.example")
    path.unlink()
    for answer in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 40, b"\0" * 300):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(4)

        def stranger():
            with contextlib.suppress(OSError):
                c, _ = listener.accept()
                c.recv(100)
                c.sendall(answer)
                c.close()

        thread = threading.Thread(target=stranger)
        thread.start()
        refused(home.run("look", "first1.example"))
        listener.close()
        thread.join(5)
        path.unlink()
    with home.serve():
        home.json("look", "first1.example")
    home.verified()


def test_port_in_use_and_addresses(t):
    home = filled(t)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        refused(home.run("serve", "--listen", f"127.0.0.1:{s.getsockname()[1]}"))
    for listen in ("nonsense", "127.0.0.1:99999", "127.0.0.1", "203.0.113.1:8443"):
        equal(home.run("serve", "--listen", listen).code, 3, listen)
    home.verified()


def test_output_that_cannot_be_written(t):
    home = filled(t)
    with open("/dev/full", "wb") as full:
        p = subprocess.run([node.PROGRAM, "-C", home.path, "find", "example", "--json"], stdout=full, stderr=subprocess.PIPE,
                           stdin=subprocess.DEVNULL)
        equal(p.returncode, 3, f"a full output: {p.stderr}")
        true(p.stderr, "and says so")
        with home.serve():
            p = subprocess.run([node.PROGRAM, "-C", home.path, "find", "example", "--json"], stdout=full, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL)
            equal(p.returncode, 3, f"a full output, through the node: {p.stderr}")
    p = subprocess.Popen([node.PROGRAM, "-C", home.path, "find", "example"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.close()
    p.stderr.read()
    p.stderr.close()
    true(p.wait(20) in (0, 3), "a reader that has gone")


def test_a_slow_pipe_holds_up_nobody(t):
    """Others write while a command waits for its input; ending node or client ends the command."""
    home = filled(t)
    key = home.json("key", "make", "boss", "--role", "admin")["key"]
    with home.serve() as running:
        def waiting():
            p = subprocess.Popen([node.PROGRAM, "-C", home.path, "intake", "--source", "feed", "-"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            p.stdin.write(b"".join(b"slow%d.example\n" % i for i in range(20000)))
            p.stdin.flush()
            time.sleep(0.5)
            return p

        client = running.client(key)
        slow = waiting()
        began = time.monotonic()
        client.post("/api/v1/intake?source=sensor", "meanwhile.example\n", type="text/plain", want=200)
        true(time.monotonic() - began < 5, "another may write meanwhile")
        _, err = slow.communicate()
        equal((slow.returncode, err), (0, b""), "and the slow one ends well")
        equal(home.json("look", "slow19999.example")["indicators"] != [], True, "with all it gave")
        killed = waiting()
        killed.kill()
        killed.communicate()
        slow = waiting()
        began = time.monotonic()
        running.stop()
        true(time.monotonic() - began < 10, "the node does not wait for it")
        _, err = slow.communicate()
        equal(slow.returncode, 3, f"the command says so: {err}")
        true(b"stopped" in err, f"{err}")
    equal([p.name for p in (home.path / "run").iterdir()], [], "no temporary file is left")
    home.verified()


def test_interrupted_by_the_user(t):
    """Ctrl-C in the middle of intake: what was accepted stays, the rest can be loaded again."""
    home, file = filled(t), big(t)
    p = subprocess.Popen([node.PROGRAM, "-C", str(home.path), "intake", "--source", "feed", str(file)], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(0.25)
    p.send_signal(signal.SIGINT)
    until(lambda: p.poll() is not None, "it ends", 30)
    home.verified()
    home.intake("feed", file, code=0)
    equal(home.rows("SELECT count(*) FROM claim")[0][0], 60200, "claims afterwards")
    home.verified()


if __name__ == "__main__":
    node.main(globals())
