// SPDX-License-Identifier: BSD-3-Clause
// Looking into a plugin without loading it here: a child loads it and writes down what it offers.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/wire.h"
#include "exec/nursery.h"
#include "exec/plugin.h"

enum {
    ANSWER_MAX = 4 << 20,
    REQUEST_MAX = 16 << 10
};

// ---- In the child

static void write_description(struct buffer *out, const struct plugin *p)
{
    wire_put(out, BR_ERR_NONE);
    wire_put_text(out, p->name);
    wire_put_text(out, p->version);
    wire_put(out, p->task_count);
    for (size_t i = 0; i < p->task_count; i++) {
        wire_put_text(out, p->tasks[i].name);
        wire_put_text(out, p->tasks[i].signature);
        wire_put_text(out, p->tasks[i].summary);
    }
}

static int inspect_child(const int *fds, size_t count)
{
    char request[REQUEST_MAX];
    (void)count;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    ssize_t length = recv(fds[0], request, sizeof request, 0);
    if (length <= 0)
        return 1;
    struct wire w = {.at = request, .left = (size_t)length};
    struct plugin_source from;
    plugin_source_read(&w, &from);
    if (w.bad)
        return 1;
    struct buffer answer = BUFFER_EMPTY;
    struct plugin plugin = {0};
    br_error err;
    if (plugin_load(&from, &plugin, &err) == 0)
        write_description(&answer, &plugin);
    else {
        wire_put(&answer, err.kind);
        wire_put_text(&answer, err.text);
    }
    bool failed = answer.failed || fd_write_all(fds[0], answer.data, answer.length) != 0;
    plugin_finish(&plugin);
    buffer_finish(&answer);
    return failed;
}

// ---- In the coordinator

struct inspection {
    struct nursery *nursery;
    const struct plugin_source *from;
    const char *path; // from->path
    int64_t deadline;
    int socket;
    uint32_t id;
};

static int say_it_hangs(const char *path, br_error *err)
{
    return br_error_set(err, BR_ERR_PLUGIN,
                        "%s: loading it did not end in time: one of its constructors hangs", path);
}

// Reads the answer until the child closes its side. 0, or -1 when time is over.
static int read_answer(const struct inspection *in, struct buffer *answer, br_error *err)
{
    for (;;) {
        struct pollfd wait = {.fd = in->socket, .events = POLLIN};
        int64_t now = clock_now();
        if (now >= in->deadline)
            return say_it_hangs(in->path, err);
        if (poll(&wait, 1, clock_poll_timeout(in->deadline, now)) <= 0)
            continue;
        char piece[16384];
        ssize_t got = recv(in->socket, piece, sizeof piece, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0) // its end, however it came; what was read tells the rest
            return 0;
        buffer_append(answer, piece, (size_t)got);
        if (answer->failed)
            return br_error_nomem(err);
        if (answer->length > ANSWER_MAX)
            return br_error_set(err, BR_ERR_PLUGIN, "%s: its description is too long", in->path);
    }
}

// Waits for the child's end, and has it killed when time is over: it may have closed its side and
// not end.
static int wait_ended(const struct inspection *in, int *status, br_error *err)
{
    for (int64_t deadline = in->deadline;;) {
        struct nursery_event event;
        int got = nursery_next(in->nursery, &event, err);
        if (got < 0)
            return -1;
        int64_t now = clock_now();
        if (now >= deadline) {
            if (nursery_kill(in->nursery, in->id, SIGKILL, err) != 0)
                return -1;
            deadline = INT64_MAX;
        }
        if (got == 0) {
            struct pollfd wait = {.fd = in->nursery->socket, .events = POLLIN};
            poll(&wait, 1, clock_poll_timeout(deadline, now));
        } else if (event.id == in->id && event.type == NURSERY_ENDED) {
            *status = event.wait_status;
            return 0;
        } else if (event.id == in->id && event.type == NURSERY_NOT_STARTED) {
            errno = event.number;
            return br_error_errno(err, "cannot fork a process to look into %s", in->path);
        }
    }
}

static int parse_entry(struct wire *w, const char *path, struct plugin_entry *e, br_error *err)
{
    const char *name = wire_get_text(w), *text = wire_get_text(w), *summary = wire_get_text(w);
    if (w->bad || !name || !text || !summary)
        return br_error_set(err, BR_ERR_PLUGIN, "%s: its description could not be read", path);
    e->name = strdup(name);
    e->text = strdup(text);
    e->summary = strdup(summary);
    if (!e->name || !e->text || !e->summary)
        return br_error_nomem(err);
    br_error why;
    if (signature_parse(text, &e->signature, &why) != 0)
        return br_error_set(err, why.kind, "%s: the signature \"%s\" of task `%s`: %s", path, text,
                            name, why.text);
    return 0;
}

