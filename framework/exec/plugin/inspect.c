// SPDX-License-Identifier: BSD-3-Clause
// Inspection of a plugin without loading it into this process: a child of the nursery loads it and
// sends a description.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/float_mode.h"
#include "base/kernel.h"
#include "base/signals.h"
#include "base/text.h"
#include "base/wire.h"
#include "exec/plugin/plugin.h"
#include "exec/plugin/plugin_symbols.h"
#include "exec/process/nursery.h"
#include "exec/process/printed.h"

enum {
    ANSWER_MAX = 4 << 20,   // bytes
    PRINTED_MAX = 16 << 20, // bytes
    REQUEST_MAX = 16 << 10  // bytes
};

enum { // the descriptors that the child is given
    INSPECT_SOCKET,
    INSPECT_PRINTED, // memory that takes its output
};

// ---- In the child

// The mode in which the plugin's own tasks compute (exec/worker/process_state.h).
static size_t warn_of_mode(const struct float_mode *before, const char *path, struct buffer *out)
{
    struct float_mode now = float_mode_now();
    char text[1024];
    if (float_mode_flushes(before) || !float_mode_flushes(&now))
        return 0;
    snprintf(text, sizeof text,
             "%s: it makes denormal numbers count as zero in all its tasks, as code that is linked "
             "with -ffast-math or -Ofast does; tasks of other plugins are not affected",
             path);
    wire_put_text(out, text);
    return 1;
}

static void warn_of_symbol(const struct plugin_symbol *s, const char *path, struct buffer *out)
{
    char text[1024];
    snprintf(text, sizeof text,
             "%s: it defines `%s`, but uses the %s of that name in %s, which comes before it; "
             "declare it static, rename it, or link the plugin with -Wl,-Bsymbolic",
             path, s->name, s->is_variable ? "variable" : "function", s->library);
    wire_put_text(out, text);
}

static void write_warnings(struct buffer *out, const struct plugin *p, const char *path,
                           const struct float_mode *before)
{
    struct buffer warnings = BUFFER_EMPTY;
    struct plugin_symbol found[PLUGIN_SYMBOLS_MAX];
    size_t symbols = plugin_symbols_find(p, found);
    size_t count = warn_of_mode(before, path, &warnings) + symbols;
    for (size_t i = 0; i < symbols; i++)
        warn_of_symbol(&found[i], path, &warnings);
    wire_put(out, count);
    buffer_append(out, warnings.data, warnings.length);
    out->failed |= warnings.failed;
    buffer_finish(&warnings);
}

// Loads the plugin as a worker does. Refuses one that needs libm without being linked with it, and
// has functions of its own with names of libm.
static int load(const struct plugin_source *from, struct plugin *out, br_error *err)
{
    struct plugin_symbol found[PLUGIN_SYMBOLS_MAX];
    int loaded = plugin_load(from, false, out, err);
    if (loaded <= 0)
        return loaded;
    if (plugin_load(from, true, out, err) != 0)
        return -1;
    size_t count = plugin_symbols_find(out, found);
    for (size_t i = 0; i < count; i++)
        if (strncmp(found[i].library, "libm.", strlen("libm.")) == 0)
            return br_error_set(err, BR_ERR_PLUGIN,
                                "%s: it uses libm and is not linked with it, so that its own `%s` "
                                "is not the one that it would call; link it with -lm",
                                from->path, found[i].name);
    return 0;
}

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

int inspect_child(const int *fds, size_t count)
{
    char request[REQUEST_MAX];
    (void)count;
    if (dup2(fds[INSPECT_PRINTED], 1) < 0 || dup2(fds[INSPECT_PRINTED], 2) < 0)
        return 1;
    setvbuf(stdout, NULL, _IONBF, 0); // so that a crash loses nothing
    struct rlimit printed = {PRINTED_MAX, PRINTED_MAX};
    setrlimit(RLIMIT_FSIZE, &printed); // a plugin may print for ever
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    ssize_t length = recv(fds[INSPECT_SOCKET], request, sizeof request, 0);
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
    struct float_mode mode = float_mode_now();
    if (load(&from, &plugin, &err) == 0) {
        write_description(&answer, &plugin);
        write_warnings(&answer, &plugin, from.path, &mode);
    } else {
        wire_put(&answer, err.kind);
        wire_put_text(&answer, err.text);
    }
    bool failed =
        answer.failed || fd_write_all(fds[INSPECT_SOCKET], answer.data, answer.length) != 0;
    plugin_finish(&plugin);
    buffer_finish(&answer);
    return failed;
}

// ---- In the coordinator

struct inspection {
    const char *path; // of the plugin; NULL if the inspection has not started
    int socket;       // to the child
    int printed;      // memory to which the child's output goes
    uint32_t id;      // the nursery's id of the child
    bool late;        // the child was killed because it did not end
    bool over;        // the child has ended or could not be forked
    int number;       // errno if it could not be forked, else 0
    int status;       // of the ended child, as waitpid gives it
};

