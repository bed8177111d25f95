// SPDX-License-Identifier: BSD-3-Clause
// Reading a journal that is cut off, damaged, or another file.
#include <string.h>
#include <unistd.h>

#include "support/journal_rig.h"
#include "support/suite.h"

// Reads the journal; every event must be the next of the samples. Sets *count to their number.
// Returns 0 at the end, -1 if the journal was refused.
static int read_prefix(int *count)
{
    br_error err;
    *count = 0;
    struct journal_reader *r = journal_open(jrig_path, &err);
    if (!r)
        return -1;
    struct event e;
    int result;
    while ((result = journal_next(r, &e, &err)) == 1) {
        ck_assert_int_lt(*count, JRIG_SAMPLES);
        jrig_same(&jrig_samples[jrig_order[*count]], &e);
        ++*count;
    }
    if (result < 0)
        ck_assert_int_eq(journal_next(r, &e, &err), -1);
    journal_reader_destroy(r);
    return result;
}

START_TEST(a_cut_anywhere_leaves_a_prefix)
{
    struct buffer whole = jrig_sample_journal();
    int before = 0;
    for (size_t cut = 0; cut < whole.length; cut++) {
        jrig_spill(whole.data, cut);
        int count;
        int result = read_prefix(&count);
        ck_assert_int_eq(result, cut < JOURNAL_HEADER_SIZE ? -1 : 0);
        ck_assert_int_ge(count, before);
        ck_assert_int_lt(count, JRIG_SAMPLES);
        before = count;
    }
    ck_assert_int_eq(before, JRIG_SAMPLES - 1);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_torn_tail_says_where_it_begins)
{
    struct buffer whole = jrig_sample_journal();
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    uint64_t last = 0;
    for (int i = 0; i < JRIG_SAMPLES; i++) {
        last = journal_reader_offset(r);
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
    }
    journal_reader_destroy(r);
    jrig_spill(whole.data, whole.length - 1);
    r = jrig_open();
    while (journal_next(r, &e, &err) == 1) {
    }
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), last);
    journal_reader_destroy(r);
    // A power loss can leave the last space as zeros.
    memset(whole.data + last, 0, whole.length - last);
    jrig_spill(whole.data, whole.length);
    r = jrig_open();
    while (journal_next(r, &e, &err) == 1) {
    }
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), last);
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_wrong_byte_anywhere_is_noticed)
{
    struct buffer whole = jrig_sample_journal();
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    uint64_t last = 0;
    for (int i = 0; i < JRIG_SAMPLES; i++) {
        last = journal_reader_offset(r);
        ck_assert_int_eq(journal_next(r, &e, &err), 1);
    }
    journal_reader_destroy(r);
    for (size_t at = 0; at < whole.length; at++) {
        for (int bit = 0; bit < 8; bit += 7) {
            whole.data[at] ^= (char)(1 << bit);
            jrig_spill(whole.data, whole.length);
            int count;
            int result = read_prefix(&count);
            // A wrong byte of the last record looks like a torn tail; valid records follow any
            // other.
            ck_assert_int_eq(result, at < last ? -1 : 0);
            ck_assert_int_lt(count, JRIG_SAMPLES);
            whole.data[at] ^= (char)(1 << bit);
        }
    }
    buffer_finish(&whole);
}
END_TEST

START_TEST(damage_is_told_with_its_place)
{
    struct buffer whole = jrig_sample_journal();
    whole.data[JOURNAL_HEADER_SIZE + JOURNAL_FRAME_SIZE] ^= 1;
    jrig_spill(whole.data, whole.length);
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, jrig_path));
    ck_assert_ptr_nonnull(strstr(err.text, "damaged at byte 64 (record 1)"));
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(a_missing_record_is_damage)
{
    struct buffer whole = jrig_sample_journal();
    struct journal_frame frame;
    unsigned char *first = (unsigned char *)whole.data + JOURNAL_HEADER_SIZE;
    ck_assert(journal_frame_decode(first, jrig_identity.salt, &frame));
    size_t size = journal_record_size(frame.length);
    memmove(first, first + size, whole.length - JOURNAL_HEADER_SIZE - size);
    jrig_spill(whole.data, whole.length - size);
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "out of sequence"));
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(records_of_another_journal_are_damage)
{
    struct buffer whole = jrig_sample_journal();
    struct journal_identity other = jrig_identity;
    other.salt += UINT64_C(1) << 32; // a record's frame has the low half
    journal_header_encode((unsigned char *)whole.data, &other);
    jrig_spill(whole.data, whole.length);
    struct journal_reader *r = jrig_open();
    struct event e;
    br_error err;
    ck_assert_int_eq(journal_next(r, &e, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "does not follow the record before it"));
    journal_reader_destroy(r);
    // Records of another run are not recognized at all.
    other.salt++;
    journal_header_encode((unsigned char *)whole.data, &other);
    jrig_spill(whole.data, whole.length);
    r = jrig_open();
    ck_assert_int_eq(journal_next(r, &e, &err), 0);
    ck_assert(journal_reader_torn(r));
    ck_assert_uint_eq(journal_reader_offset(r), JOURNAL_HEADER_SIZE);
    journal_reader_destroy(r);
    buffer_finish(&whole);
}
END_TEST

START_TEST(other_files_are_refused_politely)
{
    br_error err;
    ck_assert_ptr_null(journal_open(jrig_path, &err));
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_null(journal_open(jrig_directory, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
    jrig_spill("", 0);
    ck_assert_ptr_null(journal_open(jrig_path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "ends within its header"));
    jrig_spill("#!/bin/sh\necho something else\n", 30);
    ck_assert_ptr_null(journal_open(jrig_path, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "is not a batchrun journal"));
    unlink(jrig_path);
    jrig_finish(jrig_create());
    struct buffer whole = jrig_slurp();
    for (char format = 0; format < 7; format++) {
        whole.data[8] = format;
        jrig_spill(whole.data, whole.length);
        struct journal_reader *r = journal_open(jrig_path, &err);
        ck_assert_int_eq(r != NULL, format == JOURNAL_VERSION);
        journal_reader_destroy(r);
    }
    ck_assert_ptr_nonnull(strstr(err.text, "has format 6; this batchrun reads format 5"));
    buffer_finish(&whole);
}
END_TEST

SUITE(journal_read)
{
    FIXTURE(jrig_set_up, jrig_tear_down);
    TEST(a_cut_anywhere_leaves_a_prefix);
    TEST(a_torn_tail_says_where_it_begins);
    TEST(a_wrong_byte_anywhere_is_noticed);
    TEST(damage_is_told_with_its_place);
    TEST(a_missing_record_is_damage);
    TEST(records_of_another_journal_are_damage);
    TEST(other_files_are_refused_politely);
}
