#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Probes of functions, in a virtual machine, for not every kernel has them: as many events as the
# traffic explains, and what they say.
# environment: KERNELS    which (6.1)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip probes of functions: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory skbox skbox-capture build/tests/live/blast || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=240 VMTEST_MEMORY=1G
skbox=build/skbox
equal() { # NAME GOT EXPECTED
	if [ "$2" = "$3" ]; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: got '$2', expected '$3'"; fi
}
events() { $skbox print --format single-line "$@" "$file" 2>/dev/null | grep ' \[[a-z]*\] '; }
count() { events "$@" | wc -l; }
ping='icmp[icmptype] = icmp-echo and dst host 10.77.0.2'

for kernel in ${KERNELS:-6.1}; do
	VMTEST_DIR=$(mktemp -d)
	file=$VMTEST_DIR/functions.skbx
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest_functions "$file" >"$VMTEST_DIR/log" 2>&1 || status=$?
	tail -n 5 "$VMTEST_DIR/log"
	equal "functions can be probed" $status 0
	equal "the message on what cannot" "$(grep -c 'no_such_function: this kernel has no such function' "$VMTEST_DIR/log")" 1
	equal "ids are exact" "$($skbox info "$file" | awk '$1 == "tracking" { print $2 }')" exact
	for probe in net:netif_receive_skb ip_rcv __ip_local_out ip_local_deliver; do
		equal "5 echo requests at $probe" "$(count --probe $probe -f "$ping")" 5
	done
	equal "each has one id on its way" "$(events -f "$ping" | grep -v '\[kr\]' | grep -o '#[0-9a-f]*' | sort | uniq -c | awk '{ print $1 }' | sort -u | tr '\n' ' ')" "5 "
	equal "what a function returned" "$($skbox json -f "$ping" "$file" | grep -c '"kernel.ret":1[,}]')" 5
	equal "20 datagrams to a closed port are dropped" "$(count --probe skb:kfree_skb -f 'udp dst port 7708')" 20
	equal "their stacks have names" "$(events --probe skb:kfree_skb -f 'udp dst port 7708' | grep -c '__udp4_lib_rcv+0x[0-9a-f]*, .*ip_local_deliver_finish+0x')" 20
	equal "7 datagrams are dropped by nftables" "$(events --probe __nft_trace_packet -f 'udp dst port 7707' | grep -c 'table guard ([0-9]*) chain input ([0-9]*) handle [0-9]* drop')" 7
	equal "the connections of 5 echo requests" "$(events --probe ip_local_deliver -f "$ping" | grep -c ' ct_state [A-Z]* status 0x[0-9a-f]* icmp orig \[10.77.0.1 > 10.77.0.2 type 8 code 0 ')" 5
	equal "an event of a socket, without a packet" "$(events --probe tcp_v4_connect | grep -c ' sock CLOSED* \|sock UNCONN ')" 1
	# each datagram has an IP id of its own
	events --probe ip_rcv -f 'udp dst port 7709' | sed -n 's/.* #\([0-9a-f]*\) .* ttl [0-9]* id \([0-9]*\) .*/\1 \2/p' >"$VMTEST_DIR/ids"
	equal "1500 datagrams, 1500 ids" "$(sort -u "$VMTEST_DIR/ids" | awk '{ id[$1]; packet[$2] } END { print NR, length(id), length(packet) }')" "1500 1500 1500"
	[ -n "${VMTEST_KEEP:-}" ] || rm -rf "$VMTEST_DIR"
done
