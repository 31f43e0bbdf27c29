/* SPDX-License-Identifier: BSD-2-Clause */
/* Rule files: what is the same for every kind of rule. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/check/check.h"
#include "cli/options.h"

const char *const check_verdict_names[] = {"pass", "fail", "unknown"};

static const char common_keys[] = " name message needs min_seen ";

/* Bounds: what they are about, and which way where the text has no operator. */
static const struct {
	const char *key;
	bool is_distribution, is_count;
	enum check_figure_id figure; /* of a distribution */
	enum check_operator op;
} bounds[] = {
	{"max", true, true, FIGURE_MAX, CHECK_LE},
	{"min", true, true, FIGURE_MIN, CHECK_GE},
	{"equals", false, true, FIGURE_COUNT, CHECK_EQ},
	{"mean", true, false, FIGURE_MEAN, CHECK_LE},
	{"p50", true, false, FIGURE_P50, CHECK_LE},
	{"p90", true, false, FIGURE_P90, CHECK_LE},
	{"p95", true, false, FIGURE_P95, CHECK_LE},
	{"p99", true, false, FIGURE_P99, CHECK_LE},
	{"p999", true, false, FIGURE_P999, CHECK_LE},
};
enum { BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };

static bool is_among(const char *words, const char *word)
{
	char padded[40];
	int n = snprintf(padded, sizeof(padded), " %s ", word);

	return n > 0 && (size_t)n < sizeof(padded) && strstr(words, padded);
}

static const char *scalar(const struct yaml *node)
{
	return node && node->kind == YAML_SCALAR && *node->text ? node->text : NULL;
}

static bool allows(const struct check_kind *kind, int bound)
{
	return kind->is_distribution ? bounds[bound].is_distribution : bounds[bound].is_count;
}

static int unknown_key(const struct check_kind *kind, const struct yaml *key,
		       struct skbox_error *err)
{
	const char *words[BOUNDS + 20], *near;
	char copy[200];
	size_t n = 0;

