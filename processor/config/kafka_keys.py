"""librdkafka's names: which say the same, which are ours alone, which are secret, and which are in common use."""

SECTIONS = ("consumer", "producer")  # [kafka.consumer] and [kafka.producer], on top of [kafka]

ALIASES = {
    "metadata.broker.list": "bootstrap.servers",
    "sasl.mechanism": "sasl.mechanisms",
    "max.in.flight": "max.in.flight.requests.per.connection",
    "queue.buffering.max.ms": "linger.ms",
    "message.send.max.retries": "retries",
    "compression.codec": "compression.type",
    "fetch.message.max.bytes": "max.partition.fetch.bytes",
    "request.required.acks": "acks",
    "delivery.timeout.ms": "message.timeout.ms",
    "auto.commit.enable": "enable.auto.commit",
}

_OF_CLIENT = {"id", "rack", "dns", "software"}  # client.id and its like are librdkafka's keys, no section

_COMMITTED = "offsets are committed inside the transaction, and nowhere else"
_IDEMPOTENT = "a transaction needs an idempotent producer that waits for all replicas in sync"
_STATIC = "a restarted worker gets its partitions back at once only as a static member of the classic protocol"
_TRANSACTION = "how long a transaction may stay open is part of what a vanished host may leave behind"
_IN_ORDER = "an input record would be passed over or come twice"

# Key -> why nobody may set it. The guarantees in the README stand on these.
RESERVED = {
    "isolation.level": "only read_committed hides aborted transactions and waits for committed offsets to be final",
    "enable.idempotence": _IDEMPOTENT,
    "acks": _IDEMPOTENT,
    "enable.gapless.guarantee": _IDEMPOTENT,
    "queuing.strategy": _IDEMPOTENT,
    "transactional.id": "it is made of `group`, `host` and the slot, so that a zombie is fenced; set those",
    "transaction.timeout.ms": _TRANSACTION,
    "message.timeout.ms": _TRANSACTION,
    "message.max.bytes": "it follows from topics.max_message_bytes; set that",
    "enable.auto.commit": _COMMITTED,
    "auto.commit.interval.ms": _COMMITTED,
    "enable.auto.offset.store": _COMMITTED,
    "offset.store.method": _COMMITTED,
    "group.id": "set `group`",
    "group.instance.id": "it is made of `host` and the slot; set `host`",
    "client.id": "it is made of `host` and the slot, by which `status` and brokers know a process; set `host`",
    "auto.offset.reset": "a position that was lost is refused, not skipped; see worker.accept_gap",
    "partition.assignment.strategy": "all members of the group must use the same one, and a rebalance may stop nobody",
    "group.protocol": _STATIC,
    "group.protocol.type": _STATIC,
    "group.remote.assignor": _STATIC,
    "enable.partition.eof": "the processes read their ends themselves",
    "allow.auto.create.topics": "topics come from `data-processor topics create`, never by accident",
    "partitioner": "a user's records must stay in one partition, the one that Java clients choose",
    "statistics.interval.ms": "the statistics tell when a request was sent twice and a producer must be replaced",
    "produce.offset.report": _IN_ORDER,
    "topic.blacklist": _IN_ORDER,
    "log.queue": "librdkafka's lines go to the process's own log",
    "internal.termination.signal": "signals belong to the process",
    "logger": "librdkafka's lines go to the process's own log",
    "on_commit": "it is no setting but a function",
    "on_delivery": "it is no setting but a function",
}

# For suggestions only, and to know a name with an underscore in a variable: librdkafka itself says what it accepts.
_COMMON = """
    allow.auto.create.topics api.version.request api.version.request.timeout.ms batch.num.messages batch.size
    bootstrap.servers broker.address.family broker.address.ttl broker.version.fallback check.crcs client.dns.lookup
    client.id client.rack compression.level compression.type connections.max.idle.ms
    coordinator.query.interval.ms debug enable.metrics.push enable.sasl.oauthbearer.unsecure.jwt
    enable.ssl.certificate.verification
    fetch.error.backoff.ms fetch.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms
    heartbeat.interval.ms https.ca.location https.ca.pem linger.ms log.connection.close log.thread.name log_level
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms message.copy.max.bytes
    metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
    queue.buffering.max.kbytes queue.buffering.max.messages queued.max.messages.kbytes queued.min.messages
    receive.message.max.bytes reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries
    retry.backoff.max.ms retry.backoff.ms sasl.kerberos.keytab sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanisms
    sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
    sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions
    sasl.oauthbearer.grant.type sasl.oauthbearer.method sasl.oauthbearer.scope
    sasl.oauthbearer.token.endpoint.url sasl.password sasl.username security.protocol session.timeout.ms
    socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
    socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms ssl.ca.location ssl.ca.pem
    ssl.certificate.location ssl.certificate.pem ssl.cipher.suites ssl.crl.location ssl.curves.list
    ssl.endpoint.identification.algorithm ssl.engine.id ssl.engine.location ssl.key.location ssl.key.password
    ssl.key.pem ssl.keystore.location ssl.keystore.password ssl.providers ssl.sigalgs.list
    sticky.partitioning.linger.ms topic.metadata.propagation.max.ms topic.metadata.refresh.fast.interval.ms
    topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
"""

KNOWN = frozenset(_COMMON.split()) | frozenset(ALIASES)
_OURS = ("plaintext_beyond_loopback",)
_BY_VARIABLE = {name.replace(".", "_").upper(): name for name in (*KNOWN, *RESERVED, *_OURS)}


def canonical(key: str) -> str:
    """Return the one name by which a key goes here, whichever of its names was written."""
    if key not in KNOWN and key not in RESERVED:
        key = key.removeprefix("topic.")  # librdkafka takes a topic's properties with and without it
    return ALIASES.get(key, key)


def from_variable(ending: str) -> str:
    """Turn FETCH_MIN_BYTES or CONSUMER_FETCH_MIN_BYTES into fetch.min.bytes or consumer.fetch.min.bytes."""
    for section in SECTIONS:
        if ending.startswith(f"{section.upper()}_"):
            return f"{section}.{from_variable(ending[len(section) + 1 :])}"
    suffix = ".file" if ending.endswith("_FILE") and ending not in _BY_VARIABLE else ""
    name = ending.removesuffix("_FILE") if suffix else ending
    return _BY_VARIABLE.get(name, name.lower().replace("_", ".")) + suffix


def split(key: str) -> tuple[str, str]:
    """Divide consumer.fetch.min.bytes into ("consumer", "fetch.min.bytes"); for every client the first is "client".

    [kafka.client] is taken too, as settings.py has it: written-out settings can be read again.
    """
    section, _, rest = key.partition(".")
    if section in SECTIONS or (section == "client" and rest.partition(".")[0] not in _OF_CLIENT):
        return section, rest
    return "client", key


def joined(section: str, key: str) -> str:
    """Return the dotted name in a configuration: kafka.fetch.min.bytes, kafka.consumer.fetch.min.bytes."""
    return f"kafka.{key}" if section == "client" else f"kafka.{section}.{key}"


def refusal(key: str) -> str | None:
    """Say why nobody may set this key, or None where everyone may."""
    if key.endswith(("_cb", "_cmp", "_callback_data", "_topic_conf")) or key in {"opaque", "interceptors"}:
        return "it is no setting but a function"
    return RESERVED.get(canonical(key))
