// SPDX-License-Identifier: BSD-3-Clause
// The text of a crash place: from a request with modules and frames to lines with names.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "exec/crash/dwarf.h"
#include "exec/crash/symbols.h"

enum {
    LINES_MAX = 16
};

struct module {
    const char *path, *load;
};

struct request {
    struct module modules[CRASH_MODULES];
    size_t module_count;
    struct crash_frame frames[CRASH_FRAMES];
    size_t frame_count;
};

// ---- The request

// Returns the file that the loader calls `name`. If it is the copy of a plugin, `path` is the
// plugin.
static struct module module_of(const char *name, const struct plugin_list *plugins)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (strcmp(plugins->items[i].source->load, name) == 0)
            return (struct module){plugins->items[i].source->path, name};
    if (name[0] == '\0')
        return (struct module){program_invocation_short_name, "/proc/self/exe"};
    return (struct module){name, name};
}

void symbols_write_request(struct buffer *out, const struct crash_note *note,
                           const struct plugin_list *plugins)
{
    wire_put(out, note->module_count);
    for (uint32_t i = 0; i < note->module_count; i++) {
        struct module m = module_of(note->modules[i], plugins);
        wire_put_text(out, m.path);
        wire_put_text(out, m.load);
    }
    wire_put_bytes(out, note->frames, note->frame_count * sizeof note->frames[0]);
}

static bool read_request(struct wire *w, struct request *r)
{
    r->module_count = wire_get(w);
    if (w->bad || r->module_count > CRASH_MODULES)
        return false;
    for (size_t i = 0; i < r->module_count; i++) {
        r->modules[i].path = wire_get_text(w);
        r->modules[i].load = wire_get_text(w);
        if (!r->modules[i].path || !r->modules[i].load)
            return false;
    }
    // The frames are what remains, after the number of their bytes.
    if (w->left < sizeof(uint64_t))
        return false;
    r->frame_count = (w->left - sizeof(uint64_t)) / sizeof r->frames[0];
    if (r->frame_count > CRASH_FRAMES)
        return false;
    wire_get_bytes(w, r->frames, r->frame_count * sizeof r->frames[0]);
    return !w->bad;
}

// ---- The lines

static const struct module *module_at(const struct request *r, const struct crash_frame *f)
{
    return f->module < r->module_count ? &r->modules[f->module] : NULL;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put(struct buffer *out, const char *text)
{
    text_escaped(out, text, strlen(text));
}

static void put_place(struct buffer *out, const struct request *r, const struct crash_frame *f,
                      const struct dwarf_name *name)
{
    const struct module *m = module_at(r, f);
    const char *file = m ? last_component(m->path) : NULL;
    if (name->function[0]) {
        put(out, name->function);
        if (name->outer[0]) {
            buffer_text(out, ", inlined into ");
            put(out, name->outer);
        }
        buffer_text(out, " (");
        put(out, name->file[0] ? name->file : file ? file : "?");
        if (name->file[0] && name->line > 0)
            buffer_format(out, ":%d", name->line);
        buffer_char(out, ')');
    } else if (file) {
        put(out, file);
        buffer_format(out, "+0x%" PRIx64, f->offset);
    } else
        buffer_format(out, "0x%" PRIx64 ", which is in no file", f->address);
}

// Returns whether the place helps a reader as the first one: it is not inside the C library.
static bool is_useful(const struct request *r, const struct crash_frame *f)
{
    const struct module *m = module_at(r, f);
    return m && strncmp(last_component(m->path), "libc.so", strlen("libc.so")) != 0;
}

static bool same_text(const struct buffer *b, size_t start, size_t previous, size_t previous_end)
{
    return b->length - start == previous_end - previous && !b->failed &&
           memcmp(b->data + start, b->data + previous, b->length - start) == 0;
}

// Appends a line for each frame. Equal lines that follow each other, as in endless recursion, are
// appended once.
static void put_lines(struct buffer *out, const struct request *r, const struct dwarf_name *names)
{
    size_t previous = out->length, previous_end = out->length, lines = 0;
    for (size_t i = 0; i < r->frame_count && lines < LINES_MAX; i++) {
        size_t start = out->length;
        buffer_text(out, "\n  at ");
        put_place(out, r, &r->frames[i], &names[i]);
        if (same_text(out, start, previous, previous_end)) {
            out->length = start;
            continue;
        }
        previous = start;
        previous_end = out->length;
        lines++;
    }
}

// Returns whether the function is of the memory allocator, which checks the data beside its blocks
// and may find damage of an earlier task.
static bool is_allocator(const struct dwarf_name *name)
{
    const char *function = name->function;
    if (strncmp(function, "__libc_", strlen("__libc_")) == 0)
        function += strlen("__libc_");
    static const char *const functions[] = {"malloc_printerr", "malloc",         "free",
                                            "cfree",           "calloc",         "realloc",
                                            "memalign",        "posix_memalign", "aligned_alloc"};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        if (strcmp(function, functions[i]) == 0)
            return true;
    return false;
}

// Returns whether the frame is in code that the user builds, but has no line because there is no
// debugging information. The program and its plugins are what the user builds; both are loaded by
// another name than their path.
static bool lacks_lines(const struct request *r, size_t frame, const struct dwarf_name *names)
{
    const struct module *m = module_at(r, &r->frames[frame]);
    return strcmp(m->path, m->load) != 0 && !names[frame].file[0];
}

static void put_frames(struct buffer *out, const struct request *r, const struct dwarf_name *names,
                       bool with_names)
{
    size_t first = 0;
    bool in_allocator = false;
    while (first < r->frame_count && !is_useful(r, &r->frames[first]))
        in_allocator |= is_allocator(&names[first++]);
    if (first < r->frame_count) {
        buffer_text(out, ", in ");
        put_place(out, r, &r->frames[first], &names[first]);
        if (with_names && lacks_lines(r, first, names))
            buffer_text(out, "; build it with -g to see the line");
    }
    if (in_allocator)
        buffer_text(out, "; found by the memory allocator, so the damage may be older: this task "
                         "is blamed, but an earlier one in the same worker may have done it");
    put_lines(out, r, names);
}

void symbols_name(struct wire *request, bool look, struct buffer *out)
{
    struct request r = {0};
    struct dwarf_name names[CRASH_FRAMES] = {{.line = 0}};
    if (!read_request(request, &r))
        return;
    struct dwarf *d = look ? dwarf_open() : NULL;
    for (size_t i = 0; d && i < r.module_count; i++)
        for (size_t f = 0; f < r.frame_count; f++)
            if (r.frames[f].module == i) {
                dwarf_add(d, r.modules[i].path, r.modules[i].load,
                          r.frames[f].address - r.frames[f].offset);
                break;
            }
    for (size_t f = 0; d && f < r.frame_count; f++)
        dwarf_find(d, r.frames[f].address, &names[f]);
    put_frames(out, &r, names, d != NULL);
    dwarf_close(d);
}
