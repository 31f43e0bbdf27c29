/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keys a Retis event has, at which place, and which field of the schema each of them is: made
 * from the `foreign` column of schema.def and a table of the places where older files have the same
 * facts. Private to retis_read.c and retis_write.c.
 */
#ifndef FORMATS_RETIS_KEYS_H
#define FORMATS_RETIS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/event.h"
#include "formats/schema.h"

enum retis_key_kind { RETIS_KEY_IGNORED, RETIS_KEY_OBJECT, RETIS_KEY_FIELD };

enum { RETIS_KEY_TEXT = 32 };

struct retis_key {
	struct retis_key *next;    /* in the order of declaration, from the last to the first */
	uint64_t head, head_mask;  /* the first (up to 8) bytes of text, as loaded from memory */
	char text[RETIS_KEY_TEXT]; /* "name": with quotes and colon */
	uint8_t text_len;
	uint8_t kind;                     /* enum retis_key_kind */
	uint8_t shapes;                   /* shapes (bits by enum retis_shape) that have it */
	uint8_t section;                  /* of field */
	const struct schema_field *field; /* RETIS_KEY_FIELD */
	struct retis_object *object;      /* RETIS_KEY_OBJECT */
};

struct retis_object {
	struct retis_key *first;
	int8_t section;                  /* its presence is this section's; -1: none */
	const struct schema_field *mark; /* its presence sets this field; NULL: none */
	uint8_t mark_value;
};

enum { RETIS_OBJECTS_MAX = 80, RETIS_KEYS_MAX = 320 };

struct retis_keys {
	struct retis_object objects[RETIS_OBJECTS_MAX]; /* [0]: the event */
	struct retis_key keys[RETIS_KEYS_MAX];
	unsigned int n_objects, n_keys;
};

/* False when the schema outgrew the limits above (which a test would show). */
bool retis_keys_init(struct retis_keys *k);

/* The key of an object with this name; NULL when there is none. */
const struct retis_key *retis_key_find(const struct retis_object *o, const char *name, size_t len);

/* 0, 1, 2 as Retis counts the versions of its format (1.5, 1.6, 1.7 and later); -1: none that it takes. */
int retis_version_level(const char *version, size_t len);

/* Fields that a section must have in a Retis event (EV_BIT()s); 0 for sections that Retis does not have. */
uint64_t retis_required(enum ev_section s);

/* The fields that an OVS event has beside event_type, in order: EVI_ values, ended by RETIS_OVS_END. */
enum { RETIS_OVS_END = 0xff };
struct retis_ovs_kind {
	const char *name; /* of the event type, or the action */
	uint8_t fields[8];
	uint64_t optional; /* of them, EV_BIT()s */
};

/* NULL: Retis has no such event type or, below, no such action with arguments. */
const struct retis_ovs_kind *retis_ovs_event(struct ev_str type);
const struct retis_ovs_kind *retis_ovs_action(struct ev_str action);

#endif
