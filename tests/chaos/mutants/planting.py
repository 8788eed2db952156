"""Plants a mutant in a process that begins: its module is changed as soon as it was imported, and no other one.

Nothing is imported for it: supervisord, which hands the variables down to its children, stays as it is.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from tests.chaos.mutants.kinds import MUTANTS, Plant, replace

MUTANT = "CHAOS_MUTANT"  # names the mutant
STOPS = "CHAOS_STOPS"  # at the point of DATA_PROCESSOR_CRASH_AT the process stops instead of dying: a zombie to be


def plant(environ: Mapping[str, str]) -> None:
    """Prepare what the environment asks for; raises ValueError for a mutant that nobody knows."""
    name = environ.get(MUTANT)
    if name is not None:
        if name not in MUTANTS:
            raise ValueError(f"{MUTANT} is {name!r}, and there is no such mutant: there are {', '.join(MUTANTS)}")
        after_import(MUTANTS[name].module, MUTANTS[name].plant)
    if STOPS in environ:
        after_import("processor.faults", stop_instead)


def stop_instead(faults: ModuleType) -> None:
    """Stop at the named point, once; SIGCONT wakes up whoever believes that no time has passed."""

    def reached() -> None:
        if faults._Armed.passes:
            faults._Armed.passes -= 1
        else:
            faults._Armed.point = ""
            os.kill(os.getpid(), signal.SIGSTOP)

    replace(faults, "_die_or_pass", reached)


def after_import(module: str, change: Plant) -> None:
    """Have a module changed right after its own code has run, before anybody imports a name from it."""
    sys.meta_path.insert(0, _Finder(module, change))


class _Finder(MetaPathFinder):
    def __init__(self, module: str, change: Plant) -> None:
        self._module = module
        self._change = change

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find it as it would be found without this, and have it loaded with the change."""
        if fullname != self._module:
            return None
        sys.meta_path.remove(self)
        found = find_spec(fullname)
        if found is not None and found.loader is not None:
            found.loader = _Loader(found.loader, self._change)
        return found


class _Loader(Loader):
    def __init__(self, sound: Loader, change: Callable[[ModuleType], None]) -> None:
        self._sound = sound
        self._change = change

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As usual."""
        return self._sound.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As usual, and then the change."""
        self._sound.exec_module(module)
        self._change(module)
