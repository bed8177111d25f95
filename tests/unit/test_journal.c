// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "journal/journal.h"
#include "journal/journal_read.h"
#include "support/suite.h"

// ---- Disks that fail: these stand before the C library's, for the descriptor that is named.

static int faulty_fd = -1;
static int writes_left, syncs_left;
static bool disk_full;         // no space can be reserved
static off_t room = INT64_MAX; // and no more than this at a time
static int reservations;
static int write_calls, sync_calls;

static bool runs_out(int fd, int *left)
{
    return fd == faulty_fd && --*left < 0;
}

ssize_t write(int fd, const void *data, size_t count)
{
    write_calls += fd == faulty_fd;
    if (runs_out(fd, &writes_left)) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_write, fd, data, count);
}

int fdatasync(int fd)
{
    sync_calls += fd == faulty_fd;
    if (runs_out(fd, &syncs_left)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static int directory_fd = -1;
static int directory_syncs, directory_syncs_here; // of all, those in the thread that tests run in
static pthread_t test_thread;

int fsync(int fd)
{
    directory_syncs += fd == directory_fd;
    directory_syncs_here += fd == directory_fd && pthread_equal(pthread_self(), test_thread);
    return (int)syscall(SYS_fsync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (disk_full || length > room) {
        errno = ENOSPC;
        return -1;
    }
    reservations++;
    return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

// ---- A directory for each test

static char directory[] = "/dev/shm/test_journal.XXXXXX";
static char path[64];

static void set_up(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/journal", directory);
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory_fd, 0);
    faulty_fd = -1;
    disk_full = false;
    write_calls = sync_calls = 0;
    directory_syncs = directory_syncs_here = 0;
    test_thread = pthread_self();
}

static void tear_down(void)
{
    unlink(path);
    rmdir(directory);
    fd_close(&directory_fd);
}

static const struct journal_identity identity = {.salt = 0x1122334455667788};

static struct journal *create(void)
{
    br_error err;
    struct journal *j = journal_create(directory_fd, path, &identity, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    return j;
}

// The journal's descriptor is the one opened last: the lowest free one before.
static struct journal *create_faulty(int writes, int syncs)
{
    int next = fcntl(directory_fd, F_DUPFD, 0);
    close(next);
    struct journal *j = create();
    faulty_fd = next;
    writes_left = writes;
    syncs_left = syncs;
    return j;
}

static void take(struct journal *j, const struct event *e)
{
    br_error err;
    ck_assert_msg(journal_sink(j)->take(journal_sink(j), e, &err) == 0, "%s", err.text);
}

static void finish(struct journal *j)
{
    br_error err;
    ck_assert_msg(journal_close(j, &err) == 0, "%s", err.text);
}

// ---- Events

static const uint32_t durations[] = {0, 7, 100, 5000, UINT32_MAX};
static const uint64_t rows[] = {11, 22, 33, 44, 55};

static const struct event samples[] = {
    {EVENT_RUN_BEGIN,
     0,
     {.run_begin = {"circles", "/home/ü/circles.yaml", "0.1.0", "node7", 1700000000123456789, 128,
                    3, "memory by résident-set watch"}}},
    {EVENT_SOURCE, 0, {.source = {"plugin demo", "/lib/demo.so", UINT64_MAX}}},
    {EVENT_NOTE, 0, {.note = {"command", "batchrun run 'a b.yaml'"}}},
    {EVENT_RUN_RESUME, 1, {.run_resume = {"0.1.1", "node8", 1700000001123456789, 64, true}}},
    {EVENT_WORKER_BEGIN, 1, {.worker_begin = {3, 4711, {{0xF0, 0, 1}}, 2}}},
    {EVENT_WORKER_BEGIN, 1, {.worker_begin = {UINT32_MAX, -1, {{0}}, UINT32_MAX}}},
    {EVENT_PHASE_BEGIN, 2, {.phase_begin = {1, "areas", "demo.area", 1000000}}},
    {EVENT_TASKS_OK, 900, {.tasks_ok = {1, 3, 0, 0, 5, 300, durations, rows, sizeof rows}}},
    {EVENT_OUTPUT, 1000, {.output = {1, 3, 5, 2, 1, 2, UINT64_MAX, 17}}},
    {EVENT_TASK_END,
     1001,
     {.task_end = {1, 3, 7, 2, OUTCOME_CRASHED, true, 950, 40, -1, INT64_MAX, -1, 11, 0, "r=-1",
                   "killed \x01\xFF", NULL, 0}}},
    {EVENT_TASK_END,
     1002,
     {.task_end = {1, UINT32_MAX, UINT64_MAX, 0, OUTCOME_OK, false, -5, INT64_MIN, 0, 0, 4095, -64,
                   255, "", "", rows, 16}}},
    {EVENT_TASKS_OK, 1100, {.tasks_ok = {1, 2, 1, 100, 12345678901, 1050, NULL, NULL, 0}}},
    {EVENT_WORKER_END, 1200, {.worker_end = {3, 4711, 11, 0, "crashed"}}},
    {EVENT_PHASE_END, 1300, {.phase_end = {1, PHASE_STOPPED, 12}}},
    {EVENT_RUN_END, INT64_MAX, {.run_end = {3, "finished"}}},
};

enum {
    SAMPLES = sizeof samples / sizeof samples[0]
};

static void same_tasks_ok(const struct event_tasks_ok *a, const struct event_tasks_ok *b)
{
    ck_assert_uint_eq(a->phase, b->phase);
    ck_assert_uint_eq(a->worker, b->worker);
    ck_assert_uint_eq(a->attempt, b->attempt);
    ck_assert_uint_eq(a->first, b->first);
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_int_eq(a->start_ns, b->start_ns);
    ck_assert_int_eq(!a->durations, !b->durations);
    for (uint64_t i = 0; a->durations && i < a->count; i++)
        ck_assert_uint_eq(journal_duration_encode(a->durations[i]),
                          journal_duration_encode(b->durations[i]));
    ck_assert_int_eq(!a->results, !b->results);
    ck_assert_uint_eq(a->results_size, b->results_size);
    if (a->results)
        ck_assert_mem_eq(a->results, b->results, a->results_size);
}

static void same_task_end(const struct event_task_end *a, const struct event_task_end *b)
{
    ck_assert_uint_eq(a->phase, b->phase);
    ck_assert_uint_eq(a->worker, b->worker);
    ck_assert_uint_eq(a->index, b->index);
    ck_assert_uint_eq(a->attempt, b->attempt);
    ck_assert_int_eq((int)a->status, (int)b->status);
    ck_assert_int_eq(a->final, b->final);
    ck_assert_int_eq(a->start_ns, b->start_ns);
    ck_assert_int_eq(a->duration_ns, b->duration_ns);
    ck_assert_int_eq(a->cpu_ns, b->cpu_ns);
    ck_assert_int_eq(a->peak_memory, b->peak_memory);
    ck_assert_int_eq(a->cpu, b->cpu);
    ck_assert_int_eq(a->signal, b->signal);
    ck_assert_int_eq(a->exit_code, b->exit_code);
    ck_assert_str_eq(a->inputs, b->inputs);
    ck_assert_str_eq(a->message, b->message);
    ck_assert_int_eq(!a->result, !b->result);
    ck_assert_uint_eq(a->result_size, b->result_size);
    if (a->result)
        ck_assert_mem_eq(a->result, b->result, a->result_size);
}

static void same_begin(const struct event *a, const struct event *b)
{
    if (a->type == EVENT_RUN_BEGIN) {
        ck_assert_str_eq(a->run_begin.name, b->run_begin.name);
        ck_assert_str_eq(a->run_begin.job_file, b->run_begin.job_file);
        ck_assert_str_eq(a->run_begin.version, b->run_begin.version);
        ck_assert_str_eq(a->run_begin.limits, b->run_begin.limits);
        ck_assert_str_eq(a->run_begin.host, b->run_begin.host);
        ck_assert_int_eq(a->run_begin.wall_ns, b->run_begin.wall_ns);
        ck_assert_uint_eq(a->run_begin.workers, b->run_begin.workers);
        ck_assert_uint_eq(a->run_begin.phases, b->run_begin.phases);
    } else if (a->type == EVENT_WORKER_BEGIN) {
        ck_assert_uint_eq(a->worker_begin.worker, b->worker_begin.worker);
        ck_assert_int_eq(a->worker_begin.pid, b->worker_begin.pid);
        ck_assert_uint_eq(a->worker_begin.start, b->worker_begin.start);
        ck_assert_mem_eq(&a->worker_begin.cpus, &b->worker_begin.cpus, sizeof(struct cpuset));
    } else {
        ck_assert_uint_eq(a->phase_begin.phase, b->phase_begin.phase);
        ck_assert_str_eq(a->phase_begin.name, b->phase_begin.name);
        ck_assert_str_eq(a->phase_begin.task, b->phase_begin.task);
        ck_assert_uint_eq(a->phase_begin.tasks, b->phase_begin.tasks);
    }
}

static void same_output(const struct event_output *a, const struct event_output *b)
{
    ck_assert_uint_eq(a->phase, b->phase);
    ck_assert_uint_eq(a->worker, b->worker);
    ck_assert_uint_eq(a->first, b->first);
    ck_assert_uint_eq(a->count, b->count);
    ck_assert_uint_eq(a->attempt, b->attempt);
    ck_assert_uint_eq(a->stream, b->stream);
    ck_assert_uint_eq(a->offset, b->offset);
    ck_assert_uint_eq(a->length, b->length);
}

static void same_end(const struct event *a, const struct event *b)
{
    if (a->type == EVENT_WORKER_END) {
        ck_assert_uint_eq(a->worker_end.worker, b->worker_end.worker);
        ck_assert_int_eq(a->worker_end.pid, b->worker_end.pid);
        ck_assert_int_eq(a->worker_end.signal, b->worker_end.signal);
        ck_assert_int_eq(a->worker_end.exit_code, b->worker_end.exit_code);
        ck_assert_str_eq(a->worker_end.reason, b->worker_end.reason);
    } else if (a->type == EVENT_PHASE_END) {
        ck_assert_uint_eq(a->phase_end.phase, b->phase_end.phase);
        ck_assert_int_eq((int)a->phase_end.how, (int)b->phase_end.how);
        ck_assert_uint_eq(a->phase_end.skipped, b->phase_end.skipped);
    } else {
        ck_assert_int_eq(a->run_end.exit_status, b->run_end.exit_status);
        ck_assert_str_eq(a->run_end.reason, b->run_end.reason);
    }
}

static void same_source(const struct event_source *a, const struct event_source *b)
{
    ck_assert_str_eq(a->what, b->what);
    ck_assert_str_eq(a->name, b->name);
    ck_assert_uint_eq(a->hash, b->hash);
}

static void same_resume(const struct event_run_resume *a, const struct event_run_resume *b)
{
    ck_assert_str_eq(a->version, b->version);
    ck_assert_str_eq(a->host, b->host);
    ck_assert_int_eq(a->wall_ns, b->wall_ns);
    ck_assert_uint_eq(a->workers, b->workers);
    ck_assert_int_eq(a->retry_failed, b->retry_failed);
}

static void same(const struct event *a, const struct event *b)
{
    ck_assert_int_eq((int)a->type, (int)b->type);
    ck_assert_int_eq(a->time_ns, b->time_ns);
    switch (a->type) {
    case EVENT_RUN_BEGIN:
    case EVENT_WORKER_BEGIN:
    case EVENT_PHASE_BEGIN:
        same_begin(a, b);
        break;
    case EVENT_TASKS_OK:
        same_tasks_ok(&a->tasks_ok, &b->tasks_ok);
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
    case EVENT_RUN_RESUME:
        same_resume(&a->run_resume, &b->run_resume);
        break;
    case EVENT_NOTE:
        ck_assert_str_eq(a->note.name, b->note.name);
        ck_assert_str_eq(a->note.text, b->note.text);
        break;
    }
}

// The first event stands in the file as its own record; all are in the order of `samples` but the
// output, which may not wait for the successes before it.
static const int file_order[SAMPLES] = {0, 1, 2, 3, 4, 5, 6, 8, 7, 9, 10, 11, 12, 13, 14};

static struct journal_reader *open_journal(void)
{
    br_error err;
    struct journal_reader *r = journal_open(path, &err);
    ck_assert_msg(r != NULL, "%s", err.text);
    return r;
}

static struct buffer slurp(void)
{
    br_error err;
    struct buffer bytes = BUFFER_EMPTY;
    ck_assert_msg(fd_read_file(path, "journal", 1 << 30, &bytes, &err) == 0, "%s", err.text);
    return bytes;
}

static void spill(const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fd_write_all(fd, data, size), 0);
    close(fd);
}

START_TEST(every_event_comes_back)
{
    struct journal *j = create();
    for (int i = 0; i < SAMPLES; i++)
        take(j, &samples[i]);
    finish(j);
    struct journal_reader *r = open_journal();
    ck_assert_uint_eq(journal_reader_identity(r)->salt, identity.salt);
    struct event e;
    br_error err;
    for (int i = 0; i < SAMPLES; i++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        same(&samples[file_order[i]], &e);
        if (e.type == EVENT_TASKS_OK && e.tasks_ok.results)
            ck_assert_uint_eq((uintptr_t)e.tasks_ok.results % 8, 0);
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    ck_assert(!journal_reader_torn(r));
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(journal_reader_offset(r), (uint64_t)st.st_size);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    journal_reader_destroy(r);
}
END_TEST

// Reads what there is; every event must be the next of `samples`. The number read, or -1 when the
// journal was refused.
static int read_prefix(int *count)
{
    br_error err;
    *count = 0;
    struct journal_reader *r = journal_open(path, &err);
    if (!r)
        return -1;
    struct event e;
    int result;
    while ((result = journal_next(r, &e, &err)) == 1) {
        ck_assert_int_lt(*count, SAMPLES);
        same(&samples[file_order[*count]], &e);
        ++*count;
    }
    if (result < 0)
        ck_assert_int_eq(journal_next(r, &e, &err), -1);
    journal_reader_destroy(r);
    return result;
}

static struct buffer small_journal(void)
{
    struct journal *j = create();
    for (int i = 0; i < SAMPLES; i++)
        take(j, &samples[i]);
    finish(j);
    return slurp();
}

// Who changes what is written gives it another number, lest an older journal seem damaged.
START_TEST(the_format_has_its_number)
{
    struct journal *j = create();
    for (int i = 0; i < SAMPLES; i++)
        take(j, &samples[i]);
    finish(j);
    struct buffer whole = slurp();
    ck_assert_int_eq(JOURNAL_VERSION, 3);
    // The rows of results are in the machine's order.
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        ck_assert_uint_eq(journal_hash(0, whole.data, whole.length),
                          UINT64_C(10907539220000421141));
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_cut_anywhere_leaves_a_prefix)
{
    struct buffer whole = small_journal();
    int before = 0;
    for (size_t cut = 0; cut < whole.length; cut++) {
        spill(whole.data, cut);
        int count;
        int result = read_prefix(&count);
        ck_assert_int_eq(result, cut < JOURNAL_HEADER_SIZE ? -1 : 0);
        ck_assert_int_ge(count, before);
        ck_assert_int_lt(count, SAMPLES);
        before = count;
    }
    ck_assert_int_eq(before, SAMPLES - 1);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_torn_tail_says_where_it_begins)
{
    struct buffer whole = small_journal();
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    uint64_t last = 0;
    for (int i = 0; i < SAMPLES; i++) {
        last = journal_reader_offset(r);
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
    }
    journal_reader_destroy(r);
    spill(whole.data, whole.length - 1);
    r = open_journal();
    while (journal_next(r, &e, &err) == 1) {
    }
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), last);
    journal_reader_destroy(r);
    // Space that a power loss left as zeros.
    memset(whole.data + last, 0, whole.length - last);
    spill(whole.data, whole.length);
    r = open_journal();
    while (journal_next(r, &e, &err) == 1) {
    }
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), last);
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_wrong_byte_anywhere_is_noticed)
{
    struct buffer whole = small_journal();
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    uint64_t last = 0;
    for (int i = 0; i < SAMPLES; i++) {
        last = journal_reader_offset(r);
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
    }
    journal_reader_destroy(r);
    for (size_t at = 0; at < whole.length; at++) {
        for (int bit = 0; bit < 8; bit += 7) {
            whole.data[at] ^= (char)(1 << bit);
            spill(whole.data, whole.length);
            int count;
            int result = read_prefix(&count);
            // Of the last record it looks like a torn tail; before it, valid records follow.
            ck_assert_int_eq(result, at < last ? -1 : 0);
            ck_assert_int_lt(count, SAMPLES);
            whole.data[at] ^= (char)(1 << bit);
        }
    }
    buffer_finish(&whole);
}
END_TEST

