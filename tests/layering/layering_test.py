#!/usr/bin/env python3
"""Holds the stations of src/ to layers.txt: the compiler finds what a station may include and
nothing else, no include goes around the include roots, and CMake refuses a link backwards.

usage: layering_test.py INCLUDE_ROOTS COMPILER CMAKE
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
ROOTS, COMPILER, CMAKE = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def read_layers():
    lines = [line.split("#")[0] for line in (HERE / "layers.txt").read_text().splitlines()]
    rows = (line.split(":") for line in lines if line.strip())
    return {station.strip(): set(known.split()) for station, known in rows}


def compile_in(station, text, *options):
    """Runs the compiler on `text` as if it were a source of this station."""
    roots = (ROOTS / f"{station}.roots").read_text().split()
    flags = [flag for root in roots for flag in ("-I", root)]
    return subprocess.run([COMPILER, "-std=c++20", "-x", "c++", *flags, *options, "-"], input=text,
                          capture_output=True, text=True, check=False)


def any_header(station):
    folder = TREE / "bpf" if station == "bpf" else TREE / "src" / station
    return f"{station}/{min(folder.glob('*.h')).name}"


def reachable_from(station, layers):
    probe = "".join(f'#if __has_include("{any_header(other)}")\nfound {other}\n#endif\n'
                    for other in layers)
    return set(re.findall(r"^found (\w+)$", compile_in(station, probe, "-E", "-P").stdout, re.M))


def check_reach(layers):
    """The compiler's view of each station is the table's, in both directions."""
    defined = {path.stem for path in ROOTS.glob("*.roots")} | {"bpf"}
    if defined != set(layers):
        yield f"CMake defines the stations {sorted(defined)}, layers.txt has {sorted(layers)}"
        return
    for station in sorted(set(layers) - {"bpf"}):
        seen = reachable_from(station, layers) - {station}
        if seen != layers[station]:
            yield f"{station} can include {sorted(seen)}, layers.txt says {sorted(layers[station])}"


def check_compile():
    """A file placed in base: base's own header compiles, one of flow is not found."""
    own = compile_in("base", f'#include "{any_header("base")}"\n', "-fsyntax-only")
    if own.returncode != 0:
        yield f"base cannot include its own header:\n{own.stderr}"
    stranger = any_header("flow")
    refused = compile_in("base", f'#include "{stranger}"\n', "-fsyntax-only")
    if refused.returncode == 0 or stranger not in refused.stderr:
        yield f"base could include {stranger}:\n{refused.stderr}"


def check_paths(layers):
    """Quoted includes of the stations are `station/header.h`; nobody climbs out of the roots."""
    include = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
    for folder in ("src", "bpf", "tests", "bench"):
        for path in sorted((TREE / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".c"):
                continue
            for quote, name in include.findall(path.read_text()):
                where = f"{path.relative_to(TREE)} includes {name}"
                if ".." in name.split("/") or name.startswith(("/", "src/")):
                    yield f"{where}: name it from its station, as in \"flow/table.h\""
                elif folder in ("src", "bpf") and quote == '"':
                    station = name.split("/")[0]
                    if station not in layers and name != "duckdb.h":
                        yield f"{where}: \"{station}\" is no station"


def check_backwards():
    """A station that KNOWS one defined after it stops the configuration."""
    with tempfile.TemporaryDirectory() as build:
        run = subprocess.run([CMAKE, "-S", HERE / "backwards", "-B", build], capture_output=True,
                             text=True, check=False)
    if run.returncode == 0 or "KNOWS later, which is not defined before it" not in run.stderr:
        yield f"CMake accepted a station that knows a later one:\n{run.stdout}{run.stderr}"


def main():
    layers = read_layers()
    faults = [*check_reach(layers), *check_compile(), *check_paths(layers), *check_backwards()]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
