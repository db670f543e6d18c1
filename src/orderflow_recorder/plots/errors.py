"""Why there is no picture."""

from orderflow_recorder.domain.errors import OrderflowError


class PlotError(OrderflowError):
    """There is nothing to draw, or it cannot be written; the text says what to do."""
