/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/retis/retis_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/base64.h"
#include "formats/json.h"
#include "formats/retis/retis_keys.h"

enum {
	ALL_SHAPES = 0xff,
	OLD_SHAPES = 1 << RETIS_SHAPE_1_5 | 1 << RETIS_SHAPE_CLASSIC,
};

struct retis_reader {
	struct retis_keys keys;
	struct retis_read_state state;
	uint8_t shapes;   /* that have all the keys seen so far */
	uint64_t unknown; /* keys of this line */
	size_t resume; /* a series larger than a batch goes on at this byte of its line; 0: none */

	/* while a line is read */
	struct json json;
	struct ev_batch *batch;
	void *row[EV_SECTIONS]; /* of the event that is being read, where its mask says so */
	uint64_t mask;
	const char *missing; /* a section or field that json.why is about; NULL */
	struct buf bytes;    /* decoded base64 */
	struct buf list;     /* struct ev_str */
};

struct retis_reader *retis_reader_new(void)
{
	struct retis_reader *r = calloc(1, sizeof(*r));

	if (r && !retis_keys_init(&r->keys)) {
		free(r);
		return NULL;
	}
	if (r)
		r->shapes = ALL_SHAPES;
	return r;
}

void retis_reader_free(struct retis_reader *r)
{
	if (!r)
		return;
	json_free(&r->json);
	buf_free(&r->bytes);
	buf_free(&r->list);
	free(r);
}

const struct retis_read_state *retis_read_state(const struct retis_reader *r)
{
	return &r->state;
}

/* ---- values ---- */

static bool read_ufid(struct retis_reader *r, struct ev_str *s)
{
	bool first = json_open(&r->json, '[');
	uint8_t id[16];
	uint64_t v;

	for (unsigned int i = 0; json_next(&r->json, ']', &first); i++) {
		if (i == 4)
			return json_fail(&r->json, "a flow id of more than four words");
		if (!json_integer(&r->json, 0, UINT32_MAX, &v))
			return false;
		for (unsigned int b = 0; b < 4; b++)
			id[4 * i + b] = (uint8_t)(v >> (8 * b));
		if (i == 3)
			*s = ev_string(r->batch, id, sizeof(id));
	}
	if (!r->json.why && !s->p)
		return json_fail(&r->json, "a flow id of less than four words");
	return !r->json.why;
}

static bool read_list(struct retis_reader *r, struct ev_list *l)
{
	bool first = json_open(&r->json, '[');

	buf_clear(&r->list);
	while (json_next(&r->json, ']', &first)) {
		struct json_str text;
		struct ev_str s;

		if (!json_string(&r->json, &text))
			return false;
		s = ev_string(r->batch, text.p, text.len);
		buf_put(&r->list, &s, sizeof(s));
	}
	if (r->json.why)
		return false;
	if (r->list.failed)
		return json_fail(&r->json, "out of memory");
	*l = ev_list(r->batch, (const struct ev_str *)r->list.p,
		     (uint32_t)(r->list.len / sizeof(struct ev_str)));
	return true;
}

static bool read_bytes(struct retis_reader *r, struct ev_bytes *out)
{
	struct json *j = &r->json;
	struct json_str s;
	ssize_t n;

	json_space(j);
	s.p = j->p + 1;
	s.len = 0;
	if (j->end - j->p >= 2 && *j->p == '"') {
		const char *quote = memchr(s.p, '"', (size_t)(j->end - s.p));

		s.len = quote ? (size_t)(quote - s.p) : 0;
	}
	buf_clear(&r->bytes);
	if (!buf_room(&r->bytes, BASE64_ROOM(s.len) + 3))
		return json_fail(j, "out of memory");
	/* no base64 has an escape or a control character in it: it needs no other look at the string */
	n = s.len ? base64_decode(s.p, s.len, r->bytes.p) : -1;
	if (n >= 0) {
		j->p = s.p + s.len + 1;
	} else {
		if (!json_string(j, &s))
			return false;
		if (!buf_room(&r->bytes, BASE64_ROOM(s.len) + 3))
			return json_fail(j, "out of memory");
		n = base64_decode(s.p, s.len, r->bytes.p);
		if (n < 0)
			return json_fail(j, "not base64");
	}
	*out = ev_bytes(r->batch, r->bytes.p, (size_t)n);
	return true;
}

