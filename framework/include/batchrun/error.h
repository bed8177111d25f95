/* SPDX-License-Identifier: BSD-3-Clause */
/* The error that a failed call of libbatchrun fills in: a kind for the program, a text for people.
 */
#ifndef BATCHRUN_ERROR_H
#define BATCHRUN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum br_error_kind {
    BR_ERR_NONE = 0,
    BR_ERR_SYSTEM,      /* a system call or an allocation failed, or an error within batchrun */
    BR_ERR_USAGE,       /* an error of the caller: in arguments, the job file or its input */
    BR_ERR_PLUGIN,      /* a plugin cannot be loaded or does not fit, or an initializer failed */
    BR_ERR_INTERRUPTED, /* a signal, the end of the Slurm allocation or a full disk stopped it */
    BR_ERR_TIMEOUT,     /* the time limit of the call passed; the work it waits for continues */
    BR_ERR_TASK,        /* an item did not succeed; its outcome has the reason */
    BR_ERR_CLOSED,      /* the pool takes no more work */
    BR_ERR_FULL         /* the pool's queue is full */
};

typedef struct br_error {
    enum br_error_kind kind;
    char text[1020]; /* valid UTF-8 without a final newline; longer texts end in "..." */
} br_error;

/* Returns the name of a kind, such as "timeout"; "unknown" if there is no such kind. A plugin
 * cannot call it: it is a function of libbatchrun. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const char *
br_error_kind_name(enum br_error_kind kind);

#ifdef __cplusplus
}
#endif

#endif
