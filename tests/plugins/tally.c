// SPDX-License-Identifier: BSD-3-Clause
// Tasks that append a line "phase index attempt" to the file $TALLY each time they run, before
// anything else. Tests compare it with the journal of the run. The task that writes line $KILL_AT
// kills the run: the nursery, or with $KILL=coordinator the coordinator. With $KILL=stop it stops
// the coordinator; with $KILL=power the file system that $DISK is on loses all data that it has not
// written.
#include <batchrun/plugin.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/types.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FS_IOC_SHUTDOWN _IOR('X', 125, __u32) // of ext4, f2fs and xfs
#define NO_LOG_FLUSH    2

static long parent_of(long pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        abort();
    close(fd);
    return strtol(strrchr(text, ')') + 4, NULL, 10);
}

// The number of the line that was just written: there may be later lines already.
static long line_number(int fd)
{
    char c;
    long lines = 0;
    for (off_t at = 0, end = lseek(fd, 0, SEEK_CUR); at < end; at++)
        if (pread(fd, &c, 1, at) == 1)
            lines += c == '\n';
    return lines;
}

static void lose_power(void)
{
    const __u32 flags = NO_LOG_FLUSH;
    int fd = open(getenv("DISK"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, FS_IOC_SHUTDOWN, &flags) != 0)
        abort();
    close(fd);
}

static void kill_run(int fd)
{
    const char *at = getenv("KILL_AT"), *whom = getenv("KILL");
    if (!at || line_number(fd) != strtol(at, NULL, 10))
        return;
    if (whom && strcmp(whom, "power") == 0) {
        lose_power();
        return;
    }
    long nursery = getppid();
    bool stops = whom && strcmp(whom, "stop") == 0;
    bool coordinator = stops || (whom && strcmp(whom, "coordinator") == 0);
    kill((pid_t)(coordinator ? parent_of(nursery) : nursery), stops ? SIGSTOP : SIGKILL);
}

static void note(br_task *t)
{
    char line[200];
    int length = snprintf(line, sizeof line, "%s %" PRIu64 " %u\n", br_task_phase(t),
                          (uint64_t)br_task_index(t), (unsigned)br_task_attempt(t));
    for (char *c = strchr(line, '('); c && c != strchr(line, ')'); c++)
        if (c[-1] == ' ')
            c[-1] = '_'; // "areas (reduce)"
    int fd = open(getenv("TALLY"), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        abort();
    kill_run(fd);
    close(fd);
}

// Fails for good when i is a multiple of `bad`, unless the file $MEND is there; at the first
// attempt when it is one of `shaky`, and kills its worker at the first when it is one of `deadly`.
static int work(br_task *t)
{
    note(t);
    int64_t i = br_arg_i64(t, "i"), bad = br_arg_i64(t, "bad"), shaky = br_arg_i64(t, "shaky"),
            deadly = br_arg_i64(t, "deadly");
    if (bad > 0 && i % bad == 0 && access(getenv("MEND"), F_OK) != 0)
        return br_fail_permanent(t, "%" PRId64 " is bad", i);
    if (br_task_attempt(t) == 1 && deadly > 0 && i % deadly == 0)
        raise(SIGKILL);
    if (br_task_attempt(t) == 1 && shaky > 0 && i % shaky == 0)
        return br_fail(t, "%" PRId64 " is shaky", i);
    return br_result_f64(t, "value", 1.0 / (double)(i + 1));
}

static int twice(br_task *t)
{
    note(t);
    char text[64];
    double value = br_arg_f64(t, "value");
    snprintf(text, sizeof text, "twice %.17g", 2 * value);
    return br_result_str(t, "text", text);
}

static int sum(br_task *t)
{
    note(t);
    double value = 0;
    for (size_t row = 0; row < br_rows(t); row++)
        value += br_row_f64(t, row, "value");
    return br_result_f64(t, "value", value);
}

BATCHRUN_PLUGIN("tally", "1.0",
                BR_TASK("work", work, "i:i64 bad:i64 shaky:i64 deadly:i64 -> value:f64",
                        "some fail, some only once"),
                BR_TASK("twice", twice, "value:f64 -> text:str", "of a phase's results"),
                BR_TASK("sum", sum, "[value:f64] -> value:f64", "reduces"));
