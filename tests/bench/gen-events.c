/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A large recording for measurements, the same at every run: packets of 200 TCP flows, each seen at
 * five probes, as Retis JSON in both shapes and as a pcap of one packet an event.
 *
 * usage: gen-events [-f FLOWS] [-p PROBES] [-s SNAPLEN] PACKETS FOLDER
 *   writes FOLDER/current.json, classic.json and events.pcap; prints how many bytes of random payload
 *   they hold, each packet counted once. FOLDER "-": current.json to standard output, nothing else.
 *   FLOWS 1 to 1000000, PROBES 1 to 30, SNAPLEN 40 to 1514.
 *
 * Sizes are what a server sees: half of the packets are bare acknowledgements, a third full segments of
 * which the recording kept 255 bytes. The payload is random, as encrypted payload is; one packet of a
 * hundred is dropped at its last probe.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CPUS = 8,
	ETH = 14,
	HEADERS = ETH + 20 + 32,
	SEGMENT = 1448,
	FRAME = HEADERS + SEGMENT,
	SNAPLEN_MIN = 40,
	FLOWS_MAX = 1000000,
	PROBES_MAX = 30,
};

static uint32_t flow_count = 200, probe_count = 5, snaplen = 255;

struct flow {
	uint32_t src, dst, seq, ack, tsval, tsecr;
	uint16_t sport, dport;
	uint64_t skb;
};

struct packet {
	uint8_t bytes[FRAME];
	uint32_t len, kept; /* on the wire; in bytes[] */
	uint32_t hash;
};

struct place {
	const char *symbol, *type;
	uint32_t after_ns; /* about how long after the probe before it */
	bool link_layer;   /* skb->len still counts the Ethernet header */
};

/* The way of a TCP packet through the stack; the last one ends every journey that is longer than one probe. */
static const struct place places[PROBES_MAX - 1] = {
	{"net:netif_receive_skb", "raw_tracepoint", 0, true},
	{"ip_rcv", "kprobe", 350, false},
	{"ip_local_deliver", "kprobe", 600, false},
	{"tcp_v4_rcv", "kprobe", 300, false},
	{"ip_rcv_core", "kprobe", 200, false},
	{"nf_hook_slow", "kprobe", 250, false},
	{"nft_do_chain", "kprobe", 300, false},
	{"nf_conntrack_in", "kprobe", 400, false},
	{"nf_conntrack_tcp_packet", "kprobe", 250, false},
	{"ip_rcv_finish", "kprobe", 200, false},
	{"ip_route_input_noref", "kprobe", 350, false},
	{"ip_local_deliver_finish", "kprobe", 200, false},
	{"ip_protocol_deliver_rcu", "kprobe", 150, false},
	{"raw_local_deliver", "kprobe", 150, false},
	{"tcp_v4_fill_cb", "kprobe", 150, false},
	{"tcp_filter", "kprobe", 200, false},
	{"sk_filter_trim_cap", "kprobe", 250, false},
	{"security_sock_rcv_skb", "kprobe", 200, false},
	{"tcp_v4_do_rcv", "kprobe", 200, false},
	{"tcp_rcv_established", "kprobe", 250, false},
	{"tcp_validate_incoming", "kprobe", 200, false},
	{"tcp_ack", "kprobe", 300, false},
	{"tcp_data_queue", "kprobe", 250, false},
	{"tcp_queue_rcv", "kprobe", 150, false},
	{"tcp_event_data_recv", "kprobe", 150, false},
	{"sock_def_readable", "kprobe", 300, false},
	{"tcp_rcv_space_adjust", "kprobe", 500, false},
	{"skb_copy_datagram_iter", "kprobe", 400, false},
	{"__kfree_skb", "kprobe", 300, false},
};
static const struct place last_place = {"skb:consume_skb", "raw_tracepoint", 900, false};
static const uint16_t services[] = {443, 443, 443, 80, 22, 5432, 8080};

static uint64_t state = 0x736b626f78; /* any number but 0 */

static uint32_t random_below(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 16) % n);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* RFC 1071, over an even number of bytes */
static uint16_t checksum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void make_flow(struct flow *f)
{
	f->src = 0x0a000000 | random_below(1 << 16);
	f->dst = 0xc0000200 | (1 + random_below(200));
	f->sport = (uint16_t)(32768 + random_below(28000));
	f->dport = services[random_below(sizeof(services) / sizeof(*services))];
	f->seq = random_below(UINT32_MAX);
	f->ack = random_below(UINT32_MAX);
	f->tsval = random_below(1u << 31);
	f->tsecr = random_below(1u << 31);
	f->skb = UINT64_C(0xffff888100000000) + (uint64_t)random_below(1 << 20) * 256;
}

