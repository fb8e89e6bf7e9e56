# SPDX-License-Identifier: BSD-2-Clause
"""workloads.py -- Programs that people run, each with something to do that it makes for itself.

A workload's prepare(lab, scale) makes its input and returns argv; scale 1 is about a second."""

import dataclasses
import json
import pathlib
import random
import shutil
import subprocess

from measure import run_aside

PREPARE_S = 120


@dataclasses.dataclass
class Workload:
    """argv comes from prepare(); programs that are not installed make it skipped."""
    name: str
    programs: tuple
    prepare: object
    variables: dict = dataclasses.field(default_factory=dict)
    stdin: str | None = None     # a file in the inputs' directory
    is_small: bool = False       # small enough for valgrind
    has_peak: bool = False       # a row for its peak RSS too

    def missing(self):
        return [name for name in self.programs if not find_program(name)]


def find_program(name):
    """Not what a version manager puts in front of it, which is a shell script."""
    return shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/usr/local/bin") or shutil.which(name)


def must_run(lab, argv, text=None):
    if not run_aside(lab, argv, PREPARE_S, text):
        raise RuntimeError(f"could not make the input with {' '.join(argv)}")


def write(lab, name, text):
    path = lab.inputs / name
    path.write_text(text)
    return str(path)


# ---- interpreters

PYTHON = """
import copy, json
data = [{"id": i, "name": f"person {i}", "tags": [f"a{i %% 7}", "b"], "at": {"x": i / 3, "y": [i] * 4}}
        for i in range(%d)]
for _ in range(3):
    text = json.dumps(data)
    data = copy.deepcopy(json.loads(text))
source = "\\n".join(f"def f{i}(a, b={i}):\\n    c = [a + b * i for i in range({i})]\\n    return {{a: c, 'k': b}}\\n"
                   for i in range(%d))
for _ in range(3):
    compile(source, "made", "exec")
"""


def prepare_python(lab, scale):
    script = write(lab, "work.py", PYTHON % (int(14_000 * scale), int(900 * scale)))
    return [find_program("python3"), script]


LUA = """
local seen, state = {}, 42
local function random(n) state = (state * 1103515245 + 12345) %% 2147483648; return state // 8 %% n end
for round = 1, %d do
    local list = {}
    for i = 1, 2000 do
        local key = "key " .. random(5000) .. ":" .. i
        list[#list + 1] = { name = key, values = { i, i + 1, key:sub(1, 5) } }
        seen[key:upper()] = (seen[key:upper()] or 0) + 1
    end
    local text = {}
    for i, item in ipairs(list) do text[i] = item.name:rep(2):gsub("%%d+", "<%%0>") end
    if #table.concat(text, ",") == 0 then error("nothing") end
    if round %% 20 == 0 then seen = {} end
end
"""


def prepare_lua(lab, scale):
    return [find_program("lua5.4"), write(lab, "work.lua", LUA % max(1, int(200 * scale)))]


# ---- compilers

CXX_HEAD = "\n".join(f"#include <{name}>" for name in (
    "algorithm", "functional", "iostream", "map", "memory", "regex", "string", "tuple", "unordered_map", "variant",
    "vector")) + "\n"
CXX_UNIT = """
namespace unit%(n)d {
struct record { std::string name; std::vector<double> values; std::map<std::string, int> counts; };
using any = std::variant<int, double, std::string, record>;
template <int N> struct depth { static int get(int x) { return depth<N - 1>::get(x * N + %(n)d) ^ N; } };
template <> struct depth<0> { static int get(int x) { return x; } };
std::unordered_map<std::string, std::vector<any>> table;
int run(const std::vector<std::string> &words)
{
    std::map<std::string, std::function<int(int)>> handlers;
    for (auto &word : words)
        handlers[word] = [&](int x) { return depth<40>::get(x) + (int)word.size(); };
    std::vector<std::tuple<std::string, int, double>> rows;
    for (auto &[name, handler] : handlers)
        rows.emplace_back(name, handler(%(n)d), 0.5);
    std::sort(rows.begin(), rows.end(), [](auto &a, auto &b) { return std::get<1>(a) < std::get<1>(b); });
    int sum = 0;
    for (auto &[name, number, weight] : rows) {
        table[name].push_back(record{name, {weight}, {{name, number}}});
        sum += std::visit([](auto &value) { return (int)sizeof value; }, table[name].back());
    }
    return sum;
}
}
"""


