/* SPDX-License-Identifier: BSD-2-Clause */
/* schema.def as tables that a program can walk. */
#ifndef FORMATS_SCHEMA_H
#define FORMATS_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "formats/event.h"

/* Values are in files: never renumber. */
enum schema_type {
	SCHEMA_U8 = 1,
	SCHEMA_U16,
	SCHEMA_U32,
	SCHEMA_U64,
	SCHEMA_I32,
	SCHEMA_I64,
	SCHEMA_BOOL,
	SCHEMA_STR,
	SCHEMA_BYTES,
	SCHEMA_LIST
};
enum schema_unit {
	SCHEMA_NONE,
	SCHEMA_NS,
	SCHEMA_US,
	SCHEMA_MS,
	SCHEMA_UNIT_BYTES,
	SCHEMA_BPS,
	SCHEMA_SEGS,
	SCHEMA_PKTS,
	SCHEMA_COUNT
};
enum schema_base {
	SCHEMA_DEC,
	SCHEMA_HEX,
	SCHEMA_TEXT,
	SCHEMA_ADDR,
	SCHEMA_MAC,
	SCHEMA_UFID,
	SCHEMA_RAW,
	SCHEMA_TIME,
	SCHEMA_FLAG
};
enum schema_pred {
	SCHEMA_PRED_NONE,
	SCHEMA_PRED_PREV,
	SCHEMA_PRED_GROUP,
	SCHEMA_PRED_TIME,
	SCHEMA_PRED_FLOW,
	SCHEMA_PRED_SIZE,
	SCHEMA_PRED_TASK
};

struct schema_field {
	uint8_t section; /* enum ev_section */
	uint8_t bit;     /* number - 1: bit in `has` */
	uint8_t type, unit, base, pred;
	uint16_t offset; /* in the section's struct */
	const char *member, *name, *foreign, *help;
};

struct schema_section {
	const char *id, *name, *help;
	uint8_t number;                    /* in files */
	uint16_t size;                     /* of the row struct */
	const struct schema_field *fields; /* in the order of schema.def */
	uint8_t n_fields;
	/* Of the fields those whose bytes are not in the row: strings, bytes, lists. What copies rows needs these only. */
	const struct schema_field *outside;
	uint8_t n_outside;
};

extern const struct schema_section schema_sections[EV_SECTIONS];
extern const char *const schema_type_names[], *const schema_unit_names[],
						      *const schema_base_names[];

/* Index of the section with this number in files; -1 when there is none. */
int schema_section_of(unsigned int number);

/* The field with this number (1..64) of a section; NULL when there is none. */
const struct schema_field *schema_field_of(enum ev_section s, unsigned int number);

/* The field with this filter name ("skb.len"); NULL when there is none. */
const struct schema_field *schema_field_named(const char *name, size_t len);

/* An integer member of a row as 64 bits, sign extended where the type is signed. Not for STR, BYTES, LIST. */
uint64_t schema_get(const struct schema_field *f, const void *row);
/* And back; bits that the type cannot hold are dropped. Does not touch `has`. */
void schema_set(const struct schema_field *f, void *row, uint64_t value);

#endif
