/* SPDX-License-Identifier: BSD-2-Clause */
/* skbox schema: every field that an event can have, from the table. */
#include "formats/schema.h"

#include "analyze/command.h"
#include "analyze/filter/fields.h"
#include "cli/terminal.h"
#include "formats/json.h"

struct schema_config {
	int format;
};

static const char *const formats[] = {"text", "json", NULL};

static const struct option_row rows[] = {
	OPTION(CHOICE, schema_config, format, "format", 0, "FORMAT", "text (default) or json",
	       .choices = formats),
};

/* What expressions and columns can name beside the schema's fields. */
static void put_headers_text(struct buf *out)
{
	static const char *const kinds[] = {
		[FIELD_INT] = "number", [FIELD_ADDRESS] = "addr", [FIELD_MAC] = "mac"};
	enum field_kind kind;
	const char *name, *help;

	buf_str(out, "\nheaders: of the packet, outermost ones; for -w and --fields\n");
	for (unsigned int i = 0; (name = fields_packet_name(i, &help, &kind)); i++)
		buf_printf(out, "  %-28s %-6s %-6s %s\n", name, kinds[kind], "", help);
}

static void put_text(struct buf *out)
{
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];

		buf_printf(out, "%s%s: %s\n", s ? "\n" : "", sec->name, sec->help);
		for (int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];
			const char *unit = f->unit == SCHEMA_NONE ? "" : schema_unit_names[f->unit];

			buf_printf(out, "  %-28s %-6s %-6s %s\n", f->name,
				   schema_type_names[f->type], unit, f->help);
		}
	}
	put_headers_text(out);
}

static void put_key(struct buf *out, const char *key, const char *value)
{
	json_put_string(out, key, strlen(key));
	buf_u8(out, ':');
	json_put_string(out, value, strlen(value));
}

static void put_headers_json(struct buf *out)
{
	static const char *const kinds[] = {
		[FIELD_INT] = "number", [FIELD_ADDRESS] = "address", [FIELD_MAC] = "mac"};
	enum field_kind kind;
	const char *name, *help;

	for (unsigned int i = 0; (name = fields_packet_name(i, &help, &kind)); i++) {
		buf_str(out, i ? ",\n {" : "\n {");
		put_key(out, "name", name);
		buf_u8(out, ',');
		put_key(out, "kind", kinds[kind]);
		buf_u8(out, ',');
		put_key(out, "help", help);
		buf_u8(out, '}');
	}
}

static void put_json(struct buf *out)
{
	buf_str(out, "{\"sections\":[");
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];

		buf_str(out, s ? ",\n{" : "\n{");
		put_key(out, "name", sec->name);
		buf_printf(out, ",\"number\":%u,", sec->number);
		put_key(out, "help", sec->help);
		buf_str(out, ",\"fields\":[");
		for (int i = 0; i < sec->n_fields; i++) {
			const struct schema_field *f = &sec->fields[i];

			buf_str(out, i ? ",\n {" : "\n {");
			put_key(out, "name", f->name);
			buf_printf(out, ",\"number\":%u,", f->bit + 1U);
			put_key(out, "type", schema_type_names[f->type]);
			buf_u8(out, ',');
			put_key(out, "unit", schema_unit_names[f->unit]);
			buf_u8(out, ',');
			put_key(out, "base", schema_base_names[f->base]);
			if (*f->foreign) {
				buf_u8(out, ',');
				put_key(out, "foreign", f->foreign);
			}
			buf_u8(out, ',');
			put_key(out, "help", f->help);
			buf_u8(out, '}');
		}
		buf_str(out, "]}");
	}
	buf_str(out, "\n],\n\"headers\":[");
	put_headers_json(out);
	buf_str(out, "\n]}\n");
}

static int schema_run(int argc, char **argv)
{
	struct schema_config c = {0};
	struct terminal_out out;
	int rest, rc = command_options(&command_schema, argc, argv, &c, &rest);

	if (rc >= 0)
		return rc;
	if (rest < argc) {
		terminal_error("schema: unexpected %s", argv[rest]);
		return EXIT_FAILED;
	}
	terminal_open(&out, c.format == 0);
	if (c.format == 1)
		put_json(&out.buf);
	else
		put_text(&out.buf);
	return terminal_close(&out) ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_schema = {
	.name = "schema",
	.usage = "[--format text|json]",
	.help = "every field that an event can have, with type, unit and meaning",
	COMMAND_ROWS(rows),
	.run = schema_run,
};
