#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The host is safe: a module that goes away under its probes, a wall clock that is set back, a recorder that the
# kernel ends for its memory. In a virtual machine, for the machine itself would notice.
# environment: KERNELS    which (6.1)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip a host in a bad way: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory skbox skbox-capture build/tests/live/blast || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=${VMTEST_TIMEOUT:-300} VMTEST_MEMORY=1G
skbox=build/skbox
verdict() { if [ "$2" = 0 ]; then echo "ok $kernel: $1"; else echo "not ok $kernel: $1: $3"; fi; }
equal() { # NAME GOT EXPECTED
	[ "$2" = "$3" ]
	verdict "$1" $? "got '$2', expected '$3'"
}
packets() { $skbox print --no-sockets --format single-line --probe "$2" -f 'udp dst port 7709' "$VMTEST_DIR/$1" 2>/dev/null | grep -c ' \[[a-z]*\] '; }

look() { # at what was recorded
	local file status samples n
	for file in kprobe fentry clock oom; do
		status=0
		said=$($skbox verify "$VMTEST_DIR/$file.skbx" 2>&1) || status=$?
		[ $status = 0 ] || { [ $file = oom ] && [ $status = 3 ]; }
		verdict "$file.skbx: the file is readable" $? "status $status: $(tail -n 1 <<<"$said")"
	done
	for file in kprobe fentry; do
		equal "$file.skbx: packets before and after" "$(packets $file.skbx net:net_dev_start_xmit)" 200
		n=$(packets $file.skbx dummy_xmit)
		[ "$n" -ge 100 ]
		verdict "$file.skbx: packets at the function, until it was gone" $? "$n"
	done
	equal "clock.skbx: packets before and after" "$(packets clock.skbx net:net_dev_start_xmit)" 200
	$skbox json --fields time "$VMTEST_DIR/clock.skbx" -f 'udp dst port 7709' | tr -dc '0-9\n' | sort -nc
	verdict "clock.skbx: times are in order" $? "they go back"
	# the offset of both clocks, before and after
	samples=$($skbox json "$VMTEST_DIR/clock.skbx" | sed -n 's/.*"clock.offset":\([0-9]*\).*/\1/p')
	equal "clock.skbx: its samples say by how much, in seconds" \
		"$(awk 'NR == 1 { first = $1 } END { printf "%.0f", ($1 - first) / 1e9 }' <<<"$samples")" -3600
	[ "$(packets oom.skbx net:net_dev_start_xmit)" -ge 1000 ]
	verdict "oom.skbx: has what was written before" $? "$(packets oom.skbx net:net_dev_start_xmit)"
}

for kernel in ${KERNELS:-6.1}; do
	VMTEST_DIR=$(mktemp -d)
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest_host "$VMTEST_DIR" >"$VMTEST_DIR/log" 2>&1 || status=$?
	if [ $status = 125 ] && tests/vm/kernels gone "$VMTEST_DIR/log"; then
		echo "skip $kernel: needs kernel-$kernel, which Debian does not serve (any more)"
	else
		sed "s/^\(ok\|not ok\) /&$kernel: /" "$VMTEST_DIR/log"
		equal "the guest comes to its end" $status 0
		[ $status != 0 ] || look
	fi
	[ -n "${VMTEST_KEEP:-}" ] || rm -rf "$VMTEST_DIR"
done
