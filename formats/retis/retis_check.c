/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/retis/retis_check.h"

#include <errno.h>
#include <string.h>

#include "formats/base64.h"
#include "formats/json.h"
#include "formats/retis/retis_keys.h"

enum type {
	U8,
	U16,
	U32,
	U64,
	I32,
	I64,
	NSEC, /* 0..999999999 */
	BOOL,
	TEXT,
	WORD, /* one of `words` */
	TAG,  /* the same; the members that follow are those of the word */
	BASE64,
	LIST, /* of text */
	UFID, /* four u32 */
	OBJECT,
	ONE_OF, /* an object with exactly one of the members */
};

/* Shapes that have a member, and whether it may be missing. */
#define OLD (1u << RETIS_SHAPE_CLASSIC)
#define V6  (1u << RETIS_SHAPE_1_6)
#define V7  (1u << RETIS_SHAPE_1_7)
#define NEW (V6 | V7)
#define ALL (OLD | NEW)
#define OPT 0x80u

struct member {
	const char *name; /* NULL: the end */
	uint8_t type;
	uint8_t shapes;
	const struct member *members;     /* OBJECT, ONE_OF */
	const char *const *words;         /* WORD, TAG; NULL at the end */
	const struct member *const *then; /* TAG: for each word */
};

#define M(name, type, shapes)                                                                      \
	{                                                                                          \
		name, type, shapes, NULL, NULL, NULL                                               \
	}
#define O(name, shapes, members)                                                                   \
	{                                                                                          \
		name, OBJECT, shapes, members, NULL, NULL                                          \
	}
#define W(name, shapes, words)                                                                     \
	{                                                                                          \
		name, WORD, shapes, NULL, words, NULL                                              \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, 0, 0, NULL, NULL, NULL                                                       \
	}

static const struct member task[] = {
	M("pid", I32, ALL),
	M("tgid", I32, ALL),
	M("comm", TEXT, ALL),
	END,
};
static const struct member common[] = {
	M("timestamp", U64, ALL),
	M("smp_id", U32, ALL | OPT),
	O("task", ALL | OPT, task),
	END,
};
static const char *const probe_types[] = {"kprobe", "kretprobe", "raw_tracepoint", NULL};
static const struct member kernel[] = {
	M("symbol", TEXT, ALL),
	W("probe_type", ALL, probe_types),
	M("stack_trace", LIST, ALL | OPT),
	END,
};
static const struct member userspace[] = {
	M("probe_type", TEXT, ALL),
	M("symbol", TEXT, ALL),
	M("ip", U64, ALL),
	M("path", TEXT, ALL),
	M("pid", I32, ALL),
	M("tid", I32, ALL),
	END,
};
static const struct member skb_tracking[] = {
	M("orig_head", U64, ALL),
	M("timestamp", U64, ALL),
	M("skb", U64, ALL),
	END,
};
static const struct member tracking[] = {
	O("skb", ALL, skb_tracking),
	M("idx", U32, ALL),
	END,
};
static const struct member skb_drop[] = {
	M("subsys", TEXT, ALL | OPT),
	M("drop_reason", TEXT, ALL),
	END,
};
static const struct member packet[] = {
	M("len", U32, ALL),
	M("capture_len", U32, ALL),
	M("raw", BASE64, OLD),
	M("data", BASE64, NEW),
	END,
};
static const struct member vlan_accel[] = {
	M("proto", U16, NEW), M("pcp", U8, ALL), M("dei", BOOL, ALL), M("vid", U16, ALL), END,
};
static const struct member meta[] = {
	M("len", U32, ALL),      M("data_len", U32, ALL),
	M("hash", U32, ALL),     M("ip_summed", U8, ALL),
	M("csum", U32, ALL),     M("csum_level", U8, ALL),
	M("priority", U32, ALL), END,
};
static const struct member data_ref[] = {
	M("nohdr", BOOL, ALL), M("cloned", BOOL, ALL), M("fclone", U8, ALL),
	M("users", U8, ALL),   M("dataref", U8, ALL),  END,
};
static const struct member gso[] = {
	M("flags", U8, ALL), M("frags", U8, ALL), M("size", U32, ALL),
	M("segs", U32, ALL), M("type", U32, ALL), END,
};
static const struct member netns[] = {
	M("cookie", U64, ALL | OPT),
	M("inum", U32, ALL),
	END,
};
static const struct member dev[] = {
	M("name", TEXT, ALL),
	M("ifindex", U32, ALL),
	M("rx_ifindex", U32, ALL | OPT),
	END,
};
static const struct member skb[] = {
	O("vlan_accel", ALL | OPT, vlan_accel),
	O("dev", OLD | OPT, dev),
	O("ns", OLD | OPT, netns),
	O("meta", ALL | OPT, meta),
	O("data_ref", ALL | OPT, data_ref),
	O("gso", ALL | OPT, gso),
	O("packet", OLD | OPT, packet),
	END,
};