START_TEST(damage_is_told_with_its_place)
{
    struct buffer whole = small_journal();
    whole.data[JOURNAL_HEADER_SIZE + JOURNAL_FRAME_SIZE] ^= 1;
    spill(whole.data, whole.length);
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_ptr_nonnull(strstr(err.text, "damaged at byte 64 (record 1)"));
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_missing_record_is_damage)
{
    struct buffer whole = small_journal();
    struct journal_frame frame;
    unsigned char *first = (unsigned char *)whole.data + JOURNAL_HEADER_SIZE;
    ck_assert(journal_frame_decode(first, identity.salt, &frame));
    size_t size = journal_record_size(frame.length);
    memmove(first, first + size, whole.length - JOURNAL_HEADER_SIZE - size);
    spill(whole.data, whole.length - size);
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "out of sequence"));
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(records_of_another_journal_are_damage)
{
    struct buffer whole = small_journal();
    struct journal_identity other = identity;
    other.salt += UINT64_C(1) << 32; // a record's frame has the low half
    journal_header_encode((unsigned char *)whole.data, &other);
    spill(whole.data, whole.length);
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "does not follow the record before it"));
    journal_reader_destroy(r);
    // Another run's records are not even seen.
    other.salt++;
    journal_header_encode((unsigned char *)whole.data, &other);
    spill(whole.data, whole.length);
    r = open_journal();
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), JOURNAL_HEADER_SIZE);
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(other_files_are_refused_politely)
{
    br_error err;
    ck_assert_ptr_null(journal_open(path, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(journal_open(directory, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
    spill("", 0);
    ck_assert_ptr_null(journal_open(path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "ends within its header"));
    spill("#!/bin/sh\necho something else\n", 30);
    ck_assert_ptr_null(journal_open(path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "is not a journal"));
    unlink(path);
    finish(create());
    struct buffer whole = slurp();
    for (char format = 0; format < 5; format++) {
        whole.data[8] = format;
        spill(whole.data, whole.length);
        struct journal_reader *r = journal_open(path, &err);
        ck_assert_int_eq(r != NULL, format == JOURNAL_VERSION);
        journal_reader_destroy(r);
    }
    ck_assert_ptr_nonnull(strstr(err.text, "has format 4; this batchrun reads format 3"));
    buffer_finish(&whole);
}
END_TEST

// Records with a right checksum whose payload is garbage: nothing is read outside of it.
START_TEST(no_payload_is_trusted)
{
    struct buffer durations_out = BUFFER_EMPTY;
    struct event e;
    for (int type = 0; type <= EVENT_RUN_RESUME + 1; type++) {
        uint64_t state = 88172645463325252;
        for (int round = 0; round < 2000; round++) {
            size_t size = round % 40;
            unsigned char *data = malloc(size + 1); // exactly sized for the sanitizer
            ck_assert_ptr_nonnull(data);
            for (size_t i = 0; i < size; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                data[i] = (unsigned char)(state >> 60 < 8 ? state & 7 : state);
            }
            br_error err;
            unsigned char *exact = realloc(data, size ? size : 1);
            ck_assert_ptr_nonnull(exact);
            if (journal_decode((uint32_t)type, exact, size, &e, &durations_out, &err) == 0)
                ck_assert(type >= EVENT_RUN_BEGIN && type <= EVENT_RUN_RESUME && size > 0);
            free(exact);
        }
    }
    buffer_finish(&durations_out);
}
END_TEST

START_TEST(a_text_ends_where_it_says)
{
    static const struct {
        const char *payload; // of a run's end: time, exit status, length, text, NUL
        int result;
    } cases[] = {{"\0\0\2ab\0", 0}, {"\0\0\2abc", -1}, {"\0\0\2a\0\0", -1}, {"\0\0\3ab\0", -1}};
    struct buffer durations_out = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event e;
        br_error err;
        ck_assert_int_eq(journal_decode(EVENT_RUN_END, (const unsigned char *)cases[i].payload, 6,
                                        &e, &durations_out, &err),
                         cases[i].result);
    }
    buffer_finish(&durations_out);
}
END_TEST

START_TEST(successes_of_a_worker_become_one_record)
{
    struct journal *j = create();
    uint32_t times[64];
    uint64_t results[64];
    // Two workers, their news interleaved.
    for (uint64_t i = 0; i < 40; i++) {
        for (int k = 0; k < 64; k++) {
            times[k] = (uint32_t)(1000 * (i + 1));
            results[k] = 64 * i + (uint64_t)k;
        }
        struct event e = {EVENT_TASKS_OK,
                          0,
                          {.tasks_ok = {0, (uint32_t)(i % 2), 0, (i % 2) * 100000 + 64 * (i / 2),
                                        64, (int64_t)i * 64000, times, results, sizeof results}}};
        take(j, &e);
    }
    finish(j);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_lt(st.st_size, 40 * 64 * 9 + 300);
    struct journal_reader *r = open_journal();
    br_error err;
    struct event e;
    for (uint64_t worker = 0; worker < 2; worker++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        ck_assert_uint_eq(e.tasks_ok.worker, worker);
        ck_assert_uint_eq(e.tasks_ok.first, worker * 100000);
        ck_assert_uint_eq(e.tasks_ok.count, 20 * 64);
        for (uint64_t i = 0; i < e.tasks_ok.count; i++) {
            uint64_t value;
            memcpy(&value, (const char *)e.tasks_ok.results + 8 * i, sizeof value);
            ck_assert_uint_eq(value, 64 * (2 * (i / 64) + worker) + i % 64);
            double exact = (double)(1000 * (2 * (i / 64) + worker + 1));
            ck_assert_double_eq_tol(e.tasks_ok.durations[i], exact, 0.0626 * exact);
        }
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    journal_reader_destroy(r);
}
END_TEST

START_TEST(successes_that_differ_stay_apart)
{
    static const struct event_tasks_ok runs[] = {
        {0, 0, 0, 0, 2, 0, NULL, rows, 16},
        {0, 0, 0, 3, 1, 0, NULL, rows, 8},             // a gap
        {0, 0, 1, 4, 1, 0, NULL, rows, 8},             // another attempt
        {1, 0, 1, 5, 1, 0, NULL, rows, 8},             // another phase
        {1, 0, 1, 6, 1, 0, NULL, NULL, 0},             // no results
        {1, 0, 1, 7, 1, 0, durations, NULL, 0},        // durations
        {1, 64, 1, 8, 1, 0, durations, NULL, 0},       // another worker in the same slot
        {1, 64, 1, 9, 1, 9000000, durations, NULL, 0}, // idle in between
    };
    struct journal *j = create();
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        take(j, &(struct event){EVENT_TASKS_OK, 0, {.tasks_ok = runs[i]}});
    finish(j);
    struct journal_reader *r = open_journal();
    struct event e;
    br_error err;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
        same_tasks_ok(&runs[i], &e.tasks_ok);
    }
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    journal_reader_destroy(r);
}
END_TEST

START_TEST(durations_keep_their_order_and_size)
{
    uint32_t before = 0;
    for (uint64_t ns = 0; ns < UINT32_MAX; ns += ns / 50 + 1) {
        uint32_t back = journal_duration_decode(journal_duration_encode((uint32_t)ns));
        ck_assert_uint_ge(back, before);
        if (ns < 8)
            ck_assert_uint_eq(back, ns);
        ck_assert_double_le(back, 1.0626 * (double)ns);
        ck_assert_double_ge(back, 0.9374 * (double)ns);
        before = back;
    }
    ck_assert_uint_eq(journal_duration_decode(journal_duration_encode(UINT32_MAX)), UINT32_MAX);
    ck_assert_uint_lt(journal_duration_decode(journal_duration_encode(UINT32_MAX - 1)), UINT32_MAX);
}
END_TEST

START_TEST(syncs_come_when_they_are_due)
{
    struct journal *j = create_faulty(INT32_MAX, INT32_MAX);
    br_error err;
    ck_assert_int_eq(journal_next_sync(j), 100 * NS_PER_MS);
    ck_assert_int_eq(journal_sync(j, 99 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(sync_calls, 0);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(sync_calls, 1);
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    ck_assert_int_eq(journal_sync(j, NS_PER_S, &err), 0);
    ck_assert_int_eq(sync_calls, 1);
    take(j, &samples[6]);
    ck_assert_int_eq(write_calls, 0);
    ck_assert_int_eq(journal_next_sync(j), 200 * NS_PER_MS);
    ck_assert_int_eq(journal_commit(j, 120 * NS_PER_MS, &err), 0);
    ck_assert_int_eq(write_calls, 1);
    ck_assert_int_eq(sync_calls, 2);
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    // What was committed can be read while the journal is still written.
    struct journal_reader *r = open_journal();
    struct event e;
    ck_assert_int_eq(journal_next(r, &e, &err), 1);
    same(&samples[6], &e);
    journal_reader_destroy(r);
    finish(j);
}
END_TEST

START_TEST(much_is_written_without_waiting)
{
    struct journal *j = create_faulty(INT32_MAX, INT32_MAX);
    for (int i = 0; i < 65; i++) {
        static char kilobyte[1024];
        struct event e = {
            EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, (uint64_t)i, 1, 0, NULL, kilobyte, 1024}}};
        take(j, &e);
    }
    ck_assert_int_eq(write_calls, 1);
    finish(j);
}
END_TEST

// Fails the n-th write and the n-th sync, until a run goes through: what reads back is a prefix,
// and holds all that was said to be durable.
START_TEST(a_journal_that_failed_stays_dead)
{
    for (int n = 0;; n++) {
        unlink(path);
        struct journal *j = _i ? create_faulty(n, INT32_MAX) : create_faulty(INT32_MAX, n);
        br_error err = {.kind = BR_ERR_NONE};
        int durable = 0, taken = 0;
        for (; taken < SAMPLES; taken++) {
            ck_assert_int_eq(journal_sink(j)->take(journal_sink(j), &samples[taken], &err), 0);
            if (journal_commit(j, 0, &err) != 0)
                break;
            durable++;
        }
        bool whole = taken == SAMPLES;
        if (!whole) {
            ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
            ck_assert_ptr_nonnull(strstr(err.text, path));
            ck_assert_ptr_nonnull(strstr(err.text, strerror(_i ? ENOSPC : EIO)));
            // The disk is well again; the journal is not.
            writes_left = syncs_left = INT32_MAX;
            int calls = write_calls + sync_calls;
            br_error again;
            ck_assert_int_eq(journal_sink(j)->take(journal_sink(j), &samples[0], &again), -1);
            ck_assert_str_eq(again.text, err.text);
            ck_assert_int_eq(journal_sync(j, INT64_MAX, &again), -1);
            ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
            ck_assert_int_eq(journal_close(j, &again), -1);
            ck_assert_str_eq(again.text, err.text);
            ck_assert_int_eq(write_calls + sync_calls, calls);
        } else {
            finish(j);
        }
        // Committed one by one, nothing changes places.
        struct journal_reader *r = open_journal();
        struct event e;
        for (int i = 0; i < durable; i++) {
            ck_assert_int_eq(journal_next(r, &e, &err), 1);
            same(&samples[i], &e);
        }
        journal_reader_destroy(r);
        if (whole)
            break;
        ck_assert_int_lt(n, 100);
    }
}
END_TEST

START_TEST(a_full_disk_shows_before_work_is_lost)
{
    struct journal *j = create();
    br_error err;
    disk_full = true;
    // The first megabyte is promised: events go in until the margin is reached.
    static char row[60000];
    int taken = 0;
    struct event e = {EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, 0, 1, 0, NULL, row, sizeof row}}};
    while (journal_sink(j)->take(journal_sink(j), &e, &err) == 0) {
        e.tasks_ok.first++;
        ck_assert_int_lt(++taken, 100);
    }
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(err.text, "No space left on device"));
    ck_assert_int_gt(taken, 8);
    journal_destroy(j);
    // All of them, and the one in hand, are in the file.
    struct journal_reader *r = open_journal();
    uint64_t rows_read = 0;
    while (journal_next(r, &e, &err) == 1)
        rows_read += e.tasks_ok.count;
    ck_assert_uint_eq(rows_read, (uint64_t)taken + 1);
    ck_assert(!journal_reader_torn(r));
    journal_reader_destroy(r);
}
END_TEST

