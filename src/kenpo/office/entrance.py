"""What holds for every request and every answer (入口と出口), whoever asks and for whichever page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


class Entrance:
    """Middleware: texts the database cannot hold are refused, and no browser or proxy keeps a page that says of itself
    nothing about being kept. Static files are served before.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The answer, kept nowhere: the next person at the screen must not find it by going back."""
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Mapping[str, Any]
    ) -> None:
        """Refuse NUL (U+0000), which PostgreSQL has no text with."""
        if any("\0" in text for text in _texts(request, kwargs)):
            raise BadRequest("a text holds U+0000")


def _texts(request: HttpRequest, kwargs: Mapping[str, Any]) -> Iterator[str]:
    """Everything somebody wrote: of the address, its query and the form."""
    yield from (value for value in kwargs.values() if isinstance(value, str))
    for data in (request.GET, request.POST):
        for name, values in data.lists():
            yield name
            yield from (value for value in values if isinstance(value, str))
