"""Images to simulate from: sources, streamed tile by tile in a seeded order."""

from anypan.dataset.folder import Folder
from anypan.dataset.geotiff import GeoTiffs
from anypan.dataset.hyperspectral import Hyperspectral
from anypan.dataset.imagenet import ImageNet
from anypan.dataset.landscapes import Landscapes
from anypan.dataset.mixture import BUFFER, Mixture
from anypan.dataset.pixels import TILE
from anypan.dataset.skyscript import SkyScript
from anypan.dataset.source import Source
from anypan.dataset.stream import Stream
from anypan.dataset.webdataset import WebDataset

SOURCES: dict[str, type[Source]] = {
    "folder": Folder,
    "geotiff": GeoTiffs,
    "hyperspectral": Hyperspectral,
    "imagenet": ImageNet,
    "landscapes": Landscapes,
    "skyscript": SkyScript,
    "webdataset": WebDataset,
}

__all__ = ["BUFFER", "SOURCES", "TILE", "Mixture", "Source", "Stream"]
