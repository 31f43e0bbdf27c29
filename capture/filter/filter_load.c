/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/filter/filter_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/event.h"
#include "capture/filter/filter_cbpf.h"
#include "capture/filter/filter_meta.h"

/* libpcap's instruction has the name of the kernel's */
#define bpf_insn pcap_insn
#include <pcap/pcap.h>
#undef bpf_insn

enum { SNAP = 262144 /* libpcap's MAXIMUM_SNAPLEN: a verdict of 0 is none of a match */ };

_Static_assert(sizeof(struct sock_filter) == sizeof(struct pcap_insn) &&
		       offsetof(struct sock_filter, k) == offsetof(struct pcap_insn, k),
	       "one layout, two names");

/* ---- packets ---- */

/* `ether[...]` and `link[...]` compile for raw IP too, but mean bytes that are not there. */
static bool wants_link_bytes(const char *text)
{
	static const char *const words[] = {"ether", "link"};

	for (size_t i = 0; i < 2; i++)
		for (const char *p = text; (p = strstr(p, words[i]));) {
			p += strlen(words[i]);
			if (p[strspn(p, " \t\n")] == '[')
				return true;
		}
	return false;
}

/* The classic program for a link type; -EINVAL with err->text when there is none. */
static int compile(const char *text, int dlt, struct bpf_program *prog, struct skbox_error *err)
{
	pcap_t *dead = pcap_open_dead(dlt, SNAP);
	int rc = 0;

	if (!dead)
		return error_set(err, -ENOMEM, 0, "out of memory");
	if (pcap_compile(dead, prog, text, 1, PCAP_NETMASK_UNKNOWN))
		rc = error_set(err, -EINVAL, 0, "-f: %s%s", pcap_geterr(dead),
			       strstr(pcap_geterr(dead), "syntax error")
				       ? "; pcap-filter(7) is the manual"
				       : "");
	pcap_close(dead);
	return rc;
}

static int translate(const struct bpf_program *prog, struct filter_code *c, uint32_t accept,
		     uint32_t reject, struct skbox_error *err)
{
	struct skbox_error why = {0};
	int rc = filter_cbpf_translate((const struct sock_filter *)prog->bf_insns, prog->bf_len, c,
				       accept, reject, &why);

	return rc ? error_set(err, rc, why.offset, "-f: %s", why.text) : 0;
}

/* To `accept` where the packet matches, else to `reject`. */
static int add_packet(struct filter *f, const char *text, uint32_t accept, uint32_t reject,
		      struct skbox_error *err)
{
	struct bpf_program link = {0}, network = {0};
	uint32_t other = filter_code_label(&f->code);
	int rc = compile(text, DLT_EN10MB, &link, err);

	f->has_link = !rc;
	f->has_network = !wants_link_bytes(text) && !compile(text, DLT_RAW, &network, NULL);
	if (f->has_network)
		rc = 0; /* what is wrong with it for one layer may be right for the other */
	filter_code_mov(&f->code, BPF_REG_6, BPF_REG_2);
	filter_code_mov(&f->code, BPF_REG_9, BPF_REG_3);
	if (!rc && f->has_link) {
		filter_code_jump(&f->code, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, LAYER_LINK,
				 other);
		rc = translate(&link, &f->code, accept, reject, err);
		filter_code_place(&f->code, other);
	}
	if (!rc && f->has_network) {
		filter_code_jump(&f->code, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, LAYER_NETWORK,
				 reject);
		rc = translate(&network, &f->code, accept, reject, err);
	}
	filter_code_goto(&f->code, reject);
	pcap_freecode(&link);
	pcap_freecode(&network);
	return rc;
}

/* ---- both ---- */

static int add_meta(struct filter *f, const char *text, const struct btf *vmlinux, uint32_t accept,
		    uint32_t reject, struct skbox_error *err)
{
	struct filter_meta *m = malloc(sizeof(*m));
	struct skbox_error why = {0};
	struct filter_types types;
	int rc;

	if (!m)
		return error_set(err, -ENOMEM, 0, "out of memory");
	filter_types_init(&types, vmlinux);
	rc = filter_meta_parse(m, text, &types, &why);
	if (!rc)
		rc = filter_meta_translate(m, &f->code, accept, reject, &why);
	if (rc)
		error_set(err, rc, why.offset, "-m: %s", why.text);
	filter_types_fini(&types);
	free(m);
	return rc;
}

int filter_open(struct filter *f, const char *packet, const char *meta, const struct btf *vmlinux,
		struct skbox_error *err)
{
	struct filter_code *c = &f->code;
	uint32_t matches, accept, reject;
	int rc = 0;

	*f = (struct filter){0};
	filter_code_init(c);
	if (!packet && !meta)
		return 0;
	matches = filter_code_label(c);
	accept = filter_code_label(c);
	reject = filter_code_label(c);
	filter_code_emit(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_1, FILTER_SKB, 0);
	filter_code_emit(c, BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_4, FILTER_LEN, 0);
	if (packet) {
		rc = add_packet(f, packet, meta ? matches : accept, reject, err);
		filter_code_place(c, matches);
	}
	if (!rc && meta)
		rc = add_meta(f, meta, vmlinux, accept, reject, err);
	filter_code_place(c, accept);
	filter_code_return(c, 1);
	filter_code_place(c, reject);
	filter_code_return(c, 0);
	if (!rc && c->failed)
		rc = error_set(err, -ENOMEM, 0, "out of memory for the filter");
	if (rc)
		filter_close(f);
	return rc;
}

void filter_close(struct filter *f)
{
	filter_code_free(&f->code);
	*f = (struct filter){0};
}

int filter_apply(const struct filter *f, struct bpf_insn **insns, size_t *n)
{
	size_t calls = 0, at = 0, body;
	struct bpf_insn *v = *insns;

	for (size_t i = 0; i < *n; i++)
		if (v[i].code == (BPF_JMP | BPF_CALL) && v[i].src_reg == BPF_PSEUDO_CALL) {
			at = i;
			calls++;
		}
	if (!calls)
		return 0;
	body = at + 1 + (size_t)v[at].imm;
	if (calls != 1 || v[at].imm < 0 || body >= *n)
		return -EINVAL;
	if (!f || !f->code.n) {
		v[at] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K,
					  .dst_reg = BPF_REG_0};
		*n = body;
		return 0;
	}
	v = realloc(v, (body + f->code.n) * sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v + body, f->code.v, f->code.n * sizeof(*v));
	*insns = v;
	*n = body + f->code.n;
	return 0;
}
