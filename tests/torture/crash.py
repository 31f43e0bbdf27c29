#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Damage, and what is left. Driven by tests/torture/crash:

crash.py kill N FILE SENT RECORD SKBOX PORT   kill -9 while a sender runs that logs nothing: its payloads say it
crash.py events FILE SKBOX                    what one file has: events, the newest stamp, what is wrong
crash.py cut N FILE SKBOX                     cut at random bytes
crash.py flip N FILE SKBOX                    single bits
Each prints lines for the log and a last one that begins with "result ".
"""
import base64, json, os, random, struct, subprocess, sys, time

PROBE = "net:net_dev_start_xmit"
PAYLOAD = 14 + 20 + 8
LATE_NS = 500_000_000


def rows(skbox, path, fields="time,kernel.symbol,packet.data"):
    run = subprocess.run([skbox, "json", "--fields", fields, path], capture_output=True)
    if run.returncode not in (0, 3):
        raise SystemExit(f"result exit status {run.returncode} at {path}: {run.stderr[-300:]}")
    return [json.loads(line) for line in run.stdout.splitlines()], run.returncode


def judge(skbox, path):
    """(events at the sender's end, newest stamp, what is wrong)"""
    seen, newest, wrong = set(), 0, []
    for row in rows(skbox, path)[0]:
        if row.get("kernel.symbol") != PROBE or "packet.data" not in row:
            continue
        data = base64.b64decode(row["packet.data"])[PAYLOAD:]
        seq, stamp, magic = struct.unpack_from("<QQ8s", data) if len(data) >= 24 else (0, 0, b"")
        if magic != b"skboxbst":
            wrong.append("a payload that nobody sent")
        elif seq in seen:
            wrong.append(f"number {seq} twice")
        elif not 0 <= row["time"] - stamp < 2_000_000_000:
            wrong.append(f"number {seq}: stamped {stamp}, seen {row['time']}")
        seen.add(seq)
        newest = max(newest, stamp)
    return seen, newest, wrong


def family(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout
    return [int(p) for p in out.split()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill(n, path, record, skbox, port):
    n, bad, oldest, total, remains, exits = int(n), [], 0, 0, 0, 0
    for i in range(n):
        if os.path.exists(path):
            os.unlink(path)
        options = ["--compat"] if i % 4 == 3 else []
        p = subprocess.Popen([record, "-o", path, "-f", f"udp dst port {port}", *options], stderr=subprocess.DEVNULL)
        while not (os.path.exists(path) and os.path.getsize(path)):
            if p.poll() is not None:
                raise SystemExit(f"result the recorder ended with {p.returncode}")
            time.sleep(0.005)
        begun = time.monotonic_ns()
        time.sleep(random.uniform(0.0, 1.5))
        others = family(p.pid)
        # the one that writes, mostly; or one of the others, and that one a moment later
        if i % 10 == 9 and others:
            os.kill(random.choice(others), 9)
        at = time.monotonic_ns()
        os.kill(p.pid, 9)
        p.wait()
        end = time.monotonic() + 5
        while any(alive(o) for o in others) and time.monotonic() < end:
            time.sleep(0.01)
        remains += sum(alive(o) for o in others)
        seen, newest, wrong = judge(skbox, path)
        if wrong:
            bad.append(f"run {i}: {wrong[0]}")
        # of what happened while it recorded, all but the last 500 ms
        age = at - newest if newest else at - begun
        if age > LATE_NS:
            bad.append(f"run {i}: the newest event is {age / 1e6:.0f} ms older than the kill")
        oldest = max(oldest, age)
        total += len(seen)
        verify = subprocess.run([skbox, "verify", path], capture_output=True)
        exits += verify.returncode == 3
        if verify.returncode not in (0, 3):
            bad.append(f"run {i}: verify ends with {verify.returncode}")
    for line in bad[:10]:
        print(line)
    print(f"kill: {n} times, {total} events, the newest at most {oldest / 1e6:.0f} ms older than the kill, "
          f"{exits} files with a block in part, {remains} processes left")
    print(f"result {len(bad)} {remains}")


def whole(skbox, path):
    """All rows, as text, in the order of the file; and the exit status."""
    run = subprocess.run([skbox, "json", "--shape", "skbox", path], capture_output=True)
    return [l for l in run.stdout.splitlines() if b'"loss.kind":"damaged' not in l], run.returncode, run.stderr


def spoil(what, n, path, skbox):
    data, bad, lost, worst = open(path, "rb").read(), [], 0, 0
    want, status, _ = whole(skbox, path)
    if status:
        raise SystemExit(f"result the file is not whole: {status}")
    place = {line: i for i, line in enumerate(want)}
    if len(place) != len(want):
        raise SystemExit("result rows of the file cannot be told apart")
    spoiled = f"/dev/shm/skbox-torture-{os.getpid()}"
    for i in range(int(n)):
        copy, at = bytearray(data), random.randrange(len(data))
        bit = random.randrange(8)
        if what == "cut":
            del copy[at:]
        else:
            copy[at] ^= 1 << bit
        with open(spoiled, "wb") as f:
            f.write(copy)
        got, status, err = whole(skbox, spoiled)
        where = f"{what} at {at}" + (f" bit {bit}" if what == "flip" else "")
        kept = [place.get(line, -1) for line in got]
        if status not in (0, 2, 3) or (status == 2 and got):
            bad.append(f"{where}: exit status {status}: {err[-200:]}")
        if -1 in kept:
            bad.append(f"{where}: a row that is not in the file: {got[kept.index(-1)][:200]}")
        missing = sorted(set(range(len(want))) - set(kept))
        lost += len(missing)
        worst = max(worst, len(missing))
        if what == "cut" and kept != list(range(len(kept))):
            bad.append(f"{where}: not the beginning of the file")
        if what == "flip" and missing and missing[-1] - missing[0] + 1 != len(missing):
            bad.append(f"{where}: more than one block is missing")
    if os.path.exists(spoiled):
        os.unlink(spoiled)
    for line in bad[:10]:
        print(line)
    print(f"{what}: {n} times, {len(want)} rows in {len(data)} bytes, {lost} rows lost in all, {worst} at most")
    print(f"result {len(bad)}")


def main():
    what = sys.argv[1]
    random.seed(int(os.environ.get("SEED", "0")) or None)
    if what == "kill":
        kill(*sys.argv[2:])
    elif what == "events":
        seen, newest, wrong = judge(sys.argv[3], sys.argv[2])
        print(f"result {len(seen)} {len(wrong)} {' '.join(wrong[:1])}")
    else:
        spoil(what, *sys.argv[2:])


main()