struct inspector {
    struct nursery *nursery;
    size_t count;
    struct inspection all[]; // `count` of them
};

static int say_it_hangs(const struct inspection *in, br_error *err)
{
    struct buffer printed = BUFFER_EMPTY;
    printed_describe(&printed, in->printed, 0);
    br_error_set(err, BR_ERR_PLUGIN, "%s: loading it timed out: one of its constructors hangs%.*s",
                 in->path, (int)printed.length, printed.length ? printed.data : "");
    buffer_finish(&printed);
    return -1;
}

static int say_wait_failed(const char *path, br_error *err)
{
    return br_error_errno(err, "cannot wait for the process that inspects %s", path);
}

// Reads the answer until the child closes its side. Returns 0, or -1 and *err if the deadline
// passes or the answer is too long. *deadline becomes later while this process is stopped.
static int read_answer(const struct inspection *in, int64_t *deadline, struct buffer *answer,
                       br_error *err)
{
    for (;;) {
        struct pollfd wait = {.fd = in->socket, .events = POLLIN};
        int64_t now = clock_now();
        int ready = poll(&wait, 1, clock_poll_timeout(*deadline, now));
        if (ready < 0 && errno != EINTR)
            return say_wait_failed(in->path, err);
        int64_t after = clock_now();
        if (clock_stood_still(now, *deadline, after) != 0)
            *deadline += after - now;
        if (ready == 0 && now >= *deadline)
            return say_it_hangs(in, err);
        if (ready <= 0)
            continue;
        char piece[16384];
        ssize_t got = recv(in->socket, piece, sizeof piece, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0) // the answer ends here; its parser finds out if it is incomplete
            return 0;
        buffer_append(answer, piece, (size_t)got);
        if (answer->failed)
            return br_error_nomem(err);
        if (answer->length > ANSWER_MAX)
            return br_error_set(err, BR_ERR_PLUGIN, "%s: its description is too long", in->path);
    }
}

static void take_event(struct inspector *i, const struct nursery_event *event)
{
    for (size_t at = 0; at < i->count; at++) {
        struct inspection *in = &i->all[at];
        if (!in->path || in->id != event->id || event->type == NURSERY_STARTED)
            continue;
        in->over = true;
        in->status = event->wait_status;
        in->number = event->type == NURSERY_NOT_STARTED ? event->number : 0;
    }
}

// Waits until the child has ended. Kills it at the deadline, because it may have closed its side
// without ending. Notes the ends of other children that it meets. Returns 0 if the child was forked
// and has ended; -1 and *err otherwise.
static int wait_ended(struct inspector *i, struct inspection *in, int64_t deadline, br_error *err)
{
    while (!in->over) {
        struct nursery_event event;
        int64_t now = clock_now();
        int got = nursery_next(i->nursery, &event, err);
        if (got < 0)
            return -1;
        if (got > 0) {
            take_event(i, &event);
            continue;
        }
        if (now >= deadline) {
            in->late = true;
            if (nursery_kill(i->nursery, in->id, SIGKILL, err) != 0)
                return -1;
            deadline = INT64_MAX;
        }
        struct pollfd wait = {.fd = i->nursery->socket, .events = POLLIN};
        if (poll(&wait, 1, clock_poll_timeout(deadline, now)) < 0 && errno != EINTR)
            return say_wait_failed(in->path, err);
    }
    if (in->number == 0)
        return 0;
    return br_error_set(err, BR_ERR_SYSTEM, "cannot fork a process to inspect %s: %s%s", in->path,
                        strerror(in->number), kernel_fork_limit(in->number));
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

static int parse_warnings(struct wire *w, const char *path, struct plugin_info *out, br_error *err)
{
    uint64_t count = wire_get(w);
    if (w->bad || count > w->left)
        return br_error_set(err, BR_ERR_PLUGIN, "%s: its description could not be read", path);
    out->warnings = calloc(count + 1, sizeof *out->warnings);
    for (; out->warnings && out->warning_count < count; out->warning_count++) {
        const char *text = wire_get_text(w);
        if (!text)
            return br_error_set(err, BR_ERR_PLUGIN, "%s: its description could not be read", path);
        out->warnings[out->warning_count] = strdup(text);
        if (!out->warnings[out->warning_count])
            return br_error_nomem(err);
    }
    return out->warnings ? 0 : br_error_nomem(err);
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
            out->task_count++; // plugin_info_finish frees the part that was filled in
            return -1;
        }
    return parse_warnings(&w, path, out, err);
}

static int say_how_it_died(const struct inspection *in, br_error *err)
{
    bool crashed = WIFSIGNALED(in->status);
    struct buffer how = BUFFER_EMPTY;
    if (crashed)
        signal_describe(&how, WTERMSIG(in->status));
    if (crashed && WTERMSIG(in->status) == SIGBUS)
        buffer_text(&how, "; perhaps the file is cut short: build or copy it again");
    printed_describe(&how, in->printed, 0);
    int length = (int)how.length;
    const char *text = length ? how.data : "";
    if (crashed)
        br_error_set(err, BR_ERR_PLUGIN, "%s: it crashed while it was loaded: %.*s", in->path,
                     length, text);
    else
        br_error_set(err, BR_ERR_PLUGIN, "%s: it called exit(%d) while it was loaded%.*s", in->path,
                     WEXITSTATUS(in->status), length, text);
    buffer_finish(&how);
    return -1;
}

