// SPDX-License-Identifier: BSD-3-Clause
// Finding plugins, and inspecting them without loading them into this process.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#include "base/clock.h"
#include "base/fd.h"
#include "exec/plugin/plugin.h"
#include "exec/worker/children.h"
#include "support/suite.h"

#define PLUGINS BUILD "/tests/plugins/.libs"

static struct nursery nursery;
static char directory[64];

static void setup(void)
{
    br_error err;
    strcpy(directory, "/tmp/batchrun-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
}

static void teardown(void)
{
    char command[128];
    nursery_stop(&nursery);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const void *data, size_t size)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fd_write_all(fd, data, size), 0);
    close(fd);
}

static void make_directory(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

// A time limit that only a plugin that hangs exceeds.
static int64_t long_enough(void)
{
    return (int64_t)(patience() * NS_PER_S);
}

// ---- Finding

static void assert_found(const char *name, const char *path, const char *from, const char *end)
{
    br_error err = {0};
    char *found = plugin_locate(name, path, from, &err);
    ck_assert_msg(found, "%s", err.text);
    ck_assert_int_eq(found[0], '/');
    size_t length = strlen(found), tail = strlen(end);
    ck_assert_msg(length >= tail && strcmp(found + length - tail, end) == 0, "%s", found);
    free(found);
}

START_TEST(a_plugin_is_found_beside_the_job_and_along_the_path)
{
    char list[256];
    write_file("here.so", "", 0);
    make_directory("a");
    make_directory("b");
    write_file("b/there.so", "", 0);
    write_file("b/here.so", "", 0);
    snprintf(list, sizeof list, "%s/none::%s/a:%s/b", directory, directory, directory);
    setenv("BATCHRUN_PLUGIN_PATH", list, 1);
    assert_found("here", NULL, directory, "/here.so");
    assert_found("there", NULL, directory, "/b/there.so");
    assert_found("any", "b/here.so", directory, "/b/here.so");
    assert_found("any", "./b/../here.so", directory, "/here.so");
    snprintf(list, sizeof list, "%s/here.so", directory);
    assert_found("any", list, "/nowhere", "/here.so");
}
END_TEST

START_TEST(a_plugin_that_is_not_found_is_reported_with_all_places)
{
    br_error err = {0};
    setenv("BATCHRUN_PLUGIN_PATH", "/one:/two", 1);
    make_directory("dir.so"); // a directory is not a plugin
    ck_assert_ptr_null(plugin_locate("dir", NULL, directory, &err));
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "plugin `dir` was not found"));
    ck_assert_ptr_nonnull(strstr(err.text, directory));
    ck_assert_ptr_nonnull(strstr(err.text, "/one/dir.so, /two/dir.so"));
    ck_assert_ptr_null(plugin_locate("dir", "dir.so", directory, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "there is no file"));
}
END_TEST

// ---- Inspecting

// Opens the file and inspects it.
static int inspect(const char *path, int64_t timeout_ns, struct plugin_info *info, br_error *err)
{
    struct plugin_file file;
    *info = (struct plugin_info){0};
    if (plugin_file_open(path, &file, err) != 0)
        return -1;
    int result = plugin_inspect(&nursery, &file.source, timeout_ns, info, err);
    plugin_file_close(&file);
    return result;
}

