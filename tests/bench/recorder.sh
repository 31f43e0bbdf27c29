# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154 # sourced by tests/bench/run, whose words it uses
# What recording costs: under a flood, at a low rate, and of sockets.

make_network() {
	local side mac
	ip netns add "$sender" && ip netns add "$receiver" && ip link add eth0 netns "$sender" type veth peer name eth0 netns "$receiver" || return
	for side in "$sender 1" "$receiver 2"; do
		set -- $side
		ip -n "$1" link set lo up && ip -n "$1" addr add 10.78.0."$2"/24 dev eth0 && ip -n "$1" link set eth0 up || return
	done
	# an address that nobody has, at the receiver's door: its kernel drops the datagrams without an answer,
	# and what is measured is little else than the probes
	mac=$(ip -n "$receiver" -br link show eth0 | awk '{ print $3 }')
	ip -n "$sender" neigh add 10.78.0.99 lladdr "$mac" dev eth0 || return
	sleep 1
}

# Floods for some seconds; prints datagrams sent, wall and processor nanoseconds for each. The processor's time
# includes the receiver's part up to its drop, for veth runs that in the sender's context.
flood() {
	local TIMEFORMAT='cpu %U %S'
	{ time ip netns exec "$sender" timeout "$((seconds + 20))" build/tests/live/blast 10.78.0.99 9 $((seconds * flood_rate)) 64 16; } 2>&1 |
		awk '$1 == "sent" { n = $2; wall = $4 } $1 == "cpu" { cpu = $2 + $3 } END { if (n) printf "%d %.1f %.1f\n", n, wall * 1e9 / n, cpu * 1e9 / n }'
}

# What a run of a program took, by the kernel's own clock for it in the windows of 20 ms that the recorder opens. The two
# readings of that clock are in it (30 ns on the machine of docs/PERFORMANCE.md: an empty program).
bpf_ns() { # FILE
	$skbox info --json "$1" | python3 -c '
import json, sys
probes = json.load(sys.stdin)["probes"]
runs = sum(p.get("runs", 0) for p in probes)
print("%.1f" % (sum(p.get("run_time_ns", 0) for p in probes) / runs if runs else 0))'
}

