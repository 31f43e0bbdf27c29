/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/sort/journey.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/sort/journey_spool.h"

enum {
	FIRST_SLOTS = 1024,
	MEMORY_BYTES = 64 << 20, /* a table larger than this lies in a file */
};

struct journey_set {
	struct journey_key *slots; /* open addressing; a key of zeros is a free slot */
	uint64_t n, size;
	bool is_mapped, has_zero; /* whether the key of zeros is in the set */
};

bool journey_of(const struct ev *ev, struct journey_key *key)
{
	if (ev->skb_tracking)
		*key = (struct journey_key){ev->skb_tracking->timestamp,
					    ev->skb_tracking->orig_head};
	else if (ev->tracking)
		*key = (struct journey_key){ev->tracking->timestamp, ev->tracking->orig_head};
	else
		return false;
	return true;
}

/* size slots of zeros; NULL with errno set. */
static struct journey_key *make_slots(uint64_t size, bool *is_mapped)
{
	uint64_t bytes = size * sizeof(struct journey_key);
	void *p;
	int fd;

	*is_mapped = bytes > MEMORY_BYTES;
	if (!*is_mapped)
		return calloc(size, sizeof(struct journey_key));
	fd = journey_spool_file();
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	p = ftruncate(fd, (off_t)bytes) == 0
		    ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
		    : MAP_FAILED;
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static void free_slots(struct journey_key *slots, uint64_t size, bool is_mapped)
{
	if (is_mapped)
		munmap(slots, size * sizeof(*slots));
	else
		free(slots);
}

struct journey_set *journey_set_new(void)
{
	struct journey_set *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->size = FIRST_SLOTS;
	s->slots = make_slots(s->size, &s->is_mapped);
	if (!s->slots) {
		free(s);
		return NULL;
	}
	return s;
}

void journey_set_free(struct journey_set *s)
{
	if (!s)
		return;
	free_slots(s->slots, s->size, s->is_mapped);
	free(s);
}

static bool is_zero(struct journey_key k)
{
	return !(k.time | k.head);
}

/*
 * Ids come from anybody's file: the place of the set in memory, which a file cannot know, keeps it from
 * naming ids that all have one hash.
 */
static uint64_t hash(const struct journey_set *s, struct journey_key k)
{
	uint64_t secret = (uintptr_t)s * UINT64_C(0x9e3779b97f4a7c15);
	unsigned __int128 v =
		(unsigned __int128)(k.time ^ secret) * (k.head ^ (secret >> 32 | secret << 32) ^ 1);

	return (uint64_t)v ^ (uint64_t)(v >> 64);
}

static struct journey_key *find(const struct journey_set *s, struct journey_key *slots,
				uint64_t size, struct journey_key k)
{
	for (uint64_t h = hash(s, k);; h++) {
		struct journey_key *slot = &slots[h & (size - 1)];

		if (is_zero(*slot) || (slot->time == k.time && slot->head == k.head))
			return slot;
	}
}

static int grow(struct journey_set *s)
{
	uint64_t size = s->size * 2;
	bool is_mapped;
	struct journey_key *slots = make_slots(size, &is_mapped);

	if (!slots)
		return errno ? -errno : -ENOMEM;
	for (uint64_t i = 0; i < s->size; i++)
		if (!is_zero(s->slots[i]))
			*find(s, slots, size, s->slots[i]) = s->slots[i];
	free_slots(s->slots, s->size, s->is_mapped);
	s->slots = slots;
	s->size = size;
	s->is_mapped = is_mapped;
	return 0;
}

int journey_set_add(struct journey_set *s, struct journey_key key)
{
	struct journey_key *slot;

	if (is_zero(key)) {
		s->has_zero = true;
		return 0;
	}
	if (s->n >= s->size / 2) {
		int rc = grow(s);

		if (rc < 0)
			return rc;
	}
	slot = find(s, s->slots, s->size, key);
	s->n += is_zero(*slot);
	*slot = key;
	return 0;
}

bool journey_set_has(const struct journey_set *s, struct journey_key key)
{
	return is_zero(key) ? s->has_zero : !is_zero(*find(s, s->slots, s->size, key));
}

uint64_t journey_set_count(const struct journey_set *s)
{
	return s->n + s->has_zero;
}
