"""Answers are compressed, but for what is asked for in parts."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressionMiddleware(GZipMiddleware):
    """Compress as Django does; a file that can be resumed goes as it lies on the disk.

    A part of a file is counted in its own bytes, and a compressed one has others.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Compress the answer, unless it offers ranges."""
        if response.has_header("Accept-Ranges"):
            return response
        return super().process_response(request, response)
