// SPDX-License-Identifier: BSD-3-Clause
// The coordinator's lookups of crash places, and the child that does one.
#include "exec/crash/symbols.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define LOOK_UP_NS (3 * NS_PER_S)

enum {
    PLACES_MAX = 16, // different places that are looked up
    FULL_MAX = 16    // how often a place is reported with all its frames
};

struct place {
    char *key;        // text of the place without names
    char *text;       // NULL while the place is looked up, and if there is no memory
    char *first_line; // of `text`
    int socket;       // to the child that looks it up; -1 if there is none
    uint32_t id;      // the nursery's id of this child
    int64_t deadline; // when the lookup is given up
    unsigned reports; // how often the place was reported
};

struct symbols {
    struct nursery *nursery;
    const struct plugin_list *plugins;
    int epoll;
    struct place places[PLACES_MAX];
    size_t count;
    char *last; // key of the last place that is not in the list, or NULL
};

// ---- In a child of the nursery

int symbols_child(const int *fds, size_t count)
{
    (void)count;
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    char *request = malloc(SYMBOLS_REQUEST_MAX);
    ssize_t got = request ? recv(fds[0], request, SYMBOLS_REQUEST_MAX, 0) : -1;
    if (got <= 0)
        return 1;
    struct wire w = {.at = request, .left = (size_t)got};
    struct buffer answer = BUFFER_EMPTY;
    symbols_name(&w, true, &answer);
    bool failed = answer.failed || send(fds[0], answer.data, answer.length, MSG_NOSIGNAL) < 0;
    buffer_finish(&answer);
    free(request);
    return failed;
}

// ---- In the coordinator

struct symbols *symbols_create(struct nursery *n, const struct plugin_list *plugins, br_error *err)
{
    struct symbols *s = calloc(1, sizeof *s);
    if (!s) {
        br_error_nomem(err);
        return NULL;
    }
    s->nursery = n;
    s->plugins = plugins;
    s->epoll = fd_above_standard(epoll_create1(EPOLL_CLOEXEC));
    if (s->epoll < 0) {
        br_error_errno(err, "cannot create an epoll for crash reports");
        free(s);
        return NULL;
    }
    return s;
}

static void stop(struct symbols *s, struct place *p)
{
    if (p->socket < 0)
        return;
    // The child also ends by itself if the nursery cannot kill it.
    (void)nursery_kill(s->nursery, p->id, SIGKILL, NULL);
    fd_close(&p->socket);
}

void symbols_destroy(struct symbols *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        stop(s, &s->places[i]);
        free(s->places[i].key);
        free(s->places[i].text);
        free(s->places[i].first_line);
    }
    free(s->last);
    fd_close(&s->epoll);
    free(s);
}

int symbols_fd(const struct symbols *s)
{
    return s->epoll;
}

int64_t symbols_deadline(const struct symbols *s)
{
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < s->count; i++)
        if (s->places[i].socket >= 0 && s->places[i].deadline < first)
            first = s->places[i].deadline;
    return first;
}

static char *first_line_of(const char *text)
{
    return strndup(text, strcspn(text, "\n"));
}

// Ends the lookup with this text, or with the key if there is none.
static void settle(struct symbols *s, struct place *p, const char *text, size_t length)
{
    p->text = text && length > 0 ? strndup(text, length) : NULL;
    if (!p->text)
        p->text = strdup(p->key);
    p->first_line = p->text ? first_line_of(p->text) : NULL;
    stop(s, p);
}

static void read_answer(struct symbols *s, struct place *p, int64_t now)
{
    char answer[SYMBOLS_ANSWER_MAX];
    ssize_t got = recv(p->socket, answer, sizeof answer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR) && now < p->deadline)
        return;
    settle(s, p, answer, got > 0 ? (size_t)got : 0);
}

static int ask(struct symbols *s, struct place *p, const struct buffer *request)
{
    int pair[2];
    if (request->length > SYMBOLS_REQUEST_MAX ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    p->socket = fd_above_standard(pair[0]);
    struct epoll_event e = {.events = EPOLLIN};
    bool asked = send(p->socket, request->data, request->length, MSG_NOSIGNAL) >= 0 &&
                 epoll_ctl(s->epoll, EPOLL_CTL_ADD, p->socket, &e) == 0 &&
                 nursery_spawn(s->nursery, NURSERY_SYMBOLS, &pair[1], 1, &p->id, NULL) == 0;
    close(pair[1]);
    if (!asked)
        fd_close(&p->socket);
    return asked ? 0 : -1;
}

// Returns the place with this key. If it is new, takes *key, sets it to NULL and starts a lookup.
// Returns NULL if the list is full.
static struct place *place_of(struct symbols *s, char **key, const struct buffer *request,
                              int64_t now)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->places[i].key, *key) == 0)
            return &s->places[i];
    if (s->count == PLACES_MAX)
        return NULL;
    struct place *p = &s->places[s->count++];
    *p = (struct place){.key = *key, .socket = -1, .deadline = now + LOOK_UP_NS};
    *key = NULL;
    if (ask(s, p, request) != 0)
        settle(s, p, NULL, 0);
    return p;
}

bool symbols_find(struct symbols *s, const struct crash_note *note, int64_t now, const char **text)
{
    struct buffer request = BUFFER_EMPTY, names = BUFFER_EMPTY;
    symbols_write_request(&request, note, s->plugins);
    struct wire w = {.at = request.data, .left = request.length};
    if (!request.failed)
        symbols_name(&w, false, &names);
    char *key = buffer_take_string(&names, NULL);
    struct place *p = key && !request.failed ? place_of(s, &key, &request, now) : NULL;
    buffer_finish(&request);
    free(s->last);
    s->last = key;
    *text = key ? key : "";
    if (!p)
        return true;
    if (!p->text && p->socket >= 0)
        read_answer(s, p, now);
    if (!p->text && p->socket >= 0)
        return false;
    *text = !p->text ? "" : p->reports < FULL_MAX || !p->first_line ? p->text : p->first_line;
    p->reports++;
    return true;
}
