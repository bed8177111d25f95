// SPDX-License-Identifier: BSD-3-Clause
#include "support/journal_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/suite.h"

// ---- The disk: these functions replace those of the C library

struct jrig_disk disk;

static pthread_t test_thread;

static bool runs_out(int fd, int *left)
{
    return fd == disk.fd && --*left < 0;
}

ssize_t write(int fd, const void *data, size_t count)
{
    disk.writes += fd == disk.fd;
    if (runs_out(fd, &disk.writes_left)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, fd, data, count);
}

// A sync is counted and does nothing else. Tests look at the bytes that the process has written,
// which are there without a sync, and some tests sync thousands of times.
static int sync_descriptor(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

int fdatasync(int fd)
{
    disk.syncs += fd == disk.fd;
    if (runs_out(fd, &disk.syncs_left)) {
        errno = EIO;
        return -1;
    }
    return sync_descriptor(fd);
}

int fsync(int fd)
{
    disk.directory_syncs += fd == jrig_directory_fd;
    disk.directory_syncs_here +=
        fd == jrig_directory_fd && pthread_equal(pthread_self(), test_thread);
    return sync_descriptor(fd);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (disk.full || length > disk.room) {
        errno = ENOSPC;
        return -1;
    }
    disk.reservations++;
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

// ---- A directory for each test

char jrig_directory[32];
char jrig_path[64];
int jrig_directory_fd = -1;

void jrig_set_up(void)
{
    strcpy(jrig_directory, "/tmp/test_journal.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(jrig_directory));
    snprintf(jrig_path, sizeof jrig_path, "%s/journal", jrig_directory);
    jrig_directory_fd = open(jrig_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(jrig_directory_fd, 0);
    disk = (struct jrig_disk){.fd = -1, .room = INT64_MAX};
    test_thread = pthread_self();
}

void jrig_tear_down(void)
{
    unlink(jrig_path);
    rmdir(jrig_directory);
    fd_close(&jrig_directory_fd);
}

const struct journal_identity jrig_identity = {.salt = 0x1122334455667788};

struct journal *jrig_create(void)
{
    br_error err;
    struct journal *j = journal_create(jrig_directory_fd, jrig_path, &jrig_identity, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    return j;
}

struct journal *jrig_create_faulty(int writes, int syncs)
{
    // The journal opens its descriptor next, which will be the lowest that is free now.
    int next = fcntl(jrig_directory_fd, F_DUPFD, 0);
    close(next);
    struct journal *j = jrig_create();
    disk.fd = next;
    disk.writes_left = writes;
    disk.syncs_left = syncs;
    return j;
}

void jrig_take(struct journal *j, const struct event *e)
{
    br_error err;
    ck_assert_msg(journal_sink(j)->take(journal_sink(j), e, &err) == 0, "%s", err.text);
}

void jrig_take_samples(struct journal *j)
{
    for (int i = 0; i < JRIG_SAMPLES; i++)
        jrig_take(j, &jrig_samples[i]);
}

void jrig_finish(struct journal *j)
{
    br_error err;
    ck_assert_msg(journal_close(j, &err) == 0, "%s", err.text);
}

// ---- Events

const uint32_t jrig_durations[5] = {0, 7, 100, 5000, UINT32_MAX};
const uint64_t jrig_rows[5] = {11, 22, 33, 44, 55};

static const struct event_span jrig_spans[2] = {{0, 4}, {5, 95}};
static const struct event_made jrig_made[1] = {{3, 90}};

const struct event jrig_samples[JRIG_SAMPLES] = {
    {EVENT_RUN_BEGIN,
     0,
     {.run_begin = {"circles", "/home/ü/circles.yaml", "0.1.0", "node7", 1700000000123456789, 128,
                    3, "memory by résident-set watch", "--first 10"}}},
    {EVENT_SOURCE, 0, {.source = {"plugin demo", "/lib/demo.so", UINT64_MAX, 1700000000000000001}}},
    {EVENT_NOTE, 0, {.note = {"command", "batchrun run 'a b.yaml'"}}},
    {EVENT_RUN_RESUME, 1, {.run_resume = {"0.1.1", "node8", 1700000001123456789, 64, true}}},
    {EVENT_WORKER_BEGIN, 1, {.worker_begin = {3, 4711, {{0xF0, 0, 1}}, 2}}},
    {EVENT_WORKER_BEGIN, 1, {.worker_begin = {UINT32_MAX, -1, {{0}}, UINT32_MAX}}},
    {EVENT_PHASE_BEGIN, 2, {.phase_begin = {1, "areas", "demo.area", 1000000, 10, UINT64_MAX, 4}}},
    {EVENT_TASKS_OK,
     900,
     {.tasks_ok = {1, 3, 0, 0, 5, 300, jrig_durations, jrig_rows, sizeof jrig_rows}}},
    {EVENT_OUTPUT, 1000, {.output = {1, 3, 5, 2, 1, 2, UINT64_MAX, 17}}},
    {EVENT_TASK_END,
     1001,
     {.task_end = {1, 3, 7, 2, OUTCOME_CRASHED, true, 950, 40, -1, INT64_MAX, -1, 11, 0, "r=-1",
                   "killed \x01\xFF", NULL, 0}}},
    {EVENT_TASK_END,
     1002,
     {.task_end = {1, UINT32_MAX, UINT64_MAX, 0, OUTCOME_OK, false, -5, INT64_MIN, 0, 0, 4095, -64,
                   255, "", "", jrig_rows, 16}}},
    {EVENT_TASKS_OK, 1100, {.tasks_ok = {1, 2, 1, 100, 12345678901, 1050, NULL, NULL, 0}}},
    {EVENT_WORKER_END, 1200, {.worker_end = {3, 4711, 11, 0, "crashed"}}},
    {EVENT_PHASE_END, 1300, {.phase_end = {1, PHASE_STOPPED, 12}}},
    {EVENT_INPUT_ROWS,
     1300,
     {.input_rows = {"inputs of phase areas", 77, 5, 2, 0, jrig_rows, sizeof jrig_rows, NULL, 0}}},
    {EVENT_INPUT_ROWS,
     1300,
     {.input_rows = {"inputs of phase r", 78, 1000, 1, 0, NULL, 0, jrig_rows, sizeof jrig_rows}}},
    {EVENT_PHASE_KEEP,
     1300,
     {.phase_keep = {1, false, 100, {0, 90, 1, 2}, jrig_spans, 2, jrig_made, 1}}},
    {EVENT_PHASE_KEEP, 1300, {.phase_keep = {2, true, 0, {0}, NULL, 0, NULL, 0}}},
    {EVENT_ACCEPT,
     1300,
     {.accept = {"plugin demo", "/lib/demo.so", 1, UINT64_MAX, 1700000000000000001, -1,
                 1700000002123456789, "3 of 100 rows: 4, 17-18"}}},
    {EVENT_RUN_END, INT64_MAX, {.run_end = {3, "finished"}}},
};

void jrig_same_tasks_ok(const struct event_tasks_ok *a, const struct event_tasks_ok *b)
{
    MUST(a->phase == b->phase);
    MUST(a->worker == b->worker);
    MUST(a->attempt == b->attempt);
    MUST(a->first == b->first);
    MUST(a->count == b->count);
    MUST(a->start_ns == b->start_ns);
    MUST(!a->durations == !b->durations);
    for (uint64_t i = 0; a->durations && i < a->count; i++)
        MUST(journal_duration_encode(a->durations[i]) == journal_duration_encode(b->durations[i]));
    MUST(!a->results == !b->results);
    MUST(a->results_size == b->results_size);
    if (a->results)
        MUST(!memcmp(a->results, b->results, a->results_size));
}

static void same_task_end(const struct event_task_end *a, const struct event_task_end *b)
{
    MUST(a->phase == b->phase);
    MUST(a->worker == b->worker);
    MUST(a->index == b->index);
    MUST(a->attempt == b->attempt);
    MUST(a->status == b->status);
    MUST(a->final == b->final);
    MUST(a->start_ns == b->start_ns);
    MUST(a->duration_ns == b->duration_ns);
    MUST(a->cpu_ns == b->cpu_ns);
    MUST(a->peak_memory == b->peak_memory);
    MUST(a->cpu == b->cpu);
    MUST(a->signal == b->signal);
    MUST(a->exit_code == b->exit_code);
    MUST(!strcmp(a->inputs, b->inputs));
    MUST(!strcmp(a->message, b->message));
    MUST(!a->result == !b->result);
    MUST(a->result_size == b->result_size);
    if (a->result)
        MUST(!memcmp(a->result, b->result, a->result_size));
}

static void same_begin(const struct event *a, const struct event *b)
{
    if (a->type == EVENT_RUN_BEGIN) {
        MUST(!strcmp(a->run_begin.name, b->run_begin.name));
        MUST(!strcmp(a->run_begin.job_file, b->run_begin.job_file));
        MUST(!strcmp(a->run_begin.version, b->run_begin.version));
        MUST(!strcmp(a->run_begin.limits, b->run_begin.limits));
        MUST(!strcmp(a->run_begin.part, b->run_begin.part));
        MUST(!strcmp(a->run_begin.host, b->run_begin.host));
        MUST(a->run_begin.wall_ns == b->run_begin.wall_ns);
        MUST(a->run_begin.workers == b->run_begin.workers);
        MUST(a->run_begin.phases == b->run_begin.phases);
    } else if (a->type == EVENT_WORKER_BEGIN) {
        MUST(a->worker_begin.worker == b->worker_begin.worker);
        MUST(a->worker_begin.pid == b->worker_begin.pid);
        MUST(a->worker_begin.start == b->worker_begin.start);
        MUST(!memcmp(&a->worker_begin.cpus, &b->worker_begin.cpus, sizeof(struct cpuset)));
    } else {
        MUST(a->phase_begin.phase == b->phase_begin.phase);
        MUST(!strcmp(a->phase_begin.name, b->phase_begin.name));
        MUST(!strcmp(a->phase_begin.task, b->phase_begin.task));
        MUST(a->phase_begin.tasks == b->phase_begin.tasks);
        MUST(a->phase_begin.left_out == b->phase_begin.left_out);
        MUST(a->phase_begin.signature == b->phase_begin.signature);
        MUST(a->phase_begin.source == b->phase_begin.source);
    }
}

static void same_output(const struct event_output *a, const struct event_output *b)
{
    MUST(a->phase == b->phase);
    MUST(a->worker == b->worker);
    MUST(a->first == b->first);
    MUST(a->count == b->count);
    MUST(a->attempt == b->attempt);
    MUST(a->stream == b->stream);
    MUST(a->offset == b->offset);
    MUST(a->length == b->length);
}

static void same_end(const struct event *a, const struct event *b)
{
    if (a->type == EVENT_WORKER_END) {
        MUST(a->worker_end.worker == b->worker_end.worker);
        MUST(a->worker_end.pid == b->worker_end.pid);
        MUST(a->worker_end.signal == b->worker_end.signal);
        MUST(a->worker_end.exit_code == b->worker_end.exit_code);
        MUST(!strcmp(a->worker_end.reason, b->worker_end.reason));
    } else if (a->type == EVENT_PHASE_END) {
        MUST(a->phase_end.phase == b->phase_end.phase);
        MUST(a->phase_end.how == b->phase_end.how);
        MUST(a->phase_end.skipped == b->phase_end.skipped);
    } else {
        MUST(a->run_end.exit_status == b->run_end.exit_status);
        MUST(!strcmp(a->run_end.reason, b->run_end.reason));
    }
}

static void same_source(const struct event_source *a, const struct event_source *b)
{
    MUST(!strcmp(a->what, b->what));
    MUST(!strcmp(a->name, b->name));
    MUST(a->hash == b->hash);
    MUST(a->changed_ns == b->changed_ns);
}

static void same_accept(const struct event_accept *a, const struct event_accept *b)
{
    MUST(!strcmp(a->what, b->what));
    MUST(!strcmp(a->name, b->name));
    MUST(a->old_hash == b->old_hash);
    MUST(a->new_hash == b->new_hash);
    MUST(a->old_ns == b->old_ns);
    MUST(a->new_ns == b->new_ns);
    MUST(a->wall_ns == b->wall_ns);
    MUST(!strcmp(a->detail, b->detail));
}

static void same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    MUST(!a == !b);
    MUST(a_size == b_size);
    MUST(a_size == 0 || !memcmp(a, b, a_size));
}

static void same_input_rows(const struct event_input_rows *a, const struct event_input_rows *b)
{
    MUST(!strcmp(a->what, b->what));
    MUST(a->hash == b->hash);
    MUST(a->rows == b->rows);
    MUST(a->columns == b->columns);
    MUST(a->first == b->first);
    same_bytes(a->hashes, a->hashes_size, b->hashes, b->hashes_size);
    same_bytes(a->image, a->image_size, b->image, b->image_size);
}

static void same_phase_keep(const struct event_phase_keep *a, const struct event_phase_keep *b)
{
    MUST(a->phase == b->phase);
    MUST(a->dropped == b->dropped);
    MUST(a->tasks == b->tasks);
    MUST(!memcmp(a->outcomes, b->outcomes, sizeof a->outcomes));
    same_bytes(a->spans, a->span_count * sizeof *a->spans, b->spans,
               b->span_count * sizeof *b->spans);
    same_bytes(a->made, a->made_count * sizeof *a->made, b->made, b->made_count * sizeof *b->made);
}

static void same_resume(const struct event_run_resume *a, const struct event_run_resume *b)
{
    MUST(!strcmp(a->version, b->version));
    MUST(!strcmp(a->host, b->host));
    MUST(a->wall_ns == b->wall_ns);
    MUST(a->workers == b->workers);
    MUST(a->retry_failed == b->retry_failed);
}

void jrig_same(const struct event *a, const struct event *b)
{
    MUST(a->type == b->type);
    MUST(a->time_ns == b->time_ns);
    switch (a->type) {
    case EVENT_RUN_BEGIN:
    case EVENT_WORKER_BEGIN:
    case EVENT_PHASE_BEGIN:
        same_begin(a, b);
        break;
    case EVENT_TASKS_OK:
        jrig_same_tasks_ok(&a->tasks_ok, &b->tasks_ok);
        break;
    case EVENT_TASK_END:
        same_task_end(&a->task_end, &b->task_end);
        break;
    case EVENT_OUTPUT:
        same_output(&a->output, &b->output);
        break;
    case EVENT_WORKER_END:
    case EVENT_PHASE_END:
    case EVENT_RUN_END:
        same_end(a, b);
        break;
    case EVENT_SOURCE:
        same_source(&a->source, &b->source);
        break;
    case EVENT_ACCEPT:
        same_accept(&a->accept, &b->accept);
        break;
    case EVENT_INPUT_ROWS:
        same_input_rows(&a->input_rows, &b->input_rows);
        break;
    case EVENT_PHASE_KEEP:
        same_phase_keep(&a->phase_keep, &b->phase_keep);
        break;
    case EVENT_RUN_RESUME:
        same_resume(&a->run_resume, &b->run_resume);
        break;
    case EVENT_NOTE:
        MUST(!strcmp(a->note.name, b->note.name));
        MUST(!strcmp(a->note.text, b->note.text));
        break;
    }
}

const int jrig_order[JRIG_SAMPLES] = {0,  1,  2,  3,  4,  5,  6,  8,  7,  9,
                                      10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

struct journal_reader *jrig_open(void)
{
    br_error err;
    struct journal_reader *r = journal_open(jrig_path, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

struct buffer jrig_slurp(void)
{
    br_error err;
    struct buffer bytes = BUFFER_EMPTY;
    ck_assert_msg(fd_read_file(jrig_path, "journal", 1 << 30, &bytes, &err) == 0, "%s", err.text);
    return bytes;
}

void jrig_spill(const char *data, size_t size)
{
    int fd = open(jrig_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fd_write_all(fd, data, size), 0);
    ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

struct buffer jrig_sample_journal(void)
{
    struct journal *j = jrig_create();
    jrig_take_samples(j);
    jrig_finish(j);
    return jrig_slurp();
}
