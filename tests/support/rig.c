// SPDX-License-Identifier: BSD-3-Clause
// Opens a pool over real workers, submits maps, waits, and keeps what is reported.
#include "support/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/topology.h"
#include "exec/worker/children.h"
#include "model/row.h"
#include "model/table_builder.h"
#include "support/suite.h"

static int on_worker(void *user, const struct exec_report *r, br_error *err)
{
    (void)err;
    struct rig *rig = user;
    if (r->type == REPORT_DEAD) {
        rig->deaths++;
        rig->bad_ends += r->dead.badly;
        snprintf(rig->last_reason, sizeof rig->last_reason, "%s", r->dead.reason);
        return 0;
    }
    rig->starts++;
    ck_assert_int_gt(r->ready.pid, 0);
    rig->cpus[r->slot] = *r->ready.cpus;
    return 0;
}

static void keep_results(struct rig *rig, const struct exec_report *r)
{
    const char *at = r->ok.results;
    size_t left = r->ok.results_size, used;
    struct cell cell;
    for (uint32_t i = 0; i < r->tasks.count; i++, at += used, left -= used) {
        ck_assert(row_unpack_first(&rig->results, at, left, &cell, &used));
        if (r->tasks.first + i >= RIG_KEPT)
            return;
        struct fate *f = &rig->fates[r->tasks.first + i];
        f->status = OUTCOME_OK;
        f->tries++;
        f->attempt = r->tasks.attempt;
        if (cell.type == BR_I64)
            f->y = cell.i64;
        else
            snprintf(f->text, sizeof f->text, "%s", cell.text.data);
    }
}

static void keep_end(struct rig *rig, const struct exec_report *r, bool final)
{
    rig->again += !final;
    rig->by_status[r->end.status] += final;
    if (r->tasks.first >= RIG_KEPT)
        return;
    struct fate *f = &rig->fates[r->tasks.first];
    f->tries++;
    f->status = final ? r->end.status : OUTCOME_NONE;
    f->killed = r->end.killed;
    f->signal = r->end.signal;
    f->exit_code = r->end.exit_code;
    f->attempt = r->tasks.attempt;
    snprintf(f->text, sizeof f->text, "%s", r->end.message);
}

static void note_longest(struct rig *rig, const struct exec_report *r)
{
    for (uint64_t i = 0; i < r->tasks.count; i++) {
        int64_t ns = r->ok.duration_ns >= 0 ? r->ok.duration_ns : r->ok.durations[i];
        if (ns > rig->longest_ns)
            rig->longest_ns = ns;
    }
}

static int on_task(void *user, const struct exec_report *r, bool final, br_error *err)
{
    (void)err;
    struct rig *rig = user;
    if (r->type == REPORT_OK) {
        rig->by_status[OUTCOME_OK] += r->tasks.count;
        rig->ok_by_slot[r->slot] += r->tasks.count;
        note_longest(rig, r);
        keep_results(rig, r);
    } else if (r->type == REPORT_END)
        keep_end(rig, r, final);
    else if (rig->printed_count < sizeof rig->printed / sizeof rig->printed[0])
        rig->printed[rig->printed_count++] =
            (struct printed){r->slot,        r->output.stream, r->tasks.first,
                             r->tasks.count, r->output.offset, r->output.length};
    return 0;
}

int rig_open_log(void)
{
    char name[] = "/tmp/batchrun-test-XXXXXX";
    int fd = mkostemp(name, O_APPEND | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    unlink(name);
    return fd;
}

static void open_logs(struct rig *rig, bool wanted)
{
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        rig->out[i] = wanted ? rig_open_log() : -1;
        rig->error[i] = wanted ? rig_open_log() : -1;
    }
}

static void make_plan(struct rig *rig, const struct rig_options *options)
{
    br_error err = {0};
    struct machine machine;
    struct job_workers want = {.count = options->workers,
                               .binding = options->bind ? BIND_PU : BIND_NONE,
                               .width = 1,
                               .oversubscribe = true};
    ck_assert_msg(topology_load(&machine, &err) == 0, "%s", err.text);
    ck_assert_msg(plan_make(&machine, &want, 0, &rig->plan, &err) == 0, "%s", err.text);
    machine_finish(&machine);
}

