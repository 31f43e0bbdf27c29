/* SPDX-License-Identifier: BSD-2-Clause */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal.h"

/* Longest word that a suggestion is looked for; keeps the distance table on the stack. */
enum { NEAREST_MAX = 40, HELP_COLUMN = 30, HELP_WIDTH = 96 };

struct parse {
	const struct option_row *rows;
	size_t n;
	void *config;
	char prefix[24]; /* "print: ", or nothing where the program has no commands */
	char name[48];   /* "skbox print" */
};

void option_list_free(struct option_list *l)
{
	free(l->v);
	*l = (struct option_list){0};
}

static bool is_option(const struct option_row *row)
{
	return row->type != OPTION_HEADING && row->type != OPTION_COMMAND;
}

/* ---- single values ---- */

bool options_number(const char *text, uint64_t *value)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return false;
	}
	*value = v;
	return true;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* A decimal number with an optional fraction and one of the units; exact, without floating point. */
static bool parse_units(const char *text, const struct unit *units, uint64_t *value)
{
	uint64_t v = 0, part = 0, parts = 1;
	const char *fraction = NULL, *p = text;
	size_t digits = 0;

	for (; *p >= '0' && *p <= '9'; p++, digits++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (*p == '.') {
		fraction = ++p;
		for (; *p >= '0' && *p <= '9'; p++)
			digits++;
	}
	if (!digits)
		return false;
	while (units->name && strcmp(units->name, p) != 0)
		units++;
	if (!units->name)
		return false;
	if (__builtin_mul_overflow(v, units->factor, &v))
		return false;
	/* 18 digits: what is behind them is less than one of anything */
	for (int i = 0; i < 18 && fraction && *fraction >= '0' && *fraction <= '9'; i++) {
		part = part * 10 + (uint64_t)(*fraction++ - '0');
		parts *= 10;
	}
	part = (uint64_t)((unsigned __int128)units->factor * part / parts);
	if (__builtin_add_overflow(v, part, &v))
		return false;
	*value = v;
	return true;
}

bool options_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{"", 1},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
		{"k", UINT64_C(1) << 10},
		{"KiB", UINT64_C(1) << 10},
		{"MiB", UINT64_C(1) << 20},
		{"GiB", UINT64_C(1) << 30},
		{"B", 1},
		/* Retis' --out-rotate: powers of ten */
		{"KB", 1000},
		{"kB", 1000},
		{"MB", 1000000},
		{"GB", 1000000000},
		{0},
	};

	return parse_units(text, units, bytes);
}

bool options_time(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
		{"", 1000000000},
		{"s", 1000000000},
		{"ms", 1000000},
		{"us", 1000},
		{"ns", 1},
		{"m", UINT64_C(60) * 1000000000},
		{"min", UINT64_C(60) * 1000000000},
		{"h", UINT64_C(3600) * 1000000000},
		{"d", UINT64_C(86400) * 1000000000},
		{0},
	};

	return parse_units(text, units, ns);
}

/* ---- suggestions ---- */

/* Edits (insert, delete, replace, swap of neighbours) between two words. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][NEAREST_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > NEAREST_MAX || lb > NEAREST_MAX)
		return NEAREST_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

const char *options_nearest(const char *word, const char *const *words, size_t n)
{
	size_t len = strlen(word), best = len < 4 ? 2 : 3;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d;

		if (!words[i])
			continue;
		/* the beginning of a longer word is as near as one edit */
		d = len >= 2 && strncmp(word, words[i], len) == 0 ? 1 : distance(word, words[i]);
		if (d < best) {
			best = d;
			found = words[i];
		}
	}
	return found;
}

static void say_unknown(const struct parse *p, const char *name, size_t len)
{
	enum { ROWS_MAX = 256 };
	const char *names[ROWS_MAX], *near;
	char word[NEAREST_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < p->n && n < ROWS_MAX - 2; i++)
		if (is_option(&p->rows[i]) && p->rows[i].name)
			names[n++] = p->rows[i].name;
	names[n++] = "help";
	names[n++] = "version";
	snprintf(word, sizeof(word), "%.*s", (int)(len < NEAREST_MAX ? len : NEAREST_MAX), name);
	near = len <= NEAREST_MAX ? options_nearest(word, names, n) : NULL;
	if (near)
		terminal_error("%sthere is no option --%s; did you mean --%s?", p->prefix, word,
			       near);
	else
		terminal_error("%sthere is no option --%s; %s --help lists them", p->prefix, word,
			       p->name);
}

