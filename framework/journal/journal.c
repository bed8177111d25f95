// SPDX-License-Identifier: BSD-3-Clause
// Writes the journal: joins successes, buffers records, reserves space, syncs, and reopens.
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/fd.h"
#include "journal/journal_read.h"
#include "journal/syncer.h"

enum {
    BATCH_SLOTS = 64,       // more workers than this share the batches
    BATCH_KEEP = 16 * 1024, // bytes of memory that an empty batch keeps
    WRITE_AT = 64 * 1024,   // bytes that are gathered before they are written
    RESERVE_STEP = 1024 * 1024,
    RESERVE_STEP_MAX = 64 * RESERVE_STEP,
    RESERVE_MARGIN = 256 * 1024,
};

static const int64_t sync_interval = 100 * NS_PER_MS;
static const int64_t join_gap = NS_PER_MS; // the longest idle time within a joint record

// Successes of consecutive rows that will be one record.
struct batch {
    struct event_tasks_ok head; // of its durations and results only whether they are NULL counts
    int64_t time_ns;
    int64_t end_ns; // when its last task ended
    struct buffer codes;
    struct buffer results;
};

struct journal {
    struct event_sink sink;
    int fd;
    int directory;
    char *path;
    struct journal_identity id;
    uint64_t sequence;
    uint64_t chain; // checksum of the last record
    struct batch batches[BATCH_SLOTS];
    size_t batched;        // bytes in all batches
    struct buffer records; // whole records that are not written yet
    uint64_t written;      // bytes in the file
    uint64_t reserved;     // bytes of the file that the file system has promised
    bool can_reserve;
    bool unsynced;         // an event was taken that is not durable yet
    bool directory_synced; // the name of the file is durable
    int64_t last_sync;
    enum journal_durability durability;
    struct syncer *syncer; // syncs in a thread of its own, or NULL
    bool asked;            // the syncer's last result was not looked at yet
    dev_t device;          // device and inode show whether the name is still this file's
    ino_t inode;
    bool dead;
    br_error death;
};

// ---- Writing

static int die(struct journal *j, br_error *err)
{
    if (!j->dead) {
        j->dead = true;
        br_error_set(
            &j->death, BR_ERR_INTERRUPTED,
            "the journal %s could not be written: %s%s; the run stops, and all that reached "
            "the disk is kept: --resume continues from there",
            j->path, strerror(errno), errno == EFBIG ? " (the limit is that of ulimit -f)" : "");
    }
    if (err)
        *err = j->death;
    return -1;
}

static int is_alive(const struct journal *j, br_error *err)
{
    if (j->dead && err)
        *err = j->death;
    return j->dead ? -1 : 0;
}

// Returns how many bytes to reserve at a time. A long journal grows fast, and a reservation may
// wait for a sync, so the step grows with the file.
static uint64_t reserve_step(const struct journal *j)
{
    uint64_t eighth = j->written / 8 / RESERVE_STEP * RESERVE_STEP;
    return eighth < RESERVE_STEP       ? RESERVE_STEP
           : eighth < RESERVE_STEP_MAX ? eighth
                                       : RESERVE_STEP_MAX;
}

// Reserves space for `ahead` more bytes, so that a full disk is found before work is lost. Returns
// 0, or -1 with errno. A file system that cannot reserve space is not asked again.
static int reserve(struct journal *j, uint64_t ahead)
{
    uint64_t step = reserve_step(j);
    while (j->can_reserve && j->reserved < j->written + ahead) {
        if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, (off_t)j->reserved, (off_t)step) == 0)
            j->reserved += step;
        else if (step > RESERVE_STEP && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            step = RESERVE_STEP; // there may be room for a smaller step
        else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO)
            return -1;
        else if (errno != EINTR)
            j->can_reserve = false;
    }
    return 0;
}

static int write_records(struct journal *j, br_error *err)
{
    if (j->records.failed) {
        errno = ENOMEM;
        return die(j, err);
    }
    size_t length = j->records.length;
    if (length == 0)
        return 0;
    if (fd_write_all(j->fd, j->records.data, length) != 0)
        return die(j, err);
    j->written += length;
    if (j->records.capacity / 4 > WRITE_AT)
        buffer_finish(&j->records);
    else
        buffer_clear(&j->records);
    if (reserve(j, RESERVE_MARGIN) != 0) {
        int saved = errno;
        fd_sync_data(j->fd); // keeps what was written; the run ends in any case
        errno = saved;
        return die(j, err);
    }
    return 0;
}

