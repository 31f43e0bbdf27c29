#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The tarballs of "make tarball" in other distributions: unpacked, installed by the line of its README and run in clean
# trees without our libraries; and made anew from its sources. As root, with a network; takes minutes, so
# "make test-tarball" and not "make test" (tests/check_tarball.sh is the short form).
# usage: tests/tarball.sh DIRECTORY [SUITE=TREE...]      where the tarballs are; trees of debootstrap that are there already
# environment: SUITES   Debian's releases to try (bullseye trixie)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
out=$(realpath "$1")
shift
work=$(mktemp -d)
mounted=()
trap 'for tree in "${mounted[@]}"; do umount "$tree/proc"; done; rm -rf "$work"' EXIT
verdict() { [ "$2" = 0 ] && echo "ok $1" || echo "not ok $1: $3"; }
name=$(basename "$out"/skbox-*-linux-*.tar.gz .tar.gz)
mirror=$(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' | grep -E -- 'debian/?$' | sort -u | tail -n 1)

for suite in ${SUITES:-bullseye trixie}; do
	tree=
	for given; do [ "${given%%=*}" != "$suite" ] || tree=${given#*=}; done
	if [ -z "$tree" ]; then
		tree=$work/$suite
		debootstrap --variant=minbase "$suite" "$tree" "$mirror" >"$work/log" 2>&1
		verdict "$suite: a clean tree" $? "$(tail -n 1 "$work/log")"
	fi
	mount -t proc proc "$tree/proc" && mounted+=("$tree")
	in_tree() { chroot "$tree" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin "$@" </dev/null; }
	glibc=$(in_tree ldd --version | sed -n '1s/.* //p')
	in_tree sh -c 'ls /usr/lib/*/libpcap.so* /usr/lib/*/libyaml* /usr/lib/*/libbpf*' >"$work/log" 2>/dev/null
	[ ! -s "$work/log" ]
	verdict "$suite: glibc $glibc and none of our libraries" $? "$(head -n 1 "$work/log")"
	mkdir -p "$tree/tmp/try"
	cp "$out/$name.tar.gz" testdata/demo.skbx "$tree/tmp/try/"
	# as its README says
	line=$(tar -x -O -f "$out/$name.tar.gz" "$name/README" | sed -n 's/^    sudo \(cp .*\)/\1/p')
	[ -n "$line" ] && in_tree sh -c "cd /tmp/try && tar xf $name.tar.gz && cd $name && bin/skbox verify ../demo.skbx && $line" >"$work/log" 2>&1
	verdict "$suite: unpacked, tried and installed" $? "$(tail -n 1 "$work/log")"
	cmp <(in_tree skbox print --utc -e -f 'tcp or udp' /tmp/try/demo.skbx 2>&1) <(build/skbox print --utc -e -f 'tcp or udp' testdata/demo.skbx 2>&1) &&
		[ "$(in_tree skbox print /tmp/try/demo.skbx | wc -l)" -gt 100 ]
	verdict "$suite: it prints what it prints here" $? "it does not"
	seen=$(in_tree skbox info -v /tmp/try/demo.skbx | grep '^sandbox')
	[[ $seen == *"system calls limited"* ]]
	verdict "$suite: in its sandbox" $? "$seen"
	in_tree sh -c 'skbox bundle -f "tcp port 81" /tmp/try/demo.skbx -o /tmp/try/b.skbx && skbox verify /tmp/try/b.skbx && skbox help print' >"$work/log" 2>&1
	verdict "$suite: bundle, verify, help" $? "$(tail -n 1 "$work/log")"
	(cd "$tree/usr/local" && rm -rf bin/skbox share/man/man?/skb* share/bash-completion share/zsh share/fish ../../tmp/try)
done

# who gets the program can make it again, of the sources alone
mkdir "$work/sources"
tar -x -C "$work/sources" --strip-components=1 -f "$out"/skbox-*-sources.tar.gz
for source in libpcap libseccomp glibc; do
	dpkg-source -x "$work/sources/$source"_*.dsc "$work/$source" >"$work/log" 2>&1
	verdict "the sources of $source are there, whole" $? "$(tail -n 1 "$work/log")"
done
# the mirror was asked already; what is tried here is that nothing of this tree is needed
mkdir -p "$work/sources/skbox/build" && cp -r build/debian-sources "$work/sources/skbox/build/"
(cd "$work/sources/skbox" && packaging/tarball --no-sources "$work/again") >"$work/log" 2>&1 && cmp "$out/$name.tar.gz" "$work/again/$name.tar.gz"
verdict "made in another folder, of its sources, it has the same bytes" $? "$(tail -n 1 "$work/log")"
