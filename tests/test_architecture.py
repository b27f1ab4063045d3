"""The shape of the house: layers, who may import what, sizes, names. Read from the source, nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "anypan"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up; a room imports from the rooms below it and from itself.
LAYERS = (
    {"runtime"},
    {"geometry"},
    {"raster", "optics"},
    {"pair"},
    {"models"},
    {"weights", "simulate", "metrics"},
    {"methods", "dataset"},
    {"fusing"},
    {"options"},
    {"api", "report"},
    {"train"},
    {"judging"},
    {"cli"},
    {"__init__", "__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MOST_ROOMS, MOST_LOOSE_FILES = 25, 5
WITHOUT_TORCH = (
    "runtime/errors.py",
    "runtime/bounds.py",
    "runtime/memory.py",
    "geometry/grid.py",
    "geometry/tiles.py",
    "pair/fill.py",
    "optics/sensors/",
    "raster/",
    "report/",
)
ONLY_IN = {"rasterio": {"raster"}, "click": {"cli"}, "rich": {"cli"}}
NEVER = {"pickle", "scipy", "matplotlib"}
UNFINISHED = ("todo", "fixme", "xxx", "notimplementederror", "placeholder", "dummy")
VAGUE_NAMES = {"x", "y", "preds", "target", "data", "manager"}
MOST_FILE_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 350, 40, 7


def room(file: Path) -> str:
    """src/anypan/methods/base.py -> methods; src/anypan/api.py -> api."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ([f"anypan.{a.name}" for a in node.names] if node.module == "anypan" else [node.module or ""])


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from def to the end without the docstring; decorators are declarations and do not count."""
    docstring = ast.get_docstring(function, clean=False)
    assert function.end_lineno
    return function.end_lineno - function.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    every = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [parameter.arg for parameter in every if parameter.arg not in ("self", "cls")]


@pytest.fixture(params=FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def file(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def test_the_house_is_small_enough_to_know() -> None:
    """Every room has its place, and a door: folders are packages."""
    rooms = {room(file) for file in FILES}
    assert rooms == set(LEVEL) and len(rooms) <= MOST_ROOMS
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_LOOSE_FILES
    assert all((file.parent / "__init__.py").exists() for file in FILES)


def test_imports_go_downwards(file: Path, tree: ast.Module) -> None:
    assert room(file) in LEVEL, "a new room needs its place in LAYERS"
    public = {"__version__"}
    for module in imports(tree):
        if module.startswith("anypan."):
            other = module.split(".")[1]
            lower = other in public or other == room(file) or LEVEL[other] < LEVEL[room(file)]
            assert lower, f"{file.name} imports {module}, which is not below it"


def test_outer_libraries_stay_where_they_belong(file: Path, tree: ast.Module) -> None:
    used = {module.split(".")[0] for module in imports(tree)}
    assert not used & NEVER
    if file.relative_to(PACKAGE).as_posix().startswith(WITHOUT_TORCH):
        assert "torch" not in used
    for library, rooms in ONLY_IN.items():
        assert library not in used or room(file) in rooms, f"{library} belongs in {rooms}"


def test_everything_fits_a_screen(file: Path, tree: ast.Module) -> None:
    assert file.read_text(encoding="utf-8").count("\n") <= MOST_FILE_LINES
    long = {f.name: length(f) for f in functions(tree) if length(f) > MOST_FUNCTION_LINES}
    wide = {f.name: len(parameters(f)) for f in functions(tree) if len(parameters(f)) > MOST_PARAMETERS}
    assert not long and not wide


def test_names_say_what_they_are(file: Path, tree: ast.Module) -> None:
    assert file.stem not in {"utils", "helpers", "common", "misc"}
    vague = {f.name: sorted(VAGUE_NAMES & set(parameters(f))) for f in functions(tree)}
    assert not {name: found for name, found in vague.items() if found}


def test_public_things_say_what_they_do(tree: ast.Module) -> None:
    assert ast.get_docstring(tree)
    public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
    silent = [node for node in public if not ast.get_docstring(node)]
    assert not [node.name for node in silent if "overload" not in map(ast.unparse, node.decorator_list)]


def test_nothing_is_left_open(file: Path) -> None:
    words = set(file.read_text(encoding="utf-8").lower().replace("(", " ").replace(":", " ").split())
    assert not sorted(words & set(UNFINISHED))


def test_no_pickle_reaches_torch() -> None:
    """Weights are safetensors; torch.load may only read a training state, and only as plain tensors."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
