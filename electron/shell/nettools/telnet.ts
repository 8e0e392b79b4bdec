import { decodeUtf8, encodeUtf8, type Process, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'
import { addressOf } from './names.ts'
import { servicePorts } from './services.ts'
import { TcpStream } from './stream.ts'

const LONG = {
  ipv4: '4', ipv6: '6', binary: '8', login: 'a', bind: 'b', 'no-rc': 'c', debug: 'd', escape: 'e', 'no-escape': 'E', 'no-login': 'K', user: 'l', 'binary-output': 'L', trace: 'n', rlogin: 'r', encrypt: 'x', realm: 'k', 'disable-auth': 'X', help: '?', usage: '!', version: 'V',
}
const HELP = `Usage: telnet [OPTION...] [HOST [PORT]]
Login to remote system HOST (optionally, on service port PORT)

 General options:

  -4, --ipv4                 use only IPv4
  -6, --ipv6                 use only IPv6
  -8, --binary               use an 8-bit data transmission
  -a, --login                attempt automatic login
  -b, --bind=ADDRESS         bind to specific local ADDRESS
  -c, --no-rc                do not read the user's .telnetrc file
  -d, --debug                turn on debugging
  -e, --escape=CHAR          use CHAR as an escape character
  -E, --no-escape            use no escape character
  -K, --no-login             do not automatically login to the remote system
  -l, --user=USER            attempt automatic login as USER
  -L, --binary-output        use an 8-bit data transmission for output only
  -n, --trace=FILE           record trace information into FILE
  -r, --rlogin               use a user-interface similar to rlogin

 Encryption control:

  -x, --encrypt              encrypt the data stream, if possible

 Authentication and Kerberos options:

  -k, --realm=REALM          obtain tickets for the remote host in REALM
                             instead of the remote host's realm
  -X, --disable-auth=ATYPE   disable type ATYPE authentication

  -?, --help                 give this help list
      --usage                give a short usage message
  -V, --version              print program version

Mandatory or optional arguments to long options are also mandatory or optional
for any corresponding short options.

Report bugs to <bug-inetutils@gnu.org>.
`
const USAGE = `Usage: telnet [-468acdEKLrx?V] [-b ADDRESS] [-e CHAR] [-l USER] [-n FILE]
            [-k REALM] [-X ATYPE] [--ipv4] [--ipv6] [--binary] [--login]
            [--bind=ADDRESS] [--no-rc] [--debug] [--escape=CHAR] [--no-escape]
            [--no-login] [--user=USER] [--binary-output] [--trace=FILE]
            [--rlogin] [--encrypt] [--realm=REALM] [--disable-auth=ATYPE]
            [--help] [--usage] [--version] [HOST [PORT]]
`
const VERSION = `telnet (GNU inetutils) 2.4
Copyright (C) 2022 Free Software Foundation, Inc.
License GPLv3+: GNU GPL version 3 or later <https://gnu.org/licenses/gpl.html>.
This is free software: you are free to change and redistribute it.
There is NO WARRANTY, to the extent permitted by law.

Written by many authors.
`
const ESCAPE = '\x1d'
/** RFC 854 */
const IAC = 255

/** telnet(1) of inetutils 2.4, which Debian 12's package telnet brings. */
export const telnet = (process: Process): Task<number> => run(process, false)
export const busyboxTelnet = (process: Process): Task<number> => run(process, true)

function* run(process: Process, busybox: boolean): Task<number> {
  const parsed = getopt(process.argv.slice(1), busybox ? 'al:' : '468aEKLxcdrk:X:l:n:e:b:?V!', busybox ? {} : LONG)
  const fail = function* (text: string, code = 1): Task<number> {
    yield* process.printError(text)
    return code
  }
  if ('invalid' in parsed || 'missing' in parsed) {
    const what = parsed.text
    return yield* fail(busybox ? `telnet: ${'invalid' in parsed ? `unrecognized option: ${parsed.invalid}` : what}\nBusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: telnet [-a] [-l USER] HOST [PORT]\n` : `telnet: ${what}\nTry 'telnet --help' or 'telnet --usage' for more information.\n`, busybox ? 1 : 64)
  }
  const shown = busybox ? undefined : parsed.options.find((o) => '?!V'.includes(o.name))?.name
  if (shown !== undefined) {
    yield* process.print(shown === '?' ? HELP : shown === '!' ? USAGE : VERSION)
    return 0
  }
  // who logs in is told to servers that ask, and every option of theirs is refused here
  const option = parsed.options.find((o) => !'468EaKlcdbeLX'.includes(o.name))
  if (option) return yield* fail(`podhop: not simulated: telnet -${option.name} (use telnet HOST PORT)\n`, 69)
  const escape = busybox ? ESCAPE : escapeOf(parsed.options)
  const [host, service = '23'] = parsed.operands as [string?, string?]
  if (host === undefined) return yield* fail(busybox ? 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: telnet [-a] [-l USER] HOST [PORT]\n' : "podhop: not simulated: telnet's own prompt (use telnet HOST PORT)\n", busybox ? 1 : 69)
  if (parsed.operands.length > 2 && !busybox) return yield* fail('telnet: too many arguments\n')
  if (!busybox && /^-?\d+$/.test(service) && !(Number(service) > 0 && Number(service) < 65_536)) {
    yield* process.print(`Port number ${service} is out of range.\n`)
    return 1
  }
  if (!busybox && parsed.options.some((o) => o.name === 'e')) yield* process.print(`Telnet escape character is '${shownEscape(escape)}'.\n`)
  const port = /^\d+$/.test(service) ? Number(service) : servicePorts(service).tcp
  const family = parsed.options.some((o) => o.name === '6') ? 6 : parsed.options.some((o) => o.name === '4') ? 4 : undefined
  const lookUp = function* (text: string): Task<number> {
    yield* process.print(`Server lookup failure:  ${host}:${service === '23' ? 'telnet' : service}, ${text}\n`)
    return 1
  }
  if (port === undefined) return busybox ? yield* fail(`telnet: bad port '${service}'\n`) : yield* lookUp('Servname not supported for ai_socktype')
  const found = yield* addressOf(process, host, family)
  if ('error' in found) return busybox ? yield* fail(`telnet: bad address '${host}'\n`) : yield* lookUp(found.message)
  if (family === 6 && !found.address.includes(':')) return yield* lookUp('Address family for hostname not supported')
  if (!busybox) yield* process.print(`Trying ${found.address}...\n`)
  const source = parsed.options.findLast((o) => o.name === 'b')?.value
  if (source !== undefined && !process.network.isLocal(source)) return yield* fail('telnet: bind: Cannot assign requested address\n')
  const stream = yield* TcpStream.open(process, found.address, port, source === undefined ? {} : { source })
  if (!(stream instanceof TcpStream)) return yield* fail(busybox ? `telnet: can't connect to remote host (${found.address}): ${stream.message}\n` : `telnet: Unable to connect to remote host: ${stream.message}\n`)
  yield* process.print(busybox ? `Connected to ${host}\n${process.terminalOf() ? "\r\nEntering character mode\nEscape character is '^]'.\n\r" : ''}` : `Connected to ${host}.\nEscape character is '${shownEscape(escape)}'.\n`)
  return yield* talk(process, stream, busybox, escape)
}

/** -e and -E; "^X" is a control character. Undefined: none. */
function escapeOf(options: readonly { name: string; value: string }[]): string | undefined {
  const last = options.findLast((o) => o.name === 'e' || o.name === 'E')
  if (!last) return ESCAPE
  if (last.name === 'E' || last.value === '') return undefined
  return /^\^./.test(last.value) ? String.fromCharCode(last.value[1] === '?' ? 127 : last.value.charCodeAt(1) & 31) : last.value[0]!
}

function shownEscape(escape: string | undefined): string {
  if (escape === undefined) return 'off'
  return escape === '\x7f' ? '^?' : escape < ' ' ? `^${String.fromCharCode(escape.charCodeAt(0) + 64)}` : escape
}

function* talk(process: Process, stream: TcpStream, busybox: boolean, escape: string | undefined): Task<number> {
  let closedHere = false
  const keyboard = process.spawnThread(
    (function* (): Task {
      for (;;) {
        const data = yield* process.read(0)
        if (data === null) {
          // both leave when nothing more can be typed, whatever has yet to come
          stream.close()
          break
        }
        const text = decodeUtf8(data)
        if (process.terminalOf() && escape !== undefined && text.includes(escape)) {
          if (!(yield* commands(process))) continue
          closedHere = true
          stream.close()
          break
        }
        stream.write(encodeUtf8(text.replace(/\r?\n/g, '\r\n')))
      }
    })(),
  )
  try {
    for (;;) {
      const data = yield* stream.read(process)
      if (!(data instanceof Uint8Array)) break
      yield* process.print(withoutCommands(data, stream))
    }
  } finally {
    keyboard.kill()
    stream.close()
  }
  if (closedHere) yield* process.print('Connection closed.\n')
  else if (busybox) yield* process.printError(process.terminalOf() ? 'Connection closed by foreign host\n' : '')
  else yield* process.printError('Connection closed by foreign host.\n')
  return busybox && process.terminalOf() ? 1 : 0
}

/** The prompt behind ^]; true when the connection is to be closed. */
function* commands(process: Process): Task<boolean> {
  for (;;) {
    yield* process.print('\ntelnet> ')
    const line = (yield* process.readLine(0))?.trim()
    if (line === undefined || (line !== '' && ('quit'.startsWith(line) || 'close'.startsWith(line)))) return true
    if (line === '') return false
    yield* process.print(line === 'help' || line === '?' ? 'Commands may be abbreviated.  Commands are:\n\nclose\t\tclose current connection\nquit\t\texit telnet\n' : '?Invalid command\n')
  }
}

/** Takes the protocol's own commands out of the stream and refuses every option (RFC 854: WON'T and DON'T). */
function withoutCommands(data: Uint8Array, stream: TcpStream): Uint8Array {
  if (!data.includes(IAC)) return data
  const out: number[] = []
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== IAC) out.push(data[i]!)
    else if (data[i + 1] === IAC) out.push(data[++i]!)
    else {
      const [verb, option] = [data[i + 1], data[i + 2]]
      if ((verb === 253 || verb === 251) && option !== undefined) stream.write(Uint8Array.of(IAC, verb === 253 ? 252 : 254, option))
      i += verb !== undefined && verb >= 251 ? 2 : 1
    }
  }
  return Uint8Array.from(out)
}
