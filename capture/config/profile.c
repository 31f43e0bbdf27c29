/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/config/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options that are the user's alone: where output goes, and what is no recording. */
static const char *const not_in_profiles[] = {"out",         "force", "profile", "profile-dir",
					      "list-probes", "check", NULL};

/* Retis' collectors; all but ct and nft are always on here (and ovs there is not). */
static const char *const collectors[] = {"auto", "skb-tracking", "skb", "skb-drop", "dev",
					 "ns",   "ovs",          "ct",  "nft",      NULL};

static bool is_among(const char *const *words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

/* A message about a node, with the file in front. */
static int complain(struct skbox_error *err, const struct profile *p, const struct yaml *node,
		    const char *what, const char *word)
{
	struct skbox_error inner = {0};

	yaml_error(&inner, node, "%.80s%s%.80s", word ? word : "", word ? ": " : "", what);
	return error_set(err, -EPROTO, inner.offset, "%.100s:%s", p->path, inner.text);
}

static int want_kind(struct skbox_error *err, const struct profile *p, const struct yaml *node,
		     enum yaml_kind kind, const char *word)
{
	char what[60];

	if (node->kind == kind)
		return 0;
	snprintf(what, sizeof(what), "is %s, must be %s", yaml_kind_name(node->kind),
		 yaml_kind_name(kind));
	return complain(err, p, node, what, word);
}

/* ---- the form of a file ---- */

static int check_keys(struct skbox_error *err, const struct profile *p, const struct yaml *map,
		      const char *const *known, const char *word)
{
	int rc = want_kind(err, p, map, YAML_MAP, word);

	for (size_t i = 0; !rc && i < map->n; i++)
		if (!is_among(known, map->keys[i]->text))
			rc = complain(err, p, map->keys[i], "is no key that is known here",
				      map->keys[i]->text);
	return rc;
}

static int check_condition(struct skbox_error *err, const struct profile *p,
			   const struct yaml *when)
{
	static const char *const known[] = {"type", "version", "name", "exists", NULL};
	const struct yaml *type, *v;
	int rc = check_keys(err, p, when, known, "when");
	bool flag;

	if (rc)
		return rc;
	type = yaml_member(when, "type");
	if (!type || type->kind != YAML_SCALAR)
		return complain(err, p, type ? type : when, "needs a type: version or symbol",
				"when");
	v = yaml_member(when, "exists");
	if (v && !yaml_flag(v, &flag))
		return complain(err, p, v, "is neither true nor false", "exists");
	if (!strcmp(type->text, "version")) {
		v = yaml_member(when, "version");
		if (!v || v->kind != YAML_SCALAR || profile_version_fits(v->text, "1") < 0)
			return complain(err, p, v ? v : when, "is not like \">=5.8, <6.12\"",
					"version");
		return 0;
	}
	if (strcmp(type->text, "symbol"))
		return complain(err, p, type, "is neither version nor symbol", type->text);
	v = yaml_member(when, "name");
	if (!v || v->kind != YAML_SCALAR)
		return complain(err, p, v ? v : when, "needs the name of a symbol", "when");
	return 0;
}

static int check_entry(struct skbox_error *err, const struct profile *p, const struct yaml *entry)
{
	static const char *const known[] = {"name", "when", "args", NULL};
	const struct yaml *when, *args;
	int rc = check_keys(err, p, entry, known, "collect");

	if (rc)
		return rc;
	when = yaml_member(entry, "when");
	if (when)
		rc = want_kind(err, p, when, YAML_LIST, "when");
	for (size_t i = 0; !rc && when && i < when->n; i++)
		rc = check_condition(err, p, when->v[i]);
	args = yaml_member(entry, "args");
	if (!rc && args && !yaml_is_null(args))
		rc = want_kind(err, p, args, YAML_MAP, "args");
	return rc;
}

/* `pcap` is of Retis' command of that name: there is nothing here that it could be for. */
static int check(struct profile *p, struct skbox_error *err)
{
	static const char *const known[] = {"version", "name", "about", "collect", "pcap", NULL};
	const struct yaml *name, *about, *version, *collect;
	int rc = check_keys(err, p, p->root, known, "a profile");

	if (rc)
		return rc;
	name = yaml_member(p->root, "name");
	about = yaml_member(p->root, "about");
	version = yaml_member(p->root, "version");
	collect = yaml_member(p->root, "collect");
	if (!name || name->kind != YAML_SCALAR || !*name->text)
		return complain(err, p, name ? name : p->root, "needs a name", "a profile");
	if (about)
		rc = want_kind(err, p, about, YAML_SCALAR, "about");
	if (!rc && (!version || version->kind != YAML_SCALAR || strcmp(version->text, "1.0")))
		rc = complain(err, p, version ? version : p->root, "must be 1.0", "version");
	if (!rc && collect)
		rc = want_kind(err, p, collect, YAML_LIST, "collect");
	for (size_t i = 0; !rc && collect && i < collect->n; i++)
		rc = check_entry(err, p, collect->v[i]);
	p->name = name->text;
	p->about = about && !rc ? about->text : "";
	return rc;
}

int profile_read(struct profile *p, const char *path, const char *text, size_t len,
		 struct skbox_error *err)
{
	struct skbox_error inner = {0};
	struct yaml *root;
	int rc = yaml_read(&root, text, len, &inner);

	*p = (struct profile){0};
	if (rc)
		return error_set(err, rc, inner.offset, "%.100s:%s", path, inner.text);
	return profile_take(p, path, root, err);
}

int profile_take(struct profile *p, const char *path, struct yaml *root, struct skbox_error *err)
{
	*p = (struct profile){.path = strdup(path), .root = root};
	return p->path ? check(p, err) : error_set(err, -ENOMEM, 0, "out of memory");
}

void profile_free(struct profile *p)
{
	yaml_tree_free(p->root);
	free(p->path);
	*p = (struct profile){0};
}

/* ---- use ---- */

static int condition_fits(const struct yaml *when, const struct profile_kernel *kernel)
{
	const struct yaml *exists = yaml_member(when, "exists");
	bool wanted = true;

	if (!strcmp(yaml_member(when, "type")->text, "version"))
		return profile_version_fits(yaml_member(when, "version")->text, kernel->release);
	if (exists)
		yaml_flag(exists, &wanted);
	return kernel->has_symbol(kernel->ctx, yaml_member(when, "name")->text) == wanted;
}

static bool entry_fits(const struct yaml *entry, const struct profile_kernel *kernel)
{
	const struct yaml *when = yaml_member(entry, "when");

	for (size_t i = 0; when && i < when->n; i++)
		if (!condition_fits(when->v[i], kernel))
			return false;
	return true;
}

/* One value of an option; node is where it stands. */
static int set(const struct profile *p, const struct option_row *rows, size_t n, void *config,
	       const char *name, const struct yaml *node, struct skbox_error *err)
{
	char why[100] = "";
	const char *text = yaml_is_null(node) ? NULL : node->text;
	bool flag;

	switch (options_set(rows, n, config, name, text, why, sizeof(why))) {
	case 0: return 0;
	case -ENOENT: return complain(err, p, node, "there is no such option", name);
	default: break;
	}
	/* a flag may be written as one */
	if (text && !options_takes_argument(rows, n, name) && yaml_flag(node, &flag))
		return flag ? options_set(rows, n, config, name, NULL, why, sizeof(why)) : 0;
	return complain(err, p, node, why, name);
}

/* Retis' word for what is chosen by --collect here: ct, nft, both. */
static int set_collectors(const struct profile *p, const struct option_row *rows, size_t n,
			  void *config, const struct yaml *node, struct skbox_error *err)
{
	static const char *const values[] = {NULL, "ct", "nft", "ct,nft"};
	unsigned int which = 0;
	char word[20], why[100];

	for (const char *s = node->text; *s; s += strspn(s, ", ")) {
		size_t len = strcspn(s, ", ");

		snprintf(word, sizeof(word), "%.*s", (int)len, s);
		if (!is_among(collectors, word))
			return complain(err, p, node, "there is no such collector", word);
		which |= strcmp(word, "ct") ? 0 : 1;
		which |= strcmp(word, "nft") ? 0 : 2;
		s += len;
	}
	if (which && options_set(rows, n, config, "collect", values[which], why, sizeof(why)))
		return complain(err, p, node, why, "collectors");
	return 0;
}

static int apply_arg(const struct profile *p, const struct option_row *rows, size_t n, void *config,
		     struct option_list *probes, const struct yaml *key, const struct yaml *value,
		     struct skbox_error *err)
{
	const struct yaml *one = value;
	const struct yaml *const *v = &one;
	size_t count = 1;
	char name[40];
	int rc = 0;

	snprintf(name, sizeof(name), "%s", key->text);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (is_among(not_in_profiles, name))
		return complain(err, p, key, "is an option of the command line only", name);
	if (value->kind == YAML_MAP)
		return complain(err, p, value, "is a map, must be a value or a list", name);
	if (strcmp(name, "collectors") && options_set(rows, n, NULL, name, NULL, NULL, 0))
		return complain(err, p, key, "there is no such option", name);
	if (value->kind == YAML_LIST) {
		v = (const struct yaml *const *)value->v;
		count = value->n;
	}
	for (size_t i = 0; !rc && i < count; i++) {
		rc = want_kind(err, p, v[i], YAML_SCALAR, name);
		if (rc)
			break;
		if (!strcmp(name, "collectors"))
			rc = set_collectors(p, rows, n, config, v[i], err);
		else if (strcmp(name, "probe"))
			rc = set(p, rows, n, config, name, v[i], err);
		else if (yaml_is_null(v[i]))
			rc = complain(err, p, v[i], "needs a probe", name);
		else if (!option_list_add(probes, v[i]->text))
			rc = error_set(err, -ENOMEM, 0, "out of memory");
	}
	return rc;
}

int profile_apply(const struct profile *p, const struct option_row *rows, size_t n, void *config,
		  struct option_list *probes, const struct profile_kernel *kernel,
		  struct skbox_error *err)
{
	const struct yaml *collect = yaml_member(p->root, "collect"), *args;
	size_t at = 0;
	int rc = 0;

	while (collect && at < collect->n && !entry_fits(collect->v[at], kernel))
		at++;
	if (!collect || at == collect->n)
		return error_set(err, -ENOENT, 0,
				 "%.100s: nothing in this profile is for kernel %.40s", p->path,
				 kernel->release);
	args = yaml_member(collect->v[at], "args");
	for (size_t i = 0; !rc && args && i < args->n; i++)
		rc = apply_arg(p, rows, n, config, probes, args->keys[i], args->v[i], err);
	return rc;
}

/* ---- versions ---- */

/* Compares as many parts as wanted has: 0 when they are equal. *end: behind wanted. */
static int compare(const char *release, const char *wanted, const char **end)
{
	int result = 0;

	for (;;) {
		char *after, *after_wanted;
		unsigned long a = strtoul(release, &after, 10);
		unsigned long b = strtoul(wanted, &after_wanted, 10);

		if (after_wanted == wanted)
			break;
		if (!result)
			result = a < b ? -1 : a > b;
		wanted = after_wanted;
		/* 6.12.1-rc2 or 6.12-arch: what is not there counts as 0 */
		release = *after == '.' && after != release ? after + 1 : "";
		if (*wanted != '.')
			break;
		wanted++;
	}
	*end = wanted;
	return result;
}

int profile_version_fits(const char *wanted, const char *release)
{
	bool fits = true;

	for (;;) {
		const char *op, *end;
		size_t len;
		int c;

		wanted += strspn(wanted, " ");
		op = wanted;
		len = strspn(wanted, "<>=");
		wanted += len;
		wanted += strspn(wanted, " ");
		c = compare(release, wanted, &end);
		if (end == wanted || len > 2 || (len == 2 && op[1] != '=') ||
		    (len == 2 && op[0] == '='))
			return -1;
		fits &= *op == '<'   ? c < 0 || (len == 2 && !c)
			: *op == '>' ? c > 0 || (len == 2 && !c)
				     : !c;
		wanted = end + strspn(end, " ");
		if (!*wanted)
			return fits;
		if (*wanted++ != ',')
			return -1;
	}
}
