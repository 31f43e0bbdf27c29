#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Profiles on this kernel: those that are built in, and one with probes that do not exist.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip profile: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture || exit 1
record=build/skbox-capture skbox=build/skbox
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
export XDG_CONFIG_HOME=$work/config
unset HOME

$record --profile help >"$work/help"
verdict "--profile help lists them" $? "exit status $?"
for name in generic dropmon nft-dropmon ifdump tcp-health rx-path tx-path; do
	grep -q "^  $name " "$work/help"
	verdict "$name is listed" $? "not in the list"
	file=$work/$name.skbx
	$record --profile $name -o "$file" --duration 100ms 2>"$work/err"
	status=$?
	if [ $name = nft-dropmon ] && [ $status = 2 ]; then
		grep -qE "none of the profile's probes|kprobe:__nft_trace_packet cannot be attached: " "$work/err"
		verdict "$name: it says that this kernel has nothing for it" $? "$(cat "$work/err")"
		continue
	fi
	verdict "$name records" $status "$(tail -n 1 "$work/err")"
	asked=$(grep -cE '^ *(- |probe: )(tp|kprobe):' "profiles/$name.yaml")
	told=$($skbox info --json "$file" | grep -o '"symbol":' | wc -l)
	[ "$told" -ge "$asked" ]
	verdict "$name: every probe is in the file, attached or not" $? "$told of $asked"
done

mkdir -p "$work/config/skbox/profiles"
cat >"$work/config/skbox/profiles/mine.yaml" <<'END'
version: 1.0
name: mine
collect:
  - when: [{type: symbol, name: no_such_function_of_ours}]
    args: {probe: nothing}
  - when: [{type: version, version: ">=5.8"}]
    args:
      probe: [tp:skb:kfree_skb, tp:skb:no_such_tracepoint, kprobe:no_such_function_of_ours]
      snaplen: 96
END
$record --profile mine -o "$work/mine.skbx" --duration 100ms 2>"$work/err"
verdict "one of the user's is found" $? "$(cat "$work/err")"
equal=$(grep -c '^skbox-capture: not attached: .*no_such' "$work/err")
verdict "what is skipped is told" $((equal != 2)) "$(cat "$work/err")"
$skbox info "$work/mine.skbx" >"$work/out"
[ "$(grep -c 'no_such.* not attached: ' "$work/out")" = 2 ]
verdict "what is skipped is recorded" $? "$(grep no_such "$work/out")"
grep -q 'snaplen 96 ' "$work/out"
verdict "its options are taken" $? "$(grep snaplen "$work/out")"
$record --profile mine --snaplen 200 -o "$work/mine.skbx" --force --duration 100ms 2>"$work/err"
$skbox info "$work/mine.skbx" | grep -q 'snaplen 200 '
verdict "the command line has the last word" $? "$($skbox info "$work/mine.skbx" | grep snaplen)"
$record --profile mine -p tp:skb:no_such_tracepoint -o "$work/none.skbx" --duration 100ms 2>"$work/err"
verdict "what -p names must be there all the same" $((!$?)) "it ended well"
# of snapshots: the command line, then the profile that wants them
snapshots() { # EXPECTED OPTION...: what the file says of them
	local expected=$1
	shift
	$record "$@" -o "$work/two.skbx" --force --duration 100ms 2>"$work/err"
	[ "$($skbox info "$work/two.skbx" | sed -n 's/^recording .*, sockets \(.*\)/\1/p')" = "$expected" ]
	verdict "snapshots with $*: ${expected:-no period}" $? "$($skbox info "$work/two.skbx" | grep ^recording) $(cat "$work/err")"
}
snapshots "every 1000 ms" --profile tcp-health --profile dropmon
snapshots "every 1000 ms" --profile dropmon --profile tcp-health
snapshots "every 50 ms" --profile dropmon --sockets 50ms
snapshots "" --profile tcp-health --no-sockets
# what the systemd unit runs, twice: what the first left is in previous/ afterwards
unit() { # KEY: its command, as systemd would start it for this profile
	sed -n "s,@PREFIX@/bin,$PWD/build,; s/%i/tcp-health/g; s/^$1=//p" packaging/skbox-capture@.service.in
}
mkdir "$work/unit"
for round in 1 2; do
	before=$(unit ExecStartPre) start=$(unit ExecStart)
	(cd "$work/unit" && eval "$before" && eval "exec timeout -s TERM 2 $start") >"$work/err" 2>&1
	# timeout's own status tells that the recorder did not end by itself
	[ $? = 124 ] && $skbox verify "$work/unit/t.skbx.0" >>"$work/err" 2>&1
	verdict "the unit's command records ($round)" $? "$(tail -n 1 "$work/err")"
done
[ "$(cd "$work/unit" && find . -type f | sort | tr '\n' ' ')" = "./previous/t.skbx.0 ./t.skbx.0 " ] && $skbox verify "$work/unit/previous/t.skbx.0" >/dev/null
verdict "and keeps the recording before" $? "$(cd "$work/unit" && find . -type f | tr '\n' ' ')"
sed -i 's/snaplen: 96/snaplen: 9/' "$work/config/skbox/profiles/mine.yaml"
$record --profile mine 2>"$work/err"
verdict "what is wrong in a profile ends it" $(($? != 2)) "another exit status"
grep -q '/mine.yaml:9:16: snaplen: not within' "$work/err"
verdict "and is shown where it is" $? "$(cat "$work/err")"
exit 0
