/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets and expressions that filters are compared on; the same ones in every run. */
#ifndef TESTS_FILTER_PACKETS_H
#define TESTS_FILTER_PACKETS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PACKETS = 1000, PACKET_MAX = 400, EXPRESSIONS = 320, EXPRESSION_MAX = 400 };

struct packet {
	uint32_t len, caplen;
	uint8_t p[PACKET_MAX];
};

static uint64_t packets_state = 88172645463325252u;

static uint32_t packets_random(uint32_t n)
{
	packets_state ^= packets_state << 13;
	packets_state ^= packets_state >> 7;
	packets_state ^= packets_state << 17;
	return (uint32_t)(packets_state >> 32) % n;
}

static uint8_t *put(uint8_t *p, unsigned int bytes, uint32_t v)
{
	while (bytes--)
		*p++ = (uint8_t)((uint64_t)v >> 8 * bytes);
	return p;
}

static uint32_t some_port(void)
{
	static const uint16_t ports[] = {22, 53, 80, 443, 546, 547, 1024, 5353, 40000, 65535};

	return packets_random(4) ? ports[packets_random(10)] : packets_random(65536);
}

static uint8_t *put_l4(uint8_t *p, uint32_t proto)
{
	if (proto == 6 || proto == 17 || proto == 132 || packets_random(8) == 0) {
		p = put(p, 2, some_port());
		p = put(p, 2, some_port());
	} else {
		p = put(p, 1, packets_random(14));
		p = put(p, 3, packets_random(1 << 24));
	}
	p = put(p, 4, packets_random(8) ? packets_random(4) : 0xffffffff);
	p = put(p, 4, packets_random(1 << 30));
	p = put(p, 2, 0x5000 | packets_random(64) | packets_random(11) << 12);
	return put(p, 6, packets_random(1 << 20));
}

static uint32_t some_protocol(void)
{
	static const uint8_t protocols[] = {6,  6,  6,  17, 17, 1,   58,  132,
					    47, 50, 51, 2,  89, 103, 112, 0};

	return protocols[packets_random(16)];
}

static uint8_t *put_ip4(uint8_t *p)
{
	uint32_t proto = some_protocol(), words = packets_random(5) ? 5 : 5 + packets_random(11);

	p = put(p, 1, 0x40 | words);
	p = put(p, 1, packets_random(256));
	p = put(p, 2, 20 + packets_random(1400));
	p = put(p, 2, packets_random(65536));
	p = put(p, 2, packets_random(4) ? 0x4000 : packets_random(65536));
	p = put(p, 1, packets_random(4) ? 64 : packets_random(256));
	p = put(p, 1, proto);
	p = put(p, 2, packets_random(65536));
	for (int i = 0; i < 2; i++) {
		uint32_t how = packets_random(8);

		p = put(p, 4,
			how == 0   ? 0xe00000fb
			: how == 1 ? 0xffffffff
			: how == 2 ? 0xc0a80100 | packets_random(256)
				   : 0x0a000000 | packets_random(4));
	}
	for (uint32_t i = 5; i < words; i++)
		p = put(p, 4, packets_random(1u << 31));
	return put_l4(p, proto);
}

static uint8_t *put_ip6(uint8_t *p)
{
	static const uint8_t extensions[] = {0, 43, 44, 51, 60};
	uint32_t proto = some_protocol(), more = packets_random(4) ? 0 : 1 + packets_random(3);

	p = put(p, 4, 0x60000000 | packets_random(1 << 28));
	p = put(p, 2, packets_random(1400));
	p = put(p, 1, more ? extensions[packets_random(5)] : proto);
	p = put(p, 1, packets_random(256));
	for (int i = 0; i < 2; i++) {
		p = put(p, 4, packets_random(3) ? 0x20010db8 : 0xff020000);
		p = put(p, 4, 0);
		p = put(p, 4, 0);
		p = put(p, 4, packets_random(4));
	}
	while (more--) {
		p = put(p, 1, more ? extensions[packets_random(5)] : proto);
		p = put(p, 1, packets_random(6) ? 0 : packets_random(3));
		p = put(p, 2, packets_random(5) ? 0 : packets_random(65536));
		p = put(p, 4, packets_random(65536));
	}
	return put_l4(p, proto);
}

