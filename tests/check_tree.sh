#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Checks of the source tree itself: which folder includes which, licences, forbidden calls.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

# Prints its verdict: no findings on standard input is good.
verdict() { # NAME
	local findings
	findings=$(cat)
	if [ -z "$findings" ]; then
		echo "ok $1"
	else
		echo "$findings"
		echo "not ok $1: $(wc -l <<<"$findings") findings"
	fi
}

sources() { find "$@" -name '*.[ch]' 2>/dev/null; }

# The arrows: bpf/event.h <- capture/, formats/ <- cli/, analyze/, capture/, cli/ <- analyze/, capture/.
includes() { # FOLDER ALLOWED-PATTERN: prints the quoted includes of FOLDER that do not match
	sources "$1" | while read -r file; do
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file" | grep -vE "include[[:space:]]*\"($2)" | sed "s,^,$file:,"
	done
}
includes formats 'formats/' | verdict "formats/ includes only formats/"
includes cli 'cli/|formats/' | verdict "cli/ includes only cli/ and formats/"
includes analyze 'analyze/|cli/|formats/' | verdict "analyze/ includes only analyze/, cli/ and formats/"
includes bpf 'bpf/' | verdict "bpf/ includes only bpf/"
includes capture 'capture/|cli/|formats/|bpf/event\.h"|bpf/[a-z_]+\.skel\.h"' | verdict "capture/ includes of bpf/ only event.h and skeletons"
sources formats cli analyze | xargs grep -nE '#[[:space:]]*include[[:space:]]*<(bpf|linux/bpf|libelf|gelf)' 2>/dev/null | verdict "only capture/ and bpf/ know BPF"

# The library takes what it needs as arguments and gives its answer back.
if [ -f build/libskbox.a ]; then
	nm -A build/libskbox.a 2>/dev/null | awk '$(NF-1) == "U" { sub(/@.*/, "", $NF); print }' |
		grep -E ' (_*(printf|fprintf|vprintf|vfprintf)(_chk)?|puts|fputs|putchar|perror|exit|_exit|quick_exit|abort|getenv|secure_getenv|environ|stdin|stdout|stderr|setlocale|openlog|syslog)$' |
		verdict "formats/ never prints, exits or reads the environment"
else
	echo "not ok formats/ never prints, exits or reads the environment: build/libskbox.a is not built"
fi

git ls-files -co --exclude-standard 2>/dev/null | grep -E '(\.[ch]|\.def|\.sh|\.py|(^|/)Makefile)$|^\.ci/run$|^tests/(run|deps)$|^demo/run$' |
	while read -r file; do
		[ ! -f "$file" ] || grep -q 'SPDX-License-Identifier: BSD-2-Clause' <<<"$(head -n 3 "$file")" || echo "$file"
	done | verdict "every source file names its licence"

# Promises belong into issues. (The words are written so that this file does not find itself.)
git grep -nwE 'TO[D]O|FIX[M]E|XX[X]' -- '*.c' '*.h' '*.sh' Makefile 2>/dev/null | verdict "no promises in the code"

# About 600 lines a file: past 700 there is a seam that somebody overlooked (a test file may be a longer list of cases).
sources formats cli analyze capture bpf tests demo | xargs -r wc -l |
	awk '$2 != "total" && $1 > ($2 ~ /^tests\// ? 1000 : 700) { print $2 ": " $1 " lines" }' |
	verdict "no source file is too long"
exit 0
