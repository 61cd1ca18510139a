"""The configuration `amiflow.yaml`: what it may say, and what it says, as frozen data.

Belongs here: the keys, their defaults and where the file is looked for. Never here: reading YAML (`document`),
recipes' parameters as values (`inputs`), or connections.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Literal, TypeAlias
from zoneinfo import available_timezones

import yaml

from amiflow.engine.emergency import Numbers
from amiflow.live.document import Raw, Reader
from amiflow.live.problems import Trouble, nearest, problem
from amiflow.live.secrets import SecretSource, can_be_written_by_others, readable_by_all
from amiflow.live.texts import read_text
from amiflow.plan.bounds import DEFAULT, Caps
from amiflow.plan.errands import is_allowance
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source, Span

Auth: TypeAlias = Literal["md5", "plain", "auto"]
LogFormat: TypeAlias = Literal["text", "json"]
LogLevel: TypeAlias = Literal["debug", "info", "warn", "error"]

AUTHS: tuple[Auth, ...] = ("auto", "md5", "plain")
LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")
LOG_LEVELS: tuple[LogLevel, ...] = ("debug", "info", "warn", "error")
_KEYS = (
    "servers",
    "params",
    "secrets",
    "log",
    "journal",
    "allow",
    "limits",
    "kill_switch",
    "emergency",
    "http",
    "zone",
)
_NUMBER = re.compile(r"[0-9*#+]{1,32}")
_LEAST_JOURNAL = 1 << 20
_LONGEST_KEPT = 3650 * 86400.0
PORT = 5038
TLS_PORT = 5039
_LOCAL = "127.0.0.1:8088"


@dataclass(frozen=True, slots=True)
class Tls:
    """How the server's certificate is checked: against the system's authorities or the file `ca`, for `server_name`
    (the host where none is given). Without `verify` it is not checked at all."""

    ca: str | None = None
    verify: bool = True
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, to be logged in, of silence before a Ping, and for the Ping's answer."""

    connect: float = 10.0
    login: float = 15.0
    keepalive: float = 30.0
    answer: float = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the run."""

    name: str
    host: str
    port: int
    username: str
    secret: SecretSource
    tls: Tls | None = None
    auth: Auth = "auto"
    outstanding: int = 1
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class Setting:
    """A param's value as written in a file, and where."""

    raw: Raw
    span: Span


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """The journal's file (none: the default place), its size in bytes, and the seconds that an entry is kept."""

    file: str | None = None
    max_size: int = 512 << 20
    max_age: float = 90 * 86400.0


