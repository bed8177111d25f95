// SPDX-License-Identifier: BSD-3-Clause
// Calls member functions of libstdc++ by their mangled names. In the C++ ABI of Linux their first
// argument is the object, and an object begins with the address of its table of functions. Three
// words before that address is the offset of its virtual base, which for a stream is
// std::basic_ios.
#include "base/streams.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// ---- Looking up

static void find(void *library, const char *name, void *to)
{
    void *address = dlsym(library, name);
    memcpy(to, &address, sizeof address); // ISO C has no cast to a pointer to a function
}

// `unit` is the mangled type that each # of the name stands for: c is char, w is wchar_t.
static void find_member(void *library, const char *pattern, char unit, void *to)
{
    char name[128];
    snprintf(name, sizeof name, "%s", pattern);
    for (char *at = name; (at = strchr(at, '#'));)
        *at = unit;
    find(library, name, to);
}

static bool find_kind(void *library, char unit, struct streams_kind *k)
{
    find_member(library, "_ZNKSt9basic_iosI#St11char_traitsI#EE5rdbufEv", unit, &k->buffer);
    find_member(library, "_ZNSt15basic_streambufI#St11char_traitsI#EE7pubsyncEv", unit, &k->flush);
    find_member(library, "_ZNKSt15basic_streambufI#St11char_traitsI#EE5pbaseEv", unit, &k->begin);
    find_member(library, "_ZNKSt15basic_streambufI#St11char_traitsI#EE4pptrEv", unit, &k->end);
    find_member(library, "_ZNSt15basic_streambufI#St11char_traitsI#EE5pbumpEi", unit, &k->move);
    find_member(library, "_ZTVN9__gnu_cxx18stdio_sync_filebufI#St11char_traitsI#EEE", unit,
                &k->unbuffered);
    if (k->unbuffered)
        k->unbuffered = (const char *)k->unbuffered + 2 * sizeof(void *);
    return k->buffer && k->flush && k->begin && k->end && k->move;
}

void streams_find(struct streams *s, const char *library)
{
    static const char *const names[STREAMS_STANDARD] = {"_ZSt4cout", "_ZSt4clog", "_ZSt5wcout",
                                                        "_ZSt5wclog"};
    void *handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    *s = (struct streams){.kinds = {{.size = sizeof(char)}, {.size = sizeof(wchar_t)}}};
    if (!handle)
        return;
    find(handle, "_gfortran_flush_i4", &s->flush_units);
    for (int i = 0; i < 2; i++)
        if (dlsym(handle, names[2 * i]) && find_kind(handle, "cw"[i], &s -> kinds[i]))
            for (int k = 2 * i; k < 2 * i + 2; k++)
                find(handle, names[k], &s->standard[k]);
    dlclose(handle);
}

// ---- C++

// Returns the stream's buffer; NULL if there is none, or none of its own.
static void *own_buffer(const struct streams *s, int stream)
{
    const struct streams_kind *k = &s->kinds[stream / 2];
    const char *object = s->standard[stream], *table;
    ptrdiff_t base;
    if (!object)
        return NULL;
    memcpy(&table, object, sizeof table);
    if (!table) // not constructed: nothing loaded includes <iostream>
        return NULL;
    memcpy(&base, table - 3 * sizeof base, sizeof base);
    void *buffer = k->buffer(object + base);
    if (!buffer)
        return NULL;
    const void *type;
    memcpy(&type, buffer, sizeof type);
    return type == k->unbuffered ? NULL : buffer;
}

static bool holds_output(const struct streams *s, int stream, const void *buffer)
{
    const struct streams_kind *k = &s->kinds[stream / 2];
    return buffer && k->end(buffer) > k->begin(buffer);
}

bool streams_pending(const struct streams *s)
{
    for (int i = 0; i < STREAMS_STANDARD; i++)
        if (holds_output(s, i, own_buffer(s, i)))
            return true;
    return false;
}

bool streams_flush(const struct streams *s)
{
    bool any = false;
    for (int i = 0; i < STREAMS_STANDARD; i++) {
        void *buffer = own_buffer(s, i);
        any |= buffer != NULL;
        if (holds_output(s, i, buffer))
            (void)s->kinds[i / 2].flush(buffer); // a failed write is the stream's to report
    }
    return any;
}

static void discard_cxx(const struct streams *s)
{
    for (int i = 0; i < STREAMS_STANDARD; i++) {
        const struct streams_kind *k = &s->kinds[i / 2];
        void *buffer = own_buffer(s, i);
        if (buffer)
            k->move(buffer, (int)(k->begin(buffer) - k->end(buffer)) / k->size);
    }
}

// ---- Standard output and standard error

static int full_disk(int number)
{
    return number == ENOSPC || number == EDQUOT || number == EFBIG ? number : 0;
}

// Reserves space behind the end of the file for a moment. Returns 0; the errno of a full disk.
static int probe_disk(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, BUFSIZ) == 0)
        return 0;
    return full_disk(errno);
}

static int flush_standard(FILE *f)
{
    if (fflush(f) != 0) {
        int number = errno;
        clearerr(f);
        return full_disk(number);
    }
    if (!ferror(f)) // an earlier write may have failed, in a call of the task; its errno is lost
        return 0;
    clearerr(f);
    return probe_disk(fileno(f));
}

int streams_flush_standard(void)
{
    int out = flush_standard(stdout), error = flush_standard(stderr);
    return out ? out : error;
}

// ---- All

void streams_flush_all(const struct streams *s)
{
    fflush(NULL);
    streams_flush(s);
    if (s->flush_units)
        s->flush_units(NULL);
}

#ifdef __GLIBC__
// Exported for libstdc++; no header of today declares it.
extern FILE *_IO_list_all;

static void discard_c(void)
{
    for (FILE *f = _IO_list_all; f; f = f->_chain) {
        if (f->_fileno < 0 && !__fwriting(f)) // one of fmemopen, which the fork may read on
            continue;
        __fpurge(f);
        if (f->_fileno > STDERR_FILENO)
            f->_fileno = -1;
    }
}
#else
static void discard_c(void)
{
    __fpurge(stdin);
    __fpurge(stdout);
    __fpurge(stderr);
}
#endif

void streams_discard(const struct streams *s)
{
    discard_c();
    discard_cxx(s);
}
