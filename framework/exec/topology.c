// SPDX-License-Identifier: BSD-3-Clause
// Reads machines by hwloc.
#include "exec/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/kernel.h"

// The sets that decide whether a PU or a node may be used. `affinity` is NULL if all allowed PUs
// are.
struct limits {
    hwloc_const_cpuset_t allowed_pus;
    hwloc_const_nodeset_t allowed_nodes;
    hwloc_const_cpuset_t affinity;
};

// Keeps only the objects that a plan needs, because all others, above all I/O devices, take time.
static int open_topology(hwloc_topology_t *out, br_error *err)
{
    static const hwloc_obj_type_t kept[] = {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_CORE};
    hwloc_topology_t t;
    if (hwloc_topology_init(&t) != 0)
        return br_error_errno(err, "hwloc cannot start");
    int failed = hwloc_topology_set_all_types_filter(t, HWLOC_TYPE_FILTER_KEEP_NONE);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        failed |= hwloc_topology_set_type_filter(t, kept[i], HWLOC_TYPE_FILTER_KEEP_ALL);
    failed |= hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (failed) {
        br_error_errno(err, "cannot set up hwloc");
        hwloc_topology_destroy(t);
        return -1;
    }
    *out = t;
    return 0;
}

// ---- Reading a loaded topology

// Memory-side caches may lie between an object and its NUMA nodes.
static hwloc_obj_t node_below(hwloc_obj_t memory)
{
    while (memory && memory->type != HWLOC_OBJ_NUMANODE)
        memory = memory->memory_first_child;
    return memory;
}

static bool node_usable(const struct limits *limits, hwloc_obj_t node)
{
    return node->attr->numanode.local_memory > 0 &&
           hwloc_bitmap_isset(limits->allowed_nodes, node->os_index);
}

// Returns the node nearest to `pu`: of the nodes of the nearest object that has any, the first that
// this process may take memory from, or else the first.
static hwloc_obj_t nearest_node(const struct limits *limits, hwloc_obj_t pu)
{
    hwloc_obj_t first = NULL;
    for (hwloc_obj_t obj = pu; obj && !first; obj = obj->parent) {
        for (hwloc_obj_t m = obj->memory_first_child; m; m = m->next_sibling) {
            hwloc_obj_t node = node_below(m);
            if (node && node_usable(limits, node))
                return node;
            if (!first)
                first = node;
        }
    }
    return first;
}

// Returns the node to take memory from: `nearest` or, if it has none to give, the first node that
// has in the smallest object around `pu`.
static hwloc_obj_t memory_node(hwloc_topology_t t, const struct limits *limits, hwloc_obj_t pu,
                               hwloc_obj_t nearest)
{
    if (!nearest || node_usable(limits, nearest))
        return nearest;
    for (hwloc_obj_t obj = pu; obj; obj = obj->parent) {
        for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, n));)
            if (hwloc_bitmap_isset(obj->nodeset, n->os_index) && node_usable(limits, n))
                return n;
    }
    return nearest;
}

// Returns the object of `type` that contains `pu`, or `otherwise` if there is none.
static int index_above(hwloc_topology_t t, hwloc_obj_t pu, hwloc_obj_type_t type, int otherwise)
{
    hwloc_obj_t obj = hwloc_get_ancestor_obj_by_type(t, type, pu);
    return obj ? (int)obj->logical_index : otherwise;
}

static int read_pu(hwloc_topology_t t, const struct limits *limits, hwloc_obj_t pu,
                   struct machine_pu *out, br_error *err)
{
    hwloc_obj_t nearest = nearest_node(limits, pu);
    hwloc_obj_t memory = memory_node(t, limits, pu, nearest);
    unsigned numa_os_index = memory ? memory->os_index : 0;
    if (pu->os_index >= CPUSET_MAX || numa_os_index >= CPUSET_MAX)
        return br_error_set(
            err, BR_ERR_SYSTEM,
            "this machine has CPU %u on NUMA node %u; batchrun can number %d of each", pu->os_index,
            numa_os_index, CPUSET_MAX);
    int cores = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
    int packages = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE);
    *out = (struct machine_pu){
        .os_index = pu->os_index,
        // Without cores each PU counts as one; without packages the machine counts as one.
        .core = index_above(t, pu, HWLOC_OBJ_CORE, cores + (int)pu->logical_index),
        .l3 = index_above(t, pu, HWLOC_OBJ_L3CACHE, -1),
        .numa = nearest ? (int)nearest->logical_index : 0,
        .numa_os_index = numa_os_index,
        .package = index_above(t, pu, HWLOC_OBJ_PACKAGE, packages),
        .allowed = hwloc_bitmap_isset(limits->allowed_pus, pu->os_index) &&
                   (!limits->affinity || hwloc_bitmap_isset(limits->affinity, pu->os_index)),
    };
    return 0;
}

