/* SPDX-License-Identifier: BSD-2-Clause */
/* exceptions.cpp -- Throws across a hundred frames, each of which owns an allocation. */
#include <unistd.h>

struct owner {
    int *block;

    explicit owner(int size)
    {
        block = new int[size]; /* @owned */
    }
    ~owner()
    {
        delete[] block;
    }
};

static int descend(int depth)
{
    owner own(depth + 1);

    if (depth == 0)
        throw 42;
    return descend(depth - 1) + own.block[0];
}

static int catch_once()
{
    try {
        return descend(99);
    } catch (int value) {
        char *note = new char[17]; /* @caught */
        delete[] note;
        return value;
    }
}

int main()
{
    int sum = 0;

    for (int i = 0; i < 1000; i++)
        sum += catch_once();
    return sum == 42000 && write(STDOUT_FILENO, "caught\n", 7) == 7 ? 0 : 1;
}
