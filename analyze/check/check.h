/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skbox check: rules on recordings; man/skbox-rules.5 is their manual.
 *
 * A rule is of a kind (check_kinds[]), which measures something while events go by, and has bounds that
 * judge what was measured. What is measured is an interval: events that were lost may have changed it. A
 * bound that only a part of the interval meets makes the rule unknown.
 */
#ifndef ANALYZE_CHECK_H
#define ANALYZE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/check/check_table.h"
#include "analyze/filter/fields.h"
#include "analyze/filter/where.h"
#include "analyze/sort/journey.h"
#include "analyze/sort/journey_loss.h"
#include "analyze/stats/stats_sketch.h"
#include "cli/yaml.h"
#include "formats/buf.h"
#include "formats/error.h"
#include "formats/event.h"
#include "formats/text/text.h"

enum {
	CHECK_RULES_MAX = 256,
	CHECK_STEPS_MAX = 8, /* of a sequence */
	CHECK_BOUNDS_MAX = 12,
	CHECK_JOURNEY_RULES = 64,   /* rules on journeys: each has a bit in a journey's state */
	CHECK_PATTERNS_MAX = 64,    /* of must_pass and must_not_pass of all of them, likewise */
	CHECK_NEEDS_MAX = 16,       /* probes that a rule needs */
	CHECK_JOURNEYS_MAX = 65536, /* under way at one time; beyond, the one longest unseen ends */
	CHECK_OPEN_MAX = 65536,     /* sequences of a rule that wait for their next step */
	CHECK_SOCKETS_MAX = 32768,  /* of a rule */
	CHECK_NAMES_MAX = 4096,     /* probes and drop reasons */
	CHECK_EXAMPLES_MAX = 20,    /* of a rule */
	CHECK_EXAMPLE_EVENTS = 20,  /* of a journey that is shown */
	CHECK_MEASURED_BYTES = 400,
	/* What begins or ends so near the recording's own begin or end may be cut off by it. */
	CHECK_EDGE_NS = 10 * 1000 * 1000,
};

enum check_verdict { CHECK_PASS, CHECK_FAIL, CHECK_UNKNOWN };
extern const char *const check_verdict_names[];

enum check_figure_id {
	FIGURE_COUNT, /* what the kind counts; a share when the rule has one */
	FIGURE_MIN,
	FIGURE_MEAN,
	FIGURE_MAX,
	FIGURE_P50,
	FIGURE_P90,
	FIGURE_P95,
	FIGURE_P99,
	FIGURE_P999,
	FIGURES
};

enum check_operator { CHECK_LE, CHECK_LT, CHECK_GE, CHECK_GT, CHECK_EQ };

/* In what numbers of a rule are: how they are read and written. */
enum check_unit { CHECK_COUNT, CHECK_SHARE, CHECK_TIME, CHECK_FIELD };

struct check_bound {
	const char *key; /* "max", "p99" */
	enum check_figure_id figure;
	enum check_operator op;
	double value; /* times of CHECK_TIME: ns; of a field: in its unit */
};

/* What was measured, and what it may have been: events may be lost. */
struct check_figure {
	double value, low, high;
};

/* Something that breaks a rule: events by their number in the input, or a journey. */
struct check_example {
	uint64_t ordinal[2]; /* 0: none; counted from 1 */
	struct journey_key journey;
	bool is_journey;
	char note[120];
	struct buf text; /* the events, rendered (check_example.c) */
	uint32_t events; /* rendered; more of them are not */
};

struct check_rule;
struct check;

/* A figure of a kind of rules: the key that bounds it. */
struct check_kind {
	const char *key;      /* of the rule, which makes it this kind */
	const char *keys;     /* others that it may have, with blanks around each */
	bool is_distribution; /* bounds are min, mean, p50 ...; else max, min, equals */
	uint64_t min_seen;    /* where the rule does not say */
	const char *what;     /* what min_seen counts */
	const char *joint;    /* in front of how many there were: "of ", "in " */
	/* 0, or -EPROTO with err filled: what is the kind's own in a rule. */
	int (*read)(struct check *c, struct check_rule *r, const struct yaml *map,
		    struct skbox_error *err);
	/* An event that passed the filters; NULL: journeys are told apart by check_journey.c. */
	void (*event)(struct check *c, struct check_rule *r, const struct ev *ev);
	void (*end)(struct check *c,
		    struct check_rule *r); /* no more events; NULL: nothing to do */
	/* False: nothing was measured. */
	bool (*figure)(const struct check *c, const struct check_rule *r, enum check_figure_id id,
		       struct check_figure *f);
	/* What was seen, in words: "of 12 sequences". */
	void (*tell)(const struct check *c, const struct check_rule *r, struct buf *out);
};
extern const struct check_kind check_kinds[];