/* ---- parsing ---- */

bool option_list_add(struct option_list *l, const char *word)
{
	if ((l->n & (l->n - 1)) == 0) {
		const char **v = realloc(l->v, (l->n ? l->n * 2 : 1) * sizeof(*v));

		if (!v)
			return false;
		l->v = v;
	}
	l->v[l->n++] = word;
	return true;
}

/* A size as people write it; what is no multiple of 1K as it is. */
static void put_size(char *text, size_t size, uint64_t v)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (v && v % 1024 == 0 && unit < 3) {
		v /= 1024;
		unit++;
	}
	snprintf(text, size, "%llu%.1s", (unsigned long long)v, unit < 0 ? "" : &units[unit]);
}

static bool value_in_bounds(const struct option_row *row, uint64_t v, char *why, size_t size)
{
	if (v < row->min || (row->max && v > row->max)) {
		char min[24], max[24];

		if (row->type == OPTION_SIZE) {
			put_size(min, sizeof(min), row->min);
			put_size(max, sizeof(max), row->max);
		} else {
			snprintf(min, sizeof(min), "%llu", (unsigned long long)row->min);
			snprintf(max, sizeof(max), "%llu", (unsigned long long)row->max);
		}
		if (row->type == OPTION_TIME)
			snprintf(why, size, "out of range");
		else if (row->max)
			snprintf(why, size, "not within %s to %s", min, max);
		else
			snprintf(why, size, "less than %s", min);
		return false;
	}
	return true;
}