static bool read_integer(struct json *j, const struct schema_field *f, void *at)
{
	uint64_t v;

	switch (f->type) {
	case SCHEMA_U8:
		if (!json_integer(j, 0, UINT8_MAX, &v))
			return false;
		*(uint8_t *)at = (uint8_t)v;
		return true;
	case SCHEMA_U16:
		if (!json_integer(j, 0, UINT16_MAX, &v))
			return false;
		*(uint16_t *)at = (uint16_t)v;
		return true;
	case SCHEMA_U32:
		if (!json_integer(j, 0, UINT32_MAX, &v))
			return false;
		*(uint32_t *)at = (uint32_t)v;
		return true;
	case SCHEMA_I32:
		if (!json_integer(j, INT32_MIN, INT32_MAX, &v))
			return false;
		*(int32_t *)at = (int32_t)v;
		return true;
	case SCHEMA_I64:
		if (!json_integer(j, INT64_MIN, INT64_MAX, &v))
			return false;
		*(int64_t *)at = (int64_t)v;
		return true;
	default: return json_integer(j, 0, UINT64_MAX, at);
	}
}

static bool read_field(struct retis_reader *r, const struct retis_key *k)
{
	const struct schema_field *f = k->field;
	uint64_t *has = r->row[k->section];
	void *at = (uint8_t *)has + f->offset;
	struct json_str s;

	if (*has >> f->bit & 1) {
		r->missing = f->foreign;
		return json_fail(&r->json, "twice in an event");
	}
	*has |= UINT64_C(1) << f->bit;
	switch (f->type) {
	case SCHEMA_STR:
		if (f->base == SCHEMA_UFID)
			return read_ufid(r, at);
		if (!json_string(&r->json, &s))
			return false;
		*(struct ev_str *)at = ev_string(r->batch, s.p, s.len);
		return true;
	case SCHEMA_BYTES: return read_bytes(r, at);
	case SCHEMA_LIST: return read_list(r, at);
	case SCHEMA_BOOL: return json_bool(&r->json, at);
	default: return read_integer(&r->json, f, at);
	}
}

/* ---- objects ---- */

static inline bool key_is_here(const struct json *j, const struct retis_key *k)
{
	uint64_t head;

	if ((size_t)(j->end - j->p) < k->text_len || j->end - j->p < 8)
		return false;
	memcpy(&head, j->p, 8);
	return (head & k->head_mask) == k->head &&
	       (k->text_len <= 8 || !memcmp(j->p + 8, k->text + 8, k->text_len - 8u));
}

/*
 * Consumes the next key. Files are written by programs that always have the same order, so the key
 * behind the last one (*at) is the likely one, and the text in the file its likely form. NULL: one
 * that is not known, or an error.
 */
static const struct retis_key *read_key(struct json *j, const struct retis_object *o,
					const struct retis_key **at)
{
	const struct retis_key *k = *at;
	struct json_str name;

	if (k)
		do {
			if (key_is_here(j, k)) {
				j->p += k->text_len;
				*at = k->next;
				return k;
			}
			k = k->next;
		} while (k != *at);
	if (!json_key(j, &name))
		return NULL;
	k = retis_key_find(o, name.p, name.len);
	if (k)
		*at = k->next;
	return k;
}

/* The object is there: the section or the field that this says. */
static bool enter_object(struct retis_reader *r, const struct retis_object *o)
{
	if (o->section >= 0) {
		enum ev_section s = (enum ev_section)o->section;

		if (r->mask >> s & 1) {
			r->missing = schema_sections[s].name;
			return json_fail(&r->json, "twice in an event");
		}
		r->mask |= UINT64_C(1) << s;
		r->row[s] = ev_batch_add(r->batch, s);
	}
	if (o->mark) {
		uint64_t *has = r->row[o->mark->section];

		if (*has >> o->mark->bit & 1) {
			r->missing = o->mark->name;
			return json_fail(&r->json, "twice in an event");
		}
		*has |= UINT64_C(1) << o->mark->bit;
		schema_set(o->mark, has, o->mark_value);
	}
	return true;
}

/* Recursion goes as deep as the table of keys, five objects, whatever the input. */
static bool read_object(struct retis_reader *r, const struct retis_object *o)
{
	struct json *j = &r->json;
	const struct retis_key *at = o->first;

	for (bool first = json_open(j, '{'); json_next(j, '}', &first);) {
		const struct retis_key *k = read_key(j, o, &at);

		if (!k) {
			r->unknown++;
			if (!json_skip(j))
				return false;
			continue;
		}
		json_space(j);
		if (j->p < j->end && *j->p == 'n' && json_null(j))
			continue;
		/* keys that contradict each other: the later one is right */
		r->shapes = r->shapes & k->shapes ? r->shapes & k->shapes : k->shapes;
		if (k->kind == RETIS_KEY_FIELD) {
			if (!read_field(r, k))
				return false;
		} else if (k->kind == RETIS_KEY_OBJECT) {
			if (!enter_object(r, k->object) || !read_object(r, k->object))
				return false;
		} else if (!json_skip(j)) {
			return false;
		}
	}
	return !j->why;
}

/* ---- events ---- */

