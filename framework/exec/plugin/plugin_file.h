// SPDX-License-Identifier: BSD-3-Clause
// A plugin's file: opened once, checked, and copied, so that the file that was checked is the file
// that every worker loads, whatever happens to it in the meantime.
#ifndef BR_EXEC_PLUGIN_PLUGIN_FILE_H
#define BR_EXEC_PLUGIN_PLUGIN_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/wire.h"
#include "model/job.h"

// What another process needs to load the plugin. Strings are borrowed.
struct plugin_source {
    const char *path; // where it lies, for messages; absolute
    const char *load; // what is loaded
    struct plugin_stamp {
        uint64_t device, inode, size;
        int64_t modified_ns, changed_ns;
    } stamp; // of what `load` names: loading another file is refused
};

// Plugins with what their init is given, in the job's order. Borrowed.
struct plugin_list {
    const struct plugin_use {
        const struct plugin_source *source;
        const struct job_settings *config;
    } * items;
    size_t count;
};

struct plugin_file {
    struct plugin_source source;
    int fd; // the copy, or -1
};

// Opens the plugin at the absolute `path` and copies it into sealed memory of this process, from
// where its children load it. Refused (BR_ERR_PLUGIN, with the cure) is a file that another user
// could have changed or put there: one that it, or a folder above it, is writable by everyone or
// belongs to neither root nor this user.
//
// A plugin that looks for libraries beside itself ($ORIGIN) is loaded where it lies, since a copy
// would not find them; once it has been changed it is not loaded any more.
int plugin_file_open(const char *path, struct plugin_file *out, br_error *err);

void plugin_file_close(struct plugin_file *f); // takes a closed one ({.fd = -1})

void plugin_stamp_of(const struct stat *st, struct plugin_stamp *out);

void plugin_source_write(struct buffer *out, const struct plugin_source *s);
void plugin_source_read(struct wire *w, struct plugin_source *out); // texts stay in what is read

#endif
