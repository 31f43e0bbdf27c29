#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the build: the other compiler, the analyzer alone, the same bytes twice, hardening, installation.
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

# Two builds of one tree are the same bytes, in whatever directory and at whatever time.
elsewhere=$work/another/directory
same() { # PROGRAM
	cmp "build/gcc/$1" "$elsewhere/build/gcc/$1"
}
mkdir -p "$elsewhere" && git ls-files -z --cached --others --exclude-standard -- . ':!testdata' | xargs -0 cp --parents -t "$elsewhere"
try "everything builds in another directory" make -C "$elsewhere" -s -j"$jobs" --no-print-directory CI=1 B=build/gcc CC=gcc skbox skbox-capture
for program in skbox skbox-capture libskbox.a bpf/record.bpf.o bpf/record_plain.bpf.o; do
	try "built twice, the same bytes: $program" same $program
done

# What makes a weakness hard to use, in the programs as they are built.
hard() { # PROGRAM WHAT
	case $2 in
	PIE) readelf -hd "$1" | grep >/dev/null 'Type: *DYN' && readelf -d "$1" | grep >/dev/null 'FLAGS_1.*PIE' ;;
	RELRO) readelf -l "$1" | grep >/dev/null GNU_RELRO && readelf -d "$1" | grep >/dev/null 'FLAGS.*BIND_NOW\|FLAGS_1.*NOW' ;;
	"no executable stack") readelf -lW "$1" | grep 'GNU_STACK' | grep -v >/dev/null 'RWE' ;;
	"no writable code") ! readelf -lW "$1" | grep 'LOAD' | grep >/dev/null 'RWE' ;;
	"stack protector") readelf -sW --dyn-syms "$1" | grep >/dev/null '__stack_chk_fail' ;;
	"fortified calls") readelf -sW --dyn-syms "$1" | grep >/dev/null '__[a-z]*printf_chk' ;;
	"no search path") ! readelf -d "$1" | grep >/dev/null 'RPATH\|RUNPATH' ;;
	esac
}
for program in skbox skbox-capture; do
	for what in PIE RELRO "no executable stack" "no writable code" "stack protector" "fortified calls" "no search path"; do
		try "$program: $what" hard build/gcc/$program "$what"
	done
done

# charts come from a package that a machine may lack
try "the report's page has its charts" bash -c 'build/gcc/skbox --version | grep "^report: charts by d3 [0-9]"'
try "the analyzer builds without the chart library" make -j"$jobs" --no-print-directory CI=1 B=build/gcc CC=gcc D3= skbox
try "and says so" bash -c 'build/gcc/skbox --version | grep "^report: without charts"'
try "its page is whole, with no chart library" bash -c '
	build/gcc/skbox report testdata/demo.skbx -o "$1/page.html" && grep -q "</html>" "$1/page.html" && ! grep -q "d3js.org" "$1/page.html" &&
	[ "$(grep -o "sha256-" "$1/page.html" | wc -l)" = 2 ]' _ "$work"
try "make install puts everything below DESTDIR" make --no-print-directory install DESTDIR="$work/dest" PREFIX=/usr
for file in bin/skbox bin/skbox-capture share/man/man1/skbox.1 share/man/man8/skbox-capture.8 share/man/man5/skbx.5; do
	try "installed: $file" test -s "$work/dest/usr/$file"
done
try "the installed analyzer runs" "$work/dest/usr/bin/skbox" --version
try "the installed recorder runs" "$work/dest/usr/bin/skbox-capture" --version
try "installed programs are nobody's but root's" bash -c '[ -z "$(find "$1" -perm /022 ! -type l)" ]' _ "$work/dest/usr"
try "nothing is built that git would see" bash -c '[ -z "$(git status --porcelain --untracked-files=normal -- build)" ]'
