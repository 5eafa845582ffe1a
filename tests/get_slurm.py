"""Install Debian's Slurm and munge, for the tests that submit trainings to a cluster.

Nothing of it is started; the tests start a cluster of their own. Run again it does nothing.
"""

import os
import shutil
import subprocess
import sys

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
PACKAGES = ("munge", "slurmctld", "slurmd", "slurm-client")
REASON = "no Slurm for the tests: run `python tests/get_slurm.py`, and see why it cannot install"
# Daemons are where only the PATH of root looks.
PATH = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"


def has_slurm() -> bool:
    """Return whether all that a cluster of one node needs is there."""
    return all(shutil.which(program, path=PATH) for program in PROGRAMS)


def main() -> int:
    """Install what is missing, as root on Debian; elsewhere the tests of Slurm are skipped."""
    if has_slurm():
        return 0
    if shutil.which("apt-get") is None or os.getuid() != 0:
        print("Slurm's packages want apt-get and root; the tests of Slurm will be skipped.")
        return 0
    print("Installing Slurm from Debian (once) ...")
    sys.stdout.flush()
    # Debian's packages start no service where this says that none may be.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    try:
        for command in (["apt-get", "update", "-qq"], install):
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        print(f"{error}\nThe tests of Slurm will be skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
