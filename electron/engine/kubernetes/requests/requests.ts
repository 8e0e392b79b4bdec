import type { Clock } from '../../clock.ts'
import type { Labels } from '../../prometheus.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import { StatusError, Undecided } from '../client.ts'
import type { Status } from '../types.ts'
import { isLongRunning, type Asked } from './asked.ts'
import { countRequest, requestMetrics, seriesOf, type RequestMetrics } from './metrics.ts'

/** A request under way. Each is told once; what comes later is not heard. */
export interface OpenRequest {
  /** The head of its answer. */
  started(code: number): void
  /** It is over; `answer` is what was answered, `size` its bytes where they are known. */
  ended(code: number, answer?: unknown, size?: number): void
  /** It has not happened yet, and comes again. */
  postponed(): void
}

/** A series that is counted often: how many ended with each code, at once. */
interface Tally { labels: Labels; dryRun: boolean; codes: Map<number, number> }

/**
 * What the API server knows of the requests to it: its metrics, and the audit log. Of the clients that come over the network
 * and of kubectl it is told each request; of the cluster's own parts, whose informers share what they know, each write and each watch.
 */
export class Requests {
  readonly #clock: Clock
  /** Absent: --audit-policy-file and --audit-log-path are not given. */
  audit: AuditLog | undefined
  /** The laptop's address. */
  laptop = ''
  #metrics = requestMetrics()
  #tallies = new Map<string, Tally>()
  readonly #inFlight = { mutating: 0, readOnly: 0 }
  /** Of agents: who begin again when the server does. */
  readonly #watches = new Set<{ asked: Asked; open: OpenRequest }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A server starts: it counts anew, and those who watch come again. */
  restart(audit: AuditLog | undefined): void {
    this.audit = audit
    this.#metrics = requestMetrics()
    this.#tallies = new Map()
    for (const watch of this.#watches) {
      watch.open = this.begin(watch.asked)
      watch.open.started(200)
    }
  }

  /** It stops: nobody is written down any more. */
  stop(): void {
    for (const { open } of this.#watches) open.ended(200)
    this.audit = undefined
  }

  /** A watch of an agent; returns what ends it. */
  watching(asked: Asked): () => void {
    const watch = { asked, open: this.begin(asked) }
    watch.open.started(200)
    this.#watches.add(watch)
    return () => {
      if (this.#watches.delete(watch)) watch.open.ended(200)
    }
  }

  get metrics(): RequestMetrics {
    return this.#metrics
  }

  begin(asked: Asked): OpenRequest {
    const metrics = this.#metrics
    const at = this.#clock.now
    const labels = asked.user ? seriesOf(asked) : undefined
    const long = isLongRunning(asked.attributes)
    const { dryRun } = asked
    const audited = this.audit?.begin(asked, metrics)
    const running = labels && long
    const kind = /^(get|list|watch|head|options)$/.test(asked.attributes.verb) ? 'readOnly' : 'mutating'
    if (running) metrics.add('apiserver_longrunning_requests', labels, 1)
    if (!long) this.#inFlight[kind]++
    let open = true
    const close = (): boolean => {
      if (!open) return false
      open = false
      if (running) metrics.add('apiserver_longrunning_requests', labels, -1)
      if (!long) this.#inFlight[kind]--
      return true
    }
    return {
      started: (code) => void (open && long && audited?.started(code)),
      ended: (code, answer, size) => {
        if (!close()) return
        if (labels) {
          countRequest(metrics, labels, dryRun, code, (this.#clock.now - at) / 1000)
          if (size !== undefined && (labels['verb'] === 'GET' || labels['verb'] === 'LIST')) metrics.observe('apiserver_response_sizes', labels, size)
        }
        audited?.ended(code, answer)
      },
      postponed: () => void close(),
    }
  }

  /** One call that is answered at once, or refused. */
  asked<T>(asked: Asked, success: number, ask: () => T): T {
    return answered(this.begin(asked), success, ask)
  }

  /** The same for what is asked very often: one that nobody audits is only counted. `series` names its series, `asked` tells of it. */
  often<T>(series: string, asked: () => Asked, success: number, ask: () => T): T {
    if (this.audit) return this.asked(asked(), success, ask)
    try {
      const answer = ask()
      this.#tally(series, asked, success)
      return answer
    } catch (error) {
      if (error instanceof StatusError) this.#tally(series, asked, error.status.code ?? 500)
      throw error
    }
  }

  #tally(series: string, asked: () => Asked, code: number): void {
    let tally = this.#tallies.get(series)
    if (!tally) {
      const one = asked()
      const labels = seriesOf(one)
      if (!labels) return
      this.#tallies.set(series, (tally = { labels, dryRun: one.dryRun, codes: new Map() }))
    }
    tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1)
  }

  /** The exposition of all metrics. */
  text(): string {
    for (const { labels, dryRun, codes } of this.#tallies.values()) {
      for (const [code, times] of codes) countRequest(this.#metrics, labels, dryRun, code, 0, times)
      codes.clear()
    }
    for (const kind of ['mutating', 'readOnly'] as const) this.#metrics.set('apiserver_current_inflight_requests', { request_kind: kind }, this.#inFlight[kind])
    return this.#metrics.text()
  }
}

/** Does what is asked, and tells what came of it. */
export function answered<T>(open: OpenRequest, success: number, ask: () => T): T {
  try {
    const answer = ask()
    open.ended(success, answer)
    return answer
  } catch (error) {
    tellFailure(open, error)
    throw error
  }
}

export function tellFailure(open: OpenRequest, error: unknown): void {
  if (error instanceof Undecided || !(error instanceof StatusError)) open.postponed()
  else open.ended(error.status.code ?? 500, error.status satisfies Status)
}


