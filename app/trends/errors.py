"""What only the trends can refuse."""

from app.core.errors import Unprocessable


class TooManyPoints(Unprocessable):
    """One measure has more readings in the window than are computed in one request."""

    code = "too-many-points"
    title = "One measure has too many readings in this window"
