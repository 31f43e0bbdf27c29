#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bounded and honest: rotation, disks that are slow or full, a second recorder.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip rotate: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/stream || exit 1
record=build/skbox-capture skbox=build/skbox blast=$PWD/build/tests/live/blast stream=$PWD/build/tests/live/stream
tx=skbox-rot-$$-tx rx=skbox-rot-$$-rx
port=$((20000 + $$ % 20000)) # another run beside this one has another
work=$(mktemp -d)
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	ip netns del $tx 2>/dev/null
	ip netns del $rx 2>/dev/null
	umount "$work/small" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
equal() { # NAME GOT EXPECTED
	[ "$2" = "$3" ]
	verdict "$1" $? "got '$2', expected '$3'"
}

ip netns add $tx && ip netns add $rx || exit 1
ip link add va netns $tx type veth peer name vb netns $rx || exit 1
ip -n $tx addr add 10.73.0.1/24 dev va && ip -n $rx addr add 10.73.0.2/24 dev vb
for ns in $tx $rx; do ip -n $ns link set lo up; done
ip -n $tx link set va up && ip -n $rx link set vb up
ip -n $tx neigh replace 10.73.0.2 lladdr "$(ip -n $rx -br link show vb | awk '{print $3}')" dev va
# a reader, so that no ICMP error goes back
ip netns exec $rx "$stream" sink 10.73.0.2 "$port" &
children+=($!)
sleep 0.5

send() { # COUNT: datagrams as a command for --
	echo ip netns exec $tx "$blast" 10.73.0.2 "$port" "$1" 64 4 0 0 random
}
ours() { # INPUT...: events of our packets at the sender's end
	$skbox print --format single-line -f "udp dst port $port" "$@" 2>/dev/null | grep -c 'net:net_dev_start_xmit'
}
sent_of() { sed -n 's/^sent \([0-9]*\) .*/\1/p' "$1"; }
numbers() { for file in "$1".[0-9]*; do echo "${file##*.}"; done | sort -n | tr '\n' ' '; }
xmit() { $skbox info "$1" | sed -n 's|.*/net:net_dev_start_xmit  *\([0-9]*\) recorded, \([0-9]*\) lost.*|\1 \2|p'; }
lost_of() { # INPUT: events at the sender's end that the file says were lost
	$skbox info "$1" | awk '/net:net_dev_start_xmit/ { gsub(",", ""); n += $4 } END { print n + 0 }'
}

# ---- by size ----
set=$work/size.skbx
# shellcheck disable=SC2046
$record -o "$set" --rotate 1M --no-sockets -- $(send 250000) >"$work/sent" 2>"$work/err"
verdict "by size: ends with the command's status" $? "$(tail -n 1 "$work/err")"
count=$(numbers "$set" | wc -w)
verdict "by size: several files" $((count < 3)) "just $count"
largest=$(find "$work" -name 'size.skbx.*' -printf '%s\n' | sort -n | tail -n 1)
verdict "by size: none is larger" $((largest > 1048576)) "$largest bytes"
bad=$(for file in "$set".*; do
	$skbox verify "$file" >"$work/out" 2>&1 || cat "$work/out"
	$skbox print --count 1 "$file" 2>&1 >/dev/null
	[ "$($skbox json --shape skbox "$file" 2>/dev/null | grep -o '"startup.split_id":[0-9]*' | head -n 1)" = "\"startup.split_id\":${file##*.}" ] || echo "$file: its number"
	$skbox info "$file" | grep -qE '^  namespace [0-9]+ '$tx'$' || echo "$file: its inventory"
done)
equal "by size: each file is whole, says its number and has an inventory" "$bad" ""
all=$(ours "$set..")
equal "by size: FILE.. is one stream" "$all" "$(ours "$set.0..")"
equal "by size: several inputs are one stream" "$(for n in $(numbers "$set"); do echo "$set.$n"; done | xargs build/skbox print --format single-line -f "udp dst port $port" 2>/dev/null | grep -c 'net:net_dev_start_xmit')" "$all"
recorded=0 lost=0
for file in "$set".*; do
	read -r r l < <(xmit "$file")
	recorded=$((recorded + r)) lost=$((lost + l))
