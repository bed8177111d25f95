// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/utf8.h"
#include "support/golden.h"
#include "support/suite.h"

// ---- Numbers

static const struct {
    const char *text;
    bool good;
    int64_t value;
} integers[] = {
    {"0", true, 0},
    {"-0", true, 0},
    {"+7", true, 7},
    {"9223372036854775807", true, INT64_MAX},
    {"-9223372036854775808", true, INT64_MIN},
    {"9223372036854775808", false, 0},
    {"-9223372036854775809", false, 0},
    {"99999999999999999999999", false, 0},
    {"", false, 0},
    {"-", false, 0},
    {"0755", false, 0},
    {"00", false, 0},
    {"-01", false, 0},
    {" 1", false, 0},
    {"1 ", false, 0},
    {"1.0", false, 0},
    {"0x1F", false, 0},
    {"--1", false, 0},
};

START_TEST(integers_are_whole_strings)
{
    int64_t value = 42;
    ck_assert_int_eq(text_to_i64(integers[_i].text, strlen(integers[_i].text), &value),
                     integers[_i].good);
    ck_assert_int_eq(value, integers[_i].good ? integers[_i].value : 42);
}
END_TEST

static const struct {
    const char *text;
    bool good;
    double value;
} reals[] = {
    {"0", true, 0},
    {"-1.5", true, -1.5},
    {"1e3", true, 1000},
    {"1E+3", true, 1000},
    {"1.e-1", true, 0.1},
    {".5", true, 0.5},
    {"-.5", true, -0.5},
    {"1e-999", true, 0},
    {"1e999", false, 0},
    {"-1e999", false, 0},
    {".inf", true, HUGE_VAL},
    {"-.INF", true, -HUGE_VAL},
    {"+.Inf", true, HUGE_VAL},
    {".iNf", false, 0},
    {"-.nan", false, 0},
    {"inf", false, 0},
    {"nan", false, 0},
    {"0x1p3", false, 0},
    {"1e", false, 0},
    {"1e+", false, 0},
    {".", false, 0},
    {"e5", false, 0},
    {"", false, 0},
    {"1,5", false, 0},
    {" 1", false, 0},
    {"01.5", false, 0},
    {"0.1000000000000000055511151231257827021181583404541015625000000000000000001", true, 0.1},
};

START_TEST(reals_are_whole_strings)
{
    double value = 42;
    ck_assert_int_eq(text_to_f64(reals[_i].text, strlen(reals[_i].text), &value), reals[_i].good);
    ck_assert(value == (reals[_i].good ? reals[_i].value : 42));
}
END_TEST

START_TEST(a_length_ends_a_number)
{
    int64_t whole = 0;
    double real = 0;
    ck_assert(text_to_i64("123456", 3, &whole));
    ck_assert_int_eq(whole, 123);
    ck_assert(text_to_f64("1.25e99999", 4, &real));
    ck_assert(real == 1.25);
    ck_assert(text_to_f64(".nan", 4, &real) && isnan(real));
}
END_TEST

START_TEST(reals_are_written_short_and_read_back)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e300, "1e+300"},
        {5e-324, "5e-324"},
        {HUGE_VAL, "inf"},
        {-HUGE_VAL, "-inf"},
        {(double)NAN, "nan"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct buffer b = BUFFER_EMPTY;
        text_f64(&b, cases[i].value);
        golden_text(&b, cases[i].text);
    }
}
END_TEST

START_TEST(numbers_do_not_depend_on_the_locale)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        return; // the locale is not installed
    double value = 0;
    ck_assert(text_to_f64("1.5", 3, &value));
    ck_assert(value == 1.5);
    struct buffer b = BUFFER_EMPTY;
    text_f64(&b, 1.5);
    golden_text(&b, "1.5");
}
END_TEST

// ---- Characters

