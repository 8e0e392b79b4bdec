import { Outlet } from '../kubernetes/kubelet/streams.ts'
import { SystemError } from '../machine/errors.ts'
import { CountedFile } from '../machine/files.ts'
import { createPipe } from '../machine/pipe.ts'
import { createTerminal } from '../machine/terminal.ts'
import type { Task } from '../machine/task.ts'
import type { Machine, OpenFile, Process, Terminal } from '../machine/types.ts'
import { Outbox, PACKET, WINDOW } from '../programs/ssh/outbox.ts'
import type { SshTransport } from '../programs/ssh/transport.ts'
import { SSH, SshWriter, type SshReader } from '../programs/ssh/wire.ts'

/** Whom a session is with: the variables that sshd sets for it (session.c, do_setup_env). */
export interface SshPeer { address: string; port: number; localAddress: string; localPort: number }

/** A process's stdout or stderr, which the channel carries; the other side may be gone. */
class ChannelFile extends CountedFile implements OpenFile {
  readonly kind = 'pipe'
  readonly #outbox: Outbox
  readonly #extended: boolean
  readonly #onClose: () => void
  /** Nobody reads it on the other side any more. */
  lost = false

  constructor(outbox: Outbox, extended: boolean, onClose: () => void) {
    super()
    this.#outbox = outbox
    this.#extended = extended
    this.#onClose = onClose
  }

  *read(): Task<Uint8Array | null> {
    return null
  }

  *write(bytes: Uint8Array): Task<void> {
    if (this.lost || this.#outbox.closed) throw new SystemError('EPIPE')
    yield* this.#outbox.write(bytes, this.#extended)
  }

  protected override closed(): void {
    this.#onClose()
  }
}

/** A channel of the kind "session" on the server's side (RFC 4254 6): a command or a shell, with a terminal or without. */
export class SshSession {
  readonly #machine: Machine
  readonly #transport: SshTransport
  readonly #peer: SshPeer
  readonly #recipient: number
  readonly #onClose: () => void
  readonly #outbox: Outbox
  readonly #env: Map<string, string>
  #terminal: Terminal | undefined
  #process: Process | undefined
  #input: { outlet: Outlet; end: () => void } | undefined
  #taken = 0
  #over = false

  /** `number` is the channel's here, `recipient` there. */
  constructor(machine: Machine, transport: SshTransport, peer: SshPeer, { number, recipient, window }: { number: number; recipient: number; window: number }, onClose: () => void) {
    this.#machine = machine
    this.#transport = transport
    this.#peer = peer
    this.#recipient = recipient
    this.#onClose = onClose
    this.#env = new Map(machine.env)
    this.#outbox = new Outbox(transport)
    transport.send(this.#say(SSH.channelOpenConfirmation).u32(number).u32(WINDOW).u32(PACKET).done())
    this.#outbox.open(recipient, window)
  }

  #say(type: number): SshWriter {
    return new SshWriter(type).u32(this.#recipient)
  }

  /** A message for this channel, its number read already. */
  take(type: number, fields: SshReader): void {
    switch (type) {
      case SSH.channelData: return this.#typed(fields.data())
      case SSH.channelWindowAdjust: return this.#outbox.adjust(fields.u32())
      case SSH.channelEof: return this.#inputEnds()
      case SSH.channelClose: return this.#close()
      case SSH.channelRequest: return this.#request(fields)
    }
  }

  drain(): void {
    this.#outbox.drain()
  }

  #request(fields: SshReader): void {
    const what = fields.text()
    const wantsReply = fields.flag()
    const done = this.#does(what, fields)
    if (wantsReply) this.#transport.send(this.#say(done ? SSH.channelSuccess : SSH.channelFailure).done())
  }

