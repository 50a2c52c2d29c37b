"""Run a command on a new pseudo-terminal, driven by a script of steps on standard input (JSON), and report as JSON.

Steps: ["expect", text] waits until text has been printed since the last match; ["send", text] types; ["sleep", seconds];
["resize", rows, columns]; ["signal", name] to the command. Report: what was printed, how it ended, the terminal's
settings before and after.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

job = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    os.execvp(job["command"][0], job["command"])


def resize(rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def settings():
    iflag, oflag, cflag, lflag, *_ = termios.tcgetattr(fd)
    return [iflag, oflag, cflag, lflag]


resize(job.get("rows", 24), job.get("columns", 80))
before = settings()
deadline = time.monotonic() + job.get("timeout", 20)
printed = b""
seen = 0
failure = None


def read(wait):
    global printed
    ready, _, _ = select.select([fd], [], [], wait)
    if not ready:
        return True
    try:
        data = os.read(fd, 65536)
    except OSError:
        data = b""
    printed += data
    return data != b""


for step in job["steps"]:
    what = step[0]
    if what == "expect":
        want = step[1].encode()
        while (at := printed.find(want, seen)) < 0:
            if time.monotonic() > deadline or not read(0.05):
                failure = f"no {step[1]!r} in {printed[seen:].decode(errors='replace')!r}"
                break
        if failure:
            break
        seen = at + len(want)
    elif what == "send":
        os.write(fd, step[1].encode())
    elif what == "sleep":
        end = time.monotonic() + step[1]
        while time.monotonic() < end:
            read(0.02)
    elif what == "resize":
        resize(step[1], step[2])
    elif what == "signal":
        os.kill(pid, getattr(signal, step[1]))

status = None
while status is None:
    done, word = os.waitpid(pid, os.WNOHANG)
    if done:
        status = os.waitstatus_to_exitcode(word)
    elif failure or time.monotonic() > deadline:
        failure = failure or "it did not end"
        os.kill(pid, signal.SIGKILL)
    else:
        read(0.02)
# The other side is closed now, but the settings are still there.
after = settings()
while read(0):
    if not select.select([fd], [], [], 0)[0]:
        break
json.dump({"printed": printed.decode(errors="replace"), "status": status, "failure": failure,
           "restored": before == after}, sys.stdout)
