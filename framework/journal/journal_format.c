// SPDX-License-Identifier: BSD-3-Clause
// The format of a journal. docs/journal-format.md describes it in full for other readers.
//
// A header of 64 bytes, then records. Numbers are little-endian; checksums are XXH3-64.
//
//     header  0 "batchrun"  8 format  12 flags  16 salt  24 zeros  56 checksum of bytes 0 to 55
//
//     record  0 checksum of everything after it   8 checksum of the record before (or the header)
//            16 mark: B5 'R' 'e' 'c'             20 low half of the salt   24 sequence: 1, 2, ...
//            32 type   36 length of the payload  40 payload, then zeros to a multiple of 8
//
// A payload is the time of the event and its fields, each a LEB128 number (signed ones in zigzag)
// or a text: its length, its bytes and one NUL. Packed rows of results are 8-aligned. A sample:
//
//     40  9A 9C 01       time: 9997 ns
//     43  06             exit status: 3
//     44  08 "finished"  length and bytes
//     53  00             NUL: the payload of an EVENT_RUN_END ends, of 14 bytes; 2 zeros follow
#include "journal/journal_format.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static const char file_magic[8] = "batchrun";
static const char record_magic[4] = "\xB5Rec";

enum {
    ROWS_BIG_ENDIAN = 1 // header flag: the machine that packed the rows was big-endian
};

static const uint32_t native_flags = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ROWS_BIG_ENDIAN : 0;

