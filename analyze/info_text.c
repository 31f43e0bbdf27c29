/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <time.h>

#include "analyze/info.h"
#include "cli/terminal.h"
#include "formats/json.h"
#include "formats/json_event.h"
#include "formats/schema.h"
#include "formats/text/text.h"

enum { NS_PER_SECOND = 1000000000 };

/* The rows that there is one of, the newest. */
struct single {
	struct ev_startup startup;
	struct ev_host host;
	struct ev_finish finish;
	bool has_startup, has_host, has_finish, has_offset;
	int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint32_t clocks, interfaces, namespaces, inputs;
};

static struct single find_single(const struct info *o)
{
	struct ev_walk w = ev_walk(o->rows);
	struct single one = {0};
	struct ev ev = {0};

	while (ev_next(&w, &ev)) {
		if (ev.startup) {
			one.startup = *ev.startup;
			one.has_startup = true;
			if (!one.clocks) {
				one.offset_ns = ev.startup->clock_sec * NS_PER_SECOND +
						ev.startup->clock_nsec;
				one.has_offset = EV_HAS(ev.startup, startup, clock_sec);
			}
		}
		if (ev.host) {
			one.host = *ev.host;
			one.has_host = true;
		}
		if (ev.finish) {
			one.finish = *ev.finish;
			one.has_finish = true;
		}
		if (ev.clock && EV_HAS(ev.clock, clock, offset)) {
			one.offset_ns = ev.clock->offset;
			one.has_offset = true;
			one.clocks++;
		}
		one.interfaces += ev.iface != NULL;
		one.namespaces += ev.nsinfo != NULL;
		one.inputs += ev.input != NULL;
	}
	if (o->has_offset) {
		one.offset_ns = o->offset_ns;
		one.has_offset = true;
	}
	return one;
}

/* ---- text ---- */

/* The text behind it ends with a line feed, and has no other. */
static void put_label(struct buf *out, const char *label)
{
	buf_put(out, label, strlen(label) + 1);
}

/* Labels in a column of their own. */
static void put_facts(struct buf *out, const struct buf *facts)
{
	const uint8_t *p = facts->p, *end = p + facts->len;

	while (p < end) {
		const uint8_t *text = p + strlen((const char *)p) + 1;
		const uint8_t *feed = memchr(text, '\n', (size_t)(end - text));

		buf_printf(out, "%-12s", (const char *)p);
		buf_put(out, text, (size_t)(feed - text) + 1);
		p = feed + 1;
	}
}

static void put_str(struct buf *out, const char *label, struct ev_str s)
{
	if (!s.len)
		return;
	put_label(out, label);
	text_untrusted(out, s.p, s.len);
	buf_u8(out, '\n');
}

static void put_date(struct buf *out, const struct single *one, uint64_t ns)
{
	int64_t wall = (int64_t)ns + one->offset_ns;
	time_t sec = (time_t)(wall / NS_PER_SECOND);
	struct tm tm;

	if (!one->has_offset || wall < 0 || !gmtime_r(&sec, &tm)) {
		buf_dec(out, ns);
		buf_str(out, " ns");
		return;
	}
	buf_printf(out, "%04d-%02d-%02d %02d:%02d:%02d.%06d UTC", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		   (int)(wall % NS_PER_SECOND / 1000));
}

static void put_machine(struct buf *out, const struct single *one)
{
	const struct ev_startup *s = &one->startup;

	if (one->has_host) {
		put_str(out, "host", one->host.hostname);
		put_str(out, "kernel", one->host.utsname);
	}
	if (!one->has_startup)
		return;
	if (!one->host.utsname.len && s->kernel_release.len) {
		put_label(out, "kernel");
		text_untrusted(out, s->kernel_release.p, s->kernel_release.len);
		buf_u8(out, ' ');
		text_untrusted(out, s->kernel_version.p, s->kernel_version.len);
		buf_u8(out, ' ');
		text_untrusted(out, s->hardware_name.p, s->hardware_name.len);
		buf_u8(out, '\n');
	}
	put_label(out, "recorder");
	if (s->tool.len)
		text_untrusted(out, s->tool.p, s->tool.len);
	else
		buf_str(out, "Retis");
	buf_u8(out, ' ');
	text_untrusted(out, s->retis_version.p, s->retis_version.len);
	buf_u8(out, '\n');
	put_str(out, "command", s->cmdline);
}

