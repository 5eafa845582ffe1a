"""Headers that Django does not send."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# What no page of ours asks of a browser, so that nothing which comes into a page can either.
UNUSED = ("camera", "microphone", "geolocation", "payment", "usb", "serial", "midi", "hid",
          "display-capture", "screen-wake-lock", "browsing-topics")  # fmt: skip
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
    # No page of another site shows or loads anything of ours.
    "Cross-Origin-Resource-Policy": "same-origin",
}


class HeadersMiddleware:
    """Adds them to every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, with these headers."""
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