/* An expression, compiled, and its answers for the batch being read. */
struct check_where {
	struct where *where; /* NULL: everything */
	const uint8_t *match;
};

static inline bool check_matches(const struct check_where *w, const struct ev *ev)
{
	return !w->where || w->match[ev->index];
}

/* Patterns of probes: "net:*", "skb:kfree_skb@eth0". */
struct check_patterns {
	const struct yaml *list; /* of scalars; NULL: none */
	unsigned int first;      /* bit of the first one in a journey's state */
};

struct check_rule {
	const struct check_kind *kind;
	const char *name, *message, *where_text, *file; /* of the trees */
	uint32_t line;
	const struct yaml *needs; /* probes */
	uint32_t needs_met;       /* bits */
	uint64_t min_seen;
	struct check_bound bound[CHECK_BOUNDS_MAX];
	unsigned int n_bounds;
	enum check_unit unit;

	struct check_where where, of; /* of: what a share is a share of */
	struct check_where step[CHECK_STEPS_MAX];
	unsigned int n_steps;
	uint64_t within_ns;
	int by;               /* what a sequence is of: index of its names (check_sequence.c) */
	unsigned int journey; /* number among the rules on journeys, from 1; 0: it is none */
	struct check_patterns must_pass, must_not_pass, may_end_by;
	const char *from, *to; /* of a latency */
	struct field field, per;
	bool has_per;
	int recording; /* index of what is asked of the recording */
	bool is_about_loss;

	/* what was measured */
	uint64_t seen;      /* sequences, journeys, values, sockets; of a share: of how many */
	uint64_t count;     /* of events; broken ones for sure */
	uint64_t uncertain; /* broken, but a loss may be why */
	uint64_t cut;       /* not judged: at the begin or the end of the recording */
	uint64_t per_count;
	bool overflow; /* there was not enough room: the figures are not exact */
	double sum;
	struct stats_hist hist;
	struct check_table table;
	struct check_example example[CHECK_EXAMPLES_MAX];
	unsigned int n_examples;

	enum check_verdict verdict;
	struct buf measured; /* in words */
};

struct check {
	struct check_rule *rule;
	unsigned int n_rules;
	unsigned int n_journey_rules, n_patterns;
	struct yaml **trees; /* that the rules' words are of */
	char **paths;
	unsigned int n_trees;
	unsigned int examples; /* wanted of each rule */
	bool failed;           /* out of memory */

	/* the recording */
	uint64_t ordinal;          /* of the event: from 1 */
	uint64_t begin_ns, end_ns; /* of the recording */
	bool is_timed; /* it is a part by time: rows about the recording are not its ends */
	uint64_t events;
	struct journey_losses losses;
	bool losses_known; /* before the first event */
	uint64_t lost_rows, lost_total, skipped, lost_sockets;
	uint64_t unattached, damaged, unfinished, unknown;
	bool has_inventory;
	struct check_table journeys;
	struct ev_batch *names; /* a pool of strings */
};

/* ---- rules (check_rules.c) ---- */

/*
 * Adds the rules of a file, or of a name (check_builtin.c); several with commas between them. 0; a
 * negative errno with err filled, its text beginning with FILE:LINE:COLUMN.
 */
int check_rules_add(struct check *c, const char *words, struct skbox_error *err);
/* The same of a text; path is what messages call it. */
int check_rules_read(struct check *c, const char *path, const char *text, size_t len,
		     struct skbox_error *err);
void check_fini(struct check *c);

/* Compiles an expression of a rule; NULL node: everything. */
int check_where_read(struct check_where *w, const struct yaml *node, struct skbox_error *err);
/* "max: < 10ms": appends a bound. */
int check_bound_read(struct check_rule *r, const char *key, const struct yaml *node,
		     struct skbox_error *err);
int check_field_read(struct field *f, const struct yaml *node, struct skbox_error *err);

/* ---- numbers (check_value.c) ---- */

/* "< 10ms", "0.1%", "12" in the rule's unit. False: it is none; *why says what would be. */
bool check_value_parse(const struct check_rule *r, const char *text, double *value,
		       const char **why);
void check_value_put(const struct check_rule *r, double value, struct buf *out);
void check_value_put_bound(const struct check_rule *r, const struct check_bound *b,
			   struct buf *out);
void check_value_put_ns(double ns, struct buf *out); /* "1.5ms" */

/* ---- shipped rules (check_builtin.c) ---- */

