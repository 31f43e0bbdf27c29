# SPDX-License-Identifier: BSD-2-Clause
"""Packets with an address at every place where a protocol has one. ADDRESSES lists them."""
import ipaddress
import random
import struct

chance = random.Random(20261122)
ADDRESSES = {"ipv4": [], "ipv6": [], "mac": []}


def v4():
    address = bytes([131 + chance.randrange(35)] + [chance.randrange(17, 250) for _ in range(3)])
    ADDRESSES["ipv4"].append(address)
    return address


def v6(head="2a0d"):
    address = bytes.fromhex(head) + bytes(chance.randrange(17, 250) for _ in range(16 - len(head) // 2))
    ADDRESSES["ipv6"].append(address)
    return address


def mac():
    address = bytes([0x52] + [chance.randrange(17, 250) for _ in range(5)])
    ADDRESSES["mac"].append(address)
    return address


def csum(data, start=0):
    data += b"\0" * (len(data) % 2)
    total = start + sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return ~crc & 0xFFFFFFFF


def eth(ethertype, payload, tags=()):
    head = mac() + mac()
    for tpid, vid in tags:
        head += struct.pack(">HH", tpid, vid)
    return head + struct.pack(">H", ethertype) + payload


def ip4(proto, payload, src=None, dst=None, options=b"", wrong=0, fragment=0, total=None):
    """payload: bytes, or a function of the pseudo header."""
    src, dst = src or v4(), dst or v4()
    final = getattr(ip4, "final", None) or dst
    if callable(payload):
        payload = payload(lambda n: sum(struct.unpack(">4H", src + final)) + proto + n)
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, total or 20 + len(options) + len(payload), 7, fragment, 64, proto, 0)
    check = (csum(head + src + dst + options) + wrong) & 0xFFFF
    return head[:10] + struct.pack(">H", check) + src + dst + options + payload


def ip6(proto, payload, src=None, dst=None, extensions=b"", first=None, final=None, home=None):
    src, dst = src or v6(), dst or v6()
    if callable(payload):
        payload = payload(lambda n: sum(struct.unpack(">16H", (home or src) + (final or dst))) + proto + n)
    return struct.pack(">IHBB", 6 << 28, len(extensions) + len(payload), first if extensions else proto, 64) + src + dst + extensions + payload


def tcp(data=b"", options=b"", wrong=0, sport=40000, dport=9911):
    def make(pseudo):
        head = struct.pack(">HHIIBBHHH", sport, dport, 1, 2, (5 + len(options) // 4) << 4, 0x18, 501, 0, 0) + options
        check = (csum(head + data, pseudo(len(head + data))) + wrong) & 0xFFFF
        return head[:16] + struct.pack(">H", check) + head[18:] + data
    return make


def udp(data, dport=9912, wrong=0, none=False):
    def make(pseudo):
        head = struct.pack(">HHHH", 40001, dport, 8 + len(data), 0)
        check = 0 if none else (csum(head + data, pseudo(len(head + data))) + wrong) & 0xFFFF or 0xFFFF
        return head[:6] + struct.pack(">H", check) + data
    return make


def icmp(kind, code, rest, wrong=0):
    data = struct.pack(">BBH", kind, code, 0) + rest
    return data[:2] + struct.pack(">H", (csum(data) + wrong) & 0xFFFF) + data[4:]


def icmp6(kind, code, rest):
    def make(pseudo):
        data = struct.pack(">BBH", kind, code, 0) + rest
        return data[:2] + struct.pack(">H", csum(data, pseudo(len(data)))) + data[4:]
    return make


def sctp(chunks, wrong=0):
    head = struct.pack(">HHI", 40002, 9913, 0x1234)
    return head + struct.pack("<I", crc32c(head + b"\0" * 4 + chunks) ^ wrong) + chunks


def chunk(kind, value, flags=3):
    return struct.pack(">BBH", kind, flags, 4 + len(value)) + value + b"\0" * (-len(value) % 4)


def ns_option(kind, value):
    return bytes([kind, (len(value) + 2) // 8]) + value


def group6():
    return v6("ff05")


def multicast(payload6):
    group = payload6[24:40]
    return b"\x33\x33" + group[12:] + mac() + b"\x86\xdd" + payload6


def packets():
    """(name, frame, whether tshark finds the same with the payload kept)"""
    words = b"GET /secret-payload-word HTTP/1.1\r\n"
    timestamps = bytes.fromhex("0101080a0102030405060708")
    fast = bytes([34, 10]) + bytes(chance.randrange(17, 250) for _ in range(8)) + b"\1\1"
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1)
    yield "arp", eth(0x0806, arp + mac() + v4() + mac() + v4())
    yield "vlan arp", eth(0x8100, struct.pack(">HH", 77, 0x0806) + arp + mac() + v4() + mac() + v4())
    yield "tcp", eth(0x0800, ip4(6, tcp(words, timestamps)))
    yield "tcp, wrong sum", eth(0x0800, ip4(6, tcp(words, timestamps, wrong=5)))
    yield "tcp, fast open", eth(0x0800, ip4(6, tcp(words, fast)))
    yield "ip, wrong sum", eth(0x0800, ip4(6, tcp(b"x"), wrong=9))
    yield "qinq udp", eth(0x88A8, struct.pack(">HHHH", 5, 0x8100, 6, 0x0800) + ip4(17, udp(words)))
    yield "udp, no sum", eth(0x0800, ip4(17, udp(words, none=True)))
    yield "udp, wrong sum", eth(0x0800, ip4(17, udp(words, wrong=1)))
    yield "padding", eth(0x0800, ip4(17, udp(b"x")) + b"\0" * 17)
    record = bytes([7, 11, 12]) + v4() + v4() + b"\0"
    stamps = bytes([68, 12, 13, 1]) + v4() + b"\0\0\0\1"
    yield "ip options", eth(0x0800, ip4(17, udp(words), options=record + stamps))
    route = v4()
    ip4.final = route
    yield "source route", eth(0x0800, ip4(17, udp(words), options=bytes([131, 7, 4]) + route + b"\0"))
    ip4.final = None
    yield "icmp echo", eth(0x0800, ip4(1, icmp(8, 0, b"\0\1\0\2" + words)))
    yield "icmp, wrong sum", eth(0x0800, ip4(1, icmp(8, 0, b"\0\1\0\2" + words, wrong=3)))
    yield "icmp unreachable", eth(0x0800, ip4(1, icmp(3, 3, b"\0" * 4 + ip4(17, udp(words)))))
    quoted = ip4(6, tcp(words))[:28]
    yield "icmp exceeded", eth(0x0800, ip4(1, icmp(11, 0, b"\0" * 4 + quoted)))
    yield "icmp redirect", eth(0x0800, ip4(1, icmp(5, 1, v4() + ip4(17, udp(words))[:28])))
    yield "router advertisement", eth(0x0800, ip4(1, icmp(9, 0, bytes([2, 2, 0, 60]) + v4() + b"\0\0\0\1" + v4() + b"\0\0\0\2")))
    yield "igmp", eth(0x0800, ip4(2, icmp(0x16, 0, v4()), dst=bytes([224, 0, 0, 22])))
    yield "igmp3", eth(0x0800, ip4(2, icmp(0x22, 0, b"\0\0\0\1\4\0\0\2" + v4() + v4() + v4()), dst=bytes([224, 0, 0, 22])))
    yield "tcp6", eth(0x86DD, ip6(6, tcp(words, timestamps)))
    yield "udp6", eth(0x86DD, ip6(17, udp(words)))
    yield "link-local", eth(0x86DD, ip6(17, udp(words), src=v6("fe80000000000000"), dst=v6("fd5e")))
    yield "solicitation", multicast(ip6(58, icmp6(135, 0, b"\0" * 4 + v6() + ns_option(1, mac())), dst=v6("ff0200000000000000000001ff")))
    yield "advertisement", eth(0x86DD, ip6(58, icmp6(136, 0, b"\x60\0\0\0" + v6() + ns_option(2, mac()))))
    prefix = v6()[:8] + b"\0" * 8
    options = ns_option(1, mac()) + ns_option(3, struct.pack(">BBIII", 64, 0xC0, 60, 30, 0) + prefix) + ns_option(25, b"\0\0\0\0\0\x3c" + v6() + v6())
    yield "router", eth(0x86DD, ip6(58, icmp6(134, 0, b"\x40\0\0\x3c" + b"\0" * 8 + options), dst=bytes.fromhex("ff02" + "00" * 13 + "01")))
    inner = ip6(17, udp(b"12345678"))
    yield "redirect", eth(0x86DD, ip6(58, icmp6(137, 0, b"\0" * 4 + v6() + v6() + ns_option(4, b"\0" * 6 + inner))))
    yield "unreachable", eth(0x86DD, ip6(58, icmp6(1, 4, b"\0" * 4 + ip6(17, udp(words)))))
    alert = bytes.fromhex("3a00050200000100")
    yield "mld", multicast(ip6(58, icmp6(131, 0, b"\0" * 4 + group6()), dst=group6(), extensions=alert, first=0))
    yield "mld2", eth(0x86DD, ip6(58, icmp6(143, 0, b"\0\0\0\1\4\0\0\1" + group6() + v6()), dst=bytes.fromhex("ff02" + "00" * 13 + "16"), extensions=alert, first=0))
    last = v6()
    yield "route 0", eth(0x86DD, ip6(17, udp(words), extensions=bytes([17, 4, 0, 1, 0, 0, 0, 0]) + v6() + last, first=43, final=last))
    last = v6()
    yield "route 4", eth(0x86DD, ip6(17, udp(words), extensions=bytes([17, 4, 4, 1, 1, 0, 0, 0]) + last + v6(), first=43, final=last))
    home = v6()
    yield "home address", eth(0x86DD, ip6(17, udp(words), extensions=bytes([17, 2, 1, 2, 0, 0, 0xC9, 16]) + home, first=60, home=home))
    yield "first fragment", eth(0x86DD, ip6(17, udp(words), extensions=bytes([17, 0, 0, 1, 0, 0, 0, 9]), first=44))
    yield "later fragment", eth(0x86DD, ip6(17, words, extensions=bytes([17, 0, 0, 64, 0, 0, 0, 9]), first=44))
    yield "vxlan", eth(0x0800, ip4(17, udp(struct.pack(">II", 8 << 24, 42 << 8) + eth(0x0800, ip4(6, tcp(words))), dport=4789)))
    yield "vxlan, wrong within", eth(0x86DD, ip6(17, udp(struct.pack(">II", 8 << 24, 42 << 8) + eth(0x86DD, ip6(6, tcp(words, wrong=2))), dport=4789)))
    geneve = bytes([2, 0]) + struct.pack(">HI", 0x6558, 42 << 8) + struct.pack(">HBB", 0x0102, 3, 1) + v4()
    yield "geneve", eth(0x0800, ip4(17, udp(geneve + eth(0x0800, ip4(17, udp(words))), dport=6081)))
    short = bytes([1]) + geneve[1:]  # options that are longer than they say: what is behind is an odd Ethernet header
    yield "geneve, short", eth(0x0800, ip4(17, udp(short + eth(0x0800, ip4(17, udp(words))), dport=6081)))
    yield "gre", eth(0x0800, ip4(47, struct.pack(">HH", 0, 0x0800) + ip4(6, tcp(words))))
    yield "ipip", eth(0x0800, ip4(4, ip4(6, tcp(words))))
    yield "6in4", eth(0x0800, ip4(41, ip6(6, tcp(words))))
    init = struct.pack(">IIHHI", 9, 65536, 2, 2, 7)
    addresses = struct.pack(">HH", 5, 8) + v4() + struct.pack(">HH", 6, 20) + v6()
    yield "sctp init", eth(0x0800, ip4(132, sctp(chunk(1, init + addresses, 0))))
    yield "sctp data", eth(0x0800, ip4(132, sctp(chunk(0, struct.pack(">IHHI", 1, 2, 3, 0) + words) + chunk(0, struct.pack(">IHHI", 2, 2, 4, 0) + words))))
    yield "sctp, wrong sum", eth(0x86DD, ip6(132, sctp(chunk(0, struct.pack(">IHHI", 1, 2, 3, 0) + words), wrong=0x1111)))
    yield "esp", eth(0x0800, ip4(50, struct.pack(">II", 77, 1) + words))
    lldp = b"\x02\x07\x04" + mac() + b"\x04\x03\x05p1" + b"\x06\x02\0\x78" + b"\x0a\x12secret-switch-name" + b"\0\0"
    yield "lldp", eth(0x88CC, lldp)


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            out.write(struct.pack("<IIII", 1795299032, i * 1000, len(frame), len(frame)) + frame)


def text(kind, address):
    if kind == "mac":
        return ":".join(f"{b:02x}" for b in address)
    return str(ipaddress.ip_address(address))
