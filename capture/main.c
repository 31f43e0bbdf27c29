/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox-capture: inspect, plan, load, attach, run, detach, drain, finish. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "capture/check.h"
#include "capture/complete.h"
#include "capture/config/config.h"
#include "capture/explain.h"
#include "capture/probe/plan.h"
#include "capture/probe/probe_list.h"
#include "capture/process/holder.h"
#include "capture/process/rights.h"
#include "capture/process/sandbox.h"
#include "capture/process/sockets.h"
#include "capture/process/stats.h"
#include "capture/recorder.h"
#include "capture/scope.h"
#include "cli/terminal.h"

enum { EXIT_OK = 0, EXIT_FAILED = 2, EXIT_FAILED_WITH_COMMAND = 125 };

/* The last line: what there is, and what there is not. */
static void report(const struct config *c, struct recorder *r)
{
	uint64_t lost = 0, skipped = 0, filtered = 0, unattributed = 0, thinned = 0;
	struct buf line = {0};

	for (size_t i = 0; i < r->probes->n; i++) {
		if (r->probes->v[i].internal)
			continue;
		lost += r->probes->v[i].lost;
		skipped += r->probes->v[i].skipped;
		filtered += r->probes->v[i].filtered;
		unattributed += r->probes->v[i].unattributed;
		thinned += r->probes->v[i].thinned;
	}
	buf_printf(&line, "%llu events", (unsigned long long)r->events);
	if (!c->no_sockets)
		buf_printf(&line, ", %llu socket rows", (unsigned long long)r->socket_rows);
	buf_printf(&line, ", %llu lost, %llu skipped runs", (unsigned long long)lost,
		   (unsigned long long)skipped);
	if (c->packet_filter || c->meta_filter || c->scope)
		buf_printf(&line, ", %llu filtered", (unsigned long long)filtered);
	if (c->scope)
		buf_printf(&line, ", %llu unattributed", (unsigned long long)unattributed);
	if (c->max_cpu)
		buf_printf(&line, ", %llu of flows left out", (unsigned long long)thinned);
	if (r->rings.broken)
		buf_printf(&line, ", %llu broken records", (unsigned long long)r->rings.broken);
	if (output_thrown_away(r->output))
		buf_printf(&line, ", %llu not written",
			   (unsigned long long)output_thrown_away(r->output));
	if (c->out) {
		buf_str(&line, ", ");
		terminal_put_size(&line, output_bytes(r->output));
	}
	buf_u8(&line, 0);
	if (!line.failed)
		terminal_error("%s", (char *)line.p);
	buf_free(&line);
}

static void warn_of_skipped(const struct probes *p)
{
	char word[PROBE_SYMBOL_MAX + 16];

	for (size_t i = 0; i < p->n; i++)
		if (!p->v[i].how && !p->v[i].internal)
			terminal_error("not attached: %s: %s", probe_word(&p->v[i], word),
				       p->v[i].reason);
}

/* A filter that compiles for one kind of packets never matches those of the other. */
static void warn_of_filter(const struct filter *f)
{
	if (!f->has_network)
		terminal_error(
			"-f needs a link layer header: packets without one yet do not match");
	if (!f->has_link)
		terminal_error(
			"-f cannot be about a link layer: packets that have one do not match");
}

