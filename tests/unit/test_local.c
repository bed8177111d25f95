// SPDX-License-Identifier: BSD-3-Clause
// The pool over real worker processes.
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/local.h"
#include "exec/plugin.h"
#include "exec/topology.h"
#include "model/table.h"
#include "pool/pool.h"

struct seen {
    uint64_t ok, failed, again;
    double sum;
    enum outcome_status status[32]; // of the last END of each of the first tasks
    char message[32][128];
    unsigned deaths, starts;
};

struct rig {
    struct nursery nursery;
    struct plan plan;
    struct pool *pool;
    struct schema results;
    int table_fd;
    size_t table_size;
    uint64_t rows;
    struct seen seen;
};

static const struct job_settings no_settings;
static struct setup_plugin plugins[2] = {{PLUGINS "/plugins/.libs/demo.so", &no_settings},
                                         {PLUGINS "/tests/plugins/.libs/faulty.so", &no_settings}};

static void on_worker(void *user, const struct exec_report *r)
{
    struct rig *rig = user;
    rig->seen.starts += r->type == REPORT_READY;
    rig->seen.deaths += r->type == REPORT_DEAD;
    if (r->type == REPORT_DEAD && getenv("SHOW_TIME"))
        printf("worker %u: %s\n", r->slot, r->dead.reason);
}

static void on_task(void *user, const struct exec_report *r, bool final)
{
    struct seen *s = &((struct rig *)user)->seen;
    if (r->type == REPORT_OK) {
        s->ok += r->tasks.count;
        const double *values = r->ok.results;
        for (uint32_t i = 0; i < r->tasks.count && r->ok.results_size == 8 * r->tasks.count; i++)
            s->sum += values[i];
    } else if (r->type == REPORT_END) {
        s->failed += final;
        s->again += !final;
        if (r->tasks.first < 32) {
            s->status[r->tasks.first] = r->end.status;
            snprintf(s->message[r->tasks.first], sizeof s->message[0], "%s", r->end.message);
        }
    }
}

static void rig_open(struct rig *rig, unsigned workers)
{
    br_error err = {0};
    struct machine machine;
    struct job_workers want = {
        .count = workers, .binding = BIND_CORE, .width = 1, .oversubscribe = true};
    *rig = (struct rig){.table_fd = -1};
    ck_assert_msg(nursery_start(&rig->nursery, &err) == 0, "%s", err.text);
    ck_assert_msg(topology_load(&machine, &err) == 0, "%s", err.text);
    ck_assert_msg(plan_make(&machine, &want, 0, &rig->plan, &err) == 0, "%s", err.text);
    machine_finish(&machine);
    struct local_options local = {.nursery = &rig->nursery,
                                  .plan = &rig->plan,
                                  .common = {.keep_output = true,
                                             .plugins = plugins,
                                             .plugin_count = 2,
                                             .memory = JOB_UNLIMITED,
                                             .open_files = JOB_UNLIMITED,
                                             .core_size = 0,
                                             .bind = true}};
    struct executor *ex = local_create(&local, &err);
    ck_assert_msg(ex, "%s", err.text);
    struct pool_options options = {.executor = ex,
                                   .workers = workers,
                                   .crash_limit = 3,
                                   .grace_ns = 100 * NS_PER_MS,
                                   .on_worker = on_worker,
                                   .user = rig};
    rig->pool = pool_create(&options, &err);
    ck_assert(rig->pool);
}

static void rig_close(struct rig *rig)
{
    pool_destroy(rig->pool);
    nursery_stop(&rig->nursery);
    plan_finish(&rig->plan);
    schema_finish(&rig->results);
    fd_close(&rig->table_fd);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); // no child is left
}

static void rig_table(struct rig *rig, uint64_t rows)
{
    br_error err;
    struct table_builder *b = table_builder_create(rows, &err);
    struct buffer image = BUFFER_EMPTY;
    ck_assert(table_add_range_i64(b, "i", 0, 1, &err) == 0);
    ck_assert(table_builder_finish(b, &image, &err) == 0);
    table_builder_destroy(b);
    rig->table_fd = fd_memory_sealed("test", image.data, image.length, &err);
    rig->table_size = image.length;
    rig->rows = rows;
    buffer_finish(&image);
}

static struct pool_map *rig_map(struct rig *rig, unsigned plugin, const char *task, int64_t hard_ns,
                                unsigned retries)
{
    br_error err = {0};
    struct pool_map_options options = {
        .map = {.plugin = plugin,
                .task = task,
                .phase = "phase",
                .seed = 1,
                .table_fd = rig->table_fd,
                .table_size = rig->table_size,
                .rows = rig->rows,
                .rows_per_task = 1,
                .results = &rig->results,
                .hard_ns = hard_ns},
        .tasks = rig->rows,
        .retries = {.limit = retries, .on = ~0U, .delay_ns = 1, .max_ns = 1, .factor = 1},
        .observer = on_task,
        .user = rig,
    };
    struct pool_map *m = pool_submit(rig->pool, &options, &err);
    ck_assert_msg(m, "%s", err.text);
    return m;
}

static void rig_run(struct rig *rig, struct pool_map *m)
{
    br_error err = {0};
    while (!pool_map_done(m)) {
        int64_t now = clock_now();
        ck_assert_msg(pool_dispatch(rig->pool, now, &err) == 0, "%s", err.text);
        if (pool_map_done(m))
            break;
        struct pollfd wait = {.fd = pool_fd(rig->pool), .events = POLLIN};
        poll(&wait, 1, clock_poll_timeout(pool_deadline(rig->pool), clock_now()));
    }
}

START_TEST(every_task_runs_once)
{
    struct rig rig;
    br_error err;
    rig_open(&rig, 2);
    rig_table(&rig, 1000000);
    ck_assert(schema_add(&rig.results, "y", 1, BR_F64, &err) == 0);
    struct pool_map *m = rig_map(&rig, 0, "noop", 0, 0);
    int64_t t = clock_now();
    rig_run(&rig, m);
    if (getenv("SHOW_TIME"))
        printf("%.1f ns a task\n", (double)(clock_now() - t) / 1e6);
    ck_assert_uint_eq(rig.seen.ok, 1000000);
    ck_assert_uint_eq(rig.seen.failed, 0);
    ck_assert(rig.seen.sum > 3.33332e17 && rig.seen.sum < 3.33334e17);
    rig_close(&rig);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("local");
    TCase *t = tcase_create("local");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, every_task_runs_once);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
