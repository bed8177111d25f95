// SPDX-License-Identifier: BSD-3-Clause
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    PATIENCE_SECONDS = 600,
    LONG_FORM = 20 // times longer than the short form, at most
};

double patience(void)
{
    const char *text = getenv("BATCHRUN_TEST_PATIENCE");
    double seconds = text ? strtod(text, NULL) : 0;
    if (!(seconds > 0))
        seconds = PATIENCE_SECONDS;
    return is_long() ? seconds * LONG_FORM : seconds;
}

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void figure(const char *what, double seconds)
{
    printf("figure: %s: %.3f s\n", what, seconds);
    fflush(stdout);
}

bool is_long(void)
{
    const char *wanted = getenv("BATCHRUN_LONG");
    return wanted && *wanted;
}

TCase *suite_case(struct suite *suite, const char *name)
{
    TCase *test = tcase_create(name);
    // A wait within the test must give up first, because its message names the event.
    tcase_set_timeout(test, 2 * patience());
    tcase_add_checked_fixture(test, suite->set_up, suite->tear_down);
    suite_add_tcase(suite->check, test);
    return test;
}

static void print_how_to_run_alone(SRunner *runner, const char *program)
{
    int failed = srunner_ntests_failed(runner);
    TestResult **failures = srunner_failures(runner);
    if (!failures)
        return;
    for (int i = 0; i < failed; i++)
        printf("run it alone: CK_RUN_CASE=%s %s\n", tr_tcname(failures[i]), program);
    free(failures);
}

int suite_main(const char *name, int argc, char **argv, void (*tests)(struct suite *))
{
    struct suite suite = {.check = suite_create(name)};
    tests(&suite);
    SRunner *runner = srunner_create(suite.check);
    srunner_run_all(runner, CK_ENV);
    print_how_to_run_alone(runner, argc > 0 ? argv[0] : name);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
