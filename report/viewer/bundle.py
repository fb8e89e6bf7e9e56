# SPDX-License-Identifier: BSD-2-Clause
"""bundle.py -- Builds the page in a directory of its own, or leaves a template that says why not.

usage: bundle.py BUILD.MJS PAGE.HTML DEPFILE DIRECTORY enabled|auto NODE NPM"""

import pathlib
import shutil
import subprocess
import sys


def install(source, directory, npm):
    """What esbuild and the page need, by the lock file. Returns why not, or None."""
    wanted = (source / "package-lock.json").read_bytes()
    stamp = directory / "installed.json"
    if stamp.exists() and stamp.read_bytes() == wanted:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(source / name, directory / name)
    result = subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"], cwd=directory,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        print(result.stderr, file=sys.stderr)
        return "npm ci failed when it was built"
    stamp.write_bytes(wanted)
    return None


def build(script, page, depfile, directory, node, npm):  # pylint: disable=too-many-arguments
    """Returns why there is no page, or None."""
    if node == "none":
        return "npm was not there when it was built"
    why = install(script.parent, directory, npm)
    if why:
        return why
    result = subprocess.run([node, script, directory / "node_modules", page, depfile], stdin=subprocess.DEVNULL, check=False)
    if result.returncode:
        sys.exit(f"bundle.py: {script.name} failed")
    return None


def main():
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    page, depfile = (pathlib.Path(word) for word in sys.argv[2:4])
    script, directory = (pathlib.Path(word).resolve() for word in (sys.argv[1], sys.argv[4]))
    why = build(script, page, depfile, directory, *sys.argv[6:])
    if not why:
        return
    if sys.argv[5] == "enabled":
        sys.exit(f"bundle.py: {why}")
    page.write_text(why, encoding="ascii")
    depfile.write_text(f"{page}:\n", encoding="ascii")


if __name__ == "__main__":
    main()
