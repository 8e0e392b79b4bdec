import { encodeUtf8, Outbox, pumpFile, Signal, SSH, SSH_PACKET, SSH_WINDOW, SshWriter, Thread, type Process, type Task, type Terminal } from '../../../engine/cluster.ts'
import type { SshClient } from './client.ts'
import { Escapes } from './escapes.ts'
import { Screen } from './screen.ts'
import type { Settings } from './settings.ts'

const FAILED = 255
/** The one channel's number here. */
const CHANNEL = 0

/** Runs what is wanted in a session of its own and gives its status: RFC 4254 6, clientloop.c. The terminal is raw meanwhile. */
export function* session(self: Process, client: SshClient, settings: Settings, terminal: Terminal | undefined): Task<number> {
  const saved = terminal && { canonical: terminal.canonical, echo: terminal.echo, signals: terminal.signals, postprocess: terminal.postprocess }
  const talk = new Talk(self, client, settings, terminal)
  try {
    return yield* talk.run()
  } finally {
    talk.close()
    if (terminal && saved) {
      Object.assign(terminal, saved)
      self.onSignal('SIGWINCH', undefined)
    }
  }
}

class Talk {
  readonly #self: Process
  readonly #client: SshClient
  readonly #settings: Settings
  readonly #terminal: Terminal | undefined
  readonly #outbox: Outbox
  readonly #out: Screen
  readonly #err: Screen
  #input: Thread<void> | undefined
  #recipient = 0
  #taken = 0
  /** exit-status; none when a signal has ended it. */
  #status = FAILED
  #escaped = false

  constructor(self: Process, client: SshClient, settings: Settings, terminal: Terminal | undefined) {
    this.#self = self
    this.#client = client
    this.#settings = settings
    this.#terminal = terminal
    this.#outbox = new Outbox(client.transport)
    // who reads no more is told to the other side, whose program finds its pipe broken
    const lost = (): void => client.transport.send(this.#say(SSH.channelRequest).text('eow@openssh.com').flag(false).done())
    this.#out = new Screen(self.clock, self.files.get(1), lost)
    this.#err = new Screen(self.clock, self.files.get(2), () => undefined)
    client.onDrain = () => this.#outbox.drain()
    client.transport.send(new SshWriter(SSH.channelOpen).text('session').u32(CHANNEL).u32(SSH_WINDOW).u32(SSH_PACKET).done())
  }

  close(): void {
    this.#input?.kill()
    this.#outbox.close()
    this.#out.close()
    this.#err.close()
  }

  *run(): Task<number> {
    const { clock } = this.#self
    const { aliveInterval, aliveCount, host, quiet } = this.#settings
    let missed = 0
    for (;;) {
      const heard = yield* this.#client.next(this.#self, aliveInterval > 0 ? clock.now + aliveInterval : Infinity)
      if (this.#escaped) return yield* this.#farewell('')
      if (!heard) {
        if (++missed > aliveCount) {
          yield* this.#finish()
          if (!quiet) yield* this.#self.printError(this.#line(`Timeout, server ${host} not responding.`))
          return FAILED
        }
        this.#client.transport.send(new SshWriter(SSH.globalRequest).text('keepalive@openssh.com').flag(true).done())
        continue
      }
      missed = 0
      if ('over' in heard) return yield* this.#farewell(heard.error ? `Read from remote host ${host}: ${heard.error.message}` : `Connection to ${host} closed by remote host.`)
      const { type, fields } = heard
      if (type < SSH.channelOpen) continue
      if (type === 92) {
        yield* this.#self.printError(`channel ${CHANNEL}: open failed: administratively prohibited: open failed\n`)
        return FAILED
      }
      fields.u32()
      if (type === SSH.channelOpenConfirmation) {
        this.#recipient = fields.u32()
        this.#outbox.open(this.#recipient, fields.u32())
        this.#begin()
      } else if (type === SSH.channelWindowAdjust) this.#outbox.adjust(fields.u32())
      else if (type === SSH.channelData) this.#show(this.#out, fields.data())
      else if (type === SSH.channelExtendedData) {
        fields.u32()
        this.#show(this.#err, fields.data())
      } else if (type === SSH.channelRequest) {
        if (fields.text() === 'exit-status') {
          fields.flag()
          this.#status = fields.u32()
        }
      } else if (type === SSH.channelFailure) {
        yield* this.#self.printError(this.#line(this.#settings.command.length === 0 ? 'shell request failed on channel 0' : 'exec request failed on channel 0'))
        return FAILED
      } else if (type === SSH.channelClose) {
        this.#client.transport.send(this.#say(SSH.channelClose).done())
        this.#client.disconnect()
        yield* this.#farewell('')
        return this.#status
      }
    }
  }

  #say(type: number): SshWriter {
    return new SshWriter(type).u32(this.#recipient)
  }

  /** A raw terminal wants its carriage returned; ssh's lines have it in any case. */
  #line(text: string): string {
    return `${text}${this.#terminal && !this.#terminal.postprocess ? '\r' : ''}\n`
  }

  #begin(): void {
    const self = this.#self
    const terminal = this.#terminal
    const { command, noInput } = this.#settings
    const request = (what: string, reply: boolean): SshWriter => this.#say(SSH.channelRequest).text(what).flag(reply)
    const send = (message: SshWriter): void => this.#client.transport.send(message.done())
    const size = (message: SshWriter): SshWriter => message.u32(terminal!.columns).u32(terminal!.rows).u32(0).u32(0)
    if (terminal) {
      send(size(request('pty-req', false).text(self.env.get('TERM') ?? 'xterm-256color')).text(''))
      Object.assign(terminal, { canonical: false, echo: false, signals: false, postprocess: false })
      self.onSignal('SIGWINCH', () => send(size(request('window-change', false))))
    }
    send(command.length === 0 ? request('shell', true) : request('exec', true).text(command.join(' ')))
    const file = self.files.get(0)
    const eof = (): void => send(this.#say(SSH.channelEof))
    if (noInput || !file) return eof()
    const outbox = this.#outbox
    const escapes = terminal && new Escapes()
    this.#input = new Thread<void>(self.clock, pumpFile(file, (bytes) => (escapes ? this.#typed(escapes.take(bytes)) : outbox.write(bytes)), () => outbox.flush(eof)), () => undefined)
  }

  *#typed({ data, say, leave }: ReturnType<Escapes['take']>): Task<void> {
    if (say !== '') this.#err.push(encodeUtf8(say))
    yield* this.#outbox.write(data)
    if (!leave) return
    this.#escaped = true
    this.#client.wake()
  }

  #show(where: Screen, data: Uint8Array): void {
    where.push(data)
    where.flush(() => {
      this.#taken += data.length
      if (this.#taken < SSH_PACKET * 3) return
      this.#client.transport.send(this.#say(SSH.channelWindowAdjust).u32(this.#taken).done())
      this.#taken = 0
    })
  }

  /** What has come is on the screen. */
  *#finish(): Task<void> {
    for (const queue of [this.#out, this.#err]) {
      let done = false
      const written = new Signal()
      queue.flush(() => {
        done = true
        written.notify()
      })
      while (!done) yield written.wait
    }
  }

  *#farewell(text: string): Task<number> {
    yield* this.#finish()
    const { host, quiet } = this.#settings
    const lines = [text, this.#terminal ? `Connection to ${host} closed.` : ''].filter((line) => line !== '')
    if (!quiet) for (const line of lines) yield* this.#self.printError(this.#line(line))
    return FAILED
  }
}