static int append_record(struct journal *j, const struct event *event, const unsigned char *codes,
                         br_error *err)
{
    size_t start = journal_record_begin(&j->records);
    journal_encode(&j->records, event, codes);
    if (!j->records.failed &&
        j->records.length - start - JOURNAL_FRAME_SIZE > JOURNAL_PAYLOAD_MAX) {
        j->records.length = start;
        errno = EMSGSIZE;
        return die(j, err);
    }
    j->sequence++;
    j->chain =
        journal_record_end(&j->records, start, event->type, j->id.salt, j->sequence, j->chain);
    j->unsynced = true;
    return 0;
}

// ---- Joining successes

static void empty_batch(struct journal *j, struct batch *b)
{
    j->batched -= b->codes.length + b->results.length;
    b->head.count = 0;
    if (b->codes.capacity > BATCH_KEEP)
        buffer_finish(&b->codes);
    if (b->results.capacity > BATCH_KEEP)
        buffer_finish(&b->results);
    buffer_clear(&b->codes);
    buffer_clear(&b->results);
}

static int close_batch(struct journal *j, struct batch *b, br_error *err)
{
    if (b->head.count == 0)
        return 0;
    if (b->codes.failed || b->results.failed) {
        errno = ENOMEM;
        return die(j, err);
    }
    struct event event = {.type = EVENT_TASKS_OK, .time_ns = b->time_ns, .tasks_ok = b->head};
    // Rows without columns have no bytes, which is not the same as no rows.
    event.tasks_ok.results =
        b->head.results ? (b->results.data ? b->results.data : (const void *)"") : NULL;
    event.tasks_ok.results_size = b->results.length;
    int result = append_record(
        j, &event, b->head.durations ? (const unsigned char *)b->codes.data : NULL, err);
    empty_batch(j, b);
    return result;
}

static int close_batches(struct journal *j, br_error *err)
{
    for (size_t i = 0; i < BATCH_SLOTS; i++)
        if (close_batch(j, &j->batches[i], err) != 0)
            return -1;
    return 0;
}

static bool can_join(const struct batch *b, const struct event_tasks_ok *e)
{
    const struct event_tasks_ok *head = &b->head;
    return head->count > 0 && head->phase == e->phase && head->worker == e->worker &&
           head->attempt == e->attempt && head->first + head->count == e->first &&
           !head->durations == !e->durations && !head->results == !e->results &&
           e->start_ns - b->end_ns <= join_gap;
}

// Appends the durations as codes. Returns their sum in ns.
static int64_t add_codes(struct batch *b, const struct event_tasks_ok *e)
{
    int64_t sum = 0;
    unsigned char *codes = buffer_extend(&b->codes, (size_t)e->count);
    for (uint64_t i = 0; codes && i < e->count; i++) {
        codes[i] = journal_duration_encode(e->durations[i]);
        sum += e->durations[i];
    }
    return sum;
}

static int take_tasks_ok(struct journal *j, const struct event *event, br_error *err)
{
    const struct event_tasks_ok *e = &event->tasks_ok;
    struct batch *b = &j->batches[e->worker % BATCH_SLOTS];
    if (!can_join(b, e)) {
        if (close_batch(j, b, err) != 0)
            return -1;
        b->head = *e;
        b->head.count = 0;
    }
    b->head.count += e->count;
    b->time_ns = event->time_ns;
    b->end_ns = e->durations ? e->start_ns + add_codes(b, e) : event->time_ns;
    if (e->results)
        buffer_append(&b->results, e->results, e->results_size);
    j->batched += (e->durations ? (size_t)e->count : 0) + (e->results ? e->results_size : 0);
    j->unsynced = true;
    return 0;
}

static int journal_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct journal *j = (struct journal *)sink;
    if (is_alive(j, err) != 0)
        return -1;
    int result = event->type == EVENT_TASKS_OK ? take_tasks_ok(j, event, err)
                 : event->type != EVENT_OUTPUT && close_batches(j, err) != 0
                     ? -1
                     : append_record(j, event, NULL, err);
    if (result != 0)
        return -1;
    if (j->batched + j->records.length < WRITE_AT)
        return 0;
    return close_batches(j, err) != 0 ? -1 : write_records(j, err);
}

// ---- Durability

