#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""symbols_vs_llvm.py -- Compares our frames with llvm-symbolizer's at random code addresses.

Usage: symbols_vs_llvm.py SYMBOLIZE_ADDRESSES [--addresses=N] [--seed=N] [FILE...]

Function, file and line of every frame of every inline chain must be equal. Where they are not, the
difference must fall under one of the EXPLANATIONS, each of which is checked on the spot; anything
else makes the script fail. Without FILE it compiles symbols_heavy.cc in several ways, and takes
large binaries with DWARF that Debian's -dbg packages brought. It also measures both: we must be
the faster one on each large file.
"""
import collections
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

LLVM = shutil.which('llvm-symbolizer-14') or shutil.which('llvm-symbolizer')
LARGE_BYTES = 5000000
HERE = os.path.dirname(os.path.abspath(__file__))

EXPLANATIONS = {
    'symbol-suffix': 'llvm takes the outermost name from the symbol table, with what the compiler '
                     'appended (.cold, .part.0, .constprop.0, .lto_priv.0); we show the function',
    'symbol-alias': 'llvm takes the outermost name from the symbol table; ours is another name of '
                    'the same code (C1 and C2 of a constructor, an alias, functions folded '
                    'into one, a label of LTO), and is the one that DWARF gives',
    'symbol-far': 'the code lies behind the end of the symbol that llvm names (PLT stubs, padding)',
    'symbol-file': "without DWARF llvm shows the symbol table's file name, which has no folder and "
                   'no line; we say that file and line are unknown',
    'scope': 'DWARF has only the plain name of an inlined function; we put its scope before it',
}


class Elf:
    """Just enough of an ELF file: code sections and function symbols."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            data = file.read()
        self.path = path
        self.sections = self.read_sections(data)
        self.code = [(s[3], s[5]) for s in self.sections if s[2] & 4 and s[5] > 0x100]
        self.symbols = self.read_symbols(data)

    @staticmethod
    def read_sections(data):
        offset, = struct.unpack_from('<Q', data, 0x28)
        size, count, names = struct.unpack_from('<HHH', data, 0x3a)
        sections = [struct.unpack_from('<IIQQQQIIQQ', data, offset + i * size)
                    for i in range(count)]
        Elf.names = sections[names][4]
        return sections

    def read_symbols(self, data):
        symbols = []
        for section in self.sections:
            if section[1] not in (2, 11):
                continue
            strings = self.sections[section[6]][4]
            for i in range(section[5] // 24):
                name, info, _, index, value, size = struct.unpack_from(
                    '<IBBHQQ', data, section[4] + i * 24)
                if value and index and info & 15 in (0, 2, 10):
                    end = data.index(b'\0', strings + name)
                    symbols.append((value, size, data[strings + name:end].decode('latin-1')))
        return sorted(symbols)

    def covering(self, address):
        """Names whose symbol covers the address, and those of labels before it."""
        names, labels = set(), set()
        for value, size, name in self.symbols:
            if value > address:
                break
            if address < value + size:
                names.add(name)
            if size == 0:
                labels.add(name)
        return names, labels


def run(command, text):
    start = time.monotonic()
    done = subprocess.run(command, input=text, capture_output=True, text=True, errors='replace',
                          check=False)
    seconds = time.monotonic() - start
    if done.returncode != 0:
        sys.exit('%s failed: %s' % (command[0], done.stderr))
    return done.stdout, seconds


def parse(output, has_column):
    """Blocks of FUNCTION and FILE:LINE[:COLUMN] lines to lists of (function, file, line)."""
    answers = []
    for block in output.split('\n\n'):
        lines = block.strip('\n').split('\n')
        if lines == ['']:
            continue
        frames = []
        for name, place in zip(lines[0::2], lines[1::2]):
            parts = place.rsplit(':', 2 if has_column else 1)
            # llvm leaves "." and ".." in; we take them out so that a header has one name.
            path = parts[0] if parts[0] == '??' else os.path.normpath(parts[0])
            frames.append((name, path, int(parts[1])))
        answers.append(frames)
    return answers


def ask_llvm(path, text, functions='linkage', repeat=1):
    command = [LLVM, '--no-demangle', '--inlines', '--functions=' + functions, '-e', path]
    results = [run(command, text) for _ in range(repeat)]
    return parse(results[0][0], True), min(seconds for _, seconds in results)


def ask_us(program, path, text, repeat=1):
    results = [run([program, '--mangled', path], text) for _ in range(repeat)]
    return parse(results[0][0], False), min(seconds for _, seconds in results)


def pick_addresses(elf, count, seed):
    """Evenly over all code; a generator of our own, so that every Python picks the same ones."""
    total = sum(size for _, size in elf.code)
    state = seed
    addresses = []
    while len(addresses) < count:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        offset = (state >> 16) % total
        for start, size in elf.code:
            if offset < size:
                addresses.append(start + offset)
                break
            offset -= size
    return addresses


def base_name(name):
    return re.sub(r'^~', '', name.split('<')[0])


def explain_outermost(elf, address, ours, llvm, short):
    """The names of the outermost frame differ; returns the explanation or None."""
    names, labels = elf.covering(address)
    if ours == '??':
        return 'symbol-far' if llvm not in names else None
    if llvm not in names and llvm not in labels:
        return None
    if llvm.startswith(ours + '.'):
        return 'symbol-suffix'
    # With --functions=short llvm shows what DWARF says, not the symbol table.
    if ours in names or ours == short or (base_name(short) and base_name(short) in ours):
        return 'symbol-alias'
    return None


def units_in(frames):
    """The namespaces of symbols_heavy.cc that the names speak of; a chain has only one."""
    return {unit for frame in frames for unit in re.findall(r'unit\d', frame[0])}


def is_scope_added(ours, llvm):
    return len(ours) == len(llvm) and all(
        o[1:] == l[1:] and (o[0] == l[0] or o[0].endswith('::' + l[0]))
        for o, l in zip(ours, llvm))


def explain(elf, address, ours, llvm, short):
    if len(ours) == len(llvm) == 1 and ours[0][1:] == ('??', 0) and llvm[0][2] == 0:
        if ours[0][0] == llvm[0][0] or llvm[0][0].startswith(ours[0][0] + '.'):
            return 'symbol-file' if '/' not in llvm[0][1] else None
        return explain_outermost(elf, address, ours[0][0], llvm[0][0], short[-1][0])
    if len(ours) != len(llvm):
        return None
    if len(units_in(ours + llvm)) > 1:
        return None
    if is_scope_added(ours[:-1], llvm[:-1]) and ours[-1][1:] == llvm[-1][1:]:
        if ours[-1][0] == llvm[-1][0]:
            return 'scope'
        return explain_outermost(elf, address, ours[-1][0], llvm[-1][0], short[-1][0])
    return None


def compare(program, path, options, reference=None):
    """reference: the file for llvm, where it cannot read the one that we get."""
    elf = Elf(reference or path)
    addresses = pick_addresses(elf, options['addresses'], options['seed'])
    text = ''.join('0x%x\n' % address for address in addresses)
    ours, our_seconds = ask_us(program, path, text, repeat=3)
    llvm, llvm_seconds = ask_llvm(reference or path, text, repeat=3)
    short, _ = ask_llvm(reference or path, text, 'short')
    counts = collections.Counter()
    unexplained = []
    depth = 0
    for address, our, their, brief in zip(addresses, ours, llvm, short, strict=True):
        depth = max(depth, len(our))
        why = 'equal' if our == their else explain(elf, address, our, their, brief)
        counts[why] += 1
        if why is None:
            unexplained.append((address, our, their))
    print('%s (%.1f MB): %d addresses, %s, deepest chain %d, %.3f s, llvm %.3f s' % (
        path, os.path.getsize(path) / 1e6, len(addresses),
        ', '.join('%d %s' % (n, why or 'UNEXPLAINED') for why, n in counts.most_common()),
        depth, our_seconds, llvm_seconds))
    for address, our, their in unexplained[:5]:
        print('  0x%x\n    ours %s\n    llvm %s' % (address, our, their))
    return len(unexplained), our_seconds, llvm_seconds, counts


def build_id_file(path):
    notes = subprocess.run(['readelf', '-n', path], capture_output=True, text=True, check=False)
    found = re.search(r'Build ID: ([0-9a-f]+)', notes.stdout)
    if not found:
        return None
    build_id = found.group(1)
    debug = '/usr/lib/debug/.build-id/%s/%s.debug' % (build_id[:2], build_id[2:])
    return debug if os.path.exists(debug) else None


def debian_files():
    """(ours, llvm's): we find debug files by build-id, llvm is given them."""
    files = [('/usr/bin/python3.11d', None),
             ('/usr/lib/x86_64-linux-gnu/debug/libstdc++.so.6.0.30', None)]
    library = '/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0'
    if os.path.exists(library) and build_id_file(library):
        files.append((library, build_id_file(library)))
    return [pair for pair in files if os.path.exists(pair[0])]


def compile_all(folder):
    """Compiles two at a time; returns the names of the objects."""
    source = os.path.join(HERE, 'symbols_heavy.cc')
    # All its code in one range, and in C: that makes another kind of unit.
    simple = os.path.join(HERE, 'symbols_fixture.c')
    jobs = [(compiler + '-c.o', [compiler, '-O2', '-gdwarf-5', simple])
            for compiler in ('gcc', 'clang')]
    jobs += [('gcc%d.o' % unit, ['g++', '-O2', '-g', '-DUNIT=%d' % unit]) for unit in (1, 2, 3)]
    jobs += [('clang.o', ['clang++', '-O2', '-gdwarf-5', '-DUNIT=1']),
             ('dwarf4.o', ['g++', '-O2', '-gdwarf-4', '-DUNIT=1']),
             ('split1.o', ['g++', '-O2', '-g', '-gsplit-dwarf', '-DUNIT=1']),
             ('split2.o', ['g++', '-O2', '-g', '-gsplit-dwarf', '-DUNIT=2'])]
    running = []
    for name, command in jobs:
        if not shutil.which(command[0]):
            continue
        if len(running) == 2:
            finish(running.pop(0))
        if simple not in command:
            command += ['-std=c++17', source]
        running.append(subprocess.Popen(
            command + ['-fPIC', '-c', '-o', os.path.join(folder, name)], cwd=folder))
    for process in running:
        finish(process)
    return {name for name, _ in jobs if os.path.exists(os.path.join(folder, name))}


def finish(process):
    if process.wait() != 0:
        sys.exit('compiling failed')


def link(folder, name, objects, *flags):
    path = os.path.join(folder, name)
    subprocess.run(['g++', '-shared', '-o', path, *flags,
                    *(os.path.join(folder, o) for o in objects)], check=True)
    return path


def generated_files(folder):
    """Pairs as in debian_files(): dwz's results are compared with what was there before dwz."""
    objects = compile_all(folder)
    gcc = link(folder, 'gcc.so', ['gcc1.o', 'gcc2.o', 'gcc3.o'])
    files = [(gcc, None),
             (link(folder, 'dwarf4.so', ['dwarf4.o']), None),
             (link(folder, 'split.so', ['split1.o', 'split2.o']), None)]
    if 'clang.o' in objects:
        files.append((link(folder, 'clang.so', ['clang.o'], '-fuse-ld=lld')
                      if shutil.which('ld.lld') else link(folder, 'clang.so', ['clang.o']), None))
    for name in sorted(objects & {'gcc-c.o', 'clang-c.o'}):
        files.append((link(folder, name.replace('.o', '.so'), [name]), None))
    files.append((link(folder, 'zlib.so', ['gcc1.o'], '-Wl,--compress-debug-sections=zlib'), None))
    zstd = os.path.join(folder, 'zstd.so')
    plain = link(folder, 'plain.so', ['gcc1.o'])
    if subprocess.run(['objcopy', '--compress-debug-sections=zstd', plain, zstd],
                      stderr=subprocess.DEVNULL, check=False).returncode == 0:
        files.append((zstd, plain))
    if shutil.which('dwz'):
        files += dwz_files(folder, gcc, plain)
    return files


def dwz_files(folder, gcc, plain):
    alone = os.path.join(folder, 'dwz.so')
    shutil.copy(gcc, alone)
    subprocess.run(['dwz', alone], check=True)
    first, second = (os.path.join(folder, name) for name in ('multi1.so', 'multi2.so'))
    shutil.copy(gcc, first)
    shutil.copy(plain, second)
    subprocess.run(['dwz', '-m', os.path.join(folder, 'common.debug'), first, second], check=True)
    # llvm-symbolizer 14 knows nothing of .gnu_debugaltlink and shows no names there.
    return [(alone, None), (first, gcc), (second, plain)]


def main():
    options = {'addresses': 10000, 'seed': 1}
    paths = []
    for argument in sys.argv[1:]:
        name, _, value = argument.lstrip('-').partition('=')
        if argument.startswith('--') and name in options:
            options[name] = int(value)
        else:
            paths.append(argument)
    if not paths or not LLVM:
        sys.exit('usage: symbols_vs_llvm.py SYMBOLIZE_ADDRESSES [--addresses=N] [--seed=N] '
                 '[FILE...]; needs llvm-symbolizer')
    program = os.path.abspath(paths.pop(0))
    with tempfile.TemporaryDirectory() as folder:
        files = [(path, None) for path in paths] or debian_files() + generated_files(folder)
        failed = 0
        used = collections.Counter()
        slower = []
        for path, reference in files:
            unexplained, our_seconds, llvm_seconds, counts = compare(program, path, options,
                                                                     reference)
            failed += unexplained
            used += counts
            if os.path.getsize(path) > LARGE_BYTES and our_seconds >= llvm_seconds:
                slower.append(path)
    for why, text in EXPLANATIONS.items():
        if used[why]:
            print('%s (%d): %s' % (why, used[why], text))
    print('%d files, %d addresses, %d unexplained differences' % (
        len(files), sum(used.values()), failed))
    for path in slower:
        print('slower than llvm-symbolizer: ' + path)
    return 1 if failed or slower else 0


if __name__ == '__main__':
    sys.exit(main())
