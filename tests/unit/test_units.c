// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/units.h"
#include "support/suite.h"

static const struct {
    const char *text;
    enum units_result result;
    uint64_t value;
} sizes[] = {
    {"0", UNITS_OK, 0},
    {"1024", UNITS_OK, 1024},
    {"1KiB", UNITS_OK, 1024},
    {"2GiB", UNITS_OK, UINT64_C(2) << 30},
    {"1.5GiB", UNITS_OK, UINT64_C(3) << 29},
    {"0.1KiB", UNITS_OK, 102},
    {"0.9999999999999999999KiB", UNITS_OK, 1024},
    {"16777215TiB", UNITS_OK, UINT64_C(16777215) << 40},
    {"16777216TiB", UNITS_TOO_LARGE, 0},
    {"18446744073709551615", UNITS_OK, UINT64_MAX},
    {"18446744073709551616", UNITS_TOO_LARGE, 0},
    {"16777215.9999999999999999999TiB", UNITS_TOO_LARGE, 0},
    {"1.5", UNITS_NO_UNIT, 0},
    {"2GB", UNITS_BAD_UNIT, 0},
    {"2gib", UNITS_BAD_UNIT, 0},
    {"2 GiB", UNITS_BAD_UNIT, 0},
    {"1.GiB", UNITS_NO_NUMBER, 0},
    {".5GiB", UNITS_NO_NUMBER, 0},
    {"-1", UNITS_NO_NUMBER, 0},
    {"GiB", UNITS_NO_NUMBER, 0},
    {"", UNITS_NO_NUMBER, 0},
    {"1e3", UNITS_BAD_UNIT, 0},
};

START_TEST(sizes_are_bytes)
{
    uint64_t value = 42;
    ck_assert_int_eq(units_size(sizes[_i].text, strlen(sizes[_i].text), &value), sizes[_i].result);
    ck_assert_uint_eq(value, sizes[_i].result == UNITS_OK ? sizes[_i].value : 42);
}
END_TEST

static const struct {
    const char *text;
    enum units_result result;
    int64_t value;
} durations[] = {
    {"0", UNITS_OK, 0},
    {"0s", UNITS_OK, 0},
    {"1ns", UNITS_OK, 1},
    {"1us", UNITS_OK, 1000},
    {"500ms", UNITS_OK, 500000000},
    {"1.5s", UNITS_OK, 1500000000},
    {"10m", UNITS_OK, INT64_C(600000000000)},
    {"2h", UNITS_OK, INT64_C(7200000000000)},
    {"0.4ns", UNITS_OK, 0},
    {"0.5ns", UNITS_OK, 1},
    {"2562047h", UNITS_OK, INT64_C(2562047) * 3600 * 1000000000},
    {"2562048h", UNITS_TOO_LARGE, 0},
    {"99999999999999999999s", UNITS_TOO_LARGE, 0},
    {"60", UNITS_NO_UNIT, 0},
    {"1:30", UNITS_BAD_UNIT, 0},
    {"3d", UNITS_BAD_UNIT, 0},
    {"5 min", UNITS_BAD_UNIT, 0},
    {"1m30s", UNITS_BAD_UNIT, 0},
    {"-5s", UNITS_NO_NUMBER, 0},
    {"soon", UNITS_NO_NUMBER, 0},
};

START_TEST(durations_are_nanoseconds)
{
    int64_t value = 42;
    ck_assert_int_eq(units_duration(durations[_i].text, strlen(durations[_i].text), &value),
                     durations[_i].result);
    ck_assert_int_eq(value, durations[_i].result == UNITS_OK ? durations[_i].value : 42);
}
END_TEST

static const struct {
    const char *text;
    const char *size; // the guess, NULL = no guess
    const char *duration;
} meant[] = {
    {"2GB", "2GiB", NULL},    {"1.5 mb", "1.5MiB", NULL},
    {"60", NULL, "60s"},      {"5 min", NULL, "5m"},
    {"2hours", NULL, "2h"},   {"5\u00b5s", NULL, "5us"},
    {"3d", NULL, NULL},       {"lots", NULL, NULL},
    {"10 bytes", "10", NULL}, {"99999999999999999999999999999999999999999999999GB", NULL, NULL},
};

START_TEST(valid_texts_are_guessed)
{
    char out[UNITS_MEANT];
    const char *text = meant[_i].text;
    ck_assert_int_eq(units_size_meant(text, strlen(text), out), meant[_i].size != NULL);
    if (meant[_i].size)
        ck_assert_str_eq(out, meant[_i].size);
    ck_assert_int_eq(units_duration_meant(text, strlen(text), out), meant[_i].duration != NULL);
    if (meant[_i].duration)
        ck_assert_str_eq(out, meant[_i].duration);
}
END_TEST

SUITE(units)
{
    LOOP_TEST(sizes_are_bytes, COUNT(sizes));
    LOOP_TEST(durations_are_nanoseconds, COUNT(durations));
    LOOP_TEST(valid_texts_are_guessed, COUNT(meant));
}
