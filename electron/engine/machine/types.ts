import type { MemoryGroup } from './memory.ts'
import type { Clock } from '../clock.ts'
import type { NetworkNamespace } from '../network/types.ts'
import type { Suspension, Task, Thread } from './task.ts'

/** Contract of the simulated operating system: what programs see of the machine that they run on. */

/** An errno name as in errno(3); `message` is strerror's text ("No such file or directory"). */
export interface SystemError extends Error {
  code: string
}

export interface FileStat {
  type: 'file' | 'directory' | 'symlink' | 'device'
  mode: number
  uid: number
  gid: number
  size: number
  /** Virtual wall-clock ms. */
  mtime: number
  inode: number
  links: number
}

/** A virtual filesystem; nothing of the host is in it. Paths are absolute; errors are {@link SystemError}s. */
export interface Filesystem {
  /** Follows symlinks; `lstat` does not. */
  stat(path: string): FileStat
  lstat(path: string): FileStat
  exists(path: string): boolean
  readFile(path: string): Uint8Array
  readText(path: string): string
  /** Creates or replaces; the parent must exist. */
  writeFile(path: string, content: Uint8Array | string, mode?: number): void
  appendFile(path: string, content: Uint8Array | string): void
  /** Names, sorted. */
  readDirectory(path: string): string[]
  makeDirectory(path: string, options?: { parents?: boolean; mode?: number }): void
  remove(path: string, options?: { recursive?: boolean }): void
  rename(from: string, to: string): void
  symlink(target: string, path: string): void
  readLink(path: string): string
  realPath(path: string): string
  chmod(path: string, mode: number): void
  touch(path: string, mtime?: number): void
  chown(path: string, uid: number, gid: number): void
  /** A hard link: a second name for the file. */
  link(existing: string, path: string): void
  /** Makes the file an executable that runs the named program of the program table. */
  installProgram(path: string, program: string): void
  programAt(path: string): string | undefined
  /** A file whose content is computed at each read (/proc, /sys). `write` is absent where it is read-only. */
  installDynamic(path: string, read: () => string, write?: (text: string) => void): void
  /** Called after any change below `path`; returns what stops it. */
  onChange(listener: (path: string) => void): () => void
}

export type SignalName = 'SIGHUP' | 'SIGINT' | 'SIGQUIT' | 'SIGILL' | 'SIGTRAP' | 'SIGABRT' | 'SIGBUS' | 'SIGFPE' | 'SIGSEGV' | 'SIGSTKFLT' | 'SIGURG' | 'SIGXCPU' | 'SIGXFSZ' | 'SIGVTALRM' | 'SIGPROF' | 'SIGIO' | 'SIGPWR' | 'SIGSYS' | 'SIGKILL' | 'SIGPIPE' | 'SIGALRM' | 'SIGTERM' | 'SIGCHLD' | 'SIGCONT' | 'SIGSTOP' | 'SIGTSTP' | 'SIGTTIN' | 'SIGTTOU' | 'SIGWINCH' | 'SIGUSR1' | 'SIGUSR2'

/** An open file description: file, pipe end, terminal, /dev/null. Reference-counted by descriptors. */
export interface OpenFile {
  readonly kind: 'file' | 'pipe' | 'terminal' | 'null' | 'callback'
  /** Waits for data; null at the end of the file. */
  read(max?: number): Task<Uint8Array | null>
  /** Waits for room. Throws SystemError EPIPE (and the writer gets SIGPIPE) when nobody reads any more. */
  write(bytes: Uint8Array): Task<void>
  /** Whether a read would not wait; where this is not known it is absent. */
  readonly ready?: boolean
  /** Set for a terminal. */
  readonly terminal?: Terminal
  /** Set where lines may be written when somebody reads them. */
  readonly late?: LateOutput | undefined
  retain(): OpenFile
  release(): void
}

/** Output of which nobody may ever read a line: programs that repeat what thousands of others say make theirs on demand. */
export interface LateOutput {
  /** `settle` inserts what is missing: it is called before anybody reads. While somebody follows, the source does so by itself. */
  defer(source: { settle(): void; follow(on: boolean): void }): void
  /** A line (or several) as it was written at a wall-clock time, in ms. */
  insert(at: number, text: string): void
}

