#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What the recorder says on a kernel that does not tell all about itself: this one's types, with names
# taken out, in a mount namespace of our own.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if ! [ -r /sys/kernel/btf/vmlinux ] || [ "$(id -u)" != 0 ]; then
	echo "skip types that are missing: needs bpf"
	exit 0
fi
make -s --no-print-directory skbox-capture || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs the recorder without a struct: its name is another one of the same length.
without() { # STRUCT OPTION...
	local name=$1
	shift
	LC_ALL=C sed "s/\x00$name\x00/\x00${name/?/X}\x00/" /sys/kernel/btf/vmlinux >"$work/btf"
	unshare -m sh -c 'mount --bind "$1" /sys/kernel/btf/vmlinux && shift && exec "$@"' sh "$work/btf" \
		build/skbox-capture --no-sockets --duration 100ms "$@" >"$work/out" 2>&1
}
is() { # NAME STATUS EXPECTED-STATUS EXPECTED-TEXT
	if [ "$2" = "$3" ] && grep -q "$4" "$work/out"; then
		echo "ok $1"
	else
		tail -n 5 "$work/out"
		echo "not ok $1: status $2, $(tail -n 1 "$work/out" | cut -c 1-200)"
	fi
}

without nf_conn -o "$work/t.skbx" --collect ct
is "connections that the kernel does not tell about are an error that says so" $? 2 'collect ct: .*struct nf_conn'
without no_such_type_ -o "$work/t.skbx" --collect ct
is "with the type the same recording works" $? 0 'events, 0 lost'
