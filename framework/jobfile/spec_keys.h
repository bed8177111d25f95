// SPDX-License-Identifier: BSD-3-Clause
// Every key of a job file: its type, limits, an example and one line about it. The tables are what
// is read; a schema or help is a walk over them.
#ifndef BR_JOBFILE_SPEC_KEYS_H
#define BR_JOBFILE_SPEC_KEYS_H

#include "jobfile/spec_reader.h"

enum {
    SPEC_PHASES_MAX = 1000 // also of plugins, and of what a phase needs
};

extern const struct spec_table spec_job_table;    // into struct job
extern const struct spec_table spec_plugin_table; // into struct job_plugin
extern const struct spec_table spec_phase_table;  // into struct job_phase
extern const struct spec_table spec_workers_table;
extern const struct spec_table spec_limits_table;
extern const struct spec_table spec_timeout_table;
extern const struct spec_table spec_retries_table;
extern const struct spec_table spec_backoff_table;
extern const struct spec_table spec_on_failure_table;
extern const struct spec_table spec_reduce_table;
extern const struct spec_table spec_inputs_table; // into struct job_inputs
extern const struct spec_table spec_axis_table;   // the kinds of inputs that give one column
extern const struct spec_table spec_range_table;

// ---- Readers of values that have a shape of their own (SPEC_OTHER)

void read_version(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_plugins(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_env(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_defaults(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_phases(struct reader *r, const struct spec_key *key, struct node *value, void *field);

void read_task(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_needs(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_timeout(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_retries(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_retry_on(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_on_failure(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_max_failed(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_reduce(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_reduce_task(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);
void read_output(struct reader *r, const struct spec_key *key, struct node *value, void *field);

void read_inputs(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_range(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_list(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_lines(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_csv(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_glob(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_matrix(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_from(struct reader *r, const struct spec_key *key, struct node *value, void *field);
void read_range_number(struct reader *r, const struct spec_key *key, struct node *value,
                       void *field);
void read_column_name(struct reader *r, const struct spec_key *key, struct node *value,
                      void *field);

// ---- What one part asks of another

// Whether `text` can name a column; complains at `at` when not.
bool check_column_name(struct reader *r, const struct node *at, const char *text);

// A phase before any key of it is read.
void phase_init(struct job_phase *phase);

// Once all phases are read: what they say of each other, of plugins and of files.
void check_references(struct reader *r);

// A key's value in phase `p`: its own, or that of `defaults`. NULL without.
struct node *phase_get(const struct reader *r, size_t p, const char *key);

#endif
