/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/probe/probe_load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "bpf/record.skel.h"
#include "bpf/record_plain.skel.h"

enum {
	LOG_BYTES = 256 * 1024,
	RING_MIN_BYTES = 4096,
	RING_MIN_RECORDS = 4,
	ENTRIES_MAX = 8192,       /* calls of probed functions that go on at one time */
	RING_MAX_BYTES = 1 << 28, /* the verifier follows offsets up to 2^29 only */
};

size_t probes_ring_stride(const struct probes *p)
{
	/* room behind the end for the largest record that begins before it */
	return sizeof(struct ring_area) + p->ring_bytes + RING_SPACE(SNAPLEN_MAX + EXTRA_MAX);
}

int probes_areas_fd(const struct probes *p)
{
	return bpf_map__fd(p->bpf->maps.areas);
}

/* ---- maps and templates ---- */

static char last_warning[256]; /* what libbpf said last: its return codes alone say little */

static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(last_warning, sizeof(last_warning), format, args);
		last_warning[strcspn(last_warning, "\n")] = '\0';
	}
	return 0;
}

/* How many rings and how large: powers of two that hold some records of the largest kind each. */
static void size_rings(struct probes *p, const struct probe_options *o)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN), page = sysconf(_SC_PAGESIZE);
	size_t size = page > RING_MIN_BYTES ? (size_t)page : RING_MIN_BYTES;
	size_t extra = p->wants_stacks || o->sock || o->ct || o->nft ? EXTRA_MAX : 0;

	p->rings = online < 1 ? 1 : online > (long)p->cpus ? p->cpus : (uint32_t)online;
	while (size < RING_MIN_RECORDS * RING_SPACE(o->snaplen + extra))
		size *= 2;
	while (size * 2 * p->rings <= o->buffer && size < RING_MAX_BYTES)
		size *= 2;
	p->ring_bytes = size;
}

/* Whether programs can compare and swap (5ffa25502b5a, 5.12). */
static bool has_cmpxchg(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1},
		{.code = BPF_STX | BPF_ATOMIC | BPF_DW,
		 .dst_reg = BPF_REG_10,
		 .src_reg = BPF_REG_1,
		 .off = -8,
		 .imm = BPF_CMPXCHG},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "skbox_try", "Dual BSD/GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int ring_error(int rc, size_t size, struct skbox_error *err)
{
	if (rc == -EPERM)
		return error_set(err, rc, 0, "the kernel does not let us make BPF maps");
	return error_set(err, rc, 0, "making a ring of %zu bytes: %s%s", size, strerror(-rc),
			 rc == -EINVAL ? " (ring buffers need Linux 5.8)" : "; see --buffer");
}

static int make_kernel_rings(struct probes *p, struct skbox_error *err)
{
	p->ring_fds = malloc(p->rings * sizeof(*p->ring_fds));
	if (!p->ring_fds)
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (uint32_t i = 0; i < p->rings; i++)
		p->ring_fds[i] = -1;
	for (uint32_t i = 0; i < p->rings; i++) {
		p->ring_fds[i] = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "skbox_ring", 0, 0,
						(uint32_t)p->ring_bytes, NULL);
		if (p->ring_fds[i] < 0)
			return ring_error(-errno, p->ring_bytes, err);
	}
	return 0;
}

struct bpf_program *probe_template(const struct record_bpf *b, bool internal, bool btf, bool own)
{
	if (internal)
		return btf ? b->progs.end_btf : b->progs.end_raw;
	if (own)
		return btf ? b->progs.probe_btf : b->progs.probe_raw;
	return btf ? b->progs.probe_btf_old : b->progs.probe_raw_old;
}

