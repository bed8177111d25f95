// SPDX-License-Identifier: BSD-3-Clause
// Draws machines as tables, and lists the workers of a plan.
#include "views/plan_view.h"

#include <string.h>

#include "base/text.h"

enum {
    MANY_CORES = 32,
    MANY_LINES = 48,
    MANY_SLOTS = 32,
    CELL_MAX = 20, // wider cells would leave one core to a line
    INDENT = 2,
    GAP = 2
};

// ---- Ranges: ascending numbers as "0-3,8"

struct ranges {
    struct buffer *out;
    unsigned first, last;
    bool any;
    bool open;
};

static void ranges_close(struct ranges *r)
{
    if (!r->open)
        return;
    buffer_format(r->out, r->last > r->first ? "%s%u-%u" : "%s%u", r->any ? "," : "", r->first,
                  r->last);
    r->open = false;
    r->any = true;
}

static void ranges_add(struct ranges *r, unsigned n)
{
    if (r->open && n == r->last + 1) {
        r->last = n;
        return;
    }
    ranges_close(r);
    r->first = r->last = n;
    r->open = true;
}

static void pad_to(struct buffer *out, size_t start, size_t width)
{
    while (!out->failed && out->length - start < width)
        buffer_char(out, ' ');
}

// ---- Parts of a machine: runs of PUs in logical order

struct part {
    const struct machine_pu *first;
    const struct machine_pu *end;
};

enum detail {
    PER_CORE,
    PER_L3,
    PER_NUMA,
    PER_PACKAGE
};

static bool same_part(const struct machine_pu *a, const struct machine_pu *b, enum detail detail)
{
    return a->package == b->package && (detail >= PER_PACKAGE || a->numa == b->numa) &&
           (detail >= PER_NUMA || a->l3 == b->l3) && (detail >= PER_L3 || a->core == b->core);
}

// Returns the part that starts at `from`, inside `whole`.
static struct part part_at(const struct machine_pu *from, struct part whole, enum detail detail)
{
    struct part part = {from, from + 1};
    while (part.end < whole.end && same_part(from, part.end, detail))
        part.end++;
    return part;
}

static size_t count_parts(struct part whole, enum detail detail)
{
    size_t count = 0;
    for (const struct machine_pu *pu = whole.first; pu < whole.end; count++)
        pu = part_at(pu, whole, detail).end;
    return count;
}

// ---- Fields of a part

enum field {
    FIELD_CORES,
    FIELD_CPUS,
    FIELD_WORKERS,
    FIELD_COUNT
};

static void put_cores(struct buffer *out, struct part part)
{
    struct ranges cores = {.out = out};
    for (const struct machine_pu *pu = part.first; pu < part.end; pu++)
        if (pu == part.first || pu->core != pu[-1].core)
            ranges_add(&cores, (unsigned)pu->core);
    ranges_close(&cores);
}

static struct cpuset cpus_of(struct part part, bool allowed)
{
    struct cpuset set = {0};
    for (const struct machine_pu *pu = part.first; pu < part.end; pu++)
        if (pu->allowed == allowed)
            cpuset_add(&set, pu->os_index);
    return set;
}

static void put_cpus(struct buffer *out, struct part part)
{
    struct cpuset allowed = cpus_of(part, true);
    struct cpuset denied = cpus_of(part, false);
    if (cpuset_count(&allowed) > 0)
        cpuset_text(out, &allowed);
    if (cpuset_count(&denied) > 0) {
        buffer_char(out, '(');
        cpuset_text(out, &denied);
        buffer_char(out, ')');
    }
}

static bool overlap(const struct cpuset *a, const struct cpuset *b)
{
    for (size_t i = 0; i < CPUSET_MAX / 64; i++)
        if (a->words[i] & b->words[i])
            return true;
    return false;
}

static void put_workers(struct buffer *out, struct part part, const struct plan *p)
{
    struct cpuset cpus = cpus_of(part, true);
    struct ranges workers = {.out = out};
    for (size_t i = 0; i < p->slot_count; i++)
        if (overlap(&p->slots[i].cpus, &cpus))
            ranges_add(&workers, (unsigned)i);
    ranges_close(&workers);
    if (!workers.any)
        buffer_char(out, '-');
}