static uint8_t *put_payload(uint8_t *p, uint32_t type)
{
	switch (type) {
	case 0x0800: return put_ip4(p);
	case 0x86dd: return put_ip6(p);
	case 0x0806:
	case 0x8035:
		p = put(p, 4, 0x00010800);
		p = put(p, 4, 0x06040000 | packets_random(10));
		for (int i = 0; i < 2; i++) {
			p = put(p, 4, packets_random(1 << 30));
			p = put(p, 2, packets_random(65536));
			p = put(p, 4, 0x0a000000 | packets_random(4));
		}
		return p;
	default:
		for (uint32_t n = packets_random(80); n; n--)
			*p++ = (uint8_t)packets_random(256);
		return p;
	}
}

static uint8_t *put_link(uint8_t *p, uint32_t *type)
{
	static const uint16_t types[] = {0x0800, 0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd,
					 0x86dd, 0x0806, 0x8035, 0x8847, 0x8864, 0x88cc,
					 0x0100, 0x0026, 0x6003, 0x809b};
	uint32_t tags = packets_random(3) ? 0 : packets_random(3);

	for (int i = 0; i < 2; i++) {
		p = put(p, 2, packets_random(4) ? 0x0200 : packets_random(2) ? 0xffff : 0x0100);
		p = put(p, 4, packets_random(4) ? packets_random(4) : 0xffffffff);
	}
	while (tags--) {
		p = put(p, 2, packets_random(2) ? 0x8100 : 0x88a8);
		p = put(p, 2, packets_random(2) ? packets_random(8) : packets_random(65536));
	}
	*type = types[packets_random(16)];
	p = put(p, 2, *type);
	if (*type == 0x8847) {
		p = put(p, 4, 0x00064040);
		if (packets_random(2))
			p = put(p, 4, 0x00010140);
		*type = packets_random(2) ? 0x0800 : 0x86dd;
	} else if (*type == 0x8864) {
		p = put(p, 4, 0x11000000 | packets_random(4));
		p = put(p, 4, 0x00200021);
		*type = 0x0800;
	}
	return p;
}

/* ethernet false: without a link layer. */
static void make_packet(struct packet *k, int ethernet)
{
	uint32_t type = packets_random(2) ? 0x0800 : 0x86dd;
	uint8_t *p = k->p;

	memset(k, 0, sizeof(*k));
	if (ethernet)
		p = put_link(p, &type);
	p = put_payload(p, type);
	for (uint32_t n = packets_random(40); n; n--)
		*p++ = (uint8_t)packets_random(256);
	k->len = (uint32_t)(p - k->p);
	/* one in three is longer than what is linear of it */
	k->caplen = packets_random(3) ? k->len : packets_random(k->len + 1);
	if (packets_random(5) == 0)
		k->len += packets_random(60000);
}

