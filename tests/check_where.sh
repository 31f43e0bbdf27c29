#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the filters on whole files: -w against a second, naive evaluation; that skipping blocks
# changes nothing; --since, --until, --journey and --fields on files and pipes.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=${SKBOX:-build/skbox}
demo=testdata/demo.skbx retis=testdata/retis
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

verdict() { # NAME STATUS
	if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1"; fi
}
same() { # NAME FILE FILE: which must not be empty
	cat "$2" >"$work/same.1"
	cat "$3" >"$work/same.2"
	[ -s "$work/same.1" ] && cmp "$work/same.1" "$work/same.2"
	verdict "$1" $?
}

python3 tests/where_naive.py "$skbox" 240 "${SEED:-6}" $demo $retis/current-101/events.json.zst \
	$retis/classic-102/events.json.zst $retis/current-ovs-111/events.json.zst
verdict "240 random expressions match what a naive evaluation matches" $?
python3 tests/filter_peers.py "$skbox" "${SEED:-11}"

# Blocks that differ; a Retis file has no blocks that could be skipped, so both must show the same.
# Without their first line they have no rows about the recording, for which a block is always read.
n=0
for file in $retis/current-10[123]/events.json.zst $retis/classic-ovs-111/events.json.zst; do
	n=$((n + 1))
	zstd -dc "$file" | sed 1d >"$work/piece.$n"
done
cat "$work"/piece.* >"$work/all.json"
pieces=()
for ((i = 1; i <= n; i++)); do
	for ((k = 0; k < 9; k++)); do pieces+=("$work/piece.$i"); done
done
cat "${pieces[@]}" >"$work/large.json"
"$skbox" cut "${pieces[@]}" -o "$work/blocks.skbx" # each input begins a block
skipped=0
while IFS= read -r options; do
	eval "set -- $options"
	"$skbox" print --format single-line "$@" "$work/large.json" >"$work/whole" || echo "failed: $options"
	"$skbox" print --format single-line "$@" -v "$work/blocks.skbx" >"$work/skipping" 2>"$work/note" || echo "failed: $options"
	cmp "$work/whole" "$work/skipping" || echo "differs: $options"
	skipped=$((skipped + $(grep -oE '[0-9]+ of' "$work/note" | cut -d' ' -f1)))
done >"$work/log" <<'OPTIONS'
-w 'drop.reason == "NO_SUCH_REASON"'
-w '! kernel.symbol == "no:such" && drop'
-w 'kernel.symbol == "ovs_dp_upcall"'
-w 'ip.addr in {192.0.2.200, fd00::1234} || tcp.port in {1, 2, 65000..65010}'
-w 'ct.state == established && not (time > 0x100 or sock)'
-f 'tcp and host 192.0.2.200'
--until +1us
--drops -w 'tcp.flags & S'
OPTIONS
cat "$work/log"
[ ! -s "$work/log" ]
verdict "skipping blocks changes nothing" $?
[ "$skipped" -ge 8 ]
verdict "blocks are skipped ($skipped)" $?
"$skbox" cut "$work/all.json" -o "$work/all.skbx"

# Times: pieces whose union is the whole, at a point given in each of the ways.
"$skbox" print -w "cpu >= 0 or diag" $demo >"$work/whole"
at=4833307628373
utc=$("$skbox" print --utc --fields time -w "time == $at" $demo | tail -n 1)
same "--until and --since divide" "$work/whole" <("$skbox" print --until $((at - 1)) $demo && "$skbox" print --since $at $demo)
for option in "--since $at" "--since 4833.307628373s" "-w 'time >= $at'"; do
	eval "\"$skbox\" print $option $demo" >"$work/$((++n)).since"
