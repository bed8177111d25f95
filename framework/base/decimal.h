// SPDX-License-Identifier: BSD-3-Clause
// Numbers to decimal text, fast, for writers of large files. Pure; does not depend on the locale.
#ifndef BR_BASE_DECIMAL_H
#define BR_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DECIMAL_MAX = 32 // bytes that decimal_i64 and decimal_f64 write at most
};

// Writes the number to to[0..DECIMAL_MAX), without a NUL. Returns the number of bytes written.
size_t decimal_i64(char *to, int64_t value);

// Writes the shortest decimal that reads back as exactly `value`, and of these the nearest to it,
// in the layout of printf's %g ("0.1", "1e-05", "2.5e+20"), or "nan", "inf" or "-inf". No NUL
// follows. Returns the number of bytes written.
size_t decimal_f64(char *to, double value);

// Writes digits * 10^exponent in that layout to to[0..), which has room for what it takes: at most
// `count` digits and 8 more bytes, or zeros instead. The last digit is not 0. Returns the number of
// bytes written.
size_t decimal_digits(char *to, const char *digits, size_t count, int exponent);

#endif
