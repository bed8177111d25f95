// SPDX-License-Identifier: BSD-3-Clause
#include "model/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

static const char *const type_names[] = {
    [BR_TYPE_NONE] = "none", [BR_I64] = "i64", [BR_F64] = "f64",
    [BR_BOOL] = "bool",      [BR_STR] = "str", [BR_BYTES] = "bytes",
};

const char *schema_type_name(enum br_type type)
{
    return type_names[type];
}

static enum br_type type_named(const char *text, size_t length)
{
    for (enum br_type type = BR_I64; type <= BR_BYTES; type++)
        if (strlen(type_names[type]) == length && !memcmp(type_names[type], text, length))
            return type;
    return BR_TYPE_NONE;
}

// ---- Schema

int schema_add(struct schema *s, const char *name, size_t length, enum br_type type, br_error *err)
{
    if (s->count == SCHEMA_MAX)
        return br_error_set(err, BR_ERR_USAGE, "a table has at most %d columns", (int)SCHEMA_MAX);
    char *copy = strndup(name, length);
    if (!copy)
        return br_error_nomem(err);
    struct column *column = array_add(&s->columns, &s->count, sizeof *s->columns, err);
    if (!column) {
        free(copy);
        return -1;
    }
    *column = (struct column){.name = copy, .type = type};
    return 0;
}

int schema_find(const struct schema *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->columns[i].name, name))
            return (int)i;
    return -1;
}

void schema_finish(struct schema *s)
{
    for (size_t i = 0; i < s->count; i++)
        free(s->columns[i].name);
    free(s->columns);
    *s = (struct schema){0};
}

// ---- Signature

struct parser {
    const char *text;
    const char *at;
    struct signature *out;
    br_error *err;
};

static int wrong(const struct parser *p, const char *at, const char *what)
{
    return br_error_set(p->err, BR_ERR_PLUGIN, "signature \"%s\": character %zu: %s", p->text,
                        (size_t)(at - p->text) + 1, what);
}

static bool is_letter(char c)
{
    // Bytes of non-ASCII characters count as letters, because users choose the names of columns.
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_separators(struct parser *p)
{
    p->at += strspn(p->at, " \t\n,");
}

static void skip_blanks(struct parser *p)
{
    p->at += strspn(p->at, " \t\n");
}

// A dash belongs to a name unless it begins the arrow of a signature.
static size_t name_length(const char *at)
{
    size_t length = 0;
    if (!is_letter(*at))
        return 0;
    while (is_letter(at[length]) || is_digit(at[length]) || at[length] == '.' ||
           (at[length] == '-' && at[length + 1] != '>'))
        length++;
    return length;
}

static int parse_type(struct parser *p, enum br_type *type)
{
    skip_blanks(p);
    const char *at = p->at;
    while (is_letter(*p->at) || is_digit(*p->at))
        p->at++;
    *type = type_named(at, (size_t)(p->at - at));
    return *type ? 0 : wrong(p, at, "expected a type: i64, f64, str, bool or bytes");
}

// Parses "name:type" (blanks may surround the colon) and adds the column.
static int parse_column(struct parser *p, struct schema *schema)
{
    const char *name = p->at;
    size_t length = name_length(name);
    if (length == 0)
        return wrong(p, name, "expected a column's name (letters, digits, _ . -)");
    p->at += length;
    skip_blanks(p);
    if (*p->at != ':')
        return wrong(p, p->at, "expected a colon and the column's type");
    p->at++;
    enum br_type type;
    if (parse_type(p, &type) != 0)
        return -1;
    if (schema_add(schema, name, length, type, p->err) != 0)
        return -1;
    const char *added = schema->columns[schema->count - 1].name;
    if ((size_t)schema_find(schema, added) != schema->count - 1)
        return wrong(p, name, "this column is declared twice");
    return 0;
}

// Reads "..." or "...:type".
static int parse_any(struct parser *p)
{
    p->out->any_input = true;
    p->at += 3;
    if (*p->at != ':')
        return 0;
    p->at++;
    return parse_type(p, &p->out->any_type);
}

static int parse_inputs(struct parser *p)
{
    skip_separators(p);
    bool many = *p->at == '[';
    if (many) {
        p->out->many_rows = true;
        p->at++;
    }
    for (;;) {
        skip_separators(p);
        if (*p->at == '\0' || *p->at == ']' || !strncmp(p->at, "->", 2))
            break;
        if (!strncmp(p->at, "...", 3)) {
            if (parse_any(p) != 0)
                return -1;
        } else if (parse_column(p, &p->out->inputs) != 0)
            return -1;
    }
    if (many != (*p->at == ']'))
        return wrong(p, p->at, many ? "expected a closing ]" : "a ] without its [");
    p->at += many;
    skip_blanks(p);
    if (strncmp(p->at, "->", 2) != 0)
        return wrong(p, p->at, "expected -> and the result columns");
    p->at += 2;
    return 0;
}

static int parse_results(struct parser *p)
{
    for (;;) {
        skip_separators(p);
        if (*p->at == '\0')
            return 0;
        const char *name = p->at;
        if (!strncmp(name, "...", 3))
            return wrong(p, name, "... is allowed only among the inputs");
        if (parse_column(p, &p->out->results) != 0)
            return -1;
        const struct schema *results = &p->out->results;
        if (!strcmp(results->columns[results->count - 1].name, "index"))
            return wrong(p, name, "a result cannot be called index: result files have that column");
    }
}

int signature_parse(const char *text, struct signature *out, br_error *err)
{
    *out = (struct signature){0};
    struct parser p = {.text = text, .at = text, .out = out, .err = err};
    if (parse_inputs(&p) == 0 && parse_results(&p) == 0)
        return 0;
    signature_finish(out);
    return -1;
}

void signature_finish(struct signature *s)
{
    schema_finish(&s->inputs);
    schema_finish(&s->results);
    *s = (struct signature){0};
}