def cxx_source(lab, name, units):
    return write(lab, name, CXX_HEAD + "".join(CXX_UNIT % {"n": n} for n in range(units)))


def prepare_clang(lab, scale):
    return [find_program("clang"), "-std=c++17", "-O2", "-c", cxx_source(lab, "clang.cc", max(1, int(2 * scale))), "-o",
            "/dev/null"]


def part_of_gcc(name):
    """cc1 and cc1plus are not in the PATH."""
    path = subprocess.run(["gcc", f"-print-prog-name={name}"], capture_output=True, text=True, check=True)
    return path.stdout.strip()


def prepare_cc1plus(lab, scale):
    source, preprocessed = cxx_source(lab, "cc1plus.cc", max(1, int(2 * scale))), str(lab.inputs / "cc1plus.ii")
    must_run(lab, ["g++", "-std=c++17", "-E", source, "-o", preprocessed])
    return [part_of_gcc("cc1plus"), "-fpreprocessed", "-std=c++17", "-O2", "-quiet", preprocessed, "-o", "/dev/null"]


C_UNIT = """
struct node%(n)d { struct node%(n)d *next[2]; int key; double weight; char name[%(n)d + 1]; };
static int walk%(n)d(struct node%(n)d *node, int *out, int limit)
{
    int count = 0;
    for (; node && count < limit; node = node->next[node->key > %(n)d]) {
        switch (node->key %% 7) {
        case 0: out[count++] = node->key * %(n)d; break;
        case 1: out[count++] = node->key << 2; /* fall through */
        case 2: node->weight *= 1.5; continue;
        case 3: if (node->weight > %(n)d) return count; break;
        default: out[count++] = (int)node->weight ^ node->name[%(n)d / 2];
        }
        for (int i = 0; i < count; i++)
            out[i] = out[i] > limit ? out[i] - limit : out[i] + i * %(n)d;
    }
    return count;
}
int sum%(n)d(void *root, int *out) { int s = walk%(n)d(root, out, 64); while (s--) out[s] += s; return out[0]; }
"""


def prepare_cc1(lab, scale):
    source = write(lab, "cc1.i", "".join(C_UNIT % {"n": n} for n in range(int(100 * scale) + 1)))
    return [part_of_gcc("cc1"), "-fpreprocessed", "-O2", "-quiet", source, "-o", "/dev/null"]


LINKED = """
#include <string>
#include <vector>
#include <map>
std::string f%(next)d(int);
std::string f%(n)d(int x)
{
    std::map<std::string, std::vector<int>> groups;
    for (int i = 0; i < x; i++)
        groups[std::to_string(i %% %(n)d)].push_back(i);
    return groups.empty() || x < 2 ? "" : groups.begin()->first + f%(next)d(x / 2);
}
"""


def prepare_lld(lab, scale):
    count = max(2, int(30 * scale))
    objects = []
    for n in range(1, count + 1):
        source = write(lab, f"linked{n}.cc", LINKED % {"n": n, "next": n % count + 1})
        objects.append(str(lab.inputs / f"linked{n}.o"))
        must_run(lab, ["clang", "-O2", "-fPIC", "-flto=thin", "-c", source, "-o", objects[-1]])
    return [find_program("ld.lld"), "-shared", "--thinlto-jobs=4", "-o", str(lab.inputs / "linked.so"), *objects]


# ---- data

def prepare_jq(lab, scale):
    pick = random.Random(1)
    rows = [{"id": i, "name": f"person {pick.randrange(10**6)}", "tags": [f"t{pick.randrange(99)}" for _ in range(4)],
             "at": {"x": pick.random(), "y": pick.randrange(1000)}, "on": i % 3 == 0}
            for i in range(int(195_000 * scale))]
    return [find_program("jq"), "-c", "[.[] | .at.y] | add", write(lab, "rows.json", json.dumps(rows))]


