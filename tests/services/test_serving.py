"""The site's own programs."""

import socket

import pytest

from annotate.services.serving import DidNotStart, free_port, running_site


def test_running_site_refuses_a_port_that_is_taken() -> None:
    """Otherwise whoever listens there would answer in its place."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(DidNotStart, match=f"port {port} .* is taken"), running_site(port=port):
            pass


def test_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()
