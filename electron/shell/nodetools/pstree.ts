import type { Process, ProcessEntry, Task } from '../../engine/cluster.ts'
import { commandName } from '../../engine/machine/proc-process.ts'

/** pstree(1), psmisc 23.6: processes as a tree, with -p numbers and -a arguments. */
export function* pstree(process: Process): Task<number> {
  const words = process.argv.slice(1)
  const letters = words.filter((w) => w.startsWith('-')).map((w) => w.slice(1)).join('')
  if (/[^aplTn]/.test(letters)) {
    yield* process.printError('podhop: not simulated: pstree with these options (use -a, -p, -n)\n')
    return 69
  }
  const table = process.machine.pids.table()
  const children = new Map<number, ProcessEntry[]>()
  for (const entry of [...table.values()].sort((a, b) => a.pid - b.pid)) {
    const parent = table.has(entry.ppid) ? entry.ppid : entry.pid === 1 ? 0 : 1
    children.set(parent, [...(children.get(parent) ?? []), entry])
  }
  const root = table.get(Number(words.find((w) => !w.startsWith('-')) ?? 1)) ?? [...table.values()][0]
  if (!root) return 1
  const withPid = letters.includes('p')
  const withArguments = letters.includes('a')
  const sorted = (pid: number): ProcessEntry[] => {
    const all = children.get(pid) ?? []
    return letters.includes('n') || withArguments ? all : all.sort((a, b) => (commandName(a) < commandName(b) ? -1 : commandName(a) > commandName(b) ? 1 : a.pid - b.pid))
  }
  const label = (e: ProcessEntry): string => `${commandName(e)}${withArguments ? `${withPid ? `,${e.pid}` : ''}${e.argv.length > 1 ? ` ${e.argv.slice(1).join(' ')}` : ''}` : withPid ? `(${e.pid})` : ''}`
  const out: string[] = []
  if (withArguments) {
    const walk = (entry: ProcessEntry, indent: string, mark: string): void => {
      out.push(`${indent}${mark}${label(entry)}`)
      const below = sorted(entry.pid)
      const next = mark === '' ? indent : `${indent}${mark.startsWith('└') ? '    ' : '│   '}`
      below.forEach((child, i) => walk(child, mark === '' ? `${indent}  ` : next, i === below.length - 1 ? '└─' : '├─'))
    }
    walk(root, '', '')
  } else {
    // the first child stands on its parent's line
    const text = (entry: ProcessEntry): string[] => {
      const name = label(entry)
      const groups: { lines: string[]; count: number }[] = []
      for (const lines of sorted(entry.pid).map(text)) {
        const same = withPid ? undefined : groups.find((g) => g.lines.join('\n') === lines.join('\n'))
        if (same) same.count++
        else groups.push({ lines, count: 1 })
      }
      const blocks = groups.map(({ lines, count }) => (count === 1 ? lines : lines.map((line, i) => (i === 0 ? `${count}*[${line}${lines.length === 1 ? ']' : ''}` : `${' '.repeat(String(count).length + 2)}${line}`))))
      if (blocks.length === 0) return [name]
      const pad = ' '.repeat(name.length)
      return blocks.flatMap((lines, b) => {
        const last = b === blocks.length - 1
        const head = blocks.length === 1 ? '───' : b === 0 ? '─┬─' : last ? ' └─' : ' ├─'
        return lines.map((line, i) => `${b === 0 && i === 0 ? name : pad}${i === 0 ? head : last ? '   ' : ' │ '}${line}`)
      })
    }
    out.push(...text(root))
  }
  yield* process.print(`${out.join('\n')}\n`)
  return 0
}