@dataclass(frozen=True, slots=True)
class HttpPort:
    """Where to listen, the token that callers must know, and the seconds that a reply is waited for."""

    host: str
    port: int
    token: SecretSource
    patience: float = 30.0


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; without a file, the defaults. `zone` is that of times for which a recipe names none."""

    servers: Mapping[str, Server] = field(default_factory=dict)
    params: Mapping[str, Setting] = field(default_factory=dict)
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    log_format: LogFormat = "text"
    log_level: LogLevel = "info"
    journal: JournalSettings = JournalSettings()
    allow: tuple[str, ...] = ()
    limits: Caps = DEFAULT
    kill_switch: str | None = None
    emergency: Numbers | None = None
    http: HttpPort | None = None
    zone: str = "UTC"
    source: Source = field(default_factory=lambda: Source("amiflow.yaml", ""))


def home(environ: Mapping[str, str]) -> str:
    """The user's folder; where the environment does not say, that of the system's list of users."""
    return environ.get("HOME") or os.path.expanduser("~")


def find(explicit: str | None, environ: Mapping[str, str]) -> str | None:
    """The configuration's path: the one given, else the first that exists of `./amiflow.yaml`,
    `$XDG_CONFIG_HOME/amiflow/amiflow.yaml` (`~/.config` where unset) and `/etc/amiflow/amiflow.yaml`. Raises Trouble
    where one that was only found may be of somebody else's making: it says whom secrets are shown to, and what may be
    run."""
    if explicit is not None:
        return explicit
    folder = environ.get("XDG_CONFIG_HOME") or os.path.join(home(environ), ".config")
    places = ("amiflow.yaml", os.path.join(folder, "amiflow", "amiflow.yaml"), "/etc/amiflow/amiflow.yaml")
    found = next((place for place in places if os.path.isfile(place)), None)
    if found is not None and can_be_written_by_others(found):
        raise Trouble(f"{found} can be written by another user of this machine", f"if it is meant: --config {found}")
    return found


def load(path: str) -> tuple[Config, list[Diagnostic]]:
    """The configuration in a file. Raises Trouble where it cannot be read."""
    return parse(Source(path, read_text(path)), readable_by_all(path))


def parse(source: Source, readable: bool = False) -> tuple[Config, list[Diagnostic]]:
    """The configuration in a text, with what is wrong with it. `readable` says that any user can read the file, so
    that a literal secret in it is warned of."""
    reader = Reader(source)
    root = reader.root()
    top = reader.section(root, "the configuration", _KEYS)
    log = reader.section(top.get("log"), "`log`", ("format", "level"))
    config = Config(
        servers=_servers(reader, top.get("servers"), readable),
        params=settings(reader, top.get("params")),
        secrets={
            name: secret
            for name, _, node in _pairs(reader, top.get("secrets"), "`secrets`")
            if (secret := _secret(reader, node, f"the secret `{name}`", readable))
        },
        log_format=reader.choice(log.get("format"), "`format`", LOG_FORMATS, "text"),
        log_level=reader.choice(log.get("level"), "`level`", LOG_LEVELS, "info"),
        journal=_journal(reader, top.get("journal")),
        allow=_allow(reader, top.get("allow")),
        limits=_limits(reader, top.get("limits")),
        http=_http(reader, top.get("http"), readable),
        kill_switch=_path(reader, top.get("kill_switch"), "`kill_switch`"),
        emergency=_emergency(reader, top.get("emergency")),
        zone=_zone(reader, top.get("zone")),
        source=_shown(reader, root is None),
    )
    return config, reader.found


def _shown(reader: Reader, unread: bool) -> Source:
    """The source as diagnostics show it: offsets the same, secrets starred out, guessed at where it is no YAML."""
    text = reader.source.text
    for span in reader.hidden:
        text = text[: span.start] + "*" * (span.end - span.start) + text[span.end :]
    if unread:
        text = re.sub(r"(secrets?\s*:[ \t]*)([^\n]+)", lambda found: found[1] + "*" * len(found[2]), text)
    return Source(reader.source.path, text)


def load_settings(path: str) -> tuple[dict[str, Setting], Source, list[Diagnostic]]:
    """The params of a `--params FILE`: a YAML mapping of names and values. Raises Trouble where it cannot be read."""
    source = Source(path, read_text(path))
    reader = Reader(source)
    return settings(reader, reader.root()), source, reader.found


def settings(reader: Reader, node: yaml.Node | None) -> dict[str, Setting]:
    """Params by name, as written."""
    found = _pairs(reader, node, "`params`")
    return {name: Setting(reader.raw(value), reader.span(key).to(reader.span(value))) for name, key, value in found}


def _pairs(reader: Reader, node: yaml.Node | None, what: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
    return reader.pairs(node, what) if node is not None else []


def _servers(reader: Reader, node: yaml.Node | None, readable: bool) -> dict[str, Server]:
    servers = {}
    for name, key, value in _pairs(reader, node, "`servers`"):
        server = _server(reader, name, reader.span(key), value, readable)
        if server:
            servers[name] = server
    return servers


_SERVER_KEYS = ("host", "port", "tls", "username", "secret", "auth", "outstanding", "timeouts")


def _server(reader: Reader, name: str, key: Span, node: yaml.Node, readable: bool) -> Server | None:
    what = f"server `{name}`"
    keys = reader.section(node, what, _SERVER_KEYS)
    missing = [one for one in ("host", "username", "secret") if one not in keys]
    if missing:
        words = " and ".join(f"`{one}`" for one in missing)
        reader.bad(
            key, f"{what} has no {words}", "needs it" if len(missing) == 1 else "needs them", code="missing-setting"
        )
    tls = _tls(reader, keys.get("tls"), what)
    secret = _secret(reader, keys["secret"], f"`secret` of {what}", readable) if "secret" in keys else None
    host = reader.text(keys.get("host"), f"`host` of {what}")
    if host is not None and not is_host(host):
        headline = f"`host` of {what} is a name or an address"
        reader.bad(reader.span(keys["host"]), headline, "no host", "it stands alone; a port is given by `port:`")
    username = reader.text(keys.get("username"), f"`username` of {what}")
    port = reader.integer(keys.get("port"), f"`port` of {what}", 1, 65535, TLS_PORT if tls else PORT)
    auth = reader.choice(keys.get("auth"), f"`auth` of {what}", AUTHS, "auto")
    outstanding = reader.integer(keys.get("outstanding"), f"`outstanding` of {what}", 1, 1000, 1)
    timeouts = _timeouts(reader, keys.get("timeouts"), what)
    if not host or username is None or secret is None:
        return None
    return Server(name, host, port, username, secret, tls, auth, outstanding, timeouts)


def is_host(text: str) -> bool:
    """Whether it may be a name or an address, such as `::1`; host and port are none."""
    return text.count(":") != 1 and re.search(r"^$|[\s/\[\]]", text) is None


def _tls(reader: Reader, node: yaml.Node | None, what: str) -> Tls | None:
    """`tls: true`, `tls: false` or `tls: {ca, verify, server_name}`."""
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        return Tls() if reader.flag(node, f"`tls` of {what}", False) else None
    keys = reader.section(node, f"`tls` of {what}", ("ca", "verify", "server_name"))
    ca = _path(reader, keys.get("ca"), "`ca`")
    verify = reader.flag(keys.get("verify"), "`verify`", True)
    return Tls(ca, verify, reader.text(keys.get("server_name"), "`server_name`"))


def _zone(reader: Reader, node: yaml.Node | None) -> str:
    name, known = reader.text(node, "`zone`"), available_timezones()
    if node is not None and name is not None and name not in known:
        headline = f"there is no time zone `{name}`"
        reader.bad(reader.span(node), headline, "no such zone", nearest(name, sorted(known)))
        return "UTC"
    return name or "UTC"


def _journal(reader: Reader, node: yaml.Node | None) -> JournalSettings:
    default = JournalSettings()
    keys = reader.section(node, "`journal`", ("file", "max_size", "max_age"))
    return JournalSettings(
        _path(reader, keys.get("file"), "`file` of the journal"),
        reader.size(keys.get("max_size"), "`max_size`", _LEAST_JOURNAL, default.max_size),
        reader.duration(keys.get("max_age"), "`max_age`", default.max_age, most=_LONGEST_KEPT),
    )


_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\d.]+|localhost):(?P<port>\d{1,5})")


def _http(reader: Reader, node: yaml.Node | None, readable: bool) -> HttpPort | None:
    """`http: {listen: 127.0.0.1:8088, token: env:NAME}`; an address that others can reach is to be meant."""
    if node is None:
        return None
    keys = reader.section(node, "`http`", ("listen", "token", "reply_within", "beyond_this_machine"))
    token = _secret(reader, keys["token"], "`token` of `http`", readable) if "token" in keys else None
    if token is None and "token" not in keys:
        help = "`token: env:NAME` or `token: file:PATH`; `openssl rand -hex 32` makes one"
        reader.bad(reader.span(node), "`http` has no `token`", "needs it", help, code="missing-setting")
    patience = reader.duration(keys.get("reply_within"), "`reply_within`", 30.0, most=3600.0)
    beyond = reader.flag(keys.get("beyond_this_machine"), "`beyond_this_machine`", False)
    listen = reader.text(keys.get("listen"), "`listen`") if "listen" in keys else _LOCAL
    found = _LISTEN.fullmatch(listen or "")
    try:
        host = found["host"].strip("[]") if found else ""
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local, found = False, None
    if listen is not None and (found is None or int(found["port"]) > 65535):
        place = reader.span(keys.get("listen", node))
        reader.bad(place, "`listen` is an address and a port such as `127.0.0.1:8088` or `[::1]:8088`", "is none")
        return None
    if found is not None and not local and not beyond:
        place, help = reader.span(keys.get("listen", node)), "listen on 127.0.0.1, or write `beyond_this_machine: true`"
        reader.bad(place, f"others can reach {host}, and the token goes over the wire as it is", "not loopback", help)
    return HttpPort(host, int(found["port"]), token, patience) if found and token else None


def _path(reader: Reader, node: yaml.Node | None, what: str) -> str | None:
    """A file's path, relative to the configuration."""
    path = reader.text(node, what)
    if node is not None and path == "":
        reader.bad(reader.span(node), f"{what} names no file", "nothing here")
    return os.path.join(os.path.dirname(reader.source.path), path) if path else None


