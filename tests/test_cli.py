"""The command line as a person meets it: every verb, every bad input, and what is left when it is stopped midway."""

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner, Result
from rasterio.transform import from_origin

from anypan.cli import cli

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}
_OTHERS = ("models", "methods", "sensors", "export", "serve", "pretrain", "simulate", "demo")
VERBS = ("fuse", "batch", "adapt", "assess", "benchmark", "generalise", "compare", "report", *_OTHERS)
MS_SIZE = 20


def anypan(*arguments: object) -> Result:
    """The command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="anypan")


def start(arguments: Sequence[object], before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    command = [sys.executable, "-m", "anypan", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT, preexec_fn=before)


def write(path: Path, pixels: np.ndarray, pixel: float = 1.0, left: float = 500_000.0, **profile: object) -> Path:
    count, height, width = pixels.shape
    place = {"transform": from_origin(left, 4_000_000.0, pixel, pixel), "crs": "EPSG:32633"}
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", **(shape | place | profile)) as file:
        file.write(pixels)
        file.update_tags(TIFFTAG_SOFTWARE="a camera")
    return path


def picture(size: int, bands: int, seed: int = 7) -> np.ndarray:
    """(bands, 4 * size, 4 * size) of smooth ground with sharp edges."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(200, 1500, (bands, size // 2, size // 2))
    fine = coarse.repeat(8, 1).repeat(8, 2) + rng.normal(0, 40, (1, 4 * size, 4 * size))
    return np.clip(fine, 1, 2047)


def scene(folder: Path, size: int = MS_SIZE, bands: int = 4) -> Path:
    """A folder with pan.tif and ms.tif at ratio 4."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = picture(size, bands)
    lrms = truth.reshape(bands, size, 4, size, 4).mean((2, 4))
    write(folder / "pan.tif", truth.mean(0, keepdims=True).astype("uint16"))
    write(folder / "ms.tif", lrms.astype("uint16"), pixel=4.0)
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    return scene(tmp_path)


def fails(result: Result, *words: str) -> None:
    """One sentence on stderr that has the words, nothing on stdout, the exit code of a user's mistake."""
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith("."), lines
    assert all(word.lower() in lines[0].lower() for word in words), lines[0]


# ---------------------------------------------------------------------------------------------------- help and start


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_examples(verb: str) -> None:
    result = anypan(verb, "--help")
    assert result.exit_code == 0
    assert f"anypan {verb}" in result.stdout.split("Example", 1)[1]
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_choices_that_are_written_again_for_quick_help_are_those_of_the_registries() -> None:
    from anypan import options
    from anypan.cli import benchmark, fuse
    from anypan.judging import MODES

    assert fuse.DTYPES == options.DTYPES and set(fuse.TIFFS + fuse.OTHERS) == set(options.FORMATS)
    assert tuple(MODES) == benchmark._MODES


def test_bare_command_lists_the_verbs() -> None:
    result = anypan()
    assert result.exit_code == 0
    assert all(verb in result.stdout for verb in VERBS)