struct check_builtin {
	const char *name, *text, *end;
};
extern const struct check_builtin check_builtins[];
extern const size_t check_builtins_n;
/* What --learn measures first. */
extern const struct check_builtin check_builtin_learn;

/* ---- measuring ---- */

/* The rows of a batch were changed: runs the rules' expressions. False: out of memory. */
bool check_batch(struct check *c, const struct ev_batch *batch);
void check_record(struct check *c, const struct ev *ev); /* a row about the recording */
void check_event(struct check *c, const struct ev *ev);  /* one that passed the filters */
void check_end(struct check *c);                         /* verdicts are there then */

/* Events that may be missing, for a rule; UINT64_MAX: nobody knows how many. */
uint64_t check_lost(const struct check *c, const struct check_rule *r);
/* Keeps an example when there is room for one; NULL: there is none. */
struct check_example *check_example_add(struct check *c, struct check_rule *r);
uint16_t check_name(struct check *c, struct ev_str text); /* 0: there is no room */
/* A pattern with or without @DEVICE matches a probe and the event's device. */
bool check_pattern(const char *pattern, struct ev_str symbol, struct ev_str dev);
struct ev_str check_symbol(const struct ev *ev); /* len 0: none */
bool check_is_drop(const struct ev *ev);

/* check_journey.c: all rules on journeys at once. */
void check_journey_event(struct check *c, const struct ev *ev);
void check_journey_end(struct check *c);
/* check_judge.c */
void check_judge(struct check *c, struct check_rule *r);
/* Figures of a distribution: the rule's hist and sum. */
bool check_figure_hist(const struct check *c, const struct check_rule *r, enum check_figure_id id,
		       struct check_figure *f);
/* Of what is broken: how many. */
bool check_figure_broken(const struct check *c, const struct check_rule *r, enum check_figure_id id,
			 struct check_figure *f);

/* Kinds, by their files. */
int check_events_read(struct check *c, struct check_rule *r, const struct yaml *map,
		      struct skbox_error *err);
void check_events_event(struct check *c, struct check_rule *r, const struct ev *ev);
bool check_events_figure(const struct check *c, const struct check_rule *r, enum check_figure_id id,
			 struct check_figure *f);
void check_events_tell(const struct check *c, const struct check_rule *r, struct buf *out);
int check_values_read(struct check *c, struct check_rule *r, const struct yaml *map,
		      struct skbox_error *err);
void check_values_event(struct check *c, struct check_rule *r, const struct ev *ev);
int check_increase_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err);
void check_increase_event(struct check *c, struct check_rule *r, const struct ev *ev);
bool check_increase_figure(const struct check *c, const struct check_rule *r,
			   enum check_figure_id id, struct check_figure *f);
int check_recording_read(struct check *c, struct check_rule *r, const struct yaml *map,
			 struct skbox_error *err);
bool check_recording_figure(const struct check *c, const struct check_rule *r,
			    enum check_figure_id id, struct check_figure *f);
void check_seen_tell(const struct check *c, const struct check_rule *r, struct buf *out);
int check_sequence_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err);
void check_sequence_event(struct check *c, struct check_rule *r, const struct ev *ev);
void check_sequence_end(struct check *c, struct check_rule *r);
int check_journeys_read(struct check *c, struct check_rule *r, const struct yaml *map,
			struct skbox_error *err);
int check_latency_read(struct check *c, struct check_rule *r, const struct yaml *map,
		       struct skbox_error *err);

/* ---- examples, in a second reading (check_example.c) ---- */

struct filter_options;
/* Renders the events of all examples. 0, or a negative errno with its message on standard error. */
int check_examples_render(struct check *c, const struct filter_options *filter,
			  const struct text_options *text, char *const *inputs, size_t n);

/* ---- output (check_output.c, check_machine.c) ---- */

struct check_report {
	const struct check *c;
	enum check_verdict unknown_as; /* CHECK_PASS: unknown rules are not failures */
	const char *const *inputs;
	size_t n_inputs;
	double seconds;           /* that checking took */
	unsigned int tap_version; /* 14; 13 for readers that refuse what is newer */
};
void check_put_text(const struct check_report *r, struct buf *out);
void check_put_tap(const struct check_report *r, struct buf *out);
void check_put_junit(const struct check_report *r, struct buf *out);
void check_put_json(const struct check_report *r, struct buf *out);

/* ---- check_learn.c ---- */

/* Rules that a recording meets, with a margin (2: twice what was seen), as YAML. 0 or a negative errno. */
int check_learn(struct check *c, const struct filter_options *filter, double margin,
		char *const *inputs, size_t n, struct buf *out, int *code);

#endif
