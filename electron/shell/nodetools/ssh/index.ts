import { decodeUtf8, SSH_KEEP_ALIVE, type Cluster, type Process, type Task } from '../../../engine/cluster.ts'
import { addressOf } from '../../nettools/names.ts'
import { TcpStream } from '../../nettools/stream.ts'
import { SshClient } from './client.ts'
import { session } from './session.ts'
import { settingsOf } from './settings.ts'

const FAILED = 255

/**
 * ssh(1): from the laptop to a node, as an exam's first command has it. All that is said in the session goes by packets, so firewalls,
 * policies and broken links have their say at any time. Nodes know the laptop's key and no password, the laptop knows the nodes' keys.
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
    const deadline = self.clock.now + (settings.timeout ?? Infinity)
    const stream = yield* TcpStream.open(self, found.address, port, settings.timeout === undefined ? {} : { timeout: settings.timeout })
    if (!(stream instanceof TcpStream)) return yield* tell(`ssh: connect to host ${host} port ${port}: ${stream.message}\n`)
    const where = `${found.address} port ${port}`
    try {
      stream.connection.keepAlive?.(SSH_KEEP_ALIVE)
      const client = yield* SshClient.greet(self, stream, deadline)
      if ('late' in client) return yield* tell(client.late ? `Connection timed out during banner exchange\nConnection to ${where} timed out\n` : `kex_exchange_identification: Connection closed by remote host\nConnection closed by ${where}\n`)
      const known = yield* client.authenticate(self, user)
      if (typeof known === 'object') return yield* tell(known.error ? `Connection reset by ${where}\n` : `Connection closed by ${where}\n`)
      if (!known) {
        client.transport.end()
        return yield* tell(`${user}@${host}: Permission denied (publickey).\n`)
      }
      return yield* session(self, client, settings, terminal ? self.terminalOf(0) : undefined)
    } finally {
      stream.close()
    }
  }
}