def _allow(reader: Reader, node: yaml.Node | None) -> tuple[str, ...]:
    """What runs may do beyond AMI."""
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        reader.bad(reader.span(node), "`allow` is a list", "no list")
        return ()
    names = []
    for item in node.value:
        name = reader.text(item, "an entry of `allow`")
        if name is not None and not is_allowance(name):
            reader.bad(reader.span(item), f"`{name}` is none of http:HOST, exec:PATH, append:FILE", "cannot be allowed")
        elif name is not None:
            names.append(name)
    return tuple(names)


def _limits(reader: Reader, node: yaml.Node | None) -> Caps:
    """The brakes of the whole run; each can be loosened, none be taken off."""
    names = [one.name for one in fields(Caps)]
    keys, default = reader.section(node, "`limits`", names), DEFAULT
    return Caps(
        **{name: reader.integer(keys.get(name), f"`{name}`", 1, 1_000_000, getattr(default, name)) for name in names}
    )


def _emergency(reader: Reader, node: yaml.Node | None) -> Numbers | None:
    """`emergency: ["112", "911"]`, or with what is dialled for a line: `{numbers: ["112"], prefixes: ["0"]}`."""
    if node is None:
        return None
    keys = {"numbers": node}
    if isinstance(node, yaml.MappingNode):
        keys = reader.section(node, "`emergency`", ("numbers", "prefixes"))
    numbers = _dialled(reader, keys.get("numbers"), "`emergency`")
    prefixes = _dialled(reader, keys.get("prefixes"), "`prefixes`")
    if not numbers and not reader.found:
        reader.bad(reader.span(node), "`emergency` names no number", "protects nothing", 'write `numbers: ["112"]`')
    return Numbers(frozenset(numbers), tuple(prefixes))


