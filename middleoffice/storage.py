"""How the assets of production are kept: compressed, under names that say what is in them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ManifestStorage(CompressedManifestStaticFilesStorage):
    """Leaves scripts as they are: those of packages name maps of their source that the packages do not ship."""

    patterns = tuple(each for each in CompressedManifestStaticFilesStorage.patterns if each[0] != "*.js")
