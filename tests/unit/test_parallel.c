/* SPDX-License-Identifier: BSD-2-Clause */
/* Several threads: results in their order, and print with any number of them writes the same. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "analyze/command.h"
#include "analyze/output.h"
#include "analyze/parallel.h"
#include "cli/terminal.h"
#include "formats/skbx/skbx_frame.h"

/* ---- jobs ---- */

enum { JOBS = 5, NUMBERS = 500 };

struct job {
	unsigned int number, square;
};

struct work {
	struct job jobs[JOBS];
	unsigned int put[NUMBERS], n_put, stop_at;
	unsigned int runs[PARALLEL_THREADS_MAX]; /* of each thread */
	unsigned int putting, wrong;             /* threads that put out; what they found wrong */
};

static void nap(unsigned int us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000L}, NULL);
}

static void run_job(void *ctx, unsigned int thread, void *at)
{
	struct work *w = ctx;
	struct job *job = at;

	w->runs[thread]++;
	nap(job->number * 7919 % 5 * 20); /* they do not end in the order of their begin */
	job->square = job->number * job->number;
}

static bool put_job(void *ctx, void *at)
{
	struct work *w = ctx;
	struct job *job = at;

	/* assertions are the main thread's: here is any */
	w->wrong += __atomic_fetch_add(&w->putting, 1, __ATOMIC_SEQ_CST) != 0;
	w->wrong += job->square != job->number * job->number;
	w->put[w->n_put] = job->number;
	__atomic_fetch_add(&w->n_put, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&w->putting, 1, __ATOMIC_SEQ_CST);
	return w->n_put != w->stop_at;
}

static const struct parallel_ops ops = {run_job, put_job};

static void results_keep_their_order(void **state)
{
	for (unsigned int threads = 2; threads <= 4; threads++) {
		struct work w = {0};
		struct parallel *p =
			parallel_new(&ops, &w, threads, w.jobs, sizeof(w.jobs[0]), JOBS);

		assert_non_null(p);
		for (unsigned int i = 0; i < NUMBERS; i++) {
			struct job *job = parallel_next(p);

			assert_non_null(job);
			job->number = i;
			parallel_add(p);
			if (i == NUMBERS / 2) {
				assert_true(parallel_drain(p));
				assert_int_equal(w.n_put, i + 1);
			}
		}
		assert_true(parallel_drain(p));
		parallel_free(p);
		assert_int_equal(w.n_put, NUMBERS);
		assert_int_equal(w.wrong, 0);
		for (unsigned int i = 0; i < NUMBERS; i++)
			assert_int_equal(w.put[i], i);
		/* the caller had nothing else to do: it took its part */
		assert_true(w.runs[0] > 0);
	}
}

/* Jobs of several parts, which go out early where their job is the next one. */
enum { PARTS = 4 };

struct early {
	struct parallel *p;
	struct job jobs[JOBS]; /* square: parts that were not put out yet */
	unsigned int put[NUMBERS * PARTS], n_put, n_calls, putting, wrong;
};

static void run_parts(void *ctx, unsigned int thread, void *at)
{
	struct early *w = ctx;
	struct job *job = at;

	for (unsigned int i = 0; i < PARTS; i++) {
		nap(job->number * 7919 % 5 * 10);
		job->square++;
		if (i + 1 < PARTS && !parallel_put_early(w->p, job))
			__atomic_fetch_add(&w->wrong, 1, __ATOMIC_SEQ_CST);
	}
}

static bool put_parts(void *ctx, void *at)
{
	struct early *w = ctx;
	struct job *job = at;

	w->wrong += __atomic_fetch_add(&w->putting, 1, __ATOMIC_SEQ_CST) != 0;
	nap(job->number % 3 * 10);
	for (; job->square; job->square--)
		w->put[w->n_put++] = job->number;
	w->n_calls++;
	__atomic_fetch_sub(&w->putting, 1, __ATOMIC_SEQ_CST);
	return true;
}

