#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Traffic of which each packet is known, recorded on other kernels with all kinds of probes: as many
# events at each probe as the packets explain, what the events say, and that the table of kernels is right.
# environment: KERNELS    which (5.10 and 6.1: the oldest, and one with types of modules)
#              BLESS      not empty: the table becomes what was seen
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip known traffic on other kernels: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/demo/traffic || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=300 VMTEST_MEMORY=1G
skbox=build/skbox
equal() { # NAME GOT EXPECTED
	if [ "$2" = "$3" ]; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: got '$2', expected '$3'"; fi
}
has() { # NAME PATTERN FILE
	if grep -qE -- "$2" "$3"; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: no '$2'"; fi
}
events() { $skbox print --no-sockets --format single-line "$@" "$VMTEST_DIR/all.skbx" 2>/dev/null | grep ' \[[a-z]*\] '; }
count() { events "$@" | wc -l; }
at() { # EXPECTED PACKETS FILTER PROBE...: so many events of those packets at each probe
	local expected=$1 packets=$2 filter=$3 probe
	shift 3
	for probe; do equal "$expected $packets at $probe" "$(count --probe "$probe" -f "$filter")" "$expected"; done
}
can() { grep -q "^$1.*	yes$" "$VMTEST_DIR/features"; }

look() { # at what was recorded
	local rx=net:netif_receive_skb ping='icmp[icmptype] = icmp-echo and host 10.77.0.2'
	tests/vm/features "$VMTEST_DIR" >"$VMTEST_DIR/features"
	has "the message on what cannot be probed" 'no_such_function: this kernel has no such function' "$VMTEST_DIR/log"
	at 3 "echo requests" "$ping" $rx ip_rcv ip_local_deliver __ip_local_out
	at 3 "echo requests over IPv6" 'icmp6 and ip6[40] = 128 and dst host fd77::2' $rx ipv6_rcv
	at 2 "echo requests in the VLAN" 'icmp[icmptype] = icmp-echo and host 10.77.7.2' $rx ip_rcv
	at 4 "frames of them" 'icmp[icmptype] = icmp-echo and host 10.77.7.2' net:net_dev_start_xmit # of the VLAN, of the veth
	at 1 "SYN" 'dst port 8080 and tcp[tcpflags] = tcp-syn' $rx ip_rcv tcp_v4_rcv
	at 1 "reset of a closed port" 'src port 7712 and tcp[tcpflags] & tcp-rst != 0' $rx tcp_v4_rcv
	at 1000 "datagrams" 'udp dst port 7709' net:net_dev_start_xmit $rx ip_rcv ip_local_deliver_finish
	at 20 "datagrams to a closed port" 'udp dst port 7708' $rx skb:kfree_skb
	at 3 "rejected datagrams" 'udp dst port 7711' $rx
	at 3 "answers to them" 'icmp[icmptype] = icmp-unreach and icmp[30:2] = 7711' $rx
	at 0 "datagrams that netem lost" 'udp dst port 7710' $rx
	at 5 "datagrams that netem lost" 'udp dst port 7710' skb:kfree_skb
	equal "what a function returned" "$($skbox json -f "$ping" "$VMTEST_DIR/all.skbx" 2>/dev/null | grep -c '"kernel.ret":1[,}]')" 3
	equal "their stacks have names" "$(events --probe skb:kfree_skb -f 'udp dst port 7708' | grep -cE 'udp[a-z0-9_]*_rcv\+0x[0-9a-f]*, .*ip_local_deliver_finish\+0x')" 20
	equal "events of connecting sockets, without a packet" "$(events --probe tcp_v4_connect | grep -c ' sock CLOSED* \|sock UNCONN ')" 3
	equal "the connections of echo requests" "$(events --probe ip_local_deliver -f "$ping" | grep -c ' ct_state [A-Z]* status 0x[0-9a-f]* icmp orig \[10.77.0.1 > 10.77.0.2 type 8 code 0 ')" 3
	equal "ids are exact" "$($skbox info "$VMTEST_DIR/all.skbx" | awk '$1 == "tracking" { print $2 }')" exact
	equal "each request has one id on its way" "$(events -f "$ping" | grep -v '\[kr\]' | grep -o '#[0-9a-f]*' | sort | uniq -c | awk '{ print $1 }' | sort -u | wc -l)" 1
	# each datagram has an IP id of its own
	events --probe ip_rcv -f 'udp dst port 7709' | sed -n 's/.* #\([0-9a-f]*\) .* ttl [0-9]* id \([0-9]*\) .*/\1 \2/p' >"$VMTEST_DIR/ids"
	equal "1000 datagrams, 1000 ids" "$(sort -u "$VMTEST_DIR/ids" | awk '{ id[$1]; packet[$2] } END { print NR, length(id), length(packet) }')" "1000 1000 1000"
	if can 'drop reasons'; then
		equal "the reason is known" "$(events --probe skb:kfree_skb -f 'udp dst port 7708' | grep -c 'drop (reason NO_SOCKET)')" 20
	fi
	if can '`--collect nft`'; then
		equal "7 datagrams are dropped by nftables" "$(events --probe __nft_trace_packet -f 'udp dst port 7707' | grep -c 'table guard ([0-9]*) chain input ([0-9]*) handle [0-9]* drop')" 7
	else
		has "the message on nftables" '__nft_trace_packet: .*have types since Linux 5.11' "$VMTEST_DIR/log"
	fi
	can 'functions of modules' || has "the message on functions of modules" 'not attached: kprobe:veth_xmit: .*have types since Linux 5.11' "$VMTEST_DIR/log"
	can 'functions by trampoline' || has "the message on fentry" 'not attached: fentry:icmp_rcv: .' "$VMTEST_DIR/log"
}

for kernel in ${KERNELS:-5.10 6.1}; do
	VMTEST_DIR=$(mktemp -d)
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest_traffic "$VMTEST_DIR" >"$VMTEST_DIR/log" 2>&1 || status=$?
	if [ $status = 125 ] && tests/vm/kernels gone "$VMTEST_DIR/log"; then
		echo "skip $kernel: needs kernel-$kernel, which Debian does not serve (any more)"
	else
		tail -n 5 "$VMTEST_DIR/log"
		equal "known traffic can be recorded" $status 0
		[ $status != 0 ] || look
		[ $status != 0 ] || tests/vm/table ${BLESS:+--bless} "$kernel" "$VMTEST_DIR/features"
	fi
	[ -n "${VMTEST_KEEP:-}" ] || rm -rf "$VMTEST_DIR"
done
