/* SPDX-License-Identifier: BSD-2-Clause */
/* From records of the rings to events, and from numbers to names of drop reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>

#include "capture/file/convert.c"
#include "capture/probe/dropname.c"
#include "capture/facts.c"

/* ---- a kernel's enums, for the functions of libbpf that dropname.c calls ---- */

enum { VALUES_MAX = 5 };
static const struct {
	const char *type;
	struct {
		const char *name;
		int value;
	} v[VALUES_MAX];
} kernel[] = {
	{"skb_drop_reason",
	 {{"SKB_NOT_DROPPED_YET", 0}, {"SKB_CONSUMED", 1}, {"SKB_DROP_REASON_NO_SOCKET", 3}}},
	{"skb_drop_reason_subsys",
	 {{"SKB_DROP_REASON_SUBSYS_CORE", 0},
	  {"SKB_DROP_REASON_SUBSYS_MAC80211_UNUSABLE", 1},
	  {"SKB_DROP_REASON_SUBSYS_OPENVSWITCH", 2},
	  {"SKB_DROP_REASON_SUBSYS_NEW", 3},
	  {"SKB_DROP_REASON_SUBSYS_NUM", 4}}},
	{"ovs_drop_reason", {{"OVS_DROP_LAST_ACTION", 0x20001}}},
	{"mac80211_drop_reason", {{"RX_DROP_U_MIC_FAIL", 0x10001}}} /* its module's */,
};
enum { TYPES = sizeof(kernel) / sizeof(kernel[0]) };
static bool without_subsys, with_module;
static int freed;
static char module; /* its address is that of the module's types */
static struct {
	struct btf_type type;
	struct btf_enum values[VALUES_MAX];
} types[TYPES];

__s32 btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind)
{
	for (int i = 0; i < TYPES; i++)
		if (!strcmp(kernel[i].type, name) && kind == BTF_KIND_ENUM &&
		    !strcmp(name, "mac80211_drop_reason") == ((const void *)btf == &module) &&
		    !(i == 1 && without_subsys))
			return i + 1;
	return -ENOENT;
}

const struct btf_type *btf__type_by_id(const struct btf *btf, __u32 id)
{
	uint32_t n = 0;

	for (; n < VALUES_MAX && kernel[id - 1].v[n].name; n++)
		types[id - 1].values[n] = (struct btf_enum){.name_off = (id - 1) * 16 + n,
							    .val = kernel[id - 1].v[n].value};
	types[id - 1].type.info = BTF_KIND_ENUM << 24 | n;
	return &types[id - 1].type;
}

const char *btf__name_by_offset(const struct btf *btf, __u32 offset)
{
	return kernel[offset / 16].v[offset % 16].name;
}

struct btf *btf__load_module_btf(const char *name, struct btf *vmlinux)
{
	return with_module && !strcmp(name, "mac80211") ? (void *)&module : NULL;
}

void btf__free(struct btf *btf)
{
	freed += (void *)btf == &module;
}

static void check_name(uint32_t value, const char *subsys, const char *name)
{
	struct dropnames d;
	struct dropname *n;

	dropnames_init(&d, NULL);
	n = dropnames_get(&d, value);
	assert_non_null(n);
	assert_string_equal(n->name, name);
	if (subsys)
		assert_string_equal(n->subsys, subsys);
	else
		assert_null(n->subsys);
	n->told = true;
	assert_true(dropnames_get(&d, value)->told); /* the same entry */
	dropnames_fini(&d);
}

/* Reference: retis-format 5.5. */
static void test_drop_names(void **state)
{
	check_name(3, NULL, "NO_SOCKET");
	check_name(1, NULL, "CONSUMED");
	check_name(0, NULL, "NOT_DROPPED_YET");
	check_name(77, NULL, "77");
	check_name((uint32_t)-1, NULL, "NOT_SPECIFIED");
	check_name(0x20001, "openvswitch", "OVS_DROP_LAST_ACTION");
	check_name(0x20002, "openvswitch", "131074");
	check_name(0x10001, "mac80211_unusable", "65537"); /* its enum is in a module */
	with_module = true;
	check_name(0x10001, "mac80211_unusable", "RX_DROP_U_MIC_FAIL");
	check_name(0x10002, "mac80211_unusable", "65538");
	with_module = false;
	assert_int_equal(freed, 2);
	check_name(0x30001, "new", "196609");
	check_name(0x40001, "4", "262145"); /* NUM is none */
	without_subsys = true;
	check_name(0x20001, NULL, "131073");
	without_subsys = false;
}

