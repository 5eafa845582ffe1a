"""What a page costs on the wire, as Chromium's own Network events count it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.sync_api import Page


@dataclass(frozen=True)
class Transfer:
    """One file that came over the wire; `n_bytes` are its headers and its body as it came."""

    path: str
    n_bytes: int


def weigh(page: Page, address: str) -> list[Transfer]:
    """Open an address and list what came for it; what the cache answered is not among it."""
    session = page.context.new_cdp_session(page)
    paths: dict[str, str] = {}
    transfers: list[Transfer] = []

    def begin(event: dict[str, object]) -> None:
        paths[str(event["requestId"])] = urlsplit(event["request"]["url"]).path  # type: ignore[index]

    def finish(event: dict[str, object]) -> None:
        n_bytes = int(event["encodedDataLength"])  # type: ignore[call-overload]
        if n_bytes:
            transfers.append(Transfer(paths[str(event["requestId"])], n_bytes))

    session.on("Network.requestWillBeSent", begin)
    session.on("Network.loadingFinished", finish)
    session.send("Network.enable")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    session.detach()
    return transfers
