"""Mood and thinking, each axis by itself: no sum of them means anything."""

from typing import Annotated

from app.clinical.measures import ANXIETY, CONCENTRATION, ENERGY, IRRITABILITY, MEMORY, MOOD
from app.followups.domains.base import Domain, within


class MoodCognition(Domain):
    """Ratings from 0 to 10: mood 10 = best, anxiety 10 = worst."""

    mood: Annotated[int | None, MOOD, within(MOOD)] = None
    anxiety: Annotated[int | None, ANXIETY, within(ANXIETY)] = None
    irritability: Annotated[int | None, IRRITABILITY, within(IRRITABILITY)] = None
    energy: Annotated[int | None, ENERGY, within(ENERGY)] = None
    concentration: Annotated[int | None, CONCENTRATION, within(CONCENTRATION)] = None
    memory: Annotated[int | None, MEMORY, within(MEMORY)] = None
