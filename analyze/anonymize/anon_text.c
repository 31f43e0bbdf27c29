/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names and free text. Of free text nothing is kept that is not known to say nothing of its owner: words of the
 * command line and of filters, fields, probes, small numbers.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/anonymize/anon.h"
#include "formats/schema.h"

enum { IMAGE_DIGITS = 8 };

static const char *const prefixes[] = {
	[ANON_NAME_DEVICE] = "dev-",    [ANON_NAME_NETNS] = "netns-",
	[ANON_NAME_TASK] = "task-",     [ANON_NAME_HOST] = "host-",
	[ANON_NAME_TABLE] = "table-",   [ANON_NAME_CHAIN] = "chain-",
	[ANON_NAME_SYMBOL] = "symbol_", [ANON_NAME_MODULE] = "module_",
	[ANON_NAME_OTHER] = "name-",
};

static bool is(const char *p, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(p, word, len);
}

static bool begins(const char *p, size_t len, const char *word)
{
	return len >= strlen(word) && !memcmp(p, word, strlen(word));
}

/* Threads of the kernel that are the same everywhere; a kworker has the name of its work, too. */
static bool is_everywhere(enum anon_name what, const char *p, size_t len)
{
	static const char *const threads[] = {"swapper/", "ksoftirqd/", "migration/", "rcu_"};

	if (!len)
		return true;
	if (what == ANON_NAME_DEVICE)
		return is(p, len, "lo");
	for (size_t i = 0; what == ANON_NAME_TASK && i < sizeof(threads) / sizeof(threads[0]); i++)
		if (begins(p, len, threads[i]))
			return true;
	return false;
}

void anon_name_text(struct anon *a, enum anon_name what, const char *p, size_t len, struct buf *out)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	const struct anon_seen_value *seen;
	uint8_t hash[ANON_HASH_BYTES];
	struct buf image = {0};

	if (is_everywhere(what, p, len)) {
		buf_put(out, p, len);
		return;
	}
	seen = anon_seen_find(&a->seen, ANON_NAME, p, len);
	if (seen && begins((const char *)seen->image, seen->image_length, prefixes[what])) {
		buf_put(out, seen->image, seen->image_length);
		return;
	}
	/* the same letters whatever it is of: a name in a filter is recognized */
	anon_key_hash(a->key, ANON_USE_NAME, p, len, hash);
	buf_str(&image, prefixes[what]);
	for (int i = 0; i < IMAGE_DIGITS; i++)
		buf_u8(&image, (uint8_t)digits[hash[i] & 31]);
	buf_put(out, image.p, image.len);
	if (image.failed || out->failed)
		a->seen.failed = true;
	else if (!seen)
		anon_seen_add(&a->seen, ANON_NAME, p, len, image.p, image.len);
	buf_free(&image);
}

void anon_path_text(struct anon *a, const char *p, size_t len, struct buf *out)
{
	static const char *const known[] = {
		"system.slice",
		"user.slice",
		"init.scope",
		"machine.slice",
		"usr",
		"bin",
		"sbin",
		"lib",
		"lib64",
		"tmp",
		"var",
		"etc",
		"home",
		"session.slice",
		"app.slice",
		"background.slice",
		"kubepods.slice",
	};
	const char *end = p + len;

	while (p < end) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		size_t n = slash ? (size_t)(slash - p) : (size_t)(end - p);
		bool keep = n == 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			keep |= is(p, n, known[i]);
		if (keep)
			buf_put(out, p, n);
		else
			anon_name_text(a, ANON_NAME_OTHER, p, n, out);
		p += n;
		if (p < end)
			buf_u8(out, (uint8_t)*p++);
	}
}

/* ---- symbols ---- */