START_TEST(a_long_journal_asks_for_space_less_often)
{
    static char row[60000];
    struct journal *j = create();
    struct event e = {EVENT_TASKS_OK, 0, {.tasks_ok = {0, 0, 0, 0, 1, 0, NULL, row, sizeof row}}};
    for (; e.tasks_ok.first < 700; e.tasks_ok.first++)
        take(j, &e);
    ck_assert_int_gt(reservations, 1);
    ck_assert_int_lt(reservations, 35);
    // Where there is no room for as much, the usual megabyte does.
    room = 1 << 20;
    reservations = 0;
    for (; e.tasks_ok.first < 900; e.tasks_ok.first++)
        take(j, &e);
    ck_assert_int_gt(reservations, 5);
    finish(j);
}
END_TEST

START_TEST(no_room_at_all_is_told_at_once)
{
    disk_full = true;
    br_error err;
    ck_assert_ptr_null(journal_create(directory_fd, path, &identity, 0, &err));
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

// ---- Going on

// Compares what it is given with the samples.
struct witness {
    struct event_sink sink;
    int count;
    int refuse_at;
};

static int witness_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct witness *w = (struct witness *)sink;
    if (w->count == w->refuse_at)
        return br_error_set(err, BR_ERR_USAGE, "another job");
    same(&samples[file_order[w->count % SAMPLES]], event);
    w->count++;
    return 0;
}

