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

# Every line of a code block in README.md and CONTRIBUTING.md that runs one of our programs.
examples() {
	awk '/^```/ { code = !code; next } code' README.md CONTRIBUTING.md | sed 's/^[$#] //' | grep -oE '(^|[|;&] *|sudo )skbox(-capture)? [^|;&#]*' |
		sed -E 's/^[|;& ]*(sudo )?//'
}
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
	grep -ohE '`(make|tests/|demo/|\.ci/)[^`]*`' README.md CONTRIBUTING.md | tr -d '`'
	awk '/^```/ { code = !code; next } code && /^(make|tests\/)/' README.md CONTRIBUTING.md | sed 's/ *#.*//'
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
for page in man/skbox.1 man/skbox-capture.8 man/skbx.5 man/skbox-filter.7 man/skbox-rules.5; do
	man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s,^,$page: ,"
done | verdict "the manuals have no formatting errors"
tests/readme README.md docs/story.md
exit 0
