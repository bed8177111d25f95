// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/command_line.h"
#include "support/suite.h"

static const char *const some[] = {"a", "Sample ID", "a.b", "\001accept", "n", "run", "", NULL};

static const char *name_at(const void *user, size_t index)
{
    return ((const char *const *)user)[index];
}

static const struct command_columns columns = {name_at, some};

// Writes pieces as a person reads them: words in [], columns in <>, errors as !KIND(text).
static const char *describe(struct command_line line)
{
    static const char *const parts[] = {"", ".stem", ".name", ".dir", ".suffix"};
    static char out[1024];
    size_t used = 0;
    struct command_piece p = {.kind = PIECE_TEXT};
    out[0] = '\0';
    while (p.kind != PIECE_END && p.kind <= PIECE_FOREIGN && used < 900) {
        command_line_next(&line, &p);
        if (p.kind == PIECE_WORD_END)
            used += (size_t)sprintf(out + used, "|");
        else if (p.kind == PIECE_TEXT)
            used += (size_t)sprintf(out + used, "%.*s", (int)p.length, p.text);
        else if (p.kind == PIECE_COLUMN)
            used += (size_t)sprintf(out + used, "<%s%s>", some[p.column], parts[p.part]);
        else if (p.kind == PIECE_BUILTIN)
            used += (size_t)sprintf(out + used, "<%d>", (int)p.builtin);
        else if (p.kind != PIECE_END)
            used += (size_t)sprintf(out + used, "!%d(%.*s)", (int)p.kind, (int)p.length, p.text);
    }
    return out;
}

static const struct {
    const char *text, *words, *template;
} lines[] = {
    {"x {a}", "x|<a>|", "x <a>"},
    {"{Sample ID}{a}", "<Sample ID><a>|", "<Sample ID><a>"},
    {"{a.b} {a.stem} {a.b.dir}", "<a.b>|<a.stem>|<a.b.dir>|", "<a.b> <a.stem> <a.b.dir>"},
    {"{task.index}{index}{task.attempt}", "<0><0><1>|", "<0><0><1>"},
    {"{run} {run.dir} {run.stem} {run.x}", "<run>|<3>|<run.stem>|!5({run.x})|",
     "<run> <3> <run.stem> !5({run.x})"},
    {"{b} {a.c}", "!5({b})|!5({a.c})|", "!5({b}) !5({a.c})"},
    {"'{a}' \"{a}\"", "<a>|<a>|", "'<a>' \"<a>\""},
    {"\\{a} '\\{a}' \"\\{a}\"", "{a}|{a}|{a}|", "{a} '{a}' \"{a}\""},
    {"'a\\{3,\\}'", "a\\{3,\\}|", "'a\\{3,\\}'"},
    {"'${a}'", "${a}|", "'${a}'"},
    {"{a,b} {1,2}x{3}", "{a,b}|{1,2}x{3}|", "{a,b} {1,2}x{3}"},
    {"{ a } {\"a\":1}", "{|a|}|{a:1}|", "{ a } {\"a\":1}"},
    {"{} {.} x{/}", "!6({})|!6({.})|x!6({/})|", "{} {.} x{/}"},
    {"{1} x{1}", "!6({1})|x{1}|", "{1} x{1}"},
    {"'{}' {", "{}|{|", "'{}' {"},
    {"a | b", "a|!7(|)", "a | b"},
    {"a=1 b", "!8(a=)", "a=1 b"},
    {"b a=1", "b|a=1|", "b a=1"},
    {"~/x", "!7(~)", "~/x"},
    {"x~ '~'", "x~|~|", "x~ '~'"},
    {"a 'b", "a|b!9(')", "a 'b"},
    {"''", "|", "''"},
    {" \t\n", "", " \t\n"},
    {"", "", ""},
    {"{\001accept}", "{\001accept}|", "{\001accept}"},
};

