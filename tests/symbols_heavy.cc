// SPDX-License-Identifier: BSD-2-Clause
// symbols_heavy.cc -- Much inlined C++, to compare the names of its addresses; never run.
//
// Compiled several times with another UNIT each, which gives as many similar but distinct units.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#ifndef UNIT
#define UNIT 0
#endif
#define JOIN_NOW(a, b) a##b
#define JOIN(a, b) JOIN_NOW(a, b)

extern "C" int plain_c_function(int);

namespace JOIN(unit, UNIT)
{
template <int N> struct Tower {
    static inline long climb(std::vector<long> &steps, long seed)
    {
        steps.push_back(seed * (N + UNIT));
        return Tower<N - 1>::climb(steps, seed ^ N) + steps.back();
    }
};

template <> struct Tower<0> {
    static inline long climb(std::vector<long> &steps, long seed)
    {
        return seed + (long)steps.size();
    }
};

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};

struct Square : Shape {
    double side;
    explicit Square(double s) : side(s)
    {
    }
    double area() const override
    {
        return side * side;
    }
};

namespace
{
template <class T> struct Hidden {
    T value;
    T twice() const
    {
        return value + value;
    }
};
} // namespace

std::size_t words(const std::string &text)
{
    std::regex word("[a-z]+(" + std::to_string(UNIT) + ")?");
    std::map<std::string, std::vector<std::size_t>> where;
    for (std::sregex_iterator it(text.begin(), text.end(), word), end; it != end; ++it)
        where[it->str()].push_back((std::size_t)it->position());

    std::vector<std::pair<std::string, std::size_t>> sorted;
    std::transform(where.begin(), where.end(), std::back_inserter(sorted),
                   [](const auto &e) { return std::make_pair(e.first, e.second.size()); });
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
        return a.second > b.second || (a.second == b.second && a.first < b.first);
    });

    std::unordered_map<std::string, std::function<std::size_t(std::size_t)>> table;
    for (auto &[key, value] : sorted) {
        auto n = value;
        table.emplace(key, [n](std::size_t x) { return x * n + UNIT; });
    }
    std::ostringstream out;
    for (auto &[key, f] : table)
        out << key << f(3) << Hidden<long>{(long)key.size()}.twice();

    std::vector<long> steps;
    std::vector<std::unique_ptr<Shape>> shapes;
    for (int i = 0; i < 5; i++)
        shapes.push_back(std::make_unique<Square>(i));
    double area = std::accumulate(shapes.begin(), shapes.end(), 0.0,
                                  [](double sum, const auto &p) { return sum + p->area(); });
    return out.str().size() + (std::size_t)Tower<24>::climb(steps, (long)area) +
           (std::size_t)plain_c_function((int)text.size());
}
} // namespace JOIN(unit, UNIT)

#if UNIT == 1
extern "C" __attribute__((noinline)) int plain_c_function(int x)
{
    return x * 3;
}
#endif
