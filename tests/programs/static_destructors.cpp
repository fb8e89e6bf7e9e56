/* SPDX-License-Identifier: BSD-2-Clause */
/* static_destructors.cpp -- Allocates and frees before main and after it, in every way C++ has. */
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

struct noisy {
    std::map<int, std::string> names;
    std::vector<char> kept = std::vector<char>(5000);
    explicit noisy(int count)
    {
        for (int i = 0; i < count; i++)
            names[i] = std::string(100, 'x');
    }
    ~noisy()
    {
        names.clear();
        std::vector<int> more(1000);
        for (int i = 0; i < 500; i++)
            more.push_back(i);
        std::printf("%zu\n", more.size());
    }
};

static noisy first(300);
static thread_local noisy per_thread(20);
static noisy *lost = new noisy(10);

static void at_exit()
{
    noisy here(5);
    std::free(std::malloc(12345));
}

int main()
{
    static noisy late(50);
    std::atexit(at_exit);
    std::thread([] { std::printf("%zu\n", per_thread.names.size()); }).join();
    std::printf("%zu %zu\n", late.names.size(), lost->names.size());
    return 4;
}
