#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two connections, one after the other on the same ports, through a narrow and lossy link, recorded with their
# packets, drops and sockets; and what `skbox sockets --follow` and fireflies make of it.
#
# usage: tests/live/connection.sh                   the test
#        tests/live/connection.sh --record FILE [PERIOD]
#                                              only records (testdata/connection.skbx, on a kernel that has netem; then
#                                              run "make bless NAME='connection*'")
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export PATH=$PATH:/usr/sbin:/sbin
skbox=build/skbox period=25ms
[ "${1:-}" != --in ] || {
	# the traffic: the recorder runs this
	server=$2 client=$3
	serve='
import socket
s = socket.create_server(("10.78.0.2", 8443), backlog=4)
print("listening", flush=True)
for size in (60000, 2000):
    c, _ = s.accept()
    c.recv(100)
    c.sendall(b"x" * size)
    c.close()
'
	fetch='
import socket, time
for want in (60000, 2000):
    for attempt in range(100):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("10.78.0.1", 40000))
        try:
            s.connect(("10.78.0.2", 8443))
            break
        except OSError:
            s.close()
            time.sleep(0.05)
    time.sleep(0.05)
    s.sendall(b"GET")
    got = 0
    while got < want:
        got += len(s.recv(65536)) or exit("cut off")
    s.recv(1)
    time.sleep(0.05)
    s.close()
    time.sleep(0.1)
'
	coproc listener { exec ip netns exec "$server" python3 -c "$serve"; }
	pid=$listener_PID
	read -r _ <&"${listener[0]}" || exit
	ip netns exec "$client" python3 -c "$fetch" || exit
	wait $pid
	exit
}

for needed in "root [ $(id -u) = 0 ]" "netns unshare -n true" "bpf bpftool prog show"; do
	${needed#* } >/dev/null 2>&1 || { echo "skip connection: needs ${needed%% *}" && exit 0; }
done
client=skbox-conn-$$-c server=skbox-conn-$$-s
. tests/live/pair

make_network() {
	make_pair $client eth0 $server eth0 10.78.0 || return
	# packets as long as the link has them
	for name in $client $server; do ip netns exec $name ethtool -K eth0 tso off gso off gro off >/dev/null; done
	# netem where the kernel has it; else a bucket with a short queue loses packets as well
	tc -n $server qdisc add dev eth0 root netem rate 20mbit limit 30 loss 8% delay 1ms 2>/dev/null ||
		tc -n $server qdisc add dev eth0 root tbf rate 20mbit burst 4k limit 20k || return
	# and one packet of the request is dropped, so that it has to be sent again
	ip netns exec $client nft -f - <<-'END'
		table ip skbox {
			chain out {
				type filter hook output priority 0;
				tcp dport 8443 tcp flags & psh == psh limit rate 1/day burst 1 packets drop
			}
		}
	END
}

record() { # FILE
	build/skbox-capture -o "$1" --force -p tp:net:net_dev_start_xmit -p tp:net:netif_receive_skb -p tp:skb:kfree_skb \
		-p tp:tcp:tcp_retransmit_skb -f 'tcp port 8443' --collect sock --snaplen 66 --sockets $period --netns $client --netns $server \
		-- tests/live/connection.sh --in $server $client >"$work/log" 2>&1 </dev/null
}

make_network >"$work/log" 2>&1 || { echo "not ok connection: no network: $(tail -n 3 "$work/log")" && exit 1; }
if [ "${1:-}" = --record ]; then
	period=${3:-$period}
	record "$2" || { cat "$work/log" && exit 1; }
	chmod 644 "$2"
	exit
fi
file=$work/connection.skbx
record "$file"
verdict "two connections are recorded" $? "$(tail -n 2 "$work/log" | tr '\n' ' ')"

shown() { "$skbox" sockets --follow 10.78.0.2:8443 "$@" "$file" 2>&1; }
shown >"$work/text"
count() { grep -cE -- "$1" "$work/text"; }
# of each namespace two connections on the same ports, and the socket that listens
[ "$(count '^== 10.78.0.1:40000 -> 10.78.0.2:8443 ')" = 4 ] && [ "$(count '^== .* listening')" = 1 ]
verdict "each connection has a heading" $? "$(grep '^==' "$work/text" | tr '\n' ';')"
[ "$(count ' drop .* NETFILTER_DROP \[P\.\] seq 1:4 ')" = 1 ]
verdict "the request that nft dropped is told" $? "$(count NETFILTER_DROP) such lines"
[ "$(count ' drop .* QDISC_DROP ')" -gt 0 ] && [ "$(count ' socket .* retrans:(\+[0-9]+|[1-9])')" -gt 0 ]
verdict "packets that the link lost, and what was sent again, are told" $? "$(count QDISC_DROP) losses, $(count 'retrans:') retransmits"
[ "$(count ' packet .* \(old\)')" -gt 0 ]
verdict "packets that were sent again are marked" $? "none"
# What a firefly says at the end is what the last snapshot of the socket said, of which the kernel counts retransmissions apart.
"$skbox" json --shape firefly --experiment 1 --activity 2 --lean "$file" >"$work/fireflies" 2>&1
sent=$(grep '"state":"end"' "$work/fireflies" | grep -o '"sent":[0-9]*' | cut -d: -f2)
last=$("$skbox" sockets --all "$file" | awk '/ 10\.78\.0\.2:8443 10\.78\.0\.1:40000 / {
	id = sent = again = ""
	for (i = 1; i <= NF; i++) {
		split($i, part, ":")
		if (part[1] == "sk") id = $i
		if (part[1] == "bytes_sent") sent = part[2]
		if (part[1] == "bytes_retrans") again = part[2]
	}
	if (sent) n[id] = sent - again
} END { for (id in n) print n[id] }')
[ -n "$last" ] && ! grep -vxFf <(echo "$sent") <<<"$last"
verdict "fireflies tell how many bytes were sent" $? "$(tr '\n' ' ' <<<"$sent"), the sockets $(tr '\n' ' ' <<<"$last")"
cookie=$(grep -oE 'sk:[0-9a-f]+' <<<"$("$skbox" sockets "$file" | grep '10.78.0.1:40000 10.78.0.2:8443')" | head -n 1)
"$skbox" sockets --follow "$cookie" "$file" >"$work/one" 2>&1
[ "$(grep -c '^==' "$work/one")" = 1 ] && [ "$(grep -c ' packet ' "$work/one")" -gt 10 ]
verdict "a cookie is followed" $? "$cookie: $(wc -l <"$work/one") lines"