static void parts_keep_their_order(void **state)
{
	static const struct parallel_ops parts = {run_parts, put_parts};

	for (unsigned int threads = 2; threads <= 4; threads++) {
		struct early w = {0};

		w.p = parallel_new(&parts, &w, threads, w.jobs, sizeof(w.jobs[0]), JOBS);
		assert_non_null(w.p);
		for (unsigned int i = 0; i < NUMBERS; i++) {
			struct job *job = parallel_next(w.p);

			assert_non_null(job);
			*job = (struct job){.number = i};
			parallel_add(w.p);
		}
		assert_true(parallel_drain(w.p));
		parallel_free(w.p);
		assert_int_equal(w.wrong, 0);
		assert_int_equal(w.n_put, NUMBERS * PARTS);
		for (unsigned int i = 0; i < NUMBERS * PARTS; i++)
			assert_int_equal(w.put[i], i / PARTS);
		/* the first one had nobody to wait for */
		assert_true(w.n_calls >= NUMBERS + PARTS - 1);
	}
}

static void nothing_behind_a_stop(void **state)
{
	struct work w = {.stop_at = 100};
	struct parallel *p = parallel_new(&ops, &w, 3, w.jobs, sizeof(w.jobs[0]), JOBS);
	struct job *job;
	unsigned int i;

	assert_non_null(p);
	for (i = 0; i < NUMBERS && (job = parallel_next(p)); i++) {
		job->number = i;
		parallel_add(p);
	}
	assert_true(i >= 100 && i <= 100 + JOBS);
	assert_false(parallel_drain(p));
	assert_null(parallel_next(p));
	parallel_free(p);
	assert_int_equal(w.n_put, 100);
}

/* A result does not wait for the caller: it may be reading from a pipe. */
static void results_do_not_wait(void **state)
{
	struct work w = {0};
	struct parallel *p = parallel_new(&ops, &w, 2, w.jobs, sizeof(w.jobs[0]), JOBS);
	unsigned int seen = 0;
	struct job *job;

	assert_non_null(p);
	job = parallel_next(p);
	job->number = 1;
	parallel_add(p);
	for (int i = 0; i < 5000 && !seen; i++) {
		nap(1000);
		seen = __atomic_load_n(&w.n_put, __ATOMIC_ACQUIRE);
	}
	assert_int_equal(seen, 1);
	parallel_free(p);
}

static volatile sig_atomic_t in_caller;
static pthread_t caller;

static void on_signal(int number)
{
	in_caller = pthread_equal(pthread_self(), caller) ? 1 : 2;
}

