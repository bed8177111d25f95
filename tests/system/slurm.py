# SPDX-License-Identifier: BSD-3-Clause
"""A Slurm of one node, on this machine and for one test: a controller, a node and a munged, with ports,
keys and state that nothing else uses."""
import os
import pwd
import shutil
import signal
import socket
import subprocess

from harness import PATIENCE, until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "sinfo")
SEARCH = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"

CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={directory}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
ReturnToService=2
KillWait=30
BatchStartTimeout={patience}
MessageTimeout=100
SlurmdTimeout=0
UnkillableStepTimeout={patience}
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=node NodeHostname=localhost NodeAddr=127.0.0.1 Port={node} CPUs={cpus}
PartitionName=all Nodes=node Default=YES MaxTime=INFINITE State=UP
"""


def why_not():
    """Returns the name of something that such a Slurm needs and that is missing, or None."""
    missing = [p for p in PROGRAMS if not shutil.which(p, path=SEARCH)]
    if missing:
        return "not installed: " + " ".join(missing)
    return None if os.geteuid() == 0 else "a Slurm node runs as root"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """start() starts it, and stop() ends it; `env` is the environment that its commands need."""

    def __init__(self, directory):
        self.directory = directory
        self.daemons = []
        self.env = dict(os.environ, SLURM_CONF=self.path("slurm.conf"), PATH=SEARCH)

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        for name in ("state", "spool"):
            os.mkdir(self.path(name))
        with open(self.path("munge.key"), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(os.urandom(1024))
        with open(self.path("slurm.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(
                directory=self.directory, user=pwd.getpwuid(os.geteuid()).pw_name,
                controller=free_port(), node=free_port(), cpus=len(os.sched_getaffinity(0)),
                patience=int(PATIENCE)))
        self.daemon("munged", "--foreground", "--force", "--num-threads=1",
                    *(f"--{what}={self.path('munge.' + end)}" for what, end in (
                        ("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"),
                        ("log-file", "log"), ("seed-file", "seed"))))
        until(lambda: os.path.exists(self.path("munge.socket")), "munged is ready")
        self.daemon("slurmctld", "-D")
        self.daemon("slurmd", "-D", "-N", "node")
        until(lambda: self.ask("sinfo", "-h", "-o", "%T").strip() == "idle", "the node is idle")

    def daemon(self, program, *args):
        with open(self.path(program + ".said"), "wb") as said:
            self.daemons.append(subprocess.Popen(
                [shutil.which(program, path=SEARCH), *args], env=self.env, cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said))

    def ask(self, *command):
        """Returns the output of a command; "" if it fails, as it does until the daemons are ready."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False,
                              timeout=PATIENCE)
        return done.stdout if done.returncode == 0 else ""

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            try:
                daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