# One recorder under a flood: what a datagram costs its sender, and the recorder's own CPU time.
record() { # NAME EVENTS-A-DATAGRAM COMMAND... (none: no recorder)
	local name=$1 events_each=$2 sent ns cpu pid ticks
	shift 2
	if [ $# -gt 0 ]; then
		"$@" >$dir/recorder 2>&1 </dev/null &
		pid=$!
		sleep 1
	fi
	read -r sent ns cpu < <(flood)
	[ -n "${ns:-}" ] || fail "$name: the flood failed"
	sample record "$name" "ns/datagram, wall" "$ns"
	sample record "$name" "ns/datagram, sender's CPU" "$cpu"
	[ $# -gt 0 ] || return 0
	sleep 0.5
	ticks=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	sample record "$name" "ns/event, recorder's CPU" "$(awk -v t="$ticks" -v n=$((sent * events_each)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / hz * 1e9 / n }')"
	kill -INT "$pid" 2>/dev/null
	wait "$pid"
	[ "$1" != $capture ] || sample record "$name" "ns/event, BPF" "$(bpf_ns "$4")"
	# the recorders' own words about loss
	sed -n "s/.*/$name: &/p" $dir/recorder | grep -iE 'lost|dropped|received|captured' >>$dir/losses || true
}

part_record() {
	local i tp=tp:net:netif_receive_skb record_rounds=$((rounds > 2 ? rounds - 2 : 1))
	[ "$(id -u)" = 0 ] || fail "recording needs root"
	make -s --no-print-directory build/tests/live/blast || fail "tests/live/blast does not build"
	make_network || fail "cannot make two namespaces"
	flood_rate=100000
	read -r _ ns _ < <(flood)
	flood_rate=$(awk -v ns="$ns" 'BEGIN { printf "%d", 1e9 / ns }')
	for ((i = 0; i < record_rounds; i++)); do
		record "no recorder" 1
		record "tcpdump -w, receiver" 1 ip netns exec "$receiver" tcpdump -q -Z root -i eth0 -s 255 -B 65536 -w $dir/t.pcap
		record "perf record, two tracepoints" 2 perf record -q -a -e net:netif_receive_skb -e net:net_dev_start_xmit -o $dir/t.perf
		record "skbox-capture, one probe" 1 $capture --force -o $dir/t.skbx -p $tp
		record "skbox-capture, two probes" 2 $capture --force -o $dir/t.skbx -p $tp -p tp:net:net_dev_start_xmit
	done
	rm -f $dir/t.pcap $dir/t.skbx $dir/t.perf
}

# Five datagrams a second at two probes, each with 32 random bytes: 16 an event, as in the input of "size". What a whole
# recording of a minute takes, and what its second half added, which is what an hour is like.
part_low() {
	local n=$((${LOW_SECONDS:-60} * 5)) i half end pid port=$((20000 + $$ % 20000))
	[ "$(id -u)" = 0 ] || fail "recording needs root"
	ip netns list | grep -q "^$sender\b" || make_network || fail "cannot make two namespaces"
	$capture --force -o $dir/low.skbx --no-sockets -f "udp dst port $port" >$dir/recorder 2>&1 </dev/null &
	pid=$!
	sleep 2
	# shellcheck disable=SC2016 # $0 to $2 are the other shell's
	half=$(ip netns exec "$sender" bash -c '
		for ((i = 0; i < $0; i++)); do
			[ $i != $(($0 / 2)) ] || stat -c %s "$2"
			printf %08x%08x%08x%08x $SRANDOM $SRANDOM $SRANDOM $SRANDOM >/dev/udp/10.78.0.99/$1
			sleep 0.$((100 + RANDOM % 193)) # 0.2 with what the loop takes; not in step with the recorder, as traffic is not
		done' "$n" "$port" $dir/low.skbx)
	end=$(stat -c %s $dir/low.skbx)
	kill -INT $pid && wait $pid || fail "$(tail -n 1 $dir/recorder)"
	sample low "a whole recording of ${LOW_SECONDS:-60} s" "bytes/event" "$(awk -v b="$(stat -c %s $dir/low.skbx)" -v n=$((n * 2)) 'BEGIN { printf "%.1f", b / n }')"
	sample low "its second half" "bytes/event" "$(awk -v b=$((end - half)) -v n="$n" 'BEGIN { printf "%.1f", b / n }')"
	rm -f $dir/low.skbx
}

# Ten thousand connected sockets: our dump beside the kernel's own, and what later snapshots take in the file.
part_sockets() {
	local i timing rows ours kernel sizes duration make
	[ "$(id -u)" = 0 ] || fail "recording needs root"
	make -s --no-print-directory build/tests/live/sock_make build/tests/live/sock_show || fail "the helpers do not build"
	ip netns list | grep -q "^$sender\b" || make_network || fail "cannot make two namespaces"
	coproc sockets { exec ip netns exec "$sender" build/tests/live/sock_make many 5000; }
	make=$sockets_PID
	read -r -t 60 -u "${sockets[0]}" _ || fail "cannot make the sockets"
	for ((i = 0; i < rounds; i++)); do
		timing=$(build/tests/live/sock_show -n "$sender" time 5)
		read -r rows ours kernel <<<"$(awk '{ print $2, $7, $11 }' <<<"$timing")"
		sample sockets "the kernel's dump of $rows sockets" "ms" "$(awk -v t="$kernel" 'BEGIN { printf "%.2f", t / 1000 }')"
		sample sockets "our dump of $rows sockets" "ms" "$(awk -v t="$ours" 'BEGIN { printf "%.2f", t / 1000 }')"
		sizes=()
		for duration in 100ms 1100ms; do
			$capture -o $dir/sockets.skbx --force -p tp:tcp:tcp_retransmit_skb --netns "$sender" --sockets 500ms --duration $duration 2>$dir/err || fail "$(tail -n 1 $dir/err)"
			sizes+=("$(stat -c %s $dir/sockets.skbx)")
		done
		# two snapshots more
		sample sockets "a socket in a later snapshot" "bytes" "$(awk -v b=$((sizes[1] - sizes[0])) -v n=$((2 * rows)) 'BEGIN { printf "%.1f", b / n }')"
	done
	kill "$make"
	rm -f $dir/sockets.skbx
}