def test_version_and_help_start_without_the_heavy_libraries() -> None:
    code = (
        "import sys; from anypan.cli import cli\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit as end: assert not end.code\n"
        "print(sorted({'torch', 'numpy', 'rasterio', 'rich', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    version, loaded = done.stdout.splitlines()
    assert version.startswith("anypan ") and loaded == "[]"


@pytest.mark.parametrize("arguments", [["nonsense"], ["fuse"], ["fuse", "a", "b", "c", "--nonsense"], ["report"]])
def test_wrong_usage_is_one_sentence(arguments: list[str]) -> None:
    fails(anypan(*arguments), "--help")


# -------------------------------------------------------------------------------------------------------------- lists


def test_models_are_listed_with_their_licences() -> None:
    assert anypan("models").exit_code == 0
    cards = json.loads(anypan("models", "--json").stdout)
    for card in cards:
        assert {"name", "family", "parameters", "sha256", "licence", "sources"} <= set(card)
        assert card["family"] in {"cnn", "transformer", "mamba"}


def test_methods_and_sensors_are_listed() -> None:
    assert "MTF-GLP-HPM-R" in anypan("methods").stdout
    assert "WorldView-3" in anypan("sensors").stdout
    assert all(row["what"] for row in json.loads(anypan("methods", "--json").stdout))
    assert all(row["source"] for row in json.loads(anypan("sensors", "--json").stdout))


# --------------------------------------------------------------------------------------------------------------- fuse


def test_fuse_writes_on_the_grid_of_the_pan(pair: Path) -> None:
    out = pair / "out.tif"
    result = anypan("fuse", pair / "pan.tif", pair / "ms.tif", out, "--method", "EXP")
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout and "fusing 100 %" in result.stderr
    with rasterio.open(out) as fused, rasterio.open(pair / "pan.tif") as pan:
        assert (fused.shape, fused.transform, fused.crs) == (pan.shape, pan.transform, pan.crs)
        assert fused.count == 4 and set(fused.dtypes) == {"uint16"}


def test_fuse_takes_single_bands_in_the_given_order(pair: Path) -> None:
    with rasterio.open(pair / "ms.tif") as file:
        ms = file.read()
    singles = [write(pair / f"b{b}.tif", ms[b : b + 1], pixel=4.0) for b in (2, 0)]
    together, picked = pair / "together.tif", pair / "picked.tif"
    assert anypan("fuse", pair / "pan.tif", *singles, together, "-m", "EXP", "-q", "--no-register").exit_code == 0
    arguments = (pair / "pan.tif", pair / "ms.tif", picked, "-m", "EXP", "-q", "--no-register", "--bands", "3,1")
    result = anypan("fuse", *arguments)
    assert (result.exit_code, result.output) == (0, "")
    with rasterio.open(together) as one, rasterio.open(picked) as other:
        np.testing.assert_array_equal(one.read(), other.read())


def test_fuse_tells_what_it_did_as_json(pair: Path) -> None:
    result = anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "EXP", "--json")
    done = json.loads(result.stdout)
    assert result.stderr == ""
    assert done["grid"]["shape"] == [4 * MS_SIZE, 4 * MS_SIZE] and done["ratio"] == 4 and done["method"] == "EXP"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_dry_run_plans_and_writes_nothing(pair: Path, options: list[str]) -> None:
    before = sorted(pair.iterdir())
    result = anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "EXP", "--dry-run", *options)
    assert result.exit_code == 0, result.output
    assert sorted(pair.iterdir()) == before
    assert all(word in result.stdout for word in ("grid", "ratio", "shift", "method", "memory", "size"))


def test_fuse_passes_creation_options_on(pair: Path) -> None:
    options = ("-m", "EXP", "-co", "DRIVER=GTiff", "-co", "COMPRESS=LZW")
    assert anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", *options).exit_code == 0
    with rasterio.open(pair / "out.tif") as file:
        assert file.compression.name == "lzw"


def test_existing_output_is_replaced_only_when_told(pair: Path) -> None:
    out = pair / "out.tif"
    out.write_text("precious")
    arguments = (pair / "pan.tif", pair / "ms.tif", out, "-m", "EXP")
    fails(anypan("fuse", *arguments), "out.tif", "exists")
    assert out.read_text() == "precious"
    assert anypan("fuse", *arguments, "--overwrite").exit_code == 0


def test_fuse_writes_a_page_when_asked(pair: Path) -> None:
    page = pair / "look.html"
    arguments = (pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "MTF-GLP-FS", "--no-register")
    assert anypan("fuse", *arguments, "--report", page).exit_code == 0
    text = page.read_text()
    assert "MTF-GLP-FS" in text and "D_rho" in text and "http://" not in text.replace("http://www.w3.org", "")
    fails(anypan("fuse", *arguments, "--overwrite", "--report", pair / "missing" / "look.html"), "report", "folder")
    fails(anypan("fuse", *arguments[:2], pair / "other.tif", "--report", page), "look.html exists")
    assert page.read_text() == text and not (pair / "other.tif").exists()


def test_a_page_never_replaces_an_image(pair: Path) -> None:
    arguments = (pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "EXP", "--overwrite")
    for name, words in (("pan.tif", "ends in .html"), ("ms.tif", "ends in .html"), ("link.html", "one of the images")):
        (pair / "link.html").unlink(missing_ok=True)
        (pair / "link.html").symlink_to(pair / "pan.tif")
        before = (pair / "pan.tif").read_bytes()
        fails(anypan("fuse", *arguments, "--report", pair / name), words)
        assert (pair / "pan.tif").read_bytes() == before and not (pair / "out.tif").exists()
    (pair / "page.html").mkdir()
    fails(anypan("fuse", *arguments, "--report", pair / "page.html"), "is a folder")


# --------------------------------------------------------------------------------------------------------------- judge


