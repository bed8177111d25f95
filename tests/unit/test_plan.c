// SPDX-License-Identifier: BSD-3-Clause
// Plans on recorded and synthetic machines, and how they are drawn, against the texts in
// tests/topology.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/topology.h"
#include "model/plan.h"
#include "support/golden.h"
#include "support/suite.h"
#include "views/plan_view.h"

struct request {
    enum job_binding binding;
    enum job_layout layout;
    unsigned width, count;
    bool oversubscribe;
    unsigned cpu_limit;
};

#define C LAYOUT_COMPACT
#define S LAYOUT_SCATTER

enum {
    REQUEST_MAX = 24
};

// The requests for each machine; a request of width 0 ends the list.
static const struct scenario {
    const char *name;        // of the text files
    const char *description; // synthetic; NULL = tests/topology/NAME.xml
    struct request requests[REQUEST_MAX];
    struct request drawn; // the plan that is drawn on the machine
} scenarios[] = {
    {"two-packages",
     "pack:2 [numa(memory=256GB)] l3:8 core:8 pu:2(indexes=2*128:128*1)",
     {{BIND_CORE, C, 1, 0, false, 0},
      {BIND_CORE, S, 1, 20, false, 0},
      {BIND_CORE, C, 3, 6, false, 0},
      {BIND_CORE, C, 3, 0, false, 0},
      {BIND_CORE, S, 4, 0, false, 0},
      {BIND_PU, C, 1, 10, false, 0},
      {BIND_PU, S, 1, 6, false, 0},
      {BIND_L3, C, 1, 0, false, 0},
      {BIND_L3, S, 2, 0, false, 0},
      {BIND_NUMA, C, 1, 0, false, 0},
      {BIND_PACKAGE, C, 1, 3, false, 0},
      {BIND_PACKAGE, C, 1, 3, true, 0},
      {BIND_NONE, C, 64, 0, false, 0},
      {BIND_CORE, C, 1, 0, false, 7}},
     {BIND_CORE, C, 1, 0, false, 0}},
    {"many-cores",
     "pack:4 [numa(memory=64GB)] l3:4 core:16 pu:2",
     {{BIND_CORE, C, 1, 0, false, 0}, {BIND_L3, S, 1, 0, false, 0}},
     {BIND_CORE, C, 4, 0, false, 0}},
    {"scattered",
     "pack:2 [numa(memory=64GB)] l3:2 core:12 pu:1",
     {{BIND_CORE, S, 1, 0, false, 0}},
     {BIND_CORE, S, 1, 0, false, 0}},
    {"four-nodes",
     "pack:2 group:2 [numa(memory=64GB)] l3:1 core:4 pu:1",
     {{BIND_CORE, C, 1, 0, false, 0},
      {BIND_CORE, S, 1, 0, false, 0},
      {BIND_CORE, C, 3, 4, false, 0},
      {BIND_NUMA, C, 1, 0, false, 0},
      {BIND_NUMA, S, 1, 0, false, 0},
      {BIND_NUMA, S, 2, 0, false, 0},
      {BIND_PACKAGE, S, 1, 0, false, 0}},
     {BIND_CORE, S, 1, 0, false, 0}},
    {"restricted",
     NULL,
     {{BIND_CORE, C, 1, 0, false, 0},
      {BIND_CORE, S, 1, 0, false, 0},
      {BIND_PU, C, 1, 0, false, 0},
      {BIND_PU, S, 1, 0, false, 0},
      {BIND_CORE, C, 2, 3, false, 0},
      {BIND_L3, C, 1, 0, false, 0},
      {BIND_PACKAGE, C, 1, 0, false, 0},
      {BIND_NONE, C, 1, 2, false, 0},
      {BIND_CORE, C, 1, 0, false, 5},
      {BIND_CORE, C, 1, 9, false, 5}},
     {BIND_CORE, S, 1, 0, false, 0}},
    {"half-smt",
     NULL,
     {{BIND_CORE, C, 1, 0, false, 0}, {BIND_PU, C, 1, 0, false, 0}, {BIND_PU, S, 2, 0, false, 0}},
     {BIND_CORE, C, 1, 0, false, 0}},
    {"hybrid",
     NULL,
     {{BIND_CORE, C, 1, 0, false, 0},
      {BIND_PU, C, 1, 0, false, 0},
      {BIND_PU, S, 1, 0, false, 0},
      {BIND_PU, C, 2, 0, false, 0},
      {BIND_CORE, C, 3, 0, false, 0},
      {BIND_L3, C, 1, 0, false, 0}},
     {BIND_PU, C, 1, 0, false, 0}},
    {"memoryless", NULL, {{BIND_CORE, C, 1, 0, false, 0}, {BIND_NUMA, C, 1, 0, false, 0}}, {0}},
    {"one-core",
     "[numa] core:1 pu:1",
     {{BIND_CORE, C, 1, 0, false, 0},
      {BIND_CORE, C, 1, 2, false, 0},
      {BIND_CORE, C, 1, 2, true, 0},
      {BIND_CORE, C, 4, 0, false, 0},
      {BIND_CORE, C, 4, 0, true, 0},
      {BIND_NONE, C, 1, 3, false, 0},
      {BIND_NONE, C, 1, 3, true, 0},
      {BIND_L3, S, 1, 0, false, 0},
      {BIND_NUMA, S, 1, 0, false, 0},
      {BIND_PACKAGE, S, 1, 0, false, 0},
      {BIND_CORE, C, 1, 70000, true, 0}},
     {BIND_CORE, C, 1, 2, true, 0}},
    {"no-l3",
     "[numa] pack:2 core:3 pu:2",
     {{BIND_L3, C, 1, 0, false, 0},
      {BIND_L3, C, 1, 3, false, 0},
      {BIND_CORE, S, 1, 4, false, 0},
      {BIND_CORE, C, 2, 2, false, 0},
      {BIND_CORE, C, 2, 0, false, 0},
      {BIND_CORE, C, 4, 3, true, 0},
      {BIND_CORE, S, 4, 3, true, 0}},
     {BIND_CORE, C, 2, 0, false, 0}},
};

