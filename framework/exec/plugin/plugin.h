// SPDX-License-Identifier: BSD-3-Clause
// Finding, loading and inspecting plugins. A plugin is loaded in workers and in children of the
// nursery, never in the coordinator.
#ifndef BR_EXEC_PLUGIN_PLUGIN_H
#define BR_EXEC_PLUGIN_PLUGIN_H

#include <batchrun/plugin.h>
#include <stddef.h>

#include "base/error.h"
#include "exec/plugin/plugin_file.h"
#include "model/schema.h"

// Finds plugin `name`. With `path`, which is relative to `directory`, it is that file; otherwise
// NAME.so is searched for in `directory`, in the folders of BATCHRUN_PLUGIN_PATH and in the folder
// of installed plugins. Returns its absolute path, which the caller frees; or NULL and *err
// (BR_ERR_PLUGIN with all places that were tried, BR_ERR_SYSTEM if memory ran out).
char *plugin_locate(const char *name, const char *path, const char *directory, br_error *err);

enum {
    PLUGIN_CONSTANT = 4 // most read-only parts that linkers make
};

struct plugin_task {
    const char *name;
    const char *signature;
    const char *summary;
    int (*call)(br_task *);
};

// A plugin that was loaded. Its strings belong to the plugin's memory.
struct plugin {
    const char *name; // as the plugin itself says
    const char *version;
    struct plugin_task *tasks;
    size_t task_count;
    int (*init)(br_worker *);
    int (*fini)(br_worker *);
    void *handle; // of dlopen; stays open
    struct plugin_range {
        uintptr_t from, to; // addresses
    } whole;                // all parts of the loaded file
    struct plugin_range
        constant[PLUGIN_CONSTANT]; // the read-only parts of the loaded file; unused ones are empty
};

// Loads the file and fills *out, which plugin_finish releases. Runs the plugin's constructors, so
// it may crash, exit or hang. Returns 0; or -1 and *err (BR_ERR_PLUGIN with the path and a hint,
// BR_ERR_SYSTEM if memory ran out). A file other than the one that `from` was made of is refused.
//
// A plugin that calls functions of libm, but was not linked with -lm, needs libm in the process's
// global scope, where it comes before functions of all plugins that are loaded later. With `alone`
// this function puts it there. Without, it returns 1 for such a plugin, which the caller loads with
// `alone` when it has loaded all others.
int plugin_load(const struct plugin_source *from, bool alone, struct plugin *out, br_error *err);

// Returns the task of that name, or NULL. `name` may be NULL.
const struct plugin_task *plugin_find_task(const struct plugin *p, const char *name);

// Returns whether the address is in a read-only part of the plugin, as its string literals are, so
// that its content never changes. `p` may be NULL: then false.
bool plugin_is_constant(const struct plugin *p, const void *address);

// Returns whether the address is in the plugin's file as it is loaded.
bool plugin_has(const struct plugin *p, uintptr_t address);

// Frees the list of tasks. The code stays loaded.
void plugin_finish(struct plugin *p);

// A task as a plugin describes it.
struct plugin_entry {
    char *name;
    char *text; // the signature as the plugin writes it
    char *summary;
    struct signature signature;
};

// The description of a plugin that was inspected, not loaded. plugin_info_finish frees it.
struct plugin_info {
    char *name;
    char *version;
    char **warnings; // complete sentences that begin with the plugin's path
    size_t warning_count;
    struct plugin_entry *tasks;
    size_t task_count;
};

struct nursery;
struct inspector;

// The nursery_entry of the child that inspects a plugin: entry NURSERY_INSPECTION.
int inspect_child(const int *fds, size_t count);

// Inspects the plugin in a child of the nursery. Blocks for at most `timeout_ns` nanoseconds.
// Returns 0; or -1 and *err, and then *out is empty: BR_ERR_PLUGIN if it is not a usable plugin,
// which includes one that crashes, exits or hangs while it is loaded, else BR_ERR_SYSTEM. The
// nursery must have no other child.
int plugin_inspect(struct nursery *n, const struct plugin_source *from, int64_t timeout_ns,
                   struct plugin_info *out, br_error *err);

// Inspects up to `count` plugins at once while the caller does something else. Returns an
// inspector, or NULL and *err (BR_ERR_SYSTEM). The nursery must have no other children from the
// first inspector_begin to inspector_destroy, which kills the children that are left, and takes
// NULL.
struct inspector *inspector_create(struct nursery *n, size_t count, br_error *err);
void inspector_destroy(struct inspector *i);

// Starts the inspection number `place`, from 0; once for each. The strings of `from` must stay
// until inspector_destroy. Returns 0, or -1 and *err. Does not wait for the child.
int inspector_begin(struct inspector *i, size_t place, const struct plugin_source *from,
                    br_error *err);
// Waits for the inspection number `place`, which inspector_begin has started without an error, for
// at most `timeout_ns` nanoseconds. Returns and sets *out as plugin_inspect does.
int inspector_end(struct inspector *i, size_t place, int64_t timeout_ns, struct plugin_info *out,
                  br_error *err);

// Frees what *info holds. An empty one needs no finish, but takes it.
void plugin_info_finish(struct plugin_info *info);

// Returns the entry of the task, which belongs to *info; or NULL and *err (BR_ERR_PLUGIN with the
// nearest name or the list of all names, BR_ERR_SYSTEM if memory ran out).
const struct plugin_entry *plugin_info_task(const struct plugin_info *info, const char *task,
                                            br_error *err);

#endif
