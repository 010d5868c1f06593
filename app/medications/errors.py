"""What can be wrong with a dose."""

from app.core.errors import Unprocessable


class ConfirmationRequired(Unprocessable):
    """It is possible but dangerous: send it again with `confirmation {codes, reason}`."""

    code = "confirmation-required"
    title = "This dose needs a confirmation"
