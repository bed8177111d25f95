// SPDX-License-Identifier: BSD-3-Clause
// What a worker says of its own death: it is told by a signal handler, over the control socket, and
// then dies of the same signal as if there had been none.
#ifndef BR_EXEC_CRASH_CRASH_H
#define BR_EXEC_CRASH_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/wire.h"

enum {
    CRASH_FRAMES = 32,
    CRASH_MODULES = 16,
    CRASH_PATH = 256
};

enum crash_access {
    CRASH_ACCESS_UNKNOWN,
    CRASH_READ,
    CRASH_WRITE,
    CRASH_EXECUTE,
    CRASH_STACK // of the stack beyond its limit
};

// A place in the program, innermost first: the instruction at fault, then the calls that led there.
struct crash_frame {
    uint64_t address; // in the worker
    uint64_t offset;  // from where its module was loaded
    uint32_t module;  // place in the note's modules; CRASH_MODULES: in none that is known
    uint32_t zero;
};

// Travels as it is. The coordinator takes it as a claim: crash_note_read has checked what it gives.
struct crash_note {
    int32_t signal;
    int32_t code;     // si_code
    int32_t sender;   // process that sent the signal, where one did
    int32_t process;  // that died
    uint64_t address; // of the fault, where there is one
    uint32_t access;  // enum crash_access
    uint32_t frame_count;
    uint32_t module_count;
    uint32_t zero;
    struct crash_frame frames[CRASH_FRAMES];
    char modules[CRASH_MODULES][CRASH_PATH]; // file names as the loader has them; "": the program
};

// In a worker: from now on this process tells of its crash through `socket` as a message of
// `type`. A signal that something else already handles (a sanitizer) is left alone, and a task that
// handles one itself takes it over. When there is no memory for the handler's stack the process
// dies without a word, as it would have before.
// The note's stack ends before the first of the functions `callers` (of which there are `count`):
// what calls a task is the same for all. The list is borrowed for the life of the process.
void crash_watch(int socket, uint64_t type, const void *const *callers, size_t count);

// In a child that a worker has forked for a task: it is the one that tells from now on.
void crash_follow_fork(void);

// Reads what the handler wrote (without the type). False when it is not a note.
bool crash_note_read(struct wire *w, struct crash_note *out);

// Appends what happened, in words: "SIGSEGV: invalid read at address 0x0 (a null pointer)".
void crash_describe(struct buffer *out, const struct crash_note *note);

#endif
