#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The recorder's three processes: what each may do, what happens when one of them is killed, signals to
# each of them, and what is said when a right is missing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip rights: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory skbox skbox-capture build/tests/live/blast build/tests/live/rights_try || exit 1
record=build/skbox-capture skbox=build/skbox blast=$PWD/build/tests/live/blast
tx=skbox-rgt-$$-tx rx=skbox-rgt-$$-rx
. tests/live/pair
chmod 755 "$work"
file=$work/file.skbx
make_pair $tx va $rx vb 10.79.0 || exit 1
ip -n $tx neigh replace 10.79.0.2 lladdr "$(ip -n $rx -br link show vb | awk '{print $3}')" dev va
ip netns exec $tx "$blast" 10.79.0.2 7901 1000000000 64 1 400 60 >/dev/null &
children+=($!)

# ---- the processes ----
pids() { # WRITER: holder and sockets
	holder=$(pgrep -P "$1" -x skbox-holder) sockets=$(pgrep -P "$1" -x skbox-sockets)
}
begin() { # OPTIONS...: starts a recording; sets writer, holder, sockets
	$record --force -o "$file" --sockets 100ms "$@" 2>"$work/err" &
	writer=$!
	children+=($writer)
	for _ in $(seq 100); do
		! grep -q '^Seccomp:.*2' /proc/$writer/status 2>/dev/null || break
		sleep 0.05
	done
	pids $writer
	sleep 0.2
}
status() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }
opened() { find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null | grep -E 'bpf|btf|perf_event' | sort -u | tr '\n' ' '; }
gone() { # PID...: waits until they are
	for _ in $(seq 100); do
		ps -o stat= -p "$(tr ' ' , <<<"$*")" | grep -qv '^Z' || return 0
		sleep 0.05
	done
	return 1
}

begin
equal "the writer has no capability" "$(status $writer CapEff) $(status $writer CapPrm) $(status $writer CapBnd)" "0000000000000000 0000000000000000 0000000000000000"
equal "it can get none" "$(status $writer NoNewPrivs)" 1
equal "it is nobody" "$(status $writer Uid) $(status $writer Gid)" "65534 65534"
if $record --version | grep -q '^libseccomp [0-9]'; then
	equal "its system calls are limited" "$(status $writer Seccomp)" 2
	equal "those of the holder, too" "$(status $holder Seccomp)" 2
fi
equal "it has nothing of BPF open" "$(opened $writer)" ""
equal "the holder has CAP_BPF alone" "$(status $holder CapEff) $(status $holder NoNewPrivs)" "0000008000000000 1"
verdict "it has what is attached" $(($(opened $holder | grep -c 'bpf_link\|perf_event') == 0)) "$(opened $holder)"
# SYS_ADMIN, SYS_PTRACE, NET_ADMIN, DAC_READ_SEARCH
equal "what enters namespaces has what that needs" "$(status $sockets CapEff) $(status $sockets NoNewPrivs)" "0000000000281004 1"
equal "it has nothing of BPF open, either" "$(opened $sockets)" ""
kill -INT $writer
wait $writer
equal "so a recording ends well" "$? $($skbox info "$file" | sed -n 's/^end *\([a-z]*\),.*/\1/p')" "0 signal"
gone $holder $sockets
verdict "all three are gone" $? "$(ps -o pid=,comm=,stat= -p $holder,$sockets)"
begin -- sleep 1
equal "with a command the holder may end it" "$(status $holder CapEff)" 0000008000000020
wait $writer

# ---- users ----
mkdir "$work/theirs" "$work/root"
chown 1234:1235 "$work/theirs"
chmod 700 "$work/root" "$work/theirs"
rotating() { # NAME DIRECTORY UID CAPABILITIES OWNER [VARIABLE...]
	local name=$1 set=$2/$1 uid=$3 caps=$4 owner=$5
	env "${@:6}" $record -o "$set" --rotate signal --keep 2 --no-sockets 2>"$work/err" &
	writer=$!
	until [ -s "$set.0" ]; do sleep 0.05; done
	for n in 1 2; do
		sleep 0.3
		kill -USR1 $writer
		until [ -s "$set.$n" ] || ! kill -0 $writer; do sleep 0.05; done
	done
	equal "$name: who writes" "$(status $writer Uid) $(status $writer CapEff)" "$uid 000000000000000$caps"
	kill -INT $writer
	wait $writer
	equal "$name: files" "$? $(stat -c '%n %a %u:%g' "$set".* | sed 's,.*/,,' | tr '\n' ' ')" "0 $name.1 600 $owner $name.2 600 $owner "
}
rotating sudo "$work/theirs" 1234 0 1234:1235 SUDO_UID=1234 SUDO_GID=1235
rotating sudo-elsewhere "$work/root" 0 1 1234:1235 SUDO_UID=1234 SUDO_GID=1235
rotating root "$work/root" 0 0 0:0
rotating root-elsewhere "$work/theirs" 0 2 0:0