/* A signal ends a read that the caller waits in, so it must not go to another thread. */
static void signals_are_the_callers(void **state)
{
	struct sigaction old, new = {.sa_handler = on_signal};
	struct work w = {0};
	struct parallel *p = parallel_new(&ops, &w, 3, w.jobs, sizeof(w.jobs[0]), JOBS);
	sigset_t usr1, before;

	assert_non_null(p);
	caller = pthread_self();
	sigaction(SIGUSR1, &new, &old);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	/* while the caller does not take it another thread would */
	pthread_sigmask(SIG_BLOCK, &usr1, &before);
	kill(getpid(), SIGUSR1);
	nap(20000);
	assert_int_equal(in_caller, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(in_caller, 1);
	sigaction(SIGUSR1, &old, NULL);
	parallel_free(p);
}

/* ---- print ---- */

static char folder[] = "/tmp/skbox-test-parallel-XXXXXX";

static const char *place(const char *name)
{
	static char path[2][128];
	static unsigned int turn;

	turn = (turn + 1) % 2;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
	return path[turn];
}

static void add_event(struct ev_batch *b, unsigned int i)
{
	uint8_t packet[60] = {0x45, 0, 0, 60, 0, (uint8_t)i, 0, 0, 64, 6};

	memset(packet + 12, 10, 8);
	packet[32] = 0x50;
	ev_batch_begin(b);
	EV_SET(EV_ADD(b, common), common, timestamp, 1000000000 + i * 1000000);
	EV_SET(EV_ADD(b, kernel), kernel, symbol, ev_text(b, i % 3 ? "net:first" : "net:second"));
	EV_SET(EV_ADD(b, kernel), kernel, probe_type, ev_text(b, "raw_tracepoint"));
	EV_SET(EV_ADD(b, packet), packet, protocol, 0x0800);
	EV_SET(EV_ADD(b, packet), packet, data, ev_bytes(b, packet, sizeof(packet)));
	EV_SET(EV_ADD(b, packet), packet, len, sizeof(packet));
}

enum hurt { WHOLE, WRONG_SUM, WRONG_PROMISE };

/* Damages the block of a file between these offsets. */
static void hurt_block(const char *name, enum hurt how, long begin, long end)
{
	FILE *f = fopen(place(name), "r+b");
	struct buf header = {0};
	struct frame_block block;
	uint8_t bytes[4096];

	assert_non_null(f);
	assert_true(end > begin + 20 && end - begin < (long)sizeof(bytes));
	assert_int_equal(fseek(f, begin, SEEK_SET), 0);
	assert_int_equal(fread(bytes, 1, (size_t)(end - begin), f), end - begin);
	if (how == WRONG_SUM) {
		bytes[end - begin - 20] ^= 1;
	} else {
		int size = frame_get_block(&block, bytes, (size_t)(end - begin));

		assert_true(size > 0 && block.sum.type == SKBX_EVENTS && block.sum.events == 50);
		block.sum.events++;
		block.sum.packets++;
		frame_put_block(&header, &block);
		assert_int_equal(header.len, size);
		memcpy(bytes, header.p, header.len);
		buf_free(&header);
	}
	assert_int_equal(fseek(f, begin, SEEK_SET), 0);
	assert_int_equal(fwrite(bytes, 1, (size_t)(end - begin), f), end - begin);
	assert_int_equal(fclose(f), 0);
}

/*
 * Blocks of 50 events, some with a clock of their own: these the reader must decode. The first says how the
 * recording began.
 */
static void make_recording(const char *name, bool sorted, enum hurt hurt)
{
	struct output_skbx file;
	uint64_t begin = 0, end = 0;

	assert_int_equal(output_skbx_open(&file, place(name)), 0);
	for (unsigned int block = 0; block < 40; block++) {
		struct ev_batch *b = ev_batch_new();

		if (block % 7 < 3) {
			ev_batch_begin(b);
			EV_SET(EV_ADD(b, common), common, timestamp, 1000);
		}
		if (!block) {
			EV_SET(EV_ADD(b, startup), startup, retis_version, ev_text(b, "v9.9"));
			EV_SET(EV_ADD(b, startup), startup, sorted, sorted);
		} else if (block % 7 < 3) {
			EV_SET(EV_ADD(b, clock), clock, offset, block * INT64_C(3600000000000));
		}
		for (unsigned int i = 0; i < 50; i++) {
			add_event(b, block * 50 + i);
			if (sorted)
				EV_SET(EV_ADD(b, tracking), tracking, first, i % 7 == 0);
		}
		begin = block == 20 ? file.file.bytes : begin;
		assert_int_equal(output_skbx_batch(&file, b), 0);
		end = block == 20 ? file.file.bytes : end;
		ev_batch_free(b);
	}
	assert_int_equal(output_skbx_close(&file, 0), 0);
	if (hurt)
		hurt_block(name, hurt, (long)begin, (long)end);
}

/* Both outputs, as a terminal has them: one behind the other, as they were written. */
static int print(unsigned int threads, const char *const *words, struct buf *out)
{
	int argc = 0, code;
	int fd = memfd_create("both", 0);
	pid_t pid;
	char number[16], line[16][160], *argv[17] = {0};
	off_t len;

	snprintf(number, sizeof(number), "%u", threads);
	snprintf(line[argc++], sizeof(line[0]), "print");
	snprintf(line[argc++], sizeof(line[0]), "--threads");
	snprintf(line[argc++], sizeof(line[0]), "%s", number);
	for (; *words; words++)
		snprintf(line[argc++], sizeof(line[0]), "%s",
			 **words == '@' ? place(*words + 1) : *words);
	for (int i = 0; i < argc; i++)
		argv[i] = line[i];
	/* in a process of its own: a command gives up what it does not need */
	pid = fork();
	if (pid == 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		_exit(command_find("print")->run(argc, argv));
	}
	assert_int_equal(waitpid(pid, &code, 0), pid);
	assert_true(WIFEXITED(code));
	code = WEXITSTATUS(code);
	len = lseek(fd, 0, SEEK_END);
	buf_clear(out);
	assert_non_null(buf_room(out, (size_t)len + 1));
	assert_int_equal(pread(fd, out->p, (size_t)len, 0), len);
	out->len = (size_t)len;
	out->p[len] = 0;
	close(fd);
	return code;
}

static void threads_print_the_same(void **state)
{
	static const char *const lines[][8] = {
		{"@plain"},
		{"--utc", "@plain"},
		{"--utc", "@hurt", "@plain"},
		{"--utc", "-v", "@forged", "/nowhere", "@hurt"},
		{"--utc", "-v", "@forged", "@plain", "@sorted", "@hurt", "@forged"},
		{"--count", "777", "@plain"},
		{"--format", "single-line", "-w", "kernel.symbol == \"net:second\"", "@hurt"},
		{"--utc", "-v", "--probe", "net:first", "@plain", "@hurt"},
		{"@plain", "@sorted", "@plain", "@sorted"},
		{"--fields", "time,kernel.symbol", "@plain", "@hurt"},
		{"--since", "+500ms", "@hurt", "/nowhere"},
	};
	struct buf one = {0}, several = {0};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		int code = print(1, lines[i], &one);

		assert_true(one.len > 20);
		for (unsigned int threads = 2; threads <= 5; threads++) {
			assert_int_equal(print(threads, lines[i], &several), code);
			assert_int_equal(several.len, one.len);
			assert_memory_equal(several.p, one.p, one.len);
		}
	}
	buf_free(&one);
	buf_free(&several);
}

