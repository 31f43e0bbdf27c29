/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `skbox report` knows of a recording (report_collect.c), what it makes of it (report_finding.c,
 * report_trust.c), and how that is written (report_json*.c). One pass, bounded memory: below 64 MiB with what the
 * reader needs, whatever the recording.
 */
#ifndef ANALYZE_REPORT_H
#define ANALYZE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "analyze/info.h"
#include "analyze/report/report_kept.h"
#include "analyze/report/report_paths.h"
#include "analyze/report/report_socket.h"
#include "analyze/report/report_timeline.h"
#include "analyze/source/source.h"
#include "analyze/stats/stats.h"
#include "formats/buf.h"
#include "formats/event.h"

enum {
	REPORT_DROP_SLOTS = 32,    /* causes of drops that have events */
	REPORT_DROPS = 12,         /* causes that are findings of their own */
	REPORT_SOCKETS_SHOWN = 12, /* charts */
	REPORT_SOCKETS_QUIET = 4,  /* of them, when nothing is wrong with the rest */
	REPORT_SOCKET_FINDINGS = 6,
	REPORT_PROBES = 6,   /* that did not attach, as findings of their own */
	REPORT_GAPS = 200,   /* losses; further ones are joined to the last */
	REPORT_CELLS = 1024, /* pairs of a reason and a place */
	REPORT_SIDE = 12,    /* reasons, and places, of the matrix */
	REPORT_ROWS = 40,    /* of a table of drops */
	REPORT_HOPS = 20,
	REPORT_BUCKETS = 64, /* of a histogram */
	REPORT_PROBE_ROWS = 100,
	/* Bytes of texts, which strangers may have made as long as they like; longer ones end with "...". */
	REPORT_NAME = 128,
	REPORT_WORDS = 400, /* titles, reasons */
	REPORT_FACT = 2000, /* command lines */
	REPORT_TITLE = 200, /* bytes of names of inputs; further ones are "..." */
	/*
	 * Of events, as they are written. The page of 400 KB, this, and all the rest at its limits stay below 3 MB, even
	 * when each byte of a name is one that is escaped by six.
	 */
	REPORT_EVENT_BYTES = 800 * 1000,
	/* A packet that was under way for so long is a finding: as in stats. */
	REPORT_SLOW_NS = 10 * 1000 * 1000,
};

struct report_gap {
	uint64_t from_ns, to_ns, lost;
	uint16_t probe; /* name of stats; 0: of several, or not known */
};

struct report {
	struct stats stats;
	struct stats_watch watch;
	struct info info; /* rows of the recording, and events of each probe */
	struct timeline timeline;
	struct kept kept;
	struct paths paths;
	struct sockets sockets;
	struct stats_top cells; /* "REASON\0PLACE": drops */
	struct report_gap gaps[REPORT_GAPS];
	uint32_t n_gaps;
	uint32_t drop_cause[KEPT_SLOTS];         /* index in stats.causes + 1; 0: not of one */
	struct stats_flow drop_flow[KEPT_SLOTS]; /* of that cause */
	uint32_t n_drop_slots;
	uint32_t gap_slot, slow_slot; /* + 1; 0: none yet */
	uint64_t slow_ns, slow_key[2];
	bool failed; /* out of memory */
};

/* What the page says beside the counts; strings are borrowed. */
struct report_about {
	const char *title, *filter; /* filter "": none */
};

/* 0 or -ENOMEM; ended by report_fini() in any case. */
int report_init(struct report *r);
void report_fini(struct report *r);

/*
 * A batch, from begin to end: the rows of the recording and what passes the filter. The one before it must still be
 * there.
 */
void report_batch(struct report *r, const struct ev_batch *batch);
void report_row(struct report *r, const struct ev *ev);   /* every row */
void report_event(struct report *r, const struct ev *ev); /* what passes the filter */
/* No more events. */
void report_end(struct report *r, const struct source_status *status);

/* ---- findings ---- */

enum report_level { REPORT_BAD, REPORT_WARN, REPORT_NOTE };

struct report_finding {
	const char *kind, *advice; /* static; advice NULL: none */
	enum report_level level;
	struct buf title, where;  /* where empty: none */
	uint64_t count, first_ns; /* first_ns 0: not known */
	uint32_t slot;            /* of its events + 1; 0: none */
};

struct report_findings {
	struct report_finding v[64];
	uint32_t n;
	uint64_t more; /* that were left out */
};

/* Worst first. Freed by report_findings_free(). */
void report_find(struct report *r, struct report_findings *f);
void report_findings_free(struct report_findings *f);

/* "LEVEL\0TEXT\n", LEVEL being good, note or bad: how far the recording can be trusted. */
void report_put_trust(struct report *r, const struct report_about *about, struct buf *out);

/* Address and port of both ends, or what is known of it. */
void report_put_socket(const struct stats_socket *k, struct buf *out);

/* ---- output ---- */

/*
 * The whole document, one line; docs/report.md has the keys. It holds no '<', '>', '&', U+2028 or U+2029, so that it
 * can stand within a script element. False: out of memory.
 */
bool report_put_json(struct report *r, const struct report_about *about, struct buf *out);

/* JSON to what report_put_json() promises, appended to out. */
void report_guard(const struct buf *json, struct buf *out);
/* How many bytes p[0..len-1] will be. */
size_t report_guarded(const uint8_t *p, size_t len);

#endif