static void store32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static void store64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t load32(const unsigned char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static uint64_t load64(const unsigned char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

// ---- Header

void journal_header_encode(unsigned char out[JOURNAL_HEADER_SIZE],
                           const struct journal_identity *id)
{
    memset(out, 0, JOURNAL_HEADER_SIZE);
    memcpy(out, file_magic, sizeof file_magic);
    store32(out + 8, JOURNAL_VERSION);
    store32(out + 12, native_flags);
    store64(out + 16, id->salt);
    store64(out + 56, XXH3_64bits(out, 56));
}

uint64_t journal_header_checksum(const unsigned char header[JOURNAL_HEADER_SIZE])
{
    return load64(header + 56);
}

int journal_header_decode(const unsigned char *data, size_t size, struct journal_identity *id,
                          br_error *err)
{
    if (size < 12)
        return br_error_set(err, BR_ERR_USAGE, "ends within its header (%zu bytes)", size);
    if (memcmp(data, file_magic, sizeof file_magic) != 0)
        return br_error_set(err, BR_ERR_USAGE, "is not a batchrun journal");
    // The version is checked first, because another format may have another header.
    uint32_t version = load32(data + 8);
    if (version != JOURNAL_VERSION)
        return br_error_set(err, BR_ERR_USAGE,
                            "has format %" PRIu32
                            "; this batchrun reads format %d: use the batchrun that wrote it",
                            version, JOURNAL_VERSION);
    if (size < JOURNAL_HEADER_SIZE)
        return br_error_set(err, BR_ERR_USAGE, "ends within its header (%zu bytes)", size);
    if (journal_header_checksum(data) != XXH3_64bits(data, 56))
        return br_error_set(err, BR_ERR_USAGE, "is damaged: its header has a wrong checksum");
    if (load32(data + 12) != native_flags)
        return br_error_set(err, BR_ERR_USAGE,
                            "was written on a machine of the other byte order: read it there");
    *id = (struct journal_identity){.salt = load64(data + 16)};
    return 0;
}

// ---- Frame

void journal_mark(unsigned char out[JOURNAL_MARK_SIZE], uint64_t salt)
{
    memcpy(out, record_magic, sizeof record_magic);
    store32(out + 4, (uint32_t)salt);
}

size_t journal_record_size(uint32_t length)
{
    return (size_t)JOURNAL_FRAME_SIZE + (((size_t)length + 7) & ~(size_t)7);
}

size_t journal_record_begin(struct buffer *out)
{
    size_t start = out->length;
    buffer_extend(out, JOURNAL_FRAME_SIZE);
    return start;
}

uint64_t journal_record_end(struct buffer *out, size_t start, enum event_type type, uint64_t salt,
                            uint64_t sequence, uint64_t previous)
{
    size_t length = out->length - start - JOURNAL_FRAME_SIZE;
    buffer_align(out, 8);
    if (out->failed)
        return 0;
    unsigned char *frame = (unsigned char *)out->data + start;
    store64(frame + 8, previous);
    journal_mark(frame + JOURNAL_MARK_AT, salt);
    store64(frame + 24, sequence);
    store32(frame + 32, (uint32_t)type);
    store32(frame + 36, (uint32_t)length);
    uint64_t checksum = XXH3_64bits(frame + 8, out->length - start - 8);
    store64(frame, checksum);
    return checksum;
}

bool journal_frame_decode(const unsigned char *data, uint64_t salt, struct journal_frame *out)
{
    unsigned char mark[JOURNAL_MARK_SIZE];
    journal_mark(mark, salt);
    uint32_t length = load32(data + 36);
    if (memcmp(data + JOURNAL_MARK_AT, mark, sizeof mark) != 0 || length > JOURNAL_PAYLOAD_MAX)
        return false;
    *out = (struct journal_frame){
        .checksum = load64(data),
        .previous = load64(data + 8),
        .sequence = load64(data + 24),
        .type = load32(data + 32),
        .length = length,
    };
    return true;
}

bool journal_record_valid(const unsigned char *data, const struct journal_frame *frame)
{
    return XXH3_64bits(data + 8, journal_record_size(frame->length) - 8) == frame->checksum;
}

// ---- Encoding payloads

static void put(struct buffer *out, uint64_t value)
{
    unsigned char bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (unsigned char)(value | 0x80);
    bytes[count++] = (unsigned char)value;
    buffer_append(out, bytes, count);
}

static void put_signed(struct buffer *out, int64_t value)
{
    put(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void put_text(struct buffer *out, const char *text)
{
    size_t length = strlen(text);
    put(out, length);
    buffer_append(out, text, length + 1);
}

// Appends packed rows or their absence; 8-aligned, so that they can be read in place.
static void put_rows(struct buffer *out, const void *data, size_t size)
{
    put(out, data != NULL);
    if (!data)
        return;
    put(out, size);
    buffer_align(out, 8);
    buffer_append(out, data, size);
}

static void put_cpuset(struct buffer *out, const struct cpuset *set)
{
    uint64_t used = 0;
    for (size_t i = 0; i < CPUSET_MAX / 64; i++)
        used += set->words[i] != 0;
    put(out, used);
    for (size_t i = 0; i < CPUSET_MAX / 64; i++) {
        if (set->words[i] == 0)
            continue;
        put(out, i);
        put(out, set->words[i]);
    }
}

static void encode_run_begin(struct buffer *out, const struct event_run_begin *e)
{
    put_text(out, e->name);
    put_text(out, e->job_file);
    put_text(out, e->version);
    put_text(out, e->host);
    put_signed(out, e->wall_ns);
    put(out, e->workers);
    put(out, e->phases);
    put_text(out, e->limits);
    put_text(out, e->part);
}

static void encode_accept(struct buffer *out, const struct event_accept *e)
{
    put_text(out, e->what);
    put_text(out, e->name);
    put(out, e->old_hash);
    put(out, e->new_hash);
    put_signed(out, e->old_ns);
    put_signed(out, e->new_ns);
    put_signed(out, e->wall_ns);
    put_text(out, e->detail);
}

static void encode_input_rows(struct buffer *out, const struct event_input_rows *e)
{
    put_text(out, e->what);
    put(out, e->hash);
    put(out, e->rows);
    put(out, e->columns);
    put(out, e->first);
    put_rows(out, e->hashes, e->hashes_size);
    put_rows(out, e->image, e->image_size);
}

static void encode_phase_begin(struct buffer *out, const struct event_phase_begin *e)
{
    put(out, e->phase);
    put_text(out, e->name);
    put_text(out, e->task);
    put(out, e->tasks);
    put(out, e->left_out);
    put(out, e->signature);
    put(out, e->source);
}

static void encode_phase_end(struct buffer *out, const struct event_phase_end *e)
{
    put(out, e->phase);
    put(out, (uint64_t)e->how);
    put(out, e->skipped);
}

static void encode_phase_keep(struct buffer *out, const struct event_phase_keep *e)
{
    put(out, e->phase);
    put(out, e->dropped);
    put(out, e->tasks);
    for (int i = OUTCOME_OK; i < OUTCOME_COUNT; i++)
        put(out, e->outcomes[i]);
    put_rows(out, e->spans, e->span_count * sizeof *e->spans);
    put_rows(out, e->made, e->made_count * sizeof *e->made);
}

static void encode_run_resume(struct buffer *out, const struct event_run_resume *e)
{
    put_text(out, e->version);
    put_text(out, e->host);
    put_signed(out, e->wall_ns);
    put(out, e->workers);
    put(out, e->retry_failed);
}

static void encode_source(struct buffer *out, const struct event_source *e)
{
    put_text(out, e->what);
    put_text(out, e->name);
    put(out, e->hash);
    put_signed(out, e->changed_ns);
}

static void encode_worker_begin(struct buffer *out, const struct event_worker_begin *e)
{
    put(out, e->worker);
    put_signed(out, e->pid);
    put(out, e->start);
    put_cpuset(out, &e->cpus);
}

static void encode_worker_end(struct buffer *out, const struct event_worker_end *e)
{
    put(out, e->worker);
    put_signed(out, e->pid);
    put_signed(out, e->signal);
    put_signed(out, e->exit_code);
    put_text(out, e->reason);
}

static void encode_tasks_ok(struct buffer *out, const struct event_tasks_ok *e,
                            const unsigned char *codes)
{
    put(out, e->phase);
    put(out, e->worker);
    put(out, e->attempt);
    put(out, e->first);
    put(out, e->count);
    put_signed(out, e->start_ns);
    put(out, codes != NULL);
    if (codes)
        buffer_append(out, codes, e->count);
    put_rows(out, e->results, e->results_size);
}

static void encode_task_end(struct buffer *out, const struct event_task_end *e)
{
    put(out, e->phase);
    put(out, e->worker);
    put(out, e->index);
    put(out, e->attempt);
    put(out, (uint64_t)e->status);
    put(out, e->final);
    put_signed(out, e->start_ns);
    put_signed(out, e->duration_ns);
    put_signed(out, e->cpu_ns);
    put_signed(out, e->peak_memory);
    put_signed(out, e->cpu);
    put_signed(out, e->signal);
    put_signed(out, e->exit_code);
    put_text(out, e->inputs);
    put_text(out, e->message);
    put_rows(out, e->result, e->result_size);
}

static void encode_output(struct buffer *out, const struct event_output *e)
{
    put(out, e->phase);
    put(out, e->worker);
    put(out, e->first);
    put(out, e->count);
    put(out, e->attempt);
    put(out, e->stream);
    put(out, e->offset);
    put(out, e->length);
}

void journal_encode(struct buffer *out, const struct event *event, const unsigned char *codes)
{
    put_signed(out, event->time_ns);
    switch (event->type) {
    case EVENT_RUN_BEGIN:
        encode_run_begin(out, &event->run_begin);
        break;
    case EVENT_WORKER_BEGIN:
        encode_worker_begin(out, &event->worker_begin);
        break;
    case EVENT_WORKER_END:
        encode_worker_end(out, &event->worker_end);
        break;
    case EVENT_PHASE_BEGIN:
        encode_phase_begin(out, &event->phase_begin);
        break;
    case EVENT_TASKS_OK:
        encode_tasks_ok(out, &event->tasks_ok, codes);
        break;
    case EVENT_TASK_END:
        encode_task_end(out, &event->task_end);
        break;
    case EVENT_OUTPUT:
        encode_output(out, &event->output);
        break;
    case EVENT_PHASE_END:
        encode_phase_end(out, &event->phase_end);
        break;
    case EVENT_RUN_END:
        put_signed(out, event->run_end.exit_status);
        put_text(out, event->run_end.reason);
        break;
    case EVENT_SOURCE:
        encode_source(out, &event->source);
        break;
    case EVENT_ACCEPT:
        encode_accept(out, &event->accept);
        break;
    case EVENT_INPUT_ROWS:
        encode_input_rows(out, &event->input_rows);
        break;
    case EVENT_PHASE_KEEP:
        encode_phase_keep(out, &event->phase_keep);
        break;
    case EVENT_RUN_RESUME:
        encode_run_resume(out, &event->run_resume);
        break;
    case EVENT_NOTE:
        put_text(out, event->note.name);
        put_text(out, event->note.text);
        break;
    }
}

// ---- Decoding payloads: after an error every getter of a cursor returns 0, "" or NULL

struct cursor {
    const unsigned char *start, *at, *end;
    bool bad;
};

static uint64_t get(struct cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        unsigned char byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    c->bad = true;
    c->at = c->end;
    return 0;
}

static uint64_t get_up_to(struct cursor *c, uint64_t max)
{
    uint64_t value = get(c);
    if (value <= max)
        return value;
    c->bad = true;
    return 0;
}

static uint32_t get_u32(struct cursor *c)
{
    return (uint32_t)get_up_to(c, UINT32_MAX);
}

static bool get_bool(struct cursor *c)
{
    return get_up_to(c, 1) != 0;
}

static int64_t get_signed(struct cursor *c)
{
    uint64_t value = get(c);
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

static int32_t get_i32(struct cursor *c)
{
    int64_t value = get_signed(c);
    if (value >= INT32_MIN && value <= INT32_MAX)
        return (int32_t)value;
    c->bad = true;
    return 0;
}

static const unsigned char *get_bytes(struct cursor *c, uint64_t size)
{
    if (c->bad || size > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    const unsigned char *at = c->at;
    c->at += size;
    return at;
}

static const char *get_text(struct cursor *c)
{
    uint64_t length = get(c);
    const char *text = length < UINT64_MAX ? (const char *)get_bytes(c, length + 1) : NULL;
    if (text && strnlen(text, length + 1) == length)
        return text;
    c->bad = true;
    return "";
}

static const void *get_rows(struct cursor *c, size_t *size)
{
    *size = 0;
    if (!get_bool(c))
        return NULL;
    uint64_t length = get(c);
    get_bytes(c, (8 - (uint64_t)(c->at - c->start) % 8) % 8);
    const void *rows = get_bytes(c, length);
    if (rows)
        *size = (size_t)length;
    return rows;
}

static void get_cpuset(struct cursor *c, struct cpuset *out)
{
    *out = (struct cpuset){0};
    uint64_t used = get_up_to(c, CPUSET_MAX / 64);
    uint64_t from = 0;
    for (; used > 0 && !c->bad; used--) {
        uint64_t i = get_up_to(c, CPUSET_MAX / 64 - 1);
        uint64_t word = get(c);
        if (i < from || word == 0) {
            c->bad = true;
            return;
        }
        out->words[i] = word;
        from = i + 1;
    }
}

// Whether the indices are at least one and do not wrap.
static void get_span(struct cursor *c, uint64_t *first, uint64_t *count)
{
    *first = get(c);
    *count = get(c);
    if (*count == 0 || *count - 1 > UINT64_MAX - *first)
        c->bad = true;
}

static void decode_run_begin(struct cursor *c, struct event_run_begin *out)
{
    out->name = get_text(c);
    out->job_file = get_text(c);
    out->version = get_text(c);
    out->host = get_text(c);
    out->wall_ns = get_signed(c);
    out->workers = get_u32(c);
    out->phases = get_u32(c);
    out->limits = get_text(c);
    out->part = get_text(c);
}

static void decode_source(struct cursor *c, struct event_source *out)
{
    out->what = get_text(c);
    out->name = get_text(c);
    out->hash = get(c);
    out->changed_ns = get_signed(c);
}

static void decode_accept(struct cursor *c, struct event_accept *out)
{
    out->what = get_text(c);
    out->name = get_text(c);
    out->old_hash = get(c);
    out->new_hash = get(c);
    out->old_ns = get_signed(c);
    out->new_ns = get_signed(c);
    out->wall_ns = get_signed(c);
    out->detail = get_text(c);
}

static void decode_input_rows(struct cursor *c, struct event_input_rows *out)
{
    out->what = get_text(c);
    out->hash = get(c);
    out->rows = get(c);
    out->columns = get_u32(c);
    out->first = get(c);
    out->hashes = get_rows(c, &out->hashes_size);
    out->image = get_rows(c, &out->image_size);
    uint64_t count = out->hashes_size / sizeof *out->hashes;
    if (!out->hashes == !out->image || out->hashes_size % sizeof *out->hashes != 0 ||
        out->first > out->rows || count > out->rows - out->first)
        c->bad = true;
}

static void decode_phase_begin(struct cursor *c, struct event_phase_begin *out)
{
    out->phase = get_u32(c);
    out->name = get_text(c);
    out->task = get_text(c);
    out->tasks = get(c);
    out->left_out = get_up_to(c, out->tasks);
    out->signature = get(c);
    out->source = get_u32(c);
}

// Whether the spans are in order, without overlaps, and within the tasks.
static bool are_spans(const struct event_span *spans, size_t count, uint64_t tasks)
{
    uint64_t next = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].first < next || spans[i].first > tasks || spans[i].count == 0 ||
            spans[i].count > tasks - spans[i].first)
            return false;
        next = spans[i].first + spans[i].count;
    }
    return true;
}

static void decode_phase_keep(struct cursor *c, struct event_phase_keep *out)
{
    size_t spans, made;
    out->phase = get_u32(c);
    out->dropped = get_bool(c);
    out->tasks = get(c);
    for (int i = OUTCOME_OK; i < OUTCOME_COUNT; i++)
        out->outcomes[i] = get(c);
    out->spans = get_rows(c, &spans);
    out->made = get_rows(c, &made);
    out->span_count = spans / sizeof *out->spans;
    out->made_count = made / sizeof *out->made;
    if (spans % sizeof *out->spans != 0 || made % sizeof *out->made != 0 ||
        !are_spans(out->spans, out->span_count, out->tasks))
        c->bad = true;
}

static void decode_run_resume(struct cursor *c, struct event_run_resume *out)
{
    out->version = get_text(c);
    out->host = get_text(c);
    out->wall_ns = get_signed(c);
    out->workers = get_u32(c);
    out->retry_failed = get_bool(c);
}

static void decode_worker_end(struct cursor *c, struct event_worker_end *out)
{
    out->worker = get_u32(c);
    out->pid = get_i32(c);
    out->signal = get_i32(c);
    out->exit_code = get_i32(c);
    out->reason = get_text(c);
}

static const uint32_t *expand_durations(struct cursor *c, uint64_t count, struct buffer *durations)
{
    const unsigned char *codes = get_bytes(c, count);
    if (!codes)
        return NULL;
    buffer_clear(durations);
    uint32_t *out = buffer_extend(durations, (size_t)count * sizeof *out);
    for (uint64_t i = 0; out && i < count; i++)
        out[i] = journal_duration_decode(codes[i]);
    return out;
}

static void decode_tasks_ok(struct cursor *c, struct event_tasks_ok *out, struct buffer *durations)
{
    out->phase = get_u32(c);
    out->worker = get_u32(c);
    out->attempt = get_u32(c);
    get_span(c, &out->first, &out->count);
    out->start_ns = get_signed(c);
    if (get_bool(c))
        out->durations = expand_durations(c, out->count, durations);
    out->results = get_rows(c, &out->results_size);
}

static void decode_task_end(struct cursor *c, struct event_task_end *out)
{
    out->phase = get_u32(c);
    out->worker = get_u32(c);
    out->index = get(c);
    out->attempt = get_u32(c);
    out->status = (enum outcome_status)get_up_to(c, OUTCOME_COUNT - 1);
    out->final = get_bool(c);
    out->start_ns = get_signed(c);
    out->duration_ns = get_signed(c);
    out->cpu_ns = get_signed(c);
    out->peak_memory = get_signed(c);
    out->cpu = get_i32(c);
    out->signal = get_i32(c);
    out->exit_code = get_i32(c);
    out->inputs = get_text(c);
    out->message = get_text(c);
    out->result = get_rows(c, &out->result_size);
    if (out->status == OUTCOME_NONE)
        c->bad = true;
}

static void decode_output(struct cursor *c, struct event_output *out)
{
    out->phase = get_u32(c);
    out->worker = get_u32(c);
    get_span(c, &out->first, &out->count);
    out->attempt = get_u32(c);
    out->stream = get_u32(c);
    out->offset = get(c);
    out->length = get(c);
    if (out->stream < 1 || out->stream > 2)
        c->bad = true;
}

static void decode_body(struct cursor *c, struct event *out, struct buffer *durations)
{
    switch (out->type) {
    case EVENT_RUN_BEGIN:
        decode_run_begin(c, &out->run_begin);
        break;
    case EVENT_WORKER_BEGIN:
        out->worker_begin.worker = get_u32(c);
        out->worker_begin.pid = get_i32(c);
        out->worker_begin.start = get_u32(c);
        get_cpuset(c, &out->worker_begin.cpus);
        break;
    case EVENT_WORKER_END:
        decode_worker_end(c, &out->worker_end);
        break;
    case EVENT_PHASE_BEGIN:
        decode_phase_begin(c, &out->phase_begin);
        break;
    case EVENT_TASKS_OK:
        decode_tasks_ok(c, &out->tasks_ok, durations);
        break;
    case EVENT_TASK_END:
        decode_task_end(c, &out->task_end);
        break;
    case EVENT_OUTPUT:
        decode_output(c, &out->output);
        break;
    case EVENT_PHASE_END:
        out->phase_end.phase = get_u32(c);
        out->phase_end.how = (enum phase_end)get_up_to(c, PHASE_SKIPPED);
        out->phase_end.skipped = get(c);
        break;
    case EVENT_RUN_END:
        out->run_end.exit_status = get_i32(c);
        out->run_end.reason = get_text(c);
        break;
    case EVENT_SOURCE:
        decode_source(c, &out->source);
        break;
    case EVENT_ACCEPT:
        decode_accept(c, &out->accept);
        break;
    case EVENT_INPUT_ROWS:
        decode_input_rows(c, &out->input_rows);
        break;
    case EVENT_PHASE_KEEP:
        decode_phase_keep(c, &out->phase_keep);
        break;
    case EVENT_RUN_RESUME:
        decode_run_resume(c, &out->run_resume);
        break;
    case EVENT_NOTE:
        out->note.name = get_text(c);
        out->note.text = get_text(c);
        break;
    }
}

int journal_decode(uint32_t type, const unsigned char *data, size_t size, struct event *out,
                   struct buffer *durations, br_error *err)
{
    if (type < EVENT_RUN_BEGIN || type > EVENT_PHASE_KEEP)
        return br_error_set(err, BR_ERR_USAGE, "is of unknown type %" PRIu32, type);
    struct cursor c = {.start = data, .at = data, .end = data + size};
    struct event event = {.type = (enum event_type)type, .time_ns = get_signed(&c)};
    decode_body(&c, &event, durations);
    if (buffer_check(durations, err) != 0)
        return -1;
    if (c.bad || c.at != c.end)
        return br_error_set(err, BR_ERR_USAGE, "does not match its type");
    *out = event;
    return 0;
}

// ---- Durations: the leading bit and 3 more, which are eight steps for every doubling

uint32_t journal_duration_decode(unsigned char code)
{
    if (code < 8)
        return code;
    if (code > 239)
        return UINT32_MAX;
    unsigned shift = (code >> 3) - 1U;
    // The middle of the step is returned.
    return (8U | (code & 7U)) << shift | (shift > 0 ? 1U << (shift - 1) : 0);
}
