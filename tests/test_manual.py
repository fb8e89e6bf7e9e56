#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_manual.py -- What is written of the tool is what it does: the manual, help, completion, and the documents.

    test_manual.py BUILD"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tap import Tap

BUILD = pathlib.Path(sys.argv[1])
TOOL = BUILD / "report" / "memtrace"
SOURCE = pathlib.Path(__file__).resolve().parent.parent
MANUAL = SOURCE / "man"
DOCUMENTS = [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]

# Options of others that pages speak of.
FOREIGN = {"g", "ldl"}
# Verbs without a table of options: main.c has them.
PLAIN_VERBS = {"help", "completion"}


def output(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=True).stdout


# ---- What the sources say ----

def option_table(verb):
    """{long name: (letter or None, what its value is called or None)}, of the table that is parsed by."""
    text = (SOURCE / "report" / f"cmd_{verb}.c").read_text()
    table = re.search(r"struct option_row rows\[\] = \{(.*?)\n\};", text, flags=re.S).group(1)
    rows = re.findall(r"""\{\s*(?:'(\w)'|OPTION_\w+),\s*"([\w-]+)",\s*(?:NULL|"([^"]*)"),""", table)
    assert len(rows) == len(re.findall(r"^    \{", table, flags=re.M)), verb
    return {name: (letter or None, value or None) for letter, name, value in rows}


def recorder_variables():
    table = re.search(r"\} known\[\] = \{(.*?)\n\};", (SOURCE / "preload" / "options.c").read_text(), flags=re.S).group(1)
    return {"MEMTRACE_" + name for name in re.findall(r'\{"(\w+)="', table)}


def tool_variables():
    texts = [path.read_text() for path in (SOURCE / "report").rglob("*.c")]
    return set(re.findall(r'getenv\("(\w+)"\)', "\n".join(texts))) - {"PATH", "LD_PRELOAD"}


def interface():
    """{function: (result, parameters)} of memtrace.h."""
    text = re.sub(r"__attribute__\(\(\w+\)\)|/\*.*?\*/", "", (SOURCE / "preload" / "memtrace.h").read_text(), flags=re.S)
    found = re.findall(r"^static inline\s+(\w+)\s+(memtrace_\w+)\(([^)]*)\)", text, flags=re.M)
    return {name: (result, [" ".join(parameter.split()) for parameter in parameters.split(",")])
            for result, name, parameters in found if name not in ("memtrace_find", "memtrace_search")}


# ---- What the pages say ----

class Page:
    def __init__(self, path):
        self.path, self.lines = path, path.read_text().splitlines()

    def options(self):
        """{letter or long name: whether a value is written with it}, of all items."""
        found = {}
        for line in self.lines:
            if not line.startswith(".It "):
                continue
            for name, value in re.findall(r"\bFl (-?[\w-]+)( Ns (?:= |Oo = )| Ar | Op Ar)?", line):
                found[name.removeprefix("-")] = bool(value) or found.get(name.removeprefix("-"), False)
        return found

    def mentions(self):
        """Every option anywhere."""
        macros = "\n".join(line for line in self.lines if line.startswith("."))
        return {name.removeprefix("-") for name in re.findall(r"\bFl (-?[a-zA-Z][\w-]*)", macros)}

    def variables(self):
        """Every variable that is an item."""
        items = "\n".join(line for line in self.lines if line.startswith(".It Ev "))
        return set(re.findall(r"\b[A-Z][A-Z_]+\b", items))

    def sections(self):
        return {line[4:] for line in self.lines if line.startswith((".Sh ", ".Ss "))}

    def section_references(self):
        return {line[4:].rstrip(" .,;") for line in self.lines if line.startswith(".Sx ")}

    def page_references(self):
        text = "\n".join(self.lines)
        return {f"{name}.{section}" for name, section in re.findall(r"\bXr ((?:lib)?memtrace[\w-]*) (\d)", text)}

    def commands(self):
        return [line for line in self.lines if line.startswith((".Dl ", ".Ql "))]


def pages():
    return {path.name: Page(path) for path in sorted(MANUAL.glob("*.[1-9]"))}


