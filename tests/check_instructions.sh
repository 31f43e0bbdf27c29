#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Whether an event costs more instructions than it did (tests/bench/instructions), beyond a margin.
cd "$(dirname "$0")/.." || exit 1
if ! make -s --no-print-directory build/tests/bench/gen-events; then
	echo "not ok instructions an event: gen-events does not build"
	exit
fi
tests/bench/instructions --check
