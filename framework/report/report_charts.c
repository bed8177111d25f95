// SPDX-License-Identifier: BSD-3-Clause
// The drawings of a report that have no time axis: durations, core time, cores.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "report/html.h"
#include "report/report_parts.h"

enum {
    BARS_HEIGHT = 100,
    LEAST_BINS = 12, // least width of a histogram: three octaves
    CORES_LABELLED = 256
};

// ---- Durations

struct span {
    unsigned first, end; // bins first .. end - 1 are drawn
};

static struct span span_of(const struct histogram *h)
{
    struct span s = {HISTOGRAM_BINS, 0};
    for (unsigned i = 0; i < HISTOGRAM_BINS; i++) {
        if (h->ok[i] + h->others[i] == 0)
            continue;
        s.first = s.first < i ? s.first : i;
        s.end = i + 1;
    }
    while (s.end - s.first < LEAST_BINS) {
        s.first -= s.first > 0;
        s.end += s.end < HISTOGRAM_BINS;
    }
    return s;
}

static void put_duration_tick(struct span s, double ns, struct buffer *out)
{
    double left = 100 * (histogram_place(ns) - s.first) / (s.end - s.first);
    if (left < 0 || left > 100)
        return;
    const char *class = left < 6 ? " class=\"first\"" : left > 94 ? " class=\"last\"" : "";
    buffer_format(out, "<span%s style=\"left:%.2f%%\">", class, left);
    html_tick(out, NULL, (int64_t)ns);
    buffer_text(out, "</span>");
}

// Appends as many ticks as have room: at 1, 2 and 5 of each decade, at 1 and 3, or at every n-th
// decade.
static void put_duration_ticks(struct span s, struct buffer *out)
{
    static const int steps[][3] = {{1, 2, 5}, {1, 3, 0}, {1, 0, 0}};
    unsigned octaves = (s.end - s.first) / 4;
    const int *step = steps[octaves <= 4 ? 0 : octaves <= 8 ? 1 : 2];
    unsigned decades = 1 + octaves / 20;
    double decade = 1;
    buffer_text(out, "<div class=\"axis\">");
    for (unsigned d = 0; d < 19; d++, decade *= 10)
        for (int i = 0; i < 3 && step[i] > 0 && d % decades == 0; i++)
            put_duration_tick(s, decade * step[i], out);
    buffer_text(out, "</div>\n");
}

static void put_bar(struct buffer *out, const char *class, unsigned x, double bottom, double height)
{
    buffer_format(out, "<rect class=\"%s\" x=\"%u.08\" y=\"%.2f\" width=\".84\" height=\"%.2f\"/>",
                  class, x, bottom - height, height);
}

// Returns the height of a bar; bars of small counts are high enough to be seen.
static double height_of(uint64_t count, uint64_t most)
{
    double height = (double)count / (double)most * (BARS_HEIGHT - 2);
    return count == 0 ? 0 : height < 2 ? 2 : height;
}

static void put_bars(const struct histogram *h, struct span s, const char *class,
                     struct buffer *out)
{
    uint64_t most = 1;
    for (unsigned i = s.first; i < s.end; i++)
        if (h->ok[i] + h->others[i] > most)
            most = h->ok[i] + h->others[i];
    buffer_format(out,
                  "<svg role=\"img\" aria-label=\"Durations\" viewBox=\"0 0 %u %d\" "
                  "preserveAspectRatio=\"none\" style=\"height:90px\">\n",
                  s.end - s.first, BARS_HEIGHT);
    for (unsigned i = s.first; i < s.end; i++) {
        if (h->ok[i] + h->others[i] == 0)
            continue;
        double others = height_of(h->others[i], most), ok = height_of(h->ok[i], most);
        buffer_text(out, "<g>");
        put_bar(out, class, i - s.first, (double)BARS_HEIGHT - others, ok);
        put_bar(out, "hurt", i - s.first, BARS_HEIGHT, others);
        buffer_text(out, "<title>");
        text_count(out, h->ok[i] + h->others[i]);
        buffer_text(out, " attempts</title></g>\n");
    }
    buffer_text(out, "</svg>\n");
}

static void put_quantile(struct buffer *out, const char *name, int64_t ns)
{
    buffer_format(out, "<span>%s <b>", name);
    text_duration(out, ns);
    buffer_text(out, "</b></span> ");
}

