#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What is different on a terminal (a pseudo terminal made by script(1)): colours, progress, interrupts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=${SKBOX:-build/skbox} demo=testdata/demo.skbx
work=$(mktemp -d)
children=()
cleanup() {
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
unset NO_COLOR PAGER SKBOX_PAGER LESS
export TERM=xterm
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: ${3:-}"; fi; }
export SKBOX_PAGER=cat # where it is not about pagers
on_terminal() { script -qec "$1" /dev/null </dev/null | tr -d '\r'; }
plain() { sed 's/\x1b\[[0-9;]*[mK]//g'; }

# ---- colours ----
$skbox print --no-sockets $demo >"$work/piped"
on_terminal "$skbox print --no-sockets $demo" >"$work/shown"
grep -q $'^\x1b\\[31m.* drop (reason' "$work/shown" && ! grep -q $'^\x1b.*net_dev_start_xmit' "$work/shown"
verdict "drops have a colour on a terminal, passing packets none" $? "$(head -c 200 "$work/shown" | cat -v)"
plain <"$work/shown" | cmp -s - "$work/piped"
verdict "the text is the same" $?
on_terminal "$skbox print --format single-line $demo" >"$work/shown"
grep -q $'^\x1b\\[36m[0-9]* \\[sock' "$work/shown"
verdict "sockets have another" $?
$skbox sort $demo >"$work/sorted"
grep -q $'\x1b' "$work/sorted"
verdict "a pipe gets no escapes" $((!$?))
for setting in NO_COLOR=1 TERM=dumb TERM=; do
	on_terminal "env $setting $skbox sort $demo" >"$work/shown"
	grep -q $'\x1b' "$work/shown"
	verdict "nor a terminal with $setting" $((!$?))
done
on_terminal "$skbox print --format single-line testdata/story/loss.skbx" >"$work/shown"
[ "$(grep -c $'^\x1b\\[35m[0-9]* .* tcp:tcp_retransmit_skb' "$work/shown")" = "$(grep -c ' tcp:tcp_retransmit_skb' "$work/shown")" ] &&
	grep -q $'^\x1b\\[35m' "$work/shown"
verdict "what is sent again has one" $?
# a hole in a file is a loss in what is made of it
cp $demo "$work/hole.skbx" && printf hole | dd of="$work/hole.skbx" bs=1 seek=14000 conv=notrunc 2>/dev/null
$skbox cut -o "$work/lost.skbx" "$work/hole.skbx" 2>/dev/null
on_terminal "$skbox print $work/lost.skbx" >"$work/shown"
grep -q $'^\x1b\\[1;33m[0-9]* lost' "$work/shown"
verdict "losses have one" $?

# ---- pagers ----
unset SKBOX_PAGER
mkdir "$work/bin"
printf '#!/bin/sh\necho "a pager: LESS=$LESS"\nexec cat >/dev/null\n' >"$work/bin/less"
chmod +x "$work/bin/less"
on_terminal "env PATH=$work/bin:$PATH $skbox print $demo" >"$work/shown"
[ "$(cat "$work/shown")" = "a pager: LESS=FRX" ]
verdict "less is the pager where nothing is said" $? "$(head -c 100 "$work/shown")"
for setting in SKBOX_PAGER= SKBOX_PAGER=cat PAGER=cat TERM=dumb "PATH=/nonexistent"; do
	on_terminal "PATH=$work/bin:$PATH; export PATH; exec $(command -v env) $setting $PWD/$skbox print --no-sockets --drops $demo" >"$work/shown"
	plain <"$work/shown" | cmp -s - <($skbox print --no-sockets --drops $demo)
	verdict "none with $setting" $? "$(head -c 100 "$work/shown")"
done
on_terminal "env SKBOX_PAGER=cat $skbox print -f 'port 9999' $demo" >"$work/shown"
[ "$(cat "$work/shown")" = "skbox: note: nothing in the input passes the filters" ] && ! $skbox print -f 'port 9999' $demo 2>&1 | grep -q .
verdict "nothing found is told to a person, and not to a pipe" $? "$(cat "$work/shown")"

on_terminal "env LESS=F PAGER='cat -' $skbox print --drops $demo" >"$work/shown"
grep -q $'\x1b' "$work/shown"
verdict "nor a pager that does not pass them on" $((!$?))
on_terminal "env PAGER='cat -' $skbox print --drops $demo" >"$work/shown"
grep -q $'\x1b\\[31m' "$work/shown"
verdict "else it does" $?

export SKBOX_PAGER=cat

# ---- progress ----
# a reader that is slow makes it last longer than a second
many=$(printf "$demo %.0s" {1..12})
on_terminal "$skbox print $many | (head -c 100000; sleep 1.3; cat) >$work/slow" >"$work/progress"
grep -qE $'0 MB  [0-9]+ events  [0-9]+/s  [0-9]+ %  [0-9]+ s left\x1b\\[K' "$work/progress"
verdict "progress with bytes, events, rate and time left" $? "$(cat -v "$work/progress")"
# shellcheck disable=SC2086 # words
$skbox print $many | cmp -s - "$work/slow"
verdict "not in the output" $?
[ "$(tail -c 3 "$work/progress")" = $'\x1b[K' ]
verdict "the line is gone at the end" $? "$(tail -c 30 "$work/progress" | cat -v)"
on_terminal "$skbox print $demo | cat >/dev/null" >"$work/progress"
verdict "none for what is quick" "$(wc -c <"$work/progress")" "$(cat -v "$work/progress")"
slow="(head -c 9000 $demo; sleep 1.2; tail -c +9001 $demo | head -c 9000; sleep 0.2; tail -c +18001 $demo)"
on_terminal "$slow | $skbox cut - -o $work/cut.skbx" >"$work/progress"
grep -qE $'0 MB  [0-9]+ events' "$work/progress"
verdict "also where nothing else is written to the terminal" $?

# ---- the end before the end ----
(head -c 9000 $demo && sleep 3) | $skbox cut - -o "$work/interrupted.skbx" 2>"$work/err" &
children=($!)
until compgen -G "$work/interrupted.skbx.*" >/dev/null; do sleep 0.05; done
kill -INT "$!"
wait $!
status=$?
children=()
[ $status = 130 ] && ! compgen -G "$work/interrupted*" >/dev/null
verdict "an interrupt leaves no unfinished output" $? "status $status, $(ls "$work")"
$skbox print $demo 2>"$work/err" | head -n 1 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] && [ ! -s "$work/err" ]
verdict "a broken pipe is silent" $? "$(cat "$work/err")"
$skbox cut $demo -o - 2>"$work/err" | head -c 100 >/dev/null
[ "${PIPESTATUS[0]}" = 0 ] && [ ! -s "$work/err" ]
verdict "of an event file, too" $? "$(cat "$work/err")"
exit 0
