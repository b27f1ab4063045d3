"""Batches: what a manifest may be, bytes that do not depend on how the work is shared out, and what accidents leave."""

import json
import os
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import pairs
import pytest
from click.testing import CliRunner, Result

import anypan
from anypan.batch import Settings, Summary, read_manifest, run
from anypan.batch.work import Unit
from anypan.cli import cli
from anypan.judging.ledger import opened
from anypan.runtime.errors import UserError

NAMES = ("alpha", "beta", "gamma")
SIDE = 96


def scenes(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """A folder of pairs, each in a folder of its own."""
    for number, name in enumerate(names):
        pan, ms = pairs.landscape(SIDE, SIDE, seed=number)
        (folder / name).mkdir(parents=True)
        pairs.write_pair(folder / name, pan.astype("uint16"), ms.astype("uint16"))
    return folder


def fused(where: Path, out: Path, progress: Any = None, **settings: Any) -> Summary:
    return run(read_manifest(where), out, Settings(**{"method": "MTF-GLP-FS", **settings}), progress)


def alone(where: Path, out: Path, method: str, names: tuple[str, ...] = NAMES) -> dict[str, bytes]:
    """The files that fuse() writes of the scenes, one by one."""
    out.mkdir()
    for name in names:
        anypan.fuse(where / name / "pan.tif", where / name / "ms.tif", out / f"{name}.tif", method)
    return contents(out)


def contents(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(out.glob("*.tif"))}


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "batch.jsonl").read_text().splitlines()]


def finished(out: Path) -> Counter[str]:
    """How often the ledger says of each scene that it is done."""
    return Counter(row["scene"] for row in rows(out) if row["state"] == "done")


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["batch", *map(str, arguments)])


# ------------------------------------------------------------------------------------------------------------ manifests


