"""The configuration of one laboratory server, as text: accounts, extensions, rooms, queues, SIP.

What belongs here: every file of the configuration folder, made from ports and folders alone. What never does: a file
being written, a process. Whatever a server listens on is on 127.0.0.1 and on a port of its own, so that servers
run side by side.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath

HOST = "127.0.0.1"
SECRET = "s3cret"  # of every account


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of one server: a block of a hundred from `base`."""

    base: int

    @property
    def ami(self) -> int:
        return self.base + 1

    @property
    def tls(self) -> int:
        return self.base + 2

    @property
    def sip(self) -> int:
        """PJSIP, UDP."""
        return self.base + 3

    @property
    def old_sip(self) -> int:
        """chan_sip, UDP: Asterisk 16 alone has it."""
        return self.base + 4

    @property
    def iax(self) -> int:
        return self.base + 5

    @property
    def endpoints(self) -> range:
        """For SIP endpoints that a test runs."""
        return range(self.base + 10, self.base + 30)

    @property
    def media(self) -> range:
        """RTP of those endpoints, which sipp binds in fours."""
        return range(self.base + 30, self.base + 60, 4)

    @property
    def rtp(self) -> range:
        return range(self.base + 100, self.base + 900)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are, as paths inside the tree. All but `modules` belong to the run."""

    modules: PurePosixPath
    run: PurePosixPath

    @property
    def etc(self) -> PurePosixPath:
        return self.run / "etc"

    @property
    def written(self) -> dict[str, PurePosixPath]:
        """asterisk.conf's name of each folder that the server writes to -> its place."""
        names = ("cache", "varlib", "db", "key", "spool", "run", "log")
        return {f"ast{name}dir": self.run / name for name in names}


@dataclass(frozen=True, slots=True)
class Account:
    """One account of manager.conf: what it may see and do, and further lines."""

    read: str
    write: str
    more: tuple[str, ...] = ()


_CLASSES = (
    *("system", "call", "log", "verbose", "command", "agent", "user", "config", "dtmf", "reporting"),
    *("cdr", "dialplan", "originate", "agi", "cc", "aoc", "test", "security", "message"),
)


def _without(*dropped: str) -> str:
    return ",".join(name for name in _CLASSES if name not in dropped)


ACCOUNTS = {
    "amiflow": Account("all", "all"),
    "judge": Account("all", "all"),  # the tests' own connection
    "nocall": Account("all", _without("call", "system")),  # no Redirect, no Hangup
    "nooriginate": Account("all", _without("originate", "system")),
    "callonly": Account("call", "call"),  # no FullyBooted: that is class system
    "nosystem": Account(_without("system"), _without("system")),
    "readonly": Account("all", ""),
    "blind": Account("", "all"),
    "single": Account("all", "all", ("allowmultiplelogin=no",)),
    "denied": Account("all", "all", ("deny=0.0.0.0/0.0.0.0",)),
    "nosecret": Account("all", "all"),
    "deaf": Account("all", "all", ("eventfilter=!Event: OriginateResponse",)),
    "chatty": Account("all", "all", ("writetimeout=5000",)),
}


def files(folders: Folders, ports: Ports) -> dict[str, str]:
    """Every file of the configuration folder: name -> text."""
    return {
        "asterisk.conf": _asterisk(folders),
        "modules.conf": "[modules]\nautoload=yes\n",
        "logger.conf": "[general]\ndateformat=%F %T\n[logfiles]\nfull => notice,warning,error,verbose\n",
        "manager.conf": _manager(folders, ports),
        "extensions.conf": EXTENSIONS,
        "queues.conf": QUEUES,
        "confbridge.conf": "[default_bridge]\ntype=bridge\n[default_user]\ntype=user\nquiet=yes\n",
        "features.conf": "[general]\n[featuremap]\natxfer => *2\n",
        "indications.conf": INDICATIONS,
        "musiconhold.conf": f"[default]\nmode=files\ndirectory={folders.written['astvarlibdir']}/moh\n",
        "rtp.conf": f"[general]\nrtpstart={ports.rtp.start}\nrtpend={ports.rtp.stop - 1}\n",
        "http.conf": "[general]\nenabled=no\n",
        "pjsip.conf": _pjsip(ports),
        "sip.conf": f"[general]\nudpbindaddr={HOST}:{ports.old_sip}\ntcpenable=no\n",
        "iax.conf": f"[general]\nbindaddr={HOST}:{ports.iax}\n",
        "cdr.conf": "[general]\nenable=yes\n",
        "cdr_manager.conf": "[general]\nenabled=yes\n",
        "cel.conf": "[general]\nenable=no\n",
        "udptl.conf": f"[general]\nudptlstart={ports.rtp.stop}\nudptlend={ports.rtp.stop + 50}\n",
        "res_parking.conf": "[general]\n[default]\nparkext=>7000\nparkpos=>7001-7020\ncontext=parked\n",
        "voicemail.conf": "[general]\n[default]\n1234 => 1234,Test\n",
    }


