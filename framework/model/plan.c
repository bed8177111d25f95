// SPDX-License-Identifier: BSD-3-Clause
#include "model/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void machine_finish(struct machine *m)
{
    free(m->pus);
    *m = (struct machine){0};
}

void plan_finish(struct plan *p)
{
    free(p->slots);
    *p = (struct plan){0};
}

const char *plan_object_noun(enum job_binding binding, uint64_t count)
{
    static const char *const nouns[][2] = {
        [BIND_NONE] = {"CPU", "CPUs"},
        [BIND_PU] = {"CPU", "CPUs"},
        [BIND_CORE] = {"core", "cores"},
        [BIND_L3] = {"L3 cache", "L3 caches"},
        [BIND_NUMA] = {"NUMA node", "NUMA nodes"},
        [BIND_PACKAGE] = {"package", "packages"},
    };
    return nouns[binding][count != 1];
}

// The levels of a machine, innermost first.
enum level {
    LEVEL_PU,
    LEVEL_CORE,
    LEVEL_L3,
    LEVEL_NUMA,
    LEVEL_PACKAGE,
    LEVEL_MACHINE,
    LEVEL_COUNT
};

// A PU that counts, and the number of its object at each level.
struct place {
    const struct machine_pu *pu;
    int at[LEVEL_COUNT];
};

// Neighbouring objects for one worker: places[first..end).
struct group {
    size_t first;
    size_t end;
    int at[LEVEL_COUNT]; // numbers of the first place
    size_t turn;         // scatter: its index among those of the same parent, one level at a time
    int parent;          // scatter: the number of the parent object
};

struct layout {
    struct place *places;
    size_t place_count;
    struct group *objects;
    size_t object_count;
    struct group *groups;
    size_t group_count;
};

static void layout_finish(struct layout *l)
{
    free(l->places);
    free(l->objects);
    free(l->groups);
}

// PUs that share no L3 form one object of that level for each package. Its numbers differ from the
// L3s'.
static int l3_or_package(const struct machine_pu *pu)
{
    return pu->l3 >= 0 ? pu->l3 : -1 - pu->package;
}

static int find_places(const struct machine *m, unsigned cpu_limit, struct layout *l, br_error *err)
{
    l->places = calloc(m->pu_count ? m->pu_count : 1, sizeof *l->places);
    if (!l->places)
        return br_error_nomem(err);
    for (size_t i = 0; i < m->pu_count; i++) {
        const struct machine_pu *pu = &m->pus[i];
        if (!pu->allowed || (cpu_limit > 0 && l->place_count == cpu_limit))
            continue;
        l->places[l->place_count++] = (struct place){
            .pu = pu,
            .at = {[LEVEL_PU] = (int)i,
                   [LEVEL_CORE] = pu->core,
                   [LEVEL_L3] = l3_or_package(pu),
                   [LEVEL_NUMA] = pu->numa,
                   [LEVEL_PACKAGE] = pu->package,
                   [LEVEL_MACHINE] = 0},
        };
    }
    if (l->place_count == 0)
        return br_error_set(err, BR_ERR_USAGE, "this process may not use any CPU of this machine");
    return 0;
}

static enum level binding_level(enum job_binding binding)
{
    static const enum level levels[] = {
        [BIND_NONE] = LEVEL_PU, [BIND_PU] = LEVEL_PU,     [BIND_CORE] = LEVEL_CORE,
        [BIND_L3] = LEVEL_L3,   [BIND_NUMA] = LEVEL_NUMA, [BIND_PACKAGE] = LEVEL_PACKAGE,
    };
    return levels[binding];
}

static struct group group_begin(const struct layout *l, size_t place)
{
    struct group group = {.first = place, .end = place};
    for (int level = 0; level < LEVEL_COUNT; level++)
        group.at[level] = l->places[place].at[level];
    return group;
}

// Finds the objects, which are runs of places, because an object's PUs are neighbours in logical
// order.
static int find_objects(struct layout *l, enum level level, br_error *err)
{
    l->objects = calloc(l->place_count, sizeof *l->objects);
    if (!l->objects)
        return br_error_nomem(err);
    for (size_t i = 0; i < l->place_count; i++) {
        if (i == 0 || l->places[i].at[level] != l->places[i - 1].at[level])
            l->objects[l->object_count++] = group_begin(l, i);
        l->objects[l->object_count - 1].end = i + 1;
    }
    return 0;
}

// Forms groups of `width` objects of which none crosses a boundary of `level`.
static void group_within(struct layout *l, enum level level, unsigned width)
{
    l->group_count = 0;
    size_t run = 0; // first object of the group that is being filled
    for (size_t i = 0; i < l->object_count; i++) {
        if (l->objects[i].at[level] != l->objects[run].at[level])
            run = i;
        if (i - run + 1 < width)
            continue;
        struct group group = l->objects[run];
        group.end = l->objects[i].end;
        l->groups[l->group_count++] = group;
        run = i + 1;
        if (run == l->object_count)
            break;
    }
}

// Adds a last group for workers that share objects: the objects that are left over, and as many
// before them as it needs to be whole, if there are so many.
static void group_leftover(struct layout *l, unsigned width)
{
    size_t n = l->object_count;
    if (n % width == 0)
        return;
    struct group group = l->objects[width < n ? n - width : 0];
    group.end = l->objects[n - 1].end;
    l->groups[l->group_count++] = group;
}

