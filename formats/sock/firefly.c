/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/sock/firefly.h"

#include <string.h>
#include <time.h>

#include "formats/json.h"
#include "formats/sock/sock_ss.h"

enum { NS_PER_S = 1000000000, PROTOCOL_UDP = 17 };
/* RFC 5424, 6.2.4: HOSTNAME = NILVALUE / 1*255PRINTUSASCII */
enum { HOST_MAX = 255 };
/* States in which the peer's FIN was received. */
enum { STATE_CLOSE_WAIT = 8, STATE_LAST_ACK = 9, STATE_CLOSING = 11 };

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool set_address(uint8_t to[16], struct ev_str from)
{
	if (from.len == 4) {
		memcpy(to, mapped, 12);
		memcpy(to + 12, from.p, 4);
	} else if (from.len == 16) {
		memcpy(to, from.p, 16);
	}
	return from.len == 4 || from.len == 16;
}

bool firefly_flow_of(const struct ev_diag *d, struct firefly_flow *flow)
{
	*flow = (struct firefly_flow){
		.sport = d->sport, .dport = d->dport, .udp = d->protocol == PROTOCOL_UDP};
	return set_address(flow->src, d->src) && set_address(flow->dst, d->dst) && d->sport &&
	       d->dport;
}

bool firefly_has_fin(unsigned int state)
{
	return state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING;
}

void firefly_set_usage(struct firefly *f, const struct ev *ev, bool fin)
{
	const struct ev_tcpinfo *t = ev->tcpinfo;

	f->has_sent = t && EV_HAS(t, tcpinfo, bytes_sent) && EV_HAS(t, tcpinfo, bytes_retrans);
	f->has_received = t && EV_HAS(t, tcpinfo, bytes_received);
	f->sent = f->received = 0;
	if (f->has_sent && t->bytes_sent > t->bytes_retrans)
		f->sent = t->bytes_sent - t->bytes_retrans;
	if (f->has_received)
		f->received = t->bytes_received - (fin && t->bytes_received);
}

/* RFC 3339, in UTC with microseconds. */
static void put_time(int64_t ns, struct buf *out)
{
	int64_t seconds = ns / NS_PER_S, rest = ns % NS_PER_S;
	time_t t;
	struct tm tm;

	if (rest < 0) {
		rest += NS_PER_S;
		seconds--;
	}
	t = (time_t)seconds;
	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06d+00:00", tm.tm_year + 1900,
		   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(rest / 1000));
}

static void put_time_member(const char *key, int64_t ns, struct buf *out)
{
	buf_u8(out, ',');
	json_put_key(out, key);
	buf_u8(out, '"');
	put_time(ns, out);
	buf_u8(out, '"');
}

static void put_lifecycle(const struct firefly *f, struct buf *out)
{
	static const char *const states[] = {"start", "ongoing", "end"};

	json_put_key(out, "flow-lifecycle");
	buf_printf(out, "{\"state\":\"%s\"", states[f->state]);
	put_time_member("start-time", f->start_ns, out);
	if (f->state == FIREFLY_END)
		put_time_member("end-time", f->end_ns, out);
	put_time_member("current-time", f->current_ns, out);
	buf_u8(out, '}');
}

static void put_address(const char *key, const uint8_t address[16], bool v4, struct buf *out)
{
	buf_u8(out, ',');
	json_put_key(out, key);
	buf_u8(out, '"');
	sock_ss_address(out, v4 ? address + 12 : address, v4 ? 4 : 16);
	buf_u8(out, '"');
}

static void put_flow(const struct firefly_flow *flow, struct buf *out)
{
	bool v4 = !memcmp(flow->src, mapped, 12) && !memcmp(flow->dst, mapped, 12);

	json_put_key(out, "flow-id");
	buf_str(out, v4 ? "{\"afi\":\"ipv4\"" : "{\"afi\":\"ipv6\"");
	put_address("src-ip", flow->src, v4, out);
	put_address("dst-ip", flow->dst, v4, out);
	buf_printf(out, ",\"protocol\":\"%s\",\"src-port\":%u,\"dst-port\":%u}",
		   flow->udp ? "udp" : "tcp", flow->sport, flow->dport);
}

static void put_usage(const struct firefly *f, struct buf *out)
{
	if (!f->has_received && !f->has_sent)
		return;
	buf_u8(out, ',');
	json_put_key(out, "usage");
	buf_u8(out, '{');
	if (f->has_received) {
		json_put_key(out, "received");
		buf_dec(out, f->received);
	}
	if (f->has_sent) {
		if (f->has_received)
			buf_u8(out, ',');
		json_put_key(out, "sent");
		buf_dec(out, f->sent);
	}
	buf_u8(out, '}');
}

void firefly_put(const struct firefly *f, struct buf *out)
{
	buf_str(out, "{\"version\":1,");
	put_lifecycle(f, out);
	buf_u8(out, ',');
	put_flow(&f->flow, out);
	buf_u8(out, ',');
	json_put_key(out, "context");
	buf_str(out, "{\"experiment-id\":");
	buf_dec(out, f->experiment);
	buf_str(out, ",\"activity-id\":");
	buf_dec(out, f->activity);
	if (f->application) {
		buf_u8(out, ',');
		json_put_key(out, "application");
		json_put_string(out, f->application, strlen(f->application));
	}
	buf_u8(out, '}');
	put_usage(f, out);
	if (f->netlink) {
		buf_u8(out, ',');
		json_put_key(out, "netlink");
		buf_put(out, f->netlink, f->netlink_len);
	}
	buf_u8(out, '}');
}

void firefly_put_header(int64_t time_ns, const char *host, size_t host_len, struct buf *out)
{
	bool fine = host_len && host_len <= HOST_MAX;

	for (size_t i = 0; i < host_len && fine; i++)
		fine = host[i] > ' ' && host[i] < 0x7f;
	/* facility local0, severity informational */
	buf_str(out, "<134>1 ");
	put_time(time_ns, out);
	buf_u8(out, ' ');
	if (fine)
		buf_put(out, host, host_len);
	else
		buf_u8(out, '-');
	buf_str(out, " skbox - firefly-json - ");
}
