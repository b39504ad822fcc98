"""What the nodes hold: the small set of ours, and real data split by where it honestly comes from."""
import hashlib
import io
import json
import pathlib
import tarfile

SMALL = pathlib.Path(__file__).resolve().parent / "data"
CODES = ("TW", "JP", "US")


class Feed:
    """One source of one node. `origin` says in words why it stands there."""

    def __init__(self, code, name, grade, zone, marking, origin, paths, licence=None):
        self.code, self.name, self.grade, self.zone, self.marking, self.origin, self.paths, self.licence = \
            code, name, grade, zone, marking, origin, paths, licence


def small():
    zones = {"TW": "Asia/Taipei", "JP": "Asia/Tokyo", "US": "America/New_York"}
    return [Feed(code, f"{code.lower()}-reports", "B", zones[code], "green", "synthetic reports of ours", [SMALL / f"{code}.csv", SMALL / f"{code}.json"])
            for code in CODES]


def part_of(line):
    """To which node a line of a world-wide list is given: by its hash, so that each node has another third."""
    return CODES[hashlib.sha256(line).digest()[0] % 3]


def split(files, where, name):
    """Each line of world-wide lists to one node; comments and blank lines to nobody. {code: path}"""
    outs = {code: where / f"{name}-{code.lower()}.{files[0].suffix.lstrip('.')}" for code in CODES}
    handles = {code: open(path, "wb") for code, path in outs.items()}
    try:
        for path in files:
            with open(path, "rb") as lines:
                for line in lines:
                    if line.strip() and not line.startswith(b"#"):
                        handles[part_of(line)].write(line)
    finally:
        for handle in handles.values():
            handle.close()
    return outs


def real(data, where):
    """Feeds of the data folder `data`, those that are there."""
    where.mkdir(parents=True, exist_ok=True)
    feeds = []
    npa = sorted(data.glob("tw-npa165-scam-sites/*/gamble.csv"))
    kev = sorted(data.glob("us-cisa-kev/*/known_exploited_vulnerabilities.json"))
    if npa:
        feeds.append(Feed("TW", "npa-165", "B", "Asia/Taipei", "clear", "police of Taiwan", npa, "OGDL-Taiwan-1.0"))
    if kev:
        feeds.append(Feed("US", "cisa-kev", "A", "UTC", "clear", "CISA", kev, "CC0-1.0"))
    lists = [("ipsum", "C", "Unlicense", sorted(data.glob("list-ipsum/ipsum.txt"))),
             ("tweetfeed", "D", "CC0-1.0", sorted(data.glob("tweetfeed/csv/today.csv")) + sorted(data.glob("tweetfeed/csv/20*/*/*.csv")))]
    for name, grade, licence, files in lists:
        if files:
            for code, path in split(files, where, name).items():
                feeds.append(Feed(code, name, grade, "UTC", "clear", "world-wide: a third by hash of the line", [path], licence))
    return feeds


def honeypots(data):
    """Lines of the honeypot logs, which stood in the United States, in batches."""
    for name in ("heralding_82k_raw.json.tar.gz", "dioneae_20k.json.tar.gz"):
        path = data / "event-honeypot-tpot" / name
        if not path.exists():
            continue
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(".json"):
                    yield from batches(archive.extractfile(member), 4000)


def batches(lines, most):
    batch, count = io.BytesIO(), 0
    for line in lines:
        batch.write(line)
        count += 1
        if count == most:
            yield count, batch.getvalue()
            batch, count = io.BytesIO(), 0
    if count:
        yield count, batch.getvalue()


def replay():
    return json.loads((SMALL / "replay.json").read_text())
