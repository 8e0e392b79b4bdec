import type { Clock, Timer } from '../../clock.ts'
import type { LogOptions, LogSink } from '../client.ts'
import type { LateOutput } from '../../machine/types.ts'
import { SparseSet } from '../../sparse.ts'
import { encodeUtf8, Utf8Decoder } from '../../text.ts'

/** What is kept of a container's output; older lines go, as with the kubelet's log rotation. */
const LIMIT = 1_000_000

interface Line { at: number; text: string; stream: 'stdout' | 'stderr' }

/** A container's output: lines with their times, and whoever follows them. */
export class ContainerLog {
  readonly #clock: Clock
  #lines: Line[] = []
  #size = 0
  #first = 0
  readonly #partial = { stdout: '', stderr: '' }
  readonly #decoders = { stdout: new Utf8Decoder(), stderr: new Utf8Decoder() }
  readonly #followers = new SparseSet<() => void>()
  readonly #raw = new SparseSet<(bytes: Uint8Array, stream: 'stdout' | 'stderr') => void>()
  #closed = false
  /** Who writes lines when somebody reads; seldom anybody. */
  #late: Parameters<LateOutput['defer']>[0][] | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  write(bytes: Uint8Array, stream: 'stdout' | 'stderr'): void {
    for (const listener of [...this.#raw]) listener(bytes, stream)
    const text = this.#partial[stream] + this.#decoders[stream].push(bytes)
    const parts = text.split('\n')
    this.#partial[stream] = parts.pop()!
    for (const part of parts) this.#push(part, stream)
    if (parts.length > 0) this.#notify()
  }

  /** The output as it comes, for attach. */
  onBytes(listener: (bytes: Uint8Array, stream: 'stdout' | 'stderr') => void): () => void {
    this.#raw.add(listener)
    this.#follow()
    return () => {
      this.#raw.delete(listener)
      this.#follow()
    }
  }

  /** The container ended: what was not a whole line becomes one. */
  close(): void {
    if (this.#closed) return
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#partial[stream] + this.#decoders[stream].end()
      if (rest) this.#push(rest, stream)
    }
    this.#closed = true
    this.#notify()
  }

  /** The last lines as one text: the termination message of a container that failed. */
  tail(lines: number, bytes: number): string {
    this.#settle()
    const text = this.#lines.slice(-lines).map((l) => `${l.text}\n`).join('')
    return text.slice(-bytes)
  }

  /** As the file that containerd writes: "2026-01-05T09:00:00.000000000Z stdout F text". */
  criText(): string {
    this.#settle()
    return this.#lines.map((l) => `${new Date(Math.floor(l.at / 1000) * 1000).toISOString().slice(0, 19)}.${String(Math.floor((l.at % 1000) * 1e6)).padStart(9, '0')}Z ${l.stream} F ${l.text}\n`).join('')
  }

  /** Each call to the sink is an event of the clock. Returns what stops it. */
  read(options: LogOptions, sink: LogSink): () => void {
    this.#settle()
    const oldest = options.sinceSeconds === undefined ? -Infinity : this.#clock.wall() - options.sinceSeconds * 1000
    const present = this.#lines.filter((l) => l.at >= oldest)
    const shown = options.tailLines === undefined ? present.length : Math.min(options.tailLines, present.length)
    let next = this.#first + this.#lines.length - shown
    let timer: Timer | undefined
    let stopped = false
    const deliver = (): void => {
      timer = undefined
      for (; next < this.#first + this.#lines.length && !stopped; next++) {
        const line = this.#lines[Math.max(0, next - this.#first)]!
        sink.onLine(options.timestamps ? `${nanoTime(line.at)} ${line.text}` : line.text)
      }
      if (stopped || (options.follow && !this.#closed)) return
      stop()
      sink.onEnd()
    }
    const wake = (): void => {
      timer ??= this.#clock.schedule(0, deliver)
    }
    const stop = (): void => {
      stopped = true
      this.#clock.cancel(timer)
      this.#followers.delete(wake)
      this.#follow()
    }
    this.#followers.add(wake)
    this.#follow()
    wake()
    return stop
  }

  /** For a stream whose writer can say later what it wrote. */
  late(stream: 'stdout' | 'stderr'): LateOutput {
    return {
      defer: (source) => {
        ;(this.#late ??= []).push(source)
        if (this.#followers.size + this.#raw.size > 0) source.follow(true)
      },
      insert: (at, text) => {
        if (this.#raw.size > 0) for (const listener of [...this.#raw]) listener(encodeUtf8(text), stream)
        for (const line of text.split('\n').slice(0, -1)) this.#push(line, stream, at)
        this.#notify()
      },
    }
  }

  #settle(): void {
    if (!this.#late) return
    for (const source of this.#late) source.settle()
    const { length } = this.#lines
    for (let i = 1; i < length; i++) if (this.#lines[i]!.at < this.#lines[i - 1]!.at) return void (this.#lines = this.#lines.sort((a, b) => a.at - b.at))
  }

  #follow(): void {
    for (const source of this.#late ?? []) source.follow(this.#followers.size + this.#raw.size > 0)
  }

  #push(text: string, stream: 'stdout' | 'stderr', at = this.#clock.wall()): void {
    this.#lines.push({ at, text, stream })
    this.#size += text.length + 1
    while (this.#size > LIMIT && this.#lines.length > 1) {
      this.#size -= this.#lines.shift()!.text.length + 1
      this.#first++
    }
  }

  #notify(): void {
    for (const wake of [...this.#followers]) wake()
  }
}

/** RFC 3339 with nanoseconds, without trailing zeros, as Go's RFC3339Nano. */
function nanoTime(wall: number): string {
  const nanos = Math.floor((wall % 1000) * 1e6)
  const fraction = String(nanos).padStart(9, '0').replace(/0+$/, '')
  return `${new Date(Math.floor(wall / 1000) * 1000).toISOString().slice(0, 19)}${fraction ? `.${fraction}` : ''}Z`
}