static void put_field(struct buffer *out, enum field field, struct part part, const struct plan *p)
{
    switch (field) {
    case FIELD_CORES:
        put_cores(out, part);
        return;
    case FIELD_CPUS:
        put_cpus(out, part);
        return;
    default:
        put_workers(out, part, p);
    }
}

static int field_count(const struct plan *p)
{
    return p ? FIELD_COUNT : FIELD_WORKERS;
}

// Returns the greatest width of `field` in the parts of `whole`.
static size_t field_width(enum field field, struct part whole, enum detail detail,
                          const struct plan *p)
{
    struct buffer text = BUFFER_EMPTY;
    size_t widest = 0;
    for (const struct machine_pu *pu = whole.first; pu < whole.end;) {
        struct part part = part_at(pu, whole, detail);
        buffer_clear(&text);
        put_field(&text, field, part, p);
        if (text.length > widest)
            widest = text.length;
        pu = part.end;
    }
    buffer_finish(&text);
    return widest;
}

// ---- Few cores: a table for each L3, a column for each core

// Appends one line of a table of cores: one field of each core in `cores`.
static void draw_cells(struct buffer *out, enum field field, struct part cores,
                       const struct plan *p, size_t cell)
{
    static const char *const names[] = {"core", "cpus", "worker"};
    buffer_format(out, "%*s%-6s", INDENT, "", names[field]);
    size_t spaces = GAP;
    for (const struct machine_pu *pu = cores.first; pu < cores.end;) {
        struct part core = part_at(pu, cores, PER_CORE);
        pad_to(out, out->length, spaces);
        size_t start = out->length;
        put_field(out, field, core, p);
        spaces = GAP + cell - (out->length - start < cell ? out->length - start : cell);
        pu = core.end;
    }
    buffer_char(out, '\n');
}

static void draw_place(struct buffer *out, const struct machine_pu *pu)
{
    buffer_format(out, "package %d, NUMA node %d", pu->package, pu->numa);
    if (pu->l3 >= 0)
        buffer_format(out, ", L3 %d", pu->l3);
}

static void draw_cores(struct buffer *out, struct part whole, const struct plan *p, size_t cell,
                       unsigned columns)
{
    size_t labels = INDENT + strlen("worker") + GAP;
    size_t fit = columns > labels + cell ? 1 + (columns - labels - cell) / (cell + GAP) : 1;
    for (const struct machine_pu *pu = whole.first; pu < whole.end;) {
        struct part l3 = part_at(pu, whole, PER_L3);
        draw_place(out, pu);
        buffer_char(out, '\n');
        while (pu < l3.end) {
            struct part row = {pu, pu};
            for (size_t i = 0; i < fit && row.end < l3.end; i++)
                row.end = part_at(row.end, l3, PER_CORE).end;
            for (int field = 0; field < field_count(p); field++)
                draw_cells(out, field, row, p, cell);
            pu = row.end;
        }
    }
}

// ---- Many cores: a line for each L3, NUMA node or package

// Appends "cpus 0-7,128-135". A text that is too long is broken after a comma; all lines have the
// same indentation.
static void draw_wrapped(struct buffer *out, const char *name, const struct buffer *text,
                         size_t indent, unsigned columns)
{
    buffer_format(out, "%*s%-7s ", (int)indent, "", name);
    size_t left = indent + 8;
    size_t used = left;
    for (size_t at = 0; at < text->length && !out->failed;) {
        const char *comma = memchr(text->data + at, ',', text->length - at);
        size_t length = comma ? (size_t)(comma - text->data) + 1 - at : text->length - at;
        if (used > left && used + length > columns) {
            buffer_format(out, "\n%*s", (int)left, "");
            used = left;
        }
        buffer_append(out, text->data + at, length);
        used += length;
        at += length;
    }
    buffer_char(out, '\n');
}

static void draw_label(struct buffer *out, const struct machine_pu *pu, enum detail detail)
{
    if (detail == PER_PACKAGE)
        buffer_format(out, "package %d", pu->package);
    else if (detail == PER_NUMA)
        buffer_format(out, "NUMA node %d", pu->numa);
    else if (pu->l3 >= 0)
        buffer_format(out, "L3 %d", pu->l3);
    else
        buffer_text(out, "no L3");
}