/* Modules of Linux that packets go through; a name beside them is of somebody's own. */
static bool is_of_linux(const char *p, size_t len)
{
	static const char *const begin[] = {"nf_",    "nft_",  "xt_",    "ip6t_",  "ipt_", "sch_",
					    "cls_",   "act_",  "tcp_",   "virtio", "snd",  "ebt",
					    "ip_set", "ip_vs", "vport_", "mlx",    "esp",  "xfrm"};
	static const char *const whole[] = {
		"8021q",       "af_packet",    "bonding",     "br_netfilter",
		"bridge",      "dummy",        "e1000",       "e1000e",
		"ena",         "geneve",       "gre",         "i40e",
		"iavf",        "ice",          "ifb",         "igb",
		"igc",         "ip_gre",       "ip_tables",   "ip_tunnel",
		"ip6_gre",     "ip6_tables",   "ip6_tunnel",  "ip6_udp_tunnel",
		"ipip",        "ipv6",         "ipvlan",      "ixgbe",
		"llc",         "macsec",       "macvlan",     "macvtap",
		"mpls_router", "net_failover", "openvswitch", "r8169",
		"sctp",        "sit",          "stp",         "team",
		"tg3",         "tun",          "tap",         "udp_tunnel",
		"veth",        "vhost",        "vhost_net",   "vmxnet3",
		"vrf",         "vxlan",        "wireguard",   "x_tables",
		"bnxt_en",     "hv_netvsc",    "kvm",         "bpf",
		"netkit",      "l2tp_core",    "ppp_generic", "tls",
		"psample",     "mptcp_diag",   "inet_diag",   "tcp_diag",
		"udp_diag",
	};

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (is(p, len, whole[i]))
			return true;
	for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
		if (begins(p, len, begin[i]))
			return true;
	return false;
}

/* Where there was no symbol: 0xffffffffc0a00010. */
static bool parse_address(const char *p, size_t len, uint64_t *v)
{
	*v = 0;
	if (len < 3 || len > 18 || p[0] != '0' || p[1] != 'x')
		return false;
	for (size_t i = 2; i < len; i++) {
		if (!isxdigit((unsigned char)p[i]))
			return false;
		*v = *v << 4 | (unsigned int)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	}
	return true;
}

void anon_symbol_text(struct anon *a, const char *p, size_t len, struct buf *out)
{
	const char *open = memchr(p, '[', len);
	const char *close = open ? memchr(open, ']', (size_t)(p + len - open)) : NULL;
	uint64_t address;
	size_t symbol;

	if (parse_address(p, len, &address)) {
		buf_printf(out, "0x%" PRIx64, anon_kernel_address(a, address));
		return;
	}
	if (!close || is_of_linux(open + 1, (size_t)(close - open - 1))) {
		buf_put(out, p, len);
		return;
	}
	for (symbol = 0; p + symbol < open && !strchr("+ ", p[symbol]); symbol++)
		;
	anon_name_text(a, ANON_NAME_SYMBOL, p, symbol, out);
	buf_put(out, p + symbol, (size_t)(open + 1 - p) - symbol);
	anon_name_text(a, ANON_NAME_MODULE, open + 1, (size_t)(close - open - 1), out);
	buf_put(out, close, (size_t)(p + len - close));
}

/* ---- words ---- */

static const char *const vocabulary[] = {
	/* pcap-filter(7) */
	"and",
	"or",
	"not",
	"host",
	"net",
	"port",
	"portrange",
	"src",
	"dst",
	"ether",
	"ip",
	"ip6",
	"arp",
	"rarp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"vlan",
	"mpls",
	"broadcast",
	"multicast",
	"proto",
	"protochain",
	"less",
	"greater",
	"len",
	"inbound",
	"outbound",
	"mask",
	"gateway",
	"igmp",
	"esp",
	"ah",
	"vrrp",
	"vxlan",
	"geneve",
	"in",
	"true",
	"false",
	"tcp-syn",
	"tcp-ack",
	"tcp-fin",
	"tcp-rst",
	"tcp-push",
	"tcp-urg",
	"tcpflags",
	"icmptype",
	"icmpcode",
	/* command lines */
	"skbox-capture",
	"skbox",
	"capture",
	"retis",
	"collect",
	"sudo",
	"all",
	"period",
	"none",
	"generic",
	"dropmon",
	"ifdump",
	"nft-dropmon",
	"rx-path",
	"tx-path",
	"tcp-health",
	"skb",
	"skb-drop",
	"skb-tracking",
	"ct",
	"nft",
	"ovs",
	"dev",
	"ns",
	"sock",
	"drop",
	"accept",
	"netns",
	"cgroup",
	"host",
	/* flows of Open vSwitch */
	"no",
	"first",
	"later",
	"frag",
	"actions",
	"output",
	"resubmit",
	"drop",
	"normal",
	"NORMAL",
	"recirc",
	"ct_state",
	"ct_zone",
	"in_port",
	"eth",
	"eth_type",
	"ipv4",
	"ipv6",
	"tos",
	"ttl",
	"recirc_id",
	"packets",
	"bytes",
	"used",
	"never",
	"flags",
	"priority",
	"table",
	"cookie",
	"nw_src",
	"nw_dst",
	"nw_proto",
	"dl_src",
	"dl_dst",
	"dl_type",
	"tp_src",
	"tp_dst",
	"dl_vlan",
	"duration",
	"n_packets",
	"n_bytes",
	"idle_age",
	"reg0",
	"label",
	"hlimit",
	"tclass",
	"zone",
	"mark",
	"commit",
	"nat",
	"sport",
	"dport",
	"type",
	"code",
	"op",
	"sip",
	"tip",
	"sha",
	"tha",
	"ipv6_src",
	"ipv6_dst",
	"ipv6_src",
	"ipv6_dst",
};

