import type { Clock } from '../../clock.ts'
import { CallbackFile, NullFile } from '../../machine/files.ts'
import { Thread, type Task } from '../../machine/task.ts'
import { createPipe } from '../../machine/pipe.ts'
import { createTerminal } from '../../machine/terminal.ts'
import type { OpenFile, Process, Terminal } from '../../machine/types.ts'
import type { TcpConnection, TcpHandlers } from '../../network/types.ts'
import type { ExecOptions, LogOptions, LogSink, RemoteCommand } from '../client.ts'
import { badRequest } from '../status.ts'
import type { Pod } from '../types.ts'
import { execError, type ContainerRun } from './container.ts'
import { ContainerLog } from './container-log.ts'
import type { PodWorker } from './pod-worker.ts'
import type { ContainerRecord } from './record.ts'
import type { PodSandbox } from './sandbox.ts'
import { ociExecError } from './run-command.ts'

// ---- logs ------------------------------------------------------------------------------------------------------

/** What the kubelet answers on containerLogs. */
export function readLog(worker: PodWorker | undefined, pod: Pod, options: LogOptions, sink: LogSink, silent: boolean): () => void {
  const name = options.container!
  const record = worker?.record(name)
  const refuse = (what: string): Error => badRequest(`container "${name}" in pod "${pod.metadata.name}" ${what}`)
  if (!record) throw refuse('is not available')
  // the kubelet has begun its answer when it asks containerd where the log is
  const where = (text: string): (() => void) => {
    sink.onLine(`unable to retrieve container logs for ${text}`)
    sink.onEnd()
    return () => undefined
  }
  if (options.previous) {
    const former = record.run || !record.log ? record.previousLog : record.previousLog ?? (record.restarts === 0 && !record.last ? undefined : record.log)
    if (!former) throw badRequest(`previous terminated container "${name}" in pod "${pod.metadata.name}" not found`)
    return silent ? where(record.lastEnd?.containerID ?? '') : former.read(options, sink)
  }
  if (record.log && silent) return where(record.run ? `containerd://${record.run.id}` : (record.lastEnd?.containerID ?? ''))
  if (record.log) return record.log.read(options, sink)
  const reason = 'waiting' in record.state ? record.state.waiting.reason : ''
  if (reason === 'ErrImagePull') throw refuse("is waiting to start: image can't be pulled")
  if (reason === 'ImagePullBackOff') throw refuse('is waiting to start: trying and failing to pull image')
  if (reason) throw refuse(`is waiting to start: ${reason}`)
  const empty = new ContainerLog(worker!.clock)
  empty.close()
  return empty.read(options, sink)
}

// ---- exec and attach -------------------------------------------------------------------------------------------

/** Passes the client's bytes on until it has no more; whoever writes here closes `to`. */
export function* pump(from: OpenFile, to: (bytes: Uint8Array) => Task<void>, end: () => void): Task {
  try {
    for (;;) {
      const bytes = yield* from.read()
      if (bytes === null) return
      yield* to(bytes)
    }
  } catch {
    // The other side is gone.
  } finally {
    end()
  }
}

/** Writes to the client in order, however long it takes to read. */
export class Outlet {
  readonly #clock: Clock
  readonly #file: OpenFile | undefined
  #queue: Uint8Array[] = []
  #thread: Thread<void> | undefined
  #closed = false
  #onEmpty: (() => void) | undefined

  constructor(clock: Clock, file: OpenFile | undefined) {
    this.#clock = clock
    this.#file = file?.retain()
  }

