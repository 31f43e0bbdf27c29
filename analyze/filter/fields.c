/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/filter/fields.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/options.h"

enum { NAMES_MAX = 1024 };

/* ---- names of values ---- */

/* include/net/tcp_states.h; first as ss says them */
static const struct field_symbol states[] = {
	{"ESTAB", 1},       {"SYN-SENT", 2},   {"SYN-RECV", 3},  {"FIN-WAIT-1", 4},
	{"FIN-WAIT-2", 5},  {"TIME-WAIT", 6},  {"UNCONN", 7},    {"CLOSE-WAIT", 8},
	{"LAST-ACK", 9},    {"LISTEN", 10},    {"CLOSING", 11},  {"NEW-SYN-RECV", 12},
	{"ESTABLISHED", 1}, {"FIN-WAIT1", 4},  {"FIN-WAIT2", 5}, {"CLOSE", 7},
	{"CLOSED", 7},      {"LISTENING", 10}, {NULL, 0},
};
static const struct field_symbol protocols[] = {
	{"ICMP", 1},       {"IGMP", 2},   {"TCP", 6},    {"UDP", 17},    {"IPv6", 41},
	{"GRE", 47},       {"ESP", 50},   {"AH", 51},    {"ICMP6", 58},  {"OSPF", 89},
	{"PIM", 103},      {"VRRP", 112}, {"SCTP", 132}, {"MPTCP", 262}, {"ICMPv6", 58},
	{"IPv6-ICMP", 58}, {NULL, 0},
};
static const struct field_symbol ct_protocols[] = {
	{"TCP", 1}, {"UDP", 2}, {"ICMP", 3}, {"SCTP", 4}, {NULL, 0}};
static const struct field_symbol ethertypes[] = {
	{"IPv4", 0x0800}, {"ARP", 0x0806},  {"VLAN", 0x8100}, {"IPv6", 0x86dd},
	{"MPLS", 0x8847}, {"QinQ", 0x88a8}, {"LLDP", 0x88cc}, {"MACsec", 0x88e5},
	{"PTP", 0x88f7},  {"IP", 0x0800},   {"IP6", 0x86dd},  {NULL, 0},
};
static const struct field_symbol families[] = {
	{"INET", 2}, {"INET6", 10}, {"IPv4", 2}, {"IPv6", 10}, {NULL, 0}};
static const struct field_symbol arp_ops[] = {{"request", 1}, {"reply", 2}, {NULL, 0}};
static const struct field_symbol icmp_types[] = {
	{"echo-reply", 0},     {"unreachable", 3},        {"redirect", 5}, {"echo-request", 8},
	{"time-exceeded", 11}, {"parameter-problem", 12}, {NULL, 0},
};
static const struct field_symbol icmp6_types[] = {
	{"unreachable", 1},       {"packet-too-big", 2},  {"time-exceeded", 3},
	{"parameter-problem", 4}, {"echo-request", 128},  {"echo-reply", 129},
	{"router-solicit", 133},  {"router-advert", 134}, {"neighbor-solicit", 135},
	{"neighbor-advert", 136}, {"redirect", 137},      {NULL, 0},
};
static const struct field_symbol tcp_flags[] = {
	{"FIN", 1},  {"SYN", 2},   {"RST", 4},  {"PSH", 8},  {"ACK", 16}, {"URG", 32},
	{"ECE", 64}, {"CWR", 128}, {"NS", 256}, {"none", 0}, {NULL, 0},
};
static const struct field_symbol timers[] = {{"off", 0},      {"on", 1},      {"keepalive", 2},
					     {"timewait", 3}, {"persist", 4}, {"delack", 5},
					     {NULL, 0}};
static const struct field_symbol ca_states[] = {{"Open", 0},     {"Disorder", 1}, {"CWR", 2},
						{"Recovery", 3}, {"Loss", 4},     {NULL, 0}};
static const struct field_symbol flags[] = {{"true", 1}, {"false", 0}, {NULL, 0}};