static struct witness witness(void)
{
    return (struct witness){.sink.take = witness_take, .refuse_at = -1};
}

static struct journal *reopen(struct witness *w, int events)
{
    br_error err;
    *w = witness();
    struct journal *j = journal_reopen(directory_fd, path, &w->sink, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    ck_assert_int_eq(w->count, events);
    return j;
}

static void take_samples(struct journal *j)
{
    for (int i = 0; i < SAMPLES; i++)
        take(j, &samples[i]);
}

START_TEST(a_reopened_journal_goes_on)
{
    struct witness w;
    struct journal *j = create();
    take_samples(j);
    finish(j);
    for (int round = 1; round < 4; round++) {
        j = reopen(&w, round * SAMPLES);
        take_samples(j);
        finish(j);
    }
    struct buffer before = slurp();
    finish(reopen(&w, 4 * SAMPLES));
    struct buffer after = slurp(); // who adds nothing changes nothing
    ck_assert_uint_eq(before.length, after.length);
    ck_assert_mem_eq(before.data, after.data, before.length);
    buffer_finish(&before);
    buffer_finish(&after);
}
END_TEST

START_TEST(a_reopened_journal_loses_its_torn_tail_alone)
{
    struct journal *j = create();
    take_samples(j);
    finish(j);
    struct buffer whole = slurp();
    for (size_t size = 0; size <= whole.length; size++) {
        spill(whole.data, size);
        struct witness w = witness();
        j = journal_reopen(directory_fd, path, &w.sink, 0, NULL);
        ck_assert_ptr_nonnull(j);
        ck_assert(w.count < SAMPLES || size == whole.length);
        int there = w.count;
        for (int i = there; i < SAMPLES; i++) {
            take(j, &samples[file_order[i]]);
            ck_assert_int_eq(journal_commit(j, 0, NULL), 0);
        }
        finish(j);
        finish(reopen(&w, SAMPLES));
    }
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_journal_that_is_refused_stays_as_it_was)
{
    struct journal *j = create();
    take_samples(j);
    finish(j);
    struct buffer whole = slurp();
    br_error err;
    struct witness w = witness();
    w.refuse_at = 3;
    ck_assert_ptr_null(journal_reopen(directory_fd, path, &w.sink, 0, &err));
    ck_assert_str_eq(err.text, "another job");
    whole.data[JOURNAL_HEADER_SIZE + JOURNAL_FRAME_SIZE] ^= 1;
    spill(whole.data, whole.length);
    w = witness();
    ck_assert_ptr_null(journal_reopen(directory_fd, path, &w.sink, 0, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "is damaged at byte 64 (record 1)"));
    struct buffer after = slurp();
    ck_assert_uint_eq(whole.length, after.length);
    ck_assert_mem_eq(whole.data, after.data, whole.length);
    buffer_finish(&whole);
    buffer_finish(&after);
}
END_TEST

START_TEST(a_journal_that_is_no_longer_there_is_noticed)
{
    for (int replaced = 0; replaced <= 1; replaced++) {
        struct journal *j = create();
        ck_assert_int_eq(journal_commit(j, 0, NULL), 0);
        unlink(path);
        if (replaced)
            spill("", 0);
        take(j, &samples[0]);
        br_error err;
        ck_assert_int_eq(journal_commit(j, 0, &err), -1);
        ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
        ck_assert_ptr_nonnull(strstr(err.text, replaced ? "was replaced" : "was removed"));
        ck_assert_int_eq(journal_close(j, NULL), -1);
        unlink(path);
    }
}
END_TEST

// The loop does not wait; whoever closes does.
START_TEST(a_sync_aside_is_a_sync_all_the_same)
{
    struct journal *j = create_faulty(100, 100);
    journal_sync_aside(j);
    sync_calls = 0;
    for (int i = 1; i <= 5; i++) {
        take(j, &samples[0]);
        ck_assert_int_eq(journal_sync(j, i * 100 * NS_PER_MS, NULL), 0);
    }
    take(j, &samples[0]);
    ck_assert_int_eq(journal_commit(j, 501 * NS_PER_MS, NULL), 0);
    ck_assert_int_ge(sync_calls, 2); // one aside or more, the last
    ck_assert_int_eq(journal_next_sync(j), INT64_MAX);
    faulty_fd = -1;
    finish(j);
}
END_TEST

START_TEST(the_directory_is_synced_aside_as_well_and_once)
{
    struct journal *j = create();
    journal_sync_aside(j);
    take(j, &samples[0]);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, NULL), 0);
    take(j, &samples[0]);
    ck_assert_int_eq(journal_commit(j, 200 * NS_PER_MS, NULL), 0);
    ck_assert_int_eq(directory_syncs, 1);
    ck_assert_int_eq(directory_syncs_here, 0);
    finish(j);
}
END_TEST

