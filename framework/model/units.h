// SPDX-License-Identifier: BSD-3-Clause
// Sizes ("2GiB") and durations ("500ms") as people write them. Pure.
#ifndef BR_MODEL_UNITS_H
#define BR_MODEL_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum units_result {
    UNITS_OK = 0,
    UNITS_NO_NUMBER, // does not begin with a decimal number ("big", "-5s", ".5s")
    UNITS_NO_UNIT,   // a duration ("60") or a fraction of a size ("1.5") lacks its unit
    UNITS_BAD_UNIT,  // not one of the units ("2GB", "5 min")
    UNITS_TOO_LARGE, // does not fit
};

// Reads a size in bytes: a whole number alone, or a number with KiB, MiB, GiB or TiB. A fraction
// ("1.5GiB") is rounded to whole bytes. Returns UNITS_OK; else an error, and *out is unchanged.
enum units_result units_size(const char *text, size_t length, uint64_t *out);

// Reads a duration in nanoseconds: a number with ns, us, ms, s, m or h, or 0 alone. Returns
// UNITS_OK; else an error, and *out is unchanged.
enum units_result units_duration(const char *text, size_t length, int64_t *out);

enum {
    UNITS_MEANT = 48
};

// Guess which valid text was meant by a refused one: "2GiB" for "2GB", "60s" for "60". Return true
// with the guess, NUL-terminated, in `out`; false if there is no good guess.
bool units_size_meant(const char *text, size_t length, char out[UNITS_MEANT]);
bool units_duration_meant(const char *text, size_t length, char out[UNITS_MEANT]);

#endif
