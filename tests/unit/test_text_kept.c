/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that is kept from event to event is the text that each event has by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "formats/text/text.h"

static uint32_t seed = 1;

static uint32_t any(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Times near each other and far, on both sides of where their first digits change. */
static uint64_t any_time(void)
{
	static const uint64_t times[] = {0,
					 99999999,
					 100000000,
					 UINT64_C(999999999999),
					 UINT64_C(1000000000000),
					 UINT64_C(1000000099999990),
					 UINT64_MAX - 5};

	return times[any(sizeof(times) / sizeof(times[0]))] + any(5);
}

/* Few values, 0 among them; others, of which some share a slot with these; and the largest. */
static uint64_t any_of(uint32_t n)
{
	return any(4) ? any(n) : any(4) ? 16 * any(200) : UINT64_MAX;
}

static void add_task(struct ev_batch *b)
{
	static char comm[64]; /* in one place, as the name below */
	struct ev_common *c = EV_ADD(b, common);

	if (any(2))
		EV_SET(c, common, smp_id, (uint32_t)any_of(2));
	if (any(2))
		EV_SET(c, common, pid, (int32_t)any_of(2));
	if (any(2))
		EV_SET(c, common, tgid, (int32_t)any_of(2));
	if (any(2)) {
		memset(comm, "ab\033"[any(3)], sizeof(comm));
		c->comm = (struct ev_str){comm, any(8) ? any(3) : any(64), 0};
		c->has |= EV_BIT(common, comm);
	}
}

static void add_identity(struct ev_batch *b)
{
	uint64_t timestamp = any_of(2), orig_head = any_of(2), skb = any_of(2);

	if (any(2)) {
		EV_SET(EV_ADD(b, skb_tracking), skb_tracking, timestamp, timestamp);
		EV_SET(EV_ADD(b, skb_tracking), skb_tracking, orig_head, orig_head);
		EV_SET(EV_ADD(b, skb_tracking), skb_tracking, skb, skb);
	} else {
		EV_SET(EV_ADD(b, tracking), tracking, timestamp, timestamp);
		EV_SET(EV_ADD(b, tracking), tracking, orig_head, orig_head);
		EV_SET(EV_ADD(b, tracking), tracking, skb, skb);
		EV_SET(EV_ADD(b, tracking), tracking, idx, any(3));
	}
}

/* Few values of everything, so that events are often alike, and differ in one thing only. */
static void make_event(struct ev_batch *b)
{
	static char name[64]; /* in one place: who compares addresses takes it for the same */
	static uint8_t packet[60];
	struct ev_dev *d;

	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, any_time());
	add_task(b);
	EV_SET(EV_ADD(b, kernel), kernel, symbol, ev_text(b, "net:a"));
	if (any(2))
		add_identity(b);
	if (any(3)) {
		EV_SET(EV_ADD(b, netns), netns, inum, 4026531840u + any(2));
		if (any(2))
			EV_SET(EV_ADD(b, netns), netns, cookie, any(3));
	}
	if (any(3)) {
		memset(name, "ab\033"[any(3)], sizeof(name));
		d = EV_ADD(b, dev);
		EV_SET(d, dev, ifindex, any(9));
		if (any(2))
			EV_SET(d, dev, rx_ifindex, any(2));
		if (any(4)) {
			d->name = (struct ev_str){name, any(8) ? 1 + any(3) : any(64), 0};
			d->has |= EV_BIT(dev, name);
		}
	}
	if (any(2)) {
		memset(packet, 0, sizeof(packet));
		packet[0] = 0x45;
		packet[1] = (uint8_t)any(4);
		packet[9] = any(2) ? 6 : 17;
		packet[12] = (uint8_t)any(256);
		EV_SET(EV_ADD(b, packet), packet, protocol, any(2) ? 0x0800 : 0x0806);
		EV_ADD(b, packet)->data = (struct ev_bytes){packet, 20 + any(41), any(2)};
		EV_ADD(b, packet)->has |= EV_BIT(packet, data);
	}
	if (any(2))
		EV_SET(EV_ADD(b, skb_meta), skb_meta, len, any(3));
}

static void events_do_not_know_those_before(void **state)
{
	for (int k = 0; k < 8; k++) {
		const struct text_options o = {
			.single_line = k & 1, .current = k & 2, .link_layer = k & 4};
		struct buf kept_out = {0}, own_out = {0};
		struct text kept, own;

		text_init(&kept, &o);
		for (int i = 0; i < 4000; i++) {
			struct ev_batch *b = ev_batch_new();
			struct ev_walk w;
			struct ev ev = {0};

			assert_non_null(b);
			make_event(b);
			w = ev_walk(b);
			assert_true(ev_next(&w, &ev));
			text_init(&own, &o);
			assert_true(text_event(&kept, &ev, 0, &kept_out));
			assert_true(text_event(&own, &ev, 0, &own_out));
			assert_int_equal(kept_out.len, own_out.len);
			assert_memory_equal(kept_out.p, own_out.p, own_out.len);
			text_fini(&own);
			buf_clear(&kept_out);
			buf_clear(&own_out);
			ev_batch_free(b);
		}
		text_fini(&kept);
		buf_free(&kept_out);
		buf_free(&own_out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_do_not_know_those_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