static const char *const verdicts[] = {"continue", "break",   "jump",   "goto",  "return",
				       "drop",     "accept",  "stolen", "queue", "repeat",
				       "stop",     "unknown", NULL};
static const struct member nft[] = {
	M("table_name", TEXT, ALL),
	M("chain_name", TEXT, ALL),
	W("verdict", ALL, verdicts),
	M("verdict_chain_name", TEXT, ALL | OPT),
	M("table_handle", I64, ALL),
	M("chain_handle", I64, ALL),
	M("rule_handle", I64, ALL | OPT),
	M("policy", BOOL, ALL),
	END,
};

static const char *const versions[] = {"v4", "v6", NULL};
static const struct member ip[] = {
	M("src", TEXT, ALL),
	M("dst", TEXT, ALL),
	W("version", ALL, versions),
	END,
};
static const struct member ports[] = {
	M("sport", U16, ALL),
	M("dport", U16, ALL),
	END,
};
static const struct member icmp[] = {
	M("code", U8, ALL),
	M("type", U8, ALL),
	M("id", U16, ALL),
	END,
};
static const struct member sctp[] = {
	M("sport", U16, ALL),
	M("dport", U16, ALL),
	M("vtag", U32, ALL),
	END,
};
static const struct member proto[] = {
	O("tcp", ALL, ports), O("udp", ALL, ports), O("icmp", ALL, icmp), O("sctp", V7, sctp), END,
};
static const struct member tuple[] = {
	O("ip", ALL, ip),
	{"proto", ONE_OF, ALL, proto, NULL, NULL},
	END,
};
static const struct member labels[] = {
	M("hi", U64, ALL),
	M("lo", U64, ALL),
	END,
};
static const char *const zone_dirs[] = {"Original", "Reply", "Default", "None", NULL};
#define CONNECTION                                                                                 \
	M("zone_id", U16, ALL), W("zone_dir", ALL, zone_dirs), O("orig", ALL, tuple),              \
		O("reply", ALL, tuple), M("tcp_state", TEXT, OLD | V6 | OPT),                      \
		M("proto_state", TEXT, V7 | OPT), M("mark", U32, ALL | OPT),                       \
		O("labels", ALL | OPT, labels), M("ct_status", U64, ALL)
static const struct member ct_parent[] = {CONNECTION, END};
static const char *const ct_states[] = {"established",   "related",   "new", "reply",
					"related_reply", "untracked", NULL};
static const struct member ct[] = {
	W("state", ALL, ct_states),
	CONNECTION,
	O("parent", ALL | OPT, ct_parent),
	END,
};

