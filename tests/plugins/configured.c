// SPDX-License-Identifier: BSD-3-Clause
// A plugin that uses what a job file sets: config, state, the environment, the seed, many types.
#include <batchrun/plugin.h>

#include <stdio.h>
#include <stdlib.h>

#include <time.h>

struct settings {
    double scale;
    int64_t offset;
    bool loud;
    const char *word;
};

static int init(br_worker *w)
{
    struct settings *s = malloc(sizeof *s);
    if (s == NULL)
        return br_init_fail(w, "out of memory");
    s->scale = br_config_f64(w, "scale", 1);
    s->offset = br_config_i64(w, "offset", 0);
    s->loud = br_config_bool(w, "loud", false);
    s->word = br_config_str(w, "word", "none");
    br_set_state(w, s);
    return 0;
}

// Prints the farewell slowly.
static int fini(br_worker *w)
{
    const struct timespec a_while = {.tv_nsec = 100000000};
    const char *farewell = br_config_str(w, "farewell", "");
    if (farewell[0]) {
        nanosleep(&a_while, NULL);
        puts(farewell);
        fflush(stdout);
    }
    free(br_worker_state(w));
    return 0;
}

static int scaled(br_task *t)
{
    const struct settings *s = br_state(t);
    char word[128];
    snprintf(word, sizeof word, "%s%s", s->word, s->loud ? "!" : "");
    br_result_str(t, "word", word);
    return br_result_f64(t, "scaled", (double)(br_arg_i64(t, "i") + s->offset) * s->scale);
}

static int environment(br_task *t)
{
    const char *value = getenv(br_arg_str(t, "variable"));
    br_result_bool(t, "is_set", value != NULL);
    return br_result_str(t, "value", value != NULL ? value : "");
}

static int about(br_task *t)
{
    char seed[32];
    snprintf(seed, sizeof seed, "%016llx", (unsigned long long)br_task_seed(t));
    br_result_str(t, "seed", seed);
    br_result_str(t, "phase", br_task_phase(t));
    br_result_i64(t, "task", (int64_t)br_task_index(t));
    return br_result_i64(t, "attempt", br_task_attempt(t));
}

// Takes an input of each type and returns it.
static int echo(br_task *t)
{
    size_t size;
    const void *bytes = br_arg_bytes(t, "d", &size);
    br_result_f64(t, "a2", br_arg_f64(t, "a"));
    br_result_bool(t, "b2", br_arg_bool(t, "b"));
    br_result_str(t, "c2", br_arg_str(t, "c"));
    return br_result_bytes(t, "d2", bytes, size);
}

BATCHRUN_PLUGIN("configured", "1.0", BR_PLUGIN_INIT(init), BR_PLUGIN_FINI(fini),
                BR_TASK("scaled", scaled, "i:i64 -> scaled:f64 word:str", "by the configuration"),
                BR_TASK("environment", environment, "variable:str -> is_set:bool value:str",
                        "a variable of the worker's environment"),
                BR_TASK("about", about, "... -> seed:str phase:str task:i64 attempt:i64",
                        "what a task knows of itself"),
                BR_TASK("echo", echo,
                        "a:f64 b:bool c:str d:bytes -> a2:f64 b2:bool c2:str d2:bytes",
                        "one of each type"));
