/* SPDX-License-Identifier: BSD-2-Clause */
/* operators.cpp -- Allocates by every operator new and gives back by every operator delete.
 *
 * tests/test_operators.py finds the lines by their tags and knows the arithmetic. With "throw" it
 * asks for more than there is, too. */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <unistd.h>

constexpr std::size_t count = 1000;
constexpr std::size_t huge = SIZE_MAX / 4;
constexpr auto alignment = std::align_val_t(128);

static void *blocks[count + 1];
static int failures;

static void say(const char *text)
{
    if (write(1, text, std::strlen(text)) < 0)
        failures++;
}

static void expect(bool is_true, const char *what)
{
    if (!is_true) {
        say(what);
        say("\n");
        failures++;
    }
}

static bool is_aligned(const void *block)
{
    return reinterpret_cast<std::uintptr_t>(block) % std::size_t(alignment) == 0;
}

static void single()
{
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new(i); /* @single */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(blocks[i]);
}

static void array()
{
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = new char[2 * i]; /* @array */
    for (std::size_t i = 2; i <= count; i += 2)
        delete[] static_cast<char *>(blocks[i]);
}

static void sized()
{
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(::operator new(3 * i), 3 * i); /* @sized */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete[](::operator new[](3 * i), 3 * i); /* @sized_array */
}

static void nothrow()
{
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new(5 * i, std::nothrow); /* @nothrow */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(blocks[i], std::nothrow);
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new[](5 * i, std::nothrow); /* @nothrow_array */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete[](blocks[i], std::nothrow);
}

static void aligned()
{
    for (std::size_t i = 1; i <= count; i++) {
        blocks[i] = ::operator new(7 * i, alignment); /* @aligned */
        expect(is_aligned(blocks[i]), "not aligned");
    }
    for (std::size_t i = 1; i <= count; i++)
        i % 2 ? ::operator delete(blocks[i], alignment)
              : ::operator delete(blocks[i], 7 * i, alignment);
    for (std::size_t i = 1; i <= count; i++) {
        blocks[i] = ::operator new[](7 * i, alignment); /* @aligned_array */
        expect(is_aligned(blocks[i]), "array not aligned");
    }
    for (std::size_t i = 1; i <= count; i++)
        i % 2 ? ::operator delete[](blocks[i], alignment)
              : ::operator delete[](blocks[i], 7 * i, alignment);
}

static void aligned_nothrow()
{
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new(11 * i, alignment, std::nothrow); /* @aligned_nothrow */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(blocks[i], alignment, std::nothrow);
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new[](11 * i, alignment, std::nothrow); /* @aligned_nothrow_array */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete[](blocks[i], alignment, std::nothrow);
}

/* What no standard allows, and programs do. */
static void mixed()
{
    for (std::size_t i = 1; i <= count; i++)
        std::free(::operator new(13 * i)); /* @freed */
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(std::malloc(13 * i)); /* @deleted */
    for (std::size_t i = 1; i <= count; i++)
        std::free(std::realloc(::operator new(i), 17 * i)); /* @reallocated */
    ::operator delete(nullptr);
}

static void of_another_thread()
{
    std::thread([] {
        for (std::size_t i = 1; i <= count; i++)
            blocks[i] = ::operator new(19 * i); /* @other_thread */
    }).join();
    for (std::size_t i = 1; i <= count; i++)
        ::operator delete(blocks[i], 19 * i);
    for (std::size_t i = 1; i <= count; i++)
        blocks[i] = ::operator new(19 * i); /* @again */
}

struct own_error {
    int number;
};

static int handler_calls;

static void handle_by_giving_up()
{
    handler_calls++;
    std::free(std::malloc(77)); /* @handler */
    std::set_new_handler(nullptr);
}

static void handle_by_throwing()
{
    throw own_error{42};
}

struct counts_its_end {
    ~counts_its_end()
    {
        ended++;
    }
    static int ended;
};
int counts_its_end::ended;

static int fail(std::new_handler handler)
{
    std::set_new_handler(handler);
    try {
        counts_its_end here;
        blocks[0] = ::operator new(huge); /* @huge */
    } catch (const own_error &error) {
        return error.number;
    } catch (const std::bad_alloc &) {
        return 1;
    }
    return 0;
}

static void throwing()
{
    for (int i = 0; i < 100; i++)
        expect(fail(nullptr) == 1, "no bad_alloc");
    expect(fail(handle_by_giving_up) == 1 && handler_calls == 1, "handler not called");
    expect(fail(handle_by_throwing) == 42, "handler's exception lost");
    std::set_new_handler(nullptr);
    expect(::operator new(huge, std::nothrow) == nullptr, "nothrow returned something");
    expect(counts_its_end::ended == 102, "stack not unwound");
    ::operator delete(::operator new(23)); /* @after */
}

int main(int argc, char **argv)
{
    single();
    array();
    sized();
    nothrow();
    aligned();
    aligned_nothrow();
    mixed();
    of_another_thread();
    if (argc > 1 && std::strcmp(argv[1], "throw") == 0)
        throwing();
    say(failures ? "wrong\n" : "right\n");
    return failures != 0;
}