static void make_packet(struct packet *p, struct flow *f, uint32_t number)
{
	static const uint8_t macs[12] = {0x52, 0x54, 0, 0x12, 0x34, 0x56,
					 0x52, 0x54, 0, 0xab, 0xcd, 0xef};
	uint32_t kind = random_below(6), payload = kind < 3    ? 0
						   : kind == 3 ? 1 + random_below(600)
							       : SEGMENT;
	uint8_t *ip = p->bytes + ETH, *tcp = ip + 20;

	memset(p->bytes, 0, HEADERS);
	memcpy(p->bytes, macs, sizeof(macs));
	put16(p->bytes + 12, 0x0800);
	p->len = HEADERS + payload;
	p->kept = p->len < snaplen ? p->len : snaplen;
	ip[0] = 0x45;
	put16(ip + 2, p->len - ETH);
	put16(ip + 4, number & 0xffff);
	put16(ip + 6, 0x4000);
	ip[8] = 63;
	ip[9] = 6;
	put32(ip + 12, f->src);
	put32(ip + 16, f->dst);
	put16(ip + 10, checksum(ip, 20));
	f->tsval += 1 + random_below(4);
	f->tsecr += random_below(3);
	put16(tcp, f->sport);
	put16(tcp + 2, f->dport);
	put32(tcp + 4, f->seq);
	put32(tcp + 8, f->ack);
	tcp[12] = 0x80;
	tcp[13] = payload ? 0x18 : 0x10;
	put16(tcp + 14, 501);
	put16(tcp + 16, random_below(65536));
	memcpy(tcp + 20, "\x01\x01\x08\x0a", 4);
	put32(tcp + 24, f->tsval);
	put32(tcp + 28, f->tsecr);
	for (uint32_t i = HEADERS; i < p->kept; i++)
		p->bytes[i] = (uint8_t)random_below(256);
	f->seq += payload;
	f->ack += payload ? 0 : SEGMENT;
	p->hash = (f->src ^ f->dst * 31) * 2654435761u + f->sport;
}

static void put_base64(FILE *out, const uint8_t *p, uint32_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (uint32_t i = 0; i < len; i += 3) {
		uint32_t left = len - i, v = (uint32_t)p[i] << 16;

		v |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= left > 2 ? p[i + 2] : 0;
		putc(digits[v >> 18], out);
		putc(digits[v >> 12 & 63], out);
		putc(left > 1 ? digits[v >> 6 & 63] : '=', out);
		putc(left > 2 ? digits[v & 63] : '=', out);
	}
}

struct event {
	const struct packet *packet;
	const struct flow *flow;
	const struct place *place;
	uint64_t time, first, head;
	uint32_t cpu, pid;
	bool dropped;
};

static void put_event(FILE *out, const struct event *e, bool classic)
{
	const struct packet *p = e->packet;
	uint32_t len = p->len - (e->place->link_layer ? 0 : ETH);

	fprintf(out,
		"{\"common\":{\"timestamp\":%llu,\"smp_id\":%u,\"task\":{\"pid\":%u,\"tgid\":%u,"
		"\"comm\":\"",
		(unsigned long long)e->time, e->cpu, e->pid, e->pid);
	if (e->pid)
		fputs("nginx", out);
	else
		fprintf(out, "swapper/%u", e->cpu);
	fprintf(out, "\"}},\"kernel\":{\"symbol\":\"%s\",\"probe_type\":\"%s\"}",
		e->dropped ? "skb:kfree_skb" : e->place->symbol, e->place->type);
	if (e->dropped)
		fputs(",\"skb-drop\":{\"drop_reason\":\"TCP_OLD_DATA\"}", out);
	fprintf(out, ",\"skb-tracking\":{\"orig_head\":%llu,\"timestamp\":%llu,\"skb\":%llu}",
		(unsigned long long)e->head, (unsigned long long)e->first,
		(unsigned long long)e->flow->skb);
	if (!classic) {
		fprintf(out, ",\"packet\":{\"len\":%u,\"capture_len\":%u,\"data\":\"", p->len,
			p->kept);
		put_base64(out, p->bytes, p->kept);
		fputs("\"}", out);
	}
	fprintf(out,
		",\"skb\":{\"meta\":{\"len\":%u,\"data_len\":%u,\"hash\":%u,\"ip_summed\":1,"
		"\"csum\":0,\"csum_level\":0,\"priority\":0}",
		len, len > 256 ? len - 256 : 0, p->hash);
	if (classic) {
		fprintf(out,
			",\"dev\":{\"name\":\"eth0\",\"ifindex\":2},\"ns\":{\"cookie\":1,\"inum\":"
			"4026531840},"
			"\"packet\":{\"len\":%u,\"capture_len\":%u,\"raw\":\"",
			p->len, p->kept);
		put_base64(out, p->bytes, p->kept);
		fputs("\"}}}\n", out);
	} else {
		fputs("},\"netns\":{\"cookie\":1,\"inum\":4026531840},\"dev\":{\"name\":\"eth0\","
		      "\"ifindex\":2}}\n",
		      out);
	}
}

