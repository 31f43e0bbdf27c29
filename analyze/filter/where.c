/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a compiled expression over the columns of a batch, and over the summary of a block. */
#include "analyze/filter/where.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/filter/filter.h"
#include "analyze/filter/where_impl.h"

/* Longer text is not searched by a regular expression. */
enum { SUBJECT_MAX = 65536 };

void where_free(struct where *w)
{
	if (!w)
		return;
	for (uint32_t i = 0; i < w->n_tests; i++) {
		free(w->tests[i].seen);
		free(w->tests[i].rows);
	}
	for (uint32_t i = 0; i < w->n_words; i++)
		free(w->words[i].p);
	for (uint32_t i = 0; i < w->n_regexes; i++)
		regfree(&w->regexes[i]);
	for (uint32_t i = 0; i < w->n_stack; i++)
		free(w->stack[i]);
	free(w->stack);
	free(w->first_row);
	free(w->regexes);
	free(w->words);
	free(w->keys);
	free(w->ranges);
	free(w->tests);
	free(w->ops);
	free(w);
}

/* ---- single values ---- */

static bool in_ranges(const struct where *w, const struct where_test *t, uint64_t v)
{
	const struct where_range *r = w->ranges + t->first;
	uint32_t from = 0, to = t->n;

	if (t->is_masked)
		v &= t->mask;
	else if (t->is_signed)
		v ^= UINT64_C(1) << 63;
	if (to == 1)
		return v - r->from <= r->to - r->from;
	while (from < to) {
		uint32_t middle = (from + to) / 2;

		if (v > r[middle].to)
			from = middle + 1;
		else
			to = middle;
	}
	return from < t->n && v >= r[from].from;
}

