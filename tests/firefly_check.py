# SPDX-License-Identifier: BSD-2-Clause
"""Fireflies of a recording against the rules of their standard, by a validator that is not ours.

usage: firefly_check.py SKBOX RECORDING

Lines that begin with "ok" or "not ok", for tests/check_firefly.sh.
"""
import copy
import json
import re
import socket
import subprocess
import sys
import threading

import jsonschema

skbox, recording = sys.argv[1:]
COMMAND = [skbox, "json", "--shape", "firefly", "--experiment", "16", "--activity", "2"]
HEADER = re.compile(rb"^<134>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 \S+ skbox - firefly-json - (?=\{)")
with open("testdata/scitags/firefly.json", encoding="utf-8") as file:
    rules = json.load(file)
jsonschema.Draft202012Validator.check_schema(rules)
validator = jsonschema.Draft202012Validator(rules, format_checker=jsonschema.FormatChecker(["ipv4", "ipv6"]))


def verdict(name, wrong):
    print(f"not ok {name}: {wrong}" if wrong else f"ok {name}")


def run(*options):
    done = subprocess.run([*COMMAND, *options, recording], capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def faults(flies):
    found = [error.message for fly in flies for error in validator.iter_errors(fly)]
    return "none was made" if not flies else found and found[0]


def life(flies):
    """A start, ongoing ones, an end; times and counters only grow."""
    flows, ends = {}, 0
    for fly in flies:
        cycle, usage = fly["flow-lifecycle"], fly["usage"]
        key = json.dumps(fly["flow-id"])
        last = flows.get(key)
        if (cycle["state"] == "start") != (last is None):
            return f"{cycle['state']} is out of turn"
        if last and (cycle["start-time"] != last[0]["start-time"] or cycle["current-time"] < last[0]["current-time"]
                     or usage["sent"] < last[1]["sent"] or usage["received"] < last[1]["received"]):
            return f"it goes back: {cycle} {usage} after {last}"
        flows[key] = (cycle, usage)
        if cycle["state"] == "end":
            ends += 1
            if not cycle["start-time"] <= cycle["end-time"] <= cycle["current-time"]:
                return f"{cycle}"
            del flows[key]
    return None if ends else "no flow has an end"


def spoiled(fly):
    """Copies that break one rule each."""
    for path, value in (("version", 2), ("flow-lifecycle/state", "over"), ("flow-lifecycle/start-time", ""),
                        ("flow-lifecycle/end-time", None), ("flow-id/dst-port", 0), ("flow-id/afi", "ipv6"),
                        ("flow-id/src-ip", "10.0.0.256"), ("flow-id/cookie", 1), ("context", None),
                        ("context/activity-id", "2"), ("usage/sent", 1.5), ("usage/lost", 1), ("netlink", [])):
        bad, *inner = copy.deepcopy(fly), *path.split("/")
        at = bad
        for key in inner[:-1]:
            at = at[key]
        at[inner[-1]] = value
        if value is None:
            del at[inner[-1]]
        yield path, bad


def send(*options):
    """What arrives when they are sent, and what is said of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(0.3)
        datagrams = []

        def receive(ends):
            while True:
                try:
                    datagrams.append(collector.recv(65536))
                except TimeoutError:
                    if ends.is_set():
                        return

        ends = threading.Event()
        reader = threading.Thread(target=receive, args=(ends,))
        reader.start()
        where = f"127.0.0.1:{collector.getsockname()[1]}"
        done = subprocess.run([*COMMAND, "--udp", where, *options, recording], capture_output=True, check=True)
        ends.set()
        reader.join()
    return datagrams, done.stdout.decode(), done.stderr.decode()


def compare(datagrams, flies):
    if len(datagrams) != len(flies):
        return f"{len(datagrams)} datagrams of {len(flies)} fireflies"
    for datagram, fly in zip(datagrams, flies):
        if not HEADER.match(datagram):
            return f"its header: {datagram[:90]}"
        if json.loads(HEADER.sub(b"", datagram)) != fly:
            return "another one arrived"
        if fly["flow-lifecycle"]["current-time"].encode() != datagram.split()[1]:
            return "the header has another time"
    return None


full, lean, ext = run(), run("--lean"), run("--ext")
for name, flies in (("whole", full), ("lean", lean), ("with ext", ext)):
    verdict(f"{len(flies)} fireflies, {name}, keep the rules", faults(flies))
verdict("each flow has a start, then others, then an end", life(full))
end = next(fly for fly in full if fly["flow-lifecycle"]["state"] == "end")
accepted = [path for path, bad in spoiled(end) if validator.is_valid(bad)]
verdict("the rules refuse what breaks them", accepted)

flowd = [skbox, "json", "--shape", "flowd", "--states", "all", recording]
documents = subprocess.run(flowd, capture_output=True, check=True).stdout.splitlines()
documents = {json.dumps(json.loads(line)) for line in documents}
other = [fly for fly in full if json.dumps(fly["netlink"]) not in documents]
verdict("netlink is the whole document of --shape flowd", other and other[0])
short = [fly for fly in lean if not set(fly["netlink"]) <= {"tcpInfo", "cong"}]
verdict("netlink of a lean one is a part of it", short and short[0])

sent, printed, said = send()
verdict("each is a datagram with its header", compare(sent, full) or printed)
longest = max(map(len, sent))
told = f"note: {len(sent)} of {len(sent)} fireflies are longer than one packet holds (1472 bytes; the longest has {longest})"
verdict("what does not fit into a packet is told", None if longest > 1472 and told in said else said or "nothing was said")
sent, printed, said = send("--lean")
verdict("a lean one fits", compare(sent, lean) or said or (max(map(len, sent)) > 1472 and "it does not"))
