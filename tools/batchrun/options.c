// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"
#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
    LEFT = 26 // columns for the options, before what they do
};

static void print_help(const struct command *command, const struct option *table, size_t count)
{
    printf("Usage: batchrun %s [options] %s\n\n%s\n", command->name, command->operands,
           command->summary);
    printf("\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        const struct option *o = &table[i];
        char left[64], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        if (strlen(left) > LEFT)
            printf("  %s\n  %-*s %s", left, LEFT, "", o->help);
        else
            printf("  %-*s %s", LEFT, left, o->help);
        if (o->variable)
            printf(" [%s]", o->variable);
        printf("\n");
    }
    printf("  %-*s %s\n", LEFT, "-h, --help", "show this");
    if (command->details)
        printf("\n%s", command->details);
}

static const struct option *find(const struct option *table, size_t count, const char *name,
                                 size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static const struct option *find_letter(const struct option *table, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].letter && table[i].letter == letter)
            return &table[i];
    return NULL;
}

static int unknown(const struct command *command, const struct option *table, size_t count,
                   const char *given, br_error *err)
{
    const char *names[64];
    size_t n = 0;
    names[n++] = "help";
    for (size_t i = 0; i < count && n < sizeof names / sizeof names[0]; i++)
        names[n++] = table[i].name;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    const char *near = text_nearest(name, names, n);
    if (near)
        return br_error_set(err, BR_ERR_USAGE, "unknown option --%s; did you mean --%s?", name,
                            near);
    return br_error_set(err, BR_ERR_USAGE, "unknown option --%s; `batchrun %s --help` lists them",
                        name, command->name);
}

static int store(const struct option *o, const char *value, br_error *err)
{
    if (o->kind == OPTION_FLAG) {
        *(bool *)o->to = true;
        return 0;
    }
    if (o->kind == OPTION_TEXT) {
        *(const char **)o->to = value;
        return 0;
    }
    struct option_list *list = o->to;
    const char **item = array_add(&list->items, &list->count, sizeof *list->items, err);
    if (!item)
        return -1;
    *item = value;
    return 0;
}

// argv[*at] is an option; *at moves to the last argument that belongs to it.
static int take_option(const struct command *command, const struct option *table, size_t count,
                       int argc, char **argv, int *at, br_error *err)
{
    const char *arg = argv[*at];
    const char *value = NULL;
    const struct option *o;
    if (arg[1] == '-') {
        size_t length = strcspn(arg + 2, "=");
        o = find(table, count, arg + 2, length);
        if (!o)
            return unknown(command, table, count, arg + 2, err);
        if (arg[2 + length] == '=')
            value = arg + 2 + length + 1;
    } else {
        o = arg[2] == '\0' ? find_letter(table, count, arg[1]) : NULL;
        if (!o)
            return br_error_set(err, BR_ERR_USAGE,
                                "unknown option %s; `batchrun %s --help` lists them", arg,
                                command->name);
    }
    if (o->kind == OPTION_FLAG && value)
        return br_error_set(err, BR_ERR_USAGE, "--%s takes no value", o->name);
    if (o->kind != OPTION_FLAG && !value) {
        if (*at + 1 >= argc)
            return br_error_set(err, BR_ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name,
                                o->value);
        value = argv[++*at];
    }
    return store(o, value, err);
}

static void take_variables(const struct option *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = table[i].variable ? getenv(table[i].variable) : NULL;
        if (value && *value)
            *(const char **)table[i].to = value;
    }
}

static struct option_visitor *visitor; // within options_visit

void options_visit(const struct command *command, struct option_visitor *v)
{
    char *none[] = {NULL};
    visitor = v;
    command->run(0, none);
    visitor = NULL;
}

int options_parse(const struct command *command, const struct option *table, size_t count, int argc,
                  char **argv, int *operands, bool *helped, br_error *err)
{
    *operands = 0;
    *helped = visitor != NULL;
    for (size_t i = 0; visitor && i < count; i++)
        visitor->see(visitor, &table[i]);
    if (visitor)
        return 0;
    take_variables(table, count);
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || arg[1] == '\0') {
            argv[(*operands)++] = argv[i];
        } else if (strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            print_help(command, table, count);
            *helped = true;
            return 0;
        } else if (take_option(command, table, count, argc, argv, &i, err) != 0)
            return -1;
    }
    return 0;
}
