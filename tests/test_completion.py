#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""test_completion.py -- The shells themselves, asked what they offer after a beginning.

    test_completion.py BUILD"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tap import Tap

BUILD = pathlib.Path(sys.argv[1])
TOOL = BUILD / "report" / "memtrace"

BASH = r"""
source "$1"
shift
# As readline splits it: at spaces, and around "=".
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_memtrace
printf '%s\n' "${COMPREPLY[@]}"
"""

ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
quiet() { while zpty -r -t shell line; do :; done }
zpty -w shell 'PS1=; unset zle_bracketed_paste; fpath=('"$1"' $fpath); autoload -Uz compinit; compinit -u -d '"$1"'/dump'
zpty -w shell "zstyle ':completion:*' list-separator '@@'; LISTMAX=1000; setopt no_list_beep zle_no_auto_menu no_auto_menu" 2>/dev/null
# What is offered goes to a file instead of the screen.
zpty -w shell 'compadd() {
    local -a offered; local arg
    for arg in "$@"; do [[ $arg == -O || $arg == -A || $arg == -D ]] && { builtin compadd "$@"; return; }; done
    builtin compadd -O offered "$@"; print -rl -- $offered >>'"$1"'/offered
    builtin compadd "$@"
}'
zpty -w shell "cd $2"
# Only when the line editor has the terminal are keys its keys, and only it knows when it has completed.
zpty -w shell 'tell() { zle expand-or-complete; print done >'"$1"'/done }; zle -N tell; bindkey "^I" tell
zle-line-init() { print ready >'"$1"'/ready }; zle -N zle-line-init'
wait_for() { for ((i = 0; i < 2000; i++)); do [[ -e $1 ]] && break; zpty -r -t shell line; sleep 0.02; done }
wait_for $1/ready
zpty -w -n shell "$3"$'\t'
wait_for $1/done
zpty -d shell
"""


def script(shell):
    return subprocess.run([TOOL, "completion", shell], capture_output=True, text=True, check=True).stdout


class Shells:
    """Each shell's answer to a beginning, as a set of words."""

    def __init__(self, place):
        self.place = place
        for name in ("app.1.memtrace", "other.txt", "two words.2.memtrace"):
            (place / name).touch()
        (place / "folder").mkdir()
        self.scripts = place / "scripts"
        self.scripts.mkdir()
        for shell, name in (("bash", "memtrace"), ("zsh", "_memtrace"), ("fish", "memtrace.fish")):
            (self.scripts / name).write_text(script(shell))
        self.environment = dict(os.environ, HOME=str(place), TERM="xterm", LC_ALL="C.UTF-8",
                                PATH=f"{TOOL.parent}:{os.environ['PATH']}")

    def run(self, argv):
        return subprocess.run(argv, capture_output=True, text=True, cwd=self.place, env=self.environment, timeout=120,
                              stdin=subprocess.DEVNULL)

    def bash(self, line):
        words = [word for part in line.split(" ") for word in re.split("(=)", part)] if "=" in line else line.split(" ")
        if line.endswith("="):
            words = words[:-1] # readline's current word is then the "=" itself
        return set(self.run(["bash", "--norc", "-c", BASH, "bash", self.scripts / "memtrace", *words]).stdout.split("\n")) - {""}

    def fish(self, line):
        result = self.run(["fish", "--no-config", "-c", f"source {self.scripts}/memtrace.fish; complete -C '{line}'"])
        return {offer.split("\t")[0] for offer in result.stdout.splitlines()}

    def zsh(self, line):
        with tempfile.TemporaryDirectory(dir=self.place.parent) as folder:
            shutil.copy(self.scripts / "_memtrace", folder)
            self.run(["zsh", "-f", "-c", ZSH, "zsh", folder, str(self.place), line])
            offered = pathlib.Path(folder) / "offered"
            return set(offered.read_text().split("\n")) - {""} if offered.exists() else set()


def offers(tap, shell, ask, line, wanted, unwanted=()):
    offered = {word.rstrip("=").replace("\\ ", " ") for word in ask(line)}
    missing, extra = set(wanted) - offered, set(unwanted) & offered
    tap.ok(not missing and not extra, f"{shell}: {line!r}", f"missing {missing}, too many {extra}, offered {sorted(offered)}")


def verbs():
    """From the overview, which is made of the same table but by other means."""
    text = subprocess.run([TOOL, "help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (\w+) +[A-Z]", text, flags=re.M)


def options_of(verb):
    text = subprocess.run([TOOL, "help", verb], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^  (?:-\w,|   ) --([a-z-]+)", text, flags=re.M)


def check_shell(tap, shell, ask):
    offers(tap, shell, ask, "memtrace ", [*verbs(), "help"])
    offers(tap, shell, ask, "memtrace rep", ["report"], ["run", "diff"])
    offers(tap, shell, ask, "memtrace help sn", ["snapshot"], ["run"])
    for verb in verbs():
        names = options_of(verb)
        tap.ok(len(names) > 1 or verb == "list", f"{verb} has options")
        offers(tap, shell, ask, f"memtrace {verb} --", ["--" + name for name in names])
    offers(tap, shell, ask, "memtrace report --color=", [] if shell == "fish" else ["auto", "always", "never"])
    offers(tap, shell, ask, "memtrace report --group-by f", ["function", "file"], ["module"])
    offers(tap, shell, ask, "memtrace export -f sp", ["speedscope"], ["json"])
    offers(tap, shell, ask, "memtrace report ", ["app.1.memtrace", "two words.2.memtrace"] + (["folder"] if shell == "bash" else []))
    offers(tap, shell, ask, "memtrace report --json app", ["app.1.memtrace"])
    offers(tap, shell, ask, "memtrace check --suppressions oth", ["other.txt"])
    offers(tap, shell, ask, "memtrace run --depth 5 -q sq", ["sqlite3"] if shutil.which("sqlite3") else [])


def check_shells(tap):
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / "place"
        place.mkdir()
        shells = Shells(place)
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                check_shell(tap, shell, getattr(shells, shell))
            else:
                tap.skip(shell, "not installed")


def main():
    with Tap() as tap:
        check_shells(tap)
        result = subprocess.run([TOOL, "completion", "tcsh"], capture_output=True, text=True, check=False)
        tap.equal((result.returncode, result.stderr.count("\n"), result.stdout), (2, 1, ""),
                  "an unknown shell is a usage error")


if __name__ == "__main__":
    main()
