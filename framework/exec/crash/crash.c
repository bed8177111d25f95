// SPDX-License-Identifier: BSD-3-Clause
// The signal handler by which a worker reports its crash. It runs in a process that may be damaged
// in any way: it has its own stack and its own memory, allocates nothing, and calls nothing that
// can block, with two exceptions. The unwinder and the loader's list of modules may wait for a lock
// of another thread, and an alarm ends that wait. If the handler itself faults, it sends what it
// has collected so far.
#include "exec/crash/crash.h"

#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

enum {
    STACK_BYTES = 128 << 10,
    SKIPPED_MAX = 16,           // frames of the handler and of what the kernel put before it
    STACK_SLACK = 128 << 10,    // a fault this close to the end of the stack is an overflow
    BELOW_STACK_POINTER = 65536 // how far below the stack pointer an overflow may access memory
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

// All that the handler needs. crash_watch prepares it.
static struct {
    int socket;
    pid_t process;
    _Atomic pid_t owner; // the thread whose crash is reported; 0 before
    uintptr_t stack_top, stack_end;
    const void *const *callers;
    size_t caller_count;
    void (*last)(void); // NULL once it was called
    bool sent;
    int signal;
    siginfo_t info;
    struct {
        uint64_t type;
        uint64_t size; // of the note, as wire_put_bytes writes it
        struct crash_note note;
    } message;
} crash;

_Static_assert(sizeof crash.message == 2 * sizeof(uint64_t) + sizeof(struct crash_note), "no hole");

static pid_t thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

// ---- Dying

// Ends the process by the signal itself, so that its exit status and core dump are the true ones.
static void die(int number, siginfo_t *info)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    syscall(SYS_rt_tgsigqueueinfo, getpid(), thread(), number, info);
    raise(number);
    _exit(128 + number);
}

// Sends the note as far as it was filled in, calls `last`, and dies. Each of them at most once:
// both may fault, and then the handler comes here again.
static void send_and_die(void)
{
    void (*last)(void) = crash.last;
    if (!crash.sent) {
        crash.sent = true;
        (void)send(crash.socket, &crash.message, sizeof crash.message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    crash.last = NULL;
    if (last)
        last();
    die(crash.signal, &crash.info);
}

static void on_alarm(int number)
{
    (void)number;
    send_and_die();
}

// Makes SIGALRM end the handler if it is still running after a second. It replaces the timers of
// the task, which needs them no more.
static void set_alarm(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK};
    struct itimerval second = {.it_value.tv_sec = 1};
    sigset_t set;
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    setitimer(ITIMER_REAL, &second, NULL);
}

// ---- The registers at the fault

struct registers {
    uintptr_t pc, sp;
    uintptr_t caller; // return address if no function was entered at `pc`; 0 = not known
    enum crash_access access;
};

static struct registers read_registers(int number, const ucontext_t *context)
{
    struct registers r = {0};
#if defined(__x86_64__)
    const greg_t *g = context->uc_mcontext.gregs;
    enum {
        PAGE_FAULT = 14,
        WRITE = 2,
        FETCH = 16
    };
    r.pc = (uintptr_t)g[REG_RIP];
    r.sp = (uintptr_t)g[REG_RSP];
    struct iovec here = {&r.caller, sizeof r.caller}, there = {(void *)r.sp, sizeof r.caller};
    if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != sizeof r.caller)
        r.caller = 0;
    if (number == SIGSEGV && g[REG_TRAPNO] == PAGE_FAULT)
        r.access = g[REG_ERR] & FETCH   ? CRASH_EXECUTE
                   : g[REG_ERR] & WRITE ? CRASH_WRITE
                                        : CRASH_READ;
#elif defined(__aarch64__)
    (void)number;
    r.pc = context->uc_mcontext.pc;
    r.sp = context->uc_mcontext.sp;
    r.caller = context->uc_mcontext.regs[30];
#else
    (void)number;
    (void)context;
#endif
    return r;
}

static bool is_overflow(const siginfo_t *info, uintptr_t sp)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    return info->si_signo == SIGSEGV && info->si_code > 0 && crash.stack_end != 0 && sp != 0 &&
           at < crash.stack_end + STACK_SLACK && at >= sp - BELOW_STACK_POINTER &&
           at < crash.stack_top;
}

// ---- The stack

struct walk {
    struct crash_note *note; // its first frame is the instruction at fault
    unsigned skipped;        // number of frames before the instruction at fault
    bool found;              // the walk has reached the instruction at fault
};

static void add_frame(struct crash_note *note, uintptr_t address)
{
    note->frames[note->frame_count] =
        (struct crash_frame){.address = address, .module = CRASH_MODULES};
    note->frame_count++;
}

