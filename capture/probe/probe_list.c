/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/probe_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/probe/kallsyms.h"
#include "capture/probe/probe_load.h"
#include "cli/terminal.h"

/* Types may have functions that the kernel does not have any more, or several of one name. */
static int forget_unknown(struct probes *p)
{
	struct kallsym_wanted *v = calloc(p->n + 1, sizeof(*v));
	struct kallsyms k;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind != PROBE_TP)
			v[n++] = (struct kallsym_wanted){.name = p->v[i].symbol, .index = i};
	if (n && !kallsyms_init(&k, NULL)) {
		kallsyms_resolve(&k, v, n);
		for (size_t i = 0; i < n; i++)
			if (v[i].found != 1)
				*p->v[v[i].index].symbol = '\0';
	}
	if (n)
		kallsyms_fini(&k);
	free(v);
	return 0;
}

static void put(const struct probes *p, struct buf *out)
{
	char word[PROBE_SYMBOL_MAX + 16];

	for (size_t i = 0; i < p->n; i++)
		if (*p->v[i].symbol)
			buf_printf(out, "%s\n", probe_word(&p->v[i], word));
}

/* Fails where this kernel has no probes of the kind that the word has. */
static int check_kind(struct probes *p, const char *word, struct skbox_error *err)
{
	char reason[PROBE_REASON_MAX];
	enum probe_kind kind = probe_kind_of(word);

	if (kind == PROBE_KINDS || probes_offer(p, kind, reason, sizeof(reason)))
		return 0;
	return error_set(err, -ENOENT, 0, "%.80s: %s", word, reason);
}

int probe_list_put(struct buf *out, const char *word, const char *btf, struct skbox_error *err)
{
	struct tracepoints kernel;
	struct probes p = {0};
	int rc = tracepoints_init(&kernel, btf, err);

	if (!rc)
		rc = probes_init(&p, &kernel, err);
	if (!rc)
		rc = check_kind(&p, word, err);
	if (!rc)
		rc = probe_kind_of(word) == PROBE_KINDS ? probes_add_any(&p, word, err)
							: probes_add(&p, word, err);
	if (!rc)
		rc = forget_unknown(&p);
	if (!rc)
		put(&p, out);
	probes_fini(&p);
	tracepoints_fini(&kernel);
	return rc;
}

int probe_list_print(const char *word, const char *btf, struct skbox_error *err)
{
	struct terminal_out out;
	int rc;

	terminal_open(&out, false);
	rc = probe_list_put(&out.buf, word, btf, err);
	if (terminal_close(&out) && !rc)
		rc = -EIO;
	if (rc != -ENOENT)
		return rc;
	terminal_error("%s", err->text);
	return 1;
}
