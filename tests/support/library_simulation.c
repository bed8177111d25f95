// SPDX-License-Identifier: BSD-3-Clause
#include "support/library_simulation.h"

#include "support/suite.h"

struct library_simulation lib;
br_error lib_error;

struct fake_task lib_ends(enum fake_ending ending, int64_t ns)
{
    return (struct fake_task){.ending = ending, .ns = ns};
}

static struct fake_task on_start(void *user, const struct exec_grant *task)
{
    (void)user;
    if (lib.start_count < LIB_KEPT)
        lib.starts[lib.start_count++] = *task;
    return lib.script ? lib.script(task) : lib_ends(FAKE_OK, NS_PER_MS);
}

static void on_grant(void *user, unsigned slot, const struct exec_grant *g)
{
    (void)user;
    (void)slot;
    if (lib.grant_count < LIB_KEPT)
        lib.grants[lib.grant_count++] = *g;
}

// The executor is destroyed when the pool is joined. Its clock then stands still.
static void destroy(struct executor *fake, int64_t grace_ns)
{
    lib.end_ns = fake_now(fake);
    lib.fake = NULL;
    lib.fake_ops->destroy(fake, grace_ns);
}

static int64_t now(void *user)
{
    (void)user;
    return lib.fake ? fake_now(lib.fake) : lib.end_ns;
}

static void wait_until(void *user, struct pollfd *fds, nfds_t count, int64_t until)
{
    (void)user;
    int64_t next = fake_next(lib.fake), at = fake_now(lib.fake);
    if (lib.stopped_ns > 0) {
        fake_advance(lib.fake, (until < next ? until : next) + lib.stopped_ns);
        lib.stopped_ns = 0;
        return;
    }
    if (poll(fds, count, 0) > 0 || until <= at)
        return;
    next = next < until ? next : until;
    ck_assert_msg(next < INT64_MAX, "it waits for what will never happen");
    fake_advance(lib.fake, next > at ? next : at);
}

void lib_open_with(unsigned workers, lib_script *tasks, br_pool_options options)
{
    struct fake_options fake = {.slots = workers, .task = on_start, .on_grant = on_grant};
    struct library_time time = {.now = now, .wait = wait_until};
    lib = (struct library_simulation){.script = tasks};
    lib.fake = fake_create(&fake, &lib_error);
    ck_assert_msg(lib.fake, "%s", lib_error.text);
    lib.fake_ops = lib.fake->ops;
    lib.ops = *lib.fake_ops;
    lib.ops.destroy = destroy;
    lib.fake->ops = &lib.ops;
    lib.pool = library_create(&options, lib.fake, &time, &lib_error);
    ck_assert_msg(lib.pool, "%s", lib_error.text);
}

void lib_open(unsigned workers, lib_script *tasks)
{
    lib_open_with(workers, tasks, (br_pool_options){0});
}

void lib_close(void)
{
    br_pool_destroy(lib.pool);
}

int64_t lib_elapsed(void)
{
    return now(NULL) - LIB_BEGIN;
}

int lib_square(br_task *t, const void *in, void *out)
{
    const int64_t *n = in;
    (void)t;
    *(int64_t *)out = *n * *n;
    return 0;
}

br_result *lib_submit(size_t count, const br_call_options *options)
{
    int64_t in[LIB_ITEMS];
    for (int64_t i = 0; i < LIB_ITEMS; i++)
        in[i] = i;
    br_result *r = br_pool_map_async(lib.pool, lib_square, in, count, sizeof in[0], NULL,
                                     sizeof in[0], options, &lib_error);
    ck_assert_msg(r != NULL, "%s", lib_error.text);
    return r;
}

br_outcome lib_outcome(br_result *r, size_t i)
{
    br_outcome o;
    lib_must(br_result_outcome(r, i, &o, &lib_error));
    return o;
}

struct fake_task lib_first_call_is_long(const struct exec_grant *task)
{
    return lib_ends(FAKE_OK, task->map == 1 ? NS_PER_S : NS_PER_MS);
}

struct fake_task lib_item_three_never_ends(const struct exec_grant *task)
{
    return (struct fake_task){.ns = task->first == 3 ? FAKE_FOREVER : NS_PER_MS, .stubborn = true};
}