static const struct {
    const char *bytes;
    size_t length;
    size_t sequence;
} sequences[] = {
    {"a", 1, 1},
    {"", 0, 0},
    {"\xC3\xA9", 2, 2},
    {"\xC3", 1, 0},
    {"\xC0\x80", 2, 0},     // overlong
    {"\xE0\x80\x80", 3, 0}, // overlong
    {"\xE2\x82\xAC", 3, 3},
    {"\xE2\x82", 2, 0},
    {"\xED\xA0\x80", 3, 0}, // a surrogate
    {"\xEF\xBF\xBF", 3, 3},
    {"\xF0\x9F\x98\x80", 4, 4},
    {"\xF0\x80\x80\x80", 4, 0}, // overlong
    {"\xF4\x8F\xBF\xBF", 4, 4}, // U+10FFFF
    {"\xF4\x90\x80\x80", 4, 0}, // beyond U+10FFFF
    {"\xF5\x80\x80\x80", 4, 0},
    {"\x80", 1, 0},
    {"\xFF", 1, 0},
};

START_TEST(utf8_is_checked)
{
    ck_assert_uint_eq(utf8_sequence(sequences[_i].bytes, sequences[_i].length),
                      sequences[_i].sequence);
}
END_TEST

START_TEST(characters_are_decoded_and_counted)
{
    ck_assert_uint_eq(utf8_code_point("a", 1), 'a');
    ck_assert_uint_eq(utf8_code_point("\xC3\xA9", 2), 0xE9);
    ck_assert_uint_eq(utf8_code_point("\xE2\x82\xAC", 3), 0x20AC);
    ck_assert_uint_eq(utf8_code_point("\xF0\x9F\x98\x80", 4), 0x1F600);
    ck_assert_uint_eq(utf8_width("a\xC3\xA9\xFF\xE2\x82", 6), 5);
    ck_assert_uint_eq(utf8_width("", 0), 0);
}
END_TEST

START_TEST(no_cut_falls_within_a_character)
{
    static const char text[] = "a\xC3\xA9\xF0\x9F\x98\x80";
    ck_assert_uint_eq(utf8_cut(text, 7), 7);
    ck_assert_uint_eq(utf8_cut(text, 6), 3);
    ck_assert_uint_eq(utf8_cut(text, 3), 3);
    ck_assert_uint_eq(utf8_cut(text, 2), 1);
    ck_assert_uint_eq(utf8_cut("\x80\x80", 1), 0);
}
END_TEST

START_TEST(hidden_characters_are_escaped)
{
    struct buffer b = BUFFER_EMPTY;
    static const char text[] = "a\n\t\x1b[0m\x7f\0\xFF \xC2\x85\xE2\x80\xAE\xEF\xBB\xBF\xC3\xA9\\";
    text_escaped(&b, text, sizeof text - 1);
    golden_text(&b, "a\\n\\t\\x1b[0m\\x7f\\x00\\xff \\x85\\u{202e}\\u{feff}\xC3\xA9\\");
    text_lines_escaped(&b, "\n\x1b\n\nb\t", 6);
    golden_text(&b, "\n\\x1b\n\nb\\t");
    text_lines_escaped(&b, "a", 0);
    golden_text(&b, "");
    ck_assert(utf8_is_hidden('\n') && utf8_is_hidden(0x9F) && utf8_is_hidden(0x2067));
    ck_assert(!utf8_is_hidden(' ') && !utf8_is_hidden(0xA0) && !utf8_is_hidden(0x1F600));
}
END_TEST

START_TEST(json_strings_are_quoted)
{
    struct buffer b = BUFFER_EMPTY;
    static const char text[] = "a\"b\\c\n\x01\x7f\0\xC3\xA9\xFF";
    text_json(&b, text, sizeof text - 1);
    golden_text(&b, "\"a\\\"b\\\\c\\n\\u0001\\u007f\\u0000\xC3\xA9\\ufffd\"");
}
END_TEST

// ---- Words, durations, counts

