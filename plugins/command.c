// SPDX-License-Identifier: BSD-3-Clause
// Command lines as tasks: what `xargs -P` and `parallel` are used for.
//
// command.run splits `command` into words and replaces {column} by the row's value, which is never
// read as anything but text. command.shell gives `command` to /bin/sh unchanged, with the row's
// values in variables named after the columns, so no value is ever read as shell either.
#include <batchrun/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum {
    OUTPUT_MAX = 64 << 20, // of what one command prints to standard output
    LOOK_MS = 50,          // how often a cancel is looked for
    GRACE_MS = 2000,       // from asking a command to end to killing it
};

// Texts, each with its NUL, one after the other; then pointers to them.
struct texts {
    FILE *stream;
    char *data;
    size_t size;
    char **list;
};

static int no_memory(br_task *t)
{
    return br_fail(t, "out of memory for the command");
}

static int texts_open(br_task *t, struct texts *s)
{
    *s = (struct texts){0};
    s->stream = open_memstream(&s->data, &s->size);
    return s->stream ? 0 : no_memory(t);
}

// Ends writing; s->list then ends in NULL, after room for `more` pointers.
static int texts_close(br_task *t, struct texts *s, size_t more)
{
    int closed = fclose(s->stream);
    s->stream = NULL;
    if (closed != 0)
        return no_memory(t);
    size_t count = 0;
    for (size_t i = 0; i < s->size; i++)
        count += s->data[i] == '\0';
    s->list = calloc(count + more + 1, sizeof *s->list);
    if (!s->list)
        return no_memory(t);
    char *at = s->data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        s->list[i] = at;
    return 0;
}

static void texts_free(struct texts *s)
{
    if (s->stream)
        fclose(s->stream);
    free(s->data);
    free(s->list);
}

// ---- A command line's words

static bool is_column(br_task *t, const char *text, size_t length)
{
    const char *name;
    for (size_t i = 0; (name = br_arg_name(t, i)); i++)
        if (strlen(name) == length && strncmp(name, text, length) == 0)
            return true;
    return false;
}

struct line {
    br_task *task;
    const char *at;
    FILE *out;
    bool has_column; // the word that was just read
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || (unsigned char)c >= 0x80;
}

// At "{": puts the value of {column} and steps over it. Anything else is text.
static int put_column(struct line *l, uint64_t row)
{
    size_t length = 0;
    while (is_name(l->at[1 + length]))
        length++;
    if (length == 0 || l->at[1 + length] != '}') {
        putc_unlocked(*l->at++, l->out);
        return 0;
    }
    char name[256];
    if (length >= sizeof name)
        return br_fail_permanent(l->task, "the column's name in `%.40s...` is too long", l->at);
    memcpy(name, l->at + 1, length);
    name[length] = '\0';
    l->at += length + 2;
    l->has_column = true;
    fputs(br_row_str(l->task, row, name), l->out);
    return is_column(l->task, name, length) ? 0 : 1; // then the task has failed by being asked
}

static int refuse(const struct line *l)
{
    return br_fail_permanent(
        l->task, "`%c` needs a shell: use the task command.shell, or quote it to pass it as text",
        *l->at);
}

// Puts the next word, in a shell's quoting, with the values of one row.
static int put_word(struct line *l, uint64_t row)
{
    char quote = '\0';
    while (*l->at && (quote || !is_blank(*l->at))) {
        char c = *l->at, next = l->at[1];
        bool escaped =
            c == '\\' && next && (quote == '\0' || (quote == '"' && strchr("\"\\$`{", next)));
        if (escaped) {
            putc_unlocked(next, l->out);
            l->at += 2;
        } else if (c == '{') {
            if (put_column(l, row) != 0)
                return 1;
        } else if (c == quote || (!quote && (c == '\'' || c == '"'))) {
            quote = quote ? '\0' : c;
            l->at++;
        } else if (!quote && strchr("|&;<>()$`*?", c)) {
            return refuse(l);
        } else {
            putc_unlocked(c, l->out);
            l->at++;
        }
    }
    if (quote)
        return br_fail_permanent(l->task, "a %c in the command is not closed", quote);
    putc_unlocked('\0', l->out);
    return 0;
}

