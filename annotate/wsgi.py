"""What the production server loads."""

import gc
import os
import signal
import sys
import threading
import time

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.settings")
os.environ.setdefault("LOG_LEVEL", "INFO")  # a line for every request

# A page is made of thousands of small objects, nearly all of which go by themselves. Python looks
# for the others after every 700 that were made and are there still: a dozen times a page.
COLLECT_AFTER = 50_000
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


def collect_seldom() -> None:
    """Look for objects that hold each other after more were made, and never at what was loaded."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


application = get_wsgi_application()

if "granian" in sys.modules:
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    _all_views = get_resolver().url_patterns  # loaded now, not by the first who asks for a page
    collect_seldom()
