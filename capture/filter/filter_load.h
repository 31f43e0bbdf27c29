/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of the command line, compiled once and put into the program of every probe. A packet
 * filter is compiled twice: for packets that have a link layer header (Ethernet) and for those that
 * have just a network header; a program that has neither does not match.
 */
#ifndef CAPTURE_FILTER_LOAD_H
#define CAPTURE_FILTER_LOAD_H

#include "capture/filter/filter_code.h"
#include "formats/error.h"

struct btf;

struct filter {
	struct filter_code code;    /* n 0: there is no filter */
	bool has_link, has_network; /* the packet filter can match packets with such a header */
};

/*
 * Compiles; either text may be NULL. vmlinux is borrowed for the call. 0; -EINVAL, -ENOENT, -E2BIG,
 * -EOPNOTSUPP or -ENOMEM with err->text naming the option. Ended by filter_close(), which may be given a
 * zeroed struct.
 */
int filter_open(struct filter *f, const char *packet, const char *meta, const struct btf *vmlinux,
		struct skbox_error *err);
void filter_close(struct filter *f);

/*
 * Puts the filter in the place of the template's subprogram, the last one of its instructions;
 * without a filter (NULL, or n 0) the subprogram and the call of it go away. Instructions that have
 * no call stay as they are. *insns was malloc()ed and may move. -ENOMEM, or -EINVAL (not a template).
 */
int filter_apply(const struct filter *f, struct bpf_insn **insns, size_t *n);

#endif
