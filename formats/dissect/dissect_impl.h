/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of the dissector. A layer is a function that reads its header from the cursor,
 * appends its text, and names the layer that comes behind it in `next`; dissect.c calls one after the
 * other. So tunnels nest without recursion, and as every layer takes bytes, the walk ends.
 */
#ifndef FORMATS_DISSECT_IMPL_H
#define FORMATS_DISSECT_IMPL_H

#include "formats/buf.h"
#include "formats/cursor.h"
#include "formats/dissect/dissect.h"
#include "formats/pen.h"

struct dissect;
typedef void dissect_layer(struct dissect *d);

struct dissect {
	struct cursor c; /* what is left of the packet; a layer shrinks its end to its payload */
	struct buf *out;
	bool link_layer, classic;
	dissect_layer *next; /* NULL: done */
	uint16_t ethertype;  /* for dissect_tags and dissect_network */
	uint8_t protocol;    /* for dissect_transport */
	uint32_t
		plen; /* bytes that the IP header promised behind itself (tcp, ah, sctp count with them) */
};

#define DISSECT_LIT(out, text) buf_put(out, text, sizeof(text) - 1)

/* How a walk ends early: both append their text and leave `next` NULL. */
void dissect_truncated(struct dissect *d);
/* what: "ethertype 0x88cc" and the like come from the two below. */
void dissect_unsupported_ethertype(struct dissect *d, uint16_t ethertype);
void dissect_unsupported_protocol(struct dissect *d, uint8_t protocol);

/* dissect_eth.c */
dissect_layer dissect_ethernet;
dissect_layer dissect_tags;    /* VLAN tags, then dissect_network */
dissect_layer dissect_network; /* what d->ethertype names */
dissect_layer dissect_macsec;
dissect_layer dissect_arp;
/* The header is there already: its text, and its payload next. */
void dissect_ethernet_header(struct dissect *d, const uint8_t dst[6], const uint8_t src[6],
			     uint16_t ethertype);
/* "{name} (0x%04x)" of an ethertype, or without name. */
void dissect_put_ethertype(struct buf *out, uint16_t ethertype);

/* dissect_ip.c */
dissect_layer dissect_ipv4;
dissect_layer dissect_ipv6;
dissect_layer dissect_transport; /* what d->protocol names */
/* " proto {name} ({number})", then the protocol next. */
void dissect_protocol(struct dissect *d, uint8_t protocol);

/* dissect_icmp.c, dissect_udp.c, dissect_tcp.c, dissect_sctp.c, dissect_ipsec.c, dissect_tunnel.c */
dissect_layer dissect_icmp;
dissect_layer dissect_udp;
dissect_layer dissect_tcp;
dissect_layer dissect_sctp;
dissect_layer dissect_ah;
dissect_layer dissect_esp;
dissect_layer dissect_vxlan;
dissect_layer dissect_geneve;

/* Room for an address with its port, and for the pieces of a function that have no lists among them. */
enum { DISSECT_ADDRESS = 64, DISSECT_PIECES = 512 };

/* Addresses; pen: see formats/pen.h. */
void dissect_put_mac(struct buf *out, const uint8_t mac[6]);
void dissect_put_ipv4(struct buf *out, const uint8_t a[4]);
uint8_t *dissect_pen_ipv4(uint8_t *p, const uint8_t a[4]);
uint8_t *dissect_pen_ipv6(uint8_t *p, const uint8_t a[16]);

static inline uint16_t dissect_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t dissect_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
