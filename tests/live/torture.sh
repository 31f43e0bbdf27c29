#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The short forms of tests/torture/: damage, losses, and a host that is in a bad way.
cd "$(dirname "$0")/../.." || exit 1
for test in crash losses host; do
	"tests/torture/$test" || exit
done
