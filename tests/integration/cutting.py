"""A TCP proxy that fails as networks do: cuts, stalls, passes one direction only, breaks at a byte. For tests between nodes of one machine.

    with Cutting(target_port) as line:        # line.port stands in the card in place of the node's
        line.cut(), line.stall(), line.one_way("back"), line.break_at(5000), line.heal()

It keeps how many bytes went each way, and when, connection by connection: what left a node is known from outside of it.
"""
import contextlib
import selectors
import socket
import struct
import threading
import time

STEP = 0.02  # seconds between looks at what was ordered


class Passage:
    """One connection: the bytes that went there (from who connected) and back, and when each first did."""

    def __init__(self):
        self.bytes = {"there": 0, "back": 0}
        self.began, self.ended, self.why = time.time(), None, ""


class Cutting:
    def __init__(self, target, port=0):
        self.target = target
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.state, self.left, self.lock = "open", None, threading.Lock()
        self.passages, self.refused, self.broken, self.ended = [], 0, 0, False
        self.thread = threading.Thread(target=self.accept, daemon=True)

    # ---- orders

    def heal(self):
        self.order("open")

    def cut(self):
        """What is open is reset; who connects is reset at once."""
        self.order("cut")

    def stall(self):
        """Nothing moves, nothing is closed: half-open, as behind a firewall that forgot."""
        self.order("stall")

    def one_way(self, way):
        """Only "there" or only "back" passes."""
        self.order(way)

    def break_at(self, count):
        """Each connection is reset once so many bytes went through it, both ways together."""
        with self.lock:
            self.state, self.left = "open", count

    def order(self, state):
        with self.lock:
            self.state, self.left = state, None

    # ---- the work

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self.listener.close()
        self.thread.join(5)

    def accept(self):
        while not self.ended:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.state == "cut":
                self.refused += 1
                reset(client)
            else:
                threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        passage = Passage()
        self.passages.append(passage)
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError as why:
            passage.why, passage.ended = str(why), time.time()
            reset(client)
            return
        with contextlib.suppress(OSError):
            passage.why = self.pump(client, server, passage)
        passage.ended = time.time()
        self.broken += bool(passage.why)
        for s in (client, server):
            reset(s) if passage.why else s.close()

    def pump(self, client, server, passage):
        """Until one side closes ("") or it is cut (why)."""
        chosen = selectors.DefaultSelector()
        sides = {client: (server, "there"), server: (client, "back")}
        for s in sides:
            chosen.register(s, selectors.EVENT_READ)
        while not self.ended:
            state, left = self.state, self.left
            if state == "cut":
                return "cut"
            ready = [k.fileobj for k, _ in chosen.select(STEP)]
            moving = [s for s in ready if state == "open" or state == sides[s][1]]
            if ready and not moving:
                time.sleep(STEP)
            for s in moving:
                other, way = sides[s]
                data = s.recv(65536)
                if not data:
                    return ""
                if left is not None and sum(passage.bytes.values()) + len(data) >= left:
                    part = data[:max(0, left - sum(passage.bytes.values()))]
                    other.sendall(part)
                    passage.bytes[way] += len(part)
                    return f"at byte {left}"
                other.sendall(data)
                passage.bytes[way] += len(data)
        return "end"

    def passed(self):
        return {way: sum(p.bytes[way] for p in list(self.passages)) for way in ("there", "back")}


def reset(s):
    with contextlib.suppress(OSError):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
