import type { Machine } from '../machine/types.ts'
import type { TcpConnection } from '../network/types.ts'
import { SshTransport } from '../programs/ssh/transport.ts'
import { SSH, SshWriter, type SshReader } from '../programs/ssh/wire.ts'
import { SshSession } from './ssh-session.ts'

const SSH_PORT = 22
export const SSHD_PID = 458
export const SSH_IDENTIFICATION = 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6'
/** LoginGraceTime of sshd_config(5), ms: who has not said who he is by then is hung up on. */
const GRACE = 120_000
/** listen(2)'s second argument in sshd.c. */
const BACKLOG = 128
/** TCPKeepAlive, with tcp(7)'s times: who is silently gone is given up after two hours. */
export const SSH_KEEP_ALIVE = { idle: 7_200_000, interval: 75_000, count: 9 }
/** Whose authorized_keys let somebody in, and how. */
const ACCOUNT = 'root'
const METHODS = 'publickey'
const SERVICES = ['ssh-userauth', 'ssh-connection']
/** MaxSessions of sshd_config(5), and SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, SSH_OPEN_UNKNOWN_CHANNEL_TYPE (RFC 4254 5.1). */
const MOST_SESSIONS = 10
const PROHIBITED = 1
const UNKNOWN = 3
const CHANNEL_OPEN_FAILURE = 92

/** To be called at each start of the machine. What is returned ends it as a power cut does: nobody is told. */
export function serveSsh(machine: Machine): () => void {
  const { clock, network } = machine
  const connections = new Map<TcpConnection, SshConnection>()
  const owner = { pid: SSHD_PID, program: 'sshd' }
  const accept = (connection: TcpConnection): void => {
    // who broke it before he was accepted hears nothing; who has only said all that he has to say does
    if (connection.state !== 'ESTAB' && connection.state !== 'CLOSE-WAIT') return connection.abort()
    connection.keepAlive?.(SSH_KEEP_ALIVE)
    const grace = clock.schedule(GRACE, () => connections.get(connection)?.hangUp(), { background: true })
    let over = false
    const served = new SshConnection(machine, connection, () => {
      over = true
      connections.delete(connection)
      clock.cancel(grace)
    }, () => clock.cancel(grace))
    // a stranger may have said enough already
    if (!over) connections.set(connection, served)
  }
  const listeners = (network.ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0']).map((address) => network.sockets.listen({ port: SSH_PORT, address, v6only: address === '::', owner, backlog: BACKLOG }, accept))
  return () => {
    for (const listener of listeners) listener.close()
    for (const [connection, served] of connections) {
      served.forget()
      connection.abort()
    }
  }
}

/** One client of a node's OpenSSH server: who it is (RFC 4252), and its sessions (RFC 4254). */
class SshConnection {
  readonly #machine: Machine
  readonly #connection: TcpConnection
  readonly #transport: SshTransport
  readonly #onKnown: () => void
  readonly #onOver: () => void
  readonly #sessions = new Map<number, SshSession>()
  #known = false

  constructor(machine: Machine, connection: TcpConnection, onOver: () => void, onKnown: () => void) {
    this.#machine = machine
    this.#connection = connection
    this.#onKnown = onKnown
    this.#onOver = onOver
    this.#transport = new SshTransport(connection, { role: 'server', identification: SSH_IDENTIFICATION, random: machine.clock.random }, {
      onReady: () => this.#transport.send(new SshWriter(SSH.extInfo).u32(1).text('server-sig-algs').text('ssh-ed25519,rsa-sha2-512,rsa-sha2-256').done()),
      onMessage: (type, fields) => this.#message(type, fields),
      onDrain: () => this.#sessions.forEach((session) => session.drain()),
      onOver: () => this.#over(),
    })
  }

  hangUp(): void {
    this.#transport.end()
    this.#over()
  }

  /** The machine has no power: its sessions end with it. */
  forget(): void {
    for (const session of this.#sessions.values()) session.end()
    this.#sessions.clear()
  }

  #over(): void {
    this.forget()
    this.#onOver()
  }

  #message(type: number, fields: SshReader): void {
    if (type === SSH.serviceRequest) {
      const service = fields.text()
      return SERVICES.includes(service) ? this.#transport.send(new SshWriter(SSH.serviceAccept).text(service).done()) : this.hangUp()
    }
    if (type === SSH.userauthRequest) return this.#authenticate(fields)
    if (!this.#known) return this.hangUp()
    if (type === SSH.globalRequest) {
      fields.text()
      if (fields.flag()) this.#transport.send(new SshWriter(SSH.requestFailure).done())
    } else if (type === SSH.channelOpen) this.#open(fields)
    else if (type > SSH.channelOpen) this.#sessions.get(fields.u32())?.take(type, fields)
  }

  /** A key is asked about first, then shown with a signature (RFC 4252 7). */
  #authenticate(fields: SshReader): void {
    if (this.#known) return
    const user = fields.text()
    fields.data()
    const method = fields.text()
    if (user !== ACCOUNT || method !== METHODS) return this.#transport.send(new SshWriter(SSH.userauthFailure).text(METHODS).flag(false).done())
    const signed = fields.flag()
    const algorithm = fields.data()
    if (!signed) return this.#transport.send(new SshWriter(SSH.userauthPkOk).text(algorithm).text(fields.data()).done())
    this.#known = true
    this.#onKnown()
    this.#transport.send(new SshWriter(SSH.userauthSuccess).done())
  }

  #open(fields: SshReader): void {
    const kind = fields.text()
    const recipient = fields.u32()
    const window = fields.u32()
    const number = [...Array(MOST_SESSIONS).keys()].find((n) => !this.#sessions.has(n))
    if (kind !== 'session' || number === undefined) {
      return this.#transport.send(new SshWriter(CHANNEL_OPEN_FAILURE).u32(recipient).u32(kind === 'session' ? PROHIBITED : UNKNOWN).text('open failed').text('').done())
    }
    const { remoteAddress, remotePort, localAddress, localPort } = this.#connection
    this.#sessions.set(number, new SshSession(this.#machine, this.#transport, { address: remoteAddress, port: remotePort, localAddress, localPort }, { number, recipient, window }, () => this.#sessions.delete(number)))
  }
}
