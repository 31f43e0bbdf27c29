/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/age.h"

#include "capture/file/output_end.h"

#define MS UINT64_C(1000000)

/*
 * The wait of a quiet machine makes blocks of a third more events at 10 events a second than 250 ms
 * do. A batch that is large already gains little by waiting, measured on datagrams of 100 random bytes at
 * two probes, 250 against 100 ms: 12,000 events a second 39.3 and 39.8 bytes an event, 32,000 39.0 and 39.1.
 */
#define QUIET_NS (400 * MS)
#define LEAST_NS (100 * MS)
#define WINDOW_NS (30000 * MS) /* what disturbs a machine comes again: a cron job, a flush */
#define FIRST_LATE_NS (200 * MS) /* what a machine at load 11 showed in a minute */
enum {
	LARGE_ROWS = 1024,
};
/* the next delay may be larger than the largest one so far */
_Static_assert(QUIET_NS + 100 * MS <= OUTPUT_LATE_NS, "some of the promise is for the machine");

void age_init(struct age *a, uint64_t now)
{
	*a = (struct age){.late_ns = {FIRST_LATE_NS}, .window_end = now + WINDOW_NS};
}

void age_note(struct age *a, uint64_t now, uint64_t late_ns)
{
	if (now >= a->window_end) {
		/* after a long silence neither of the two windows counts */
		a->late_ns[1] = now - a->window_end < WINDOW_NS ? a->late_ns[0] : 0;
		a->late_ns[0] = 0;
		a->window_end = now + WINDOW_NS;
	}
	if (late_ns > a->late_ns[0])
		a->late_ns[0] = late_ns;
}

uint64_t age_limit_ns(const struct age *a, uint32_t rows)
{
	uint64_t late = a->late_ns[0] > a->late_ns[1] ? a->late_ns[0] : a->late_ns[1];

	if (rows >= LARGE_ROWS || late >= QUIET_NS - LEAST_NS)
		return LEAST_NS;
	return QUIET_NS - late;
}