static int size_maps(const struct probes *p, struct record_bpf *b)
{
	bpf_map__set_max_entries(b->maps.counters, (uint32_t)p->n * p->cpus);
	bpf_map__set_map_flags(b->maps.counters, BPF_F_MMAPABLE);
	if (p->wants_stacks) {
		bpf_map__set_max_entries(b->maps.stacks, STACKS_MAX);
		bpf_map__set_max_entries(b->maps.stacks_more, STACKS_MAX);
	}
	if (p->wants_functions)
		bpf_map__set_max_entries(b->maps.entries, ENTRIES_MAX);
	bpf_map__set_autocreate(b->maps.rings, !p->own_rings);
	bpf_map__set_autocreate(b->maps.areas, p->own_rings);
	if (p->own_rings) {
		bpf_map__set_max_entries(b->maps.areas, p->rings);
		return bpf_map__set_value_size(b->maps.areas, (uint32_t)probes_ring_stride(p));
	}
	bpf_map__set_max_entries(b->maps.rings, p->cpus);
	/* before 134fede4eecf (5.10) the rings must have the size of the template's ring */
	return bpf_map__set_inner_map_fd(b->maps.rings, p->ring_fds[0]);
}

/* Nothing is wanted, no argument is known. */
static const struct probe_config probe_no_config = {
	.skb = -1,
	.reason = -1,
	.sk = -1,
	.dev = -1,
	.net = -1,
	.ret = -1,
	.sp = -1,
	.nft_info = -1,
	.nft_pkt = -1,
	.nft_chain = -1,
	.nft_rule = -1,
	.nft_verdict = -1,
	.nft_type = -1,
	.args = {-1, -1, -1, -1, -1, -1, -1},
};

/* For a kernel without types of its own: with those of a file, and programs that need no others. */
static struct record_bpf *open_plain(const char *btf_path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf_path);
	struct record_bpf *b = calloc(1, sizeof(*b));

	if (!b || record_bpf__create_skeleton(b)) {
		free(b);
		return NULL;
	}
	/* the same maps and programs by name: see bpf/record_plain.bpf.c */
	b->skeleton->data = (void *)record_plain_bpf__elf_bytes(&b->skeleton->data_sz);
	if (bpf_object__open_skeleton(b->skeleton, &opts)) {
		record_bpf__destroy(b);
		return NULL;
	}
	return b;
}

static struct record_bpf *open_templates(struct probes *p, bool btf, bool raw)
{
	const char *btf_path = p->kernel->btf_path;
	struct record_bpf *b = btf_path ? open_plain(btf_path) : record_bpf__open();

	if (!b)
		return NULL;
	bpf_program__set_autoload(b->progs.probe_btf, btf && p->own_rings);
	bpf_program__set_autoload(b->progs.probe_btf_old, btf && !p->own_rings);
	bpf_program__set_autoload(b->progs.end_btf, btf);
	bpf_program__set_autoload(b->progs.probe_raw, raw && p->own_rings);
	bpf_program__set_autoload(b->progs.probe_raw_old, raw && !p->own_rings);
	bpf_program__set_autoload(b->progs.end_raw, raw);
	bpf_program__set_autoload(b->progs.probe_kprobe, p->wants_functions && p->own_rings);
	bpf_program__set_autoload(b->progs.probe_kprobe_old, p->wants_functions && !p->own_rings);
	bpf_program__set_autoload(b->progs.probe_kretprobe, p->wants_functions && p->own_rings);
	bpf_program__set_autoload(b->progs.probe_kretprobe_old,
				  p->wants_functions && !p->own_rings);
	bpf_program__set_autoload(b->progs.enter_kprobe, p->wants_functions);
	bpf_program__set_autoload(b->progs.follow_kprobe, p->has_kprobes);
	/* no argument is the packet: the templates end at once and cost the verifier nothing */
	b->rodata->config = probe_no_config;
	if (size_maps(p, b) || record_bpf__load(b)) {
		int rc = errno;

		record_bpf__destroy(b);
		errno = rc;
		return NULL;
	}
	return b;
}

static int give_kernel_rings(const struct probes *p, struct skbox_error *err)
{
	for (uint32_t cpu = 0; cpu < p->cpus; cpu++) {
		int fd = p->ring_fds[cpu % p->rings];

		if (bpf_map_update_elem(bpf_map__fd(p->bpf->maps.rings), &cpu, &fd, 0))
			return error_set(err, -errno, 0, "giving processor %u its ring: %s", cpu,
					 strerror(errno));
	}
	return 0;
}