void rig_open(struct rig *rig, struct rig_options options)
{
    static const struct job_settings no_settings;
    char path[4096];
    br_error err = {0};
    snprintf(path, sizeof path, "%s/%s", BUILD,
             options.plugin ? options.plugin : "tests/plugins/.libs/wild.so");
    static struct plugin_use plugin;
    plugin = (struct plugin_use){&rig->plugin.source, &no_settings};
    *rig = (struct rig){.table_fd = -1};
    ck_assert_msg(plugin_file_open(path, &rig->plugin, &err) == 0, "%s", err.text);
    ck_assert_msg(nursery_start(&rig->nursery, nursery_children, &err) == 0, "%s", err.text);
    make_plan(rig, &options);
    open_logs(rig, options.logs);
    struct local_options local = {
        .nursery = &rig->nursery,
        .plan = &rig->plan,
        .common = {.keep_output = options.logs,
                   .address_space = JOB_UNLIMITED,
                   .data = JOB_UNLIMITED,
                   .output = options.output ? options.output : JOB_UNLIMITED,
                   .plugins = {&plugin, 1},
                   .env = options.env,
                   .env_count = options.env_count,
                   .open_files = JOB_UNLIMITED,
                   .bind = options.bind},
        .out_fds = rig->out,
        .err_fds = rig->error,
        .limits = LIMIT_WATCH_NOTHING,
        .start_ns = options.start_ns ? options.start_ns : rig_patience_ns(),
        .start_name = "start_ns",
        .stuck_ns = options.stuck_ns,
        .end_ns = options.end_ns};
    if (options.memory)
        local.limits.memory = options.memory;
    if (options.cpu_time_ns)
        local.limits.cpu_time_ns = options.cpu_time_ns;
    if (options.output)
        local.limits.output = options.output;
    rig->executor = local_create(&local, &err);
    ck_assert_msg(rig->executor, "%s", err.text);
    struct pool_options pool = {.executor = rig->executor,
                                .workers = options.workers,
                                .crash_limit = 3,
                                .max_tasks = options.max_tasks,
                                .grace_ns = options.grace_ns ? options.grace_ns : 50 * NS_PER_MS,
                                .on_worker = on_worker,
                                .user = rig};
    rig->pool = pool_create(&pool, &err);
    ck_assert_msg(rig->pool, "%s", err.text);
}

