#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The part of the traffic of guest_protocols that no small program makes: SCTP, extension headers of IPv6,
datagrams that are answered by errors. It enters the namespaces by itself."""
import ctypes
import os
import socket
import struct
import threading

HERE, THERE = os.environ["here"], os.environ["there"]
V6 = "2a0d:3344:7711:9a21:5e6f:1b2c:8d3e"
WORDS = b"acme-payload-word " * 4
HOP, DST, ROUTE = 54, 59, 57  # IPV6_HOPOPTS, IPV6_DSTOPTS, IPV6_RTHDR of linux/in6.h


def enter(name):
    fd = os.open("/run/netns/" + name, os.O_RDONLY)
    if ctypes.CDLL(None).setns(fd, 0):
        raise SystemExit("no namespace " + name)
    os.close(fd)


def listen(family, address):
    s = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
    s.bind(address)
    s.listen(1)
    return s


def serve(listener):
    peer, _ = listener.accept()
    peer.sendall(peer.recv(1000))
    peer.close()


def send(family, address, *options):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.5)
        for option, value in options:
            s.setsockopt(socket.IPPROTO_IPV6, option, value)
        s.connect(address)
        try:
            s.send(WORDS)
            s.recv(100)
        except OSError:
            pass  # refused, or dropped


enter(THERE)
servers = [listen(socket.AF_INET, ("151.77.23.87", 9913)), listen(socket.AF_INET6, (f"{V6}:a7f3", 9914))]
sink = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sink.bind(("::", 7720))
enter(HERE)
for server in servers:
    thread = threading.Thread(target=serve, args=(server,), daemon=True)
    thread.start()
    with socket.socket(server.family, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as client:
        client.settimeout(10)
        client.connect(server.getsockname()[:2])
        client.sendall(WORDS)
        client.recv(1000)
    thread.join(10)
for port in 7707, 7711, 7712:  # dropped, rejected by nftables, closed
    send(socket.AF_INET, ("151.77.23.87", port))
    send(socket.AF_INET6, (f"{V6}:a7f3", port))
padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])
send(socket.AF_INET6, (f"{V6}:a7f3", 7720), (HOP, padding), (DST, padding))
home = bytes([0, 2, 1, 2, 0, 0, 0xC9, 16]) + socket.inet_pton(socket.AF_INET6, f"{V6}:b6e9")
send(socket.AF_INET6, (f"{V6}:a7f3", 7720), (DST, home))  # a home address, which is answered by an error
through = struct.pack(">BBBBI", 0, 2, 2, 1, 0) + socket.inet_pton(socket.AF_INET6, f"{V6}:a7f3")
for option in (ROUTE, through),:
    try:
        send(socket.AF_INET6, (f"{V6}:a7f3", 7720), option)
    except OSError:
        pass  # a kernel without Mobile IPv6 has no such header
