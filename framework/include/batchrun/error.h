/* SPDX-License-Identifier: BSD-3-Clause */
/* The error that a call of libbatchrun fills in: a kind, and a sentence for a person. */
#ifndef BATCHRUN_ERROR_H
#define BATCHRUN_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum br_error_kind {
    BR_ERR_NONE = 0,
    BR_ERR_SYSTEM,      /* a system call or an allocation failed, or batchrun itself is wrong */
    BR_ERR_USAGE,       /* a mistake of the caller: arguments, the job file, its input */
    BR_ERR_PLUGIN,      /* a plugin or an initializer cannot be loaded, or does not fit */
    BR_ERR_INTERRUPTED, /* a signal, the end of the allocation, a full disk */
    BR_ERR_TIMEOUT,     /* not in the time that the call was given; what it waits for goes on */
    BR_ERR_TASK,        /* an item did not end well: its outcome tells how */
    BR_ERR_CLOSED,      /* the pool takes no more work */
    BR_ERR_FULL         /* the pool's queue is full */
};

typedef struct br_error {
    enum br_error_kind kind;
    char text[1020]; /* valid UTF-8, no final newline; cut with "..." when longer */
} br_error;

#ifdef __cplusplus
}
#endif

#endif
