/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/json_event.h"

#include <arpa/inet.h>

#include "formats/base64.h"
#include "formats/json.h"
#include "formats/schema.h"

static void put_base64(struct buf *out, const void *p, size_t len)
{
	buf_u8(out, '"');
	base64_put(out, p, len);
	buf_u8(out, '"');
}

/* 4 bytes are IPv4, 16 are IPv6; what else claims to be an address is shown as bytes. */
static void put_address(struct buf *out, struct ev_str s)
{
	char text[INET6_ADDRSTRLEN];

	if ((s.len == 4 || s.len == 16) &&
	    inet_ntop(s.len == 4 ? AF_INET : AF_INET6, s.p, text, sizeof(text)))
		json_put_string(out, text, strlen(text));
	else
		put_base64(out, s.p, s.len);
}

static void put_mac(struct buf *out, struct ev_str s)
{
	buf_u8(out, '"');
	for (uint32_t i = 0; i < s.len; i++)
		buf_printf(out, i ? ":%02x" : "%02x", (uint8_t)s.p[i]);
	buf_u8(out, '"');
}

/* As Open vSwitch writes it: the first 16 bytes are four words, little-endian. */
static void put_ufid(struct buf *out, struct ev_str s)
{
	uint32_t w[4] = {0};

	if (s.len != 16) {
		put_base64(out, s.p, s.len);
		return;
	}
	for (unsigned int i = 0; i < 16; i++)
		w[i / 4] |= (uint32_t)(uint8_t)s.p[i] << (8 * (i % 4));
	buf_printf(out, "\"%08x-%04x-%04x-%04x-%04x%08x\"", w[0], w[1] >> 16, w[1] & 0xffff,
		   w[2] >> 16, w[2] & 0xffff, w[3]);
}

static void put_string(const struct schema_field *f, struct ev_str s, struct buf *out)
{
	switch (f->base) {
	case SCHEMA_ADDR: put_address(out, s); break;
	case SCHEMA_MAC: put_mac(out, s); break;
	case SCHEMA_UFID: put_ufid(out, s); break;
	case SCHEMA_RAW: put_base64(out, s.p, s.len); break;
	default: json_put_string(out, s.p, s.len); break;
	}
}

static void put_list(const struct schema_field *f, struct ev_list l, struct buf *out)
{
	buf_u8(out, '[');
	for (uint32_t i = 0; i < l.n; i++) {
		if (i)
			buf_u8(out, ',');
		put_string(f, l.v[i], out);
	}
	buf_u8(out, ']');
}

void json_event_put_value(const struct schema_field *f, const void *row, struct buf *out)
{
	const void *at = (const uint8_t *)row + f->offset;
	const struct ev_bytes *bytes = at;

	switch (f->type) {
	case SCHEMA_STR: put_string(f, *(const struct ev_str *)at, out); break;
	case SCHEMA_BYTES: put_base64(out, bytes->p, bytes->len); break;
	case SCHEMA_LIST: put_list(f, *(const struct ev_list *)at, out); break;
	case SCHEMA_BOOL: buf_str(out, *(const bool *)at ? "true" : "false"); break;
	case SCHEMA_I32:
	case SCHEMA_I64: buf_int(out, (int64_t)schema_get(f, row)); break;
	default: buf_dec(out, schema_get(f, row)); break;
	}
}

static void put_section(const struct schema_section *sec, const void *row, struct buf *out)
{
	uint64_t has = *(const uint64_t *)row;
	bool any = false;

	json_put_key(out, sec->name);
	buf_u8(out, '{');
	for (unsigned int i = 0; i < sec->n_fields; i++) {
		if (!(has >> sec->fields[i].bit & 1))
			continue;
		if (any)
			buf_u8(out, ',');
		json_put_key(out, sec->fields[i].name);
		json_event_put_value(&sec->fields[i], row, out);
		any = true;
	}
	buf_u8(out, '}');
}

void json_event_put(const struct ev *ev, struct buf *out)
{
	bool any = false;

	buf_u8(out, '{');
	for (uint64_t left = ev->sections; left; left &= left - 1) {
		int s = __builtin_ctzll(left);

		if (any)
			buf_u8(out, ',');
		put_section(&schema_sections[s], ev->row[s], out);
		any = true;
	}
	buf_str(out, "}\n");
}
