/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A main function for fuzz targets without a fuzzer: runs LLVMFuzzerTestOneInput() on files and on
 * mutations of them that are the same in every run, each file in a process of its own.
 *
 * usage: fuzz_NAME FILE-OR-FOLDER...   a line "ok" or "not ok" a file
 *        fuzz_NAME -m N FILE           writes mutation N of FILE to standard output (0: FILE itself)
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MAX_INPUT_BYTES = 4 << 20, /* longer files are recordings, not inputs */
	MAX_MUTATED_BYTES = 256 << 10,
	WORK_BYTES = 8 << 20, /* mutated bytes a file: seconds under the sanitizers */
	MIN_MUTATIONS = 16,
	MAX_MUTATIONS = 1500,
	LIMIT_SECONDS = 60 /* for a file with its mutations; more is a hang */
};

static uint32_t *progress; /* shared with the child: the mutation that it is at */
static int failures;

/* xorshift64*: the same numbers everywhere, unlike rand() */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* Mutation `number` of in[0..len) into out, which has room for len bytes: its new length. */
static size_t mutate(const uint8_t *in, size_t len, uint32_t number, uint8_t *out)
{
	static const uint32_t numbers[] = {0,      1,      0x7f,    0x80,       0xff,
					   0x7fff, 0xffff, 0x10000, 0x7fffffff, 0xffffffff};
	uint64_t state = UINT64_C(88172645463325252) + number * UINT64_C(2654435761);
	unsigned int changes;

	memcpy(out, in, len);
	if (!number || !len)
		return len;
	for (int i = 0; i < 4; i++)
		next_random(&state);
	changes = 1 + next_random(&state) % 4;
	while (changes--) {
		size_t at = next_random(&state) % len;

		switch (next_random(&state) % 6) {
		case 0:
		case 1: out[at] ^= (uint8_t)(1u << (next_random(&state) % 8)); break;
		case 2: out[at] = (uint8_t)next_random(&state); break;
		case 3: {
			uint32_t value =
				numbers[next_random(&state) % (sizeof(numbers) / sizeof(*numbers))];
			size_t n = (size_t)1 << (next_random(&state) % 3);

			memcpy(out + at, &value, n < len - at ? n : len - at);
			break;
		}
		case 4: { /* a piece moved */
			size_t from = next_random(&state) % len, n = 1 + next_random(&state) % 64;
			size_t room = len - (at > from ? at : from);

			memmove(out + at, out + from, n < room ? n : room);
			break;
		}
		case 5: len = at + 1; break;
		}
	}
	return len;
}

static uint32_t mutations_of(size_t len)
{
	size_t n = WORK_BYTES / (len + 1);

	if (len > MAX_MUTATED_BYTES)
		return 0;
	return (uint32_t)(n < MIN_MUTATIONS   ? MIN_MUTATIONS
			  : n > MAX_MUTATIONS ? MAX_MUTATIONS
					      : n);
}

static void run_input(const uint8_t *data, size_t len)
{
	for (uint32_t i = 0; i <= mutations_of(len); i++) {
		/* exactly as long as the input, so that ASan sees a read behind its end */
		uint8_t *room = malloc(len ? len : 1), *input;
		size_t n;

		if (!room)
			exit(3);
		n = mutate(data, len, i, room);
		input = malloc(n ? n : 1);
		if (!input)
			exit(3);
		memcpy(input, room, n);
		free(room);
		*progress = i;
		LLVMFuzzerTestOneInput(input, n);
		free(input);
	}
}

static uint8_t *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p = f ? malloc(MAX_INPUT_BYTES) : NULL;

	*len = p ? fread(p, 1, MAX_INPUT_BYTES, f) : 0;
	if (f)
		fclose(f);
	return p;
}

static void test_file(const char *path)
{
	size_t len;
	uint8_t *data = read_file(path, &len);
	int status;
	pid_t pid;

	if (!data) {
		failures++;
		printf("not ok %s: %s\n", path, strerror(errno));
		return;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(LIMIT_SECONDS);
		run_input(data, len);
		exit(0); /* not _exit: leaks are looked for */
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		failures++;
		printf("not ok %s: %s %d at mutation %u\n", path,
		       WIFSIGNALED(status) ? "signal" : "exit status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), *progress);
	} else {
		printf("ok %s and %u mutations\n", path, *progress);
	}
	free(data);
}

static void test_path(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int n;

	if (stat(path, &st))
		return; /* a target without a corpus of its own */
	if (!S_ISDIR(st.st_mode)) {
		if (st.st_size <= MAX_INPUT_BYTES)
			test_file(path);
		return;
	}
	n = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char *child;

		if (entries[i]->d_name[0] != '.' &&
		    asprintf(&child, "%s/%s", path, entries[i]->d_name) > 0) {
			test_path(child);
			free(child);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static int write_mutation(const char *number, const char *path)
{
	size_t len;
	uint8_t *data = read_file(path, &len), *out = malloc(MAX_INPUT_BYTES);

	if (!data || !out)
		return 1;
	len = mutate(data, len, (uint32_t)strtoul(number, NULL, 10), out);
	return fwrite(out, 1, len, stdout) != len;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "-m"))
		return write_mutation(argv[2], argv[3]);
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED)
		return 3;
	for (int i = 1; i < argc; i++)
		test_path(argv[i]);
	return failures > 0;
}