static void put_histogram(const struct report *r, size_t phase, struct buffer *out)
{
    const struct histogram *h = &r->histograms[phase];
    char class[8];
    snprintf(class, sizeof class, "c%zu", phase % REPORT_COLOURS);
    buffer_text(out, "<article><h3>");
    html_string(out, r->summary.phases[phase].name);
    buffer_text(out, "</h3>\n<p class=\"figures\">");
    put_quantile(out, "median", histogram_quantile(h, 0.5));
    put_quantile(out, "95 %", histogram_quantile(h, 0.95));
    put_quantile(out, "longest", h->longest_ns);
    buffer_text(out, "</p>\n");
    struct span s = span_of(h);
    put_bars(h, s, class, out);
    put_duration_ticks(s, out);
    buffer_text(out, "</article>\n");
}

void report_durations(const struct report *r, struct buffer *out)
{
    size_t any = 0;
    for (size_t i = 0; i < report_drawn(r); i++)
        any += r->histograms[i].count > 0;
    if (any == 0)
        return;
    buffer_text(out, "<section id=\"durations\">\n<h2>Durations</h2>\n"
                     "<p class=\"note\">Of every attempt, on a logarithmic scale. "
                     "<i class=\"swatch hurt\"></i> did not succeed.</p>\n"
                     "<div class=\"cards\">\n");
    for (size_t i = 0; i < report_drawn(r); i++)
        if (r->histograms[i].count > 0)
            put_histogram(r, i, out);
    buffer_text(out, "</div>\n</section>\n");
}

// ---- Core-time

static const struct {
    const char *class, *name, *meaning;
} uses[CORE_USES] = {
    [CORE_OK] = {"u-ok", "work", "in attempts that succeeded"},
    [CORE_FAILED] = {"u-failed", "failed work", "in attempts that did not succeed"},
    [CORE_START] = {"u-start", "start",
                    "a worker's process was not ready, at the beginning or "
                    "after another's death"},
    [CORE_BARRIER] = {"u-barrier", "barrier", "the phase of the next task had not started"},
    [CORE_TAIL] = {"u-tail", "tail", "no task was left for it until the run's end"},
    [CORE_RETRY] = {"u-retry", "retry", "until the time at which a task was tried again"},
    [CORE_DISPATCH] = {"u-dispatch", "dispatch", "between one task and the next"},
};

void report_core_time(const struct report *r, struct buffer *out)
{
    unsigned parts[CORE_USES], at = 0;
    const int64_t *ns = r->core_time.ns;
    core_time_parts(ns, 1000, parts);
    buffer_text(out, "<section id=\"core-time\">\n<h2>Where core-time went</h2>\n"
                     "<svg role=\"img\" aria-label=\"Parts of the core-time\" viewBox=\"0 0 1000 "
                     "10\" preserveAspectRatio=\"none\" style=\"height:28px\">\n");
    for (int i = 0; i < CORE_USES; i++) {
        buffer_format(out,
                      "<rect class=\"%s\" x=\"%u\" width=\"%u\" height=\"10\"><title>%s: %u.%u %%"
                      "</title></rect>\n",
                      uses[i].class, at, parts[i], uses[i].name, parts[i] / 10, parts[i] % 10);
        at += parts[i];
    }
    buffer_text(out, "</svg>\n<table class=\"uses\"><tbody>\n");
    for (int i = 0; i < CORE_USES; i++) {
        buffer_format(out,
                      "<tr%s><th scope=\"row\"><i class=\"swatch %s\"></i> %s</th><td>%u.%u "
                      "%%</td><td>",
                      ns[i] == 0 ? " class=\"none\"" : "", uses[i].class, uses[i].name,
                      parts[i] / 10, parts[i] % 10);
        text_duration(out, ns[i]);
        buffer_format(out, "</td><td class=\"text\">%s</td></tr>\n", uses[i].meaning);
    }
    buffer_text(out, "</tbody></table>\n</section>\n");
}

// ---- Cores

struct core {
    uint32_t worker;  // the first worker that may run on the CPU
    uint32_t workers; // how many may
    double busy;      // sum of the fractions of the run that they were busy
};

