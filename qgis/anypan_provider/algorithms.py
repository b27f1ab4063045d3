"""The algorithms: what QGIS asks for becomes one call of anypan fuse."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .command import Failed, Wish, run, words

DTYPES = ("as the MS", "uint8", "uint16", "int16", "float32")
HELP = (
    "Sharpens a multispectral image with a panchromatic one of the same place, with the command anypan, which has to "
    "be installed. The output is a cloud-optimised GeoTIFF on the PAN's grid with the MS's bands and pixel type."
)


class _Fusing(QgsProcessingAlgorithm):
    """What both have in common."""

    def group(self) -> str:
        """None: there are two."""
        return ""

    def groupId(self) -> str:
        """None: there are two."""
        return ""

    def shortHelpString(self) -> str:
        """What is shown beside the parameters."""
        return HELP

    def createInstance(self):
        """A new one for each run."""
        return type(self)()

    def initAlgorithm(self, config=None) -> None:
        """The parameters."""
        self.add_inputs()
        self.addParameter(QgsProcessingParameterString("METHOD", "Method, see 'anypan methods'", "anypan-s"))
        self.addParameter(QgsProcessingParameterString("BANDS", "Bands, as 3,2,1 or red,green,blue", optional=True))
        dem = QgsProcessingParameterRasterLayer("DEM", "Elevation model, to orthorectify with", optional=True)
        more = (
            QgsProcessingParameterString("SENSOR", "Sensor, see 'anypan sensors'", optional=True),
            QgsProcessingParameterEnum("DTYPE", "Pixel type", options=list(DTYPES), defaultValue=0),
            QgsProcessingParameterBoolean("REGISTER", "Correct a shift between PAN and MS", True),
            QgsProcessingParameterBoolean("ORTHORECTIFY", "Orthorectify by RPC", False),
            dem,
            QgsProcessingParameterString("COMMAND", "Command of anypan", "anypan"),
        )
        for parameter in more:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
            self.addParameter(parameter)
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Sharpened"))

    def processAlgorithm(self, parameters, context, feedback):
        """Call the command; what it says goes to the log, its progress to the bar."""
        dtype = self.parameterAsEnum(parameters, "DTYPE", context)
        dem = self.parameterAsRasterLayer(parameters, "DEM", context)
        asked = self.parameterAsBool(parameters, "ORTHORECTIFY", context)
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        wish = Wish(
            inputs=self.inputs(parameters, context),
            out=output,
            method=self.parameterAsString(parameters, "METHOD", context),
            bands=self.parameterAsString(parameters, "BANDS", context),
            sensor=self.parameterAsString(parameters, "SENSOR", context),
            dtype=DTYPES[dtype] if dtype else "",
            register=self.parameterAsBool(parameters, "REGISTER", context),
            orthorectify=dem.source() if dem else asked,
        )
        call = words(self.parameterAsString(parameters, "COMMAND", context), wish)
        feedback.pushCommandInfo(" ".join(call))
        try:
            run(call, feedback.pushInfo, feedback.setProgress, feedback.isCanceled)
        except Failed as problem:
            raise QgsProcessingException(str(problem)) from problem
        return {"OUTPUT": output} if not feedback.isCanceled() else {}


class Pair(_Fusing):
    """PAN and MS."""

    def name(self) -> str:
        """Of the command line."""
        return "pansharpen"

    def displayName(self) -> str:
        """Of the toolbox."""
        return "Pansharpen PAN and MS"

    def add_inputs(self) -> None:
        """PAN, and one or several MS layers."""
        self.addParameter(QgsProcessingParameterRasterLayer("PAN", "PAN"))
        self.addParameter(
            QgsProcessingParameterMultipleLayers("MS", "MS: one layer, or its bands", QgsProcessing.TypeRaster)
        )

    def inputs(self, parameters, context) -> tuple[str, ...]:
        """Files."""
        pan = self.parameterAsRasterLayer(parameters, "PAN", context)
        ms = self.parameterAsLayerList(parameters, "MS", context)
        if pan is None or not ms:
            raise QgsProcessingException("PAN and MS are layers of files: choose both.")
        return (pan.source(), *(layer.source() for layer in ms))


class Product(_Fusing):
    """A product as an operator ships it."""

    def name(self) -> str:
        """Of the command line."""
        return "pansharpenproduct"

    def displayName(self) -> str:
        """Of the toolbox."""
        return "Pansharpen a product"

    def add_inputs(self) -> None:
        """A metadata file, an archive, or a folder by a file in it."""
        self.addParameter(QgsProcessingParameterFile("PRODUCT", "Metadata file (MTL, DIM, IMD ...), .zip or .tar"))

    def inputs(self, parameters, context) -> tuple[str, ...]:
        """One name."""
        return (self.parameterAsFile(parameters, "PRODUCT", context),)