// Forms at least `needed` groups, each as close together as that allows. If there are too few
// objects, forms groups that hold them all.
static int find_groups(struct layout *l, unsigned width, size_t needed, br_error *err)
{
    l->groups = calloc(l->object_count, sizeof *l->groups);
    if (!l->groups)
        return br_error_nomem(err);
    for (enum level level = LEVEL_L3; level <= LEVEL_MACHINE; level++) {
        group_within(l, level, width);
        if (l->group_count >= needed)
            return 0;
    }
    group_leftover(l, width);
    return 0;
}

static int compare_turns(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    if (a->turn != b->turn)
        return a->turn < b->turn ? -1 : 1;
    return a->first < b->first ? -1 : a->first > b->first;
}

// Sorts the groups by their turns: all groups with the first turn in logical order, then those with
// the second, and so on. The resulting order is the turn at the level above.
static void deal(struct group *groups, size_t count, enum level parent)
{
    for (size_t i = 0; i < count; i++)
        groups[i].parent = groups[i].at[parent];
    qsort(groups, count, sizeof *groups, compare_turns);
    for (size_t i = 0; i < count; i++)
        groups[i].turn =
            i > 0 && groups[i].parent == groups[i - 1].parent ? groups[i - 1].turn + 1 : 0;
}

static void scatter(struct group *groups, size_t count)
{
    for (enum level parent = LEVEL_CORE; parent <= LEVEL_MACHINE; parent++)
        deal(groups, count, parent);
}

static void add_places(const struct layout *l, struct group group, struct plan_slot *slot)
{
    for (size_t i = group.first; i < group.end; i++) {
        cpuset_add(&slot->cpus, l->places[i].pu->os_index);
        cpuset_add(&slot->nodes, l->places[i].pu->numa_os_index);
    }
}

static unsigned count_cores(const struct layout *l, const struct plan_slot *slot)
{
    unsigned count = 0;
    int last = -1;
    for (size_t i = 0; i < l->place_count; i++) {
        if (cpuset_has(&slot->cpus, l->places[i].pu->os_index) && l->places[i].pu->core != last) {
            last = l->places[i].pu->core;
            count++;
        }
    }
    return count;
}

static unsigned slot_width(const struct layout *l, const struct job_workers *workers,
                           const struct plan_slot *slot)
{
    switch (workers->binding) {
    case BIND_NONE:
        return workers->width;
    case BIND_PU:
        return cpuset_count(&slot->cpus);
    default:
        return count_cores(l, slot);
    }
}

static int fill_slots(struct layout *l, const struct job_workers *workers, struct plan *p,
                      br_error *err)
{
    if (find_groups(l, workers->width, p->slot_count, err) != 0)
        return -1;
    if (workers->layout == LAYOUT_SCATTER)
        scatter(l->groups, l->group_count);
    for (size_t w = 0; w < p->slot_count; w++) {
        struct plan_slot *slot = &p->slots[w];
        if (workers->binding == BIND_NONE)
            add_places(l, (struct group){.end = l->place_count}, slot);
        else
            add_places(l, l->groups[w % l->group_count], slot);
        slot->width = slot_width(l, workers, slot);
    }
    return 0;
}

// Returns the number of workers, or 0 and *err.
static size_t count_workers(const struct job_workers *workers, size_t objects, unsigned cpu_limit,
                            br_error *err)
{
    uint64_t count = workers->count;
    if (count == 0)
        count = workers->width < objects ? objects / workers->width : 1;
    if (count > PLAN_WORKERS_MAX) {
        br_error_set(err, BR_ERR_USAGE, "%" PRIu64 " workers were requested; the limit is %d",
                     count, PLAN_WORKERS_MAX);
        return 0;
    }
    uint64_t needed = count * workers->width;
    if (needed > objects && !workers->oversubscribe) {
        char limit[64] = "";
        if (cpu_limit > 0)
            snprintf(limit, sizeof limit, " (SLURM_CPUS_PER_TASK is %u)", cpu_limit);
        br_error_set(err, BR_ERR_USAGE,
                     "%" PRIu64 " worker%s of width %u need%s %" PRIu64
                     " %s; this process may use %zu%s: lower workers.%s, or set "
                     "workers.oversubscribe: true",
                     count, count == 1 ? "" : "s", workers->width, count == 1 ? "s" : "", needed,
                     plan_object_noun(workers->binding, needed), objects, limit,
                     count == 1 ? "width" : "count");
        return 0;
    }
    return (size_t)count;
}

static int lay_out(const struct machine *m, const struct job_workers *workers, unsigned cpu_limit,
                   struct layout *l, struct plan *p, br_error *err)
{
    if (find_places(m, cpu_limit, l, err) != 0 ||
        find_objects(l, binding_level(workers->binding), err) != 0)
        return -1;
    p->object_count = l->object_count;
    p->slot_count = count_workers(workers, l->object_count, cpu_limit, err);
    if (p->slot_count == 0)
        return -1;
    p->slots = calloc(p->slot_count, sizeof *p->slots);
    if (!p->slots)
        return br_error_nomem(err);
    return fill_slots(l, workers, p, err);
}

int plan_make(const struct machine *m, const struct job_workers *workers, unsigned cpu_limit,
              struct plan *out, br_error *err)
{
    struct layout l = {0};
    struct plan p = {.binding = workers->binding};
    struct job_workers checked = *workers;
    if (checked.width == 0)
        checked.width = 1;
    int result = lay_out(m, &checked, cpu_limit, &l, &p, err);
    if (result == 0)
        *out = p;
    else
        plan_finish(&p);
    layout_finish(&l);
    return result;
}
