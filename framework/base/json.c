// SPDX-License-Identifier: BSD-3-Clause
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"

void json_init(struct json *j, struct buffer *out, bool pretty)
{
    *j = (struct json){.out = out, .pretty = pretty};
}

static void new_line(struct json *j)
{
    if (!j->pretty)
        return;
    buffer_char(j->out, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        buffer_text(j->out, "  ");
}

// Writes the comma, the line break and the key before a value.
static void lead(struct json *j, const char *key)
{
    if (j->started)
        buffer_char(j->out, ',');
    if (j->depth > 0)
        new_line(j);
    j->started = true;
    if (!key)
        return;
    text_json(j->out, key, strlen(key));
    buffer_text(j->out, j->pretty ? ": " : ":");
}

static void begin(struct json *j, const char *key, char bracket)
{
    lead(j, key);
    buffer_char(j->out, bracket);
    j->depth++;
    j->started = false;
}

static void end(struct json *j, char bracket)
{
    j->depth--;
    if (j->started)
        new_line(j);
    buffer_char(j->out, bracket);
    j->started = true;
}

void json_members(struct json *j, const char *text)
{
    lead(j, NULL);
    buffer_text(j->out, text);
}

void json_begin_object(struct json *j, const char *key)
{
    begin(j, key, '{');
}

void json_end_object(struct json *j)
{
    end(j, '}');
}

void json_begin_array(struct json *j, const char *key)
{
    begin(j, key, '[');
}

void json_end_array(struct json *j)
{
    end(j, ']');
}

void json_text(struct json *j, const char *key, const char *text, size_t length)
{
    lead(j, key);
    text_json(j->out, text, length);
}

void json_string(struct json *j, const char *key, const char *text)
{
    if (text)
        json_text(j, key, text, strlen(text));
    else
        json_null(j, key);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
    lead(j, key);
    buffer_format(j->out, "%" PRId64, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
    lead(j, key);
    buffer_format(j->out, "%" PRIu64, value);
}

void json_f64(struct json *j, const char *key, double value)
{
    lead(j, key);
    if (isfinite(value))
        text_f64(j->out, value);
    else
        buffer_text(j->out, "null");
}

void json_bool(struct json *j, const char *key, bool value)
{
    lead(j, key);
    buffer_text(j->out, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    lead(j, key);
    buffer_text(j->out, "null");
}

void json_seconds(struct json *j, const char *key, int64_t ns)
{
    lead(j, key);
    int64_t us = ns / 1000;
    uint64_t magnitude = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    buffer_format(j->out, "%s%" PRIu64 ".%06" PRIu64, us < 0 ? "-" : "", magnitude / 1000000,
                  magnitude % 1000000);
}