def _asterisk(folders: Folders) -> str:
    places = {
        "astetcdir": folders.etc,
        "astmoddir": folders.modules,
        "astdatadir": "/usr/share/asterisk",
        "astagidir": "/usr/share/asterisk/agi-bin",
        "astsbindir": "/usr/sbin",
        **folders.written,
    }
    lines = "".join(f"{name} => {place}\n" for name, place in places.items())
    # maxfiles: two hundred calls of four Local channels need some 6000 descriptors.
    return f"[directories]\n{lines}\n[options]\nmaxfiles = 16384\nverbose = 3\n"


def _manager(folders: Folders, ports: Ports) -> str:
    general = f"""[general]
enabled=yes
bindaddr={HOST}
port={ports.ami}
tlsenable=yes
tlsbindaddr={HOST}:{ports.tls}
tlscertfile={folders.etc}/server.pem
tlsprivatekey={folders.etc}/server.key
allowmultiplelogin=yes
timestampevents=yes
displayconnects=no
authlimit=500
"""
    return general + "".join(_account(name, account) for name, account in ACCOUNTS.items())


def _account(name: str, account: Account) -> str:
    secret = () if name == "nosecret" else (f"secret={SECRET}",)
    return "\n".join((f"\n[{name}]", *secret, f"read={account.read}", f"write={account.write}", *account.more, ""))


def _pjsip(ports: Ports) -> str:
    return f"""[global]
type=global
user_agent=laboratory

[loopback]
type=transport
protocol=udp
bind={HOST}:{ports.sip}

[caller]
type=endpoint
context=default
disallow=all
allow=ulaw
direct_media=no

[callers]
type=identify
endpoint=caller
match={HOST}

[callee]
type=endpoint
context=default
disallow=all
allow=ulaw
direct_media=no
"""


EXTENSIONS = r"""[general]
static=yes
writeprotect=yes

[default]
exten => 680,1,Answer()
 same => n,ConfBridge(680)
 same => n,Hangup()

exten => 1234,1,Answer()
 same => n,Wait(600)
 same => n,Hangup()

exten => 600,1,Answer()
 same => n,Echo()

exten => 700,1,Answer()
 same => n,Queue(support)
 same => n,Hangup()

exten => 710,1,Answer()
 same => n,Queue(waiting)
 same => n,Hangup()

exten => 800,1,Dial(Local/1234@default)
 same => n,Hangup()

; Rings for a while, then answers.
exten => 810,1,Ringing()
 same => n,Wait(2)
 same => n,Answer()
 same => n,Wait(600)

exten => busy,1,Busy(10)
exten => noanswer,1,Ringing()
 same => n,Wait(600)
exten => congestion,1,Congestion(10)
; The dialplan ends here, and its caller hears why.
exten => through,1,Dial(Local/congestion@default)
; Dials nobody, and goes on.
exten => nobody,1,Dial(Local/nowhere@default)
 same => n,Hangup()
; Answers and hangs up at once.
exten => short,1,Answer()
 same => n,Hangup()

; A UserEvent from the dialplan, with headers that take some care.
exten => event,1,Answer()
 same => n,UserEvent(Laboratory,Room: 680,Pin: 0042,Note: a: b = \"c\" ${CHANNEL},Empty:)
 same => n,Wait(600)

; A channel variable with quotes, backslash and umlaut in UTF-8.
exten => quoted,1,Answer()
 same => n,Set(QUOTED=say "hello" to O'Brien \ back)
 same => n,Wait(600)

; Calls on with a caller name in Latin-1: Ren<E9> M<FC>ller.
exten => latin1,1,Set(CALLERID(name)=@LATIN1@)
 same => n,Set(CALLERID(num)=4711)
 same => n,Dial(Local/1234@default)
 same => n,Hangup()

; To a SIP endpoint that a test runs: 85 and its port.
exten => _85XXXXX,1,Dial(PJSIP/callee/sip:callee@127.0.0.1:${EXTEN:2})
 same => n,Hangup()

[parked]
"""

LATIN1_NAME = "Ren\u00e9 M\u00fcller"

QUEUES = """[general]
persistentmembers=no
autofill=yes

[support]
strategy=ringall
timeout=15
member => Local/1234@default

; Nobody answers here, so callers stay.
[waiting]
strategy=ringall
joinempty=yes
leavewhenempty=no
"""

INDICATIONS = """[general]
country=us

[us]
description=United States / North America
ringcadence=2000,4000
dial=350+440
busy=480+620/500,0/500
ring=440+480/2000,0/4000
congestion=480+620/250,0/250
callwaiting=440/300,0/10000
dialrecall=!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440
record=1400/500,0/15000
info=!950/330,!1400/330,!1800/330,0
stutter=!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440
"""
