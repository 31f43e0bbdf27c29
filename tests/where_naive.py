#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares `skbox json -w EXPR` with a naive evaluation of what `skbox json` prints.

usage: where_naive.py SKBOX COUNT SEED FILE...

The expressions are random, the same for the same seed: trees of comparisons with fields and values that
the events have, or nearly have. They are evaluated here as trees, so the analyzer's parser is checked
as well as its evaluation. Packet headers are decoded here a second time, from the bytes.
"""
import base64, ipaddress, json, random, re, struct, subprocess, sys

RECORDS = {"startup", "host", "clock", "iface", "nsinfo", "probe", "dropname", "loss", "snapset", "total", "finish", "sockstat"}
ALIASES = {  # of a socket beside a packet, and of one in a snapshot
    "sock.cwnd": ["sock.cwnd", "tcpinfo.snd_cwnd"],
    "sock.srtt": ["sock.srtt", "tcpinfo.rtt"],
    "sock.state": ["sock.state", "diag.state"],
    "sock.retransmits": ["sock.retransmits", "tcpinfo.total_retrans"],
    "sock.pacing_rate": ["sock.pacing_rate", "tcpinfo.pacing_rate"],
    "sock.ca": ["sock.ca", "cong.algorithm"],
    "sock.dport": ["diag.dport"],
    "sock.dst": ["diag.dst"],
}
STATES = ["", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT",
          "LAST-ACK", "LISTEN", "CLOSING"]
GROUPS = {"drop": ["skb-drop"], "ct": ["ct", "ct.parent"], "dev": ["dev"], "nft": ["nft"], "track": ["skb-tracking"],
          "sock": ["sock", "diag"], "tcp": "tcp.sport", "udp": "udp.sport", "arp": "arp.op", "ip": "ip.version",
          "icmp6": "icmp6.type"}
FLAGS = "FSRP.UEWe"


ADDRESSES = {p + d for p in ("ct.orig.", "ct.reply.", "ct.parent.orig.", "ct.parent.reply.") for d in ("src", "dst")}


def address(what):
    """An IPv4 address that is mapped into IPv6 is an IPv4 address."""
    a = ipaddress.ip_address(what)
    return a.ipv4_mapped or a if a.version == 6 else a


# ---- packets, once more ----

def transport(h, proto, p, length):
    if proto == 6:
        if len(p) >= 2: h["tcp.sport"] = p[0] << 8 | p[1]
        if len(p) >= 4: h["tcp.dport"] = p[2] << 8 | p[3]
        if len(p) >= 8: h["tcp.seq"] = struct.unpack_from(">I", p, 4)[0]
        if len(p) >= 12: h["tcp.ack"] = struct.unpack_from(">I", p, 8)[0]
        if len(p) >= 14:
            word = struct.unpack_from(">H", p, 12)[0]
            h["tcp.flags"] = word & 0x1FF
            header = (word >> 12) * 4
            if length is not None and length >= header >= 20: h["tcp.len"] = length - header
        if len(p) >= 16: h["tcp.win"] = struct.unpack_from(">H", p, 14)[0]
    elif proto == 17:
        for i, name in enumerate(("udp.sport", "udp.dport", "udp.len")):
            if len(p) >= 2 * i + 2: h[name] = struct.unpack_from(">H", p, 2 * i)[0]
    elif proto in (1, 58):
        name = "icmp" if proto == 1 else "icmp6"
        if len(p) >= 1: h[name + ".type"] = p[0]
        if len(p) >= 2: h[name + ".code"] = p[1]
    elif proto == 132:
        if len(p) >= 2: h["sctp.sport"] = p[0] << 8 | p[1]
        if len(p) >= 4: h["sctp.dport"] = p[2] << 8 | p[3]


def ipv4(h, p):
    if not p or p[0] >> 4 != 4 or p[0] & 15 < 5: return
    h["ip.version"] = 4
    for name, at, size in (("ip.tos", 1, 1), ("ip.len", 2, 2), ("ip.id", 4, 2), ("ip.ttl", 8, 1), ("ip.proto", 9, 1)):
        if len(p) >= at + size: h[name] = int.from_bytes(p[at:at + size], "big")
    if len(p) >= 8: h["ip.offset"] = ((p[6] << 8 | p[7]) & 0x1FFF) * 8
    if len(p) >= 16: h["ip.src"] = ipaddress.ip_address(p[12:16])
    if len(p) >= 20: h["ip.dst"] = ipaddress.ip_address(p[16:20])
    header = (p[0] & 15) * 4
    if len(p) >= header and h["ip.offset"] == 0:
        transport(h, p[9], p[header:], h["ip.len"] - header if h["ip.len"] else None)


def ipv6(h, p):
    if len(p) < 7 or p[0] >> 4 != 6: return
    h["ip.version"] = 6
    h["ip.tos"] = (p[0] << 8 | p[1]) >> 4 & 255
    payload = p[4] << 8 | p[5]
    h["ip.len"] = payload + 40
    if len(p) >= 8: h["ip.ttl"] = p[7]
    if len(p) >= 24: h["ip.src"] = address(p[8:24])
    if len(p) >= 40: h["ip.dst"] = address(p[24:40])
    proto, rest, length = p[6], p[40:], payload or None
    h["ip.proto"] = proto
    if len(p) < 40: return
    while proto in (0, 43, 44, 60):
        if len(rest) < 8: return
        size = 8 if proto == 44 else 8 + rest[1] * 8
        if proto == 44:
            h["ip.offset"] = (rest[2] << 8 | rest[3]) & 0xFFF8
            h["ip.id"] = struct.unpack_from(">I", rest, 4)[0]
            if h["ip.offset"]:
                h["ip.proto"] = rest[0]
                return
        if len(rest) < size: return
        proto, rest = rest[0], rest[size:]
        h["ip.proto"] = proto
        length = length - size if length is not None and length >= size else None
    transport(h, proto, rest, length)


def headers(ev):
    packet = ev.get("packet", {})
    p = base64.b64decode(packet.get("packet.data", ""))
    h = {}
    if not p or "packet.linktype" in packet: return h
    if "packet.protocol" in packet:
        kind = packet["packet.protocol"]
    else:
        if len(p) >= 6: h["eth.dst"] = p[:6].hex(":")
        if len(p) >= 12: h["eth.src"] = p[6:12].hex(":")
        if len(p) < 14: return h
        kind, p = p[12] << 8 | p[13], p[14:]
    tags = []
    while kind in (0x8100, 0x88A8, 0x9100):
        if len(p) < 4: return h
        tags.append(p[0] << 8 | p[1])
        h["vlan.id"] = [t & 0xFFF for t in tags[:2]]
        h["vlan.pcp"] = [t >> 13 for t in tags[:2]]
        kind, p = p[2] << 8 | p[3], p[4:]
    h["eth.type"] = kind
    if kind == 0x0800: ipv4(h, p)
    elif kind == 0x86DD: ipv6(h, p)
    elif kind == 0x0806:
        if len(p) >= 8: h["arp.op"] = p[6] << 8 | p[7]
        if p[2:6] == b"\x08\x00\x06\x04":
            if len(p) >= 18: h["arp.src"] = ipaddress.ip_address(p[14:18])
            if len(p) >= 28: h["arp.dst"] = ipaddress.ip_address(p[24:28])
    return h


# ---- events ----

class Event:
    def __init__(self, line, types):
        self.line = line
        self.json = json.loads(line)
        self.record = bool(RECORDS & set(self.json))
        self.v = {k: v if isinstance(v, list) else [v] for k, v in headers(self.json).items()}
        for section in self.json.values():
            for name, value in section.items():
                if name in ADDRESSES or types[name][2] == "addr":
                    try: value = address(value)
                    except ValueError: continue
                self.v[name] = value if isinstance(value, list) else [value]
        for name, other in (("vlan.id", "skb.vlan.vid"), ("vlan.pcp", "skb.vlan.pcp")):
            if other in self.v: self.v[name] = self.v.get(name, []) + self.v[other]
        for name, a, b in (("ip.addr", "ip.src", "ip.dst"), ("tcp.port", "tcp.sport", "tcp.dport"),
                           ("udp.port", "udp.sport", "udp.dport"), ("sctp.port", "sctp.sport", "sctp.dport")):
            both = self.v.get(a, []) + self.v.get(b, [])
            if both: self.v[name] = both
        sock = {name: [v for of in alias for v in self.v.get(of, [])] for name, alias in ALIASES.items()}
        for name, values in sock.items():
            self.v.pop(name, None)
            if values: self.v[name] = values

    def has(self, group):
        of = GROUPS[group]
        return of in self.v if isinstance(of, str) else any(s in self.json for s in of)


# ---- expressions: (text, function) ----

class Maker:
    def __init__(self, rng, events, types):
        self.rng, self.types = rng, types
        self.values = {}
        for ev in events:
            for name, values in ev.v.items():
                if name in types and types[name][0] == "bytes": continue
                self.values.setdefault(name, []).extend(values)
        self.names = sorted(n for n in self.values if types.get(n, ("",) * 3)[2] not in ("raw", "ufid", "mac"))

    def value(self, name):
        return self.rng.choice(self.values[name])

    def number(self, name, v):
        """v as a word: decimal, hexadecimal, with a unit, or by name."""
        unit = self.types.get(name, ("", "", ""))[1]
        words = [str(v)]
        if v >= 0: words += [hex(v)]
        if unit in ("us", "ns", "ms") and v >= 0:
            digits = {"us": 6, "ns": 9, "ms": 3}[unit]
            whole = v // 10 ** digits
            words += [f"{v}{unit}", f"{whole}.{v % 10 ** digits:0{digits}d}s"]
        if unit in ("bytes", "bytes/s") and v % 1024 == 0: words += [f"{v // 1024}K"]
        if unit == "bytes/s" and v * 8 % 1000 == 0: words += [f"{v * 8 // 1000}Kbit"]
        if unit in ("", "count", "segments") and v % 1000 == 0: words += [f"{v // 1000}K"]
        if name in ("sock.state", "diag.state") and 0 < v < 12: words += [STATES[v], STATES[v].lower().replace("-", "_")]
        if name == "tcp.flags": words += ["".join(c for i, c in enumerate(FLAGS) if v >> i & 1) or "none"]
        if name == "ip.proto" and v in (6, 17): words += ["TCP" if v == 6 else "udp"]
        return self.rng.choice(words)

    def string(self, v):
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]*", v) and self.rng.random() < 0.4: return v
        quote = self.rng.choice("\"'")
        return quote + v.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    def int_test(self, name):
        rng, v = self.rng, self.value(name)
        near = v + rng.choice((0, 0, 0, 1, -1, 7))
        near = min(max(near, 0), 2 ** 64 - 1) if v >= 0 else near
        op = rng.choice(("==", "!=", "<", "<=", ">", ">=", "=", "in", "range", "&"))
        word = self.number(name, near)
        if op == "!=": return f"{name} != {word}", lambda x: near not in x
        if op == "in":
            all_ = [near] + [self.value(name) for _ in range(rng.randrange(4))]
            return f"{name} in {{{', '.join(self.number(name, n) for n in all_)}}}", lambda x: any(i in all_ for i in x)
        if op == "range":
            to = max(near, self.value(name))
            # the dot of an ACK would run into the range's
            ends = [w if "." not in w else str(n) for w, n in ((word, near), (self.number(name, to), to))]
            return f"{name} in {'..'.join(ends)}", lambda x: any(near <= i <= to for i in x)
        if op == "&" and v >= 0:
            mask = rng.choice((1, 2, 0x10, 0x12, 0xFF))
            if rng.random() < 0.5: return f"{name} & {hex(mask)}", lambda x: any(i & mask for i in x)
            return f"{name}&{mask} == {v & mask}", lambda x: any(i & mask == v & mask for i in x)
        compare = {"<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}.get(op, int.__eq__)
        return f"{name} {'==' if op == '&' else op} {word}", lambda x: any(compare(i, near) for i in x)

    def text_test(self, name):
        rng, v = self.rng, self.value(name)
        op = rng.choice(("==", "!=", "~", "=~", "in"))
        at = rng.randrange(len(v) + 1)
        if op == "~":
            glob = v[:at] + rng.choice(("*", "?", "")) + v[at + rng.randrange(2):]
            pattern = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)
            return f"{name} ~ {self.string(glob)}", lambda x: any(re.fullmatch(pattern, i, re.S) for i in x)
        if op == "=~":
            part = "".join("\\" + c if c in ".[]{}()*+?|^$\\" else c for c in v[at // 2:at + 1])
            regex = rng.choice(("^" + part, part + "$", part, f"({part}|zzz)+", "^[a-z]+[_:0-9]"))
            return (f"{name} =~ \"" + regex.replace("\\", "\\\\").replace('"', '\\"') + '"',
                    lambda x: any(re.search(regex, i) for i in x))
        if op == "in":
            all_ = [v] + [self.value(name) for _ in range(rng.randrange(3))] + ["nothing"]
            return f"{name} in {{{','.join(map(self.string, all_))}}}", lambda x: any(i in all_ for i in x)
        if op == "!=": return f"{name} != {self.string(v)}", lambda x: v not in x
        return f"{name} == {self.string(v)}", lambda x: v in x

    def address_test(self, name):
        rng, v = self.rng, self.value(name)
        op = rng.choice(("==", "!=", "in", "net", "range"))
        if op == "net":
            net = ipaddress.ip_network((v, rng.randrange(v.max_prefixlen + 1)), strict=False)
            return f"{name} in {net}", lambda x: any(i.version == v.version and i in net for i in x)
        if op == "in":
            all_ = [v] + [self.value(name) for _ in range(rng.randrange(3))]
            return f"{name} in {{{', '.join(map(str, all_))}}}", lambda x: any(i in all_ for i in x)
        if op == "range":
            to = v + rng.randrange(5) if int(v) < 2 ** v.max_prefixlen - 5 else v
            return f"{name} in {v}..{to}", lambda x: any(i.version == v.version and v <= i <= to for i in x)
        if op == "!=": return f"{name} != {v}", lambda x: v not in x
        return f"{name} == {v}", lambda x: v in x

    def leaf(self):
        if self.rng.random() < 0.1:
            group = self.rng.choice(sorted(GROUPS))
            return self.rng.choice((group, f"exists({group})")), lambda ev: ev.has(group)
        name = self.rng.choice(self.names)
        v = self.values[name][0]
        if isinstance(v, bool):
            return name, lambda ev: True in ev.v.get(name, [])
        if self.rng.random() < 0.1:
            return self.rng.choice((name, f"exists( {name} )")), lambda ev: name in ev.v
        if isinstance(v, int): text, test = self.int_test(name)
        elif isinstance(v, str): text, test = self.mac_test(name) if name.startswith("eth.") else self.text_test(name)
        else: text, test = self.address_test(name)
        if " != " in text and not isinstance(v, bool):
            return text, lambda ev: name in ev.v and test(ev.v[name])
        return text, lambda ev: test(ev.v.get(name, []))

    def mac_test(self, name):
        v = self.value(name)
        if self.rng.random() < 0.5: return f"{name} == {v.upper()}", lambda x: v in x
        return f"{name} in {v}/24", lambda x: any(i[:8] == v[:8] for i in x)

    def tree(self, depth):
        """(text, function, how it binds: 0 or, 1 and, 2 not and the rest)"""
        rng = self.rng
        if depth == 0 or rng.random() < 0.3: return *self.leaf(), 2
        if rng.random() < 0.25:
            text, f, binds = self.tree(depth - 1)
            text = f"({text})" if binds < 2 or rng.random() < 0.2 else text
            return rng.choice(("!", "! ", "not ")) + text, lambda ev: not f(ev), 2
        binds = rng.randrange(2)
        parts = [self.tree(depth - 1) for _ in range(rng.randrange(2, 4))]
        texts = [f"({t})" if b <= binds and b < 2 and rng.random() < (1 if b < binds else 0.3) else t for t, _, b in parts]
        word = rng.choice((" && ", " and ", "&&") if binds else (" || ", " or ", "||"))
        functions = [f for _, f, _ in parts]
        how = all if binds else any
        return word.join(texts), lambda ev: how(f(ev) for f in functions), binds


def check_headers(skbox, path, events, headers):
    """Every header field of every packet, through --fields."""
    kinds = {h["name"]: h["kind"] for h in headers}
    rows = []
    for line in run(skbox, "json", "--fields", ",".join(kinds), path).stdout.splitlines():
        row = {name: v if isinstance(v, list) else [v] for name, v in json.loads(line).items()}
        rows.append({name: [address(i) if kinds[name] == "address" else i for i in v] for name, v in row.items()})
    expected = [row for row in ({n: ev.v[n] for n in kinds if n in ev.v} for ev in events) if row]
    wrong = [(n, e.get(n), r.get(n)) for e, r in zip(expected, rows) for n in kinds if e.get(n) != r.get(n)]
    for name, e, r in wrong[:5]: print(f"{path}: {name} is {e}, not {r}")
    if len(rows) != len(expected): print(f"{path}: {len(expected)} rows with headers expected, not {len(rows)}")
    return len(wrong) + abs(len(rows) - len(expected))


def run(*args):
    return subprocess.run(args, capture_output=True, text=True)


def main():
    skbox, count, seed, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    schema = json.loads(run(skbox, "schema", "--format", "json").stdout)
    types = {f["name"]: (f["type"], f["unit"], f["base"]) for s in schema["sections"] for f in s["fields"]}
    rng = random.Random(seed)
    wrong = matched = several = 0
    for path in files:
        lines = run(skbox, "json", path).stdout.splitlines()
        events = [Event(line, types) for line in lines]
        wrong += check_headers(skbox, path, events, schema["headers"])
        maker = Maker(rng, [ev for ev in events if not ev.record], types)
        for _ in range(count // len(files)):
            text, f, _ = maker.tree(rng.randrange(4))
            expected = [ev.line for ev in events if ev.record or f(ev)]
            got = run(skbox, "json", "-w", text, path)
            hits = sum(1 for ev in events if not ev.record and f(ev))
            matched += hits > 0
            several += 0 < hits < len(events)
            if got.returncode or got.stdout.splitlines() != expected:
                wrong += 1
                print(f"{path}: -w {text!r}: {len(expected)} rows expected, "
                      f"{len(got.stdout.splitlines())} shown; {got.stderr.strip()}")
    # expressions that match nothing would agree with anything
    if several * 3 < count:
        print(f"only {several} of {count} expressions match some of the events and not others")
        wrong += 1
    print(f"{count} expressions, {matched} match something, {wrong} wrong")
    return wrong > 0


sys.exit(main())
