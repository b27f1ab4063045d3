"""What QGIS loads: it adds the provider to Processing and takes it away again."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import Provider


class Plugin:
    """The plug-in; it has no buttons of its own."""

    def __init__(self, _iface) -> None:
        self._provider: Provider | None = None

    def initProcessing(self) -> None:
        """Of qgis_process, which loads no more of a plug-in than this."""
        self._provider = Provider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Of QGIS with windows."""
        self.initProcessing()

    def unload(self) -> None:
        """Leave nothing behind."""
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
