"""Builds the real collector and the real Jaeger from their Go modules, once, into a cache outside the checkout.

python3 -m tools.backends            build what is missing and print where the programs are, one line each

Needs Go (1.25 or newer) and the Go module proxy; the first time, about eleven minutes of processor time and 5 GB of
disk.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping

COLLECTOR = "0.161.0"
STABLE = "1.67.0"
PROMETHEUS_EXPORTER = "0.155.0"
JAEGER = "1.76.0"
CORE = "go.opentelemetry.io/collector"
CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib"
JAEGER_MODULE = "github.com/jaegertracing/jaeger"

COMPONENTS: Mapping[str, List[str]] = {
    "receivers": [f"{CORE}/receiver/otlpreceiver v{COLLECTOR}"],
    "processors": [
        f"{CORE}/processor/memorylimiterprocessor v{COLLECTOR}",
        *(
            f"{CONTRIB}/processor/{name}processor v{COLLECTOR}"
            for name in ("attributes", "resource", "filter", "transform", "redaction", "tailsampling")
        ),
    ],
    "exporters": [
        *(f"{CORE}/exporter/{name}exporter v{COLLECTOR}" for name in ("debug", "otlp", "otlphttp")),
        f"{CONTRIB}/exporter/fileexporter v{COLLECTOR}",
        f"{CONTRIB}/exporter/prometheusexporter v{PROMETHEUS_EXPORTER}",
    ],
    "connectors": [
        f"{CORE}/connector/forwardconnector v{COLLECTOR}",
        f"{CONTRIB}/connector/spanmetricsconnector v{COLLECTOR}",
    ],
    "extensions": [
        f"{CORE}/extension/zpagesextension v{COLLECTOR}",
        f"{CONTRIB}/extension/healthcheckextension v{COLLECTOR}",
        f"{CONTRIB}/extension/storage/filestorage v{COLLECTOR}",
    ],
    "providers": [f"{CORE}/confmap/provider/{name}provider v{STABLE}" for name in ("env", "file", "yaml")],
}


class BackendError(Exception):
    """A program cannot be built here; the text says what is missing."""


def cache(env: Mapping[str, str]) -> Path:
    """Where built programs are kept: COLISEUM_TOOLS_DIR, else ~/.cache/coliseum."""
    return Path(env.get("COLISEUM_TOOLS_DIR") or Path(env.get("HOME", ".")) / ".cache" / "coliseum")


def collector(env: Mapping[str, str]) -> Path:
    """The collector's program, built when it is not there. Raises BackendError."""
    program = cache(env) / f"collector-{COLLECTOR}" / "otelcol"
    if not program.exists():
        _build_collector(program.parent, env)
    return program


def jaeger(env: Mapping[str, str]) -> Path:
    """Jaeger's program, built when it is not there. Raises BackendError."""
    program = cache(env) / f"jaeger-{JAEGER}" / "jaeger"
    if not program.exists():
        _build_jaeger(program.parent, env)
    return program


def _build_collector(folder: Path, env: Mapping[str, str]) -> None:
    source = _empty(folder / "source")
    manifest = source / "manifest.yaml"
    manifest.write_text(_manifest(source / "build"))
    _go(["run", f"{CORE}/cmd/builder@v{COLLECTOR}", f"--config={manifest}"], source, env)
    (source / "build" / "otelcol").replace(folder / "otelcol")
    shutil.rmtree(str(source))


def _manifest(output: Path) -> str:
    """The builder's manifest; JSON is YAML."""
    manifest: Dict[str, object] = {"dist": {"name": "otelcol", "output_path": str(output)}}
    for kind, modules in COMPONENTS.items():
        manifest[kind] = [{"gomod": module} for module in modules]
    return json.dumps(manifest, indent=2)


def _build_jaeger(folder: Path, env: Mapping[str, str]) -> None:
    """The module's main package cannot be named by `go install`, whose checksum look-ups fail for it: a module of our
    own requires it and takes over its go.sum."""
    source = _empty(folder / "source")
    found = json.loads(_go(["mod", "download", "-json", f"{JAEGER_MODULE}@v{JAEGER}"], source, env))
    shutil.copy(str(Path(found["Dir"]) / "go.sum"), str(source / "go.sum"))
    (source / "go.mod").write_text(
        f"module coliseum.invalid/jaeger\n\ngo 1.26\n\ntool {JAEGER_MODULE}/cmd/jaeger\n\n"
        f"require {JAEGER_MODULE} v{JAEGER}\n"
    )
    program = str(folder / "jaeger")
    arguments = [
        "build",
        "-mod=mod",
        "-trimpath",
        "-ldflags",
        "-s -w",
        "-o",
        program,
        f"{JAEGER_MODULE}/cmd/jaeger",
    ]
    _go(arguments, source, env)
    shutil.rmtree(str(source))


def _empty(folder: Path) -> Path:
    shutil.rmtree(str(folder), ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _go(arguments: List[str], folder: Path, env: Mapping[str, str]) -> str:
    go = shutil.which("go", path=env.get("PATH"))
    if go is None:
        raise BackendError("go is not installed; get Go 1.25 or newer, then run this again")
    done = subprocess.run(
        [go, *arguments], cwd=str(folder), env=dict(env), stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise BackendError(f"go {arguments[0]} failed (see above)")
    return done.stdout.decode("utf-8", "replace")


def main(env: Mapping[str, str]) -> int:
    """Build both; 0 when both are there, 1 with one line when not."""
    try:
        for program in (collector(env), jaeger(env)):
            print(program)
    except BackendError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