void rig_close(struct rig *rig)
{
    pool_destroy(rig->pool);
    nursery_stop(&rig->nursery);
    plugin_file_close(&rig->plugin);
    plan_finish(&rig->plan);
    schema_finish(&rig->results);
    fd_close(&rig->table_fd);
    for (unsigned i = 0; i < RIG_WORKERS; i++) {
        fd_close(&rig->out[i]);
        fd_close(&rig->error[i]);
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}

static void make_table(struct rig *rig, int64_t first, uint64_t rows)
{
    br_error err;
    struct table_builder *b = table_builder_create(rows, &err);
    struct buffer image = BUFFER_EMPTY;
    ck_assert(b && table_add_range_i64(b, "i", first, 1, &err) == 0);
    ck_assert(table_builder_finish(b, &image, &err) == 0);
    table_builder_destroy(b);
    fd_close(&rig->table_fd);
    rig->table_fd = fd_memory_sealed("test", image.data, image.length, &err);
    ck_assert_int_ge(rig->table_fd, 0);
    rig->table_size = image.length;
    buffer_finish(&image);
}

static bool gives_text(const char *task)
{
    static const char *const texts[] = {
        "descriptors", "environment", "nul_in_text", "large",
        "told",        "reach",       "meddle",      "meddle_with_floats"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(task, texts[i]) == 0)
            return true;
    return false;
}

struct pool_map *rig_submit(struct rig *rig, const char *task, int64_t first, uint64_t rows,
                            struct pool_map_options options)
{
    br_error err = {0};
    bool text = gives_text(task);
    make_table(rig, first, rows);
    schema_finish(&rig->results);
    rig->results = (struct schema){0};
    ck_assert(schema_add(&rig->results, text ? "s" : "y", 1, text ? BR_STR : BR_I64, &err) == 0);
    options.map.task = task;
    options.map.phase = "phase";
    options.map.seed = 1;
    options.map.table_fd = rig->table_fd;
    options.map.table_size = rig->table_size;
    options.map.rows = rows;
    options.map.rows_per_task = 1;
    options.map.results = &rig->results;
    options.tasks = rows;
    options.observer = on_task;
    options.user = rig;
    memset(rig->fates, 0, sizeof rig->fates);
    memset(rig->by_status, 0, sizeof rig->by_status);
    rig->printed_count = 0;
    struct pool_map *m = pool_submit(rig->pool, &options, &err);
    ck_assert_msg(m, "%s", err.text);
    return m;
}

struct pool_map_options rig_chunk(uint32_t chunk)
{
    return (struct pool_map_options){.chunk = chunk};
}

struct pool_map_options rig_retries(unsigned limit)
{
    return (struct pool_map_options){
        .retries = {.limit = limit, .on = ~0U, .delay_ns = 1, .max_ns = 1, .factor = 1}};
}

struct pool_map_options rig_timeout(int64_t hard_ns)
{
    return (struct pool_map_options){.map.limits.hard_ns = hard_ns};
}

int64_t rig_patience_ns(void)
{
    return (int64_t)(patience() * (double)NS_PER_S);
}

bool rig_under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return getenv("BATCHRUN_UNDER_VALGRIND") || (preload && strstr(preload, "vgpreload"));
}

void rig_sleep(struct rig *rig)
{
    // Waits for a second at most, so that a wait that nothing ends notices when patience() is over.
    int64_t now = clock_now(), deadline = pool_deadline(rig->pool);
    if (deadline > now + NS_PER_S)
        deadline = now + NS_PER_S;
    struct pollfd wait = {.fd = pool_fd(rig->pool), .events = POLLIN};
    poll(&wait, 1, clock_poll_timeout(deadline, now));
}

int rig_step(struct rig *rig, br_error *err)
{
    rig_sleep(rig);
    return pool_dispatch(rig->pool, clock_now(), err);
}

void rig_wait(struct rig *rig, int64_t since_ns, const char *what)
{
    br_error err = {0};
    if (clock_now() - since_ns > rig_patience_ns())
        ck_abort_msg("gave up waiting for: %s", what);
    if (rig_step(rig, &err) != 0)
        ck_abort_msg("%s, while waiting for: %s", err.text, what);
}

void rig_await_workers(struct rig *rig)
{
    RIG_AWAIT(rig, rig->starts - rig->deaths == rig->executor->slots);
}

void rig_run(struct rig *rig, struct pool_map *m)
{
    RIG_AWAIT(rig, pool_map_done(m));
}

void rig_run_until_error(struct rig *rig, br_error *err)
{
    int64_t since = clock_now();
    while (rig_step(rig, err) == 0)
        if (clock_now() - since > rig_patience_ns())
            ck_abort_msg("the pool has not given up");
}

void rig_run_one(struct rig *rig, struct rig_options options, const char *task, int64_t first,
                 uint64_t rows, struct pool_map_options map)
{
    rig_open(rig, options);
    rig_run(rig, rig_submit(rig, task, first, rows, map));
}

void rig_await_running(struct rig *rig)
{
    struct exec_in_hand h;
    // The executor is asked again and again, because the start of a task is not an event.
    for (int64_t since = clock_now(); !rig->executor->ops->in_hand(rig->executor, 0, &h);) {
        br_error err = {0};
        if (clock_now() - since > rig_patience_ns())
            ck_abort_msg("slot 0 runs no task");
        if (pool_dispatch(rig->pool, clock_now(), &err) != 0)
            ck_abort_msg("%s", err.text);
        poll(NULL, 0, 1);
    }
}
