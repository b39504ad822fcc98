"""Messages between nodes: pushed at once, fetched as a fallback, delivered once and in order, acknowledged; what is wrong is refused."""
import node
from node import equal, true, until
from test_witness import pair, serve


def probe(home, to, *more):
    return home.json("messages", "probe", "--partner", to, *more)["id"]


def message(home, id):
    return home.json("messages", "show", id)


def acknowledged(home, id, seconds=10):
    return until(lambda: (m := message(home, id))["acknowledged"] and m, f"{id} acknowledged", seconds)


def test_a_message_is_pushed_and_acknowledged(t):
    tw, jp, ports = pair(t)
    with serve(jp, ports), serve(tw, ports):
        id = probe(tw, "JPCERT")
        sent = acknowledged(tw, id)
        print(sent)
        print(jp.json("messages", "list"))


if __name__ == "__main__":
    node.main(globals())
