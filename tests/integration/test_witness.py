"""Partners witness each other's logs over TLS with pinned keys; a fork is seen, kept as proof, and stops sharing."""
import base64
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time

import node
from messages import canonical, pae, seed_of, sign
from node import REPO, equal, true, until
from taxii import TYPE, indicator
from test_partners import act, once, strangers


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def card(t, home, port):
    done = home.run("partner", "invite", "--url", f"https://127.0.0.1:{port}/", "--name", home.called, code=0)
    return t.file(f"{home.called}.card", done.out), done.err.split("fingerprint")[1].split("\n")[0].strip()


def befriended(t):
    """Two nodes that know where the other is."""
    tw, jp, _ = strangers(t)
    ports = {tw.called: free_port(), jp.called: free_port()}
    for me, other in ((tw, jp), (jp, tw)):
        file, digits = card(t, other, ports[other.called])
        act(me, "partner", "accept", file, "--fingerprint", digits)
        act(me, "partner", "confirm", other.called, "--fingerprint", digits, by="lin")
    return tw, jp, ports


pair = once("witnesses", befriended)


def more(t, home, name):
    home.intake("feed", t.file("feed.txt", f"{name}.phish.example\n"), code=0)


def serve(home, ports):
    return home.serve(listen=f"127.0.0.1:{ports[home.called]}")


def test_checkpoints_are_cosigned_and_proofs_carry_it(t):
    tw, jp, ports = pair(t)
    more(t, tw, "one")
    with serve(jp, ports):
        for name in ("two", "three"):
            more(t, tw, name)
            equal(tw.run("witness", "ask", code=0).out, "1 partners asked, 1 cosigned\n", name)
            size = tw.json("status")["ledger"]["checkpoint_size"] if "checkpoint_size" in tw.json("status")["ledger"] else None
            mine = tw.json("witness", "status")["witnesses"][0]
            theirs = jp.json("witness", "status")["witnessed_here"][0]
            equal((theirs["size"], theirs["frozen"], theirs["cosigned_at"][:19]), (mine["size"], False, mine["cosigned_at"][:19]), "both sides")
            true(mine["size"] % 64 == 0 and size in (None, mine["size"]), f"padded: {mine}")
        equal(tw.run("witness", "ask", code=0).out, "1 partners asked, 0 cosigned\n", "nothing new")
    proof = t.file("one.tlog-proof", tw.run("prove", "three.phish.example", code=0).out)
    args = [sys.executable, str(REPO / "docs" / "verify.py"), str(proof), "--log", str(tw.path / "keys" / "log.vkey")]
    done = subprocess.run([*args, "--witness", str(jp.path / "keys" / "witness.vkey")], capture_output=True, text=True, timeout=60)
    true(done.returncode == 0 and "witness " in done.stdout, done.stdout + done.stderr)


def test_the_running_node_asks_by_itself(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports), serve(tw, ports) as running:
        more(t, tw, "one")
        tw.run("checkpoint", code=0)
        until(lambda: tw.json("witness", "status")["witnesses"][0]["size"] > 0, "cosigned without being told to", 90)
        tw.run("witness", "ask", code=0)
        got = running.client()
        got.context.load_cert_chain(jp.path / "tls" / "cert.pem", jp.path / "tls" / "key.pem")
        note = got.get("/witness/checkpoint").body.decode()
        true(note.count("\u2014 ") == 3, f"log, own witness and partner: {note}")
        running.client().get("/witness/checkpoint", want=401)


