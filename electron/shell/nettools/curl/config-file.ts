import type { Process, Task } from '../../../engine/cluster.ts'
import { readInputText } from './output.ts'

/** -K: options from a file, or from stdin (src/tool_parsecfg.c). */
const ASKS = /^(?:-([#0-9afgijklLnNOsSvZqRG]*)K(.*)|--config)$/s

/** The command line with the files' options where -K stood; or the file that there is not. */
export function* withConfigs(process: Process, args: readonly string[], depth = 0): Task<string[] | { missing: string }> {
  const out: string[] = []
  for (let i = 0; i < args.length; i++) {
    const found = ASKS.exec(args[i]!)
    if (args[i] === '--') return [...out, ...args.slice(i)]
    if (!found || depth > 9) {
      out.push(args[i]!)
      continue
    }
    const name = found[2] ? found[2] : args[++i]
    if (name === undefined) return [...out, args[i - 1]!]
    if (found[1]) out.push(`-${found[1]}`)
    const text = yield* readInputText(process, name)
    if (text === undefined) return { missing: name }
    const inner = yield* withConfigs(process, optionsOf(text), depth + 1)
    if ('missing' in inner) return inner
    out.push(...inner)
  }
  return out
}

/** "name value", "name = value", "--name", "-n value"; values in double quotes know \\, \", \t, \n, \r and \v. */
function optionsOf(text: string): string[] {
  const out: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const found = /^\s*([^\s=:#][^\s=:]*)\s*(?:[=:]?\s*)(.*)$/s.exec(line)
    if (!found) continue
    const [, name, rest] = found
    out.push(name!.startsWith('-') ? name! : `--${name}`)
    const quoted = /^"((?:\\.|[^"\\])*)"/s.exec(rest!)
    if (quoted) out.push(quoted[1]!.replace(/\\(.)/gs, (_, c: string) => ({ t: '\t', n: '\n', r: '\r', v: '\v' })[c] ?? c))
    else if (rest !== '') out.push(rest!.split(/\s/)[0]!)
  }
  return out
}