// Appends the heading above the lines of the parts inside.
static void draw_heading(struct buffer *out, const struct machine_pu *pu, enum detail detail)
{
    buffer_format(out, "package %d", pu->package);
    if (detail == PER_L3)
        buffer_format(out, ", NUMA node %d", pu->numa);
    buffer_char(out, '\n');
}

struct columns {
    size_t label;
    size_t fields[FIELD_COUNT];
    bool stacked; // each field has a line of its own, because one line would be too long
};

static const char *const field_names[] = {"cores", "cpus", "workers"};

static void draw_line(struct buffer *out, struct part part, enum detail detail,
                      const struct plan *p, const struct columns *c, unsigned columns)
{
    struct buffer text = BUFFER_EMPTY;
    size_t start = out->length;
    pad_to(out, start, detail < PER_PACKAGE ? INDENT : 0);
    draw_label(out, part.first, detail);
    if (c->stacked)
        buffer_char(out, '\n');
    else
        pad_to(out, start, c->label);
    for (int field = 0; field < field_count(p); field++) {
        buffer_clear(&text);
        put_field(&text, field, part, p);
        if (c->stacked) {
            draw_wrapped(out, field_names[field], &text, (size_t)2 * INDENT, columns);
            continue;
        }
        buffer_format(out, "  %s ", field_names[field]);
        buffer_append(out, text.data, text.length);
        if (field + 1 < field_count(p))
            pad_to(out, out->length - text.length, c->fields[field]);
    }
    if (!c->stacked)
        buffer_char(out, '\n');
    out->failed |= text.failed;
    buffer_finish(&text);
}

static void draw_lines(struct buffer *out, struct part whole, const struct plan *p,
                       enum detail detail, unsigned columns)
{
    struct columns c = {.label = detail == PER_L3 ? strlen("  L3 000") : strlen("  NUMA node 00")};
    size_t width = c.label;
    for (int field = 0; field < field_count(p); field++) {
        c.fields[field] = field_width(field, whole, detail, p);
        width += GAP + strlen(field_names[field]) + 1 + c.fields[field];
    }
    c.stacked = width > columns;
    for (const struct machine_pu *pu = whole.first; pu < whole.end;) {
        struct part part = part_at(pu, whole, detail);
        if (detail < PER_PACKAGE && (pu == whole.first || !same_part(pu, pu - 1, detail + 1)))
            draw_heading(out, pu, detail);
        draw_line(out, part, detail, p, &c, columns);
        pu = part.end;
    }
}

// ---- The machine

static unsigned count_distinct(struct part whole, int (*number)(const struct machine_pu *))
{
    unsigned count = 0;
    for (const struct machine_pu *pu = whole.first; pu < whole.end; pu++)
        count += number(pu) >= 0 && (pu == whole.first || number(pu) != number(pu - 1));
    return count;
}

static int package_of(const struct machine_pu *pu)
{
    return pu->package;
}

static int numa_of(const struct machine_pu *pu)
{
    return pu->numa;
}

static int l3_of(const struct machine_pu *pu)
{
    return pu->l3;
}

static void put_counted(struct buffer *out, unsigned count, enum job_binding object)
{
    buffer_format(out, "%u %s", count, plan_object_noun(object, count));
}

static void draw_totals(struct buffer *out, struct part whole)
{
    unsigned l3s = count_distinct(whole, l3_of);
    put_counted(out, count_distinct(whole, package_of), BIND_PACKAGE);
    buffer_text(out, ", ");
    put_counted(out, count_distinct(whole, numa_of), BIND_NUMA);
    if (l3s > 0) {
        buffer_text(out, ", ");
        put_counted(out, l3s, BIND_L3);
    }
    buffer_text(out, ", ");
    put_counted(out, (unsigned)count_parts(whole, PER_CORE), BIND_CORE);
    buffer_text(out, ", ");
    put_counted(out, (unsigned)(whole.end - whole.first), BIND_PU);
    struct cpuset denied = cpus_of(whole, false);
    buffer_char(out, '\n');
    if (cpuset_count(&denied) > 0) {
        buffer_text(out, "In parentheses: the ");
        put_counted(out, cpuset_count(&denied), BIND_PU);
        buffer_text(out, " this process may not use.\n");
    }
}