static int load_templates(struct probes *p, bool compat, struct skbox_error *err)
{
	bool raw = false;
	int rc;

	for (size_t i = 0; i < p->n; i++)
		raw |= p->v[i].kind == PROBE_TP && !p->v[i].tp.btf_id;
	libbpf_set_print(keep_warning);
	p->bpf = compat || p->kernel->btf_path ? NULL : open_templates(p, true, raw);
	p->use_btf = p->bpf;
	if (!p->bpf)
		p->bpf = open_templates(p, false, true);
	if (!p->bpf) {
		rc = errno ? -errno : -EINVAL;
		return error_set(err, rc, 0, "loading into the kernel: %s%s%s", strerror(-rc),
				 *last_warning ? ": " : "", last_warning);
	}
	if (!p->own_rings) {
		rc = give_kernel_rings(p, err);
		if (rc)
			return rc;
	}
	p->counters = mmap(NULL, p->n * p->cpus * sizeof(*p->counters), PROT_READ, MAP_SHARED,
			   bpf_map__fd(p->bpf->maps.counters), 0);
	if (p->counters == MAP_FAILED) {
		p->counters = NULL;
		return error_set(err, -errno, 0, "mapping the counters: %s", strerror(errno));
	}
	p->thin = mmap(NULL, sizeof(*p->thin), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(p->bpf->maps.thin), 0);
	if (p->thin == MAP_FAILED) {
		p->thin = NULL;
		return error_set(err, -errno, 0, "mapping the bound of flows: %s", strerror(errno));
	}
	p->thin->kept = THIN_ALL;
	p->evicted = &p->bpf->bss->tracks_evicted;
	return 0;
}

int probes_load(struct probes *p, const struct probe_options *o, struct skbox_error *err)
{
	int rc = 0;

	p->filter = o->filter;
	size_rings(p, o);
	p->own_rings = !o->compat && has_cmpxchg();
	if (p->own_rings)
		rc = getrandom(&p->secret, sizeof(p->secret), 0) == sizeof(p->secret) ? 0 : -EIO;
	else
		rc = make_kernel_rings(p, err);
	return rc ? rc : load_templates(p, o->compat, err);
}

/* ---- copies ---- */

/* A read-only, frozen map with the constants of one probe: the verifier takes them as known. */
int probe_make_config(const struct probes *p, const struct probe_config *config)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_RDONLY_PROG);
	uint32_t size = bpf_map__value_size(p->bpf->maps.rodata), zero = 0;
	size_t offset =
		(size_t)((const char *)&p->bpf->rodata->config - (const char *)p->bpf->rodata);
	char *value = calloc(1, size);
	int fd = -1, rc = -ENOMEM;

	if (value) {
		memcpy(value + offset, config, sizeof(*config));
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skbox_config", sizeof(zero), size, 1,
				    &opts);
		rc = fd;
		if (fd >= 0)
			rc = bpf_map_update_elem(fd, &zero, value, 0) ? -errno
			     : bpf_map_freeze(fd)                     ? -errno
								      : fd;
	}
	if (rc < 0 && fd >= 0)
		close(fd);
	free(value);
	return rc;
}

/* The template's instructions with the map of its constants replaced; freed by the caller. */
static struct bpf_insn *copy_insns(const struct probes *p, const struct bpf_program *from,
				   int config_fd, size_t *n)
{
	int old = bpf_map__fd(p->bpf->maps.rodata);
	struct bpf_insn *insns;

	*n = bpf_program__insn_cnt(from);
	insns = malloc(*n * sizeof(*insns));
	if (!insns)
		return NULL;
	memcpy(insns, bpf_program__insns(from), *n * sizeof(*insns));
	for (size_t i = 0; i < *n; i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_MAP_VALUE && insns[i].imm == old)
			insns[i].imm = config_fd;
	return insns;
}

/* The last line of a verifier's log that is not about its statistics. */
static void log_reason(char *log, char *text, size_t size)
{
	char *line, *best = NULL, *save = NULL;

	for (line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17))
			best = line;
	snprintf(text, size, "%s", best ? best : "no reason given");
}

