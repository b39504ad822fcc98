"""A node of the drill: its home, its two officers, its commands, its process, and HTTPS to it. Python 3 standard library only."""
import ctypes
import http.client
import json
import os
import pathlib
import secrets
import signal
import ssl
import subprocess
import threading

PDEATHSIG = 1  # prctl: a node never outlives the drill, however that ends
COUNTRIES = {
    "TW": dict(cert="TWCERT", zone="Asia/Taipei", names=("TWCERT", "台湾CERT", "台灣CERT"), officers=("mei", "lin")),
    "JP": dict(cert="JPCERT", zone="Asia/Tokyo", names=("JPCERT", "日本CERT", "日本CERT"), officers=("sato", "suzuki")),
    "US": dict(cert="USCERT", zone="America/New_York", names=("USCERT", "米国CERT", "美國CERT"), officers=("alice", "bob")),
}


class Failed(Exception):
    """A command or a node did not do what the drill needs; the text says which and why."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGTERM)


class Node:
    def __init__(self, program, directory, code, port):
        self.program, self.code, self.port = str(program), code, port
        self.home = pathlib.Path(directory) / code.lower()
        self.cert, self.zone = COUNTRIES[code]["cert"], COUNTRIES[code]["zone"]
        self.officers = COUNTRIES[code]["officers"]
        self.password = secrets.token_urlsafe(12)
        self.process = self.key = self.card = self.fingerprint = self.partner_id = None
        self.url = f"https://127.0.0.1:{port}/"
        self.local = threading.local()

    # ---- commands

    def run(self, *args, input="", ok=(0,), timeout=600):
        done = subprocess.run([self.program, "-C", str(self.home), *map(str, args)], input=input.encode(), capture_output=True, timeout=timeout)
        self.told = done.stderr.decode("utf-8", "replace")
        if done.returncode not in ok:
            raise Failed(f"{self.code}: noroshi {' '.join(map(str, args))} ended with {done.returncode}: {self.told.strip()[-600:]}")
        return done.stdout.decode("utf-8", "replace")

    def json(self, *args, **more):
        return json.loads(self.run(*args, "--json", **more))

    def act(self, officer, *args, **more):
        """What an officer does with the own password."""
        return self.run(*args, "--by", self.officers[officer], input=self.password + "\n", **more)

    def make(self):
        self.run_init()
        for name in self.officers:
            self.run("user", "add", name, "--role", "admin", input=self.password + "\n")
        english, japanese, chinese = COUNTRIES[self.code]["names"]
        self.card = self.run("partner", "invite", "--url", self.url, "--name", english, "--name-ja", japanese, "--name-zh", chinese)
        self.fingerprint = self.told.split("fingerprint")[1].split("\n")[0].strip()
        self.key = self.json("key", "make", "drill", "--role", "analyst")["key"]

    def run_init(self):
        done = subprocess.run([self.program, "init", str(self.home), "--name", f"{self.cert.lower()}.example", "--country", self.code, "--zone", self.zone,
                               "--user", "admin", "--password", self.password], capture_output=True, timeout=120)
        if done.returncode:
            raise Failed(f"{self.code}: noroshi init: {done.stderr.decode()[-600:]}")

    # ---- the process

    def start(self):
        """From the main thread: the node gets SIGTERM when the thread that started it ends."""
        self.log = open(self.home.parent / f"{self.code.lower()}.log", "ab")
        self.process = subprocess.Popen([self.program, "-C", str(self.home), "serve", "--listen", f"127.0.0.1:{self.port}", "--json"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
                                        preexec_fn=die_with_parent)
        if not self.process.stdout.readline():
            self.process.wait(20)
            raise Failed(f"{self.code}: the node did not start; see {self.log.name}")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        if not self.process:
            return
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(20)
        self.process.stdout.close()
        self.log.close()
        self.process = None

    # ---- HTTPS

    def connect(self, timeout=60):
        context = ssl.create_default_context(cafile=str(self.home / "tls" / "cert.pem"))
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=context)

    def ask(self, method, path, body=None, kind="application/json"):
        """JSON of an answer; the connection is kept for the next question of this thread."""
        for attempt in (1, 2):
            connection = getattr(self.local, "connection", None)
            if connection is None:
                connection = self.local.connection = self.connect()
            try:
                headers = {"Authorization": f"Bearer {self.key}", **({"Content-Type": kind} if body is not None else {})}
                connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
                response = connection.getresponse()
                raw = response.read()
                break
            except (OSError, http.client.HTTPException) as why:
                connection.close()
                self.local.connection = None
                if attempt == 2:
                    raise Failed(f"{self.code}: {method} {path}: {why}") from None
        if response.status >= 300:
            raise Failed(f"{self.code}: {method} {path}: {response.status} {raw[:300].decode('utf-8', 'replace')}")
        return json.loads(raw)