static void put_host_settings(struct buf *out, const struct ev_host *h)
{
	put_str(out, "filter", h->packet_filter);
	put_str(out, "meta filter", h->meta_filter);
	put_str(out, "tracking", h->tracking);
	if (EV_HAS(h, host, snaplen)) {
		put_label(out, "recording");
		buf_printf(out, "snaplen %u bytes", h->snaplen);
		if (EV_HAS(h, host, buffer)) {
			buf_str(out, ", buffers ");
			terminal_put_size(out, h->buffer);
		}
		if (EV_HAS(h, host, cpus))
			buf_printf(out, ", %u processors", h->cpus);
		if (EV_HAS(h, host, sockets_period) && h->sockets_period)
			buf_printf(out, ", sockets every %llu ms",
				   (unsigned long long)(h->sockets_period / 1000000));
		buf_u8(out, '\n');
	}
}

static void put_span(struct buf *out, const struct info *o, const struct single *one)
{
	uint64_t span = o->last_ns - o->first_ns;

	if (!o->last_ns)
		return;
	put_label(out, "first");
	put_date(out, one, o->first_ns);
	buf_u8(out, '\n');
	put_label(out, "last");
	put_date(out, one, o->last_ns);
	buf_printf(out, " (%llu.%06llu s later)\n", (unsigned long long)(span / NS_PER_SECOND),
		   (unsigned long long)(span % NS_PER_SECOND / 1000));
}

/* How long events waited, and what BPF cost in the windows in which the kernel took its time. */
static void put_finish(struct buf *out, const struct info *o, const struct ev_finish *f)
{
	uint64_t runs = f->own_runs, ns = f->own_run_time;

	if (EV_HAS(f, finish, max_delay)) {
		put_label(out, "written");
		buf_printf(out, "%.3f ms after they happened at most", (double)f->max_delay / 1e6);
		if (f->late)
			buf_printf(out, "; %llu events later than 500 ms",
				   (unsigned long long)f->late);
		buf_u8(out, '\n');
	}
	if (EV_HAS(f, finish, kept) && f->thinned) {
		put_label(out, "left out");
		buf_printf(out, "%llu events, by flow; %.2f %% of the flows were kept at least\n",
			   (unsigned long long)f->thinned, f->kept / 1e4);
	}
	for (uint32_t i = 0; i < o->n_probes; i++) {
		runs += o->probes[i].runs;
		ns += o->probes[i].run_ns;
	}
	if (!runs || !f->window_time)
		return;
	put_label(out, "BPF");
	buf_printf(out, "%.0f ns a run, %.2f %% of a processor (%llu runs timed in %.0f ms)\n",
		   (double)ns / (double)runs, 100.0 * (double)ns / (double)f->window_time,
		   (unsigned long long)runs, (double)f->window_time / 1e6);
}

