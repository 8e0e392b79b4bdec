import type { Process } from '../../../machine/types.ts'
import type { CiliumAgent } from '../agent.ts'
import type { Datapath } from '../datapath.ts'
import { notSimulated } from '../../command-error.ts'

export interface CommandContext { agent: CiliumAgent; datapath: Datapath; process: Process }
export type Command = (context: CommandContext, args: readonly string[]) => string

/** Options in front and behind: "-o json" and flags; the rest are words. */
export function words(args: readonly string[], flags: readonly string[], command: string): { words: string[]; flags: Set<string>; values: Map<string, string> } {
  const out = { words: [] as string[], flags: new Set<string>(), values: new Map<string, string>() }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!arg.startsWith('-')) out.words.push(arg)
    else {
      const [name, value] = arg.split('=', 2) as [string, string | undefined]
      if (!flags.includes(name) && !flags.includes(`${name}=`)) throw notSimulated(`${command} ${name}`, 'use it without')
      if (flags.includes(`${name}=`)) out.values.set(name, value ?? args[++i] ?? '')
      else out.flags.add(name)
    }
  }
  return out
}

/** Go's text/tabwriter with these settings: a minimal width, padding 3, blanks. */
export function columns(rows: readonly (readonly string[])[], minimum = 5): string {
  const widths: number[] = []
  for (const row of rows) row.slice(0, -1).forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  return rows.map((row) => `${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(Math.max(minimum, widths[i]! + 3)))).join('')}\n`).join('')
}
