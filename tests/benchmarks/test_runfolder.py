"""The run folder: what is taken up, what is refused, and half-written lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.runfolder import CONFIG, SAMPLES, SUMMARY, RunFolder, read_summary
from benchmarks.samples import Sample
from sentinel.errors import ConfigurationError, DataError

ONE, TWO, THREE = (Sample("none", "mba", f"s{i}", values={"score": i / 4}, served=(("d1", "d2"),)) for i in range(3))


def test_a_new_folder_and_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    folder = RunFolder(path, {"seed": 1, "policies": {"none": {}}})
    assert json.loads((path / CONFIG).read_text()) == {"seed": 1, "policies": {"none": {}}}
    assert folder.samples() == {}
    folder.append([ONE, TWO])
    folder.append([])
    folder.append([THREE])
    assert RunFolder(path, {"seed": 1, "policies": {"none": {}}}).samples() == {s.key: s for s in (ONE, TWO, THREE)}


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    RunFolder(tmp_path, {"seed": 1})
    assert (tmp_path / CONFIG).is_file()


def test_another_run_is_refused_and_told_apart(tmp_path: Path) -> None:
    RunFolder(tmp_path, {"seed": 1, "k": 5, "limit": 3, "command": {"data": "x"}})
    before = (tmp_path / CONFIG).read_bytes()
    with pytest.raises(ConfigurationError, match=r"differs in extra, k, limit, seed\)"):
        RunFolder(tmp_path, {"seed": 2, "k": 6, "command": {"data": "x"}, "extra": 1})
    assert (tmp_path / CONFIG).read_bytes() == before


def test_how_it_was_asked_for_makes_no_other_run(tmp_path: Path) -> None:
    RunFolder(tmp_path, {"seed": 1, "command": {"data": "a"}})
    RunFolder(tmp_path, {"seed": 1, "command": {"data": "../a"}})


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "null", b"\xff\xfe"])
def test_a_damaged_configuration_is_refused(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / CONFIG).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match="damaged"):
        RunFolder(tmp_path, {"seed": 1})


def test_foreign_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="no run"):
        RunFolder(tmp_path, {"seed": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ConfigurationError, match="not a folder"):
        RunFolder(tmp_path / "thesis.txt", {"seed": 1})


def lines(path: Path) -> list[str]:
    return (path / SAMPLES).read_text().splitlines()


@pytest.mark.parametrize("cut", [1, 2, 10, 40, 150])
def test_a_half_written_last_line_is_dropped_and_written_anew(tmp_path: Path, cut: int) -> None:
    folder = RunFolder(tmp_path, {})
    folder.append([ONE, TWO])
    whole = (tmp_path / SAMPLES).read_bytes()
    (tmp_path / SAMPLES).write_bytes(whole[:-cut])
    left = folder.samples()
    # A line that lacks but its end is whole.
    assert left == ({s.key: s for s in (ONE, TWO)} if cut == 1 else {ONE.key: ONE})
    folder.append([s for s in (TWO, THREE) if s.key not in left])
    assert folder.samples() == {s.key: s for s in (ONE, TWO, THREE)}
    assert len(lines(tmp_path)) == 3


def test_a_cut_only_line_leaves_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, {})
    (tmp_path / SAMPLES).write_text('{"policy":"no')
    assert folder.samples() == {}
    folder.append([ONE])
    assert list(folder.samples().values()) == [ONE]


@pytest.mark.parametrize("bad", ["nonsense\n", "{}\n", "[1]\n", "5\n"])
def test_any_other_damage_is_named(tmp_path: Path, bad: str) -> None:
    folder = RunFolder(tmp_path, {})
    folder.append([ONE])
    with (tmp_path / SAMPLES).open("a") as file:
        file.write(bad)
    folder.append([TWO])
    with pytest.raises(DataError, match=r"samples.jsonl, line 2: not a sample"):
        folder.samples()


@pytest.mark.parametrize("content", [None, "", "[]", '{"schema": 2, "cells": []}', '{"schema": 1, "cells": {}}'])
def test_no_readable_summary(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / SUMMARY).write_text(content)
    with pytest.raises(DataError, match="finished run"):
        read_summary(tmp_path)
