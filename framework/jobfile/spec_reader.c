// SPDX-License-Identifier: BSD-3-Clause
// Reads mappings by their key tables: unknown, missing and excluding keys, and each value by its
// type.
#include "jobfile/spec_reader.h"

#include <string.h>

#include "base/text.h"
#include "jobfile/spec_messages.h"
#include "jobfile/spec_value.h"

static const struct spec_key *find_key(const struct spec_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (!strcmp(table->keys[i].name, name))
            return &table->keys[i];
    return NULL;
}

// Whether a mapping of this table can have the key.
static bool can_have(const struct spec_table *table, const struct spec_key *key)
{
    return !table->partial || !key->no_default;
}

// Returns a hint for a key that has another name here, or that other tools have; NULL if there is
// none. No hint names a key that the mapping cannot have.
static const char *habit(struct reader *r, const struct spec_table *table, const char *key)
{
    static const struct {
        const char *key;
        const char *meant; // the entry counts only if the mapping can have this key; NULL = any
        const char *hint;  // NULL: did you mean `meant`?
    } habits[] = {
        {"output", "printed", NULL},
        {"time_request", "expected_time", NULL},
        {"depends_on", "needs", NULL},
        {"depends", "needs", NULL},
        {"after", "needs", NULL},
        {"time_limit", "timeout", NULL},
        {"retry", "retries", NULL},
        {"max_retries", "retries", "write `retries: {limit: N}`"},
        {"max_retries", "limit", NULL},
        {"function", "task", NULL},
        {"environment", "env", NULL},
        {"threads", "width", NULL},
        {"threads", NULL, "write `workers: {width: N}` at the top level"},
        {"memory", NULL, "write `limits: {memory: 2GiB}` at the top level"},
        {"include", NULL, "there is no include; write it out in this file"},
        {"<<", "inputs", "there are no merge keys; use `defaults`"},
        {"<<", NULL, "there are no merge keys; write the keys out"},
    };
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (strcmp(habits[i].key, key) != 0)
            continue;
        const char *meant = habits[i].meant;
        const struct spec_key *known = meant ? find_key(table, meant) : NULL;
        if (meant && (!known || !can_have(table, known)))
            continue;
        return habits[i].hint ? habits[i].hint
                              : spec_tree_format(&r->tree, "did you mean `%s`?", meant);
    }
    return NULL;
}

enum {
    KEYS_MAX = 64 // keys of a table that names are compared with
};

// Stores the names of the keys that a mapping of this table can have. Returns their number.
static size_t key_names(const struct spec_table *table, const char *words[KEYS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < table->count && count < KEYS_MAX; i++)
        if (can_have(table, &table->keys[i]))
            words[count++] = table->keys[i].name;
    return count;
}

static void complain_unknown(struct reader *r, const struct spec_table *table, const char *name,
                             const struct node *key)
{
    const char *words[KEYS_MAX];
    size_t count = key_names(table, words);
    const char *hint = habit(r, table, key->text);
    if (!hint)
        hint = spec_did_you_mean(r, key->text, words, count);
    if (!hint && count <= 8 && !r->silent) {
        hint = "known keys:";
        for (size_t i = 0; i < count; i++)
            hint = spec_tree_format(&r->tree, "%s%s `%s`", hint, i ? "," : "", words[i]);
    }
    spec_complain(r, key, hint, "unknown key `%s` in %s", spec_shorten(r, key->text), name);
}

// Whether the mapping has a misspelt form of a missing key: then only the unknown key is reported.
static bool is_misspelt(const struct spec_table *table, const struct spec_key *key,
                        const struct node *mapping)
{
    const char *words[KEYS_MAX];
    size_t count = key_names(table, words);
    size_t looked = 0;
    for (const struct node *value = mapping->first; value && looked < KEYS_MAX;
         value = value->next) {
        if (find_key(table, value->key->text))
            continue;
        const char *near = text_nearest(value->key->text, words, count);
        if (near && !strcmp(near, key->name))
            return true;
        looked++;
    }
    return false;
}

