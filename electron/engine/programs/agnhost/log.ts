import type { Process } from '../../machine/types.ts'
import { goLogTime } from '../http-echo.ts'
import { klogLine } from '../klog.ts'
import { Output } from '../output.ts'

/** Which line of Go's package log writes, by the Go that an agnhost was built with: of the images up to 2.42, up to 2.45, and since. */
const PROGRAMS = { 'agnhost-log-195': 195, 'agnhost-log-194': 194, agnhost: 245 } as const
export const AGNHOST_PROGRAMS = Object.keys(PROGRAMS) as readonly (keyof typeof PROGRAMS)[]

export function agnhostProgram(minor: number): keyof typeof PROGRAMS {
  return minor < 43 ? 'agnhost-log-195' : minor < 46 ? 'agnhost-log-194' : 'agnhost'
}

/**
 * Go's package log, to stderr. agnhost passes it on to klog (component-base's cli.Run), which names the place in package log
 * that wrote; the serve_hostname of its own image does not.
 */
export class GoLog {
  readonly #process: Process
  readonly #source: string | undefined
  readonly out: Output

  constructor(process: Process) {
    this.#process = process
    const [file = ''] = process.argv
    const path = file.startsWith('/') ? file : `/${file}`
    const program = process.fs.exists(path) ? process.fs.programAt(path) : undefined
    if (!file.endsWith('serve_hostname')) this.#source = `log.go:${(program === undefined ? undefined : (PROGRAMS as Record<string, number>)[program]) ?? PROGRAMS.agnhost}`
    this.out = new Output(process, 2)
  }

  print(text: string): void {
    const wall = this.#process.clock.wall()
    this.out.write(this.#source === undefined ? `${goLogTime(wall)} ${text}\n` : klogLine(wall, 'I', this.#process.pid, this.#source, text))
  }
}
