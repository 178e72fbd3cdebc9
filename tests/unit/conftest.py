"""What unit tests share. Property tests try the same examples everywhere, however slow the machine."""

import pytest
from hypothesis import settings

from gateway import questions
from tests.unit.routing import Script

settings.register_profile("unit", deadline=None, derandomize=True)
settings.load_profile("unit")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Adapters that do as a script says."""
    found = Script()
    monkeypatch.setattr(questions, "adapter", found.adapter)
    return found
