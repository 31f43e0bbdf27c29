/* SPDX-License-Identifier: BSD-2-Clause */
/* Event files that are open as descriptors, for programs that just want to read one. */
#ifndef FORMATS_SKBX_FILE_H
#define FORMATS_SKBX_FILE_H

#include "formats/skbx/skbx.h"

/*
 * Where a reader gets its bytes from: a file, or a pipe, that *fd has open. fd stays the caller's, must
 * outlive the reader, and is not closed. It does not fail; what read(2) says comes from the reader.
 */
struct skbx_input skbx_file_input(int *fd);

#endif
