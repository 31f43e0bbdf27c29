#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The packages of "make deb": lintian finds no errors; installed, run and purged in a clean Debian tree. As root, with
# a network; takes minutes, so "make test-packages" and not "make test".
# usage: tests/packages.sh DIRECTORY [TREE]      where the packages are; a tree of debootstrap that is there already
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
debs=$1 tree=${2:-}
work=$(mktemp -d)
trap 'umount "$tree/sys" "$tree/proc" 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
verdict() { [ "$2" = 0 ] && echo "ok $1" || echo "not ok $1: $3"; }

if [ -z "$tree" ]; then
	tree=$work/tree
	mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -E -- 'debian/?$' | sort -u | tail -n 1)
	debootstrap --variant=minbase bookworm "$tree" "$mirror" >"$work/log" 2>&1 || {
		tail -n 5 "$work/log"
		echo "not ok a clean tree: debootstrap failed"
		exit 1
	}
fi
in_tree() { chroot "$tree" env DEBIAN_FRONTEND=noninteractive "$@" >"$work/log" 2>&1 </dev/null; }
last() { tail -n 1 "$work/log"; }
list() { (cd "$tree" && find . -xdev -name '*skbox*' ! -path './tmp/*' ! -path './proc/*'); }

mkdir -p "$tree/tmp/skbox-debs"
cp "$debs"/skbox_*.deb "$debs"/skbox-capture_*.deb testdata/demo.skbx "$tree/tmp/skbox-debs/" || exit 1
lintian --fail-on error,warning "$debs"/skbox_*.deb "$debs"/skbox-capture_*.deb "$debs"/libskbox-dev_*.deb >"$work/log" 2>&1
verdict "lintian finds no errors and no warnings" $? "$(grep -m 1 '^[EW]:' "$work/log")"
in_tree sh -c 'apt-get -q -y --no-install-recommends install /tmp/skbox-debs/skbox_*.deb'
verdict "skbox is installed" $? "$(last)"
in_tree sh -c '! ldd /usr/bin/skbox | grep libbpf'
verdict "it needs no libbpf" $? "$(last)"
in_tree skbox verify /tmp/skbox-debs/demo.skbx
verdict "it reads a file" $? "$(last)"
in_tree sh -c 'apt-get -q -y --no-install-recommends install /tmp/skbox-debs/skbox-capture_*.deb'
verdict "skbox-capture is installed" $? "$(last)"
in_tree skbox capture --version
verdict "skbox capture runs it" $? "$(last)"
in_tree sh -c 'ls /usr/share/man/man5/skbox-profiles.5.gz /usr/share/man/man8/skbox-capture.8.gz /usr/share/man/man1/skbox-print.1.gz /lib/systemd/system/skbox-capture@.service'
verdict "manuals and the unit are where they belong" $? "$(last)"
mount -t proc proc "$tree/proc" && mount --bind /sys "$tree/sys"
in_tree sh -c 'skbox-capture --profile generic -o /tmp/t.skbx --duration 300ms && skbox verify /tmp/t.skbx && skbox info /tmp/t.skbx'
verdict "it records, and the analyzer reads it" $? "$(last)"
umount "$tree/sys" "$tree/proc"
mkdir -p "$tree/var/lib/skbox/generic"
in_tree apt-get -q -y purge skbox skbox-capture
verdict "both are purged" $? "$(last)"
[ -z "$(list)" ]
verdict "nothing of them is left" $? "$(list | head -n 3 | tr '\n' ' ')"