void plan_view_topology(struct buffer *out, const struct machine *m, const struct plan *p,
                        unsigned columns)
{
    struct part whole = {m->pus, m->pus + m->pu_count};
    draw_totals(out, whole);
    if (count_parts(whole, PER_CORE) <= MANY_CORES) {
        size_t cell = 0;
        for (int field = 0; field < field_count(p); field++) {
            size_t width = field_width(field, whole, PER_CORE, p);
            cell = width > cell ? width : cell;
        }
        if (cell <= CELL_MAX) {
            draw_cores(out, whole, p, cell, columns);
            return;
        }
    }
    enum detail detail = count_distinct(whole, l3_of) > 0 ? PER_L3 : PER_NUMA;
    while (detail < PER_PACKAGE && count_parts(whole, detail) > MANY_LINES)
        detail++;
    draw_lines(out, whole, p, detail, columns);
}

// ---- The workers

// Returns whether `b` is like `a` except that all its CPU numbers are greater by `step`.
static bool is_shifted(const struct plan_slot *a, const struct plan_slot *b, int step)
{
    if (a->width != b->width || !cpuset_equal(&a->nodes, &b->nodes) ||
        cpuset_count(&a->cpus) != cpuset_count(&b->cpus))
        return false;
    for (int cpu = cpuset_next(&a->cpus, 0); cpu >= 0;
         cpu = cpuset_next(&a->cpus, (unsigned)cpu + 1))
        if (cpu + step < 0 || !cpuset_has(&b->cpus, (unsigned)(cpu + step)))
            return false;
    return true;
}

// Returns the last of the consecutive workers from `first` on whose CPUs differ by a constant step,
// and sets *step to it.
static size_t run_end(const struct plan *p, size_t first, int *step)
{
    size_t last = first;
    *step = 0;
    if (first + 1 < p->slot_count)
        *step = cpuset_next(&p->slots[first + 1].cpus, 0) - cpuset_next(&p->slots[first].cpus, 0);
    while (last + 1 < p->slot_count && is_shifted(&p->slots[last], &p->slots[last + 1], *step))
        last++;
    return last;
}

static void list_slots(struct buffer *out, const struct plan *p, size_t first, size_t last,
                       size_t cpus_width)
{
    const struct plan_slot *slot = &p->slots[first];
    size_t start = out->length;
    struct ranges workers = {.out = out, .first = (unsigned)first, .last = (unsigned)last};
    workers.open = true;
    ranges_close(&workers);
    pad_to(out, start, strlen("workers  "));
    start = out->length;
    cpuset_text(out, &slot->cpus);
    pad_to(out, start, cpus_width + GAP);
    start = out->length;
    cpuset_text(out, &slot->nodes);
    pad_to(out, start, strlen("NUMA nodes  "));
    buffer_format(out, "%u\n", slot->width);
}

static size_t widest_cpus(const struct plan *p)
{
    struct buffer text = BUFFER_EMPTY;
    size_t widest = strlen("cpus");
    for (size_t i = 0; i < p->slot_count; i++) {
        buffer_clear(&text);
        cpuset_text(&text, &p->slots[i].cpus);
        widest = text.length > widest ? text.length : widest;
    }
    buffer_finish(&text);
    return widest;
}

void plan_view_slots(struct buffer *out, const struct plan *p)
{
    size_t width = widest_cpus(p);
    size_t start = out->length;
    buffer_text(out, "workers  cpus");
    pad_to(out, start, strlen("workers  ") + width + GAP);
    buffer_text(out, "NUMA nodes  width\n");
    for (size_t i = 0, last; i < p->slot_count; i = last + 1) {
        int step = 0;
        last = p->slot_count > MANY_SLOTS ? run_end(p, i, &step) : i;
        if (step == 0 || last - i < 4) {
            if (step != 0)
                last = i;
            list_slots(out, p, i, last, width);
            continue;
        }
        list_slots(out, p, i, i, width);
        list_slots(out, p, i + 1, i + 1, width);
        buffer_format(out, "...      %d further each\n", step);
        list_slots(out, p, last, last, width);
    }
}
