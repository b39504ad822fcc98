#!/usr/bin/env python3
"""Zeek TSV on standard input to the JSON lines Zeek would write (unset fields left out), by the header alone."""
import json
import re
import sys


def unescape(text):
    raw = re.sub(rb"\\(\\|x([0-9a-fA-F]{2}))", lambda m: bytes([int(m[2], 16)]) if m[2] else b"\\", text)
    return raw.decode("utf-8", "replace")


def scalar(kind, text):
    if kind in ("time", "interval", "double"):
        return float(text)
    if kind in ("count", "int", "port"):
        return int(text)
    if kind == "bool":
        return text == b"T"
    return unescape(text)


def convert(lines, out):
    sep, set_sep, empty, unset, fields, types = b"\t", b",", b"(empty)", b"-", [], []
    for line in lines:
        line = line.rstrip(b"\n")
        if line.startswith(b"#separator"):
            sep = unescape(line[len(b"#separator"):].strip()).encode()
            continue
        if line.startswith(b"#"):
            name, _, rest = line.partition(sep)
            if name == b"#set_separator":
                set_sep = rest
            elif name == b"#empty_field":
                empty = rest
            elif name == b"#unset_field":
                unset = rest
            elif name == b"#fields":
                fields = rest.split(sep)
            elif name == b"#types":
                types = rest.decode().split(sep.decode())
            continue
        row = {}
        for name, kind, cell in zip(fields, types, line.split(sep)):
            many = re.fullmatch(r"(set|table|vector)\[(.*)\]", kind)
            if cell == unset:
                continue
            if many:
                parts = [] if cell == empty else cell.split(set_sep)
                row[name.decode()] = [scalar(many[2], p) for p in parts]
            else:
                row[name.decode()] = "" if cell == empty else scalar(kind, cell)
        out.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    convert(sys.stdin.buffer, sys.stdout)
