#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of event files, written after formats/FORMAT.md: it holds the manual against the code.

usage: format_reader.py FILE.skbx <JSON-LINES    compares it with what "skbox json" says
It reads whole files, and checks every number that the manual gives along the way. Needs zstd(1).
"""
import base64, ipaddress, json, struct, subprocess, sys, zlib

I32, I64, BOOL, STR, BYTES, LIST, ADDR, MAC, UFID, RAW = 5, 6, 7, 8, 9, 10, 3, 4, 5, 6


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), "too short"
        self.at += n
        return self.data[self.at - n:self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def left(self):
        return len(self.data) - self.at


def unzigzag(v):
    return (v >> 1 ^ -(v & 1)) % (1 << 64)


def zigzag(v):
    return (v << 1) % (1 << 64) ^ (v >> 63) * ((1 << 64) - 1)


def layout(c, kind, n):
    if kind == 0:
        return [c.varint()] * n
    if kind == 1:
        return [c.varint() for _ in range(n)]
    if kind == 7:
        return shifted(c, n)
    width, there = c.byte(), [1] * n
    if kind == 3:
        bits = c.take((n + 7) // 8)
        there = [bits[i // 8] >> i % 8 & 1 for i in range(n)]
    values = iter(planes(c, width, sum(there)))
    return [next(values) if t else 0 for t in there]


def planes(c, width, n):
    assert width <= 8
    rows = [c.take(n) for _ in range(width)]
    return [sum(p[i] << 8 * k for k, p in enumerate(rows)) for i in range(n)]


def shifted(c, n):
    how, zeros, width = c.take(3)
    low = how & 7
    bits = int.from_bytes(c.take((n * low + 7) // 8), "little")
    assert how < 32 and zeros < 64
    values = [v << low | bits >> i * low & (1 << low) - 1 for i, v in enumerate(planes(c, width, n))]
    if how & 8:
        values = [v << 1 | how >> 4 for v in values]
    return [zigzag((unzigzag(v) << zeros) % (1 << 64)) for v in values]


class Events:
    """What predictions look at: for each event of a block."""

    def __init__(self, n):
        self.groups, self.times, self.packets = [0] * n, [0] * n, None
        self.flows = self.lengths = self.tasks = None

    def has_packets(self, values, flows, lengths):
        last, newest, self.packets = {}, -1, []
        for g, v in zip(self.groups, values):
            newest += v == 1
            assert v < newest + 3 and newest < len(flows)
            last[g] = newest - max(v - 2, 0) if v else last.get(g)
            self.packets.append(last[g])
        self.flows = [p if p is None else flows[p] for p in self.packets]
        self.lengths = [0 if p is None else lengths[p] for p in self.packets]


def predicted(prediction, diffs, rows, events, base):
    """rows: the event of each."""
    out, last, alike, first = [], {}, {}, base
    for row, diff in zip(rows, diffs):
        g = 0 if not events else events.tasks[row] if prediction == 6 else events.groups[row]
        key = None
        if prediction < 2:
            before = 0 if prediction == 0 else out[-1] if out else base
        elif g in last:
            before = last[g]
        else:
            before = events.times[row] if events and prediction == 3 else first
            if prediction == 4 and events and events.flows:
                key = events.flows[row]
                before = alike.get(key, first)
            elif prediction == 5 and events and events.lengths:
                key = min(events.lengths[row], 4095)
                before = alike.get(key, events.lengths[row])
        value = (before + unzigzag(diff)) % (1 << 64)
        if g not in last:
            first = value
            if key is not None:
                alike[key] = value
        last[g] = value
        out.append(value)
    return out


def split(c, rows, events, by_flow):
    """Layouts 5 and 6: the rows by kind, each kind in a layout of its own."""
    kinds, groups, flows = [], set(), set()
    for row in rows:
        g, f = events.groups[row], events.flows[row] if by_flow else 0
        kinds.append(2 if g in groups else 1 if not by_flow or f in flows else 0)
        if g not in groups and f is not None:
            flows.add(f)
        groups.add(g)
    parts = [iter(layout(c, inner(c), kinds.count(k))) if by_flow or k else () for k in range(3)]
    return [next(parts[k]) for k in kinds]


def inner(c):
    kind = c.byte()
    assert kind in (0, 1, 2, 3, 7)
    return kind


def column(c, n, rows=None, events=None, base=0):
    head, distinct, rows = c.byte(), None, range(n) if rows is None else rows
    if head == 4:
        count, head = c.varint(), c.byte()
        assert 1 <= count <= n and head >> 4 == 1
        distinct = predicted(1, layout(c, head & 15, count), range(count), None, 0)
        head, base = c.byte(), 0
    kind = head & 15
    diffs = split(c, rows, events, kind == 6) if kind in (5, 6) else layout(c, kind, n)
    values = predicted(head >> 4, diffs, rows, events, base)
    return [distinct[v] for v in values] if distinct else values


def few_packets(c, lengths, usual):
    out = []
    for i, d in enumerate(column(c, len(lengths))):
        held = usual if d > i else out[i - d] if d else b""
        m = min(lengths[i], len(held), 80)
        mask = c.take((m + 7) // 8)
        head = bytes(c.byte() if mask[k // 8] >> k % 8 & 1 else held[k] for k in range(m))
        out.append(head + c.take(lengths[i] - m))
    return out


def packets(c, usual):
    """The packets, and the flow of each (or nothing)."""
    count = c.varint()
    lengths, how = column(c, count), c.varint()
    if how == 255:
        return few_packets(c, lengths, usual), []
    kinds = how in (253, 254)
    h = c.varint() if kinds else how
    out, same, newest = [bytearray(n) for n in lengths], [], {}
    for i, n in enumerate(lengths):
        same.append(newest.get(min(n, 4095)))
        newest[min(n, 4095)] = i
    refs = column(c, count) if h else []
    flows = refs if how == 253 else []
    if flows:
        last, refs = {}, []
        for i, f in enumerate(flows):
            assert f <= len(last)
            refs.append(i - last.get(f, i))
            last[f] = i
    for k in range(h if kinds else 0):
        for i in range(count):
            if not refs[i] and k < lengths[i]:
                out[i][k] = c.byte()
    for k in range(h):
        kind = c.byte() if kinds else 1
        assert kind < 4 + (how == 253)
        for i in range(count):
            if k < lengths[i] and (refs[i] or not kinds):
                held = [i - refs[i], i - refs[i], i - 1, None, same[i]][kind]
                known = refs[i] and held is not None and k < lengths[held]
                out[i][k] = (out[held][k] if known else 0) + (c.byte() if kind else 0) & 255
    for i, n in enumerate(lengths):
        out[i][h:] = c.take(max(0, n - h))
    return [bytes(p) for p in out], flows


def strings_and_shapes(c):
    lengths = [c.varint() for _ in range(c.varint())]
    strings = [c.take(n) for n in lengths]
    shapes = [dict((c.varint(), c.varint()) for _ in range(c.varint())) for _ in range(c.varint())]
    return strings, shapes


def as_json(s, base):
    """What a string is in JSON: by its base."""
    if base == ADDR and len(s) in (4, 16):
        return str(ipaddress.ip_address(s))
    if base == UFID and len(s) == 16:
        a, b, c, d = struct.unpack("<4I", s)
        return f"{a:08x}-{b >> 16:04x}-{b & 65535:04x}-{c >> 16:04x}-{c & 65535:04x}{d:08x}"
    if base in (ADDR, UFID, RAW):
        return base64.b64encode(s).decode()
    return s.hex(":") if base == MAC else s.decode(errors="replace")


class File:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = data = f.read()
        unpacked = subprocess.run(["zstd", "-dcq"], input=data, stdout=-1, check=True).stdout
        self.contents, self.names, self.fields, self.blocks = Cursor(unpacked), {}, {}, []
        self.key, self.frames, at = ([], [], {}), [(64, 0)], 64
        assert struct.unpack_from("<II", data) == (0x184D2A59, 56)
        assert data[8:16] == b"skbx\r\n\x1a\n" and data[16:24] == b"\1\0\1\0\0\0\0\0"
        assert zlib.crc32(data[:60]) == struct.unpack_from("<I", data, 60)[0]
        while data[at:at + 4] == b"\x5a\x2a\x4d\x18":
            at += self.read_block(at)
        c = Cursor(data[at:])
        assert struct.unpack("<II", c.take(8)) == (0x184D2A5E, 8 * len(self.frames) + 9)
        assert all(struct.unpack("<II", c.take(8)) == frame for frame in self.frames)
        assert struct.unpack("<IBI", c.take(9)) == (len(self.frames), 0, 0x8F92EAB1)
        assert not c.left() and not self.contents.left()

    def read_block(self, at):
        size = struct.unpack_from("<I", self.data, at + 4)[0] + 8
        head = self.data[at:at + size]
        crc, kind, zero, file_id, data_crc = struct.unpack_from("<IBB8sI", head, 8)
        assert zlib.crc32(head[:8] + bytes(4) + head[12:]) == crc
        assert zero == 0 and file_id == self.data[24:32]
        c = Cursor(head[26:])
        number, offset, length, raw, key = (c.varint() for _ in range(5))
        events, _kernel, _diag, first, _span, _lost = (c.varint() for _ in range(6))
        while c.left():
            c.byte()
            c.take(c.varint())
        assert (number, offset) == (len(self.blocks), at)
        assert zlib.crc32(self.data[at + size:at + size + length]) == data_crc
        c = Cursor(self.contents.take(raw))
        self.blocks.append((kind, key, events, first, c))
        self.frames += [(size, 0), (length, raw)]
        if kind in (3, 4):
            c.take(c.varint())
            self.read_schema(Cursor(c.take(c.varint())))
        return size + length

    def read_schema(self, c):
        for _ in range(c.varint() if c.left() else 0):
            section = c.byte()
            self.names[section] = c.take(c.byte()).decode()
            for _ in range(c.byte()):
                number, kind, _unit, base = c.take(4)
                self.fields[section << 6 | number - 1] = kind, base, c.take(c.byte()).decode()

    def events(self):
        newest = 0
        for kind, key, events, first, c in self.blocks:
            assert kind not in (1, 2) or c.byte() == 1
            if kind == 2:
                strings, shapes = strings_and_shapes(c)
                usual, newest = {}, key
                while c.left():
                    field, value = c.varint(), c.varint()
                    usual[field] = c.take(value) if field == 3 else unzigzag(value)
                self.key = strings, shapes, usual
            elif kind == 1:
                assert key in (0, newest) and c.varint() == events
                yield from self.decode(c, events, self.key if key else ([], [], {}), first)

    def decode(self, c, n, key, first):
        strings, shapes = (a + b for a, b in zip(key, strings_and_shapes(c)))
        columns = {}
        while c.left():
            number = c.varint()
            assert (number == 2 or columns) and number not in columns
            columns[number] = Cursor(c.take(c.varint()))
        events, known = [shapes[s] for s in column(columns[2], n)], Events(n)
        newest = -1
        for i, g in enumerate(column(columns[1], n) if 1 in columns else []):
            newest += g == 1
            known.groups[i] = newest if g == 1 else newest - (g - 2) if g else known.groups[i - 1]
        blobs, flows = packets(columns[3], key[2].get(3, b"")) if 3 in columns else ([], [])
        if 4 in columns:
            known.has_packets(column(columns[4], n), flows, [len(b) for b in blobs])
        out = [{self.names[s]: {} for s in sorted(e)} for e in events]
        cpus, threads = [0] * n, [0] * n
        for field in sorted(self.fields):
            kind, base, name = self.fields[field]
            rows = [i for i, e in enumerate(events) if e.get(field >> 6, 0) >> (field & 63) & 1]
            usual = 0 if kind == LIST else first if field == 64 else key[2].get(field, 0)
            values = [usual] * len(rows)
            if field == (7 << 6 | 2) and known.packets:
                assert field not in columns
                values = [known.packets[i] for i in rows]
            if field in columns:
                c = columns[field]
                known.tasks = list(zip(cpus, threads))
                values = column(c, len(rows), rows, known, usual)
                items = iter(column(c, sum(values)) if kind == LIST else ())
                values = [[next(items) for _ in range(v)] for v in values] if kind == LIST else values
                assert not c.left()
            for i, v in zip(rows, values):
                for number, of in ((64, known.times), (65, cpus), (67, threads)):
                    of[i] = v if field == number else of[i]
                if kind == LIST:
                    v = [as_json(strings[s], base) for s in v]
                elif kind in (STR, BYTES):
                    v = as_json((strings if kind == STR else blobs)[v], base)
                elif kind in (I32, I64):
                    v -= v >> 63 << 64
                out[i][self.names[field >> 6]][name] = bool(v) if kind == BOOL else v
        return out


def main():
    events = list(File(sys.argv[1]).events())
    wanted = [json.loads(line) for line in sys.stdin]
    for i, (event, other) in enumerate(zip(events, wanted)):
        if event != other:
            sys.exit(f"event {i}: {event}\nwanted: {other}")
    print(f"{len(events)} events, {len(wanted)} wanted")
    sys.exit(len(events) != len(wanted) or not events)


if __name__ == "__main__":
    main()