/** A pseudo-terminal: line discipline between a window (or kubectl on the other side) and processes. */
export interface Terminal {
  columns: number
  rows: number
  /** Canonical mode with echo and line editing (^H ^W ^U ^D ^C ^Z ^\); off: every byte goes to the reader. */
  canonical: boolean
  echo: boolean
  /** Whether ^C, ^Z and ^\ make signals. */
  signals: boolean
  /** OPOST and ONLCR: \n becomes \r\n on its way to the screen. Off while a remote terminal does it (kubectl exec -t). */
  postprocess?: boolean
  /** Where the screen's cursor is in its row, as far as the output tells. */
  readonly column: number
  foreground: ProcessGroup | undefined
  /** The session's leader (the login shell): it gets SIGHUP when the keyboard side goes away. */
  session: Process | undefined
  /** From the keyboard side. */
  input(bytes: Uint8Array | string): void
  resize(columns: number, rows: number): void
  /** The keyboard side went away: SIGHUP. */
  hangup(): void
  /** What the screen gets, with \n already turned to \r\n. */
  onOutput(listener: (bytes: Uint8Array) => void): () => void
  /** The process side; every call gives a new reference to the same open file. */
  open(): OpenFile
}

export interface ProcessGroup {
  readonly id: number
  readonly members: ReadonlySet<Process>
  signal(signal: SignalName): void
}

/** A program's main: returns the exit code. */
export type Program = (process: Process) => Task<number>

export interface SpawnOptions {
  /** argv[0] is the name it sees; the executable is found by PATH unless `executable` says where. */
  argv: string[]
  executable?: string
  /** Run this program instead of looking in the filesystem (the shell uses it for its own subshells). */
  program?: Program
  env?: ReadonlyMap<string, string>
  cwd?: string
  /** Descriptors of the child; the process takes its own references. */
  files: ReadonlyMap<number, OpenFile>
  /** A new process group, or one to join. Without it: the parent's. */
  group?: 'new' | ProcessGroup
  user?: Credentials
  /** Namespaces and rights that are not the machine's (nsenter, chroot into another root); children have them, too. */
  inside?: Inside
}

/** Where a process stands apart from its machine: in another network namespace, with another container's capabilities. */
export interface Inside {
  readonly network?: NetworkNamespace
  readonly capabilities?: ReadonlySet<string>
}

export type ExitStatus = { code: number; signal?: SignalName }

/** Whom a process runs as. `groups`: those besides its own one. */
export interface Credentials { uid: number; gid: number; name: string; groups?: readonly number[] }

export interface Process {
  readonly pid: number
  readonly parent: Process | undefined
  readonly machine: Machine
  readonly argv: readonly string[]
  readonly env: Map<string, string>
  readonly files: Map<number, OpenFile>
  /** setuid(2) and setgid(2) change it (gosu). */
  user: Credentials
  readonly startedAt: number
  readonly thread: Thread<number>
  cwd: string
  group: ProcessGroup
  /** Set once it ended: a signal death has code 128+n. */
  status: ExitStatus | undefined
  readonly stopped: boolean
  readonly clock: Clock
  readonly fs: Filesystem
  readonly network: NetworkNamespace
  /** What root may do here; absent: everything. */
  readonly capabilities?: ReadonlySet<string>

