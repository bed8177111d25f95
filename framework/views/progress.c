// SPDX-License-Identifier: BSD-3-Clause
// Counts what happens, takes samples of what runs, and decides when to draw.
#include "views/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/utf8.h"

enum {
    MARK_TASKS = 10,
    ABOVE_MAX = 1 << 20, // bytes of messages that wait for a reader
};

static const int64_t line_interval = 30 * NS_PER_S;
static const int64_t bar_interval = 100 * NS_PER_MS;
static const int64_t clock_interval = NS_PER_S; // between drawings if only times have changed
static const int64_t sample_interval = 100 * NS_PER_MS;
static const int64_t mark_interval = 5 * NS_PER_S;
static const int64_t busy_span = 3 * NS_PER_S;
static const int64_t task_least = NS_PER_S; // shorter tasks end before anybody has read them

// The recent rate is counted from the older of two marks. A new mark is set when both this much
// time has passed and this many tasks have ended, so that slow tasks are averaged over a longer
// time.
struct progress_mark {
    int64_t time_ns;
    uint64_t done;
};

static volatile sig_atomic_t resized;

static void note_resize(int signal)
{
    (void)signal;
    resized = 1;
}

enum progress_mode progress_mode_for(int fd)
{
    const char *term = getenv("TERM");
    bool able = term && term[0] != '\0' && strcmp(term, "dumb") != 0;
    return able && isatty(fd) ? PROGRESS_BAR : PROGRESS_LINES;
}

// ---- Writing

// Writes the text. A failure does not stop the run, and the text is not written again.
static void write_text(struct progress *p)
{
    bool any = !p->text.failed && p->text.length > 0;
    if (any && p->writer && writer_add_text(p->writer, p->fd, p->text.data, p->text.length) == 0)
        any = false;
    if (any && fd_write_all(p->fd, p->text.data, p->text.length) != 0)
        p->mode = PROGRESS_NONE;
    buffer_reset(&p->text);
}

// Returns whether nobody has read yet what was written before.
static bool is_waiting(const struct progress *p)
{
    return p->writer && writer_jobs(p->writer) > 0;
}