bool anon_word_known(const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof(vocabulary) / sizeof(vocabulary[0]); i++)
		if (is(p, len, vocabulary[i]))
			return true;
	return schema_field_named(p, len) != NULL;
}

/*
 * A number that is no address, key or id: of at most 5 digits or 4 hexadecimal ones, a unit behind it; or a
 * time with a unit.
 */
static bool is_number(const char *p, size_t len)
{
	static const char *const units[] = {"",  "s", "ms", "us", "ns", "m",
					    "h", "d", "K",  "M",  "G",  "k"};
	size_t digits = 0, fraction = 0, i = 0;

	if (len > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		for (i = 2; i < len; i++)
			if (!strchr("0123456789abcdefABCDEF", p[i]))
				return false;
		return len <= 6;
	}
	if (len && (p[0] == '-' || p[0] == '+'))
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '9'; i++)
		digits++;
	if (digits && i < len && p[i] == '.')
		for (i++; i < len && p[i] >= '0' && p[i] <= '9'; i++)
			fraction++;
	if (!digits || (fraction && i == len))
		return false; /* 10.77 is a network */
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
		if (is(p + i, len - i, units[u]))
			return digits <= 5 || (u > 0 && u < 5);
	return false;
}

/* A probe: what it is of is a symbol of the kernel, or a pattern of them. */
static bool is_probe(const char *p, size_t len)
{
	static const char *const kinds[] = {
		"tp:",  "kprobe:", "kretprobe:", "fentry:", "fexit:", "raw_tp:", "raw_tracepoint:",
		"net:", "skb:",    "tcp:",       "sock:",   "k:",     "kr:",     "sk_buff."};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (begins(p, len, kinds[i]))
			return !memchr(p, '.', len) || begins(p, len, "sk_buff.");
	return false;
}

/* 10.77 of "net 10.77": a network by its first bytes. */
static bool short_network(struct anon *a, const char *p, size_t len, struct buf *out)
{
	uint8_t bytes[4] = {0};
	size_t n = 0;
	unsigned int v = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i == len || p[i] == '.') {
			if (n == 3 || v > 255 || !i || p[i - 1] == '.')
				return false;
			bytes[n++] = (uint8_t)v;
			v = 0;
		} else if (p[i] < '0' || p[i] > '9' || v > 255) {
			return false;
		} else {
			v = v * 10 + (unsigned int)(p[i] - '0');
		}
	}
	if (n < 2)
		return false;
	anon_ipv4(a, bytes);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%u", i ? "." : "", bytes[i]);
	return true;
}

/* 443, or 80-90: of a range both ends, as they are mapped. */
static bool put_ports(struct anon *a, const char *p, size_t len, struct buf *out)
{
	unsigned int v = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] != '-' && (p[i] < '0' || p[i] > '9'))
			return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (p[i] != '-')
			v = (v * 10 + (unsigned int)(p[i] - '0')) & 0xffff;
		if (p[i] == '-' || i + 1 == len) {
			buf_dec(out, anon_port(a, (uint16_t)v));
			v = 0;
		}
		if (p[i] == '-')
			buf_u8(out, '-');
	}
	return true;
}

