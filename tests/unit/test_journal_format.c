// SPDX-License-Identifier: BSD-3-Clause
// The bytes of a journal: payloads that are not to be trusted, durations, the number of the format.
#include <stdlib.h>

#include "support/journal_rig.h"
#include "support/suite.h"

// A change of what is written needs another number: an older journal would look damaged.
START_TEST(the_format_has_its_number)
{
    struct buffer whole = jrig_sample_journal();
    ck_assert_int_eq(JOURNAL_VERSION, 5);
    // The rows of results have the byte order of the machine.
    if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        ck_assert_uint_eq(journal_hash(0, whole.data, whole.length), UINT64_C(6091294683504464610));
    buffer_finish(&whole);
}
END_TEST

// A payload of random bytes, as a record with a right checksum could have: nothing outside of it is
// read.
START_TEST(no_payload_is_trusted)
{
    struct buffer durations_out = BUFFER_EMPTY;
    struct event e;
    for (int type = 0; type <= EVENT_PHASE_KEEP + 1; type++) {
        uint64_t state = 88172645463325252;
        for (int round = 0; round < 2000; round++) {
            size_t size = round % 40;
            unsigned char *data = malloc(size + 1); // exactly sized for the sanitizer
            ck_assert_ptr_nonnull(data);
            for (size_t i = 0; i < size; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                data[i] = (unsigned char)(state >> 60 < 8 ? state & 7 : state);
            }
            br_error err;
            unsigned char *exact = realloc(data, size ? size : 1);
            ck_assert_ptr_nonnull(exact);
            if (journal_decode((uint32_t)type, exact, size, &e, &durations_out, &err) == 0)
                ck_assert(type >= EVENT_RUN_BEGIN && type <= EVENT_PHASE_KEEP && size > 0);
            free(exact);
        }
    }
    buffer_finish(&durations_out);
}
END_TEST

START_TEST(a_text_ends_where_it_says)
{
    static const struct {
        const char *payload; // of a run's end: time, exit status, length, text, NUL
        int result;
    } cases[] = {{"\0\0\2ab\0", 0}, {"\0\0\2abc", -1}, {"\0\0\2a\0\0", -1}, {"\0\0\3ab\0", -1}};
    struct buffer durations_out = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct event e;
        br_error err;
        ck_assert_int_eq(journal_decode(EVENT_RUN_END, (const unsigned char *)cases[i].payload, 6,
                                        &e, &durations_out, &err),
                         cases[i].result);
    }
    buffer_finish(&durations_out);
}
END_TEST

START_TEST(durations_keep_their_order_and_size)
{
    uint32_t before = 0;
    for (uint64_t ns = 0; ns < UINT32_MAX; ns += ns / 50 + 1) {
        uint32_t back = journal_duration_decode(journal_duration_encode((uint32_t)ns));
        ck_assert_uint_ge(back, before);
        if (ns < 8)
            ck_assert_uint_eq(back, ns);
        ck_assert_double_le(back, 1.0626 * (double)ns);
        ck_assert_double_ge(back, 0.9374 * (double)ns);
        before = back;
    }
    ck_assert_uint_eq(journal_duration_decode(journal_duration_encode(UINT32_MAX)), UINT32_MAX);
    ck_assert_uint_lt(journal_duration_decode(journal_duration_encode(UINT32_MAX - 1)), UINT32_MAX);
}
END_TEST

SUITE(journal_format)
{
    FIXTURE(jrig_set_up, jrig_tear_down);
    TEST(the_format_has_its_number);
    TEST(no_payload_is_trusted);
    TEST(a_text_ends_where_it_says);
    TEST(durations_keep_their_order_and_size);
}
