"""Where a run goes: into this process, into several on this machine, or to a cluster."""

from training.launch.jobs import Job, Launcher, launch
from training.launch.settings import VARIABLE, choose_launcher

__all__ = ["VARIABLE", "Job", "Launcher", "choose_launcher", "launch"]
