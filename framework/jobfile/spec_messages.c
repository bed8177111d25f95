// SPDX-License-Identifier: BSD-3-Clause
// Makes the texts of messages about a job file.
#include "jobfile/spec_messages.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"
#include "jobfile/spec_scalar.h"

enum {
    QUOTED_MAX = 40 // bytes that a message quotes from the file
};

void spec_complain(struct reader *r, const struct node *at, const char *hint, const char *format,
                   ...)
{
    if (r->silent)
        return;
    va_list args;
    va_start(args, format);
    spec_node_complainv(r->d, at, hint, format, args);
    va_end(args);
}

const char *spec_shorten(struct reader *r, const char *text)
{
    if (strlen(text) <= QUOTED_MAX)
        return text;
    return spec_tree_format(&r->tree, "%.*s...", (int)utf8_cut(text, QUOTED_MAX), text);
}

const char *spec_describe(struct reader *r, const struct node *node)
{
    struct cell cell;
    if (node->kind == NODE_LIST)
        return "a list";
    if (node->kind == NODE_MAPPING)
        return "a mapping";
    switch (spec_scalar_resolve(node, &cell)) {
    case SCALAR_NULL:
        return "empty";
    case SCALAR_BOOL:
        return spec_tree_format(&r->tree, "`%s`", node->text);
    case SCALAR_INTEGER:
    case SCALAR_FLOAT:
    case SCALAR_LEADING_ZERO:
    case SCALAR_TOO_LARGE:
        return spec_tree_format(&r->tree, "the number %s", spec_shorten(r, node->text));
    case SCALAR_TEXT:
        break;
    }
    if (node->length == 0)
        return "an empty text";
    return spec_tree_format(&r->tree, "the text `%s`", spec_shorten(r, node->text));
}

const char *spec_did_you_mean(struct reader *r, const char *text, const char *const *words,
                              size_t count)
{
    if (r->silent || r->d->count >= DIAGNOSTICS_SHOWN)
        return NULL; // the message is not shown, and the search takes time
    const char *word = text_nearest(text, words, count);
    return word ? spec_tree_format(&r->tree, "did you mean `%s`?", word) : NULL;
}

// Returns the words as "sync or async" or "a, b or c".
static const char *list_words(struct reader *r, const char *const *words)
{
    const char *text = words[0];
    for (size_t i = 1; words[i]; i++)
        text = spec_tree_format(&r->tree, "%s%s%s", text, words[i + 1] ? ", " : " or ", words[i]);
    return text;
}

static const char *whole_expected(struct reader *r, const struct spec_key *key)
{
    const char *automatic =
        key->automatic ? spec_tree_format(&r->tree, " or `%s`", key->automatic) : "";
    if (key->max >= INT32_MAX)
        return spec_tree_format(&r->tree, "a whole number of at least %" PRId64 "%s", key->min,
                                automatic);
    return spec_tree_format(&r->tree, "a whole number from %" PRId64 " to %" PRId64 "%s", key->min,
                            key->max, automatic);
}

const char *spec_expected(struct reader *r, const struct spec_key *key)
{
    switch (key->type) {
    case SPEC_TEXT:
    case SPEC_NAME:
        return key->expected ? key->expected : "text";
    case SPEC_BOOL:
        return "`true` or `false`";
    case SPEC_WORD:
        return list_words(r, key->words);
    case SPEC_WHOLE:
        return whole_expected(r, key);
    case SPEC_NUMBER:
        if (key->max == INT64_MAX)
            return spec_tree_format(&r->tree, "a number of at least %" PRId64, key->min);
        return spec_tree_format(&r->tree, "a number from %" PRId64 " to %" PRId64, key->min,
                                key->max);
    case SPEC_SIZE:
        return "a size (KiB, MiB, GiB, TiB)";
    case SPEC_DURATION:
        return "a duration (ns, us, ms, s, m, h)";
    case SPEC_MAPPING:
    case SPEC_SETTINGS:
        return "a mapping";
    case SPEC_OTHER:
        break;
    }
    return key->expected;
}

const char *spec_example(struct reader *r, const struct spec_key *key)
{
    return spec_tree_format(&r->tree, "for example `%s: %s`", key->name, key->example);
}

// Returns a hint for a value of the wrong type: a number in quotes, a comment without a blank
// before its `#`; else an example.
static const char *type_hint(struct reader *r, const struct spec_key *key, const struct node *value)
{
    struct cell cell;
    if (value->kind == NODE_SCALAR && !value->plain) {
        struct node bare = *value;
        bare.plain = true;
        if (spec_scalar_resolve(&bare, &cell) == SCALAR_INTEGER)
            return spec_tree_format(&r->tree, "leave out the quotes: `%s: %s`", key->name,
                                    value->text);
    }
    if (value->kind == NODE_SCALAR && value->plain && strchr(value->text, '#'))
        return "a comment begins with a blank before its `#`";
    return spec_example(r, key);
}

void spec_complain_type(struct reader *r, const struct spec_key *key, const struct node *value)
{
    if (r->silent)
        return;
    spec_complain(r, value, type_hint(r, key, value), "`%s` is %s; expected %s", key->name,
                  spec_describe(r, value), spec_expected(r, key));
}
