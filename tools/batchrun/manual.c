// SPDX-License-Identifier: BSD-3-Clause
#include "manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "jobfile/spec_keys.h"
#include "jobfile/spec_schema.h"

// Prints text so that mdoc finds no macro in it. Each sentence begins a line.
static void print_text(const char *text, size_t length)
{
    if (length > 0 && (*text == '.' || *text == '\''))
        printf("\\&");
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\\')
            printf("\\e");
        else if (i > 0 && text[i] == ' ' && text[i - 1] == '.' && i + 1 < length &&
                 isupper((unsigned char)text[i + 1]))
            putchar('\n');
        else
            putchar(text[i]);
}

// Prints a phrase as a sentence. A phrase that begins with a word and a colon ("sync: ...") keeps
// that word as it is.
static void print_sentence(const char *text)
{
    size_t length = strlen(text);
    size_t word = strcspn(text, " ");
    putchar(text[word - 1] == ':' ? *text : toupper((unsigned char)*text));
    print_text(text + 1, length - 1);
    printf("%s\n", text[length - 1] == '.' ? "" : ".");
}

// ---- Commands

static void print_option(const struct option *o)
{
    printf(".It ");
    if (o->letter)
        printf("Fl %c , ", o->letter);
    printf("Fl -%s", o->name);
    if (o->value)
        printf(" Ar %s", o->value);
    printf("\n");
    print_sentence(o->help);
    if (o->variable)
        printf("Environment variable:\n.Ev %s .\n", o->variable);
}

// Prints paragraphs as they are, and indented lines as examples.
static void print_details(const char *text)
{
    bool literal = false;
    for (; *text; text += text[strcspn(text, "\n")] ? strcspn(text, "\n") + 1 : strlen(text)) {
        size_t length = strcspn(text, "\n");
        bool example = length > 2 && strncmp(text, "  ", 2) == 0;
        if (example != literal)
            printf(example ? ".Bd -literal -offset indent\n" : ".Ed\n");
        literal = example;
        if (length == 0)
            printf(".Pp\n");
        else if (example)
            print_text(text + 2, length - 2);
        else
            print_text(text, length);
        if (length > 0)
            printf("\n");
    }
    if (literal)
        printf(".Ed\n");
}

static void print_command(const struct command *c)
{
    printf(".Ss %s %s\n", c->name, c->operands);
    print_sentence(c->summary);
    if (c->option_count > 0) {
        printf(".Bl -tag -width Ds\n");
        for (size_t i = 0; i < c->option_count; i++)
            print_option(&c->options[i]);
        printf(".El\n");
    }
    if (c->details) {
        printf(".Pp\n");
        print_details(c->details);
    }
}

// ---- Keys of a job file

static void print_key(const struct spec_key *key)
{
    printf(".It Ic %s", key->name);
    if (key->required)
        printf(" No (required)");
    printf("\n");
    print_sentence(key->doc);
    if (key->words) {
        printf("One of\n");
        for (size_t i = 0; key->words[i]; i++)
            printf(".Cm %s%s\n", key->words[i], key->words[i + 1] ? " ," : " .");
    }
    printf("For example\n.Ql %s: %s .\n", key->name, key->example);
}

static void print_keys(const struct spec_table *table)
{
    printf(".Bl -tag -width Ds\n");
    for (size_t i = 0; i < table->count; i++)
        print_key(&table->keys[i]);
    printf(".El\n");
}

static void print_all_keys(void)
{
    static const struct {
        const char *title;
        const struct spec_table *table;
    } parts[] = {
        {"The job", &spec_job_table},     {"Workers", &spec_workers_table},
        {"Limits", &spec_limits_table},   {"A plugin", &spec_plugin_table},
        {"A phase", &spec_phase_table},   {"Inputs: exactly one of", &spec_inputs_table},
        {"Range", &spec_range_table},     {"Timeout", &spec_timeout_table},
        {"Command", &spec_command_table}, {"Retries", &spec_retries_table},
        {"Backoff", &spec_backoff_table}, {"On failure", &spec_on_failure_table},
        {"Reduce", &spec_reduce_table},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        printf(".Ss %s\n", parts[i].title);
        print_keys(parts[i].table);
    }
}

static void print_schema(void)
{
    struct buffer out = BUFFER_EMPTY;
    spec_schema_write(&out);
    fwrite(out.data, 1, out.failed ? 0 : out.length, stdout);
    buffer_finish(&out);
}

bool manual_print(const char *part, const struct command *const *commands, size_t count)
{
    if (strcmp(part, "keys") == 0)
        print_all_keys();
    else if (strcmp(part, "schema") == 0)
        print_schema();
    else if (strcmp(part, "commands") == 0)
        for (size_t i = 0; i < count; i++)
            print_command(commands[i]);
    else
        return false;
    return true;
}
