"""What tests of the web floor share."""

import pytest
from flask import Flask

from widgets.service import Service


@pytest.fixture
def service(app: Flask) -> Service:
    """What the application was opened with."""
    opened: Service = app.extensions["undersigned"]
    return opened
