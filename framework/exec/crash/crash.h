// SPDX-License-Identifier: BSD-3-Clause
// A worker's report of its own crash. A signal handler sends a note over the control socket, and
// the worker then dies of the same signal, as if there were no handler.
#ifndef BR_EXEC_CRASH_CRASH_H
#define BR_EXEC_CRASH_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/wire.h"

enum {
    CRASH_FRAMES = 32,  // most frames of a note
    CRASH_MODULES = 16, // most modules of a note
    CRASH_PATH = 256    // bytes of a module's path, with its NUL
};

enum crash_access {
    CRASH_ACCESS_UNKNOWN,
    CRASH_READ,
    CRASH_WRITE,
    CRASH_EXECUTE,
    CRASH_STACK // an access beyond the limit of the stack
};

// A place in the code.
struct crash_frame {
    uint64_t address; // in the worker's memory
    uint64_t offset;  // relative to where its module was loaded
    uint32_t module;  // index into the note's modules; CRASH_MODULES if it is in none of them
    uint32_t zero;
};

// What a worker sends of its crash, byte for byte. The coordinator does not trust it: it uses only
// notes that crash_note_read has checked.
struct crash_note {
    int32_t signal;
    int32_t code;     // si_code of the signal
    int32_t sender;   // id of the process that sent the signal; 0 if the kernel did
    int32_t process;  // id of the process that died
    uint64_t address; // address of the fault; 0 if there is none
    uint32_t access;  // enum crash_access; may be out of its range
    uint32_t frame_count;
    uint32_t module_count;
    uint32_t zero;
    struct crash_frame
        frames[CRASH_FRAMES]; // innermost first: the instruction at fault, its callers
    char modules[CRASH_MODULES]
                [CRASH_PATH]; // file names as in the loader's list; "" is the program
};

// Makes this process, a worker, report its crash through `socket`: one message, of `type`
// (wire_put) and the note (wire_put_bytes). Signals that already have a handler, such as a
// sanitizer's, are left alone; a handler that a task installs later replaces this one. If there is
// no memory for the handler's stack, the process dies without a report. The note's frames end
// before the first of the `count` functions `callers`, because the callers of a task are the same
// for all tasks. The list is borrowed for the life of the process. The calling thread's stack is
// the one whose overflow is recognized. `last`, unless NULL, is called in the handler when the note
// was sent; if it crashes or takes longer than a second, the process dies all the same.
void crash_watch(int socket, uint64_t type, const void *const *callers, size_t count,
                 void (*last)(void));

// Makes the calling process, a child that a worker has forked for a task, the one that reports.
void crash_follow_fork(void);

// Reads and checks what the handler sent, without the type. Returns false if it is not a note. On
// success the counts, the module indexes and the NULs of *out are in range.
bool crash_note_read(struct wire *w, struct crash_note *out);

// Appends a description such as "SIGSEGV: invalid read at address 0x0 (a null pointer)". The note
// must come from crash_note_read.
void crash_describe(struct buffer *out, const struct crash_note *note);

#endif