static int read_machine(hwloc_topology_t t, hwloc_const_cpuset_t affinity, struct machine *out,
                        br_error *err)
{
    struct limits limits = {
        .allowed_pus = hwloc_topology_get_allowed_cpuset(t),
        .allowed_nodes = hwloc_topology_get_allowed_nodeset(t),
        .affinity = affinity,
    };
    int count = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
    if (count <= 0)
        return br_error_set(err, BR_ERR_SYSTEM, "hwloc sees no CPU");
    struct machine m = {.pus = calloc((size_t)count, sizeof *m.pus), .pu_count = (size_t)count};
    if (!m.pus)
        return br_error_nomem(err);
    for (size_t i = 0; i < m.pu_count; i++) {
        hwloc_obj_t pu = hwloc_get_obj_by_type(t, HWLOC_OBJ_PU, (unsigned)i);
        if (read_pu(t, &limits, pu, &m.pus[i], err) != 0) {
            machine_finish(&m);
            return -1;
        }
    }
    *out = m;
    return 0;
}

// ---- This machine

static int refuse_other_machine(br_error *err)
{
    static const char *const names[] = {"HWLOC_XMLFILE", "HWLOC_SYNTHETIC", "HWLOC_FSROOT",
                                        "HWLOC_CPUID_PATH", "HWLOC_THISSYSTEM"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            return br_error_set(err, BR_ERR_USAGE,
                                "the environment variable %s has hwloc describe a recorded machine "
                                "instead of this one: unset it (env -u %s ...)",
                                names[i], names[i]);
    return 0;
}

static bool is_single_threaded(void)
{
    struct stat st;
    return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3; // ".", "..", one thread
}

// Returns a copy of the environment without hwloc's variables, and without its plugins, which are
// for devices and load X11 and OpenCL. The strings are those of the environment. Returns NULL if
// memory ran out.
static char **plain_environment(void)
{
    static char no_plugins[] = "HWLOC_PLUGINS_PATH=/nonexistent";
    static char no_messages[] = "HWLOC_HIDE_ERRORS=2"; // of a missing /sys, without which it works
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **copy = calloc(count + 3, sizeof *copy);
    if (!copy)
        return NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "HWLOC_", strlen("HWLOC_")) != 0)
            copy[kept++] = environ[i];
    copy[kept++] = no_plugins;
    copy[kept] = no_messages;
    return copy;
}

static int read_this_machine(hwloc_topology_t t, struct machine *out, br_error *err)
{
    if (!hwloc_topology_is_thissystem(t))
        return br_error_set(err, BR_ERR_SYSTEM, "hwloc does not describe this machine");
    hwloc_bitmap_t affinity = hwloc_bitmap_alloc();
    if (!affinity)
        return br_error_nomem(err);
    int result;
    if (hwloc_get_cpubind(t, affinity, HWLOC_CPUBIND_THREAD) != 0)
        result = br_error_errno(err, "cannot read the CPU affinity of this process");
    else
        result = read_machine(t, affinity, out, err);
    hwloc_bitmap_free(affinity);
    return result;
}

// hwloc repeats this call for ever if it is refused.
static int check_affinity(br_error *err)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 || !kernel_refuses(errno))
        return 0;
    return kernel_error(err, "sched_getaffinity", "cannot read the CPU affinity of this process");
}

int topology_unbindable(void)
{
    // Without a set the call can only fail: EFAULT if it is allowed.
    return sched_setaffinity(0, sizeof(cpu_set_t), NULL) != 0 && kernel_refuses(errno) ? errno : 0;
}

static int load_this_machine(struct machine *out, br_error *err)
{
    hwloc_topology_t t;
    if (check_affinity(err) != 0 || open_topology(&t, err) != 0)
        return -1;
    int result;
    // The x86 component moves the calling thread to every PU, which is slow and finds no more than
    // the kernel knows.
    if (hwloc_topology_set_components(t, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, "x86") != 0 ||
        hwloc_topology_load(t) != 0)
        result = br_error_errno(err, "hwloc cannot read this machine from /sys and /proc");
    else
        result = read_this_machine(t, out, err);
    hwloc_topology_destroy(t);
    return result;
}

int topology_load(struct machine *out, br_error *err)
{
    if (!is_single_threaded())
        return refuse_other_machine(err) == 0 ? load_this_machine(out, err) : -1;
    char **plain = plain_environment();
    if (!plain)
        return br_error_nomem(err);
    char **saved = environ;
    environ = plain;
    int result = load_this_machine(out, err);
    environ = saved;
    free(plain);
    return result;
}

void topology_version(struct buffer *out)
{
    unsigned api = hwloc_get_api_version();
    buffer_format(out, "%s (interface %u.%u.%u)", HWLOC_VERSION, api >> 16, api >> 8 & 255,
                  api & 255);
}

// ---- Other machines

static int load_described(hwloc_topology_t t, int described, const char *what, const char *from,
                          struct machine *out, br_error *err)
{
    int result;
    if (described != 0 || hwloc_topology_load(t) != 0)
        result = br_error_set(err, BR_ERR_USAGE, "%s is not %s that hwloc can read", from, what);
    else
        result = read_machine(t, NULL, out, err);
    hwloc_topology_destroy(t);
    return result;
}

int topology_load_xml(const char *path, struct machine *out, br_error *err)
{
    hwloc_topology_t t;
    if (open_topology(&t, err) != 0)
        return -1;
    return load_described(t, hwloc_topology_set_xml(t, path), "a machine in XML", path, out, err);
}

int topology_load_synthetic(const char *description, struct machine *out, br_error *err)
{
    hwloc_topology_t t;
    if (open_topology(&t, err) != 0)
        return -1;
    return load_described(t, hwloc_topology_set_synthetic(t, description),
                          "a synthetic description", description, out, err);
}
