// SPDX-License-Identifier: BSD-3-Clause
// Five names, each a call of its own, collected by get. Bill fails, the other tasks are unaffected.
#include <batchrun/pool.h>

#include <stdio.h>
#include <string.h>

struct greeting {
    char text[64];
};

static int greet(br_task *t, const void *in, void *out)
{
    const char *name = in;
    struct greeting *greeting = out;
    if (strcmp(name, "Bill") == 0)
        return br_fail(t, "Name Error : %s", name);
    snprintf(greeting->text, sizeof greeting->text, "Hello %s", name);
    return 0;
}

int main(void)
{
    const char *const names[] = {"John", "Ben", "Bill", "Alex", "Jenny"};
    struct greeting greetings[5];
    br_result *results[5];
    br_error err;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    if (!pool) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < 5; i++) {
        results[i] = br_pool_apply_async(pool, greet, names[i], strlen(names[i]) + 1, &greetings[i],
                                         sizeof greetings[i], NULL, &err);
        if (!results[i]) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    for (int i = 0; i < 5; i++) {
        int failed = br_result_get(results[i], BR_FOREVER, &err);
        printf("%s\n", failed ? err.text : greetings[i].text);
        br_result_free(results[i]);
    }
    return 0;
}
