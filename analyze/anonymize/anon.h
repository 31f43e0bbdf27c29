/* SPDX-License-Identifier: BSD-2-Clause */
/* The mapping of one run: addresses, names and numbers to what stands for them. */
#ifndef ANALYZE_ANON_H
#define ANALYZE_ANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze/anonymize/anon_key.h"
#include "analyze/anonymize/anon_seen.h"
#include "formats/buf.h"

struct anon {
	struct anon_key *key; /* owned by the caller, as all of it */
	struct anon_seen seen;
	bool keep_payload, keep_vendor;
	bool also_ports, also_vlans;
};

/* ---- addresses, in place (anon_addr.c) ---- */

/*
 * Prefix-preserving, and classes stay: what is not loopback, multicast, link-local, private, documentation
 * never becomes it. Kept as they are: 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/24, documentation networks, the broadcast
 * address; ::, ::1, 2001:db8::/32, 3fff::/20, well-known groups.
 */
void anon_ipv4(struct anon *a, uint8_t p[4]);
void anon_ipv6(struct anon *a, uint8_t p[16]);
/* Group addresses of IP go with their groups, well-known ones and zero stay; both flag bits always do. */
void anon_mac(struct anon *a, uint8_t p[6]);
/* Text of an address of either family, also with a /prefix length. False: it is none. */
bool anon_address_text(struct anon *a, const char *p, size_t len, struct buf *out);
/* aa:bb:cc:dd:ee:ff */
bool anon_mac_text(struct anon *a, const char *p, size_t len, struct buf *out);

/* ---- names and free text (anon_text.c) ---- */

/* What a name is of, and what its image begins with. */
enum anon_name {
	ANON_NAME_DEVICE,
	ANON_NAME_NETNS,
	ANON_NAME_TASK,
	ANON_NAME_HOST,
	ANON_NAME_TABLE,
	ANON_NAME_CHAIN,
	ANON_NAME_SYMBOL,
	ANON_NAME_MODULE,
	ANON_NAME_OTHER,
};

/* At most 15 bytes for devices and tasks, as the kernel's. Names that every Linux has stay: lo, swapper/0. */
void anon_name_text(struct anon *a, enum anon_name what, const char *p, size_t len,
		    struct buf *out);
/* Path of a file or cgroup: each part of it, but those that systemd gives. */
void anon_path_text(struct anon *a, const char *p, size_t len, struct buf *out);
/*
 * A command line, a filter, a flow: what it is made of is kept where it is of a known vocabulary, or a
 * small number; addresses are mapped; anything else is a name.
 */
void anon_words_text(struct anon *a, const char *p, size_t len, struct buf *out);
/* Whether a word is of that vocabulary: then it names nobody, even where somebody is called so. */
bool anon_word_known(const char *p, size_t len);
/* Whether it has the form of an option, -o or --out: those of recorders stay, of other commands they are names. */
bool anon_word_option(const char *p, size_t len);
/* "symbol+0x1a/0x40 [module]": those of modules that are not Linux' own are names. */
void anon_symbol_text(struct anon *a, const char *p, size_t len, struct buf *out);

/* ---- numbers ---- */

/* A permutation of `bits` bits; 0 stays. */
uint64_t anon_number(struct anon *a, enum anon_use use, uint64_t v, unsigned int bits);
/*
 * Where they are to be mapped, too; else as they are. Ports below 1024 stay below; 0 and those that tell tunnels
 * (4789, 8472, 6081) stay, and the VLAN ids 0, 1 and 4095.
 */
uint16_t anon_port(struct anon *a, uint16_t v);
uint16_t anon_vlan(struct anon *a, uint16_t v);
/* The high 16 bits, which tell what kind of address it is, and 0 stay. */
uint64_t anon_kernel_address(struct anon *a, uint64_t v);

#endif
