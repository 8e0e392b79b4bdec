/** Addresses of socat(1), 1.7.4.4 of Debian 12: "TCP-LISTEN:80,fork,reuseaddr". */
export interface SocatAddress { type: string; params: string[]; options: ReadonlyMap<string, string> }

/** A mistake, as socat's log tells it after "E ". */
export class SocatError extends Error {}
/** Known to socat, not to Podhop. */
export class SocatNotSimulated extends Error {}

/** Other names of the types that are simulated. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['-', 'STDIO'], ['STDIO', 'STDIO'], ['STDIN', 'STDIN'], ['STDOUT', 'STDOUT'], ['STDERR', 'STDERR'], ['PIPE', 'PIPE'], ['FIFO', 'PIPE'],
  ['EXEC', 'EXEC'], ['SYSTEM', 'SYSTEM'], ['OPEN', 'OPEN'], ['FILE', 'OPEN'], ['GOPEN', 'GOPEN'], ['CREATE', 'CREATE'], ['CREAT', 'CREATE'],
  ...['TCP', 'SCTP'].flatMap((p) => ['', '4', '6'].flatMap((f) => [`${p}${f}`, `${p}${f}-CONNECT`].map((n): [string, string] => [n, `${p}${f}`]))),
  ...['TCP', 'SCTP'].flatMap((p) => ['', '4', '6'].flatMap((f) => [`${p}${f}-LISTEN`, `${p}${f}-L`].map((n): [string, string] => [n, `${p}${f}-LISTEN`]))),
  ...['', '4', '6'].flatMap((f): [string, string][] => [[`UDP${f}`, `UDP${f}`], [`UDP${f}-CONNECT`, `UDP${f}`], [`UDP${f}-SENDTO`, `UDP${f}`], [`UDP${f}-LISTEN`, `UDP${f}-LISTEN`], [`UDP${f}-L`, `UDP${f}-LISTEN`], [`UDP${f}-RECVFROM`, `UDP${f}-RECVFROM`], [`UDP${f}-RECV`, `UDP${f}-RECV`]]),
])
const OTHER_TYPES = /^(ABSTRACT-.*|DCCP.*|FD|INTERFACE|IF|IP\d?-.*|IP\d?|OPENSSL.*|SSL.*|PROXY.*|PTY|READLINE|SOCKET-.*|SOCKS.*|TUN|UDP\d?-DATAGRAM|UDPLITE.*|UNIX.*|LOCAL|VSOCK-.*|POSIXMQ.*|SHELL)$/

/** Options that act here or have nothing to act upon; those that want a value. */
const OPTIONS: ReadonlyMap<string, string> = new Map([
  ['fork', 'fork'], ['reuseaddr', 'reuseaddr'], ['so-reuseaddr', 'reuseaddr'], ['reuseport', 'reuseaddr'], ['so-reuseport', 'reuseaddr'], ['bind', 'bind'], ['sourceport', 'sourceport'], ['sp', 'sourceport'], ['connect-timeout', 'connect-timeout'],
  ['keepalive', 'keepalive'], ['so-keepalive', 'keepalive'], ['nodelay', 'nodelay'], ['tcp-nodelay', 'nodelay'], ['stderr', 'stderr'], ['retry', 'retry'], ['interval', 'interval'], ['forever', 'forever'],
  ['append', 'append'], ['creat', 'creat'], ['create', 'creat'], ['trunc', 'trunc'], ['backlog', 'backlog'], ['nonblock', 'nonblock'], ['rdonly', 'rdonly'], ['wronly', 'wronly'],
])
const VALUES = new Set(['bind', 'sourceport', 'connect-timeout', 'retry', 'interval', 'backlog'])
const OTHER_OPTIONS = new Set([
  'range', 'tcpwrap', 'su', 'su-d', 'setuid', 'setgid', 'user', 'group', 'mode', 'umask', 'pty', 'ctty', 'setsid', 'pipes', 'fdin', 'fdout', 'nofork', 'raw', 'echo', 'icanon', 'echoctl', 'b9600', 'b115200', 'rawer', 'isig', 'link', 'wait-slave', 'unlink-early', 'unlink-close', 'verify', 'cert', 'key', 'cafile', 'capath', 'commonname', 'snihost', 'method', 'cipher', 'broadcast',
  'ip-add-membership', 'ip-multicast-ttl', 'ip-multicast-if', 'ip-transparent', 'ttl', 'ip-ttl', 'tos', 'ip-tos', 'so-mark', 'mark', 'bindtodevice', 'so-bindtodevice', 'if', 'max-children', 'children-max', 'accept-timeout', 'shut-none', 'shut-down', 'shut-close', 'shut-null', 'null-eof', 'end-close', 'readbytes', 'escape', 'cr', 'pf', 'ipv6only', 'ipv6-v6only', 'mss', 'sndbuf', 'rcvbuf', 'linger', 'linger2',
  'keepidle', 'keepintvl', 'keepcnt', 'lockfile', 'waitlock', 'chroot', 'chdir', 'cd', 'history', 'noecho', 'prompt', 'socksport', 'socksuser', 'proxyport', 'proxyauth', 'resolve', 'dash', 'login', 'sighup', 'sigint', 'sigquit', 'path', 'excl', 'o-nonblock', 'cloexec', 'lowport', 'setlk', 'flock', 'flock-ex', 'perm', 'perm-late', 'seek', 'seek-end', 'ignoreeof', 'crnl', 'crlf',
])

