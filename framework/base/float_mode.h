// SPDX-License-Identifier: BSD-3-Clause
// The floating-point mode of the calling thread: rounding, denormals and traps, with no exception
// raised. On x86 the flags of the x87 unit, which `long double` and feraiseexcept may raise, are
// cleared with the others. On common processors this needs no libm, which workers must not link
// (exec/worker/worker_program.h).
#ifndef BR_BASE_FLOAT_MODE_H
#define BR_BASE_FLOAT_MODE_H

#include <stdbool.h>
#include <stdint.h>
#if !defined(__x86_64__) && !defined(__aarch64__)
#include <fenv.h>
#include <string.h>
#endif

#if defined(__x86_64__)
struct float_mode {
    uint32_t simd;
    uint16_t control;
};

static inline struct float_mode float_mode_now(void)
{
    struct float_mode m;
    __asm__ volatile("stmxcsr %0" : "=m"(m.simd));
    __asm__ volatile("fnstcw %0" : "=m"(m.control));
    __asm__ volatile("fnclex");
    m.simd &= ~UINT32_C(0x3f); // the raised exceptions
    return m;
}

// Sets the mode without a comparison, because reading these registers costs several times as much
// as setting them.
static inline void float_mode_restore(const struct float_mode *was)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(was->simd));
    __asm__ volatile("fldcw %0" : : "m"(was->control));
}

// Returns whether denormal numbers count as zero, as code linked with -ffast-math sets it.
static inline bool float_mode_flushes(const struct float_mode *m)
{
    return m->simd & UINT32_C(0x8040);
}
#elif defined(__aarch64__)
struct float_mode {
    uint64_t control;
};

static inline struct float_mode float_mode_now(void)
{
    struct float_mode m;
    __asm__ volatile("mrs %0, fpcr" : "=r"(m.control));
    return m;
}

static inline void float_mode_restore(const struct float_mode *was)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(was->control));
    __asm__ volatile("msr fpsr, xzr");
}

static inline bool float_mode_flushes(const struct float_mode *m)
{
    return m->control & (UINT64_C(1) << 24);
}
#else
struct float_mode {
    fenv_t all;
};

static inline struct float_mode float_mode_now(void)
{
    struct float_mode m;
    memset(&m, 0, sizeof m);
    feclearexcept(FE_ALL_EXCEPT);
    fegetenv(&m.all);
    return m;
}

static inline void float_mode_restore(const struct float_mode *was)
{
    fesetenv(&was->all);
}

static inline bool float_mode_flushes(const struct float_mode *m)
{
    (void)m;
    return false; // the bit's place is not known here
}
#endif

#endif
