# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the torture tests have in common: two namespaces with a wire between them, a sender that stamps
# sequence number and clock into each payload (tests/live/blast.c), and words for the verdicts.
# Short forms run from tests/live/torture.sh, long ones (LONG=1) from tests/torture/run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
LONG=${LONG:-0}
record=$PWD/build/skbox-capture skbox=$PWD/build/skbox
blast=$PWD/build/tests/live/blast stream=$PWD/build/tests/live/stream
tx=skbox-tor-$$-tx rx=skbox-tor-$$-rx
port=$((20000 + $$ % 20000)) # another run beside this one has another
work=$(mktemp -d)
children=()

for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip torture: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/stream || exit 1

torture_end() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	ip netns del $tx 2>/dev/null
	ip netns del $rx 2>/dev/null
	for place in "$work"/disk*; do umount "$place" 2>/dev/null; done
	rm -rf "$work"
}
trap torture_end EXIT
trap 'exit 130' INT TERM HUP

verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
equal() { # NAME GOT EXPECTED
	[ "$2" = "$3" ]
	verdict "$1" $? "got '$2', expected '$3'"
}
pick() { if [ "$LONG" = 1 ]; then echo "$2"; else echo "$1"; fi; } # SHORT LONG

network() { # a wire, and a reader at its end, so that no ICMP error goes back
	ip netns add $tx && ip netns add $rx || exit 1
	ip link add va netns $tx type veth peer name vb netns $rx || exit 1
	ip -n $tx addr add 10.78.0.1/24 dev va && ip -n $rx addr add 10.78.0.2/24 dev vb
	for ns in $tx $rx; do ip -n $ns link set lo up; done
	ip -n $tx link set va up && ip -n $rx link set vb up
	ip netns exec $rx "$stream" sink 10.78.0.2 "$port" 2>/dev/null &
	children+=($!)
	sleep 0.3
}
send() { # COUNT SIZE FLOWS RATE SECONDS
	ip netns exec $tx "$blast" 10.78.0.2 "$port" "$@"
}
# The recorder's processes, by pid of the first.
family() { echo "$1" $(pgrep -P "$1" -x 'skbox-holder|skbox-sockets'); }
until_true() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}
recording() { [ -s "$1" ]; }
