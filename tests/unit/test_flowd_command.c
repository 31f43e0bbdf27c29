/* SPDX-License-Identifier: BSD-2-Clause */
/* A snapshot with the values of flowd's document, in an event file: the command gives that document. */
#include <sys/mman.h>
#include <unistd.h>

#include "analyze/output.h"
#include "tests/unit/sock_document.h"
#include "tests/unit/command_run.h"

static char file_name[] = "/tmp/skbox-test-flowd-XXXXXX";

/* The standard output of the command, with a 0 behind it. */
static void run(char *argv[], int argc, int code, struct buf *text)
{
	int keep = dup(STDOUT_FILENO), fd = memfd_create("out", 0), result;
	off_t len;

	dup2(fd, STDOUT_FILENO);
	result = command_run(argc, argv);
	dup2(keep, STDOUT_FILENO);
	close(keep);
	assert_int_equal(result, code);
	len = lseek(fd, 0, SEEK_END);
	buf_clear(text);
	assert_non_null(buf_room(text, (size_t)len + 1));
	assert_int_equal(pread(fd, text->p, (size_t)len, 0), len);
	text->p[len] = 0;
	close(fd);
}

static void document_by_command(void **state)
{
	char words[][16] = {"json", "--shape", "flowd", "--pretty"};
	char *argv[] = {words[0], words[1], words[2], words[3], file_name, NULL};
	struct output_skbx file;
	struct buf text = {0};
	int fd = mkstemp(file_name);
	struct ev ev;

	assert_true(fd >= 0);
	close(fd);
	unlink(file_name);
	build_document();
	ev = decode(0);
	assert_int_equal(output_skbx_open(&file, file_name), 0);
	assert_int_equal(output_skbx_add(&file, &ev), 0);
	assert_int_equal(output_skbx_close(&file, 0), 0);
	run(argv, 5, 0, &text);
	unlink(file_name);
	assert_string_equal((char *)text.p, document);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(document_by_command)};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
