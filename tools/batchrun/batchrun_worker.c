// SPDX-License-Identifier: BSD-3-Clause
// The program batchrun-worker, which loads plugins: the nursery of a run, and `batchrun task`. It
// links the C library alone (exec/worker/worker_program.h).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "config.h"
#include "exec/worker/children.h"
#include "exec/worker/run_inline.h"
#include "exec/worker/worker_setup.h"
#include "model/cell_text.h"
#include "model/row.h"
#include "run/status.h"

static int run_task(const char *version, const char *request, const char *table);

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "nursery") == 0)
        return nursery_main(argc, argv, nursery_children);
    if (argc == 5 && strcmp(argv[1], "task") == 0)
        return run_task(argv[2], argv[3], argv[4]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("batchrun-worker %s\n", PACKAGE_VERSION);
        return fflush(stdout) == 0 ? RUN_OK : RUN_INTERNAL;
    }
    fprintf(stderr, "batchrun-worker: batchrun starts this program to run plugins; see "
                    "`batchrun --help`\n");
    return RUN_USAGE;
}

static int report_error(const br_error *err)
{
    struct buffer text = BUFFER_EMPTY;
    text_lines_escaped(&text, err->text, strlen(err->text));
    fprintf(stderr, "batchrun: %.*s\n", (int)text.length, text.length ? text.data : "");
    buffer_finish(&text);
    return run_status_of(err->kind);
}

// ---- What a task returns

static void print_cell(struct buffer *out, const struct cell *c)
{
    struct cell_room room;
    size_t length;
    const char *text = cell_text(c, &room, &length);
    if (c->type == BR_BYTES)
        text_escaped(out, text, length);
    else
        buffer_append(out, text, length);
}

static int format_results(const struct run_inline_end *end, struct buffer *out, br_error *err)
{
    const struct schema *schema = &end->signature.results;
    struct cell *cells = calloc(schema->count + 1, sizeof *cells);
    int result = cells ? 0 : br_error_nomem(err);
    if (result == 0 && !row_unpack(schema, end->row.data, end->row.length, cells))
        result = br_error_set(err, BR_ERR_SYSTEM, "internal error: the results are not a row");
    for (size_t i = 0; result == 0 && i < schema->count; i++) {
        buffer_format(out, "%s=", schema->columns[i].name);
        print_cell(out, &cells[i]);
        buffer_char(out, '\n');
    }
    free(cells);
    return result == 0 ? buffer_check(out, err) : -1;
}

// Writes the text to standard output; a reader that went away is not a failure.
static int print(const struct buffer *text, br_error *err)
{
    struct buffer shown = BUFFER_EMPTY;
    if (isatty(STDOUT_FILENO))
        text_lines_escaped(&shown, text->data, text->length);
    else
        buffer_append(&shown, text->data, text->length);
    int result = buffer_check(&shown, err);
    if (result == 0 && shown.length > 0)
        fwrite(shown.data, 1, shown.length, stdout);
    if (result == 0 && (fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE)
        result = br_error_errno(err, "cannot write to standard output");
    buffer_finish(&shown);
    return result;
}

static int print_end(const struct run_inline_end *end)
{
    struct buffer text = BUFFER_EMPTY;
    br_error err = {0};
    int status = RUN_OK;
    if (end->failure != TASK_FINE) {
        text_escaped(&text, end->message, strlen(end->message));
        fprintf(stderr, "error: %.*s\n", (int)text.length, text.length ? text.data : "");
        buffer_clear(&text);
        status = RUN_FAILED;
    } else if (format_results(end, &text, &err) != 0)
        status = report_error(&err);
    if (print(&text, &err) != 0)
        status = report_error(&err);
    buffer_finish(&text);
    return status;
}

// ---- One task

// Maps a file until the end of this process. Returns NULL and *err on failure.
static const void *map_file(const char *path, size_t *size, br_error *err)
{
    struct stat st;
    int fd = fd_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    void *data = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        br_error_errno(err, "cannot read %s, which batchrun has made for a task", path);
    fd_close(&fd);
    *size = data != MAP_FAILED ? (size_t)st.st_size : 0;
    return data != MAP_FAILED ? data : NULL;
}

static int read_request(const char *version, const char *request, const char *table,
                        struct run_inline_request *out, br_error *err)
{
    size_t size, image_size;
    *out = (struct run_inline_request){.run.task = NULL};
    if (strcmp(version, PACKAGE_VERSION) != 0)
        return br_error_set(err, BR_ERR_SYSTEM,
                            "batchrun %s has started batchrun-worker %s; install batchrun again",
                            version, PACKAGE_VERSION);
    const void *data = map_file(request, &size, err);
    const void *image = data ? map_file(table, &image_size, err) : NULL;
    return image ? run_inline_read(data, size, image, image_size, out, err) : -1;
}

static int run_task(const char *version, const char *request, const char *table)
{
    struct run_inline_request r;
    struct run_inline_end end;
    br_error err = {0};
    int result = read_request(version, request, table, &r, &err), status;
    if (result == 0)
        worker_setup_environment(r.setup.slot.width, r.setup.env, r.setup.common.env_count, &err);
    if (err.kind == BR_ERR_NONE)
        result = run_inline(&r.run, &end, &err);
    signal(SIGPIPE, SIG_IGN); // a reader that goes away is no failure, as in batchrun
    signal(SIGXFSZ, SIG_IGN);
    if (err.kind == BR_ERR_NONE && result == 0) {
        status = print_end(&end);
        run_inline_end_finish(&end);
    } else
        status = report_error(&err);
    run_inline_request_finish(&r);
    return status;
}