# ---- system calls ----
build/tests/live/rights_try "$work/root" "$work"

# ---- kill -9, each of them ----
ids() { # the programs and links of the holder
	cat /proc/$holder/fdinfo/* 2>/dev/null | awk '$1 == "prog_id:" || $1 == "link_id:" { sub("_id:", "", $1); print $1, $2 }' | sort -u
}
left() { # those of $held that the kernel still has
	while read -r kind id; do
		! bpftool "$kind" show id "$id" >/dev/null 2>&1 || echo "$kind $id"
	done <<<"$held"
}
detached() { # NAME: nothing of this test is left
	for _ in $(seq 100); do
		[ -n "$(left)" ] || break
		sleep 0.05
	done
	equal "$1 killed: nothing stays attached or loaded, of $(wc -l <<<"$held")" "$(left)" ""
	gone $writer $holder $sockets
	verdict "$1 killed: all processes end" $? "$(ps -o pid=,comm=,stat= -p "$writer,$holder,$sockets")"
	$skbox verify "$file" >"$work/out" 2>&1
	verdict "$1 killed: the file is whole" $? "$(tail -n 1 "$work/out")"
}
begin
held=$(ids)
verdict "the holder has programs and links" $(($(wc -l <<<"$held") < 4)) "$held"
kill -9 $writer
wait $writer 2>/dev/null
detached "the writer"
begin
held=$(ids)
kill -9 $holder
wait $writer
equal "the holder killed: the exit status and the message say so" "$? $(grep -c 'holds the probes ended' "$work/err")" "2 1"
equal "the holder killed: the file says so" "$($skbox info "$file" | sed -n 's/^end *\([a-z]*\),.*/\1/p')" error
verdict "the holder killed: what was before is there" $(($($skbox print --format single-line --probe net:net_dev_start_xmit "$file" | wc -l) < 50)) "too few events"
detached "the holder"
begin
held=$(ids)
kill -9 $sockets
sleep 0.6
kill -0 $writer
verdict "the process of the sockets killed: recording goes on" $? "it ended"
kill -INT $writer
wait $writer
equal "the process of the sockets killed: said on the terminal, and in the file" "$? $(grep -c 'without snapshots' "$work/err") $($skbox json "$file" | grep -c '"loss.kind":"sockets: no more snapshots"')" "0 1 1"
detached "the process of the sockets"

# ---- signals, whoever gets them ----
for who in writer holder sockets; do
	begin --rotate signal
	kill -USR1 ${!who}
	until [ -s "$file.1" ] || ! kill -0 $writer 2>/dev/null; do sleep 0.05; done
	sleep 0.3
	kill -TERM ${!who}
	wait $writer
	equal "SIGUSR1 and SIGTERM to the $who" "$? $(echo "$file".* | wc -w) $($skbox info "$file.1" | sed -n 's/^end *\([a-z]*\),.*/\1/p')" "0 2 signal"
	rm -f "$file".*
done
begin --rotate signal
kill -USR1 $holder $sockets $writer
sleep 0.6
kill -INT $holder $sockets $writer
wait $writer
equal "as a terminal sends them, to all: one new file" "$? $(echo "$file".* | wc -w)" "0 2"
rm -f "$file".*

# ---- nobody reads ----
mkfifo "$work/fifo"
sleep 60 <"$work/fifo" &
children+=($!)
$record -o - --no-sockets -p tp:net:net_dev_start_xmit -- ip netns exec $tx "$blast" 10.79.0.2 7902 200000 600 1 >"$work/fifo" 2>"$work/err" &
writer=$!
sleep 1
start=$(date +%s%N)
kill -INT $writer
wait $writer
status=$? took=$((($(date +%s%N) - start) / 1000000))
verdict "-o - that nobody reads: the end does not wait for ever" $((took > 8000)) "$took ms"
equal "-o - that nobody reads: exit status and message" "$status $(grep -c 'nobody reads' "$work/err")" "125 1"
$record -o - --no-sockets -p tp:net:net_dev_start_xmit -- ip netns exec $tx "$blast" 10.79.0.2 7902 200000 600 1 >"$work/fifo" 2>"$work/err" &
writer=$!
sleep 1
kill -INT $writer
sleep 0.5
start=$(date +%s%N)
kill -INT $writer
wait $writer
took=$((($(date +%s%N) - start) / 1000000))
verdict "-o - that nobody reads: a second signal ends it" $((took > 1500)) "$took ms"

# ---- what is missing is named ----
refused() { # NAME STATUS PATTERN COMMAND...
	local name=$1 want=$2 pattern=$3
	"${@:4}" >"$work/out" 2>&1
	local got=$?
	[ $got = "$want" ] && grep -qE "$pattern" "$work/out"
	verdict "$name" $? "status $got: $(head -n 3 "$work/out")"
}
short="$PWD/$record --no-sockets --duration 50ms"
refused "without CAP_BPF: its name and the sysctl" 2 'CAP_BPF, .* is missing \(sysctl kernel.unprivileged_bpf_disabled is [0-9]' \
	capsh --drop=cap_bpf,cap_sys_admin -- -c "$short"
refused "without CAP_PERFMON: its name and the sysctl" 2 'CAP_PERFMON, .* is missing \(sysctl kernel.perf_event_paranoid is -?[0-9]' \
	capsh --drop=cap_perfmon,cap_sys_admin -- -c "$short"
refused "stacks without CAP_SYSLOG" 0 'stacks are addresses: .*kptr_restrict.* SYSLOG|paranoid' capsh --drop=cap_syslog -- -c "$short --stack"
# others may not look into root's folders: a copy where they may
cp "$record" "$work/recorder" && chmod 755 "$work/recorder"
short="$work/recorder --no-sockets --duration 50ms"
cp /sys/kernel/btf/vmlinux "$work/btf"
# shellcheck disable=SC2016 # for the inner shell
hidden=(unshare -m sh -c 'mount --bind /dev/null /sys/kernel/btf/vmlinux && exec "$@"' sh)
# shellcheck disable=SC2086 # the options are words
{
	refused "as a user: both" 2 'CAP_PERFMON' setpriv --reuid 1234 --regid 1235 --clear-groups $short
	refused "as a user with these two: it records" 0 '0 lost' \
		setpriv --reuid 1234 --regid 1235 --clear-groups --inh-caps +bpf,+perfmon --ambient-caps +bpf,+perfmon $short
	if unshare -U -r true 2>/dev/null; then
		refused "in a user namespace" 2 'this is a user namespace' unshare -U -r $short
	else
		echo "skip in a user namespace: needs userns, which cannot be made here (in a chroot, say)"
	fi
	refused "without the kernel's types" 2 'CONFIG_DEBUG_INFO_BTF, or --btf FILE' "${hidden[@]}" $short
	refused "--btf without types" 2 'there are no types' "${hidden[@]}" $short --btf /etc/passwd
	refused "--btf without a file" 2 'No such file' "${hidden[@]}" $short --btf "$work/none"
}
seen() { $skbox print --format single-line -f 'udp dst port 7903' "$file" | grep -o 'drop (reason [A-Z_]*)\|if [0-9]* (v.)\|len 88' | sort | uniq -c; }
send=(ip netns exec $tx "$blast" 10.79.0.2 7903 50 60 1 500)
$record --force -o "$file" --no-sockets -p tp:net:net_dev_start_xmit -p tp:skb:kfree_skb -- "${send[@]}" >/dev/null 2>&1
want=$(seen)
verdict "with the kernel's own types" $(($(wc -l <<<"$want") < 3)) "$want"
"${hidden[@]}" "$PWD/$record" --force -o "$file" --no-sockets -p tp:net:net_dev_start_xmit -p tp:skb:kfree_skb --btf "$work/btf" -- "${send[@]}" >/dev/null 2>&1
equal "with --btf a recording has the same" "$(seen)" "$want"