static void test_drop_names_are_bounded(void **state)
{
	struct dropnames d;

	dropnames_init(&d, NULL);
	for (uint32_t i = 0; i < 2 * DROPNAMES_MAX; i++)
		assert_non_null(dropnames_get(&d, 100 + i));
	assert_int_equal(d.n, DROPNAMES_MAX);
	assert_string_equal(dropnames_get(&d, 100 + DROPNAMES_MAX + 5)->name, "1129");
	dropnames_fini(&d);
}

/* ---- events ---- */

struct world {
	struct dropnames drops;
	struct convert convert;
	struct ev_batch *batch;
	struct record *rec;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->batch = ev_batch_new();
	w->rec = calloc(1, sizeof(*w->rec) + 1024);
	assert_non_null(w->rec);
	dropnames_init(&w->drops, NULL);
	assert_true(convert_init(&w->convert, 2, &w->drops));
	convert_set_probe(&w->convert, 0, "net:netif_receive_skb", "raw_tracepoint");
	convert_set_batch(&w->convert, w->batch);
	w->rec->time = 1000;
	memcpy(w->rec->comm, "0123456789abcdef", 16); /* not terminated */
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	convert_fini(&w->convert);
	dropnames_fini(&w->drops);
	ev_batch_free(w->batch);
	free(w->rec);
	free(w);
	return 0;
}

/* The only event of the batch after the record was added. */
static struct ev convert_one(struct world *w)
{
	struct ev_walk walk;
	struct ev ev = {0};

	ev_batch_clear(w->batch);
	convert_set_batch(&w->convert, w->batch);
	assert_true(convert_record(&w->convert, w->rec));
	walk = ev_walk(w->batch);
	assert_true(ev_next(&walk, &ev));
	assert_int_equal(w->batch->n, 1);
	return ev;
}

static void test_bare(void **state)
{
	struct world *w = *state;
	struct ev ev;

	w->rec->has = RECORD_SKB;
	w->rec->cpu = 3;
	w->rec->pid = 10;
	w->rec->tid = 11;
	ev = convert_one(w);
	assert_int_equal(ev.sections, EV_SECTION_BIT(common) | EV_SECTION_BIT(kernel) |
					      EV_SECTION_BIT(skb) | EV_SECTION_BIT(skb_meta));
	assert_int_equal(ev.common->timestamp, 1000);
	assert_int_equal(ev.common->smp_id, 3);
	assert_int_equal(ev.common->pid, 10);
	assert_int_equal(ev.common->tgid, 11);
	assert_true(ev_is(ev.common->comm, "0123456789abcdef"));
	assert_true(ev_is(ev.kernel->symbol, "net:netif_receive_skb"));
	assert_true(ev_is(ev.kernel->probe_type, "raw_tracepoint"));
}

static void test_packet(void **state)
{
	struct world *w = *state;
	struct ev ev;

	w->rec->has = RECORD_PACKET;
	w->rec->packet_len = 1400;
	w->rec->caplen = 100;
	memset(w->rec->data, 0xab, 256);
	ev = convert_one(w);
	assert_int_equal(ev.packet->len, 1400);
	assert_int_equal(ev.packet->capture_len, 100);
	assert_int_equal(ev.packet->data.len, 100);
	assert_memory_equal(ev.packet->data.p, w->rec->data, 100);
	assert_false(EV_HAS(ev.packet, packet, protocol));
	/* without a link layer: the header that is shown before it counts */
	w->rec->has = RECORD_PACKET | RECORD_L3;
	w->rec->protocol = 0x86dd;
	ev = convert_one(w);
	assert_int_equal(ev.packet->len, 1414);
	assert_int_equal(ev.packet->capture_len, 114);
	assert_int_equal(ev.packet->data.len, 100);
	assert_int_equal(ev.packet->protocol, 0x86dd);
}

