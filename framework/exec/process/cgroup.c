// SPDX-License-Identifier: BSD-3-Clause
// Finds, makes and removes control groups through the files of the cgroup file systems.
#include "exec/process/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"

enum {
    PATH_SIZE = 4096,
    REMOVE_TRIES = 100 // a millisecond apart: killed processes soon leave their group
};

static const char *const controllers[CGROUP_KINDS] = {"memory", "pids", ""};

// ---- Files

static bool write_file(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    fd_close(&fd);
    return done;
}

static bool read_file(int dir, const char *name, char *text, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : fd_read_all(fd, text, size - 1);
    fd_close(&fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

// Returns whether `list`, whose words are separated by any of `separators`, contains `word`.
static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
        if ((at == list || strchr(separators, at[-1])) &&
            (at[length] == '\0' || strchr(separators, at[length])))
            return true;
    return false;
}

// ---- Finding the own groups

// Finds the path of this process's group in a hierarchy. A line of /proc/self/cgroup reads
// "4:memory:/path", or "0::/path" for version 2 (the controller "").
static bool own_path(const char *controller, char *path)
{
    char line[PATH_SIZE];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':');
        char *at = list ? strchr(list + 1, ':') : NULL;
        if (!at)
            continue;
        *at = '\0';
        found = controller[0] ? has_word(list + 1, controller, ",") : list[1] == '\0';
        if (found)
            snprintf(path, PATH_SIZE, "%s", at + 1);
    }
    if (file)
        fclose(file);
    return found;
}

// Another mount may hide this one, as in a container, so the file system's type is checked.
static int open_group(const char *path, bool unified)
{
    struct statfs fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && (fstatfs(fd, &fs) != 0 ||
                    fs.f_type != (unified ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC)))
        fd_close(&fd);
    return fd;
}

// Opens the directory of the group `path`, given a line of /proc/self/mountinfo. Returns -1 if the
// line is of another hierarchy. The part of the path above the mount's root is not visible here.
static int open_in_mount(char *line, const char *controller, const char *path)
{
    char root[PATH_SIZE], place[PATH_SIZE], type[32], options[PATH_SIZE], whole[2 * PATH_SIZE];
    char *rest = strstr(line, " - ");
    if (!rest || sscanf(line, "%*d %*d %*s %4095s %4095s", root, place) != 2 ||
        sscanf(rest, " - %31s %*s %4095s", type, options) != 2 ||
        strcmp(type, controller[0] ? "cgroup" : "cgroup2") != 0 ||
        (controller[0] && !has_word(options, controller, ",")))
        return -1;
    size_t above = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, above) != 0)
        above = strlen(path);
    snprintf(whole, sizeof whole, "%s%s", place, path + above);
    return open_group(whole, controller[0] == '\0');
}

static int open_own(const char *controller)
{
    char path[PATH_SIZE], line[4 * PATH_SIZE];
    int fd = -1;
    FILE *file = own_path(controller, path) ? fopen("/proc/self/mountinfo", "re") : NULL;
    while (file && fd < 0 && fgets(line, sizeof line, file))
        fd = fd_above_standard(open_in_mount(line, controller, path));
    if (file)
        fclose(file);
    return fd;
}

// A controller has a hierarchy of its own in version 1. If it has none it belongs to version 2,
// where a group has it if the parent's cgroup.subtree_control enables it.
static void find_own(struct cgroups *g)
{
    char list[1024];
    // Without workers only the memory group is needed: it counts what the kernel has killed.
    int kinds = g->workers > 0 ? CGROUP_KINDS : CGROUP_MEMORY + 1;
    for (int k = 0; k < kinds; k++) {
        g->own[k] = open_own(controllers[k]);
        g->unified[k] = controllers[k][0] == '\0';
        if (g->own[k] >= 0 || g->unified[k])
            continue;
        g->own[k] = open_own("");
        g->unified[k] = true;
        if (g->own[k] >= 0 && (!read_file(g->own[k], "cgroup.controllers", list, sizeof list) ||
                               !has_word(list, controllers[k], " \n")))
            fd_close(&g->own[k]);
    }
}

// ---- Making groups

static int make_group(int parent, const char *name)
{
    // A group of this name was left by an earlier process with the same pid.
    if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
        return -1;
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool set_bound(int group, enum cgroup_kind kind, bool unified, uint64_t memory)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, kind == CGROUP_MEMORY ? memory : CGROUP_PROCESSES);
    switch (kind) {
    case CGROUP_MEMORY:
        if (!write_file(group, unified ? "memory.max" : "memory.limit_in_bytes", text))
            return false;
        // Swapped-out memory counts too. Kernels may be built without either of these files.
        (void)write_file(group, unified ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
                         unified ? "0" : text);
        (void)write_file(group, "memory.oom.group", "1");
        return true;
    case CGROUP_PIDS:
        return write_file(group, "pids.max", text);
    default:
        return faccessat(group, "cgroup.kill", W_OK, 0) == 0;
    }
}

