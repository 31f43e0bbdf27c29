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
if command -v zsh >/dev/null; then
	# a shell in a terminal of its own: the line, a tab, and what stands there then
	python3 - "$root" <<-'END' | verdict "zsh completes commands, options, fields, files and profiles"
		import os, pty, re, select, sys, time
		root = sys.argv[1]
		def type_and_see(line, want):
		    pid, fd = pty.fork()
		    if pid == 0:
		        os.environ.update(TERM="dumb", PATH=root + "/build:" + os.environ["PATH"], PS1="", LINES="50", COLUMNS="200")
		        os.execvp("zsh", ["zsh", "-f", "-i"])
		    seen = b""
		    def until(text, seconds):
		        nonlocal seen
		        end = time.monotonic() + seconds
		        while text not in seen and time.monotonic() < end:
		            if select.select([fd], [], [], 0.1)[0]:
		                try:
		                    seen += os.read(fd, 65536)
		                except OSError:
		                    return
		    os.write(fd, b"PS1=; fpath=(%s/completions $fpath); autoload -Uz compinit; compinit -u -D; echo rea''dy\n" % root.encode())
		    until(b"ready", 10)
		    seen = b""
		    os.write(fd, line.encode() + b"\t")
		    until(want.encode(), 5)
		    os.close(fd)
		    os.waitpid(pid, 0)
		    if want.encode() not in seen:
		        print(line, "->", seen[-200:])
		type_and_see("skbox sock", "skbox sockets ")
		type_and_see("skbox print --form", "skbox print --format ")
		type_and_see("skbox print -w drop.rea", "drop.reason ")
		type_and_see("skbox print testdata/demo.s", "demo.skbx ")
		type_and_see("skbox-capture --profile tcp-h", "tcp-health ")
	END
else
	echo "skip zsh completes: there is no zsh here"
fi
exit 0
