#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# print --follow beside a recorder at work: one file, and a rotated set of which old files are removed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip follow: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast || exit 1
record=build/skbox-capture skbox=build/skbox blast=$PWD/build/tests/live/blast
ns=skbox-fol-$$ port=$((20000 + $$ % 20000))
work=$(mktemp -d)
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	ip netns del $ns 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
equal() { # NAME GOT EXPECTED
	[ "$2" = "$3" ]
	verdict "$1" $? "got '$2', expected '$3'"
}
until_true() { # SECONDS COMMAND...: tried ten times a second
	local left=$(($1 * 10)) && shift
	until "$@"; do
		[ $((left -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}
ip netns add $ns && ip -n $ns link set lo up || exit 1
send() { # COUNT
	ip netns exec $ns "$blast" 127.0.0.1 "$port" "$1" 64 4 0 0 random >/dev/null
}
xmits() { grep -c "net:net_dev_start_xmit" "$1"; }
has_events() { [ "$(xmits "$1")" -ge "$2" ]; }

has_probes() { [ -s "$1" ] && $skbox info "$1" 2>/dev/null | grep -q "^probes:"; }

# ---- one file ----
$record -o "$work/one.skbx" --no-sockets -p tp:net:net_dev_start_xmit -f "udp dst port $port" 2>"$work/err" &
recorder=$!
children=("$recorder")
until_true 10 has_probes "$work/one.skbx"
$skbox print --follow --format single-line "$work/one.skbx" >"$work/one.txt" 2>"$work/one.err" &
follower=$!
children+=("$follower")
send 100
until_true 5 has_events "$work/one.txt" 100
verdict "events are shown while they are recorded" $? "$(xmits "$work/one.txt") of 100"
kill -0 $follower 2>/dev/null
verdict "it waits" $? "it has ended"
send 50
kill -INT $recorder && wait $recorder
until_true 5 eval "! kill -0 $follower 2>/dev/null"
verdict "it ends with the recording" $? "it goes on" # and is killed below
kill $follower 2>/dev/null
wait $follower
equal "with status 0" $? 0
equal "and without a word" "$(cat "$work/one.err")" ""
$skbox print --format single-line "$work/one.skbx" >"$work/whole.txt"
cmp "$work/one.txt" "$work/whole.txt" >"$work/cmp" 2>&1
verdict "the same bytes as afterwards" $? "$(cat "$work/cmp")"

# ---- a recorder that is killed leaves no end: the user ends it ----
head -c $(($(stat -c %s "$work/one.skbx") * 2 / 3)) "$work/one.skbx" >"$work/cut.skbx"
$skbox print --follow "$work/cut.skbx" >"$work/cut.txt" 2>"$work/cut.err" &
follower=$!
children=("$follower")
until_true 5 test -s "$work/cut.txt"
sleep 0.3
kill -INT $follower
wait $follower
equal "an interrupt ends it with status 0" $? 0

# ---- rotated, and old files go ----
$record -o "$work/set.skbx" --rotate signal --no-sockets -p tp:net:net_dev_start_xmit -f "udp dst port $port" 2>"$work/err" &
recorder=$!
children=("$recorder")
until_true 10 has_probes "$work/set.skbx.0"
$skbox print -F --format single-line "$work/set.skbx.0" >"$work/set.txt" 2>"$work/set.err" &
follower=$!
children+=("$follower")
for file in 1 2 3; do
	send 40
	until_true 5 has_events "$work/set.txt" $((file * 40))
	kill -USR1 $recorder
	until_true 5 test -s "$work/set.skbx.$file"
done
send 40
kill -INT $recorder && wait $recorder
until_true 5 eval "! kill -0 $follower 2>/dev/null"
verdict "rotated: it ends with the recording" $? "it goes on"
kill $follower 2>/dev/null
wait $follower
$skbox print --format single-line "$work/set.skbx.." >"$work/whole.txt"
cmp "$work/set.txt" "$work/whole.txt" >"$work/cmp" 2>&1
verdict "rotated: the same bytes as FILE.. afterwards" $? "$(cat "$work/cmp" "$work/set.err")"
equal "rotated: all events" "$(xmits "$work/set.txt")" 160
rm "$work/set.skbx.1"
$skbox print -F --format single-line "$work/set.skbx.0" >"$work/gap.txt" 2>"$work/gap.err" &
follower=$!
children=("$follower")
until_true 5 eval "! kill -0 $follower 2>/dev/null"
kill $follower 2>/dev/null
equal "a file that was removed is told" "$(sed 's,[^ ]*/,,g' "$work/gap.err")" \
	"skbox: note: set.skbx.1 was removed before it was read; going on with set.skbx.2"
# the start of the set, and what came from the third file on
equal "and the rest is shown" "$(xmits "$work/gap.txt")" 120

# ---- from a pipe ----
head -c 9000 "$work/one.skbx" | $skbox print --follow - 2>/dev/null | cmp -s - <(head -c 9000 "$work/one.skbx" | $skbox print - 2>/dev/null)
verdict "a pipe is followed as it is" $? "other bytes"
$skbox print --follow --journey --drops "$work/one.skbx" >/dev/null 2>"$work/err"
equal "not with what reads twice" $? 2
