/* SPDX-License-Identifier: BSD-2-Clause */
#include "formats/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct skbox_error *err, int code, uint64_t offset, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	err->offset = offset;
	va_start(args, format);
	vsnprintf(err->text, sizeof(err->text), format, args);
	va_end(args);
	return code;
}