static void put_counts(struct buf *out, const struct info *o, const struct single *one)
{
	put_label(out, "events");
	buf_dec(out, o->events);
	if (o->packets)
		buf_printf(out, ", %llu of probes", (unsigned long long)o->packets);
	if (o->sockets)
		buf_printf(out, ", %llu of sockets", (unsigned long long)o->sockets);
	buf_u8(out, '\n');
	put_label(out, "lost");
	buf_dec(out, o->lost);
	if (EV_HAS(&one->finish, finish, ids_full) && one->finish.ids_full)
		buf_printf(out, "; %llu packets without an id",
			   (unsigned long long)one->finish.ids_full);
	if (EV_HAS(&one->finish, finish, stackless) && one->finish.stackless)
		buf_printf(out, "; %llu stacks", (unsigned long long)one->finish.stackless);
	buf_u8(out, '\n');
	put_label(out, "size");
	terminal_put_size(out, o->bytes);
	if (o->blocks)
		buf_printf(out, " in %llu block%s", (unsigned long long)o->blocks,
			   o->blocks == 1 ? "" : "s");
	if (o->events && !o->chosen)
		buf_printf(out, ", %.1f an event", (double)o->bytes / (double)o->events);
	buf_u8(out, '\n');
	put_label(out, "end");
	if (!o->event_file)
		buf_str(out, "of the file");
	else if (!o->finished)
		buf_str(out, "none: the recording was not finished, or goes on");
	else if (one->has_finish && one->finish.reason.len)
		text_untrusted(out, one->finish.reason.p, one->finish.reason.len);
	else
		buf_str(out, "finished");
	if (one->has_finish && EV_HAS(&one->finish, finish, cpu_time))
		buf_printf(out, ", %.3f s of processor time", (double)one->finish.cpu_time / 1e9);
	buf_u8(out, '\n');
	if (one->has_finish)
		put_finish(out, o, &one->finish);
}

static void put_probe(struct buf *out, const struct info_probe *p)
{
	size_t from;

	buf_str(out, "  ");
	from = out->len;
	if (p->type.len) {
		text_untrusted(out, p->type.p, p->type.len);
		buf_u8(out, '/');
	}
	text_untrusted(out, p->symbol.p, p->symbol.len);
	while (out->len && !out->failed && out->len - from < 44)
		buf_u8(out, ' ');
	if (p->asked && !p->attached) {
		buf_str(out, " not attached: ");
		text_untrusted(out, p->reason.p, p->reason.len);
	} else {
		buf_printf(out, " %llu recorded, %llu lost, %llu skipped",
			   (unsigned long long)p->recorded, (unsigned long long)p->lost,
			   (unsigned long long)p->skipped);
		if (p->filtered)
			buf_printf(out, ", %llu filtered", (unsigned long long)p->filtered);
		if (p->runs)
			buf_printf(out, ", %.0f ns a run", (double)p->run_ns / (double)p->runs);
		if (p->how.len) {
			buf_str(out, " (");
			text_untrusted(out, p->how.p, p->how.len);
			buf_u8(out, ')');
		}
	}
	buf_u8(out, '\n');
}

/* The machine's name in front of what is its own, where there are several. */
static void put_hostname(struct buf *out, const struct ev *ev)
{
	if (!ev->common || !ev->common->hostname.len)
		return;
	text_untrusted(out, ev->common->hostname.p, ev->common->hostname.len);
	buf_u8(out, ' ');
}

/* Of which files it was made: "late merge of 0123456789abcdef: 18 of 512 rows, 0 of 3 lost". */
static void put_input(struct buf *out, const struct ev *ev)
{
	const struct ev_input *in = ev->input;

	buf_str(out, "  ");
	put_hostname(out, ev);
	text_untrusted(out, in->command.p, in->command.len);
	buf_str(out, " of ");
	if (in->id.len)
		text_untrusted(out, in->id.p, in->id.len);
	else
		buf_str(out, "another format");
	buf_printf(out, ": %llu of %llu rows, %llu of %llu lost", (unsigned long long)in->kept,
		   (unsigned long long)in->read, (unsigned long long)in->lost_kept,
		   (unsigned long long)in->lost);
	if (in->damaged)
		buf_printf(out, ", %llu damaged places", (unsigned long long)in->damaged);
	if (EV_HAS(in, input, finished) && !in->finished)
		buf_str(out, ", not finished");
	if (in->filter.len) {
		buf_str(out, "; by ");
		text_untrusted(out, in->filter.p, in->filter.len);
	}
	if (in->left_out.len) {
		buf_str(out, "; without ");
		text_untrusted(out, in->left_out.p, in->left_out.len);
	}
	if (EV_HAS(in, input, shift))
		buf_printf(out, "; times + %.9f s", (double)in->shift / 1e9);
	if (EV_HAS(in, input, uncertainty))
		buf_printf(out, ", wall clock known to %.6f ms", (double)in->uncertainty / 1e6);
	buf_u8(out, '\n');
}

