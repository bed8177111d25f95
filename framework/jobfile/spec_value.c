// SPDX-License-Identifier: BSD-3-Clause
// One value into its field, by the key's type.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "jobfile/spec_reader.h"
#include "jobfile/spec_scalar.h"
#include "model/units.h"

enum {
    NAME_MAX_LENGTH = 64
};

bool is_null(const struct node *node)
{
    struct cell cell;
    return node->kind == NODE_SCALAR && scalar_resolve(node, &cell) == SCALAR_NULL;
}

char *keep_text(struct reader *r, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        r->failed = true;
    return copy;
}

void *keep_items(struct reader *r, size_t count, size_t size)
{
    if (count == 0)
        return NULL;
    void *items = calloc(count, size);
    if (!items)
        r->failed = true;
    return items;
}

// Numbers that YAML allows and nobody can mean. true when it complained.
static bool refuse_number(struct reader *r, const struct node *node, enum scalar_kind kind,
                          bool may_be_text)
{
    if (kind == SCALAR_LEADING_ZERO) {
        const char *rest = node->text + strspn(node->text, "+-");
        rest += strspn(rest, "0");
        if (*rest < '0' || *rest > '9')
            rest--; // keep one zero
        const char *text = may_be_text ? ", or quotes for text" : "";
        const char *sign = node->text[0] == '-' ? "-" : "";
        bool octal = !*sign && strspn(rest, "01234567") == strlen(rest) && *rest != '0';
        const char *cure = octal
                               ? tree_format(&r->tree, "write `%s` for decimal, `0o%s` for octal%s",
                                             rest, rest, text)
                               : tree_format(&r->tree, "write `%s%s`%s", sign, rest, text);
        complain(r, node, cure, "`%s` begins with 0, which reads differently in different tools",
                 shorten(r, node->text));
        return true;
    }
    if (kind != SCALAR_TOO_LARGE)
        return false;
    complain(r, node, may_be_text ? "quote it if it is text" : "write a smaller one",
             "the number %s does not fit in 64 bits", shorten(r, node->text));
    return true;
}

const char *read_text(struct reader *r, const struct spec_key *key, const struct node *value)
{
    struct cell cell;
    if (value->kind != NODE_SCALAR) {
        complain_type(r, key, value);
        return NULL;
    }
    enum scalar_kind kind = scalar_resolve(value, &cell);
    if (kind == SCALAR_TEXT && value->length > 0)
        return value->text;
    bool any_text = key->type == SPEC_TEXT || key->type == SPEC_NAME;
    if (kind == SCALAR_TEXT || kind == SCALAR_NULL || !any_text)
        complain_type(r, key, value);
    else
        complain(r, value,
                 tree_format(&r->tree, "write `%s: \"%s\"` if you mean it", key->name,
                             shorten(r, value->text)),
                 "`%s` is %s; %s is due", key->name, describe(r, value), key_due(r, key));
    return NULL;
}

bool read_value(struct reader *r, const char *name, const struct node *node, struct job_value *out)
{
    struct job_value value = {.mark = node->mark};
    if (node->kind != NODE_SCALAR) {
        complain(r, node, "write one number, text, `true` or `false`",
                 "`%s` holds %s; a single value is due", shorten(r, name), describe(r, node));
        return false;
    }
    enum scalar_kind kind = scalar_resolve(node, &value.cell);
    if (kind == SCALAR_NULL) {
        complain(r, node, "write the value, or \"\" for an empty text", "`%s` has no value",
                 shorten(r, name));
        return false;
    }
    if (refuse_number(r, node, kind, true))
        return false;
    if (kind == SCALAR_TEXT) {
        value.cell.text.data = keep_text(r, node->text);
        if (!value.cell.text.data)
            return false;
    }
    *out = value;
    return true;
}

bool read_number(struct reader *r, const struct spec_key *key, const struct node *node,
                 struct cell *out)
{
    struct cell cell;
    if (node->kind == NODE_SCALAR) {
        enum scalar_kind kind = scalar_resolve(node, &cell);
        if (refuse_number(r, node, kind, false))
            return false;
        if (kind == SCALAR_INTEGER || kind == SCALAR_FLOAT) {
            *out = cell;
            return true;
        }
    }
    complain_type(r, key, node);
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

static void read_name(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    const char *text = read_text(r, key, value);
    if (!text)
        return;
    if (strlen(text) > NAME_MAX_LENGTH)
        complain(r, value, "choose a shorter one", "`%s` is longer than %d characters",
                 shorten(r, text), NAME_MAX_LENGTH);
    else if (text[strspn(text, allowed)] != '\0')
        complain(r, value, "letters, digits, `_`, `-` and `.` are fine",
                 "`%s` cannot be a name: files are named after it", text);
    else if (text[0] == '.' || text[0] == '-')
        complain(r, value, "begin with a letter, a digit or `_`",
                 "a name cannot begin with `%c`: files are named after it", text[0]);
    else
        *(char **)field = keep_text(r, text);
}

static void read_bool(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    static const char *const yes[] = {"yes", "on", "y", "Yes", "On", "YES", "ON", "1"};
    static const char *const no[] = {"no", "off", "n", "No", "Off", "NO", "OFF", "0"};
    struct cell cell;
    if (value->kind == NODE_SCALAR && scalar_resolve(value, &cell) == SCALAR_BOOL) {
        *(bool *)field = cell.boolean;
        return;
    }
    const char *cure = NULL;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (node_is(value, yes[i]))
            cure = "write `true`";
        if (node_is(value, no[i]))
            cure = "write `false`";
    }
    complain(r, value, cure ? cure : key_example(r, key), "`%s` is %s; `true` or `false` is due",
             key->name, describe(r, value));
}