START_TEST(lines_are_read)
{
    const char *text = lines[_i].text;
    ck_assert_str_eq(describe(command_line_words(text, &columns)), lines[_i].words);
    ck_assert_str_eq(describe(command_line_template(text, &columns)), lines[_i].template);
}
END_TEST

static const struct {
    const char *path, *stem, *name, *dir, *suffix;
} paths[] = {
    {"data/a.tar.gz", "a.tar", "a.tar.gz", "data", ".gz"},
    {"a", "a", "a", ".", ""},
    {"/a.x", "a", "a.x", "/", ".x"},
    {".bashrc", ".bashrc", ".bashrc", ".", ""},
    {"a.b/c", "c", "c", "a.b", ""},
    {"a//b.c", "b", "b.c", "a", ".c"},
    {"x/y/", "y", "y", "x", ""},
    {"a.", "a", "a.", ".", "."},
    {"", "", "", ".", ""},
};

START_TEST(paths_have_parts)
{
    const char *const expected[] = {[PART_WHOLE] = paths[_i].path,
                                    [PART_STEM] = paths[_i].stem,
                                    [PART_NAME] = paths[_i].name,
                                    [PART_DIR] = paths[_i].dir,
                                    [PART_SUFFIX] = paths[_i].suffix};
    for (int part = PART_WHOLE; part <= PART_SUFFIX; part++) {
        const char *begin;
        size_t length = command_path_part(paths[_i].path, (enum command_part)part, &begin);
        ck_assert_msg(length == strlen(expected[part]) &&
                          memcmp(begin, expected[part], length) == 0,
                      "part %d of %s is %.*s, not %s", part, paths[_i].path, (int)length, begin,
                      expected[part]);
    }
}
END_TEST

START_TEST(columns_become_variables)
{
    char name[16];
    ck_assert(command_variable("", "n_1", name, sizeof name));
    ck_assert_str_eq(name, "n_1");
    ck_assert(!command_variable("", "p-value", name, sizeof name));
    ck_assert(!command_variable("", "1n", name, sizeof name));
    ck_assert(!command_variable("", "", name, sizeof name));
    ck_assert(command_variable("C_", "p-v \xC3\xA9", name, sizeof name));
    ck_assert_str_eq(name, "C_p_v__");
    ck_assert(!command_variable("C_", "much_longer_than_that", name, sizeof name));
    ck_assert(command_variable_is_reserved("PATH"));
    ck_assert(command_variable_is_reserved("LD_ANYTHING"));
    ck_assert(!command_variable_is_reserved("PATHS"));
    ck_assert(!command_variable_is_reserved("HISTOGRAM"));
}
END_TEST

START_TEST(references_in_shell_commands_are_found)
{
    static const struct {
        const char *text, *found; // NULL: nothing
    } cases[] = {{"x {a} y", "{a}"},
                 {"x '{Sample ID}'", "{Sample ID}"},
                 {"x {a.stem}", "{a.stem}"},
                 {"x ${a}", NULL},
                 {"x {b}", NULL},
                 {"find -exec x {} \\;", NULL},
                 {"x {.}", "{.}"},
                 {"grep '{.}'", NULL},
                 {"x ${#}", NULL},
                 {"x {#}", "{#}"},
                 {"x \\'{/}", "{/}"},
                 {"x {1}", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command_piece p;
        bool found = command_shell_reference(cases[i].text, &columns, &p);
        ck_assert_msg(found == (cases[i].found != NULL), "%s", cases[i].text);
        if (found)
            ck_assert_msg(p.length == strlen(cases[i].found) &&
                              memcmp(p.text, cases[i].found, p.length) == 0,
                          "%s", cases[i].text);
    }
}
END_TEST

SUITE(command_line)
{
    LOOP_TEST(lines_are_read, COUNT(lines));
    LOOP_TEST(paths_have_parts, COUNT(paths));
    TEST(columns_become_variables);
    TEST(references_in_shell_commands_are_found);
}