// Sums up the load of each CPU. A worker with several CPUs counts for each of them in part.
static struct core *gather_cores(const struct report *r, unsigned *count)
{
    struct core *cores = calloc(CPUSET_MAX, sizeof *cores);
    *count = 0;
    double whole = (double)r->summary.last_ns;
    for (size_t i = 0; cores && i < r->summary.worker_count; i++) {
        const struct summary_worker *w = &r->summary.workers[i];
        for (int cpu = cpuset_next(&w->cpus, 0); cpu >= 0;
             cpu = cpuset_next(&w->cpus, (unsigned)cpu + 1)) {
            struct core *c = &cores[cpu];
            if (c->workers++ == 0)
                c->worker = (uint32_t)i;
            c->busy += whole > 0 ? (double)w->busy_ns / whole : 0;
            if ((unsigned)cpu >= *count)
                *count = (unsigned)cpu + 1;
        }
    }
    return cores;
}

static void put_core(struct buffer *out, unsigned cpu, const struct core *c, bool labelled)
{
    if (c->workers == 0) {
        buffer_format(out, "<div class=\"core out\" title=\"cpu %u: no worker\">", cpu);
    } else {
        double busy = c->busy < 1 ? 100 * c->busy : 100;
        buffer_format(out, "<div class=\"core\" title=\"cpu %u: ", cpu);
        if (c->workers == 1)
            buffer_format(out, "worker %" PRIu32 ", busy %.0f %%\">", c->worker, busy);
        else
            buffer_format(out, "%" PRIu32 " workers, %.2f tasks running at a time\">", c->workers,
                          c->busy);
        buffer_format(out, "<i style=\"height:%.0f%%\"></i>", busy);
    }
    if (labelled)
        buffer_format(out, "<b>%u</b>", cpu);
    if (labelled && c->workers == 1)
        buffer_format(out, "<small>w%" PRIu32 "</small>", c->worker);
    else if (labelled && c->workers > 1)
        buffer_format(out, "<small>%" PRIu32 " w</small>", c->workers);
    buffer_text(out, "</div>");
}

static void begin_cores(struct buffer *out, bool labelled)
{
    buffer_format(out, "<div class=\"cores%s\">\n", labelled ? "" : " small");
}

// Draws the CPUs by number, if the machine is not known.
static void put_row(struct buffer *out, const struct core *cores, unsigned count)
{
    bool labelled = count <= CORES_LABELLED;
    begin_cores(out, labelled);
    for (unsigned cpu = 0; cpu < count; cpu++)
        put_core(out, cpu, &cores[cpu], labelled);
    buffer_text(out, "\n</div>\n");
}

static void put_node(struct buffer *out, const struct machine_pu *pu, const struct machine_pu *last)
{
    if (last)
        buffer_text(out, "\n</div>\n");
    if (!last || last->package != pu->package)
        buffer_format(out, "<h3>package %d</h3>\n", pu->package);
    buffer_format(out, "<p class=\"note\">NUMA node %d</p>\n", pu->numa);
}

// Draws the CPUs as the machine is built: by package and NUMA node, with the CPUs of a core side by
// side.
static void put_machine(struct buffer *out, const struct machine *m, const struct core *cores)
{
    bool labelled = m->pu_count <= CORES_LABELLED;
    const struct machine_pu *last = NULL;
    for (size_t i = 0; i < m->pu_count; i++) {
        const struct machine_pu *pu = &m->pus[i];
        if (!last || last->package != pu->package || last->numa != pu->numa) {
            put_node(out, pu, last);
            begin_cores(out, labelled);
        }
        put_core(out, pu->os_index, &cores[pu->os_index], labelled);
        last = pu;
    }
    buffer_text(out, "\n</div>\n");
}

void report_cores(const struct report *r, struct buffer *out)
{
    unsigned count;
    struct core *cores = gather_cores(r, &count);
    if (!cores) {
        out->failed = true;
        return;
    }
    if (count > 0) {
        buffer_text(out, "<section id=\"cores\">\n<h2>Cores</h2>\n<p class=\"note\">The machine's "
                         "CPUs by the system's numbers, those of a core side by side, "
                         "each filled as far as the workers on it were busy; below the number, the "
                         "worker.</p>\n");
        if (r->machine.pu_count > 0)
            put_machine(out, &r->machine, cores);
        else
            put_row(out, cores, count);
        buffer_text(out, "</section>\n");
    }
    free(cores);
}
