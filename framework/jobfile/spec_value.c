// SPDX-License-Identifier: BSD-3-Clause
// Reads single values into fields.
#include "jobfile/spec_value.h"

#include <stdlib.h>
#include <string.h>

#include "jobfile/spec_messages.h"
#include "jobfile/spec_scalar.h"
#include "model/cell_text.h"
#include "model/units.h"

enum {
    NAME_MAX_LENGTH = 64
};

bool spec_is_null(const struct node *node)
{
    struct cell cell;
    return node->kind == NODE_SCALAR && spec_scalar_resolve(node, &cell) == SCALAR_NULL;
}

char *spec_keep_text(struct reader *r, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        r->failed = true;
    return copy;
}

void *spec_keep_items(struct reader *r, size_t count, size_t size)
{
    if (count == 0)
        return NULL;
    void *items = calloc(count, size);
    if (!items)
        r->failed = true;
    return items;
}

// Reports a number that YAML allows and that is ambiguous or too large. Returns whether it did.
static bool refuse_number(struct reader *r, const struct node *node, enum scalar_kind kind,
                          bool may_be_text)
{
    if (kind == SCALAR_LEADING_ZERO) {
        const char *rest = node->text + strspn(node->text, "+-");
        rest += strspn(rest, "0");
        if (*rest < '0' || *rest > '9')
            rest--; // the number is zero: keep one digit
        const char *text = may_be_text ? ", or quotes for text" : "";
        const char *sign = node->text[0] == '-' ? "-" : "";
        bool octal = !*sign && strspn(rest, "01234567") == strlen(rest) && *rest != '0';
        const char *hint =
            octal ? spec_tree_format(&r->tree, "write `%s` for decimal, `0o%s` for octal%s", rest,
                                     rest, text)
                  : spec_tree_format(&r->tree, "write `%s%s`%s", sign, rest, text);
        spec_complain(r, node, hint,
                      "`%s` begins with 0, which reads differently in different tools",
                      spec_shorten(r, node->text));
        return true;
    }
    if (kind != SCALAR_TOO_LARGE)
        return false;
    spec_complain(r, node, may_be_text ? "quote it if it is text" : "write a smaller one",
                  "the number %s does not fit in 64 bits", spec_shorten(r, node->text));
    return true;
}

const char *spec_read_text(struct reader *r, const struct spec_key *key, const struct node *value)
{
    struct cell cell;
    if (value->kind != NODE_SCALAR) {
        spec_complain_type(r, key, value);
        return NULL;
    }
    enum scalar_kind kind = spec_scalar_resolve(value, &cell);
    if (kind == SCALAR_TEXT && value->length > 0)
        return value->text;
    bool any_text = key->type == SPEC_TEXT || key->type == SPEC_NAME;
    if (kind == SCALAR_TEXT || kind == SCALAR_NULL || !any_text)
        spec_complain_type(r, key, value);
    else
        spec_complain(r, value,
                      spec_tree_format(&r->tree, "write `%s: \"%s\"` if you mean it", key->name,
                                       spec_shorten(r, value->text)),
                      "`%s` is %s; expected %s", key->name, spec_describe(r, value),
                      spec_expected(r, key));
    return NULL;
}

bool spec_read_value(struct reader *r, const char *name, const struct node *node,
                     struct job_value *out)
{
    struct job_value value = {.mark = node->mark};
    if (node->kind != NODE_SCALAR) {
        spec_complain(r, node, "write one number, text, `true` or `false`",
                      "`%s` holds %s; expected a single value", spec_shorten(r, name),
                      spec_describe(r, node));
        return false;
    }
    enum scalar_kind kind = spec_scalar_resolve(node, &value.cell);
    if (kind == SCALAR_NULL) {
        spec_complain(r, node, "write the value, or \"\" for an empty text", "`%s` has no value",
                      spec_shorten(r, name));
        return false;
    }
    if (refuse_number(r, node, kind, true))
        return false;
    if (kind == SCALAR_TEXT) {
        value.cell.text.data = spec_keep_text(r, node->text);
        if (!value.cell.text.data)
            return false;
    } else if (!cell_prints_as(&value.cell, node->text, node->length)) {
        value.written = spec_keep_text(r, node->text);
        if (!value.written)
            return false;
    }
    *out = value;
    return true;
}

bool spec_read_number(struct reader *r, const struct spec_key *key, const struct node *node,
                      struct cell *out)
{
    struct cell cell;
    if (node->kind == NODE_SCALAR) {
        enum scalar_kind kind = spec_scalar_resolve(node, &cell);
        if (refuse_number(r, node, kind, false))
            return false;
        if (kind == SCALAR_INTEGER || kind == SCALAR_FLOAT) {
            *out = cell;
            return true;
        }
    }
    spec_complain_type(r, key, node);
    return false;
}

// ---- One reader for each type

static void store(const struct spec_key *key, void *field, int64_t value)
{
    uint8_t one = (uint8_t)value;
    uint32_t four = (uint32_t)value;
    memcpy(field,
           key->size == sizeof one    ? (void *)&one
           : key->size == sizeof four ? (void *)&four
                                      : (void *)&value,
           key->size);
}

void spec_read_string(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    const char *text = spec_read_text(r, key, value);
    if (text)
        *(char **)field = spec_keep_text(r, text);
}