static int parse_answer(const struct buffer *answer, const char *path, struct plugin_info *out,
                        br_error *err)
{
    struct wire w = {.at = answer->data, .left = answer->length};
    enum br_error_kind kind = (enum br_error_kind)wire_get(&w);
    const char *first = wire_get_text(&w);
    if (w.bad || !first)
        return br_error_set(err, BR_ERR_PLUGIN, "%s: its description could not be read", path);
    if (kind != BR_ERR_NONE)
        return br_error_set(err, kind == BR_ERR_PLUGIN ? kind : BR_ERR_SYSTEM, "%s", first);
    const char *version = wire_get_text(&w);
    uint64_t count = wire_get(&w);
    if (w.bad || !version || count > answer->length)
        return br_error_set(err, BR_ERR_PLUGIN, "%s: its description could not be read", path);
    out->name = strdup(first);
    out->version = strdup(version);
    out->tasks = calloc(count + 1, sizeof *out->tasks);
    if (!out->name || !out->version || !out->tasks)
        return br_error_nomem(err);
    for (; out->task_count < count; out->task_count++)
        if (parse_entry(&w, path, &out->tasks[out->task_count], err) != 0) {
            out->task_count++; // its half is freed with the others
            return -1;
        }
    return 0;
}

static int say_how_it_died(const char *path, int status, br_error *err)
{
    if (!WIFSIGNALED(status))
        return br_error_set(err, BR_ERR_PLUGIN, "%s: it called exit(%d) while it was loaded", path,
                            WEXITSTATUS(status));
    struct buffer how = BUFFER_EMPTY;
    signal_describe(&how, WTERMSIG(status));
    if (WTERMSIG(status) == SIGBUS)
        buffer_text(&how, "; perhaps the file is cut short: build or copy it again");
    br_error_set(err, BR_ERR_PLUGIN, "%s: it crashed while it was loaded: %.*s", path,
                 (int)how.length, how.length ? how.data : "");
    buffer_finish(&how);
    return -1;
}

static int send_request(const struct inspection *in, br_error *err)
{
    struct buffer request = BUFFER_EMPTY;
    plugin_source_write(&request, in->from);
    int result = buffer_check(&request, err);
    if (result == 0 && request.length > REQUEST_MAX)
        result = br_error_set(err, BR_ERR_PLUGIN, "%s: the path is too long", in->path);
    else if (result == 0 && send(in->socket, request.data, request.length, MSG_NOSIGNAL) < 0)
        result = br_error_errno(err, "cannot talk to the process that looks into %s", in->path);
    buffer_finish(&request);
    return result;
}

static int run_inspection(struct inspection *in, struct buffer *answer, br_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return br_error_errno(err, "cannot create a socket pair");
    in->socket = pair[0];
    int started = nursery_spawn(in->nursery, inspect_child, &pair[1], 1, &in->id, err);
    close(pair[1]);
    if (started != 0)
        return -1;
    br_error late = {0};
    int read = send_request(in, &late);
    if (read == 0)
        read = read_answer(in, answer, &late);
    if (read != 0 && nursery_kill(in->nursery, in->id, SIGKILL, err) != 0)
        return -1;
    int status;
    if (wait_ended(in, &status, err) != 0)
        return -1;
    if (read != 0) {
        *err = late;
        return -1;
    }
    if (clock_now() >= in->deadline)
        return say_it_hangs(in->path, err);
    return status == 0 && answer->length > 0 ? 0 : say_how_it_died(in->path, status, err);
}

int plugin_inspect(struct nursery *n, const struct plugin_source *from, int64_t timeout_ns,
                   struct plugin_info *out, br_error *err)
{
    struct inspection in = {.nursery = n,
                            .from = from,
                            .path = from->path,
                            .deadline = clock_now() + timeout_ns,
                            .socket = -1};
    struct buffer answer = BUFFER_EMPTY;
    br_error scratch;
    *out = (struct plugin_info){0};
    int result = run_inspection(&in, &answer, err ? err : &scratch);
    if (result == 0)
        result = parse_answer(&answer, from->path, out, err);
    if (result != 0)
        plugin_info_finish(out);
    fd_close(&in.socket);
    buffer_finish(&answer);
    return result;
}

void plugin_info_finish(struct plugin_info *info)
{
    for (size_t i = 0; i < info->task_count; i++) {
        free(info->tasks[i].name);
        free(info->tasks[i].text);
        free(info->tasks[i].summary);
        signature_finish(&info->tasks[i].signature);
    }
    free(info->tasks);
    free(info->name);
    free(info->version);
    *info = (struct plugin_info){0};
}

const struct plugin_entry *plugin_info_task(const struct plugin_info *info, const char *task,
                                            br_error *err)
{
    const char **names = calloc(info->task_count + 1, sizeof *names);
    if (!names) {
        br_error_nomem(err);
        return NULL;
    }
    const struct plugin_entry *found = NULL;
    struct buffer list = BUFFER_EMPTY;
    for (size_t i = 0; i < info->task_count; i++) {
        if (strcmp(info->tasks[i].name, task) == 0)
            found = &info->tasks[i];
        names[i] = info->tasks[i].name;
        buffer_format(&list, "%s%s", i ? ", " : "", names[i]);
    }
    const char *near = text_nearest(task, names, info->task_count);
    if (!found && near)
        br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` has no task `%s`; did you mean `%s`?",
                     info->name, task, near);
    else if (!found)
        br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` has no task `%s`; it has: %.*s", info->name,
                     task, (int)list.length, list.length ? list.data : "none");
    buffer_finish(&list);
    free(names);
    return found;
}
