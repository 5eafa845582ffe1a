"""What the production server loads."""

import os
import signal
import sys
import threading
import time

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")
os.environ.setdefault("LOG_LEVEL", "INFO")  # a line for every request

LOOK_EVERY_S = 0.5
GRACE_S = 10


def end_with(parent: int) -> None:
    """End this process once its parent is gone, as by a kill -9 of granian's main process.

    A worker of granian would serve on by itself, and hold the port against the next server.
    """
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if "granian" in sys.modules:
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()

application = get_wsgi_application()
_views = get_resolver().url_patterns  # loaded now, not by the first who asks for a page
