import { Thread } from '../../machine/task.ts'
import { decodeUtf8, encodeUtf8 } from '../../text.ts'
import type { ExecOptions, RemoteCommand } from '../client.ts'
import { callKubelet, kubeletUrl, type Caller, type KubeletCall } from './call.ts'
import { FramedConnection, STREAM, type Frame } from './frames.ts'
import { StreamFile } from './stream-server.ts'
import { Outlet, pump, Remote, type Result } from './streams.ts'

const NOTHING = new Uint8Array(0)
const UPGRADE: [string, string][] = [['Connection', 'Upgrade'], ['Upgrade', 'SPDY/3.1'], ['X-Stream-Protocol-Version', 'v4.channel.k8s.io']]

/** The API server's StreamTranslatorHandler, ms. */
const PING_PERIOD = 5_000

/** exec or attach as the API server has it of a kubelet. */
export class CalledRemote implements RemoteCommand {
  readonly #caller: Caller
  readonly #options: Omit<ExecOptions, 'command'>
  readonly #call: KubeletCall
  readonly #remote: Remote
  readonly #out: Outlet
  readonly #err: Outlet
  #framed: FramedConnection | undefined
  #status = 0
  #text = ''
  #over = false
  #size: { columns: number; rows: number } | undefined

  constructor(caller: Caller, address: string, target: string, options: Omit<ExecOptions, 'command'>) {
    const { clock } = caller
    this.#caller = caller
    this.#options = options
    this.#out = new Outlet(clock, options.stdout)
    this.#err = new Outlet(clock, options.tty ? undefined : options.stderr)
    this.#remote = new Remote(clock, [this.#out, this.#err], undefined, () => undefined)
    if (options.columns && options.rows) this.#size = { columns: options.columns, rows: options.rows }
    this.#call = callKubelet(caller, address, { method: 'POST', target, headers: UPGRADE }, {
      onAnswer: (status) => {
        this.#status = status
        if (status === 101) this.#begin()
      },
      onBody: (data) => {
        if (this.#framed) this.#framed.receive(data)
        else this.#text += decodeUtf8(data)
      },
      onFailure: (why) => this.#finish({ error: `error sending request: Post "${kubeletUrl(address, target)}": ${why}` }),
      onOver: () => this.#finish(this.#status === 101 ? CUT : { error: `unable to upgrade connection: ${this.#text}` }),
    })
  }

  resize(columns: number, rows: number): void {
    this.#size = { columns, rows }
    if (this.#framed) this.#sendSize()
  }

  close(): void {
    this.#over = true
    this.#hangUp()
    this.#remote.close()
  }

  onExit(listener: (result: Result) => void): void {
    this.#remote.onExit(listener)
  }

  #begin(): void {
    const framed = new FramedConnection(this.#call.connection, { onFrame: (frame) => this.#receive(frame), onOver: () => this.#finish(CUT) })
    this.#framed = framed
    framed.pingEvery(this.#caller.clock, PING_PERIOD)
    this.#sendSize()
    const { stdin } = this.#options
    if (!stdin) return
    const file = new StreamFile(framed, STREAM.stdin)
    this.#remote.threads.push(new Thread(this.#caller.clock, pump(stdin, (bytes) => file.write(bytes), () => framed.data(STREAM.stdin, NOTHING, true))))
  }

  /** The first frame of all, too: the kubelet begins when it comes. */
  #sendSize(): void {
    this.#framed!.data(STREAM.resize, this.#size ? encodeUtf8(JSON.stringify({ Width: this.#size.columns, Height: this.#size.rows })) : NOTHING)
  }

  #receive({ stream, data }: Frame): void {
    if (this.#over) return
    if (stream === STREAM.stdout) this.#out.push(data)
    else if (stream === STREAM.stderr) this.#err.push(data)
    else if (stream === STREAM.error) this.#finish(JSON.parse(decodeUtf8(data)) as Result)
  }

  #finish(result: Result): void {
    if (this.#over) return
    this.#over = true
    this.#hangUp()
    this.#remote.finish(result)
  }

  #hangUp(): void {
    if (this.#framed) this.#framed.end()
    else this.#call.hangUp()
  }
}

/** The kubelet is gone: no stream brings anything any more, not even an error. */
const CUT: Result = { code: 0 }
