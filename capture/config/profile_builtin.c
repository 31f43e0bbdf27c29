/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of profiles/, as they are, within the program. */
#include "capture/config/profile.h"

#define TEXT(id, file)                                                                             \
	__asm__(".pushsection .rodata\n"                                                           \
		".global profile_text_" #id "\n"                                                   \
		"profile_text_" #id ":\n"                                                          \
		".incbin \"" file "\"\n"                                                           \
		".global profile_text_end_" #id "\n"                                               \
		"profile_text_end_" #id ":\n"                                                      \
		".byte 0\n"                                                                        \
		".popsection\n");                                                                  \
	extern const char profile_text_##id[], profile_text_end_##id[]

TEXT(generic, "profiles/generic.yaml");
TEXT(dropmon, "profiles/dropmon.yaml");
TEXT(nft_dropmon, "profiles/nft-dropmon.yaml");
TEXT(ifdump, "profiles/ifdump.yaml");
TEXT(tcp_health, "profiles/tcp-health.yaml");
TEXT(rx_path, "profiles/rx-path.yaml");
TEXT(tx_path, "profiles/tx-path.yaml");

#define ROW(name, id)                                                                              \
	{                                                                                          \
		name, profile_text_##id, profile_text_end_##id                                     \
	}

const struct profile_builtin profile_builtins[] = {
	ROW("generic", generic), ROW("dropmon", dropmon),       ROW("nft-dropmon", nft_dropmon),
	ROW("ifdump", ifdump),   ROW("tcp-health", tcp_health), ROW("rx-path", rx_path),
	ROW("tx-path", tx_path),
};
const size_t profile_builtins_n = sizeof(profile_builtins) / sizeof(profile_builtins[0]);