static bool choose(const struct option_row *row, const char *text, int *choice, char *why,
		   size_t size)
{
	size_t n = 0, at;

	for (; row->choices[n]; n++)
		if (strcmp(row->choices[n], text) == 0) {
			*choice = (int)n;
			return true;
		}
	at = (size_t)snprintf(why, size, "not one of");
	for (size_t i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(why + at, size - at, "%s %s", i ? "," : "", row->choices[i]);
	return false;
}

/* Puts one value where the row says; false with a few words in why. */
static bool row_set(const struct option_row *row, void *config, const char *text, char *why,
		    size_t size)
{
	void *member = (char *)config + row->offset;
	uint64_t v = 0;
	bool ok;

	switch (row->type) {
	case OPTION_FLAG: *(bool *)member = true; return true;
	case OPTION_STRING: *(const char **)member = text; return true;
	case OPTION_LIST:
		snprintf(why, size, "out of memory");
		return option_list_add(member, text);
	case OPTION_CHOICE: return choose(row, text, member, why, size);
	case OPTION_CALL: return row->parse(text, member, why, size);
	case OPTION_NUMBER:
		ok = options_number(text, &v);
		snprintf(why, size, "not a number");
		break;
	case OPTION_SIZE:
		ok = options_size(text, &v);
		snprintf(why, size, "not a size (such as 64K, 16M, 2G)");
		break;
	case OPTION_TIME:
		ok = options_time(text, &v);
		snprintf(why, size, "not a time (such as 10, 250ms, 1s, 5m)");
		break;
	default: return false;
	}
	if (!ok || !value_in_bounds(row, v, why, size))
		return false;
	*(uint64_t *)member = v;
	return true;
}

static int apply(const struct parse *p, const struct option_row *row, const char *shown,
		 const char *text)
{
	char why[160] = "";

	if (row_set(row, p->config, text, why, sizeof(why)))
		return OPTIONS_OK;
	terminal_error("%s%s %s: %s", p->prefix, shown, text ? text : "", why);
	return OPTIONS_WRONG;
}

static const struct option_row *row_named(const struct parse *p, const char *name, size_t len)
{
	for (size_t i = 0; i < p->n; i++)
		if (is_option(&p->rows[i]) && p->rows[i].name && strlen(p->rows[i].name) == len &&
		    memcmp(p->rows[i].name, name, len) == 0)
			return &p->rows[i];
	return NULL;
}

int options_set(const struct option_row *rows, size_t n, void *config, const char *name,
		const char *text, char *why, size_t why_size)
{
	const struct parse p = {rows, n, config, "", ""};
	const struct option_row *row = row_named(&p, name, strlen(name));

	if (!row)
		return -ENOENT;
	if (!config)
		return 0;
	if (!row->arg != !text) {
		snprintf(why, why_size, row->arg ? "needs %s" : "takes no argument", row->arg);
		return -EINVAL;
	}
	return row_set(row, config, text, why, why_size) ? 0 : -EINVAL;
}

bool options_takes_argument(const struct option_row *rows, size_t n, const char *name)
{
	const struct parse p = {rows, n, NULL, "", ""};
	const struct option_row *row = row_named(&p, name, strlen(name));

	return row && row->arg;
}

static const struct option_row *row_lettered(const struct parse *p, char letter)
{
	for (size_t i = 0; i < p->n; i++)
		if (is_option(&p->rows[i]) && p->rows[i].letter == letter)
			return &p->rows[i];
	return NULL;
}

/* "--name", "--name=value", "--name value"; *at moves past a value in a word of its own. */
static int parse_long(const struct parse *p, int argc, char **argv, int *at)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '='), *value = NULL;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *row = row_named(p, name, len);
	char shown[NEAREST_MAX + 4];

	if (!row) {
		if (len == 4 && !equals && memcmp(name, "help", 4) == 0)
			return OPTIONS_HELP;
		if (len == 7 && !equals && memcmp(name, "version", 7) == 0)
			return OPTIONS_VERSION;
		say_unknown(p, name, len);
		return OPTIONS_WRONG;
	}
	snprintf(shown, sizeof(shown), "--%s", row->name);
	if (!row->arg) {
		if (equals) {
			terminal_error("%s%s takes no argument", p->prefix, shown);
			return OPTIONS_WRONG;
		}
	} else if (equals) {
		value = equals + 1;
	} else if (*at + 1 < argc) {
		value = argv[++*at];
	} else {
		terminal_error("%s%s needs %s", p->prefix, shown, row->arg);
		return OPTIONS_WRONG;
	}
	return apply(p, row, shown, value);
}

/* "-e", "-eu" (several without argument), "-ofile", "-o file". */
static int parse_short(const struct parse *p, int argc, char **argv, int *at)
{
	for (const char *c = argv[*at] + 1; *c; c++) {
		const struct option_row *row = row_lettered(p, *c);
		char shown[3] = {'-', *c, 0};
		int rc;

		if (!row) {
			if (*c == 'h')
				return OPTIONS_HELP;
			if (*c == 'V')
				return OPTIONS_VERSION;
			terminal_error("%sthere is no option %s; %s --help lists them", p->prefix,
				       shown, p->name);
			return OPTIONS_WRONG;
		}
		if (!row->arg) {
			rc = apply(p, row, shown, NULL);
			if (rc != OPTIONS_OK)
				return rc;
			continue;
		}
		if (c[1])
			return apply(p, row, shown, c + 1);
		if (*at + 1 < argc)
			return apply(p, row, shown, argv[++*at]);
		terminal_error("%s%s needs %s", p->prefix, shown, row->arg);
		return OPTIONS_WRONG;
	}
	return OPTIONS_OK;
}

/* argv[0] is the program's path, or the name of one of its commands. */
static void name_program(struct parse *p, const char *word)
{
	const char *slash = strrchr(word, '/');

	snprintf(p->name, sizeof(p->name), "%s", terminal_program());
	if (strcmp(slash ? slash + 1 : word, terminal_program()) == 0 || !*word)
		return;
	snprintf(p->prefix, sizeof(p->prefix), "%.16s: ", word);
	snprintf(p->name, sizeof(p->name), "%s %.16s", terminal_program(), word);
}

