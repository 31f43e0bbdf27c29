#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What skbox anonymize leaves, looked for by a program that shares nothing with it; and what tshark says of the
# packets before and after.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH=$PATH:/usr/sbin:/sbin
[ -x build/skbox ] || { echo "not ok anonymize: build/skbox is not there" && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work # no settings of the user's
python3 -W error tests/anonymize_check.py build/skbox "$work" testdata/anonymize/protocols.skbx testdata/connection.skbx testdata/demo.skbx ||
	echo "not ok anonymize: the check ended with status $?"
exit 0
