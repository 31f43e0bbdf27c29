#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Socket dumps of this kernel, in a namespace of their own, against ss and getsockopt(TCP_INFO).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "iproute2 ss -V"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip sockets: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory build/tests/live/sock_show build/tests/live/sock_make || exit 1
show=build/tests/live/sock_show
ns=skbox-sock-$$
work=$(mktemp -d)
maker=
clean_up() {
	[ -z "$maker" ] || kill "$maker" 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
inside() { nsenter --net="/run/netns/$ns" "$@"; }

make_sockets() { # ARGUMENT...: in the background, talking through two pipes
	rm -f "$work/to" "$work/from"
	mkfifo "$work/to" "$work/from"
	nsenter --net="/run/netns/$ns" build/tests/live/sock_make "$@" <"$work/to" >"$work/from" &
	maker=$!
	exec 8>"$work/to" 9<"$work/from"
	read -r -t 60 -u 9 line && [ "$line" = ready ]
}
end_sockets() {
	exec 8>&- 9<&-
	wait "$maker"
	maker=
}

ip netns add "$ns" && inside ip link set lo up || exit 1
inside ip link add name sock-test mtu 1400 type veth peer name sock-peer
make_sockets kinds lo || { echo "not ok sockets: none were made" && exit 1; }
sleep 0.3 # until all is acknowledged, and timers run

# ---- the line of ss: ages and the rest of timers go on between two dumps; ss 6.1 has neither rcv_wnd nor
# rehash, and the last words are our own
same() {
	sed -E 's/ +/ /g; s/ $//; s/timer:\(([a-z]+),[^,]*,/timer:(\1,/; s/ last(snd|rcv|ack):[0-9]+//g
		s/ (rcv_wnd|rehash):[0-9]+//g; s/ (tos|tclass|class_id):.*//' | sort
}
inside ss -tainemHO | same >"$work/ss"
$show -n "$ns" ss | same >"$work/ours"
diff "$work/ss" "$work/ours" >"$work/diff"
status=$? # which a substitution in the next line changes
verdict "every socket as ss shows it ($(wc -l <"$work/ss"))" $status "$(head -n 4 "$work/diff")"
for state in LISTEN ESTAB SYN-RECV TIME-WAIT FIN-WAIT-2 CLOSE-WAIT; do
	grep -q "^$state " "$work/ours"
	verdict "a socket in state $state" $? "there is none"
done
grep -q '%lo:' "$work/ours"
verdict "the device that a socket is bound to" $? "not shown"
grep -q ' fwmark:0x1234 ' "$work/ours"
verdict "the mark" $? "not shown"

# ---- TCP_INFO through getsockopt, in the words of the system's header
echo >&8
while read -r -t 10 -u 9 line && [ "$line" != end ]; do echo "$line"; done | tr ' ' '\n' >"$work/info"
$show -n "$ns" tcpinfo | tr ' ' '\n' >"$work/dumped"
awk '
	!/=/ { cookie = $0; next }
	FNR == NR { dumped[cookie " " $0]; seen[cookie]; next }
	{ n++; if (!((cookie " " $0) in dumped)) { bad++; print "getsockopt: " cookie " " $0 } }
	END { print n " values, " bad + 0 " differ"; exit bad > 0 || n < 500 }' "$work/dumped" "$work/info" >"$work/compare"
status=$?
verdict "tcp_info as getsockopt gives it: $(tail -n 1 "$work/compare")" $status "$(head -n 5 "$work/compare" | tr '\n' ';')"

# ---- other renderings of the same rows
count=$(wc -l <"$work/ss")
[ "$($show -n "$ns" single | wc -l)" = "$count" ] && [ "$($show -n "$ns" print | grep -c '^\[sock manual\] ')" = "$count" ]
verdict "print shows each of them" $? "another number than $count"
$show -n "$ns" flowd | python3 -c '
import json, sys
keys = ["skBuff", "tcpInfo", "bbr", "tos", "memInfo", "skMemInfo", "cong", "vegasInfo", "dctcpInfo", "ext"]
for line in sys.stdin:
    d = json.loads(line)
    assert list(d) == keys, list(d)
    if d["skBuff"]["State"] == 6 or d["skBuff"]["State"] == 3:
        assert d["tcpInfo"] is None
    else:
        assert len(d["tcpInfo"]) == 56 and None not in d["tcpInfo"].values()
        assert d["memInfo"]["rMem"] == d["skMemInfo"]["rMemAlloc"]
' 2>"$work/python"
verdict "the documents of flowd" $? "$(tail -n 1 "$work/python")"

# ---- frames, namespaces, inventory
$show -n "$ns" frames >"$work/frames"
[ "$(awk '/phase 1/ { rows += $8; bad += $14 != 0 || $12 != 0 } END { print rows " " bad + 0 }' "$work/frames")" = "$count 0" ] &&
	[ "$(wc -l <"$work/frames")" = 4 ]
verdict "each dump has a begin and an end that counts" $? "$(tr '\n' ';' <"$work/frames")"
inum=$(stat -L -c %i "/run/netns/$ns")
$show list | grep -q "^$inum [1-9][0-9]* $ns\$"
verdict "the namespace is found, with its cookie" $? "$($show list | tr '\n' ';')"
[ "$($show list | awk '{ print $1 }' | sort | uniq -d)" = "" ]
verdict "no namespace is listed twice" $? "$($show list | tr '\n' ';')"
$show -n "$maker" ss | same | diff -q - "$work/ours" >/dev/null
verdict "a namespace by the process in it" $? "other rows than by its name"
$show -n "$ns" inventory >"$work/inventory"
grep -q "^netns $inum $ns\$" "$work/inventory" && grep -q "^iface 1 lo mtu 65536 type 772 mac 6 bytes netns $inum\$" "$work/inventory" &&
	grep -q "^iface [0-9]* sock-test mtu 1400 type 1 mac 6 bytes netns $inum\$" "$work/inventory"
verdict "names of the namespace and its devices" $? "$(tr '\n' ';' <"$work/inventory")"
$show -n no-such-namespace ss >/dev/null 2>"$work/error"
[ $? = 1 ] && grep -q 'no network namespace of that name' "$work/error"
verdict "a namespace that is not there" $? "$(cat "$work/error")"
privileged='s/ fwmark:0x1234//; s/ cgroup:[^ ]*//; s/ tcp-ulp-mptcp .*/ tcp-ulp-mptcp/'
cp $show "$work/show" && chmod 755 "$work" "$work/show"
inside setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$work/show" ss 2>"$work/error" | sed "$privileged" | same >"$work/unprivileged"
sed "$privileged" "$work/ours" | sort | diff - "$work/unprivileged" >"$work/diff"
verdict "without any right: all but the mark, the path of the cgroup and the details of MPTCP" $? "$(head -n 3 "$work/diff") $(cat "$work/error")"

# ---- the same through the recorder, its file and the analyzer (a request's retransmits go on: left out)
if bpftool prog show >/dev/null 2>&1; then
	make -s --no-print-directory build/skbox build/skbox-capture &&
		build/skbox-capture -o "$work/t.skbx" --netns "$ns" --sockets 100ms -- sleep 0.5 2>"$work/error"
	verdict "recorded" $? "$(tail -n 1 "$work/error")"
	build/skbox sockets "$work/t.skbx" | same | grep -v '^SYN-RECV' >"$work/recorded"
	grep -v '^SYN-RECV' "$work/ours" | diff - "$work/recorded" >"$work/diff"
	verdict "from the file every socket as ss shows it" $? "$(head -n 4 "$work/diff")"
	rounds=$(build/skbox print --format single-line "$work/t.skbx" | grep -c '\] \[::\]:7002 .* LISTEN ')
	[ "$rounds" -ge 4 ] && [ "$rounds" -le 10 ]
	verdict "at start, every 100 ms and at the end: $rounds dumps" $? "not 4 to 10"
else
	echo "skip recorded sockets: needs bpf"
fi
end_sockets

# ---- 1,000 quiet sockets, each with a history of its own: ss, then the recorder
if bpftool prog show >/dev/null 2>&1 && make_sockets quiet 500; then
	sleep 0.3 # until all is acknowledged
	inside ss -tinemHO | same >"$work/ss"
	build/skbox-capture -o "$work/t.skbx" --force -p tp:tcp:tcp_retransmit_skb --netns "$ns" --duration 10ms 2>"$work/error"
	build/skbox sockets "$work/t.skbx" | grep -Ev '^(LISTEN|TIME-WAIT)' | same >"$work/ours"
	[ "$(wc -l <"$work/ss")" = 1000 ] && diff "$work/ss" "$work/ours" >"$work/diff"
	verdict "1,000 quiet sockets: the same of each as ss shows" $? "$(head -n 4 "$work/diff") $(cat "$work/error")"
	end_sockets
fi

# ---- many: none is left out, and our part costs less than the kernel's
if make_sockets many 5000; then
	timing=$($show -n "$ns" time 5)
	rows=$($show -n "$ns" frames | awk '/phase 1/ { n += $8 } END { print n }')
	[ "$(inside ss -tanH | wc -l)" = "$rows" ]
	verdict "10,000 sockets: $timing" $? "$rows rows"
	# ROWS TIME KERNEL: the best of five each
	read -r rows ours kernel <<<"$(awk '{ print $2, $7, $11 }' <<<"$timing")"
	[ "$rows" -gt 10000 ] && [ "$ours" -lt $((2 * kernel)) ]
	verdict "a dump costs less than twice the kernel's part" $? "$timing"
	if bpftool prog show >/dev/null 2>&1; then
		sizes=()
		for duration in 100ms 1100ms; do
			build/skbox-capture -o "$work/t.skbx" --force -p tp:tcp:tcp_retransmit_skb --netns "$ns" --sockets 500ms --duration "$duration" 2>/dev/null
			sizes+=("$(stat -c %s "$work/t.skbx")")
		done
		each=$(((sizes[1] - sizes[0]) / 20010))
		[ "$each" -ge 1 ] && [ "$each" -lt 60 ]
		verdict "a later snapshot takes less than 60 bytes a socket: $each" $? "${sizes[*]} bytes"
	fi
	end_sockets
else
	echo "skip 10,000 sockets: they could not be made"
fi
