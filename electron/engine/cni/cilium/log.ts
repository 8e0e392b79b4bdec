import type { Process } from '../../machine/types.ts'
import type { Output } from '../../programs/output.ts'

/** logrus' text format, as pkg/logging sets it. */
export function logger(process: Process, out: Output): (level: string, message: string, subsystem: string, fields?: string) => void {
  return (level, message, subsystem, fields) => {
    const time = new Date(process.clock.wall()).toISOString().replace('Z', '000000Z')
    out.write(`time="${time}" level=${level} msg=${JSON.stringify(message)} ${fields ? `${fields} ` : ''}subsys=${subsystem}\n`)
  }
}
