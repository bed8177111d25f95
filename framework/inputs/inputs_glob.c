// SPDX-License-Identifier: BSD-3-Clause
// Finds the files that match a pattern. glob(3) does everything but `**`, for which the directories
// are walked here.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/fd.h"
#include "inputs/inputs_private.h"

struct search {
    struct loader *l;
    char **paths; // by array_add; each malloc'd
    size_t count;
    int unreadable; // errno of a directory that cannot be read, or 0
    bool walking;   // below a **: a directory that the pattern names need not exist everywhere
};

static int add_path(struct search *s, char *path)
{
    char **at = path ? array_add(&s->paths, &s->count, sizeof *s->paths, s->l->err) : NULL;
    if (!path)
        return br_error_nomem(s->l->err);
    if (!at) {
        free(path);
        return -1;
    }
    *at = path;
    return 0;
}

// Adds what glob(3) finds. GLOB_ERR: otherwise the files of an unreadable directory would be left
// out silently.
static int search_plain(struct search *s, const char *pattern)
{
    glob_t found = {0};
    int result = 0;
    errno = 0;
    int status = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &found);
    if (status == GLOB_NOSPACE)
        result = br_error_nomem(s->l->err);
    else if (status != 0 && status != GLOB_NOMATCH &&
             !(s->walking && (errno == ENOENT || errno == ENOTDIR)))
        s->unreadable = errno ? errno : EIO;
    for (size_t i = 0; status == 0 && result == 0 && i < found.gl_pathc; i++)
        result = add_path(s, strdup(found.gl_pathv[i]));
    globfree(&found);
    return result;
}

// ---- Directories of any depth

static void append_escaped(struct buffer *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            buffer_char(out, '\\');
        buffer_char(out, *text);
    }
}

static int search(struct search *s, const char *pattern);

// Searches `rest` in the directory, whose path is empty or ends in /.
static int search_in(struct search *s, const char *directory, const char *rest)
{
    struct buffer joined = BUFFER_EMPTY;
    append_escaped(&joined, directory);
    buffer_text(&joined, rest);
    char *pattern = buffer_take_string(&joined, s->l->err);
    int result = pattern ? search(s, pattern) : -1;
    free(pattern);
    return result;
}

