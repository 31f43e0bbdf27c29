#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Records the demo's traffic on other kernels, in virtual machines, and looks at what was recorded.
# environment: KERNELS    which (tests/vm/kernels list)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip recording on other kernels: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory build/demo/traffic || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=240 VMTEST_MEMORY=1G
for kernel in ${KERNELS:-$(tests/vm/kernels list)}; do
	VMTEST_DIR=$(mktemp -d)
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest "$VMTEST_DIR/demo.skbx" >"$VMTEST_DIR/log" 2>&1 || status=$?
	grep -vE '^(ok|not ok) ' "$VMTEST_DIR/log" | tail -n 20
	if [ $status = 125 ] && tests/vm/kernels gone "$VMTEST_DIR/log"; then
		echo "skip $kernel: needs kernel-$kernel, which Debian does not serve (any more)"
	elif [ $status != 0 ]; then
		echo "not ok $kernel: the recorder works: exit status $status"
	else
		echo "ok $kernel: the recorder works"
		# read outside: emulated, reading would take the longest
		tests/facts "$VMTEST_DIR/demo.skbx" "$kernel"
	fi
	rm -rf "$VMTEST_DIR"
done
