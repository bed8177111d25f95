// SPDX-License-Identifier: BSD-3-Clause
// Reads the settings of the plugin `command` of a phase. They become columns of the phase with
// names that its inputs cannot have (model/command_line.h).
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "jobfile/spec_messages.h"
#include "jobfile/spec_reader.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_value.h"
#include "model/command_line.h"

enum {
    STATUS_MAX = 255,
    STATUSES_MAX = 256 // entries of `accept`
};

// Adds a setting: the names `kind` and `name` joined, which begin with COMMAND_SETTING.
static void add_setting(struct reader *r, struct job_settings *settings, const char *kind,
                        const char *name, const struct node *value, const char *text)
{
    const char *joined = spec_tree_format(&r->tree, "%s%s", kind, name);
    struct job_setting s = {.name = spec_keep_text(r, joined), .mark = value->mark};
    s.value.mark = value->mark;
    s.value.cell = (struct cell){.type = BR_STR};
    s.value.cell.text.data = spec_keep_text(r, text);
    s.value.cell.text.length = strlen(text);
    struct job_setting *to = array_add(&settings->items, &settings->count, sizeof *to, NULL);
    if (to)
        *to = s;
    r->failed |= !to;
}

void spec_read_command_text(struct reader *r, const struct spec_key *key, struct node *value,
                            void *field)
{
    static const char setting[] = {COMMAND_SETTING, '\0'};
    const char *text = spec_read_text(r, key, value);
    if (text)
        add_setting(r, field, setting, key->name, value, text);
}

// Returns whether the text lists exit statuses, such as "0 1" or "0, 1".
static bool is_status_list(const char *text)
{
    const char *at = text;
    while (isdigit((unsigned char)*at)) {
        char *end;
        if (strtoul(at, &end, 10) > STATUS_MAX)
            return false;
        at = end + strspn(end, " ,");
    }
    return *text && !*at;
}

// Returns the statuses of a list as text, or NULL if it has something else.
static const char *join_statuses(struct reader *r, const struct node *list)
{
    const char *text = "";
    for (const struct node *item = list->first; item; item = item->next) {
        if (item->kind != NODE_SCALAR || strchr(item->text, ' ') || !is_status_list(item->text))
            return NULL;
        text = spec_tree_format(&r->tree, "%s%s%s", text, *text ? " " : "", item->text);
    }
    return list->count > 0 && list->count <= STATUSES_MAX ? text : NULL;
}

void spec_read_command_accept(struct reader *r, const struct spec_key *key, struct node *value,
                              void *field)
{
    const char *text = NULL;
    if (value->kind == NODE_LIST)
        text = join_statuses(r, value);
    else if (spec_node_is(value, "any") ||
             (value->kind == NODE_SCALAR && is_status_list(value->text)))
        text = value->text;
    if (text)
        add_setting(r, field, COMMAND_ACCEPT, "", value, text);
    else
        spec_complain(r, value, "for example `accept: [0, 1]`",
                      "`accept` is %s; expected exit statuses from 0 to %d, or `any`",
                      spec_describe(r, value), STATUS_MAX);
    (void)key;
}

void spec_read_command_prefix(struct reader *r, const struct spec_key *key, struct node *value,
                              void *field)
{
    char room[256];
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    if (!command_variable("", text, room, sizeof room))
        spec_complain(
            r, value, "for example `export_prefix: COL_`",
            "`%s` cannot begin a variable's name: expected a letter or `_`, then letters, "
            "digits and `_`",
            spec_shorten(r, text));
    else if (command_variable_is_reserved(text))
        spec_complain(r, value, "for example `export_prefix: COL_`",
                      "variables that begin with `%s` mean something to the shell or the loader",
                      text);
    else
        add_setting(r, field, COMMAND_PREFIX, "", value, text);
}

void spec_read_command_env(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field)
{
    if (value->kind != NODE_MAPPING) {
        spec_complain_type(r, key, value);
        return;
    }
    for (struct node *item = value->first; item; item = item->next) {
        const char *name = item->key->text;
        if (!*name || strchr(name, '='))
            spec_complain(r, item->key, "for example `env: {SAMPLE: \"{name}\"}`",
                          "`%s` cannot be the name of an environment variable", name);
        else if (item->kind != NODE_SCALAR)
            spec_complain(r, item, "write one value, or null to unset",
                          "variable `%s` is %s; expected text", name, spec_describe(r, item));
        else if (spec_is_null(item))
            add_setting(r, field, COMMAND_UNSET_PREFIX, name, item, "");
        else
            add_setting(r, field, COMMAND_SET_PREFIX, name, item, item->text);
    }
}

void spec_read_command(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    if (value->kind == NODE_MAPPING && value->count > SCHEMA_MAX)
        spec_complain(r, value, NULL, "`command` has %zu entries", value->count);
    else if (value->kind == NODE_MAPPING)
        spec_read_table(r, key->table, key->table->what, value, NULL, field);
    else if (value->kind == NODE_SCALAR)
        spec_complain(r, value, "write `args: {command: ...}`, with `task: command.run`",
                      "`command` is %s; expected a mapping of settings", spec_describe(r, value));
    else
        spec_complain_type(r, key, value);
}

static void refuse_arg(struct reader *r, struct job_settings *args)
{
    for (size_t i = 0; i < args->count; i++) {
        struct node node = {.mark = args->items[i].mark, .width = strlen("accept")};
        if (strcmp(args->items[i].name, "accept") == 0)
            spec_complain(r, &node, "write `command: {accept: ...}` beside `args`",
                          "`accept` is a setting of the phase, not an argument");
    }
}

void spec_add_command(struct reader *r, size_t p, struct node *value)
{
    struct job_phase *phase = &r->job->phases[p];
    struct job_settings *args = &phase->args, *settings = &phase->command;
    bool is_command = phase->task && strncmp(phase->task, "command.", strlen("command.")) == 0;
    if (is_command)
        refuse_arg(r, args);
    else if (value && phase->task)
        spec_complain(r, value->key, "leave it out",
                      "`command` is for tasks of the plugin `command`, such as command.run");
    if (!is_command || settings->count == 0)
        return;
    struct job_setting *items =
        realloc(args->items, (args->count + settings->count) * sizeof *items);
    if (!items) {
        r->failed = true;
        return;
    }
    memcpy(items + args->count, settings->items, settings->count * sizeof *items);
    args->items = items;
    args->count += settings->count;
    free(settings->items);
    *settings = (struct job_settings){0};
}