  /** An absolute path for one that may be relative to cwd. */
  resolve(path: string): string
  /** Opens a file for reading or writing on the filesystem; SystemError on failure. /dev/null, /dev/stdin… work. */
  open(path: string, mode: 'read' | 'write' | 'append' | 'both'): OpenFile
  read(fd?: number, max?: number): Task<Uint8Array | null>
  /** A line without its newline; null at the end. */
  readLine(fd?: number): Task<string | null>
  readAll(fd?: number): Task<Uint8Array>
  /** To stdout. */
  print(text: string | Uint8Array): Task<void>
  /** To stderr. */
  printError(text: string | Uint8Array): Task<void>
  /** The terminal behind a descriptor (default 0), if it is one: isatty. */
  terminalOf(fd?: number): Terminal | undefined
  /**
   * Waits; a signal with a handler ends it early. `background` (see Clock) is the default in containers and on nodes,
   * so that a server's pauses do not keep a cluster from settling; say false for a start-up that readiness waits for.
   */
  sleep(ms: number, options?: { background?: boolean }): Task<void>
  /** Runs another task beside the main one; it is killed when the process ends. */
  spawnThread<T>(task: Task<T>): Thread<T>
  /** Starts a child. Throws SystemError ENOENT or EACCES when there is nothing to run. */
  spawn(options: SpawnOptions): Process
  /** Becomes another program, as execve(2): `return yield* process.exec(…)`. The call itself throws as spawn does. */
  exec(options: Pick<SpawnOptions, 'argv' | 'executable' | 'env'>): Task<number>
  /** Waits for a child (or any process) to end. */
  wait(child: Process): Task<ExitStatus>
  /** A suspension that wakes when the process ends or stops. */
  changed(child: Process): Suspension
  signal(signal: SignalName): void
  /** Ends this process as exit(3) would, from a signal handler or a second thread. */
  exit(code: number): void
  /**
   * Overrides what a signal does; 'ignore', or undefined for the default. Returns the former handler.
   * As in Linux, process 1 of a container has no default actions: without a handler only SIGKILL ends it.
   */
  onSignal(signal: SignalName, handler: (() => void) | 'ignore' | undefined): (() => void) | 'ignore' | undefined
  /** Runs when the process ends, however it does (a killed process's sockets are closed so). */
  onExit(cleanup: () => void): void
}

/** Which processes see one another (pid_namespaces(7)). */
export interface PidNamespace {
  readonly processes: ReadonlyMap<number, Process>
  /** The next free number. */
  next(): number
  /** Everything that is seen in it, by number. */
  table(): ReadonlyMap<number, ProcessEntry>
}

/**
 * A line of the process table. On a node there are more than its own sessions: its services, and what runs in Pods, under
 * the numbers that they have on the node (pid_namespaces(7)).
 */
export interface ProcessEntry {
  readonly pid: number
  readonly ppid: number
  readonly argv: readonly string[]
  readonly user: Credentials
  /** Virtual ms. */
  readonly startedAt: number
  readonly stopped: boolean
  /** "pts/0", or "?". */
  readonly tty: string
  /** Where its files are. */
  readonly machine: Machine
  readonly network: NetworkNamespace
  /** Absent for what is only there to be seen (systemd). */
  readonly process?: Process
  signal(signal: SignalName): void
}

/** Network namespaces by name. */
export interface NetworkNames {
  /** The latest first. */
  list(): { name: string; network: NetworkNamespace }[]
  get(name: string): NetworkNamespace | undefined
  /** Throws SystemError EEXIST. */
  add(name: string): NetworkNamespace
  /** Throws SystemError ENOENT. */
  remove(name: string): void
}

/** A place where processes run: a node, the laptop, a container (its network namespace is its sandbox's). */
export interface Machine {
  readonly kind: 'laptop' | 'node' | 'container'
  /** "laptop", "worker-1", "default/web/nginx". */
  readonly name: string
  hostname: string
  readonly clock: Clock
  readonly fs: Filesystem
  readonly network: NetworkNamespace
  readonly programs: ProgramTable
  readonly processes: ReadonlyMap<number, Process>
  /** For another machine that is to share them. */
  readonly pids: PidNamespace
  /** Network namespaces that have a name on it (ip-netns(8)); a node's alone. */
  readonly netns?: NetworkNames | undefined
  /** Somebody looks at it: what nobody needs before is made now. */
  visit(): void
  /** Whom new sessions run as. */
  readonly user: Credentials
  /** What root may do here, by the names of capabilities(7); absent: everything. */
  readonly capabilities?: ReadonlySet<string>
  /** A container's memory. */
  readonly memory?: MemoryGroup
  /** Environment that a new session starts with. */
  readonly env: Map<string, string>
  /** Starts a process without a parent (a container's first, a login shell). Throws SystemError ENOENT/EACCES. */
  start(options: SpawnOptions): Process
  /** Kills everything with SIGKILL. */
  halt(): void
}

/** Programs by name: what executables in images and on machines stand for. Rooms above the engine add theirs. */
export interface ProgramTable {
  register(name: string, program: Program): void
  find(name: string): Program | undefined
  names(): string[]
}
