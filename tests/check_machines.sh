#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The analyzer on other machines, under qemu's emulation: on s390x, whose integers begin with the large end, and on
# arm64 it prints what it prints here, byte for byte, and writes the same files.
# LONG=1: all golden tests on both, and all that can be converted.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8 TZ=UTC CMOCKA_MESSAGE_OUTPUT=TAP
if ! reason=$(tests/machines reachable); then
	echo "skip other machines: needs machines: $reason"
	exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Not here: test_sockdiag (messages of this machine's kernel, which the analyzer never reads), and what measures time.
units=(test_buf test_column test_skbx_packed test_json test_dissect test_text test_pcapng)

lists() { # ARCH: the golden tests for it, as files below $work/ARCH
	local all='bad check commands confine connection demo diff fields info packets retis' name
	mkdir -p "$work/$1"
	for name in $all; do cp "tests/golden/$name.tests" "$work/$1/"; done
	[ "${LONG:-0}" != 1 ] || return 0
	rm "$work/$1/check.tests"
	# of Retis' files one in each layout, with conntrack, OVS and all else that there is
	sed -i -n '/^#/p; /^classic-ovs-111/p; /^real-current/p' "$work/$1/retis.tests"
	# arm64 has the same order of bytes and differs in what a plain char is
	[ "$1" = s390x ] || rm "$work/$1/"{bad,commands,connection,fields,retis}.tests
}

# The random name that each event file gets, always the same.
cat >"$work/id.c" <<'C'
#include <string.h>
#include <sys/types.h>
ssize_t getrandom(void *p, size_t len, unsigned int flags);
ssize_t getrandom(void *p, size_t len, unsigned int flags)
{
	memset(p, 0x5a, len);
	return (ssize_t)len;
}
C
${CC:-gcc} -shared -fPIC -o "$work/id.so" "$work/id.c" || exit 1

same_files() { # ARCH SKBOX: this machine's analyzer and that one write the same
	local input args name k=0
	while IFS='|' read -r args input; do
		name="$1: '$args' of $input writes the same bytes"
		k=$((k + 1))
		# shellcheck disable=SC2086 # words
		LD_PRELOAD=$work/id.so build/skbox $args -o "$work/$1/here.$k" $input 2>/dev/null
		# shellcheck disable=SC2086
		QEMU_SET_ENV=LD_PRELOAD=$work/$1/id.so "$2" $args -o "$work/$1/there.$k" $input 2>"$work/$1/err"
		if ! [ -s "$work/$1/here.$k" ]; then
			echo "not ok $name: none was written here"
		elif said=$(cmp "$work/$1/here.$k" "$work/$1/there.$k" 2>&1); then
			echo "ok $name"
		else
			echo "not ok $name: ${said//$work\//} $(tail -n 1 "$work/$1/err")"
		fi
		rm -f "$work/$1/here.$k" "$work/$1/there.$k"
	done < <(
		echo 'cut|testdata/demo.skbx'
		echo 'cut|testdata/connection.skbx'
		echo 'cut|testdata/links/sll-http.0.pcap'
		echo 'cut|testdata/retis/classic-ovs-111/events.json.zst'
		echo 'sort|testdata/demo.skbx'
		echo 'pcap --once|testdata/demo.skbx'
		echo 'merge|testdata/demo.skbx testdata/connection.skbx'
		[ "${LONG:-0}" != 1 ] || for input in testdata/v1/*.skbx testdata/retis/*/events.json.zst testdata/check/*.skbx; do echo "cut|$input"; done
	)
}

machine() { # ARCH COMPILER
	local skbox=build/machines/$1/skbox list unit
	if ! tests/machines "$1" "${units[@]}" >"$work/$1.log" 2>&1; then
		tail -n 20 "$work/$1.log"
		echo "not ok $1: the analyzer is built"
		return
	fi
	echo "ok $1: the analyzer is built"
	lists "$1"
	for list in "$work/$1"/*.tests; do
		tests/golden/golden "$skbox" "$list" | sed "s/^\(ok\|not ok\) /&$1: /"
	done
	for unit in "${units[@]}"; do
		"build/machines/$1/$unit" 2>/dev/null | sed -n "s/^\(ok\|not ok\) [0-9]* - /\1 $1: $unit: /p"
	done
	"$2" -shared -fPIC -o "$work/$1/id.so" "$work/id.c" || echo "not ok $1: id.so"
	same_files "$1" "$skbox"
}
[ -x build/skbox ] || { echo "not ok other machines: build/skbox is not built" && exit 0; }
mkdir -p "$work/s390x" "$work/arm64"
JOBS=1 machine s390x s390x-linux-gnu-gcc >"$work/out.s390x" 2>&1 &
JOBS=1 machine arm64 aarch64-linux-gnu-gcc >"$work/out.arm64" 2>&1
wait
cat "$work/out.s390x" "$work/out.arm64"
exit 0
