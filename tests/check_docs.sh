#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks that the documents tell the truth about commands and options.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=build/skbox capture=build/skbox-capture
for file in $skbox $capture README.md CONTRIBUTING.md man/skbox.1 man/skbox-capture.8 man/skbx.5; do
	[ -f "$file" ] || { echo "not ok documents and programs are there: no $file" && exit 1; }
done

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

long_options() { grep -oE -- '--[a-z][a-z-]+' | sort -u; }
manual() { sed 's/\\-/-/g; s/\\f.//g' "$1"; }
commands() { "$skbox" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'; }

[ -n "$(commands)" ] && echo "ok the analyzer lists its commands" || echo "not ok the analyzer lists its commands: none found in --help"

pages=(README.md CONTRIBUTING.md SECURITY.md docs/*.md)
# Every line of a code block, and every piece of code in the text, that runs one of our programs.
examples() {
	{
		awk '/^```/ { code = !code; next } code' "${pages[@]}" | sed 's/^[$#] //; s/\\$//' | grep -oE '(^|[|;&] *|sudo )skbox(-capture)? [^|;&#]*'
		awk '/^```/ { code = !code; next } !code' "${pages[@]}" | grep -oE '`skbox(-capture)? [^`]*`' | tr -d '`'
	} | sed -E 's/^[|;& ]*(sudo )?//'
}
# What is not run says nothing that could be typed: console blocks are compared below, sh and bash blocks run by tests/live/.
awk 'FNR == 1 { code = 0 } /^```/ { code = !code; run = /^```(console|sh|bash)$/; next }
	code && !run && /^[$#]? *(sudo )?(skbox|skbox-capture|zstd|ssh|cc|for|head|cat) / { print FILENAME ": " $0 }' README.md docs/*.md |
	verdict "every command line of README.md and docs/ is run"
for page in README.md docs/*.md; do
	# links to pages and files of the tree
	awk '/^```/ { code = !code; next } !code' "$page" | grep -oE '\]\([^)#:]+\)' | tr -d '()]' | while read -r link; do
		[ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
	done
	[ "$page" = README.md ] || [ "$page" = docs/README.md ] || grep -q "(${page#docs/})" docs/README.md || echo "docs/README.md has not $page"
done | verdict "every link leads somewhere, and the index has every page"
# two screens
{ [ "$(wc -l <README.md)" -le 100 ] || echo "$(wc -l <README.md) lines"; awk '!/^\$|^\|/ && length > 120 { print FILENAME ": " $0 }' README.md; } |
	verdict "README.md is two screens"
examples | grep -E '^skbox [a-z]' | awk '{ print $2 }' | sort -u | while read -r command; do
	grep -qx "$command" <<<"$(commands)" || [ "$command" = capture ] || [ "$command" = help ] || echo "skbox $command"
done | verdict "every command in the documents exists"
examples | while read -r program command rest; do
	help=$capture
	if [ "$program" = skbox ]; then
		[[ $command == [a-z]* ]] || continue
		help="$skbox $command"
	else
		rest="$command $rest"
	fi
	for option in $(sed 's/ -- .*//' <<<"$rest" | long_options); do
		grep -qE -- "$option\b" <<<"$($help --help 2>&1)" || echo "$program $command: $option"
	done
done | sort -u | verdict "every option in the documents exists"
{
	grep -ohE '`(make|tests/|demo/|\.ci/)[^`]*`' "${pages[@]}" | tr -d '`'
	awk '/^```/ { code = !code; next } code && /^(make|tests\/)/' "${pages[@]}" | sed 's/ *#.*//'
} | sort -u | while read -r first second _; do
	case $first in
	make) [[ ! $second =~ ^[a-z-]+$ ]] || grep -qE "^([a-z-]+ )*$second( [a-z-]+)*:" Makefile || echo "make $second" ;;
	*) compgen -G "${first//NAME/*}" >/dev/null || echo "$first" ;;
	esac
done | verdict "every target and file in the documents exists"

# The other direction: nothing that a program offers is missing in its manual. (No pipes into grep -q:
# it ends early, and pipefail would call that a failure.)
manual1=$(manual man/skbox.1) manual8=$(manual man/skbox-capture.8)
commands | while read -r command; do
	grep -qE "^\.SS $command\$" <<<"$manual1" || echo "$command"
done | verdict "skbox(1) has every command"
for command in $(commands); do
	[ "$command" = capture ] || [ "$command" = help ] || "$skbox" "$command" --help | long_options
done | sort -u | while read -r option; do
	grep -qE -- "$option\b" <<<"$manual1" || echo "$option"
done | verdict "skbox(1) has every option"
"$capture" --help | long_options | while read -r option; do
	grep -qE -- "$option\b" <<<"$manual8" || echo "$option"
done | verdict "skbox-capture(8) has every option"
for page in man/*.[1-8]; do
	man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s,^,$page: ,"
done | verdict "the manuals have no formatting errors"
mapfile -t shown < <(grep -l '^```console$' README.md docs/*.md)
tests/readme "${shown[@]}"
exit 0