def test_only_partners_and_only_their_logs(t):
    tw, jp, ports = pair(t)
    us = strangers(t)[2]
    more(t, tw, "one")
    with serve(jp, ports) as running:
        stranger = running.client()
        stranger.post("/witness/add-checkpoint", b"old 0\n\nx", want=401, type="text/plain")
        stranger.context.load_cert_chain(us.path / "tls" / "cert.pem", us.path / "tls" / "key.pem")
        stranger.post("/witness/add-checkpoint", b"old 0\n\nx", want=401, type="text/plain")
        partner = running.client()
        partner.context.load_cert_chain(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem")
        for body in (b"", b"old 0\n\nx", b"\xff" * 1000, b"old 1\n" + b"A" * 44 + b"\n" * 500):
            partner.post("/witness/add-checkpoint", body, want=400, type="text/plain")
        partner.post("/witness/add-checkpoint", b"x" * 70000, want=413, type="text/plain")


def test_another_key_at_the_partner_s_address_is_refused(t):
    tw, jp, ports = pair(t)
    us = strangers(t)[2]
    more(t, tw, "one")
    with us.serve(listen=f"127.0.0.1:{ports[jp.called]}"):
        done = tw.run("witness", "ask", code=3)
        true("pinned" in done.err and "JPCERT" in done.err, done)
    done = tw.run("witness", "ask", code=3)  # nobody there
    true("JPCERT" in done.err, done)


def test_a_fork_stops_sharing_until_a_person_decides(t):
    tw, jp, ports = pair(t)
    text = jp.run("agreement", "draft", "network-safety", "--with", "TWCERT", code=0).out
    path = t.file("d.json", text)
    for home in (jp, tw):
        for by in ("mei", "lin"):
            path = t.file("d.json", act(home, "agreement", "sign", path, by=by).out)
    jp.run("agreement", "countersign", path, code=0)
    bundle = {"type": "bundle", "id": "bundle--8e2e2d2b-17d4-4cbf-938f-98ee46b3cdff", "objects": [indicator(1)]}
    jp.source("cert", "--marking", "TLP:GREEN")
    jp.intake("cert", t.file("b.json", json.dumps(bundle)), code=0)
    partner = jp.json("partner", "show", "TWCERT")["card"]["id"]
    jp.run("taxii", "root", "add", "share", "--title", "Share", code=0)
    jp.run("taxii", "collection", "add", "share", "--title", "I", "--alias", "partners", "--read", f"partner:{partner}", code=0)
    jp.run("taxii", "collection", "attach", "partners", "cert", code=0)
    older = t.path("older")
    shutil.copytree(tw.path, older)
    with serve(jp, ports) as running:
        who = running.client()
        who.context.load_cert_chain(tw.path / "tls" / "cert.pem", tw.path / "tls" / "key.pem")

        def objects():
            return who.get("/share/collections/partners/objects/", headers={"Accept": TYPE}).json().get("objects")

        until(objects, "the partner reads")
        more(t, tw, "one")
        tw.run("witness", "ask", code=0)
        fork = node.Home(older)
        fork.called = tw.called
        more(t, fork, "another")
        done = fork.run("witness", "ask", code=3)
        true("JPCERT" in done.err, done)
        frozen = jp.json("witness", "status")["witnessed_here"][0]
        equal((frozen["frozen"], frozen["alarm"].split(":")[0]), (True, "fork"), "alarm")
        equal(objects(), None, "nothing goes any more")
        more(t, tw, "two")
        true("403" in tw.run("witness", "ask", code=3).err, "nor is it cosigned")
        ours, theirs = jp.rows("SELECT ours, theirs FROM witness_alarm")[0]
        equal(ours.splitlines()[:2], theirs.splitlines()[:2], "two notes of one origin and size")
        true(ours.splitlines()[2] != theirs.splitlines()[2], "with two roots: kept as proof")
        act(jp, "witness", "thaw", frozen["origin"], by="mei")
        true(objects(), "a person decided")
        tw.run("witness", "ask", code=0)


def rotated(t, home, port):
    done = home.run("partner", "rotate", "--url", f"https://127.0.0.1:{port}/", "--name", home.called, code=0)
    return t.file(f"{home.called}-{len(done.out)}.card", done.out)


def resealed(t, home, file, **members):
    """The card with other members, under the same message key."""
    envelope = json.loads(open(file).read())
    card = {**json.loads(base64.b64decode(envelope["payload"])), **members}
    payload = canonical(card)
    signature = sign(seed_of(home), pae(payload, envelope["payloadType"]))
    return t.file("resealed.card", json.dumps({**envelope, "payload": base64.b64encode(payload).decode(),
                                               "signatures": [{"keyid": "k", "sig": base64.b64encode(signature).decode()}]}))


def vkey(name, public):
    """A C2SP verification key of Ed25519."""
    key = b"\x01" + public
    id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex()
    return f"{name}+{id}+{base64.b64encode(key).decode()}"


def test_a_restored_log_is_witnessed_anew_under_its_next_epoch(t):
    tw, jp, ports = pair(t)
    more(t, tw, "one")
    with serve(jp, ports):
        tw.run("witness", "ask", code=0)
        before = jp.json("witness", "status")["witnessed_here"][0]
        backup, again = t.path("backup"), t.path("again")
        tw.run("backup", backup, code=0)
        node.run("restore", backup, again, code=0)
        restored = node.Home(again)
        restored.called = tw.called
        more(t, restored, "two")
        true("404" in restored.run("witness", "ask", code=3).err, "the new epoch is not known yet")
        time.sleep(1.1)  # versions of a card are seconds
        card = rotated(t, restored, ports[tw.called])
        name, _, public = json.loads(base64.b64decode(json.loads(open(card).read())["payload"]))["log"].split("+", 2)
        equal(name, before["origin"] + "/2", "the card names the epoch")
        public = base64.b64decode(public)[1:]
        for other in ("other.example/2", "other.example", before["origin"] + "/02", before["origin"] + "/x", before["origin"] + "/2/3"):
            refused = resealed(t, restored, card, log=vkey(other, public))
            true("another log" in act(jp, "partner", "accept", refused, code=3).err, other)
        act(jp, "partner", "accept", card)
        equal(restored.run("witness", "ask", code=0).out, "1 partners asked, 1 cosigned\n", "witnessed again")
        logs = {w["origin"]: w for w in jp.json("witness", "status")["witnessed_here"]}
        equal((logs[before["origin"]]["size"], logs[name]["size"] > 0), (before["size"], True), "the old head stays known")
        time.sleep(1.1)
        backwards = resealed(t, restored, card, log=vkey(before["origin"], public), version=int(time.time()))
        true("another log" in act(jp, "partner", "accept", backwards, code=3).err, "an epoch that is over does not come back")
    jp.verified()


def test_a_frozen_log_is_not_left_behind_by_a_new_epoch(t):
    tw, jp, ports = pair(t)
    older, backup, again = t.path("older"), t.path("backup"), t.path("again")
    shutil.copytree(tw.path, older)
    with serve(jp, ports):
        more(t, tw, "one")
        tw.run("witness", "ask", code=0)
        fork = node.Home(older)
        more(t, fork, "another")
        fork.run("witness", "ask", code=3)
        tw.run("backup", backup, code=0)
        node.run("restore", backup, again, code=0)
        restored = node.Home(again)
        restored.called = tw.called
        time.sleep(1.1)
        card = rotated(t, restored, ports[tw.called])
        true("frozen" in act(jp, "partner", "accept", card, code=3).err, "a person decides first")
        act(jp, "witness", "thaw", jp.json("witness", "status")["witnessed_here"][0]["origin"], by="mei")
        act(jp, "partner", "accept", card)


if __name__ == "__main__":
    node.main(globals())
