#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares which packets our filters choose with which tcpdump and tshark choose.

usage: filter_peers.py SKBOX SEED [COUNT]

Makes a pcap of random packets (each at a second of its own, by which it is known), converts it to an
event file, and asks `skbox -f` and tcpdump COUNT (200) random pcap-filter expressions; then `skbox -w` and
`tshark -Y` the same questions in their own words. Prints "ok" and "not ok" lines as tests do.
"""
import ipaddress, os, random, struct, subprocess, sys, tempfile

PACKETS = 700
HOSTS4 = ["10.0.0.1", "10.0.0.2", "10.1.2.3", "192.168.7.1", "192.0.2.9", "224.0.0.251", "255.255.255.255"]
HOSTS6 = ["fe80::1", "2001:db8::1", "2001:db8:1::2", "ff02::1"]
PORTS = [22, 53, 80, 443, 5353, 8080, 40000, 65535]
MACS = ["52:54:00:12:34:56", "52:54:00:ab:cd:ef", "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb"]
VLANS = [1, 7, 100, 4094]


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


class Packets:
    def __init__(self, rnd):
        self.rnd = rnd

    def port(self):
        return self.rnd.choice(PORTS) if self.rnd.random() < 0.8 else self.rnd.randrange(1, 65536)

    def payload(self):
        return self.rnd.randbytes(self.rnd.choice((0, 0, 5, 40, 200)))

    def transport(self, v6):
        kind = self.rnd.choice(("tcp", "tcp", "tcp", "udp", "udp", "icmp", "sctp", "other"))
        data = self.payload()
        if kind == "tcp":
            flags = self.rnd.choice((0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x29))
            return 6, struct.pack(">HHIIBBHHH", self.port(), self.port(), self.rnd.getrandbits(32),
                                  self.rnd.getrandbits(32), 0x50, flags, self.rnd.getrandbits(16), 0, 0) + data
        if kind == "udp":
            # ports that no dissector takes: tshark's opinion about random payload is not the question
            return 17, struct.pack(">HHHH", self.port(), self.rnd.randrange(50000, 60000), 8 + len(data), 0) + data
        if kind == "icmp":
            # echo only: an error quotes a packet, in which tshark looks too
            return (58, struct.pack(">BBHHH", self.rnd.choice((128, 129)), 0, 0, 7, 1) + data) if v6 else \
                   (1, struct.pack(">BBHHH", self.rnd.choice((0, 8)), 0, 0, 7, 1) + data)
        if kind == "sctp":
            return 132, struct.pack(">HHII", self.port(), self.port(), self.rnd.getrandbits(32), 0) + \
                struct.pack(">BBHI", 10, 0, 8, 1)
        return 253, data  # for experiments, RFC 3692

    def ipv4(self):
        proto, body = self.transport(False)
        fragment = self.rnd.choice((0, 0, 0, 0x4000, 0x4000, 0x2000 | 8, 8))
        if fragment & 0x1FFF:
            proto, body = 253, self.rnd.randbytes(32)
        head = struct.pack(">BBHHHBBH", 0x45, self.rnd.choice((0, 0xB8)), 20 + len(body), self.rnd.getrandbits(16),
                           fragment, self.rnd.choice((1, 63, 64)), proto, 0)
        head += ipaddress.ip_address(self.rnd.choice(HOSTS4[:5])).packed + ipaddress.ip_address(self.rnd.choice(HOSTS4)).packed
        return 0x0800, head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body

    def ipv6(self):
        proto, body = self.transport(True)
        if self.rnd.random() < 0.15:  # hop-by-hop options: PadN
            proto, body = 0, struct.pack(">BBBB4x", proto, 0, 1, 4) + body
        return 0x86DD, struct.pack(">IHBB", 6 << 28 | self.rnd.getrandbits(20), len(body), proto, self.rnd.choice((1, 64, 255))) + \
            ipaddress.ip_address(self.rnd.choice(HOSTS6[:3])).packed + ipaddress.ip_address(self.rnd.choice(HOSTS6)).packed + body

    def arp(self):
        return 0x0806, struct.pack(">HHBBH", 1, 0x0800, 6, 4, self.rnd.choice((1, 2))) + \
            mac(MACS[0]) + ipaddress.ip_address(self.rnd.choice(HOSTS4[:5])).packed + bytes(6) + \
            ipaddress.ip_address(self.rnd.choice(HOSTS4[:5])).packed

    def frame(self):
        ethertype, body = self.rnd.choice((self.ipv4, self.ipv4, self.ipv4, self.ipv6, self.ipv6, self.arp))()
        for _ in range(self.rnd.choice((0, 0, 0, 0, 1, 1, 2))):
            body = struct.pack(">HH", self.rnd.choice(VLANS) | self.rnd.choice((0, 5)) << 13, ethertype) + body
            ethertype = 0x8100
        return mac(self.rnd.choice(MACS)) + mac(self.rnd.choice(MACS[:3])) + struct.pack(">H", ethertype) + body


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def primitive(r):
    host4, host6, port, vlan = r.choice(HOSTS4), r.choice(HOSTS6), r.choice(PORTS), r.choice(VLANS)
    way = r.choice(("", "src ", "dst "))
    return r.choice((
        "tcp", "udp", "icmp", "icmp6", "arp", "ip", "ip6", "sctp", "broadcast", "multicast", "ip multicast",
        f"{way}host {host4}", f"{way}host {host6}", f"ip {way}host {host4}", f"arp host {host4}", f"{way}net 10.0.0.0/8",
        f"{way}net 192.168.0.0 mask 255.255.0.0", f"{way}net 2001:db8::/32", f"{way}port {port}", f"tcp {way}port {port}",
        f"udp {way}port {port}", f"{way}portrange {port - 10}-{port}", f"ether {way}host {r.choice(MACS)}",
        f"ip proto {r.choice((6, 17, 132, 253))}", f"ip6 proto {r.choice((0, 6, 58))}", f"less {r.choice((60, 100, 200))}",
        f"greater {r.choice((60, 100, 200))}", f"tcp[tcpflags] & (tcp-{r.choice(('syn', 'ack', 'fin', 'rst', 'push'))}) != 0",
        "tcp[13] == 18", f"ip[8] < {r.choice((2, 64))}", "ip[6:2] & 0x1fff != 0", f"ip[0] & 0xf == {r.choice((5, 6))}",
        f"ip6[7] == {r.choice((64, 255))}", f"udp[4:2] > {r.choice((8, 20))}", f"len > {r.choice((64, 128))}",
        f"ether[12:2] == {r.choice((0x0800, 0x8100, 0x86dd))}", f"tcp[4:4] > {r.getrandbits(32)}", "tcp[tcpflags] == tcp-syn|tcp-ack",
        f"ether proto {r.choice((0x0806, 0x86dd))}", f"ip[12:4] == {int(ipaddress.ip_address(HOSTS4[0]))}"))


def expression(r, depth=0):
    roll = r.random()
    if depth >= 3 or roll < 0.35:
        return primitive(r)
    if roll < 0.5:
        return f"not ({expression(r, depth + 1)})"
    return f"({expression(r, depth + 1)}) {r.choice(('and', 'or'))} ({expression(r, depth + 1)})"


def vlan_expression(r):
    """`vlan` moves what follows by four bytes, so it stands first."""
    text = r.choice(("vlan", f"vlan {r.choice(VLANS)}", f"vlan and vlan {r.choice(VLANS)}"))
    return text + r.choice(("", f" and ({expression(r, 2)})"))


QUESTIONS = [  # of -w, and of tshark -Y
    ("tcp.port == 443", "tcp.port == 443"),
    ("udp.port in {53, 5353}", "udp.port in {53, 5353}"),
    ("ip.src == 10.0.0.1", "ip.src == 10.0.0.1"),
    ("ip.dst == 2001:db8::1", "ipv6.dst == 2001:db8::1"),
    ("ip.addr in {10.0.0.0/8}", "ip.addr == 10.0.0.0/8"),
    ("ip.src in {2001:db8::/32} || ip.dst in {2001:db8::/32}", "ipv6.addr == 2001:db8::/32"),
    ("tcp.flags & SYN != 0 && tcp.flags & ACK == 0", "tcp.flags.syn == 1 && tcp.flags.ack == 0"),
    ("tcp.flags & RST != 0", "tcp.flags.reset == 1"),
    ("tcp.len > 0", "tcp.len > 0"),
    ("tcp.win < 1000", "tcp.window_size_value < 1000"),
    ("tcp.seq > 0x80000000", "tcp.seq_raw > 0x80000000"),
    ("vlan.id == 100", "vlan.id == 100"),
    ("exists(arp)", "arp"),
    ("arp.op == 2", "arp.opcode == 2"),
    ("icmp6 && icmp6.type == 128", "icmpv6.type == 128"),
    ("icmp.type == 8", "icmp.type == 8"),
    ("tcp && ip.version == 6", "tcp && ipv6"),
    ("ip.proto == 132", "ip.proto == 132 || (ipv6 && sctp)"),
    ("udp && !(udp.port == 53)", "udp && !(udp.port == 53)"),
    ("eth.src == 52:54:00:12:34:56", "eth.src == 52:54:00:12:34:56"),
    ("eth.dst == ff:ff:ff:ff:ff:ff", "eth.dst == ff:ff:ff:ff:ff:ff"),
    ("packet.len > 200", "frame.len > 200"),
    ("ip.ttl == 1", "ip.ttl == 1 || ipv6.hlim == 1"),
    ("ip && !(tcp || udp)", "(ip || ipv6) && !(tcp || udp)"),
]


def main():
    skbox, seed = sys.argv[1], int(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    rnd = random.Random(seed)
    work = tempfile.TemporaryDirectory()
    pcap, skbx = os.path.join(work.name, "packets.pcap"), os.path.join(work.name, "packets.skbx")
    makes = Packets(rnd)
    with open(pcap, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for second in range(1, PACKETS + 1):
            frame = makes.frame()
            out.write(struct.pack("<IIII", second, 0, len(frame), len(frame)) + frame)
    subprocess.run([skbox, "cut", pcap, "-o", skbx], check=True)

    def ours(option, expr):
        p = subprocess.run([skbox, "print", "--fields", "time", option, expr, skbx], capture_output=True, text=True)
        if p.returncode:
            return p.stderr.strip()
        return [int(line) // 1000000000 for line in p.stdout.split()[1:]]

    def of_tcpdump(expr):
        p = subprocess.run(["tcpdump", "-r", pcap, "-w", "-", expr], capture_output=True)
        if p.returncode:
            return p.stderr.decode().strip()
        seconds, at = [], 24
        while at < len(p.stdout):
            second, _, kept, _ = struct.unpack_from("<IIII", p.stdout, at)
            seconds.append(second)
            at += 16 + kept
        return seconds

    def of_tshark(expr):
        p = subprocess.run(["tshark", "-n", "-r", pcap, "-Y", expr, "-T", "fields", "-e", "frame.number",
                            "-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"], capture_output=True, text=True)
        return [int(line) for line in p.stdout.split()] if not p.returncode else p.stderr.strip()

    differ = some = asked = 0
    while asked < count:
        expr = vlan_expression(rnd) if rnd.random() < 0.1 else expression(rnd)
        theirs = of_tcpdump(expr)
        if isinstance(theirs, str):
            continue  # what libpcap refuses is no question ("expression rejects all packets")
        asked += 1
        some += 0 < len(theirs) < PACKETS
        if ours("-f", expr) != theirs:
            differ += 1
            print(f"-f {expr!r}: ours {ours('-f', expr)}, tcpdump's {theirs}")
    print(f"{'ok' if not differ and some > count / 2 else 'not ok'} -f chooses what tcpdump chooses: {asked} expressions, "
          f"{some} of them some packets and not all, {differ} differ")
    differ = empty = 0
    for expr, theirs in QUESTIONS:
        a, b = ours("-w", expr), of_tshark(theirs)
        empty += not b
        if a != b:
            differ += 1
            print(f"-w {expr!r}: ours {a}, tshark's {b}")
    print(f"{'ok' if not differ and not empty else 'not ok'} -w chooses what tshark -Y chooses: {len(QUESTIONS)} questions, "
          f"{differ} differ, {empty} choose nothing")


main()
