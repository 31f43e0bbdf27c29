/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/file/inventory.h"
#include "cli/terminal.h"

static const char *const default_probes[] = {"tp:net:netif_receive_skb",
					     "tp:net:net_dev_start_xmit"};

void plan_free(struct plan *plan)
{
	free(plan->skipped);
	*plan = (struct plan){0};
}

static int skip(struct plan *plan, const char *word, const char *reason, struct skbox_error *err)
{
	struct plan_skipped *v = realloc(plan->skipped, (plan->n + 1) * sizeof(*v));
	size_t len = strlen(word);

	if (!v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	plan->skipped = v;
	v += plan->n++;
	v->word = word;
	/* messages about a word begin with it */
	if (!strncmp(reason, word, len) && !strncmp(reason + len, ": ", 2))
		reason += len + 2;
	snprintf(v->reason, sizeof(v->reason), "%s", reason);
	terminal_error("not attached: %s: %s", word, v->reason);
	return 0;
}

/* Without its stack, where there are none. */
static int add_plain(struct probes *probes, const char *word, struct skbox_error *err)
{
	size_t len = strcspn(word, "/");
	char plain[PROBE_SYMBOL_MAX + 16];
	struct skbox_error ignored = {0};

	if (strcmp(word + len, "/stack") || len >= sizeof(plain))
		return err->code;
	snprintf(plain, sizeof(plain), "%.*s", (int)len, word);
	if (probes_add(probes, plain, &ignored))
		return err->code;
	terminal_error("%s: recorded without stacks", word);
	return 0;
}

static int add_of_profile(struct plan *plan, struct probes *probes, const char *word,
			  struct skbox_error *err)
{
	struct skbox_error why = {0};
	size_t before = probes->n;
	int rc = probes_add(probes, word, &why);

	if (rc)
		rc = add_plain(probes, word, &why);
	if (rc == -ENOMEM || rc == -E2BIG) {
		*err = why;
		return rc;
	}
	if (rc)
		return skip(plan, word, why.text, err);
	/* nobody asked for it by name: what cannot be attached is left out */
	for (size_t i = before; i < probes->n; i++)
		probes->v[i].named = false;
	return 0;
}

int plan_make(struct plan *plan, const struct config *c, struct probes *probes,
	      struct skbox_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < c->profile_probes.n && !rc; i++)
		rc = add_of_profile(plan, probes, c->profile_probes.v[i], err);
	for (size_t i = 0; i < c->probes.n && !rc; i++)
		rc = probes_add(probes, c->probes.v[i], err);
	if (rc)
		return rc;
	if (plan->n && !probes->n)
		return error_set(err, -ENOENT, 0, "this kernel has none of the profile's probes");
	for (size_t i = 0; i < sizeof(default_probes) / sizeof(default_probes[0]); i++)
		if (!rc && !c->probes.n && !c->profile_probes.n)
			rc = probes_add(probes, default_probes[i], err);
	return rc;
}

void plan_add_skipped(const struct plan *plan, struct ev_batch *b)
{
	static const struct {
		const char *prefix, *type;
	} types[] = {{"tp:", "raw_tracepoint"},   {"kprobe:", "kprobe"},
		     {"kretprobe:", "kretprobe"}, {"fentry:", "kprobe"},
		     {"fexit:", "kretprobe"},     {"", "kprobe"}};

	for (size_t i = 0; i < plan->n; i++) {
		const char *word = plan->skipped[i].word;
		struct ev_common *common;
		struct ev_probe *row;
		size_t t = 0;

		while (strncmp(word, types[t].prefix, strlen(types[t].prefix)))
			t++;
		word += strlen(types[t].prefix);
		ev_batch_begin(b);
		common = EV_ADD(b, common);
		EV_SET(common, common, timestamp, inventory_now_ns());
		row = EV_ADD(b, probe);
		EV_SET(row, probe, type, ev_text(b, types[t].type));
		EV_SET(row, probe, symbol, ev_string(b, word, strcspn(word, "/")));
		EV_SET(row, probe, attached, false);
		EV_SET(row, probe, reason, ev_text(b, plan->skipped[i].reason));
	}
}
