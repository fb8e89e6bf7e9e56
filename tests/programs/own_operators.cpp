/* SPDX-License-Identifier: BSD-2-Clause */
/* own_operators.cpp -- A plugin that brings operators new and delete of its own. */
#include <cstdlib>
#include <new>

static int calls;

void *operator new(std::size_t size)
{
    calls++;
    return std::malloc(size);
}

void operator delete(void *block) noexcept
{
    calls++;
    std::free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
    operator delete(block);
}

extern "C" int plugin_calls()
{
    ::operator delete(::operator new(100));
    return calls;
}
