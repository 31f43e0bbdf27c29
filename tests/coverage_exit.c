/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked into the programs of tests/coverage with --wrap=_exit: a process that ends by _exit(), as the
 * commands that a test runs in a process of their own do, else never writes down which lines it ran.
 */
#include <gcov.h>

_Noreturn void __wrap__exit(int code);
_Noreturn void __real__exit(int code);

_Noreturn void __wrap__exit(int code)
{
	__gcov_dump();
	__real__exit(code);
}
