import { Signal, sleep, type Task } from '../machine/task.ts'
import type { Program } from '../machine/types.ts'
import { byName } from '../own.ts'
import { untilSignal } from './output.ts'

const COUNTS = byName({ '-c': 'cpu', '--cpu': 'cpu', '-i': 'io', '--io': 'io', '-m': 'vm', '--vm': 'vm', '-d': 'hdd', '--hdd': 'hdd' } as const)
const UNITS: Readonly<Record<string, number>> = byName({ '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, s: 1, h: 3600, d: 86_400, y: 31_556_926 })
const USAGE = `\`stress' imposes certain types of compute stress on your system

Usage: stress [OPTION [ARG]] ...
 -?, --help         show this help statement
     --version      show version statement
 -v, --verbose      be verbose
 -q, --quiet        be quiet
 -n, --dry-run      show what would have been done
 -t, --timeout N    timeout after N seconds
     --backoff N    wait factor of N microseconds before work starts
 -c, --cpu N        spawn N workers spinning on sqrt()
 -i, --io N         spawn N workers spinning on sync()
 -m, --vm N         spawn N workers spinning on malloc()/free()
     --vm-bytes B   malloc B bytes per vm worker (default is 256MB)
     --vm-stride B  touch a byte every B bytes (default is 4096)
     --vm-hang N    sleep N secs before free (default none, 0 is inf)
     --vm-keep      redirty memory instead of freeing and reallocating
 -d, --hdd N        spawn N workers spinning on write()/unlink()
     --hdd-bytes B  write B bytes per hdd worker (default is 1GB)

Example: stress --cpu 8 --io 4 --vm 2 --vm-bytes 128M --timeout 10s

Note: Numbers may be suffixed with s,m,h,d,y (time) or B,K,M,G (size).
`

/** stress 1.0.4: of its hogs only the memory that they take has an effect here. */
export const stress: Program = function* (process) {
  const args = process.argv.slice(1)
  const hogs = { cpu: 0, io: 0, vm: 0, hdd: 0 }
  let bytes = 256 * 2 ** 20
  let timeout = 0
  const fail = function* (text: string): Task<number> {
    yield* process.printError(`stress: FAIL: [${process.pid}] (244) ${text}\n`)
    return 1
  }
  if (args.length === 0 || args.some((a) => a === '-?' || a === '--help')) {
    yield* process.print(USAGE)
    return 0
  }
  let quiet = false
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!
    if (name === '-q' || name === '--quiet') quiet = true
    else if (['-v', '--verbose', '--vm-keep'].includes(name)) continue
    else if (name in COUNTS || ['-t', '--timeout', '--backoff', '--vm-bytes', '--vm-stride', '--vm-hang', '--hdd-bytes'].includes(name)) {
      const value = args[++i]
      const [, digits, unit] = /^(\d+)([bkmgshdy]?)$/i.exec(value ?? '') ?? []
      if (value === undefined) return yield* fail(`missing argument to option '${name}'`)
      if (digits === undefined) return yield* fail(`unrecognized suffix: ${value.slice(-1)}`)
      const seconds = unit!.toLowerCase() === 'm' && (name === '-t' || name === '--timeout') ? 60 : UNITS[unit!.toLowerCase()]!
      if (name in COUNTS) hogs[COUNTS[name as keyof typeof COUNTS]] = Number(digits)
      else if (name === '--vm-bytes') bytes = Number(digits) * UNITS[unit!.toLowerCase()]!
      else if (name === '-t' || name === '--timeout') timeout = Number(digits) * seconds
    } else return yield* fail(`unrecognized option: ${name}`)
  }
  const { cpu, io, vm, hdd } = hogs
  if (cpu + io + vm + hdd === 0) return yield* fail('nothing to do')
  if (!quiet) yield* process.print(`stress: info: [${process.pid}] dispatching hogs: ${cpu} cpu, ${io} io, ${vm} vm, ${hdd} hdd\n`)
  const from = process.clock.now
  // the workers need a moment to touch it all
  yield sleep(process.clock, 300)
  if (process.machine.memory?.hold(process, vm * bytes)) for (;;) yield new Signal().wait
  if (timeout > 0) {
    yield sleep(process.clock, Math.max(0, timeout * 1000 - 300))
    if (!quiet) yield* process.print(`stress: info: [${process.pid}] successful run completed in ${Math.round((process.clock.now - from) / 1000)}s\n`)
    return 0
  }
  yield* untilSignal(process, ['SIGINT', 'SIGTERM'])
  return 0
}