/* What the keys leave open, the version decides. */
static enum retis_shape guess_shape(uint8_t shapes, const char *version)
{
	static const uint8_t of_level[] = {OLD_SHAPES, 1 << RETIS_SHAPE_1_6, 1 << RETIS_SHAPE_1_7};
	int level = retis_version_level(version, strlen(version));

	if (level >= 0 && shapes & of_level[level])
		shapes &= of_level[level];
	if (shapes == ALL_SHAPES)
		return RETIS_SHAPE_NONE;
	for (int s = RETIS_SHAPE_1_7; s > RETIS_SHAPE_NONE; s--)
		if (shapes >> s & 1)
			return (enum retis_shape)s;
	return RETIS_SHAPE_NONE;
}

static void note_startup(struct retis_reader *r, bool sorted)
{
	struct ev_startup *s = r->row[EV_startup];
	size_t len = s->retis_version.len;

	if (len >= sizeof(r->state.version))
		len = sizeof(r->state.version) - 1;
	if (len)
		memcpy(r->state.version, s->retis_version.p, len);
	r->state.version[len] = '\0';
	r->state.shape = guess_shape(r->shapes, r->state.version);
	if (r->state.shape)
		EV_SET(s, startup, shape, r->state.shape);
	if (sorted)
		EV_SET(s, startup, sorted, true);
}

/* Retis 1.5 wrote no status; its later readers put 0 there (reference: 0 is no bit set). */
static void fill_status(struct retis_reader *r)
{
	if (!(r->shapes & OLD_SHAPES) &&
	    retis_version_level(r->state.version, strlen(r->state.version)) != 0)
		return;
	if (r->mask & EV_SECTION_BIT(ct)) {
		struct ev_ct *ct = r->row[EV_ct];

		ct->has |= EV_BIT(ct, ct_status);
	}
	if (r->mask & EV_SECTION_BIT(ct_parent)) {
		struct ev_ct_parent *ct = r->row[EV_ct_parent];

		ct->has |= EV_BIT(ct_parent, ct_status);
	}
}

static bool missing_field(struct retis_reader *r, enum ev_section s, uint64_t missing)
{
	const struct schema_field *f =
		schema_field_of(s, (unsigned int)__builtin_ctzll(missing) + 1);

	r->missing = f->foreign[0] ? f->foreign : f->name;
	return json_fail(&r->json, "missing");
}

static bool check_ovs(struct retis_reader *r)
{
	const struct ev_ovs *o = r->row[EV_ovs];
	const struct retis_ovs_kind *kinds[2] = {retis_ovs_event(o->event_type), NULL};

	if (ev_is(o->event_type, "action_execute"))
		kinds[1] = retis_ovs_action(o->action);
	for (unsigned int i = 0; i < 2; i++)
		for (const uint8_t *f = kinds[i] ? kinds[i]->fields : NULL;
		     f && *f != RETIS_OVS_END; f++) {
			uint64_t bit = UINT64_C(1) << *f;

			if (!(o->has & bit) && !(kinds[i]->optional & bit))
				return missing_field(r, EV_ovs, bit);
		}
	return true;
}

/* Whether every section has what it must. */
static bool check_event(struct retis_reader *r)
{
	if (!(r->mask & EV_SECTION_BIT(common))) {
		r->missing = "common";
		return json_fail(&r->json, "missing");
	}
	if (r->mask & (EV_SECTION_BIT(ct) | EV_SECTION_BIT(ct_parent)))
		fill_status(r);
	for (uint64_t left = r->mask; left; left &= left - 1) {
		enum ev_section s = (enum ev_section)__builtin_ctzll(left);
		uint64_t missing = retis_required(s) & ~*(const uint64_t *)r->row[s];

		if (missing)
			return missing_field(r, s, missing);
	}
	/* a task is all of it or nothing */
	if (r->mask & EV_SECTION_BIT(common)) {
		const struct ev_common *c = r->row[EV_common];
		uint64_t task = EV_BIT(common, pid) | EV_BIT(common, tgid) | EV_BIT(common, comm);

		if (c->has & task && task & ~c->has)
			return missing_field(r, EV_common, task & ~c->has);
	}
	return !(r->mask & EV_SECTION_BIT(ovs)) || check_ovs(r);
}

static bool read_event(struct retis_reader *r, bool sorted, bool first)
{
	ev_batch_begin(r->batch);
	r->mask = 0;
	if (!read_object(r, &r->keys.objects[0]))
		return false;
	if (r->mask & EV_SECTION_BIT(startup))
		note_startup(r, sorted);
	if (sorted && first && r->mask & EV_SECTION_BIT(tracking)) {
		struct ev_tracking *t = r->row[EV_tracking];

		EV_SET(t, tracking, first, true);
	}
	return check_event(r);
}

