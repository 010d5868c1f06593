"""How much the process did since its start, for a monitoring system: `/metrics`, without content.

A route is named by its template and a method by those that there are: no id, no value and
nothing that a caller makes up stands in it, nor whose clinic it was. With several workers each
counts for itself.
"""

from collections import defaultdict

from fastapi import APIRouter, Request, Response

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})

router = APIRouter(tags=["health"])


class Metrics:
    """Counts what was answered, and how long it took."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else "other"
        self._answered[method, route, status] += 1
        self._seconds[method, route] += seconds

    def text(self) -> str:
        """Write it in Prometheus' text format."""
        lines = ["# TYPE titrate_requests_total counter"]
        for (method, route, status), number in sorted(self._answered.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"titrate_requests_total{{{labels}}} {number}")
        lines.append("# TYPE titrate_request_seconds_total counter")
        for (method, route), seconds in sorted(self._seconds.items()):
            labels = f'method="{method}",route="{route}"'
            lines.append(f"titrate_request_seconds_total{{{labels}}} {seconds:.6f}")
        return "\n".join(lines) + "\n"


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Give the counts of this process."""
    counted: Metrics = request.app.state.metrics
    return Response(counted.text(), media_type=MEDIA_TYPE)
