#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Completions know all that the programs know, and the scripts of completions/ put it on real command lines.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD skbox=$PWD/build/skbox capture=$PWD/build/skbox-capture
PATH=$PWD/build:$PATH
verdict() { # NAME: no findings on standard input is good
	local findings
	findings=$(cat)
	if [ -z "$findings" ]; then
		echo "ok $1"
	else
		echo "$findings" | head -n 20
		echo "not ok $1: $(wc -l <<<"$findings") findings"
	fi
}
words() { "$@" | cut -f 1 | sort -u; }
options() { "$@" --help | grep -oE '^ +(-[a-zA-Z], )?--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vx -- '--version' | sort -u; }
commands() { "$skbox" --help | sed -n 's|^  \([a-z][a-z]*\) .*|\1|p'; }

diff <(commands | sort) <(words "$skbox" __complete '') | verdict "every command is completed"
for command in $(commands); do
	case $command in
	capture | help) continue ;;
	esac
	diff <(options "$skbox" "$command") <(words "$skbox" __complete "$command" --) | sed "s/^/$command: /"
done | verdict "every option of every command is completed"
diff <(options "$capture") <(words "$capture" __complete --) | verdict "every option of the recorder is completed"
diff <("$skbox" schema --format json | python3 -c '
import json, sys
def names(x):
    if isinstance(x, dict):
        if "name" in x and "type" in x: yield x["name"]
        for v in x.values(): yield from names(v)
    elif isinstance(x, list):
        for v in x: yield from names(v)
print("\n".join(sorted(set(names(json.load(sys.stdin))))))' | sort) <(words "$skbox" __complete print -w '' | grep -v '^ip\.$') |
	grep '^<' | verdict "every field of the schema is completed in -w"
diff <(ls profiles | sed 's/\.yaml$//' | sort) <(words "$capture" __complete --profile '' | sort) | grep '^<' | verdict "every profile is completed"
words "$skbox" __complete print -w 'skb.len > 3 && drop.re' | grep -vx 'skb.len > 3 && drop.reason' | verdict "a field is completed behind the rest of an expression"
words "$skbox" __complete print --format=s | grep -vx -- '--format=single-line' | verdict "a choice is completed behind its option"

# the three shells, as a person at the keyboard has it
bash_words() { # LINE...: words of which the last one is completed
	bash --norc -c '. completions/skbox.bash; shift 0; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skbox 2>/dev/null; printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
{
	bash_words skbox so | sort | diff - <(printf '%s\n' sockets sort)
	bash_words skbox print --form | diff - <(echo --format)
	bash_words skbox print --format = mul | diff - <(echo multi-line)
	bash_words skbox print -w "'drop.re" | diff - <(echo drop.reason)
	bash_words skbox print testdata/demo.s | diff - <(echo testdata/demo.skbx)
	bash_words skbox capture --profile tcp-h | diff - <(echo tcp-health)
} | verdict "bash completes commands, options, choices, fields, files and profiles"
fish_words() { fish --no-config -c "set -x PATH $root/build \$PATH; source completions/skbox.fish; complete -C \"$1\"" 2>&1 | cut -f 1; }
if command -v fish >/dev/null; then
	{
		fish_words 'skbox so' | sort | diff - <(printf '%s\n' sockets sort)
		fish_words 'skbox print --form' | diff - <(echo --format)
		fish_words 'skbox print -w drop.re' | diff - <(echo drop.reason)
		fish_words 'skbox print testdata/demo.s' | diff - <(echo testdata/demo.skbx)
		fish_words 'skbox-capture --profile tcp-h' | diff - <(echo tcp-health)
	} | verdict "fish completes commands, options, fields, files and profiles"
else
	echo "skip fish completes: there is no fish here"
fi

# shells in terminals of their own: a line, a tab, and what stands there then
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp testdata/demo.skbx "$work/t.skbx"
touch "$work"/{t.txt,cap.pcapng,cap.conf,rules.yaml,rules.md,profile.yaml,profile.txt}
for shell in bash zsh fish; do
	! command -v $shell >/dev/null || tests/completion_shells.py $shell "$work" >"$work/$shell" 2>&1 &
done
wait
for shell in bash zsh fish; do
	if command -v $shell >/dev/null; then
		verdict "$shell at a keyboard: commands, options, choices, fields, rules, probes, profiles, namespaces, files by suffix" <"$work/$shell"
	else
		echo "skip $shell at a keyboard: there is no $shell here"
	fi
done
exit 0
