#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sockets between dumps: those that end, those that an event asks for; namespaces that come and go;
# the sockets of one cgroup. Without BPF: what the recorder does about sockets alone.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "iproute2 ss -V"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip sockets: needs ${needed%% *}" && exit 0; }
done
make -s --no-print-directory build/tests/live/sock_record build/tests/live/sock_make || exit 1
ns=skbox-watch-$$
work=$(mktemp -d)
cgroup=
makers=() recorder=
clean_up() {
	exec 5>&- 6>&- 7>&-
	[ -z "$recorder" ] || kill "$recorder" 2>/dev/null
	[ ${#makers[@]} = 0 ] || kill "${makers[@]}" 2>/dev/null
	wait 2>/dev/null
	ip netns del "$ns" 2>/dev/null
	ip netns del "$ns-b" 2>/dev/null
	[ -z "$cgroup" ] || rmdir "$cgroup" 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
inside() { nsenter --net="/run/netns/$ns" "$@"; }
# until FILE has that many lines that match, at most 20 s: the machine may be busy
await() { # FILE PATTERN [COUNT]
	for _ in {1..400}; do
		[ "$(grep -c -- "$2" "$1")" -ge "${3:-1}" ] && return 0
		sleep 0.05
	done
	return 1
}
start_maker() { # DESCRIPTOR ARGUMENT...
	local name=$work/maker$1
	mkfifo "$name" && : >"$name.out"
	inside build/tests/live/sock_make "${@:2}" <"$name" >"$name.out" 2>&1 5>&- 6>&- &
	makers+=($!)
	eval "exec $1>\"\$name\""
	await "$name.out" ready
}
end_maker() { # DESCRIPTOR
	eval "exec $1>&-"
	wait "${makers[-1]}"
	unset 'makers[-1]'
	rm -f "$work/maker$1" "$work/maker$1.out"
}
start_recorder() { # ARGUMENT...
	rm -f "$work/do" && mkfifo "$work/do" && : >"$work/rows"
	build/tests/live/sock_record "$@" <"$work/do" >"$work/rows" 2>&1 6>&- 7>&- &
	recorder=$!
	exec 5>"$work/do"
	await "$work/rows" '^ready$'
}
end_recorder() {
	exec 5>&-
	wait "$recorder"
	local status=$?
	recorder=
	return $status
}
sum() { awk -v what="$1" '$1 == "stat" { for (i = 2; i <= NF; i++) if (split($i, p, "=") && p[1] == what) n += p[2] } END { print n + 0 }' "$work/rows"; }
same() { sed -E 's/ +/ /g; s/ $//; s/timer:\(([a-z]+),[^,]*,/timer:(\1,/; s/ last(snd|rcv|ack):[0-9]+//g; s/ (rcv_wnd|rehash):[0-9]+//g; s/ (tos|tclass|class_id):.*//' | sort; }

ip netns add "$ns" && inside ip link set lo up || exit 1
inum=$(stat -L -c %i "/run/netns/$ns")

# ---- sockets that live between two dumps
start_maker 6 short 200 || { echo "not ok sockets: none were made" && exit 1; }
start_recorder -n "$ns" -q
for i in 1 2 3; do
	echo >&6
	await "$work/maker6.out" end "$i"
done
await "$work/rows" '^sock destroy ' 1200
end_recorder
verdict "it ends well" $? "$(tail -n 1 "$work/rows")"
ended=$(grep -c "^sock destroy $inum " "$work/rows")
[ "$ended" = 1200 ] && [ "$(awk '$2 == "destroy" { print $4 }' "$work/rows" | sort -u | wc -l)" = 1200 ]
verdict "600 connections between two dumps: both sockets of each" $? "$ended rows"
[ "$(grep '^sock destroy' "$work/rows" | grep -c ' 127.0.0.1:7000 127.0.0.1:[0-9]* .* bytes_received:100[01] ')" = 600 ]
verdict "with what they received" $? "$(grep -m 2 '^sock destroy' "$work/rows" | tr '\n' ';')"
end_maker 6

# ---- more of them than the kernel has room for while nobody reads
start_maker 6 short 8000
start_recorder -n "$ns" -q
kill -STOP "$recorder"
for i in 1 2 3; do
	echo >&6
	await "$work/maker6.out" end "$i"
done
kill -CONT "$recorder"
await "$work/rows" '^loss ' || echo "# no row of losses"
end_recorder
ended=$(grep -c '^sock destroy' "$work/rows")
lost=$(awk '/^loss/ { n += $NF } END { print n + 0 }' "$work/rows")
[ $((ended + lost)) = 48000 ] && [ "$lost" -gt 0 ] && [ "$ended" -gt 10000 ] &&
	grep -q "^loss $inum ended sockets " "$work/rows"
verdict "what there was no room for is counted: $ended rows and $lost lost" $? "not 48000 in all"
end_maker 6

# ---- one socket, as an event asks for it
start_maker 6 quiet 12
start_recorder -n "$ns" -q
inside ss -tinemHO >"$work/ss"
look() { # CAUSE LINE-OF-SS COOKIE EVENT
	awk -v cause="$1" -v inum="$inum" -v cookie="$3" -v event="$4" '{
		for (i = 4; i <= 5; i++) {
			port[i] = address[i] = $i
			sub(/.*:/, "", port[i]); sub(/:[^:]*$/, "", address[i]); gsub(/[][]/, "", address[i])
		}
		print "look " cause " " inum " " (address[4] ~ /:/ ? 10 : 2) " " address[4] " " port[4] " " address[5] " " port[5] " " cookie " " event
	}' <<<"$2" >&5
}
while read -r line; do
	cookie=${line##* sk:} && cookie=${cookie%% *}
	look drop "$line" "$cookie" 12345
	look retransmit "$line" 0 777
done <"$work/ss"
await "$work/rows" '^sock [dr]' 48
for cause in drop retransmit; do
	grep "^sock $cause $inum " "$work/rows" | cut -d' ' -f6- | same >"$work/looked"
	same <"$work/ss" | diff - "$work/looked" >"$work/diff"
	verdict "24 lookups, cause $cause, as ss shows the sockets" $? "$(head -n 4 "$work/diff" | tr '\n' ';')"
done
[ "$(grep -c '^sock drop .* 12345 ESTAB' "$work/rows")" = 24 ] && [ "$(grep -c '^sock retransmit .* 777 ESTAB' "$work/rows")" = 24 ]
verdict "with the time of the event" $? "$(grep -m 1 '^sock drop' "$work/rows")"
# another cookie; no such connection, but a socket that listens on the port; another namespace
line=$(grep -m 1 '127.0.0.1:7000 ' "$work/ss")
look drop "$line" ffffffff 1
look drop "${line/:7000 /:7001 }" 0 1
echo "look drop $inum 2 127.0.0.1 7000 127.0.0.2 9 0 1" >&5
echo "look drop 1 2 127.0.0.1 7000 127.0.0.2 9 0 1" >&5
echo "pass 100 1000" >&5
await "$work/rows" '^passed'
end_recorder
[ "$(sum gone)" = 3 ] && [ "$(sum found)" = 48 ] && [ "$(grep -c '^sock drop' "$work/rows")" = 24 ]
verdict "sockets that are gone are counted, and no listener is taken for one" $? "$(grep '^stat' "$work/rows" | tr '\n' ';')"
[ "$(grep '^passed' "$work/rows")" = "passed 10 suppressed 990" ]
verdict "a storm of events: 100 a second are 10 at once, the rest is counted" $? "$(grep '^passed' "$work/rows")"
end_maker 6

# ---- namespaces that come and go
start_recorder -n all -p 50
await "$work/rows" "^dump period $inum " || echo "not ok the namespace is dumped each period: $(tail -n 3 "$work/rows")"
ip netns add "$ns-b" && ip -n "$ns-b" link set lo up && ip -n "$ns-b" link add name skbox-w-a type veth peer name skbox-w-b netns "$ns"
late=$(stat -L -c %i "/run/netns/$ns-b")
nsenter --net="/run/netns/$ns-b" bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null # a socket that fails
await "$work/rows" "^dump period $late " && grep -q "^name $late $ns-b\$" "$work/rows" && grep -q "^dump found $late " "$work/rows"
verdict "a namespace that appears is found" $? "$(grep " $late " "$work/rows" | tr '\n' ';')"
ip netns del "$ns-b"
await "$work/rows" "^gone $late\$"
verdict "a namespace that goes away is told" $? "no row"
for _ in {1..40}; do
	inside ip link show skbox-w-b >/dev/null 2>&1 || break
	sleep 0.05
done
! inside ip link show skbox-w-b >/dev/null 2>&1
verdict "and not kept by us" $? "the other end of its link is still there"
end_recorder
verdict "it ends well" $? "$(tail -n 1 "$work/rows")"
[ "$(awk '/^dump/ { bad += $NF != 0 } END { print bad + 0 }' "$work/rows")" = 0 ]
verdict "every dump was whole" $? "$(grep '^dump.*status -' "$work/rows" | head -n 1)"

# the same name, perhaps even the same number, but another namespace
ip netns add "$ns-b"
start_recorder -n "$ns-b" -p 50
await "$work/rows" '^dump period ' && ip netns del "$ns-b" && ip netns add "$ns-b"
await "$work/rows" '^gone ' && await "$work/rows" '^dump found'
verdict "a namespace that is made anew is another one" $? "$(tail -n 3 "$work/rows" | tr '\n' ';')"
end_recorder
ip netns del "$ns-b"
build/tests/live/sock_record -n no-such-name </dev/null >"$work/rows" 2>&1
[ $? = 1 ] && grep -q 'no network namespace of that name' "$work/rows"
verdict "a name that there is not" $? "$(cat "$work/rows")"

# ---- the sockets of a cgroup
root=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
if [ -n "$root" ] && mkdir "$root/skbox-watch-$$" 2>/dev/null; then
	cgroup=$root/skbox-watch-$$
	mine=$BASHPID
	start_maker 6 kinds lo
	echo 0 >"$cgroup/cgroup.procs"
	start_maker 7 many 20
	echo "$mine" >"$root/cgroup.procs"
	start_recorder -n "$ns" -c "$(stat -c %i "$cgroup")"
	end_maker 7
	await "$work/rows" '^sock destroy' 20
	end_recorder
	[ "$(grep -c '^sock start .* cgroup:/skbox-watch-' "$work/rows")" = 41 ] && [ "$(grep -c '^sock start' "$work/rows")" = 41 ]
	verdict "the sockets of a cgroup" $? "$(grep -c '^sock start' "$work/rows") rows"
	[ "$(grep -c '^sock destroy' "$work/rows")" -ge 40 ]
	verdict "and their ends" $? "$(grep -c '^sock destroy' "$work/rows") rows"
	[ "$(sum outside)" -ge 12 ] && [ "$(sum unattributed)" -ge 2 ]
	verdict "those of others are counted, and requests and TIME_WAIT, of which nobody can tell" $? "$(grep '^stat' "$work/rows" | tr '\n' ';')"
	end_maker 6
else
	echo "skip the sockets of a cgroup: needs cgroup2"
fi
