#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files by somebody who means harm, read by the analyzer: how much memory and time they take, what is said of them.

usage: bounds.py SKBOX DIRECTORY      the files are made in DIRECTORY, one at a time

Each must end in time, within its stated limit of memory and 64 MiB, with the exit status that it deserves, in a few
lines that say what is wrong, and print none of the events that the file only pretends to have.
"""
import os
import resource
import struct
import subprocess
import sys
import threading
import time
import zlib

MIB = 1 << 20
OVER = 64 * MIB  # over the stated limits
LINE = 256 * MIB  # LINE_MAX_BYTES of analyze/source/source_retis.c
SECONDS = 20
LINES = 25  # 20 places are told, then that the others are counted, and how many


def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


# The file header of a real file, with its id: what it looks like is FORMAT.md's business, not this test's.
def real_header(path):
    with open(path, "rb") as f:
        return f.read(64)


def block(file_id, seq, offset, data, kind=1, key=0, events=1, packets=0, raw=None):
    rest = bytes([kind, 0]) + file_id + struct.pack("<I", zlib.crc32(data))
    for v in (seq, offset, len(data), len(data) if raw is None else raw, key, events, packets, 0, 1, 0, 0):
        rest += varint(v)
    front = struct.pack("<II", 0x184D2A5A, len(rest) + 4)
    crc = zlib.crc32(rest, zlib.crc32(front + b"\0\0\0\0"))
    return front + struct.pack("<I", crc) + rest + data


def zstd_raw(data):
    """A zstd frame that stores its bytes."""
    frame = struct.pack("<IBI", 0xFD2FB528, 0xA0, len(data))
    if not data:
        return frame + b"\1\0\0"
    for at in range(0, len(data), 1 << 17):
        piece = data[at : at + (1 << 17)]
        frame += struct.pack("<I", len(piece) << 3 | (at + len(piece) == len(data)))[:3] + piece
    return frame


def zstd_run(byte, length):
    """A zstd frame of one byte repeated, 128 KiB in four bytes."""
    out = [struct.pack("<IBB", 0xFD2FB528, 0, 0x38)]  # window 128 KiB, of no stated size
    blocks = length >> 17
    one = struct.pack("<I", (1 << 17) << 3 | 1 << 1)[:3] + byte
    out.append(one * (blocks - 1))
    out.append(struct.pack("<I", (1 << 17) << 3 | 1 << 1 | 1)[:3] + byte)
    return b"".join(out)


def run(words, path, piped):
    stdin = open(path, "rb") if piped else subprocess.DEVNULL
    start = time.monotonic()
    words = words + (["-"] if piped else [path])
    p = subprocess.Popen(words, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    killer = threading.Timer(3 * SECONDS, p.kill)
    killer.start()
    got = {}

    def read(name, file):
        # the begin, the end and how much: we are to stay small
        first, last, size = b"", b"", 0
        while piece := file.read1(65536):
            room = 65536 - len(first)
            first, last = first + piece[:room], (last + piece[room:])[-4096:]
            size += len(piece)
        got[name] = (first + last, size)

    reader = threading.Thread(target=read, args=("out", p.stdout))
    reader.start()
    read("err", p.stderr)
    reader.join()
    _, status, usage = os.wait4(p.pid, 0)
    killer.cancel()
    p.returncode = status
    code = os.waitstatus_to_exitcode(status)
    return code, got["out"][0], got["err"][0].decode(errors="replace"), usage.ru_maxrss * 1024, time.monotonic() - start


class Tests:
    def __init__(self, skbox, folder):
        self.skbox = skbox
        self.path = os.path.join(folder, "input")
        self.real = real_header("testdata/demo.skbx")
        self.id = self.real[24:32]

    def check(self, name, content, status, says, limit=0, empty=True, piped=(False, True)):
        """limit: bytes of memory that a stated limit allows; says: words of the message."""
        # by another process: a child's memory is counted from that of its parent on
        pid = os.fork()
        if not pid:
            with open(self.path, "wb") as f:
                made = content(f)
                if made:
                    f.write(made)
            os._exit(0)
        os.waitpid(pid, 0)
        worst, longest, wrong = 0, 0, None
        for words in (["print"], ["verify"]):
            for pipe in piped:
                code, out, err, memory, took = run([self.skbox] + words, self.path, pipe)
                worst, longest = max(worst, memory), max(longest, took)
                told = out.decode(errors="replace") + err if words == ["verify"] else err
                if code != status and not (code == 1 and words == ["verify"]):
                    wrong = f"{words[0]}: status {code}: {told[:300]}"
                elif memory > limit + OVER:
                    wrong = f"{words[0]}: {memory // MIB} MiB"
                elif took > SECONDS:
                    wrong = f"{words[0]}: {took:.1f} s"
                elif says not in told:
                    wrong = f"{words[0]} does not say '{says}': {told[:300]}"
                elif words == ["print"] and err.count("\n") > LINES:
                    wrong = f"{err.count(chr(10))} lines of messages"
                elif words == ["print"] and empty and out:
                    wrong = f"it printed {len(out)} bytes: {out[:100]!r}"
        os.unlink(self.path)
        if wrong:
            print(f"not ok {name}: {wrong}")
        else:
            print(f"ok {name}: {worst // MIB} MiB, {longest:.2f} s", flush=True)

    def blocks(self, *blocks):
        """A file of blocks, each given as a function of its number and its place."""
        out = [self.real]
        at = len(self.real)
        for i, make in enumerate(blocks):
            p = make(i, at)
            out.append(p)
            at += len(p)
        return b"".join(out)

    # ---- compressed ----

    def bombs(self):
        gib = 1 << 30
        self.check("1 GiB of one line, zstd", lambda f: zstd_run(b" ", gib), 2, "is neither")
        line = b'{"common":{"timestamp":1},"x":"'
        start = zstd_raw(line)
        self.check("1 GiB of one string, zstd", lambda f: start + zstd_run(b"a", gib), 3, "line", limit=LINE)

        def gzip(f):
            big = zlib.compressobj(1, zlib.DEFLATED, 31)
            f.write(big.compress(line))
            for _ in range(300):
                f.write(big.compress(b"a" * MIB))
            f.write(big.flush())

        self.check("300 MiB of one string, gzip", gzip, 3, "line", limit=LINE)
        # a window of 2 GiB: more than is allowed
        self.check("a zstd window of 2 GiB", lambda f: struct.pack("<IBB", 0xFD2FB528, 0, 21 << 3) + b"\1\0\0", 2, "zstd data")
        bomb = zstd_run(b"\0", 1 << 27)
        self.check("a block of 128 MiB that says 16",
                   lambda f: self.blocks(lambda i, at: block(self.id, i, at, bomb, raw=16 * MIB)), 3, "block", limit=32 * MIB)

    # ---- event files ----

    def many_blocks(self, f):
        """A million blocks of a few bytes that are no zstd frame."""
        f.write(self.real)
        at = len(self.real)
        for i in range(1000000):
            p = block(self.id, i, at, b"x")
            at += len(p)
            f.write(p)

    def forged(self, f):
        """An event whose packet is a whole event file, with the id and the place that this one has."""
        inner = self.real + block(self.id, 7, 99, zstd_raw(b"\0" * 200), events=100)
        frame = b"\2" * 12 + b"\x08\0" + inner
        pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        pcap += struct.pack("<IIII", 1, 0, len(frame), len(frame)) + frame
        given = self.path + ".pcap"
        with open(given, "wb") as out:
            out.write(pcap)
        made = self.path + ".skbx"
        subprocess.run([self.skbox, "cut", "--level=1", "-o", made, given], check=True, stderr=subprocess.DEVNULL)
        with open(made, "rb") as file:
            whole = bytearray(file.read())
        os.unlink(made)
        os.unlink(given)
        # the first block's header is damaged: the reader looks for the next one
        whole[64 + 12] ^= 1
        return bytes(whole)

    def event_files(self):
        none = zstd_raw(b"")
        self.check("a million tiny blocks", self.many_blocks, 3, "damaged")
        self.check("a block of 2^63 events", lambda f: self.blocks(lambda i, at: block(self.id, i, at, none, events=1 << 63)), 3, "")
        self.check("a block of 2^63 packets",
                   lambda f: self.blocks(lambda i, at: block(self.id, i, at, none, events=5, packets=1 << 63)), 3, "")
        self.check("a dictionary that is its own",
                   lambda f: self.blocks(lambda i, at: block(self.id, i, at, zstd_raw(b"\1\0\0\0"), key=i + 1)), 3, "block")
        self.check("dictionaries in a ring",
                   lambda f: self.blocks(*[lambda i, at: block(self.id, i, at, zstd_raw(b"\1\0\0\0"), kind=2, key=(i + 1) % 3 + 1)] * 3),
                   3, "")
        self.check("a file in a packet", self.forged, 3, "")

    # ---- other formats ----

    def others(self):
        self.check("JSON nested a million deep", lambda f: b"[" * 1000000 + b"]" * 1000000 + b"\n", 2, "neither")
        self.check("JSON nested a million deep in an event",
                   lambda f: b'{"common":{"timestamp":1},"x":' + b'{"a":' * 1000000 + b"1" + b"}" * 1000001 + b"\n", 3, "line 1",
                   limit=32 * MIB)
        self.check("a string of a million escapes",
                   lambda f: b'{"common":{"timestamp":1},"x":"' + b"\\u0000" * 1000000 + b'"}\n', 0, "", limit=32 * MIB, empty=False)
        head = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
        interface = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
        self.check("a pcapng of a million interfaces", lambda f: head + interface * 1000000, 3, "interfaces")
        named = struct.pack("<IIHHIHH252sI", 1, 276, 1, 0, 0, 2, 252, b"n" * 252, 276)
        self.check("60,000 interfaces with long names", lambda f: head + named * 60000, 0, "", limit=32 * MIB)
        packet = struct.pack("<IIIIIII", 6, 0x7FFFFFFC, 0, 0, 0, 0x7FFFFF00, 0x7FFFFF00)
        self.check("a packet block of 2 GiB", lambda f: head + interface + packet + b"\0" * 1000, 3, "")
        pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        self.check("a pcap packet of 4 GiB", lambda f: pcap + struct.pack("<IIII", 1, 0, 0xFFFFFFFF, 60) + b"\0" * 60, 3, "")


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    t = Tests(sys.argv[1], sys.argv[2])
    t.bombs()
    t.event_files()
    t.others()


main()
