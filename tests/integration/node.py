"""What the integration tests share: a home in a temporary directory, its commands, the running node, an HTTPS client.

Python 3 standard library only. Each test file is run alone:

    NOROSHI=build/noroshi python3 tests/integration/test_cli.py [name of a test...]

A test is a function test_NAME(t); `t` gives it homes that are removed afterwards. It prints one line a test (ok, skipped, FAILED)
and exits 0, 1, or 77 when everything was skipped.
"""
import http.client
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(pathlib.Path(os.environ.get("NOROSHI", REPO / "build" / "noroshi")).resolve())
SHARED = pathlib.Path(os.environ.get("NOROSHI_SHARED", REPO.parent / "shared")).resolve()
DATA = REPO / "tests" / "data"
NIGHTLY = bool(os.environ.get("NIGHTLY"))
PASSWORD = "three quiet herons at dawn"
LIMIT = 240  # seconds that one command may take


class Skip(Exception):
    """The test cannot be done here; the reason is printed."""


def shared(*parts):
    """A path in the shared data; skips the test when it is not there."""
    path = SHARED.joinpath("data", *parts)
    if not path.exists():
        raise Skip(f"{path} is not there (NOROSHI_SHARED names the shared data)")
    return path


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {str(got)[:1500]!s}, want {str(want)[:1500]!s}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def until(condition, what, seconds=20):
    """Waits until condition() gives something true, and gives it back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class Done:
    """A command that ended."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"{self}: no JSON") from None

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"noroshi {' '.join(map(str, self.args))} [exit {self.code}]\n{self.out[:800]}\n{self.err[:800]}"