  push(bytes: Uint8Array): void {
    if (!this.#file || this.#closed) return
    this.#queue.push(bytes)
    if (this.#thread) return
    let over = false
    const thread = new Thread<void>(this.#clock, this.#drain(), () => {
      over = true
      this.#thread = undefined
      this.#onEmpty?.()
    })
    if (!over) this.#thread = thread
  }

  /** Calls when all is written. */
  flush(done: () => void): void {
    if (this.#thread) this.#onEmpty = done
    else done()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#thread?.kill()
    this.#file?.release()
  }

  *#drain(): Task {
    try {
      while (this.#queue.length > 0) yield* this.#file!.write(this.#queue.shift()!)
    } catch {
      this.#queue = []
    }
  }
}

export type Result = { code: number } | { error: string }

/** The common end of exec and attach: tells once, after the output is out. */
export class Remote implements RemoteCommand {
  readonly #clock: Clock
  readonly #outlets: readonly Outlet[]
  readonly terminal: Terminal | undefined
  readonly threads: Thread<void>[] = []
  readonly #onClose: () => void
  #listener: ((result: Result) => void) | undefined
  #result: Result | undefined
  #ended = false

  constructor(clock: Clock, outlets: readonly Outlet[], terminal: Terminal | undefined, onClose: () => void) {
    this.#clock = clock
    this.#outlets = outlets
    this.terminal = terminal
    this.#onClose = onClose
  }

  resize(columns: number, rows: number): void {
    this.terminal?.resize(columns, rows)
  }

  close(): void {
    if (!this.#ended) this.#onClose()
    this.#end()
  }

  onExit(listener: (result: Result) => void): void {
    this.#listener = listener
    if (this.#result) this.#clock.schedule(0, () => listener(this.#result!))
  }

  finish(result: Result): void {
    let waiting = this.#outlets.length
    const done = (): void => {
      if (--waiting > 0 || this.#result || this.#ended) return
      this.#result = result
      this.#end()
      if (this.#listener) this.#clock.schedule(0, () => this.#listener!(result))
    }
    if (waiting === 0) {
      waiting = 1
      done()
    } else for (const outlet of this.#outlets) outlet.flush(done)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const thread of this.threads) thread.kill()
    for (const outlet of this.#outlets) outlet.close()
  }
}

/** A container that ended between the kubelet's look at it and containerd's (internal/cri/server/container_attach.go, container_execsync.go). */
const EXITED = 'container is in CONTAINER_EXITED state'

export function exec(clock: Clock, run: ContainerRun, options: ExecOptions, id: string): RemoteCommand {
  const out = new Outlet(clock, options.stdout)
  const err = new Outlet(clock, options.tty ? undefined : options.stderr)
  const terminal = options.tty ? createTerminal(clock, { columns: options.columns ?? 80, rows: options.rows ?? 24 }) : undefined
  terminal?.onOutput((bytes) => out.push(bytes))
  let process: Process | undefined
  const remote = new Remote(clock, [out, err], terminal, () => {
    if (terminal) terminal.hangup()
    else process?.signal('SIGKILL')
  })
  const files = new Map<number, OpenFile>()
  let pipe: { reader: OpenFile; writer: OpenFile } | undefined
  if (terminal) for (const fd of [0, 1, 2]) files.set(fd, terminal.open())
  else {
    pipe = options.stdin ? createPipe(clock) : undefined
    files.set(0, pipe?.reader ?? new NullFile(clock))
    files.set(1, new CallbackFile(clock, (bytes) => out.push(bytes)))
    files.set(2, new CallbackFile(clock, (bytes) => err.push(bytes)))
  }
  if (run.process.status) {
    for (const file of files.values()) file.release()
    pipe?.writer.release()
    clock.schedule(0, () => remote.finish({ error: `error executing command in container: ${EXITED}` }))
    return remote
  }
  const env = new Map(run.machine.env)
  if (terminal && !env.has('TERM')) env.set('TERM', 'xterm')
  try {
    process = run.machine.start({ argv: [...options.command], files, group: 'new', cwd: run.process.cwd, env })
  } catch (error) {
    pipe?.writer.release()
    const text = `error executing command in container: failed to exec in container: failed to start exec "${id}": ${ociExecError(execError(error, options.command[0] ?? ''))}`
    clock.schedule(0, () => remote.finish({ error: text }))
    return remote
  } finally {
    for (const file of files.values()) file.release()
  }
  const started = process
  if (terminal) terminal.foreground = started.group
  if (options.stdin) {
    const { stdin } = options
    remote.threads.push(terminal ? new Thread(clock, pump(stdin, typeInto(terminal), () => undefined)) : new Thread(clock, pump(stdin, (bytes) => pipe!.writer.write(bytes), () => pipe!.writer.release())))
  }
  started.onExit(() => {
    const { code } = started.status!
    clock.schedule(0, () => remote.finish({ code }))
  })
  return remote
}

function typeInto(terminal: Terminal): (bytes: Uint8Array) => Task<void> {
   
  return function* (bytes) {
    terminal.input(bytes)
  }
}

export function attach(clock: Clock, run: ContainerRun, record: ContainerRecord, options: Omit<ExecOptions, 'command'>): RemoteCommand {
  const out = new Outlet(clock, options.stdout)
  const err = new Outlet(clock, options.stderr)
  const stopListening = run.log.onBytes((bytes, stream) => (stream === 'stdout' ? out : err).push(bytes))
  const terminal = options.tty ? run.terminal : undefined
  const remote = new Remote(clock, [out, err], terminal, stopListening)
  if (run.process.status) {
    stopListening()
    clock.schedule(0, () => remote.finish({ error: `error attaching to container: ${EXITED}` }))
    return remote
  }
  if (terminal && options.columns && options.rows) terminal.resize(options.columns, options.rows)
  // containerd lets the client go at the end of its input, unless that ends the container's: ContainerIO.Attach
  const letGo = (): void => {
    clock.schedule(0, () => {
      stopListening()
      remote.finish({ code: 0 })
    })
  }
  const { stdin } = options
  const { input } = run
  if (stdin && run.terminal) remote.threads.push(new Thread(clock, pump(stdin, typeInto(run.terminal), record.spec.stdinOnce && !options.tty ? () => undefined : letGo)))
  else if (stdin && input) remote.threads.push(new Thread(clock, pump(stdin, (bytes) => input.write(bytes), record.spec.stdinOnce ? () => input.release() : letGo)))
  run.process.onExit(() => {
    const { code } = run.process.status!
    clock.schedule(0, () => {
      stopListening()
      remote.finish({ code })
    })
  })
  return remote
}

// ---- port-forward ----------------------------------------------------------------------------------------------

/** containerd dials localhost inside the sandbox's network namespace. */
export function portForward(sandbox: PodSandbox, port: number, handlers: TcpHandlers): TcpConnection {
  let connected = false
  return sandbox.network.sockets.connect({ address: '127.0.0.1', port, owner: { pid: 1, program: 'containerd' } }, {
    ...handlers,
    onConnect: () => {
      connected = true
      handlers.onConnect?.()
    },
    onClose: (error) => {
      if (!error || connected) return handlers.onClose?.(error)
      const reason = error.code === 'ECONNREFUSED' ? 'connection refused' : error.message
      const text = `error forwarding port ${port} to pod ${sandbox.id}, uid : failed to execute portforward in network namespace "${sandbox.netns}": failed to connect to localhost:${port} inside namespace "${sandbox.id}", IPv4: dial tcp4 127.0.0.1:${port}: connect: ${reason} IPv6 dial tcp6: address localhost: no suitable address found `
      handlers.onClose?.(Object.assign(new Error(text), { code: error.code }))
    },
  })
}
