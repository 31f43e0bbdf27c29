#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Searches what skbox anonymize wrote for everything that was in the original, in whatever form it can be got out:
text, JSON of every shape with its base64 decoded, packet files, the decompressed blocks and the bytes between them;
as text, as decimal and hexadecimal numbers, as bytes in both orders. And compares packets by tshark.

usage: anonymize_check.py SKBOX FOLDER PROTOCOLS RECORDING...
PROTOCOLS is testdata/anonymize/protocols.skbx, of which the addresses and names are known.
"""
import base64
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import anonymize_packets  # noqa: E402

skbox, folder, protocols, *recordings = sys.argv[1:]
SHAPES = ["skbox", "retis", "retis-1.6", "retis-classic", "flowd", "firefly"]


def verdict(name, problems):
    if problems:
        print("\n".join(str(p) for p in problems[:12]))
        print(f"not ok {name}: {len(problems)}, the first: {problems[0]}"[:300])
    else:
        print(f"ok {name}")


def run(*words, check=(0,), text=False):
    done = subprocess.run([skbox, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode not in check:
        raise SystemExit(f"skbox {' '.join(words)}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def anonymize(source, name, *options):
    path = os.path.join(folder, name)
    run("anonymize", "-o", path, *options, source)
    return path


def decoded(line):
    """Bytes of each base64 string of a line of JSON."""
    for word in re.findall(rb'"([A-Za-z0-9+/]{8,}={0,2})"', line):
        if len(word) % 4 == 0:
            try:
                yield base64.b64decode(word, validate=True)
            except ValueError:
                pass


def everything(path):
    """(where, bytes, whether they are text)"""
    for layout in "classic", "current":
        yield f"print -e {layout}", run("print", "-e", "--layout", layout, path), True
    for shape in SHAPES:
        words = ["json", "--shape", shape, path] + {"flowd": ["--ext"], "firefly": ["--experiment", "2", "--activity", "3"]}.get(shape, [])
        out = run(*words)
        yield f"json {shape}", out, True
        yield f"json {shape}, base64", b"\n".join(b"\n".join(decoded(line)) for line in out.splitlines()), False
    yield "info", run("info", "-v", path), True
    yield "stats", run("stats", path), True
    yield "sockets", run("sockets", "--all", path), True
    yield "sort", run("sort", path), True
    pcap = os.path.join(folder, "search.pcapng")
    run("pcap", "-o", pcap, path)
    with open(pcap, "rb") as f:
        yield "pcap", f.read(), False
    with open(path, "rb") as f:
        yield "the file", f.read(), False
    if path.endswith(".skbx"):
        blocks = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
        yield "decompressed blocks", blocks, False


def is_plain(address):
    """Whether its bytes are seldom enough to be looked for among numbers: 10.0.0.1 is anywhere."""
    return len(set(address)) > len(address) * 0.6 and address.count(0) < 2


def forms(kind, address):
    """(form, pattern) for text; (form, bytes) for bytes."""
    words = {anonymize_packets.text(kind, address)}
    data = []
    if is_plain(address):
        for order, b in ("be", address), ("le", address[::-1]):
            words |= {b.hex(), str(int.from_bytes(b, "big"))}
            data.append((order, b))
    return words, data


def search(path, addresses, names, numbers=()):
    found = []
    words, data = {}, []
    for kind, values in addresses.items():
        for address in set(values):
            as_text, as_bytes = forms(kind, address)
            words.update({w: f"{kind} {w}" for w in as_text})
            data += [(b, f"{kind} {address.hex()} {order}") for order, b in as_bytes]
    for number in numbers:
        words.update({w: f"number {number}" for w in (str(number), f"{number:x}", f"{number:016x}")})
        data += [(number.to_bytes(8, o), f"number {number} {o}") for o in ("little", "big")]
    data += [(n.encode(), f"name {n}") for n in names if len(n) > 4]
    words.update({n: f"name {n}" for n in names})
    for where, content, is_text in everything(path):
        for needle, what in data:
            if needle in content and not (is_text and needle.decode("latin1") in words):
                found.append(f"{what} in {where}")
        if is_text:
            tokens = set(re.findall(rb"[A-Za-z0-9_.:/@-]+", content))
            tokens |= {part for t in tokens for cut in (rb"[/@=]", rb"[/@=.]", rb":(?=\d+$)") for part in re.split(cut, t) if part}
            tokens |= {re.sub(rb"\.\d+$", b"", t) for t in tokens} | {re.sub(rb"^0x", b"", t) for t in tokens}
            found += [f"{words[t.decode('latin1')]} in {where}" for t in tokens if t.decode("latin1") in words]
    return found


# ---- packets of every protocol ----

FIELDS = """frame.len ip.version ip.hdr_len ip.len ip.id ip.flags ip.frag_offset ip.ttl ip.proto ipv6.plen ipv6.nxt ipv6.hlim tcp.srcport
tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.hdr_len tcp.window_size_value udp.srcport udp.dstport udp.length icmp.type icmp.code
icmpv6.type icmpv6.code sctp.srcport sctp.dstport sctp.chunk_type sctp.chunk_length sctp.verification_tag vlan.id arp.opcode vxlan.vni geneve.vni""".split()
SUMS = "ip.checksum.status tcp.checksum.status udp.checksum.status icmp.checksum.status icmpv6.checksum.status sctp.checksum.status igmp.checksum.status".split()
OPTIONS = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "sctp.checksum:CRC-32c",
           "-o", "tcp.analyze_sequence_numbers:FALSE", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]


def shark(path, fields):
    packets = os.path.join(folder, "shark.pcapng")
    run("pcap", "-o", packets, path)
    words = ["tshark", "-n", "-r", packets, "-T", "fields", "-E", "separator=|", *OPTIONS]
    for field in fields:
        words += ["-e", field]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [line.split("|") for line in done.stdout.decode().splitlines()]


def compare(names, before, after, fields):
    if len(before) != len(after) or len(before) != len(names):
        return [f"{len(before)} packets before, {len(after)} after, {len(names)} in all"]
    return [f"{name}: {field} was {b}, is {a}" for name, x, y in zip(names, before, after)
            for field, b, a in zip(fields, x, y) if a != b]


def check_packets():
    names, frames = zip(*anonymize_packets.packets())
    source = os.path.join(folder, "every.pcap")
    anonymize_packets.write_pcap(source, frames)
    key = os.path.join(folder, "key")
    with open(key, "wb") as f:
        f.write(b"the key of this test alone")
    cut = anonymize(source, "cut.skbx", "--key", key)
    whole = anonymize(source, "whole.skbx", "--key", key, "--keep", "payload")
    verdict(f"no address of {len(names)} packets is left", search(cut, anonymize_packets.ADDRESSES, ["secret-payload-word", "secret-switch-name"]))
    before = shark(source, ["frame.protocols"] + FIELDS + SUMS)
    after = shark(whole, ["frame.protocols"] + FIELDS + SUMS)
    here = [i for i, n in enumerate(names) if n != "lldp"]  # what is not IP is cut in any case
    pick = lambda rows: [rows[i] for i in here]  # noqa: E731
    verdict("tshark: the same protocols, lengths, flags and checksum validity with the payload",
            compare(pick(names), pick(before), pick(after), ["frame.protocols"] + FIELDS + SUMS))
    bad = sum("0" in [v for cell in row[-len(SUMS):] for v in cell.split(",")] for row in before)
    verdict("some of these checksums are wrong", [] if bad >= 6 else [f"{bad} are"])
    after = shark(cut, ["frame.protocols"] + FIELDS)
    some = [i for i, f in enumerate(FIELDS) if not f.startswith("sctp.chunk")]  # it shows whole chunks only
    verdict("tshark: the same lengths and flags without the payload",
            compare(names, [[r[1 + i] for i in some] for r in before], [[r[1 + i] for i in some] for r in after], [FIELDS[i] for i in some]))
    verdict("tshark: the same protocols up to the payload",
            [f"{n}: {b[0]} became {a[0]}" for n, b, a in zip(names, before, after)
             if (b[0] + ":").find(a[0] + ":") and (b[0] + ":").find(re.sub(":data$", "", a[0]) + ":")])
    again = anonymize(source, "again.skbx", "--key", key)
    verdict("one key, one mapping", [] if run("json", cut) == run("json", again) else ["another one"])
    other = anonymize(source, "other.skbx")
    verdict("no key, another mapping", [] if run("json", cut) != run("json", other) else ["the same"])


# ---- events with an address or a name in every field that Retis has ----

def events():
    """A Retis file, and what is secret in it: addresses, names, numbers."""
    a4 = [anonymize_packets.v4() for _ in range(10)]
    a6 = [anonymize_packets.v6() for _ in range(4)]
    m = [anonymize_packets.mac() for _ in range(2)]
    text = [anonymize_packets.text("ipv4", a) for a in a4]
    text6 = [anonymize_packets.text("ipv6", a) for a in a6]
    mac = [anonymize_packets.text("mac", a) for a in m]
    names = ["acme-wan7", "acme_proc", "acme_table", "acme_chain", "acme_target", "acme_rx_handler", "acme_mod", "alice", "acme-ctl", "acme-br0"]
    numbers = [0xFFFF88A1B2C3D4E5, 0xFFFF9A8B7C6D5E4F, 0xFFFFFFFFC0A1B2C3, 0xFFFF8D7E6F5A4B3C]
    head = {"timestamp": 5000000000, "smp_id": 2, "task": {"pid": 61616, "tgid": 61616, "comm": names[1]}}
    kernel = {"symbol": "udp_rcv", "probe_type": "kprobe", "stack_trace": [f"{names[5]}+0x1a [{names[6]}]", "tcp_v4_rcv+0xcc2", hex(numbers[2])]}
    track = {"orig_head": numbers[0], "timestamp": 5000000000, "skb": numbers[1]}

    def ip(src, dst):
        return {"src": src, "dst": dst, "version": "v6" if ":" in src else "v4"}

    def connection(*w):
        tcp = {"tcp": {"sport": 40000, "dport": 443}}
        return {"orig": {"ip": ip(w[0], w[1]), "proto": tcp}, "reply": {"ip": ip(w[2], w[3]), "proto": tcp}, "zone_id": 1, "zone_dir": "None",
                "proto_state": "ESTABLISHED", "ct_status": 0}

    flow = f"recirc_id(0),in_port({names[9]}),eth(src={mac[0]},dst={mac[1]}),eth_type(0x0800),ipv4(src={text[8]}/255.255.255.255,frag=no), actions:drop"
    ofp = f"table=0 priority=10,ip,nw_src={text[9]},ipv6_src={text6[3]}/64 actions=output:2"
    rows = [
        {"common": {"timestamp": 4000000000}, "startup": {
            "retis_version": "v1.7.0", "clock_monotonic_offset": {"sec": 1742309146, "nsec": 691042000},
            "cmdline": f"retis collect -o /home/{names[7]}/x.json -f 'host {text[0]} or net {text6[0]}/48' -- {names[8]} --{names[8]}",
            "machine": {"kernel_release": "6.12.0", "kernel_version": "#1 SMP PREEMPT", "hardware_name": "x86_64"}}},
        {"common": head, "kernel": kernel, "skb-tracking": track, "dev": {"name": names[0], "ifindex": 3}, "netns": {"cookie": 6789, "inum": 4026531851},
         "nft": {"table_name": names[2], "chain_name": names[3], "verdict": "jump", "table_handle": 2, "chain_handle": 165, "rule_handle": 169,
                 "policy": False, "verdict_chain_name": names[4]},
         "ct": {"state": "related", **connection(*text[:4]), "parent": connection(*text6[:3], text6[0])}},
        {"common": head, "kernel": kernel, "skb-tracking": track, "ovs": {
            "event_type": "action_execute", "action": "ct", "recirc_id": 1, "flags": 1, "zone_id": 0,
            "nat": {"dir": "src", "min_addr": text[4], "max_addr": text[5]}}},
        {"common": head, "kernel": kernel, "skb-tracking": track, "ovs": {
            "event_type": "flow_lookup", "flow": numbers[3], "sf_acts": numbers[3], "ufid": [3505598406, 1410107711, 1968575691, 1850862506],
            "n_mask_hit": 0, "n_cache_hit": 1, "dpflow": flow, "ofpflows": [ofp]}},
    ]
    path = os.path.join(folder, "events.json")
    with open(path, "w", encoding="utf8") as f:
        f.writelines(json.dumps(row) + "\n" for row in rows)
    return path, {"ipv4": a4[:6] + a4[8:], "ipv6": [a6[0], a6[1], a6[2], a6[3]], "mac": m}, names, numbers


def check_events():
    path, addresses, names, numbers = events()
    found = search(path, addresses, names, numbers)
    whole = [w for kind in addresses for w in (anonymize_packets.text(kind, a) for a in addresses[kind]) if not any(w in f for f in found)]
    whole += [n for n in names if not any(n in f for f in found)] + [n for n in numbers if not any(str(n) in f for f in found)]
    verdict("the search finds each of them where nothing was replaced", whole)
    result = anonymize(path, "events.skbx")
    verdict("no address, name or number of conntrack, nftables, Open vSwitch, stacks is left", search(result, addresses, names, numbers))


# ---- recordings ----

NAMES = {"task.comm", "dev.name", "iface.name", "nsinfo.name", "host.name", "host.boot_id", "diag.ifname", "nft.table", "nft.chain"}
NUMBERS = {"track.head", "track.skb"}
EVERYWHERE = re.compile(r"^(lo|swapper/.*|ksoftirqd/.*|migration/.*|rcu_.*|skbox-capture)$")


def originals(path):
    """Addresses, names and numbers of a recording, from its fields and from the headers of its packets."""
    addresses, names, numbers = {"ipv4": [], "ipv6": [], "mac": []}, set(), set()
    for line in run("json", path).splitlines():
        for section in json.loads(line).values():
            for field, value in section.items():
                if field in NAMES:
                    names.add(value)
                elif field in NUMBERS:
                    numbers.add(value)
                elif field == "iface.mac":
                    addresses["mac"].append(bytes.fromhex(value.replace(":", "")))
                elif field == "startup.cmdline":
                    names |= set(re.findall(r"--netns (\S+)", value)) | {w for w in value.split() if "/" in w}
    for line in run("print", "-e", "--no-sockets", path).decode().splitlines():
        addresses["mac"] += [bytes.fromhex(m.replace(":", "")) for m in re.findall(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", line)]
        for word in re.findall(r"(?<![\w.:])[0-9a-f.:]{7,}(?= >| tos| who|\b)", line):
            for candidate in word, word.rsplit(".", 1)[0]:
                try:
                    address = anonymize_packets.ipaddress.ip_address(candidate)
                except ValueError:
                    continue
                if not (address.is_loopback or address.is_multicast or address.is_unspecified):
                    addresses[f"ipv{address.version}"].append(address.packed)
    addresses["mac"] = [m for m in addresses["mac"] if not m[0] & 1 and any(m)]
    return addresses, {n for n in names if n and not EVERYWHERE.match(n)}, numbers


def check_recording(path):
    name = os.path.basename(path)
    addresses, names, numbers = originals(path)
    result = anonymize(path, "recording.skbx")
    total = sum(len(set(v)) for v in addresses.values()) + len(names) + len(numbers)
    images, _, _ = originals(result)
    for kind in addresses:  # another one may have got its place
        addresses[kind] = [a for a in set(addresses[kind]) if a not in images[kind]]
    verdict(f"{name}: none of {total} addresses, names and numbers is left", search(result, addresses, names, numbers))
    strip = lambda p: [len(s.split()) for s in run("print", "--format", "single-line", p).decode().splitlines()]  # noqa: E731
    verdict(f"{name}: as many events, of as many words", [] if strip(path) == strip(result) else ["they differ"])
    keep = anonymize(path, "recording.skbx", "--keep", "payload")
    before, after = (shark(p, FIELDS + SUMS) for p in (path, keep))
    verdict(f"{name}: tshark finds the same", compare(range(1, len(before) + 1), before, after, FIELDS + SUMS))


# ---- a recording of each protocol, of which everything is known ----

# As tests/vm/guest_protocols gave them, written down a second time: the search is to know nothing of the product.
NETWORK6 = "2a0d:3344:7711:9a21:5e6f:1b2c:8d3e:"
KNOWN = {
    "ipv4": ["151.77.23.41", "151.77.23.87", "143.91.37.41", "143.91.37.87", "139.61.201.41", "139.61.201.87", "145.83.119.41",
             "145.83.119.87", "147.53.29.61", "147.53.29.62", "147.53.29.63"],
    "ipv6": [NETWORK6 + "c1d5", NETWORK6 + "a7f3", NETWORK6 + "b6e9"],
    "mac": ["52:a4:91:c3:5e:17", "52:7d:38:e6:b9:2f"]}
KNOWN_NAMES = ["acme-branch", "acme-centre", "acme-wan7", "acme-lan3", "acme-wan7.7", "acme-lan3.7", "acme-vx41", "acme-vx87", "acme-gnv41",
               "acme-gnv87", "acme-lab-17", "acme_guard", "acme_input", "acme_nat", "acme_pre"]
PROTOCOLS = """ip:udp:vxlan:eth:ethertype:ip:tcp udp:vxlan:eth:ethertype:arp udp:geneve:eth:ethertype:ip:icmp udp:geneve:eth:ethertype:ipv6:icmpv6
ip:sctp ipv6:sctp ethertype:arp ethertype:ip:tcp ethertype:ipv6:tcp ip:udp ip:icmp:ip:udp ip:icmp:ip:icmp ipv6:icmpv6:ipv6:udp
ipv6:ipv6.hopopts:ipv6.dstopts:udp ipv6:ipv6.dstopts:udp ipv6:ipv6.routing:udp ipv6:ipv6.fraghdr""".split()
SEEN = {"options of IPv4": ("ip.hdr_len", lambda v: v > "20"), "neighbours asked for": ("icmpv6.type", lambda v: "135" in v.split(",")),
        "neighbours that answer": ("icmpv6.type", lambda v: "136" in v.split(",")), "INIT of SCTP": ("sctp.chunk_type", lambda v: v == "1"),
        "INIT ACK of SCTP": ("sctp.chunk_type", lambda v: v == "2"), "right sums of TCP": ("tcp.checksum.status", lambda v: v == "1"),
        "right sums of SCTP": ("sctp.checksum.status", lambda v: v == "1")}


def check_protocols(path):
    fields = ["frame.protocols"] + FIELDS + SUMS
    before = shark(path, fields)
    lack = [p for p in PROTOCOLS if not any(p in row[0] for row in before)]
    lack += [what for what, (field, test) in SEEN.items() if not any(test(row[fields.index(field)]) for row in before)]
    events = [json.loads(line) for line in run("json", path).splitlines()]
    lack += [s for s in ("ct", "nft", "sock", "diag", "skb_vlan", "nsinfo", "iface") if not any(s.replace("skb_vlan", "skb.vlan_accel") in e for e in events)]
    lack += ["NAT"] * all(e["ct"]["ct.orig.dst"] == e["ct"]["ct.reply.src"] for e in events if "ct" in e)
    verdict("the recording has each protocol", lack)

    known = {kind: [bytes.fromhex(a.replace(":", "")) if kind == "mac" else anonymize_packets.ipaddress.ip_address(a).packed for a in KNOWN[kind]]
             for kind in KNOWN}
    texts = [t for kind in KNOWN for t in KNOWN[kind]] + KNOWN_NAMES
    found = search(path, known, KNOWN_NAMES)
    verdict("the search finds each of its addresses and names before", [t for t in texts if not any(t in f or t.replace(":", "") in f for f in found)])
    key = os.path.join(folder, "key")
    for name, options in ("without payload", []), ("with it", ["--keep", "payload"]):
        result = anonymize(path, "protocols.skbx", "--key", key, *options)
        verdict(f"each protocol, {name}: none of them after", search(result, known, KNOWN_NAMES))
        parts = [f"a part of a name in {where}" for where, content, _ in everything(result) if re.search(rb"(?i)acme", content.replace(b"acme-payload-word", b""))]
        verdict(f"each protocol, {name}: no part of a name either", parts)
    verdict("each protocol: tshark finds the same protocols, lengths, flags and sums", compare(range(1, len(before) + 1), before, shark(result, fields), fields))
    # half of it by itself: the same addresses and names become the same
    half, first = os.path.join(folder, "half.skbx"), os.path.join(folder, "first.skbx")
    run("cut", "-o", half, "--count", "300", path)
    other = anonymize(half, "half-shared.skbx", "--key", key, "--keep", "payload")
    run("cut", "-o", first, "--count", "300", result)
    pick = lambda p: run("print", "-e", "--no-sockets", p)  # noqa: E731
    verdict("one key, one mapping in two files", [] if pick(other) == pick(first) != b"" else ["another one"])
    summary = os.path.join(folder, "bundle.skbx")
    run("bundle", "-f", "sctp or icmp6", "-o", summary, path)
    with open(summary + ".txt", "rb") as f:
        verdict("bundle: no name in its summary", re.findall(rb"acme[-_\w]*|151\.77\.\S*", f.read()))
    verdict("bundle: no address and no name", search(summary, known, KNOWN_NAMES))


check_packets()
check_events()
check_protocols(protocols)
for recording in recordings:
    check_recording(recording)
