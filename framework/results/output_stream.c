// SPDX-License-Identifier: BSD-3-Clause
// Buffers what the formats write, and walks over the rows of a result file.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "results/output_format.h"

enum {
    STREAM_SIZE = 256 * 1024
};

int output_failed(const struct output_stream *s, br_error *err)
{
    int cause = errno;
    br_error_errno(err, "cannot write %s", s->path);
    // A full disk interrupts the run, unless it is the disk that standard output goes to.
    bool full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;
    if (err && full && s->fd != STDOUT_FILENO)
        err->kind = BR_ERR_INTERRUPTED;
    return -1;
}

int output_flush(struct output_stream *s, br_error *err)
{
    size_t count = s->length;
    s->length = 0;
    if (s->closed || fd_write_until(s->fd, s->data, count, s->given_up) == 0)
        return 0;
    if (errno == EPIPE && s->fd == STDOUT_FILENO) {
        s->closed = true;
        return 0;
    }
    return output_failed(s, err);
}

char *output_room(struct output_stream *s, size_t count, br_error *err)
{
    if (count > STREAM_SIZE - s->length && output_flush(s, err) != 0)
        return NULL;
    return s->data + s->length;
}

int output_bytes(struct output_stream *s, const void *data, size_t count, br_error *err)
{
    const char *at = data;
    while (count > 0) {
        if (s->length == STREAM_SIZE && output_flush(s, err) != 0)
            return -1;
        size_t part = STREAM_SIZE - s->length < count ? STREAM_SIZE - s->length : count;
        memcpy(s->data + s->length, at, part);
        s->length += part;
        at += part;
        count -= part;
    }
    return 0;
}

int output_base64(struct output_stream *s, const char *data, size_t count, br_error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)data;
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= left > 2 ? in[i + 2] : 0;
        char *to = output_room(s, 4, err);
        if (!to)
            return -1;
        for (int d = 0; d < 4; d++)
            to[d] = digits[bits >> (18 - 6 * d) & 63];
        if (left < 3)
            to[3] = '=';
        if (left < 2)
            to[2] = '=';
        output_used(s, 4);
    }
    return 0;
}

int output_each(struct output_stream *s, const struct output_rows *rows,
                int (*row)(struct output_stream *s, const struct output_rows *rows, uint64_t index,
                           br_error *err),
                br_error *err)
{
    const struct results *r = rows->results;
    uint64_t end = results_rows(r);
    for (uint64_t i = results_next(r, 0); i < end && !s->closed; i = results_next(r, i + 1)) {
        results_cells(r, i, rows->cells);
        if (row(s, rows, i, err) != 0)
            return -1;
    }
    return 0;
}

int output_begin(struct output_stream *s, br_error *err)
{
    s->data = malloc(STREAM_SIZE);
    return s->data ? 0 : br_error_nomem(err);
}