int probe_load_copy(const struct probes *p, const struct probe_copy *copy, char *reason,
		    size_t size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	size_t n = 0;
	struct bpf_insn *insns = copy_insns(p, copy->from, copy->config_fd, &n);
	char *log = NULL;
	int rc = 0, fd;

	if (!insns)
		return -ENOMEM;
	rc = filter_apply(p->filter, &insns, &n);
	if (rc) {
		free(insns);
		return rc;
	}
	opts.expected_attach_type = copy->attach_type;
	opts.attach_btf_id = copy->btf_id;
	opts.attach_btf_obj_fd = (uint32_t)copy->module_fd;
	fd = bpf_prog_load(copy->type, copy->name, "Dual BSD/GPL", insns, n, &opts);
	if (fd < 0) {
		rc = -errno;
		log = calloc(1, LOG_BYTES);
		opts.log_buf = log;
		opts.log_size = LOG_BYTES;
		opts.log_level = 1;
		if (log && bpf_prog_load(copy->type, "skbox", "Dual BSD/GPL", insns, n, &opts) < 0)
			log_reason(log, reason, size);
	}
	free(log);
	free(insns);
	return rc ? rc : fd;
}

void probe_explain(struct probe *probe, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(probe->reason, sizeof(probe->reason), format, args);
	va_end(args);
}

static int load_configured(const struct probes *p, struct probe *probe,
			   const struct probe_config *config, struct probe_copy *copy)
{
	probe_close_fd(&probe->config_fd);
	probe->config_fd = probe_make_config(p, config);
	if (probe->config_fd < 0)
		return probe->config_fd;
	copy->config_fd = probe->config_fd;
	probe->prog_fd = probe_load_copy(p, copy, probe->reason, sizeof(probe->reason));
	return probe->prog_fd < 0 ? probe->prog_fd : 0;
}

int probe_load_typed(struct probes *p, struct probe *probe, struct probe_config *config,
		     struct probe_copy *copy)
{
	int rc;

	if (p->has_cast)
		config->features |= PROBE_CAST | (p->no_copy ? 0 : PROBE_COPY);
	rc = load_configured(p, probe, config, copy);
	if (rc && config->features & PROBE_COPY) {
		/* before 6.17: the first probe finds out for all */
		config->features &= ~(uint32_t)PROBE_COPY;
		rc = load_configured(p, probe, config, copy);
		if (!rc) {
			p->no_copy = true;
			*probe->reason = '\0';
		}
	}
	return rc;
}

/* Which facts of facts.h the records of the probe have, and where. */
static void place_facts(struct probe_config *c, const struct probe *probe,
			const struct probe_options *o)
{
	uint32_t at = sizeof(struct record_extra);
	bool bare = c->skb < 0 && probe->args.nft_info < 0;

	if (probe->stack || o->stack)
		c->features |= PROBE_STACK;
	if (bare)
		c->features |= PROBE_BARE;
	/* without a packet the socket is what the event is about */
	if (o->sock || (bare && c->sk >= 0)) {
		c->sock_at = at;
		at += sizeof(struct record_sock);
	}
	if (o->ct && !bare) {
		c->ct_at = at;
		at += sizeof(struct record_ct);
	}
	if (c->nft_info >= 0) {
		c->nft_at = at;
		at += sizeof(struct record_nft);
	}
	if (at > sizeof(struct record_extra) || c->features & PROBE_STACK || c->ret >= 0)
		c->extra = (at + RING_ALIGN - 1) / RING_ALIGN * RING_ALIGN;
}

/* net:net_dev_xmit runs when the packet is gone already; the others (5.3 of what Retis does). */
static bool is_late(const struct probe *probe)
{
	return probe_is_return(probe) || !strcmp(probe->symbol, "net:net_dev_xmit") ||
	       !strcmp(probe->symbol, "skb_release_head_state") ||
	       !strcmp(probe->symbol, "kfree_skbmem");
}

static int slot_of(const int8_t *slots, int n, int argument)
{
	return argument < 0 || argument >= n ? -1 : slots ? slots[argument] : argument;
}

void probe_configure(const struct probes *p, const struct probe *probe,
		     const struct probe_options *o, const struct probe_slots *slots,
		     struct probe_config *c)
{
	const struct arguments *a = &probe->args;
	const int8_t *v = slots ? slots->argument : NULL;
	int n = slots ? slots->n : PROBE_ARGS_MAX;

