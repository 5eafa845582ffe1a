"""A hub on loopback: the endpoints of the Hugging Face Hub by which a folder is uploaded.

It takes what a hub takes (a token in every request, a repository that was made before, files in a
commit or by Git LFS with their SHA-256) and keeps it in memory.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hub:
    """What was sent, and what is kept: by repository, its files and whether it is private."""

    token: str
    url: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def running_hub(token: str) -> Iterator[Hub]:
    """Serve a hub while the block runs."""
    hub = Hub(token)

    class Handler(_Handler):
        kept = hub

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    kept: Hub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output short."""

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self.path.partition("?")[0]
        self.kept.requests.append((method, path))
        is_upload = path.startswith("/objects/")
        if not is_upload and self.headers.get("Authorization") != f"Bearer {self.kept.token}":
            return self._send(401, {"error": "Invalid username or password."})
        if is_upload and method == "PUT":
            self.kept.objects[path.removeprefix("/objects/")] = body
            return self._send(200, {})
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            assert json.loads(body)["repoType"] == "dataset"
            return self._send(200, {"errors": [], "warnings": []})
        for ending, act in (
            ("/preupload/main", self._choose_modes),
            ("/info/lfs/objects/batch", self._open_uploads),
            ("/commit/main", self._commit),
        ):
            if path.endswith(ending):
                return act(path, body)
        return self._send(404, {"error": f"nothing at {path}"})

    def _create(self, asked: dict[str, Any]) -> None:
        owner = asked.get("organization") or "me"
        name = f"{owner}/{asked['name']}"
        assert asked["type"] == "dataset"
        if name in self.kept.files:
            return self._send(409, {"url": f"{self.kept.url}/datasets/{name}"})
        self.kept.files[name] = {}
        self.kept.private[name] = bool(asked.get("private")) or asked.get("visibility") == "private"
        return self._send(200, {"url": f"{self.kept.url}/datasets/{name}", "id": name})

    def _choose_modes(self, path: str, body: bytes) -> None:
        """Say which files go by LFS: as on a hub, those of tables."""
        asked = json.loads(body)["files"]
        files = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for each in asked
        ]
        self._send(200, {"files": files})

    def _open_uploads(self, path: str, body: bytes) -> None:
        objects = [
            {**each, "actions": {"upload": {"href": f"{self.kept.url}/objects/{each['oid']}"}}}
            for each in json.loads(body)["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _commit(self, path: str, body: bytes) -> None:
        name = path.removeprefix("/api/datasets/").removesuffix("/commit/main")
        files = self.kept.files[name]
        for line in body.splitlines():
            operation = json.loads(line)
            told = operation["value"]
            if operation["key"] == "file":
                files[told["path"]] = base64.b64decode(told["content"])
            elif operation["key"] == "lfsFile":
                content = self.kept.objects[told["oid"]]
                assert hashlib.sha256(content).hexdigest() == told["oid"]
                files[told["path"]] = content
        url = f"{self.kept.url}/datasets/{name}/commit/{'0' * 40}"
        self._send(200, {"success": True, "commitOid": "0" * 40, "commitUrl": url})

    def _send(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