// A word with a column in it stands once for each row of the task.
static int put_words(br_task *t, const char *command, FILE *out)
{
    struct line l = {.task = t, .at = command, .out = out};
    size_t count = 0;
    for (;; count++) {
        while (is_blank(*l.at))
            l.at++;
        if (!*l.at)
            break;
        const char *word = l.at;
        l.has_column = false;
        if (put_word(&l, 0) != 0)
            return 1;
        for (uint64_t row = 1; l.has_column && row < br_rows(t); row++) {
            l.at = word;
            if (put_word(&l, row) != 0)
                return 1;
        }
    }
    return count > 0 ? 0 : br_fail_permanent(t, "the command is empty");
}

// ---- A shell's variables

static bool is_variable(const char *name)
{
    if (*name >= '0' && *name <= '9')
        return false;
    for (const char *c = name; *c; c++)
        if (!is_name(*c) || *c == '.' || *c == '-' || (unsigned char)*c >= 0x80)
            return false;
    return *name != '\0';
}

// Refuses {column}, which command.run would replace: to a shell it means nothing.
static int check_shell(br_task *t, const char *command)
{
    for (const char *at = strchr(command, '{'); at; at = strchr(at + 1, '{')) {
        size_t length = 0;
        while (is_name(at[1 + length]))
            length++;
        if (at[1 + length] == '}' && (at == command || at[-1] != '$') &&
            is_column(t, at + 1, length))
            return br_fail_permanent(
                t, "`{%.*s}`: in a shell command, columns are variables; write \"$%.*s\"",
                (int)length, at + 1, (int)length, at + 1);
    }
    return 0;
}

static void put_variables(br_task *t, FILE *out)
{
    const char *name;
    for (size_t i = 0; (name = br_arg_name(t, i)); i++)
        if (is_variable(name)) {
            fprintf(out, "%s=%s", name, br_arg_str(t, name));
            putc_unlocked('\0', out);
        }
}

// The columns, and after them the variables of the environment that have other names.
static int make_environment(br_task *t, struct texts *env)
{
    size_t others = 0, columns = 0;
    while (environ[others])
        others++;
    if (texts_open(t, env) != 0)
        return 1;
    put_variables(t, env->stream);
    if (texts_close(t, env, others) != 0)
        return 1;
    while (env->list[columns])
        columns++;
    for (size_t i = 0; i < others; i++)
        if (!is_column(t, environ[i], strcspn(environ[i], "=")))
            env->list[columns++] = environ[i];
    return 0;
}

// ---- Running it

struct child {
    br_task *task;
    const char *name; // its first word
    char *const *env; // environ, or what a shell gets
    pid_t pid;
    int pipe;   // from its standard output; -1 once that is closed
    int feed;   // where it writes; kept open, because the pidfd reports its end, and the end of the
                // pipe, which comes a moment sooner, would wake us twice
    int pidfd;  // -1 where the kernel has none: then its end is looked for now and then
    char *data; // what it has printed
    size_t length, room;
};

static int fail_spawn(br_task *t, const char *name, int error)
{
    if (error == ENOENT && !strchr(name, '/'))
        return br_fail_permanent(t, "%s: there is no such command in PATH (%s)", name,
                                 getenv("PATH") ? getenv("PATH") : "not set");
    if (error == EAGAIN || error == ENOMEM)
        return br_fail(t, "%s: cannot be started: %s", name, strerror(error));
    return br_fail_permanent(t, "%s: cannot be run: %s", name, strerror(error));
}

