/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/complete.h"

#include <string.h>

#include "analyze/check/check.h"
#include "analyze/command.h"
#include "analyze/filter/fields.h"
#include "cli/complete.h"
#include "cli/terminal.h"
#include "formats/schema.h"

static const char inputs[] = "skbx json gz zst pcap pcapng data";

/* Fields behind the last thing in the word that can be no part of a name. */
static void put_fields(struct buf *out, const char *word)
{
	size_t before = strlen(word), len;
	const char *name, *help;
	enum field_kind kind;

	while (before && (strchr("._-", word[before - 1]) ||
			  (word[before - 1] >= 'a' && word[before - 1] <= 'z') ||
			  (word[before - 1] >= '0' && word[before - 1] <= '9')))
		before--;
	len = strlen(word) - before;
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields; i++) {
			const struct schema_field *f = &schema_sections[s].fields[i];

			if (strncmp(f->name, word + before, len) == 0)
				complete_put(out, word, before, f->name, f->help);
		}
	for (unsigned int i = 0; (name = fields_packet_name(i, &help, &kind)); i++)
		if (*name && strncmp(name, word + before, len) == 0)
			complete_put(out, word, before, name, help);
}

static const struct complete_value values[] = {
	{"where", put_fields, NULL}, {"by", put_fields, NULL}, {"fields", put_fields, NULL},
	{"out", NULL, "skbx html pcapng"}, {"key", NULL, ""}, {"output", NULL, ""},
};

/* The rules that come with check, of which the last of several with commas between them is completed. */
static void put_rules(struct buf *out, const char *word)
{
	const char *comma = strrchr(word, ',');
	size_t before = comma ? (size_t)(comma + 1 - word) : 0;

	for (size_t i = 0; i < check_builtins_n; i++)
		if (strncmp(check_builtins[i].name, word + before, strlen(word + before)) == 0)
			complete_put(out, word, before, check_builtins[i].name, NULL);
}

static void put_commands(struct buf *out, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; command_table[i]; i++)
		if (strncmp(command_table[i]->name, word, len) == 0)
			complete_put(out, "", 0, command_table[i]->name, command_table[i]->help);
	if (strncmp("capture", word, len) == 0)
		complete_put(out, "", 0, "capture", "record (runs skbox-capture)");
	if (strncmp("help", word, len) == 0)
		complete_put(out, "", 0, "help", "help of a command");
}

int complete_command_line(int argc, char **argv)
{
	const struct command *c = argc > 1 ? command_find(argv[0]) : NULL;
	struct terminal_out out;

	terminal_open(&out, false);
	if (argc == 1 || (argc == 2 && strcmp(argv[0], "help") == 0))
		put_commands(&out.buf, argv[argc - 1]);
	else if (c) {
		bool rules = strcmp(c->name, "check") == 0;

		/* what check reads first are rules */
		if (rules && argc == 2 && argv[1][0] != '-')
			put_rules(&out.buf, argv[1]);
		complete_words(&out.buf, c->rows, c->n_rows, argc - 1, argv + 1, values,
			       sizeof(values) / sizeof(values[0]),
			       rules ? "yaml yml skbx" : inputs);
	}
	return terminal_close(&out) < 0 ? EXIT_FAILED : EXIT_DONE;
}