def test_assess_measures_with_and_without_a_reference(pair: Path) -> None:
    files = (pair / "pan.tif", pair / "ms.tif", pair / "out.tif")
    anypan("fuse", *files, "-m", "MTF-GLP-FS", "-q")
    plain = anypan("assess", *files)
    shown = [line.split("  ")[0] for line in plain.stdout.splitlines()]
    assert plain.exit_code == 0 and "D_rho" in shown and "ERGAS" not in shown
    values = json.loads(anypan("assess", *files, "--reference", pair / "out.tif", "--json").stdout)
    assert values["ERGAS"] == 0 and values["Q2n"] == pytest.approx(1) and 0 <= values["D_rho"] <= 1
    fails(anypan("assess", *files[:2], pair / "ms.tif"), "ms.tif")
    fails(anypan("assess", *files[:2], pair / "missing.tif"), "missing.tif")
    whole = np.ones((4, 4 * MS_SIZE, 4 * MS_SIZE), "float32")
    elsewhere, nothing = write(pair / "a.tif", whole, left=0.0), write(pair / "b.tif", np.nan * whole)
    fails(anypan("assess", *files[:2], elsewhere), "a.tif", "off the PAN's grid")
    fails(anypan("assess", *files[:2], nothing), "b.tif", "no pixels")
    fails(anypan("assess", *files, "--reference", nothing), "b.tif", "no pixels")


def test_benchmark_rows_become_a_page(tmp_path: Path) -> None:
    scene(tmp_path / "scenes" / "first")
    broken = scene(tmp_path / "scenes" / "second")
    (broken / "ms.tif").write_text("broken")
    rows, folder = tmp_path / "rows.jsonl", tmp_path / "report"
    result = anypan("benchmark", tmp_path / "scenes", "-m", "EXP", "-m", "MTF-GLP-FS", "--out", rows)
    assert result.exit_code == 0 and "8 rows" in result.stderr and "4 of them with an error" in result.stderr
    known = [json.loads(line) for line in rows.read_text().splitlines()]
    assert {(row["scene"], "error" in row) for row in known} == {("first", False), ("second", True)}
    assert all({"scene", "sensor", "protocol", "mode", "method", "versions"} <= set(row) for row in known)
    result = anypan("report", rows, "--scenes", tmp_path / "scenes", "-m", "MTF-GLP-FS", "--tables", "-o", folder)
    assert len(list((folder / "tables").glob("*.csv"))) == len(list((folder / "tables").glob("*.tex"))) == 4
    assert result.stdout.strip() == str(folder / "report.html"), result.output
    assert "data:image" in (folder / "report.html").read_text()
    (folder / "report.html").write_text("mine")
    fails(anypan("report", rows, "-o", folder), "report.html", "exists already")
    assert (folder / "report.html").read_text() == "mine"
    assert anypan("report", rows, "-o", folder, "--overwrite").exit_code == 0


def test_rows_have_a_place_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene(tmp_path / "scenes" / "first")
    monkeypatch.chdir(tmp_path)
    result = anypan("benchmark", "scenes", "--protocol", "both", "-m", "EXP")
    assert result.exit_code == 0 and "2 rows in rows.jsonl" in result.stderr
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 2


def test_bad_input_of_the_judges_is_one_sentence(pair: Path) -> None:
    out = ("--out", pair / "rows.jsonl")
    fails(anypan("benchmark", pair / "missing", *out), "missing")
    fails(anypan("benchmark", pair, "-m", "nonsense", *out), "nonsense", "MTF-GLP-FS")
    fails(anypan("benchmark", pair, "--protocol", "nonsense", *out), "rr", "fr")
    fails(anypan("benchmark", pair, "--protocol", "rr", "--mode", "unipan", *out), "unipan", "rr")
    fails(anypan("report", pair / "missing.jsonl", "-o", pair), "missing.jsonl")
    fails(anypan("report", pair / "pan.tif", "-o", pair), "pan.tif")
    rows = pair / "known.jsonl"
    rows.write_text(json.dumps({"scene": "a", "method": "EXP", "protocol": "rr"}))
    shown = ("--scenes", pair, "--show", "nonsense", "-o", pair)
    fails(anypan("report", rows, *shown), "nonsense", "MTF-GLP-FS")
    rows.unlink()
    assert sorted(file.name for file in pair.iterdir()) == ["ms.tif", "pan.tif"]


# --------------------------------------------------------------------------------------------------------------- learn


