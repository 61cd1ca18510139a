"""The configuration: what it gives, and what it says of mistakes, with their place."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiflow.engine.emergency import Numbers
from amiflow.live import config
from amiflow.live.config import Config, HttpPort, JournalSettings, Server, Timeouts, Tls
from amiflow.live.document import Reader
from amiflow.live.problems import Trouble
from amiflow.live.secrets import SecretSource
from amiflow.plan.bounds import Caps
from amiflow.report.source import Source
from support.amiflow_process import ROOT

WHOLE = """\
servers:
  pbx1:
    host: 192.0.2.1
    username: robot
    secret: env:AMI_SECRET
    tls: {ca: ca.pem, server_name: pbx.example}
    auth: md5
    outstanding: 8
    timeouts: {connect: 500ms, keepalive: 1m}
  pbx2: {host: "::1", port: 5040, username: 1001, secret: file:pbx2.secret}
params:
  room: 0681
  agents: [a, b]
secrets: {crm_token: env:CRM}
log: {format: json, level: debug}
journal: {file: journal.sqlite, max_size: 64MB, max_age: 30d}
limits: {actions_per_second: 500}
kill_switch: stop
emergency: {numbers: ["112"], prefixes: ["0"]}
http: {listen: "[::1]:8088", token: file:token, reply_within: 5s}
zone: Europe/Berlin
"""


def parsed(text: str, readable: bool = False) -> tuple[config.Config, list[str]]:
    """The configuration, and `code line: headline` of each diagnostic."""
    source = Source("etc/amiflow.yaml", text)
    result, found = config.parse(source, readable)
    return result, [f"{one.code} {source.position(one.span.start)[0]}: {one.headline}" for one in found]


def test_what_there_is_to_choose_from_is_said_once() -> None:
    (one,) = config.parse(Source("amiflow.yaml", "log: {level: loud}\n"))[1]
    assert "`info`" in one.headline and one.help is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "expected ',' or ']', but got the end of the file"),
        ("param x\nlet: 3\n", "mapping values are not allowed here"),
        ('"a" "b"', "expected the end of the file, but found a value"),
        (
            "log:\n    level: info\n  format: json\n",
            "expected the end of the block, but found a key that is indented otherwise",
        ),
        ("a: [*x", "found undefined alias 'x'"),
    ],
)
def test_what_is_no_yaml_is_told_in_words(text: str, words: str) -> None:
    (one,) = config.parse(Source("amiflow.yaml", text))[1]
    assert one.primary.text == words


def test_everything_that_can_be_said_is_read() -> None:
    result, found = parsed(WHOLE)
    assert found == []
    assert result.servers["pbx1"] == Server(
        "pbx1",
        "192.0.2.1",
        5039,
        "robot",
        SecretSource("env", "AMI_SECRET"),
        Tls("etc/ca.pem", True, "pbx.example"),
        "md5",
        8,
        Timeouts(connect=0.5, keepalive=60.0),
    )
    assert result.servers["pbx2"].username == "1001"
    assert result.servers["pbx2"].secret == SecretSource("file", "etc/pbx2.secret")
    assert result.emergency == Numbers(frozenset({"112"}), ("0",))
    assert result.limits == Caps(actions_per_second=500)
    assert {name: one.raw for name, one in result.params.items()} == {"room": "0681", "agents": ["a", "b"]}
    assert result.secrets == {"crm_token": SecretSource("env", "CRM")}
    assert (result.log_format, result.log_level) == ("json", "debug")
    assert result.journal == JournalSettings("etc/journal.sqlite", 64 << 20, 30 * 86400.0)
    assert result.kill_switch == "etc/stop" and result.zone == "Europe/Berlin"
    assert result.http == HttpPort("::1", 8088, SecretSource("file", "etc/token"), 5.0)


def test_a_zone_is_one_that_exists() -> None:
    result, found = parsed("zone: Europe/Berln\n")
    assert found == ["bad-value 1: there is no time zone `Europe/Berln`"] and result.zone == "UTC"
    assert parsed("")[0].zone == "UTC"


def test_others_may_be_let_in_where_that_is_meant() -> None:
    result, found = parsed("http: {listen: 0.0.0.0:8088, token: env:T, beyond_this_machine: true}\n")
    assert found == [] and result.http == HttpPort("0.0.0.0", 8088, SecretSource("env", "T"), 30.0)
    assert parsed("http: {token: env:T}\n")[0].http == HttpPort("127.0.0.1", 8088, SecretSource("env", "T"), 30.0)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "servers:\nlog:\n"])
def test_nothing_said_is_the_defaults(text: str) -> None:
    result, found = parsed(text)
    assert (found, dict(result.servers), result.log_format) == ([], {}, "text")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("emergency: [police]", "bad-value 1: `police` of `emergency` cannot be dialled"),
        ("emergency: {prefixes: [0]}", "bad-value 1: `emergency` names no number"),
        ("emergency: 112", "bad-value 1: `emergency` is a list of numbers"),
        ("limits: {actions_per_second: 0}", "bad-value 1: `actions_per_second` is a whole number from 1 to 1000000"),
        ("server:\n", "unknown-key 1: the configuration has no key `server`"),
        ("servers:\n a: {host: x, username: u, secret: env:S, prot: 1}", "unknown-key 2: server `a` has no key `prot`"),
        ("servers:\n a: {host: x}\n", "missing-setting 2: server `a` has no `username` and `secret`"),
        ("servers:\n a: {host: x, username: u, secret: env:S, port: 70000}", "bad-value 2: `port` of server `a`"),
        (
            "servers:\n a: {host: x, username: u, secret: env:S, auth: md6}",
            "bad-value 2: `auth` of server `a` is one of",
        ),
        ("servers:\n a: {host: x, username: u, secret: env:S, tls: maybe}", "bad-value 2: `tls` of server `a`"),
        (
            "servers:\n a: {host: x, username: u, secret: env:S, timeouts: {login: soon}}",
            "bad-value 2: `login` is a dur",
        ),
        (
            "servers:\n a: {host: 'x:5038', username: u, secret: env:S}",
            "bad-value 2: `host` of server `a` is a name or",
        ),
        ("servers:\n a: {host: '', username: u, secret: env:S}", "bad-value 2: `host` of server `a` is a name or"),
        ("servers:\n a: {host: '[::1]', username: u, secret: env:S}", "bad-value 2: `host` of server `a` is a name"),
        ("servers:\n a: {host: a b, username: u, secret: env:S}", "bad-value 2: `host` of server `a` is a name or"),
        ("servers:\n a: {host: x, username: u, secret: ''}", "bad-value 2: `secret` of server `a` is empty"),
        ("servers:\n a: {host: x, username: u, secret: 'env:'}", "bad-value 2: `secret` of server `a` is empty"),
        ("servers:\n a: {host: x, username: u, secret: 'file:'}", "bad-value 2: `secret` of server `a` is empty"),
        ("servers:\n a: {host: x, username: u, secret: s, tls: {ca: ''}}", "bad-value 2: `ca` names no file"),
        (
            "servers:\n a: {host: x, username: u, secret: s, timeouts: {login: 5}}",
            "bad-value 2: `login` is a duration such as `10s`, from 50ms to 1d",
        ),
        ("kill_switch: ''\n", "bad-value 1: `kill_switch` names no file"),
        ("servers:\n a: [host]\n", "bad-value 2: server `a` is a mapping"),
        ("servers:\n a: {host: x, host: y, username: u, secret: env:S}", "double-key 2: `host` is written twice"),
        ("log: {level: loud}\n", "bad-value 1: `level` is one of `debug`, `info`, `warn`, `error`"),
        ("log:\n\tformat: json\n", "bad-value 2: this is not YAML"),
        ("journal: {max_size: 10kB}\n", "bad-value 1: `max_size` is a size such as `512MB`, at least 1MB"),
        ("journal: {max_size: much}\n", "bad-value 1: `max_size` is a size"),
        ("journal: {max_age: 9999d}\n", "bad-value 1: `max_age` is a duration"),
        ("journal: {max_age: 90}\n", "bad-value 1: `max_age` is a duration"),
        ("http: {}\n", "missing-setting 1: `http` has no `token`"),
        ("http: {token: env:T, listen: 8088}\n", "bad-value 1: `listen` is an address and a port such as"),
        ("http: {token: env:T, listen: 127.0.0.1:99999}\n", "bad-value 1: `listen` is an address and a port such as"),
        ("http: {token: env:T, listen: 127.0.0.999:80}\n", "bad-value 1: `listen` is an address and a port such as"),
        ("http: {token: env:T, listen: pbx.example:80}\n", "bad-value 1: `listen` is an address and a port such as"),
        (
            "http: {token: env:T, listen: 0.0.0.0:80}\n",
            "bad-value 1: others can reach 0.0.0.0, and the token",
        ),
        ("journal: {path: x}\n", "unknown-key 1: `journal` has no key `path`"),
        ("log: [\n", "bad-value 2: this is not YAML"),
        ("a: \x07\n", "bad-value 1: this is not YAML"),
        ("- x\n", "bad-value 1: the configuration is a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, complaint: str) -> None:
    _, found = parsed(text)
    assert [line for line in found if line.startswith(complaint)], found


def test_one_mistake_gives_one_diagnostic() -> None:
    _, found = parsed("servers:\n a: {host: x, username: u, secret: env:S, port: [1]}\nlogs: {}\n")
    assert len(found) == 2


def test_an_unknown_key_gets_a_suggestion() -> None:
    _, found = config.parse(Source("c", "sevrers: {}\n"))
    assert found[0].help == "did you mean `servers` or `secrets`?"


def test_a_literal_secret_that_all_can_read_is_warned_of_and_not_shown() -> None:
    text = "servers:\n  a: {host: x, username: u, secret: hunter2, prot: 1}\n"
    result, found = config.parse(Source("c", text), readable=True)
    assert [(one.code, one.severity) for one in found] == [("unknown-key", "error"), ("secret-exposed", "warning")]
    assert "hunter2" not in result.source.text
    assert len(result.source.text) == len(text)
    assert config.parse(Source("c", text), readable=False)[1][0].code == "unknown-key"


def test_a_secret_in_what_is_no_yaml_is_not_shown() -> None:
    result, found = config.parse(Source("c", 'servers: {a: {\n  secret: "hunter2\n'))
    assert found and "hunter2" not in result.source.text


def test_a_file_is_read_with_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "amiflow.yaml"
    path.write_text("servers: {a: {host: x, username: u, secret: s}}\n")
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert config.load(str(path))[1] == []
    path.chmod(0o644)
    assert [one.code for one in config.load(str(path))[1]] == ["secret-exposed"]


@pytest.mark.parametrize("make", [lambda path: None, os.mkdir, lambda path: Path(path).write_bytes(b"\xff\xfe")])
def test_what_cannot_be_read_is_trouble(tmp_path: Path, make: object) -> None:
    path = str(tmp_path / "amiflow.yaml")
    assert callable(make)
    make(path)
    with pytest.raises(Trouble, match=r"amiflow\.yaml"):
        config.load(path)


def test_where_the_configuration_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert config.find("given.yaml", environ) == "given.yaml"
    assert config.find(None, environ) in (None, "/etc/amiflow/amiflow.yaml")
    (tmp_path / "xdg" / "amiflow").mkdir(parents=True)
    (tmp_path / "xdg" / "amiflow" / "amiflow.yaml").write_text("")
    assert config.find(None, environ) == str(tmp_path / "xdg" / "amiflow" / "amiflow.yaml")
    (tmp_path / "amiflow.yaml").write_text("")
    assert config.find(None, environ) == "amiflow.yaml"


def test_protected_numbers_may_be_a_bare_list() -> None:
    assert parsed('emergency: ["110", 112]')[0].emergency == Numbers(frozenset({"110", "112"}))


ROWS = dict(re.findall(r"^\| `([\w.]+)` \| `?([^|`]+)`? \|", (ROOT / "docs" / "configuration.md").read_text(), re.M))
DEPENDS = {"none", "host", "that of the user", "the system's authorities", "5038, with TLS 5039"}
NEEDED = {
    "servers.NAME.host": "pbx",
    "servers.NAME.username": "robot",
    "servers.NAME.secret": "env:SECRET",
    "emergency.numbers": ["112"],
    "http.token": "env:TOKEN",
}


def nested(values: Mapping[str, object]) -> Config:
    """The configuration that has these values at these keys."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *way, last = key.split(".")
        place = tree
        for one in way:
            place = place.setdefault(one, {})
        place[last] = value
    result, found = config.parse(Source("amiflow.yaml", yaml.safe_dump(tree)))
    assert found == []
    return replace(result, source=Source("", ""))


def test_every_key_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: set[str] = set()
    section = Reader.section

    def noted(self: Reader, node: yaml.Node | None, what: str, known: Collection[str]) -> Mapping[str, yaml.Node]:
        taken.update(known)
        return section(self, node, what, known)

    monkeypatch.setattr(Reader, "section", noted)
    parsed(WHOLE)
    assert {part for key in ROWS for part in key.split(".")} - {"NAME"} == taken
    assert {key for key, default in ROWS.items() if default == "needed"} == NEEDED.keys()


def test_the_documented_defaults_are_those() -> None:
    said = {key: value for key, value in ROWS.items() if value not in DEPENDS | {"needed"}}
    whole = {key: yaml.safe_load(value) for key, value in said.items() if not key.startswith("servers.NAME.tls")}
    assert len(whole) > 15 and nested(whole | NEEDED) == nested(NEEDED)
    tls = {"servers.NAME.tls.verify": yaml.safe_load(said["servers.NAME.tls.verify"])}
    assert nested(tls | NEEDED) == nested({"servers.NAME.tls": True} | NEEDED)
