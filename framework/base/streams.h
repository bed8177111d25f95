// SPDX-License-Identifier: BSD-3-Clause
// Output that waits in buffers of this process: in streams of C, in those of a C++ library and in
// units of a Fortran library. Those of C++ and Fortran are looked up by name when the library is
// loaded, so that nothing here needs them. Known are libstdc++ and libgfortran; other libraries
// write through stdio (libc++), or are not found.
#ifndef BR_BASE_STREAMS_H
#define BR_BASE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    STREAMS_STANDARD = 4 // std::cout, std::clog, std::wcout, std::wclog
};

// The streams that one library sees. All zero if it uses none but those of C.
struct streams {
    struct streams_kind { // of streams of char, and of wchar_t
        void *(*buffer)(const void *ios);
        int (*flush)(void *buffer);
        char *(*begin)(const void *buffer);
        char *(*end)(const void *buffer);
        void (*move)(void *buffer, int units);
        const void *unbuffered; // type of the buffers that give everything to stdio at once
        int size;               // of a unit, bytes
    } kinds[2];
    void *standard[STREAMS_STANDARD]; // two of each kind; NULL if there is none
    void (*flush_units)(const int32_t *unit);
};

// Finds the streams of the loaded library with that path and of those that it needs, or those of
// the program if `library` is NULL. Allocates nothing.
void streams_find(struct streams *s, const char *library);

// Returns whether output waits in the standard streams of C++.
bool streams_pending(const struct streams *s);

// Writes what waits in the standard streams of C++. Returns whether one of them has a buffer of its
// own, as after std::ios::sync_with_stdio(false). Takes no lock, and can be called in the handler
// of a crash.
bool streams_flush(const struct streams *s);

// Writes what waits in stdout and stderr. Returns 0; the errno (ENOSPC, EDQUOT or EFBIG) if the
// disk has taken only a part of what was printed since the last call.
int streams_flush_standard(void);

// Writes all output that waits in this process: streams_flush, and all open files of C and Fortran.
void streams_flush_all(const struct streams *s);

// To be called in a fork that has closed its descriptors above 2. Discards what streams of C and
// C++ hold, which is the forking process's to write. Streams in memory can be read on. Streams of
// closed descriptors lose their descriptor, because the number may soon be another file's.
void streams_discard(const struct streams *s);

#endif
