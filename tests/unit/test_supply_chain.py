"""What the pool is made of: every version fixed, every file known by its hash, every licence one that we may ship."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.stack import ROOT

LOCK = (ROOT / "deploy/requirements.lock").read_text()
PINNED = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\$", LOCK, flags=re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# The licences of what is locked: all may be used, changed and shipped with a notice.
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|ZPL", re.IGNORECASE)
COPYLEFT = re.compile(r"GPL|MPL|EPL|CDDL|SSPL|BUSL|Commons Clause", re.IGNORECASE)


def entries() -> Iterator[str]:
    """Each requirement of the lock, with its hashes, without comments."""
    text = "\n".join(line for line in LOCK.splitlines() if not line.lstrip().startswith("#"))
    yield from (entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip())


def needed(name: str, extras: frozenset[str], seen: set[str]) -> set[str]:
    """A package and all that it needs here."""
    if name in seen:
        return seen
    seen.add(name)
    for text in requires(name) or []:
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            needed(canonicalize_name(one.name), frozenset(one.extras), seen)
    return seen


def test_every_package_is_pinned_with_hashes_and_names_no_registry() -> None:
    for entry in entries():
        assert re.fullmatch(r"[a-z0-9._-]+==[A-Za-z0-9.+!]+( +--hash=sha256:[0-9a-f]{64})+ *", entry), entry[:80]
    assert "://" not in LOCK
    assert not re.search(r"index|trusted-host|find-links|@ ?file", LOCK)


def test_all_that_the_pool_needs_is_in_the_lock_in_versions_that_it_takes() -> None:
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(PINNED[canonicalize_name(requirement.name)]), requirement

    direct = map(Requirement, PROJECT["project"]["dependencies"])
    everything = set().union(*(needed(canonicalize_name(one.name), frozenset(one.extras), set()) for one in direct))
    assert everything <= PINNED.keys()
    assert "async-timeout" in PINNED, "redis needs it on Debian 12's Python, which is older than the one that locks"


@pytest.mark.parametrize("name", PINNED)
def test_every_licence_is_one_that_may_be_shipped(name: str) -> None:
    try:
        said = distribution(name).metadata
    except PackageNotFoundError:
        assert name in {"async-timeout", "setuptools"}, "not needed by this Python, or to build only: Apache, MIT"
        return
    licence = " ".join(
        [
            said.get("License-Expression") or (said.get("License") or "")[:200],
            *(line for line in said.get_all("Classifier") or [] if line.startswith("License ::")),
        ]
    )
    assert PERMISSIVE.search(licence), f"{name}: {licence}"
    assert not COPYLEFT.search(licence), f"{name}: {licence}"


@pytest.mark.parametrize("by", ["vm/release", "Dockerfile"])
def test_what_is_installed_on_a_vm_and_in_the_image_is_what_is_locked(by: str) -> None:
    installs = re.findall(r"\bpip install ([^>\n]*)", (ROOT / "deploy" / by).read_text())

    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "deploy/requirements.lock" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1], "what builds it is locked, too"


def test_what_is_said_of_security_names_files_that_are_there() -> None:
    text = (ROOT / "deploy/SECURITY.md").read_text()

    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / "deploy" / target).exists(), target
