/* SPDX-License-Identifier: BSD-2-Clause */
/* Events, field by field: each field of the schema has one rule, and one without a rule is left out. */
#ifndef ANALYZE_ANON_EVENT_H
#define ANALYZE_ANON_EVENT_H

#include "analyze/anonymize/anon.h"
#include "analyze/anonymize/anon_packet.h"
#include "formats/event.h"
#include "formats/schema.h"

enum anon_rule {
	ANON_RULE_NONE, /* nobody has thought about it: left out */
	ANON_RULE_KEEP, /* a number that says nothing of who or where: times, sizes, states, ports, flags */
	ANON_RULE_WORD, /* text of the kernel or the recorder, of a fixed vocabulary: kept */
	ANON_RULE_DROP, /* left out: nobody can tell what is in it */
	ANON_RULE_TASK,
	ANON_RULE_HOST,
	ANON_RULE_DEVICE,
	ANON_RULE_NETNS,
	ANON_RULE_TABLE,
	ANON_RULE_CHAIN,
	ANON_RULE_SYMBOL,
	ANON_RULE_PATH,
	ANON_RULE_WORDS, /* free text: command lines, filters, flows */
	ANON_RULE_ADDRESS_TEXT,
	ANON_RULE_ADDRESS, /* 4 or 16 bytes */
	ANON_RULE_MAC,
	ANON_RULE_UID,
	ANON_RULE_INODE,
	ANON_RULE_COOKIE,
	ANON_RULE_KADDR,
	ANON_RULE_RETURN, /* an address of the kernel, or a number */
	ANON_RULE_HASH,
	ANON_RULE_BYTES, /* opaque: others as long */
	ANON_RULE_BOOT_ID,
	ANON_RULE_PORT,
	ANON_RULE_VLAN,
	ANON_RULE_CSUM, /* of the packet: changed as its bytes are */
	ANON_RULE_PACKET,
};

enum anon_rule anon_event_rule(const struct schema_field *f);

/* Room for one packet. */
struct anon_room {
	uint8_t bytes[ANON_PACKET_MAX], was[ANON_PACKET_MAX], marks[ANON_PACKET_MAX];
	struct anon_packet packet;
	struct buf text;
};

/* Appends the event's image to a batch. */
void anon_event_add(struct anon *a, struct anon_room *room, const struct ev *ev,
		    struct ev_batch *to);

/* Where the event's packet was dissected: walks it and fills room->marks, without a change. */
void anon_event_mark(struct anon_room *room, const struct ev *ev);

#endif
