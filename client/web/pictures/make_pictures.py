#!/usr/bin/env python3
"""make_pictures.py [BIN]: makes the README's pictures anew, from one real run of the programs in BIN (build/release/bin):
live_screen.svg, what a terminal showed in the middle of it, and html_report.png, the page that it wrote, as Chromium
shows it. Needs Linux, Python alone, and chromium."""

import fcntl
import html
import os
import pathlib
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS, LINES = 80, 24
# A rate that climbs until the lock is held most of the time, stays there, and falls: what the pictures are to show.
ARGUMENTS = shlex.split(
    "load --stage 10s@500/s..1600/s --stage 10s@1600/s --stage 10s@500/s "
    "--hold exp:2ms --hold-share 20% --mix get=90,put=10"
)
SHOWN_AT = 0.8  # of the run

# Terminal colours by SGR code, as in many dark schemes.
COLOURS = {"1": "#ffffff", "2": "#8b949e", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "36": "#56d4dd"}
CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 19, 18


def start_server(programs):
    server = subprocess.Popen([programs / "holdfast-server", "--listen", "127.0.0.1:8080", "--writer-period", "0",
                               "--in-memory"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in server.stdout:
        if found := re.search(r"address=(127\.0\.0\.1:\d+)", line):
            return server, "http://" + found[1]
    raise SystemExit("the server did not start; is something else at 127.0.0.1:8080?")


def run_on_a_terminal(command):
    """Runs the command and returns what it wrote to its terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.environ.pop("NO_COLOR", None)
        # Before the program can ask for it.
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        os.execv(command[0], command)
    said = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the other side is gone
            break
        if not chunk:
            break
        said += chunk
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        raise SystemExit(f"{command[0]} ended with {status}:\n{said.decode()}")
    return said.decode()


def screens(said):
    """The screens in the order they were drawn, each a list of lines with their colours."""
    drawn = [re.sub(r"^\r?\x1b\[\d+A", "", part) for part in said.split("\x1b[J")[:-1]]
    return [part.replace("\x1b[K", "").replace("\r", "").rstrip("\n").split("\n") for part in drawn]


def spans(line):
    """[(column, text, colour or None)] of a line."""
    found, column, code = [], 0, None
    for text in re.split(r"(\x1b\[\d*m)", line):
        if sequence := re.fullmatch(r"\x1b\[(\d*)m", text):
            code = sequence[1] if sequence[1] not in ("", "0") else None
        elif text:
            found.append((column, text, code))
            column += len(text)
    return found


def svg_of(lines):
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, len(lines) * CELL_HEIGHT + 2 * MARGIN
    shown = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
             f'viewBox="0 0 {width:.0f} {height}" role="img" aria-label="holdfast load on a terminal, while it runs">',
             f'<rect width="100%" height="100%" rx="10" fill="#0d1117"/>',
             '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" '
             'font-size="14" fill="#e6edf3" xml:space="preserve">']
    for number, line in enumerate(lines):
        y = MARGIN + number * CELL_HEIGHT + 14
        for column, text, code in spans(line):
            # Each word at its own column: a font of another width must not shift what follows.
            for word in re.finditer(r"\S+(?: \S+)*", text):
                x = MARGIN + (column + word.start()) * CELL_WIDTH
                style = f' fill="{COLOURS[code]}"' if code else ""
                weight = ' font-weight="bold"' if code == "1" else ""
                shown.append(f'<text x="{x:.1f}" y="{y}" textLength="{len(word[0]) * CELL_WIDTH:.1f}" '
                             f'lengthAdjust="spacingAndGlyphs"{style}{weight}>{html.escape(word[0])}</text>')
    return "\n".join(shown + ["</g>", "</svg>", ""])


def photograph(page, picture):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("there is no chromium")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync",
                        f"--user-data-dir={profile}", "--hide-scrollbars", "--virtual-time-budget=5000",
                        "--window-size=1000,1290", f"--screenshot={picture}", page.as_uri()],
                       check=True, stderr=subprocess.DEVNULL)


def main():
    programs = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve()
    server, url = start_server(programs)
    try:
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder) / "report.html"
            said = run_on_a_terminal([str(programs / "holdfast"), "--server", url, *ARGUMENTS, "--html", str(page)])
            photograph(page, HERE / "html_report.png")
    finally:
        server.terminate()
        server.wait()
    full = [screen for screen in screens(said) if any("p99" in line for line in screen)]
    prompt = "\x1b[2m$\x1b[0m holdfast " + shlex.join(ARGUMENTS)
    wrapped = prompt.replace(" --hold ", " \\\n    --hold ", 1).split("\n")
    (HERE / "live_screen.svg").write_text(svg_of(wrapped + full[int(len(full) * SHOWN_AT)]), encoding="utf-8")


if __name__ == "__main__":
    main()
