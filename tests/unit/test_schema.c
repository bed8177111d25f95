// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/schema.h"
#include "support/suite.h"

START_TEST(schema_grows_and_finds)
{
    struct schema s = {0};
    br_error err;
    char name[16];
    for (int i = 0; i < SCHEMA_MAX; i++) {
        int length = snprintf(name, sizeof name, "c%d", i);
        ck_assert_int_eq(schema_add(&s, name, (size_t)length, BR_I64, &err), 0);
    }
    ck_assert_int_eq(schema_find(&s, "c0"), 0);
    ck_assert_int_eq(schema_find(&s, "c4095"), 4095);
    ck_assert_int_eq(schema_find(&s, "c4096"), -1);
    ck_assert_int_eq(schema_add(&s, "x", 1, BR_I64, &err), -1);
    ck_assert_uint_eq(s.count, SCHEMA_MAX);
    schema_finish(&s);
    ck_assert_ptr_null(s.columns);
}
END_TEST

START_TEST(signature_names_columns_and_types)
{
    struct signature s;
    br_error err;
    ck_assert_int_eq(signature_parse("a:i64, b.c-d : str\tx:bytes->c:f64 d:bool", &s, &err), 0);
    ck_assert_uint_eq(s.inputs.count, 3);
    ck_assert_str_eq(s.inputs.columns[1].name, "b.c-d");
    ck_assert_int_eq(s.inputs.columns[1].type, BR_STR);
    ck_assert_int_eq(s.inputs.columns[2].type, BR_BYTES);
    ck_assert_uint_eq(s.results.count, 2);
    ck_assert_int_eq(s.results.columns[0].type, BR_F64);
    ck_assert_int_eq(s.results.columns[1].type, BR_BOOL);
    ck_assert(!s.many_rows && !s.any_input);
    signature_finish(&s);
}
END_TEST

START_TEST(signature_of_many_rows_and_any_input)
{
    struct signature s;
    br_error err;
    ck_assert_int_eq(signature_parse("[x:f64 ...] -> x:f64", &s, &err), 0);
    ck_assert(s.many_rows && s.any_input);
    signature_finish(&s);
    ck_assert_int_eq(signature_parse("... ->", &s, &err), 0);
    ck_assert(!s.many_rows && s.any_input);
    ck_assert_int_eq(s.any_type, BR_TYPE_NONE);
    ck_assert_uint_eq(s.inputs.count + s.results.count, 0);
    signature_finish(&s);
    ck_assert_int_eq(signature_parse("a:i64 ...: str -> b:f64", &s, &err), 0);
    ck_assert(s.any_input);
    ck_assert_int_eq(s.any_type, BR_STR);
    ck_assert_uint_eq(s.inputs.count, 1);
    signature_finish(&s);
    ck_assert_int_eq(signature_parse(" -> ", &s, &err), 0);
    signature_finish(&s);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
} bad[] = {
    {"", "character 1: expected -> and"},
    {"a:i64", "character 6: expected -> and"},
    {"a:int -> b:i64", "character 3: expected a type"},
    {"a -> b:i64", "character 3: expected a colon"},
    {"...:text ->", "character 5: expected a type"},
    {"1a:i64 ->", "character 1: expected a column's name"},
    {"a:i64 a:f64 ->", "character 7: this column is declared twice"},
    {"-> a:i64, a:i64", "character 11: this column is declared twice"},
    {"[a:i64 -> b:i64", "character 8: expected a closing ]"},
    {"a:i64] -> b:i64", "character 6: a ] without"},
    {"-> ...", "character 4: ... is allowed"},
    {"-> index:i64", "character 4: a result cannot be called index"},
    {"a:i64 -> b:i64 -> c:i64", "character 16: expected a column's name"},
    {"a:i64- -> b:i64", "character 6: expected a column's name"},
};

START_TEST(signature_errors_are_described)
{
    struct signature s;
    br_error err;
    ck_assert_int_eq(signature_parse(bad[_i].text, &s, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_msg(strstr(err.text, bad[_i].message), "%s", err.text);
    ck_assert_uint_eq(s.inputs.count + s.results.count, 0);
    ck_assert_ptr_null(s.inputs.columns);
}
END_TEST

SUITE(schema)
{
    TEST(schema_grows_and_finds);
    TEST(signature_names_columns_and_types);
    TEST(signature_of_many_rows_and_any_input);
    LOOP_TEST(signature_errors_are_described, COUNT(bad));
}
