// SPDX-License-Identifier: BSD-3-Clause
#include <stdint.h>

#include "base/heap.h"
#include "support/suite.h"

enum {
    ITEMS = 200,
    ROUNDS = 20000
};

struct item {
    int key;
    size_t index; // index in the heap plus 1; 0: not in the heap
};

static bool is_before(const void *a, const void *b)
{
    return (*(struct item *const *)a)->key < (*(struct item *const *)b)->key;
}

static void note_index(void *element, size_t index)
{
    (*(struct item **)element)->index = index + 1;
}

static struct heap heap_of_items(void)
{
    return (struct heap){.size = sizeof(struct item *), .before = is_before, .moved = note_index};
}

static struct item *first(const struct heap *h)
{
    struct item *const *item = heap_first(h);
    return item ? *item : NULL;
}

static void take(struct heap *h, struct item *item)
{
    struct item *taken;
    heap_take(h, item->index - 1, &taken);
    MUST(taken == item);
    item->index = 0;
}

START_TEST(an_empty_heap_has_no_first)
{
    struct heap h = heap_of_items();
    ck_assert_ptr_null(heap_first(&h));
    heap_finish(&h);
}
END_TEST

START_TEST(the_first_comes_out_first)
{
    struct heap h = heap_of_items();
    struct item items[] = {{.key = 30}, {.key = 10}, {.key = 20}};
    br_error err;
    ck_assert_int_eq(heap_reserve(&h, 3, &err), 0);
    for (int i = 0; i < 3; i++) {
        struct item *item = &items[i];
        heap_push(&h, &item);
    }
    ck_assert_ptr_eq(first(&h), &items[1]);
    items[1].key = 40;
    heap_update(&h, items[1].index - 1);
    ck_assert_ptr_eq(first(&h), &items[2]);
    take(&h, &items[2]);
    ck_assert_ptr_eq(first(&h), &items[0]);
    take(&h, &items[0]);
    take(&h, &items[1]);
    ck_assert_ptr_null(first(&h));
    heap_finish(&h);
}
END_TEST

static int least(const struct item *items)
{
    int least = INT32_MAX;
    for (int i = 0; i < ITEMS; i++)
        if (items[i].index > 0 && items[i].key < least)
            least = items[i].key;
    return least;
}

START_TEST(any_order_of_changes_leaves_the_first_in_front)
{
    struct heap h = heap_of_items();
    struct item items[ITEMS] = {0};
    br_error err;
    uint64_t x = 88172645463325252;
    ck_assert_int_eq(heap_reserve(&h, ITEMS, &err), 0);
    for (int i = 0; i < ROUNDS; i++) {
        x ^= x << 13; // xorshift64
        x ^= x >> 7;
        x ^= x << 17;
        struct item *item = &items[x % ITEMS];
        item->key = (int)(x >> 32 & 0xFFF);
        if (item->index == 0)
            heap_push(&h, &item);
        else if (x >> 60 == 0)
            take(&h, item);
        else
            heap_update(&h, item->index - 1);
        MUST((first(&h) ? first(&h)->key : INT32_MAX) == least(items));
    }
    heap_finish(&h);
}
END_TEST

SUITE(heap)
{
    TEST(an_empty_heap_has_no_first);
    TEST(the_first_comes_out_first);
    TEST(any_order_of_changes_leaves_the_first_in_front);
}
