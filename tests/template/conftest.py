"""The template, written and deployed."""

import pytest

from tests.template import cloudformation
from tests.template.cloudformation import Json


@pytest.fixture(scope="session")
def written() -> Json:
    """As a person reads it."""
    return cloudformation.load()


@pytest.fixture(scope="session")
def deployed() -> Json:
    """As CloudFormation deploys it."""
    return cloudformation.translate(cloudformation.load())