/* ---- Open vSwitch: the members depend on the event type, those of an action on the action ---- */
static const struct member upcall[] = {
	M("cmd", U8, ALL),
	M("port", U32, ALL),
	M("cpu", U32, ALL),
	END,
};
static const struct member upcall_enqueue[] = {
	M("ret", I32, ALL),
	M("cmd", U8, ALL),
	M("port", U32, ALL),
	M("upcall_ts", U64, ALL),
	M("upcall_cpu", U32, ALL),
	M("queue_id", U32, ALL),
	END,
};
static const struct member upcall_return[] = {
	M("upcall_ts", U64, ALL),
	M("upcall_cpu", U32, ALL),
	M("ret", I32, ALL),
	END,
};
static const struct member recv_upcall[] = {
	M("type", U32, ALL),
	M("pkt_size", U32, ALL),
	M("key_size", U64, ALL),
	M("queue_id", U32, ALL),
	M("batch_ts", U64, ALL),
	M("batch_idx", U8, ALL),
	END,
};
static const char *const op_types[] = {"exec", "put", NULL};
static const struct member flow_operation[] = {
	W("op_type", ALL, op_types),
	M("queue_id", U32, ALL),
	M("batch_ts", U64, ALL),
	M("batch_idx", U8, ALL),
	END,
};
static const struct member flow_lookup[] = {
	M("flow", U64, ALL),        M("sf_acts", U64, ALL),
	M("ufid", UFID, ALL),       M("n_mask_hit", U32, ALL),
	M("n_cache_hit", U32, ALL), M("dpflow", TEXT, ALL),
	M("ofpflows", LIST, ALL),   END,
};
#define AFTER_ACTION M("recirc_id", U32, ALL), M("queue_id", U32, ALL | OPT), END
static const struct member plain_action[] = {AFTER_ACTION};
static const struct member output[] = {M("port", U32, ALL), AFTER_ACTION};
static const struct member recirc[] = {M("id", U32, ALL), AFTER_ACTION};
static const struct member drop[] = {M("reason", U32, ALL), AFTER_ACTION};
static const char *const nat_dirs[] = {"src", "dst", NULL};
static const struct member nat[] = {
	W("dir", ALL | OPT, nat_dirs),  M("min_addr", TEXT, ALL | OPT),
	M("max_addr", TEXT, ALL | OPT), M("min_port", U16, ALL | OPT),
	M("max_port", U16, ALL | OPT),  END,
};
static const struct member ct_action[] = {
	M("flags", U32, ALL),
	M("zone_id", U16, ALL),
	O("nat", ALL | OPT, nat),
	AFTER_ACTION,
};
static const char *const actions[] = {
	"output",    "recirc",        "ct",         "drop",    "userspace",
	"set",       "push_vlan",     "pop_vlan",   "sample",  "hash",
	"push_mpls", "pop_mpls",      "set_masked", "trunc",   "push_eth",
	"pop_eth",   "ct_clear",      "push_nsh",   "pop_nsh", "meter",
	"clone",     "check_pkt_len", "add_mpls",   "dec_ttl", NULL,
};
#define PLAIN4 plain_action, plain_action, plain_action, plain_action
static const struct member *const action_members[] = {output, recirc, ct_action, drop,  PLAIN4,
						      PLAIN4, PLAIN4, PLAIN4,    PLAIN4};
static const struct member action_execute[] = {
	{"action", TAG, ALL | OPT, NULL, actions, action_members},
	AFTER_ACTION,
};
static const char *const ovs_events[] = {
	"upcall",         "upcall_enqueue", "upcall_return", "recv_upcall",
	"flow_operation", "action_execute", "flow_lookup",   NULL};
static const struct member *const ovs_members[] = {
	upcall,         upcall_enqueue, upcall_return, recv_upcall,
	flow_operation, action_execute, flow_lookup,
};
static const struct member ovs[] = {{"event_type", TAG, ALL, NULL, ovs_events, ovs_members}, END};
static const struct member ovs_detrace[] = {
	M("ufid", UFID, ALL),   M("flow", U64, ALL),      M("sf_acts", U64, ALL),
	M("dpflow", TEXT, ALL), M("ofpflows", LIST, ALL), END,
};

static const struct member clock_offset[] = {
	M("sec", I64, ALL),
	M("nsec", NSEC, ALL),
	END,
};
static const struct member machine[] = {
	M("kernel_release", TEXT, ALL),
	M("kernel_version", TEXT, ALL),
	M("hardware_name", TEXT, ALL),
	END,
};
static const char *const split_kinds[] = {"size", NULL};
static const struct member policy[] = {
	W("kind", ALL, split_kinds),
	M("limit", U64, ALL),
	END,
};
static const struct member split_file[] = {
	M("id", U32, ALL),
	O("policy", ALL, policy),
	END,
};
static const struct member startup[] = {
	M("retis_version", TEXT, ALL),
	M("cmdline", TEXT, V7),
	O("clock_monotonic_offset", ALL, clock_offset),
	O("machine", V7, machine),
	O("split_file", V7 | OPT, split_file),
	END,
};
static const struct member event[] = {
	O("common", ALL, common),
	O("kernel", ALL | OPT, kernel),
	O("userspace", ALL | OPT, userspace),
	O("tracking", ALL | OPT, tracking),
	O("skb-tracking", ALL | OPT, skb_tracking),
	O("skb-drop", ALL | OPT, skb_drop),
	O("packet", NEW | OPT, packet),
	O("skb", ALL | OPT, skb),
	O("netns", NEW | OPT, netns),
	O("dev", NEW | OPT, dev),
	O("ovs", ALL | OPT, ovs),
	O("ovs-detrace", ALL | OPT, ovs_detrace),
	O("nft", ALL | OPT, nft),
	O("ct", ALL | OPT, ct),
	O("startup", ALL | OPT, startup),
	END,
};