def run(*args, input=None, cwd=None, env=None, code=None):
    """Runs the program; `code` is the exit code that is wanted, or a tuple of them."""
    args = [str(a) for a in args]
    data = input.encode() if isinstance(input, str) else input
    full = dict(os.environ, **(env or {}))
    full.pop("NOROSHI_HOME", None) if not env or "NOROSHI_HOME" not in env else None
    p = subprocess.run([PROGRAM, *args], input=data if data is not None else b"", capture_output=True, cwd=cwd, env=full,
                       timeout=LIMIT)
    done = Done(args, p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace"))
    if code is not None and p.returncode not in (code if isinstance(code, tuple) else (code,)):
        raise AssertionError(f"exit {p.returncode}, want {code}: {done}")
    return done


class Home:
    """A node's home."""

    def __init__(self, path, password=PASSWORD):
        self.path, self.password = pathlib.Path(path), password

    def run(self, *args, **more):
        return run("-C", self.path, *args, **more)

    def json(self, *args, code=0, **more):
        return self.run(*args, "--json", code=code, **more).json()

    def source(self, name, *args, zone="UTC", reliability="B"):
        zones = ["--zone", zone] if zone else []
        return self.json("source", "add", name, "--reliability", reliability, *zones, *args)

    def intake(self, source, *paths, code=(0, 1), **more):
        """The report, whose sums are checked."""
        report = self.json("intake", "--source", source, *paths, code=code, **more)
        for f in report["files"] + [report["totals"]]:
            equal(f["accepted"] + f["duplicates"] + f["rejected"], f["records"], f"sum of {f.get('path', 'totals')}")
            equal(sum(f["by_type"].values()), f["records"], f"types of {f.get('path', 'totals')}")
        return report

    def verified(self):
        found = self.json("verify", code=(0, 1))
        equal(found["findings"], [], "verify")
        return found

    def rows(self, sql, *args):
        """Reads the database beside whoever has it open."""
        db = sqlite3.connect(f"file:{self.path / 'noroshi.db'}?mode=ro", uri=True, timeout=30)
        db.create_function("hex_text", 1, lambda b: b.hex() if isinstance(b, bytes) else b)
        try:
            return db.execute(sql, args).fetchall()
        finally:
            db.close()

    def dump(self):
        """All that intake leaves, without numbers of rows and times of acceptance, sorted. Needs equal secrets and sources."""
        tables = {
            "claim": "h, kind, value, source, flags, tlp, created, modified, valid_from, valid_until, first_seen, last_seen, "
                     "confidence, labels, ref, note, meta",
            "object": "h, stix_id, type, source, tlp, created, modified, created_by, revoked, pattern_other, sha, body, text",
            "object_value": "h, kind, value, bad",
            "object_ref": "target_h, target, property",
            "speaker": "created_by, source",
            "list": "source, name, description, role, match, version, attributes",
            "list_entry": "h, value",
            "sighting": "h, kind, value, observed_kind, observed, source, sensor, class, field, hour, count, first_seen, "
                        "last_seen",
            "past": "h, kind, value, source, sensor, class, field, hour, count, first_seen, last_seen",
            "event_chunk": "source, sha, at_byte, bytes",
            "event_record": "source, h",
            "quarantine": "place, source, file, format, line, at_byte, code, text, bytes",
        }
        return {name: sorted(map(repr, self.rows(f"SELECT {columns} FROM {name}"))) for name, columns in tables.items()}

    def serve(self, *args, **more):
        return Running(self, *args, **more)

    def copy(self, path):
        """Another home with the same keys and sources; only when no node runs on this one."""
        shutil.copytree(self.path, path, symlinks=True)
        return Home(path, self.password)


class Running:
    """`noroshi serve` on a port of its own, stopped at the end of the with block."""

    def __init__(self, home, *args, listen="127.0.0.1:0", env=None):
        self.home = home
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([PROGRAM, "-C", str(home.path), "serve", "--listen", listen, "--json", *args],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                        start_new_session=True, env=dict(os.environ, **(env or {})))
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(20)
            raise AssertionError(f"the node did not start: {self.messages()}")
        self.address = json.loads(line)["address"]
        self.host, port = self.address.removeprefix("https://").rstrip("/").rsplit(":", 1)
        self.port = int(port)

    def messages(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def client(self, key=None):
        return Client(self, key)

    def stop(self, code=0):
        """Asks it to end and waits."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(30), code, f"exit of serve: {self.messages()[-1500:]}")
        self.process.stdout.close()

    def kill(self):
        """kill -9 of the node and all it forked."""
        kill_group(self.process)
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind:
                self.kill()
            else:
                self.stop()
        if kind:
            print(self.messages()[-3000:], file=sys.stderr)
        self.log.close()


def kill_group(process):
    """kill -9 of a process that leads its own session, with all of that."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(20)


class Answer:
    def __init__(self, response, body):
        self.status, self.body = response.status, body
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.cookies = response.headers.get_all("Set-Cookie") or []

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers.get('content-type')} {self.body[:500]!r}"


class Client:
    """HTTPS with the node's own certificate; keeps the session cookie and sends the CSRF token."""

    def __init__(self, running, key=None):
        self.running, self.key, self.cookie, self.csrf = running, key, None, None
        self.context = ssl.create_default_context(cafile=str(running.home.path / "tls" / "cert.pem"))

    def connect(self, timeout=30):
        return http.client.HTTPSConnection(self.running.host, self.running.port, timeout=timeout, context=self.context)

    def headers(self, more=None):
        h = {}
        if self.key:
            h["Authorization"] = f"Bearer {self.key}"
        if self.cookie:
            h["Cookie"] = self.cookie
        if self.csrf:
            h["X-CSRF-Token"] = self.csrf
        h.update(more or {})
        return {k: v for k, v in h.items() if v is not None}

    def ask(self, method, path, body=None, headers=None, type=None, want=None):
        c = self.connect()
        try:
            h = self.headers(headers)
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                type = type or "application/json"
            if type:
                h.setdefault("Content-Type", type)
            c.request(method, path, body.encode() if isinstance(body, str) else body, h)
            response = c.getresponse()
            answer = Answer(response, response.read())
        finally:
            c.close()
        if want is not None and answer.status not in (want if isinstance(want, tuple) else (want,)):
            raise AssertionError(f"{method} {path}: {answer}, want {want}")
        return answer

    def get(self, path, want=200, **more):
        return self.ask("GET", path, want=want, **more)

    def post(self, path, body=b"", want=None, **more):
        return self.ask("POST", path, body, want=want, **more)

    def sign_in(self, user="admin", password=None, want=None):
        answer = self.post("/api/v1/session", {"name": user, "password": password or self.running.home.password}, want=want)
        if answer.status in (200, 201):
            self.cookie = answer.cookies[0].split(";")[0]
            self.csrf = answer.json()["csrf"]
        return answer


class Tests:
    """What a test gets: homes and directories that vanish with it."""

    def __init__(self, directory):
        self.directory, self.made = pathlib.Path(directory), 0

    def path(self, name):
        self.made += 1
        return self.directory / f"{self.made}-{name}"

    def home(self, *sources, zone="UTC"):
        path = self.path("home")
        run("init", path, "--name", "test.cert.example", "--country", "TW", "--zone", "Asia/Taipei", "--password", PASSWORD,
            code=0)
        home = Home(path)
        for name in sources:
            home.source(name, zone=zone)
        return home

    def file(self, name, content):
        path = self.path(name)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def main(names):
    """Runs the functions test_* of a module, or those named on the command line."""
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is no program: build it, or name it with NOROSHI=PATH")
    tests = [(n.removeprefix("test_"), f) for n, f in names.items() if n.startswith("test_") and callable(f)]
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in tests if not wanted or n in wanted]
    failed = skipped = 0
    for name, function in tests:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="noroshi-test-", ignore_cleanup_errors=True) as directory:
            try:
                function(Tests(directory))
                print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
            except Skip as why:
                skipped += 1
                print(f"skipped {name}: {why}", flush=True)
            except Exception as why:  # a failed test never stops the others
                failed += 1
                if not isinstance(why, AssertionError):
                    traceback.print_exc()
                where = traceback.extract_tb(why.__traceback__)[1:2]
                place = f" (line {where[0].lineno})" if where else ""
                print(f"FAILED {name}{place}: {why}", flush=True)
    sys.exit(1 if failed else 77 if tests and skipped == len(tests) else 0)