static void load_scenario(const struct scenario *s, struct machine *m)
{
    br_error err = {.text = ""};
    char path[1024], file[64];
    snprintf(file, sizeof file, "%s.xml", s->name);
    golden_path(file, path, sizeof path);
    int loaded = s->description ? topology_load_synthetic(s->description, m, &err)
                                : topology_load_xml(path, m, &err);
    ck_assert_msg(loaded == 0, "%s", err.text);
}

static int make(const struct machine *m, const struct request *r, struct plan *p, br_error *err)
{
    struct job_workers workers = {
        .count = r->count,
        .binding = r->binding,
        .layout = r->layout,
        .width = r->width,
        .oversubscribe = r->oversubscribe,
    };
    return plan_make(m, &workers, r->cpu_limit, p, err);
}

// ---- A plan as text: "0-1*3" stands for three workers

static void put_request(struct buffer *out, const struct request *r)
{
    static const char *const bindings[] = {"none", "pu", "core", "l3", "numa", "package"};
    buffer_format(out, "\n%s %s", bindings[r->binding], r->layout == S ? "scatter" : "compact");
    if (r->width != 1)
        buffer_format(out, " width %u", r->width);
    if (r->count > 0)
        buffer_format(out, " count %u", r->count);
    if (r->oversubscribe)
        buffer_text(out, " oversubscribe");
    if (r->cpu_limit > 0)
        buffer_format(out, " limit %u", r->cpu_limit);
    buffer_char(out, '\n');
}

static void put_slot(struct buffer *out, const struct plan_slot *slot, int column)
{
    if (column == 0)
        cpuset_text(out, &slot->cpus);
    else if (column == 1)
        cpuset_text(out, &slot->nodes);
    else
        buffer_format(out, "%u", slot->width);
}

// Appends `column` of each worker; breaks lines before they exceed 100 characters.
static void put_column(struct buffer *out, const struct plan *p, const char *name, int column)
{
    struct buffer text = BUFFER_EMPTY, next = BUFFER_EMPTY;
    buffer_format(out, "  %-5s", name);
    size_t used = 7;
    for (size_t i = 0, same; i < p->slot_count; i += same) {
        buffer_clear(&text);
        put_slot(&text, &p->slots[i], column);
        size_t length = text.length;
        for (same = 1; i + same < p->slot_count; same++) {
            buffer_clear(&next);
            put_slot(&next, &p->slots[i + same], column);
            if (next.length != length || memcmp(next.data, text.data, length) != 0)
                break;
        }
        if (same > 1)
            buffer_format(&text, "*%zu", same);
        if (used + 1 + text.length > 100) {
            buffer_text(out, "\n       ");
            used = 7;
        }
        buffer_char(out, ' ');
        buffer_append(out, text.data, text.length);
        used += 1 + text.length;
    }
    buffer_char(out, '\n');
    buffer_finish(&text);
    buffer_finish(&next);
}

static void put_plan(struct buffer *out, const struct machine *m, const struct request *r)
{
    struct plan p;
    br_error err;
    put_request(out, r);
    if (make(m, r, &p, &err) != 0) {
        ck_assert_int_eq(err.kind, BR_ERR_USAGE);
        buffer_format(out, "  error: %s\n", err.text);
        return;
    }
    ck_assert_int_eq(p.binding, r->binding);
    buffer_format(out, "  %zu workers, %zu objects\n", p.slot_count, p.object_count);
    put_column(out, &p, "cpus", 0);
    put_column(out, &p, "nodes", 1);
    put_column(out, &p, "width", 2);
    plan_finish(&p);
}

