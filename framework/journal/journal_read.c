// SPDX-License-Identifier: BSD-3-Clause
// Reads records, and distinguishes a torn tail from damage by looking for valid records after it.
#include "journal/journal_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"

enum {
    WINDOW = 256 * 1024,
    CANDIDATES_MAX = 1000 // marks that are tried after a bad record before the search ends
};

struct journal_reader {
    int fd;
    char *path;
    uint64_t size;   // of the file when it was opened
    uint64_t offset; // of the next record
    // A piece of the file that begins at window_at. It begins and ends at multiples of 8, as
    // records do.
    struct buffer window;
    uint64_t window_at;
    struct journal_identity id;
    uint64_t chain;
    uint64_t sequence; // of the last record that was read
    struct buffer durations;
    bool torn;
    bool bad;
    br_error reason;
};

// Makes sure that `count` bytes at `offset`, which the file has, are in the window. Returns them,
// 8-aligned if `offset` is, or NULL and *err.
static const unsigned char *look(struct journal_reader *r, uint64_t offset, size_t count,
                                 br_error *err)
{
    if (offset >= r->window_at && offset - r->window_at <= r->window.length &&
        count <= r->window.length - (offset - r->window_at))
        return (unsigned char *)r->window.data + (offset - r->window_at);
    uint64_t start = offset & ~UINT64_C(7);
    uint64_t wanted = offset - start + (count < WINDOW ? WINDOW : count);
    if (wanted > r->size - start)
        wanted = r->size - start;
    buffer_clear(&r->window);
    r->window_at = start;
    char *data = buffer_extend(&r->window, (size_t)wanted);
    if (!data) {
        br_error_nomem(err);
        return NULL;
    }
    for (uint64_t got = 0; got < wanted;) {
        ssize_t n = pread(r->fd, data + got, (size_t)(wanted - got), (off_t)(start + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n < 0)
                br_error_errno(err, "cannot read the journal %s", r->path);
            else
                br_error_set(err, BR_ERR_SYSTEM, "the journal %s shrank while it was read",
                             r->path);
            buffer_clear(&r->window);
            return NULL;
        }
        got += (uint64_t)n;
    }
    return (unsigned char *)data + (offset - start);
}

// Looks for a whole, valid record at `offset`. Returns 1 with its frame and its bytes, 0 if there
// is none, -1 and *err if the file cannot be read.
static int record_at(struct journal_reader *r, uint64_t offset, struct journal_frame *frame,
                     const unsigned char **data, br_error *err)
{
    if (r->size - offset < JOURNAL_FRAME_SIZE)
        return 0;
    const unsigned char *at = look(r, offset, JOURNAL_FRAME_SIZE, err);
    if (!at)
        return -1;
    if (!journal_frame_decode(at, r->id.salt, frame) ||
        journal_record_size(frame->length) > r->size - offset)
        return 0;
    at = look(r, offset, journal_record_size(frame->length), err);
    if (!at)
        return -1;
    *data = at;
    return journal_record_valid(at, frame);
}

// Looks after `offset` for a valid record of this run that is later than the last one read. Returns
// 1 with its offset, 0 if there is none, -1 and *err if the file cannot be read.
static int find_later(struct journal_reader *r, uint64_t offset, uint64_t *found, br_error *err)
{
    unsigned char mark[JOURNAL_MARK_SIZE];
    journal_mark(mark, r->id.salt);
    int candidates = 0;
    uint64_t at = offset + 1;
    while (r->size - at >= JOURNAL_FRAME_SIZE) {
        size_t span = r->size - at < WINDOW ? (size_t)(r->size - at) : WINDOW;
        const unsigned char *data = look(r, at, span, err);
        if (!data)
            return -1;
        const unsigned char *hit = memmem(data, span, mark, sizeof mark);
        if (!hit) {
            at += span - (sizeof mark - 1);
            continue;
        }
        uint64_t place = at + (uint64_t)(hit - data);
        at = place + 1;
        if (place < offset + 1 + JOURNAL_MARK_AT)
            continue;
        place -= JOURNAL_MARK_AT;
        struct journal_frame frame;
        int result = record_at(r, place, &frame, &data, err);
        if (result < 0)
            return -1;
        if ((result == 1 && frame.sequence > r->sequence) || ++candidates == CANDIDATES_MAX) {
            *found = place;
            return 1;
        }
    }
    return 0;
}

static int refuse(struct journal_reader *r, const char *why, br_error *err)
{
    r->bad = true;
    br_error_set(&r->reason, BR_ERR_USAGE,
                 "the journal %s is damaged at byte %" PRIu64 " (record %" PRIu64 "): %s", r->path,
                 r->offset, r->sequence + 1, why);
    if (err)
        *err = r->reason;
    return -1;
}

