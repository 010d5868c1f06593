"""Why a number is missing, or what to know beside it."""

from enum import StrEnum


class Reason(StrEnum):
    """A closed list of codes; a statistic is None only together with one of them."""

    NO_DATA = "NO_DATA"
    CONSTANT = "CONSTANT"
    TOO_FEW_FOR_SLOPE = "TOO_FEW_FOR_SLOPE"
    TOO_FEW_FOR_TEST = "TOO_FEW_FOR_TEST"
    TOO_FEW_FOR_VARIABILITY = "TOO_FEW_FOR_VARIABILITY"
    TOO_FEW_RECENT = "TOO_FEW_RECENT"
    AUTOCORRELATION_NOT_ASSESSED = "AUTOCORRELATION_NOT_ASSESSED"
    NO_RELIABILITY = "NO_RELIABILITY"
    WEEKLY_MEDIANS = "WEEKLY_MEDIANS"