static void put_inputs(struct buf *out, const struct info *o)
{
	struct ev_walk w = ev_walk(o->rows);
	struct ev ev = {0};

	buf_str(out, "made by:\n");
	while (ev_next(&w, &ev))
		if (ev.input)
			put_input(out, &ev);
}

static void put_interfaces(struct buf *out, const struct info *o)
{
	struct ev_walk w = ev_walk(o->rows);
	struct ev ev = {0};

	buf_str(out, "interfaces:\n");
	while (ev_next(&w, &ev)) {
		if (ev.nsinfo) {
			buf_str(out, "  ");
			put_hostname(out, &ev);
			buf_printf(out, "namespace %u ", ev.netns ? ev.netns->inum : 0);
			text_untrusted(out, ev.nsinfo->name.p, ev.nsinfo->name.len);
			buf_u8(out, '\n');
		}
		if (!ev.iface)
			continue;
		buf_str(out, "  ");
		put_hostname(out, &ev);
		buf_printf(out, "%u ", ev.iface->ifindex);
		text_untrusted(out, ev.iface->name.p, ev.iface->name.len);
		buf_printf(out, " mtu %u", ev.iface->mtu);
		if (ev.netns)
			buf_printf(out, " ns %u", ev.netns->inum);
		buf_u8(out, '\n');
	}
}

static void put_sections(struct buf *out, const struct info *o)
{
	bool head = false;

	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct skbx_section_bytes *b = &o->sections[s];

		if (!b->rows)
			continue;
		if (!head)
			buf_str(out,
				"sections:               rows     columns      stored   ratio\n");
		head = true;
		buf_printf(out, "  %-16s %9llu %11llu %11llu", schema_sections[s].name,
			   (unsigned long long)b->rows, (unsigned long long)b->raw,
			   (unsigned long long)b->bytes);
		if (b->bytes)
			buf_printf(out, " %7.1f", (double)b->raw / (double)b->bytes);
		buf_u8(out, '\n');
	}
}

void info_put_facts(const struct info *o, struct buf *out)
{
	struct single one = find_single(o);

	if (o->name) {
		put_label(out, "file");
		text_untrusted(out, o->name, strlen(o->name));
		buf_u8(out, '\n');
	}
	put_machine(out, &one);
	if (one.has_host)
		put_host_settings(out, &one.host);
	put_span(out, o, &one);
	put_counts(out, o, &one);
}

void info_put_text(const struct info *o, bool blank_line, struct buf *out)
{
	struct single one = find_single(o);
	struct buf facts = {0};

	if (blank_line)
		buf_u8(out, '\n');
	info_put_facts(o, &facts);
	if (facts.failed)
		out->failed = true;
	else
		put_facts(out, &facts);
	buf_free(&facts);
	if (o->n_probes)
		buf_str(out, "probes:\n");
	for (uint32_t i = 0; i < o->n_probes; i++)
		put_probe(out, &o->probes[i]);
	if (one.interfaces || one.namespaces)
		put_interfaces(out, o);
	if (one.inputs)
		put_inputs(out, o);
	put_sections(out, o);
}

/* ---- JSON ---- */

static void json_text(struct buf *out, const char *key, struct ev_str s)
{
	if (!s.len)
		return;
	buf_u8(out, ',');
	json_put_key(out, key);
	json_put_string(out, s.p, s.len);
}

static void json_number(struct buf *out, const char *key, uint64_t v)
{
	buf_u8(out, ',');
	json_put_key(out, key);
	buf_dec(out, v);
}