START_TEST(the_nearest_word_is_found)
{
    static const char *const words[] = {"timeout", "task", "inputs", "name", "needs", "cfd"};
    static const struct {
        const char *text, *nearest;
    } cases[] = {
        {"timeuot", "timeout"}, {"tsak", "task"},  {"imputs", "inputs"}, {"nam", "name"},
        {"nmae", "name"},       {"need", "needs"}, {"name", "name"},     {"cdf", "cfd"},
        {"memory", NULL},       {"x", NULL},       {"", NULL},           {"tas", "task"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        const char *found = text_nearest(cases[i].text, words, 6);
        if (!cases[i].nearest)
            ck_assert_msg(found == NULL, "%s: %s", cases[i].text, found);
        else
            ck_assert_msg(found && !strcmp(found, cases[i].nearest), "%s: %s", cases[i].text,
                          found ? found : "none");
    }
    ck_assert_ptr_null(text_nearest("a", NULL, 0));
    char word[200];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const one[] = {word};
    ck_assert_ptr_null(text_nearest(word, one, 1));
}
END_TEST

START_TEST(durations_are_for_people)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {850, "850 ns"},
        {12300, "12.3 us"},
        {999999, "1 ms"},
        {4560000, "4.56 ms"},
        {999999999, "1 s"},
        {7890000000, "7.89 s"},
        {59 * NS_PER_S, "59 s"},
        {60 * NS_PER_S - 1, "1m00s"},
        {123 * NS_PER_S, "2m03s"},
        {3723 * NS_PER_S, "1h02m03s"},
        {INT64_MAX, "2562047h47m17s"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct buffer b = BUFFER_EMPTY;
        text_duration(&b, cases[i].ns);
        golden_text(&b, cases[i].text);
    }
}
END_TEST

START_TEST(counts_are_grouped)
{
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1234, "1 234"},
        {10000000, "10 000 000"},
        {UINT64_MAX, "18 446 744 073 709 551 615"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct buffer b = BUFFER_EMPTY;
        text_count(&b, cases[i].count);
        golden_text(&b, cases[i].text);
    }
}
END_TEST

START_TEST(words_are_quoted_for_a_shell)
{
    static const struct {
        const char *word, *text;
    } cases[] = {
        {"job.run", "job.run"},
        {"phases.areas.timeout=5s", "phases.areas.timeout=5s"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},
        {"$HOME/*", "'$HOME/*'"},
        {"~", "'~'"},
        {"p#1", "p#1"},
        {"#1", "'#1'"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct buffer b = BUFFER_EMPTY;
        text_shell(&b, cases[i].word);
        golden_text(&b, cases[i].text);
    }
}
END_TEST

START_TEST(decimals_are_read_to_the_nearest_number)
{
    uint64_t state = 88172645463325252U;
    for (int i = 0; i < 50000; i++) {
        char text[64];
        double value;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        int places = (int)(state % 18);
        snprintf(text, sizeof text, "%.*f", places,
                 ldexp((double)(int64_t)state, -(int)(state % 71)));
        ck_assert(text_to_f64(text, strlen(text), &value));
        ck_assert_msg(value == strtod(text, NULL), "%s is not %.17g", text, value);
        ck_assert_msg(signbit(value) == signbit(strtod(text, NULL)), "%s", text);
    }
}
END_TEST

SUITE(text)
{
    LOOP_TEST(integers_are_whole_strings, COUNT(integers));
    LOOP_TEST(reals_are_whole_strings, COUNT(reals));
    TEST(a_length_ends_a_number);
    TEST(reals_are_written_short_and_read_back);
    TEST(numbers_do_not_depend_on_the_locale);
    LOOP_TEST(utf8_is_checked, COUNT(sequences));
    TEST(characters_are_decoded_and_counted);
    TEST(no_cut_falls_within_a_character);
    TEST(hidden_characters_are_escaped);
    TEST(json_strings_are_quoted);
    TEST(the_nearest_word_is_found);
    TEST(durations_are_for_people);
    TEST(counts_are_grouped);
    TEST(words_are_quoted_for_a_shell);
    TEST(decimals_are_read_to_the_nearest_number);
}