static bool in_keys(const struct where *w, const struct where_test *t,
		    const uint8_t key[FIELD_KEY_BYTES])
{
	const struct where_keys *k = w->keys + t->first;
	uint32_t from = 0, to = t->n;

	while (from < to) {
		uint32_t middle = (from + to) / 2;

		if (memcmp(key, k[middle].to, FIELD_KEY_BYTES) > 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < t->n && memcmp(key, k[from].from, FIELD_KEY_BYTES) >= 0;
}

static bool matches_text(const struct where *w, const struct where_test *t, const char *p,
			 size_t len)
{
	regmatch_t bounds = {.rm_so = 0, .rm_eo = (regoff_t)len};

	switch (t->kind) {
	case TEST_GLOB: return filter_glob(w->words[t->first].p, p, len);
	case TEST_REGEX:
		return len <= SUBJECT_MAX &&
		       regexec(&w->regexes[t->regex], p, 1, &bounds, REG_STARTEND) == 0;
	default:
		for (uint32_t i = t->first; i < t->first + t->n; i++)
			if (w->words[i].len == len && memcmp(w->words[i].p, p, len) == 0)
				return true;
		return false;
	}
}

static bool matches_string(const struct where *w, const struct where_test *t, struct ev_str s)
{
	uint8_t key[FIELD_KEY_BYTES];
	char ufid[FIELD_UFID_BYTES];

	if (t->kind == TEST_KEY) {
		bool ok = t->from.is_text ? fields_key_text(key, s.p, s.len)
					  : fields_key(key, t->field, s.p, s.len);

		return ok && in_keys(w, t, key);
	}
	if (t->base == SCHEMA_UFID && fields_ufid(ufid, s))
		return matches_text(w, t, ufid, strlen(ufid));
	return matches_text(w, t, s.len ? s.p : "", s.len);
}

/* A string of the dictionary is looked at once a batch. */
static bool ask_string(const struct where *w, struct where_test *t, struct ev_str s)
{
	bool yes;

	if (s.id < t->seen_n && t->seen[s.id])
		return t->seen[s.id] == 2;
	yes = matches_string(w, t, s);
	if (s.id < t->seen_n)
		t->seen[s.id] = yes ? 2 : 1;
	return yes;
}

/* ---- columns ---- */

static bool begin_strings(struct where_test *t, const struct ev_batch *b)
{
	if (b->strings.n > t->seen_cap) {
		uint8_t *p = realloc(t->seen, b->strings.n);

		if (!p)
			return false;
		t->seen = p;
		t->seen_cap = b->strings.n;
	}
	t->seen_n = b->strings.n;
	if (t->seen_n)
		memset(t->seen, 0, t->seen_n);
	return true;
}

static bool ask_row(const struct where *w, struct where_test *t, const uint8_t *row)
{
	const struct schema_field *f = t->from.schema;
	const struct ev_list *list = (const void *)(row + f->offset);

	if (!(*(const uint64_t *)(const void *)row >> f->bit & 1))
		return false;
	if (t->kind == TEST_EXISTS)
		return true;
	if (t->kind == TEST_INT)
		return in_ranges(w, t, schema_get(f, row));
	if (f->type == SCHEMA_STR)
		return ask_string(w, t, *(const struct ev_str *)(const void *)(row + f->offset));
	for (uint32_t i = 0; f->type == SCHEMA_LIST && i < list->n; i++)
		if (ask_string(w, t, list->v[i]))
			return true;
	return false;
}

/* Spreads what was found for the rows of a section to the events that have it. */
static void run_section(const struct where *w, struct where_test *t, const struct ev_batch *b,
			uint8_t *out)
{
	unsigned int s = t->from.schema->section;
	const uint8_t *row = b->sec[s].p;
	size_t size = schema_sections[s].size;

	for (uint32_t i = 0; i < b->n; i++) {
		out[i] = 0;
		if (b->mask[i] >> s & 1) {
			out[i] = ask_row(w, t, row);
			row += size;
		}
	}
}

static bool ask_headers(const struct where *w, const struct where_test *t,
			const struct packet_headers *h)
{
	unsigned int f = t->from.packet;
	uint8_t key[FIELD_KEY_BYTES];

	if (!(h->has >> f & 1))
		return false;
	if (t->kind == TEST_INT)
		return in_ranges(w, t, h->v[f]);
	return t->kind == TEST_EXISTS ||
	       (fields_key(key, t->field, h->bytes[f], h->len[f]) && in_keys(w, t, key));
}

static bool reserve_packets(struct where *w, const struct ev_batch *b)
{
	uint32_t n = b->sec[EV_packet].n;

	if (b->blobs.n > w->first_room) {
		uint32_t *p = realloc(w->first_row, b->blobs.n * sizeof(*p));

		if (!p)
			return false;
		w->first_row = p;
		w->first_room = b->blobs.n;
	}
	if (b->blobs.n)
		memset(w->first_row, 0, b->blobs.n * sizeof(*w->first_row));
	if (n <= w->rows_room)
		return true;
	for (uint32_t i = 0; i < w->n_tests; i++) {
		uint8_t *p;

		if (w->tests[i].from.schema || w->tests[i].kind == TEST_SECTIONS)
			continue;
		p = realloc(w->tests[i].rows, n);
		if (!p)
			return false;
		w->tests[i].rows = p;
	}
	w->rows_room = n;
	return true;
}

/* The same bytes, read in the same way. */
static bool same_packet(const struct ev_packet *a, const struct ev_packet *b)
{
	const uint64_t how = EV_BIT(packet, protocol) | EV_BIT(packet, linktype);

	return ((a->has ^ b->has) & how) == 0 && a->protocol == b->protocol &&
	       a->linktype == b->linktype;
}

/* All tests of headers, on each different packet of the batch. */
static bool run_packets(struct where *w, const struct ev_batch *b)
{
	const struct ev_packet *rows = (const void *)b->sec[EV_packet].p;
	struct packet_headers h;

	if (!reserve_packets(w, b))
		return false;
	for (uint32_t r = 0; r < b->sec[EV_packet].n; r++) {
		uint32_t id = rows[r].data.id, known = 0;

		if (EV_HAS(&rows[r], packet, data) && id < b->blobs.n)
			known = w->first_row[id];
		if (known && !same_packet(&rows[r], &rows[known - 1]))
			known = 0;
		else if (!known && EV_HAS(&rows[r], packet, data) && id < b->blobs.n)
			w->first_row[id] = r + 1;
		if (!known)
			packet_parse(&rows[r], &h);
		for (uint32_t i = 0; i < w->n_tests; i++) {
			struct where_test *t = &w->tests[i];

			if (!t->from.schema && t->kind != TEST_SECTIONS)
				t->rows[r] = known ? t->rows[known - 1] : ask_headers(w, t, &h);
		}
	}
	return true;
}

static bool run_test(struct where *w, struct where_test *t, const struct ev_batch *b, uint8_t *out)
{
	if (t->kind == TEST_SECTIONS) {
		for (uint32_t i = 0; i < b->n; i++)
			out[i] = (b->mask[i] & t->sections) != 0;
		return true;
	}
	if (t->from.schema) {
		if (!b->sec[t->from.schema->section].n)
			memset(out, 0, b->n);
		else if (!begin_strings(t, b))
			return false;
		else
			run_section(w, t, b, out);
		return true;
	}
	for (uint32_t i = 0, r = 0; i < b->n; i++)
		out[i] = b->mask[i] >> EV_packet & 1 ? t->rows[r++] : 0;
	return true;
}

/* The next column of the stack, with room for the batch. */
static uint8_t *push(struct where *w, uint32_t depth)
{
	if (depth == w->n_stack) {
		uint8_t **stack = realloc(w->stack, (depth + 1) * sizeof(*stack));

		if (!stack)
			return NULL;
		w->stack = stack;
		stack[depth] = malloc(w->room);
		if (!stack[depth])
			return NULL;
		w->n_stack++;
	}
	return w->stack[depth];
}

const uint8_t *where_run(struct where *w, const struct ev_batch *b)
{
	uint32_t depth = 0, n = b->n;

	if (n > w->room) {
		for (; w->n_stack; w->n_stack--)
			free(w->stack[w->n_stack - 1]);
		w->room = n;
	}
	if (w->any_packet && !run_packets(w, b))
		return NULL;
	for (uint32_t pc = 0; pc < w->n_ops; pc++) {
		const struct where_op *op = &w->ops[pc];
		uint8_t *top = depth ? w->stack[depth - 1] : NULL;
		uint8_t *under = depth > 1 ? w->stack[depth - 2] : NULL;

		switch (op->code) {
		case WHERE_TEST:
			top = push(w, depth++);
			if (!top || !run_test(w, &w->tests[op->arg], b, top))
				return NULL;
			break;
		case WHERE_AND:
			for (uint32_t i = 0; i < n; i++)
				under[i] &= top[i];
			depth--;
			break;
		case WHERE_OR:
			for (uint32_t i = 0; i < n; i++)
				under[i] |= top[i];
			depth--;
			break;
		case WHERE_NOT:
			for (uint32_t i = 0; i < n; i++)
				top[i] ^= 1;
			break;
		case WHERE_IF_NONE:
			if (!memchr(top, 1, n))
				pc = op->arg - 1;
			break;
		case WHERE_IF_ALL:
			if (!memchr(top, 0, n))
				pc = op->arg - 1;
			break;
		}
	}
	return w->stack[0];
}

/* ---- blocks ---- */

static bool maybe_words(const struct where *w, const struct where_test *t, uint64_t sketch)
{
	if (t->kind != TEST_WORDS)
		return true;
	for (uint32_t i = t->first; i < t->first + t->n; i++)
		if (sketch & skbx_sketch(w->words[i].p, w->words[i].len))
			return true;
	return false;
}

/* An address, or a port, in the sketch of flows. */
static bool maybe_flow(const struct where *w, const struct where_test *t,
		       const struct skbx_summary *s)
{
	enum { PORTS_MAX = 64 }; /* of a range that are looked up */
	uint32_t i;

	if (t->kind == TEST_KEY) {
		for (i = t->first; i < t->first + t->n; i++) {
			const struct where_keys *k = &w->keys[i];
			size_t len = k->from[0] == FIELD_KEY_IP4 ? 4 : 16;

			uint8_t mapped[16] = {[10] = 0xff, 0xff};

			if (memcmp(k->from, k->to, sizeof(k->to)) != 0 ||
			    skbx_flow_maybe(s, k->from + 1, len))
				return true;
			memcpy(mapped + 12, k->from + 1, 4);
			if (len == 4 && skbx_flow_maybe(s, mapped, sizeof(mapped)))
				return true;
		}
		return false;
	}
	if (t->kind != TEST_INT || t->is_masked)
		return true;
	for (i = t->first; i < t->first + t->n; i++) {
		const struct where_range *r = &w->ranges[i];

		if (r->to - r->from >= PORTS_MAX)
			return true;
		for (uint64_t port = r->from; port <= r->to && port <= UINT16_MAX; port++)
			if (skbx_flow_maybe(s, (uint8_t[]){(uint8_t)(port >> 8), (uint8_t)port}, 2))
				return true;
	}
	return false;
}

static bool maybe_time(const struct where *w, const struct where_test *t,
		       const struct skbx_summary *s)
{
	if (t->kind != TEST_INT || t->is_masked)
		return true;
	for (uint32_t i = t->first; i < t->first + t->n; i++)
		if (w->ranges[i].from <= s->last_ns && w->ranges[i].to >= s->first_ns)
			return true;
	return false;
}

/* Whether the test can be true for an event of the block. */
static bool maybe_test(const struct where *w, const struct where_test *t,
		       const struct skbx_summary *s)
{
	const uint64_t of_kernel = EV_SECTION_BIT(kernel), of_diag = EV_SECTION_BIT(diag),
		       of_drop = EV_SECTION_BIT(skb_drop);
	const struct schema_field *f = t->from.schema;
	uint64_t sections = t->kind == TEST_SECTIONS ? t->sections : 0;

	if (t->kind != TEST_SECTIONS && !f) {
		switch (t->from.packet) {
		case PACKET_IP_SRC:
		case PACKET_IP_DST:
		case PACKET_ARP_SRC:
		case PACKET_ARP_DST:
		case PACKET_TCP_SPORT:
		case PACKET_TCP_DPORT:
		case PACKET_UDP_SPORT:
		case PACKET_UDP_DPORT:
		case PACKET_SCTP_SPORT:
		case PACKET_SCTP_DPORT: return maybe_flow(w, t, s);
		default: return true;
		}
	}
	if (f)
		sections = UINT64_C(1) << f->section;
	if ((sections == of_kernel && !s->packets) || (sections == of_diag && !s->sockets) ||
	    (sections == of_drop && !s->drops))
		return false;
	if (!f)
		return true;
	switch (f->section) {
	case EV_kernel: return f->bit != EVI_kernel_symbol || maybe_words(w, t, s->probes);
	case EV_skb_drop: return f->bit != EVI_skb_drop_drop_reason || maybe_words(w, t, s->drops);
	case EV_common: return f->bit != EVI_common_timestamp || maybe_time(w, t, s);
	case EV_diag:
		return (f->bit != EVI_diag_src && f->bit != EVI_diag_dst &&
			f->bit != EVI_diag_sport && f->bit != EVI_diag_dport) ||
		       maybe_flow(w, t, s);
	case EV_sock:
		return (f->bit != EVI_sock_src && f->bit != EVI_sock_dst &&
			f->bit != EVI_sock_sport && f->bit != EVI_sock_dport) ||
		       maybe_flow(w, t, s);
	default: return true;
	}
}

bool where_maybe(const struct where *w, const struct skbx_summary *s)
{
	/* of each entry: whether it can be true (1), and whether it can be false (2) */
	uint8_t stack[2 * WHERE_DEPTH_MAX + 8];
	uint32_t depth = 0;

	for (uint32_t pc = 0; pc < w->n_ops; pc++) {
		uint8_t top = depth ? stack[depth - 1] : 0,
			under = depth > 1 ? stack[depth - 2] : 0;

		switch (w->ops[pc].code) {
		case WHERE_TEST:
			if (depth == sizeof(stack))
				return true;
			stack[depth++] = maybe_test(w, &w->tests[w->ops[pc].arg], s) ? 3 : 2;
			break;
		case WHERE_AND:
			stack[--depth - 1] = (uint8_t)((top & under & 1) | ((top | under) & 2));
			break;
		case WHERE_OR:
			stack[--depth - 1] = (uint8_t)(((top | under) & 1) | (top & under & 2));
			break;
		case WHERE_NOT: stack[depth - 1] = (uint8_t)((top & 1) << 1 | top >> 1); break;
		default: break;
		}
	}
	return stack[0] & 1;
}
