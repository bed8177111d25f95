// SPDX-License-Identifier: BSD-3-Clause
// Finds and starts the program batchrun-worker.
#include "exec/worker/worker_program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/kernel.h"

// ---- Where it is

// Returns the directory of the calling program; NULL and *err.
static char *own_directory(br_error *err)
{
    char self[PATH_MAX];
    if (kernel_check_proc(err) != 0)
        return NULL;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        br_error_errno(err, "cannot find this program's own file");
        return NULL;
    }
    self[length] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    char *directory = strdup(self);
    if (!directory)
        br_error_nomem(err);
    return directory;
}

// Returns how many bytes of both paths are the same whole components.
static size_t common_length(const char *a, const char *b)
{
    size_t common = 0, i = 0;
    for (;; i++) {
        if ((a[i] == '/' || !a[i]) && (b[i] == '/' || !b[i]))
            common = i;
        if (!a[i] || a[i] != b[i])
            return common;
    }
}

// Appends the path from the directory `from` to `to`, both absolute: "/../lib".
static void append_way(struct buffer *out, const char *from, const char *to)
{
    size_t common = common_length(from, to);
    for (const char *at = from + common; *at; at++)
        if (*at == '/' && at[1] && at[1] != '/')
            buffer_text(out, "/..");
    buffer_text(out, to + common);
}

// Frees the candidate's bytes. Returns the candidate if it can be executed; otherwise adds it to
// `tried` and returns NULL.
static char *try_program(struct buffer *candidate, struct buffer *tried)
{
    buffer_text(candidate, "/batchrun-worker");
    char *path = buffer_take_string(candidate, NULL);
    if (path && access(path, X_OK) == 0)
        return path;
    if (path)
        buffer_format(tried, "%s%s", tried->length ? ", " : "", path);
    else
        tried->failed = true;
    free(path);
    return NULL;
}

char *worker_program_path(br_error *err)
{
    struct buffer b = BUFFER_EMPTY, tried = BUFFER_EMPTY;
    char *directory = own_directory(err), *path;
    if (!directory)
        return NULL;
    buffer_text(&b, directory);
    path = try_program(&b, &tried);
    if (!path) {
        buffer_text(&b, directory);
        append_way(&b, BR_BINDIR, BR_PKGLIBEXECDIR);
        path = try_program(&b, &tried);
    }
    if (!path) {
        buffer_text(&b, BR_PKGLIBEXECDIR);
        path = try_program(&b, &tried);
    }
    if (!path && tried.failed)
        br_error_nomem(err);
    else if (!path)
        br_error_set(err, BR_ERR_SYSTEM,
                     "cannot find batchrun-worker, the program that runs plugins: looked for %.*s; "
                     "install batchrun again, or move it together with this program",
                     (int)tried.length, tried.data);
    buffer_finish(&tried);
    free(directory);
    return path;
}

// ---- Its environment

static bool names(const char *assignment, const char *name)
{
    size_t length = strlen(name);
    return strncmp(assignment, name, length) == 0 && assignment[length] == '=';
}

// Returns the last of the job's variables with the name of this assignment, or NULL.
static const struct job_env *find_variable(const struct job_env *env, size_t count,
                                           const char *assignment)
{
    while (count-- > 0)
        if (names(assignment, env[count].name))
            return &env[count];
    return NULL;
}

// Adds a copy of `text` to the array, which has room for it. Returns false if memory ran out.
static bool add(char **array, size_t *count, const char *text)
{
    array[*count] = strdup(text);
    return array[*count] && ++*count;
}

static bool add_variable(char **array, size_t *count, const struct job_env *v)
{
    struct buffer b = BUFFER_EMPTY;
    if (!v->value)
        return true;
    buffer_format(&b, "%s=%s", v->name, v->value);
    array[*count] = buffer_take_string(&b, NULL);
    return array[*count] && ++*count;
}

char **worker_program_environment(const struct job_env *env, size_t count, br_error *err)
{
    size_t given = 0, used = 0;
    while (environ && environ[given])
        given++;
    char **array = calloc(given + count + 1, sizeof *array);
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < given; i++)
        if (!find_variable(env, count, environ[i]))
            ok = add(array, &used, environ[i]);
    for (size_t i = 0; ok && i < count; i++)
        ok = add_variable(array, &used, &env[i]);
    if (ok)
        return array;
    br_error_nomem(err);
    worker_program_free_environment(array);
    return NULL;
}

void worker_program_free_environment(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
}

// ---- Its start

int worker_program_start(struct nursery *n, const struct job_env *env, size_t count, br_error *err)
{
    *n = NURSERY_NONE;
    char *path = worker_program_path(err);
    char **environment = path ? worker_program_environment(env, count, err) : NULL;
    int result = environment ? nursery_start_program(n, path, environment, err) : -1;
    worker_program_free_environment(environment);
    free(path);
    return result;
}
