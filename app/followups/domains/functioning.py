"""What a person can do in the day."""

from typing import Annotated

from app.clinical.measures import DAYS_OUT_OF_ROLE, HOME, SELF_CARE, SOCIAL, WORK
from app.followups.domains.base import Domain, within


class Functioning(Domain):
    """Ratings from 0 to 10, 10 = no difficulty; days out of role of the last 30."""

    work: Annotated[int | None, WORK, within(WORK)] = None
    home: Annotated[int | None, HOME, within(HOME)] = None
    social: Annotated[int | None, SOCIAL, within(SOCIAL)] = None
    self_care: Annotated[int | None, SELF_CARE, within(SELF_CARE)] = None
    days_out_of_role: Annotated[int | None, DAYS_OUT_OF_ROLE, within(DAYS_OUT_OF_ROLE)] = None
