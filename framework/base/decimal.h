// SPDX-License-Identifier: BSD-3-Clause
// Numbers to decimal text, fast: what writers of large files use. Independent of the locale.
#ifndef BR_BASE_DECIMAL_H
#define BR_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

// What the functions below write at most. They add no NUL and return the number of bytes written.
enum {
    DECIMAL_MAX = 32
};

size_t decimal_i64(char *to, int64_t value);

// The shortest decimal that reads back as exactly `value`, and of these the nearest to it; laid out
// as printf's %g does ("0.1", "1e-05", "2.5e+20"). "nan", "inf", "-inf" for those.
size_t decimal_f64(char *to, double value);

#endif
