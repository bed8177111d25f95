// SPDX-License-Identifier: BSD-3-Clause
// Exact decimals in 128-bit integers.
#include "base/exact.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"
#include "base/text.h"

typedef unsigned __int128 u128;

// Returns 10^power, for 0 <= power <= 38.
static i128 power_of_ten(int power)
{
    i128 value = 1;
    while (power-- > 0)
        value *= 10;
    return value;
}

// Reads the exponent of "e-05". Returns false if it is out of any use.
static bool read_exponent(const char *text, size_t length, int *out)
{
    bool negative = length > 0 && text[0] == '-';
    int value = 0;
    for (size_t i = length > 0 && (text[0] == '-' || text[0] == '+'); i < length; i++) {
        value = value * 10 + (text[i] - '0');
        if (value > 10000)
            return false;
    }
    *out = negative ? -value : value;
    return true;
}

bool decimal_read(const char *text, size_t length, struct decimal *out)
{
    const char *e = memchr(text, 'e', length);
    if (!e)
        e = memchr(text, 'E', length);
    size_t end = e ? (size_t)(e - text) : length;
    int exponent = 0, zeros = 0; // zeros that count only if a digit follows
    i128 digits = 0;
    bool fraction = false;
    if (e && !read_exponent(e + 1, length - end - 1, &exponent))
        return false;
    for (size_t i = text[0] == '-' || text[0] == '+'; i < end; i++) {
        if (text[i] == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        zeros++;
        if (text[i] == '0')
            continue;
        if (digits > 0 &&
            (zeros > DECIMAL_DIGITS || digits >= power_of_ten(DECIMAL_DIGITS - zeros)))
            return false;
        digits = digits > 0 ? digits * power_of_ten(zeros) : 0;
        digits += text[i] - '0';
        zeros = 0;
    }
    exponent += zeros;
    *out = (struct decimal){text[0] == '-' ? -digits : digits, digits == 0 ? 0 : exponent};
    return true;
}

bool decimal_at(struct decimal d, int exponent, i128 *out)
{
    if (d.digits == 0) {
        *out = 0;
        return true;
    }
    int zeros = d.exponent - exponent;
    i128 size = d.digits < 0 ? -d.digits : d.digits;
    if (zeros < 0 || zeros > DECIMAL_DIGITS || size >= power_of_ten(DECIMAL_DIGITS - zeros))
        return false;
    *out = d.digits * power_of_ten(zeros);
    return true;
}

size_t decimal_text(char *to, struct decimal d)
{
    char digits[DECIMAL_DIGITS + 2];
    size_t at = sizeof digits, sign = d.digits < 0;
    u128 size = sign ? -(u128)d.digits : (u128)d.digits;
    *to = '-';
    if (size == 0) {
        *to = '0';
        return 1;
    }
    for (; size % 10 == 0; size /= 10)
        d.exponent++;
    for (; size > 0; size /= 10)
        digits[--at] = (char)('0' + (int)(size % 10));
    return sign + decimal_digits(to + sign, digits + at, sizeof digits - at, d.exponent);
}

double decimal_value(struct decimal d)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const i128 limit = (i128)1 << 53;
    if (d.exponent == 0)
        return (double)d.digits;
    // Both factors are exact, so the one operation rounds once.
    if (d.digits >= -limit && d.digits <= limit && d.exponent >= -22 && d.exponent <= 22)
        return d.exponent < 0 ? (double)d.digits / exact[-d.exponent]
                              : (double)d.digits * exact[d.exponent];
    char text[DECIMAL_TEXT_MAX];
    double value = 0;
    if (!text_to_f64(text, decimal_text(text, d), &value))
        return d.digits < 0 ? -HUGE_VAL : HUGE_VAL;
    return value;
}