// Returns whether the address is in one of the functions that call tasks.
static bool calls_tasks(uintptr_t address)
{
    const void *function = _Unwind_FindEnclosingFunction((void *)address);
    for (size_t i = 0; i < crash.caller_count; i++)
        if (function == crash.callers[i])
            return true;
    return false;
}

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *user)
{
    struct walk *w = user;
    int exact = 0; // 0: pc is a return address, and the call is just before it
    uintptr_t pc = _Unwind_GetIPInfo(context, &exact);
    if (!w->found) {
        w->found = pc == w->note->frames[0].address;
        return ++w->skipped < SKIPPED_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
    }
    uintptr_t at = exact ? pc : pc - 1;
    if (pc == 0 || w->note->frame_count == CRASH_FRAMES || calls_tasks(at))
        return _URC_END_OF_STACK;
    add_frame(w->note, at);
    return _URC_NO_REASON;
}

// Returns the index of the module in the note, which it is added to if there is room; CRASH_MODULES
// if there is none.
static uint32_t module_of(struct crash_note *note, const char *name)
{
    uint32_t at = 0;
    while (at < note->module_count && strcmp(note->modules[at], name) != 0)
        at++;
    if (at == note->module_count) {
        if (at == CRASH_MODULES || strlen(name) >= CRASH_PATH)
            return CRASH_MODULES;
        strcpy(note->modules[at], name);
        note->module_count++;
    }
    return at;
}

// For dl_iterate_phdr: finds the frames that lie in this module.
static int place_frames(struct dl_phdr_info *info, size_t size, void *user)
{
    struct crash_note *note = user;
    (void)size;
    for (size_t s = 0; s < info->dlpi_phnum; s++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[s];
        uintptr_t start = info->dlpi_addr + p->p_vaddr;
        for (uint32_t i = 0; p->p_type == PT_LOAD && i < note->frame_count; i++) {
            struct crash_frame *f = &note->frames[i];
            if (f->address < start || f->address - start >= p->p_memsz)
                continue;
            f->offset = f->address - info->dlpi_addr;
            f->module = module_of(note, info->dlpi_name);
        }
    }
    return 0;
}

// Adds the instruction at fault and its callers, as far as they can be found. Each step may fault,
// so everything known is in the note before it.
static void walk_stack(struct crash_note *note, const struct registers *r)
{
    struct walk w = {.note = note};
    add_frame(note, r->pc);
    dl_iterate_phdr(place_frames, note);
    _Unwind_Backtrace(take_frame, &w);
    // After a jump to where there is no code, the unwinder does not find the caller.
    if (note->frame_count == 1 && note->frames[0].module == CRASH_MODULES && r->caller != 0)
        add_frame(note, r->caller - 1);
    dl_iterate_phdr(place_frames, note);
}

// ---- The handler

static void take_note(int number, const siginfo_t *info, const void *context)
{
    struct crash_note *note = &crash.message.note;
    struct registers r = read_registers(number, context);
    note->signal = number;
    note->code = info->si_code;
    note->process = crash.process;
    note->sender = info->si_code <= 0 ? info->si_pid : 0;
    note->address = info->si_code > 0 ? (uint64_t)info->si_addr : 0;
    note->access = is_overflow(info, r.sp) ? CRASH_STACK : r.access;
    walk_stack(note, &r);
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    if (getpid() != crash.process)
        die(number, info); // a child that a task has forked does not report
    pid_t self = thread(), owner = 0;
    if (!atomic_compare_exchange_strong(&crash.owner, &owner, self)) {
        if (owner == self)
            send_and_die(); // the handler itself has faulted
        for (;;)
            pause(); // another thread reports its crash, and its end ends this one
    }
    crash.signal = number;
    crash.info = *info;
    set_alarm();
    take_note(number, info, context);
    send_and_die();
}

// ---- Preparing

static _Unwind_Reason_Code stop_at_once(struct _Unwind_Context *context, void *user)
{
    (void)context;
    (void)user;
    return _URC_END_OF_STACK;
}

static bool make_stack(void)
{
    void *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t use = {.ss_sp = stack, .ss_size = STACK_BYTES};
    if (stack == MAP_FAILED)
        return false;
    if (sigaltstack(&use, NULL) != 0) {
        munmap(stack, STACK_BYTES);
        return false;
    }
    return true;
}

static void note_stack(void)
{
    struct rlimit limit;
    crash.stack_top = (uintptr_t)__builtin_frame_address(0);
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < crash.stack_top)
        crash.stack_end = crash.stack_top - limit.rlim_cur;
}

void crash_follow_fork(void)
{
    crash.process = getpid();
}

void crash_watch(int socket, uint64_t type, const void *const *callers, size_t count,
                 void (*last)(void))
{
    struct sigaction action = {.sa_sigaction = on_crash,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (!make_stack())
        return;
    sigemptyset(&action.sa_mask);
    crash.socket = socket;
    crash.callers = callers;
    crash.caller_count = count;
    crash.last = last;
    crash.process = getpid();
    crash.message.type = type;
    crash.message.size = sizeof crash.message.note;
    note_stack();
    _Unwind_Backtrace(stop_at_once, NULL); // its first call allocates memory
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
            now.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
}
