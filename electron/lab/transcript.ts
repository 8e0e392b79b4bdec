import type { LabDefinition, LabProblem } from './model.ts'
import { parseTxtar } from './txtar.ts'

/**
 * solution.txtar and wrong.txtar: what a person types and must see.
 *
 *     -- 1 --                              the first step's solution
 *     $ kubectl apply -f web.yaml          a command in the first terminal ("2$" in the second, opened when named)
 *     pod/web created                      what must be printed; "..." stands for any lines,
 *     web  1/1  Running * (glob)           "(glob)" lets * and ? stand for anything, "(re)" is a regular expression
 *     $ sleep 100
 *     ^C                                   a key; also ^D
 *     # wait 30s                           lets virtual time pass
 *     # answer which-port: 80              answers a quiz check
 *
 * In wrong.txtar a file is named "<step> <check> <words>": after the solutions of the steps before, the check must
 * still fail.
 */
export type Action =
  | { kind: 'command'; terminal: number; text: string; expect: Expectation[] | null; line: number }
  | { kind: 'key'; terminal: number; key: 'C' | 'D'; expect: Expectation[] | null; line: number }
  | { kind: 'wait'; ms: number; line: number }
  | { kind: 'answer'; check: string; answer: string; line: number }

export type Expectation = { kind: 'exact' | 'glob' | 're' | 'any'; text: string; line: number }

export interface Transcript {
  /** From 1. */
  step: number
  /** wrong.txtar only. */
  check?: string
  name: string
  actions: Action[]
}

export function parseTranscripts(file: string, text: string, lab: LabDefinition): { transcripts: Transcript[]; problems: LabProblem[] } {
  const wrong = file === 'wrong.txtar'
  const transcripts: Transcript[] = []
  const problems: LabProblem[] = []
  const problem = (line: number, message: string): void => void problems.push({ file, line, column: 1, message })
  for (const part of parseTxtar(text).files) {
    const header = part.line - 1
    const match = wrong ? /^(\d+) ([a-z0-9-]+)\b:?\s*(.*)$/.exec(part.name) : /^(\d+)$/.exec(part.name)
    if (!match) {
      problem(header, wrong ? 'expected "-- <step> <check> <words> --"' : 'expected "-- <step> --"')
      continue
    }
    const step = Number(match[1])
    const definition = lab.steps[step - 1]
    if (!definition) problem(header, `no step ${step}; the lab has ${lab.steps.length}`)
    else if (wrong && !definition.checks.some((c) => c.id === match[2])) problem(header, `step ${step} has no check "${match[2]}"`)
    transcripts.push({
      step,
      name: match[3] || part.name,
      ...(wrong ? { check: match[2]! } : {}),
      actions: parseActions(part.text, part.line, problem),
    })
  }
  if (!wrong) for (let n = 1; n <= lab.steps.length; n++) if (!transcripts.some((t) => t.step === n)) problem(1, `no solution for step ${n}`)
  return { transcripts, problems }
}

function parseActions(text: string, firstLine: number, problem: (line: number, message: string) => void): Action[] {
  const actions: Action[] = []
  const lines = text.split('\n')
  lines.pop()
  lines.forEach((raw, index) => {
    const line = firstLine + index
    const command = /^(\d?)\$ (.*)$/.exec(raw)
    const key = /^(\d?)\^([CD])$/.exec(raw)
    const wait = /^# wait (\d+)(ms|s|m)$/.exec(raw)
    const answer = /^# answer ([a-z0-9-]+): (.*)$/.exec(raw)
    const last = actions.at(-1)
    if (command) actions.push({ kind: 'command', terminal: Number(command[1] || 1), text: command[2]!, expect: null, line })
    else if (key) actions.push({ kind: 'key', terminal: Number(key[1] || 1), key: key[2] as 'C' | 'D', expect: null, line })
    else if (wait) actions.push({ kind: 'wait', ms: Number(wait[1]) * { ms: 1, s: 1000, m: 60_000 }[wait[2] as 'ms' | 's' | 'm'], line })
    else if (answer) actions.push({ kind: 'answer', check: answer[1]!, answer: answer[2]!, line })
    else if (raw.startsWith('# ') || (raw === '' && (!last || !('expect' in last) || last.expect === null))) return
    else if (last && 'expect' in last) (last.expect ??= []).push(expectation(raw, line))
    else problem(line, `expected "$ command" before "${raw}"`)
  })
  for (const action of actions) {
    // blank lines between commands are for the eye
    if ('expect' in action) while (action.expect?.at(-1)?.text === '' && action.expect.at(-1)?.kind === 'exact') action.expect.pop()
  }
  return actions
}

function expectation(raw: string, line: number): Expectation {
  if (raw === '...') return { kind: 'any', text: raw, line }
  const marked = /^(.*) \((glob|re)\)$/.exec(raw)
  return marked ? { kind: marked[2] as 'glob' | 're', text: marked[1]!, line } : { kind: 'exact', text: raw, line }
}

/** The first difference between what was printed and what was expected; undefined when they agree. */
export function compare(printed: readonly string[], expected: readonly Expectation[]): string | undefined {
  const reach = match(printed, 0, expected, 0)
  if (reach === true) return undefined
  const want = expected[reach.expected]
  const got = printed[reach.printed]
  return `expected ${want ? JSON.stringify(want.text) : 'nothing more'}${want ? ` (line ${want.line})` : ''}, printed ${got === undefined ? 'nothing more' : JSON.stringify(got)}`
}

function match(printed: readonly string[], p: number, expected: readonly Expectation[], e: number): true | { printed: number; expected: number } {
  for (;;) {
    const want = expected[e]
    if (!want) return p >= printed.length ? true : { printed: p, expected: e }
    if (want.kind === 'any') {
      if (e === expected.length - 1) return true
      let worst = { printed: p, expected: e + 1 }
      for (let k = p; k <= printed.length; k++) {
        const rest = match(printed, k, expected, e + 1)
        if (rest === true) return true
        if (rest.expected > worst.expected) worst = rest
      }
      return worst
    }
    const got = printed[p]
    if (got === undefined || !fits(got, want)) return { printed: p, expected: e }
    p++
    e++
  }
}

function fits(printed: string, want: Expectation): boolean {
  const line = printed.trimEnd()
  if (want.kind === 'exact') return line === want.text.trimEnd()
  if (want.kind === 're') return new RegExp(`^(?:${want.text})$`).test(line)
  return glob(want.text.trimEnd()).test(line)
}

/** A pattern in which * stands for any characters and ? for one; runs of blanks match any blanks. */
export function glob(pattern: string): RegExp {
  return new RegExp('^' + pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.').replace(/ +/g, ' +') + '$')
}
