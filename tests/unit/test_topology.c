// SPDX-License-Identifier: BSD-3-Clause
// Machines as hwloc describes them, compared with recorded ones.
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/topology.h"
#include "support/golden.h"
#include "support/suite.h"
#include "views/machine_note.h"

static void load_this(struct machine *m)
{
    br_error err = {.text = ""};
    ck_assert_msg(topology_load(m, &err) == 0, "%s", err.text);
}

// The machine's allowed PUs are exactly those of the affinity mask: in a container too, where the
// kernel has already taken the cgroup's cpuset off it.
static void assert_allowed_is_affinity(const struct machine *m)
{
    cpu_set_t mask;
    ck_assert_int_eq(sched_getaffinity(0, sizeof mask, &mask), 0);
    int allowed = 0;
    for (size_t i = 0; i < m->pu_count; i++) {
        ck_assert_int_eq(m->pus[i].allowed, CPU_ISSET(m->pus[i].os_index, &mask) != 0);
        allowed += m->pus[i].allowed;
    }
    ck_assert_int_eq(allowed, CPU_COUNT(&mask));
}

START_TEST(this_machine_has_what_this_process_may_use)
{
    struct machine m;
    load_this(&m);
    assert_allowed_is_affinity(&m);
    machine_finish(&m);
}
END_TEST

START_TEST(affinity_restricts)
{
    cpu_set_t all, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    int last = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all))
            last = cpu;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    struct machine m;
    load_this(&m);
    assert_allowed_is_affinity(&m);
    ck_assert_uint_ge(m.pu_count, (size_t)CPU_COUNT(&all));
    machine_finish(&m);
}
END_TEST

static const char *const hostile[][2] = {
    {"HWLOC_XMLFILE", "/etc/passwd"}, {"HWLOC_SYNTHETIC", "pack:7 core:9 pu:3"},
    {"HWLOC_FSROOT", "/nonexistent"}, {"HWLOC_CPUID_PATH", "/nonexistent"},
    {"HWLOC_THISSYSTEM", "0"},
};

START_TEST(environment_does_not_replace_the_machine)
{
    ck_assert_int_eq(setenv(hostile[_i][0], hostile[_i][1], 1), 0);
    char **before = environ;
    struct machine m;
    load_this(&m);
    assert_allowed_is_affinity(&m);
    ck_assert_uint_ne(m.pu_count, 7 * 9 * 3);
    ck_assert_ptr_eq(environ, before);
    ck_assert_str_eq(getenv(hostile[_i][0]), hostile[_i][1]);
    machine_finish(&m);
}
END_TEST

static void *wait_for_byte(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 0 ? arg : NULL;
}