static void assert_refused(const char *path, int64_t timeout_ns, const char *why)
{
    br_error err = {0};
    struct plugin_info info;
    ck_assert_int_eq(inspect(path, timeout_ns, &info, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_msg(strstr(err.text, path), "%s", err.text);
    ck_assert_msg(strstr(err.text, why), "%s", err.text);
    ck_assert_ptr_null(info.tasks);
}

static void assert_good(void)
{
    br_error err = {0};
    struct plugin_info info;
    int result = inspect(PLUGINS "/configured.so", long_enough(), &info, &err);
    ck_assert_msg(result == 0, "%s", err.text);
    ck_assert_str_eq(info.name, "configured");
    ck_assert_str_eq(info.version, "1.0");
    const struct plugin_entry *echo = plugin_info_task(&info, "echo", &err);
    ck_assert_ptr_nonnull(echo);
    ck_assert_str_eq(echo->summary, "one of each type");
    ck_assert_uint_eq(echo->signature.inputs.count, 4);
    ck_assert_uint_eq(echo->signature.results.count, 4);
    ck_assert(plugin_info_task(&info, "about", &err)->signature.any_input);
    ck_assert_ptr_null(plugin_info_task(&info, "ehco", &err));
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.text, "did you mean `echo`?"));
    ck_assert_ptr_null(plugin_info_task(&info, "completely_else", &err));
    ck_assert_ptr_nonnull(strstr(err.text, "it has: scaled, environment, about, echo"));
    plugin_info_finish(&info);
}

START_TEST(a_good_plugin_lists_its_tasks)
{
    assert_good();
    assert_good(); // the nursery can do it again
}
END_TEST

START_TEST(a_constructor_that_misbehaves_is_an_error)
{
    assert_refused(PLUGINS "/constructor_crashes.so", long_enough(), "crashed while it was loaded");
    setenv("MISLOADED", "exit", 1);
    nursery_stop(&nursery); // its children have the environment of its start
    br_error err;
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
    assert_refused(PLUGINS "/misloaded.so", long_enough(), "exit(0)");
    setenv("MISLOADED", "hang", 1);
    nursery_stop(&nursery);
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
    assert_refused(PLUGINS "/misloaded.so", 200 * NS_PER_MS, "loading it timed out");
    assert_good();
}
END_TEST

// Their ends are waited for from the last to the first, so that each wait meets the ends of others.
START_TEST(several_are_inspected_at_once)
{
    static const char *const paths[] = {PLUGINS "/configured.so", PLUGINS "/constructor_crashes.so",
                                        PLUGINS "/not_a_plugin.so"};
    enum {
        COUNT = 3
    };
    br_error err[COUNT] = {{0}};
    struct plugin_file files[COUNT];
    struct plugin_info infos[COUNT];
    struct inspector *inspector = inspector_create(&nursery, COUNT, &err[0]);
    ck_assert_ptr_nonnull(inspector);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_int_eq(plugin_file_open(paths[i], &files[i], &err[i]), 0);
        ck_assert_int_eq(inspector_begin(inspector, i, &files[i].source, &err[i]), 0);
    }
    for (size_t i = COUNT; i-- > 0;)
        ck_assert_int_eq(inspector_end(inspector, i, long_enough(), &infos[i], &err[i]),
                         i == 0 ? 0 : -1);
    inspector_destroy(inspector);
    ck_assert_str_eq(infos[0].name, "configured");
    plugin_info_finish(&infos[0]);
    ck_assert_ptr_nonnull(strstr(err[1].text, "crashed while it was loaded"));
    ck_assert_ptr_nonnull(strstr(err[2].text, "not a batchrun plugin"));
    for (size_t i = 0; i < COUNT; i++)
        plugin_file_close(&files[i]);
}
END_TEST

START_TEST(an_inspection_that_nobody_waits_for_is_killed)
{
    br_error err;
    struct plugin_file file;
    setenv("MISLOADED", "hang", 1);
    nursery_stop(&nursery);
    ck_assert_int_eq(nursery_start(&nursery, nursery_children, &err), 0);
    ck_assert_int_eq(plugin_file_open(PLUGINS "/misloaded.so", &file, &err), 0);
    struct inspector *inspector = inspector_create(&nursery, 2, &err);
    ck_assert_ptr_nonnull(inspector);
    ck_assert_int_eq(inspector_begin(inspector, 0, &file.source, &err), 0);
    inspector_destroy(inspector);
    plugin_file_close(&file);
    assert_good();
}
END_TEST