int options_parse(const struct option_row *rows, size_t n, int argc, char **argv, void *config,
		  int *rest)
{
	struct parse p = {rows, n, config, "", ""};
	bool command = false, ended = false;
	char **operands;
	int count = 0, rc = OPTIONS_OK;

	name_program(&p, argc ? argv[0] : "");
	for (size_t i = 0; i < n; i++)
		command |= rows[i].type == OPTION_COMMAND;
	operands = calloc((size_t)argc + 1, sizeof(*operands));
	if (!operands) {
		terminal_error("%sout of memory", p.prefix);
		return OPTIONS_WRONG;
	}
	for (int i = 1; i < argc && rc == OPTIONS_OK; i++) {
		char *word = argv[i];

		if (ended || word[0] != '-' || !word[1]) {
			if (command && !ended) {
				terminal_error("%sunexpected %s; a command stands behind --",
					       p.prefix, word);
				rc = OPTIONS_WRONG;
			}
			operands[count++] = word;
		} else if (word[1] != '-') {
			rc = parse_short(&p, argc, argv, &i);
		} else if (!word[2]) {
			ended = true;
		} else {
			rc = parse_long(&p, argc, argv, &i);
		}
	}
	if (rc == OPTIONS_OK) {
		/* the words in front of the operands are done with: only the tail is looked at */
		for (int i = 0; i < count; i++)
			argv[argc - count + i] = operands[i];
		*rest = argc - count;
	}
	free(operands);
	return rc;
}

/* ---- help ---- */

/* Text in lines of HELP_WIDTH, from column `at` on, which is already reached. */
static void put_wrapped(struct buf *out, const char *text, size_t at)
{
	size_t column = at;

	while (*text) {
		size_t word = strcspn(text, " \n");

		if (column > at && column + 1 + word > HELP_WIDTH) {
			buf_printf(out, "\n%*s", (int)at, "");
			column = at;
		} else if (column > at) {
			buf_u8(out, ' ');
			column++;
		}
		buf_put(out, text, word);
		column += word;
		text += word;
		if (*text == '\n') {
			buf_printf(out, "\n%*s", (int)at, "");
			column = at;
		}
		text += *text != 0;
	}
	buf_u8(out, '\n');
}

static void put_row(struct buf *out, const struct option_row *row)
{
	char left[96];
	int len = 0;

	if (row->type == OPTION_HEADING) {
		buf_u8(out, '\n');
		put_wrapped(out, row->help, 0);
		return;
	}
	if (row->type == OPTION_COMMAND)
		len = snprintf(left, sizeof(left), "  -- %s", row->arg);
	else if (row->letter && row->name)
		len = snprintf(left, sizeof(left), "  -%c, --%s", row->letter, row->name);
	else if (row->letter)
		len = snprintf(left, sizeof(left), "  -%c", row->letter);
	else
		len = snprintf(left, sizeof(left), "      --%s", row->name);
	if (row->arg && row->type != OPTION_COMMAND)
		len += snprintf(left + len, sizeof(left) - (size_t)len, " %s", row->arg);
	buf_put(out, left, (size_t)len);
	if (len + 2 > HELP_COLUMN)
		buf_printf(out, "\n%*s", HELP_COLUMN, "");
	else
		buf_printf(out, "%*s", HELP_COLUMN - len, "");
	put_wrapped(out, row->help, HELP_COLUMN);
}

void options_help(struct buf *out, const char *usage, const char *about,
		  const struct option_row *rows, size_t n)
{
	static const struct option_row common[] = {
		{.name = "help", .letter = 'h', .help = "show this text"},
		{.name = "version", .letter = 'V', .help = "show the version"},
	};

	buf_str(out, "usage: ");
	for (; *usage; usage++) {
		buf_u8(out, (uint8_t)*usage);
		if (*usage == '\n')
			buf_str(out, "       ");
	}
	buf_u8(out, '\n');
	if (about) {
		buf_u8(out, '\n');
		put_wrapped(out, about, 0);
	}
	if (n && rows[0].type != OPTION_HEADING)
		buf_u8(out, '\n');
	for (size_t i = 0; i < n; i++)
		put_row(out, &rows[i]);
	buf_u8(out, '\n');
	put_row(out, &common[0]);
	put_row(out, &common[1]);
}
