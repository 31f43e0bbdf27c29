/* SPDX-License-Identifier: BSD-2-Clause */
/* The work of skbox anonymize, for other commands that share recordings. */
#ifndef ANALYZE_ANONYMIZE_H
#define ANALYZE_ANONYMIZE_H

#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"

struct anonymize_options {
	const char *out;
	const char *key;   /* file with a secret; NULL: a random one that nobody keeps */
	unsigned int keep; /* ANONYMIZE_KEEP_ bits */
	unsigned int also; /* ANONYMIZE_ALSO_ bits */
};

enum { ANONYMIZE_KEEP_PAYLOAD = 1, ANONYMIZE_KEEP_VENDOR = 2 };
enum { ANONYMIZE_ALSO_PORTS = 1, ANONYMIZE_ALSO_VLANS = 2 };

/* Rows of an option table whose config struct has `struct anonymize_options member`. */
#define ANONYMIZE_OPTIONS(config, member)                                                          \
	OPTION(STRING, config, member.key, "key", 'k', "FILE",                                     \
	       "the secret of the mapping: the same file gives the same mapping again (default: "  \
	       "random, and forgotten)"),                                                          \
		OPTION(CALL, config, member.keep, "keep", 0, "LIST",                               \
		       "of payload (of packets, behind the last header) and vendor (the first "    \
		       "half of MAC addresses), with commas",                                      \
		       .parse = anonymize_parse_keep),                                             \
		OPTION(CALL, config, member.also, "also", 0, "LIST",                               \
		       "of ports and vlans, with commas: numbers that stay otherwise",             \
		       .parse = anonymize_parse_also)

bool anonymize_parse_keep(const char *text, void *member, char *why, size_t why_size);
bool anonymize_parse_also(const char *text, void *member, char *why, size_t why_size);

/*
 * Reads the inputs, writes options->out, reads it back and searches it for what was replaced. The exit code:
 * 1 where something of it is left; messages are already on standard error. bytes: size of the output; may be NULL.
 */
int anonymize_run(const struct anonymize_options *options, char *const *inputs, size_t n,
		  uint64_t *bytes);

#endif
