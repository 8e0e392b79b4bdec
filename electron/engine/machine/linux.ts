import type { MemoryFilesystem } from './filesystem.ts'

export interface LinuxTree {
  hostname?: string
  /** Besides root; gets a home directory. */
  user?: { uid: number; gid: number; name: string; home: string; shell?: string }
}

/** What Debian's /etc/bash.bashrc makes of the prompt. */
export const BASHRC = "PS1='\\u@\\h:\\w\\$ '\n"

/** What Debian's readline-common makes of the keys. */
const INPUTRC = `set input-meta on
set output-meta on

$if mode=emacs

"\\e[1~": beginning-of-line
"\\e[4~": end-of-line
"\\e[3~": delete-char
"\\e[2~": quoted-insert
"\\e[1;5C": forward-word
"\\e[1;5D": backward-word
"\\e[5C": forward-word
"\\e[5D": backward-word
"\\e\\e[C": forward-word
"\\e\\e[D": backward-word

$endif
`

/** The directories, devices and account files that any Linux root has (hier(7)). */
export function layOutLinux(fs: MemoryFilesystem, tree: LinuxTree = {}): void {
  for (const directory of ['/bin', '/dev', '/etc', '/home', '/opt', '/run', '/sbin', '/srv', '/sys/fs/bpf', '/usr/bin', '/usr/lib', '/usr/local/bin', '/usr/sbin', '/usr/share', '/var/lib', '/var/log', '/var/run']) {
    fs.makeDirectory(directory, { parents: true })
  }
  fs.makeDirectory('/root', { mode: 0o700 })
  for (const directory of ['/tmp', '/var/tmp']) fs.makeDirectory(directory, { mode: 0o1777 })
  for (const device of ['null', 'zero', 'full', 'tty', 'stdin', 'stdout', 'stderr'] as const) fs.installDevice(`/dev/${device}`, device)
  for (const name of ['random', 'urandom']) fs.installDevice(`/dev/${name}`, 'random')
  fs.writeFile('/etc/bash.bashrc', BASHRC)
  fs.writeFile('/etc/inputrc', INPUTRC)
  const { user } = tree
  const shell = user?.shell ?? '/bin/bash'
  fs.writeFile('/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n' + (user ? `${user.name}:x:${user.uid}:${user.gid}::${user.home}:${shell}\n` : ''))
  fs.writeFile('/etc/group', 'root:x:0:\n' + (user ? `${user.name}:x:${user.gid}:\n` : ''))
  if (tree.hostname) fs.writeFile('/etc/hostname', tree.hostname + '\n')
  if (user) {
    fs.makeDirectory(user.home, { parents: true })
    fs.chown(user.home, user.uid, user.gid)
  }
}
