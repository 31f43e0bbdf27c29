#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A second reader, written after formats/FORMAT.md, finds in event files what skbox finds: in those
# of testdata/, which readers must know for ever, and in what is written today.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compare() { # NAME FILE
	local said
	if said=$(build/skbox json "$2" | python3 tests/format_reader.py "$2" 2>&1); then
		echo "ok $1"
	else
		echo "$said" | cut -c 1-2000
		echo "not ok $1: the two readers differ"
	fi
}

[ -x build/skbox ] || { echo "not ok second reader: build/skbox is not built" && exit 0; }
for file in testdata/demo.skbx testdata/v1/*.skbx; do
	compare "second reader, $file" "$file"
	zstd -tq "$file" && echo "ok zstd -t $file" || echo "not ok zstd -t $file: it is damaged"
done
for name in current-ovs-111 real-current; do
	zstd -dqf "testdata/retis/$name/events.json.zst" -o "$work/$name.json"
	build/skbox cut "$work/$name.json" -o "$work/$name.skbx"
	compare "second reader, $name" "$work/$name.skbx"
	zstd -tq "$work/$name.skbx" && echo "ok zstd -t $name.skbx" || echo "not ok zstd -t $name.skbx: it is damaged"
done
# a test of the test: another byte in the middle, and they do not agree
build/skbox json testdata/demo.skbx | sed '100s/"time":\([0-9]*\)/"time":1\1/' >"$work/other.json"
if python3 tests/format_reader.py testdata/demo.skbx <"$work/other.json" >/dev/null 2>&1; then
	echo "not ok second reader tells a difference: it did not see one"
else
	echo "ok second reader tells a difference"
fi
exit 0