// There is no valid record at the reader's offset. Decides whether it is the end or damage.
static int judge_end(struct journal_reader *r, br_error *err)
{
    if (r->offset == r->size)
        return 0;
    uint64_t found = 0;
    int later = find_later(r, r->offset, &found, err);
    if (later < 0)
        return -1;
    if (later) {
        char why[96];
        snprintf(why, sizeof why,
                 "no valid record stands there, yet later ones follow at byte %" PRIu64, found);
        return refuse(r, why, err);
    }
    r->torn = true;
    return 0;
}

int journal_next(struct journal_reader *r, struct event *event, br_error *err)
{
    if (r->bad) {
        if (err)
            *err = r->reason;
        return -1;
    }
    if (r->torn)
        return 0;
    struct journal_frame frame;
    const unsigned char *data = NULL;
    int result = record_at(r, r->offset, &frame, &data, err);
    if (result < 0)
        return -1;
    if (result == 0)
        return judge_end(r, err);
    if (frame.sequence != r->sequence + 1)
        return refuse(r, "it is out of sequence", err);
    if (frame.previous != r->chain)
        return refuse(r, "it does not follow the record before it", err);
    br_error why;
    if (journal_decode(frame.type, data + JOURNAL_FRAME_SIZE, frame.length, event, &r->durations,
                       &why) != 0) {
        if (why.kind == BR_ERR_USAGE)
            return refuse(r, why.text, err);
        if (err)
            *err = why;
        return -1;
    }
    r->offset += journal_record_size(frame.length);
    r->sequence = frame.sequence;
    r->chain = frame.checksum;
    return 1;
}

bool journal_reader_torn(const struct journal_reader *r)
{
    return r->torn;
}

uint64_t journal_reader_offset(const struct journal_reader *r)
{
    return r->offset;
}

uint64_t journal_reader_sequence(const struct journal_reader *r)
{
    return r->sequence;
}

uint64_t journal_reader_chain(const struct journal_reader *r)
{
    return r->chain;
}

const struct journal_identity *journal_reader_identity(const struct journal_reader *r)
{
    return &r->id;
}

static int open_file(struct journal_reader *r, int directory, const char *name, br_error *err)
{
    // O_NONBLOCK: opening a FIFO of that name must not block before fstat refuses it.
    r->fd = fd_open(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    struct stat st;
    if (r->fd < 0 || fstat(r->fd, &st) != 0) {
        br_error_errno(err, "cannot open the journal %s", r->path);
        if (err && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
            err->kind = BR_ERR_USAGE;
        return -1;
    }
    if (!S_ISREG(st.st_mode))
        return br_error_set(err, BR_ERR_USAGE, "the journal %s is not a regular file", r->path);
    r->size = (uint64_t)st.st_size;
    return 0;
}

static int read_header(struct journal_reader *r, br_error *err)
{
    size_t size = r->size < JOURNAL_HEADER_SIZE ? (size_t)r->size : JOURNAL_HEADER_SIZE;
    const unsigned char *data = size > 0 ? look(r, 0, size, err) : (const unsigned char *)"";
    if (!data)
        return -1;
    br_error why;
    if (journal_header_decode(data, size, &r->id, &why) != 0)
        return br_error_set(err, why.kind, "the journal %s %s", r->path, why.text);
    r->chain = journal_header_checksum(data);
    r->offset = JOURNAL_HEADER_SIZE;
    return 0;
}

static struct journal_reader *open_reader(int directory, const char *name, const char *path,
                                          br_error *err)
{
    struct journal_reader *r = calloc(1, sizeof *r);
    if (!r) {
        br_error_nomem(err);
        return NULL;
    }
    r->fd = -1;
    r->path = strdup(path);
    if (!r->path)
        br_error_nomem(err);
    if (!r->path || open_file(r, directory, name, err) != 0 || read_header(r, err) != 0) {
        journal_reader_destroy(r);
        return NULL;
    }
    return r;
}

struct journal_reader *journal_open(const char *path, br_error *err)
{
    return open_reader(AT_FDCWD, path, path, err);
}

struct journal_reader *journal_open_at(int directory, const char *path, br_error *err)
{
    return open_reader(directory, "journal", path, err);
}

void journal_reader_destroy(struct journal_reader *r)
{
    if (!r)
        return;
    fd_close(&r->fd);
    int saved = errno;
    buffer_finish(&r->window);
    buffer_finish(&r->durations);
    free(r->path);
    free(r);
    errno = saved;
}
