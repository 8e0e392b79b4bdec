import type { Process, Task } from '../../../engine/cluster.ts'

const HEADER =
  '  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n' +
  '                                 Dload  Upload   Total   Spent    Left  Speed\n'

/** curl's progress meter on stderr (lib/progress.c: columns and number forms). */
export class Meter {
  #process: Process
  #on: boolean
  #headed = false
  #begun = false
  total = 0
  received = 0
  sent = 0
  uploadTotal = 0

  constructor(process: Process, on: boolean) {
    this.#process = process
    this.#on = on
  }

  /** The first line, all zero. */
  *begin(): Task {
    if (!this.#on || this.#begun) return
    yield* this.#process.printError((this.#headed ? '' : HEADER) + '\r' + line(0, 0, 0, 0, 0))
    this.#begun = this.#headed = true
  }

  /** Another try. */
  restart(): void {
    this.#begun = false
    this.total = this.received = this.sent = this.uploadTotal = 0
  }

  /** The last line of a transfer that took `ms`. */
  *finish(ms: number): Task {
    if (!this.#on) return
    yield* this.#process.printError('\r' + line(this.total, this.received, this.uploadTotal, this.sent, ms) + '\n')
  }
}

function line(total: number, received: number, uploadTotal: number, sent: number, ms: number): string {
  const percent = (part: number, whole: number): string => String(whole > 0 ? Math.round((part / whole) * 100) : 0).padStart(3)
  const rate = (bytes: number): number => (ms > 0 ? Math.floor((bytes * 1000) / ms) : 0)
  const all = total + uploadTotal
  return (
    `${percent(received + sent, all)} ${amount(all)}  ${percent(received, total)} ${amount(received)}  ${percent(sent, uploadTotal)} ${amount(sent)}  ` +
    `${amount(rate(received))}  ${amount(rate(sent))} --:--:-- ${ms >= 1000 ? clock(ms) : '--:--:--'} --:--:-- ${amount(rate(received + sent))}`
  )
}

function clock(ms: number): string {
  const s = Math.floor(ms / 1000)
  return [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60].map((n) => String(n).padStart(2, '0')).join(':').replace(/^0/, ' ')
}

/** Five characters: 12345, 1234k, 12.3M, … */
function amount(bytes: number): string {
  const K = 1024
  if (bytes < 100_000) return String(bytes).padStart(5)
  if (bytes < 10_000 * K) return `${String(Math.floor(bytes / K)).padStart(4)}k`
  if (bytes < 100 * K * K) return `${String(Math.floor(bytes / K / K)).padStart(2)}.${Math.floor(((bytes / K) % K) / (K / 10))}M`
  return `${String(Math.floor(bytes / K / K)).padStart(4)}M`
}

export const PARALLEL_HEADER = 'DL% UL%  Dled  Uled  Xfers  Live Total     Current  Left    Speed\n'

/** Of -Z: all together (src/tool_progress.c). */
export function parallelLine(meters: readonly Meter[], count: number, running: number, ms: number): string {
  const sum = (of: (m: Meter) => number): number => meters.reduce((n, m) => n + of(m), 0)
  const [received, sent, total, toSend] = [sum((m) => m.received), sum((m) => m.sent), sum((m) => m.total), sum((m) => m.uploadTotal)]
  const percent = (now: number, all: number): string => (all > 0 && meters.length === count ? String(Math.floor((now * 100) / all)) : '--').padEnd(3)
  const unknown = '--:--:--'
  const seconds = Math.floor(ms / 1000)
  const spent = seconds === 0 ? unknown : `${String(Math.floor(seconds / 3600)).padStart(2)}:${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
  return `\r${percent(received, total)} ${percent(sent, toSend)} ${amount(received)} ${amount(sent)} ${String(count).padStart(5)} ${String(running).padStart(5)}  ${unknown} ${spent} ${unknown} ${amount(ms > 0 ? Math.floor((received * 1000) / ms) : 0)}      `
}
