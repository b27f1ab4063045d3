"""An archive that is damaged anywhere is one sentence, whoever reads it."""

import io
import tarfile
import zipfile

import numpy as np
import pytest

from anypan.raster import archive
from anypan.runtime.errors import UserError
from anypan.serve.bench import unpack

CONTENT = np.random.default_rng(0).integers(0, 30, 40_000, dtype=np.uint8).tobytes()  # deflates to half


def made(path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("a.txt", CONTENT)
    else:
        with tarfile.open(path, "w:gz") as packed:
            entry = tarfile.TarInfo("a.txt")
            entry.size = len(CONTENT)
            packed.addfile(entry, io.BytesIO(CONTENT))
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".zip", ".tgz"])
def test_every_damage_of_an_archive_is_one_sentence_or_none(tmp_path, suffix):
    path, rng, refused = tmp_path / f"a{suffix}", np.random.default_rng(1), 0
    whole = made(path)
    for _ in range(60):
        spoilt = bytearray(whole)
        place = int(rng.integers(0, len(whole) - 16))
        spoilt[place : place + 16] = rng.bytes(16)
        path.write_bytes(spoilt)
        try:
            assert isinstance(archive.read_member(str(path), "a.txt", 10**6), bytes)
        except UserError as error:
            refused += "\n" not in str(error)
        except KeyError:
            pytest.fail("a member that is not there is no KeyError")
    assert refused > 5  # of a .tgz much goes unnoticed: its one checksum stands behind the last member


def test_a_damaged_upload_is_one_sentence(tmp_path):
    path = tmp_path / "a.zip"
    whole = bytearray(made(path))
    whole[200:260] = bytes(60)
    path.write_bytes(whole)
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out", 10**6)