/* ---- checking ---- */

struct check {
	struct retis_checker *c;
	struct json json;
	const char *name;          /* of the member that is wrong, from the tables */
	uint64_t len, capture_len; /* of the packet; */
	uint64_t n_data;           /* bytes of the latest base64 */
	bool has_tracking, has_startup, version_fits; /* of the event */
};

static bool check_object(struct check *c, const struct member *m, bool one_of);

static bool fail(struct check *c, const char *name, const char *why)
{
	if (!c->json.why)
		c->name = name;
	return json_fail(&c->json, why);
}

static bool check_word(struct check *c, const struct member *m, unsigned int *which)
{
	struct json_str s;

	if (!json_string(&c->json, &s))
		return false;
	for (*which = 0; m->words[*which]; ++*which)
		if (strlen(m->words[*which]) == s.len && !memcmp(m->words[*which], s.p, s.len))
			return true;
	return fail(c, m->name, "not one of its words");
}

static bool check_base64(struct check *c, const struct member *m)
{
	struct buf room = {0};
	struct json_str s;
	ssize_t n = -1;

	if (!json_string(&c->json, &s))
		return false;
	if (buf_room(&room, BASE64_ROOM(s.len) + 1))
		n = base64_decode(s.p, s.len, room.p);
	buf_free(&room);
	if (n < 0)
		return fail(c, m->name, "not base64");
	c->n_data = (uint64_t)n;
	if (c->n_data != c->capture_len)
		return fail(c, m->name, "not as long as capture_len says");
	return true;
}

static bool check_array(struct check *c, const struct member *m)
{
	bool first = json_open(&c->json, '[');
	struct json_str s;
	unsigned int n = 0;
	uint64_t v;

	for (; json_next(&c->json, ']', &first); n++)
		if (m->type == UFID ? !json_integer(&c->json, 0, UINT32_MAX, &v)
				    : !json_string(&c->json, &s))
			return false;
	if (m->type == UFID && n != 4)
		return fail(c, m->name, "not four words");
	return !c->json.why;
}

static bool check_text(struct check *c, const struct member *m)
{
	struct json_str s;
	int level;

	if (!json_string(&c->json, &s))
		return false;
	if (m == &startup[0]) {
		level = retis_version_level(s.p, s.len);
		c->version_fits =
			level >= 0 && level == (int)c->c->shape - (int)RETIS_SHAPE_CLASSIC;
	}
	return true;
}

static bool check_number(struct check *c, const struct member *m)
{
	static const struct {
		int64_t min;
		uint64_t max;
	} range[] = {
		[U8] = {0, UINT8_MAX},          [U16] = {0, UINT16_MAX},
		[U32] = {0, UINT32_MAX},        [U64] = {0, UINT64_MAX},
		[I32] = {INT32_MIN, INT32_MAX}, [I64] = {INT64_MIN, INT64_MAX},
		[NSEC] = {0, 999999999},
	};
	uint64_t v;

	if (!json_integer(&c->json, range[m->type].min, range[m->type].max, &v))
		return fail(c, m->name, "not a number of its range");
	if (m == &packet[0])
		c->len = v;
	if (m == &packet[1])
		c->capture_len = v;
	if (m == &packet[1] && v > c->len && !c->c->any_order)
		return fail(c, m->name, "more than len");
	return true;
}

/* *which: the word of a tag. */
static bool check_value(struct check *c, const struct member *m, unsigned int *which)
{
	bool b;

	switch (m->type) {
	case BOOL: return json_bool(&c->json, &b);
	case TEXT: return check_text(c, m);
	case WORD:
	case TAG: return check_word(c, m, which);
	case BASE64: return check_base64(c, m);
	case LIST:
	case UFID: return check_array(c, m);
	case OBJECT:
		c->has_tracking |= m->members == tracking;
		c->has_startup |= m->members == startup;
		return check_object(c, m->members, false);
	case ONE_OF: return check_object(c, m->members, true);
	default: return check_number(c, m);
	}
}

