// SPDX-License-Identifier: BSD-3-Clause
// The table of libyaml's errors and what they mean for a person.
#include "jobfile/spec_yaml_error.h"

#include <stdbool.h>
#include <string.h>

#include "jobfile/spec_node.h"

struct translation {
    const char *context; // libyaml's description of what it did, NULL = any
    const char *problem; // libyaml's description of what it found
    bool at_context;     // the error is where the context began
    const char *message;
    const char *hint;
};

#define QUOTE_IT "quote the text: \"...\""

// The first entry that matches is used.
static const struct translation translations[] = {
    {"while scanning an alias", "did not find expected alphabetic or numeric character", true,
     "text that begins with `*` must be quoted", QUOTE_IT},
    {"while scanning an anchor", "did not find expected alphabetic or numeric character", true,
     "text that begins with `&` must be quoted", QUOTE_IT},
    {"while scanning for the next token", "found character that cannot start any token", false,
     "text cannot begin with a tab, `@`, `%` or a backquote", "indent with blanks; quote text"},
    {"while scanning a simple key", "could not find expected ':'", true,
     "a key without its `:`, or text that runs on", "write `key: value`"},
    {NULL, "mapping values are not allowed in this context", false,
     "a `: ` that does not follow a key",
     "quote text that holds `: `; put every key on its own line, in line with its neighbours"},
    {"while parsing a block mapping", "did not find expected key", false,
     "this does not continue the mapping that began on line %u",
     "check the indentation, and quotes that end too early"},
    {"while parsing a block collection", "did not find expected '-' indicator", false,
     "this does not continue the list that began on line %u",
     "begin the item with `- `, or check the indentation"},
    {"while parsing a flow sequence", "did not find expected ',' or ']'", false,
     "the list opened on line %u with `[` does not continue here",
     "add a `,` or close it with `]`"},
    {"while parsing a flow mapping", "did not find expected ',' or '}'", false,
     "the mapping opened on line %u with `{` does not continue here",
     "add a `,` or close it with `}`"},
    {"while parsing a flow node", "did not find expected node content", false,
     "a value is missing here", NULL},
    {"while scanning a quoted scalar", "found unexpected end of stream", true,
     "the quote opened here is never closed", "close it"},
    {"while scanning a quoted scalar", "found unexpected document indicator", true,
     "the quote opened here is not closed before the document ends", "close it"},
    {"while parsing a quoted scalar", "found unknown escape character", false,
     "unknown escape in double quotes", "write `\\\\` for a backslash, or use single quotes"},
    {NULL, "block sequence entries are not allowed in this context", false,
     "a list item cannot begin here", "put the list on lines of its own, or use `[...]`"},
    {NULL, "mapping keys are not allowed in this context", false, "a key cannot begin here",
     "put it on a line of its own"},
    {NULL, "did not find expected <document start>", false,
     "the document has ended before this line", "check the indentation"},
    {NULL, "found undefined tag handle", false, "tags are not allowed in a job file",
     "leave it out; text that begins with `!` must be quoted"},
    {NULL, "found a tab character that violates indentation", false, "a tab cannot indent",
     "indent with blanks"},
    {NULL, "found a tab character where an indentation space is expected", false,
     "a tab cannot indent", "indent with blanks"},
};

static bool fits(const struct translation *t, const char *context, const char *problem)
{
    return !strcmp(t->problem, problem) &&
           (!t->context || (context && !strcmp(t->context, context)));
}

static const struct translation *translate(const char *context, const char *problem)
{
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++)
        if (fits(&translations[i], context, problem))
            return &translations[i];
    return NULL;
}

static struct node place(const yaml_mark_t *at, const char *option)
{
    struct node node = {.width = 1, .option = option};
    if (!option)
        node.mark = (struct mark){(uint32_t)at->line + 1, (uint32_t)at->column + 1};
    return node;
}

void spec_yaml_error_add(struct diagnostics *d, const yaml_parser_t *parser, const char *option)
{
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    const struct translation *t = translate(parser->context, problem);
    struct node at =
        place(t && t->at_context ? &parser->context_mark : &parser->problem_mark, option);
    if (parser->error == YAML_READER_ERROR)
        at.mark = (struct mark){0, 0};
    if (!t) {
        spec_node_complain(d, &at, NULL, "not valid YAML: %s%s%s",
                           parser->context ? parser->context : "", parser->context ? ", " : "",
                           problem);
        return;
    }
    const char *number = strstr(t->message, "%u");
    if (!number) {
        spec_node_complain(d, &at, t->hint, "%s", t->message);
        return;
    }
    unsigned line = (unsigned)parser->context_mark.line + 1;
    spec_node_complain(d, &at, t->hint, "%.*s%u%s", (int)(number - t->message), t->message, line,
                       number + 2);
}
