// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "support/golden.h"
#include "support/suite.h"

static void write_sample(struct json *j)
{
    json_begin_object(j, NULL);
    json_string(j, "text", "a \"b\"\n\xFF");
    json_string(j, "none", NULL);
    json_begin_array(j, "numbers");
    json_i64(j, NULL, INT64_MIN);
    json_u64(j, NULL, UINT64_MAX);
    json_f64(j, NULL, 0.1);
    json_f64(j, NULL, (double)NAN);
    json_f64(j, NULL, -HUGE_VAL);
    json_end_array(j);
    json_begin_array(j, "empty");
    json_end_array(j);
    json_begin_object(j, "inner");
    json_end_object(j);
    json_bool(j, "yes", true);
    json_bool(j, "no", false);
    json_seconds(j, "time", -1500000999);
    json_end_object(j);
}

static void expect(bool pretty, const char *expected)
{
    struct buffer out = BUFFER_EMPTY;
    struct json j;
    json_init(&j, &out, pretty);
    write_sample(&j);
    golden_text(&out, expected);
}

START_TEST(on_one_line)
{
    expect(false, "{\"text\":\"a \\\"b\\\"\\n\\ufffd\",\"none\":null,"
                  "\"numbers\":[-9223372036854775808,18446744073709551615,0.1,null,null],"
                  "\"empty\":[],\"inner\":{},\"yes\":true,\"no\":false,\"time\":-1.500000}");
}
END_TEST

START_TEST(for_people_too)
{
    expect(true, "{\n"
                 "  \"text\": \"a \\\"b\\\"\\n\\ufffd\",\n"
                 "  \"none\": null,\n"
                 "  \"numbers\": [\n"
                 "    -9223372036854775808,\n"
                 "    18446744073709551615,\n"
                 "    0.1,\n"
                 "    null,\n"
                 "    null\n"
                 "  ],\n"
                 "  \"empty\": [],\n"
                 "  \"inner\": {},\n"
                 "  \"yes\": true,\n"
                 "  \"no\": false,\n"
                 "  \"time\": -1.500000\n"
                 "}");
}
END_TEST

START_TEST(values_side_by_side)
{
    struct buffer out = BUFFER_EMPTY;
    for (int i = 0; i < 2; i++) {
        struct json j;
        json_init(&j, &out, false);
        json_i64(&j, NULL, i);
        buffer_char(&out, '\n');
    }
    golden_text(&out, "0\n1\n");
}
END_TEST

SUITE(json)
{
    TEST(on_one_line);
    TEST(for_people_too);
    TEST(values_side_by_side);
}
