#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The recorder against senders that know what they sent: counts, losses, bytes, drops, ids, time.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip recorder: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/stream || exit 1
record=build/skbox-capture skbox=build/skbox blast=$PWD/build/tests/live/blast stream=$PWD/build/tests/live/stream
tx=skbox-rec-$$-tx rx=skbox-rec-$$-rx
. tests/live/pair
file=$work/file.skbx
make_pair $tx va $rx vb 10.71.0 || exit 1
ip -n $tx addr add fd71::1/64 dev va nodad && ip -n $rx addr add fd71::2/64 dev vb nodad
# no question about a neighbour may get into the counts
ip -n $tx neigh replace 10.71.0.2 lladdr "$(ip -n $rx -br link show vb | awk '{print $3}')" dev va
# what nobody reads is dropped by the socket, not refused by ICMP: a firewall is quieter than both
ip netns exec $rx sh -c 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit' 2>/dev/null
sleep 0.5

# Columns of `skbox info` for one probe: recorded lost skipped.
totals() { $skbox info "$1" | sed -n "s|.*/$2  *\([0-9]*\) recorded, \([0-9]*\) lost, \([0-9]*\) skipped.*|\1 \2 \3|p"; }
sent_of() { sed -n 's/^sent \([0-9]*\) .*/\1/p' "$1"; }
backlog_drops() {
	local n=0 dropped
	while read -r _ dropped _; do n=$((n + 16#$dropped)); done </proc/net/softnet_stat
	echo $n
}
lines() { $skbox print --format single-line "$@" "$file"; }

# ---- every packet is recorded, or counted as lost ----
# Other traffic of this machine is in the totals, too: it is counted where it was recorded.
check_equation() { # NAME PORT SENT DROPPED
	local probe recorded lost skipped ours
	for probe in net:net_dev_start_xmit net:netif_receive_skb; do
		read -r recorded lost skipped < <(totals "$file" $probe)
		ours=$(lines -f "udp dst port $2" | grep -c "\[tp\] $probe ")
		local sum=$((ours + lost + skipped)) want=$3 others=$((recorded - ours))
		[ $probe = net:net_dev_start_xmit ] || want=$(($3 - $4))
		# of what was lost some may be others' as well, in the proportion of what was not
		local slack=$((others * (lost + skipped) / (ours + 1) + (others > 0)))
		# and a few (neighbour discovery, say) may have been lost all of them
		[ $((lost + skipped)) = 0 ] || slack=$((slack + 20))
		[ $sum -ge "$want" ] && [ $sum -le $((want + slack)) ]
		verdict "$1: $probe: recorded + lost + skipped = sent" $? \
			"$ours recorded (and $others of others) + $lost lost + $skipped skipped = $sum, sent $want"
		echo "$1: $probe: $ours recorded, $lost lost, $skipped skipped, $want sent"
	done
}
flood() { # NAME PORT COUNT OPTIONS...
	local name=$1 port=$2 count=$3 before drops
	shift 3
	before=$(backlog_drops)
	$record --force -o "$file" --no-sockets "$@" -- ip netns exec $tx "$blast" 10.71.0.2 "$port" "$count" 64 4 \
		>"$work/sent" 2>"$work/err"
	verdict "$name: ends with the command's status" $? "$(tail -n 1 "$work/err")"
	drops=$(($(backlog_drops) - before))
	check_equation "$name" "$port" "$(sent_of "$work/sent")" $drops
}
# a reader, so that no ICMP error goes back
ip netns exec $rx "$stream" sink 10.71.0.2 7101 &
children+=($!)
sleep 0.3
flood "default buffer" 7101 400000
read -r _ lost skipped < <(totals "$file" net:net_dev_start_xmit)
equal "default buffer: nothing is lost" "$lost $skipped" "0 0"
$skbox verify "$file" >"$work/out" 2>&1
verdict "its file is whole" $? "$(tail -n 1 "$work/out")"
flood "tiny buffer" 7101 400000 --buffer 8K
read -r _ lost _ < <(totals "$file" net:net_dev_start_xmit)
verdict "tiny buffer: the loss is told" $((lost == 0)) "no loss with 8K of buffer"
rows=$($skbox json "$file" 2>/dev/null | grep -o '"loss.lost":[0-9]*' | awk -F: '{ n += $2 } END { print n + 0 }')
all=$($skbox info "$file" | awk '/ recorded, / { gsub(",", ""); n += $4 } END { print n + 0 }')
equal "tiny buffer: loss rows add up to the totals" "$rows" "$all"
last=$(tail -n 1 "$work/err")
told=$(sed -n 's/.* \([0-9]*\) lost.*/\1/p' <<<"$last")
equal "tiny buffer: the last line tells the loss" "$told" "$all"

flood "as on old kernels" 7101 200000 --compat
flood "as on old kernels, tiny buffer" 7101 200000 --compat --buffer 8K
read -r _ lost _ < <(totals "$file" net:net_dev_start_xmit)
verdict "as on old kernels, tiny buffer: the loss is told" $((lost == 0)) "no loss with 8K of buffer"

# ---- what a packet looked like ----
$record --force -o "$file" --no-sockets -p tp:net:net_dev_start_xmit -p tp:net:netif_receive_skb -p 'tp:skb:kfree_skb' -- \
	ip netns exec $tx "$blast" 10.71.0.2 7109 20 100 1 100 >/dev/null 2>&1
dropped=$(lines -f 'udp dst port 7109' | grep -c 'tp\] skb:kfree_skb .* drop (reason NO_SOCKET)')
equal "a closed port drops with NO_SOCKET" "$dropped" 20
# little-endian words of the payload: sequence number, time, "skboxbst"
payloads=$($skbox json -f 'udp dst port 7109' "$file" | grep '"kernel.symbol":"net:netif_receive_skb"' | grep -o '"packet.data":"[^"]*"' | cut -d'"' -f4 |
	while read -r data; do base64 -d <<<"$data" | tail -c 100 | od -An -v -w24 -t x8 -N 24; done |
	while read -r number _ mark; do [ "$mark" != 747362786f626b73 ] || echo $((16#$number)); done | sort -n | tr '\n' ' ')
equal "payloads are whole, each sequence number once" "$payloads" "$(seq 0 19 | tr '\n' ' ')"
shown=$(lines -f 'udp dst port 7109' | grep -c ' net:netif_receive_skb .* if [0-9]* (vb) .* 10.71.0.1.* > 10.71.0.2.7109 .* len 128 proto UDP (17) len 100')
equal "device, addresses and lengths" "$shown" 20
inode=$(ip netns exec $rx readlink /proc/self/ns/net | tr -dc 0-9)
equal "namespace" "$(lines -f 'udp dst port 7109' | grep ' net:netif_receive_skb ' | grep -c " ns 0x[0-9a-f]*/$inode ")" 20
for snaplen in 40 64 255 300 1500 16384 "300 --compat"; do
	# shellcheck disable=SC2086 # an option may be with it
	$record --force -o "$file" --no-sockets --snaplen $snaplen -p tp:net:netif_receive_skb -- \
		ip netns exec $tx "$blast" 10.71.0.2 7101 5 1400 1 100 >/dev/null 2>&1
	want=${snaplen% *} && [ "$want" -lt 1442 ] || want=1442
	got=$($skbox json -f 'dst host 10.71.0.2' "$file" | grep -o '"packet.len":[0-9]*,"packet.caplen":[0-9]*' | sort | uniq -c | tr -s ' ')
	equal "snaplen $snaplen" "$got" " 5 \"packet.len\":1442,\"packet.caplen\":$want"
done

# ---- every way to read a packet gives the same ----
for way in "" --compat "--snaplen 300"; do
	# shellcheck disable=SC2086
	$record --force -o "$file" --no-sockets $way -p tp:net:netif_receive_skb -- ip netns exec $tx ping -q -c 3 -i 0.2 -s 57 -p a5 10.71.0.2 >/dev/null 2>&1
	lines -e -f 'dst host 10.71.0.2 and icmp[icmptype] == icmp-echo' | sed -n 's/^[0-9]* ([0-9]*) \[.*\] [0-9]* \(\[tp\].*\) #.* (skb [0-9a-f]*)\(.*\)/\1\2/p' | sed 's/ id [0-9]*//g; s/hash 0x[0-9a-f]* //; s/seq [0-9]*//' | sort -u >"$work/way"
	[ -f "$work/first" ] || cp "$work/way" "$work/first"
	equal "read ${way:-directly}" "$(wc -l <"$work/way") $(cat "$work/way")" "1 $(cat "$work/first")"
done

# ---- printed while it happens ----
$record --force -o "$file" --no-sockets --print --format single-line -p tp:net:netif_receive_skb -- \
	sh -c "ip netns exec $tx $blast 10.71.0.2 7101 50 64 1 1000 >/dev/null" >"$work/live" 2>/dev/null
lines | grep -v ' skbox version ' | cmp -s - "$work/live" && [ "$(grep -c ' net:netif_receive_skb ' "$work/live")" -ge 50 ]
verdict "live printing gives the bytes of a later print" $? "$(lines | grep -v ' skbox version ' | diff - "$work/live" | head -n 3)"
$record --force -o "$file" --print --layout current -e --utc -- \
	sh -c "ip netns exec $tx ping -q -c 2 -i 0.2 10.71.0.2 >/dev/null" >"$work/live" 2>/dev/null
$skbox print --layout current -e --utc "$file" | sed '1,/^$/d' >"$work/later"
cmp -s "$work/later" "$work/live" && grep -q ' ethertype IPv4 ' "$work/live"
verdict "so it does in the current layout, with dates, link layer and sockets" $? "$(diff "$work/later" "$work/live" | head -n 3)"

# ---- TCP ----
for address in 10.71.0.2 fd71::2; do
	ip netns exec $rx "$stream" serve $address 7102 3000000 &
	$record --force -o "$file" -p 'tp:net:net_dev_start_xmit' -p tp:net:netif_receive_skb -p tp:skb:consume_skb -- \
		ip netns exec $tx "$stream" fetch $address 7102 >"$work/got" 2>"$work/err"
	equal "TCP $address: fetched" "$(cat "$work/got")" 3000000
	bytes=$(lines -f 'tcp src port 7102' | grep ' net:netif_receive_skb ' | sed -n 's/.*flags \[\([^]]*\)\] seq \([0-9]*\):*\([0-9]*\).*/\1 \2 \3/p' |
		awk '$1 ~ /S/ { first = $2 + 1 } $3 { d = $3 - first; if (d < 0) d += 4294967296; if (d > n) n = d } END { print n + 0 }')
	# a FIN in the last segment counts one
	verdict "TCP $address: the bytes of the stream were seen" $((bytes != 3000000 && bytes != 3000001)) "$bytes bytes"
done

# ---- one packet, one id ----
# Each packet has its own IP id: two in one journey are a merged one, one with two ids a split one.
$record --force -o "$file" --no-sockets -p 'tp:net:net_dev_*' -p tp:net:netif_receive_skb -- \
	ip netns exec $tx "$blast" 10.71.0.2 7101 60000 64 1 >/dev/null 2>&1
lines -f 'udp dst port 7101' | sed -n 's/.* #\([0-9a-f]*\) .* ttl [0-9]* id \([0-9]*\) .*/\1 \2/p' >"$work/ids"
read -r packets ids merged split < <(awk '
	{ if (!($1 in of)) { of[$1] = $2; ids++ } else if (of[$1] != $2) merged[$1]
	  if (!($2 in by)) { by[$2] = $1; packets++ } else if (by[$2] != $1) split_[$2] }
	END { m = 0; for (i in merged) m++; s = 0; for (i in split_) s++; print packets + 0, ids + 0, m, s }' "$work/ids")
echo "ids: $packets packets, $ids ids, $merged merged, $split split"
verdict "UDP: ids are of one packet each" $((packets != 60000 || merged > 60 || split > 60)) \
	"$packets packets, $ids ids, $merged merged, $split split"

# ---- kill -9 ----
# In a flood batches go out because they are full, in a trickle because they are old.
killed() { # NAME TIMES RATE
	local worst=0 broken=0 empty=0 pid at newest
	ip netns exec $tx "$blast" 10.71.0.2 7101 1000000000 64 1 "$3" 120 >/dev/null &
	children+=($!)
	for _ in $(seq "$2"); do
		rm -f "$file" # on a busy machine one that is killed early must not leave the one before
		$record -o "$file" --no-sockets 2>/dev/null &
		pid=$!
		for _ in $(seq 100); do [ ! -s "$file" ] || break; sleep 0.1; done
		sleep "1.$((RANDOM % 10))"
		at=$(awk '{ printf "%.0f", $1 * 1000 }' /proc/uptime)
		kill -9 $pid
		wait $pid 2>/dev/null
		$skbox verify "$file" >"$work/out" 2>&1 || { broken=$((broken + 1)) && cat "$work/out"; }
		newest=$(lines 2>/dev/null | awk '/ \[tp\] / && $1 > n { n = $1 } END { printf "%.0f", n / 1000000 }')
		[ "$newest" -gt 0 ] || empty=$((empty + 1))
		[ $((at - newest)) -le $worst ] || worst=$((at - newest))
	done
	kill "${children[-1]}" && unset 'children[-1]'
	echo "killed in a $1 $2 times: newest stamp at most $worst ms before the kill"
	verdict "killed in a $1 $2 times: never more than 500 ms are missing" $((worst > 500 || empty > 0)) \
		"$worst ms, $empty without events"
	equal "killed in a $1 $2 times: all blocks are whole" "$broken" 0
}
killed flood 20 0
killed trickle 6 400

# ---- ends, statuses, files ----
$record --force -o "$file" -p tp:net:net_dev_start_xmit -- sh -c 'exit 37' 2>/dev/null
equal "the command's status is ours" $? 37
$record -o "$file" -- true 2>"$work/err"
equal "an existing file is kept" "$? $(grep -c force "$work/err")" "125 1"
$record --force -o "$file" --duration 300ms 2>/dev/null
equal "duration" "$? $($skbox info "$file" | sed -n 's/^end *\([a-z]*\),.*/\1/p')" "0 duration"
$record --force -o "$file" --no-sockets --count 7 -- ip netns exec $tx "$blast" 10.71.0.2 7101 100 64 1 >/dev/null 2>&1
equal "count" "$(lines | grep -c ' \[tp\] ')" 7
$record --force -o "$file" 2>/dev/null &
pid=$!
sleep 1
kill -TERM $pid
wait $pid
equal "SIGTERM" "$? $($skbox info "$file" | sed -n 's/^end *\([a-z]*\),.*/\1/p')" "0 signal"
# the process that holds the probes hangs: a second signal ends waiting for it (5 s more for it to go), and later it goes, too
$record --force -o "$file" --no-sockets 2>"$work/err" &
pid=$!
for ((i = 0; i < 200; i++)); do grep -q recording "$work/err" && break || sleep 0.05; done
holder=$(pgrep -P $pid -x skbox-holder)
kill -STOP "$holder"
SECONDS=0
kill -INT $pid && sleep 0.5 && kill -INT $pid
wait $pid
equal "a process that hangs is not waited for after a second signal" "$? $(grep -c 'not detached them yet' "$work/err") $((SECONDS < 30))" "0 1 1"
kill -CONT "$holder"
for ((i = 0; i < 200; i++)); do kill -0 "$holder" 2>/dev/null || break; sleep 0.05; done
! kill -0 "$holder" 2>/dev/null
verdict "and goes when it can" $? "it is still there"
# a command that does not care: the recording is over, and a signal more ends waiting for it
$record --force -o "$file" --no-sockets --duration 300ms -- sh -c 'trap "" TERM; exec sleep 20' 2>"$work/err" &
pid=$!
for ((i = 0; i < 200; i++)); do grep -q ' events, ' "$work/err" && break || sleep 0.05; done
SECONDS=0
kill -TERM $pid
wait $pid
equal "a command that does not end is not waited for any longer" "$? $(grep -c 'the command, goes on' "$work/err") $((SECONDS < 10))" "125 1 1"
kill -KILL "$(sed -n 's/.*process \([0-9]*\), the command.*/\1/p' "$work/err")" 2>/dev/null
equal "mode of the file" "$(stat -c %a "$file")" 600
rm -f "$file"
SUDO_UID=1234 SUDO_GID=1235 $record -o "$file" --duration 100ms 2>/dev/null
equal "owner of the file behind sudo" "$(stat -c %u:%g "$file")" 1234:1235
$record -o - --no-sockets -- ip netns exec $tx "$blast" 10.71.0.2 7101 5 64 1 100 2>/dev/null | $skbox verify - >/dev/null 2>&1
verdict "a pipe carries an event file" $((PIPESTATUS[0] > 2 || PIPESTATUS[1])) "status ${PIPESTATUS[*]}"

# ---- what cannot be probed ----
$record --force -o "$file" -p tp:net:netif_recieve_skb -- true 2>"$work/err"
equal "a wrong name is an error that knows better" "$? $(grep -c 'tp:net:netif_receive_skb?' "$work/err")" "125 1"
$record --force -o "$file" -p tp:sched:sched_switch 2>"$work/err"
equal "a tracepoint without a packet is an error" "$? $(grep -c 'none of its arguments is a packet' "$work/err")" "2 1"
$record --check -p tp:net:netif_rx -p kprobe:no_such_function >"$work/out" 2>&1
equal "--check tells of each probe" "$? $(grep -c '^tp:net:netif_rx attaches\|^kprobe:no_such_function does not attach: this kernel has no such function' "$work/out")" "1 2"
$record --check --json -p tp:net:netif_rx >"$work/out" 2>&1
equal "--check --json" "$? $(grep -cx '{"probes":\[{"probe":"tp:net:netif_rx","attached":true,"how":"[a-z_]*"}\],"tracking":"[a-z]*"}' "$work/out")" "0 1"
listed=$($record --list-probes 'tp:net:net*' | grep -c '^tp:net:net')
verdict "probes are listed" $((listed < 5)) "$listed"
