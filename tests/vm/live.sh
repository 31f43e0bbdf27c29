#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Tests of tests/live/ on other kernels, inside virtual machines: filters of the kernel, profiles, the
# demo. They take minutes, so they are part of `make test-kernels` alone.
# environment: LIVE       not empty: do it
#              KERNELS    which
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
tests=(filter profile demo)
if [ -z "${LIVE:-}" ]; then
	echo "ok the tests inside other kernels are for make test-kernels"
	exit 0
fi
if ! reason=$(tests/vm/kernels reachable); then
	echo "skip tests inside other kernels: needs kernels: $reason"
	exit 0
fi
make -s --no-print-directory all tests build/demo/traffic || exit 1
export VMTEST_DIR VMTEST_TIMEOUT=1800 VMTEST_MEMORY=2G VMTEST_CPUS=2
for kernel in ${KERNELS:-$(tests/vm/kernels list)}; do
	VMTEST_DIR=$(mktemp -d)
	status=0
	tests/vm/vmtest "$kernel" tests/vm/guest_live "$VMTEST_DIR" "${tests[@]}" >"$VMTEST_DIR/log" 2>&1 || status=$?
	if [ $status = 125 ] && tests/vm/kernels gone "$VMTEST_DIR/log"; then
		echo "skip $kernel: needs kernel-$kernel, which Debian does not serve (any more)"
	elif [ $status != 0 ]; then
		tail -n 10 "$VMTEST_DIR/log"
		echo "not ok $kernel: tests can be run inside: exit status $status"
	else
		for test in "${tests[@]}"; do
			sed -nE "s/^(ok|not ok|skip) /\1 $kernel: $test: /p" "$VMTEST_DIR/$test.log"
			grep -q '^not ok' "$VMTEST_DIR/$test.log" || [ "$(cat "$VMTEST_DIR/$test.status")" = 0 ] ||
				echo "not ok $kernel: $test: exit status $(cat "$VMTEST_DIR/$test.status")"
		done
	fi
	rm -rf "$VMTEST_DIR"
done