START_TEST(environment_is_refused_beside_threads)
{
    int ends[2];
    pthread_t thread;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_byte, &ends[0]), 0);
    struct machine m = {.pu_count = 77};
    load_this(&m);
    assert_allowed_is_affinity(&m);
    machine_finish(&m);

    br_error err;
    m.pu_count = 77;
    ck_assert_int_eq(setenv(hostile[_i][0], hostile[_i][1], 1), 0);
    ck_assert_int_eq(topology_load(&m, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_ptr_nonnull(strstr(err.text, hostile[_i][0]));
    ck_assert_uint_eq(m.pu_count, 77);

    close(ends[1]);
    void *result;
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    ck_assert_ptr_eq(result, &ends[0]);
    close(ends[0]);
}
END_TEST

START_TEST(objects_are_numbered_in_logical_order)
{
    struct machine m;
    br_error err;
    ck_assert_int_eq(topology_load_synthetic("pack:2 [numa] l3:2 core:3 pu:2", &m, &err), 0);
    ck_assert_uint_eq(m.pu_count, 24);
    for (int i = 0; i < 24; i++) {
        const struct machine_pu *pu = &m.pus[i];
        ck_assert_uint_eq(pu->os_index, (unsigned)i);
        ck_assert_int_eq(pu->core, i / 2);
        ck_assert_int_eq(pu->l3, i / 6);
        ck_assert_int_eq(pu->package, i / 12);
        ck_assert_int_eq(pu->numa, i / 12);
        ck_assert(pu->allowed);
    }
    machine_finish(&m);
}
END_TEST

START_TEST(a_journal_keeps_the_machine)
{
    struct machine m, read;
    br_error err;
    ck_assert_int_eq(
        topology_load_synthetic("pack:2 [numa] core:3 pu:2(indexes=2*6:6*1)", &m, &err), 0);
    struct buffer text = BUFFER_EMPTY;
    machine_note_put(&text, &m);
    buffer_char(&text, '\0');
    ck_assert_int_eq(strncmp(text.data, "0 0 0 -1 0\n6 0 0 -1 0\n1 0 0 -1 1\n", 33), 0);
    ck_assert_int_eq(machine_note_read(text.data, &read, &err), 0);
    ck_assert_uint_eq(read.pu_count, 12);
    for (int i = 0; i < 12; i++) {
        ck_assert_uint_eq(read.pus[i].os_index, m.pus[i].os_index);
        ck_assert_int_eq(read.pus[i].core, m.pus[i].core);
        ck_assert_int_eq(read.pus[i].l3, m.pus[i].l3);
        ck_assert_int_eq(read.pus[i].numa, m.pus[i].numa);
        ck_assert_int_eq(read.pus[i].package, m.pus[i].package);
    }
    static const char *const bad[] = {"",   "0 0 0 0 0",          "0 0 0 0\n",
                                      "\n", "99999999 0 0 0 0\n", "0 0 0 0 0\nx 0 0 0 0\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(machine_note_read(bad[i], &read, &err), -1);
    buffer_finish(&text);
    machine_finish(&read);
    machine_finish(&m);
}
END_TEST

START_TEST(a_machine_may_tell_little)
{
    struct machine m;
    br_error err;
    ck_assert_int_eq(topology_load_synthetic("[numa] pu:3", &m, &err), 0);
    ck_assert_uint_eq(m.pu_count, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(m.pus[i].core, i);
        ck_assert_int_eq(m.pus[i].l3, -1);
        ck_assert_int_eq(m.pus[i].package, 0);
        ck_assert_int_eq(m.pus[i].numa, 0);
    }
    machine_finish(&m);
}
END_TEST

START_TEST(memory_comes_from_a_node_that_has_some)
{
    // Node 1 has no memory, node 2 may not be used: both L3s of package 1 turn to node 0.
    static const int numa[] = {0, 0, 1, 1, 2, 2};
    char path[1024];
    golden_path("memoryless.xml", path, sizeof path);
    struct machine m;
    br_error err;
    ck_assert_int_eq(topology_load_xml(path, &m, &err), 0);
    ck_assert_uint_eq(m.pu_count, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(m.pus[i].numa, numa[i]);
        ck_assert_uint_eq(m.pus[i].numa_os_index, 0);
    }
    machine_finish(&m);
}
END_TEST

START_TEST(what_is_no_machine_is_refused)
{
    struct machine m = {.pu_count = 77};
    br_error err;
    ck_assert_int_eq(topology_load_xml("/nonexistent", &m, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(topology_load_xml("/etc/passwd", &m, &err), -1);
    ck_assert_str_eq(err.text, "/etc/passwd is not a machine in XML that hwloc can read");
    ck_assert_int_eq(topology_load_synthetic("cheese:3", &m, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_USAGE);
    ck_assert_int_eq(topology_load_synthetic("[numa] core:1 pu:1(indexes=4096)", &m, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_SYSTEM);
    ck_assert_str_eq(err.text,
                     "this machine has CPU 4096 on NUMA node 0; batchrun can number 4096 of each");
    ck_assert_uint_eq(m.pu_count, 77);
}
END_TEST

SUITE(topology)
{
    const int count = (int)(sizeof hostile / sizeof *hostile);
    TEST(this_machine_has_what_this_process_may_use);
    TEST(affinity_restricts);
    LOOP_TEST(environment_does_not_replace_the_machine, count);
    LOOP_TEST(environment_is_refused_beside_threads, count);
    TEST(objects_are_numbered_in_logical_order);
    TEST(a_journal_keeps_the_machine);
    TEST(a_machine_may_tell_little);
    TEST(memory_comes_from_a_node_that_has_some);
    TEST(what_is_no_machine_is_refused);
}
