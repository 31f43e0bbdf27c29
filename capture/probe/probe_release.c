/* SPDX-License-Identifier: BSD-2-Clause */
/* Of two processes that have the same probes, one lets them go. */
#include "capture/probe/probe_load.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/record.skel.h"

int probes_release(struct probes *p, struct skbox_error *err)
{
	size_t offset = (size_t)((const char *)p->evicted - (const char *)p->bpf->bss);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), in_page = offset % page;
	/* the counter's page alone, behind the table of packets */
	char *bss = mmap(NULL, page, PROT_READ, MAP_SHARED, bpf_map__fd(p->bpf->maps.bss),
			 (off_t)(offset - in_page));

	if (bss == MAP_FAILED)
		return error_set(err, -errno, 0, "mapping a counter: %s", strerror(errno));
	for (size_t i = 0; i < p->n; i++) {
		struct probe *probe = &p->v[i];

		probe_close_fd(&probe->link_fd);
		probe_close_fd(&probe->enter_fd);
		probe_close_fd(&probe->prog_fd);
		probe_close_fd(&probe->config_fd);
	}
	multi_stop(&p->multi);
	probe_functions_fini(p);
	for (uint32_t i = 0; p->ring_fds && i < p->rings; i++)
		probe_close_fd(&p->ring_fds[i]);
	record_bpf__destroy(p->bpf);
	p->bpf = NULL;
	p->evicted = (const volatile __u64 *)(bss + in_page);
	return 0;
}
