import type { Process, Task } from '../../engine/cluster.ts'
import { getopt } from './getopt.ts'

const LONG = { human: 'H', ctime: 'T', 'read-clear': 'c' }

/** dmesg(1), util-linux 2.38.1: the kernel's messages of this machine. */
export function* dmesg(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), 'T', LONG)
  if ('invalid' in parsed || 'missing' in parsed) {
    yield* process.printError(`podhop: not simulated: dmesg with these options (use dmesg or dmesg -T)\n`)
    return 69
  }
  // CAP_SYSLOG: only root of the machine itself has it
  if (process.user.uid !== 0 || process.machine.kind === 'container') {
    yield* process.printError('dmesg: read kernel buffer failed: Operation not permitted\n')
    return 1
  }
  const { clock } = process
  const wall = parsed.options.some((o) => o.name === 'T')
  const stamp = (at: number): string => (wall ? date(clock.epoch + at) : (at / 1000).toFixed(6).padStart(12))
  yield* process.print((process.network.kernelLog ?? []).map((m) => `[${stamp(m.at)}] ${m.text}\n`).join(''))
  return 0
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "Mon Jan  5 09:00:12 2026" */
function date(wall: number): string {
  const d = new Date(wall)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${DAYS[d.getUTCDay()]} ${MONTHS[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} ${d.getUTCFullYear()}`
}
