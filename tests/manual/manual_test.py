"""The manual pages and the completions: they have what --help has, render without a warning, and complete in real shells.

manual_test.py SERVER CLIENT pages|bash|zsh|fish: exits 77 where the shell or the renderer is not installed.
"""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

SERVER, CLIENT, WHAT = sys.argv[1:]
PROGRAMS = {"holdfast-server": SERVER, "holdfast": CLIENT}
SHELLS = ("bash", "zsh", "fish")

# What is typed, where | is the tab key, and the arguments that the program then gets.
TYPED = (
    ("holdfast", "lock ev|", "lock events"),
    ("holdfast", "ls --rev|", "ls --reverse"),
    ("holdfast", "get k --lock-t| 1s", "get k --lock-timeout 1s"),
    ("holdfast", "--server x:1 expo|", "--server x:1 export"),
    ("holdfast", "put k 1 --insec|", "put k 1 --insecure"),
    ("holdfast", "import --if-exists sk|", "import --if-exists skip"),
    ("holdfast", "import --if-exists=sk|", "import --if-exists=skip"),
    ("holdfast", "completion zs|", "completion zsh"),
    ("holdfast", "help wat|", "help watch"),
    ("holdfast", "put k --file some-fi|", "put k --file some-file"),
    ("holdfast", "import some-fi|", "import some-file"),
    ("holdfast", "get some-fi|", "get some-fi"),  # a key is no file
    ("holdfast-server", "heal|", "healthcheck"),
    ("holdfast-server", "--log-level de|", "--log-level debug"),
    ("holdfast-server", "token new web --expir| 1h", "token new web --expires 1h"),
    ("holdfast-server", "--data some-fo|", "--data some-folder"),
    ("holdfast-server", "--tls-c| x", "--tls-c x"),  # --tls-cert, --tls-client-ca
)

# What starts a shell, and what it reads first. Each program is a function that prints its arguments.
STARTS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source {folder}/{program}.bash",
             "{program}() {{ printf 'G%s<%s>\\n' OT \"$*\"; }}"),
    "zsh": (["zsh", "-f", "-i"], "fpath=({folder} $fpath); autoload -U compinit; compinit -u -D",
            "{program}() {{ printf 'G%s<%s>\\n' OT \"$*\"; }}"),
    "fish": (["fish", "--no-config", "-i"], "source {folder}/{program}.fish",
             "function {program}; printf 'G%s<%s>\\n' OT \"$argv\"; end"),
}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def skip(missing):
    print(f"not checked: {missing} is not installed")
    sys.exit(77)


def write_completions(folder):
    for program, path in PROGRAMS.items():
        for shell in SHELLS:
            name = f"_{program}" if shell == "zsh" else f"{program}.{shell}"
            with open(os.path.join(folder, name), "w", encoding="utf-8") as script:
                script.write(output(path, "completion", shell))


class Terminal:
    """A shell at a terminal."""

    def __init__(self, shell, folder):
        command, load, define = STARTS[shell]
        child, self.master = pty.fork()
        if child == 0:
            os.chdir(folder)
            os.environ.update(HOME=folder, XDG_CONFIG_HOME=folder, XDG_DATA_HOME=folder, TERM="dumb", LC_ALL="C.UTF-8")
            os.execvp(command[0], command)
        self.child = child
        self.read = ""
        for program in PROGRAMS:
            self.send(load.format(folder=folder, program=program) + "\n")
            self.send(define.format(program=program) + "\n")
        self.arguments_of("holdfast", "loaded")

    def send(self, text):
        os.write(self.master, text.encode())

    def arguments_of(self, program, typed):
        """What the program gets when this is typed and entered."""
        self.read = ""
        self.send(f"{program} {typed}\n".replace("|", "\t"))
        until = time.monotonic() + 20
        while not (got := re.search(r"GOT<(.*)>", self.read)):
            ready, _, _ = select.select([self.master], [], [], max(0, until - time.monotonic()))
            if not ready:
                raise AssertionError(f"nothing came of '{program} {typed}':\n{self.read}")
            self.read += os.read(self.master, 65536).decode(errors="replace")
        return got[1].rstrip("/")  # of a folder, which some shells take away again

    def close(self):
        os.close(self.master)
        os.waitpid(self.child, 0)


def check_shell(shell):
    if not shutil.which(shell):
        skip(shell)
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        write_completions(folder)
        os.mkdir(os.path.join(folder, "some-folder"))
        open(os.path.join(folder, "some-file"), "w", encoding="utf-8").close()
        terminal = Terminal(shell, folder)
        for program, typed, expected in TYPED:
            got = terminal.arguments_of(program, typed)
            if got != expected:
                wrong.append(f"'{program} {typed}' becomes '{got}' and should become '{expected}'")
        terminal.close()
    return wrong


def flags_in_help(text):
    return set(re.findall(r"^ +(?:-\w, ?)?(--[a-z-]+)", text, re.M))


def check_pages():
    wrong = []
    for program, path in PROGRAMS.items():
        page = output(path, "man")
        shown = page.replace("\\-", "-")
        commands = [line.split()[2:] for line in shown.splitlines() if line.startswith(".SS ")]
        if len(commands) < 5:
            wrong.append(f"the page of {program} has few commands: {commands}")
        texts = {"the manual page": shown} | {shell: output(path, "completion", shell) for shell in SHELLS}
        for command in [[]] + commands:
            for flag in flags_in_help(output(path, *command, "--help")):
                for name, text in texts.items():
                    # fish has flags without their dashes.
                    wanted = f"-l {flag[2:]} " if name == "fish" else flag
                    if wanted not in text:
                        wrong.append(f"{name} of {program} lacks {flag}, which '{' '.join(command)} --help' has")
        if not page.isascii():
            wrong.append(f"the page of {program} is not in ASCII")
        for command in (["groff", "-man", "-ww", "-Tutf8", "-z"], ["mandoc", "-T", "lint", "-W", "warning"]):
            if not shutil.which(command[0]):
                if command[0] == "groff":
                    skip("groff (Debian: groff-base)")
                continue
            told = subprocess.run(command, input=page, capture_output=True, text=True, timeout=30, check=False)
            said = [line for line in (told.stdout + told.stderr).splitlines() if "missing date" not in line]
            wrong += [f"{command[0]} about the page of {program}: {line}" for line in said]
    return wrong


failures = check_pages() if WHAT == "pages" else check_shell(WHAT)
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
