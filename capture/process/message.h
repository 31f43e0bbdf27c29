/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the recorder's three processes say to each other.
 *
 *   writer   (the first process, what a shell waits for): drains the rings, encodes, writes, prints.
 *   holder   holds what is attached and the BPF maps; knows symbols; reads what the kernel counts.
 *   sockets  enters network namespaces: snapshots of sockets, names of devices and namespaces.
 *
 * To add a message: a row in this enum, with what it carries; channel_send() where it comes from
 * (the writer uses channel_try(), for it must never wait), and a row in the table of handlers
 * where it goes: recorder_message.c for the writer, holder.c, sockets.c. Rows for the file are a
 * batch sent by rows_send() (rows.h) from either process; the writer needs nothing new for them.
 */
#ifndef CAPTURE_MESSAGE_H
#define CAPTURE_MESSAGE_H

#include <stdint.h>

enum message_kind {
	/* from both to the writer */
	MESSAGE_READY = 1, /* set up, rights dropped; nothing */
	MESSAGE_FAILED,    /* it ends: struct skbox_error */
	MESSAGE_SIGNAL,    /* came here instead of there: uint32_t, the signal's number */
	MESSAGE_ROWS,      /* see rows.h */

	/* from the holder to the writer */
	MESSAGE_COUNTS,  /* struct message_counts, behind it one struct message_count a probe */
	MESSAGE_STACK,   /* struct message_stack, behind it the frames, each with a NUL behind it */
	MESSAGE_STOPPED, /* all is detached, the last counts are sent; nothing */

	/* from the process of the sockets to the writer */
	MESSAGE_ROUND, /* all rows of MESSAGE_START or MESSAGE_STOP are sent: struct message_round */

	/* from the writer to the holder */
	MESSAGE_STACK_WANTED, /* uint32_t, its number: MESSAGE_STACK is the answer */
	MESSAGE_END_COMMAND,  /* ask the command to end; nothing */

	/* from the writer to the process of the sockets */
	MESSAGE_LOOKUP, /* an event asks for its socket: struct sock_trigger (sock_lookup.h) */

	/* from the writer to both */
	MESSAGE_START, /* names, the first round, then rounds by the clock; behind it costs; nothing */
	MESSAGE_STOP, /* detach (holder); the last round and names (sockets); nothing */
};

struct message_counts {
	uint64_t cpu_ns;    /* processor time of the holder */
	uint64_t window_ns; /* see struct cost */
	uint32_t probes, pad;
};

struct message_count {
	uint64_t skipped;      /* runs that the kernel skipped */
	uint64_t runs, run_ns; /* of the program, in the windows */
};

struct message_stack {
	uint32_t id, frames; /* 0 frames: there is no such stack */
};

struct message_round {
	uint64_t cpu_ns; /* processor time of that process */
	uint32_t last;   /* 1: the one of MESSAGE_STOP */
	uint32_t pad;
};

#endif
