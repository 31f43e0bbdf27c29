#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --max-cpu: whole flows are left out while recording costs too much, counted and told; all come back.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip max_cpu: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/stream || exit 1
record=$PWD/build/skbox-capture skbox=$PWD/build/skbox blast=$PWD/build/tests/live/blast stream=$PWD/build/tests/live/stream
tx=skbox-max-$$-tx rx=skbox-max-$$-rx
port=$((20000 + $$ % 20000)) # another run beside this one has another
work=$(mktemp -d)
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	ip netns del $tx 2>/dev/null
	ip netns del $rx 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }

ip netns add $tx && ip netns add $rx || exit 1
ip link add va netns $tx type veth peer name vb netns $rx || exit 1
ip -n $tx addr add 10.76.0.1/24 dev va && ip -n $rx addr add 10.76.0.2/24 dev vb
ip -n $tx link set va up && ip -n $rx link set vb up && ip -n $rx link set lo up
# the flood, and what comes behind it when the load has fallen
for to in "$port" $((port + 1)); do
	ip netns exec $rx "$stream" sink 10.76.0.2 "$to" &
	children+=($!)
done
sleep 0.5

cat >"$work/traffic" <<END
ip netns exec $tx $blast 10.76.0.2 $port 100000000 64 64 60000 2.5
ip netns exec $tx $blast 10.76.0.2 $((port + 1)) 100000000 64 64 300 4
END
cat >"$work/look.py" <<'END'
# Of the flood's events and the rows of `thin`, by time: between two changes a flow has all or none, but for what was on its way.
import collections, json, sys
MARGIN, port = 1000000, int(sys.argv[1])
events, rows = [], []
for line in sys.stdin:
    e = json.loads(line)
    if "thin.kept" in e:
        rows.append((e["time"], e["thin.kept"]))
    elif e.get("udp.dport") == port:
        events.append((e["time"], e["udp.sport"]))
bad = spans = left = at = 0
events.sort()
for begin, end in zip([0] + [t for t, _ in rows], [t for t, _ in rows] + [1 << 62]):
    flows = collections.Counter()
    while at < len(events) and events[at][0] < end:
        if begin + MARGIN < events[at][0] < end - MARGIN:
            flows[events[at][1]] += 1
        at += 1
    # the flows take turns of 32: their counts differ by one turn, and one more at either end
    most = max(flows.values(), default=0)
    if most >= 320:
        spans += 1
        left += len(flows) < 64
        bad += sum(1 for n in flows.values() if n < most - 96)
kept = [k for _, k in rows]
print(spans, left, bad, min(kept, default=1000000), kept[-1] if kept else 1000000)
END
for compat in "" --compat; do
	file=$work/max$compat.skbx
	# shellcheck disable=SC2086
	$record -o "$file" $compat --max-cpu 8 --no-sockets -f "udp dst portrange $port-$((port + 1))" -- sh "$work/traffic" >"$work/sent" 2>"$work/err"
	verdict "${compat:+$compat: }ends with the command's status" $? "$(tail -n 1 "$work/err")"
	sent=$(awk '/^sent/ { n += $2 } END { print n + 0 }' "$work/sent")
	$skbox json --shape skbox "$file" >"$work/all"
	sums=$(grep -o '"total.probe":.*' "$work/all" | tr -d '"}' | tr ',' '\n' |
		awk -F: '/recorded|lost|skipped|thinned/ { n += $2 } /total.probe/ { if (p) print n; p = 1; n = 0 } END { print n }' | tr '\n' ' ')
	[ "$sums" = "$sent $sent " ]
	verdict "${compat:+$compat: }recorded, lost, skipped and left out are what was sent, at each probe" $? "$sums, sent $sent"
	read -r spans left bad least last < <($skbox json --fields time,udp.sport,udp.dport,thin.kept --probe tp:net:net_dev_start_xmit "$file" | python3 "$work/look.py" "$port")
	[ "$spans" -gt 0 ] && [ "$left" -gt 0 ] && [ "$bad" = 0 ]
	verdict "${compat:+$compat: }a flow is recorded whole or not at all" $? "$bad flows in part, in $spans spans, $left of them without all flows"
	[ "$least" -lt 1000000 ] && [ "$last" = 1000000 ]
	verdict "${compat:+$compat: }fewer are kept under load, and all behind it" $? "of a million $least at least, $last at the end"
	[ "$($skbox print --format single-line --count 1000000 "$file" | grep -c ' keeps .* flows from here on, recording took ')" -ge 2 ]
	verdict "${compat:+$compat: }print says so" $? "no line"
	$skbox info "$file" | grep -qE 'left out  *[1-9][0-9]* events, by flow; [0-9.]+ % of the flows were kept at least'
	verdict "${compat:+$compat: }info says so" $? "$($skbox info "$file" | grep 'left out')"
	echo "${compat:+$compat: }max-cpu: sent $sent, at each probe $sums; at least $least of a million flows; $(tail -n 1 "$work/err")"
done
