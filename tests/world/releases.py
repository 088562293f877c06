"""The code of an earlier release beside the present one, in one process and on one table."""

import importlib.util
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.faults import Death
from tests.world.clock import InstanceClock
from tests.world.host import Context, Host, Killed
from tests.world.outside import Invocation

ROOT = Path(__file__).resolve().parents[2]
FIRST_RELEASE = ROOT / "tests" / "data" / "release_0_1.tar.xz"
"""Library and functions of 0.1: ``git archive`` of the commit before twins and half-hours were packed."""


class Release:
    """The library and the functions of a release, as modules of their own.

    Args:
        archive: the release.
        folder: where it is unpacked.
    """

    def __init__(self, archive: Path, folder: Path) -> None:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        self.folder = folder
        self._library: dict[str, ModuleType] = {}
        self._functions: dict[str, ModuleType] = {}

    def has(self, function: str) -> bool:
        """Whether the release has a function of this folder name."""
        return (self.folder / "functions" / function).is_dir()

    def handler(self, function: str) -> Callable[[Any, Any], Any]:
        """The handler of a function, by its folder's name. Call it within ``loaded``."""
        if function not in self._functions:
            path = self.folder / "functions" / function / "app.py"
            spec = importlib.util.spec_from_file_location(f"released_{function}", path)
            if spec is None or spec.loader is None:
                raise ImportError(str(path))
            self._functions[function] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(self._functions[function])
        handler: Callable[[Any, Any], Any] = self._functions[function].handler
        return handler

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Within the block, ``driveway`` is the library of this release, for imports inside of functions, too."""
        path = str(self.folder / "layers" / "driveway")
        others = _exchanged(self._library)
        sys.path.insert(0, path)
        try:
            yield
        finally:
            sys.path.remove(path)
            self._library = _exchanged(others)


class Present(Release):
    """The code of this working tree. Its block ends that of another release for as long as it lasts."""

    def __init__(self) -> None:
        self.folder = ROOT
        self._library, self._functions = _library(), {}


def _library() -> dict[str, ModuleType]:
    return {name: held for name, held in sys.modules.items() if name == "driveway" or name.startswith("driveway.")}


def _exchanged(library: Mapping[str, ModuleType]) -> dict[str, ModuleType]:
    """Let another library be ``driveway``; gives the one that was."""
    before = _library()
    for name in before:
        del sys.modules[name]
    sys.modules.update(library)
    return before


Choose = Callable[[str], Release]
"""Which release a function's next run has, by its logical id."""


class PowertoolsSecrets:
    """Reads secrets as Powertools does, by which 0.1 read them."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def get(self, name: str, **_: Any) -> Any:
        return self._reader.read(name)


class MixedHost(Host):
    """Runs each function in the release that ``choose`` gives. The instances of two releases are apart."""

    choose: Choose
    present: Present

    def run(self, name: str, event: Any) -> Any:
        """See ``Host.run``."""
        folder = self._functions[name].folder.name
        release = self.choose(name) if self.choose(name).has(folder) else self.present
        if release is self.present:
            with self._as_present():
                return super().run(name, event)
        with release.loaded():
            return self._run_in(release, name, event)

    def _as_present(self) -> AbstractContextManager[None]:
        return self.present.loaded()

    def _run_in(self, release: Release, name: str, event: Any) -> Any:
        from driveway.runtime import context as released

        declared, until = self._functions[name], self.clock.now() + timedelta(seconds=self._functions[name].timeout_s)
        instance = self._released(release, name, released)
        invocation = Invocation(name, len(self.invocations) + 1, until)
        self.invocations.append(invocation)
        before: Any = released._current
        self.outside.running.append(invocation)
        self._busy.append(instance)
        released.use(instance)
        try:
            handler = release.handler(declared.folder.name)
            with redirect_stdout(self.log):
                answer = handler(event, Context(f"request-{invocation.number}", self.clock, until))
        except Death:
            raise Killed(invocation.fault) from None
        finally:
            released.use(before)
            self._busy.pop()
            self.outside.running.pop()
            if invocation.dead:
                self._instances[f"released {name}"].remove(instance)
        if invocation.dead:
            raise Killed(invocation.fault)
        return answer

    def _released(self, release: Release, name: str, released: ModuleType) -> Any:
        kept = self._instances.setdefault(f"released {name}", [])
        free = [one for one in kept if not any(one is busy for busy in self._busy)]
        if free:
            return free[0]
        clock = InstanceClock(self.clock, self._skew_s(), self._wait)
        made: Any = released.Runtime(self._functions[name].environment, clock=clock)
        made.random = self._rng
        made.__dict__ |= self._clients | {"_secrets": PowertoolsSecrets(self._clients["_secrets"])}
        for handler in made.logger.handlers:
            handler.setStream(self.log)
        kept.append(made)
        return made


def mixed(host: Host, choose: Choose) -> MixedHost:
    """Let a host run each function in the release that ``choose`` gives, from now on."""
    host.__class__ = MixedHost
    assert isinstance(host, MixedHost)
    host.choose, host.present = choose, Present()
    return host
