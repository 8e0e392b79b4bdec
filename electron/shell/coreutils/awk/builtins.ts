import type { Task } from '../../../engine/machine/task.ts'
import { formatTime } from '../strftime.ts'
import type { Expression } from './ast.ts'
import type { Awk } from './interpreter.ts'
import { Input, sprintf, toNumber, toText, type Value } from './values.ts'

/** awk's own functions (awk(1p), FUNCTIONS), and mawk's systime and strftime. */
export function* callBuiltin(awk: Awk, name: string, args: readonly Expression[], record: string): Task<Value> {
  const value = function* (i: number): Task<Value> {
    const arg = args[i]
    return arg ? yield* awk.evaluate(arg) : undefined
  }
  const text = function* (i: number): Task<string> {
    return awk.convert(yield* value(i))
  }
  const number = function* (i: number): Task<number> {
    return toNumber(yield* value(i))
  }
  switch (name) {
    case 'length': {
      const [arg] = args
      if (!arg) return [...record].length
      if (arg.kind === 'variable') {
        try {
          return [...awk.convert(yield* value(0))].length
        } catch {
          return awk.array(arg.name).size
        }
      }
      return [...(yield* text(0))].length
    }
    case 'substr': {
      const chars = [...(yield* text(0))]
      const start = Math.round(yield* number(1))
      const given = args.length > 2 ? Math.round(yield* number(2)) : Infinity
      // Debian 12's mawk (1.3.4 20200120) takes from a place before the text more, not less.
      const end = start < 1 && !awk.run.isBusybox ? 1 + given - start : start + given
      return chars.slice(Math.max(0, start - 1), Math.max(0, Math.min(chars.length, end - 1))).join('')
    }
    case 'index': {
      const [a, b] = [yield* text(0), yield* text(1)]
      return a.indexOf(b) + 1
    }
    case 'split': {
      const source = yield* text(0)
      const target = args[1]
      if (target?.kind !== 'variable') return 0
      const separator = args[2]
      const parts = awk.split(source, separator ? (separator.kind === 'regex' ? yield* awk.patternOf(separator) : yield* value(2)) : awk.fieldSeparator())
      const array = awk.array(target.name)
      array.clear()
      parts.forEach((p, i) => array.set(String(i + 1), new Input(p)))
      return parts.length
    }
    case 'sub':
    case 'gsub': {
      const pattern = yield* awk.patternOf(args[0]!)
      const replacement = yield* text(1)
      const target: Expression = args[2] ?? { kind: 'field', index: { kind: 'number', value: 0 } }
      const before = toText(yield* awk.evaluate(target))
      let count = 0
      const after = before.replace(pattern, (match) => {
        if (name === 'sub' && count > 0) return match
        count++
        return replacement.replace(/\\\\|\\&|&/g, (m) => (m === '&' ? match : m === '\\&' ? '&' : '\\'))
      })
      if (count > 0) yield* awk.assign(target, after)
      return count
    }
    case 'match': {
      const source = yield* text(0)
      const found = (yield* awk.patternOf(args[1]!)).exec(source)
      awk.setMatch(found ? found.index + 1 : 0, found ? found[0].length : -1)
      return found ? found.index + 1 : 0
    }
    case 'sprintf': {
      const values: Value[] = []
      for (let i = 1; i < args.length; i++) values.push(yield* value(i))
      return sprintf(yield* text(0), values, { name: 'sprintf', place: () => awk.place })
    }
    case 'tolower':
      return (yield* text(0)).toLowerCase()
    case 'toupper':
      return (yield* text(0)).toUpperCase()
    case 'sin':
      return Math.sin(yield* number(0))
    case 'cos':
      return Math.cos(yield* number(0))
    case 'atan2':
      return Math.atan2(yield* number(0), yield* number(1))
    case 'exp':
      return Math.exp(yield* number(0))
    case 'log':
      return Math.log(yield* number(0))
    case 'sqrt':
      return Math.sqrt(yield* number(0))
    case 'int':
      return Math.trunc(yield* number(0))
    case 'rand':
      return awk.random.float()
    case 'srand': {
      const seed = args.length > 0 ? yield* number(0) : Math.floor(awk.run.process.clock.wall() / 1000)
      awk.random = awk.run.process.clock.random.fork(`awk ${seed}`)
      return 0
    }
    case 'system':
      return yield* awk.system(yield* text(0))
    case 'close':
      return yield* awk.streams.close(yield* text(0))
    case 'systime':
      return Math.floor(awk.run.process.clock.wall() / 1000)
    case 'strftime': {
      const format = args.length > 0 ? yield* text(0) : '%c'
      return formatTime(args.length > 1 ? (yield* number(1)) * 1000 : awk.run.process.clock.wall(), format)
    }
    default:
      return 0
  }
}
