// SPDX-License-Identifier: BSD-3-Clause
// The crash notes of dying processes, taken from children of this process that really die; and the
// reading of notes, which may contain anything.
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "exec/crash/crash.h"
#include "exec/crash/symbols.h"
#include "exec/worker/children.h"
#include "support/suite.h"

enum {
    TYPE = 77,
    MESSAGE_MAX = 32 << 10
};

// ---- Children that die

// Replaces the C library's function, to act as if another thread held the loader's lock forever.
static volatile bool loader_hangs;

int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *user)
{
    static struct dl_phdr_info none;
    while (loader_hangs)
        pause();
    return callback(&none, sizeof none, user);
}

static void disable_core(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

// Runs `die` in a child with crash_watch. Returns its wait status, and sets *note if it must be
// `reported`.
static int status_of(void (*die)(void), struct crash_note *note, bool reported)
{
    int pair[2], status;
    char message[MESSAGE_MAX];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid_t child = fork();
    if (child == 0) {
        disable_core();
        for (int s = 1; s < NSIG; s++)
            signal(s, SIG_DFL); // as a worker has them
        crash_watch(pair[1], TYPE, NULL, 0, NULL);
        die();
        _exit(0);
    }
    ck_assert_int_gt(child, 0);
    close(pair[1]);
    ssize_t got = recv(pair[0], message, sizeof message, 0);
    close(pair[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(got > 0, reported);
    if (!reported)
        return status;
    struct wire w = {.at = message, .left = (size_t)got};
    ck_assert_uint_eq(wire_get(&w), TYPE);
    ck_assert(crash_note_read(&w, note));
    ck_assert_int_eq(note->process, child);
    return status;
}

static void fault(void)
{
    raise(SIGSEGV);
}

static void hang_and_fault(void)
{
    loader_hangs = true;
    raise(SIGSEGV);
}

// Since glibc 2.41 abort() ends the process without the handler if the signal is blocked.
#if defined __GLIBC_PREREQ
enum {
    ABORT_UNBLOCKS = !__GLIBC_PREREQ(2, 41)
};
#else
enum {
    ABORT_UNBLOCKS = 1
};
#endif

static void block_and_abort(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    abort();
}

static void have_own_handler(void)
{
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV);
    _exit(9);
}

START_TEST(a_process_dies_of_its_signal_and_reports_it)
{
    struct crash_note note;
    int status = status_of(fault, &note, true);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    ck_assert_int_eq(note.signal, SIGSEGV);
    ck_assert_int_eq(note.sender, note.process);
    ck_assert_uint_gt(note.frame_count, 1);
    status = status_of(block_and_abort, &note, ABORT_UNBLOCKS);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    status = status_of(have_own_handler, &note, false);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}
END_TEST

START_TEST(a_handler_that_hangs_is_ended)
{
    struct crash_note note;
    int status = status_of(hang_and_fault, &note, true);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    ck_assert_int_eq(note.signal, SIGSEGV);
    ck_assert_uint_eq(note.module_count, 0);
}
END_TEST

// ---- Reading notes

static bool read_note(const struct crash_note *note, size_t cut)
{
    struct crash_note out;
    struct buffer b = BUFFER_EMPTY;
    wire_put_bytes(&b, note, sizeof *note);
    struct wire w = {.at = b.data, .left = b.length - cut};
    bool good = crash_note_read(&w, &out);
    for (uint32_t i = 0; good && i < out.frame_count; i++)
        ck_assert(out.frames[i].module < out.module_count || out.frames[i].module == CRASH_MODULES);
    buffer_finish(&b);
    return good;
}

START_TEST(a_malformed_note_is_refused)
{
    struct crash_note note = {.signal = SIGSEGV, .frame_count = 2, .module_count = 1};
    note.frames[1].module = UINT32_MAX;
    ck_assert(read_note(&note, 0));
    ck_assert(!read_note(&note, 1));
    note.frame_count = CRASH_FRAMES + 1;
    ck_assert(!read_note(&note, 0));
    note.frame_count = 1;
    note.module_count = UINT32_MAX;
    ck_assert(!read_note(&note, 0));
    note.module_count = 1;
    memset(note.modules[0], 'x', sizeof note.modules[0]);
    ck_assert(!read_note(&note, 0));
    note.modules[0][0] = '\0';
    note.signal = -1;
    ck_assert(!read_note(&note, 0));
    note.signal = SIGSEGV;
    note.access = UINT32_MAX; // crash_describe takes it as not known
    ck_assert(read_note(&note, 0));
}
END_TEST

static void assert_text(const struct crash_note *note, const char *text)
{
    struct buffer b = BUFFER_EMPTY;
    crash_describe(&b, note);
    buffer_char(&b, '\0');
    ck_assert_str_eq(b.data, text);
    buffer_finish(&b);
}

START_TEST(every_signal_has_a_description)
{
    struct crash_note n = {.signal = SIGSEGV, .code = SEGV_MAPERR, .access = CRASH_READ};
    assert_text(&n, "SIGSEGV: invalid read at address 0x0 (a null pointer)");
    n.address = 0x12345678;
    n.access = UINT32_MAX;
    assert_text(&n, "SIGSEGV: invalid access at address 0x12345678");
    n.access = CRASH_STACK;
    assert_text(&n, "SIGSEGV: stack overflow at address 0x12345678");
    n.access = CRASH_WRITE;
    n.code = SEGV_ACCERR;
    assert_text(&n, "SIGSEGV: write to protected memory at address 0x12345678");
    n.code = SI_KERNEL;
    assert_text(&n, "SIGSEGV: access to an impossible address");
    n.code = SI_USER;
    n.process = 7;
    n.sender = 9;
    assert_text(&n, "SIGSEGV: sent by process 9");
    n.sender = 7;
    assert_text(&n, "SIGSEGV: raised by the task itself");
    n.signal = SIGABRT;
    assert_text(&n, "SIGABRT: abort() was called");
    n.signal = SIGFPE;
    n.code = FPE_FLTINV;
    assert_text(&n, "SIGFPE: invalid floating-point operation at address 0x12345678");
    n.signal = SIGTRAP;
    n.code = SI_KERNEL;
    assert_text(&n, "SIGTRAP: breakpoint or trap instruction");
    for (n.signal = 1; n.signal < SIGRTMIN; n.signal++)
        for (n.code = -10; n.code < 20; n.code++) {
            struct buffer b = BUFFER_EMPTY;
            crash_describe(&b, &n);
            ck_assert_uint_gt(b.length, 5);
            buffer_finish(&b);
        }
}
END_TEST

// ---- Looking up

static struct nursery nursery;
static const struct plugin_list no_plugins;

static const char *find(struct symbols *s, const struct crash_note *note)
{
    const char *text;
    while (!symbols_find(s, note, clock_now(), &text)) {
        struct pollfd wait = {.fd = symbols_fd(s), .events = POLLIN};
        ck_assert_int_lt(symbols_deadline(s), INT64_MAX);
        poll(&wait, 1, clock_poll_timeout(symbols_deadline(s), clock_now()));
    }
    return text;
}

START_TEST(a_place_is_looked_up_once_and_reported_in_full_a_few_times)
{
    br_error err;
    struct crash_note note = {.signal = SIGSEGV, .frame_count = 2, .module_count = 1};
    strcpy(note.modules[0], "/nowhere/lib.so");
    note.frames[0] = (struct crash_frame){.address = 0x1010, .offset = 0x10};
    note.frames[1] = (struct crash_frame){.address = 0x2010, .module = CRASH_MODULES};
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
    struct symbols *s = symbols_create(&nursery, &no_plugins, &err);
    ck_assert_ptr_nonnull(s);
    for (int i = 0; i < 16; i++)
        ck_assert_str_eq(find(s, &note),
                         ", in lib.so+0x10\n  at lib.so+0x10\n  at 0x2010, which is "
                         "in no file");
    const char *text;
    ck_assert(symbols_find(s, &note, clock_now(), &text)); // no lookup is needed any more
    ck_assert_str_eq(text, ", in lib.so+0x10");
    // Of any number of different places the first few are looked up, and all are reported.
    for (int i = 0; i < 100; i++) {
        note.frames[0].offset++;
        ck_assert_ptr_nonnull(strstr(find(s, &note), "lib.so+0x"));
    }
    symbols_destroy(s);
    nursery_stop(&nursery);
}
END_TEST

START_TEST(a_lookup_that_never_answers_is_given_up)
{
    br_error err;
    struct crash_note note = {.signal = SIGSEGV, .frame_count = 1, .module_count = 1};
    const char *text;
    strcpy(note.modules[0], "\x1b[31mred.so");
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
    struct symbols *s = symbols_create(&nursery, &no_plugins, &err);
    ck_assert_int_eq(kill(nursery.pid, SIGSTOP), 0); // so that no child answers
    ck_assert(!symbols_find(s, &note, clock_now(), &text));
    ck_assert(symbols_find(s, &note, symbols_deadline(s), &text));
    ck_assert_str_eq(text, ", in \\x1b[31mred.so+0x0\n  at \\x1b[31mred.so+0x0");
    ck_assert_int_eq(symbols_deadline(s), INT64_MAX);
    symbols_destroy(s);
    kill(nursery.pid, SIGCONT);
    nursery_stop(&nursery);
}
END_TEST

SUITE(crash)
{
    TEST(a_process_dies_of_its_signal_and_reports_it);
    TEST(a_handler_that_hangs_is_ended);
    TEST(a_malformed_note_is_refused);
    TEST(every_signal_has_a_description);
    TEST(a_place_is_looked_up_once_and_reported_in_full_a_few_times);
    TEST(a_lookup_that_never_answers_is_given_up);
}