START_TEST(plans_as_expected)
{
    const struct scenario *s = &scenarios[_i];
    struct machine m;
    load_scenario(s, &m);
    struct buffer out = BUFFER_EMPTY;
    buffer_format(&out, "%s: %s\n", s->name, s->description ? s->description : "recorded");
    for (size_t i = 0; i < REQUEST_MAX && s->requests[i].width > 0; i++)
        put_plan(&out, &m, &s->requests[i]);
    char name[64];
    snprintf(name, sizeof name, "%s.plan", s->name);
    golden_check(name, &out);
    buffer_finish(&out);
    machine_finish(&m);
}
END_TEST

START_TEST(drawn_as_expected)
{
    const struct scenario *s = &scenarios[_i];
    struct machine m;
    load_scenario(s, &m);
    struct buffer out = BUFFER_EMPTY;
    plan_view_topology(&out, &m, NULL, 80);
    if (s->drawn.width > 0) {
        struct plan p;
        br_error err = {.text = ""};
        ck_assert_msg(make(&m, &s->drawn, &p, &err) == 0, "%s", err.text);
        buffer_char(&out, '\n');
        plan_view_topology(&out, &m, &p, 80);
        buffer_char(&out, '\n');
        plan_view_topology(&out, &m, &p, 40);
        buffer_char(&out, '\n');
        plan_view_slots(&out, &p);
        plan_finish(&p);
    }
    char name[64];
    snprintf(name, sizeof name, "%s.view", s->name);
    golden_check(name, &out);
    buffer_finish(&out);
    machine_finish(&m);
}
END_TEST

// ---- Properties of every plan on every machine

// Returns whether every worker has CPUs, all of them allowed, and the nodes of all of them; and,
// unless `shared`, no other worker has one of them. The test asserts one result for many plans,
// because an assertion for each property is slow.
static bool is_sound(const struct machine *m, const struct plan *p, bool shared)
{
    struct cpuset taken = {0};
    for (size_t w = 0; w < p->slot_count; w++) {
        const struct plan_slot *slot = &p->slots[w];
        unsigned found = 0;
        for (size_t i = 0; i < m->pu_count; i++) {
            const struct machine_pu *pu = &m->pus[i];
            if (!cpuset_has(&slot->cpus, pu->os_index))
                continue;
            if (!pu->allowed || !cpuset_has(&slot->nodes, pu->numa_os_index) ||
                (!shared && cpuset_has(&taken, pu->os_index)))
                return false;
            cpuset_add(&taken, pu->os_index);
            found++;
        }
        if (found == 0 || found != cpuset_count(&slot->cpus) || slot->width == 0)
            return false;
    }
    return true;
}

static bool keeps_rules(const struct machine *m, struct request r)
{
    struct plan p;
    br_error err;
    r.oversubscribe = false;
    bool fits = make(m, &r, &p, &err) == 0;
    if (fits) {
        bool sound =
            is_sound(m, &p, r.binding == BIND_NONE) && p.slot_count * r.width <= p.object_count;
        plan_finish(&p);
        if (!sound)
            return false;
    }
    r.oversubscribe = true;
    if (make(m, &r, &p, &err) != 0)
        return false;
    bool sound = is_sound(m, &p, true) && fits == (p.slot_count * r.width <= p.object_count);
    plan_finish(&p);
    return sound;
}

START_TEST(never_shares_unless_asked)
{
    struct machine m;
    load_scenario(&scenarios[_i], &m);
    for (struct request r = {.binding = BIND_NONE}; r.binding <= BIND_PACKAGE; r.binding++)
        for (r.layout = C; r.layout <= S; r.layout++)
            for (r.width = 1; r.width <= 5; r.width++)
                for (r.count = 0; r.count <= 9; r.count += 3)
                    if (!keeps_rules(&m, r))
                        ck_abort_msg("binding %d, layout %d, width %u, count %u", r.binding,
                                     r.layout, r.width, r.count);
    machine_finish(&m);
}
END_TEST

START_TEST(refuses_a_machine_without_allowed_cpus)
{
    struct machine_pu pu = {.allowed = false};
    struct machine m = {.pus = &pu, .pu_count = 1};
    struct request r = {.binding = BIND_CORE, .width = 1};
    struct plan p = {.object_count = 77};
    br_error err;
    ck_assert_int_eq(make(&m, &r, &p, &err), -1);
    ck_assert_str_eq(err.text, "this process may not use any CPU of this machine");
    ck_assert_uint_eq(p.object_count, 77);
}
END_TEST

SUITE(plan)
{
    const int count = (int)(sizeof scenarios / sizeof *scenarios);
    LOOP_TEST(plans_as_expected, count);
    LOOP_TEST(drawn_as_expected, count);
    LOOP_TEST(never_shares_unless_asked, count);
    TEST(refuses_a_machine_without_allowed_cpus);
}