/* Every kind of primitive of pcap-filter(7), and combinations of them. */
static const char *const primitives[] = {
	"ip",
	"ip6",
	"arp",
	"rarp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"igmp",
	"ah",
	"esp",
	"pim",
	"vrrp",
	"host 10.0.0.1",
	"src host 10.0.0.2",
	"dst host 10.0.0.3",
	"host 2001:db8::1",
	"src host 2001:db8::2",
	"dst host ff02::1",
	"net 10.0.0.0/8",
	"src net 192.168.1.0/24",
	"dst net 10.0.0.0 mask 255.255.255.254",
	"net 2001:db8::/32",
	"src net ff02::/16",
	"port 53",
	"src port 443",
	"dst port 80",
	"tcp port 22",
	"udp port 5353",
	"tcp src port 40000",
	"udp dst port 547",
	"sctp port 80",
	"portrange 20-80",
	"src portrange 1024-65535",
	"tcp dst portrange 400-500",
	"udp portrange 0-1023",
	"less 60",
	"greater 100",
	"len > 1000",
	"len <= 64",
	"len & 1 = 0",
	"ip proto 47",
	"ip proto \\tcp",
	"ip6 proto 17",
	"proto 132",
	"ip6 protochain 6",
	"ip protochain 17",
	"ip[0] & 0xf != 5",
	"ip[8] < 64",
	"ip[6:2] & 0x1fff = 0",
	"ip[2:2] > 600",
	"ip[2:2] * 2 > 1000",
	"ip6[6] = 58",
	"ip6[4:2] > 100",
	"tcp[13] & 2 != 0",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[12] & 0xf0 > 0x50",
	"tcp[(tcp[12] >> 4) * 4] = 0",
	"udp[4:2] > 100",
	"icmp[0] = 8",
	"icmp[icmptype] = icmp-echo",
	"icmp6[0] = 128",
	"ip[ip[0] & 0xf] > 10",
	"ip[2:2] / 7 = 3",
	"ip[2:2] % 16 = 5",
	"ip[4:2] / ip[8] > 100",
	"ip[4:2] % ip[8] = 1",
	"ip[4:2] << 3 > 70000",
	"ip[4:2] >> ip[8] = 0",
	"1 << ip[8] = 0",
	"ip[4:4] ^ 0xff > 0x80000000",
	"ip[12:4] = ip[16:4]",
	"ip[20:4] + ip[16:4] > 7",
	"-ip[0] > 1",
	"ip[0] - ip[1] > 3",
	"ip[4:2] | 1 = 0x4001",
	"ip[0xfffffff0] = 1",
	"ip[200] = 1",
	"tcp[60:4] != 0",
	"ip6[40 + ip6[4]] > 9",
};

/* Those that need a link layer, or are of it. */
static const char *const link_primitives[] = {
	"ether[0] & 1 = 0",
	"ether[12:2] = 0x0800",
	"ether[14 + ether[14]] > 4",
	"link[6] = 2",
	"ether host 02:00:00:00:00:01",
	"ether src 02:00:00:00:00:02",
	"ether dst ff:ff:ff:ff:ff:ff",
	"ether broadcast",
	"ether multicast",
	"ether proto 0x88cc",
	"ether proto \\arp",
	"broadcast",
	"multicast",
	"ip multicast",
	"ip6 multicast",
	"vlan",
	"vlan 5",
	"vlan 3 and tcp",
	"vlan and vlan and ip",
	"vlan and host 10.0.0.1",
	"mpls",
	"mpls 100",
	"mpls and ip",
	"pppoes",
	"pppoes 1 and ip",
	"stp",
	"ipx",
	"atalk",
	"decnet",
	"iso",
	"lat",
	"moprc",
	"aarp",
	"netbeui",
	"arp host 10.0.0.1",
	"arp src host 10.0.0.2",
	"rarp net 10.0.0.0/8",
	"arp[6:2] = 1",
	"llc",
};

enum {
	PRIMITIVES = sizeof(primitives) / sizeof(primitives[0]),
	LINK_PRIMITIVES = sizeof(link_primitives) / sizeof(link_primitives[0]),
};

static const char *some_primitive(void)
{
	uint32_t i = packets_random(PRIMITIVES + LINK_PRIMITIVES / 2);

	return i < PRIMITIVES ? primitives[i] : link_primitives[packets_random(LINK_PRIMITIVES)];
}

/* Expression i: all primitives first, then combinations. Some do not compile for every link type. */
static void make_expression(uint32_t i, char *text)
{
	static const char *const joins[] = {"and", "or", "and not", "or not"};
	size_t n = 0;

	if (i < PRIMITIVES + LINK_PRIMITIVES) {
		snprintf(text, EXPRESSION_MAX, "%s",
			 i < PRIMITIVES ? primitives[i] : link_primitives[i - PRIMITIVES]);
		return;
	}
	for (uint32_t parts = 2 + packets_random(3), k = 0; k < parts; k++)
		n += (size_t)snprintf(text + n, EXPRESSION_MAX - n, "%s%s(%s)",
				      k                   ? joins[packets_random(4)]
				      : packets_random(4) ? ""
							  : "not ",
				      k ? " " : "", some_primitive());
}

#endif
