"""Access that ends while the pool works: a right, a password, a certificate (row 26). Needs a secured stage."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from secrets import token_urlsafe

from deploy.tls.authority import Wanted
from processor.kafka.handshake import why
from processor.kafka.rights import rights
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.brokers import given_back
from tests.chaos.faults.measuring import measured
from tests.chaos.faults.transactions import coordinating
from tests.chaos.host import Host
from tests.chaos.identities import CERTIFICATE_PORT, PROXY, Identities
from tests.chaos.network import HARNESS
from tests.chaos.stage import PROXIED, Stage

ROW = 26
ELSEWHERE = ("elsewhere.example",)  # a host that nobody on stage is
GRANT = "grant this principal the missing right"
# Any of these: who starts with the old password ends, who was let in before waits for another one.
LOGIN = ("check kafka.sasl.username, kafka.sasl.password", "was the password changed?", "invalid credentials")
VERIFY, MISNAMED = "certificate verify failed", "its certificate is not for that name"


@fault("right-taken", row=ROW, budget=90, weight=0.5)
def right_taken(stage: Stage, dice: Random) -> Hit:
    """Take one of the workers' rights away while they use it, and give it back when both VMs have said which.

    A lesser pool waits without a word, gives up for good, or goes on and leaves out what it may not write.
    """
    identities, settings = _identities(stage), stage.direct
    right = dice.choice([one for one in rights(settings) if one.user == "worker" and one.operation != "DESCRIBE"])
    heard = [_listening(host) for host in stage.hosts.values()]
    identities.dismiss(settings, [right])
    try:
        for says in heard:
            waits.until(f"a worker says that it lacks {right}", partial(says, GRANT, right.name))
        stage.hold(20)
    finally:
        identities.admit(settings, [right])
    return Hit()


@fault("password-changed", row=ROW, budget=120, weight=0.5)
def password_changed(stage: Stage, dice: Random) -> Hit:
    """The brokers take another password for the workers; the VM that has the old one loses its connections, too.

    The other VM, which comes with certificates, does the work until the new one is in the file, or the old one taken
    again. A lesser pool needs a person to restart it then, or hammers the brokers with logins until they lock it out.
    """
    identities, host = _identities(stage), stage.hosts[PROXIED]
    old, new = identities.password("worker"), token_urlsafe(24)
    says = _listening(host)
    identities.set_password("worker", new)
    try:
        for proxy in stage.kafka_proxies:
            proxy.reset_connections()
        waits.until("a worker says that it is not let in", lambda: any(map(says, LOGIN)))
        waits.progress(stage, time.time())
        stage.hold(20)
    finally:
        began = _listening(host, every=True)
        if dice.random() < 0.5:
            identities.write_password("worker", new)
        else:
            identities.set_password("worker", old)
        since = time.time()
    waits.until(f"all workers of {PROXIED} work again", partial(began, '"started"'))
    return measured(time.time() - since)


@fault("certificate-refused", row=ROW, budget=60, weight=0.5)
def certificate_refused(stage: Stage, dice: Random) -> Hit:
    """The certificate that one VM sees of a broker has expired, or is for another name; its connections there are lost.

    The broker coordinates transactions of that VM. All else in the cluster is well, so no leader moves: a lesser pool
    believes whoever is there, or does not look again when the certificate is a good one.
    """
    identities, host = _identities(stage), stage.hosts[PROXIED]
    expired = dice.random() < 0.5
    shown = Wanted("refused", (HARNESS,) if expired else ELSEWHERE)
    identities.authority.issue(shown, days=-1 if expired else 1)
    proxy, says = coordinating(stage, dice), _listening(host)
    assert proxy.tls is not None
    proxy.tls.show(identities.authority.path(shown.name))
    try:
        proxy.reset_connections()
        waits.until("somebody says that it does not take the certificate", partial(says, VERIFY))
        stage.hold(20)
    finally:
        proxy.tls.show(identities.authority.path(PROXY.name))
    return Hit()


@fault("broker-misnamed", row=ROW, budget=60, weight=0.5)
def broker_misnamed(stage: Stage, dice: Random) -> Hit:
    """Start a broker anew with a certificate for another host: neither the others nor clients take it; then mend it.

    A lesser cluster lets it in, a lesser client writes to it, or does not come back to it.
    """
    identities, at = _identities(stage), dice.randrange(3)
    broker = stage.cluster.brokers[at]
    asked = {**identities.direct(), "bootstrap.servers": f"{broker.place.host}:{CERTIFICATE_PORT}"}
    with given_back(stage):
        broker.stop()
        with _certificate(identities, f"broker-{at + 1}", broker.place.host):
            broker.launch()
            since = time.time()
            waits.until("a client says why it does not take the broker for who it is", lambda: MISNAMED in why(asked))
            seconds = waits.progress(stage, since)
            stage.hold(max(0.0, 20 - seconds))
            broker.kill()
    return measured(seconds)


@contextmanager
def _certificate(identities: Identities, name: str, address: str) -> Iterator[None]:
    """Have a server's certificate be for another host than it stands on, while the block lasts."""
    identities.authority.issue(Wanted(name, ELSEWHERE))
    try:
        yield
    finally:
        identities.authority.issue(Wanted(name, (address,)))


def _identities(stage: Stage) -> Identities:
    access = stage.cluster.access
    assert isinstance(access, Identities), "a stage in plaintext has no rights, passwords and certificates"
    return access


def _listening(host: Host, *, every: bool = False) -> Callable[..., bool]:
    """Listen from now on: tells whether a line of a worker, or one of each, has all of these texts."""
    names = [f"worker-{slot:02d}" for slot in range(host.workers)]
    heard = {name: len(host.log(name)) for name in names}

    def says(*texts: str) -> bool:
        found = (any(all(text in line for text in texts) for line in _since(host, name, heard[name])) for name in names)
        return all(found) if every else any(found)

    return says


def _since(host: Host, name: str, length: int) -> list[str]:
    return host.log(name)[length:].splitlines()