SQL = """
CREATE TABLE readings(id INTEGER PRIMARY KEY, station TEXT, value REAL, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
INSERT INTO readings SELECT i, 'station ' || (i * 7919 %% 1009), i %% 977 / 7.0, hex(i * i) FROM n;
CREATE INDEX by_station ON readings(station);
SELECT station, count(*), round(avg(value), 2), group_concat(note)
    FROM readings GROUP BY station ORDER BY 3 DESC LIMIT 3;
SELECT count(*) FROM readings a JOIN readings b ON a.station = b.station WHERE a.id %% 37 = 0 AND b.value > a.value;
SELECT max(length(json_group)) FROM (SELECT json_group_array(json_object('v', value, 'n', note)) AS json_group
    FROM readings GROUP BY station);
"""


def prepare_sqlite(lab, scale):
    write(lab, "work.sql", SQL % int(220_000 * scale))
    return [find_program("sqlite3"), ":memory:"]


def import_stream(commits):
    """A history for git fast-import, in which files of 300 lines change by a few."""
    pick = random.Random(2)
    files = [[f"line {n} of file {number}\n" for n in range(300)] for number in range(40)]
    for commit in range(commits):
        changed = pick.sample(range(len(files)), 4) if commit else range(len(files))
        message = f"Change {commit}\n"
        yield (f"commit refs/heads/main\ncommitter A <a@example.org> {1700000000 + commit} +0000\n"
               f"data {len(message)}\n{message}")
        for number in changed:
            for _ in range(5):
                files[number][pick.randrange(300)] = f"change {commit} {pick.random()}\n"
            text = "".join(files[number])
            yield f"M 100644 inline folder{number % 5}/file{number}.txt\ndata {len(text)}\n{text}\n"


def prepare_git(lab, scale):
    repository = lab.inputs / "repository"
    if not repository.exists():
        must_run(lab, ["git", "init", "-q", "--bare", str(repository)])
        must_run(lab, ["git", "--git-dir", str(repository), "fast-import", "--quiet"],
                 "".join(import_stream(int(2500 * scale))).encode())
    return [find_program("git"), "--no-pager", "--git-dir", str(repository), "log", "-p", "main"]


def prepare_xz(lab, scale):
    pick = random.Random(3)
    words = [f"word{n}" for n in range(5000)]
    text = " ".join(pick.choice(words) for _ in range(int(250_000 * scale)))
    return [find_program("xz"), "-6", "-T1", "--keep", "--stdout", write(lab, "words.txt", text)]


# ---- processes and threads

SHELL = """
i=0
while [ $i -lt %d ]; do
    /bin/true
    /bin/echo $i | /bin/cat
    i=$((i + 1))
done
"""


def prepare_shell(lab, scale):
    """Three processes each time around, so 2,700."""
    return [find_program("sh"), write(lab, "work.sh", SHELL % max(1, int(900 * scale)))]


def prepare_threads(lab, scale):
    return [lab.program("shared_blocks"), str(int(4_000_000 * scale))]


ALL = [
    Workload("python3 json/deepcopy/compile", ("python3",), prepare_python, {"PYTHONMALLOC": "malloc"}),
    Workload("lua strings and tables", ("lua5.4",), prepare_lua),
    Workload("clang -O2, C++", ("clang", "g++"), prepare_clang),
    Workload("cc1plus -O2", ("gcc", "g++"), prepare_cc1plus),
    Workload("cc1 -O2", ("gcc",), prepare_cc1),
    Workload("jq, 24 MB of JSON", ("jq",), prepare_jq, has_peak=True),
    Workload("sqlite3", ("sqlite3",), prepare_sqlite, stdin="work.sql", is_small=True),
    Workload("git log -p", ("git",), prepare_git, is_small=True),
    Workload("lld, ThinLTO, 4 threads", ("ld.lld", "clang", "g++"), prepare_lld),
    Workload("4 threads, each other's blocks", (), prepare_threads),
    Workload("2,700 short processes", ("sh",), prepare_shell),
    Workload("xz", ("xz",), prepare_xz, is_small=True),
]
