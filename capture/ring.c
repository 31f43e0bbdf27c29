/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Space is given back in steps, so that the kernel's side does not fetch the counter's cache line each time. */
enum { GIVE_BYTES = 16 * 1024 };

int rings_init(struct rings *r, const int *fds, uint32_t n, size_t bytes, struct skbox_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*r = (struct rings){.v = calloc(n, sizeof(*r->v)), .bytes = bytes, .page = page};
	if (!r->v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		struct ring *ring = &r->v[r->n++];
		void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);

		if (p == MAP_FAILED)
			return error_set(err, -errno, i, "mapping ring %u: %s", i, strerror(errno));
		ring->consumer = p;
		/* the data is there twice in a row: no record is in two pieces */
		p = mmap(NULL, page + 2 * bytes, PROT_READ, MAP_SHARED, fds[i], (off_t)page);
		if (p == MAP_FAILED)
			return error_set(err, -errno, i, "mapping ring %u: %s", i, strerror(errno));
		ring->producer = p;
		ring->data = (const uint8_t *)p + page;
		ring->at = ring->head = ring->given = *ring->consumer;
	}
	return 0;
}

int rings_init_areas(struct rings *r, int fd, uint32_t n, size_t bytes, size_t stride,
		     uint64_t secret, struct skbox_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	*r = (struct rings){
		.v = calloc(n, sizeof(*r->v)), .bytes = bytes, .page = page, .secret = secret};
	if (!r->v)
		return error_set(err, -ENOMEM, 0, "out of memory");
	r->areas_bytes = (n * stride + page - 1) / page * page;
	p = mmap(NULL, r->areas_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return error_set(err, -errno, 0, "mapping the rings: %s", strerror(errno));
	r->areas = p;
	for (; r->n < n; r->n++) {
		struct ring_area *area = (struct ring_area *)((uint8_t *)p + r->n * stride);
		struct ring *ring = &r->v[r->n];

		ring->consumer = (volatile uint64_t *)&area->tail;
		ring->producer = (const volatile uint64_t *)&area->head;
		ring->data = area->data;
		ring->at = ring->head = ring->given = *ring->consumer;
	}
	return 0;
}

void rings_fini(struct rings *r)
{
	if (r->areas)
		munmap(r->areas, r->areas_bytes);
	for (uint32_t i = 0; i < r->n && !r->areas; i++) {
		struct ring *ring = &r->v[i];

		if (ring->consumer)
			munmap((void *)ring->consumer, r->page);
		if (ring->producer)
			munmap((void *)ring->producer, r->page + 2 * r->bytes);
	}
	free(r->v);
	memset(r, 0, sizeof(*r));
}

static void give_back(struct ring *ring)
{
	__atomic_store_n(ring->consumer, ring->at, __ATOMIC_RELEASE);
	ring->given = ring->at;
}

static void step(struct ring *ring, uint32_t len)
{
	ring->at += len;
	if (ring->at - ring->given >= GIVE_BYTES)
		give_back(ring);
}

/* The programs' counter is looked at only when what we know of is used up: its cache line is theirs. */
static bool has_more(struct ring *ring)
{
	if (ring->at >= ring->head)
		ring->head = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	return ring->at < ring->head;
}

/* The next record of a ring of the kernel; *len: what it takes of the ring. */
static const struct record *peek_kernel(struct rings *all, struct ring *ring, uint32_t *len)
{
	for (;;) {
		const struct record *rec;
		const uint32_t *header;
		uint32_t word, bytes;

		if (!has_more(ring))
			return NULL;
		header = (const uint32_t *)(ring->data + (ring->at & (all->bytes - 1)));
		word = __atomic_load_n(header, __ATOMIC_ACQUIRE);
		if (word & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		bytes = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		rec = (const struct record *)(header + BPF_RINGBUF_HDR_SZ / sizeof(*header));
		*len = (bytes + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
			if (bytes >= sizeof(*rec) && rec->extra <= EXTRA_MAX &&
			    rec->extra + rec->caplen <= bytes - sizeof(*rec))
				return rec;
			all->broken++;
		}
		step(ring, *len);
	}
}

/* The next record of a ring of ours. */
static const struct record *peek_area(struct rings *all, struct ring *ring, uint32_t *len)
{
	const uint8_t *p = ring->data + (ring->at & (all->bytes - 1));
	const struct record *rec = (const struct record *)(p + RING_MARK_BYTES);

	if (!has_more(ring) || __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE) !=
				       RING_MARK(ring->at, all->secret))
		return NULL;
	if (rec->caplen > SNAPLEN_MAX || rec->extra > EXTRA_MAX ||
	    RING_SPACE(rec->extra + rec->caplen) > ring->head - ring->at) {
		/* not from our programs: where the next one begins is not known */
		all->broken++;
		ring->at = ring->head;
		give_back(ring);
		return NULL;
	}
	*len = RING_SPACE(rec->extra + rec->caplen);
	return rec;
}

/* The next whole record of the ring and what it takes there; NULL when there is none (yet). */
static const struct record *peek(struct rings *all, struct ring *ring, uint32_t *len)
{
	return all->areas ? peek_area(all, ring, len) : peek_kernel(all, ring, len);
}

/* The ring with the oldest record, that record, and when the next oldest of the other rings began. */
static struct ring *oldest(struct rings *r, const struct record **rec, uint32_t *len,
			   uint64_t *next)
{
	struct ring *best = NULL;
	uint64_t best_time = UINT64_MAX;

	*next = UINT64_MAX;
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t this_len = 0;
		const struct record *this = peek(r, &r->v[i], &this_len);

		if (!this)
			continue;
		if (this->time < best_time || !best) {
			*next = best_time;
			best_time = this->time;
			best = &r->v[i];
			*rec = this;
			*len = this_len;
		} else if (this->time < *next) {
			*next = this->time;
		}
	}
	return best;
}

size_t rings_take(struct rings *r, uint64_t until, size_t max,
		  bool (*take)(void *ctx, const struct record *rec), void *ctx)
{
	const struct record *rec = NULL;
	uint64_t next;
	size_t n = 0;
	uint32_t len = 0;
	bool more = true;
	struct ring *ring;

	while (more && n < max && (ring = oldest(r, &rec, &len, &next))) {
		if (rec->time >= until)
			break;
		/* as long as this ring is behind all others there is nothing to compare */
		do {
			more = take(ctx, rec);
			step(ring, len);
			n++;
			rec = more && n < max ? peek(r, ring, &len) : NULL;
		} while (rec && rec->time <= next && rec->time < until);
	}
	for (uint32_t i = 0; i < r->n; i++)
		if (r->v[i].at != r->v[i].given)
			give_back(&r->v[i]);
	return n;
}

uint64_t rings_waiting(const struct rings *r)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		n += *r->v[i].producer - r->v[i].at;
	return n;
}
