#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the build: the other compiler, the analyzer alone, installation.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jobs=$(nproc) && [ "$jobs" -le 4 ] || jobs=4

try() { # NAME COMMAND...
	local name=$1 status=0
	shift
	"$@" >"$work/log" 2>&1 || status=$?
	if [ $status = 0 ]; then
		echo "ok $name"
	else
		tail -n 20 "$work/log"
		echo "not ok $name: exit status $status"
	fi
}

# A laptop that only analyzes has neither libbpf's and libelf's headers nor clang and bpftool.
mkdir -p "$work"/poison/bpf
for header in bpf/libbpf.h bpf/bpf.h bpf/btf.h bpf/bpf_helpers.h libelf.h gelf.h; do
	echo '#error "the analyzer must build without this header"' >"$work/poison/$header"
done
try "the analyzer builds alone, with clang and no warning" \
	make -j"$jobs" --no-print-directory CI=1 CC=clang CLANG=/nonexistent/clang BPFTOOL=/nonexistent/bpftool B=build/clang \
	CPPFLAGS="-I$work/poison" skbox
try "the analyzer links neither libbpf nor libelf" \
	bash -c '! readelf -d build/clang/skbox | grep -E "NEEDED.*lib(bpf|elf)"'
try "the recorder builds with clang and no warning" \
	make -j"$jobs" --no-print-directory CI=1 CC=clang B=build/clang skbox-capture
try "everything builds with gcc and no warning" make -j"$jobs" --no-print-directory CI=1 B=build/gcc CC=gcc all

try "make install puts everything below DESTDIR" make --no-print-directory install DESTDIR="$work/dest" PREFIX=/usr
for file in bin/skbox bin/skbox-capture share/man/man1/skbox.1 share/man/man8/skbox-capture.8 share/man/man5/skbx.5; do
	try "installed: $file" test -s "$work/dest/usr/$file"
done
try "the installed analyzer runs" "$work/dest/usr/bin/skbox" --version
try "the installed recorder runs" "$work/dest/usr/bin/skbox-capture" --version
try "installed programs are nobody's but root's" bash -c '[ -z "$(find "$1" -perm /022 ! -type l)" ]' _ "$work/dest/usr"
try "nothing is built that git would see" bash -c '[ -z "$(git status --porcelain --untracked-files=normal -- build)" ]'
