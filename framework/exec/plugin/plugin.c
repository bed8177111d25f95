// SPDX-License-Identifier: BSD-3-Clause
// Finding plugins and loading them.
#include "exec/plugin/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/kernel.h"

enum {
    TASKS_MAX = 4096,
    NAME_MAX_BYTES = 64
};

// ---- Finding

static char *join(const char *directory, const char *name, const char *suffix)
{
    struct buffer b = BUFFER_EMPTY;
    if (name[0] != '/')
        buffer_format(&b, "%s/", directory);
    buffer_format(&b, "%s%s", name, suffix);
    return buffer_take_string(&b, NULL);
}

// Adds a path that is not a plugin's file to `tried`, with the reason if it is not that nothing is
// there. `number` is the errno with which looking for it failed, or 0.
static void note_tried(struct buffer *tried, const char *path, int number)
{
    buffer_format(tried, "%s%s", tried->length ? ", " : "", path);
    if (number == 0)
        buffer_text(tried, " (not a regular file)");
    else if (number != ENOENT && number != ENOTDIR)
        buffer_format(tried, " (%s)", strerror(number));
}

// Frees the candidate. Returns its absolute path if it is a file; otherwise adds it to `tried` and
// returns NULL. tried->failed is set if memory ran out.
static char *try_file(char *candidate, struct buffer *tried)
{
    if (!candidate) {
        tried->failed = true;
        return NULL;
    }
    struct stat st;
    bool there = stat(candidate, &st) == 0, is_file = there && S_ISREG(st.st_mode);
    char *found = is_file ? realpath(candidate, NULL) : NULL;
    int number = there && !is_file ? 0 : errno;
    if (is_file && !found && number == ENOMEM)
        tried->failed = true;
    else if (!found)
        note_tried(tried, candidate, number);
    free(candidate);
    return found;
}

static char *search_path(const char *list, const char *name, struct buffer *tried)
{
    while (list && *list) {
        size_t length = strcspn(list, ":");
        char *found = NULL;
        char *directory = strndup(list, length);
        if (!directory)
            tried->failed = true;
        else if (length > 0)
            found = try_file(join(directory, name, ".so"), tried);
        free(directory);
        if (found)
            return found;
        list += length + (list[length] == ':');
    }
    return NULL;
}

char *plugin_locate(const char *name, const char *path, const char *directory, br_error *err)
{
    struct buffer tried = BUFFER_EMPTY;
    char *found;
    if (path)
        found = try_file(join(directory, path, ""), &tried);
    else {
        found = try_file(join(directory, name, ".so"), &tried);
        if (!found)
            found = search_path(getenv("BATCHRUN_PLUGIN_PATH"), name, &tried);
        if (!found)
            found = try_file(join(BR_PLUGINDIR, name, ".so"), &tried);
    }
    if (!found && tried.failed)
        br_error_nomem(err);
    else if (!found && path)
        br_error_set(err, BR_ERR_PLUGIN, "plugin `%s` was not found: there is no file %.*s", name,
                     (int)tried.length, tried.data);
    else if (!found)
        br_error_set(err, BR_ERR_PLUGIN,
                     "plugin `%s` was not found: looked for %.*s; give its `path`, or set "
                     "BATCHRUN_PLUGIN_PATH to its folder",
                     name, (int)tried.length, tried.data);
    buffer_finish(&tried);
    return found;
}

// ---- Loading

static bool is_name(const char *s)
{
    size_t length = s ? strlen(s) : 0;
    if (length == 0 || length > NAME_MAX_BYTES)
        return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

static const struct br_entry_ *entry_at(const struct br_plugin_ *p, size_t i)
{
    return (const struct br_entry_ *)((const char *)p->entries + i * p->entry_size);
}

static int read_entry(const struct br_entry_ *e, const char *path, struct plugin *out,
                      br_error *err)
{
    switch (e->kind) {
    case BR_ENTRY_TASK_:
        if (!is_name(e->name) || !e->task)
            return br_error_set(
                err, BR_ERR_PLUGIN,
                "%s: a task has no function, or a name that is not made of letters, "
                "digits, _ and -",
                path);
        out->tasks[out->task_count++] = (struct plugin_task){
            e->name, e->signature ? e->signature : "", e->summary ? e->summary : "", e->task};
        return 0;
    case BR_ENTRY_INIT_:
        out->init = e->worker;
        return 0;
    case BR_ENTRY_FINI_:
        out->fini = e->worker;
        return 0;
    default:
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: it has an entry of kind %u, which this batchrun does not know: it "
                            "was built for a newer one",
                            path, (unsigned)e->kind);
    }
}

static int read_description(const struct br_plugin_ *p, const char *path, struct plugin *out,
                            br_error *err)
{
    if (p->abi != BR_PLUGIN_ABI)
        return br_error_set(
            err, BR_ERR_PLUGIN,
            "%s: it has plugin ABI %u, and this batchrun has %u: build it again with "
            "this batchrun's <batchrun/plugin.h>",
            path, (unsigned)p->abi, (unsigned)BR_PLUGIN_ABI);
    if (p->size < sizeof *p || p->entry_size < sizeof(struct br_entry_) || !is_name(p->name) ||
        !p->version || !p->entries || p->entry_count > TASKS_MAX)
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: its description is not one that BATCHRUN_PLUGIN(...) makes", path);
    *out = (struct plugin){.name = p->name, .version = p->version};
    out->tasks = calloc(p->entry_count + 1, sizeof *out->tasks);
    if (!out->tasks)
        return br_error_nomem(err);
    for (size_t i = 0; i < p->entry_count; i++)
        if (read_entry(entry_at(p, i), path, out, err) != 0) {
            plugin_finish(out);
            return -1;
        }
    return 0;
}

