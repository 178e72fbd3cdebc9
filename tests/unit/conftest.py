"""Property tests try the same examples everywhere, however slow the machine."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, derandomize=True)
settings.load_profile("unit")