done
same "ns and s on the machine's clock" "$work/$n.since" "$work/$((n - 1)).since"
same "--since is as time >=" "$work/$n.since" "$work/$((n - 2)).since"
same "a date" <("$skbox" print --utc --since "$utc" --count 1 $demo) <("$skbox" print --utc -w "time == $at" --count 1 $demo)
same "a date with a zone" <("$skbox" print --since "$utc" $demo) <("$skbox" print --since "$(sed 's/ 23:/T22:/' <<<"$utc")-01:00" $demo)
finish=$("$skbox" json $demo | grep -oE '"time":[0-9]+' | cut -d: -f2 | sort -n | tail -n 1)
same "-500ms from a file and from a pipe" <("$skbox" print --since -500ms $demo) <(cat $demo | "$skbox" print --since -500ms)
same "-500ms is before the last row" <("$skbox" print --since -500ms $demo) <("$skbox" print --since $((finish - 500000000)) $demo)
first=$("$skbox" json $demo | grep -m 1 -oE '"time":[0-9]+' | cut -d: -f2)
same "+1s is after the first row" <("$skbox" print --since +1s $demo) <("$skbox" print --since $((first + 1000000000)) $demo)
"$skbox" print --since 2026-01-01 "$work/all.json" >/dev/null 2>"$work/note"
[ $? = 2 ] && grep -q 'does not say its wall clock' "$work/note"
verdict "a date for an input without a wall clock is refused" $?

# Journeys: the ids of what matches, then everything with those ids.
journeys() { # FILE EXPRESSION
	"$skbox" json -w "$2" --fields track.time,track.head "$1" | sort -u >"$work/ids"
	"$skbox" json --fields track.time,track.head,time,cpu "$1" | grep -Ff <(sed 's/}$/,/' "$work/ids")
}
journeys "$work/all.skbx" 'drop && track' >"$work/expected"
same "--journey keeps whole journeys" "$work/expected" <("$skbox" json -w 'drop && track' --journey --fields track.time,track.head,time,cpu "$work/all.skbx")
[ "$(wc -l <"$work/expected")" -gt "$("$skbox" json -w 'drop && track' --fields time "$work/all.skbx" | wc -l)" ]
verdict "journeys have more events than match" $?
"$skbox" print -w drop --journey $demo >"$work/expected"
same "--journey from a pipe" "$work/expected" <(cat $demo | "$skbox" print -w drop --journey)
same "--journey from a redirected file" "$work/expected" <("$skbox" print -w drop --journey <$demo)
same "--journey from a named pipe" "$work/expected" <("$skbox" print -w drop --journey <(cat $demo))
same "--journey from a compressed pipe" <("$skbox" print -w drop --journey "$work/all.json") <(gzip -c "$work/all.json" | "$skbox" print -w drop --journey)
same "--journey with all of two inputs" <("$skbox" print -w drop --journey $demo "$work/all.json") \
	<(cat $demo | "$skbox" print -w drop --journey - "$work/all.json")

# Columns: every row has a place for each field, and they stand below each other.
"$skbox" print --fields cpu,dev.name,drop.reason,ip.src "$work/all.json" | head -n 500 >"$work/table"
awk 'NF != 4 || (NR > 1 && NR < 200 && match($0, /[^ ]+$/) != column) { bad = 1 } { column = match($0, /[^ ]+$/) } END { exit bad || NR < 400 }' "$work/table"
verdict "--fields are aligned columns" $?
for wrong in 'drop.reson' 'ip.src =' 'cpu == x' '(cpu' 'ip.src in 10.0.0.0/33' 'cpu = 1 &&' 'dev.name =~ "("' '"cpu"' "dev.name == 'a"; do
	"$skbox" print -w "$wrong" $demo >/dev/null 2>"$work/note"
	[ $? = 2 ] && grep -q 'column [0-9]' "$work/note" && [ "$(wc -l <"$work/note")" = 3 ] || echo "-w '$wrong': $(cat "$work/note")"
done >"$work/log"
cat "$work/log"
[ ! -s "$work/log" ]
verdict "what is wrong is told with its column" $?
exit 0