def _dialled(reader: Reader, node: yaml.Node | None, what: str) -> list[str]:
    """Numbers as they are dialled, each in quotes where YAML would make something else of it."""
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        reader.bad(reader.span(node), f"{what} is a list of numbers", "no list", 'write `["112"]`')
        return []
    found = []
    for item in node.value:
        text = reader.text(item, f"a number of {what}") or ""
        if _NUMBER.fullmatch(text):
            found.append(text)
        else:
            reader.bad(reader.span(item), f"`{text}` of {what} cannot be dialled", "no digits, `*`, `#` or `+`")
    return found


def _timeouts(reader: Reader, node: yaml.Node | None, what: str) -> Timeouts:
    default = Timeouts()
    keys = reader.section(node, f"`timeouts` of {what}", ("connect", "login", "keepalive", "answer"))
    return Timeouts(
        connect=reader.duration(keys.get("connect"), "`connect`", default.connect),
        login=reader.duration(keys.get("login"), "`login`", default.login),
        keepalive=reader.duration(keys.get("keepalive"), "`keepalive`", default.keepalive),
        answer=reader.duration(keys.get("answer"), "`answer`", default.answer),
    )


def _secret(reader: Reader, node: yaml.Node, what: str, readable: bool) -> SecretSource | None:
    text = reader.text(node, what)
    if text in ("", "env:", "file:"):
        reader.bad(reader.span(node), f"{what} is empty", "nothing here", "write `env:NAME` or `file:PATH`")
    if not text:
        return None
    secret = SecretSource.parse(text, os.path.dirname(reader.source.path))
    if secret.kind != "literal":
        return secret
    reader.hidden.append(reader.span(node))
    if readable:
        path = reader.source.path
        headline = f"{what} can be read by every user of this machine"
        help = f"`chmod o-r {path}`, or write `env:NAME` or `file:PATH`"
        reader.found.append(problem("secret-exposed", headline, reader.span(node), "a secret", help, "warning"))
    return secret
