#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# Types lines and a tab into a shell that has our completions, and prints those that did not become what they should.
# usage: completion_shells.py bash|zsh|fish FOLDER      the folder has t.skbx, t.txt, cap.pcapng and so on
import os
import pty
import re
import select
import sys
import time

shell, folder = sys.argv[1:]
root = os.getcwd()
programs = {"bash": ["bash", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}
begins = {
    "bash": f"PS1=; bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous on'; . {root}/completions/skbox.bash",
    "zsh": f"PS1=; unsetopt zle_bracketed_paste; fpath=({root}/completions $fpath); autoload -Uz compinit; compinit -u -D",
    "fish": f"function fish_prompt; end; source {root}/completions/skbox.fish",
}
lines = [
    ("skbox sock", "sockets "),
    ("skbox help pri", "print "),
    ("skbox print --form", "--format "),
    ("skbox print --layout=cl", "--layout=classic "),
    ("skbox json --shape fir", "firefly "),
    ("skbox print -w drop.rea", "drop.reason "),
    ("skbox stats --by drop.reason,dev.na", "drop.reason,dev.name "),
    ("skbox print t", "t.skbx "),
    ("skbox stats cap", "cap.pcapng "),
    ("skbox check ru", "rules.yaml "),
    ("skbox check no-dr", "no-drops "),
    ("skbox check no-drops,tcp-h", "no-drops,tcp-handshake "),
    ("skbox check rules.yaml t", "t.skbx "),
    ("skbox-capture --profile tcp-h", "tcp-health "),
    ("skbox-capture --profile ./pr", "./profile.yaml "),
    ("skbox-capture --netns al", "all "),
    ("skbox capture -p kpr", "kprobe:"),
]
if os.access("/sys/kernel/btf/vmlinux", os.R_OK):
    lines += [
        ("skbox-capture -p tp:net:netif_receive_skb_e", "tp:net:netif_receive_skb_entry "),
        ("skbox-capture --probe=tp:net:net_dev_q", "--probe=tp:net:net_dev_queue "),
        ("skbox capture -p tp:skb:kf", "tp:skb:kfree_skb "),
    ]

pid, fd = pty.fork()
if pid == 0:
    os.chdir(folder)
    # (fish asks a terminal that it takes for a clever one what it can, and waits)
    os.environ.update(TERM="xterm" if shell == "fish" else "dumb", PATH=f"{root}/build:" + os.environ["PATH"], LINES="50", COLUMNS="200", HOME=folder)
    os.execvp(programs[shell][0], programs[shell])

seen = b""


def plain():
    """What a person would see: without escapes, and without what was typed over."""
    text = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()=>][0-9A-B]?|[\r\x07]", b"", seen).decode(errors="replace")
    while "\b" in text:
        text = re.sub("[^\b]\b|^\b", "", text, count=1)
    return text


def read_until(done, seconds):
    global seen
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                return


os.write(fd, (begins[shell] + "; echo rea''dy\n").encode())
read_until(lambda: b"ready\r\n" in seen, 20)
for line, want in lines:
    head = line[: line.rindex(" ") + 1]
    seen = b""
    os.write(fd, line.encode() + b"\t")
    read_until(lambda: head + want in plain(), 10)
    if head + want not in plain():
        print(f"{line} -> {plain()[-160:]!r}")
    os.write(fd, b"\x15\n")  # away with the line, and a new one
    read_until(lambda: False, 0.15)
os.close(fd)
os.waitpid(pid, 0)
