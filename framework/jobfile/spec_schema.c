// SPDX-License-Identifier: BSD-3-Clause
// Writes the JSON Schema as a walk over the key tables.
#include "jobfile/spec_schema.h"

#include "base/json.h"
#include "jobfile/spec_keys.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct {
    const char *name;
    const struct spec_table *table;
} table_defs[] = {
    {"axis", &spec_axis_table},       {"command", &spec_command_table},
    {"inputs", &spec_inputs_table},   {"phase", &spec_phase_table},
    {"plugin", &spec_plugin_table},   {"range", &spec_range_table},
    {"reduce", &spec_reduce_table},   {"retries", &spec_retries_table},
    {"timeout", &spec_timeout_table}, {"on_failure", &spec_on_failure_table},
    {"workers", &spec_workers_table},
};

static const struct {
    const char *name;
    const char *members;
} value_defs[] = {
    {"duration", "'anyOf': [{'const': 0}, {'type': 'string', "
                 "'pattern': '^(0|[0-9]+([.][0-9]+)?(ns|us|ms|s|m|h))$'}]"},
    {"size", "'anyOf': [{'type': 'integer', 'minimum': 0}, {'type': 'string', "
             "'pattern': '^[0-9]+([.][0-9]+)?(KiB|MiB|GiB|TiB)$'}]"},
    {"value", "'type': ['string', 'number', 'boolean']"},
    {"settings", "'type': 'object', 'additionalProperties': {'$ref': '#/$defs/value'}"},
};

// Adds members of an object that are written with ' instead of ".
static void members(struct json *j, const char *text)
{
    struct buffer b = BUFFER_EMPTY;
    for (; *text; text++)
        buffer_char(&b, *text == '\'' ? '"' : *text);
    buffer_char(&b, '\0');
    json_members(j, b.failed ? "" : b.data);
    buffer_finish(&b);
}

static void whole_members(struct json *j, const struct spec_key *key)
{
    json_string(j, "type", "integer");
    json_i64(j, "minimum", key->min);
    if (key->max < INT64_MAX)
        json_i64(j, "maximum", key->max);
}

static void whole(struct json *j, const struct spec_key *key)
{
    if (!key->automatic) {
        whole_members(j, key);
        return;
    }
    json_begin_array(j, "anyOf");
    json_begin_object(j, NULL);
    json_string(j, "const", key->automatic);
    json_end_object(j);
    json_begin_object(j, NULL);
    whole_members(j, key);
    json_end_object(j);
    json_end_array(j);
}

static void words(struct json *j, const struct spec_key *key)
{
    json_begin_array(j, "enum");
    for (size_t i = 0; key->words[i]; i++)
        json_string(j, NULL, key->words[i]);
    json_end_array(j);
}

static void table(struct json *j, const struct spec_table *t, bool defaults);

static void value(struct json *j, const struct spec_key *key)
{
    switch (key->type) {
    case SPEC_TEXT:
        members(j, "'type': 'string', 'minLength': 1");
        break;
    case SPEC_NAME:
        members(j, "'type': 'string', 'pattern': '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$'");
        break;
    case SPEC_BOOL:
        json_string(j, "type", "boolean");
        break;
    case SPEC_WORD:
        words(j, key);
        break;
    case SPEC_WHOLE:
        whole(j, key);
        break;
    case SPEC_NUMBER:
        json_string(j, "type", "number");
        json_i64(j, "minimum", key->min);
        json_i64(j, "maximum", key->max);
        break;
    case SPEC_SIZE:
        members(j, "'allOf': [{'$ref': '#/$defs/size'}]");
        break;
    case SPEC_DURATION:
        members(j, "'allOf': [{'$ref': '#/$defs/duration'}]");
        break;
    case SPEC_SETTINGS:
        members(j, "'allOf': [{'$ref': '#/$defs/settings'}]");
        break;
    case SPEC_MAPPING:
        table(j, key->table, false);
        break;
    case SPEC_OTHER:
        members(j, key->schema);
        break;
    }
}

static void tell(struct json *j, const struct spec_key *key)
{
    struct buffer b = BUFFER_EMPTY;
    buffer_format(&b, "%s (for example `%s: %s`)", key->doc, key->name, key->example);
    json_text(j, "description", b.failed ? "" : b.data, b.failed ? 0 : b.length);
    buffer_finish(&b);
}

// Adds the members of a mapping's schema. `defaults`: only the keys that `defaults` can have.
static void table(struct json *j, const struct spec_table *t, bool defaults)
{
    json_string(j, "type", "object");
    json_bool(j, "additionalProperties", false);
    if (t->one_of)
        members(j, "'minProperties': 1, 'maxProperties': 1");
    json_begin_object(j, "properties");
    for (size_t i = 0; i < t->count; i++) {
        const struct spec_key *key = &t->keys[i];
        if (defaults && key->no_default)
            continue;
        json_begin_object(j, key->name);
        tell(j, key);
        value(j, key);
        json_end_object(j);
    }
    json_end_object(j);
    json_begin_array(j, "required");
    for (size_t i = 0; i < t->count; i++)
        if (t->keys[i].required && !defaults)
            json_string(j, NULL, t->keys[i].name);
    json_end_array(j);
}

static void defs(struct json *j)
{
    json_begin_object(j, "$defs");
    for (size_t i = 0; i < COUNT(value_defs); i++) {
        json_begin_object(j, value_defs[i].name);
        members(j, value_defs[i].members);
        json_end_object(j);
    }
    for (size_t i = 0; i < COUNT(table_defs); i++) {
        json_begin_object(j, table_defs[i].name);
        table(j, table_defs[i].table, false);
        json_end_object(j);
    }
    json_begin_object(j, "defaults");
    table(j, &spec_phase_table, true);
    json_end_object(j);
    json_end_object(j);
}

void spec_schema_write(struct buffer *out)
{
    struct json j;
    json_init(&j, out, true);
    json_begin_object(&j, NULL);
    json_string(&j, "$schema", "http://json-schema.org/draft-07/schema#");
    json_string(&j, "title", "A job of batchrun");
    table(&j, &spec_job_table, false);
    defs(&j);
    json_end_object(&j);
    buffer_char(out, '\n');
}
