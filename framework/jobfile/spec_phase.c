// SPDX-License-Identifier: BSD-3-Clause
// Reads the keys of a phase whose values have a form of their own.
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "jobfile/spec_messages.h"
#include "jobfile/spec_reader.h"
#include "jobfile/spec_readers.h"
#include "jobfile/spec_scalar.h"
#include "jobfile/spec_value.h"
#include "model/outcome.h"

enum {
    RETRY_WORDS = 4 // outcomes that `retries.on` can list
};

void spec_phase_init(struct job_phase *phase)
{
    *phase = (struct job_phase){
        .batch = 1,
        .retries = {.on = 1u << OUTCOME_ERROR | 1u << OUTCOME_CRASHED | 1u << OUTCOME_TIMED_OUT |
                          1u << OUTCOME_OVER_LIMIT,
                    .factor = 2,
                    .max_ns = 30 * NS_PER_S,
                    .jitter = 0.2},
        .reduce = {.fan_in = 64},
    };
}

// Whether the text is "plugin.task": a dot with text on both sides.
static bool is_task_name(const char *text)
{
    const char *dot = strchr(text, '.');
    return dot && dot > text && dot[1] != '\0';
}

void spec_read_task(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    if (is_task_name(text))
        *(char **)field = spec_keep_text(r, text);
    else
        spec_complain(r, value,
                      spec_tree_format(&r->tree, "for example `%s: demo.area`", key->name),
                      "`%s` does not name a plugin; expected PLUGIN.TASK", text);
}

void spec_read_needs(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    (void)field; // spec_references.c finds the phases
    if (value->kind != NODE_LIST) {
        const char *hint = value->kind == NODE_SCALAR && value->length > 0
                               ? spec_tree_format(&r->tree, "write `needs: [%.64s]`", value->text)
                               : "for example `needs: [mesh]`";
        spec_complain(r, value, hint, "`needs` is %s; expected %s", spec_describe(r, value),
                      key->expected);
        return;
    }
    if (value->count > SPEC_PHASES_MAX) {
        spec_complain(r, value, NULL, "`needs` has %zu entries; the limit is %d", value->count,
                      SPEC_PHASES_MAX);
        return;
    }
    for (const struct node *item = value->first; item; item = item->next)
        spec_read_text(r, key, item);
}

void spec_read_timeout(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    struct time_limits *timeout = field;
    if (value->kind == NODE_LIST) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->kind == NODE_SCALAR) {
        struct spec_key hard = {.name = key->name, .example = key->example, .type = SPEC_DURATION};
        spec_read_key(r, &hard, value, &timeout->hard_ns);
        return;
    }
    spec_read_table(r, key->table, "`timeout`", value, NULL, timeout);
    const struct node *soft = spec_node_get(value, "soft");
    if (value->count == 0)
        spec_complain(r, value, "for example {soft: 50s, hard: 60s}", "`timeout` is empty");
    if (soft && timeout->hard_ns > 0 && timeout->soft_ns >= timeout->hard_ns)
        spec_complain(r, soft, "make it shorter: the task needs time to stop by itself",
                      "the soft timeout is not before the hard one");
}

// The outcomes that `on` can list, in the order of `retry_bits`.
static const char *const retry_words[RETRY_WORDS] = {"error", "crashed", "timed_out", "over_limit"};
static const enum outcome_status retry_bits[RETRY_WORDS] = {OUTCOME_ERROR, OUTCOME_CRASHED,
                                                            OUTCOME_TIMED_OUT, OUTCOME_OVER_LIMIT};

// Returns a hint for an entry of `on` that is none of retry_words, or NULL.
static const char *retry_hint(struct reader *r, const struct node *item)
{
    static const char *const causes[RETRY_WORDS] = {"failed", "crash", "timeout", "limit"};
    for (size_t i = 0; i < RETRY_WORDS; i++)
        if (spec_node_is(item, causes[i]))
            return spec_tree_format(&r->tree, "did you mean `%s`?", retry_words[i]);
    return item->kind == NODE_SCALAR ? spec_did_you_mean(r, item->text, retry_words, RETRY_WORDS)
                                     : NULL;
}

void spec_read_retry_on(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field)
{
    unsigned on = 0;
    if (value->kind != NODE_LIST) {
        spec_complain(r, value, "write it in brackets: [error, crashed]", "`on` is %s; expected %s",
                      spec_describe(r, value), key->expected);
        return;
    }
    if (value->count > 16) { // in `defaults` the list is read again for every phase
        spec_complain(r, value, "name each once",
                      "`on` has %zu entries; there are %d to choose from", value->count,
                      RETRY_WORDS);
        return;
    }
    for (const struct node *item = value->first; item; item = item->next) {
        unsigned bit = 0;
        for (size_t i = 0; i < RETRY_WORDS; i++)
            if (spec_node_is(item, retry_words[i]))
                bit = 1u << retry_bits[i];
        if (bit == 0)
            spec_complain(r, item, retry_hint(r, item),
                          "`on` holds %s; expected error, crashed, timed_out or over_limit",
                          spec_describe(r, item));
        else if (on & bit)
            spec_complain(r, item, "remove one", "`%s` is given twice", item->text);
        on |= bit;
    }
    *(unsigned *)field = on;
}