def csv(folder: Path, *lines: str, head: str = "name,pan,ms") -> Path:
    path = folder / "scenes.csv"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_a_csv_names_files_beside_it_and_options_of_a_scene(tmp_path: Path) -> None:
    scenes(tmp_path, ("alpha",))
    line = 'one,alpha/pan.tif,alpha/ms.tif,"3,1",WV3'
    (job,) = read_manifest(csv(tmp_path, line, head="name,pan,ms,bands,sensor")).jobs
    assert (job.name, job.pan, job.ms) == ("one", str(tmp_path / "alpha/pan.tif"), (str(tmp_path / "alpha/ms.tif"),))
    assert job.options == {"bands": [3, 1], "sensor": "WV3"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf_8_is_a_scene_that_is_not_fused_and_one_sentence(tmp_path: Path) -> None:
    folder, odd = scenes(tmp_path / "all", ("alpha",)), os.fsdecode(b"caf\xe9")
    shutil.copytree(folder / "alpha", folder / odd)
    done = command(folder, "-o", tmp_path / "out", "-m", "EXP")
    assert done.exit_code == 1 and "no name of a file" in done.stderr and (tmp_path / "out" / "alpha.tif").is_file()
    assert {row["scene"]: row["state"] for row in rows(tmp_path / "out")}["alpha"] == "done"
    good = folder / "alpha" / "pan.tif", folder / "alpha" / "ms.tif"
    for pan, out in ((folder / odd / "pan.tif", tmp_path / "a.tif"), (good[0], tmp_path / f"{odd}.tif")):
        with pytest.raises(UserError, match="is no UTF-8"):
            anypan.fuse(pan, good[1], out, "EXP")


def test_a_folder_holds_pairs_in_folders_or_side_by_side(tmp_path: Path) -> None:
    scenes(tmp_path / "deep")
    assert [job.name for job in read_manifest(tmp_path / "deep").jobs] == list(NAMES)
    pan, ms = pairs.landscape(32, 32)
    for name in ("x_pan.tif", "x_ms.tif", "y-PAN.TIF", "y-MUL.TIF", "z_pan.tif", "more.tif"):
        pairs.write(tmp_path / name, pan if "pan" in name.lower() else ms)
    found = read_manifest(tmp_path)
    assert [job.name for job in found.jobs] == ["x", "y"]
    assert [fault.name for fault in found.faults] == ["z"] and "z_pan.tif" in found.faults[0].reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("alpha,beta/pan.tif,beta/ms.tif", ("line 3", "line 2", "output 'alpha'")),
        ("../beta,beta/pan.tif,beta/ms.tif", ("no name of a file",)),
        (f"{'x' * 300},beta/pan.tif,beta/ms.tif", ("no name of a file",)),
        ("be\x1bta,beta/pan.tif,beta/ms.tif", ("no name of a file", "be\\x1bta")),
        ("beta,,beta/ms.tif", ("names no pan",)),
        ("beta,beta/pan.tif,;", ("names no ms",)),
        ("beta,beta/pan.tif,beta/ms.tif,more", ("more fields",)),
        ("beta,beta/pan.tif,nowhere.tif", ("does not exist",)),
    ],
)
def test_a_line_that_is_no_scene_is_a_sentence_and_the_rest_goes_on(
    tmp_path: Path, line: str, words: tuple[str, ...]
) -> None:
    scenes(tmp_path)
    where = csv(tmp_path, "alpha,alpha/pan.tif,alpha/ms.tif", line, "gamma,gamma/pan.tif,gamma/ms.tif")
    summary = fused(where, tmp_path / "out")
    (reason,) = summary.failed.values()
    assert all(word in reason for word in words) and reason.endswith(".")
    assert set(contents(tmp_path / "out")) == {"alpha.tif", "gamma.tif"}


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("name,pan,mss", "'ms'"),
        ("name,pan", "no column 'ms'"),
        ("", "no column 'pan'"),
        ("pan,ms,pan", "'pan' more than once"),
    ],
)
def test_a_manifest_with_other_columns_is_refused(tmp_path: Path, head: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_manifest(csv(tmp_path, head=head))


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.json", b"{}"), ("b.json", b"[1"), ("c.csv", b"\xff\xfe\x00"), ("d.json", b'{"type": 3}')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            read_manifest(tmp_path / name)
    (tmp_path / "empty").mkdir()
    for place in ("empty", "nowhere"):
        with pytest.raises(UserError, match=place):
            read_manifest(tmp_path / place)


# ----------------------------------------------------------------------------------------------------------------- STAC


def catalogue(folder: Path, version: str = "1.0.0") -> Path:
    """A catalogue in a collection's place with three items, as STAC of that version writes bands."""
    scenes(folder)
    for name in NAMES:
        (folder / name / "item.json").write_text(json.dumps(item(name, version)))
    links = [{"rel": "item", "href": f"./{name}/item.json"} for name in NAMES]
    text = {"type": "Catalog", "id": "all", "description": "all", "stac_version": version, "links": links}
    (folder / "catalog.json").write_text(json.dumps(text))
    return folder / "catalog.json"


def item(name: str, version: str = "1.0.0", href: str = "./") -> dict[str, Any]:
    pan = {"name": "P", "common_name": "pan"} if version == "1.0.0" else {"name": "P", "eo:common_name": "pan"}
    key = "eo:bands" if version == "1.0.0" else "bands"
    assets = {
        "thumb": {"href": f"{href}quick.png", "type": "image/png"},
        "P": {"href": f"{href}pan.tif", key: [pan]},
        "ms": {"href": f"{href}ms.tif"},
    }
    head = {"type": "Feature", "stac_version": version, "id": name, "geometry": None, "links": []}
    return head | {"properties": {"datetime": "2024-01-01T00:00:00Z"}, "assets": assets}


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_stac_catalogue_is_a_manifest(tmp_path: Path, version: str) -> None:
    summary = fused(catalogue(tmp_path, version), tmp_path / "out")
    assert not summary.failed and set(summary.rows) == set(NAMES)
    assert contents(tmp_path / "out") == alone(tmp_path, tmp_path / "alone", "MTF-GLP-FS")


def test_an_item_collection_and_an_item_are_manifests(tmp_path: Path) -> None:
    catalogue(tmp_path)
    assert [job.name for job in read_manifest(tmp_path / "beta" / "item.json").jobs] == ["beta"]
    features = [item(name, href=f"./{name}/") for name in NAMES]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    jobs = read_manifest(tmp_path / "items.json").jobs
    assert [Path(job.pan) for job in jobs] == [tmp_path / name / "pan.tif" for name in NAMES]


@pytest.mark.parametrize("name", [5, "../evil", "a/b", "", "x" * 300, "a\nb", ".a"])
def test_an_item_whose_name_is_no_files_is_a_sentence(tmp_path: Path, name: object) -> None:
    (tmp_path / "item.json").write_text(json.dumps(item("one") | {"id": name}))
    found = read_manifest(tmp_path / "item.json")
    assert not found.jobs and "no name of a file" in found.faults[0].reason and found.faults[0].name.isprintable()


@pytest.mark.parametrize("name", [5, None, ["a"], "x" * 300])
def test_an_item_without_a_pan_is_a_sentence_whatever_its_name(tmp_path: Path, name: object) -> None:
    (tmp_path / "item.json").write_text(json.dumps(item("one") | {"id": name, "assets": {}}))
    found = read_manifest(tmp_path / "item.json")
    assert not found.jobs and len(found.faults) == 1 and found.faults[0].name.isprintable()
    assert fused(tmp_path / "item.json", tmp_path / "out").failed


def test_no_output_takes_the_place_of_an_input(tmp_path: Path) -> None:
    scenes(tmp_path, ("alpha",))
    (tmp_path / "alpha" / "pan.tif").rename(tmp_path / "beta.tif")
    before = (tmp_path / "beta.tif").read_bytes()
    where = csv(tmp_path, "beta,beta.tif,alpha/ms.tif")
    summary = fused(where, tmp_path, overwrite=True)
    assert "is read for a scene of the manifest" in summary.failed["beta"]
    assert (tmp_path / "beta.tif").read_bytes() == before


def test_a_share_goes_on_beside_what_a_killed_process_left(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    (job,) = read_manifest(where).jobs
    unit = Unit(job, str(out / "alpha.tif"), "EXP", {}, shares=2, share=0, folder=str(tmp_path / "shares"))
    (tmp_path / "shares" / f".1 of 2.{os.getpid()}").mkdir(parents=True)
    assert unit.run() == {} and (tmp_path / "shares" / "1 of 2" / "tally.json").is_file()


def test_bands_of_a_file_each_come_by_their_common_names(tmp_path: Path) -> None:
    told = item("one")
    told["assets"] = {name: {"href": f"./{name}.tif", "eo:bands": [{"common_name": name}]} for name in ("red", "pan")}
    told["assets"] |= {name: {"href": f"./{name}.tif", "eo:bands": [{"common_name": name}]} for name in ("nir", "blue")}
    told["assets"]["lwir"] = {"href": "./lwir.tif", "eo:bands": [{"common_name": "lwir11"}]}
    (tmp_path / "item.json").write_text(json.dumps(told))
    (job,) = read_manifest(tmp_path / "item.json").jobs
    assert [Path(name).stem for name in (job.pan, *job.ms)] == ["pan", "blue", "red", "nir"]


def test_a_remote_or_broken_item_is_a_sentence_and_the_rest_goes_on(tmp_path: Path) -> None:
    where = catalogue(tmp_path)
    (tmp_path / "beta" / "item.json").write_text(json.dumps(item("beta", href="https://example.org/")))
    text = json.loads(where.read_text())
    text["links"] += [{"rel": "item", "href": "./gone.json"}, {"rel": "child", "href": "https://example.org/c.json"}]
    text["links"] += [{"rel": "child", "href": "./catalog.json"}]  # itself
    where.write_text(json.dumps(text))
    (tmp_path / "gamma" / "item.json").write_text("{")
    found = read_manifest(where)
    assert [job.name for job in found.jobs] == ["alpha"]
    reasons = " ".join(fault.reason for fault in found.faults)
    assert len(found.faults) == 4 and reasons.count("--allow-remote") == 2 and "gone.json" in reasons


@pytest.mark.parametrize(
    "broken",
    [5, None, {}, {"type": "Feature", "id": "x"}, item("x") | {"assets": [1]}, item("x") | {"properties": None},
     item("x") | {"properties": {"datetime": "yesterday"}}, item("x") | {"assets": {"pan": {"href": 5}}},
     item("x") | {"links": 7}, item("x") | {"stac_version": 3}, item("x") | {"assets": {"pan": {}}}],
)  # fmt: skip
def test_an_item_that_is_none_leaves_the_others(tmp_path: Path, broken: object) -> None:
    catalogue(tmp_path)
    features = [broken, *(item(name, href=f"./{name}/") for name in NAMES)]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "alpha" / "item.json").write_text(json.dumps(broken))
    for manifest, left in (("items.json", NAMES), ("catalog.json", NAMES[1:])):
        found = read_manifest(tmp_path / manifest)
        assert [job.name for job in found.jobs] == list(left) and len(found.faults) == 1


# -------------------------------------------------------------------------------------------------- going on, and again


def test_the_command_lists_failures_goes_on_and_retries_on_request(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in"), tmp_path / "out"
    whole = (where / "beta" / "ms.tif").read_bytes()
    (where / "beta" / "ms.tif").write_bytes(b"no image")
    first = command(where, "-o", out, "-m", "mtf-glp-fs", "--jobs", 1)
    assert first.exit_code == 1 and "2 of 3 scenes" in first.stdout
    assert "beta: " in first.stderr and "cannot be read as a raster file" in first.stderr
    before = {file.name: file.stat().st_mtime_ns for file in out.glob("*.tif")}
    again = command(where, "-o", out, "-m", "mtf-glp-fs", "--jobs", 1, "--json")
    told = json.loads(again.stdout)["scenes"]
    assert again.exit_code == 1 and [told[name]["state"] for name in NAMES] == ["done", "failed", "done"]
    (where / "beta" / "ms.tif").write_bytes(whole)
    last = command(where, "-o", out, "-m", "mtf-glp-fs", "--jobs", 1)  # the file is another by now: no need of --retry
    assert last.exit_code == 0, last.output
    assert before.items() <= {file.name: file.stat().st_mtime_ns for file in out.glob("*.tif")}.items()
    assert finished(out) == Counter(NAMES)
    page = (out / "batch.html").read_text()
    assert all(name in page for name in NAMES) and "Fused: 3" in page and "Not fused" not in page


def test_a_scene_that_failed_stays_so_until_it_is_to_be_tried_again(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    assert fused(where, out, options={"sensor": "none such"}).new == 1
    assert fused(where, out, options={"sensor": "none such"}).new == 0
    assert fused(where, out, options={"sensor": "none such"}, retry=True).new == 1


def test_files_of_others_and_of_other_options_are_kept(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in"), tmp_path / "out"
    out.mkdir()
    (out / "alpha.tif").write_bytes(b"mine")
    assert "not of this batch" in fused(where, out).failed["alpha"]
    assert (out / "alpha.tif").read_bytes() == b"mine"
    other = fused(where, out, method="GSA")
    assert set(other.failed) == set(NAMES) and "other inputs or options" in other.failed["beta"]
    assert not fused(where, out, method="GSA", overwrite=True).failed
    assert contents(out) == alone(where, tmp_path / "alone", "GSA")


def test_an_item_of_others_is_kept(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    out.mkdir()
    (out / "alpha.json").write_text("mine")
    assert "alpha.json exists already and is not of this batch" in fused(where, out, stac=True).failed["alpha"]
    assert (out / "alpha.json").read_text() == "mine" and not (out / "alpha.tif").exists()


def test_a_date_that_is_mended_makes_the_item_anew(tmp_path: Path) -> None:
    where, out, table = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out", tmp_path / "scenes.csv"
    pan, ms = (where / "alpha" / name for name in ("pan.tif", "ms.tif"))
    fused(where, out)  # the next tables name the same files
    (out / "alpha.json").write_text("mine")
    table.write_text(f"name,pan,ms,datetime\nalpha,{pan},{ms},2024-05-01\n")
    assert "exists already" in fused(table, out, stac=True).failed["alpha"]
    (out / "alpha.json").unlink()
    for date in ("yesterday", "2024-05-01", "2025-06-01"):
        table.write_text(f"name,pan,ms,datetime\nalpha,{pan},{ms},{date}\n")
        summary = fused(table, out, stac=True)
        assert summary.new == 1 and bool(summary.failed) == (date == "yesterday")
    assert json.loads((out / "alpha.json").read_text())["properties"]["datetime"].startswith("2025-06-01")


def test_a_damaged_output_of_its_own_is_made_anew(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    assert fused(where, out).new == 1
    whole = (out / "alpha.tif").read_bytes()
    (out / "alpha.tif").write_bytes(whole[:1000])
    assert fused(where, out).new == 1 and (out / "alpha.tif").read_bytes() == whole


def test_a_table_of_semicolons_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "scenes.csv").write_text("pan;ms\na.tif;b.tif\n")
    with pytest.raises(UserError, match="separated by semicolons"):
        read_manifest(tmp_path / "scenes.csv")


def test_items_that_are_asked_for_later_are_made_without_fusing_again(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    pan, ms = (where / "alpha" / name for name in ("pan.tif", "ms.tif"))
    table = tmp_path / "scenes.csv"
    table.write_text(f"name,pan,ms,datetime\nalpha,{pan},{ms},2024-05-01\n")
    assert fused(table, out).new == 1
    before = (out / "alpha.tif").stat().st_mtime_ns
    summary = fused(table, out, stac=True)
    assert not summary.failed and summary.new == 1 and (out / "alpha.tif").stat().st_mtime_ns == before
    told = json.loads((out / "alpha.json").read_text())["properties"]["processing:lineage"]
    assert "MTF-GLP-FS, ratio 4" in told
    assert fused(table, out, stac=True).new == 0


def test_every_option_that_is_given_arrives_though_it_be_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("anypan.batch.run", lambda *given: seen.append(given[2]) or Summary(str(tmp_path), {}, 0, 0.0))
    zeros = ["--nodata", 0, "--pan-nodata", 0, "--out-nodata", 0, "--sharpness", 0, "--alpha", "none"]
    done = command(scenes(tmp_path / "in", ("alpha",)), "-o", tmp_path, "--jobs", 1, *zeros)
    assert done.exit_code == 0, done.output
    expected = {"nodata": 0, "pan_nodata": 0, "out_nodata": 0, "sharpness": 0, "alpha": 0}
    assert expected.items() <= dict(seen[0].options).items()


@pytest.mark.parametrize("option", ["method", "sensor"])
def test_a_file_that_an_option_names_is_part_of_what_a_result_depends_on(tmp_path: Path, option: str) -> None:
    where, file = scenes(tmp_path / "in", ("alpha",)), tmp_path / "file.toml"
    file.write_text("one")
    (job,) = read_manifest(where).jobs
    given = {"method": str(file), "options": {}} if option == "method" else {"method": "GSA", "options": {option: file}}
    before = job.key(**given)
    assert job.key(**given) == before
    file.write_text("another")
    assert job.key(**given) != before


def test_a_batch_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    """Cut off after the second file, and once more after a file that the ledger does not know of yet."""
    where, out = scenes(tmp_path / "in"), tmp_path / "out"

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fused(where, out, stop)
    assert len(contents(out)) == 2
    (out / "gamma.tif").write_bytes(b"half")
    assert fused(where, out).new == 1
    assert finished(out) == Counter(NAMES)
    assert contents(out) == alone(where, tmp_path / "alone", "MTF-GLP-FS")


def test_two_batches_never_work_in_one_folder(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    out.mkdir()
    with opened(out / "batch.jsonl", frozenset(("scene",))), pytest.raises(UserError, match="being written by another"):
        fused(where, out)


def test_a_method_that_is_none_is_said_once(tmp_path: Path) -> None:
    result = command(scenes(tmp_path / "in"), "-o", tmp_path / "out", "-m", "none such")
    said = result.output + str(result.exception)
    assert result.exit_code != 0 and said.count("No method is called 'none such'") == 1
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------- how the work is shared out


@pytest.mark.parametrize("method", ["MTF-GLP-FS", "anypan-s"])
def test_shares_of_scenes_give_the_same_bytes(tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs.in_tiles_of(monkeypatch, 48)
    where = scenes(tmp_path / "in")
    told: dict[str, Any] = {"tile": 48}
    assert not fused(where, tmp_path / "out", method=method, shares=3, options=told).failed
    assert contents(tmp_path / "out") == alone(where, tmp_path / "alone", method)
    assert not [file for file in (tmp_path / "out").iterdir() if file.name.startswith(".")]


def test_shares_have_the_notes_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of values that were clipped, counted over all shares; and of a scene that is too small for statistics."""
    pairs.in_tiles_of(monkeypatch, 48)
    monkeypatch.setattr("anypan.methods.guard.LEAST_SAID", 0.0)
    where = scenes(tmp_path / "in", ("alpha", "beta"))
    pan, ms = pairs.landscape(16, 16, seed=5)
    pairs.write_pair(where / "beta", pan.astype("uint16"), ms.astype("uint16"))
    whole, parts = (fused(where, tmp_path / str(n), shares=n, options={"tile": 16}).rows for n in (1, 3))
    for name in ("alpha", "beta"):
        assert whole[name]["notes"] == parts[name]["notes"]
    assert "fused values" in " ".join(whole["alpha"]["notes"])
    assert "only interpolated" in " ".join(whole["beta"]["notes"])


def test_processes_of_the_caller_go_on(tmp_path: Path) -> None:
    mine = get_context("spawn").Process(target=time.sleep, args=(60,))
    mine.start()
    try:
        assert not fused(scenes(tmp_path / "in", ("alpha",)), tmp_path / "out", jobs=2).failed
        assert mine.is_alive()
    finally:
        mine.terminate()
        mine.join()


def test_a_scene_whose_shares_fail_is_one_failure(tmp_path: Path) -> None:
    where, out = scenes(tmp_path / "in"), tmp_path / "out"
    (where / "beta" / "ms.tif").write_bytes(b"no image")
    assert set(fused(where, out, shares=3).failed) == {"beta"}
    assert [row["state"] for row in rows(out) if row["scene"] == "beta"] == ["begun", "failed"]


def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path) -> None:
    names = (*NAMES, "delta")
    where, out = scenes(tmp_path / "in", names), tmp_path / "out"
    killed: list[int] = []

    def kill(*_: int) -> None:
        if not killed:
            killed.append(next(child.pid for child in active_children() if child.pid))
            os.kill(killed[0], signal.SIGKILL)

    summary = fused(where, out, kill, method="anypan-s", jobs=2)
    assert killed and not summary.failed
    assert finished(out) == Counter(names)
    assert contents(out) == alone(where, tmp_path / "alone", "anypan-s", names)
    assert not [file for file in out.iterdir() if file.name.startswith(".")]


# ----------------------------------------------------------------------------------------------------------------- Dask


@pytest.fixture(scope="module")
def cluster() -> Any:
    from distributed import LocalCluster

    quiet = {"dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=True, **quiet) as running:
        yield running


def test_a_dask_scheduler_gives_the_same_bytes_and_a_killed_worker_loses_nothing(tmp_path: Path, cluster: Any) -> None:
    from distributed import Client

    names = (*NAMES, "delta")
    where, out = scenes(tmp_path / "in", names), tmp_path / "out"
    (where / "beta" / "ms.tif").write_bytes(b"no image")
    killed: list[int] = []

    def kill(*_: int) -> None:
        if not killed:
            with Client(cluster.scheduler_address, set_as_default=False) as client:
                killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    summary = fused(where, out, kill, method="anypan-s", scheduler=cluster.scheduler_address)
    assert killed and set(summary.failed) == {"beta"}
    sound = tuple(name for name in names if name != "beta")
    assert finished(out) == Counter(sound)
    assert contents(out) == alone(where, tmp_path / "alone", "anypan-s", sound)


def test_few_scenes_are_shared_out_over_a_dask_cluster(tmp_path: Path, cluster: Any) -> None:
    where, out = scenes(tmp_path / "in", ("alpha",)), tmp_path / "out"
    summary = fused(where, out, scheduler=cluster.scheduler_address, options={"tile": 32})
    assert not summary.failed
    assert contents(out) == alone(where, tmp_path / "alone", "MTF-GLP-FS", ("alpha",))


def test_a_scheduler_that_is_none_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anypan.batch.pools.CONNECT", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"tcp://127.0.0.1:{port}", "no address"):
        with pytest.raises(UserError, match="No Dask scheduler"):
            fused(scenes(tmp_path / address.replace("/", "")), tmp_path / "out", scheduler=address)


def test_a_scheduler_that_goes_away_is_one_sentence_and_what_is_done_stays(tmp_path: Path) -> None:
    from distributed import LocalCluster

    names = tuple(f"s{number}" for number in range(8))
    where, out = scenes(tmp_path / "in", names), tmp_path / "out"
    quiet = {"dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **quiet) as running:

        def leave(*_: int) -> None:
            running.close()

        with pytest.raises(UserError, match="finished scenes are kept: run the same command again"):
            fused(where, out, leave, scheduler=running.scheduler_address)
    kept = finished(out)
    assert kept and fused(where, out).new == len(names) - len(kept)
    assert finished(out) == Counter(names)
    assert len(contents(out)) == len(names)