static bool is_directory(int fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

// Returns whether the path, which ends in /, is the directory of a run.
static bool is_run(const char *path)
{
    static const char *const files[] = {"journal", "job.yaml"};
    char file[PATH_MAX];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (snprintf(file, sizeof file, "%s%s", path, files[i]) >= (int)sizeof file ||
            access(file, F_OK) != 0)
            return false;
    return true;
}

static int walk(struct search *s, const char *directory, const char *rest);

// Searches `rest` in the directories of an open directory, and in theirs. Links are not followed,
// so there are no loops; hidden directories are left out, as `*` leaves them out; and so are those
// of runs, because their files would be inputs of the next run.
static int walk_entries(struct search *s, DIR *dir, const char *directory, const char *rest)
{
    const struct dirent *entry;
    int result = 0;
    while (result == 0 && s->unreadable == 0 && (errno = 0, entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !is_directory(dirfd(dir), entry))
            continue;
        struct buffer joined = BUFFER_EMPTY;
        buffer_format(&joined, "%s%s/", directory, entry->d_name);
        char *below = buffer_take_string(&joined, s->l->err);
        if (!below)
            result = -1;
        else if (!is_run(below))
            result = walk(s, below, rest);
        free(below);
    }
    return result;
}

static int walk(struct search *s, const char *directory, const char *rest)
{
    if (search_in(s, directory, rest) != 0)
        return -1;
    DIR *dir = opendir(*directory ? directory : ".");
    if (!dir) {
        s->unreadable = errno;
        return 0;
    }
    int result = walk_entries(s, dir, directory, rest);
    if (result == 0 && errno != 0 && s->unreadable == 0)
        s->unreadable = errno;
    closedir(dir);
    return result;
}

// Returns the first part of the pattern that is `**`, or NULL.
static const char *find_double_star(const char *pattern)
{
    for (const char *at = pattern; (at = strstr(at, "**")); at++)
        if ((at == pattern || at[-1] == '/') && (at[2] == '/' || at[2] == '\0'))
            return at;
    return NULL;
}

// Searches from each directory that matches the part of the pattern before its `**`.
static int search_below(struct search *s, const char *pattern, const char *stars)
{
    const char *rest = stars + 2 + strspn(stars + 2, "/");
    while (!strncmp(rest, "**", 2) && (rest[2] == '/' || rest[2] == '\0'))
        rest += 2 + strspn(rest + 2, "/"); // one after another are as one
    if (!*rest)
        rest = rest[-1] == '/' ? "*/" : "*";
    struct search roots = {.l = s->l, .walking = s->walking};
    s->walking = true;
    if (stars == pattern)
        return walk(s, "", rest);
    char *before = strndup(pattern, (size_t)(stars - pattern)); // ends in /: only directories match
    int result = before ? search_plain(&roots, before) : br_error_nomem(s->l->err);
    s->unreadable = roots.unreadable;
    for (size_t i = 0; i < roots.count; i++) {
        if (result == 0 && s->unreadable == 0)
            result = walk(s, roots.paths[i], rest);
        free(roots.paths[i]);
    }
    free(roots.paths);
    free(before);
    return result;
}

static int search(struct search *s, const char *pattern)
{
    const char *stars = find_double_star(pattern);
    return stars ? search_below(s, pattern, stars) : search_plain(s, pattern);
}

// ---- The column

// Returns the pattern as it leads to files from here, malloc'd; NULL and *l->err when out of
// memory.
static char *join_pattern(struct loader *l, const char *pattern)
{
    struct buffer joined = BUFFER_EMPTY;
    if (pattern[0] != '/' && strcmp(l->job->directory, ".") != 0) {
        append_escaped(&joined, l->job->directory);
        buffer_char(&joined, '/');
    }
    buffer_text(&joined, pattern);
    return buffer_take_string(&joined, l->err);
}

// Puts ./ before a path that begins with -, so that no command takes it for an option.
static int guard_dash(struct loader *l, char **path)
{
    if ((*path)[0] != '-')
        return 0;
    struct buffer guarded = BUFFER_EMPTY;
    buffer_format(&guarded, "./%s", *path);
    char *text = buffer_take_string(&guarded, l->err);
    if (!text)
        return -1;
    free(*path);
    *path = text;
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorts the paths and drops those that were found on two ways.
static int settle_paths(struct search *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (guard_dash(s->l, &s->paths[i]) != 0)
            return -1;
    if (s->count > 0)
        qsort(s->paths, s->count, sizeof s->paths[0], compare_paths);
    for (size_t i = 0; i < s->count; i++) {
        if (kept > 0 && !strcmp(s->paths[kept - 1], s->paths[i]))
            free(s->paths[i]);
        else
            s->paths[kept++] = s->paths[i];
    }
    s->count = kept;
    return 0;
}

static int add_paths(struct search *s, const struct job_inputs *in, const char *name,
                     struct loaded *out)
{
    struct loader *l = s->l;
    enum br_type type = inputs_wanted_type(l, name, BR_STR);
    out->rows = s->count;
    out->builder = table_builder_create(out->rows, l->err);
    if (!out->builder || table_add_cells(out->builder, name, type, 1, out->rows, l->err) != 0)
        return -1;
    for (size_t i = 0; i < s->count; i++) {
        struct job_value value = {
            .cell = {.type = BR_STR, .text = {s->paths[i], strlen(s->paths[i])}},
            .mark = in->mark,
        };
        struct cell_room room;
        struct cell cell = inputs_convert_value(l, &value, name, type, &room);
        if (table_add_cell(out->builder, cell, l->err) != 0)
            return -1;
    }
    return 0;
}

// Returns a hint for a pattern that matches nothing, or NULL.
static const char *pattern_hint(const struct job_inputs *in)
{
    if (in->path[0] == '~')
        return "write the whole path: only a shell replaces `~`";
    if (strchr(in->path, '{'))
        return "a pattern has *, ? and [...]; `{a,b}` is text";
    if (strchr(in->path, '$'))
        return "write the value: variables are not replaced";
    return inputs_path_hint(in);
}

static int find_paths(struct search *s, const struct job_inputs *in, const char *name,
                      const char *pattern, struct loaded *out)
{
    struct loader *l = s->l;
    int result = search(s, pattern);
    if (result == 0 && s->unreadable != 0)
        diagnostics_add(l->d, BR_ERR_USAGE, in->mark, 1, pattern_hint(in),
                        "cannot read a directory of the pattern %s: %s", pattern,
                        strerror(s->unreadable));
    else if (result == 0 && s->count == 0)
        diagnostics_add(l->d, BR_ERR_USAGE, in->mark, 1, pattern_hint(in), "no file matches %s",
                        pattern);
    else if (result == 0 && settle_paths(s) != 0)
        result = -1;
    else if (result == 0)
        result = add_paths(s, in, name, out);
    return result;
}

int inputs_read_glob(struct loader *l, const struct job_inputs *in, const char *axis,
                     struct loaded *out)
{
    const char *name = axis ? axis : "path";
    struct search s = {.l = l};
    if (!axis)
        inputs_fit_columns(l, &name, 1);
    char *pattern = join_pattern(l, in->path);
    if (!pattern)
        return -1;
    int result = find_paths(&s, in, name, pattern, out);
    for (size_t i = 0; i < s.count; i++)
        free(s.paths[i]);
    free(s.paths);
    free(pattern);
    return result;
}