void spec_read_retries(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field)
{
    struct retry_policy *retries = field;
    if (value->kind == NODE_LIST) {
        spec_complain_type(r, key, value);
        return;
    }
    if (value->kind == NODE_SCALAR) {
        struct spec_key limit = key->table->keys[0];
        limit.name = key->name;
        spec_read_key(r, &limit, value, retries);
        return;
    }
    spec_read_table(r, key->table, "`retries`", value, NULL, retries);
    const struct node *backoff = spec_node_get(value, "backoff");
    const struct node *delay = spec_node_get(backoff, "delay");
    if (delay && retries->delay_ns > retries->max_ns)
        spec_complain(r, delay,
                      spec_node_get(backoff, "max") ? "make `max` longer"
                                                    : "add a longer `max` (it is 30s)",
                      "the first delay is longer than the longest");
}

void spec_read_max_failed(struct reader *r, const struct spec_key *key, struct node *value,
                          void *field)
{
    struct job_on_failure *on_failure = field;
    struct cell cell;
    if (value->kind == NODE_SCALAR) {
        size_t digits = value->length > 0 ? value->length - 1 : 0;
        double percent;
        if (value->text[digits] == '%' && text_to_f64(value->text, digits, &percent) &&
            percent >= 0 && percent <= 100) {
            on_failure->kind = FAIL_PERCENT;
            on_failure->percent = percent;
            return;
        }
        if (spec_scalar_resolve(value, &cell) == SCALAR_INTEGER && cell.i64 >= 0) {
            on_failure->kind = FAIL_MAX;
            on_failure->max_failed = (uint64_t)cell.i64;
            return;
        }
    }
    spec_complain(r, value, "for example `max_failed: 10` or `max_failed: 1%`",
                  "`%s` is %s; expected %s", key->name, spec_describe(r, value), key->expected);
}

void spec_read_on_failure(struct reader *r, const struct spec_key *key, struct node *value,
                          void *field)
{
    static const char *const words[] = {"continue", "stop"};
    struct job_on_failure *on_failure = field;
    if (value->kind == NODE_MAPPING) {
        spec_read_table(r, key->table, "`on_failure`", value, NULL, on_failure);
        return;
    }
    if (spec_node_is(value, "continue") || spec_node_is(value, "stop")) {
        on_failure->kind = spec_node_is(value, "stop") ? FAIL_STOP : FAIL_CONTINUE;
        return;
    }
    const char *hint =
        value->kind == NODE_SCALAR ? spec_did_you_mean(r, value->text, words, 2) : NULL;
    if (hint)
        spec_complain(r, value, hint, "`%s` is %s; expected %s", key->name, spec_describe(r, value),
                      key->expected);
    else
        spec_complain_type(r, key, value);
}

void spec_read_reduce_task(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field)
{
    static const char *const words[] = {"sum", "min", "max", "mean", "count"};
    struct job_reduce *reduce = field;
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    if (is_task_name(text)) {
        reduce->kind = REDUCE_TASK;
        reduce->task = spec_keep_text(r, text);
        return;
    }
    for (unsigned i = 0; i < 5; i++)
        if (!strcmp(text, words[i])) {
            reduce->kind = REDUCE_SUM + i;
            return;
        }
    const char *hint = spec_did_you_mean(r, text, words, 5);
    spec_complain(r, value, hint ? hint : "a task of a plugin is written PLUGIN.TASK",
                  "`%s` is not a built-in reduction; expected %s", text, key->expected);
}

void spec_read_reduce(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    struct job_reduce *reduce = field;
    reduce->mark = value->mark;
    if (value->kind == NODE_MAPPING)
        spec_read_table(r, key->table, "`reduce`", value, NULL, reduce);
    else
        spec_read_reduce_task(r, key, value, field);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && !strcmp(text + length - tail, end);
}

void spec_read_output(struct reader *r, const struct spec_key *key, struct node *value, void *field)
{
    const char *text = spec_read_text(r, key, value);
    if (!text)
        return;
    const char *slash = strrchr(text, '/');
    const char *file = slash ? slash + 1 : text;
    if (!strcmp(text, "-") || ends_with(file, ".csv") || ends_with(file, ".jsonl") ||
        ends_with(file, ".npy"))
        *(char **)field = spec_keep_text(r, text);
    else
        spec_complain(r, value,
                      ends_with(file, ".json") ? "write `.jsonl`: one JSON object on every line"
                                               : "the ending decides the format",
                      "`%s` is %s; expected %s", key->name, spec_describe(r, value), key->expected);
}
