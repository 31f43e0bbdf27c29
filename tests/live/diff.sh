#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `skbox diff` says of recordings of the same traffic: nothing while it is healthy, and the fault's name when there
# is one: packets that nft drops, a slow link, a small window.
#
# usage: tests/live/diff.sh [TIMES]        how often the healthy traffic is recorded and compared (10)
#        tests/live/diff.sh --record DIR   only records (testdata/diff, on a kernel that has netem; then run
#                                          "make bless NAME='diff*'")
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export PATH=$PATH:/usr/sbin:/sbin
skbox=${SKBOX:-build/skbox} times=${1:-10} keep=
[ "${1:-}" != --traffic ] || {
	# forty requests of 20,000 bytes, each a connection; the recorder runs this
	exec python3 - "$2" "$3" "$4" <<-'END'
		import ctypes, os, socket, sys, threading, time
		server_ns, client_ns, receive = sys.argv[1], sys.argv[2], int(sys.argv[3])
		def enter(name):
		    fd = os.open("/run/netns/" + name, os.O_RDONLY)
		    ctypes.CDLL(None).setns(fd, 0) and sys.exit("no namespace " + name)
		enter(server_ns)
		listener = socket.create_server(("10.77.0.2", 8080), backlog=64)
		enter(client_ns)
		def serve():
		    while True:
		        c, _ = listener.accept()
		        c.recv(100)
		        c.sendall(b"x" * 20000)
		        c.recv(1)
		        c.close()
		threading.Thread(target=serve, daemon=True).start()
		end, failed = time.monotonic() + 6, 0
		for i in range(40):
		    with socket.socket() as s:
		        s.settimeout(0.3)
		        if receive:
		            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
		        try:
		            s.connect(("10.77.0.2", 8080))
		            s.sendall(b"GET")
		            got = 0
		            while got < 20000:
		                n = len(s.recv(65536))
		                if not n:
		                    break
		                got += n
		        except OSError:
		            failed += 1
		    if time.monotonic() > end:
		        break
	END
}
[ "${1:-}" != --record ] || { keep=$(realpath "$2") && times=1; }

for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip diff: needs ${needed%% *}" && exit 0; }
done
client=skbox-diff-$$-c server=skbox-diff-$$-s
. tests/live/pair

make_network() {
	make_pair $client eth0 $server eth0 10.77.0 || return
}

record() { # NAME [RECEIVE-BUFFER]
	build/skbox-capture -o "$work/$1.skbx" --force -p tp:net:net_dev_queue -p tp:net:net_dev_start_xmit -p tp:net:netif_receive_skb \
		-p tp:skb:kfree_skb -f 'tcp port 8080' --sockets 25ms --netns $client --netns $server \
		-- tests/live/diff.sh --traffic $server $client "${2:-0}" >"$work/log" 2>&1 </dev/null ||
		{ echo "not ok recording $1: $(tail -n 2 "$work/log" | tr '\n' ' ')" && exit 1; }
}
compare() { # A B [OPTION...]: $said and $status
	said=$("$skbox" diff "${@:3}" "$work/$1.skbx" "$work/$2.skbx" 2>&1)
	status=$?
	echo "$said"
}
# NAME A B PATTERN
names() {
	compare "$2" "$3"
	[ "$status" = 1 ] && grep -qE -- "$4" <<<"$said"
	verdict "$1" $? "status $status"
}

make_network >"$work/log" 2>&1 || { echo "not ok diff: no network: $(tail -n 3 "$work/log")" && exit 1; }
record 0
wrong=0
for ((i = 1; i <= times; i++)); do
	record $i
	compare $((i - 1)) $i
	[ "$status" = 0 ] || wrong=$((wrong + 1))
done
[ "$wrong" = 0 ]
verdict "healthy traffic is the same $times times out of $times" $? "$wrong times it was not"

ip netns exec $server nft -f - <<-'END'
	table ip skbox {
		chain in {
			type filter hook input priority 0;
			tcp dport 8080 numgen inc mod 20 == 7 drop
		}
	}
END
record dropped
ip netns exec $server nft delete table ip skbox
names "packets that nft drops are named" 0 dropped '^  NETFILTER_DROP came: .* most of them TCP to 8080'

# what waits longer in the queue than before: netem where the kernel has it, else a bucket
tc -n $server qdisc add dev eth0 root netem delay 20ms 2>/dev/null ||
	tc -n $server qdisc add dev eth0 root tbf rate 4mbit burst 5k limit 1m
record slow
tc -n $server qdisc del dev eth0 root
names "a slow link is named" 0 slow '^  TCP from 8080: net:net_dev_queue > net:net_dev_start_xmit'

record small 4096
[ -z "$keep" ] || { (cd "$work" && install -m 644 0.skbx "$keep/healthy.skbx" && install -m 644 1.skbx "$keep/again.skbx" && install -m 644 dropped.skbx slow.skbx small.skbx "$keep") && exit; }
names "a small window is named" 0 small '^  TCP to 8080: tcp.win|^  TCP sockets of port 8080: tcpinfo.snd_wnd'

compare 0 dropped --json >"$work/json"
python3 -c 'import json, sys; d = json.load(sys.stdin); sys.exit(d["same"] or not any(i.get("name") == "NETFILTER_DROP" and not i["a"] for i in d["different"]))' <"$work/json"
verdict "the same as JSON" $? "no such finding"