// In a process group of its own, which is what is killed; reads nothing; signals as a shell has
// them.
static int spawn(struct child *c, char *const *words, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE); // as batchrun has them
    sigaddset(&ignored, SIGXFSZ);
    if (posix_spawnattr_init(&how) != 0)
        return no_memory(c->task);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                       POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setsigdefault(&how, &ignored);
    posix_spawnattr_setsigmask(&how, &none);
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0) {
        error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(&actions, out, 1);
        if (error == 0)
            error = posix_spawnp(&c->pid, words[0], &actions, &how, words, c->env);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&how);
    return error == 0 ? 0 : fail_spawn(c->task, words[0], error);
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int start(struct child *c, char *const *words)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return br_fail(c->task, "cannot make a pipe: %s", strerror(errno));
    c->pipe = ends[0];
    c->feed = ends[1];
    int result = spawn(c, words, c->feed);
    if (result != 0)
        return result;
    fcntl(c->pipe, F_SETFL, O_NONBLOCK);
#ifdef SYS_pidfd_open
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
#endif
    if (c->pidfd < 0)
        close_end(&c->feed);
    return 0;
}

static int make_room(struct child *c)
{
    if (c->length < c->room)
        return 0;
    if (c->room >= OUTPUT_MAX)
        return br_fail_permanent(c->task, "%s: it printed more than %d MiB; let it write to a file",
                                 c->name, OUTPUT_MAX >> 20);
    size_t room = c->room ? c->room * 2 : 4096;
    char *data = realloc(c->data, room);
    if (!data)
        return no_memory(c->task);
    c->data = data;
    c->room = room;
    return 0;
}

