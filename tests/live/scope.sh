#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --scope: packets and sockets of one namespace, or of one cgroup, and of nobody else.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip scope: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture || exit 1
a=skbox-scope-a-$$ b=skbox-scope-b-$$
work=$(mktemp -d)
cgroup=
clean_up() {
	ip netns del "$a" 2>/dev/null
	ip netns del "$b" 2>/dev/null
	[ -z "$cgroup" ] || rmdir "$cgroup" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
inside() { nsenter --net="/run/netns/$a" "$@"; }
events() { # FILTER...
	build/skbox print --format single-line --no-sockets "$work/t.skbx" "$@" | grep -c ' \[tp\] '
}

ip netns add "$a" && ip netns add "$b" || exit 1
ip -n "$a" link add name sca type veth peer name scb netns "$b"
ip -n "$a" addr add 10.92.0.1/24 dev sca && ip -n "$a" link set sca up && ip -n "$a" link set lo up
ip -n "$b" addr add 10.92.0.2/24 dev scb && ip -n "$b" link set scb up
inum=$(stat -L -c %i "/run/netns/$a")
# each side knows the other's address, so that nothing but the traffic is on the link
inside ping -c 1 -W 2 10.92.0.2 >/dev/null

cat >"$work/traffic" <<-'END'
	import socket, sys, time
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	for i in range(50):
	    s.sendto(b"datagram", (sys.argv[1], int(sys.argv[2])))
	    time.sleep(0.002)
END
probes=(-p tp:net:netif_receive_skb -p tp:net:net_dev_start_xmit -p tp:sock:inet_sock_set_state)
datagrams="udp port 5001 and dst host 10.92.0.2"

# ---- a namespace: 50 datagrams leave it, and arrive in another one
build/skbox-capture -o "$work/t.skbx" "${probes[@]}" -- nsenter --net="/run/netns/$a" python3 "$work/traffic" 10.92.0.2 5001 2>"$work/error"
[ "$(events -f "$datagrams")" = 100 ]
verdict "the whole host: 50 datagrams, seen in two namespaces" $? "$(events -f "$datagrams") events; $(tail -n 1 "$work/error")"
build/skbox-capture -o "$work/t.skbx" --force --scope netns --netns "$a" "${probes[@]}" -- nsenter --net="/run/netns/$a" python3 "$work/traffic" 10.92.0.2 5001 2>"$work/error"
[ "$(events -f "$datagrams")" = 50 ] && [ "$(events)" = "$(events -w "netns.inum == $inum")" ]
verdict "--scope netns --netns: one of them" $? "$(events) events; $(tail -n 1 "$work/error")"
grep -qE ', [1-9][0-9]* filtered, ' "$work/error"
verdict "and the rest is counted" $? "$(tail -n 1 "$work/error")"
inside build/skbox-capture -o "$work/t.skbx" --force --scope netns "${probes[@]}" -- python3 "$work/traffic" 10.92.0.2 5001 2>"$work/error"
[ "$(events -f "$datagrams")" = 50 ] && [ "$(events)" = "$(events -w "netns.inum == $inum")" ]
verdict "--scope netns: the one that it is in" $? "$(events) events; $(tail -n 1 "$work/error")"
build/skbox json "$work/t.skbx" | grep -q '"host.scope":"netns"'
verdict "the file says so" $? "it does not"
# events of sockets alone
inside build/skbox-capture -o "$work/t.skbx" --force --scope netns "${probes[@]}" -- nsenter --net="/run/netns/$b" bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>"$work/error"
[ "$(events -w 'kernel.symbol == "sock:inet_sock_set_state"')" = 0 ]
verdict "no sockets of another" $? "$(events -w 'kernel.symbol == "sock:inet_sock_set_state"')"
inside build/skbox-capture -o "$work/t.skbx" --force --scope netns "${probes[@]}" -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>"$work/error"
[ "$(events -w 'kernel.symbol == "sock:inet_sock_set_state"')" -ge 2 ]
verdict "those of its own" $? "$(events -w 'kernel.symbol == "sock:inet_sock_set_state"')"
build/skbox-capture --scope netns --netns all --count 1 2>"$work/error"
[ $? = 2 ] && grep -q 'one namespace' "$work/error"
verdict "all namespaces are no scope" $? "$(cat "$work/error")"

# ---- a cgroup
root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
if [ -z "$root" ] || ! mkdir "$root/skbox-scope-$$" 2>/dev/null; then
	echo "skip --scope cgroup: needs cgroup2"
	exit 0
fi
cgroup=$root/skbox-scope-$$
mkdir "$cgroup/below"
(
	echo 0 >"$cgroup/cgroup.procs"
	exec build/skbox-capture -o "$work/t.skbx" --force --scope cgroup --netns "$a" --sockets 50ms "${probes[@]}" -- bash -c "
		echo 0 >'$cgroup/below/cgroup.procs'
		exec nsenter --net='/run/netns/$a' python3 -c '
import socket, runpy, sys
l = socket.create_server((\"127.0.0.1\", 5010))
c = socket.create_connection((\"127.0.0.1\", 5010))
s = l.accept()[0]
c.send(b\"x\")
s.recv(1)
sys.argv = [\"\", \"127.0.0.1\", \"5001\"]
runpy.run_path(\"$work/traffic\")'" 2>"$work/error"
) &
recorder=$!
# and others all the while
while kill -0 "$recorder" 2>/dev/null; do
	inside python3 "$work/traffic" 127.0.0.1 5002
	inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null
done
wait "$recorder"
verdict "recorded in a cgroup" $? "$(tail -n 1 "$work/error")"
# an ICMP error that comes back has no socket of ours, but the datagrams that it is about
own=$(events -f 'udp port 5001') others=$(events -f 'udp port 5002 or tcp port 9')
[ "$own" = 100 ] && [ "$others" = 0 ]
verdict "--scope cgroup: 50 datagrams, sent and received, and no others" $? "$own of its own, $others of others; $(tail -n 1 "$work/error")"
[ "$(events -f 'tcp port 5010')" -ge 12 ]
verdict "and its connection" $? "$(events -f 'tcp port 5010')"
build/skbox sockets --all "$work/t.skbx" >"$work/sockets"
[ "$(grep -c '127.0.0.1:5010 ' "$work/sockets")" -ge 6 ] && ! grep -v '127.0.0.1:5010 ' "$work/sockets" | grep -q .
verdict "its sockets and no others" $? "$(grep -v -m 1 '127.0.0.1:5010 ' "$work/sockets")"
grep -qE ', [1-9][0-9]* filtered, [1-9][0-9]* unattributed, ' "$work/error"
verdict "what is of others, and of nobody that can be told, is counted" $? "$(tail -n 1 "$work/error")"
rmdir "$cgroup/below"
