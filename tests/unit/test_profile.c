/* SPDX-License-Identifier: BSD-2-Clause */
/* Profiles: which entry fits a kernel, what becomes of its arguments, what is refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/config/profile.c"
#include "capture/config/profile_builtin.c"
#include "capture/config/profile_find.c"

struct options {
	const char *filter, *collect;
	uint64_t snaplen, period_ns;
	bool stack;
	struct option_list netns, probes;
};

static const struct option_row rows[] = {
	OPTION(STRING, options, filter, "filter-packet", 'f', "FILTER", ""),
	OPTION(NUMBER, options, snaplen, "snaplen", 0, "BYTES", "", .min = 64, .max = 65535),
	OPTION(TIME, options, period_ns, "sockets", 0, "PERIOD", ""),
	OPTION(FLAG, options, stack, "stack", 0, NULL, ""),
	OPTION(FLAG, options, stack, "no-sockets", 0, NULL, ""),
	OPTION(LIST, options, netns, "netns", 0, "NAME", ""),
	OPTION(LIST, options, probes, "probe", 'p', "PROBE", ""),
	OPTION(FLAG, options, stack, "force", 0, NULL, ""),
	OPTION(STRING, options, collect, "collect", 'c', "LIST", ""),
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool has_foo(void *ctx, const char *name)
{
	return !strcmp(name, "foo");
}

static int apply(const char *text, const char *release, struct options *o,
		 struct option_list *probes, struct profile *p, struct skbox_error *err)
{
	const struct profile_kernel kernel = {.release = release, .has_symbol = has_foo};
	int rc = profile_read(p, "t.yaml", text, strlen(text), err);

	*o = (struct options){0};
	*probes = (struct option_list){0};
	return rc ? rc : profile_apply(p, rows, ROWS, o, probes, &kernel, err);
}

static void done(struct options *o, struct option_list *probes, struct profile *p)
{
	option_list_free(&o->netns);
	option_list_free(probes);
	profile_free(p);
}

static void arguments(void **state)
{
	struct skbox_error err = {0};
	struct option_list probes;
	struct options o;
	struct profile p;

	assert_int_equal(
		apply("version: 1.0\nname: x\nabout: y\ncollect:\n- args:\n"
		      "    probe: [a, b/stack]\n    filter_packet: 'tcp port 80'\n"
		      "    snaplen: 128\n    sockets: 250ms\n    stack:\n    netns: [n, all]\n"
		      "    collectors: skb,dev\n    force2: 1\n",
		      "6.1", &o, &probes, &p, &err),
		-EPROTO);
	assert_string_equal(err.text, "t.yaml:13:5: force2: there is no such option");
	done(&o, &probes, &p);
	assert_int_equal(
		apply("version: 1.0\nname: x\nabout: y\ncollect:\n- args:\n"
		      "    probe: [a, b/stack]\n    filter_packet: 'tcp port 80'\n"
		      "    snaplen: 128\n    sockets: 250ms\n    stack:\n    netns: [n, all]\n"
		      "    collectors: skb,dev,ct\n",
		      "6.1", &o, &probes, &p, &err),
		0);
	assert_string_equal(p.name, "x");
	assert_string_equal(p.about, "y");
	assert_int_equal(probes.n, 2);
	assert_string_equal(probes.v[1], "b/stack");
	assert_int_equal(o.probes.n, 0);
	assert_string_equal(o.filter, "tcp port 80");
	assert_int_equal(o.snaplen, 128);
	assert_int_equal(o.period_ns, 250000000);
	assert_true(o.stack);
	assert_int_equal(o.netns.n, 2);
	assert_string_equal(o.collect, "ct");
	done(&o, &probes, &p);
	assert_int_equal(apply("version: 1.0\nname: x\ncollect: [{args: {stack: false}}]\n", "6.1",
			       &o, &probes, &p, &err),
			 0);
	assert_false(o.stack);
	assert_string_equal(p.about, "");
	done(&o, &probes, &p);
}

static void choice(void **state)
{
	static const char text[] = "version: 1.0\nname: x\ncollect:\n"
				   "- when: [{type: version, version: '<5.8'}]\n"
				   "  args: {snaplen: 100}\n"
				   "- when: [{type: symbol, name: bar}]\n"
				   "  args: {snaplen: 101}\n"
				   "- when: [{type: symbol, name: bar, exists: false},\n"
				   "         {type: version, version: '>=6'}]\n"
				   "  args: {snaplen: 102}\n"
				   "- when: [{type: symbol, name: foo},\n"
				   "         {type: version, version: '>=5.10, <5.15'}]\n"
				   "  args: {snaplen: 103}\n";
	static const struct {
		const char *release;
		uint64_t snaplen;
	} cases[] = {{"5.4.0-1", 100}, {"6.1.0-rc1", 102}, {"5.10", 103}};
	struct skbox_error err = {0};
	struct option_list probes;
	struct options o;
	struct profile p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(apply(text, cases[i].release, &o, &probes, &p, &err), 0);
		assert_int_equal(o.snaplen, cases[i].snaplen);
		done(&o, &probes, &p);
	}
	assert_int_equal(apply(text, "5.15.2", &o, &probes, &p, &err), -ENOENT);
	assert_string_equal(err.text, "t.yaml: nothing in this profile is for kernel 5.15.2");
	done(&o, &probes, &p);
}

static void refused(void **state)
{
#define HEAD "version: 1.0\nname: x\ncollect:\n- "
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"- a\n", "t.yaml:1:1: a profile: is a list, must be a map"},
		{"name: x\n", "t.yaml:1:1: version: must be 1.0"},
		{"version: 2.0\nname: x\n", "t.yaml:1:10: version: must be 1.0"},
		{"version: 1.0\n", "t.yaml:1:1: a profile: needs a name"},
		{"version: 1.0\nname: [x]\n", "t.yaml:2:7: a profile: needs a name"},
		{"version: 1.0\nname: x\nprobes: 1\n",
		 "t.yaml:3:1: probes: is no key that is known here"},
		{"version: 1.0\nname: x\ncollect: 1\n",
		 "t.yaml:3:10: collect: is a single value, must be a list"},
		{HEAD "arg: 1\n", "t.yaml:4:3: arg: is no key that is known here"},
		{HEAD "args: [1]\n", "t.yaml:4:9: args: is a list, must be a map"},
		{HEAD "args: {snaplen: [64, [1]]}\n",
		 "t.yaml:4:24: snaplen: is a list, must be a single value"},
		{HEAD "args: {snaplen: {a: 1}}\n",
		 "t.yaml:4:19: snaplen: is a map, must be a value or a list"},
		{HEAD "args: {snaplen: 3}\n", "t.yaml:4:19: snaplen: not within 64 to 65535"},
		{HEAD "args: {snaplen: }\n", "t.yaml:4:19: snaplen: needs BYTES"},
		{HEAD "args: {stack: 3}\n", "t.yaml:4:17: stack: takes no argument"},
		{HEAD "args: {force: }\n",
		 "t.yaml:4:10: force: is an option of the command line only"},
		{HEAD "args: {collectors: 'skb, moon'}\n",
		 "t.yaml:4:22: moon: there is no such collector"},
		{HEAD "args: {probe: }\n", "t.yaml:4:17: probe: needs a probe"},
		{HEAD "when: {a: 1}\n", "t.yaml:4:9: when: is a map, must be a list"},
		{HEAD "when: [{type: moon}]\n", "t.yaml:4:17: moon: is neither version nor symbol"},
		{HEAD "when: [{type: version, version: x}]\n",
		 "t.yaml:4:35: version: is not like \">=5.8, <6.12\""},
		{HEAD "when: [{type: symbol}]\n", "t.yaml:4:10: when: needs the name of a symbol"},
		{HEAD "when: [{type: symbol, name: a, exists: 7}]\n",
		 "t.yaml:4:42: exists: is neither true nor false"},
		{"name: [\n", "t.yaml:2:1: did not find expected node content"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct skbox_error err = {0};
		struct option_list probes;
		struct options o;
		struct profile p;

		assert_int_equal(apply(cases[i].text, "6.1", &o, &probes, &p, &err), -EPROTO);
		assert_string_equal(err.text, cases[i].message);
		done(&o, &probes, &p);
	}
}

static void versions(void **state)
{
	static const struct {
		const char *wanted, *release;
		int fits;
	} cases[] = {
		{">=5.8", "5.8.0", 1},
		{">=5.8", "5.7.99", 0},
		{">=5.8", "5.10", 1},
		{"<6", "5.19-rc1", 1},
		{"<6", "6.0", 0},
		{">6", "6.5", 0},
		{"<=6", "6.18.44", 1},
		{"=5.10", "5.10.7", 1},
		{"5.10", "5.11", 0},
		{">=5.8,<6.1", "6", 1},
		{" >= 5.8 , <6.1", "6.1", 0},
		{"", "6", -1},
		{"==5", "5", -1},
		{">=", "5", -1},
		{">=5 <6", "5", -1},
		{">=5,", "5", -1},
		{"<>5", "5", -1},
		{">=6.1.2", "6.1-arch", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(profile_version_fits(cases[i].wanted, cases[i].release),
				 cases[i].fits);
}

static void ours(void **state)
{
	static const char *const no_dirs[] = {NULL};
	struct buf text = {0};

	assert_int_equal(profile_builtins_n, 7);
	profile_list(no_dirs, &text);
	buf_u8(&text, 0);
	for (size_t i = 0; i < profile_builtins_n; i++) {
		struct skbox_error err = {0};
		struct option_list probes = {0};
		struct options o = {0};
		struct profile_kernel kernel;
		struct profile p;

		assert_int_equal(profile_find(&p, profile_builtins[i].name, no_dirs, &err), 0);
		assert_string_equal(p.name, profile_builtins[i].name);
		assert_true(strlen(p.about) > 20);
		assert_non_null(strstr((char *)text.p, p.about));
		profile_kernel_init(&kernel);
		assert_int_equal(profile_apply(&p, rows, ROWS, &o, &probes, &kernel, &err), 0);
		assert_true(probes.n > 0);
		profile_kernel_fini(&kernel);
		done(&o, &probes, &p);
	}
	buf_free(&text);
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void search(void **state)
{
	char dir[] = "/tmp/skbox-profile-XXXXXX", path[100];
	const char *const dirs[] = {"/nonexistent", dir, NULL};
	struct skbox_error err = {0};
	struct buf text = {0};
	struct profile p;

	assert_non_null(mkdtemp(dir));
	put_file(dir, "a.yaml", "version: 1.0\nname: [\n");
	put_file(dir, "b.yml", "version: 1.0\nname: generic\nabout: of the host\n");
	put_file(dir, "c.txt", "version: 1.0\nname: other\n");
	assert_int_equal(profile_find(&p, "generic", dirs, &err), 0);
	assert_string_equal(p.about, "of the host");
	profile_free(&p);
	assert_int_equal(profile_find(&p, "other", dirs, &err), -ENOENT);
	assert_non_null(strstr(err.text, "there is no profile other"));
	assert_non_null(strstr(err.text, "a.yaml:3:1:"));
	profile_free(&p);
	snprintf(path, sizeof(path), "%s/c.txt", dir);
	assert_int_equal(profile_find(&p, path, dirs, &err), 0);
	assert_string_equal(p.name, "other");
	profile_free(&p);
	profile_list(dirs, &text);
	buf_u8(&text, 0);
	assert_non_null(strstr((char *)text.p, "of the host\n"));
	assert_non_null(strstr((char *)text.p, "a.yaml:3:1:"));
	assert_null(strstr((char *)text.p, "/nonexistent"));
	buf_free(&text);
	unlink(path);
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/b.yml", dir);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void places(void **state)
{
	const char *own_words[] = {"/own"}, *dirs[PROFILE_DIRS_MAX];
	struct option_list own = {own_words, 1};
	char home[100];

	setenv("XDG_CONFIG_HOME", "/xdg", 1);
	setenv("HOME", "/home/me", 1);
	profile_dirs(&own, dirs, home, sizeof(home));
	assert_string_equal(dirs[0], "/own");
	assert_string_equal(dirs[1], "/xdg/skbox/profiles");
	assert_string_equal(dirs[2], "/etc/skbox/profiles");
	assert_string_equal(dirs[3], "/usr/share/skbox/profiles");
	assert_null(dirs[4]);
	unsetenv("XDG_CONFIG_HOME");
	profile_dirs(&own, dirs, home, sizeof(home));
	assert_string_equal(dirs[1], "/home/me/.config/skbox/profiles");
	unsetenv("HOME");
	profile_dirs(&own, dirs, home, sizeof(home));
	assert_string_equal(dirs[1], "/etc/skbox/profiles");
	assert_true(line_has("ffffffff81000000 T foo\n", "foo"));
	assert_true(line_has("ffffffff81000000 T foo\t[mod]\n", "foo"));
	assert_false(line_has("ffffffff81000000 T foo_bar\n", "foo"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments), cmocka_unit_test(choice), cmocka_unit_test(refused),
		cmocka_unit_test(versions),  cmocka_unit_test(ours),   cmocka_unit_test(search),
		cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