// Fails if the name "journal" is no longer this file: what is written to it would be lost.
static int check_place(struct journal *j, br_error *err)
{
    struct stat st;
    bool there = fstatat(j->directory, "journal", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && st.st_dev == j->device && st.st_ino == j->inode)
        return 0;
    if (!there && errno != ENOENT)
        return die(j, err);
    j->dead = true;
    br_error_set(&j->death, BR_ERR_SYSTEM,
                 "the journal %s was %s while the run wrote it, so the run stops and cannot be "
                 "resumed; --fresh starts it anew",
                 j->path, there ? "replaced" : "removed");
    return is_alive(j, err);
}

// Returns the directory if the first sync is still to come, which syncs it too; else -1.
static int unsynced_directory(const struct journal *j)
{
    return j->directory_synced ? -1 : j->directory;
}

static int sync_file(struct journal *j, br_error *err)
{
    if (j->durability == JOURNAL_UNSYNCED)
        return 0;
    if (j->syncer && syncer_wait(j->syncer) != 0)
        return die(j, err);
    j->directory_synced |= j->asked;
    if (syncer_sync(j->fd, unsynced_directory(j)) != 0)
        return die(j, err);
    j->asked = false;
    j->directory_synced = true;
    return 0;
}

static int write_all(struct journal *j, br_error *err)
{
    return close_batches(j, err) != 0 || write_records(j, err) != 0 ? -1 : check_place(j, err);
}

int journal_commit(struct journal *j, int64_t now, br_error *err)
{
    if (is_alive(j, err) != 0)
        return -1;
    if (!j->unsynced && !j->asked)
        return 0;
    if (write_all(j, err) != 0 || sync_file(j, err) != 0)
        return -1;
    j->unsynced = false;
    j->last_sync = now;
    return 0;
}

void journal_sync_aside(struct journal *j)
{
    if (!j->syncer)
        j->syncer = syncer_create(j->fd);
}

// Asks the syncer to sync. If it is still busy, it is asked again after the next interval.
static int sync_aside(struct journal *j, int64_t now, br_error *err)
{
    int busy = j->asked ? syncer_look(j->syncer) : 0;
    if (busy < 0)
        return die(j, err);
    j->directory_synced |= j->asked && !busy;
    j->asked = busy > 0;
    j->last_sync = now;
    if (busy || !j->unsynced)
        return 0;
    if (write_all(j, err) != 0)
        return -1;
    syncer_ask(j->syncer, unsynced_directory(j));
    j->asked = true;
    j->unsynced = false;
    return 0;
}

uint64_t journal_salt(const struct journal *j)
{
    return j->id.salt;
}

void journal_set_durability(struct journal *j, enum journal_durability durability)
{
    j->durability = durability;
}

int64_t journal_next_sync(const struct journal *j)
{
    if ((!j->unsynced && !j->asked) || j->dead)
        return INT64_MAX;
    return j->durability == JOURNAL_BATCH ? j->last_sync : j->last_sync + sync_interval;
}

int journal_sync(struct journal *j, int64_t now, br_error *err)
{
    if (is_alive(j, err) != 0)
        return -1;
    if (now < journal_next_sync(j))
        return 0;
    bool aside = j->syncer && j->durability == JOURNAL_GROUP;
    return aside ? sync_aside(j, now, err) : journal_commit(j, now, err);
}

// ---- Life

// Returns a number that is not 0 and tells runs apart. It is not a secret, so the clock will do
// where the kernel gives no random numbers.
static uint64_t draw_salt(void)
{
    uint64_t salt;
    if (getrandom(&salt, sizeof salt, 0) == sizeof salt && salt != 0)
        return salt;
    return ((uint64_t)clock_wall() << 20 ^ (uint64_t)getpid()) | 1;
}

static int write_header(struct journal *j, br_error *err)
{
    if (j->id.salt == 0)
        j->id.salt = draw_salt();
    unsigned char header[JOURNAL_HEADER_SIZE];
    journal_header_encode(header, &j->id);
    j->chain = journal_header_checksum(header);
    if (reserve(j, RESERVE_STEP) != 0 || fd_write_all(j->fd, header, sizeof header) != 0) {
        bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
        br_error_errno(err, "cannot write the journal %s", j->path);
        if (err && full)
            err->kind = BR_ERR_INTERRUPTED;
        return -1;
    }
    j->written = sizeof header;
    j->unsynced = true;
    return 0;
}

static struct journal *make(int directory, const char *path, int64_t now, br_error *err)
{
    struct journal *j = calloc(1, sizeof *j);
    char *shown = strdup(path);
    if (!j || !shown) {
        free(shown);
        free(j);
        br_error_nomem(err);
        return NULL;
    }
    *j = (struct journal){
        .sink.take = journal_take,
        .fd = -1,
        .directory = directory,
        .path = shown,
        .can_reserve = true,
        .last_sync = now,
    };
    return j;
}

