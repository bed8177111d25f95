// SPDX-License-Identifier: BSD-3-Clause
// The readers of the keys whose values have a form of their own (SPEC_OTHER).
//
// Each takes the key, its value, and the field at key->offset of the table's struct. On an error it
// reports it (not while r->silent) and leaves the field as it was, or with the parts that could be
// read; the job is refused either way. Texts and items that it stores belong to the job. r->failed
// is set when out of memory.
#ifndef BR_JOBFILE_SPEC_READERS_H
#define BR_JOBFILE_SPEC_READERS_H

#include "jobfile/spec_types.h"

// ---- Keys of the job: jobfile/spec_job.c

void spec_read_version(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_workers(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_plugins(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_env(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_defaults(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field);
void spec_read_phases(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);

// ---- Keys of a phase: jobfile/spec_phase.c

void spec_read_task(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_needs(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_timeout(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_retries(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_retry_on(struct reader *r, const struct spec_key *key, struct node *value,
                        void *field);
void spec_read_on_failure(struct reader *r, const struct spec_key *key, struct node *value,
                          void *field);
void spec_read_max_failed(struct reader *r, const struct spec_key *key, struct node *value,
                          void *field);
void spec_read_reduce(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);
void spec_read_reduce_task(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field);
void spec_read_output(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);

// ---- Keys of a phase's `command`: jobfile/spec_command.c

void spec_read_command(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void spec_read_command_text(struct reader *r, const struct spec_key *key, struct node *value,
                            void *field);
void spec_read_command_accept(struct reader *r, const struct spec_key *key, struct node *value,
                              void *field);
void spec_read_command_prefix(struct reader *r, const struct spec_key *key, struct node *value,
                              void *field);
void spec_read_command_env(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field);

// ---- Keys of a phase's inputs: jobfile/spec_inputs.c

void spec_read_inputs(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);
void spec_read_range(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_range_number(struct reader *r, const struct spec_key *key, struct node *value,
                            void *field);
void spec_read_column_name(struct reader *r, const struct spec_key *key, struct node *value,
                           void *field);
void spec_read_list(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_lines(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_csv(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_glob(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void spec_read_matrix(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);
void spec_read_from(struct reader *r, const struct spec_key *key, struct node *value, void *field);

// ---- Between these files

// Sets the defaults of a phase, before any of its keys is read.
void spec_phase_init(struct job_phase *phase);

// Checks the command's settings of phase `p` and adds them to its `args`, which tasks read. `value`
// is the value of the phase's own key `command`, or NULL.
void spec_add_command(struct reader *r, size_t p, struct node *value);

// Checks, once all phases are read, what they say about each other, about plugins and about files,
// and resolves `needs` and `from`. Errors are reported.
void spec_check_references(struct reader *r);

#endif
