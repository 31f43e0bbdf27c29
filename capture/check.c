/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/check.h"

#include <errno.h>
#include <string.h>

#include "cli/terminal.h"
#include "formats/json.h"

static void put_pair(struct buf *b, const char *key, const char *value)
{
	buf_u8(b, ',');
	json_put_key(b, key);
	json_put_string(b, value, strlen(value));
}

static void put_json(struct buf *b, const struct probe *p, const char *word)
{
	buf_u8(b, '{');
	json_put_key(b, "probe");
	json_put_string(b, word, strlen(word));
	buf_u8(b, ',');
	json_put_key(b, "attached");
	buf_str(b, p->how ? "true" : "false");
	if (p->how)
		put_pair(b, "how", p->how);
	else
		put_pair(b, "reason", p->reason);
	buf_u8(b, '}');
}

int check_print(const struct probes *p, bool json)
{
	const char *tracking = p->exact ? "exact" : "heuristic";
	char word[PROBE_SYMBOL_MAX + 16];
	struct terminal_out out;
	bool first = true;
	int ret = 0;

	terminal_open(&out, false);
	if (json)
		buf_str(&out.buf, "{\"probes\":[");
	for (size_t i = 0; i < p->n; i++) {
		const struct probe *v = &p->v[i];

		if (v->internal)
			continue;
		probe_word(v, word);
		if (v->named && !v->how)
			ret = 1;
		if (json) {
			if (!first)
				buf_u8(&out.buf, ',');
			put_json(&out.buf, v, word);
		} else if (v->how) {
			buf_printf(&out.buf, "%s attaches (%s)\n", word, v->how);
		} else {
			buf_printf(&out.buf, "%s does not attach: %s\n", word, v->reason);
		}
		first = false;
	}
	if (json) {
		buf_u8(&out.buf, ']');
		put_pair(&out.buf, "tracking", tracking);
		buf_str(&out.buf, "}\n");
	} else {
		buf_printf(&out.buf, "ids of packets: %s\n", tracking);
	}
	return terminal_close(&out) ? -EIO : ret;
}