/* 10.0.0.1:80 */
static bool with_port(struct anon *a, const char *p, size_t len, struct buf *out)
{
	const char *colon = memrchr(p, ':', len);
	size_t n = colon ? (size_t)(colon - p) : 0;

	if (!n || memchr(p, ':', n) || !is_number(colon + 1, len - n - 1) ||
	    !anon_address_text(a, p, n, out))
		return false;
	buf_u8(out, ':');
	if (!a->also_ports || !put_ports(a, colon + 1, len - n - 1, out))
		buf_put(out, colon + 1, len - n - 1);
	return true;
}

/* Whether a number there is one: "port 443", "--dport=443", "tcp.dport == 443", "tp_dst=443". */
static bool near_port(const char *near, size_t len)
{
	return memmem(near, len, "port", 4) || memmem(near, len, "tp_", 3);
}

/* 10.0.0.1/255.255.255.0, as Open vSwitch writes it. */
static bool with_mask(struct anon *a, const char *p, size_t len, struct buf *out)
{
	const char *slash = memchr(p, '/', len);
	size_t n = slash ? (size_t)(slash - p) : 0;

	if (!n || len - n < 5 || memcmp(slash, "/255.", 5))
		return false;
	for (size_t i = n + 1; i < len; i++)
		if (p[i] != '.' && (p[i] < '0' || p[i] > '9'))
			return false;
	if (!anon_address_text(a, p, n, out))
		return false;
	buf_put(out, slash, len - n);
	return true;
}

/* output:2 */
static bool is_pair(const char *p, size_t len)
{
	const char *colon = memchr(p, ':', len);
	size_t n = colon ? (size_t)(colon - p) : 0;

	return n && anon_word_known(p, n) &&
	       (anon_word_known(colon + 1, len - n - 1) || is_number(colon + 1, len - n - 1));
}

/* before: the text before it, which says what a name is of. */
static void put_word(struct anon *a, const char *p, size_t len, const char *text, struct buf *out)
{
	size_t before = (size_t)(p - text), at = before < 24 ? before : 24;
	const char *near = p - at;
	enum anon_name what = ANON_NAME_OTHER;

	if (a->also_ports && near_port(near, at) && put_ports(a, p, len, out))
		return;
	if (anon_word_known(p, len) || is_number(p, len) || is_probe(p, len) || is_pair(p, len)) {
		buf_put(out, p, len);
		return;
	}
	if (anon_address_text(a, p, len, out) || anon_mac_text(a, p, len, out) ||
	    with_port(a, p, len, out) || with_mask(a, p, len, out) || short_network(a, p, len, out))
		return;
	if (memmem(near, at, "dev.name", 8) || memmem(near, at, "in_port", 7))
		what = ANON_NAME_DEVICE;
	else if (memmem(near, at, "comm", 4))
		what = ANON_NAME_TASK;
	else if (memmem(near, at, "netns", 5))
		what = ANON_NAME_NETNS;
	anon_name_text(a, what, p, len, out);
}

/* An option is kept as it is; behind = and commas its value is words. */
static size_t option_bytes(const char *p, size_t len)
{
	size_t n = 0;

	if (len < 2 || p[0] != '-')
		return 0;
	if (p[1] != '-')
		return len == 2 ? 2 : 0;
	for (n = 2; n < len && ((p[n] >= 'a' && p[n] <= 'z') || p[n] == '-'); n++)
		;
	return n < len ? 0 : n;
}

bool anon_word_option(const char *p, size_t len)
{
	return len && option_bytes(p, len) == len;
}

static bool is_punctuation(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] & 0x80 || isalnum((unsigned char)p[i]))
			return false;
	return true;
}

void anon_words_text(struct anon *a, const char *p, size_t len, struct buf *out)
{
	static const char apart[] = " \t\n,=()[]{}<>!&|'\"`;\\+*?~^$#%";
	const char *text = p, *end = p + len;
	bool foreign = false; /* options of the command that was recorded */

	while (p < end) {
		size_t n = 0, option;

		while (p + n < end && (p[n] == 0 || !strchr(apart, p[n])))
			n++;
		option = foreign ? 0 : option_bytes(p, n);
		foreign |= is(p, n, "--");
		if (option || is_punctuation(p, n))
			option = n;
		if (option)
			buf_put(out, p, option);
		else if (n)
			put_word(a, p, n, text, out);
		p += n;
		if (p < end)
			buf_u8(out, (uint8_t)*p++);
	}
}
