// SPDX-License-Identifier: BSD-3-Clause
// Numbers to decimal text, fast, for writers of large files. Pure; does not depend on the locale.
#ifndef BR_BASE_DECIMAL_H
#define BR_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

// The largest number of bytes that a function below writes.
enum {
    DECIMAL_MAX = 32
};

// Writes the number to to[0..DECIMAL_MAX), without a NUL. Returns the number of bytes written.
size_t decimal_i64(char *to, int64_t value);

// Writes the shortest decimal that reads back as exactly `value`, and of these the nearest to it,
// in the layout of printf's %g ("0.1", "1e-05", "2.5e+20"), or "nan", "inf" or "-inf". No NUL
// follows. Returns the number of bytes written.
size_t decimal_f64(char *to, double value);

#endif
