// SPDX-License-Identifier: BSD-3-Clause
// How long a task may run, and how often it is tried. Pure.
#ifndef BR_MODEL_POLICY_H
#define BR_MODEL_POLICY_H

#include <stdint.h>

// Limits of one task's run time, in nanoseconds; 0 = no limit. A task that reaches the soft limit
// is asked to stop; at the hard limit its worker is killed.
struct time_limits {
    int64_t soft_ns;
    int64_t hard_ns;
};

// How often a task is tried again, after which outcomes of an attempt, and after which delay.
struct retry_policy {
    unsigned limit;   // attempts after the first
    unsigned on;      // the outcomes that are tried again: bits 1u << enum outcome_status
    int64_t delay_ns; // before attempt 2; each later attempt waits `factor` times as long
    double factor;
    int64_t max_ns; // no delay is longer
    double jitter;  // each delay is multiplied by a random factor between 1 - jitter and 1 + jitter
};

// Returns the delay in nanoseconds after attempt number `failed` (1 is the first), without the
// jitter.
double retry_policy_delay(const struct retry_policy *policy, uint32_t failed);

#endif
