// SPDX-License-Identifier: BSD-3-Clause
// Reading a crash note, and its description for people.
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/signals.h"
#include "exec/crash/crash.h"

enum {
    NULL_PAGE = 4096
};

bool crash_note_read(struct wire *w, struct crash_note *out)
{
    wire_get_bytes(w, out, sizeof *out);
    if (w->bad || w->left > 0 || out->frame_count > CRASH_FRAMES ||
        out->module_count > CRASH_MODULES || !signal_name(out->signal))
        return false;
    for (uint32_t i = 0; i < out->module_count; i++)
        if (!memchr(out->modules[i], '\0', CRASH_PATH))
            return false;
    for (uint32_t i = 0; i < out->frame_count; i++)
        if (out->frames[i].module >= out->module_count)
            out->frames[i].module = CRASH_MODULES;
    return true;
}

static const struct {
    int signal;
    int code;
    const char *text;
} meanings[] = {
    {SIGBUS, BUS_ADRALN, "misaligned access"},
    {SIGBUS, BUS_ADRERR,
     "nothing behind mapped memory: a file that was cut short, or a full disk,"},
    {SIGBUS, BUS_OBJERR, "hardware error"},
    {SIGBUS, BUS_MCEERR_AR, "memory error of the hardware"},
    {SIGBUS, BUS_MCEERR_AO, "memory error of the hardware"},
    {SIGFPE, FPE_INTDIV, "integer division by zero, or a quotient too large,"},
    {SIGFPE, FPE_INTOVF, "integer overflow"},
    {SIGFPE, FPE_FLTDIV, "floating-point division by zero"},
    {SIGFPE, FPE_FLTOVF, "floating-point overflow"},
    {SIGFPE, FPE_FLTUND, "floating-point underflow"},
    {SIGFPE, FPE_FLTRES, "floating-point result that is not exact"},
    {SIGFPE, FPE_FLTINV, "invalid floating-point operation"},
    {SIGFPE, FPE_FLTSUB, "subscript out of range"},
    {SIGTRAP, TRAP_TRACE, "trace trap"},
};

static const char *meaning_of(const struct crash_note *note)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].signal == note->signal && meanings[i].code == note->code)
            return meanings[i].text;
    switch (note->signal) {
    case SIGBUS:
        return "bad access to memory";
    case SIGFPE:
        return "arithmetic error";
    case SIGILL:
        return "illegal instruction: a compiler's trap, or code for another processor,";
    case SIGTRAP:
        return "breakpoint or trap instruction";
    case SIGSYS:
        return "forbidden system call";
    default:
        return "fault";
    }
}

static void describe_access(struct buffer *out, const struct crash_note *note)
{
    static const char *const names[] = {"access", "read", "write", "jump"};
    const char *name = note->access < CRASH_STACK ? names[note->access] : names[0];
    if (note->access == CRASH_STACK)
        buffer_format(out, "stack overflow at address 0x%" PRIx64, note->address);
    else if (note->code == SEGV_ACCERR)
        buffer_format(out, "%s to protected memory at address 0x%" PRIx64, name, note->address);
    else if (note->code == SEGV_MAPERR)
        buffer_format(out, "invalid %s at address 0x%" PRIx64 "%s", name, note->address,
                      note->address < NULL_PAGE ? " (a null pointer)" : "");
    else
        buffer_text(out, "access to an impossible address");
}

void crash_describe(struct buffer *out, const struct crash_note *note)
{
    buffer_format(out, "%s: ", signal_name(note->signal));
    if (note->code <= 0 && note->sender != note->process)
        buffer_format(out, "sent by process %" PRId32, note->sender);
    else if (note->code <= 0 && note->signal == SIGABRT)
        buffer_text(out, "abort() was called");
    else if (note->code <= 0)
        buffer_text(out, "raised by the task itself");
    else if (note->signal == SIGSEGV)
        describe_access(out, note);
    else if (note->code == SI_KERNEL || note->signal == SIGTRAP || note->signal == SIGSYS)
        buffer_text(out, meaning_of(note));
    else
        buffer_format(out, "%s at address 0x%" PRIx64, meaning_of(note), note->address);
}