  #does(what: string, fields: SshReader): boolean {
    switch (what) {
      case 'pty-req': {
        if (this.#process || this.#terminal) return false
        this.#env.set('TERM', fields.text())
        this.#terminal = createTerminal(this.#machine.clock, { columns: fields.u32(), rows: fields.u32() })
        this.#terminal.onOutput((bytes) => this.#outbox.push(bytes))
        this.#env.set('SSH_TTY', '/dev/pts/0')
        return true
      }
      case 'window-change':
        this.#terminal?.resize(fields.u32(), fields.u32())
        return this.#terminal !== undefined
      // PROTOCOL 2.1: who reads stdout is gone, what comes of stderr may go on
      case 'eow@openssh.com':
        if (this.#stdout) this.#stdout.lost = true
        return true
      // a login shell, as session.c's do_child has it
      case 'shell': return this.#start(['-bash'])
      case 'exec': return this.#start(['bash', '-c', fields.text()])
      default: return false
    }
  }

  #start(argv: string[]): boolean {
    if (this.#process) return false
    const { address, port, localAddress, localPort } = this.#peer
    this.#env.set('SSH_CLIENT', `${address} ${port} ${localPort}`)
    this.#env.set('SSH_CONNECTION', `${address} ${port} ${localAddress} ${localPort}`)
    const files = this.#terminal ? this.#onTerminal(this.#terminal) : this.#onPipes()
    try {
      this.#machine.visit()
      const process = this.#machine.start({ argv, executable: 'bash', env: this.#env, cwd: '/root', group: 'new', files })
      this.#process = process
      if (this.#terminal) this.#terminal.foreground = process.group
      process.onExit(() => void this.#machine.clock.schedule(0, () => this.#exited()))
      return true
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      return false
    } finally {
      for (const file of files.values()) file.release()
    }
  }

  #onTerminal(terminal: Terminal): Map<number, OpenFile> {
    return new Map([0, 1, 2].map((fd) => [fd, terminal.open()]))
  }

  /** How many of stdout and stderr somebody still has: a session lasts until nobody has. */
  #outputs = 0
  #stdout: ChannelFile | undefined

  #onPipes(): Map<number, OpenFile> {
    const pipe = createPipe(this.#machine.clock)
    const outlet = new Outlet(this.#machine.clock, pipe.writer)
    pipe.writer.release()
    this.#input = { outlet, end: () => outlet.close() }
    const closed = (): void => {
      this.#outputs--
      this.#exited()
    }
    this.#outputs = 2
    this.#stdout = new ChannelFile(this.#outbox, false, closed)
    return new Map<number, OpenFile>([[0, pipe.reader], [1, this.#stdout], [2, new ChannelFile(this.#outbox, true, closed)]])
  }

  #typed(data: Uint8Array): void {
    this.#taken += data.length
    if (this.#terminal) {
      this.#terminal.input(data)
      return this.#acknowledge()
    }
    this.#input?.outlet.push(data)
    this.#input?.outlet.flush(() => this.#acknowledge())
  }

  /** What has been taken makes room for more, not for each key. */
  #acknowledge(): void {
    if (this.#taken < PACKET * 3 || this.#over) return
    this.#transport.send(this.#say(SSH.channelWindowAdjust).u32(this.#taken).done())
    this.#taken = 0
  }

  #inputEnds(): void {
    const input = this.#input
    input?.outlet.flush(input.end)
  }

  #exited(): void {
    const status = this.#process?.status
    if (!status || this.#over || this.#outputs > 0) return
    this.#over = true
    this.#outbox.flush(() => {
      this.#transport.send(this.#say(SSH.channelEof).done())
      const said = this.#say(SSH.channelRequest)
      if (status.signal) said.text('exit-signal').flag(false).text(status.signal.replace('SIG', '')).flag(false).text('').text('')
      else said.text('exit-status').flag(false).u32(status.code)
      this.#transport.send(said.done())
      this.#transport.send(this.#say(SSH.channelClose).done())
      this.#outbox.close()
      this.#input?.end()
      this.#terminal?.hangup()
    })
  }

  /** The other side has closed it, or is gone: a terminal hangs up, who has pipes finds them closed. */
  end(): void {
    this.#over = true
    this.#outbox.close()
    this.#input?.end()
    this.#terminal?.hangup()
  }

  #close(): void {
    if (!this.#over) this.#transport.send(this.#say(SSH.channelClose).done())
    this.end()
    this.#onClose()
  }
}
