// SPDX-License-Identifier: BSD-3-Clause
// Writes and reads a worker's setup; sets the environment of its tasks.
#include "exec/worker/worker_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_cell(struct buffer *out, const struct cell *c)
{
    wire_put(out, c->type);
    switch (c->type) {
    case BR_F64:
        wire_put_bytes(out, &c->f64, sizeof c->f64);
        break;
    case BR_BOOL:
        wire_put(out, c->boolean);
        break;
    case BR_STR:
    case BR_BYTES:
        wire_put_text(out, c->text.data);
        break;
    default:
        wire_put(out, (uint64_t)c->i64);
    }
}

static struct cell read_cell(struct wire *w)
{
    struct cell c = {.type = (enum br_type)wire_get(w)};
    switch (c.type) {
    case BR_F64:
        wire_get_bytes(w, &c.f64, sizeof c.f64);
        break;
    case BR_BOOL:
        c.boolean = wire_get(w) != 0;
        break;
    case BR_STR:
    case BR_BYTES:
        c.text.data = wire_get_text(w);
        c.text.length = c.text.data ? strlen(c.text.data) : 0;
        break;
    default:
        c.i64 = (int64_t)wire_get(w);
    }
    return c;
}

void worker_setup_write(struct buffer *out, const struct worker_setup_common *common,
                        const struct worker_setup_slot *slot)
{
    wire_put(out, common->open_files);
    wire_put(out, common->core_size);
    wire_put(out, common->address_space);
    wire_put(out, common->data);
    wire_put(out, common->output);
    wire_put(out, (uintptr_t)common->init);
    wire_put(out, (uintptr_t)common->init_arg);
    wire_put(out, common->keep_output);
    wire_put(out, common->membind_local);
    wire_put(out, common->bind);
    wire_put(out, (uint64_t)common->idle_spin_ns);
    wire_put(out, common->counter);
    wire_put(out, slot->slot);
    wire_put(out, slot->width);
    wire_put_bytes(out, &slot->cpus, sizeof slot->cpus);
    wire_put_bytes(out, &slot->nodes, sizeof slot->nodes);
    wire_put(out, common->env_count);
    for (size_t i = 0; i < common->env_count; i++) {
        wire_put_text(out, common->env[i].name);
        wire_put_text(out, common->env[i].value);
    }
    wire_put(out, common->plugins.count);
    for (size_t i = 0; i < common->plugins.count; i++) {
        const struct job_settings *config = common->plugins.items[i].config;
        plugin_source_write(out, common->plugins.items[i].source);
        wire_put(out, config->count);
        for (size_t k = 0; k < config->count; k++) {
            wire_put_text(out, config->items[k].name);
            write_cell(out, &config->items[k].value.cell);
        }
    }
}

static bool read_env(struct wire *w, struct worker_setup *s)
{
    s->common.env_count = wire_get(w);
    s->common.env = s->env = w->bad ? NULL : calloc(s->common.env_count + 1, sizeof *s->env);
    if (!s->env)
        return false;
    for (size_t i = 0; i < s->common.env_count; i++) {
        s->env[i].name = wire_get_text(w);
        s->env[i].value = wire_get_text(w);
    }
    return true;
}

static bool read_config(struct wire *w, struct job_settings *config)
{
    config->count = wire_get(w);
    config->items = w->bad ? NULL : calloc(config->count + 1, sizeof *config->items);
    if (!config->items)
        return false;
    for (size_t i = 0; i < config->count; i++) {
        config->items[i].name = wire_get_text(w);
        config->items[i].value.cell = read_cell(w);
    }
    return true;
}

static bool read_plugins(struct wire *w, struct worker_setup *s)
{
    size_t count = wire_get(w);
    if (w->bad)
        return false;
    s->common.plugins.items = s->plugins = calloc(count + 1, sizeof *s->plugins);
    s->sources = calloc(count + 1, sizeof *s->sources);
    s->configs = calloc(count + 1, sizeof *s->configs);
    if (!s->plugins || !s->sources || !s->configs)
        return false;
    s->common.plugins.count = count;
    for (size_t i = 0; i < count; i++) {
        plugin_source_read(w, &s->sources[i]);
        s->plugins[i].source = &s->sources[i];
        s->plugins[i].config = &s->configs[i];
        if (!read_config(w, &s->configs[i]))
            return false;
    }
    return true;
}

int worker_setup_read(const void *data, size_t size, struct worker_setup *s, br_error *err)
{
    struct wire w = {.at = data, .left = size};
    *s = (struct worker_setup){0};
    s->common.open_files = wire_get(&w);
    s->common.core_size = wire_get(&w);
    s->common.address_space = wire_get(&w);
    s->common.data = wire_get(&w);
    s->common.output = wire_get(&w);
    s->common.init = (int (*)(void *))wire_get(&w);
    s->common.init_arg = (void *)wire_get(&w);
    s->common.keep_output = wire_get(&w) != 0;
    s->common.membind_local = wire_get(&w) != 0;
    s->common.bind = wire_get(&w) != 0;
    s->common.idle_spin_ns = (int64_t)wire_get(&w);
    s->common.counter = wire_get(&w) != 0;
    s->slot.slot = (uint32_t)wire_get(&w);
    s->slot.width = (uint32_t)wire_get(&w);
    wire_get_bytes(&w, &s->slot.cpus, sizeof s->slot.cpus);
    wire_get_bytes(&w, &s->slot.nodes, sizeof s->slot.nodes);
    if (read_env(&w, s) && read_plugins(&w, s) && !w.bad)
        return 0;
    worker_setup_finish(s);
    return w.bad ? br_error_set(err, BR_ERR_SYSTEM, "the worker's setup could not be read")
                 : br_error_nomem(err);
}

void worker_setup_finish(struct worker_setup *s)
{
    for (size_t i = 0; i < s->common.plugins.count; i++)
        free(s->configs[i].items);
    free(s->sources);
    free(s->configs);
    free(s->plugins);
    free(s->env);
    *s = (struct worker_setup){0};
}

void worker_setup_environment(unsigned width, const struct job_env *env, size_t count,
                              br_error *err)
{
    static const char *const widths[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                         "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
                                         "NUMEXPR_NUM_THREADS"};
    char number[16];
    snprintf(number, sizeof number, "%u", width);
    int failed = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        failed |= setenv(widths[i], number, 0);
    for (size_t i = 0; i < count; i++)
        failed |= env[i].value ? setenv(env[i].name, env[i].value, 1) : unsetenv(env[i].name);
    if (failed)
        br_error_errno(err, "cannot set a worker's environment");
}