static bool is_unchanged(const struct plugin_source *from)
{
    struct stat st;
    struct plugin_stamp now;
    if (stat(from->load, &st) != 0)
        return false;
    plugin_stamp_of(&st, &now);
    return memcmp(&now, &from->stamp, sizeof now) == 0;
}

static int say_it_changed(const char *path, br_error *err)
{
    if (kernel_check_proc(err) != 0)
        return -1;
    return br_error_set(err, BR_ERR_PLUGIN,
                        "%s: it was changed or removed after batchrun read it; do not change a "
                        "plugin while it is in use, and start again",
                        path);
}

struct constant_search {
    struct plugin *plugin;
    uintptr_t description; // address of the plugin's description
};

static bool is_in(const struct dl_phdr_info *object, uintptr_t address)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD &&
            address - (object->dlpi_addr + part->p_vaddr) < part->p_memsz)
            return true;
    }
    return false;
}

static void widen(struct plugin_range *r, uintptr_t from, uintptr_t to)
{
    if (r->to == 0 || from < r->from)
        r->from = from;
    if (to > r->to)
        r->to = to;
}

// For dl_iterate_phdr: notes the parts of the object that holds the description, and stops there.
static int note_constant(struct dl_phdr_info *object, size_t size, void *data)
{
    const struct constant_search *s = data;
    size_t count = 0;
    (void)size;
    if (!is_in(object, s->description))
        return 0;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t from = object->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        widen(&s->plugin->whole, from, from + part->p_memsz);
        if (!(part->p_flags & PF_W) && count < PLUGIN_CONSTANT)
            s->plugin->constant[count++] = (struct plugin_range){from, from + part->p_memsz};
    }
    return 1;
}

bool plugin_has(const struct plugin *p, uintptr_t address)
{
    return address - p->whole.from < p->whole.to - p->whole.from;
}

bool plugin_is_constant(const struct plugin *p, const void *address)
{
    for (size_t i = 0; p && i < PLUGIN_CONSTANT; i++)
        if ((uintptr_t)address - p->constant[i].from < p->constant[i].to - p->constant[i].from)
            return true;
    return false;
}

// Returns whether libm has the function that is undefined according to the loader's message.
static bool is_in_libm(const char *why)
{
    static const char before[] = "undefined symbol: ";
    const char *name = why ? strstr(why, before) : NULL;
    void *libm = name ? dlopen(LIBM_SO, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!libm)
        return false;
    name += strlen(before);
    char *copy = strndup(name, strcspn(name, " ,\n"));
    bool found = copy && dlsym(libm, copy);
    free(copy);
    return found;
}

// Returns 0; 1 if the plugin needs libm and is not `alone`; -1 and *err.
static int open_library(const struct plugin_source *from, bool alone, void **handle, br_error *err)
{
    *handle = dlopen(from->load, RTLD_NOW | RTLD_LOCAL);
    if (*handle)
        return 0;
    // A further call of the loader would overwrite its message.
    char *why = strdup(dlerror());
    if (!why)
        return br_error_nomem(err);
    if (is_in_libm(why)) {
        free(why);
        if (!alone)
            return 1;
        (void)dlopen(LIBM_SO, RTLD_NOW | RTLD_GLOBAL);
        *handle = dlopen(from->load, RTLD_NOW | RTLD_LOCAL);
        if (*handle)
            return 0;
        why = strdup(dlerror());
        if (!why)
            return br_error_nomem(err);
    }
    // The loader's message begins with the path that it loads; ours with the plugin's path.
    size_t length = strlen(from->load);
    const char *text = why;
    if (strncmp(text, from->load, length) == 0 && text[length] == ':')
        text += length + 1 + (text[length + 1] == ' ');
    br_error_set(err, BR_ERR_PLUGIN, "%s: cannot be loaded as a plugin: %s", from->path, text);
    free(why);
    return -1;
}

static int take_library(const struct plugin_source *from, void *handle, struct plugin *out,
                        br_error *err)
{
    const char *path = from->path;
    if (!is_unchanged(from)) {
        dlclose(handle);
        return say_it_changed(path, err);
    }
    const struct br_plugin_ *description = dlsym(handle, "batchrun_plugin");
    if (!description) {
        dlclose(handle);
        return br_error_set(err, BR_ERR_PLUGIN,
                            "%s: it is not a batchrun plugin: it has no BATCHRUN_PLUGIN(...)",
                            path);
    }
    if (read_description(description, path, out, err) != 0)
        return -1;
    out->handle = handle;
    dl_iterate_phdr(note_constant, &(struct constant_search){out, (uintptr_t)description});
    return 0;
}

int plugin_load(const struct plugin_source *from, bool alone, struct plugin *out, br_error *err)
{
    void *handle;
    if (!is_unchanged(from))
        return say_it_changed(from->path, err);
    int opened = open_library(from, alone, &handle, err);
    return opened == 0 ? take_library(from, handle, out, err) : opened;
}

const struct plugin_task *plugin_find_task(const struct plugin *p, const char *name)
{
    for (size_t i = 0; name && i < p->task_count; i++)
        if (strcmp(p->tasks[i].name, name) == 0)
            return &p->tasks[i];
    return NULL;
}

void plugin_finish(struct plugin *p)
{
    free(p->tasks);
    *p = (struct plugin){0};
}
