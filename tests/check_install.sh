#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# make install respects DESTDIR and PREFIX; what it installs works from there, and libskbox for others.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=/opt/skbox-try tree=$work/tree/opt/skbox-try

if ! make --no-print-directory -s install DESTDIR="$work/tree" PREFIX=$prefix >"$work/log" 2>&1; then
	cat "$work/log"
	echo "not ok make install: failed"
	exit 1
fi
stray=$(cd "$work/tree" && find . -type f ! -path ".$prefix/*")
missing=
for file in bin/skbox bin/skbox-capture lib/libskbox.a lib/pkgconfig/libskbox.pc include/skbox/formats/event.h \
	share/man/man1/skbox.1 share/man/man1/skbox-print.1 share/man/man5/skbox-profiles.5 share/man/man8/skbox-capture.8 lib/systemd/system/skbox-capture@.service; do
	[ -s "$tree/$file" ] || missing+=" $file"
done
[ -z "$stray$missing" ] && [ ! -e $prefix ] && echo "ok make install with DESTDIR and PREFIX" ||
	echo "not ok make install with DESTDIR and PREFIX: missing:$missing elsewhere: $stray"

# what is installed does not need the tree
cp testdata/demo.skbx "$work/demo.skbx"
(cd "$work" && "$tree/bin/skbox" verify demo.skbx) >"$work/out" 2>&1 && echo "ok the installed analyzer reads a file" ||
	echo "not ok the installed analyzer reads a file: $(head -n 1 "$work/out")"
seen=$("$tree/bin/skbox" capture --version 2>&1)
grep -q '^skbox-capture ' <<<"$seen" && echo "ok it finds the recorder beside it" || echo "not ok it finds the recorder beside it: $(head -n 1 <<<"$seen")"
if command -v script >/dev/null && command -v man >/dev/null; then
	seen=$(cd "$work" && script -qec "env MANPAGER=cat PAGER=cat TERM=dumb $tree/bin/skbox help stats" /dev/null </dev/null 2>&1)
	grep -q 'SKBOX-STATS(1)' <<<"$seen" && echo "ok it finds its manual" || echo "not ok it finds its manual: $(head -n 1 <<<"$seen")"
fi

# the example, as its first lines say, with the .pc file's prefix moved to where it is for the moment
export PKG_CONFIG_PATH=$tree/lib/pkgconfig
read -ra flags <<<"$(pkg-config --define-variable=prefix="$tree" --define-variable=libdir="$tree/lib" --cflags --libs libskbox)"
if (cd "$work" && "${CC:-gcc}" -Wall -Wextra -Werror "$OLDPWD/examples/drops.c" "${flags[@]}" -o drops) >"$work/log" 2>&1; then
	"$work/drops" <testdata/demo.skbx >"$work/mine"
	build/skbox print --drops --fields time,cpu,drop.reason testdata/demo.skbx | awk '$3 != "-" && $1 + 0 { print $1 " cpu " $2 " " $3 }' >"$work/theirs"
	[ -s "$work/mine" ] && cmp "$work/mine" "$work/theirs" && echo "ok a program with libskbox sees the drops that skbox sees" ||
		echo "not ok a program with libskbox sees the drops that skbox sees: $(wc -l <"$work/mine") of $(wc -l <"$work/theirs")"
	# a pipe, and bytes that are no event file
	cat testdata/demo.skbx | "$work/drops" | cmp - "$work/mine" && ! "$work/drops" <README.md >/dev/null 2>"$work/err" && [ -s "$work/err" ] &&
		echo "ok and of a pipe, and says what is no event file" || echo "not ok and of a pipe, and says what is no event file: differs"
else
	cat "$work/log"
	echo "not ok a program with libskbox sees the drops that skbox sees: it does not compile"
fi

# the same by the words of docs/libskbox.md, where it is installed for good
make --no-print-directory -s install-lib PREFIX="$work/prefix" >"$work/log" 2>&1
ln -s "$PWD/examples" "$work/examples"
cp testdata/demo.skbx "$work/t.skbx"
awk '/^```sh$/ { code = 1; next } /^```/ { code = 0 } code' docs/libskbox.md >"$work/block"
(cd "$work" && PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig bash -e block) >"$work/out" 2>&1 && cmp "$work/out" "$work/mine" && echo "ok docs/libskbox.md: its commands work" ||
	echo "not ok docs/libskbox.md: its commands work: $(tail -n 1 "$work/out")"

sed "s,@PREFIX@,$tree," packaging/skbox-capture@.service.in >"$work/skbox-capture@.service"
if command -v systemd-analyze >/dev/null; then
	score=$(systemd-analyze security --offline=yes --no-pager "$work/skbox-capture@.service" 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
	awk -v score="$score" 'BEGIN { exit !(score != "" && score <= 4.5) }' && echo "ok the unit's exposure is at most 4.5" ||
		echo "not ok the unit's exposure is at most 4.5: $score"
	wrong=$(systemd-analyze verify --man=no "$work/skbox-capture@.service" 2>&1 | grep -F 'skbox-capture@')
	[ -z "$wrong" ] && echo "ok systemd accepts the unit" || echo "not ok systemd accepts the unit: $wrong"
else
	echo "skip systemd accepts the unit: no systemd-analyze"
fi
exit 0
