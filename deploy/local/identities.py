"""Who is who in a secured stack: certificates, passwords, and what each role may do."""

import json
import os

from deploy.local import pool, state
from deploy.local.monitoring import MONITOR
from deploy.local.ports import LOOPBACK
from deploy.local.problem import Problem
from deploy.local.state import Options
from deploy.redis import users
from deploy.tls.__main__ import wanted
from deploy.tls.authority import Authority, Refused


def prepare(options: Options) -> None:
    """Make certificates, those that are due anew, passwords that are missing, and the admin's configuration file."""
    try:
        authority = Authority(state.TLS)
        authority.prepare()
        authority.renew(wanted(options.brokers, {}))
    except Refused as problem:
        raise Problem(str(problem)) from None
    _write_redis_users(options)
    own = json.dumps(str(authority.path("admin")))
    servers = ",".join(f"{LOOPBACK}:{port}" for port in options.certificate_ports)
    state.ADMIN_CONFIG.write_text(
        "# Written by deploy/local/up --secure: the brokers' super user, who comes with a certificate.\n"
        f'[kafka]\n"bootstrap.servers" = "{servers}"\n"security.protocol" = "SSL"\n'
        f'"ssl.ca.location" = {json.dumps(str(authority.trusted))}\n'
        f'"ssl.certificate.location" = {own}\n"ssl.key.location" = {own}\n'
    )


def _write_redis_users(options: Options) -> None:
    """Redis's own file, with hashes, and what redis_exporter reads its password from."""
    state.SECRETS.mkdir(mode=0o700, exist_ok=True)
    users.write(state.REDIS_SECRETS, [os.environ.get("DATA_PROCESSOR_REDIS_PREFIX", "logins")])
    server = f"{LOOPBACK}:{options.redis_port}"
    password = users.password_file(state.REDIS_SECRETS, MONITOR).read_text().strip()
    # Under which of the two it is looked for differs between versions of redis_exporter.
    passwords = {f"rediss://{server}": password, f"rediss://{MONITOR}@{server}": password}
    users.put(state.MONITOR_PASSWORDS, json.dumps(passwords) + "\n")


def give_rights(options: Options) -> None:
    """Have Kafka take the roles' passwords, and give each role its rights."""
    for command in (["passwords", str(state.SECRETS)], ["apply"]):
        done = pool.tool(options, "acls", *command, capture=True, config=state.ADMIN_CONFIG)
        if done.returncode != 0:
            raise Problem(f"the users were not made: {(done.stderr or done.stdout).strip()}")