	*c = probe_no_config;
	c->id = (uint32_t)(probe - p->v);
	c->skb = slot_of(v, n, a->skb);
	c->reason = slot_of(v, n, a->reason);
	c->sk = slot_of(v, n, a->sk);
	c->dev = slot_of(v, n, a->dev);
	c->net = slot_of(v, n, a->net);
	if (slots && slots->by_cookie) {
		/* a packet or none makes a difference, the rest is the cookie's */
		c->skb = c->skb < 0 ? -1 : 0;
		c->reason = c->sk = c->dev = c->net = 0;
		c->sp = slots->sp;
		c->ret = probe_is_return(probe) ? slots->ret : -1;
		for (int i = 0; i < COOKIE_NONE; i++)
			c->args[i] = slot_of(v, n, i);
	} else if (slots) {
		c->sp = slots->sp;
		c->ret = probe_is_return(probe) && a->ret_bytes ? slots->ret : -1;
		if (probe->kind == PROBE_KPROBE && o->nft) {
			c->nft_verdicts = o->nft_verdicts;
			c->nft_info = slot_of(v, n, a->nft_info);
			c->nft_pkt = slot_of(v, n, a->nft_pkt);
			c->nft_chain = slot_of(v, n, a->nft_chain);
			c->nft_rule = slot_of(v, n, a->nft_rule);
			c->nft_verdict = slot_of(v, n, a->nft_verdict);
			c->nft_type = slot_of(v, n, a->nft_type);
		}
	}
	c->snaplen = o->snaplen;
	c->features = o->track ? PROBE_TRACK : 0;
	if (o->track && p->exact)
		c->features |= PROBE_EXACT;
#if defined(__x86_64__)
	c->features |= PROBE_TSO;
#endif
	c->cpus = p->cpus;
	c->rings = p->rings;
	c->ring_bytes = (uint32_t)p->ring_bytes;
	c->secret = p->secret;
	c->scope = o->scope;
	c->scope_inum = o->scope_inum;
	c->scope_id = o->scope_id;
	if (p->filter && p->filter->code.n)
		c->features |= PROBE_FILTER;
	if (o->thin)
		c->features |= PROBE_THIN;
	if (p->exact && is_late(probe))
		c->features |= PROBE_OLD;
	place_facts(c, probe, o);
}

static int load_tracepoint(struct probes *p, struct probe *probe, const struct probe_options *o)
{
	bool btf = p->use_btf && probe->tp.btf_id;
	struct probe_copy copy = {
		.from = probe_template(p->bpf, probe->internal, btf, p->own_rings),
		.type = btf ? BPF_PROG_TYPE_TRACING : BPF_PROG_TYPE_RAW_TRACEPOINT,
		.attach_type = btf ? BPF_TRACE_RAW_TP : 0,
		.btf_id = btf ? probe->tp.btf_id : 0,
		.name = probe->internal ? "skbox_end" : "skbox",
	};
	struct probe_config config;

	probe_configure(p, probe, o, NULL, &config);
	probe->place = probe_place(&config);
	if (probe->args.skb >= PROBE_ARGS_MAX) {
		probe_explain(probe, "its packet is argument %d, behind the %d that are looked at",
			      probe->args.skb + 1, PROBE_ARGS_MAX);
		return -E2BIG;
	}
	if (o->track && !p->exact && probe_is_end(&probe->tp))
		config.features |= PROBE_END;
	if (!bpf_program__autoload(copy.from)) {
		probe_explain(probe, "its module has no types that this kernel offers");
		return -EOPNOTSUPP;
	}
	return probe_load_typed(p, probe, &config, &copy);
}

void probe_load(struct probes *p, struct probe *probe, const struct probe_options *o)
{
	int rc = load_tracepoint(p, probe, o);

	if (rc && !*probe->reason)
		probe_explain(probe, "%s", strerror(-rc));
}

void probe_attach(struct probes *p, struct probe *probe)
{
	bool btf = p->use_btf && probe->tp.btf_id;

	probe->link_fd = bpf_raw_tracepoint_open(btf ? NULL : probe->tp.name, probe->prog_fd);
	if (probe->link_fd < 0)
		probe_explain(probe, "attaching: %s", strerror(errno));
	else
		probe->how = btf ? "tp_btf" : "raw_tp";
}