/* Little-endian, nanoseconds; written byte by byte, whatever the machine. */
static void put_le32(FILE *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		putc((int)(v >> 8 * i & 255), out);
}

static void put_pcap_header(FILE *out)
{
	put_le32(out, 0xa1b23c4d);
	put_le32(out, 2 | 4 << 16);
	put_le32(out, 0);
	put_le32(out, 0);
	put_le32(out, 65535);
	put_le32(out, 1);
}

static void put_pcap(FILE *out, const struct event *e)
{
	put_le32(out, (uint32_t)(e->time / 1000000000));
	put_le32(out, (uint32_t)(e->time % 1000000000));
	put_le32(out, e->packet->kept);
	put_le32(out, e->packet->len);
	fwrite(e->packet->bytes, 1, e->packet->kept, out);
}

static void put_startup(FILE *out, const char *version, uint64_t time)
{
	fprintf(out,
		"{\"common\":{\"timestamp\":%llu},\"startup\":{\"retis_version\":\"%s\","
		"\"clock_monotonic_offset\":{\"sec\":1742309146,\"nsec\":691042000}}}\n",
		(unsigned long long)time, version);
}

static FILE *create(const char *folder, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	if (!f) {
		perror(path);
		exit(1);
	}
	return f;
}

/* Where events go: NULL where they do not. */
struct outputs {
	FILE *current, *classic, *pcap;
};

static struct outputs open_outputs(const char *folder, uint64_t time)
{
	struct outputs o = {.current = stdout};

	if (strcmp(folder, "-")) {
		o.current = create(folder, "current.json");
		o.classic = create(folder, "classic.json");
		o.pcap = create(folder, "events.pcap");
		put_startup(o.classic, "v1.5.0", time);
		put_pcap_header(o.pcap);
	}
	put_startup(o.current, "v1.6.4", time);
	return o;
}

static void put_everywhere(const struct outputs *o, const struct event *e)
{
	put_event(o->current, e, false);
	if (o->classic) {
		put_event(o->classic, e, true);
		put_pcap(o->pcap, e);
	}
}

/* The events of one packet, from probe to probe; the time after the last. */
static uint64_t put_journey(const struct outputs *o, struct event *e, uint64_t time, bool dropped)
{
	e->first = time;
	for (uint32_t i = 0; i < probe_count; i++) {
		bool last = i && i == probe_count - 1;

		e->place = last ? &last_place : &places[i];
		time += e->place->after_ns / 2 + random_below(e->place->after_ns + 1);
		e->time = time;
		e->pid = random_below(4) ? 0 : 1234;
		e->dropped = dropped && last;
		put_everywhere(o, e);
	}
	return time;
}

static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || v < min || v > max) {
		fprintf(stderr, "gen-events: %s: a number from %u to %u is wanted\n", text, min,
			max);
		exit(2);
	}
	return (uint32_t)v;
}

int main(int argc, char **argv)
{
	struct flow *flows;
	struct outputs o;
	uint64_t time = UINT64_C(1000000000000), payload = 0;
	uint32_t packets;
	int c;

	while ((c = getopt(argc, argv, "f:p:s:")) != -1) {
		switch (c) {
		case 'f': flow_count = number(optarg, 1, FLOWS_MAX); break;
		case 'p': probe_count = number(optarg, 1, PROBES_MAX); break;
		case 's': snaplen = number(optarg, SNAPLEN_MIN, FRAME); break;
		default: return 2;
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr,
			"usage: gen-events [-f FLOWS] [-p PROBES] [-s SNAPLEN] PACKETS FOLDER\n");
		return 2;
	}
	packets = number(argv[optind], 0, UINT32_MAX);
	flows = calloc(flow_count, sizeof(*flows));
	if (!flows) {
		fprintf(stderr, "gen-events: out of memory\n");
		return 2;
	}
	o = open_outputs(argv[optind + 1], time);
	for (uint32_t i = 0; i < flow_count; i++)
		make_flow(&flows[i]);
	for (uint32_t n = 0; n < packets; n++) {
		struct flow *f = &flows[random_below(flow_count)];
		struct packet p;
		struct event e = {.packet = &p,
				  .flow = f,
				  .cpu = n % CPUS,
				  .head = UINT64_C(0xffff888200000000) +
					  random_below(1 << 24) * UINT64_C(1024)};
		bool dropped = !random_below(100);

		make_packet(&p, f, n);
		payload += p.kept > HEADERS ? p.kept - HEADERS : 0;
		time = put_journey(&o, &e, time + 500 + random_below(40000), dropped);
	}
	free(flows);
	if (!o.classic)
		return fflush(stdout) != 0;
	printf("%llu\n", (unsigned long long)payload);
	return fclose(o.current) || fclose(o.classic) || fclose(o.pcap);
}