static int open_worker(const struct cgroups *g, enum cgroup_kind kind, unsigned worker)
{
    char name[32];
    snprintf(name, sizeof name, "worker-%u", worker);
    return g->made[kind] < 0 ? -1 : openat(g->made[kind], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool make_workers(const struct cgroups *g, enum cgroup_kind kind, uint64_t memory)
{
    char name[32];
    bool made = true;
    for (unsigned i = 0; made && i < g->workers; i++) {
        snprintf(name, sizeof name, "worker-%u", i);
        int group = make_group(g->made[kind], name);
        made = group >= 0 && set_bound(group, kind, g->unified[kind], memory);
        fd_close(&group);
    }
    return made;
}

static void remove_kind(struct cgroups *g, enum cgroup_kind kind);

// Enables the controller for the children of a version 2 group. The kernel refuses it while the
// group itself has processes.
static bool delegate(const struct cgroups *g, enum cgroup_kind kind, int group)
{
    char word[32];
    if (!g->unified[kind] || kind == CGROUP_KILL)
        return true;
    snprintf(word, sizeof word, "+%s", controllers[kind]);
    return write_file(group, "cgroup.subtree_control", word);
}

static void make_kind(struct cgroups *g, enum cgroup_kind kind, uint64_t memory)
{
    if (g->own[kind] < 0 || !delegate(g, kind, g->own[kind]))
        return;
    g->made[kind] = fd_above_standard(make_group(g->own[kind], g->name));
    if (g->made[kind] >= 0 && !(delegate(g, kind, g->made[kind]) && make_workers(g, kind, memory)))
        remove_kind(g, kind);
}

void cgroups_find(struct cgroups *g, unsigned workers)
{
    *g = CGROUPS_NONE;
    g->workers = workers;
    snprintf(g->name, sizeof g->name, "batchrun-%d", (int)getpid());
    find_own(g);
}

void cgroups_make(struct cgroups *g, uint64_t memory)
{
    for (int k = 0; g->workers > 0 && k < CGROUP_KINDS; k++)
        make_kind(g, (enum cgroup_kind)k, memory);
}

void cgroups_take_over(struct cgroups *g)
{
    for (int k = 0; k < CGROUP_KINDS; k++)
        if (g->own[k] >= 0)
            g->made[k] = openat(g->own[k], g->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// ---- Using them

int cgroups_door(const struct cgroups *g, enum cgroup_kind kind, unsigned worker)
{
    int group = open_worker(g, kind, worker);
    int door = group < 0 ? -1 : openat(group, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    fd_close(&group);
    return fd_above_standard(door);
}

uint64_t cgroups_oom_kills(const struct cgroups *g, unsigned worker)
{
    char text[1024];
    int group = open_worker(g, CGROUP_MEMORY, worker);
    int from = group >= 0 ? group : g->own[CGROUP_MEMORY];
    const char *name = g->unified[CGROUP_MEMORY] ? "memory.events" : "memory.oom_control";
    const char *at =
        from >= 0 && read_file(from, name, text, sizeof text) ? strstr(text, "\noom_kill ") : NULL;
    fd_close(&group);
    return at ? strtoull(at + strlen("\noom_kill "), NULL, 10) : 0;
}

void cgroups_kill(const struct cgroups *g, unsigned worker)
{
    int group = open_worker(g, CGROUP_KILL, worker);
    if (group >= 0)
        (void)write_file(group, "cgroup.kill", "1");
    fd_close(&group);
}

void cgroups_kill_all(const struct cgroups *g)
{
    if (g->made[CGROUP_KILL] >= 0)
        (void)write_file(g->made[CGROUP_KILL], "cgroup.kill", "1");
}

void cgroups_describe(const struct cgroups *g, struct buffer *out)
{
    if (g->made[CGROUP_MEMORY] >= 0)
        buffer_format(out, ", cgroup v%d", g->unified[CGROUP_MEMORY] ? 2 : 1);
    if (g->made[CGROUP_PIDS] >= 0)
        buffer_format(out, "; at most %d processes by cgroup v%d", CGROUP_PROCESSES,
                      g->unified[CGROUP_PIDS] ? 2 : 1);
}

// ---- Removing them

static bool remove_group(int parent, const char *name)
{
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            return errno != EBUSY;
        poll(NULL, 0, 1);
    }
    return false;
}

static void remove_kind(struct cgroups *g, enum cgroup_kind kind)
{
    char name[32];
    if (g->made[kind] < 0)
        return;
    bool removed = true;
    for (unsigned i = 0; removed && i < g->workers; i++) {
        snprintf(name, sizeof name, "worker-%u", i);
        removed = remove_group(g->made[kind], name);
    }
    fd_close(&g->made[kind]);
    if (removed)
        (void)remove_group(g->own[kind], g->name);
}

void cgroups_close(struct cgroups *g)
{
    for (int k = 0; k < CGROUP_KINDS; k++) {
        remove_kind(g, (enum cgroup_kind)k);
        fd_close(&g->own[k]);
    }
}
