/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events in memory. schema.def says what an event can hold; here each of its sections becomes a
 * struct (struct ev_common, struct ev_kernel, ...) and each field a member with a presence bit.
 *
 * Events live in batches. A batch holds its events column-wise by section: mask[i] tells which
 * sections event i has, and sec[s] holds the rows of section s in the order of the events. The
 * recorder, the readers of every file format and the decoder of the event file all fill batches in
 * the same way; everything that looks at events walks a batch with ev_next().
 */
#ifndef FORMATS_EVENT_H
#define FORMATS_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text or bytes of the batch's dictionary. p is not terminated and may hold any byte. */
struct ev_str {
	const char *p;
	uint32_t len;
	uint32_t
		id; /* index in the batch's dictionary: equal ids are equal strings, within a batch */
};

/* Bytes of one row; equal bytes of a batch have the same id and are stored once. */
struct ev_bytes {
	const uint8_t *p;
	uint32_t len;
	uint32_t id;
};

struct ev_list {
	const struct ev_str *v;
	uint32_t n;
};

/* The C type of each schema type. */
typedef uint8_t ev_type_U8;
typedef uint16_t ev_type_U16;
typedef uint32_t ev_type_U32;
typedef uint64_t ev_type_U64;
typedef int32_t ev_type_I32;
typedef int64_t ev_type_I64;
typedef bool ev_type_BOOL;
typedef struct ev_str ev_type_STR;
typedef struct ev_bytes ev_type_BYTES;
typedef struct ev_list ev_type_LIST;

/* One struct a section; `has` tells which members are present (EV_HAS). Absent members are zero. */
#define SECTION(id, number, name, help)                                                            \
	struct ev_##id {                                                                           \
		uint64_t has;
#define F(sec, number, member, type, name, foreign, unit, base, pred, help) ev_type_##type member;
#define END(id)                                                                                    \
	}                                                                                          \
	;
#include "formats/schema.def"

/* EV_common, EV_kernel, ...: index of a section in memory, without gaps; files use its number. */
enum ev_section {
#define SECTION(id, number, name, help) EV_##id,
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"
	EV_SECTIONS
};

/* EVI_common_timestamp, ...: bit of a field in `has`. */
enum ev_field_bit {
#define SECTION(id, number, name, help)
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)                        \
	EVI_##sec##_##member = (number)-1,
#define END(id)
#include "formats/schema.def"
};

#define EV_BIT(sec, member)      (UINT64_C(1) << EVI_##sec##_##member)
#define EV_HAS(row, sec, member) (((row)->has & EV_BIT(sec, member)) != 0)
/* Sets a member and its presence bit. */
#define EV_SET(row, sec, member, value)                                                            \
	((row)->member = (value), (void)((row)->has |= EV_BIT(sec, member)))
#define EV_SECTION_BIT(sec) (UINT64_C(1) << EV_##sec)

/* One event: a view into its batch, valid until the batch is cleared, filled again or freed. */
struct ev {
	uint64_t sections; /* EV_SECTION_BIT()s */
	uint32_t index;    /* within the batch */
	union {            /* NULL where the event lacks the section */
		const void *row[EV_SECTIONS];
		struct {
#define SECTION(id, number, name, help) const struct ev_##id *id;
#define F(sec, number, member, type, name, foreign, unit, base, pred, help)
#define END(id)
#include "formats/schema.def"
		};
	};
};

struct ev_rows {
	uint8_t *p; /* n structs of the section */
	uint32_t n, cap;
};

/* A set of strings or byte rows, each once. */
struct ev_pool {
	struct ev_str *v;
	uint32_t n, cap;
	uint32_t *hash; /* open addressing, index + 1; NULL until something was interned */
	uint32_t hash_size;
};

struct ev_chunk;