	snprintf(copy, sizeof(copy), "%s%s", common_keys, kind->keys);
	for (char *p = strtok(copy, " "); p && n < 20; p = strtok(NULL, " "))
		words[n++] = p;
	for (int i = 0; i < BOUNDS; i++)
		if (allows(kind, i))
			words[n++] = bounds[i].key;
	near = options_nearest(key->text, words, n);
	return yaml_error(err, key, "a rule on %s has no key %.40s%s%s%s", kind->key, key->text,
			  near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* ---- pieces ---- */

int check_where_read(struct check_where *w, const struct yaml *node, struct skbox_error *err)
{
	struct where_error why = {0};
	struct yaml at;
	int rc;

	if (!node)
		return 0;
	if (!scalar(node))
		return yaml_error(err, node, "is %s, must be an expression (skbox-filter(7))",
				  yaml_kind_name(node->kind));
	rc = where_parse(&w->where, node->text, &why);
	if (rc == -ENOMEM)
		return error_set(err, rc, 0, "out of memory");
	if (rc == 0)
		return 0;
	/* a text over several lines was folded: then the column counts from its begin */
	at = *node;
	at.column += (uint32_t)why.at + !node->plain;
	return yaml_error(err, &at, "%.160s", why.text);
}

int check_field_read(struct field *f, const struct yaml *node, struct skbox_error *err)
{
	const char *name = scalar(node), *near;

	if (!name)
		return yaml_error(err, node, "must be the name of a field");
	if (!fields_find(f, name, strlen(name))) {
		near = fields_nearest(name, strlen(name));
		return yaml_error(err, node, "there is no field %.40s%s%s%s", name,
				  near ? "; did you mean " : "; skbox schema lists them",
				  near ? near : "", near ? "?" : "");
	}
	if (f->kind != FIELD_INT || f->is_signed || f->is_flag)
		return yaml_error(err, node, "%.40s is no number that can be measured", name);
	return 0;
}

int check_bound_read(struct check_rule *r, const char *key, const struct yaml *node,
		     struct skbox_error *err)
{
	static const struct {
		const char *text;
		enum check_operator op;
	} operators[] = {{"<=", CHECK_LE},
			 {">=", CHECK_GE},
			 {"==", CHECK_EQ},
			 {"<", CHECK_LT},
			 {">", CHECK_GT}};
	const char *text = scalar(node), *why;
	struct check_bound *b = &r->bound[r->n_bounds];
	int row = 0;

	while (strcmp(bounds[row].key, key) != 0)
		row++;
	*b = (struct check_bound){.key = bounds[row].key, .op = bounds[row].op};
	b->figure = r->kind->is_distribution ? bounds[row].figure : FIGURE_COUNT;
	for (size_t i = 0; text && i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strncmp(text, operators[i].text, strlen(operators[i].text)) == 0) {
			b->op = operators[i].op;
			text += strlen(operators[i].text);
			text += strspn(text, " ");
			break;
		}
	if (!check_value_parse(r, text ? text : "", &b->value, &why))
		return yaml_error(err, node, "%s: is not %s", key, why);
	r->n_bounds++;
	return 0;
}

static int read_needs(struct check_rule *r, const struct yaml *node, struct skbox_error *err)
{
	r->needs = node;
	if (!node)
		return 0;
	if (node->kind != YAML_LIST || node->n > CHECK_NEEDS_MAX)
		return yaml_error(err, node, "needs: must be a list of %d probes at most",
				  CHECK_NEEDS_MAX);
	for (size_t i = 0; i < node->n; i++)
		if (!scalar(node->v[i]))
			return yaml_error(err, node->v[i], "needs: must be names of probes");
	return 0;
}

/* ---- a rule ---- */

static const struct check_kind *kind_of(const struct yaml *map)
{
	for (const struct check_kind *k = check_kinds; k->key; k++)
		if (yaml_member(map, k->key))
			return k;
	return NULL;
}

static int read_keys(struct check_rule *r, const struct yaml *map, struct skbox_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < map->n; i++) {
		const char *key = map->keys[i]->text;
		int b = 0;

		if (strcmp(key, r->kind->key) == 0 || is_among(common_keys, key) ||
		    is_among(r->kind->keys, key))
			continue;
		while (b < BOUNDS && (!allows(r->kind, b) || strcmp(bounds[b].key, key) != 0))
			b++;
		rc = b == BOUNDS ? unknown_key(r->kind, map->keys[i], err)
				 : check_bound_read(r, key, map->v[i], err);
	}
	return rc;
}

static int read_kind(struct check_rule *r, const struct yaml *map, struct skbox_error *err)
{
	static const char kinds[] =
		"events, sequence, journeys, latency, values, increase, recording";
	const struct check_kind *k;
	const struct yaml *other;

	if (map->kind != YAML_MAP)
		return yaml_error(err, map, "a rule is %s, must be a map",
				  yaml_kind_name(map->kind));
	r->kind = kind_of(map);
	if (!r->kind)
		return yaml_error(err, map->n ? map->keys[0] : map,
				  "a rule needs one of the keys %s", kinds);
	for (k = r->kind + 1; k->key; k++) {
		other = yaml_member(map, k->key);
		if (other)
			return yaml_error(err, other, "a rule on %s cannot be one on %s, too",
					  r->kind->key, k->key);
	}
	return 0;
}

static int read_rule(struct check *c, struct check_rule *r, const struct yaml *map,
		     struct skbox_error *err)
{
	const struct yaml *name = yaml_member(map, "name"), *v;
	const char *why;
	double number;
	int rc = read_kind(r, map, err);

