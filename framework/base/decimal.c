// SPDX-License-Identifier: BSD-3-Clause
//
// The shortest decimal is found as in R. Giulietti, "The Schubfach way to render doubles": scale
// the interval of reals that round to the value by a power of ten such that it holds at least one
// and at most ten integers, and choose among those. One 64 x 128 bit product gives each bound
// exactly enough.
#include "base/decimal.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

typedef unsigned __int128 u128;

enum {
    POWER_MIN = -292, // the powers of ten that doubles need
    POWER_MAX = 324,
    POWER_COUNT = POWER_MAX - POWER_MIN + 1,
    WORDS = 18, // of a big number, with which the powers are computed: 2^1151 / 10^292 has 128 bits
};

// powers[k - POWER_MIN] is 10^k as a 128-bit number with its top bit set, rounded up if it does not
// fit. Computed once, in less than a tenth of a millisecond, and then read-only.
static u128 powers[POWER_COUNT];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

// Returns the top 128 bits of a big number (least word first); *rest: there are ones below them.
static u128 top_bits(const uint64_t *words, bool *rest)
{
    int top = WORDS - 1;
    while (words[top] == 0)
        top--;
    int shift = __builtin_clzll(words[top]);
    uint64_t w[3];
    for (int i = 0; i < 3; i++)
        w[i] = top >= i ? words[top - i] : 0;
    u128 high = (u128)w[0] << 64 | w[1];
    *rest = shift == 0 ? w[2] != 0 : w[2] << shift != 0;
    for (int i = 0; i < top - 2; i++)
        *rest = *rest || words[i] != 0;
    return shift == 0 ? high : high << shift | w[2] >> (64 - shift);
}

static void make_powers(void)
{
    uint64_t words[WORDS] = {1};
    bool rest;
    for (int k = 0; k <= POWER_MAX; k++) {
        u128 bits = top_bits(words, &rest);
        powers[k - POWER_MIN] = bits + rest;
        u128 carry = 0;
        for (int i = 0; i < WORDS; i++) {
            carry += (u128)words[i] * 10;
            words[i] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    memset(words, 0, sizeof words);
    words[WORDS - 1] = UINT64_C(1) << 63;
    for (int k = -1; k >= POWER_MIN; k--) {
        u128 left = 0;
        for (int i = WORDS - 1; i >= 0; i--) {
            left = left << 64 | words[i];
            words[i] = (uint64_t)(left / 10);
            left %= 10;
        }
        // A power of two is not a multiple of ten, so something is always cut off.
        powers[k - POWER_MIN] = top_bits(words, &rest) + 1;
    }
}

// Returns the top 64 bits of a 64 x 128 bit product; the last of them is set if any bit below is
// ("round to odd"), so that comparisons with even numbers come out as with the exact product.
static uint64_t scale(u128 power, uint64_t factor)
{
    u128 low = (u128)(uint64_t)power * factor;
    u128 high = (u128)(uint64_t)(power >> 64) * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

struct short_decimal {
    uint64_t digits;
    int exponent; // value = digits * 10^exponent
};

// Finds the shortest decimal of a finite value greater than zero, given its bits.
static struct short_decimal shortest(uint64_t bits)
{
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int biased = (int)(bits >> 52);
    uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
    int q = (biased ? biased : 1) - 1075; // value = c * 2^q
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (struct short_decimal){c >> -q, 0};
    bool near_below =
        fraction == 0 && biased > 1; // the next smaller double is at half the distance
    int k = (q * 1262611 - (near_below ? 524031 : 0)) >> 22; // floor(log10) of the interval's width
    int shift = q + ((-k * 1741647) >> 19) + 1;
    u128 power = powers[-k - POWER_MIN];
    uint64_t value = scale(power, (4 * c) << shift);
    // If c is even the bounds belong to the interval, because they round to the value.
    uint64_t lower = scale(power, (4 * c - 2 + near_below) << shift) + (c & 1);
    uint64_t upper = scale(power, (4 * c + 2) << shift) - (c & 1);
    uint64_t s = value / 4;
    if (s >= 10) { // one digit less, if exactly one such number lies in the interval
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens;
        bool above = 40 * tens + 40 <= upper;
        if (below != above)
            return (struct short_decimal){tens + above, k + 1};
    }
    bool below = lower <= 4 * s;
    bool above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct short_decimal){s + above, k};
    bool up = value > 4 * s + 2 || (value == 4 * s + 2 && (s & 1));
    return (struct short_decimal){s + up, k};
}

static size_t put_u64(char *to, uint64_t value)
{
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(to, text + at, sizeof text - at);
    return sizeof text - at;
}

size_t decimal_i64(char *to, int64_t value)
{
    if (value >= 0)
        return put_u64(to, (uint64_t)value);
    *to = '-';
    return 1 + put_u64(to + 1, -(uint64_t)value);
}

// d.ddde+XX
static size_t put_scientific(char *to, const char *digits, size_t count, int exponent)
{
    char *at = to;
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, count - 1);
        at += count - 1;
    }
    *at++ = 'e';
    *at++ = exponent < 0 ? '-' : '+';
    uint64_t size = (uint64_t)(exponent < 0 ? -exponent : exponent);
    if (size < 10)
        *at++ = '0';
    at += put_u64(at, size);
    return (size_t)(at - to);
}

static size_t put_plain(char *to, const char *digits, size_t count, int exponent)
{
    if (exponent < 0) { // 0.00ddd
        size_t zeros = (size_t)-exponent;
        memset(to, '0', zeros + 1);
        to[1] = '.';
        memcpy(to + zeros + 1, digits, count);
        return zeros + 1 + count;
    }
    size_t whole = (size_t)exponent + 1;
    if (count <= whole) { // ddd00
        memcpy(to, digits, count);
        memset(to + count, '0', whole - count);
        return whole;
    }
    memcpy(to, digits, whole);
    to[whole] = '.';
    memcpy(to + whole + 1, digits + whole, count - whole);
    return count + 1;
}

size_t decimal_digits(char *to, const char *digits, size_t count, int exponent)
{
    int first = exponent + (int)count - 1; // the exponent of the first digit
    int precision = count > 15 ? (int)count : 15;
    return first < -4 || first >= precision ? put_scientific(to, digits, count, first)
                                            : put_plain(to, digits, count, first);
}

size_t decimal_f64(char *to, double value)
{
    if (isnan(value)) {
        memcpy(to, "nan", 3);
        return 3;
    }
    char *at = to;
    if (signbit(value))
        *at++ = '-';
    if (isinf(value)) {
        memcpy(at, "inf", 3);
        return (size_t)(at - to) + 3;
    }
    if (value == 0) {
        *at++ = '0';
        return (size_t)(at - to);
    }
    pthread_once(&powers_once, make_powers);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    struct short_decimal d = shortest(bits & (UINT64_MAX >> 1));
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    char digits[20];
    size_t count = put_u64(digits, d.digits);
    return (size_t)(at - to) + decimal_digits(at, digits, count, d.exponent);
}
