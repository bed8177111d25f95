// SPDX-License-Identifier: BSD-3-Clause
// The command `new`: makes the directory of a new plugin.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "commands.h"
#include "jobfile/spec_scalar.h"
#include "output.h"
#include "run/run.h"

enum {
    NAME_MAX_BYTES = 64 // length of a plugin's name
};

// ---- What is made. @ stands for the plugin's name, in file names too.

struct template
{
    const char *name;
    mode_t mode;
    const char *text;
};

static const struct template templates[] = {
    {"@.c", 0666,
     "// A plugin for batchrun: each task is a function, called once for every row of the inputs.\n"
     "#include <batchrun/plugin.h>\n"
     "\n"
     "static int area(br_task *t)\n"
     "{\n"
     "    double width = br_arg_f64(t, \"width\");\n"
     "    double height = br_arg_f64(t, \"height\");\n"
     "    if (width < 0 || height < 0)\n"
     "        return br_fail_permanent(t, \"negative: %g x %g\", width, height);\n"
     "    return br_result_f64(t, \"area\", width * height);\n"
     "}\n"
     "\n"
     "BATCHRUN_PLUGIN(\"@\", \"1.0\",\n"
     "                BR_TASK(\"area\", area, \"width:f64 height:f64 -> area:f64\",\n"
     "                        \"area of a rectangle\"));\n"},
    {"@.yaml", 0666,
     "# yaml-language-server: $schema=" BR_DATADIR "/job.schema.json\n"
     "# batchrun @.yaml\n"
     "version: 1\n"
     "name: @\n"
     "\n"
     "plugins: [@]              # @.so, beside this file\n"
     "\n"
     "phases:\n"
     "  - name: areas\n"
     "    task: @.area\n"
     "    inputs:\n"
     "      matrix:             # every combination\n"
     "        width: [1, 2, 3]\n"
     "        height: [0.5, 4]\n"
     "    output: \"-\"           # results on standard output; a file's name works too\n"},
    {"Makefile", 0666,
     "CFLAGS ?= -O2 -g -Wall -Wextra\n"
     "CPPFLAGS += $(shell pkg-config --cflags batchrun)\n"
     "LDFLAGS += -Wl,-Bsymbolic   # the plugin calls its own functions, whatever their names\n"
     "LDLIBS += -lm\n"
     "\n"
     "@.so: @.c\n"
     "\t$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -fPIC -o $@@ $< $(LDLIBS)\n"
     "\n"
     "check: @.so\n"
     "\t./check\n"
     "\n"
     "clean:\n"
     "\trm -rf @.so @.run\n"
     "\n"
     ".PHONY: check clean\n"},
    {"check", 0777,
     "#!/bin/sh\n"
     "# Runs the job and compares its results with expected.csv.\n"
     "set -eu\n"
     "cd \"$(dirname \"$0\")\"\n"
     "work=$(mktemp -d)\n"
     "trap 'rm -rf \"$work\"' EXIT\n"
     "batchrun run --dir \"$work\" @.yaml > \"$work/results.csv\"\n"
     "diff -u expected.csv \"$work/results.csv\"\n"
     "echo passed\n"},
    {"expected.csv", 0666,
     "index,width,height,area\n"
     "0,1,0.5,0.5\n"
     "1,1,4,4\n"
     "2,2,0.5,1\n"
     "3,2,4,8\n"
     "4,3,0.5,1.5\n"
     "5,3,4,12\n"},
};

enum {
    TEMPLATES = sizeof templates / sizeof templates[0]
};

// "@@" is one @.
static void fill_in(struct buffer *out, const char *text, const char *name)
{
    for (; *text; text++)
        if (*text != '@')
            buffer_char(out, *text);
        else if (text[1] == '@')
            buffer_char(out, *++text);
        else
            buffer_text(out, name);
}

// ---- Making it

