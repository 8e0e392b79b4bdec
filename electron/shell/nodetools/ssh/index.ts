import { decodeUtf8, encodeUtf8, SSH_IDENTIFICATION, type Cluster, type Process, type Task } from '../../../engine/cluster.ts'
import { addressOf } from '../../nettools/names.ts'
import { TcpStream } from '../../nettools/stream.ts'
import { runOn } from '../run-on.ts'
import { settingsOf, type Settings } from './settings.ts'

const FAILED = 255
/** The name and the account of whom a node's authorized_keys let in. */
const ACCOUNT = 'root'

/**
 * ssh(1): from the laptop to a node, as an exam's first command has it. Its way there is a connection of its own, by packets, so
 * firewalls, policies and broken links have their say; what is said in the session is not carried by it. Nodes know the laptop's
 * key and no password, the laptop knows the nodes' keys.
 */
export function ssh(cluster: Cluster) {
  return function* (self: Process): Task<number> {
    const say = function* (text: string, code: number): Task<number> {
      yield* self.printError(text)
      return code
    }
    if (self.machine !== cluster.laptop) return yield* say('podhop: not simulated: ssh from here (use it on the laptop, or hop node NODE)\n', 69)
    const read = (path: string): string | undefined => {
      try {
        return decodeUtf8(self.fs.readFile(self.resolve(path)))
      } catch {
        return undefined
      }
    }
    const asked = settingsOf(self.argv.slice(1), { user: self.user.name, home: self.env.get('HOME') ?? '/' }, read)
    if ('say' in asked) return yield* say(asked.say, asked.code)
    const { settings } = asked
    const tell = function* (text: string): Task<number> {
      if (!settings.quiet) yield* self.printError(text)
      return FAILED
    }
    yield* self.printError(asked.warnings)
    const terminal = settings.terminal ?? settings.command.length === 0
    if (terminal && !self.terminalOf(0)) yield* tell('Pseudo-terminal will not be allocated because stdin is not a terminal.\n')
    const { host, port, user } = settings
    const found = yield* addressOf(self, host, settings.family)
    if ('error' in found) return yield* tell(`ssh: Could not resolve hostname ${host}: ${found.message}\n`)
    const stream = yield* TcpStream.open(self, found.address, port, settings.timeout === undefined ? {} : { timeout: settings.timeout })
    if (!(stream instanceof TcpStream)) return yield* tell(`ssh: connect to host ${host} port ${port}: ${stream.message}\n`)
    try {
      const node = (yield* greets(self, stream)) ? cluster.nodes.get(stream.journey?.to ?? '') : undefined
      if (!node) return yield* tell(`kex_exchange_identification: Connection closed by remote host\nConnection closed by ${found.address} port ${port}\n`)
      stream.write(encodeUtf8(`${SSH_IDENTIFICATION}\r\n`))
      if (user !== ACCOUNT) return yield* tell(`${user}@${host}: Permission denied (publickey).\n`)
      const code = yield* session(self, node, settings, terminal && self.terminalOf(0) !== undefined)
      if (!node.network.off) return code
      return yield* tell(`Connection to ${host} closed by remote host.\n`)
    } finally {
      stream.close()
    }
  }
}

/** Whether the other side says that it speaks SSH; lines before that are passed over (RFC 4253 4.2). */
function* greets(self: Process, stream: TcpStream): Task<boolean> {
  let heard = ''
  for (;;) {
    const data = yield* stream.read(self)
    if (!(data instanceof Uint8Array)) return false
    heard += decodeUtf8(data)
    if (/^SSH-2\.0-[^\n]*\n/m.test(heard)) return true
  }
}

function* session(self: Process, node: NonNullable<ReturnType<Cluster['nodes']['get']>>, { command, host, noInput, quiet }: Settings, terminal: boolean): Task<number> {
  const env = new Map(node.env)
  const name = self.env.get('TERM')
  if (terminal) env.set('TERM', name ?? 'xterm-256color')
  const argv = command.length === 0 ? ['bash'] : ['bash', '-c', command.join(' ')]
  const code = yield* runOn(self, node, { argv, env, cwd: '/root', files: terminal ? 'as they are' : noInput ? 'no input' : 'no terminal' })
  if (terminal && command.length === 0 && !quiet && !node.network.off) yield* self.printError(`Connection to ${host} closed.\n`)
  return code
}
