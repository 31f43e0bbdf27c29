#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Filters in the kernel: verdicts against libpcap's, and recordings of senders that know what they sent.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip filter: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/stream build/tests/live/filter_run || exit 1
record=build/skbox-capture skbox=build/skbox blast=$PWD/build/tests/live/blast stream=$PWD/build/tests/live/stream
tx=skbox-flt-$$-tx rx=skbox-flt-$$-rx
work=$(mktemp -d)
file=$work/file.skbx
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	ip netns del $tx 2>/dev/null
	ip netns del $rx 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
equal() { # NAME GOT EXPECTED
	[ "$2" = "$3" ]
	verdict "$1" $? "got '$2', expected '$3'"
}

build/tests/live/filter_run 60

# ---- what is refused, and how ----
refuse() { # NAME PATTERN OPTIONS...
	local name=$1 pattern=$2 said status
	shift 2
	said=$($record -o "$file" --no-sockets "$@" -- true 2>&1)
	status=$?
	[ $status = 125 ] && [[ $said == *$pattern* ]]
	verdict "$name" $? "status $status, '$said'"
}
refuse "-f that is no expression" "-f: can't parse filter expression" -f 'tcp prt 5'
refuse "-f with a loop" 'protochain' -f 'ip6 protochain 6 or ip protochain 6'
refuse "-m: a member that is not there" '-m: column 13: struct net_device has no member nmae (is it name?)' -m 'sk_buff.dev.nmae == "lo"'
refuse "-m: a value that does not fit" '-m: column 17: the field has 32 bits' -m 'sk_buff.mark == 0x100000000'
refuse "-m: no string" '-m: column 17: the field is no string' -m 'sk_buff.mark == "eth0"'
[ ! -e "$file" ]
verdict "a refused filter leaves no file" $? "$file is there"

ip netns add $tx && ip netns add $rx || exit 1
ip link add va netns $tx type veth peer name vb netns $rx || exit 1
ip -n $tx addr add 10.72.0.1/24 dev va && ip -n $rx addr add 10.72.0.2/24 dev vb
for ns in $tx $rx; do ip -n $ns link set lo up; done
ip -n $tx link set va up && ip -n $rx link set vb up
ip -n $tx neigh replace 10.72.0.2 lladdr "$(ip -n $rx -br link show vb | awk '{print $3}')" dev va
ip netns exec $rx "$stream" sink 10.72.0.2 7201 &
children+=($!)
ip netns exec $rx "$stream" sink 10.72.0.2 7202 &
children+=($!)
sleep 0.5

# Records two senders of 2,000 datagrams each, to port 7201 and to 7202.
send() { # OPTIONS...
	# shellcheck disable=SC2016 # for the inner shell
	$record --force -o "$file" --no-sockets "$@" -- ip netns exec $tx sh -c \
		'"$0" 10.72.0.2 7201 2000 64 1 && "$0" 10.72.0.2 7202 2000 64 1' "$blast" >"$work/sent" 2>"$work/err"
}
count() { $skbox print --format single-line -f "$1" "$file" | grep -c "\[tp\] $2 "; }
filtered() { $skbox info "$file" | sed -n "s|.*/$1 .* \([0-9]*\) filtered.*|\1|p"; }

for compat in '' --compat; do
	send $compat -f 'udp dst port 7201'
	for probe in net:net_dev_start_xmit net:netif_receive_skb; do
		equal "-f $compat: $probe: all of the port" "$(count 'udp dst port 7201' $probe)" 2000
		equal "-f $compat: $probe: none of the other" "$(count 'not udp dst port 7201' $probe)" 0
		[ "$(filtered $probe)" -ge 2000 ]
		verdict "-f $compat: $probe: those are counted" $? "$(filtered $probe) filtered"
	done
done
equal "-f is in the file" "$($skbox info --json "$file" | grep -c '"filter":"udp dst port 7201"')" 1

send -m 'sk_buff.dev.name == "va" && sk_buff.len > 20' -p tp:net:net_dev_start_xmit
equal "-m: what leaves the device" "$(count 'udp dst port 7201 or udp dst port 7202' net:net_dev_start_xmit)" 4000
equal "-m is in the file" "$($skbox info "$file" | grep -c 'meta filter sk_buff.dev.name == "va" && sk_buff.len > 20')" 1
send -m 'sk_buff.dev.name == "va"' -p tp:net:netif_receive_skb
equal "-m: nothing comes in there" "$(count 'udp' net:netif_receive_skb)" 0
# the device that it leaves is the filter's, the one that it comes in by is not: it has an id by then
send -m 'sk_buff.dev.name == "va"'
got=$(count 'udp dst port 7201 or udp dst port 7202' net:netif_receive_skb)
equal "a packet that matched once is followed" "$got" 4000
send -f 'udp dst port 7201' -m 'sk_buff.dev.name == "vb"' -p tp:net:netif_receive_skb
equal "-f and -m: both" "$(count 'udp' net:netif_receive_skb)" 2000
send -f 'udp dst port 7201' -m 'sk_buff.dev.name != "vb"' -p tp:net:netif_receive_skb
equal "-f and -m: one is not enough" "$(count 'udp dst port 7201' net:netif_receive_skb)" 0

# TCP frees packets behind no tracepoint and data is used again: what is there later is no follower
for port in 7203 7204; do
	ip netns exec $rx "$stream" serve 10.72.0.2 $port 3000000 &
	children+=($!)
done
# shellcheck disable=SC2016 # for the inner shell
$record --force -o "$file" --no-sockets -f 'tcp port 7203' -- ip netns exec $tx sh -c \
	'"$0" fetch 10.72.0.2 7203 & "$0" fetch 10.72.0.2 7204; wait' "$stream" >"$work/got" 2>"$work/err"
equal "two streams: both are whole" "$(sort -u "$work/got")" 3000000
[ "$(count 'tcp port 7203' net:netif_receive_skb)" -gt 50 ]
verdict "two streams: the one is recorded" $? "$(cat "$work/err")"
equal "two streams: of the other there is nothing" "$($skbox print --format single-line -f 'tcp port 7204' "$file" | wc -l)" 0

# lengths are the whole packet's, whatever is kept of it and whatever is linear: 14 + 20 + 8 + 64
send -f 'len = 106 and udp dst port 7201' --snaplen 40 -p tp:net:net_dev_start_xmit
equal "the length is the packet's, not the snap length" "$(count 'udp' net:net_dev_start_xmit)" 2000

# without a link layer: a tunnel's packets begin at their network header
if ip -n $tx tuntap add dev tun0 mode tun 2>/dev/null; then
	ip -n $tx addr add 10.73.0.1/24 dev tun0 && ip -n $tx link set tun0 up
	for word in 'dst host 10.73.0.2 and icmp:1' 'dst host 10.73.0.3:0' 'ether[0] >= 0:0'; do
		$record --force -o "$file" --no-sockets -f "${word%:*}" -p tp:net:net_dev_queue -p tp:skb:kfree_skb -- \
			ip netns exec $tx ping -q -c 1 -W 1 10.73.0.2 >/dev/null 2>&1
		got=$($skbox print --format single-line -f 'dst host 10.73.0.2' "$file" | wc -l)
		[ $((got > 0)) = "${word#*:}" ]
		verdict "network layer: ${word%:*}" $? "$got events"
	done
else
	echo "skip filter: no tun device for packets without a link layer"
fi