/* A function's socket, what it returned, and its packet behind both. */
static void test_extra(void **state)
{
	struct world *w = *state;
	struct record *r = w->rec;
	struct record_extra *extra = (struct record_extra *)r->data;
	struct record_sock *sock = (struct record_sock *)(r->data + sizeof(*extra));
	struct ev ev;

	w->convert.hz = 250;
	w->convert.probes[r->probe].place.sock_at = sizeof(*extra);
	w->convert.probes[r->probe].ret_bytes = 4;
	w->convert.probes[r->probe].ret_signed = true;
	r->has = RECORD_PACKET | RECORD_RET | RECORD_SOCK;
	r->extra = 192;
	r->caplen = 1;
	r->data[192] = 0x45;
	extra->ret = 0xfffffffb; /* what is above the 32 bits of an int does not count */
	*sock = (struct record_sock){
		.full = 1, .tcp = 1, .family = 2, .state = 1, .srtt_8us = 801, .rto_jiffies = 51};
	memcpy(sock->ca, "cubic", 6);
	sock->sport = 1234;
	memcpy(&sock->dport, "\0\x50", 2);
	memcpy(sock->src, "\xc0\0\2\1", 4);
	memcpy(sock->dst, "\xc0\0\2\2", 4);
	ev = convert_one(w);
	assert_null(ev.skb_meta);
	assert_int_equal(ev.kernel->ret, -5);
	assert_int_equal(ev.packet->data.p[0], 0x45);
	assert_int_equal(ev.sock->srtt, 100);
	assert_int_equal(ev.sock->rto, 204000);
	assert_true(ev_is(ev.sock->ca, "cubic"));
	assert_int_equal(ev.sock->sport, 1234);
	assert_int_equal(ev.sock->dport, 80);
	assert_int_equal(ev.sock->src.len, 4);
	assert_memory_equal(ev.sock->dst.p, "\xc0\0\2\2", 4);
	assert_false(EV_HAS(ev.sock, sock, ifindex));
	assert_false(EV_HAS(ev.sock, sock, cookie));
}

/* The numbers of include/uapi/linux/netfilter/; ports and ICMP's type as on the wire. */
static void test_ct(void **state)
{
	struct world *w = *state;
	struct record *r = w->rec;
	struct record_ct *ct = (struct record_ct *)(r->data + sizeof(struct record_extra));
	struct record_tuple *t = ct->conn.tuple;
	struct ev ev;

	w->convert.probes[r->probe].place.ct_at = sizeof(struct record_extra);
	r->has = RECORD_CT;
	r->extra = 320;
	memset(ct, 0, sizeof(*ct));
	ct->state = 3;
	ct->conn.zone_dir = 3;
	ct->conn.proto_state = 3;
	for (int i = 0; i < 2; i++) {
		t[i].family = 2;
		t[i].protocol = 6;
		memcpy(t[i].src, i ? "\xa\0\0\2" : "\xa\0\0\1", 4);
		memcpy(t[i].dst, i ? "\xa\0\0\1" : "\xa\0\0\2", 4);
		memcpy(&t[i].src_id, i ? "\0\x50" : "\x12\x34", 2);
		memcpy(&t[i].dst_id, i ? "\x12\x34" : "\0\x50", 2);
	}
	ev = convert_one(w);
	assert_true(ev_is(ev.ct->state, "reply"));
	assert_true(ev_is(ev.ct->proto_state, "ESTABLISHED"));
	assert_true(ev_is(ev.ct->zone_dir, "Default"));
	assert_true(ev_is(ev.ct->orig_src, "10.0.0.1"));
	assert_int_equal(ev.ct->orig_sport, 0x1234);
	assert_int_equal(ev.ct->orig_dport, 80);
	assert_true(ev_is(ev.ct->reply_src, "10.0.0.2"));
	assert_null(ev.ct_parent);
}

