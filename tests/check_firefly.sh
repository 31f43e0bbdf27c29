#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Fireflies of a recording keep the rules of their standard, printed and sent.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
[ -x build/skbox ] || { echo "not ok fireflies: build/skbox is not there" && exit 1; }
python3 -W ignore tests/firefly_check.py build/skbox testdata/connection.skbx || echo "not ok fireflies: the check ended with status $?"
exit 0
