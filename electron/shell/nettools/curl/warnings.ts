import type { Process, Task } from '../../../engine/cluster.ts'

export type Warn = (text: string) => Task

/** "Warning: …" of curl (src/tool_msgs.c), broken at blanks before the terminal's edge. */
export function warner(process: Process, silent: () => boolean): Warn {
  return function* (text) {
    if (!silent()) yield* process.printError(wrapped(process, 'Warning: ', text))
  }
}

export function wrapped(process: Process, prefix: string, text: string): string {
  const columns = Number(process.env.get('COLUMNS'))
  const width = (columns > 20 && columns <= 10_000 ? columns : (process.terminalOf(0)?.columns ?? 79)) - prefix.length
  let out = ''
  let rest = text
  // it counts the line's end
  while (rest.length + 1 > width) {
    let cut = width - 1
    while (cut > 0 && rest[cut] !== ' ') cut--
    if (cut === 0) cut = width - 1
    out += `${prefix}${rest.slice(0, cut + 1)}\n`
    rest = rest.slice(cut + 1)
  }
  return `${out}${prefix}${rest}\n`
}
