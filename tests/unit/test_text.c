/* SPDX-License-Identifier: BSD-2-Clause */
/* test_text.c -- Sizes as tracemalloc prints them, text of others made harmless, short names. */
#include "tap.h"
#include "text.h"

#include <stdlib.h>

static void test_sizes(void)
{
    static const struct {
        double size_bytes;
        const char *text;
    } goldens[] = {
        {0, "0 B"},
        {10239, "10239 B"},
        {10240, "10.0 KiB"},
        {102399, "100.0 KiB"},
        {102400, "100 KiB"},
        {1048576, "1024 KiB"},
        {8388608, "8192 KiB"},
        {10485760, "10.0 MiB"},
        {10.0 * (1 << 30) - 1, "10240 MiB"},
        {1099511627776.0, "1024 GiB"},
        {1125899906842624.0, "1024 TiB"},
        {-20480, "-20.0 KiB"},
        {10.445, "10 B"},
    };
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++)
        tap_text(text_size(goldens[i].size_bytes).text, goldens[i].text, goldens[i].text);
    tap_text(text_count(0).text, "0", "count 0");
    tap_text(text_count(999).text, "999", "count 999");
    tap_text(text_count(20001).text, "20,001", "count 20,001");
    tap_text(text_count(UINT64_MAX).text, "18,446,744,073,709,551,615", "the largest count");
    tap_text(text_duration(210000000).text, "0.21 s", "0.21 s");
    tap_text(text_duration(192000000000).text, "3 min 12 s", "3 min 12 s");
}

/* What a function writes. */
static char *written(size_t (*write)(FILE *, const char *, size_t), const char *text,
                     size_t columns)
{
    static char *result;
    size_t size;
    free(result);
    FILE *out = open_memstream(&result, &size);
    write(out, text, columns);
    fclose(out);
    return result;
}

static void test_escaping(void)
{
    static const struct {
        const char *text, *shown, *name;
    } goldens[] = {
        {"plain", "plain", "plain text"},
        {"\033[31mred", "\\x1b[31mred", "an escape sequence"},
        {"a\nb\tc", "a\\nb\\tc", "newline and tab"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b"
         "31m",
         "C1 control in UTF-8"},
        {"\xff\xfe", "\\xff\\xfe", "bytes that are not UTF-8"},
        {"\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac", "UTF-8 stays"},
        {"\xe2\x80\xae", "\\xe2\\x80\\xae", "right-to-left override"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "a surrogate"},
        {"\xf0\x9f\x98", "\\xf0\\x9f\\x98", "a sequence cut short"},
    };
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++)
        tap_text(written(text_write_cut, goldens[i].text, SIZE_MAX), goldens[i].shown,
                 goldens[i].name);
    tap_text(written(text_write_cut, "abcdef", 4), "abc…", "cut at the end");
    tap_text(written(text_write_tail, "abcdef", 4), "…def", "cut at the beginning");
    tap_text(written(text_write_tail, "abcd", 4), "abcd", "not cut");
}

static void test_functions(void)
{
    static const struct {
        const char *function, *name;
    } goldens[] = {
        {"main", "main"},
        {"operator new(unsigned long)", "operator new"},
        {"operator new[](unsigned long)", "operator new[]"},
        {"std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector::push_back"},
        {"void std::vector<int>::_M_realloc_insert<int const&>(int*, int const&)",
         "std::vector::_M_realloc_insert"},
        {"(anonymous namespace)::f(int)", "(anonymous namespace)::f"},
        {"A::operator<<(int)", "A::operator<<"},
        {"A::operator->() const", "A::operator->"},
        {"A::operator()(int) const", "A::operator()"},
        {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(int)#1}::operator()"},
        {"<alloc::vec::Vec<T> as core::clone::Clone>::clone",
         "<alloc::vec::Vec as core::clone::Clone>::clone"},
    };
    char buffer[256];
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++)
        tap_text(text_short_function(goldens[i].function, buffer, sizeof buffer), goldens[i].name,
                 goldens[i].name);
    tap_text(text_short_function("abcdefgh", buffer, 4), "abc", "a name longer than its buffer");
}

static void test_numbers(void)
{
    uint64_t number;
    tap_ok(text_to_number("4096", 4096, &number) && number == 4096, "a number at its limit");
    tap_ok(!text_to_number("4097", 4096, &number), "beyond its limit");
    tap_ok(!text_to_number("", 10, &number), "nothing is no number");
    tap_ok(!text_to_number("-1", 10, &number), "negative");
    tap_ok(!text_to_number("1x", 10, &number), "rubbish behind it");
    tap_ok(!text_to_number("99999999999999999999", UINT64_MAX, &number), "too large for anything");
    tap_text(text_basename("/a/b/c.so"), "c.so", "basename");
    tap_text(text_basename("c.so"), "c.so", "basename without folder");
}

int main(void)
{
    test_sizes();
    test_escaping();
    test_functions();
    test_numbers();
    return tap_end();
}