static int check_name(const char *name, br_error *err)
{
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES || name[0] == '-' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != length)
        return br_error_set(err, BR_ERR_USAGE,
                            "`%s` cannot be a plugin's name: it consists of letters, digits, _ and "
                            "-, at most %d, and does not begin with -",
                            name, NAME_MAX_BYTES);
    // The name stands without quotes in the new job file.
    struct cell value;
    struct node word = {.kind = NODE_SCALAR, .plain = true, .text = name, .length = length};
    if (spec_scalar_resolve(&word, &value) != SCALAR_TEXT)
        return br_error_set(err, BR_ERR_USAGE,
                            "`%s` cannot be a plugin's name: a job file would read it as a number, "
                            "true, false or null; choose another name",
                            name);
    return 0;
}

static int write_file(int directory, const char *path, const struct template *t,
                      const struct buffer *text, br_error *err)
{
    int fd =
        fd_open(directory, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, t->mode);
    if (fd < 0)
        return br_error_errno(err, "cannot make %s", path);
    int result = 0;
    if (fd_write_all(fd, text->data, text->length) != 0)
        result = br_error_errno(err, "cannot write %s", path);
    if (close(fd) != 0 && result == 0)
        result = br_error_errno(err, "cannot write %s", path);
    return result;
}

static int make_file(int directory, const struct template *t, const char *name, br_error *err)
{
    struct buffer b = BUFFER_EMPTY, text = BUFFER_EMPTY;
    fill_in(&b, t->name, name);
    buffer_char(&b, '\0');
    fill_in(&text, t->text, name);
    int result = buffer_check(&b, err) == 0 ? buffer_check(&text, err) : -1;
    if (result == 0)
        result = write_file(directory, b.data, t, &text, err);
    buffer_finish(&text);
    buffer_finish(&b);
    return result;
}

// Removes the directory after a failure, so that it is not in the way of the next attempt.
static void remove_all(int directory, const char *name)
{
    for (int i = 0; i < TEMPLATES; i++) {
        struct buffer b = BUFFER_EMPTY;
        fill_in(&b, templates[i].name, name);
        buffer_char(&b, '\0');
        if (!b.failed)
            unlinkat(directory, b.data, 0);
        buffer_finish(&b);
    }
    unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

static int make_all(const char *name, br_error *err)
{
    if (mkdir(name, 0777) != 0) {
        if (errno == EEXIST)
            return br_error_set(err, BR_ERR_USAGE,
                                "%s already exists and is not overwritten: choose another name",
                                name);
        return br_error_errno(err, "cannot make the directory %s", name);
    }
    int directory = fd_open(AT_FDCWD, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (directory < 0)
        return br_error_errno(err, "cannot open the directory %s", name);
    int result = 0;
    for (int i = 0; result == 0 && i < TEMPLATES; i++)
        result = make_file(directory, &templates[i], name, err);
    if (result != 0)
        remove_all(directory, name);
    fd_close(&directory);
    return result;
}

static int main_new(int argc, char **argv)
{
    int operands;
    bool helped;
    br_error err = {0};
    if (options_parse(&command_new, NULL, argc, argv, &operands, &helped, &err) != 0)
        return report_error(&err);
    if (helped)
        return finish_output(0);
    if (operands != 1)
        br_error_set(&err, BR_ERR_USAGE, "expected one name: batchrun new NAME");
    if (operands != 1 || check_name(argv[0], &err) != 0 || make_all(argv[0], &err) != 0)
        return report_error(&err);
    const char *name = argv[0];
    printf("%s/ has a plugin (%s.c), its Makefile, a job (%s.yaml) and a test. Next:\n"
           "  cd %s\n"
           "  make\n"
           "  batchrun %s.yaml\n"
           "and `make check` runs the test.\n",
           name, name, name, name, name);
    return finish_output(0);
}

const struct command command_new = {
    .name = "new",
    .operands = "NAME",
    .summary = "create a plugin that builds and runs at once",
    .details =
        "Creates the directory NAME with a plugin's source, a Makefile, a job file and a test.\n"
        "Overwrites nothing.\n"
        "\n"
        "Example:\n"
        "  batchrun new circles && make -C circles check\n",
    .run = main_new,
};