def test_bad_configurations_are_one_sentence(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    fails(anypan("pretrain", config), "config.toml")
    config.write_text("not toml")
    fails(anypan("pretrain", config), "config.toml", "toml")
    config.write_text("nonsense = 1")
    fails(anypan("pretrain", config), "config.toml", "nonsense")


def test_demo_writes_what_it_promises(tmp_path: Path) -> None:
    folder = tmp_path / "my demo"
    result = anypan("demo", folder, "-m", "MTF-GLP-HPM-R", "--size", 256)
    assert result.exit_code == 0, result.output
    names = {"pan.tif", "ms.tif", "reference.tif", "fused.tif", "report.html"}
    assert {file.name for file in folder.iterdir()} == names
    assert str(folder / "report.html") in result.stderr
    named = [shlex.split(line) for line in result.stderr.splitlines() if line.startswith("  ") and "YOUR" not in line]
    assert [line[1] for line in named] == ["fuse", "assess"]
    for line in named:
        assert anypan(*line[1:]).exit_code == 0, line


@pytest.mark.parametrize("mine", ["pan.tif", "fused.tif", "report.html"])
def test_demo_keeps_files_that_are_there(tmp_path: Path, mine: str) -> None:
    (tmp_path / mine).write_text("mine")
    fails(anypan("demo", tmp_path, "--size", 64), mine, "exists already", "--overwrite")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(mine, "mine")]
    assert anypan("demo", tmp_path, "-m", "EXP", "--size", 64, "-q", "--overwrite").exit_code == 0


def test_demo_says_where_it_cannot_write(pair: Path) -> None:
    fails(anypan("demo", pair / "pan.tif", "--size", 64, "-q"), "pan.tif", "name another")


# ---------------------------------------------------------------------------------------------------------- bad input


def _swapped(at: Path) -> None:
    (at / "pan.tif").rename(at / "tmp.tif")
    (at / "ms.tif").rename(at / "pan.tif")
    (at / "tmp.tif").rename(at / "ms.tif")


def _truncated(at: Path) -> None:
    whole = (at / "ms.tif").read_bytes()
    (at / "ms.tif").write_bytes(whole[: len(whole) // 2])


def _vrt(at: Path) -> None:
    (at / "secret.tif").write_bytes((at / "ms.tif").read_bytes())
    source = (
        f"<SimpleSource><SourceFilename>{at / 'secret.tif'}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
    )
    band = f'<VRTRasterBand dataType="UInt16" band="1">{source}</VRTRasterBand>'
    (at / "ms.tif").write_text(f'<VRTDataset rasterXSize="{MS_SIZE}" rasterYSize="{MS_SIZE}">{band}</VRTDataset>')


def _pan(pixels: np.ndarray, **profile: object) -> Callable[[Path], object]:
    return lambda at: write(at / "pan.tif", pixels, **profile)  # type: ignore[arg-type]


def _ms(pixels: np.ndarray, **profile: object) -> Callable[[Path], object]:
    return lambda at: write(at / "ms.tif", pixels, **({"pixel": 4.0} | profile))  # type: ignore[arg-type]


SIDE = 4 * MS_SIZE
GOOD_PAN, GOOD_MS = np.ones((1, SIDE, SIDE), "uint16"), picture(MS_SIZE, 3)[:, ::4, ::4].astype("uint16")
SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda at: (at / "pan.tif").unlink(), "pan.tif"),
    "not a raster": (lambda at: (at / "pan.tif").write_text("hello"), "pan.tif"),
    "empty": (lambda at: (at / "ms.tif").write_bytes(b""), "ms.tif"),
    "truncated": (_truncated, "ms.tif"),
    "swapped": (_swapped, "pan"),
    "several bands in the PAN": (_pan(GOOD_PAN.repeat(2, 0)), "band"),
    "no overlap": (_ms(GOOD_MS, left=900_000.0), "overlap"),
    "ratio too small": (_ms(GOOD_MS, pixel=1.2), "ratio"),
    "ratio too large": (_ms(GOOD_MS, pixel=16.0), "ratio"),
    "constant PAN": (_pan(GOOD_PAN), "pan"),
    "nothing but nodata in the PAN": (_pan(0 * GOOD_PAN, nodata=0), "pan"),
    "nothing but nodata in the MS": (_ms(0 * GOOD_MS, nodata=0), "ms"),
    "nothing but NaN": (_pan(np.full((1, SIDE, SIDE), np.nan, "float32")), "pan"),
    "nothing but infinity": (_ms(np.full((3, MS_SIZE, MS_SIZE), np.inf, "float32")), "ms"),
    "a VRT in disguise": (_vrt, "vrt"),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_bad_input_is_one_sentence_and_no_output(pair: Path, spoil: str) -> None:
    action, word = SPOILS[spoil]
    action(pair)
    before = sorted(pair.iterdir())
    fails(anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "EXP"), word)
    assert sorted(pair.iterdir()) == before


