// SPDX-License-Identifier: BSD-3-Clause
// The file of a plugin. It is opened once, checked and copied, so that every worker loads the file
// that was checked, whatever happens to the original in the meantime.
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
    const char *path; // absolute path of the original, for messages
    const char *load; // path of the file to load: the copy or the original
    struct plugin_stamp {
        uint64_t device, inode, size;
        int64_t modified_ns, changed_ns;
    } stamp; // of the file `load`; plugin_load refuses a file with another stamp
};

// The plugins of a job in its order, and the settings for their init. All is borrowed.
struct plugin_list {
    const struct plugin_use {
        const struct plugin_source *source;
        const struct job_settings *config;
    } * items;
    size_t count;
};

// An open plugin. The strings of `source` and the descriptor belong to it.
struct plugin_file {
    struct plugin_source source;
    int fd; // the copy; -1 if the original is loaded
};

// Opens the plugin at the absolute `path` and copies it into sealed memory of this process, from
// which its children load it. Returns 0; or -1 and *err (BR_ERR_PLUGIN with a hint if the file is
// refused or cannot be opened, else BR_ERR_SYSTEM), and then *out is closed. A file is refused if
// another user could have changed it or put it there: it, or a folder above it, is writable by
// everyone or belongs to neither root nor this user.
//
// A plugin that searches for libraries beside itself ($ORIGIN) is not copied, because the copy
// would not find them. It is loaded from `path`, and no longer once it has changed.
int plugin_file_open(const char *path, struct plugin_file *out, br_error *err);

// Frees the copy and the strings. Takes a closed one, which is {.fd = -1}.
void plugin_file_close(struct plugin_file *f);

// Sets *out to the stamp of the file.
void plugin_stamp_of(const struct stat *st, struct plugin_stamp *out);

// Appends the source in wire format. plugin_source_read reads it; the strings of *out then point
// into the memory that `w` reads, and w->bad is set if it is malformed.
void plugin_source_write(struct buffer *out, const struct plugin_source *s);
void plugin_source_read(struct wire *w, struct plugin_source *out);

#endif
