// SPDX-License-Identifier: BSD-3-Clause
// A test program: it has one suite, with a line for each test, and no main of its own.
//
//     SUITE(heap)
//     {
//         FIXTURE(set_up, tear_down);
//         TEST(the_earliest_comes_first);
//         LOOP_TEST(each_sample, COUNT(samples));
//     }
//
// Each test is a Check case of its own name, so that CK_RUN_CASE=NAME runs it alone. When a test
// fails, the program prints the command that runs it alone.
#ifndef BR_TESTS_SUPPORT_SUITE_H
#define BR_TESTS_SUPPORT_SUITE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

// Fails the test if `condition` is false. For checks that are made very often, and for threads:
// Check's own macros write a line to a file each time, and may be used by one thread only.
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("%s", #condition);                                                        \
    } while (0)

struct suite {
    Suite *check;
    void (*set_up)(void), (*tear_down)(void);
};

#define SUITE(name)                                                                                \
    static void suite_tests(struct suite *suite);                                                  \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return suite_main(#name, argc, argv, suite_tests);                                         \
    }                                                                                              \
    static void suite_tests(struct suite *suite)

// The functions that run before and after each test that is listed below; NULL for none.
#define FIXTURE(before, after) (suite->set_up = (before), suite->tear_down = (after))
#define TEST(name)             tcase_add_test(suite_case(suite, #name), name)
// Runs the test with _i from 0 to count - 1, or from `first` to `end` - 1.
#define LOOP_TEST(name, count)       RANGE_TEST(name, 0, count)
#define RANGE_TEST(name, first, end) tcase_add_loop_test(suite_case(suite, #name), name, first, end)

// Runs the tests. Returns the exit status of the program.
int suite_main(const char *name, int argc, char **argv, void (*tests)(struct suite *));
// Returns a new Check case of the suite, which owns it.
TCase *suite_case(struct suite *suite, const char *name);

// Returns how many seconds to wait for an event that comes unless the program hangs. The number is
// the same for every wait of every test: BATCHRUN_TEST_PATIENCE, or 600 if that is not set.
double patience(void);

// Returns the monotonic time, in seconds.
double seconds_now(void);

// Prints how long something took. No test fails because of such a figure.
void figure(const char *what, double seconds);

// Returns whether BATCHRUN_LONG asks for the long form of the tests.
bool is_long(void);

#endif
