/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets in the text of `print`: snapshot rows as events of their own, and the small state that a
 * packet event carries. Words and units are those of `ss -tinem`.
 */
#ifndef FORMATS_TEXT_SOCK_H
#define FORMATS_TEXT_SOCK_H

#include <stdbool.h>

#include "formats/buf.h"
#include "formats/event.h"

/*
 * A snapshot row (an event with a diag section) behind its time: the caller has written the time
 * and a blank. Head: what asked for it, tuple, state, cookie, netns; then groups: in multi-line each
 * on a line of its own, indented by level + 2, in single-line behind one blank each. No final line
 * feed. Nothing for an event without a diag section.
 */
void text_sock_event(const struct ev *ev, bool single_line, int level, struct buf *out);

/* The `sock` section of a packet event as one group, without leading blank; nothing without one. */
void text_sock_group(const struct ev *ev, struct buf *out);

#endif
