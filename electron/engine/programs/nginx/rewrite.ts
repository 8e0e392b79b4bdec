import { ConfigError, NotSimulated, type Directive } from './config.ts'
import type { Variables } from './variables.ts'

/** ngx_http_rewrite_module: set, rewrite, return, break and if, one after the other. */
export type Operation =
  | { kind: 'set'; name: string; value: string }
  | { kind: 'rewrite'; pattern: RegExp; replacement: string; flag: 'last' | 'break' | 'redirect' | 'permanent' | undefined }
  | { kind: 'return'; status: number; text: string | undefined }
  | { kind: 'break' }
  | { kind: 'if'; test: (variables: Variables) => boolean; then: readonly Operation[] }

/** Where it ended: a status to answer with, a location to look for again, or just go on ("break": with no more of them). */
export type RewriteResult = { kind: 'return'; status: number; text: string | undefined } | { kind: 'again' } | { kind: 'break' } | undefined

const FLAGS = ['last', 'break', 'redirect', 'permanent'] as const

/** Undefined: another module's directive. Throws ConfigError. */
export function readOperation(d: Directive): Operation | undefined {
  const where = ` in ${d.file}:${d.line}`
  const count = (least: number, most: number): void => {
    if (d.args.length < least || d.args.length > most) throw new ConfigError(`invalid number of arguments in "${d.name}" directive${where}`)
  }
  switch (d.name) {
    case 'set':
      count(2, 2)
      if (!d.args[0]!.startsWith('$')) throw new ConfigError(`invalid variable name "${d.args[0]}"${where}`)
      return { kind: 'set', name: d.args[0]!.slice(1), value: d.args[1]! }
    case 'rewrite': {
      count(2, 3)
      const flag = d.args[2]
      if (flag !== undefined && !FLAGS.some((f) => f === flag)) throw new ConfigError(`invalid parameter "${flag}"${where}`)
      const replacement = d.args[1]!
      const absolute = /^(https?:\/\/|\$scheme)/.test(replacement)
      return { kind: 'rewrite', pattern: pattern(d.args[0]!, '', where), replacement, flag: absolute && flag !== 'permanent' ? 'redirect' : (flag as (typeof FLAGS)[number] | undefined) }
    }
    case 'return': {
      count(1, 2)
      const [first = '', text] = d.args
      if (/^[0-9]+$/.test(first)) {
        if (Number(first) > 999) throw new ConfigError(`invalid return code "${first}"${where}`)
        return { kind: 'return', status: Number(first), text }
      }
      if (text !== undefined || !/^(https?:\/\/|\$scheme)/.test(first)) throw new ConfigError(`invalid return code "${first}"${where}`)
      return { kind: 'return', status: 302, text: first }
    }
    case 'break':
      count(0, 0)
      return { kind: 'break' }
    case 'if': {
      const then = (d.block ?? []).map((inner) => {
        const operation = inner.name === 'if' ? undefined : readOperation(inner)
        if (!operation) throw new NotSimulated(`nginx "${inner.name}" inside "if" (set, rewrite, return and break are)`)
        return operation
      })
      return { kind: 'if', test: condition(d), then }
    }
    default:
      return undefined
  }
}

function condition(d: Directive): (variables: Variables) => boolean {
  const words = [...d.args]
  const text = words.join(' ')
  if (!text.startsWith('(') || !text.endsWith(')')) throw new ConfigError(`invalid condition "${text}" in ${d.file}:${d.line}`)
  const [left = '', operator, ...rest] = text.slice(1, -1).trim().split(/\s+/)
  const right = rest.join(' ')
  if (!left.startsWith('$')) throw new NotSimulated(`nginx "if ${text}" (a comparison with a variable is)`)
  if (operator === undefined) return (v) => !['', '0'].includes(v.expand(left))
  if (operator === '=') return (v) => v.expand(left) === v.expand(right)
  if (operator === '!=') return (v) => v.expand(left) !== v.expand(right)
  const match = /^(!?)~(\*?)$/.exec(operator)
  if (!match) throw new ConfigError(`unexpected "${operator}" in condition in ${d.file}:${d.line}`)
  const regexp = pattern(right, match[2] ? 'i' : '', ` in ${d.file}:${d.line}`)
  return (v) => v.match(regexp, v.expand(left)) !== (match[1] === '!')
}

export function pattern(text: string, flags: string, where: string): RegExp {
  try {
    return new RegExp(text.replace(/\(\?P</g, '(?<').replace(/^\(\?i\)/, ''), text.startsWith('(?i)') ? 'i' : flags)
  } catch {
    throw new ConfigError(`pcre2_compile() failed: missing closing parenthesis in "${text}"${where}`)
  }
}

export function run(operations: readonly Operation[], variables: Variables): RewriteResult {
  let changed = false
  for (const operation of operations) {
    switch (operation.kind) {
      case 'set':
        variables.set(operation.name, variables.expand(operation.value))
        break
      case 'return':
        return { kind: 'return', status: operation.status, text: operation.text === undefined ? undefined : variables.expand(operation.text) }
      case 'break':
        return { kind: 'break' }
      case 'if': {
        if (!operation.test(variables)) break
        const inner = run(operation.then, variables)
        if (inner) return inner
        break
      }
      case 'rewrite': {
        if (!variables.match(operation.pattern, variables.path)) break
        const ended = operation.replacement.endsWith('?')
        const target = variables.expand(ended ? operation.replacement.slice(0, -1) : operation.replacement)
        const at = target.indexOf('?')
        const path = at < 0 ? target : target.slice(0, at)
        const args = [...(at < 0 ? [] : [target.slice(at + 1)]), ...(ended || variables.args === '' ? [] : [variables.args])].filter((a) => a !== '').join('&')
        if (operation.flag === 'redirect' || operation.flag === 'permanent') return { kind: 'return', status: operation.flag === 'permanent' ? 301 : 302, text: `${path}${args === '' ? '' : `?${args}`}` }
        variables.rewritten(path, args)
        if (operation.flag === 'break') return { kind: 'break' }
        if (operation.flag === 'last') return { kind: 'again' }
        changed = true
      }
    }
  }
  return changed ? { kind: 'again' } : undefined
}
