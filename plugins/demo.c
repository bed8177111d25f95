// SPDX-License-Identifier: BSD-3-Clause
// The tasks of the job files in configs/: a plugin to learn from and to copy.
#include <batchrun/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double pi = 3.14159265358979323846;

static int area(br_task *t)
{
    double r = br_arg_f64(t, "r");
    if (r < 0)
        return br_fail(t, "negative radius: %g", r);
    return br_result_f64(t, "area", pi * r * r);
}

// Many rows in one call. What it returns has the columns that it takes, so it can be fed to itself:
// that is what a reduction needs.
static int total(br_task *t)
{
    double sum = 0;
    for (uint64_t row = 0; row < br_rows(t); row++)
        sum += br_row_f64(t, row, "area");
    return br_result_f64(t, "area", sum);
}

static int square(br_task *t)
{
    int64_t i = br_arg_i64(t, "i");
    int64_t product;
    if (__builtin_mul_overflow(i, i, &product))
        return br_fail_permanent(t, "the square of %lld does not fit in 64 bits", (long long)i);
    return br_result_i64(t, "square", product);
}

// As little as a task can do: what is left to measure is batchrun.
static int noop(br_task *t)
{
    double i = (double)br_arg_i64(t, "i");
    return br_result_f64(t, "y", i * i);
}

static int greet(br_task *t)
{
    const char *name = br_arg_str(t, "name");
    if (strcmp(name, "Bill") == 0)
        return br_fail(t, "Name Error : %s", name);
    char greeting[256];
    if (snprintf(greeting, sizeof greeting, "Hello %s", name) >= (int)sizeof greeting)
        return br_fail_permanent(t, "a name of %zu bytes is too long", strlen(name));
    return br_result_str(t, "greeting", greeting);
}

// White space of the C locale, whatever locale the program has set.
static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// What wc counts: newlines, runs of bytes between white space, bytes.
static int count(br_task *t)
{
    const char *path = br_arg_str(t, "path");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return br_fail(t, "%s: %s", path, strerror(errno));
    int64_t lines = 0, words = 0, bytes = 0;
    bool in_word = false;
    char block[65536];
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0) {
        bytes += got;
        for (ssize_t k = 0; k < got; k++) {
            bool space = is_space(block[k]);
            lines += block[k] == '\n';
            words += in_word && space;
            in_word = !space;
        }
    }
    int error = errno;
    close(fd);
    if (got < 0)
        return br_fail(t, "%s: %s", path, strerror(error));
    br_result_i64(t, "lines", lines);
    br_result_i64(t, "words", words + in_word);
    return br_result_i64(t, "bytes", bytes);
}

// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

// Uniform in (0, 1): never 0, whose logarithm is not finite.
static double next_uniform(uint64_t *state)
{
    return ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
}

struct option {
    double spot, rate, strike, volatility, maturity;
};

static struct option option_of(br_task *t)
{
    return (struct option){
        .spot = br_arg_f64(t, "spot"),
        .rate = br_arg_f64(t, "rate"),
        .strike = br_arg_f64(t, "strike"),
        .volatility = br_arg_f64(t, "volatility"),
        .maturity = br_arg_f64(t, "maturity"),
    };
}

static bool option_makes_sense(const struct option *o)
{
    return o->spot > 0 && o->strike > 0 && o->volatility > 0 && o->maturity > 0;
}

// A European call's price by Monte Carlo, with the estimate's standard error. The task's seed makes
// it come out the same on every machine, in every attempt, with any number of workers.
static int option(br_task *t)
{
    struct option o = option_of(t);
    int64_t paths = br_arg_i64(t, "paths");
    if (!option_makes_sense(&o) || paths < 2)
        return br_fail_permanent(t, "spot, strike, volatility, maturity must be positive and "
                                    "paths at least 2");
    uint64_t state = br_task_seed(t);
    double drift = (o.rate - 0.5 * o.volatility * o.volatility) * o.maturity;
    double width = o.volatility * sqrt(o.maturity);
    double mean = 0, squares = 0; // Welford's running mean and sum of squared deviations
    for (int64_t path = 0; path < paths; path++) {
        double radius = sqrt(-2 * log(next_uniform(&state))); // Box and Muller
        double normal = radius * cos(2 * pi * next_uniform(&state));
        double payoff = fmax(o.spot * exp(drift + width * normal) - o.strike, 0);
        double away = payoff - mean;
        mean += away / (double)(path + 1);
        squares += away * (payoff - mean);
        if (path % 65536 == 0 && br_task_cancelled(t))
            return br_fail(t, "cancelled after %lld paths", (long long)path);
    }
    double discount = exp(-o.rate * o.maturity);
    double variance = squares / (double)(paths - 1);
    br_result_f64(t, "price", discount * mean);
    return br_result_f64(t, "error", discount * sqrt(variance / (double)paths));
}

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

// The same call by the formula of Black and Scholes, and how many standard errors the estimate of
// an earlier phase lies away from it.
static int compare(br_task *t)
{
    struct option o = option_of(t);
    double price = br_arg_f64(t, "price");
    double error = br_arg_f64(t, "error");
    if (!option_makes_sense(&o) || !(error > 0))
        return br_fail_permanent(t, "spot, strike, volatility, maturity, error must be positive");
    double width = o.volatility * sqrt(o.maturity);
    double d1 = log(o.spot / o.strike) / width +
                (o.rate + 0.5 * o.volatility * o.volatility) * o.maturity / width;
    double formula =
        o.spot * normal_cdf(d1) - o.strike * exp(-o.rate * o.maturity) * normal_cdf(d1 - width);
    br_result_f64(t, "formula", formula);
    return br_result_f64(t, "deviation", (price - formula) / error);
}

static double monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Says when it began and ended, on a clock that all processes of a machine share.
static int sleep_for(br_task *t)
{
    double began = monotonic_seconds();
    double end = began + br_arg_f64(t, "seconds");
    double left;
    while ((left = end - monotonic_seconds()) > 0) {
        if (br_task_cancelled(t))
            return br_fail(t, "woken with %.3f s left", left);
        double nap = fmin(left, 0.05); // short, to notice a cancel soon
        nanosleep(&(struct timespec){.tv_nsec = (long)(nap * 1e9)}, NULL);
    }
    br_result_f64(t, "began", began);
    return br_result_f64(t, "ended", monotonic_seconds());
}

BATCHRUN_PLUGIN(
    "demo", "1.0", BR_TASK("area", area, "r:f64 -> area:f64", "area of a circle"),
    BR_TASK("compare", compare,
            "spot:f64 rate:f64 strike:f64 volatility:f64 maturity:f64 price:f64 error:f64 "
            "-> formula:f64 deviation:f64",
            "a Monte Carlo price beside Black and Scholes"),
    BR_TASK("count", count, "path:str -> lines:i64 words:i64 bytes:i64", "what wc counts"),
    BR_TASK("greet", greet, "name:str -> greeting:str", "greets everybody but Bill"),
    BR_TASK("noop", noop, "i:i64 -> y:f64", "next to nothing, for benchmarks"),
    BR_TASK("option", option,
            "spot:f64 rate:f64 strike:f64 volatility:f64 maturity:f64 paths:i64 "
            "-> price:f64 error:f64",
            "a European call by Monte Carlo"),
    BR_TASK("sleep", sleep_for, "seconds:f64 -> began:f64 ended:f64", "waits, and says when"),
    BR_TASK("square", square, "i:i64 -> square:i64", "the square of a whole number"),
    BR_TASK("total", total, "[area:f64] -> area:f64", "adds up areas"));