// Takes what there is now.
static int read_output(struct child *c)
{
    while (c->pipe >= 0) {
        if (make_room(c) != 0)
            return 1;
        ssize_t got = read(c->pipe, c->data + c->length, c->room - c->length);
        if (got > 0)
            c->length += (size_t)got;
        else if (got < 0 && errno == EAGAIN)
            return 0;
        else if (got == 0 || errno != EINTR)
            close_end(&c->pipe);
    }
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_a_little(const struct child *c)
{
    struct pollfd fds[] = {{.fd = c->pipe, .events = POLLIN}, {.fd = c->pidfd, .events = POLLIN}};
    poll(fds, 2, c->pidfd < 0 && c->pipe < 0 ? 1 : LOOK_MS);
}

// Reads until the command ends; when the task is cancelled, asks it to end, and insists. Leaves it
// to be reaped, so that its number, and its group's, stay its own.
static int watch(struct child *c, siginfo_t *end, bool *asked)
{
    int64_t insist = 0;
    for (;;) {
        wait_a_little(c);
        int result = read_output(c);
        end->si_pid = 0;
        if (result == 0 && waitid(P_PID, (id_t)c->pid, end, WEXITED | WNOHANG | WNOWAIT) != 0)
            result = br_fail(c->task, "cannot wait for %s: %s", c->name, strerror(errno));
        if (result != 0 || end->si_pid != 0)
            return result;
        if (*asked && now_ms() >= insist)
            kill(-c->pid, SIGKILL);
        if (!*asked && br_task_cancelled(c->task)) {
            *asked = true;
            insist = now_ms() + GRACE_MS;
            kill(-c->pid, SIGTERM);
            kill(-c->pid, SIGCONT);
        }
    }
}

// Kills what the command left running in its group, reaps it and takes what was still in the pipe.
static void finish(struct child *c)
{
    kill(-c->pid, SIGKILL);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    read_output(c);
}

// ---- What came of it

// Whether the exit status is among the column `accept`, if there is such a column: "0 1" or "any".
static bool is_accepted(br_task *t, int status)
{
    if (!is_column(t, "accept", strlen("accept")))
        return status == 0;
    const char *at = br_arg_str(t, "accept");
    bool any = strcmp(at, "any") == 0, found = false;
    while (!any && *at) {
        char *end;
        found |= strtol(at, &end, 10) == status;
        if (end == at) {
            br_fail_permanent(
                t, "accept is \"%s\": expected exit statuses, such as \"0 1\", or \"any\"",
                br_arg_str(t, "accept"));
            return false;
        }
        at = end + strspn(end, " ,");
    }
    return any || found;
}

static int fail_output(struct child *c)
{
    fwrite(c->data, 1, c->length, stdout); // to the log, with its standard error
    return 1;
}

// What a shell's exit status says of the command that it ran last.
static void fail_status(struct child *c, int status)
{
    if (c->env == environ || status < 127)
        br_fail(c->task, "%s: exit status %d", c->name, status);
    else if (status == 127)
        br_fail_permanent(c->task, "%s: exit status 127: there is no such command", c->name);
    else
        br_fail(c->task, "%s: exit status %d: killed by signal %d (%s)", c->name, status,
                status - 128, strsignal(status - 128));
}

static int report(struct child *c, const siginfo_t *end, bool asked)
{
    br_task *t = c->task;
    if (asked) {
        br_fail(t, "%s: cancelled", c->name);
        return fail_output(c);
    }
    if (end->si_code != CLD_EXITED) {
        br_fail(t, "%s: killed by signal %d (%s)", c->name, end->si_status,
                strsignal(end->si_status));
        return fail_output(c);
    }
    if (!is_accepted(t, end->si_status)) {
        fail_status(c, end->si_status);
        return fail_output(c);
    }
    if (c->length > 0 && memchr(c->data, '\0', c->length))
        return br_fail_permanent(t, "%s: its output has NUL bytes; let it write to a file",
                                 c->name);
    while (c->length > 0 && c->data[c->length - 1] == '\n') // as $(...) does
        c->length--;
    br_result_i64(t, "exit_code", end->si_status);
    return br_result_bytes(t, "stdout", c->data ? c->data : "", c->length);
}

static int run_words(br_task *t, char *const *words, char *const *env)
{
    struct child c = {.task = t, .name = words[0], .env = env, .pipe = -1, .feed = -1, .pidfd = -1};
    siginfo_t end = {0};
    bool asked = false;
    int result = start(&c, words);
    if (result == 0) {
        result = watch(&c, &end, &asked);
        finish(&c);
        if (result == 0)
            result = report(&c, &end, asked);
    }
    close_end(&c.pipe);
    close_end(&c.feed);
    close_end(&c.pidfd);
    free(c.data);
    return result;
}

// ---- The tasks

static int run(br_task *t)
{
    struct texts words;
    int result = texts_open(t, &words);
    if (result == 0)
        result = put_words(t, br_arg_str(t, "command"), words.stream);
    if (result == 0)
        result = texts_close(t, &words, 0);
    if (result == 0)
        result = run_words(t, words.list, environ);
    texts_free(&words);
    return result;
}

static int shell(br_task *t)
{
    char program[] = "/bin/sh", flag[] = "-c", *command = strdup(br_arg_str(t, "command"));
    char *words[] = {program, flag, command, NULL};
    if (!command)
        return br_fail(t, "out of memory for the command");
    struct texts env = {0};
    int result = check_shell(t, command);
    if (result == 0)
        result = make_environment(t, &env);
    if (result == 0)
        result = run_words(t, words, env.list);
    texts_free(&env);
    free(command);
    return result;
}

BATCHRUN_PLUGIN("command", "1.0",
                BR_TASK("run", run, "command:str ...:str -> exit_code:i64 stdout:str",
                        "a command, {column} replaced by the row's value; no shell"),
                BR_TASK("shell", shell, "command:str ...:str -> exit_code:i64 stdout:str",
                        "a command for /bin/sh, with the columns as variables"),
                BR_TASK("pack", run, "[command:str ...:str] -> exit_code:i64 stdout:str",
                        "as run, for many rows: a word with {column} stands once for each"));
