// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/html.h"
#include "support/suite.h"

static struct buffer out;

static void tear_down(void)
{
    buffer_finish(&out);
}

// Returns the text that was appended since the last call.
static const char *taken(void)
{
    buffer_char(&out, '\0');
    ck_assert(!out.failed);
    out.length = 0;
    return out.data;
}

START_TEST(text_is_not_markup)
{
    const char text[] = "<b a=\"1\" c='2'>&\n\x1b\xff";
    html_text(&out, text, sizeof text - 1, 100);
    ck_assert_str_eq(taken(), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;\\n\\x1b\\xff");
    html_lines(&out, "a<\n\tb\x01\n", 7, 100);
    ck_assert_str_eq(taken(), "a&lt;\n\tb\\x01\n");
    html_string(&out, NULL);
    ck_assert_str_eq(taken(), "-");
}
END_TEST

START_TEST(long_text_is_cut_between_characters)
{
    html_text(&out, "abc\xc3\xa4xyz", 8, 4);
    ck_assert_str_eq(taken(), "abc\xe2\x80\xa6");
    html_text(&out, "abc\xc3\xa4xyz", 8, 5);
    ck_assert_str_eq(taken(), "abc\xc3\xa4\xe2\x80\xa6");
    html_text(&out, "\xc3\xa4", 2, 1);
    ck_assert_str_eq(taken(), "\xe2\x80\xa6");
    char big[2000];
    memset(big, '<', sizeof big);
    big[sizeof big - 1] = '\0';
    html_string(&out, big);
    ck_assert_uint_lt(strlen(taken()), 1000);
}
END_TEST

START_TEST(numbers_are_short)
{
    html_short(&out, 87.52);
    ck_assert_str_eq(taken(), "87.5");
    html_short(&out, 5512089);
    ck_assert_str_eq(taken(), "5.51 M");
    html_short(&out, 1e13);
    ck_assert_str_eq(taken(), "1e+04 G");
}
END_TEST

START_TEST(axes_have_a_few_round_ticks)
{
    for (int64_t end = 1; end < INT64_MAX / 4; end = end * 4 / 3 + 1) {
        struct html_axis axis = html_axis(end);
        ck_assert_int_gt(axis.step_ns, 0);
        ck_assert_int_le(end / axis.step_ns, 7);
        ck_assert(end < 20 || end / axis.step_ns >= 2);
    }
    struct html_axis axis = html_axis(3460 * NS_PER_MS);
    ck_assert_int_eq(axis.step_ns, 500 * NS_PER_MS);
    html_tick(&out, &axis, 1500 * NS_PER_MS);
    ck_assert_str_eq(taken(), "1.5 s");
    html_tick(&out, &axis, 0);
    ck_assert_str_eq(taken(), "0");
    html_tick(&out, NULL, 200 * NS_PER_US);
    ck_assert_str_eq(taken(), "200 us");
    html_tick(&out, NULL, 500 * NS_PER_S);
    ck_assert_str_eq(taken(), "500 s");
    axis = html_axis(90 * 60 * NS_PER_S);
    html_tick(&out, &axis, axis.step_ns);
    ck_assert_str_eq(taken(), "20 min");
}
END_TEST

SUITE(html)
{
    FIXTURE(NULL, tear_down);
    TEST(text_is_not_markup);
    TEST(long_text_is_cut_between_characters);
    TEST(numbers_are_short);
    TEST(axes_have_a_few_round_ticks);
}
