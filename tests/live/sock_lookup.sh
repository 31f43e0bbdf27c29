#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What an event asks for: the full snapshot of the socket whose packet is dropped or sent again.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip lookups: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture || exit 1
a=skbox-look-a-$$ b=skbox-look-b-$$
work=$(mktemp -d)
server=
clean_up() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	ip netns del "$a" 2>/dev/null
	ip netns del "$b" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }

ip netns add "$a" && ip netns add "$b" || exit 1
ip -n "$a" link add name lka type veth peer name lkb netns "$b"
ip -n "$a" addr add 10.91.0.1/24 dev lka && ip -n "$a" link set lka up
ip -n "$b" addr add 10.91.0.2/24 dev lkb && ip -n "$b" link set lkb up
# what is sent while there is no answer is to be dropped at once, not to wait for ARP
mac=$(ip netns exec "$b" cat /sys/class/net/lkb/address)
ip -n "$a" neigh replace 10.91.0.2 lladdr "$mac" nud permanent dev lka || exit 1
nsenter --net="/run/netns/$b" python3 -c '
import socket
s = socket.create_server(("10.91.0.2", 7000))
print("ready", flush=True)
c = []
while True:
    c.append(s.accept()[0])' >"$work/server" &
server=$!
for _ in {1..100}; do
	grep -q ready "$work/server" && break
	sleep 0.05
done

# the host that the data goes to loses its address, so that it is sent again; then the device goes down, so that each
# try is dropped here
cat >"$work/traffic" <<-'END'
	import socket, subprocess, sys, time
	s = [socket.create_connection(("10.91.0.2", 7000)) for _ in range(8)]
	time.sleep(0.1)
	subprocess.check_call(["ip", "-n", sys.argv[1], "addr", "flush", "dev", "lkb"])
	for c in s:
	    c.send(b"lost")
	time.sleep(0.5)
	subprocess.check_call(["ip", "-n", sys.argv[1], "link", "set", "lkb", "down"])
	time.sleep(1.2)
END
record() { # ARGUMENT...
	ip -n "$b" addr replace 10.91.0.2/24 dev lkb && ip -n "$b" link set lkb up
	build/skbox-capture -o "$work/t.skbx" --force -p tp:tcp:tcp_retransmit_skb -p tp:skb:kfree_skb --netns "$a" "$@" \
		-- nsenter --net="/run/netns/$a" python3 "$work/traffic" "$b" 2>"$work/error"
	verdict "recorded $*" $? "$(tail -n 1 "$work/error")"
	build/skbox json "$work/t.skbx" >"$work/json"
}

record -c sock
python3 - "$work/json" "$(stat -L -c %i "/run/netns/$a")" >"$work/checked" 2>&1 <<'END'
import json, sys
events = {}
rows, stat = [], {}
for line in open(sys.argv[1]):
    e = {k: v for section in json.loads(line).values() for k, v in section.items()}
    # of this namespace: sockets that somebody left in another one go on sending, too
    if e.get("kernel.symbol") and e.get("sock.dport") == 7000 and e.get("netns.inum") == int(sys.argv[2]):
        kind = "retransmit" if e["kernel.symbol"] == "tcp:tcp_retransmit_skb" else "drop" if "drop.reason" in e else None
        if kind:
            events.setdefault((kind, e["time"]), e)
    if "snapshot.event" in e:
        rows.append(e)
    if "sockstat.from" in e:
        for k, v in e.items():
            if k.startswith("sockstat."):
                stat[k] = stat.get(k, 0) + v
assert len(events) >= 16, len(events)
last = {}
for r in sorted(rows, key=lambda r: r["snapshot.event"]):
    e = events[(r["snapshot.cause"], r["snapshot.event"])]
    # it may have got its cookie by the lookup
    assert e.get("sock.cookie", r["diag.cookie"]) == r["diag.cookie"], (e, r)
    assert (e["sock.src"], e["sock.sport"], e["sock.dst"]) == (r["diag.src"], r["diag.sport"], r["diag.dst"]), (e, r)
    assert r["tcpinfo.rto"] and r["diag.state"] in (1, 4) and "skmem.sndbuf" in r, r
    assert 0 <= r["time"] - e["time"] < 400000000, r["time"] - e["time"]
    # not more often than each 100 ms
    cookie = r["diag.cookie"]
    assert r["snapshot.event"] - last.get(cookie, -10**9) >= 10**8, (r["snapshot.event"], last)
    last[cookie] = r["snapshot.event"]
causes = {r["snapshot.cause"] for r in rows}
assert causes == {"drop", "retransmit"}, causes
assert len(last) == 8, len(last)
assert len(rows) == stat.get("sockstat.found"), (len(rows), stat)
again, suppressed = stat.get("sockstat.again", 0), stat.get("sockstat.suppressed", 0)
assert len(rows) + again + suppressed >= len(events), (len(rows), stat, len(events))
late = max(r["time"] - r["snapshot.event"] for r in rows) // 1000
print(len(events), "events,", len(rows), "snapshots, the latest", late, "us after its event")
END
status=$?
verdict "drops and retransmissions have their socket beside them: $(tail -n 1 "$work/checked")" $status "$(tail -n 1 "$work/checked")"
build/skbox print --format single-line "$work/t.skbx" | grep -q '^[0-9]* \[sock retransmit\] 10.91.0.1:[0-9]* 10.91.0.2:7000 ESTAB sk:'
verdict "print shows them" $? "none"

record -c sock --socket-lookups 3
found=$(grep -c '"snapshot.event"' "$work/json")
held=$(grep -o '"sockstat.suppressed":[0-9]*' "$work/json" | awk -F: '{ n += $2 } END { print n + 0 }')
[ "$found" -ge 1 ] && [ "$found" -le 9 ] && [ "$held" -ge 10 ]
verdict "three a second: $found snapshots, $held held back" $? "not as it should be"
record -c sock --socket-lookups 0
! grep -q '"snapshot.event"' "$work/json" && ! grep -q '"sockstat.again' "$work/json"
verdict "and none" $? "$(grep -m 1 '"snapshot.event"' "$work/json")"