static void require_keys(struct reader *r, const struct spec_table *table, const char *name,
                         const struct node *mapping)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct spec_key *key = &table->keys[i];
        if (key->required && !spec_node_get(mapping, key->name) &&
            !is_misspelt(table, key, mapping))
            spec_complain(r, mapping,
                          spec_tree_format(&r->tree, "add `%s: %s`", key->name, key->example),
                          "%s has no `%s`", name, key->name);
    }
}

// Whether a mapping whose keys exclude each other has exactly one; reports if it does not.
static bool has_one(struct reader *r, const struct spec_table *table, const char *name,
                    const struct node *mapping)
{
    const struct node *first = NULL;
    for (const struct node *value = mapping->first; value; value = value->next) {
        if (!find_key(table, value->key->text))
            continue;
        if (first) {
            spec_complain(r, value->key, "remove one",
                          "%s has both `%s` and `%s`; expected only one of them", name,
                          first->key->text, value->key->text);
            return false;
        }
        first = value;
    }
    if (!first && mapping->count == 0)
        spec_complain(r, mapping,
                      spec_tree_format(&r->tree, "for example `%s: %s`", table->keys[0].name,
                                       table->keys[0].example),
                      "%s is empty", name);
    return first != NULL;
}

void spec_read_table(struct reader *r, const struct spec_table *table, const char *name,
                     struct node *mapping, const struct node *fallback, void *target)
{
    if (!table->partial)
        require_keys(r, table, name, mapping);
    bool readable = !table->one_of || has_one(r, table, name, mapping);
    for (struct node *value = mapping->first; value; value = value->next) {
        const struct spec_key *key = find_key(table, value->key->text);
        if (!key)
            complain_unknown(r, table, name, value->key);
        else if (table->partial && key->no_default)
            spec_complain(r, value->key, "write it in every phase", "`%s` is not allowed in %s",
                          key->name, name);
        else if (readable && spec_node_get(mapping, key->name) ==
                                 value) // of a key given twice, the first counts
            spec_read_key(r, key, value, target);
    }
    if (!fallback || fallback->kind != NODE_MAPPING)
        return;
    r->silent = true;
    for (struct node *value = fallback->first; value; value = value->next) {
        const struct spec_key *key = find_key(table, value->key->text);
        if (key && !key->no_default && !spec_node_get(mapping, key->name) &&
            spec_node_get(fallback, key->name) == value)
            spec_read_key(r, key, value, target);
    }
    r->silent = false;
}

void spec_read_key(struct reader *r, const struct spec_key *key, struct node *value, void *target)
{
    void *field = (char *)target + key->offset;
    if (key->mark_offset > 0)
        memcpy((char *)target + key->mark_offset, &value->mark, sizeof value->mark);
    switch (key->type) {
    case SPEC_TEXT:
        spec_read_string(r, key, value, field);
        return;
    case SPEC_NAME:
        spec_read_name(r, key, value, field);
        return;
    case SPEC_BOOL:
        spec_read_bool(r, key, value, field);
        return;
    case SPEC_WORD:
        spec_read_word(r, key, value, field);
        return;
    case SPEC_WHOLE:
        spec_read_whole(r, key, value, field);
        return;
    case SPEC_NUMBER:
        spec_read_real(r, key, value, field);
        return;
    case SPEC_SIZE:
    case SPEC_DURATION:
        spec_read_units(r, key, value, field);
        return;
    case SPEC_MAPPING:
        if (value->kind == NODE_MAPPING)
            spec_read_table(r, key->table, key->table->what, value, NULL, field);
        else
            spec_complain_type(r, key, value);
        return;
    case SPEC_SETTINGS:
        spec_read_settings(r, key, value, field);
        return;
    case SPEC_OTHER:
        key->read(r, key, value, field);
        return;
    }
}
