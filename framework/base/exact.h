// SPDX-License-Identifier: BSD-3-Clause
// Exact decimals: numbers as they are written, whose sums and multiples are not rounded. Pure; does
// not depend on the locale.
#ifndef BR_BASE_EXACT_H
#define BR_BASE_EXACT_H

#include <stdbool.h>
#include <stddef.h>

typedef __int128 i128;

enum {
    DECIMAL_TEXT_MAX = 64, // bytes that decimal_text writes at most
    DECIMAL_DIGITS = 37    // of an exact decimal: two of them can be added without an overflow
};

// A number as it is written in decimal digits, exact: digits * 10^exponent.
struct decimal {
    i128 digits; // less than 10^DECIMAL_DIGITS, without its sign
    int exponent;
};

// Reads a text that text_to_f64 reads as a finite number. Zeros at the end become part of the
// exponent. Returns false, with *out unchanged, if it has more than DECIMAL_DIGITS digits.
bool decimal_read(const char *text, size_t length, struct decimal *out);

// Sets *out to the digits of the same number with another exponent: 0.3 is 300 at exponent -3.
// Returns false if that is not a whole number of at most DECIMAL_DIGITS digits.
bool decimal_at(struct decimal d, int exponent, i128 *out);

// Writes all digits, in the layout of decimal_f64, to to[0..DECIMAL_TEXT_MAX), without a NUL. A
// number of at most 15 digits has the text that decimal_f64 writes for decimal_value. Any `digits`
// is allowed. Returns the number of bytes written.
size_t decimal_text(char *to, struct decimal d);

// Returns the double that is nearest to the number: HUGE_VAL, with its sign, if that is too large.
double decimal_value(struct decimal d);

#endif