done
stream_of=$($skbox print --format single-line "$set.." 2>/dev/null | grep -c '\[tp\] net:net_dev_start_xmit ')
equal "by size: totals of the files add up to their events" "$recorded" "$stream_of"
sum=$((all + lost)) sent=$(sent_of "$work/sent")
[ $sum -ge "$sent" ]
verdict "by size: what was sent is there, or counted" $? "$all recorded + $lost lost, sent $sent"
echo "by size: $count files, the largest $largest bytes; $all of $sent recorded, $lost lost"

# ---- earlier recordings ----
$record -o "$set" --rotate 1M --no-sockets --duration 100ms >"$work/out" 2>&1
status=$?
verdict "an earlier set is not mixed with a new one" $((status != 2)) "exit status $status"
grep -q "size.skbx.[0-9]* exists" "$work/out"
verdict "it says what is in the way" $? "$(cat "$work/out")"
equal "nothing of it was touched" "$(numbers "$set" | wc -w)" "$count"
echo text >"$set.99"
$record -o "$set" --rotate 1M --force --no-sockets --duration 100ms >"$work/out" 2>&1
verdict "--force removes no file of another kind" $((!$?)) "it ended well"
equal "and then none at all" "$(numbers "$set" | wc -w)" $((count + 1))
rm "$set.99"
$record -o "$set" --rotate 1M --force --no-sockets --duration 100ms >"$work/out" 2>&1
verdict "--force begins anew" $? "$(cat "$work/out")"
equal "--force removes the earlier set" "$(numbers "$set")" "0 "
ln -s /nonexistent "$work/link.skbx"
$record -o "$work/link.skbx" --force --no-sockets --duration 100ms >"$work/out" 2>&1
verdict "a symbolic link is not followed" $((!$?)) "it ended well"

# ---- keep ----
set=$work/keep.skbx most=0
# shellcheck disable=SC2046
$record -o "$set" --rotate 1M --keep 3 --no-sockets -- $(send 250000) >"$work/sent" 2>"$work/err" &
pid=$!
while kill -0 $pid 2>/dev/null; do
	bytes=$(find "$work" -name 'keep.skbx.*' -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }')
	[ "$bytes" -le $most ] || most=$bytes
	sleep 0.02
done
wait $pid
verdict "--keep: ends with the command's status" $? "$(tail -n 1 "$work/err")"
equal "--keep: as many files as asked for" "$(numbers "$set" | wc -w)" 3
verdict "--keep: the oldest are removed" $(($(numbers "$set" | cut -d' ' -f1) == 0)) "$(numbers "$set")"
verdict "--keep: never more disk than asked for" $((most > 3 * 1048576)) "$most bytes"
kept=$(ours "$set..")
verdict "--keep: FILE.. begins at the oldest left" $((kept == 0)) "no events"

# ---- by time and by signal ----
set=$work/time.skbx
$record -o "$set" --rotate 1s --no-sockets --duration 2500ms 2>"$work/err"
equal "by time: a file each second" "$(numbers "$set")" "0 1 2 "
set=$work/signal.skbx
$record -o "$set" --rotate signal --no-sockets 2>"$work/err" &
pid=$!
until [ -s "$set.0" ]; do sleep 0.1; done
sleep 0.3
for n in 1 2; do
	# shellcheck disable=SC2046
	$(send 100) >/dev/null
	kill -USR1 $pid
	until [ -s "$set.$n" ]; do sleep 0.05; done
done
kill -INT $pid
wait $pid
equal "SIGUSR1 starts a new file" "$(numbers "$set")" "0 1 2 "
equal "what was before the signal is in the file before" "$(ours "$set.0") $(ours "$set.1") $(ours "$set.2")" "100 100 0"
$record -o "$work/one.skbx" --no-sockets --duration 800ms 2>"$work/err" &
pid=$!
until [ -s "$work/one.skbx" ]; do sleep 0.05; done
sleep 0.2
kill -USR1 $pid
wait $pid
verdict "SIGUSR1 without --rotate ends nothing" $? "$(cat "$work/err")"

