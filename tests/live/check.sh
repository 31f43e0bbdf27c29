#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules on what is recorded here and now: healthy traffic keeps those that other healthy traffic taught, faults
# are named; and the scripts of docs/ci.md and docs/regression.md do what the pages say.
# usage: tests/live/check.sh [TIMES]      how often the healthy traffic and each fault are recorded and checked (1)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip check: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture || exit 1
times=${1:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
check() { build/skbox check "$@" 2>"$work/err" >"$work/out"; }
record() { testdata/check/record "$1" "$2" >"$work/log" 2>&1 || { cat "$work/log" && return 1; }; }

# ---- the same traffic, healthy and with faults ----
record none "$work/good.skbx"
verdict "healthy traffic is recorded" $? "$(tail -n 3 "$work/log")"
build/skbox check --learn -o "$work/learned.yaml" "$work/good.skbx"
verdict "it teaches rules" $? "exit status $?"
wrong=0
for ((i = 0; i < times; i++)); do
	record none "$work/again.skbx"
	check "$work/learned.yaml,no-drops,no-retransmits" "$work/again.skbx" || { wrong=$((wrong + 1)) && cp "$work/out" "$work/broken"; }
done
[ $wrong = 0 ]
verdict "healthy traffic again keeps them, $times times of $times" $? "$wrong did not: $(grep -v '^ok' "$work/broken" 2>/dev/null | head -n 5)"
# what the kernel frees without a reason then is no drop
record late "$work/late.skbx"
check "$work/learned.yaml,no-drops" "$work/late.skbx" && [ "$(build/skbox print --drops -f 'tcp[tcpflags] & tcp-fin != 0' "$work/late.skbx" | grep -c NOT_SPECIFIED)" = 3 ]
verdict "a FIN that comes when the other socket is closed is no drop" $? "$(grep -v '^ok' "$work/out" "$work/err" | head -n 5)"
names() { # FAULT RULE: the fault breaks the rule
	local i status wrong=0
	for ((i = 0; i < times; i++)); do
		record "$1" "$work/fault.skbx"
		check "$work/learned.yaml" "$work/fault.skbx"
		status=$?
		grep -q "^NOT OK   $2" "$work/out" && [ $status = 1 ] || wrong=$((wrong + 1))
	done
	[ $wrong = 0 ]
	verdict "fault $1 is named: $2, $times times of $times" $? "$wrong were not: $(grep -v '^ ' "$work/out" "$work/err" | head -n 12)"
}
names syn "SYN is answered by SYN-ACK"
names data "retransmits"
names window "windows that SYNs offer"
names slow "from net:net_dev_queue to net:net_dev_start_xmit"

# ---- the pages ----
# The code blocks of a language in a page, or the first of them.
block() { awk -v open="\`\`\`$2" '$0 == open && !done { code = 1; next } /^```/ { done += code; code = 0 } code' "docs/$1.md"; }
mkdir "$work/ci" "$work/bin"
ln -s "$PWD/build/skbox" "$PWD/build/skbox-capture" "$work/bin/"
block ci bash >"$work/ci/net-test.sh"
block ci yaml >"$work/ci/net-rules.yaml"
job() { (cd "$work/ci" && PATH=$work/bin:$PATH timeout 60 bash ./net-test.sh . >"$work/out" 2>&1); }
job
verdict "docs/ci.md: the job passes" $? "$(tail -n 12 "$work/out")"
cases=$(xmllint --schema testdata/check/junit.xsd --xpath 'count(//testcase)' "$work/ci/net.xml" 2>/dev/null)
[ "$cases" = 7 ]
verdict "docs/ci.md: its JUnit report has each rule" $? "$cases cases"
block ci nft >"$work/ci/firewall.nft"
job
status=$?
[ $status = 1 ]
verdict "docs/ci.md: the firewall that drops is a failure" $? "status $status: $(tail -n 5 "$work/out")"
for rule in "no drops: " "connections are answered: 5 of 15 sequences" "pages come within 200 ms: "; do
	grep -q "^NOT OK   $rule" "$work/out"
	verdict "docs/ci.md: it breaks \"${rule%%:*}\"" $? "$(grep -v '^ ' "$work/out" | tail -n 12)"
done
mkdir "$work/regression"
block regression bash >"$work/regression/compare.sh"
mkdir "$work/regression/kept"
cp "$work/good.skbx" "$work/regression/kept/download.skbx"
cp "$work/learned.yaml" "$work/regression/kept/download.yaml"
compare() { (cd "$work/regression" && PATH=$work/bin:$PATH bash ./compare.sh "$@" >"$work/out" 2>&1); }
cp "$work/again.skbx" "$work/regression/download.skbx"
compare .
verdict "docs/regression.md: a run like the kept one passes" $? "$(tail -n 12 "$work/out")"
cp "$work/fault.skbx" "$work/regression/download.skbx"
compare .
status=$?
[ $status = 1 ]
verdict "docs/regression.md: a slower one does not" $? "status $status: $(tail -n 12 "$work/out")"
exit 0
