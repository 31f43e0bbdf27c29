#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manual of each command: that it was made, says what the program does, is free of errors, opens, and
# that its examples work.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=$PWD/build/skbox pages=$PWD/build/man
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

verdict() { # NAME: no findings on standard input is good
	local findings
	findings=$(cat)
	if [ -z "$findings" ]; then
		echo "ok $1"
	else
		echo "$findings"
		echo "not ok $1: $(wc -l <<<"$findings") findings"
	fi
}
plain() { sed 's/\\-/-/g; s/\\f.//g' "$1"; }
long_options() { grep -oE -- '--[a-z][a-z-]+' | sort -u; }
# options that a text begins a paragraph with, not those that it mentions
heads_of_page() { plain "$1" | awk '/^\.T[PQ]$/ { getline; print }' | long_options; }
heads_of_help() { "$skbox" "$1" --help | grep -E '^  ( |-)' | sed 's/^\(.\{30\}\).*/\1/' | long_options | grep -vxE -- '--(help|version)'; }
# EXAMPLES of a page: the lines between .nf and .fi
examples() { plain "$1" | awk '/^\.SH/ { on = ($2 == "EXAMPLES") } /^\./ { next } on'; }

commands=$("$skbox" __complete '' | cut -f 1 | grep -vxE 'capture|help')
[ -n "$commands" ] || { echo "not ok the analyzer lists its commands" && exit 1; }

for command in $commands; do
	if [ -s "$pages/skbox-$command.1" ]; then
		diff <(heads_of_help "$command") <(heads_of_page "$pages/skbox-$command.1") | sed -n "s/^[<>]/skbox-$command(1): &/p"
	else
		echo "no skbox-$command.1"
	fi
done | verdict "each command has a manual with the options of --help"
options_of_capture() { build/skbox-capture --help | grep -E '^  ( |-)' | sed 's/^\(.\{30\}\).*/\1/' | long_options | grep -vxE -- '--(help|version)'; }
diff <(options_of_capture) <(plain man/skbox-capture.8 | awk '/^\.SH/ { on = ($2 == "OPTIONS") } on && /^\.T[PQ]$/ { getline; print }' | long_options | grep -vxE -- '--(help|version)') |
	verdict "skbox-capture(8) has the options of --help, and no others"

# The other direction of what the manual of all commands says: (print, json) behind an option.
plain man/skbox.1 | awk '
	/^\.S[HS]/ { if ($1 == ".SH") on = ($2 == "OPTIONS"); names = "" }
	on && /^\.TP$/ { names = "" }
	on && /^\.T[PQ]$/ { getline; while (match($0, /--[a-z][a-z-]+/)) {
		names = names " " substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) }; next }
	on && names != "" && /^\.RB \( / { gsub(/[^a-z]+/, " "); sub(/^ *RB/, ""); n = split(names, name, " ")
		for (i = 1; i <= n; i++) print name[i], $0 }
	on { names = "" }' >"$work/labels"
[ -s "$work/labels" ] || echo "not ok skbox(1) says whose options they are: none found"
while read -r option whose; do
	for command in $whose; do
		grep -qE -- "$option\b" <<<"$("$skbox" "$command" --help 2>&1)" || echo "$option of $command"
	done
done <"$work/labels" | verdict "commands have the options that skbox(1) says they have"

for page in "$pages"/*.[1-8]; do
	mandoc -T lint -W warning "$page"
done 2>&1 | verdict "mandoc finds nothing wrong with the manuals"

mkdir "$work/bin" && ln -s "$skbox" "$work/bin/skbox"
for name in t.skbx t.skbx.0; do cp testdata/demo.skbx "$work/$name"; done
cp testdata/story/loss.skbx "$work/web1.skbx" && cp testdata/story/queue.skbx "$work/web2.skbx"
# what takes packets from us is not started, another host is this one, and a recording is there already
printf '#!/bin/sh\nexec cat >wireshark.pcapng\n' >"$work/bin/wireshark"
printf '#!/bin/sh\nexec cat "%s/t.skbx"\n' "$work" >"$work/bin/ssh"
chmod +x "$work"/bin/*
try() { # LINE: a line of a manual; what a command answers may be no
	(cd "$work" && PATH=$work/bin:$PATH timeout 60 bash -o pipefail -c "$1" >out 2>err </dev/null)
	local status=$?
	[ "$status" = 0 ] || { [ "$status" = 1 ] && [[ $1 =~ fail-if|skbox\ (check|diff)\  ]]; } || echo "$1: status $status: $(head -n 1 "$work/err")"
}
examples "$pages/skbox.1" | while read -r line; do try "$line"; done | verdict "the examples of skbox(1) work"
for command in $commands; do
	examples "$pages/skbox-$command.1" | grep -q "skbox $command " || echo "skbox-$command(1)"
done | verdict "each command's manual has examples"

# lines between .nf and .fi under a heading
shown() { plain "$1" | sed 's/\\(aq/'"'"'/g' | awk -v want="$2" '/^\.S[HS]/ { on = ($0 == ".SH " want) } /^\.nf/ { code = 1; next } /^\.fi/ { code = 0 } on && code'; }
shown man/skbox-filter.7 EXPRESSIONS | while read -r line; do
	(cd "$work" && "$skbox" print -w "$line" t.skbx) >"$work/out" 2>"$work/err" || echo "$line: $(head -n 1 "$work/err")"
done | verdict "the expressions of skbox-filter(7) work"
shown man/skbox-rules.5 DESCRIPTION >"$work/web.yaml"
{ grep -q 'version: 1' "$work/web.yaml" && try "skbox check ./web.yaml t.skbx" && grep -v 'skbox:' "$work/out" | grep -c . >"$work/n" && [ "$(cat "$work/n")" -ge 7 ] ||
	echo "$(head -n 1 "$work/err")"; } | verdict "the rules of skbox-rules(5) are rules"
diff <("$skbox" check --list | cut -d ' ' -f 1 | sort) <(plain man/skbox-rules.5 | awk '/^\.SH/ { on = /SHIPPED/ } on && /^\.B / { print $2 }' | sort) |
	verdict "skbox-rules(5) has the rules that are built in"

overview=$("$skbox" 2>&1 </dev/null)
status=$?
[ "$status" = 2 ] && [ "$(grep -c '^  .*skbox [a-z]' <<<"$overview")" = 5 ] && echo "ok without arguments it shows five commands" ||
	echo "not ok without arguments it shows five commands: status $status: $overview"
grep -oE 'skbox [a-z]+ .*t\.skbx' <<<"$overview" | grep -v 'skbox capture' | while read -r line; do
	(cd "$work" && PATH=$work/bin:$PATH timeout 60 bash -c "$line" >out 2>&1 </dev/null) || echo "$line: $(head -n 1 "$work/out")"
done | verdict "and what it shows works"

# a terminal gets the manual, a pipe the text of --help
if command -v script >/dev/null && command -v man >/dev/null; then
	seen=$(cd "$work" && script -qec "env MANPAGER=cat PAGER=cat TERM=dumb '$skbox' help print" /dev/null </dev/null 2>&1)
	grep -q 'SKBOX-PRINT(1)' <<<"$seen" && echo "ok help opens the manual" || echo "not ok help opens the manual: $(head -n 3 <<<"$seen")"
else
	echo "skip help opens the manual: no script(1) or no man(1)"
fi
cmp -s <("$skbox" help print) <("$skbox" print --help) && echo "ok help in a pipe is text" || echo "not ok help in a pipe is text: differs from --help"
exit 0
