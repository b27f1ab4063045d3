"""What a Python program may expect: arrays that are its own, its own torch untouched, one sentence for its mistakes."""

import warnings

import numpy as np
import pytest
import rasterio
import torch
from pairs import landscape, write_pair

import anypan
from anypan.pair.pair import pair_of_arrays
from anypan.runtime.errors import Note, UserError
from anypan.weights import stored

PAN, MS = landscape(96, 96)
pytestmark = pytest.mark.filterwarnings("ignore::anypan.runtime.errors.Note")


def test_fill_of_floats_is_nan_and_of_whole_numbers_masked(tmp_path):
    holes = MS.copy()
    holes[:, 4:10, 4:10] = -9999
    files = write_pair(tmp_path, PAN, holes, nodata=-9999)
    for fused in (anypan.fuse(PAN, holes, method="EXP"), anypan.fuse(*files, method="EXP")):
        assert np.isnan(fused[:, 24, 24]).all() and np.nanmin(fused) > 0
    whole = anypan.fuse(PAN.astype("i2"), holes.astype("i2"), method="EXP")
    assert whole.mask[:, 24, 24].all() and whole.min() > 0
    named = anypan.fuse(PAN, holes, method="EXP", out_nodata=-1)
    assert (named[:, 24, 24] == -1).all()


def test_a_masked_image_can_be_written_to():
    fused = anypan.fuse(np.ma.asarray(PAN), MS, method="EXP")
    fused[0, 0, 0] = np.ma.masked
    fused[1, 0, 0] = 5
    assert fused.mask[:, 0, 0].tolist() == [True, False, False] and fused[1, 0, 0] == 5


@pytest.mark.parametrize("method", ["anypan-s", "MTF-GLP-FS"])
def test_torch_is_as_the_caller_left_it(method, tmp_path):
    expected = anypan.fuse(PAN, MS, method=method)
    torch.manual_seed(3)
    drawn = torch.rand(3)
    torch.manual_seed(3)
    anypan.load("anypan-s")
    anypan.fuse(PAN, MS, method=method)
    assert torch.equal(torch.rand(3), drawn)
    torch.set_default_dtype(torch.float64)
    try:
        assert np.array_equal(anypan.fuse(PAN, MS, method=method), expected)
        scene = pair_of_arrays(PAN, MS).scene
        assert anypan.fuse_scene(scene, anypan.fit(scene, method)).dtype == torch.float32
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_weights_are_adapted_whatever_the_caller_does_with_gradients_and_equal_ones_are_equal_files(tmp_path):
    pan, ms = landscape(192, 192)
    files = [tmp_path / f"{name}.safetensors" for name in ("plain", "no_grad", "inference")]
    for mode, file in zip((torch.enable_grad, torch.no_grad, torch.inference_mode), files, strict=True):
        with mode():
            anypan.adapt(pan, ms, file, steps=1, tuning="bitfit")
    assert len({file.read_bytes() for file in files}) == 1
    assert stored(files[0]).header["steps"] == "1"


def test_half_floats_are_written_as_floats_and_a_matrix_is_an_array(tmp_path):
    anypan.fuse(PAN.astype("f2"), MS.astype("f2"), tmp_path / "half.tif", method="EXP")
    with rasterio.open(tmp_path / "half.tif") as file:
        assert set(file.dtypes) == {"float32"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of numpy, of its matrix
        matrix = np.matrix(PAN)
    assert np.array_equal(anypan.fuse(matrix, MS, method="EXP"), anypan.fuse(PAN, MS, method="EXP"))


def test_a_scene_lies_on_the_pan_as_fuse_has_it(tmp_path):
    """With a shift the scene begins before the PAN: its image is cut and filled up."""
    pan, ms = landscape(128, 128, phase=(1.0, -1.0))
    files = write_pair(tmp_path, pan, ms)
    expected = anypan.fuse(*files, method="MTF-GLP-FS")
    with anypan.open_pair(*files) as pair:
        image = anypan.fuse_scene(pair.scene, anypan.fit(pair.scene, "MTF-GLP-FS"))
        placed = pair.on_pan(image)
    assert pair.origin != (0, 0) and tuple(placed.shape) == expected.shape
    assert np.array_equal(np.isnan(placed.numpy()), np.isnan(expected))
    assert np.nanmax(np.abs(placed.numpy() - expected)) <= 1e-3


def test_mistakes_are_one_sentence(tmp_path):
    files = write_pair(tmp_path, PAN, MS)
    with anypan.open_pair(*files) as pair:
        scene, fuser = pair.scene, anypan.fit(pair.scene, "EXP")
        wrong = {
            "Pair is given for the scene": lambda: anypan.fit(pair),
            "Pair is given for the scene:": lambda: anypan.fuse_scene(pair, fuser),
            "str is given for the fuser": lambda: anypan.fuse_scene(scene, "EXP"),
            "'gpu' cannot be used": lambda: anypan.fuse_scene(scene, fuser, device="gpu"),
            "'gpu' cannot be": lambda: anypan.load("anypan-s", device="gpu"),
            "is a NoneType": lambda: anypan.show(*files, None),
        }
        for said, call in wrong.items():
            with pytest.raises(UserError, match=said):
                call()
        assert anypan.show(*files, pair.on_pan(anypan.fuse_scene(scene, fuser)))
    with pytest.raises(UserError, match="closed with its pair"):
        anypan.fit(scene, "MTF-GLP-FS")


def test_no_warning_but_notes_leaves_a_call():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", Note)
        anypan.fuse(PAN, MS, method="EXP")
