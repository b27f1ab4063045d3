"""A method is a value: a name and what it stands for agree wherever they are used."""

import pickle
import shutil
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from pairs import landscape

import anypan
from anypan import api, options
from anypan.judging.contenders import contenders
from anypan.methods import CLASSICAL, METHODS
from anypan.methods.resolve import resolve, usable
from anypan.pair.pair import pair_of_arrays
from anypan.runtime.errors import UserError
from anypan.train import adapt
from anypan.weights import FOLDER, available

NETWORKS = [card.name for card in available()]


@pytest.mark.parametrize("name", [*METHODS, *(f"{name}+" for name in NETWORKS)])
def test_a_method_is_sent_to_another_process_as_it_is(name):
    found = resolve(name)
    assert pickle.loads(pickle.dumps(found)) == found
    assert callable(found.fit) and usable(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_of_a_network_say_its_weights_whatever_it_is_called(name, tmp_path):
    copy = tmp_path / f"{name}.safetensors"
    shutil.copy(FOLDER / copy.name, copy)
    called = [name, f"{name}+", str(copy), f"{copy}+"]
    pinned = next(card.sha256 for card in available() if card.name == name)
    assert {one.facts["weights_sha256"] for one in contenders(called).values()} == {pinned}
    assert len({resolve(one).network for one in called}) == 1
    assert resolve(name).best == resolve(f"{name}+") == resolve(f"{name}+").best


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_formula_has_no_weights_and_no_eight_ways(name):
    assert resolve(name).network is None and "weights_sha256" not in contenders([name])[name].facts
    with pytest.raises(UserError, match="is no network"):
        _ = resolve(name).best
    with pytest.raises(UserError, match="No method is called"):
        resolve(f"{name}+")


def test_a_weight_file_is_planned_like_the_same_network_by_name(tmp_path):
    copy = tmp_path / "mine.safetensors"
    shutil.copy(FOLDER / "anypan-s.safetensors", copy)
    pan, ms = np.arange(1600.0 * 64).reshape(1600, 64).astype("float32"), np.ones((4, 400, 16), "float32")
    by_name, by_file = (api.plan(pan, ms, method=name, register=False) for name in ("anypan-s", copy))
    assert by_name.tiles > 1
    assert (by_name.tiles, by_name.memory) == (by_file.tiles, by_file.memory)


def test_what_is_planned_is_what_is_fused_by_any_name_of_a_network():
    pair = landscape(64, 64)
    for name in ("anypan-s", "anypan-s+"):
        assert api.plan(*pair, method=name).method == name
    assert api.plan(*pair, best=True).method == "anypan-s+"
    assert not usable("gone.safetensors") and not usable("nonsense")


@pytest.mark.parametrize(
    ("named", "kept"), [(options.FuseOptions, options.Options), (adapt.AdaptOptions, adapt.Options)]
)
def test_the_keywords_that_an_editor_shows_are_those_that_are_kept(named, kept):
    assert get_type_hints(named) == get_type_hints(kept)


@pytest.mark.parametrize("call", ["fuse", "plan"])
def test_a_wrong_keyword_is_a_sentence_with_the_nearest_right_one(call):
    with pytest.raises(UserError, match=rf"{call}\(\) has no option 'sensors': use 'sensor'"):
        getattr(anypan, call)(*landscape(64, 64), sensors="wv3")
    with pytest.raises(UserError, match=r"adapt\(\) has no option 'step': use 'steps'"):
        anypan.adapt(*landscape(64, 64), "own.safetensors", step=3)


def test_every_public_name_is_there_and_typed():
    for name in anypan.__all__:
        assert getattr(anypan, name) is not None
    assert (Path(anypan.__file__).parent / "py.typed").is_file()
    assert {field.name for field in fields(options.Options)} <= set(get_type_hints(options.FuseOptions))


def test_a_scene_that_is_fitted_once_is_fused_as_often_as_wanted():
    pan, ms = landscape(96, 96)
    whole = anypan.fuse(pan, ms, method="GSA", register=False)
    scene = pair_of_arrays(pan, ms, register=False).scene
    fuser = anypan.fit(scene, "GSA")
    assert np.array_equal(anypan.fuse_scene(scene, fuser).numpy(), whole)
    assert np.array_equal(anypan.fuse_scene(scene, fuser, tile=48).numpy(), whole)


@pytest.mark.parametrize(
    ("text", "homes"),
    [
        ('".safetensors"', {"weights/__init__.py"}),
        ('removesuffix("+")', set()),
        ('endswith("+")', set()),
        ('"detail transfer (', {"runtime/columns.py"}),
        ("getattr(fuser", set()),
        ("getattr(network", set()),
    ],
)
def test_a_thing_is_spelt_where_it_is_known(text, homes):
    package = Path(anypan.__file__).parent
    found = {f.relative_to(package).as_posix() for f in package.rglob("*.py") if text in f.read_text(encoding="utf-8")}
    assert found == homes


def test_a_column_of_rows_is_spelt_once_in_the_scripts_too():
    root = Path(anypan.__file__).parents[2]
    scripts = [file for room in ("runs", "speed") for file in (root / room).rglob("*.py")]
    assert scripts and not [f.name for f in scripts if '"detail transfer (' in f.read_text(encoding="utf-8")]