static void read_word(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    size_t count = 0;
    while (key->words[count])
        count++;
    for (size_t i = 0; i < count; i++)
        if (node_is(value, key->words[i])) {
            store(key, field, (int64_t)i);
            return;
        }
    const char *cure =
        value->kind == NODE_SCALAR ? did_you_mean(r, value->text, key->words, count) : NULL;
    complain(r, value, cure ? cure : key_example(r, key), "`%s` is %s; %s is due", key->name,
             describe(r, value), key_due(r, key));
}

static void read_whole(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    struct cell cell;
    if (key->automatic && node_is(value, key->automatic)) {
        store(key, field, 0);
        return;
    }
    if (!read_number(r, key, value, &cell))
        return;
    if (cell.type != BR_I64 || cell.i64 < key->min || cell.i64 > key->max)
        complain(r, value, key_example(r, key), "`%s` is %s; %s is due", key->name,
                 describe(r, value), key_due(r, key));
    else
        store(key, field, cell.i64);
}

static void read_real(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct cell cell;
    if (!read_number(r, key, value, &cell))
        return;
    double number = cell.type == BR_I64 ? (double)cell.i64 : cell.f64;
    // Infinity passes a bound of INT64_MAX in no order of the comparisons: it is above it.
    if (number >= (double)key->min && number <= (double)key->max)
        *(double *)field = number;
    else
        complain_type(r, key, value);
}

static void complain_units(struct reader *r, const struct spec_key *key, const struct node *value,
                           enum units_result result)
{
    char meant[UNITS_MEANT];
    bool guess = key->type == SPEC_SIZE ? units_size_meant(value->text, value->length, meant)
                                        : units_duration_meant(value->text, value->length, meant);
    const char *cure =
        guess ? tree_format(&r->tree, "did you mean `%s`?", meant) : key_example(r, key);
    const char *text = shorten(r, value->text);
    if (result == UNITS_TOO_LARGE)
        complain(r, value, key_example(r, key), "`%s`: %s is too large", key->name, text);
    else if (result == UNITS_NO_UNIT)
        complain(r, value, cure, "`%s` is %s, without a unit; %s is due", key->name, text,
                 key_due(r, key));
    else if (result == UNITS_BAD_UNIT)
        complain(r, value, cure, "`%s` is `%s`, which has no unit known here; %s is due", key->name,
                 text, key_due(r, key));
    else
        complain_type(r, key, value);
}

static void read_units(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    uint64_t number = 0;
    if (value->kind != NODE_SCALAR) {
        complain_type(r, key, value);
        return;
    }
    enum units_result result = key->type == SPEC_SIZE
                                   ? units_size(value->text, value->length, &number)
                                   : units_duration(value->text, value->length, (int64_t *)&number);
    if (result != UNITS_OK)
        complain_units(r, key, value, result);
    else if (number < (uint64_t)key->min)
        complain(r, value, key_example(r, key), "`%s` is %s, which is too little to work with",
                 key->name, shorten(r, value->text));
    else
        memcpy(field, &number, sizeof number);
}

static void read_settings(struct reader *r, const struct spec_key *key, struct node *value,
                          void *field)
{
    struct job_settings *settings = field;
    if (value->kind != NODE_MAPPING) {
        complain_type(r, key, value);
        return;
    }
    if (value->count > SCHEMA_MAX) {
        complain(r, value, NULL, "`%s` has %zu entries; the limit is %d", key->name, value->count,
                 SCHEMA_MAX);
        return;
    }
    settings->items = keep_items(r, value->count, sizeof settings->items[0]);
    for (const struct node *item = value->first; item && settings->items; item = item->next) {
        struct job_setting setting = {.mark = item->key->mark};
        if (item->key->length == 0)
            complain(r, item->key, NULL, "an entry of `%s` without a name", key->name);
        else if (read_value(r, item->key->text, item, &setting.value)) {
            setting.name = keep_text(r, item->key->text);
            settings->items[settings->count++] = setting;
        }
    }
}

void read_key(struct reader *r, const struct spec_key *key, struct node *value, void *target)
{
    void *field = (char *)target + key->offset;
    if (key->mark_offset > 0)
        memcpy((char *)target + key->mark_offset, &value->mark, sizeof value->mark);
    switch (key->type) {
    case SPEC_TEXT: {
        const char *text = read_text(r, key, value);
        if (text)
            *(char **)field = keep_text(r, text);
        return;
    }
    case SPEC_NAME:
        read_name(r, key, value, field);
        return;
    case SPEC_BOOL:
        read_bool(r, key, value, field);
        return;
    case SPEC_WORD:
        read_word(r, key, value, field);
        return;
    case SPEC_WHOLE:
        read_whole(r, key, value, field);
        return;
    case SPEC_NUMBER:
        read_real(r, key, value, field);
        return;
    case SPEC_SIZE:
    case SPEC_DURATION:
        read_units(r, key, value, field);
        return;
    case SPEC_MAPPING:
        if (value->kind == NODE_MAPPING)
            read_table(r, key->table, key->table->what, value, NULL, field);
        else
            complain_type(r, key, value);
        return;
    case SPEC_SETTINGS:
        read_settings(r, key, value, field);
        return;
    case SPEC_OTHER:
        key->read(r, key, value, field);
        return;
    }
}
