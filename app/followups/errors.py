"""What can be wrong with a follow-up and with nothing else."""

from app.core.errors import Fault, Unprocessable


class FollowUpInFuture(Unprocessable):
    """It is dated later than now plus the tolerance for a phone's clock."""

    title = "The follow-up lies in the future"

    def __init__(self) -> None:
        fault = Fault("/occurred_at", "effective-in-future", "check the device's clock")
        super().__init__(faults=(fault,))