/* What is damaged is told where it stands, between the events before and behind it, whoever finds it. */
static void damage_is_told_in_its_place(void **state)
{
	static const char *const files[] = {"@hurt", "@forged"};
	static const char *const messages[] = {"wrong checksum", "51 are promised"};
	struct buf out = {0};

	for (size_t i = 0; i < 2; i++) {
		const char *const words[] = {"--format", "single-line", files[i], NULL};
		const char *told, *before, *behind;

		assert_int_equal(print(4, words, &out), EXIT_DAMAGED);
		told = strstr((const char *)out.p, messages[i]);
		before = strstr((const char *)out.p, "\n1999000000 ");
		behind = strstr((const char *)out.p, "\n2050000000 ");
		assert_non_null(told);
		assert_non_null(before);
		assert_non_null(behind);
		assert_true(before < told && told < behind);
	}
	buf_free(&out);
}

static int setup(void **state)
{
	terminal_init("skbox");
	if (!mkdtemp(folder))
		return -1;
	make_recording("plain", false, WHOLE);
	make_recording("hurt", false, WRONG_SUM);
	make_recording("forged", false, WRONG_PROMISE);
	make_recording("sorted", true, WHOLE);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"plain", "hurt", "forged", "sorted"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(place(names[i]));
	return rmdir(folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_keep_their_order),
		cmocka_unit_test(parts_keep_their_order),
		cmocka_unit_test(nothing_behind_a_stop),
		cmocka_unit_test(results_do_not_wait),
		cmocka_unit_test(signals_are_the_callers),
		cmocka_unit_test(threads_print_the_same),
		cmocka_unit_test(damage_is_told_in_its_place),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
