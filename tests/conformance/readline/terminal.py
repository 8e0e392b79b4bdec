"""Types each case's keys at a real bash in a pty, and gives what came to the screen: JSON in, JSON out."""
import base64, fcntl, json, os, pty, select, shutil, struct, sys, tempfile, termios, time
from concurrent.futures import ThreadPoolExecutor

READY = b'\x1b[?2004h'


def play(setup, pieces):
    home = tempfile.mkdtemp(prefix='podhop-readline-')
    for name, text in setup['files'].items():
        path = os.path.join(home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', setup['rows'], setup['columns'], 0, 0))
    attributes = termios.tcgetattr(slave)
    attributes[0] &= ~termios.IXON
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)
        os.closerange(3, 256)
        os.chdir(home)
        os.execve('/bin/bash', ['bash', '--noprofile', '--rcfile', os.path.join(home, '.bashrc'), '-i'],
                  {'HOME': home, 'PATH': '/usr/bin:/bin', 'TERM': 'xterm-256color', 'LC_ALL': 'C.UTF-8', 'INPUTRC': os.path.join(home, '.inputrc'), 'TZ': 'UTC'})
    os.close(slave)
    out = b''

    def read(until, limit):
        nonlocal out
        end = time.monotonic() + limit
        while time.monotonic() < end and not until():
            if select.select([master], [], [], 0.01)[0]:
                try:
                    out += os.read(master, 65536)
                except OSError:
                    return

    read(lambda: out.count(READY) >= 1, 5)
    quiet(master)
    for piece in pieces:
        before = out.count(READY)
        os.write(master, piece.encode())
        if piece.endswith(('\r', '\x03')):
            read(lambda: out.count(READY) > before, 0.6)
        else:
            read(lambda: False, 0.1)
    read(lambda: False, 0.05)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(master)
    shutil.rmtree(home, ignore_errors=True)
    return base64.b64encode(out.replace(home.encode(), b'HOME')).decode()


def quiet(fd):
    """Until bash reads keys itself the terminal echoes them."""
    for _ in range(100):
        if not termios.tcgetattr(fd)[3] & termios.ICANON:
            return
        time.sleep(0.005)


given = json.load(sys.stdin)
with ThreadPoolExecutor(8) as pool:
    json.dump(list(pool.map(lambda pieces: play(given['setup'], pieces), given['cases'])), sys.stdout)