def code_of(document):
    """What is in backticks or in a block of code, each on one line."""
    text = document.read_text()
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.S | re.M)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    lines = [line for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return lines + [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", rest)]


# ---- Checks ----

def check_options(tap, verb, table, page):
    wanted = {name: value for name, (_, value) in table.items()}
    wanted |= {letter: value for letter, value in table.values() if letter}
    written = page.options()
    tap.equal(sorted(written), sorted(wanted), f"{page.path.name}: the options of {verb}")
    wrong = [name for name, value in wanted.items() if not (value or "").startswith("[") and
             bool(value) != written.get(name, bool(value))]
    tap.equal(wrong, [], f"{page.path.name}: which of them take a value")


def check_help(tap, verb, table):
    rows = re.findall(r"^  (?:-(\w),|   ) --([\w-]+)", output("help", verb), flags=re.M)
    tap.equal(sorted((name, letter or None) for letter, name in rows),
              sorted((name, letter) for name, (letter, _) in table.items()), f"memtrace help {verb}: the same options")


def check_completion(tap, verb, table, scripts):
    offered = re.search(rf"^    {verb}\)\n        options='(.*?)'", scripts["bash"], flags=re.S | re.M).group(1)
    tap.equal(sorted(word.strip("-=") for word in offered.split()), sorted(table), f"completion bash: options of {verb}")
    rows = re.findall(rf"^complete -c memtrace -n '__fish_seen_subcommand_from {verb}'.* -l ([\w-]+)", scripts["fish"], flags=re.M)
    tap.equal(sorted(rows), sorted(table), f"completion fish: options of {verb}")


def check_parser(tap, verb, table):
    """--help ends what comes before it: nothing is run or removed."""
    refused = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (letter, value) in table.items():
            for option in [f"--{name}" + ("=1" if value else "")] + ([f"-{letter}"] + (["1"] if value else []) if letter else []):
                result = subprocess.run([TOOL, verb, *option.split(), "--help"], capture_output=True, text=True, cwd=folder,
                                        stdin=subprocess.DEVNULL, check=False)
                if "unknown option" in result.stderr:
                    refused.append(option)
    tap.equal(refused, [], f"memtrace {verb} knows the options of its table")


def check_verbs(tap, all_pages, tables):
    scripts = {shell: output("completion", shell) for shell in ("bash", "fish")}
    for verb, table in tables.items():
        page = all_pages.get(f"memtrace-{verb}.1")
        if not tap.ok(page, f"{verb} has a page"):
            continue
        check_options(tap, verb, table, page)
        check_help(tap, verb, table)
        check_completion(tap, verb, table, scripts)
        check_parser(tap, verb, table)
        tap.equal(output("help", verb), output(verb, "--help"), f"memtrace {verb} --help is its help")
    listed = {line[7:] for line in all_pages["memtrace.1"].lines if line.startswith(".It Cm ")}
    tap.equal(sorted(listed), sorted({*tables, "completion"}), "memtrace.1 lists the verbs")


def check_mentions(tap, all_pages, tables):
    known = {name for table in tables.values() for name in table}
    known |= {letter for table in tables.values() for letter, _ in table.values() if letter}
    for name, page in all_pages.items():
        tap.equal(sorted(page.mentions() - known - FOREIGN - {"version", "V"}), [], f"{name}: names no other option")


def check_command(line, tables):
    """What is wrong with the commands in a line, of a document or of a page."""
    wrong = []
    for verb, rest in re.findall(r"(?:^|[^\w./-])memtrace ([a-z]+)\b((?: [^|;&#)]*)?)", line):
        if verb not in tables:
            continue
        for word in rest.split():
            if "…" in word:
                continue
            if word == "--" or verb == "run" and not word.startswith("-"):
                break
            name = re.match(r"--([\w-]+)", word)
            if name and name.group(1) not in tables[verb]:
                wrong.append(f"{verb} {word}")
    return wrong


def check_commands(tap, all_pages, tables):
    for name, page in all_pages.items():
        wrong = [slip for line in page.commands() for slip in check_command(line[4:], tables)]
        tap.equal(wrong, [], f"{name}: commands have options that there are")
    for document in DOCUMENTS:
        code = code_of(document)
        tap.equal([slip for line in code for slip in check_command(line, tables)], [],
                  f"{document.name}: commands have options that there are")
    slips = check_command("x | memtrace report --no-such --leaks; memtrace run --quiet ./a --b", tables)
    tap.equal(slips, ["report --no-such"], "a slip in a command would be found")


def check_references(tap, all_pages):
    for name, page in all_pages.items():
        tap.equal(sorted(page.page_references() - set(all_pages)), [], f"{name}: pages that it refers to are there")
        known = page.sections() | all_pages["memtrace.1"].sections()
        tap.equal(sorted(page.section_references() - known), [], f"{name}: so are sections")
    for document in DOCUMENTS:
        links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
        missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
        tap.equal(missing, [], f"{document.name}: links lead somewhere")


def check_variables(tap, all_pages):
    read, written = recorder_variables(), all_pages["libmemtrace.7"].variables()
    tap.ok(len(read) > 10, "the recorder reads variables")
    tap.equal(sorted(written), sorted(read), "libmemtrace.7: the variables that the recorder reads")
    somewhere = set().union(*(page.variables() for page in all_pages.values()))
    tap.equal(sorted(tool_variables() - somewhere), [], "variables that the tool reads are documented")
    # Macros of memtrace.h and names of the sources are in capitals as well.
    for path in [*(page.path for page in all_pages.values()), *DOCUMENTS]:
        named = set(re.findall(r"\bMEMTRACE_[A-Z][A-Z_]*\b", path.read_text())) - {"MEMTRACE_NAME"}
        tap.equal(sorted(named - read), [], f"{path.name}: names no other variable")


def check_interface(tap, page):
    functions, written, result = interface(), {}, None
    for line in page.lines[:page.lines.index(".Sh DESCRIPTION")]:
        if line.startswith(".Ft "):
            result = line[4:]
        elif line.startswith(".Fn "):
            written[line.split()[1]] = (result, re.findall(r'"([^"]*)"', line))
    tap.ok(len(functions) > 15, "memtrace.h has functions")
    tap.equal(written, functions, "libmemtrace.3: the functions of memtrace.h")
    described = set(re.findall(r"\bmemtrace_\w+", "\n".join(page.lines[page.lines.index(".Sh DESCRIPTION"):])))
    tap.equal(sorted(set(functions) - described), [], "libmemtrace.3: says something of each")
    tap.equal(sorted(described - set(functions) - {"memtrace_frame"}), [], "libmemtrace.3: and of no other")


def check_limits(tap):
    """Everything that a report may call less than exact is explained, in the same words."""
    table = re.search(r"anomaly_words\[ANOMALY_COUNT\] = \{(.*?)\n\};", (SOURCE / "report" / "completeness.c").read_text(),
                      flags=re.S).group(1)
    limits = " ".join((SOURCE / "docs" / "limits.md").read_text().replace("`", "").split())
    sentences = ["".join(re.findall(r'"([^"]*)"', row)) for row in table.split("[ANOMALY_")[1:]]
    tap.ok(len(sentences) > 15, "the report has words for what is less than exact")
    for sentence in sentences:
        words = re.split(r"[:,(]", sentence.replace("%s times", "N times").replace("%s ", ""))[0].strip()
        tap.ok(words in limits, f"limits.md explains {words!r}")


def check_installed(tap, all_pages):
    installed = json.loads((BUILD / "meson-info" / "intro-installed.json").read_text())
    names = {pathlib.Path(path).name: pathlib.Path(place) for path, place in installed.items()}
    for name in all_pages:
        place = names.get(name)
        tap.ok(place and place.parent.name == f"man{name[-1]}", f"{name} is installed", str(place))


def check_lint(tap, all_pages):
    """mandoc also says what other pages this machine has, and how wide the sources are, which is nothing of ours."""
    if not shutil.which("mandoc"):
        tap.skip("mandoc -T lint", "mandoc is not installed")
        return
    for name, page in all_pages.items():
        result = subprocess.run(["mandoc", "-T", "lint", page.path], capture_output=True, text=True, check=False)
        complaints = [line for line in (result.stdout + result.stderr).splitlines()
                      if not re.search("mandoc.db|referenced manual not found|line longer than 80 bytes", line)]
        tap.equal(complaints, [], f"mandoc -T lint {name}")


def main():
    with Tap() as tap:
        verbs = re.findall(r"^  (\w+) +[A-Z]", output("help"), flags=re.M)
        all_pages, tables = pages(), {verb: option_table(verb) for verb in verbs if verb not in PLAIN_VERBS}
        tap.ok(len(tables) > 10, "there are verbs")
        tap.run(check_verbs, all_pages, tables)
        tap.run(check_mentions, all_pages, tables)
        tap.run(check_commands, all_pages, tables)
        tap.run(check_references, all_pages)
        tap.run(check_variables, all_pages)
        tap.run(check_interface, all_pages["libmemtrace.3"])
        tap.run(check_limits)
        tap.run(check_installed, all_pages)
        tap.run(check_lint, all_pages)


if __name__ == "__main__":
    main()