static const struct {
	const char *name;
	const struct field_symbol *symbols;
} symbols_of[] = {
	{"sock.state", states},
	{"diag.state", states},
	{"tcpinfo.state", states},
	{"ip.proto", protocols},
	{"diag.protocol", protocols},
	{"sock.protocol", protocols},
	{"ct.orig.proto", ct_protocols},
	{"ct.reply.proto", ct_protocols},
	{"ct.parent.orig.proto", ct_protocols},
	{"ct.parent.reply.proto", ct_protocols},
	{"eth.type", ethertypes},
	{"packet.protocol", ethertypes},
	{"skb.vlan.proto", ethertypes},
	{"sock.family", families},
	{"diag.family", families},
	{"arp.op", arp_ops},
	{"icmp.type", icmp_types},
	{"icmp6.type", icmp6_types},
	{"tcp.flags", tcp_flags},
	{"diag.timer", timers},
	{"sock.timer", timers},
	{"tcpinfo.ca_state", ca_states},
	{"sock.ca_state", ca_states},
};

static bool same_word(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int x = a[i] == '_' ? '-' : tolower((unsigned char)a[i]);
		int y = b[i] == '_' ? '-' : tolower((unsigned char)b[i]);

		if (x != y)
			return false;
	}
	return true;
}

/* "S.", "SA", "RST": as letters of tcpdump. */
static bool flag_letters(const char *name, size_t len, uint64_t *value)
{
	static const char letters[] = "FSRP.UEWeA";
	static const uint16_t bits[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 16};

	*value = 0;
	for (size_t i = 0; i < len; i++) {
		const char *p = name[i] ? strchr(letters, name[i]) : NULL;

		if (!p)
			return false;
		*value |= bits[p - letters];
	}
	return len > 0;
}

bool fields_symbol(const struct field *f, const char *name, size_t len, uint64_t *value)
{
	for (const struct field_symbol *s = f->symbols; s && s->name; s++)
		if (strlen(s->name) == len && same_word(s->name, name, len)) {
			*value = s->value;
			return true;
		}
	return f->is_tcp_flags && flag_letters(name, len, value);
}

/* ---- header fields ---- */

static const struct {
	const char *name, *help;
	enum field_kind kind;
	uint8_t base;
} packet_fields[] = {
#define P(id, name, kind, base, help) {name, help, FIELD_##kind, SCHEMA_##base},
	PACKET_FIELDS(P)
#undef P
};

/* Names that stand for two header fields: any of them. */
static const struct {
	const char *name, *help;
	enum packet_field a, b;
} packet_pairs[] = {
	{"ip.addr", "source or destination address", PACKET_IP_SRC, PACKET_IP_DST},
	{"tcp.port", "source or destination port", PACKET_TCP_SPORT, PACKET_TCP_DPORT},
	{"udp.port", "source or destination port", PACKET_UDP_SPORT, PACKET_UDP_DPORT},
	{"sctp.port", "source or destination port", PACKET_SCTP_SPORT, PACKET_SCTP_DPORT},
};

enum { PAIRS = sizeof(packet_pairs) / sizeof(packet_pairs[0]) };

const char *fields_packet_name(unsigned int i, const char **help, enum field_kind *kind)
{
	for (unsigned int f = 0; f < PACKET_N; f++) {
		if (!*packet_fields[f].name || i--)
			continue;
		*help = packet_fields[f].help;
		*kind = packet_fields[f].kind;
		return packet_fields[f].name;
	}
	if (i >= PAIRS)
		return NULL;
	*help = packet_pairs[i].help;
	*kind = packet_fields[packet_pairs[i].a].kind;
	return packet_pairs[i].name;
}

static void add_packet(struct field *f, enum packet_field id)
{
	f->kind = packet_fields[id].kind;
	f->base = packet_fields[id].base;
	f->is_tcp_flags = id == PACKET_TCP_FLAGS;
	f->from[f->n++] = (struct field_source){.packet = (uint8_t)id};
}

/* ---- fields of the schema ---- */

static bool is_address_text(const struct schema_field *s)
{
	static const char *const names[] = {"orig.src",  "orig.dst",     "reply.src",
					    "reply.dst", "nat.min_addr", "nat.max_addr"};
	size_t len = strlen(s->name);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);

		if (len > n && strcmp(s->name + len - n, names[i]) == 0)
			return true;
	}
	return false;
}

static enum field_kind kind_of(const struct schema_field *s, bool is_text)
{
	if (s->type == SCHEMA_BYTES || s->base == SCHEMA_RAW)
		return FIELD_RAW;
	if (s->type != SCHEMA_STR && s->type != SCHEMA_LIST)
		return FIELD_INT;
	if (s->base == SCHEMA_ADDR || is_text)
		return FIELD_ADDRESS;
	return s->base == SCHEMA_MAC ? FIELD_MAC : FIELD_TEXT;
}

