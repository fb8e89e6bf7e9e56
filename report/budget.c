/* SPDX-License-Identifier: BSD-2-Clause */
/* budget.c -- A sampler's account of itself. */
#include "budget.h"

#include "text.h"

#include <inttypes.h>
#include <string.h>

/* --- adding up --- */

static void add(struct budget *budget, const struct trace_sampler *sampler)
{
    struct trace_sampler before = budget->sum;
    struct trace_sampler *sum = &budget->sum;
    *sum = *sampler;
    sum->samples += before.samples;
    sum->cpu_ns += before.cpu_ns;
    sum->sampled_ns += before.sampled_ns;
    sum->overrun_ns += before.overrun_ns;
    sum->exited_ns += before.exited_ns;
    sum->on_cpu_ns += before.on_cpu_ns;
    sum->kernel_ns += before.kernel_ns;
    sum->lost_ns += before.lost_ns;
    sum->lost_count += before.lost_count;
    sum->truncated_count += before.truncated_count;
    sum->own_ns += before.own_ns;
    sum->overrun_count += before.overrun_count;
    sum->interrupted_calls += before.interrupted_calls;
    sum->threads_seen += before.threads_seen;
    sum->threads_invisible += before.threads_invisible;
    budget->sampler_count++;
    budget->is_running = budget->is_running || !sampler->end_time_ns;
}

void budget_init(struct budget *budget, const struct trace *trace, enum times_kind kind)
{
    uint32_t domain = kind == TIMES_CPU ? DOMAIN_CPU : DOMAIN_OFF_CPU;
    *budget = (struct budget){0};
    for (uint32_t i = 0; i < trace->sampler_count; i++)
        if (trace->samplers[i].domain == domain)
            add(budget, &trace->samplers[i]);
    const struct trace_sampler *sum = &budget->sum;
    budget->unexplained_ns =
        (int64_t)(sum->cpu_ns - sum->on_cpu_ns - sum->sampled_ns - sum->overrun_ns -
                  sum->exited_ns - sum->kernel_ns - sum->lost_ns);
}

/* --- words --- */

static const char *engine_name(uint32_t engine)
{
    static const char *const names[] = TRACE_ENGINE_NAMES;
    return engine < ENGINE_COUNT ? names[engine] : "unknown";
}