static int send_request(const struct inspection *in, const struct plugin_source *from,
                        br_error *err)
{
    struct buffer request = BUFFER_EMPTY;
    plugin_source_write(&request, from);
    int result = buffer_check(&request, err);
    if (result == 0 && request.length > REQUEST_MAX)
        result = br_error_set(err, BR_ERR_PLUGIN, "%s: the path is too long", in->path);
    // If the process has ended, or was never forked, inspector_end finds out why.
    else if (result == 0 &&
             TEMP_FAILURE_RETRY(send(in->socket, request.data, request.length, MSG_NOSIGNAL)) < 0 &&
             errno != EPIPE && errno != ECONNRESET)
        result = br_error_errno(err, "cannot talk to the process that inspects %s", in->path);
    buffer_finish(&request);
    return result;
}

struct inspector *inspector_create(struct nursery *n, size_t count, br_error *err)
{
    struct inspector *i = calloc(1, sizeof *i + count * sizeof *i->all);
    if (!i) {
        br_error_nomem(err);
        return NULL;
    }
    i->nursery = n;
    i->count = count;
    return i;
}

int inspector_begin(struct inspector *i, size_t place, const struct plugin_source *from,
                    br_error *err)
{
    int pair[2];
    struct inspection *in = &i->all[place];
    int printed = memfd_create("batchrun-printed", MFD_CLOEXEC);
    if (printed < 0)
        return br_error_errno(err, "cannot create memory for what a plugin prints");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        br_error_errno(err, "cannot create a socket pair");
        close(printed);
        return -1;
    }
    int fds[] = {[INSPECT_SOCKET] = pair[1], [INSPECT_PRINTED] = printed};
    int started = nursery_spawn(i->nursery, NURSERY_INSPECTION, fds, 2, &in->id, err);
    close(pair[1]);
    if (started != 0) {
        close(pair[0]);
        close(printed);
        return -1;
    }
    in->path = from->path;
    in->socket = pair[0];
    in->printed = printed;
    return send_request(in, from, err);
}

// Reads the answer and waits for the end of the child. Returns 0, or -1 and *err if there is no
// answer.
static int hear_out(struct inspector *i, struct inspection *in, int64_t deadline,
                    struct buffer *answer, br_error *err)
{
    br_error late = {0};
    if (nursery_await(i->nursery, deadline, err) != 0)
        return -1;
    int read = read_answer(in, &deadline, answer, &late);
    if (read != 0 && nursery_kill(i->nursery, in->id, SIGKILL, err) != 0)
        return -1;
    if (wait_ended(i, in, deadline, err) != 0)
        return -1;
    if (read != 0) {
        *err = late;
        return -1;
    }
    if (in->late)
        return say_it_hangs(in, err);
    return in->status == 0 && answer->length > 0 ? 0 : say_how_it_died(in, err);
}

int inspector_end(struct inspector *i, size_t place, int64_t timeout_ns, struct plugin_info *out,
                  br_error *err)
{
    struct inspection *in = &i->all[place];
    struct buffer answer = BUFFER_EMPTY;
    br_error scratch;
    *out = (struct plugin_info){0};
    int result = hear_out(i, in, clock_now() + timeout_ns, &answer, err ? err : &scratch);
    if (result == 0)
        result = parse_answer(&answer, in->path, out, err);
    if (result != 0)
        plugin_info_finish(out);
    fd_close(&in->socket);
    fd_close(&in->printed);
    buffer_finish(&answer);
    return result;
}

void inspector_destroy(struct inspector *i)
{
    if (!i)
        return;
    int saved = errno;
    for (size_t at = 0; at < i->count; at++)
        if (i->all[at].path) {
            // If the nursery has ended, so have its children. If it was never ready, nothing was
            // forked, or nursery_stop ends it.
            if (i->nursery->ready)
                (void)wait_ended(i, &i->all[at], 0, NULL);
            fd_close(&i->all[at].socket);
            fd_close(&i->all[at].printed);
        }
    free(i);
    errno = saved;
}

int plugin_inspect(struct nursery *n, const struct plugin_source *from, int64_t timeout_ns,
                   struct plugin_info *out, br_error *err)
{
    *out = (struct plugin_info){0};
    struct inspector *i = inspector_create(n, 1, err);
    int result = i ? inspector_begin(i, 0, from, err) : -1;
    if (result == 0)
        result = inspector_end(i, 0, timeout_ns, out, err);
    inspector_destroy(i);
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
    for (size_t i = 0; i < info->warning_count; i++)
        free(info->warnings[i]);
    free(info->warnings);
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