static void json_flag(struct buf *out, const char *key, bool v)
{
	buf_u8(out, ',');
	json_put_key(out, key);
	buf_str(out, v ? "true" : "false");
}

static void json_probes(struct buf *out, const struct info *o)
{
	buf_str(out, ",\"probes\":[");
	for (uint32_t i = 0; i < o->n_probes; i++) {
		const struct info_probe *p = &o->probes[i];

		buf_str(out, i ? ",{\"symbol\":" : "{\"symbol\":");
		json_put_string(out, p->symbol.p, p->symbol.len);
		json_text(out, "type", p->type);
		json_flag(out, "attached", p->attached || !p->asked);
		json_text(out, "how", p->how);
		json_text(out, "reason", p->reason);
		json_number(out, "recorded", p->recorded);
		json_number(out, "lost", p->lost);
		json_number(out, "skipped", p->skipped);
		json_number(out, "filtered", p->filtered);
		if (p->runs) {
			json_number(out, "runs", p->runs);
			json_number(out, "run_time_ns", p->run_ns);
		}
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static void json_sections(struct buf *out, const struct info *o)
{
	bool comma = false;

	buf_str(out, ",\"sections\":[");
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct skbx_section_bytes *b = &o->sections[s];

		if (!b->rows)
			continue;
		buf_str(out, comma ? ",{\"name\":" : "{\"name\":");
		comma = true;
		json_put_string(out, schema_sections[s].name, strlen(schema_sections[s].name));
		json_number(out, "rows", b->rows);
		json_number(out, "raw", b->raw);
		json_number(out, "bytes", b->bytes);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

/* The rows as `skbox json` has them. */
static void json_inputs(struct buf *out, const struct info *o)
{
	struct ev_walk w = ev_walk(o->rows);
	struct ev ev = {0};
	bool comma = false;

	while (ev_next(&w, &ev)) {
		if (!ev.input)
			continue;
		buf_str(out, comma ? "," : ",\"made_by\":[");
		comma = true;
		json_event_put(&ev, out);
		if (out->len && out->p[out->len - 1] == '\n')
			out->len--;
	}
	if (comma)
		buf_u8(out, ']');
}

void info_put_json(const struct info *o, struct buf *out)
{
	struct single one = find_single(o);

	buf_str(out, "{\"input\":");
	json_put_string(out, o->name, strlen(o->name));
	json_text(out, "host", one.host.hostname);
	json_text(out, "kernel",
		  one.host.utsname.len ? one.host.utsname : one.startup.kernel_release);
	json_text(out, "recorder", one.startup.tool);
	json_text(out, "version", one.startup.retis_version);
	json_text(out, "command", one.startup.cmdline);
	json_text(out, "tracking", one.host.tracking);
	json_text(out, "filter", one.host.packet_filter);
	json_number(out, "first_ns", o->first_ns);
	json_number(out, "last_ns", o->last_ns);
	if (one.has_offset) {
		buf_str(out, ",\"clock_offset_ns\":");
		buf_int(out, one.offset_ns);
	}
	json_number(out, "events", o->events);
	json_number(out, "sockets", o->sockets);
	json_number(out, "lost", o->lost);
	json_number(out, "bytes", o->bytes);
	if (o->event_file) {
		json_number(out, "blocks", o->blocks);
		json_flag(out, "finished", o->finished);
		json_text(out, "end", one.finish.reason);
		if (EV_HAS(&one.finish, finish, max_delay)) {
			json_number(out, "max_delay_ns", one.finish.max_delay);
			json_number(out, "late", one.finish.late);
		}
		if (EV_HAS(&one.finish, finish, cpu_time))
			json_number(out, "cpu_time_ns", one.finish.cpu_time);
	}
	json_probes(out, o);
	json_inputs(out, o);
	json_sections(out, o);
	buf_str(out, "}\n");
}