/* Of several sources the first says what kind of field it is; one of another kind is left out. */
static void add_schema(struct field *f, const struct schema_field *s)
{
	bool is_text = s && is_address_text(s);

	if (!s || f->n == FIELD_SOURCES || (f->n && f->kind != kind_of(s, is_text)))
		return;
	if (!f->n) {
		f->kind = kind_of(s, is_text);
		f->unit = s->unit;
		f->base = s->base;
		f->is_signed = s->type == SCHEMA_I32 || s->type == SCHEMA_I64;
		f->is_flag = s->type == SCHEMA_BOOL;
	}
	f->from[f->n++] = (struct field_source){.schema = s, .is_text = is_text};
}

static const struct schema_field *schema_name(const char *prefix, const char *name, size_t len)
{
	char full[FIELD_NAME_MAX];
	int n = snprintf(full, sizeof(full), "%s%.*s", prefix, (int)len, name);

	return n < (int)sizeof(full) ? schema_field_named(full, (size_t)n) : NULL;
}

/* What the in-event section calls otherwise than the kernel's structures do. */
static const struct {
	const char *name, *other;
} sock_names[] = {
	{"cwnd", "tcpinfo.snd_cwnd"},
	{"ssthresh", "tcpinfo.snd_ssthresh"},
	{"srtt", "tcpinfo.rtt"},
	{"in_flight", "tcpinfo.unacked"},
	{"retransmits", "tcpinfo.total_retrans"},
	{"rcvq", "diag.rqueue"},
	{"sndq", "diag.wqueue"},
	{"ca", "cong.algorithm"},
};

/* "sock.NAME": the socket beside a packet, or the one of a snapshot. */
static void find_sock(struct field *f, const char *name, size_t len)
{
	static const char *const prefixes[] = {"diag.", "tcpinfo.", "skmem."};
	unsigned int n;

	add_schema(f, schema_name("sock.", name, len));
	n = f->n;
	for (size_t i = 0; i < sizeof(sock_names) / sizeof(sock_names[0]); i++)
		if (strlen(sock_names[i].name) == len && memcmp(sock_names[i].name, name, len) == 0)
			add_schema(f, schema_name("", sock_names[i].other,
						  strlen(sock_names[i].other)));
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]) && f->n == n; i++)
		add_schema(f, schema_name(prefixes[i], name, len));
}

/* ---- groups ---- */

static bool begins_with(const char *name, const char *prefix, size_t len)
{
	return strncmp(name, prefix, len) == 0 && name[len] == '.';
}

