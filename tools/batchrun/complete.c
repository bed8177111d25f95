// SPDX-License-Identifier: BSD-3-Clause
#include "complete.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "jobfile/spec.h"
#include "journal/rundir.h"

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);
    return length > tail && strcmp(text + length - tail, suffix) == 0;
}

// ---- Names of files

// Kinds of files, as bits of a set.
enum wanted {
    WANT_JOBS = 1,
    WANT_RUNS = 2,
    WANT_FILES = 4,
    WANT_DIRECTORIES = 8,
};

static void offer_entry(unsigned what, const char *before, const char *folder, int parent,
                        const char *name)
{
    struct stat st;
    if (fstatat(parent, name, &st, 0) != 0)
        return;
    bool directory = S_ISDIR(st.st_mode);
    bool run = directory && ends(name, ".run");
    bool job = !directory && (ends(name, ".yaml") || ends(name, ".yml"));
    if (run && what & WANT_RUNS)
        printf("%s%s%s\trun\n", before, folder, name);
    else if (directory)
        printf("%s%s%s/\tdirectory\n", before, folder, name);
    else if (what & WANT_FILES || (what & WANT_JOBS && job))
        printf("%s%s%s\t%s\n", before, folder, name, what & WANT_JOBS ? "job" : "file");
}

// Offers files of the wanted kind, each after the text `before`, and all directories: the wanted
// file may be below one.
static void offer_files(unsigned what, const char *before, const char *word)
{
    const char *slash = strrchr(word, '/');
    const char *prefix = slash ? slash + 1 : word;
    char *folder = strndup(word, (size_t)(prefix - word));
    DIR *d = folder ? opendir(*folder ? folder : ".") : NULL;
    const struct dirent *entry;
    while (d && (entry = readdir(d)))
        if (begins(entry->d_name, prefix) && (entry->d_name[0] != '.' || prefix[0] == '.') &&
            strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            offer_entry(what, before, folder, dirfd(d), entry->d_name);
    if (d)
        closedir(d);
    free(folder);
}

// ---- Phases of a job or a run. A run's are those of its job file: journals are long

static void offer_job_phases(const char *file, const char *word)
{
    struct diagnostics mistakes;
    struct job *job = spec_load(file, NULL, 0, &mistakes, NULL);
    for (size_t i = 0; job && i < job->phase_count; i++)
        if (begins(job->phases[i].name, word))
            printf("%s#\tphase\n", job->phases[i].name);
    job_destroy(job);
    diagnostics_finish(&mistakes);
}

static void offer_phases(const char *run, const char *word)
{
    struct rundir d = {.fd = -1, .logs = -1, .results = -1};
    struct buffer path = BUFFER_EMPTY;
    if (run && (ends(run, ".yaml") || ends(run, ".yml"))) {
        offer_job_phases(run, word);
        return;
    }
    if (rundir_open(&d, run, NULL) != 0)
        return;
    buffer_format(&path, "%s/job.yaml", d.path);
    char *file = buffer_take_string(&path, NULL);
    if (file)
        offer_job_phases(file, word);
    free(file);
    rundir_finish(&d);
}

// ---- Options

static void offer_options(const struct command *c, const char *word)
{
    for (size_t i = 0; i < c->option_count; i++) {
        const struct option *o = &c->options[i];
        char name[80];
        snprintf(name, sizeof name, "--%s", o->name);
        if (begins(name, word))
            printf("%s\t%s\n", name, o->help);
    }
    if (begins("--help", word))
        printf("--help\tshow help\n");
}

static bool is_named(const struct option *o, const char *word, size_t length)
{
    if (length == 2)
        return o->letter && o->letter == word[1];
    return length > 2 && strlen(o->name) == length - 2 &&
           memcmp(o->name, word + 2, length - 2) == 0;
}

// Returns the option that takes a value and that `word` begins with ("--dir", "--dir=..."), or
// NULL.
static const struct option *option_with_value(const struct command *c, const char *word)
{
    for (size_t i = 0; word[0] == '-' && i < c->option_count; i++)
        if (c->options[i].value && is_named(&c->options[i], word, strcspn(word, "=")))
            return &c->options[i];
    return NULL;
}

// Offers the next part of a list such as "plugin,job,inputs".
static void offer_list(const struct option *o, const char *before, const char *word)
{
    const char *comma = strrchr(word, ',');
    size_t given = comma ? (size_t)(comma - word) + 1 : 0;
    for (const char *at = o->value; *at;) {
        size_t length = strcspn(at, ",");
        if (strncmp(at, word + given, strlen(word + given)) == 0 && strlen(word + given) <= length)
            printf("%s%.*s%.*s\t\n", before, (int)given, word, (int)length, at);
        at += length + (at[length] == ',');
    }
}

// Offers the values of an option: those of "a|b|c", parts of "a,b,c", or files.
static void offer_values(const struct option *o, const char *before, const char *word)
{
    if (strcmp(o->value, "DIR") == 0)
        offer_files(WANT_DIRECTORIES, before, word);
    else if (strcmp(o->value, "FILE") == 0)
        offer_files(WANT_FILES, before, word);
    else if (strchr(o->value, ','))
        offer_list(o, before, word);
    for (const char *at = o->value; strchr(o->value, '|') && *at;) {
        size_t length = strcspn(at, "|");
        if (strncmp(at, word, strlen(word)) == 0 && strlen(word) <= length)
            printf("%s%.*s\t\n", before, (int)length, at);
        at += length + (at[length] == '|');
    }
}

// ---- Operands, by what the command calls them

static void offer_operand(const struct command *c, char **given, int count, const char *word)
{
    bool jobs = strstr(c->operands, "job.yaml"), runs = strstr(c->operands, "RUN");
    bool phases = strstr(c->operands, "PHASE");
    unsigned files = (jobs ? WANT_JOBS : 0) | (runs ? WANT_RUNS : 0);
    if (files && count == 0)
        offer_files(files, "", word);
    if (phases && count < 2)
        offer_phases(count == 1 ? given[0] : NULL, word);
}

static void offer_for(const struct command *c, char **words, int count)
{
    const struct option *o;
    const char *word = words[count - 1];
    int operands = 0;
    for (int i = 0; i < count - 1; i++) {
        if ((o = option_with_value(c, words[i])) && !strchr(words[i], '=')) {
            if (++i == count - 1) {
                offer_values(o, "", word);
                return;
            }
        } else if (words[i][0] != '-')
            words[operands++] = words[i];
    }
    if (word[0] != '-')
        offer_operand(c, words, operands, word);
    else if (strchr(word, '=') && (o = option_with_value(c, word))) {
        char *before = strndup(word, strcspn(word, "=") + 1);
        if (before)
            offer_values(o, before, strchr(word, '=') + 1);
        free(before);
    } else
        offer_options(c, word);
}

int complete(const struct command *const *commands, size_t command_count, char **words, int count)
{
    if (count == 0)
        return 0;
    const struct command *c = commands[0]; // `batchrun job.yaml` is short for the first command
    for (size_t i = 0; i < command_count; i++)
        if (count > 1 && strcmp(commands[i]->name, words[0]) == 0) {
            offer_for(commands[i], words + 1, count - 1);
            return 0;
        }
    for (size_t i = 0; count == 1 && i < command_count; i++)
        if (begins(commands[i]->name, words[0]))
            printf("%s\t%s\n", commands[i]->name, commands[i]->summary);
    offer_for(c, words, count);
    return 0;
}
