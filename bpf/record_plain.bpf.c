/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same programs for a kernel without BTF (--btf): where one function of the kernel is named,
 * libbpf asks the kernel itself for its types, even if nothing calls it.
 */
#define WITHOUT_KFUNCS
#include "bpf/record.bpf.c"
