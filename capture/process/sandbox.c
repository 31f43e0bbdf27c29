/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/process/sandbox.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "cli/syscalls.h"

#define ANY(call)                                                                                  \
	{                                                                                          \
		.name = (call)                                                                     \
	}

static const struct syscalls_rule files[] = {
	ANY("openat"),   ANY("unlinkat"),   ANY("fchmod"),   ANY("fchown"),
	ANY("fchown32"), ANY("getdents64"), ANY("renameat"), ANY("renameat2"),
};

static int without(int rc)
{
	return rc == -ENOSYS ? 0 : rc;
}

int sandbox_enter(bool makes_files, struct skbox_error *err)
{
	return without(
		syscalls_limit(files, makes_files ? sizeof(files) / sizeof(files[0]) : 0, err));
}

int sandbox_enter_holder(pid_t command, struct skbox_error *err)
{
	const struct syscalls_rule rules[] = {
		{"bpf", 0, UINT32_MAX, BPF_OBJ_GET_INFO_BY_FD}, /* runs, and how long */
		{"bpf", 0, UINT32_MAX, BPF_MAP_LOOKUP_ELEM},    /* stacks */
		ANY("recvmsg"), /* what switches the measuring on */
		/* how a link ends that is none for the kernel: before Linux 5.15 */
		{"ioctl", 1, UINT32_MAX, PERF_EVENT_IOC_DISABLE},
		{"kill", 0, UINT32_MAX, (uint32_t)command},
	};
	size_t n = sizeof(rules) / sizeof(rules[0]);

	/* 0 is the whole group of processes for kill() */
	return without(syscalls_limit(rules, command > 0 ? n : n - 1, err));
}
