"""What a plan will cost before it is launched, each number with what it rests on."""

from annotate.services.forecasting.amounts import Amount, Basis, Reason
from annotate.services.forecasting.votes import VoteForecast
from annotate.services.forecasting.whole import CandidateForecast, Forecast, forecast

__all__ = [
    "Amount",
    "Basis",
    "CandidateForecast",
    "Forecast",
    "Reason",
    "VoteForecast",
    "forecast",
]
