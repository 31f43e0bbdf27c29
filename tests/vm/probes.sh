#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Functions by their types (fentry, fexit) and many at once (kprobe.multi), in a virtual machine, and what a
# kernel without types of modules says.
# environment: KERNELS    which (5.10 and 6.12)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip functions by their types: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory skbox skbox-capture build/tests/live/blast || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=240 VMTEST_MEMORY=1G
skbox=build/skbox
equal() { # NAME GOT EXPECTED
	if [ "$2" = "$3" ]; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: got '$2', expected '$3'"; fi
}
least() { # NAME GOT AT_LEAST
	if [ "$2" -ge "$3" ]; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: got $2, expected $3 or more"; fi
}
said() { grep -c "$1" "$VMTEST_DIR/check"; }
count() { $skbox print --format single-line "$@" "$VMTEST_DIR/traced.skbx" 2>/dev/null | grep -c "$like"; }
ping='icmp[icmptype] = icmp-echo and dst host 10.78.0.2'

look_at_recording() {
	local like='\[k\] '
	least "more than 1400 functions with one go" "$(said '^kprobe:.* attaches (kprobe.multi)')" 1400
	equal "a function of a module by its types" "$(said '^fexit:nf_conntrack_in attaches (fexit)')" 1
	equal "and by kprobe" "$(said '^kprobe:nf_conntrack_in attaches')" 1
	for probe in ip_rcv ip_local_deliver; do equal "3 echo requests at $probe" "$(count --probe $probe -f "$ping")" 3; done
	like=' \[ip_rcv+0x[0-9a-f]*, __netif_receive'
	equal "their stacks begin with the function" "$(count --probe ip_rcv -f "$ping")" 3
	like='\[kr\] '
	for probe in __ip_local_out ip_rcv_core veth_xmit; do equal "3 echo requests at the return of $probe" "$(count --probe $probe -f "$ping")" 3; done
	equal "what a function returned" "$($skbox json --probe __ip_local_out -f "$ping" "$VMTEST_DIR/traced.skbx" | grep -c '"kernel.ret":1[,}]')" 3
	equal "a return value with a sign, of a socket" "$($skbox json --probe tcp_connect "$VMTEST_DIR/traced.skbx" | grep -c '"kernel.ret":0[,}]')" 1
	like=' ns 0x[0-9a-f]*/[0-9]* sock SYN-SENT 10.78.0.1:[0-9]* 10.78.0.2:7 cubic'
	equal "the socket behind its connect, without a packet" "$(count --probe tcp_connect)" 1
	like=' sock \(CLOSED\|UNCONN\) '
	equal "the socket before" "$(count --probe tcp_v4_connect)" 1
	like='\[k\] dev_get_stats ns 0x[0-9a-f]*/[0-9]* if [0-9]* (va)'
	equal "an event of a device" "$(count --probe dev_get_stats -w 'task.comm == "cat"')" 1
	# replies are routed without a socket: there is just the namespace
	like='\[k\] ip_route_output_flow ns 0x[0-9a-f]*/[0-9]*$'
	equal "an event of a namespace" "$(count --probe ip_route_output_flow -w 'task.comm == "ping"')" 3
	like='drop (reason NO_SOCKET).* > 10.78.0.2.7808 '
	equal "the reason of 4 drops, an argument of a function" "$(count)" 4
	equal "what a pattern meant and cannot be is in the file" "$($skbox info "$VMTEST_DIR/traced.skbx" | grep -c 'tcp_v4_send_synack .*not attached: its packet is argument 7')" 1
	least "functions are listed" "$(grep -c '^fexit:tcp_v4_[a-z_]*$' "$VMTEST_DIR/list")" 10
}

for kernel in ${KERNELS:-5.10 6.12}; do
	VMTEST_DIR=$(mktemp -d)
	ONLY_CHECK=
	[ "$kernel" != 5.10 ] || ONLY_CHECK=1
	export ONLY_CHECK
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest_probes "$VMTEST_DIR" >"$VMTEST_DIR/log" 2>&1 || status=$?
	tail -n 3 "$VMTEST_DIR/log"
	equal "functions by their types" $status 0
	equal "a function by its types attaches" "$(said '^fentry:ip_rcv attaches (fentry)')" 1
	equal "--check says that not all did" "$(said '^status 1$')" 1
	equal "the message on a function that is not there" "$(said '^fentry:no_such_function does not attach: this kernel has no such function')" 1
	equal "the message on useless arguments" "$(said '^kprobe:si_meminfo does not attach: none of its arguments')" 1
	equal "the message on an argument that is on the stack" "$(said '^kprobe:tcp_v4_send_synack does not attach: its packet is argument 7, .* fentry:')" 1
	if [ -n "$ONLY_CHECK" ]; then
		equal "the message on types of modules" "$(said '_in does not attach: .* (those of modules have types since Linux 5.11)')" 2
		equal "the message on too many functions" "$(said '[0-9]* functions: this kernel attaches probes one by one .* more than 1024 ')" 1
	else
		look_at_recording
	fi
	[ -n "${VMTEST_KEEP:-}" ] || rm -rf "$VMTEST_DIR"
done