START_TEST(a_file_that_is_not_a_plugin_is_an_error)
{
    assert_refused(PLUGINS "/not_a_plugin.so", long_enough(), "not a batchrun plugin");
    assert_refused(PLUGINS "/future_abi.so", long_enough(), "plugin ABI");
    assert_refused(PLUGINS "/older_abi.so", long_enough(),
                   "it has plugin ABI 1, and this batchrun has 2: build it again");
    assert_refused(directory, long_enough(), "cannot be loaded as a plugin");
    assert_refused("/nowhere/none.so", long_enough(), "cannot be loaded as a plugin");
    char path[128];
    write_file("text.so", "not an object", 13);
    snprintf(path, sizeof path, "%s/text.so", directory);
    assert_refused(path, long_enough(), "cannot be loaded as a plugin");
}
END_TEST

// However much of a truncated file is there, the worst is an error.
START_TEST(a_truncated_plugin_is_an_error)
{
    br_error err = {0};
    struct buffer whole = BUFFER_EMPTY;
    char path[128];
    snprintf(path, sizeof path, "%s/torn.so", directory);
    ck_assert_int_eq(
        fd_read_file(PLUGINS "/configured.so", "plugin", (size_t)64 << 20, &whole, &err), 0);
    // A sanitizer takes seconds to describe each crash of the loader.
    unsigned step = sizeof BR_SANITIZERS > 1 ? 3 : 1;
    for (unsigned part = 0; part < 8; part += step) {
        struct plugin_info info;
        write_file("torn.so", whole.data, whole.length * part / 8);
        if (inspect(path, long_enough(), &info, &err) == 0)
            plugin_info_finish(&info); // the part may have all that the loader needs
        else
            ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    }
    buffer_finish(&whole);
}
END_TEST

// ---- The file that was checked is the file that is loaded

static void copy_plugin(const char *name, const char *more, char *path, size_t size)
{
    br_error err = {0};
    struct buffer whole = BUFFER_EMPTY;
    const char *from = PLUGINS "/configured.so";
    ck_assert_int_eq(fd_read_file(from, "plugin", (size_t)64 << 20, &whole, &err), 0);
    buffer_text(&whole, more); // after everything that the loader reads
    write_file(name, whole.data, whole.length);
    buffer_finish(&whole);
    snprintf(path, size, "%s/%s", directory, name);
}

START_TEST(a_file_that_others_could_have_changed_is_refused)
{
    char path[128];
    struct plugin_info info;
    br_error err;
    make_directory("open");
    copy_plugin("open/p.so", "", path, sizeof path);
    ck_assert_int_eq(chmod(path, 0702), 0);
    assert_refused(path, long_enough(), "it is writable by everyone");
    assert_refused(path, long_enough(), "chmod o-w");
    ck_assert_int_eq(chmod(path, 0720), 0); // a group with write access is allowed
    ck_assert_int_eq(inspect(path, long_enough(), &info, &err), 0);
    plugin_info_finish(&info);
    char folder[128];
    snprintf(folder, sizeof folder, "%s/open", directory);
    ck_assert_int_eq(chmod(folder, 0703), 0);
    assert_refused(path, long_enough(), "/open is writable by everyone");
    ck_assert_int_eq(chmod(folder, 01703), 0); // with the sticky bit, as /tmp has it
    ck_assert_int_eq(inspect(path, long_enough(), &info, &err), 0);
    plugin_info_finish(&info);
    if (geteuid() != 0)
        return; // only root can give files away
    ck_assert_int_eq(chown(path, 4711, (gid_t)-1), 0);
    assert_refused(path, long_enough(), "it belongs to user 4711");
    ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
    ck_assert_int_eq(chown(folder, 4711, (gid_t)-1), 0);
    assert_refused(path, long_enough(), "/open belongs to user 4711");
}
END_TEST

