"""The memory of the processes of a program while it runs, and whether it grows."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from dataclasses import dataclass

import psutil

MB = 2**20


@dataclass
class Taken:
    """The memory of one process at one time."""

    rss: float  # MB
    uss: float  # MB; what would be free if it ended
    fds: int
    threads: int


def look(process_id):
    """Return the memory of a process and its descendants, each by its ID and start time."""
    taken = {}
    try:
        root = psutil.Process(process_id)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return taken
    for process in family:
        try:
            with process.oneshot():
                memory = process.memory_full_info()
                taken[process.pid, process.create_time()] = Taken(
                    memory.rss / MB, memory.uss / MB, process.num_fds(), process.num_threads()
                )
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue  # a short-lived process of a task
    return taken


class Footprints:
    """Samples of components, each of which is a tree of processes.

    Task processes come and go. What is compared are those that lived all the time from the first window
    to the end: only there something can pile up.
    """

    def __init__(self):
        self._began = time.monotonic()
        self._samples = defaultdict(list)

    def sample(self, components):
        """Sample the components, given by name with the ID of their first process."""
        for name, process_id in components.items():
            self._samples[name].append((time.monotonic() - self._began, look(process_id)))

    def lasting(self):
        """Return the memory in MB of the processes that ran all the time, by component."""
        found = {}
        for name, samples in self._samples.items():
            keys = set.intersection(*(set(taken) for _, taken in samples))
            found[name] = round(sum(samples[-1][1][key].rss for key in keys), 1)
        return found

    def windows(self, seconds):
        """Return the window after the warm-up and the last one, both as long as the warm-up: (start, end)."""
        end = max(samples[-1][0] for samples in self._samples.values())
        return (seconds, 2 * seconds), (end - seconds, end)

    def rows(self, seconds):
        """Yield name, number of lasting processes, and medians of the first and of the last window.

        :param seconds: how long the warm-up and each window are.
        """
        first, last = self.windows(seconds)
        for name, samples in self._samples.items():
            looks = [taken for moment, taken in samples if moment >= first[0]]
            lasting = set.intersection(*(set(taken) for taken in looks if taken))
            medians = []
            for start, end in (first, last):
                inside = [taken for moment, taken in samples if start <= moment <= end and taken]
                medians.append(
                    {
                        field: statistics.median(
                            sum(getattr(taken[key], field) for key in lasting) for taken in inside
                        )
                        for field in ("rss", "uss", "fds", "threads")
                    }
                    | {"all": statistics.median(len(taken) for taken in inside)}
                )
            yield name, len(lasting), *medians
