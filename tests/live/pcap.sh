#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What `skbox pcap` writes: tshark, capinfos and tcpdump read all of it without a warning, and skbox
# reads it back as whole events.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export PATH=$PATH:/usr/sbin:/sbin
skbox=build/skbox demo=testdata/demo.skbx
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work # no settings of the user's

verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
equal() { # NAME WANTED GOT
	[ "$2" = "$3" ]
	verdict "$1" $? "wanted $2, got $3"
}
# tshark warns of root; what it says beside that is what we look for
shark() { tshark -n "$@" 2> >(grep -v '^Running as user "root"' >>"$work/said"); }
dump() { tcpdump -n -r "$@" 2> >(grep -v '^reading from file' >>"$work/said"); }
quiet() { # NAME: nothing was said since the last time
	sleep 0.1 # the substitutions above end by themselves
	[ ! -s "$work/said" ]
	verdict "$1" $? "$(head -n 3 "$work/said" | tr '\n' ' ')"
	: >"$work/said"
}
packets() { python3 -c '
import json, sys
print(sum("packet.data" in json.loads(line).get("packet", {}) for line in sys.stdin))'; }
: >"$work/said"

# The shipped recording: all of it, and what is beside the packets.
$skbox pcap -o "$work/a.pcapng" $demo 2>"$work/said"
quiet "it says nothing"
count=$($skbox json $demo | packets)
equal "tshark reads every packet" "$count" "$(shark -r "$work/a.pcapng" | wc -l)"
quiet "tshark has nothing to say"
equal "tcpdump reads every packet" "$count" "$(dump "$work/a.pcapng" | wc -l)"
quiet "tcpdump has nothing to say"
equal "capinfos counts every packet" "$count" "$(capinfos -Mc "$work/a.pcapng" 2>>"$work/said" | sed -n 's/^Number of packets: *//p')"
quiet "capinfos has nothing to say"
equal "no packet is malformed" 0 "$(shark -r "$work/a.pcapng" -Y _ws.malformed | wc -l)"
equal "each packet has a comment" "$count" "$(shark -r "$work/a.pcapng" -Y frame.comment | wc -l)"
equal "the comment says why it was dropped" "$($skbox print --format single-line --drops $demo | wc -l)" \
	"$(shark -r "$work/a.pcapng" -Y 'frame.comment matches "drop \\(reason"' | wc -l)"
# to the microsecond, which is what --utc shows
cmp -s <($skbox print --utc --format single-line --probe '*' $demo | cut -c1-26) \
	<(TZ=UTC shark -r "$work/a.pcapng" -T fields -e frame.time_epoch | awk '{ split($1, t, "."); print strftime("%Y-%m-%d %H:%M:%S", t[1], 1) "." substr(t[2], 1, 6) }')
verdict "times are those of the wall clock" $? "they differ from those of print --utc"
capinfos "$work/a.pcapng" >"$work/info"
equal "interfaces have the devices' names" "$($skbox stats --probe '*' --by netns.inum,dev.name --json $demo | python3 -c '
import json, sys
o = json.load(sys.stdin)
print(o["groups"] + (o["without"] > 0))')" "$(grep -c '^ *Name = ' "$work/info")"
grep -q 'Name = eth0$' "$work/info" && grep -q 'Description = netns skbox-client-[0-9]* .*tp:net:netif_receive_skb' "$work/info"
verdict "their description has namespace and probes" $? "$(grep -m 1 Description "$work/info")"
equal "it goes through a pipe" "$count" "$($skbox pcap <$demo | shark -r - | wc -l)"

# Back again.
for file in $demo testdata/retis/*/events.json.zst; do
	name=${file#testdata/} && name=${name%/events.json.zst}
	$skbox pcap -o "$work/back.pcapng" "$file" && cmp -s <($skbox json "$file") <($skbox json "$work/back.pcapng")
	verdict "whole events come back: $name" $? "skbox json of both differ"
	shark -r "$work/back.pcapng" | wc -l >"$work/seen"
	equal "tshark reads every packet: $name" "$($skbox json "$file" | packets)" "$(cat "$work/seen")"
done
quiet "tshark has nothing to say of them"

# Another program may leave out what it does not know.
editcap "$work/a.pcapng" "$work/edited.pcapng" 2>>"$work/said"
$skbox print --utc --format single-line --probe '*' "$work/edited.pcapng" >"$work/edited"
equal "behind editcap the packets are there" "$count" "$(grep -c . "$work/edited")"
cmp -s <(cut -c1-26 "$work/edited") <($skbox print --utc --format single-line --probe '*' $demo | cut -c1-26)
verdict "behind editcap the times are right" $? "they differ from those of print --utc"
quiet "editcap has nothing to say"

# Each packet one time: then what Wireshark says of TCP is about TCP.
$skbox pcap --once -o "$work/once.pcapng" $demo
ids=$($skbox json $demo | python3 -c '
import json, sys
seen = {(t["track.time"], t["track.head"]) for t in (json.loads(line).get("skb-tracking") for line in sys.stdin) if t}
print(len(seen))')
equal "--once: each packet one time" "$ids" "$(shark -r "$work/once.pcapng" | wc -l)"
equal "--once: no packet twice" "" "$(shark -r "$work/once.pcapng" -T fields -e frame.packet_id | sort | uniq -d)"
equal "--once: in the order of time" True "$(capinfos -o "$work/once.pcapng" | sed -n 's/^Strict time order: *//p')"
many=$(shark -r "$work/a.pcapng" -Y 'tcp.analysis.retransmission || tcp.analysis.duplicate_ack || tcp.analysis.out_of_order' | wc -l)
few=$(shark -r "$work/once.pcapng" -Y 'tcp.analysis.retransmission || tcp.analysis.duplicate_ack || tcp.analysis.out_of_order' | wc -l)
[ "$few" -lt $((many / 10)) ]
verdict "--once: the same packet elsewhere is no retransmission" $? "$few of them, $many without"

# One link type.
ip=$(dump "$work/a.pcapng" 'ip or ip6' | wc -l)
$skbox pcap --linktype raw -o "$work/raw.pcapng" $demo 2>"$work/note"
equal "--linktype raw: every IP packet" "$ip" "$(dump "$work/raw.pcapng" | wc -l)"
grep -q "left out: $((count - ip)) packets that are not IP" "$work/note"
verdict "--linktype raw says what it left out" $? "$(cat "$work/note")"
cmp -s <(shark -r "$work/raw.pcapng" -T fields -e ip.src -e ipv6.src -e tcp.seq_raw -e frame.time_epoch) \
	<(shark -r "$work/a.pcapng" -Y 'ip or ipv6' -T fields -e ip.src -e ipv6.src -e tcp.seq_raw -e frame.time_epoch)
verdict "--linktype raw: the same packets" $? "tshark sees others"
cmp -s <($skbox json -f 'ip or ip6' "$work/raw.pcapng" | grep '"packet"') <($skbox json -f 'ip or ip6' $demo | grep '"packet"')
verdict "--linktype raw: whole events come back" $? "skbox json of both differ"
quiet "tcpdump and tshark have nothing to say of it"

# Packets without a link layer, and with: nothing is invented.
$skbox pcap --plain --linktype raw -o "$work/l3.pcapng" $demo 2>/dev/null
$skbox pcap -o "$work/mixed.pcapng" "$work/l3.pcapng" $demo
equal "mixed link types: tshark reads all" $((ip + count)) "$(shark -r "$work/mixed.pcapng" | wc -l)"
equal "mixed link types: as they are" "$ip" "$(shark -r "$work/mixed.pcapng" -Y 'raw' | wc -l)"
quiet "tshark has nothing to say of mixed link types"
$skbox pcap --linktype ethernet -o "$work/eth.pcapng" "$work/mixed.pcapng" 2>"$work/note"
equal "--linktype ethernet: what has such a header" "$count" "$(dump "$work/eth.pcapng" | wc -l)"
grep -q "left out: $ip packets that have no Ethernet header" "$work/note"
verdict "--linktype ethernet says what it left out" $? "$(cat "$work/note")"
quiet "tcpdump has nothing to say of it"
equal "--plain: no event of ours in it" 0 "$($skbox json "$work/l3.pcapng" | grep -c '"kernel"\|"snapshot"')"

# Filters.
equal "--probe" "$($skbox print --probe 'net:netif_receive_skb' --format single-line --no-sockets $demo | wc -l)" \
	"$($skbox pcap --probe 'net:netif_receive_skb' $demo | shark -r - | wc -l)"
equal "-f" "$(dump "$work/a.pcapng" 'tcp port 81' | wc -l)" "$($skbox pcap -f 'tcp port 81' $demo | shark -r - | wc -l)"
exit 0