struct ev_batch {
	uint32_t n, cap;
	uint64_t *mask; /* n masks of EV_SECTION_BIT()s */
	struct ev_rows sec[EV_SECTIONS];
	struct ev_pool strings, blobs;
	struct ev_chunk *chunks; /* memory of strings, blobs and lists */
	size_t bytes;            /* about how much the events of the batch hold, to bound a batch */
	bool failed;             /* out of memory: the batch is not complete */
};

/* A batch of more events than this is never made by a reader: the limit of a block (FORMAT.md). */
enum { EV_BATCH_MAX = 16384 };

struct ev_batch *ev_batch_new(void); /* NULL when out of memory; freed with ev_batch_free() */
void ev_batch_free(struct ev_batch *b);
void ev_batch_clear(
	struct ev_batch *b); /* no events, no strings; keeps its memory for the next ones */

/*
 * Filling: ev_batch_begin() starts the next event, ev_batch_add() gives it a section and returns the
 * zeroed row (once a section and event), valid until the next add of the same section. When memory
 * runs out `failed` is set and rows of a scratch area are returned, so callers ask once at the end.
 */
void ev_batch_begin(struct ev_batch *b);
void *ev_batch_add(struct ev_batch *b, enum ev_section s);
/* For decoders: begins n events of an empty batch, whose masks the caller sets. False: out of memory. */
bool ev_batch_begin_all(struct ev_batch *b, uint32_t n);
#define EV_ADD(batch, sec)                                                                         \
	((struct ev_##sec *)ev_batch_add_sized(batch, EV_##sec, sizeof(struct ev_##sec)))
/* The same where the size of the row is a constant: a recorder adds ten rows an event. */
static inline void *ev_batch_add_sized(struct ev_batch *b, enum ev_section s, size_t size)
{
	struct ev_rows *rows = &b->sec[s];
	uint64_t bit = UINT64_C(1) << s;
	void *row;

	if (b->failed || !b->n || rows->n == rows->cap || b->mask[b->n - 1] & bit)
		return ev_batch_add(b, s);
	row = rows->p + rows->n++ * size;
	__builtin_memset(row, 0, size);
	b->mask[b->n - 1] |= bit;
	b->bytes += size;
	return row;
}

void ev_batch_drop(struct ev_batch *b); /* takes the event begun last back (damaged input) */

/* Copies into the batch; equal bytes give the same id. p may be NULL when len is 0. */
struct ev_str ev_string(struct ev_batch *b, const void *p, size_t len);
/* The id of a string that the batch has; -1 when it has none. Not for a batch that a decoder filled. */
int64_t ev_string_find(const struct ev_batch *b, const void *p, size_t len);
struct ev_str ev_text(struct ev_batch *b, const char *text); /* NUL-terminated */
struct ev_bytes ev_bytes(struct ev_batch *b, const void *p, size_t len);
struct ev_list ev_list(struct ev_batch *b, const struct ev_str *v, uint32_t n);

/* Raw memory of the batch, aligned for any member, gone with ev_batch_clear(); NULL when out of memory. */
void *ev_batch_alloc(struct ev_batch *b, size_t n);

/*
 * For decoders: room for n strings in an empty or cleared pool, to be filled in order and counted in
 * pool->n by the caller; the pool forgets its hash. NULL when out of memory.
 */
struct ev_str *ev_pool_reserve(struct ev_pool *pool, uint32_t n);

/* Walks a batch from its first event on. */
struct ev_walk {
	const struct ev_batch *batch;
	uint32_t i;
	uint32_t at[EV_SECTIONS];
};

static inline struct ev_walk ev_walk(const struct ev_batch *b)
{
	return (struct ev_walk){.batch = b};
}

/* Fills ev (zeroed by the caller before the first call) with the next event; false at the end. */
bool ev_next(struct ev_walk *w, struct ev *ev);

/* Appends a copy of ev to dst, which may be another batch than the one it lives in. */
void ev_copy(struct ev_batch *dst, const struct ev *ev);

static inline bool ev_is(struct ev_str s, const char *text)
{
	size_t n = __builtin_strlen(text);

	return s.len == n && !__builtin_memcmp(s.p, text, n);
}

#endif