static bool in_shape(const struct check *c, const struct member *m)
{
	return m->shapes >> c->c->shape & 1;
}

/* Which members of a table were there, for at most 64 of them. */
static bool check_missing(struct check *c, const struct member *m, uint64_t seen)
{
	for (unsigned int i = 0; m[i].name; i++)
		if (!(seen >> i & 1) && in_shape(c, &m[i]) && !(m[i].shapes & OPT))
			return fail(c, m[i].name, "missing");
	return true;
}

static bool check_object(struct check *c, const struct member *m, bool one_of)
{
	bool first = json_open(&c->json, '{');
	unsigned int n = 0, last = 0, i, which = 0; /* which: of a tag only */
	struct json_str key;
	uint64_t seen = 0;

	for (; json_next(&c->json, '}', &first); n++) {
		if (!json_key(&c->json, &key))
			return false;
		for (i = 0; m[i].name; i++)
			if (in_shape(c, &m[i]) && strlen(m[i].name) == key.len &&
			    !memcmp(m[i].name, key.p, key.len))
				break;
		if (!m[i].name)
			return fail(c, m[0].name, "beside it is a key that does not belong there");
		if (seen >> i & 1)
			return fail(c, m[i].name, "twice");
		if (seen && i < last && !c->c->any_order)
			return fail(c, m[i].name, "not in its place");
		seen |= UINT64_C(1) << i;
		last = i;
		if (!check_value(c, &m[i], &which))
			return fail(c, m[i].name, c->json.why);
		if (m[i].type == TAG) {
			/* the rest of the object is the word's; a tag stands first, also in any order */
			m = m[i].then[which];
			seen = 0;
		}
	}
	if (c->json.why)
		return false;
	if (one_of)
		return n == 1 ||
		       fail(c, m[0].name, "or one other of its kind must be there, and just one");
	return check_missing(c, m, seen);
}

/* White space outside of strings: the line is known to be JSON. */
static bool is_compact(const char *p, size_t len)
{
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			in_string = !in_string;
		else if (!in_string &&
			 (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n'))
			return false;
	}
	return true;
}

static bool check_event(struct check *c, bool sorted)
{
	bool first_line = !c->c->lines;

	c->has_tracking = c->has_startup = c->version_fits = false;
	if (!check_object(c, event, false))
		return false;
	if (c->has_tracking && !sorted)
		return fail(c, "tracking", "in a file that is not sorted");
	if (first_line && !c->has_startup)
		return fail(c, "startup", "missing from the first line");
	if (c->has_startup && !c->version_fits)
		return fail(c, "retis_version", "not a version that has this shape");
	c->c->events++;
	return true;
}

static bool check_line(struct check *c)
{
	bool sorted = json_peek(&c->json) == JSON_ARRAY, first;
	unsigned int n = 0;

	if (c->c->lines && sorted != c->c->sorted)
		return fail(c, "startup", "said that lines are of the other kind (events, series)");
	c->c->sorted = sorted;
	if (!sorted)
		return check_event(c, false) && json_end(&c->json);
	for (first = json_open(&c->json, '['); json_next(&c->json, ']', &first); n++)
		if (!check_event(c, true))
			return false;
	if (!n)
		return json_fail(&c->json, "a series without events");
	return json_end(&c->json);
}

int retis_check_line(struct retis_checker *c, const char *line, size_t len, struct skbox_error *err)
{
	struct check check = {.c = c};
	uint64_t events = c->events, at;
	bool ok;

	json_init(&check.json, line, len);
	ok = check_line(&check);
	if (ok && !is_compact(line, len))
		ok = json_fail(&check.json, "white space between the values");
	at = (uint64_t)(check.json.p - check.json.start);
	json_free(&check.json);
	if (ok) {
		c->lines++;
		return 0;
	}
	c->events = events;
	if (check.name)
		return error_set(err, -EPROTO, at, "%s: %s", check.name, check.json.why);
	return error_set(err, -EPROTO, at, "%s", check.json.why);
}
