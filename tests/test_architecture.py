"""The shape of the house: layers, who may import what, sizes, names. Read from the source."""

import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "anypan"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the ground up; a room imports from the rooms below it and from itself.
LAYERS = (
    {"runtime"},
    {"geometry"},
    {"raster", "optics"},
    {"products"},
    {"pair"},
    {"models"},
    {"weights", "simulate", "metrics"},
    {"methods", "dataset"},
    {"fusing"},
    {"options"},
    {"api", "report"},
    {"train"},
    {"judging"},
    {"batch", "xarray"},
    {"serve"},
    {"cli"},
    {"__init__", "__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
MOST_ROOMS, MOST_LOOSE_FILES = 25, 5
WITHOUT_TORCH = (
    "runtime/errors.py",
    "runtime/bounds.py",
    "runtime/columns.py",
    "runtime/digest.py",
    "runtime/keywords.py",
    "runtime/memory.py",
    "geometry/grid.py",
    "geometry/tiles.py",
    "geometry/fill.py",
    "optics/sensors/",
    "raster/",
    "report/",
    "products/",
)
ONLY_IN = {"rasterio": {"raster"}, "click": {"cli"}, "rich": {"cli"}}
ONLY_IN |= {
    "xarray": {"xarray"},
    "dask": {"xarray"},
    "distributed": {"batch"},
    "pystac": {"batch"},
    "huggingface_hub": {"weights"},
    "defusedxml": {"products"},
}
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


TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}
IMPORTS = {file: list(imports(tree)) for file, tree in TREES.items()}


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def test_the_house_is_small_enough_to_know() -> None:
    """Every room has its place, and a door: folders are packages."""
    rooms = {room(file) for file in FILES}
    assert rooms == set(LEVEL) and len(rooms) <= MOST_ROOMS
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_LOOSE_FILES
    assert all((file.parent / "__init__.py").exists() for file in FILES)


def test_imports_go_downwards() -> None:
    offenders = [
        f"{name_of(file)} imports {module}, which is not below it"
        for file, modules in IMPORTS.items()
        for module in modules
        if module.startswith("anypan.") and not below(module.split(".")[1], room(file))
    ]
    assert not offenders


def below(other: str, here: str) -> bool:
    return other in ("__version__", here) or LEVEL[other] < LEVEL[here]


def test_outer_libraries_stay_where_they_belong() -> None:
    used = {file: {module.split(".")[0] for module in modules} for file, modules in IMPORTS.items()}
    offenders = [f"{name_of(file)}: {found & NEVER}" for file, found in used.items() if found & NEVER]
    offenders += [
        f"{name_of(file)} imports torch"
        for file, found in used.items()
        if "torch" in found and name_of(file).startswith(WITHOUT_TORCH)
    ]
    offenders += [
        f"{name_of(file)}: {library} belongs in {rooms}"
        for file, found in used.items()
        for library, rooms in ONLY_IN.items()
        if library in found and room(file) not in rooms
    ]
    assert not offenders


def test_everything_fits_a_screen() -> None:
    offenders = []
    for file, tree in TREES.items():
        if file.read_text(encoding="utf-8").count("\n") > MOST_FILE_LINES:
            offenders.append(f"{name_of(file)} is longer than {MOST_FILE_LINES} lines")
        for function in functions(tree):
            if length(function) > MOST_FUNCTION_LINES or len(parameters(function)) > MOST_PARAMETERS:
                offenders.append(f"{name_of(file)}: {function.name}, {length(function)} lines")
    assert not offenders


def test_names_say_what_they_are() -> None:
    offenders = [name_of(file) for file in FILES if file.stem in {"utils", "helpers", "common", "misc"}]
    for file, tree in TREES.items():
        for function in functions(tree):
            vague = VAGUE_NAMES & set(parameters(function))
            offenders += [f"{name_of(file)}: {function.name} takes {sorted(vague)}"] if vague else []
    assert not offenders


def test_public_things_say_what_they_do() -> None:
    offenders = [name_of(file) for file, tree in TREES.items() if not ast.get_docstring(tree)]
    for file, tree in TREES.items():
        public = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")]
        silent = [node for node in public if not ast.get_docstring(node)]
        silent = [node for node in silent if "overload" not in map(ast.unparse, node.decorator_list)]
        offenders += [f"{name_of(file)}: {node.name}" for node in silent]
    assert not offenders


def test_public_methods_say_what_they_do_here_or_where_their_contract_stands() -> None:
    methods = [
        (name_of(file), node.name, function)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        for function in node.body
        if isinstance(function, ast.FunctionDef) and not function.name.startswith("_")
    ]
    described = {function.name for _, _, function in methods if ast.get_docstring(function)}
    silent = [f"{file}: {owner}.{f.name}" for file, owner, f in methods if f.name not in described]
    assert not silent


ARRAYS = re.compile(r"\b(Tensor|NDArray|Array|Floats|Doubles|Bools)\b")
SHAPE = re.compile(r"\((\.\.\.|[^()]*[A-Za-z0-9.]\s*,[^()]*)\)|\d+ x \d+")


def public_functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Name, function, and what the class and the file around it say."""
    about = ast.get_docstring(tree) or ""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node, about
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            whole = f"{about} {ast.get_docstring(node) or ''}"
            yield from ((f"{node.name}.{f.name}", f, whole) for f in node.body if isinstance(f, ast.FunctionDef))


def lacks(function: ast.FunctionDef, text: str) -> str:
    """What a docstring with the texts around it should say and does not: the shape of arrays, the error."""
    hints = [hint for hint in (*(a.annotation for a in function.args.args), function.returns) if hint]
    raised = (ast.unparse(n.exc) for n in ast.walk(function) if isinstance(n, ast.Raise) and n.exc)
    missing = ["shape"] if any(ARRAYS.search(ast.unparse(hint)) for hint in hints) and not SHAPE.search(text) else []
    missing += ["UserError"] if "UserError" in " ".join(raised) and "UserError" not in text else []
    return " and ".join(missing)


def test_public_docstrings_give_shapes_and_errors_here_or_where_their_contract_stands() -> None:
    every = [(name_of(f), *each) for f, tree in TREES.items() for each in public_functions(tree)]
    methods = [function for _, name, function, _ in every if "." in name]
    contracts = {one.name for one in methods if SHAPE.search(ast.get_docstring(one) or "")}
    offenders = []
    for file, name, function, about in every:
        text = ast.get_docstring(function)
        if text is None or function.name.startswith("_") or file.startswith("cli/"):
            continue  # without a docstring its contract has one, as another test demands
        found = lacks(function, f"{about} {text}")
        if found and not (found == "shape" and "." in name and function.name in contracts):
            offenders.append(f"{file}: {name} does not say its {found}")
    assert not offenders, "\n".join(offenders)


IMAGES = {"pan", "pan_lr", "ms", "lrms", "hrms", "fused", "image", "images", "exp", "reference", "truth"}
IMAGE = re.compile(r"\b(Tensor|NDArray|Array|Image|Floats|Doubles)\b")
UNITS = re.compile(
    r"\bunits?\b|digital numbers|reflectance|radiance|standardi[sz]ed|full scale|(0|-1) (to|and) 1\b|0 to 255",
    re.IGNORECASE,
)


def images_of(function: ast.FunctionDef) -> list[str]:
    """The arguments that are images, as arrays."""
    every = [*function.args.args, *function.args.kwonlyargs]
    return [a.arg for a in every if a.arg in IMAGES and a.annotation and IMAGE.search(ast.unparse(a.annotation))]


def test_public_docstrings_give_the_units_of_images_here_or_for_their_file_or_room() -> None:
    """What the package exports says it itself; a room says in its first docstring what holds for all in it."""
    exported = set(re.findall(r'"(\w+)"', (PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    offenders = []
    for file, tree in TREES.items():
        room = PACKAGE / file.relative_to(PACKAGE).parts[0] / "__init__.py"
        shared = (ast.get_docstring(TREES[room]) or "") if room in TREES else ""
        for name, function, about in public_functions(tree):
            text = ast.get_docstring(function)
            if text is None or name.split(".")[-1].startswith("_") or not images_of(function):
                continue  # without a docstring its contract has one, as another test demands
            said = text if name in exported else f"{shared} {about} {text}"
            if not UNITS.search(said):
                offenders.append(f"{name_of(file)}: {name} does not say the units of {', '.join(images_of(function))}")
    assert not offenders, "\n".join(offenders)


def test_nothing_is_left_open() -> None:
    offenders = []
    for file in FILES:
        words = set(file.read_text(encoding="utf-8").lower().replace("(", " ").replace(":", " ").split())
        offenders += [f"{name_of(file)}: {word}" for word in sorted(words & set(UNFINISHED))]
    assert not offenders


GONE = {
    r"""(convention|sampling\.name|mode) [!=]= ["'](physical|toolbox)""": (
        "",
        "ask the convention (optics/sampling.py)",
    ),
    r"getattr\((self|draw)\.settings|EFFECTS\[[^]]*\]\.share": ("", "an effect holds its settings (simulate/effects)"),
    r"case\.facts\[": ("", "rows alone look at a case's facts (judging/cases.py)"),
    r"notes\.(append|extend)\(|notes: list": ("pair/", "notes are returned (pair/notes.py words them)"),
}
"""Patterns of what was ended -> the room, and what there is instead."""


def test_what_was_ended_does_not_come_back() -> None:
    offenders = [
        f"{name_of(file)}: {found[0]}: {instead}"
        for file in FILES
        for gone, (place, instead) in GONE.items()
        if name_of(file).startswith(place)
        for found in re.finditer(gone, file.read_text(encoding="utf-8"))
    ]
    assert not offenders


REPLACED = {
    **{word: "instrument_gnyq, given or keywords" for word in ("told", "_told")},
    **{word: "log_gain_ratio" for word in ("lighter", "LIGHTEST")},
    **{word: "EXPLAINED_ENOUGH, EXPLAINED_TOO_LITTLE" for word in ("BELIEVED", "DISBELIEVED")},
    **{word: "train/processes.py" for word in ("Team", "team")},
    **{
        word: "a name that says what it gives"
        for word in ("_said", "_made", "_known", "Own", "befell", "befalls", "rivals")
    },
}
"""Names that did not say what they were, or meant two things -> what to say instead."""


def identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name"):
            found = getattr(node, field, None)
            yield from [found] if isinstance(found, str) else []


def test_names_are_the_field_s() -> None:
    used = {file: set(identifiers(tree)) & set(REPLACED) for file, tree in TREES.items()}
    assert not [f"{name_of(file)}: {word}: {REPLACED[word]}" for file, words in used.items() for word in words]


def test_no_pickle_reaches_torch() -> None:
    """Weights are safetensors; torch.load may only read a training state, and only as plain tensors."""
    offenders = [
        f"{name_of(file)}, line {node.lineno}"
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"
        if not any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
    ]
    assert not offenders


def test_tests_that_are_called_slow_are_there() -> None:
    tests = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("test_*.py")}
    slow = [line.split("::") for line in (ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").split()]
    assert slow == sorted(slow)
    assert not [name for file, name in slow if f"def {name}(" not in tests.get(file, "")]


def test_scripts_import_what_the_package_has():
    """They run seldom, some once a release: a name that has moved shows here and not then."""
    scripts = [path for folder in ("runs", "speed", "tests/torture") for path in (ROOT / folder).rglob("*.py")]
    assert len(scripts) > 20
    asked = {
        (node.module, name.name, str(path))
        for path in scripts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "anypan"
        for name in node.names
    }
    gone = [f"{path}: {module}.{name}" for module, name, path in sorted(asked) if not there(module, name)]
    assert not gone, gone


def there(module: str, name: str) -> bool:
    """Whether ``from module import name`` finds it."""
    whole = importlib.import_module(module)
    return hasattr(whole, name) or (hasattr(whole, "__path__") and bool(importlib.util.find_spec(f"{module}.{name}")))