/* A section by its name, or the sections whose fields begin with "NAME." */
static void find_group(struct field *f, const char *name, size_t len)
{
	static const struct {
		const char *name;
		enum packet_field of;
	} headers[] = {
		{"eth", PACKET_ETH_SRC},     {"vlan", PACKET_VLAN_ID},
		{"arp", PACKET_ARP_OP},      {"ip", PACKET_IP_VERSION},
		{"tcp", PACKET_TCP_SPORT},   {"udp", PACKET_UDP_SPORT},
		{"icmp", PACKET_ICMP_TYPE},  {"icmp6", PACKET_ICMP6_TYPE},
		{"sctp", PACKET_SCTP_SPORT},
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		if (strlen(headers[i].name) == len && memcmp(headers[i].name, name, len) == 0)
			add_packet(f, headers[i].of);
	for (int s = 0; s < EV_SECTIONS; s++) {
		const struct schema_section *sec = &schema_sections[s];
		bool is_group = strlen(sec->name) == len && memcmp(sec->name, name, len) == 0;

		for (unsigned int i = 0; i < sec->n_fields && !is_group; i++)
			is_group = begins_with(sec->fields[i].name, name, len);
		if (is_group)
			f->sections |= UINT64_C(1) << s;
	}
	if (len == 4 && memcmp(name, "vlan", 4) == 0)
		f->sections |= EV_SECTION_BIT(skb_vlan);
	if (len == 4 && memcmp(name, "sock", 4) == 0)
		f->sections |= EV_SECTION_BIT(diag);
	f->kind = FIELD_GROUP;
}

bool fields_find(struct field *f, const char *name, size_t len)
{
	*f = (struct field){0};
	if (!len || len >= sizeof(f->name))
		return false;
	memcpy(f->name, name, len);
	for (unsigned int i = 0; i < PACKET_N; i++)
		if (strcmp(packet_fields[i].name, f->name) == 0)
			add_packet(f, (enum packet_field)i);
	for (unsigned int i = 0; i < PAIRS; i++)
		if (strcmp(packet_pairs[i].name, f->name) == 0) {
			add_packet(f, packet_pairs[i].a);
			add_packet(f, packet_pairs[i].b);
		}
	/* the tag beside the packet is the outermost one */
	if (strcmp(f->name, "vlan.id") == 0) {
		add_packet(f, PACKET_VLAN_ID2);
		add_schema(f, schema_name("", "skb.vlan.vid", 12));
	} else if (strcmp(f->name, "vlan.pcp") == 0) {
		add_packet(f, PACKET_VLAN_PCP2);
		add_schema(f, schema_name("", "skb.vlan.pcp", 12));
	}
	if (!f->n && begins_with(f->name, "sock", 4))
		find_sock(f, name + 5, len - 5);
	else if (!f->n)
		add_schema(f, schema_field_named(name, len));
	if (!f->n)
		find_group(f, name, len);
	for (size_t i = 0; i < sizeof(symbols_of) / sizeof(symbols_of[0]); i++)
		if (strcmp(symbols_of[i].name, f->name) == 0)
			f->symbols = symbols_of[i].symbols;
	if (f->is_flag)
		f->symbols = flags;
	return f->n || f->sections;
}

const char *fields_nearest(const char *name, size_t len)
{
	const char *names[NAMES_MAX], *help;
	char word[FIELD_NAME_MAX];
	enum field_kind kind;
	size_t n = 0;

	if (len >= sizeof(word))
		return NULL;
	memcpy(word, name, len);
	word[len] = 0;
	for (unsigned int i = 0; n < NAMES_MAX && fields_packet_name(i, &help, &kind); i++)
		names[n++] = fields_packet_name(i, &help, &kind);
	for (int s = 0; s < EV_SECTIONS; s++)
		for (unsigned int i = 0; i < schema_sections[s].n_fields && n < NAMES_MAX; i++)
			names[n++] = schema_sections[s].fields[i].name;
	return options_nearest(word, names, n);
}

/* ---- addresses ---- */

bool fields_key(uint8_t key[FIELD_KEY_BYTES], enum field_kind kind, const void *p, size_t len)
{
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
	const uint8_t *bytes = p;

	memset(key, 0, FIELD_KEY_BYTES);
	if (kind == FIELD_MAC) {
		key[0] = FIELD_KEY_MAC;
		if (len == 6)
			memcpy(key + 1, bytes, 6);
		return len == 6;
	}
	if (len == 16 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		bytes += 12;
		len = 4;
	}
	if (len != 4 && len != 16)
		return false;
	key[0] = len == 4 ? FIELD_KEY_IP4 : FIELD_KEY_IP6;
	memcpy(key + 1, bytes, len);
	return true;
}

bool fields_key_text(uint8_t key[FIELD_KEY_BYTES], const char *p, size_t len)
{
	char text[INET6_ADDRSTRLEN + 1];
	uint8_t bytes[16];

	if (!len || len >= sizeof(text) || memchr(p, 0, len))
		return false;
	memcpy(text, p, len);
	text[len] = 0;
	if (inet_pton(AF_INET, text, bytes) == 1)
		return fields_key(key, FIELD_ADDRESS, bytes, 4);
	return inet_pton(AF_INET6, text, bytes) == 1 && fields_key(key, FIELD_ADDRESS, bytes, 16);
}

bool fields_ufid(char out[FIELD_UFID_BYTES], struct ev_str s)
{
	uint32_t w[4] = {0};

	if (s.len != 16)
		return false;
	for (unsigned int i = 0; i < 16; i++)
		w[i / 4] |= (uint32_t)(uint8_t)s.p[i] << (8 * (i % 4));
	snprintf(out, FIELD_UFID_BYTES, "%08x-%04x-%04x-%04x-%04x%08x", w[0], w[1] >> 16,
		 w[1] & 0xffff, w[2] >> 16, w[2] & 0xffff, w[3]);
	return true;
}
