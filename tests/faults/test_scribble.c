// SPDX-License-Identifier: BSD-3-Clause
// Tasks that overwrite all memory that their worker can write to. The outcome of such a task may be
// anything; every other task has one outcome, with the right result. BATCHRUN_LONG=1 runs ten times
// as many workers, which scribble for a second each.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/rig.h"
#include "support/suite.h"

static struct rig rig;

enum {
    TASKS = 200 // one in ten does harm
};

static bool does_harm(int i)
{
    return i % 10 == 5;
}

static void open_rig(void)
{
    rig_open(&rig,
             (struct rig_options){.workers = 2, .plugin = "tests/plugins/.libs/scribbler.so"});
}

static void run(const char *task, uint32_t chunk, int64_t hard_ns)
{
    struct pool_map_options options = {
        .chunk = chunk,
        .map.limits.hard_ns = hard_ns,
        .retries = {.limit = 5, .on = ~0U, .delay_ns = 1, .max_ns = 1, .factor = 1}};
    open_rig();
    rig_run(&rig, rig_submit(&rig, task, 0, TASKS, options));
    for (int i = 0; i < TASKS; i++) {
        const struct fate *f = &rig.fates[i];
        if (does_harm(i)) // the task may have overwritten its own result before that was published
            continue;
        ck_assert_msg(f->status == OUTCOME_OK, "task %d ended as %s: %s", i,
                      outcome_name(f->status), f->text);
        ck_assert_int_eq(f->y, (int64_t)i * i + 7);
    }
    uint64_t ended = 0;
    for (int s = 0; s < OUTCOME_COUNT; s++)
        ended += rig.by_status[s];
    ck_assert_uint_eq(ended, TASKS);
}

// If only the channel is damaged, no other task fails, and none is charged an attempt.
static void assert_blame_is_exact(void)
{
    for (int i = 0; i < TASKS; i++)
        if (!does_harm(i))
            ck_assert_msg(rig.fates[i].tries == 1 && rig.fates[i].attempt == 1,
                          "task %d: attempt %u, after %u ends", i, rig.fates[i].attempt,
                          rig.fates[i].tries);
}

START_TEST(everything_that_is_mapped)
{
    unsigned deaths = 0, wanted = is_long() ? 200 : 20;
    setenv("SCRIBBLER_WRITES", is_long() ? "100000000" : "200000", 1);
    for (uint32_t round = 0; deaths < wanted; round++) {
        // A worker whose heap is broken may hang as well as crash, and its next tasks with it. The
        // limit grows with the patience, so that a task that is only slow ends within it.
        run("everything", 1 + round % 3 * 19, rig_patience_ns() / 60);
        ck_assert_uint_gt(rig.deaths, 0);
        deaths += rig.deaths;
        rig_close(&rig);
    }
}
END_TEST

START_TEST(the_channel_alone)
{
    setenv("SCRIBBLER_WRITES", "2000000", 1);
    for (uint32_t chunk = 1; chunk <= TASKS; chunk += 33) {
        run("ring", chunk, rig_patience_ns());
        assert_blame_is_exact();
        rig_close(&rig);
    }
}
END_TEST

START_TEST(a_hole_in_the_channel)
{
    run("punch", 50, rig_patience_ns());
    assert_blame_is_exact();
    rig_close(&rig);
}
END_TEST

START_TEST(a_channel_cannot_be_cut_off)
{
    run("truncate", 50, rig_patience_ns());
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], TASKS);
    ck_assert_uint_eq(rig.deaths, 0);
    rig_close(&rig);
}
END_TEST

START_TEST(a_worker_reaches_no_channel_but_its_own)
{
    open_rig();
    rig_run(&rig, rig_submit(&rig, "reach", 0, TASKS, (struct pool_map_options){.chunk = 1}));
    ck_assert_uint_eq(rig.by_status[OUTCOME_OK], TASKS);
    // Each worker has two memories, and no two workers share one.
    long long own[2], seen[2], third;
    ck_assert_int_eq(sscanf(rig.fates[0].text, "%lld %lld %lld", &own[0], &own[1], &third), 2);
    for (int i = 1; i < TASKS; i++) {
        int count = sscanf(rig.fates[i].text, "%lld %lld %lld", &seen[0], &seen[1], &third);
        ck_assert_msg(count == 2, "%s", rig.fates[i].text);
        bool same = seen[0] == own[0] && seen[1] == own[1];
        bool apart =
            seen[0] != own[0] && seen[0] != own[1] && seen[1] != own[0] && seen[1] != own[1];
        ck_assert(same || apart);
    }
    rig_close(&rig);
}
END_TEST

SUITE(scribble)
{
    TEST(everything_that_is_mapped);
    TEST(the_channel_alone);
    TEST(a_hole_in_the_channel);
    TEST(a_channel_cannot_be_cut_off);
    TEST(a_worker_reaches_no_channel_but_its_own);
}
