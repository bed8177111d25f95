// SPDX-License-Identifier: BSD-3-Clause
// The part of test_streams.c that is in C++.
#include <iostream>

extern "C" {

void cxx_use_own_buffers(void)
{
    std::ios::sync_with_stdio(false);
}

// Prints both to standard output and standard error. `wide` may be NULL.
void cxx_print(const char *text, const wchar_t *wide)
{
    std::cout << text;
    std::clog << text;
    if (wide) {
        std::wcout << wide;
        std::wclog << wide;
    }
}
}
