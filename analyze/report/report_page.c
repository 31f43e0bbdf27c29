/* SPDX-License-Identifier: BSD-2-Clause */
#include "analyze/report/report_page.h"

/* REPORT_PAGE: the folder where `build` put its files */
#define FILE_TEXT(id, name, after)                                                                 \
	__asm__(".pushsection .rodata\n"                                                           \
		".global report_page_" #id "\n"                                                    \
		"report_page_" #id ":\n"                                                           \
		".incbin \"" REPORT_PAGE "/" name "\"\n"                                           \
		".global report_page_" #id "_end\n"                                                \
		"report_page_" #id "_end:\n" after ".popsection\n");                               \
	extern const char report_page_##id[], report_page_##id##_end[]

FILE_TEXT(head_text, "head.html", "");
FILE_TEXT(tail_text, "tail.html", "");
FILE_TEXT(version, "version", ".byte 0\n");

struct report_part report_page_head(void)
{
	return (struct report_part){report_page_head_text,
				    (size_t)(report_page_head_text_end - report_page_head_text)};
}

struct report_part report_page_tail(void)
{
	return (struct report_part){report_page_tail_text,
				    (size_t)(report_page_tail_text_end - report_page_tail_text)};
}
