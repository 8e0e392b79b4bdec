import type { Clock } from '../../clock.ts'

/** vulcand/oxy's cbreaker and memmetrics, as Traefik's middleware circuitBreaker has them. */
interface Seen { at: number; status: number; latency: number }
type Measure = 'NetworkErrorRatio' | 'ResponseCodeRatio' | 'LatencyAtQuantileMS'
type Condition = (breaker: Window) => boolean

/** Ten buckets of a second for ratios; latencies are kept for a minute. */
const RATIO_WINDOW = 10_000
const LATENCY_WINDOW = 60_000
const CHECK = 100
const FALLBACK = 10_000
const RECOVERY = 10_000

export interface BreakerTimes { check?: number | undefined; fallback?: number | undefined; recovery?: number | undefined }

class Window {
  readonly #clock: Clock
  #seen: Seen[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(status: number, latency: number): void {
    const { now } = this.#clock
    if (this.#seen[0] && this.#seen[0].at <= now - LATENCY_WINDOW) this.#seen = this.#seen.filter(({ at }) => at > now - LATENCY_WINDOW)
    this.#seen.push({ at: now, status, latency })
  }

  reset(): void {
    this.#seen = []
  }

  measure(name: Measure, args: readonly number[]): number {
    const { now } = this.#clock
    if (name === 'LatencyAtQuantileMS') {
      const sorted = this.#seen.filter(({ at }) => at > now - LATENCY_WINDOW).map(({ latency }) => latency).sort((a, b) => a - b)
      return sorted.length === 0 ? 0 : Math.floor(sorted[Math.max(0, Math.ceil((sorted.length * (args[0] ?? 0)) / 100) - 1)]!)
    }
    const recent = this.#seen.filter(({ at }) => at > now - RATIO_WINDOW)
    const between = (from: number, to: number): number => recent.filter(({ status }) => status >= from && status < to).length
    if (name === 'NetworkErrorRatio') return recent.length === 0 ? 0 : recent.filter(({ status }) => status === 502 || status === 504).length / recent.length
    const of = between(args[2] ?? 0, args[3] ?? 0)
    return of === 0 ? 0 : between(args[0] ?? 0, args[1] ?? 0) / of
  }
}

const COUNTS: Readonly<Record<Measure, number>> = { NetworkErrorRatio: 0, ResponseCodeRatio: 4, LatencyAtQuantileMS: 1 }

/** "NetworkErrorRatio() > 0.30 || LatencyAtQuantileMS(50.0) > 100"; undefined: no expression. */
export function parseExpression(text: string): Condition | undefined {
  const tokens = text.match(/&&|\|\||[<>]=?|==|!=|[!(),]|[A-Za-z]+|[0-9.]+|\S/g) ?? []
  let at = 0
  const number = (): number | undefined => (/^[0-9]+(\.[0-9]+)?$/.test(tokens[at] ?? '') ? Number(tokens[at++]) : undefined)
  const comparison = (): Condition | undefined => {
    if (tokens[at] === '(') {
      at++
      const inner = either()
      return tokens[at++] === ')' ? inner : undefined
    }
    if (tokens[at] === '!') {
      at++
      const inner = comparison()
      return inner && ((window) => !inner(window))
    }
    const name = Object.keys(COUNTS).find((known) => known === tokens[at]) as Measure | undefined
    if (name === undefined || tokens[at + 1] !== '(') return undefined
    at += 2
    const args: number[] = []
    while (tokens[at] !== ')') {
      const arg = number()
      if (arg === undefined) return undefined
      args.push(arg)
      if (tokens[at] === ',') at++
    }
    const sign = tokens[++at] ?? ''
    at++
    const limit = number()
    if (args.length !== COUNTS[name] || limit === undefined || !/^([<>]=?|==|!=)$/.test(sign)) return undefined
    return (window) => {
      const value = window.measure(name, args)
      return sign === '>' ? value > limit : sign === '>=' ? value >= limit : sign === '<' ? value < limit : sign === '<=' ? value <= limit : sign === '==' ? value === limit : value !== limit
    }
  }
  const both = (): Condition | undefined => {
    let left = comparison()
    while (left && tokens[at] === '&&') {
      at++
      const [a, b] = [left, comparison()]
      left = b && ((window) => a(window) && b(window))
    }
    return left
  }
  const either = (): Condition | undefined => {
    let left = both()
    while (left && tokens[at] === '||') {
      at++
      const [a, b] = [left, both()]
      left = b && ((window) => a(window) || b(window))
    }
    return left
  }
  const whole = either()
  return at === tokens.length ? whole : undefined
}

export class CircuitBreaker {
  readonly #clock: Clock
  readonly #window: Window
  readonly #condition: Condition
  readonly #times: { check: number; fallback: number; recovery: number }
  #state: 'standby' | 'tripped' | 'recovering' = 'standby'
  #until = 0
  #lastCheck = -Infinity
  /** While it recovers: requests that were let through, and that were not. */
  #allowed = 0
  #denied = 0

  constructor(clock: Clock, condition: Condition, { check = CHECK, fallback = FALLBACK, recovery = RECOVERY }: BreakerTimes = {}) {
    this.#clock = clock
    this.#window = new Window(clock)
    this.#condition = condition
    this.#times = { check, fallback, recovery }
  }

  /** Whether a request goes on. */
  enter(): boolean {
    const { now } = this.#clock
    if (this.#state === 'standby') return true
    if (this.#state === 'tripped') {
      if (now < this.#until) return false
      this.#state = 'recovering'
      this.#until = now + this.#times.recovery
      this.#allowed = this.#denied = 0
    }
    if (now > this.#until) {
      this.#state = 'standby'
      return true
    }
    // the share of those that are let through grows to a half: then all are
    const share = (0.5 / this.#times.recovery) * (now - (this.#until - this.#times.recovery))
    if ((this.#allowed + 1) / (this.#allowed + 1 + this.#denied) < share) {
      this.#allowed++
      return true
    }
    this.#denied++
    return false
  }

  /** Of one that went on. `latency` in ms. */
  leave(status: number, latency: number): void {
    const { now } = this.#clock
    this.#window.add(status, latency)
    if (now <= this.#lastCheck + this.#times.check) return
    this.#lastCheck = now
    if (this.#state === 'tripped' || !this.#condition(this.#window)) return
    this.#state = 'tripped'
    this.#until = now + this.#times.fallback
    this.#window.reset()
  }
}