/* 0, or -ENOSPC when the batch became full. */
static int read_series(struct retis_reader *r, bool empty)
{
	bool begins = !r->resume, first = begins, more;

	if (begins) {
		more = json_open(&r->json, '[') && json_next(&r->json, ']', &first);
	} else {
		r->json.p = r->json.start + r->resume;
		more = true;
	}
	r->resume = 0;
	for (; more; more = json_next(&r->json, ']', &first)) {
		if (r->batch->n == EV_BATCH_MAX) {
			if (empty)
				r->resume = (size_t)(r->json.p - r->json.start);
			return -ENOSPC;
		}
		if (!read_event(r, true, begins))
			break;
		begins = false;
	}
	if (begins)
		json_fail(&r->json, "a series without events");
	return 0;
}

static int fail_line(struct retis_reader *r, int code, uint32_t keep, struct skbox_error *err)
{
	const struct json *j = &r->json;
	uint64_t at = (uint64_t)(j->p - j->start);

	while (r->batch->n > keep)
		ev_batch_drop(r->batch);
	if (code == -ENOMEM)
		return error_set(err, code, at, "out of memory");
	if (code == -ENOSPC)
		return error_set(err, code, at, "a batch holds %d events at most", EV_BATCH_MAX);
	if (r->missing)
		return error_set(err, code, at, "%s: %s", r->missing, j->why);
	return error_set(err, code, at, "%s", j->why);
}

int retis_read_line(struct retis_reader *r, const char *line, size_t len, struct ev_batch *batch,
		    struct skbox_error *err)
{
	uint32_t keep = batch->n;
	enum json_type type;
	int rc = 0;

	json_init(&r->json, line, len);
	r->batch = batch;
	r->missing = NULL;
	r->unknown = 0;
	if (r->resume >= len)
		r->resume = 0;
	type = json_peek(&r->json);
	if (type == JSON_NONE && r->json.p == r->json.end)
		return 0;
	if (batch->n == EV_BATCH_MAX)
		return fail_line(r, -ENOSPC, keep, err);
	if (type == JSON_ARRAY)
		rc = read_series(r, !keep);
	else
		read_event(r, false, true);
	if (!rc)
		json_end(&r->json);
	if (batch->failed)
		return fail_line(r, -ENOMEM, keep, err);
	if (r->json.why || (rc && !r->resume))
		return fail_line(r, r->json.why ? -EPROTO : rc, keep, err);
	r->state.events += batch->n - keep;
	r->state.unknown_keys += r->unknown;
	r->state.shape = guess_shape(r->shapes, r->state.version);
	if (rc)
		return fail_line(r, rc, batch->n, err);
	if (!r->state.lines++)
		r->state.sorted = type == JSON_ARRAY;
	return 0;
}

void retis_reader_peek(struct retis_reader *r, const char *p, size_t len)
{
	struct retis_read_state state = r->state;
	struct ev_batch *batch = ev_batch_new();
	const char *end = p + len;

	while (batch && p < end) {
		const char *feed = memchr(p, '\n', (size_t)(end - p));
		size_t n = feed ? (size_t)(feed - p) : (size_t)(end - p);

		ev_batch_clear(batch);
		retis_read_line(r, p, n, batch, NULL);
		p += n + (feed != NULL);
	}
	ev_batch_free(batch);
	/* only what was learned about the shape stays */
	r->state = state;
}

static bool is_section(struct json_str key)
{
	static const char *const names[] = {"common",       "kernel",   "userspace",  "tracking",
					    "skb-tracking", "skb-drop", "packet",     "skb",
					    "netns",        "dev",      "ovs",        "nft",
					    "ct",           "startup",  "ovs-detrace"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == key.len && !memcmp(names[i], key.p, key.len))
			return true;
	return false;
}

/* Whether an event begins here: a section, perhaps behind keys that are not known. */
static bool begins_event(const char *p, size_t len)
{
	struct json j = {0};
	struct json_str key;
	bool first, found = false;

	json_init(&j, p, len);
	if (json_peek(&j) == JSON_ARRAY) {
		first = json_open(&j, '[');
		json_next(&j, ']', &first);
	}
	first = json_open(&j, '{');
	while (!found && json_next(&j, '}', &first) && json_key(&j, &key)) {
		found = is_section(key) && json_peek(&j) == JSON_OBJECT;
		if (!found && !json_skip(&j))
			break;
	}
	json_free(&j);
	return found;
}

bool retis_recognize(const char *p, size_t len)
{
	const char *end = p + len, *feed;

	for (; p < end; p = feed + 1) {
		feed = memchr(p, '\n', (size_t)(end - p));
		if (begins_event(p, (size_t)((feed ? feed : end) - p)))
			return true;
		if (!feed)
			break;
	}
	return false;
}