/** Cuts at a character that stands outside of quotes and brackets; quotes and backslashes go. */
function cut(text: string, at: string): string[] {
  const parts = ['']
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    const last = parts.length - 1
    if (c === '\\' && i + 1 < text.length) parts[last] += text[++i]!
    else if (c === '"' || c === "'") {
      for (i++; i < text.length && text[i] !== c; i++) parts[last] += c === '"' && text[i] === '\\' && i + 1 < text.length ? text[++i]! : text[i]!
    } else if (c === at && depth === 0) parts.push('')
    else {
      if ('[({'.includes(c)) depth++
      else if ('])}'.includes(c)) depth--
      parts[last] += c
    }
  }
  return parts
}

/** The end of the first part of an address: where its options begin. */
function optionsAt(text: string): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '\\') i++
    else if (c === '"' || c === "'") {
      const end = text.indexOf(c, i + 1)
      i = end < 0 ? text.length : end
    } else if ('[({'.includes(c)) depth++
    else if ('])}'.includes(c)) depth--
    else if (c === ',' && depth <= 0) return i
  }
  return text.length
}

const COUNTS: Readonly<Record<string, readonly [least: number, most: number]>> = { STDIO: [0, 0], STDIN: [0, 0], STDOUT: [0, 0], STDERR: [0, 0], PIPE: [0, 1], EXEC: [1, 1], SYSTEM: [1, 1], OPEN: [1, 1], GOPEN: [1, 1], CREATE: [1, 1] }

/** Throws SocatError and SocatNotSimulated. */
export function parseAddress(text: string): SocatAddress {
  if (text.includes('!!')) throw new SocatNotSimulated('two addresses joined by !! (use -u, or one address)')
  const end = optionsAt(text)
  const head = text.slice(0, end)
  const colon = head.indexOf(':')
  const slash = head.indexOf('/')
  const given = colon < 0 ? head : head.slice(0, colon)
  const isPath = slash >= 0 && (colon < 0 || slash < colon)
  const type = isPath ? 'GOPEN' : ALIASES.get(given.toUpperCase())
  if (type === undefined) {
    if (OTHER_TYPES.test(given.toUpperCase()) || /^\d+$/.test(given)) throw new SocatNotSimulated(`socat ${given.toUpperCase()} (use -, TCP, TCP-LISTEN, UDP, UDP-LISTEN, UDP-RECVFROM, SCTP, EXEC, SYSTEM, OPEN or PIPE)`)
    throw new SocatError(`unknown device/address "${given}"`)
  }
  const rest = isPath ? head : colon < 0 ? undefined : head.slice(colon + 1)
  // commands and paths have colons of their own
  const params = rest === undefined ? [] : ['EXEC', 'SYSTEM', 'OPEN', 'GOPEN', 'CREATE', 'PIPE'].includes(type) ? cut(rest, '\0') : cut(rest, ':')
  const [least, most] = COUNTS[type] ?? (/-(LISTEN|RECV|RECVFROM)$/.test(type) ? [1, 1] : [2, 2])
  const options = new Map<string, string>()
  for (const word of end === text.length ? [] : cut(text.slice(end + 1), ',')) {
    if (word === '') continue
    const equals = word.indexOf('=')
    const name = (equals < 0 ? word : word.slice(0, equals)).toLowerCase()
    const known = OPTIONS.get(name)
    if (known === undefined && OTHER_OPTIONS.has(name)) throw new SocatNotSimulated(`socat's option ${name} (leave it out)`)
    if (known === undefined) throw new SocatError(`parseopts_table(): unknown option "${name}"`)
    if (VALUES.has(known) && equals < 0) throw new SocatError(`option "${name}": value required`)
    options.set(known, equals < 0 ? '' : word.slice(equals + 1))
  }
  if (params.length < least || params.length > most) throw new SocatError(`${given.toUpperCase()}: wrong number of parameters (${params.length} instead of ${least})`)
  if (type === 'PIPE' && params.length > 0) throw new SocatNotSimulated('socat PIPE:FILE (use PIPE without a name)')
  return { type, params, options }
}