void spec_read_name(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    if (strlen(text) > NAME_MAX_LENGTH)
        spec_complain(r, value, "choose a shorter one", "`%s` is longer than %d characters",
                      spec_shorten(r, text), NAME_MAX_LENGTH);
    else if (text[strspn(text, allowed)] != '\0')
        spec_complain(r, value, "letters, digits, `_`, `-` and `.` are fine",
                      "`%s` cannot be a name: files are named after it", text);
    else if (text[0] == '.' || text[0] == '-')
        spec_complain(r, value, "begin with a letter, a digit or `_`",
                      "a name cannot begin with `%c`: files are named after it", text[0]);
    else
        *(char **)field = spec_keep_text(r, text);
}

void spec_read_bool(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    static const char *const yes[] = {"yes", "on", "y", "Yes", "On", "YES", "ON", "1"};
    static const char *const no[] = {"no", "off", "n", "No", "Off", "NO", "OFF", "0"};
    struct cell cell;
    if (value->kind == NODE_SCALAR && spec_scalar_resolve(value, &cell) == SCALAR_BOOL) {
        *(bool *)field = cell.boolean;
        return;
    }
    const char *hint = NULL;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (spec_node_is(value, yes[i]))
            hint = "write `true`";
        if (spec_node_is(value, no[i]))
            hint = "write `false`";
    }
    spec_complain(r, value, hint ? hint : spec_example(r, key),
                  "`%s` is %s; expected `true` or `false`", key->name, spec_describe(r, value));
}

void spec_read_word(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    size_t count = 0;
    while (key->words[count])
        count++;
    for (size_t i = 0; i < count; i++)
        if (spec_node_is(value, key->words[i])) {
            store(key, field, (int64_t)i);
            return;
        }
    const char *hint =
        value->kind == NODE_SCALAR ? spec_did_you_mean(r, value->text, key->words, count) : NULL;
    spec_complain(r, value, hint ? hint : spec_example(r, key), "`%s` is %s; expected %s",
                  key->name, spec_describe(r, value), spec_expected(r, key));
}

void spec_read_whole(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct cell cell;
    if (key->automatic && spec_node_is(value, key->automatic)) {
        store(key, field, 0);
        return;
    }
    if (!spec_read_number(r, key, value, &cell))
        return;
    if (cell.type != BR_I64 || cell.i64 < key->min || cell.i64 > key->max)
        spec_complain(r, value, spec_example(r, key), "`%s` is %s; expected %s", key->name,
                      spec_describe(r, value), spec_expected(r, key));
    else
        store(key, field, cell.i64);
}

void spec_read_real(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct cell cell;
    if (!spec_read_number(r, key, value, &cell))
        return;
    double number = cell.type == BR_I64 ? (double)cell.i64 : cell.f64;
    // Infinity is above any bound, and NaN fails both comparisons.
    if (number >= (double)key->min && number <= (double)key->max)
        *(double *)field = number;
    else
        spec_complain_type(r, key, value);
}

static void complain_units(struct reader *r, const struct spec_key *key, const struct node *value,
                           enum units_result result)
{
    char meant[UNITS_MEANT];
    bool guess = key->type == SPEC_SIZE ? units_size_meant(value->text, value->length, meant)
                                        : units_duration_meant(value->text, value->length, meant);
    const char *hint =
        guess ? spec_tree_format(&r->tree, "did you mean `%s`?", meant) : spec_example(r, key);
    const char *text = spec_shorten(r, value->text);
    if (result == UNITS_TOO_LARGE)
        spec_complain(r, value, spec_example(r, key), "`%s`: %s is too large", key->name, text);
    else if (result == UNITS_NO_UNIT)
        spec_complain(r, value, hint, "`%s` is %s, without a unit; expected %s", key->name, text,
                      spec_expected(r, key));
    else if (result == UNITS_BAD_UNIT)
        spec_complain(r, value, hint, "`%s` is `%s`, which has an unknown unit; expected %s",
                      key->name, text, spec_expected(r, key));
    else
        spec_complain_type(r, key, value);
}

void spec_read_units(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    uint64_t number = 0;
    if (value->kind != NODE_SCALAR) {
        spec_complain_type(r, key, value);
        return;
    }
    enum units_result result = key->type == SPEC_SIZE
                                   ? units_size(value->text, value->length, &number)
                                   : units_duration(value->text, value->length, (int64_t *)&number);
    if (result != UNITS_OK)
        complain_units(r, key, value, result);
    else if (number < (uint64_t)key->min)
        spec_complain(r, value, spec_example(r, key), "`%s` is %s, which is too small", key->name,
                      spec_shorten(r, value->text));
    else
        memcpy(field, &number, sizeof number);
}

void spec_read_settings(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field)
{
    struct job_settings *settings = field;
    if (value->kind != NODE_MAPPING) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->count > SCHEMA_MAX) {
        spec_complain(r, value, NULL, "`%s` has %zu entries; the limit is %d", key->name,
                      value->count, SCHEMA_MAX);
        return;
    }
    settings->items = spec_keep_items(r, value->count, sizeof settings->items[0]);
    for (const struct node *item = value->first; item && settings->items; item = item->next) {
        struct job_setting setting = {.mark = item->key->mark};
        if (item->key->length == 0)
            spec_complain(r, item->key, NULL, "an entry of `%s` without a name", key->name);
        else if (spec_read_value(r, item->key->text, item, &setting.value)) {
            setting.name = spec_keep_text(r, item->key->text);
            settings->items[settings->count++] = setting;
        }
    }
}
