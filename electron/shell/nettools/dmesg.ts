import { Signal, type Process, type Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'

const LONG = { ctime: 'T', notime: 't', kernel: 'k', nopager: 'P', follow: 'w', 'follow-new': 'W' }

/** dmesg(1), util-linux 2.38.1: the kernel's messages of this machine. */
export function* dmesg(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'TtkPwW', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`podhop: not simulated: dmesg with these options (use dmesg, dmesg -T or dmesg -w)\n`)
    return 69
  }
  // CAP_SYSLOG: only root of the machine itself has it
  if (process.user.uid !== 0 || process.machine.kind === 'container') {
    yield* process.printError('dmesg: read kernel buffer failed: Operation not permitted\n')
    return 1
  }
  const { clock, network } = process
  const has = (name: string): boolean => parsed.options.some((o) => o.name === name)
  // the last of both counts
  const format = parsed.options.findLast((o) => o.name === 'T' || o.name === 't')?.name
  const stamp = (at: number): string => (format === 't' ? '' : `[${format === 'T' ? date(clock.epoch + at) : (at / 1000).toFixed(6).padStart(12)}] `)
  const line = (m: { at: number; text: string }): string => `${stamp(m.at)}${m.text}\n`
  if (!has('W')) yield* process.print((network.kernelLog ?? []).map(line).join(''))
  if (!has('w') && !has('W')) return 0
  const lines: string[] = []
  const signal = new Signal()
  const stop = network.followKernelLog?.((message) => {
    lines.push(line(message))
    signal.notify()
  })
  try {
    for (;;) {
      yield signal.wait
      yield* process.print(lines.splice(0).join(''))
    }
  } finally {
    stop?.()
  }
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "Mon Jan  5 09:00:12 2026" */
function date(wall: number): string {
  const d = new Date(wall)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} ${d.getUTCFullYear()}`
}
