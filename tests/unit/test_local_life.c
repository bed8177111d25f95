// SPDX-License-Identifier: BSD-3-Clause
// The table of a slot's life: framework/README.md shows the one that the code has.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "exec/local/local_life.h"
#include "support/suite.h"

// As in the document: a line an event, a column a state.
static void print_table(struct buffer *out)
{
    buffer_text(out, "| event \\ state |");
    for (int state = 0; state < SLOT_STATES; state++)
        buffer_format(out, " %s |", local_state_name((enum slot_state)state));
    buffer_text(out, "\n|");
    for (int i = 0; i <= SLOT_STATES; i++)
        buffer_text(out, " --- |");
    for (int event = 0; event < SLOT_EVENTS; event++) {
        buffer_format(out, "\n| %s |", local_event_name((enum slot_event)event));
        for (int state = 0; state < SLOT_STATES; state++) {
            const struct slot_move *m = local_move((enum slot_state)state, (enum slot_event)event);
            if (m->act)
                buffer_format(out, " %s: `%s` |", m->to_name, m->act_name);
            else
                buffer_text(out, " |");
        }
    }
    buffer_text(out, "\n");
}

static void read_readme(struct buffer *out)
{
    char path[4096];
    br_error err = {0};
    const char *srcdir = getenv("srcdir");
    snprintf(path, sizeof path, "%s/framework/README.md", srcdir ? srcdir : ".");
    ck_assert_msg(fd_read_file(path, "README", 1 << 20, out, &err) == 0, "%s", err.text);
    buffer_char(out, '\0');
}

START_TEST(the_readme_shows_the_table)
{
    struct buffer readme = BUFFER_EMPTY, table = BUFFER_EMPTY;
    read_readme(&readme);
    print_table(&table);
    buffer_char(&table, '\0');
    ck_assert(!readme.failed && !table.failed);
    ck_assert_msg(strstr(readme.data, table.data) != NULL,
                  "framework/README.md has another table than:\n%s", table.data);
    buffer_finish(&readme);
    buffer_finish(&table);
}
END_TEST

START_TEST(every_state_has_its_name)
{
    for (int event = 0; event < SLOT_EVENTS; event++)
        for (int state = 0; state < SLOT_STATES; state++) {
            const struct slot_move *m = local_move((enum slot_state)state, (enum slot_event)event);
            if (m->act)
                ck_assert_str_eq(m->to_name, local_state_name(m->to));
        }
}
END_TEST

// Whatever has become of a worker, its end is noticed, and only a dead worker's slot is emptied.
START_TEST(every_life_ends)
{
    for (int state = SLOT_STARTING; state < SLOT_DYING; state++)
        ck_assert_int_eq(local_move((enum slot_state)state, EVENT_ENDED)->to, SLOT_DYING);
    for (int event = 0; event < SLOT_EVENTS; event++)
        for (int state = SLOT_STARTING; state < SLOT_DYING; state++) {
            const struct slot_move *m = local_move((enum slot_state)state, (enum slot_event)event);
            ck_assert(!m->act || (int)m->to >= state);
        }
    ck_assert_int_eq(local_move(SLOT_DYING, EVENT_REPORTED)->to, SLOT_EMPTY);
}
END_TEST

SUITE(local_life)
{
    TEST(the_readme_shows_the_table);
    TEST(every_state_has_its_name);
    TEST(every_life_ends);
}
