#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The demo: it records for real, its recording says what was sent, and it leaves nothing behind.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip demo: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory build/demo/traffic || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
left_behind() { # PID: what a demo with this process id did not remove
	ip netns list | grep -E "skbox-(client|server)-$1\b"
	pgrep -f "^$PWD/build/demo/traffic" 2>/dev/null
	pgrep -f "skbox-client-$1\b" 2>/dev/null
}
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }

demo/run "$work/demo.skbx" >"$work/out" 2>&1 &
pid=$!
wait $pid
verdict "the demo ends well" $? "exit status $?: $(tail -n 3 "$work/out" | tr '\n' ' ')"
grep -E 'cannot record|replaying' "$work/out"
verdict "it recorded here" $((!$?)) "it replayed the shipped recording: $(grep 'cannot record' "$work/out")"
left=$(left_behind $pid)
verdict "it leaves nothing behind" $((${#left} > 0)) "$left"
tests/facts "$work/demo.skbx"

for signal in INT TERM HUP; do
	# a process group of its own, as a terminal's foreground job is
	env --default-signal=INT setsid demo/run "$work/$signal.skbx" >"$work/out" 2>&1 &
	pid=$!
	sleep 1.2
	# not to a process id that is no more
	kill -0 $pid 2>/dev/null && kill -$signal -- -$pid
	wait $pid
	status=$?
	left=$(left_behind $pid)
	verdict "interrupted by SIG$signal it says so" $((status < 129)) "exit status $status: $(tail -n 2 "$work/out" | tr '\n' ' ')"
	verdict "interrupted by SIG$signal it leaves nothing behind" $((${#left} > 0)) "$left"
done

# Without rights: one line that says why, and the shipped recording.
setpriv --bounding-set=-all --inh-caps=-all demo/run >"$work/out" 2>&1
verdict "without rights it ends well, too" $? "exit status $?: $(tail -n 2 "$work/out" | tr '\n' ' ')"
[ "$(grep -c '^demo: cannot record here (.\+); replaying testdata/demo.skbx instead$' "$work/out")" = 1 ]
verdict "one line says why it cannot record" $? "$(head -n 2 "$work/out" | tr '\n' ' ')"
grep -q '^events *[1-9]' "$work/out"
verdict "it shows the shipped recording" $? "no events in its output"