/* What a recording is made of, in this process. */
struct recording {
	const struct config *config;
	struct tracepoints kernel;
	struct probes probes;
	struct plan plan;
	struct filter filter;
	struct recorder recorder;
	struct scope_place scope;
	int stats[2]; /* between the other two processes: [0] the holder's end; -1 */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Before anything of BPF is there that it would inherit. */
static int start_sockets(struct recording *g, struct skbox_error *err)
{
	struct recorder *r = &g->recorder;
	struct sockets setup = {
		.config = g->config,
		.signal_fd = r->signal_fd,
		.cgroup_id = g->scope.kind == SCOPE_CGROUP ? g->scope.id : 0,
	};
	int fds[2], rc = channel_pair(fds);

	if (rc)
		return error_set(err, rc, 0, "socketpair: %s", strerror(-rc));
	rc = stats_pair(g->stats);
	if (rc)
		return error_set(err, rc, 0, "socketpair: %s", strerror(-rc));
	setup.stats_fd = g->stats[1];
	setup.not_ours[0] = g->stats[0];
	setup.not_ours[1] = r->command->go_fd;
	rc = child_start(&r->sockets, "skbox-sockets", "the process that looks at sockets", fds,
			 sockets_run, &setup, err);
	close_fd(&g->stats[1]);
	return rc;
}

/* From here on that process alone has what is attached: it stays as long as both are there. */
static int start_holder(struct recording *g, struct skbox_error *err)
{
	struct recorder *r = &g->recorder;
	struct holder setup = {.probes = &g->probes,
			       .command = r->command->pid,
			       .costs_often = g->config->max_cpu,
			       .signal_fd = r->signal_fd,
			       .stats_fd = g->stats[0],
			       .not_ours = {r->sockets.channel.fd, r->command->go_fd}};
	int fds[2], rc = channel_pair(fds);

	if (rc)
		return error_set(err, rc, 0, "socketpair: %s", strerror(-rc));
	rc = child_start(&r->holder, "skbox-holder", "the process that holds the probes", fds,
			 holder_run, &setup, err);
	close_fd(&g->stats[0]);
	if (!rc)
		rc = probes_release(&g->probes, err);
	close_fd(&g->kernel.events_fd);
	return rc;
}

static int attach(struct recording *g, struct skbox_error *err)
{
	const struct config *c = g->config;
	struct probe_options po = {.snaplen = (uint32_t)c->snaplen,
				   .filter = &g->filter,
				   .buffer = c->buffer,
				   .track = true,
				   .sock = c->sock,
				   .ct = c->ct,
				   .nft = c->nft,
				   .nft_verdicts = c->nft_verdict_mask,
				   .stack = c->stack,
				   .scope = g->scope.kind,
				   .scope_inum = g->scope.inum,
				   .scope_id = g->scope.id,
				   .thin = c->max_cpu,
				   .compat = c->compat};
	int rc = tracepoints_init(&g->kernel, c->btf, err);

	if (!rc)
		rc = filter_open(&g->filter, c->packet_filter, c->meta_filter, g->kernel.vmlinux,
				 err);
	if (!rc && c->packet_filter)
		warn_of_filter(&g->filter);
	if (!rc)
		rc = probes_init(&g->probes, &g->kernel, err);
	g->probes.check = c->check;
	if (!rc)
		rc = plan_make(&g->plan, c, &g->probes, err);
	return rc ? rc : probes_start(&g->probes, &po, err);
}

/* Makes the file, last of all: when something is in the way none is left behind. Rights end here. */
static int open_output(struct recording *g, struct skbox_error *err)
{
	const struct config *c = g->config;
	struct recorder *r = &g->recorder;
	struct output_options oo = {.file = {.rotate = {.path = c->out,
							.limits = c->rotate,
							.keep = c->keep,
							.force = c->force},
					     .min_free = c->min_free},
				    .print = c->print,
				    .text = c->text,
				    .is_impatient = recorder_is_hurried,
				    .ctx = r};
	struct skbox_error why = {0};
	int rc = output_open(&r->output, &oo, err);

	if (!rc)
		rc = recorder_begin(r, err);
	if (rc)
		return rc;
	rc = rights_leave(output_dir(r->output));
	if (rc)
		return error_set(err, rc, 0, "giving up rights: %s", strerror(-rc));
	if (sandbox_enter(output_dir(r->output) >= 0, &why))
		terminal_error("%s", why.text);
	return output_start(r->output, err);
}

static int run(struct recording *g, struct skbox_error *err)
{
	struct recorder *r = &g->recorder;
	int rc = scope_find(g->config, &g->scope, err);

	if (!rc && !g->config->check)
		rc = start_sockets(g, err);
	if (!rc)
		rc = attach(g, err);
	if (rc || g->config->check)
		return rc ? rc : check_print(&g->probes, g->config->json);
	rc = recorder_init(r, err);
	if (!rc)
		rc = start_holder(g, err);
	if (!rc)
		rc = child_wait_ready(&r->sockets, r->signal_fd, err);
	if (!rc)
		rc = child_wait_ready(&r->holder, r->signal_fd, err);
	if (!rc) {
		warn_of_skipped(&g->probes);
		rc = open_output(g, err);
	}
	if (!rc) {
		rc = recorder_run(r, err);
		report(g->config, r);
	}
	return rc;
}

static int record(const struct config *c, struct command *command, int signal_fd,
		  struct skbox_error *err)
{
	struct recording g = {.config = c, .stats = {-1, -1}};
	int rc;

	g.recorder = (struct recorder){.config = c,
				       .plan = &g.plan,
				       .probes = &g.probes,
				       .command = command,
				       .signal_fd = signal_fd};
	rc = run(&g, err);
	probes_stop(&g.probes);
	output_close(g.recorder.output);
	child_end(&g.recorder.holder);
	child_end(&g.recorder.sockets);
	recorder_fini(&g.recorder);
	probes_fini(&g.probes);
	plan_free(&g.plan);
	filter_close(&g.filter);
	tracepoints_fini(&g.kernel);
	close_fd(&g.stats[0]);
	return rc;
}

int main(int argc, char **argv)
{
	struct command command = {.go_fd = -1};
	struct skbox_error err = {0};
	struct config c;
	int status = EXIT_OK, signal_fd, rc = 0;
	sigset_t set;

	terminal_init("skbox-capture");
	if (argc > 2 && strcmp(argv[1], "__complete") == 0)
		return complete_command_line(argc - 2, argv + 2);
	switch (config_parse(&c, argc, argv)) {
	case CONFIG_DONE: config_fini(&c); return EXIT_OK;
	case CONFIG_WRONG: config_fini(&c); return EXIT_FAILED;
	case CONFIG_RUN: break;
	}
	if (c.list_probes) {
		status = probe_list_print(c.list_probes, c.btf, &err);
		if (status < 0) {
			terminal_error("%s", *err.text ? err.text : strerror(-status));
			status = EXIT_FAILED;
		}
		config_fini(&c);
		return status;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		rc = error_set(&err, -errno, 0, "signalfd: %s", strerror(errno));
	/* before there are threads, maps and programs that it would inherit */
	if (!rc && c.command)
		rc = command_prepare(&command, c.command, &set, !c.out || strcmp(c.out, "-"), &err);
	/* a limit of the shell's (ulimit -f) is an error of write() then; the command has its own */
	signal(SIGXFSZ, SIG_IGN);
	if (!rc)
		rc = record(&c, &command, signal_fd, &err);
	if (rc < 0) {
		terminal_error("%s", *err.text ? err.text : strerror(-rc));
		explain_refusal(rc);
	}
	command_end(&command, signal_fd);
	if (rc > 0)
		status = rc; /* --check: no */
	else if (rc)
		status = c.command ? EXIT_FAILED_WITH_COMMAND : EXIT_FAILED;
	else if (c.command)
		status = command.ended ? command.status : EXIT_FAILED_WITH_COMMAND;
	config_fini(&c);
	if (signal_fd >= 0)
		close(signal_fd);
	return status;
}