START_TEST(what_happens_to_the_file_later_does_not_matter)
{
    char path[128];
    br_error err = {0};
    struct plugin_file file;
    struct plugin_info info;
    copy_plugin("p.so", "", path, sizeof path);
    ck_assert_int_eq(plugin_file_open(path, &file, &err), 0);
    ck_assert_str_eq(file.source.path, path);
    write_file("p.so", "torn", 4);
    ck_assert_msg(plugin_inspect(&nursery, &file.source, long_enough(), &info, &err) == 0, "%s",
                  err.text);
    plugin_info_finish(&info);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(plugin_inspect(&nursery, &file.source, long_enough(), &info, &err), 0);
    plugin_info_finish(&info);
    ck_assert_int_ne(write(file.fd, "x", 1), 1);
    plugin_file_close(&file);
    ck_assert_int_eq(file.fd, -1);
}
END_TEST

START_TEST(a_plugin_with_libraries_beside_itself_is_not_copied)
{
    char path[128];
    br_error err = {0};
    struct plugin_file file;
    struct plugin_info info;
    copy_plugin("p.so", "$ORIGIN/../lib", path, sizeof path);
    ck_assert_int_eq(plugin_file_open(path, &file, &err), 0);
    ck_assert_str_eq(file.source.load, path);
    ck_assert_int_eq(plugin_inspect(&nursery, &file.source, long_enough(), &info, &err), 0);
    plugin_info_finish(&info);
    write_file("p.so", "torn", 4);
    ck_assert_int_eq(plugin_inspect(&nursery, &file.source, long_enough(), &info, &err), -1);
    ck_assert_int_eq(err.kind, BR_ERR_PLUGIN);
    ck_assert_msg(strstr(err.text, "changed or removed"), "%s", err.text);
    plugin_file_close(&file);
}
END_TEST

START_TEST(a_program_that_never_answers_is_not_waited_for)
{
    static const char script[] = "#!/bin/sh\nexec sleep 1000\n";
    char path[128];
    char *environment[] = {NULL};
    br_error err = {0};
    struct plugin_info info;
    snprintf(path, sizeof path, "%s/program", directory);
    write_file("program", script, sizeof script - 1);
    ck_assert_int_eq(chmod(path, 0755), 0);
    nursery_stop(&nursery);
    ck_assert_int_eq(nursery_start_program(&nursery, path, environment, &err), 0);
    ck_assert_int_eq(inspect(PLUGINS "/faulty.so", 100 * NS_PER_MS, &info, &err), -1);
    ck_assert_msg(strstr(err.text, "does not answer"), "%s", err.text);
}
END_TEST

START_TEST(a_plugin_that_is_not_a_regular_file_is_refused)
{
    char path[128];
    snprintf(path, sizeof path, "%s/fifo.so", directory);
    ck_assert_int_eq(mkfifo(path, 0700), 0);
    assert_refused(path, long_enough(), "not a regular file");
    snprintf(path, sizeof path, "%s/link.so", directory);
    ck_assert_int_eq(symlink(PLUGINS "/configured.so", path), 0);
    // plugin_locate resolves links, so a link in its result was put there afterwards.
    assert_refused(path, long_enough(), "cannot be loaded as a plugin");
}
END_TEST

SUITE(plugin)
{
    FIXTURE(setup, teardown);
    TEST(a_plugin_is_found_beside_the_job_and_along_the_path);
    TEST(a_plugin_that_is_not_found_is_reported_with_all_places);
    TEST(a_good_plugin_lists_its_tasks);
    TEST(a_constructor_that_misbehaves_is_an_error);
    TEST(several_are_inspected_at_once);
    TEST(an_inspection_that_nobody_waits_for_is_killed);
    TEST(a_file_that_is_not_a_plugin_is_an_error);
    TEST(a_truncated_plugin_is_an_error);
    TEST(a_file_that_others_could_have_changed_is_refused);
    TEST(what_happens_to_the_file_later_does_not_matter);
    TEST(a_plugin_with_libraries_beside_itself_is_not_copied);
    TEST(a_program_that_never_answers_is_not_waited_for);
    TEST(a_plugin_that_is_not_a_regular_file_is_refused);
}
