/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/process/rights.h"
#include "cli/terminal.h"

enum { TEXT_BYTES = 4096 };

/* A small file of the kernel; false when it cannot be read. */
static bool read_file(const char *path, char text[TEXT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return n > 0;
}

/* What a right is needed for, and the setting that makes it so. CAP_SYS_ADMIN stands for each. */
static const struct {
	int cap;
	const char *what, *setting;
} needs[] = {
	{CAP_BPF, "to load BPF programs", "kernel.unprivileged_bpf_disabled"},
	{CAP_PERFMON, "to look into the kernel", "kernel.perf_event_paranoid"},
};

static bool explain_capabilities(void)
{
	bool any = false;

	if (rights_have(CAP_SYS_ADMIN))
		return false;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		char path[80], text[TEXT_BYTES];

		if (rights_have(needs[i].cap))
			continue;
		any = true;
		snprintf(path, sizeof(path), "/proc/sys/%s", needs[i].setting);
		*strchr(path + sizeof("/proc/sys/"), '.') = '/';
		if (!read_file(path, text))
			snprintf(text, sizeof(text), "not known");
		terminal_error("%s, %s, is missing (sysctl %s is %s): root has it",
			       rights_name(needs[i].cap), needs[i].what, needs[i].setting, text);
	}
	return any;
}

/* Capabilities of a user namespace are none for BPF. */
static bool explain_namespace(void)
{
	unsigned int inside, outside, count;
	char text[TEXT_BYTES];

	if (!read_file("/proc/self/uid_map", text) ||
	    sscanf(text, "%u %u %u", &inside, &outside, &count) != 3 || count == UINT32_MAX)
		return false;
	terminal_error("this is a user namespace: its root has no rights in the kernel outside");
	return true;
}

static bool explain_lockdown(void)
{
	char text[TEXT_BYTES];
	char *mode;

	if (!read_file("/sys/kernel/security/lockdown", text))
		return false;
	mode = strstr(text, "[confidentiality]");
	if (mode)
		terminal_error("the kernel is locked down (confidentiality): nobody may read its "
			       "memory, with BPF or otherwise; see kernel_lockdown(7)");
	return mode;
}

static bool explain_seccomp(void)
{
	char text[TEXT_BYTES];
	const char *at = read_file("/proc/self/status", text) ? strstr(text, "\nSeccomp:") : NULL;
	int mode = 0;

	if (!at || sscanf(at, " Seccomp: %d", &mode) != 1 || !mode)
		return false;
	terminal_error(
		"a seccomp filter limits this process: that of a container often forbids bpf()");
	return true;
}

void explain_refusal(int code)
{
	static bool (*const reasons[])(void) = {explain_capabilities, explain_namespace,
						explain_lockdown, explain_seccomp};
	bool any = false;

	if (code != -EPERM && code != -EACCES) {
		/* a helper that is locked away is one that there is not: EINVAL */
		explain_lockdown();
		return;
	}
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		any |= reasons[i]();
	if (!any)
		terminal_error(
			"why is not known: all capabilities are there, and the kernel is not "
			"locked down");
}