static int open_file(struct journal *j, int flags, const char *verb, br_error *err)
{
    struct stat st;
    j->fd =
        fd_open(j->directory, "journal", O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (j->fd < 0 && errno == ELOOP)
        return br_error_set(err, BR_ERR_USAGE,
                            "cannot %s the journal %s: it is a symbolic link, which batchrun does "
                            "not follow",
                            verb, j->path);
    if (j->fd < 0 || fstat(j->fd, &st) != 0)
        return br_error_errno(err, "cannot %s the journal %s", verb, j->path);
    j->device = st.st_dev;
    j->inode = st.st_ino;
    return 0;
}

struct journal *journal_create(int directory, const char *path, const struct journal_identity *id,
                               int64_t now, br_error *err)
{
    struct journal *j = make(directory, path, now, err);
    if (!j)
        return NULL;
    j->id = *id;
    if (open_file(j, O_CREAT | O_EXCL, "make", err) != 0) {
        journal_destroy(j);
        return NULL;
    }
    if (write_header(j, err) != 0) {
        unlinkat(directory, "journal", 0);
        journal_destroy(j);
        return NULL;
    }
    return j;
}

// ---- Reopening

// Gives every event to `past`, and finds the end of the last whole record.
static int replay(struct journal *j, struct journal_reader *r, struct event_sink *past,
                  br_error *err)
{
    struct event event;
    int got;
    while ((got = journal_next(r, &event, err)) > 0)
        if (past->take(past, &event, err) != 0)
            return -1;
    if (got < 0)
        return -1;
    j->id = *journal_reader_identity(r);
    j->written = j->reserved = journal_reader_offset(r);
    j->sequence = journal_reader_sequence(r);
    j->chain = journal_reader_chain(r);
    return 0;
}

// Cuts off what an interrupted writer left after the last whole record.
static int cut(struct journal *j, uint64_t size, br_error *err)
{
    if (fd_truncate(j->fd, (off_t)size) == 0 && fd_sync_data(j->fd) == 0)
        return 0;
    return br_error_errno(err, "cannot cut off the torn end of the journal %s", j->path);
}

static int go_on(struct journal *j, struct event_sink *past, br_error *err)
{
    struct stat st;
    if (fstat(j->fd, &st) != 0)
        return br_error_errno(err, "cannot look at the journal %s", j->path);
    // The writer was interrupted within the first bytes: the run had not started.
    if (S_ISREG(st.st_mode) && st.st_size < JOURNAL_HEADER_SIZE)
        return cut(j, 0, err) == 0 ? write_header(j, err) : -1;
    struct journal_reader *r = journal_open_at(j->directory, j->path, err);
    int result = r ? replay(j, r, past, err) : -1;
    if (result == 0 && journal_reader_torn(r))
        result = cut(j, j->written, err);
    journal_reader_destroy(r);
    return result;
}

struct journal *journal_reopen(int directory, const char *path, struct event_sink *past,
                               int64_t now, br_error *err)
{
    struct journal *j = make(directory, path, now, err);
    if (!j)
        return NULL;
    // O_NONBLOCK: opening a FIFO of that name must not block before the reader refuses it.
    if (open_file(j, O_NONBLOCK, "open", err) != 0 || go_on(j, past, err) != 0) {
        journal_destroy(j);
        return NULL;
    }
    return j;
}

struct event_sink *journal_sink(struct journal *j)
{
    return &j->sink;
}

int journal_close(struct journal *j, br_error *err)
{
    int result = journal_commit(j, j->last_sync, err);
    if (result == 0 && j->reserved > j->written) {
        // Gives back the space after the end. If that fails, the file only takes more space.
        if (fd_truncate(j->fd, (off_t)j->written) != 0)
            j->reserved = 0;
    }
    journal_destroy(j);
    return result;
}

void journal_destroy(struct journal *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < BATCH_SLOTS; i++) {
        buffer_finish(&j->batches[i].codes);
        buffer_finish(&j->batches[i].results);
    }
    buffer_finish(&j->records);
    syncer_destroy(j->syncer);
    fd_close(&j->fd);
    int saved = errno;
    free(j->path);
    free(j);
    errno = saved;
}

uint64_t journal_hash(uint64_t seed, const void *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