def test_absurd_dimensions_are_refused(pair: Path) -> None:
    huge = {"height": 3_000_000, "width": 3_000_000, "count": 1, "dtype": "uint8", "sparse_ok": True}
    tiled = {"tiled": True, "blockxsize": 32768, "blockysize": 32768, "bigtiff": "YES", "compress": "deflate"}
    with rasterio.open(pair / "pan.tif", "w", driver="GTiff", **huge, **tiled):
        pass
    fails(anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", "-m", "EXP"))
    assert not (pair / "out.tif").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "nonsense"],
        ["--method", "missing.safetensors"],
        ["--bands", "nonsense"],
        ["--bands", "9"],
        ["--bands", ","],
        ["--sensor", "nonsense"],
        ["--device", "nonsense"],
        ["--device", "meta"],
        ["--threads", "99999999999"],
        ["--tile", "0"],
        ["--threads", "0"],
        ["-co", "nonsense"],
    ],
    ids=" ".join,
)
def test_unknown_names_and_values_are_one_sentence(pair: Path, options: list[str]) -> None:
    before = sorted(pair.iterdir())
    method = [] if "--method" in options else ["--method", "EXP"]
    fails(anypan("fuse", pair / "pan.tif", pair / "ms.tif", pair / "out.tif", *method, *options))
    assert sorted(pair.iterdir()) == before


def test_unknown_names_are_answered_with_the_known_ones(pair: Path) -> None:
    files = (pair / "pan.tif", pair / "ms.tif", pair / "out.tif")
    fails(anypan("fuse", *files, "--method", "nonsense"), "MTF-GLP-HPM-R", "anypan-s")
    fails(anypan("fuse", *files, "-m", "EXP", "--sensor", "nonsense"), "WV3", "generic")
    fails(anypan("fuse", *files, "-m", "EXP", "--bands", "nonsense"), "1", "4")


@pytest.mark.parametrize("path", ["/vsicurl/http://localhost/pan.tif", "http://localhost/pan.tif", "/vsimem/pan.tif"])
def test_remote_files_are_refused(pair: Path, path: str) -> None:
    fails(anypan("fuse", path, pair / "ms.tif", pair / "out.tif", "-m", "EXP"), "remote")


def test_places_that_cannot_be_written(pair: Path) -> None:
    for out in (pair / "missing" / "out.tif", pair / "pan.tif" / "out.tif", pair, pair / "ms.tif"):
        fails(anypan("fuse", pair / "pan.tif", pair / "ms.tif", out, "-m", "EXP", "--overwrite"))


# ------------------------------------------------------------------------------------------------------ stopped midway


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[object]]:
    """A job whose output takes several MiB."""
    folder = scene(tmp_path_factory.mktemp("long"), size=320, bands=3)
    files = [folder / "pan.tif", folder / "ms.tif", folder / "out.tif"]
    return folder, ["fuse", *files, "-m", "EXP", "--no-register"]


def _listening() -> None:
    """In the process to be stopped: what a shell, or nohup, has it ignore it does not."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
        (signal.SIGKILL, -signal.SIGKILL, ""),
    ],
)
def test_stopping_leaves_no_output(job: tuple[Path, list[object]], number: int, code: int, word: str) -> None:
    folder, arguments = job
    before = sorted(folder.iterdir())
    thousands_of_tiles = ["--tile", "16"]
    with start([*arguments, *thousands_of_tiles], _listening) as process:
        assert process.stderr and process.stderr.readline().startswith("fusing")
        process.send_signal(number)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert word in stderr and "Traceback" not in stderr
    for rest in folder.glob(".out.tif.*"):
        assert number == signal.SIGKILL  # nobody is left to clean up
        shutil.rmtree(rest)
    assert sorted(folder.iterdir()) == before


def test_full_disk_is_one_sentence_and_no_output(job: tuple[Path, list[object]]) -> None:
    folder, arguments = job
    before, limit = sorted(folder.iterdir()), 2**20
    process = start([*arguments, "-q"], lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stderr.splitlines()[-1].startswith("error: ") and "Traceback" not in stderr  # libtiff may speak before
    assert sorted(folder.iterdir()) == before
