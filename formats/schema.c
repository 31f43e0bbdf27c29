/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/schema.h"

#include <string.h>

#define UNIT_NONE  SCHEMA_NONE
#define UNIT_NS    SCHEMA_NS
#define UNIT_US    SCHEMA_US
#define UNIT_MS    SCHEMA_MS
#define UNIT_BYTES SCHEMA_UNIT_BYTES
#define UNIT_BPS   SCHEMA_BPS
#define UNIT_SEGS  SCHEMA_SEGS
#define UNIT_PKTS  SCHEMA_PKTS
#define UNIT_COUNT SCHEMA_COUNT

#define FIELD(sec, number, member, type, name, foreign, unit, base, pred, help)                    \
	{EV_##sec,                                                                                 \
	 (number)-1,                                                                               \
	 SCHEMA_##type,                                                                            \
	 UNIT_##unit,                                                                              \
	 SCHEMA_##base,                                                                            \
	 SCHEMA_PRED_##pred,                                                                       \
	 offsetof(struct ev_##sec, member),                                                        \
	 #member,                                                                                  \
	 name,                                                                                     \
	 foreign,                                                                                  \
	 help},

/* One array of fields a section... */
#define SECTION(id, number, name, help) static const struct schema_field fields_##id[] = {
#define F(...)                          FIELD(__VA_ARGS__)
#define END(id)                                                                                    \
	{                                                                                          \
		0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL                                        \
	}                                                                                          \
	}                                                                                          \
	;
#include "formats/schema.def"

/* ... one of those among them whose bytes are elsewhere... */
#define OUTSIDE_U8(...)
#define OUTSIDE_U16(...)
#define OUTSIDE_U32(...)
#define OUTSIDE_U64(...)
#define OUTSIDE_I32(...)
#define OUTSIDE_I64(...)
#define OUTSIDE_BOOL(...)
#define OUTSIDE_STR(...)                  FIELD(__VA_ARGS__)
#define OUTSIDE_BYTES(...)                FIELD(__VA_ARGS__)
#define OUTSIDE_LIST(...)                 FIELD(__VA_ARGS__)
#define SECTION(id, number, name, help)   static const struct schema_field outside_##id[] = {
#define F(sec, number, member, type, ...) OUTSIDE_##type(sec, number, member, type, __VA_ARGS__)
#define END(id)                                                                                    \
	{                                                                                          \
		0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL                                        \
	}                                                                                          \
	}                                                                                          \
	;
#include "formats/schema.def"

/* ... and the sections. */
const struct schema_section schema_sections[EV_SECTIONS] = {
#define SECTION(id, number, name, help)                                                            \
	[EV_##id] = {#id,                                                                          \
		     name,                                                                         \
		     help,                                                                         \
		     number,                                                                       \
		     sizeof(struct ev_##id),                                                       \
		     fields_##id,                                                                  \
		     sizeof(fields_##id) / sizeof(fields_##id[0]) - 1,                             \
		     outside_##id,                                                                 \
		     sizeof(outside_##id) / sizeof(outside_##id[0]) - 1},
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"
};

const char *const schema_type_names[] = {"",    "u8",   "u16", "u32",   "u64", "i32",
					 "i64", "bool", "str", "bytes", "list"};
const char *const schema_unit_names[] = {"",        "ns",       "us",      "ms",   "bytes",
					 "bytes/s", "segments", "packets", "count"};
const char *const schema_base_names[] = {"dec",  "hex", "text", "addr", "mac",
					 "ufid", "raw", "time", "flag"};

int schema_section_of(unsigned int number)
{
	for (int s = 0; s < EV_SECTIONS; s++)
		if (schema_sections[s].number == number)
			return s;
	return -1;
}

const struct schema_field *schema_field_of(enum ev_section s, unsigned int number)
{
	const struct schema_section *sec = &schema_sections[s];

	for (unsigned int i = 0; i < sec->n_fields; i++)
		if (sec->fields[i].bit + 1u == number)
			return &sec->fields[i];
	return NULL;
}

const struct schema_field *schema_field_named(const char *name, size_t len)
{
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++) {
			const struct schema_field *f = &schema_sections[s].fields[i];

			if (strlen(f->name) == len && !memcmp(f->name, name, len))
				return f;
		}
	return NULL;
}

uint64_t schema_get(const struct schema_field *f, const void *row)
{
	const uint8_t *p = (const uint8_t *)row + f->offset;

	switch (f->type) {
	case SCHEMA_U8: return *p;
	case SCHEMA_BOOL: return *(const bool *)p;
	case SCHEMA_U16: return *(const uint16_t *)p;
	case SCHEMA_U32: return *(const uint32_t *)p;
	case SCHEMA_I32: return (uint64_t)(int64_t) * (const int32_t *)p;
	case SCHEMA_U64:
	case SCHEMA_I64: return *(const uint64_t *)p;
	default: return 0;
	}
}

void schema_set(const struct schema_field *f, void *row, uint64_t value)
{
	uint8_t *p = (uint8_t *)row + f->offset;

	switch (f->type) {
	case SCHEMA_U8: *p = (uint8_t)value; break;
	case SCHEMA_BOOL: *(bool *)p = value != 0; break;
	case SCHEMA_U16: *(uint16_t *)p = (uint16_t)value; break;
	case SCHEMA_U32: *(uint32_t *)p = (uint32_t)value; break;
	case SCHEMA_I32: *(int32_t *)p = (int32_t)value; break;
	case SCHEMA_U64:
	case SCHEMA_I64: *(uint64_t *)p = value; break;
	default: break;
	}
}
