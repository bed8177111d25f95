// SPDX-License-Identifier: BSD-3-Clause
// Finding plugins, and loading them: in a worker, never in the coordinator.
#ifndef BR_EXEC_PLUGIN_PLUGIN_H
#define BR_EXEC_PLUGIN_PLUGIN_H

#include <batchrun/plugin.h>
#include <stddef.h>

#include "base/error.h"
#include "exec/plugin/plugin_file.h"
#include "model/schema.h"

// The absolute path of plugin `name`, for the caller to free. With `path` (relative to `directory`)
// it is that file; otherwise NAME.so is looked for in `directory`, along BATCHRUN_PLUGIN_PATH, and
// where plugins are installed. NULL and *err (BR_ERR_PLUGIN) that says where was looked.
char *plugin_locate(const char *name, const char *path, const char *directory, br_error *err);

enum {
    PLUGIN_CONSTANT = 4 // as many parts as linkers make of that
};

struct plugin_task {
    const char *name;
    const char *signature;
    const char *summary;
    int (*call)(br_task *);
};

struct plugin {
    const char *name; // as the plugin itself says; strings belong to the plugin's memory
    const char *version;
    struct plugin_task *tasks;
    size_t task_count;
    int (*init)(br_worker *);
    int (*fini)(br_worker *);
    struct plugin_range { // of addresses
        uintptr_t from, to;
    } constant[PLUGIN_CONSTANT]; // of the plugin's file, where nothing can be written
};

// Loads the file and reads what it offers. Runs the plugin's constructors: whatever may happen in a
// foreign program may happen here. Errors (BR_ERR_PLUGIN) name the path and the cure.
int plugin_load(const struct plugin_source *from, struct plugin *out, br_error *err);

// The task of that name, or NULL.
const struct plugin_task *plugin_find_task(const struct plugin *p, const char *name);

// Whether what is at this address stays as it is: a literal of the plugin's. `p` may be NULL.
bool plugin_is_constant(const struct plugin *p, const void *address);

void plugin_finish(struct plugin *p); // frees the list; the code stays loaded

// What a plugin says of itself, read without loading it into this process.
struct plugin_entry {
    char *name;
    char *text; // the signature as written
    char *summary;
    struct signature signature;
};

struct plugin_info {
    char *name;
    char *version;
    struct plugin_entry *tasks;
    size_t task_count;
};

struct nursery;
struct inspector;

// Looks into the plugin in a child of the nursery, for at most `timeout_ns`. A plugin
// that crashes, exits or hangs while it is loaded is an error that says so. The nursery must have
// no other child.
int plugin_inspect(struct nursery *n, const struct plugin_source *from, int64_t timeout_ns,
                   struct plugin_info *out, br_error *err);

// The same for up to `count` plugins at a time, while the caller does something else. The nursery
// must have no other children from the first begin to destroy, which ends those that are left.
struct inspector *inspector_create(struct nursery *n, size_t count, br_error *err);
void inspector_destroy(struct inspector *i); // takes NULL

// Has a child begin. What `from` points to must stay until destroy. Once for each place.
int inspector_begin(struct inspector *i, size_t place, const struct plugin_source *from,
                    br_error *err);
// Waits for what that child has to say, for at most `timeout_ns` from now on. After its begin has
// gone well.
int inspector_end(struct inspector *i, size_t place, int64_t timeout_ns, struct plugin_info *out,
                  br_error *err);

void plugin_info_finish(struct plugin_info *info);

// The task's entry, or NULL and *err (BR_ERR_PLUGIN) with the nearest name and the list of all.
const struct plugin_entry *plugin_info_task(const struct plugin_info *info, const char *task,
                                            br_error *err);

#endif
