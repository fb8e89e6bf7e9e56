/* SPDX-License-Identifier: BSD-2-Clause */
/* plain_operators.cpp -- A plugin that uses operators new and delete, and has none. */
#include <new>

extern "C" int plugin_calls()
{
    ::operator delete(::operator new(100));
    return 0;
}
