/* SPDX-License-Identifier: BSD-2-Clause */
/* The header fields of a packet that expressions and columns can name: ip.src, tcp.flags, ... */
#ifndef ANALYZE_FIELDS_PACKET_H
#define ANALYZE_FIELDS_PACKET_H

#include <stdint.h>

#include "formats/event.h"

/* Rows: P(id, name, kind, base, help); kind INT, ADDRESS (4 or 16 bytes) or MAC. */
#define PACKET_FIELDS(P)                                                                           \
	P(ETH_SRC, "eth.src", MAC, MAC, "source address")                                          \
	P(ETH_DST, "eth.dst", MAC, MAC, "destination address")                                     \
	P(ETH_TYPE, "eth.type", INT, HEX, "ethertype of what is behind the VLAN tags")             \
	P(VLAN_ID, "vlan.id", INT, DEC, "VLAN id: of the tag beside the packet or of any in it")   \
	P(VLAN_ID2, "", INT, DEC, "")                                                              \
	P(VLAN_PCP, "vlan.pcp", INT, DEC, "VLAN priority, likewise")                               \
	P(VLAN_PCP2, "", INT, DEC, "")                                                             \
	P(ARP_OP, "arp.op", INT, DEC, "1 request, 2 reply")                                        \
	P(ARP_SRC, "arp.src", ADDRESS, ADDR, "IPv4 address of the sender")                         \
	P(ARP_DST, "arp.dst", ADDRESS, ADDR, "IPv4 address that is asked for")                     \
	P(IP_VERSION, "ip.version", INT, DEC, "4 or 6")                                            \
	P(IP_SRC, "ip.src", ADDRESS, ADDR, "source address, IPv4 or IPv6")                         \
	P(IP_DST, "ip.dst", ADDRESS, ADDR, "destination address")                                  \
	P(IP_PROTO, "ip.proto", INT, DEC, "protocol behind the header and its extensions")         \
	P(IP_TTL, "ip.ttl", INT, DEC, "time to live, hop limit")                                   \
	P(IP_ID, "ip.id", INT, DEC, "identification (IPv4, or a fragment's)")                      \
	P(IP_LEN, "ip.len", INT, DEC, "length of the whole IP packet")                             \
	P(IP_TOS, "ip.tos", INT, HEX, "type of service, traffic class")                            \
	P(IP_OFFSET, "ip.offset", INT, DEC, "fragment offset in bytes")                            \
	P(TCP_SPORT, "tcp.sport", INT, DEC, "source port")                                         \
	P(TCP_DPORT, "tcp.dport", INT, DEC, "destination port")                                    \
	P(TCP_SEQ, "tcp.seq", INT, DEC, "sequence number")                                         \
	P(TCP_ACK, "tcp.ack", INT, DEC, "acknowledgement number")                                  \
	P(TCP_FLAGS, "tcp.flags", INT, HEX, "flags: S F R P . (or A) U E W, or SYN FIN ...")       \
	P(TCP_WIN, "tcp.win", INT, DEC, "window, not scaled")                                      \
	P(TCP_LEN, "tcp.len", INT, DEC, "bytes of payload")                                        \
	P(UDP_SPORT, "udp.sport", INT, DEC, "source port")                                         \
	P(UDP_DPORT, "udp.dport", INT, DEC, "destination port")                                    \
	P(UDP_LEN, "udp.len", INT, DEC, "length with the header")                                  \
	P(ICMP_TYPE, "icmp.type", INT, DEC, "ICMP type")                                           \
	P(ICMP_CODE, "icmp.code", INT, DEC, "ICMP code")                                           \
	P(ICMP6_TYPE, "icmp6.type", INT, DEC, "ICMPv6 type")                                       \
	P(ICMP6_CODE, "icmp6.code", INT, DEC, "ICMPv6 code")                                       \
	P(SCTP_SPORT, "sctp.sport", INT, DEC, "source port")                                       \
	P(SCTP_DPORT, "sctp.dport", INT, DEC, "destination port")

enum packet_field {
#define P(id, name, kind, base, help) PACKET_##id,
	PACKET_FIELDS(P)
#undef P
		PACKET_N
};

/* The outermost headers of a packet. A field that the packet lacks, or of which bytes are missing, is absent. */
struct packet_headers {
	uint64_t has;                   /* bits of enum packet_field */
	uint64_t v[PACKET_N];           /* INT */
	const uint8_t *bytes[PACKET_N]; /* ADDRESS, MAC: borrowed from the packet */
	uint8_t len[PACKET_N];          /* of bytes */
};

/* Never reads behind data.len. */
void packet_parse(const struct ev_packet *packet, struct packet_headers *h);

#endif
