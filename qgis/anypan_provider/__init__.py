"""anypan in QGIS: a provider of Processing algorithms that call the command."""


def classFactory(iface):
    """The plug-in, as QGIS asks for it."""
    from .plugin import Plugin

    return Plugin(iface)
