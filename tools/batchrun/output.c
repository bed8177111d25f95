// SPDX-License-Identifier: BSD-3-Clause
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "run/terminal.h"

int report_error(const br_error *err)
{
    terminal_error(NULL, err);
    return run_status_of(err->kind);
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE)
        return status;
    fprintf(stderr, "batchrun: cannot write to standard output: %s\n", strerror(errno));
    return RUN_INTERNAL;
}

int print_piece(const struct buffer *piece, br_error *err)
{
    if (fwrite(piece->data, 1, piece->length, stdout) == piece->length)
        return 0;
    if (errno == EPIPE)
        return br_error_set(err, BR_ERR_NONE, "the reader of standard output has closed it");
    return br_error_errno(err, "cannot write to standard output");
}

int print_answer(const struct buffer *answer, br_error *err)
{
    if (!isatty(STDOUT_FILENO))
        return print_piece(answer, err);
    struct buffer shown = BUFFER_EMPTY;
    text_lines_escaped(&shown, answer->data, answer->length);
    int result = buffer_check(&shown, err) == 0 ? print_piece(&shown, err) : -1;
    buffer_finish(&shown);
    return result;
}

// Writes a file as other programs do: an existing file is overwritten, a pipe is written to.
static int write_file(const char *path, const struct buffer *view, br_error *err)
{
    int fd = fd_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) {
        br_error_errno(err, "cannot write %s", path);
        err->kind = BR_ERR_USAGE;
        return -1;
    }
    int result = fd_write_all(fd, view->data, view->length);
    int saved = errno;
    // A network file system may report only now that its disk is full.
    if (close(fd) != 0 && result == 0) {
        saved = errno;
        result = -1;
    }
    errno = saved;
    return result == 0 ? 0 : br_error_errno(err, "cannot write %s", path);
}

static int write_into_run(const struct rundir *run, const char *name, const struct buffer *view,
                          br_error *err)
{
    if (rundir_write(run, name, view->data, view->length, err) == 0)
        return 0;
    br_error why = *err;
    return br_error_set(err, why.kind, "%s; --output FILE writes it elsewhere", why.text);
}

int write_view(const struct rundir *run, const char *name, const char *output,
               const struct buffer *view, br_error *err)
{
    if (output && strcmp(output, "-") == 0)
        return print_piece(view, err);
    struct buffer path = BUFFER_EMPTY;
    if (output)
        buffer_format(&path, "%s\n", output);
    else
        buffer_format(&path, "%s/%s\n", run->path, name);
    int result = output ? write_file(output, view, err) : write_into_run(run, name, view, err);
    if (result == 0)
        result = buffer_check(&path, err) == 0 ? print_answer(&path, err) : -1;
    buffer_finish(&path);
    return result;
}

int finish_printing(int result, const br_error *err)
{
    if (result == 0)
        return finish_output(RUN_OK);
    if (err->kind == BR_ERR_NONE)
        return RUN_OK;
    finish_output(RUN_OK);
    return report_error(err);
}