START_TEST(a_failed_sync_aside_is_never_tried_again)
{
    struct journal *j = create_faulty(100, 1);
    journal_sync_aside(j);
    take(j, &samples[0]);
    ck_assert_int_eq(journal_sync(j, 100 * NS_PER_MS, NULL), 0); // succeeds
    take(j, &samples[0]);
    ck_assert_int_eq(journal_sync(j, 200 * NS_PER_MS, NULL), 0); // fails, as soon as it begins
    br_error err;
    int result = 0;
    for (int64_t ms = 300; result == 0; ms += 100) {
        ck_assert_int_le(journal_next_sync(j), ms * NS_PER_MS); // it will be looked at
        result = journal_sync(j, ms * NS_PER_MS, &err);
    }
    ck_assert_int_eq(err.kind, BR_ERR_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(err.text, "Input/output error"));
    int calls = sync_calls;
    ck_assert_int_eq(journal_sync(j, INT64_MAX / 2, NULL), -1);
    ck_assert_int_eq(journal_close(j, NULL), -1);
    ck_assert_int_eq(sync_calls, calls);
    faulty_fd = -1;
}
END_TEST

START_TEST(durability_is_a_choice)
{
    static const struct {
        enum journal_durability durability;
        int syncs;
    } cases[] = {{JOURNAL_GROUP, 1}, {JOURNAL_BATCH, 3}, {JOURNAL_UNSYNCED, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct journal *j = create_faulty(100, 100);
        journal_set_durability(j, cases[i].durability);
        sync_calls = 0;
        for (int ms = 80; ms < 110; ms += 10) {
            take(j, &samples[0]);
            ck_assert_int_eq(journal_sync(j, ms * NS_PER_MS, NULL), 0);
        }
        ck_assert_int_eq(sync_calls, cases[i].syncs);
        faulty_fd = -1;
        finish(j);
        unlink(path);
    }
}
END_TEST

START_TEST(a_salt_is_drawn)
{
    const struct journal_identity none = {0};
    br_error err;
    struct journal *j = journal_create(directory_fd, path, &none, 0, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    finish(j);
    struct journal_reader *r = open_journal();
    ck_assert_uint_ne(journal_reader_identity(r)->salt, 0);
    journal_reader_destroy(r);
    ck_assert_uint_ne(journal_hash(0, "a", 1), journal_hash(1, "a", 1));
}
END_TEST

SUITE(journal)
{
    FIXTURE(set_up, tear_down);
    TEST(every_event_comes_back);
    TEST(the_format_has_its_number);
    TEST(a_cut_anywhere_leaves_a_prefix);
    TEST(a_torn_tail_says_where_it_begins);
    TEST(a_wrong_byte_anywhere_is_noticed);
    TEST(damage_is_told_with_its_place);
    TEST(a_missing_record_is_damage);
    TEST(records_of_another_journal_are_damage);
    TEST(other_files_are_refused_politely);
    TEST(no_payload_is_trusted);
    TEST(a_text_ends_where_it_says);
    TEST(successes_of_a_worker_become_one_record);
    TEST(successes_that_differ_stay_apart);
    TEST(durations_keep_their_order_and_size);
    TEST(syncs_come_when_they_are_due);
    TEST(much_is_written_without_waiting);
    LOOP_TEST(a_journal_that_failed_stays_dead, 2);
    TEST(a_full_disk_shows_before_work_is_lost);
    TEST(a_long_journal_asks_for_space_less_often);
    TEST(no_room_at_all_is_told_at_once);
    TEST(a_reopened_journal_goes_on);
    TEST(a_reopened_journal_loses_its_torn_tail_alone);
    TEST(a_journal_that_is_refused_stays_as_it_was);
    TEST(a_journal_that_is_no_longer_there_is_noticed);
    TEST(a_sync_aside_is_a_sync_all_the_same);
    TEST(the_directory_is_synced_aside_as_well_and_once);
    TEST(a_failed_sync_aside_is_never_tried_again);
    TEST(durability_is_a_choice);
    TEST(a_salt_is_drawn);
}
