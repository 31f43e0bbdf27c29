/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <zstd.h>

#include "bpf/event.h"
#include "capture/sock/sock_lookup.h"
#include "cli/syscalls.h"
#include "cli/terminal.h"

static const char *const formats[] = {"multi-line", "single-line", NULL};
static const char *const scopes[] = {"host", "netns", "cgroup", NULL}; /* enum scope */
static const char *const layouts[] = {"classic", "current", NULL};

static const struct option_row rows[] = {
	OPTION(STRING, config, out, "out", 'o', "FILE",
	       "write an event file; - is standard output"),
	OPTION(FLAG, config, force, "force", 0, NULL,
	       "overwrite an existing file; with --rotate remove those of an earlier recording"),
	OPTION(CALL, config, rotate, "rotate", 0, "SIZE|TIME|signal",
	       "write FILE.0, FILE.1, ...: another at that size (64M), after that time (10m), by "
	       "SIGUSR1 alone",
	       .parse = rotate_parse),
	OPTION(NUMBER, config, keep, "keep", 0, "N", "keep the newest N files of --rotate",
	       .min = 1, .max = 1000000),
	OPTION(SIZE, config, min_free, "min-free", 0, "SIZE",
	       "end when less than that is free on FILE's disk (default 64M; 0: never)"),
	OPTION(LIST, config, probes, "probe", 'p', "PROBE",
	       "tp:GROUP:NAME, or FUNCTION behind kprobe:, kretprobe:, fentry: or fexit:, * and ? "
	       "allowed; may be repeated (default: tp:net:netif_receive_skb and "
	       "tp:net:net_dev_start_xmit)"),
	OPTION(STRING, config, packet_filter, "filter-packet", 'f', "FILTER",
	       "record packets that match a pcap-filter(7) expression, and follow them"),
	OPTION(STRING, config, meta_filter, "filter-meta", 'm', "FILTER",
	       "record packets whose metadata match, as sk_buff.dev.name == \"eth0\""),
	OPTION(CHOICE, config, scope, "scope", 0, "SCOPE",
	       "record only what is of our netns or cgroup, which a command has from us; default: "
	       "host, all",
	       .choices = scopes),
	OPTION(LIST, config, profiles, "profile", 0, "NAME|FILE",
	       "probes and options with a name; may be repeated; help lists them"),
	OPTION(LIST, config, profile_dirs, "profile-dir", 0, "DIR",
	       "look for profiles there first; may be repeated"),
	OPTION(STRING, config, collect, "collect", 'c', "LIST",
	       "facts beyond the packet, its device and its namespace: sock, ct, nft, all, with "
	       "commas between them"),
	OPTION(STRING, config, nft_verdicts, "nft-verdicts", 0, "LIST",
	       "verdicts of nftables that are recorded, with commas between them, or all (default: "
	       "drop,accept)"),
	OPTION(FLAG, config, stack, "stack", 0, NULL,
	       "record the stack of all events; of one probe: PROBE/stack"),
	OPTION(FLAG, config, check, "check", 0, NULL,
	       "attach the probes, tell which ones could not be and why, and end"),
	OPTION(FLAG, config, json, "json", 0, NULL, "--check as JSON"),
	OPTION(STRING, config, list_probes, "list-probes", 0, "PATTERN",
	       "list what can be probed here, and end"),
	OPTION(NUMBER, config, snaplen, "snaplen", 0, "BYTES",
	       "bytes kept of a packet (default 255)", .min = SNAPLEN_MIN, .max = SNAPLEN_MAX),
	OPTION(SIZE, config, buffer, "buffer", 0, "SIZE",
	       "memory of the rings of all processors (default 64M)", .min = 4096,
	       .max = UINT64_C(1) << 36),
	OPTION(NUMBER, config, max_cpu, "max-cpu", 0, "PERCENT",
	       "of one processor: leave out whole flows while recording takes more, and count them",
	       .min = 1, .max = 100000),
	OPTION(STRING, config, btf, "btf", 0, "FILE",
	       "the kernel's types (BTF), for a kernel that was built without them"),
	OPTION(FLAG, config, compat, "compat", 0, NULL,
	       "use only what old kernels offer: raw tracepoints, the kernel's ring buffer"),
	OPTION_PARAGRAPH("Sockets:"),
	OPTION(TIME, config, sockets_ns, "sockets", 0, "PERIOD",
	       "snapshots of TCP sockets each PERIOD, beside those at start and end",
	       .min = 1000000),
	OPTION(NUMBER, config, socket_lookups, "socket-lookups", 0, "N",
	       "snapshots a second of sockets whose packets are dropped or sent again, with "
	       "--collect sock (default 500; 0: none)",
	       .max = SOCK_GATE_RATE_MAX),
	OPTION(FLAG, config, no_sockets, "no-sockets", 0, NULL, "no snapshots at all"),
	OPTION(LIST, config, netns, "netns", 0, "NAME|PID|all",
	       "a namespace whose sockets are recorded; may be repeated (default: ours)"),
	OPTION_PARAGRAPH("End (else a signal, or the command's end):"),
	OPTION(TIME, config, duration_ns, "duration", 0, "TIME", "after that time", .min = 1),
	OPTION(NUMBER, config, count, "count", 0, "N", "after N events", .min = 1),
	OPTION_PARAGRAPH("Live:"),
	OPTION(FLAG, config, print, "print", 0, NULL,
	       "print events, too; the default without --out"),
	OPTION(CHOICE, config, format, "format", 0, "FORMAT",
	       "of --print: multi-line or single-line", .choices = formats),
	OPTION(CHOICE, config, layout, "layout", 0, "LAYOUT",
	       "of --print: classic (default) or current, as for skbox print", .choices = layouts),
	OPTION(FLAG, config, text.utc, "utc", 0, NULL, "--print times as dates"),
	OPTION(FLAG, config, text.link_layer, NULL, 'e', NULL, "--print the link layer"),
	OPTION_BEHIND_DASHES("COMMAND ARG...",
			     "record as long as the command runs; its exit status is ours"),
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const struct option_row *config_rows(size_t *n)
{
	*n = ROWS;
	return rows;
}

static const char usage[] = "skbox-capture [OPTIONS] [-o FILE] [-- COMMAND ARG...]";
static const char about[] =
	"Records what happens to packets and TCP sockets into an event file, for skbox to show.";

static char *join(int argc, char **argv)
{
	struct buf b = {0};

	for (int i = 0; i < argc; i++) {
		if (i)
			buf_u8(&b, ' ');
		buf_str(&b, argv[i]);
	}
	buf_u8(&b, 0);
	if (b.failed)
		buf_free(&b);
	return (char *)b.p;
}

static enum config_result print(struct buf *b)
{
	bool failed = b->failed || terminal_write_all(STDOUT_FILENO, b->p, b->len);

	buf_free(b);
	return failed ? CONFIG_WRONG : CONFIG_DONE;
}

static enum config_result print_help(void)
{
	struct buf b = {0};

	options_help(&b, usage, about, rows, ROWS);
	return print(&b);
}

static enum config_result print_version(void)
{
	struct buf b = {0};

	buf_printf(&b, "skbox-capture %s\nlibbpf %s\nzstd %s\nlibseccomp %s\n", SKBOX_VERSION,
		   libbpf_version_string(), ZSTD_versionString(), syscalls_version);
	return print(&b);
}

/* ---- profiles ---- */

enum { HOME_BYTES = 600 };

static void set_defaults(struct config *c)
{
	c->snaplen = SNAPLEN_DEFAULT;
	c->socket_lookups = SOCK_GATE_RATE;
	c->buffer = c->min_free = UINT64_C(64) << 20;
}

static enum config_result list_profiles(const struct config *c)
{
	const char *dirs[PROFILE_DIRS_MAX];
	char home[HOME_BYTES];
	struct buf b = {0};

	profile_dirs(&c->profile_dirs, dirs, home, sizeof(home));
	profile_list(dirs, &b);
	return print(&b);
}

static int load_profiles(struct config *c, struct skbox_error *err)
{
	const char *dirs[PROFILE_DIRS_MAX];
	char home[HOME_BYTES];
	int rc = 0;

	profile_dirs(&c->profile_dirs, dirs, home, sizeof(home));
	c->loaded = calloc(c->profiles.n, sizeof(*c->loaded));
	if (!c->loaded)
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (size_t i = 0; !rc && i < c->profiles.n; i++)
		rc = profile_find(&c->loaded[c->n_loaded++], c->profiles.v[i], dirs, err);
	return rc;
}

/* What the profiles say, as if nothing had been said before: the command line comes again, later. */
static int apply_profiles(struct config *c, struct skbox_error *err)
{
	struct config fresh = {.cmdline = c->cmdline, .loaded = c->loaded, .n_loaded = c->n_loaded};
	struct profile_kernel kernel;
	int rc = 0;

	option_list_free(&c->probes);
	option_list_free(&c->netns);
	option_list_free(&c->profiles);
	option_list_free(&c->profile_dirs);
	*c = fresh;
	set_defaults(c);
	profile_kernel_init(&kernel);
	for (size_t i = 0; !rc && i < c->n_loaded; i++)
		rc = profile_apply(&c->loaded[i], rows, ROWS, c, &c->profile_probes, &kernel, err);
	profile_kernel_fini(&kernel);
	return rc;
}

/*
 * The command line again, on top of the profiles. --sockets and --no-sockets exclude each other, and
 * profiles are made to go together: what the command line says of snapshots counts, then a profile that
 * wants them, then one that does not. It was right the first time, and left its operands where they are
 * found again.
 */
static bool parse_on_top(struct config *c, int argc, char **argv, int *rest)
{
	bool without = c->no_sockets;
	uint64_t period_ns = c->sockets_ns;

	c->no_sockets = false;
	c->sockets_ns = 0;
	if (options_parse(rows, ROWS, argc, argv, c, rest) != OPTIONS_OK)
		return false;
	if (!c->no_sockets && !c->sockets_ns)
		c->sockets_ns = period_ns;
	c->no_sockets |= without && !c->sockets_ns && !c->netns.n;
	return true;
}

/* Sections that are always recorded have names here, too: Retis users name them. */
static bool read_collect(struct config *c)
{
	static const char *const always[] = {"skb", "skb-drop", "skb-tracking", "dev", "ns"};
	const char *word = c->collect;

	while (word && *word) {
		size_t n = strcspn(word, ",");
		bool known = false, all = n == 3 && !memcmp(word, "all", 3);

		c->sock |= all || (n == 4 && !memcmp(word, "sock", 4));
		c->ct |= all || (n == 2 && !memcmp(word, "ct", 2));
		c->nft |= n == 3 && !memcmp(word, "nft", 3);
		known = all || (n == 4 && !memcmp(word, "sock", 4)) ||
			(n == 2 && !memcmp(word, "ct", 2)) || (n == 3 && !memcmp(word, "nft", 3));
		for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
			known |= strlen(always[i]) == n && !memcmp(word, always[i], n);
		if (!known) {
			terminal_error(
				"--collect: %.*s: not one of sock, ct, nft, all (and skb, "
				"skb-drop, skb-tracking, dev, ns, which are always recorded)",
				(int)n, word);
			return false;
		}
		word += n + (word[n] == ',');
	}
	return true;
}

static bool read_verdicts(struct config *c)
{
	static const char *const names[NFT_VERDICTS] = {"return",   "goto",   "jump",   "break",
							"continue", "drop",   "accept", "stolen",
							"queue",    "repeat", "stop"};
	const char *word = c->nft_verdicts ? c->nft_verdicts : "drop,accept";

	while (*word) {
		size_t n = strcspn(word, ",");
		bool all = n == 3 && !memcmp(word, "all", 3), known = all;

		for (int i = 0; i < NFT_VERDICTS; i++)
			if (all || (strlen(names[i]) == n && !memcmp(word, names[i], n))) {
				c->nft_verdict_mask |= UINT32_C(1) << i;
				known = true;
			}
		if (!known) {
			terminal_error(
				"--nft-verdicts: %.*s: not one of all, drop, accept, stolen, "
				"queue, repeat, stop, continue, break, jump, goto, return",
				(int)n, word);
			return false;
		}
		word += n + (word[n] == ',');
	}
	return true;
}

/* What the table cannot say. */
static bool is_consistent(struct config *c)
{
	if (c->no_sockets && (c->sockets_ns || c->netns.n)) {
		terminal_error("--no-sockets goes with neither --sockets nor --netns");
		return false;
	}
	if (c->scope == SCOPE_NETNS &&
	    (c->netns.n > 1 || (c->netns.n && !strcmp(c->netns.v[0], "all")))) {
		terminal_error("--scope netns is about one namespace: one --netns, or none");
		return false;
	}
	if (c->print && c->out && !strcmp(c->out, "-")) {
		terminal_error("--print and -o - both want standard output");
		return false;
	}
	if (c->json && !c->check) {
		terminal_error("--json is about the output of --check");
		return false;
	}
	if (c->check && (c->out || c->command)) {
		terminal_error("--check records nothing: it goes with neither -o nor a command");
		return false;
	}
	if (c->force && !c->out) {
		terminal_error("--force is about the file of -o FILE");
		return false;
	}
	if (c->rotate.on && (!c->out || !strcmp(c->out, "-"))) {
		terminal_error("--rotate is about the file of -o FILE");
		return false;
	}
	if (c->keep && !c->rotate.on) {
		terminal_error("--keep is about the files of --rotate");
		return false;
	}
	return true;
}

enum config_result config_parse(struct config *c, int argc, char **argv)
{
	int rest = argc;

	*c = (struct config){0};
	set_defaults(c);
	c->cmdline = join(argc, argv);
	if (!c->cmdline) {
		terminal_error("out of memory");
		return CONFIG_WRONG;
	}
	switch (options_parse(rows, ROWS, argc, argv, c, &rest)) {
	case OPTIONS_HELP: return print_help();
	case OPTIONS_VERSION: return print_version();
	case OPTIONS_OK: break;
	default: return CONFIG_WRONG;
	}
	for (size_t i = 0; i < c->profiles.n; i++)
		if (!strcmp(c->profiles.v[i], "help"))
			return list_profiles(c);
	if (c->profiles.n) {
		struct skbox_error err = {0};

		if (load_profiles(c, &err) || apply_profiles(c, &err)) {
			terminal_error("%s", err.text);
			return CONFIG_WRONG;
		}
		if (!parse_on_top(c, argc, argv, &rest))
			return CONFIG_WRONG;
	}
	if (rest < argc)
		c->command = argv + rest;
	if (!c->out)
		c->print = true;
	c->text.single_line = c->format == 1;
	c->text.current = c->layout == 1;
	return read_collect(c) && read_verdicts(c) && is_consistent(c) ? CONFIG_RUN : CONFIG_WRONG;
}

void config_fini(struct config *c)
{
	option_list_free(&c->probes);
	option_list_free(&c->netns);
	option_list_free(&c->profiles);
	option_list_free(&c->profile_dirs);
	option_list_free(&c->profile_probes);
	for (size_t i = 0; i < c->n_loaded; i++)
		profile_free(&c->loaded[i]);
	free(c->loaded);
	free(c->cmdline);
	memset(c, 0, sizeof(*c));
}