# ---- a full disk ----
mkdir "$work/small"
if mount -t tmpfs -o size=2M tmpfs "$work/small" 2>/dev/null; then
	# shellcheck disable=SC2046
	$record -o "$work/small/f.skbx" --min-free 0 --no-sockets -- $(send 300000) >"$work/sent" 2>"$work/err"
	equal "a full disk: the recorder fails" $? 125
	equal "a full disk: one line says so" "$(grep -c 'disk is full' "$work/err")" 1
	grep -q '[1-9][0-9]* not written' "$work/err"
	verdict "a full disk: what was thrown away is counted" $? "$(cat "$work/err")"
	$skbox verify "$work/small/f.skbx" >"$work/out" 2>&1
	verdict "a full disk: the file is readable" $? "$(cat "$work/out")"
	n=$(ours "$work/small/f.skbx")
	verdict "a full disk: it has the beginning" $((n < 1000)) "$n events"
	rm "$work/small/f.skbx"
	# shellcheck disable=SC2046
	$record -o "$work/small/f.skbx" --min-free 1M --no-sockets -- $(send 300000) >"$work/sent" 2>"$work/err"
	equal "--min-free: the recorder fails" $? 125
	equal "--min-free: one line says so" "$(grep -c 'min-free' "$work/err")" 1
	$skbox info "$work/small/f.skbx" | grep -q '^end  *disk'
	verdict "--min-free: the file is finished" $? "$($skbox info "$work/small/f.skbx" | grep '^end')"
	$record -o "$work/small/g.skbx" --no-sockets --duration 1 2>"$work/err"
	verdict "--min-free: nothing begins on a full disk" $((!$?)) "it ended well"
	[ ! -e "$work/small/g.skbx" ]
	verdict "--min-free: and nothing is left there" $? "there is a file"
	umount "$work/small"
fi

# ---- a slow disk: a pipe that nobody reads for a while, less than the five seconds that the recorder waits in the end ----
start=$(date +%s%N)
$(send 300000) >"$work/alone"
alone=$((($(date +%s%N) - start) / 1000000))
start=$(date +%s%N)
# shellcheck disable=SC2046
{ $record -o - --buffer 4M --no-sockets -- sh -c "$(send 300000) >$work/sent; date +%s%N >$work/done; sleep 0.2" 2>"$work/err"; echo $? >"$work/status"; } |
	{ sleep 4 && cat >"$work/slow.skbx"; }
took=$((($(cat "$work/done") - start) / 1000000))
equal "a slow disk: ends with the command's status" "$(cat "$work/status")" 0
verdict "a slow disk: packets do not wait" $((took > 3500)) "sent in $took ms, alone in $alone ms, read after 4000 ms"
$skbox verify "$work/slow.skbx" >"$work/out" 2>&1
verdict "a slow disk: the file is whole" $? "$(cat "$work/out")"
n=$(ours "$work/slow.skbx") lost=$(lost_of "$work/slow.skbx") sent=$(sent_of "$work/sent")
[ $((n + lost)) -ge "$sent" ] && [ "$lost" -gt 0 ]
verdict "a slow disk: what is not there is counted" $? "$n recorded + $lost lost, sent $sent"
late=$($skbox info --json "$work/slow.skbx" | grep -o '"late":[0-9]*' | cut -d: -f2)
verdict "a slow disk: events that waited are told" $((${late:-0} == 0)) "late: ${late:-nothing}"
echo "a slow disk: sent in $took ms (alone $alone ms); $n recorded, $lost lost of $sent; $late late"

# ---- what it costs ----
$record -o "$work/cost.skbx" --no-sockets -- sh -c "sleep 0.04; $(send 100000)" >/dev/null 2>"$work/err"
$skbox info "$work/cost.skbx" >"$work/out"
grep -qE '^BPF +[1-9][0-9]* ns a run, [0-9.]+ % of a processor' "$work/out"
verdict "the time of BPF programs is recorded" $? "$(grep -E '^(BPF|end)' "$work/out")"
grep -qE '^end .*, [0-9.]+ s of processor time' "$work/out"
verdict "the recorder's processor time is recorded" $? "$(grep '^end' "$work/out")"
grep -E '^(BPF|written|end)' "$work/out"

# ---- two recorders ----
$record -o "$work/first.skbx" --no-sockets 2>"$work/err" &
pid=$!
until [ -s "$work/first.skbx" ]; do sleep 0.05; done
sleep 0.3
# shellcheck disable=SC2046
$record -o "$work/second.skbx" --no-sockets -- $(send 20000) >"$work/sent" 2>"$work/err2"
verdict "a second recorder beside the first works" $? "$(cat "$work/err2")"
sleep 0.3
kill -INT $pid
wait $pid
verdict "and the first beside the second" $? "$(cat "$work/err")"
equal "both have every packet" "$(ours "$work/first.skbx") $(ours "$work/second.skbx")" "$(sent_of "$work/sent") $(sent_of "$work/sent")"
exit 0
