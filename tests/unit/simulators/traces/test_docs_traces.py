"""What docs/traces.md shows is a trace, and its commands do what is told of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.commands.converting import convert
from simulators.traces.converting.writing import FORMATS
from simulators.traces.files import checked, open_trace, open_truth
from simulators.traces.model import CustomerTold, Identified, Note, OutcomeTold, Registered, Report, Response

DOCS = Path(__file__).parents[4] / "docs"
PAGE = (DOCS / "traces.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


def blocks(language):
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def folder(tmp_path):
    day, truth = blocks("jsonl")
    (tmp_path / "day.jsonl").write_text(day)
    (tmp_path / "day.truth.jsonl").write_text(truth)
    return tmp_path


def shell(folder, script):
    """Beside this Python's programs, with the project's modules."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(DOCS.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_example_is_a_trace_with_each_kind_of_line(folder):
    header, lines = open_trace(folder / "day.jsonl")
    kinds = {type(line) for line in checked(lines)}
    assert {Registered, CustomerTold, Identified, Report, OutcomeTold, Response, Note} <= kinds
    assert header.sites == ("mall",)
    assert len(list(open_truth(folder / "day.truth.jsonl")[1])) == 2


def test_every_command_does_what_is_told_of_it(folder):
    """Each example runs in the folder in which those before it have run; what is shown below it was printed."""
    ran = 0
    for (kind, script), (after, shown) in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True):
        if kind != "bash":
            continue
        done = shell(folder, script)
        ran += 1
        assert done.returncode == 0, done.stdout
        if after == "":
            assert [line for line in shown.splitlines() if line not in done.stdout.splitlines()] == [], (
                done.stdout
            )
    assert ran == 11
    (python,) = blocks("python")
    assert shell(folder, f"{sys.executable} - <<'END'\n{python}END").returncode == 0
    assert (folder / "again.jsonl.gz").exists()
    assert (folder / "day.svg").read_text().startswith("<svg")


def test_every_format_and_every_option_is_told():
    assert all(
        f"### {name}" in PAGE or f"{name}: gateways" in PAGE or f"**{name}**" in PAGE for name in FORMATS
    )
    options = [option for parameter in convert.params for option in parameter.opts if option.startswith("--")]
    of_walks = {"--from", "--out", "--dev-share", "--seed"}
    assert [option for option in options if option not in of_walks and f"`{option}" not in PAGE] == []


def test_the_page_is_found_from_the_others():
    assert "(traces.md)" in (DOCS / "README.md").read_text()
    assert "(traces.md)" in (DOCS / "simulator.md").read_text()