static void terminal_size(int fd, size_t *columns, size_t *rows)
{
    struct winsize size;
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0;
    *columns = known && size.ws_col > 1 ? size.ws_col : 80;
    *rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

// Returns how many rows of the terminal the block takes now: a terminal that has become narrower
// has wrapped the lines that are too long for it.
static size_t rows_taken(const struct buffer *block, size_t columns)
{
    size_t rows = 0;
    for (size_t at = 0; at < block->length;) {
        const char *newline = memchr(block->data + at, '\n', block->length - at);
        size_t end = newline ? (size_t)(newline - block->data) : block->length;
        size_t width = utf8_width(block->data + at, end - at);
        rows += width > columns ? (width + columns - 1) / columns : 1;
        at = end + 1;
    }
    return rows;
}

// Moves the cursor to the first line of the block.
static void go_up(struct progress *p, size_t columns)
{
    size_t rows = rows_taken(&p->block, columns);
    if (rows > 0)
        buffer_format(&p->text, "\r\x1b[%zuA", rows);
}

static void put_above(struct progress *p)
{
    if (p->block.length > 0)
        buffer_text(&p->text, "\x1b[J");
    if (!p->above.failed)
        buffer_append(&p->text, p->above.data, p->above.length);
    buffer_reset(&p->above);
}

void progress_erase(struct progress *p)
{
    if (p->block.length == 0 && p->above.length == 0)
        return;
    size_t columns, rows;
    terminal_size(p->fd, &columns, &rows);
    go_up(p, columns);
    put_above(p);
    buffer_reset(&p->block);
    write_text(p);
    p->changed = true;
}

void progress_print(struct progress *p, const struct buffer *lines)
{
    if (lines->failed || lines->length == 0)
        return;
    p->changed = true;
    if (p->above.length + lines->length > ABOVE_MAX) {
        p->left_out += lines->length;
        return;
    }
    if (p->left_out > 0)
        buffer_format(&p->above,
                      "batchrun: %" PRIu64 " bytes of messages are left out here, because "
                      "nobody read them\n",
                      p->left_out);
    p->left_out = 0;
    buffer_append(&p->above, lines->data, lines->length);
    if (p->mode != PROGRESS_BAR && !is_waiting(p))
        progress_erase(p);
}

// ---- The block

static bool any_runs(const struct progress *p)
{
    for (size_t i = 0; i < p->phase_count; i++)
        if (p->phases[i].running)
            return true;
    return false;
}

static struct block block_of(const struct progress *p, int64_t now)
{
    return (struct block){.phases = p->phases,
                          .phase_count = p->phase_count,
                          .tasks = p->tasks,
                          .task_count = p->task_count,
                          .workers = p->workers,
                          .slots = p->slots > p->workers ? p->slots : p->workers,
                          .busy = p->busy,
                          .now = now};
}

static void draw_block(struct progress *p, int64_t now)
{
    if (is_waiting(p))
        return;
    size_t columns, rows;
    terminal_size(p->fd, &columns, &rows);
    go_up(p, columns);
    if (p->above.length > 0)
        put_above(p);
    buffer_reset(&p->block);
    struct block b = block_of(p, now);
    if (any_runs(p))
        progress_block_draw(&p->block, &b, columns, rows);
    if (p->block.failed)
        buffer_reset(&p->block);
    for (size_t at = 0; at < p->block.length; at++) {
        if (p->block.data[at] == '\n')
            buffer_text(&p->text, "\x1b[K");
        buffer_char(&p->text, p->block.data[at]);
    }
    buffer_text(&p->text, "\x1b[J");
    p->changed = false;
    write_text(p);
}

// ---- Plain lines

static void write_line(struct progress *p, int64_t now)
{
    if (is_waiting(p))
        return;
    struct block b = block_of(p, now);
    progress_block_line(&p->text, &b);
    for (size_t i = 0; i < p->phase_count; i++)
        p->phases[i].pending = false;
    p->changed = false;
    write_text(p);
}

// ---- Samples: how busy the workers are, how fast the phases

// Keeps the tasks that have run longest, in order.
static void consider(struct progress *p, const struct running_task *task)
{
    size_t at = p->task_count;
    while (at > 0 && p->tasks[at - 1].since_ns > task->since_ns)
        at--;
    if (at == BLOCK_TASKS)
        return;
    p->task_count += p->task_count < BLOCK_TASKS;
    memmove(&p->tasks[at + 1], &p->tasks[at], (p->task_count - at - 1) * sizeof *task);
    p->tasks[at] = *task;
}

static void sample_workers(struct progress *p, int64_t now, int64_t passed)
{
    unsigned busy = 0;
    struct running_task task;
    p->task_count = 0;
    for (unsigned i = 0; p->look && i < p->slots; i++) {
        if (!p->look(p->user, i, &task))
            continue;
        busy++;
        if (now - task.since_ns >= task_least)
            consider(p, &task);
    }
    double part = p->workers > 0 ? (double)busy / (double)p->workers : 0;
    part = part < 1 ? part : 1;
    double weight = p->sampled_ns < 0 ? 1 : (double)passed / (double)(passed + busy_span);
    p->busy += (part - p->busy) * weight;
}

static void sample_phase(struct progress_phase *phase, struct progress_mark *marks, int64_t now)
{
    if (now - marks[1].time_ns >= mark_interval && phase->done >= marks[1].done + MARK_TASKS) {
        marks[0] = marks[1];
        marks[1] = (struct progress_mark){now, phase->done};
    }
    int64_t passed = now - marks[0].time_ns;
    phase->rate =
        passed > 0 ? (double)(phase->done - marks[0].done) * 1e9 / (double)passed : phase->rate;
}

static void sample(struct progress *p, int64_t now)
{
    int64_t passed = now - p->sampled_ns;
    if (p->sampled_ns >= 0 && passed < sample_interval)
        return;
    sample_workers(p, now, passed);
    for (size_t i = 0; i < p->phase_count; i++)
        if (p->phases[i].running)
            sample_phase(&p->phases[i], &p->marks[2 * i], now);
    p->sampled_ns = now;
}

// ---- Time

int64_t progress_next(const struct progress *p)
{
    if (p->mode == PROGRESS_NONE)
        return INT64_MAX;
    if (p->mode == PROGRESS_LINES)
        return p->changed ? p->last_ns + line_interval : INT64_MAX;
    if (p->changed || resized)
        return p->last_ns + bar_interval;
    return p->block.length > 0 ? p->last_ns + clock_interval : INT64_MAX;
}

void progress_tick(struct progress *p, int64_t now)
{
    if (p->mode != PROGRESS_BAR && !is_waiting(p))
        progress_erase(p); // messages that had to wait
    if (p->mode == PROGRESS_NONE)
        return;
    sample(p, now);
    if (now < progress_next(p))
        return;
    p->last_ns = now;
    resized = 0;
    if (p->mode == PROGRESS_BAR)
        draw_block(p, now);
    else
        write_line(p, now);
}

// ---- The fold

// Makes room for one more. Returns false if memory runs out.
static bool grow(struct progress *p, size_t count)
{
    size_t marked = p->phase_count; // two marks a phase
    return array_extend(&p->marks, &marked, count, 2 * sizeof *p->marks, NULL) == 0 &&
           array_extend(&p->phases, &p->phase_count, count, sizeof *p->phases, NULL) == 0;
}

static struct progress_phase *phase_at(struct progress *p, uint32_t index)
{
    if (index >= EVENT_INDEX_MAX || (index >= p->phase_count && !grow(p, (size_t)index + 1)))
        return NULL;
    return &p->phases[index];
}

static void set_marks(struct progress *p, size_t phase, int64_t now)
{
    for (size_t i = 0; i < 2; i++)
        p->marks[2 * phase + i] = (struct progress_mark){now, p->phases[phase].done};
}

static void take_phase_begin(struct progress *p, const struct event_phase_begin *e, int64_t now)
{
    struct progress_phase *phase = phase_at(p, e->phase);
    if (!phase)
        return;
    free(phase->name);
    *phase = (struct progress_phase){.name = strdup(e->name),
                                     .tasks = e->tasks - e->left_out,
                                     .start_ns = now,
                                     .started = true,
                                     .running = true};
    set_marks(p, e->phase, now);
    p->changed = true;
}

static void take_phase_end(struct progress *p, const struct event_phase_end *e, int64_t now)
{
    struct progress_phase *phase = phase_at(p, e->phase);
    if (!phase)
        return;
    phase->started = e->how != PHASE_SKIPPED;
    phase->running = false;
    phase->end_ns = now;
    phase->pending = p->mode == PROGRESS_LINES;
    p->changed = true;
    if (p->mode != PROGRESS_BAR)
        return;
    progress_block_ended(&p->above, phase, e->phase);
    buffer_char(&p->above, '\n');
}

static void count_tasks(struct progress *p, uint32_t index, uint64_t done,
                        enum outcome_status status)
{
    struct progress_phase *phase = phase_at(p, index);
    if (!phase)
        return;
    phase->done += done;
    if (status == OUTCOME_CANCELLED)
        phase->cancelled += done;
    else if (status != OUTCOME_OK)
        phase->failed += done;
    p->changed = true;
}

static void count_retry(struct progress *p, uint32_t index)
{
    struct progress_phase *phase = phase_at(p, index);
    if (phase)
        phase->retries++;
    p->changed = true;
}

// Takes a resume: tasks that run again are not counted as done, and the workers of the earlier
// process have ended.
static void take_resume(struct progress *p, const struct event_run_resume *e, int64_t now)
{
    for (size_t i = 0; i < p->phase_count; i++) {
        struct progress_phase *phase = &p->phases[i];
        uint64_t failed = e->retry_failed ? phase->failed : 0;
        phase->done -= failed + phase->cancelled;
        phase->failed -= failed;
        phase->cancelled = 0;
        phase->running = phase->started && phase->done < phase->tasks;
        set_marks(p, i, now);
    }
    p->slots = e->workers;
    p->workers = 0;
    p->changed = true;
    p->last_ns = now;
}

// Takes what stays of a phase whose inputs have changed.
static void take_phase_keep(struct progress *p, const struct event_phase_keep *e, int64_t now)
{
    struct progress_phase *phase = phase_at(p, e->phase);
    if (!phase)
        return;
    phase->failed = 0;
    for (int o = OUTCOME_ERROR; o <= OUTCOME_OVER_LIMIT; o++)
        phase->failed += e->outcomes[o];
    phase->done = phase->failed + e->outcomes[OUTCOME_OK];
    phase->tasks = e->tasks;
    phase->running = phase->started && phase->done < phase->tasks;
    if (e->dropped) {
        free(phase->name);
        *phase = (struct progress_phase){0};
    }
    set_marks(p, e->phase, now);
    p->changed = true;
}

static void take_task_end(struct progress *p, const struct event_task_end *e)
{
    if (!e->final)
        count_retry(p, e->phase);
    else if (e->worker != UINT32_MAX)
        count_tasks(p, e->phase, 1, e->status);
}

static int progress_take(struct event_sink *sink, const struct event *event, br_error *err)
{
    struct progress *p = (struct progress *)sink;
    (void)err;
    if (event->type == EVENT_RUN_BEGIN)
        p->slots = event->run_begin.workers;
    else if (event->type == EVENT_WORKER_BEGIN)
        p->workers++;
    else if (event->type == EVENT_WORKER_END)
        p->workers -= p->workers > 0;
    else if (event->type == EVENT_PHASE_BEGIN)
        take_phase_begin(p, &event->phase_begin, event->time_ns);
    else if (event->type == EVENT_PHASE_END)
        take_phase_end(p, &event->phase_end, event->time_ns);
    else if (event->type == EVENT_TASKS_OK)
        count_tasks(p, event->tasks_ok.phase, event->tasks_ok.count, OUTCOME_OK);
    else if (event->type == EVENT_TASK_END)
        take_task_end(p, &event->task_end);
    else if (event->type == EVENT_RUN_RESUME)
        take_resume(p, &event->run_resume, event->time_ns);
    else if (event->type == EVENT_PHASE_KEEP)
        take_phase_keep(p, &event->phase_keep, event->time_ns);
    return 0;
}

void progress_init(struct progress *p, int fd, struct writer *writer)
{
    *p =
        (struct progress){.sink.take = progress_take, .fd = fd, .writer = writer, .sampled_ns = -1};
}

void progress_show(struct progress *p, enum progress_mode mode, progress_look *look, void *user)
{
    struct sigaction action = {.sa_handler = note_resize, .sa_flags = SA_RESTART};
    p->mode = mode;
    p->look = look;
    p->user = user;
    // Without the signal the block just fits again a little later.
    if (mode == PROGRESS_BAR && !p->watches_size)
        p->watches_size = sigaction(SIGWINCH, &action, &p->resized) == 0;
}

void progress_finish(struct progress *p)
{
    progress_erase(p);
    if (p->watches_size)
        sigaction(SIGWINCH, &p->resized, NULL);
    for (size_t i = 0; i < p->phase_count; i++)
        free(p->phases[i].name);
    free(p->phases);
    free(p->marks);
    buffer_finish(&p->above);
    buffer_finish(&p->block);
    buffer_finish(&p->text);
    progress_init(p, p->fd, p->writer);
}
