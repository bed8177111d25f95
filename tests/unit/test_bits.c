// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "support/suite.h"

enum {
    END = 300
};

static uint64_t first(const bool *in, uint64_t from, uint64_t end, bool there)
{
    while (from < end && in[from] != there)
        from++;
    return from < end ? from : end;
}

START_TEST(the_next_is_found_wherever_it_is)
{
    // Sparse sets, dense sets, and runs across words, compared with a plain array.
    for (unsigned pattern = 0; pattern < 6; pattern++) {
        uint64_t words[BITS_WORDS(END)] = {0};
        bool in[END] = {false};
        for (uint64_t i = 0; i < END; i++) {
            in[i] = pattern == 0   ? false
                    : pattern == 1 ? true
                    : pattern == 2 ? i % 64 == 63
                    : pattern == 3 ? i % 64 != 0
                    : pattern == 4 ? i / 70 % 2 == 0
                                   : i * i % 7 == 2;
            if (in[i])
                bits_add(words, i);
        }
        for (uint64_t i = 0; i < END; i++)
            ck_assert_int_eq(bits_has(words, i), in[i]);
        for (uint64_t end = 0; end <= END; end++)
            for (uint64_t from = 0; from <= end; from += 1 + end / 50) {
                ck_assert_uint_eq(bits_next(words, from, end), first(in, from, end, true));
                ck_assert_uint_eq(bits_next_missing(words, from, end), first(in, from, end, false));
            }
    }
}
END_TEST

SUITE(bits)
{
    TEST(the_next_is_found_wherever_it_is);
}
