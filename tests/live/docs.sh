#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The commands that record of README.md and docs/, all blocks that begin with ```sh, and the examples of the recorder's manuals, run as they stand there. What
# others would do while they run is done for them: a recording without a command ends after a moment, instead of
# at Ctrl-C; their files, which have one name in many of them, are overwritten; what is said to be another host is this one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip docs: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture || exit 1
root=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

mkdir "$work/bin"
ln -s "$root/build/skbox" "$work/bin/skbox"
cat >"$work/bin/skbox-capture" <<-END
	#!/bin/bash
	case " \$* " in
	*" --list-probes "* | *" --check "* | *" help "*) exec "$root/build/skbox-capture" "\$@" ;;
	*" -- "*) set -- "\$@" ;;
	*) set -- --duration 300ms "\$@" ;;
	esac
	case " \$* " in
	*" -o - "*) ;;
	*" -o "*) set -- --force "\$@" ;;
	esac
	exec "$root/build/skbox-capture" "\$@"
END
printf '#!/bin/sh\nshift\nexec "$@"\n' >"$work/bin/ssh" # HOST COMMAND
printf '#!/bin/sh\nexec ping -q -c 3 -i 0.1 127.0.0.1\n' >"$work/download-test"
chmod +x "$work"/bin/* "$work/download-test"

try() { # PAGE FOLDER FILE: runs the file in the folder
	local status=0 line
	line=$(head -n 1 "$3" | cut -c 1-70)
	(cd "$2" && PATH=$work/bin:$PATH timeout 60 bash -o pipefail -e "$3") >"$work/out" 2>&1 </dev/null || status=$?
	# rules may say no to what the machine did meanwhile
	if [ $status = 0 ] || { [ $status = 1 ] && grep -q '^NOT OK' "$work/out"; }; then
		echo "ok $1: $line"
	elif grep -q 'this kernel has no kprobes' "$work/out"; then
		echo "skip $1, ${line//: / }: needs kprobe"
	else
		echo "not ok $1: $line: status $status: $(tail -n 2 "$work/out" | tr '\n' ' ')"
	fi
}

for page in README.md docs/*.md; do
	# what the commands of this page work on, before a reader could have recorded it
	folder=$work/$(tr / - <<<"$page")
	mkdir -p "$folder/kept" "$folder/bad"
	cp "$work/download-test" "$folder/"
	ln -s "$root/testdata" "$folder/testdata"
	cp testdata/check/no-drops.skbx "$folder/bad/"
	cp rules/no-drops.yaml "$folder/bad/"
	for name in t client server; do cp testdata/demo.skbx "$folder/$name.skbx"; done
	awk -v out="$folder/block" '/^```sh$/ { n++; inside = 1; next } /^```/ { inside = 0 } inside { print > (out n ".sh") }' "$page"
	for block in "$folder"/block*.sh; do
		[ -e "$block" ] || continue
		# of this page alone: the library's needs an installed one (tests/check_install.sh)
		[ "$page" != docs/libskbox.md ] || continue
		try "$page" "$folder" "$block"
	done
done

# lines between .nf and .fi under a heading
shown() { sed 's/\\-/-/g; s/\\f.//g' "$1" | awk -v want="$2" '/^\.S[HS]/ { on = ($0 == ".SH " want) } /^\.nf/ { code = 1; next } /^\.fi/ { code = 0 } on && code'; }
folder=$work/man
mkdir "$folder"
shown man/skbox-profiles.5 FORM >"$folder/my-drops.yaml"
for name in "$work/bin/curl" "$folder/test"; do cp "$work/download-test" "$name"; done
for page in man/skbox-capture.8 man/skbox-profiles.5; do
	while IFS= read -r line; do
		echo "$line" >"$folder/line"
		try "$page" "$folder" "$folder/line"
	done < <(shown "$page" EXAMPLES)
done
exit 0