static void test_groups(void **state)
{
	struct world *w = *state;
	struct record *r = w->rec;
	struct ev ev;

	r->has = RECORD_SKB | RECORD_VLAN | RECORD_GSO | RECORD_SHINFO | RECORD_NETNS | RECORD_DEV |
		 RECORD_TRACK;
	r->vlan_proto = 0x8100;
	r->vlan_tci = 5 << 13 | 1 << 12 | 0xabc;
	r->gso_size = 1448;
	r->gso_segs = 3;
	r->dataref = 2;
	r->net_inum = 4026531840;
	r->net_cookie = 7;
	r->ifindex = 4;
	strcpy(r->dev, "eth0");
	r->track_head = 0xffff888100000000;
	r->track_time = 999;
	r->skb = 0xffff888100000001;
	ev = convert_one(w);
	assert_int_equal(ev.skb_vlan->proto, 0x8100);
	assert_int_equal(ev.skb_vlan->pcp, 5);
	assert_true(ev.skb_vlan->dei);
	assert_int_equal(ev.skb_vlan->vid, 0xabc);
	assert_int_equal(ev.skb_gso->size, 1448);
	assert_int_equal(ev.skb_gso->segs, 3);
	assert_int_equal(ev.skb_dataref->dataref, 2);
	assert_int_equal(ev.netns->inum, 4026531840);
	assert_false(EV_HAS(ev.netns, netns, cookie)); /* the kernel had none to give */
	assert_true(ev_is(ev.dev->name, "eth0"));
	assert_false(EV_HAS(ev.dev, dev, rx_ifindex)); /* 0 is none */
	assert_int_equal(ev.skb_tracking->orig_head, 0xffff888100000000);
	assert_int_equal(ev.skb_tracking->timestamp, 999);
	assert_int_equal(ev.skb_tracking->skb, 0xffff888100000001);
	r->has |= RECORD_COOKIE;
	r->rx_ifindex = 9;
	ev = convert_one(w);
	assert_int_equal(ev.netns->cookie, 7);
	assert_int_equal(ev.dev->rx_ifindex, 9);
}

/* The name goes into the inventory once, before the first event that has it. */
static void test_drop_inventory(void **state)
{
	struct world *w = *state;
	struct ev_walk walk;
	struct ev ev = {0};

	w->rec->has = RECORD_DROP;
	w->rec->drop_reason = 0x20001;
	assert_true(convert_record(&w->convert, w->rec));
	assert_true(convert_record(&w->convert, w->rec));
	walk = ev_walk(w->batch);
	assert_int_equal(w->batch->n, 3);
	assert_true(ev_next(&walk, &ev));
	assert_int_equal(ev.dropname->value, 0x20001);
	assert_true(ev_is(ev.dropname->subsys, "openvswitch"));
	for (int i = 0; i < 2; i++) {
		assert_true(ev_next(&walk, &ev));
		assert_true(ev_is(ev.skb_drop->drop_reason, "OVS_DROP_LAST_ACTION"));
		assert_true(ev_is(ev.skb_drop->subsys, "openvswitch"));
	}
}

/* Names that share a place in the cache, and names across batches. */
static void test_names(void **state)
{
	struct world *w = *state;

	w->rec->has = RECORD_DEV;
	w->rec->ifindex = 1;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 500; i++) {
			char name[16] = {0};
			struct ev ev;

			snprintf(name, sizeof(name), "veth%d", i);
			memcpy(w->rec->dev, name, 16);
			memcpy(w->rec->comm, name, 16);
			ev = convert_one(w);
			assert_true(ev_is(ev.dev->name, name));
			assert_true(ev_is(ev.common->comm, name));
		}
	}
}

static void test_unknown_probe(void **state)
{
	struct world *w = *state;

	w->rec->probe = 1; /* one without events */
	assert_false(convert_record(&w->convert, w->rec));
	w->rec->probe = 2;
	assert_false(convert_record(&w->convert, w->rec));
	assert_int_equal(w->batch->n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drop_names),
		cmocka_unit_test(test_drop_names_are_bounded),
		cmocka_unit_test_setup_teardown(test_bare, setup, teardown),
		cmocka_unit_test_setup_teardown(test_packet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extra, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ct, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drop_inventory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_probe, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
