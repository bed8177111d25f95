// SPDX-License-Identifier: BSD-3-Clause
// The function runs in a worker, the callback in the program that made the pool.
#include <batchrun/pool.h>

#include <stdio.h>
#include <unistd.h>

static int tell_pid(br_task *t, const void *in, void *out)
{
    (void)t;
    (void)in;
    *(pid_t *)out = getpid();
    return 0;
}

static void on_result(br_result *result, void *user)
{
    const pid_t *main_pid = user, *worker = br_result_output(result, 0);
    printf("the function ran in the main program: %s\n", *worker == *main_pid ? "yes" : "no");
    printf("the callback runs in the main program: %s\n", getpid() == *main_pid ? "yes" : "no");
}

int main(void)
{
    pid_t main_pid = getpid();
    br_error err;
    br_auto_pool pool = br_pool_create(&(br_pool_options){.workers = 4}, &err);
    br_call_options options = {.on_result = on_result, .user = &main_pid};
    if (!pool ||
        !br_pool_apply_async(pool, tell_pid, NULL, 0, NULL, sizeof(pid_t), &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    br_pool_close(pool);
    if (br_pool_join(pool, BR_FOREVER, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}
