/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line of skbox-capture asks for. */
#ifndef CAPTURE_CONFIG_H
#define CAPTURE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/config/profile.h"
#include "capture/file/rotate.h"
#include "cli/options.h"
#include "formats/text/text.h"

struct config {
	struct option_list probes, netns; /* netns: none: ours */
	struct option_list profiles, profile_dirs;
	struct option_list
		profile_probes; /* of the profiles: one that cannot be attached is skipped */
	struct profile *loaded; /* the profiles, whose words the options point into; owned */
	size_t n_loaded;
	const char *out; /* NULL: events are printed */
	const char *list_probes;
	const char *btf;                         /* the kernel's types; NULL: it has them itself */
	const char *packet_filter, *meta_filter; /* NULL: none */
	uint64_t snaplen, buffer, count, duration_ns, sockets_ns, socket_lookups;
	uint64_t max_cpu; /* percent of a processor; 0: no limit */
	bool compat, force, print, no_sockets, stack;
	bool check, json;   /* --check, and its output */
	bool sock, ct, nft; /* of --collect */
	struct rotate_limits rotate;
	uint64_t keep, min_free;
	const char *nft_verdicts;  /* names, commas between them; NULL: drop,accept */
	uint32_t nft_verdict_mask; /* 1 << (code + NFT_VERDICT_FIRST) */
	const char *collect;       /* names of sections, commas between them */
	struct text_options text;  /* of --print */
	int format, layout;        /* index of the choices */
	int scope;                 /* enum scope (bpf/event.h) */
	char **command;            /* NULL at its end; NULL: none */
	char *cmdline;             /* argv, joined; owned */
};

enum config_result { CONFIG_RUN, CONFIG_DONE, CONFIG_WRONG };

/* The table of the options, for completions. */
const struct option_row *config_rows(size_t *n);

/* Reads argv; --help and --version are answered here (CONFIG_DONE). Ended by config_fini(). */
enum config_result config_parse(struct config *c, int argc, char **argv);
void config_fini(struct config *c);

#endif