	if (rc)
		return rc;
	r->line = map->line;
	r->name = scalar(name);
	if (!r->name)
		return yaml_error(err, name ? name : map, "a rule needs a name");
	v = yaml_member(map, "message");
	r->message = scalar(v);
	if (v && !r->message)
		return yaml_error(err, v, "message: must be text");
	v = yaml_member(map, r->kind->key);
	r->where_text = scalar(v);
	r->min_seen = r->kind->min_seen;
	v = yaml_member(map, "min_seen");
	if (v && !check_value_parse(r, scalar(v) ? v->text : "", &number, &why))
		return yaml_error(err, v, "min_seen: is not %s", why);
	if (v)
		r->min_seen = (uint64_t)number;
	rc = read_needs(r, yaml_member(map, "needs"), err);
	if (!rc)
		rc = r->kind->read(c, r, map, err);
	if (!rc)
		rc = read_keys(r, map, err);
	if (!rc && !r->n_bounds && strchr(r->kind->keys, '!'))
		rc = check_bound_read(r, "max", &(struct yaml){.text = "0"}, err);
	if (!rc && !r->n_bounds)
		rc = yaml_error(err, map, "a rule on %s needs a bound, such as %s", r->kind->key,
				r->kind->is_distribution ? "p95: 10ms" : "max: 0");
	return rc;
}

/* ---- a file ---- */

static int read_rules(struct check *c, const char *path, const struct yaml *root,
		      struct skbox_error *err)
{
	const struct yaml *rules = yaml_member(root, "rules"), *v = yaml_member(root, "version");
	int rc = 0;

	if (root->kind != YAML_MAP)
		return yaml_error(err, root, "is %s, must be a map with a list of rules",
				  yaml_kind_name(root->kind));
	for (size_t i = 0; i < root->n; i++)
		if (!is_among(" version name about rules ", root->keys[i]->text))
			return yaml_error(err, root->keys[i], "there is no key %.40s here",
					  root->keys[i]->text);
	if (!v || !scalar(v) || strcmp(v->text, "1") != 0)
		return yaml_error(err, v ? v : root, "version: must be 1");
	if (!rules || rules->kind != YAML_LIST || !rules->n)
		return yaml_error(err, rules ? rules : root, "rules: must be a list");
	for (size_t i = 0; !rc && i < rules->n; i++) {
		struct check_rule *r = &c->rule[c->n_rules];

		if (c->n_rules == CHECK_RULES_MAX)
			return yaml_error(err, rules->v[i], "more than %d rules", CHECK_RULES_MAX);
		*r = (struct check_rule){.file = path};
		c->n_rules++;
		rc = read_rule(c, r, rules->v[i], err);
	}
	return rc;
}

int check_rules_read(struct check *c, const char *path, const char *text, size_t len,
		     struct skbox_error *err)
{
	struct skbox_error inner = {0};
	struct yaml *root = NULL;
	void *trees = realloc(c->trees, (c->n_trees + 1) * sizeof(*c->trees)), *paths;
	int rc;

	if (!c->rule)
		c->rule = calloc(CHECK_RULES_MAX, sizeof(*c->rule));
	if (trees)
		c->trees = trees;
	paths = realloc(c->paths, (c->n_trees + 1) * sizeof(*c->paths));
	if (paths)
		c->paths = paths;
	if (!trees || !paths || !c->rule || !(c->paths[c->n_trees] = strdup(path)))
		return error_set(err, -ENOMEM, 0, "out of memory");
	rc = yaml_read(&root, text, len, &inner);
	c->trees[c->n_trees] = root;
	path = c->paths[c->n_trees++];
	if (!rc)
		rc = read_rules(c, path, root, &inner);
	return rc ? error_set(err, rc, inner.offset, "%.90s:%s%.108s", path,
			      rc == -EPROTO ? "" : " ", inner.text)
		  : 0;
}

static void free_rule(struct check_rule *r)
{
	where_free(r->where.where);
	where_free(r->of.where);
	for (unsigned int i = 0; i < CHECK_STEPS_MAX; i++)
		where_free(r->step[i].where);
	stats_hist_fini(&r->hist);
	check_table_free(&r->table);
	for (unsigned int i = 0; i < r->n_examples; i++)
		buf_free(&r->example[i].text);
	buf_free(&r->measured);
}

void check_fini(struct check *c)
{
	for (unsigned int i = 0; i < c->n_rules; i++)
		free_rule(&c->rule[i]);
	free(c->rule);
	for (unsigned int i = 0; i < c->n_trees; i++) {
		yaml_tree_free(c->trees[i]);
		free(c->paths[i]);
	}
	free(c->trees);
	free(c->paths);
	journey_losses_free(&c->losses);
	check_table_free(&c->journeys);
	ev_batch_free(c->names);
	*c = (struct check){0};
}
