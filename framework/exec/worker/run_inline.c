// SPDX-License-Identifier: BSD-3-Clause
// Runs a task over a channel both of whose ends are in this process.
#include "exec/worker/run_inline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/streams.h"
#include "exec/channel/channel_coordinator.h"
#include "exec/channel/channel_worker.h"
#include "exec/plugin/plugin.h"
#include "exec/process/stray_processes.h"

// Both ends of a channel: a task reads from its end whether it was cancelled, and writes its
// progress.
struct ends {
    struct channel coordinator;
    struct channel_worker worker;
    struct channel_claim claim;
    uint32_t row;
    int doorbell;
};

static int open_ends(struct ends *e, const struct run_inline *s, const struct schema *results,
                     br_error *err)
{
    e->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->doorbell < 0)
        return br_error_errno(err, "cannot make an eventfd");
    if (channel_create(&e->coordinator, err) != 0 ||
        channel_attach(&e->worker, e->coordinator.down_fd, e->coordinator.up_fd, e->doorbell,
                       err) != 0)
        return -1;
    struct exec_map map = {.id = 1, .table_fd = -1, .results = results};
    struct exec_grant grant = {.map = 1, .first = s->index, .count = 1, .attempt = 1};
    channel_grant(&e->coordinator, &grant, &map, clock_now());
    if (!channel_next_grant(&e->worker, &e->claim) || !channel_next_task(&e->worker, &e->row))
        return br_error_set(err, BR_ERR_SYSTEM, "internal error: the task was not granted");
    return 0;
}

static void close_ends(struct ends *e)
{
    channel_destroy(&e->coordinator);
    fd_close(&e->doorbell);
}

// ---- Requests

void run_inline_write(struct buffer *out, const struct run_inline *s, unsigned width,
                      const struct job_env *env, size_t env_count)
{
    struct plugin_source source = {.path = s->plugin, .load = s->plugin};
    struct plugin_use use = {&source, s->config};
    struct worker_setup_common common = {.plugins = {&use, 1}, .env = env, .env_count = env_count};
    struct worker_setup_slot slot = {.width = width};
    wire_put_text(out, s->task);
    wire_put_text(out, s->phase);
    wire_put(out, s->seed);
    wire_put(out, s->index);
    wire_put(out, s->rows_per_task);
    worker_setup_write(out, &common, &slot);
}

int run_inline_read(const void *data, size_t size, const void *image, size_t image_size,
                    struct run_inline_request *out, br_error *err)
{
    struct wire w = {.at = data, .left = size};
    *out = (struct run_inline_request){.run.task = wire_get_text(&w)};
    struct run_inline *s = &out->run;
    s->phase = wire_get_text(&w);
    s->seed = wire_get(&w);
    s->index = wire_get(&w);
    s->rows_per_task = wire_get(&w);
    if (worker_setup_read(w.at, w.left, &out->setup, err) != 0)
        return -1;
    const struct plugin_list *plugins = &out->setup.common.plugins;
    if (w.bad || !s->task || !s->phase || plugins->count != 1 || !plugins->items[0].source->path)
        return br_error_set(err, BR_ERR_SYSTEM, "the request for a task could not be read");
    s->plugin = plugins->items[0].source->path;
    s->config = plugins->items[0].config;
    s->table = &out->table;
    return table_open(&out->table, image, image_size, err);
}

void run_inline_request_finish(struct run_inline_request *r)
{
    worker_setup_finish(&r->setup);
}

// ---- Running

static int load(const struct run_inline *s, struct plugin *plugin, br_error *err)
{
    struct plugin_source source = {.path = s->plugin, .load = s->plugin};
    struct stat st;
    if (stat(s->plugin, &st) != 0)
        return br_error_errno(err, "cannot load %s", s->plugin);
    plugin_stamp_of(&st, &source.stamp);
    return plugin_load(&source, true, plugin, err);
}

static int call(const struct run_inline *s, struct task_map *map, struct run_inline_end *out,
                br_error *err)
{
    struct ends ends = {.coordinator = {.down_fd = -1, .up_fd = -1}, .doorbell = -1};
    static struct task task; // static: the plugin may keep its pointer to it
    const void *row = NULL;
    size_t size = 0;
    struct stray_processes strays;
    int result = open_ends(&ends, s, &out->signature.results, err);
    if (result == 0 && !task_prepare(&task, map, &ends.claim, &ends.worker))
        result = br_error_nomem(err);
    if (result == 0) {
        task_begin(&task, ends.row, clock_now());
        stray_processes_begin(&strays);
        int returned = task_call(&task);
        streams_flush_all(map->streams);    // before the results
        (void)stray_processes_end(&strays); // as in a worker; processes that do not end are left
        out->failure = task_end(&task, returned, &row, &size);
        memcpy(out->message, task.message, sizeof out->message);
        if (out->failure == TASK_FINE)
            buffer_append(&out->row, row, size);
        result = buffer_check(&out->row, err);
    }
    close_ends(&ends);
    return result;
}

int run_inline(const struct run_inline *s, struct run_inline_end *out, br_error *err)
{
    struct plugin plugin = {0};
    struct task_worker worker = {0};
    struct streams streams;
    *out = (struct run_inline_end){0};
    if (load(s, &plugin, err) != 0)
        return -1;
    streams_find(&streams, s->plugin);
    const struct plugin_task *entry = plugin_find_task(&plugin, s->task);
    int result = 0;
    if (!entry)
        result =
            br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` has no task `%s`", plugin.name, s->task);
    if (result == 0)
        result = signature_parse(entry->signature, &out->signature, err);
    if (result == 0)
        result = task_worker_start(&worker, &plugin, s->config, err);
    if (result == 0) {
        struct task_map map = {.id = 1,
                               .call = entry->call,
                               .streams = &streams,
                               .phase = s->phase,
                               .seed = s->seed,
                               .table = *s->table,
                               .rows = table_rows(s->table),
                               .rows_per_task = s->rows_per_task,
                               .signature = out->signature,
                               .plain = task_is_plain(&out->signature.results),
                               .state = worker.state};
        result = call(s, &map, out, err);
        if (plugin.fini)
            plugin.fini(&worker.public);
    }
    plugin_finish(&plugin);
    if (result != 0)
        run_inline_end_finish(out);
    return result;
}

void run_inline_end_finish(struct run_inline_end *end)
{
    signature_finish(&end->signature);
    buffer_finish(&end->row);
}