static double share(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static void write_seconds(FILE *out, const char *before, int64_t time_ns, const char *after)
{
    fprintf(out, "%s%.3f s%s", before, (double)time_ns / 1e9, after);
}

static void write_entry(FILE *out, uint64_t time_ns, const char *words)
{
    if (time_ns >= 500000)
        write_seconds(out, " + ", (int64_t)time_ns, words);
}

static void write_share(FILE *out, const char *before, uint64_t time_ns, uint64_t whole_ns)
{
    write_seconds(out, before, (int64_t)time_ns, "");
    fprintf(out, " (%.1f %%)", share((double)time_ns, (double)whole_ns));
}

static const char *threads_word(uint64_t count)
{
    return count == 1 ? "thread" : "threads";
}

/* Of the time of all threads. */
static void write_time(FILE *out, const struct budget *budget)
{
    const struct trace_sampler *sum = &budget->sum;
    write_seconds(out, "  time     ", (int64_t)sum->cpu_ns, "");
    fprintf(out, " of %s %s", text_count(sum->threads_seen).text, threads_word(sum->threads_seen));
    write_share(out, " = on the CPU ", sum->on_cpu_ns, sum->cpu_ns);
    write_share(out, " + off it ", sum->sampled_ns, sum->cpu_ns);
    write_entry(out, sum->exited_ns, " off it, not known where");
    write_entry(out, sum->lost_ns, " where stacks could not be seen");
    if (budget->unexplained_ns > 500000)
        write_seconds(out, " + ", budget->unexplained_ns, " unexplained");
    fputc('\n', out);
}

static void write_account(FILE *out, const struct budget *budget)
{
    const struct trace_sampler *sum = &budget->sum;
    if (!sum->cpu_ns)
        return;
    if (sum->domain == DOMAIN_OFF_CPU) {
        write_time(out, budget);
        return;
    }
    write_seconds(out, "  cpu      ", (int64_t)sum->cpu_ns, "");
    write_share(out, " = sampled ", sum->sampled_ns, sum->cpu_ns);
    write_entry(out, sum->overrun_ns, " overrun");
    write_entry(out, sum->exited_ns, " after threads' last samples");
    write_entry(out, sum->kernel_ns, " in the kernel, not to be sampled");
    write_entry(out, sum->lost_ns, " lost");
    if (budget->unexplained_ns > 500000)
        write_seconds(out, " + ", budget->unexplained_ns, " unexplained");
    else if (budget->unexplained_ns < -500000)
        write_seconds(out, " - ", -budget->unexplained_ns, " sampled twice");
    fputc('\n', out);
}

static double rate_of(uint64_t period_ns)
{
    return period_ns ? 1e9 / (double)period_ns : 0;
}

/* How often it looked at threads off the CPU. */
static void write_looks(FILE *out, const struct budget *budget)
{
    const struct trace_sampler *sum = &budget->sum;
    fprintf(out, "  looks    %.0f Hz", rate_of(sum->period_ns));
    if (sum->asked_period_ns && sum->asked_period_ns != sum->period_ns)
        fprintf(out, " (%.0f Hz asked)", rate_of(sum->asked_period_ns));
    fprintf(out, ", %s samples off the CPU", text_count(sum->samples).text);
    write_seconds(out, ", cost ", (int64_t)sum->own_ns, " of CPU time\n");
}

static void write_engine(FILE *out, const struct budget *budget)
{
    const struct trace_sampler *sum = &budget->sum;
    if (sum->domain == DOMAIN_OFF_CPU) {
        write_looks(out, budget);
        return;
    }
    double busy_ns = (double)(sum->cpu_ns ? sum->cpu_ns : sum->sampled_ns);
    fprintf(out, "  sampler  %s, %.0f Hz", engine_name(sum->engine), rate_of(sum->period_ns));
    if (sum->asked_period_ns && sum->asked_period_ns != sum->period_ns)
        fprintf(out, " (%.0f Hz asked)", rate_of(sum->asked_period_ns));
    if (busy_ns > 0)
        fprintf(out, ", %.0f Hz delivered", (double)sum->samples * 1e9 / busy_ns);
    fprintf(out, ", %s samples of %s %s", text_count(sum->samples).text,
            text_count(sum->threads_seen).text, threads_word(sum->threads_seen));
    if (sum->own_ns && sum->cpu_ns > UINT64_C(4) * sum->own_ns)
        fprintf(out, ", cost %.1f %%", share((double)sum->own_ns, (double)sum->cpu_ns));
    else if (sum->own_ns) /* of a program that sleeps, say */
        write_seconds(out, ", cost ", (int64_t)sum->own_ns, " of CPU time");
    fputc('\n', out);
}

static void write_warning(FILE *out, const struct style *style, uint64_t count, const char *words)
{
    if (count)
        fprintf(out, "  %s%s %s%s\n", style->warning, text_count(count).text, words, style->plain);
}

static void write_warnings(FILE *out, const struct budget *budget, const struct style *style)
{
    const struct trace_sampler *sum = &budget->sum;
    write_warning(out, style, sum->lost_count, "samples were lost: no room for them");
    write_warning(out, style, sum->truncated_count,
                  sum->engine == ENGINE_PERF_RING && sum->domain == DOMAIN_CPU
                      ? "stacks were cut: most often where they were deeper than the 8 or 32 KiB "
                        "that perf-ring copies of each, see --cpu-engine=tgkill"
                      : "stacks were cut");
    write_warning(out, style, sum->threads_invisible,
                  "threads could not be sampled: they block the signal, or could not be opened");
    write_warning(out, style, sum->interrupted_calls,
                  "system calls may have been ended early (EINTR) by samples");
    if (sum->last_errno && sum->last_errno < 4096)
        fprintf(out, "  %s%s was not to be had: %s%s\n", style->dim,
                sum->asked_engine ? engine_name(sum->asked_engine) : "a better engine",
                strerror((int)sum->last_errno), style->plain);
}

void budget_write(FILE *out, const struct budget *budget, const struct style *style)
{
    if (!budget->sampler_count)
        return;
    write_account(out, budget);
    write_engine(out, budget);
    write_warnings(out, budget, style);
}

/* --- JSON --- */

void budget_write_json(struct json *json, const struct budget *budget, const struct times *whole,
                       enum times_kind kind)
{
    const struct trace_sampler *sum = &budget->sum;
    json_name(json, kind == TIMES_CPU ? "cpu" : "wall");
    json_open_object(json);
    json_member_unsigned(json, "samples", whole->samples);
    json_member_signed(json, "sampled_ns", whole->time_ns);
    if (kind == TIMES_CPU)
        json_member_signed(json, "sampled_kernel_ns", whole->kernel_ns);
    else
        json_member_signed(json, "off_cpu_ns", whole->off_ns);
    if (budget->sampler_count && kind == TIMES_WALL) {
        json_member_unsigned(json, "period_ns", sum->period_ns);
        json_member_unsigned(json, "asked_period_ns", sum->asked_period_ns);
        json_member_unsigned(json, "time_ns", sum->cpu_ns);
        json_member_unsigned(json, "on_cpu_ns", sum->on_cpu_ns);
        json_member_unsigned(json, "off_cpu_known_ns", sum->sampled_ns);
        json_member_unsigned(json, "off_cpu_unknown_ns", sum->exited_ns);
        json_member_unsigned(json, "lost_ns", sum->lost_ns);
        json_member_signed(json, "unexplained_ns", budget->unexplained_ns);
        json_member_unsigned(json, "truncated_stacks", sum->truncated_count);
        json_member_unsigned(json, "own_ns", sum->own_ns);
        json_member_unsigned(json, "threads", sum->threads_seen);
        json_member_unsigned(json, "invisible_threads", sum->threads_invisible);
    } else if (budget->sampler_count) {
        json_member_string(json, "engine", engine_name(sum->engine));
        json_member_unsigned(json, "period_ns", sum->period_ns);
        json_member_unsigned(json, "asked_period_ns", sum->asked_period_ns);
        json_member_unsigned(json, "cpu_time_ns", sum->cpu_ns);
        json_member_unsigned(json, "overrun_ns", sum->overrun_ns);
        json_member_unsigned(json, "overruns", sum->overrun_count);
        json_member_unsigned(json, "interrupted_calls", sum->interrupted_calls);
        json_member_unsigned(json, "exited_ns", sum->exited_ns);
        json_member_unsigned(json, "kernel_ns", sum->kernel_ns);
        json_member_unsigned(json, "lost_ns", sum->lost_ns);
        json_member_signed(json, "unexplained_ns", budget->unexplained_ns);
        json_member_unsigned(json, "lost_samples", sum->lost_count);
        json_member_unsigned(json, "truncated_stacks", sum->truncated_count);
        json_member_unsigned(json, "cost_ns", sum->cost_ns);
        json_member_unsigned(json, "own_ns", sum->own_ns);
        json_member_unsigned(json, "threads", sum->threads_seen);
        json_member_unsigned(json, "invisible_threads", sum->threads_invisible);
        json_member_bool(json, "kernel_is_hidden", sum->kernel_is_hidden);
    }
    json_close_object(json);
}
