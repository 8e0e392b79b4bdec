import type { Cluster } from '../engine/cluster.ts'
import type { Lab } from './model.ts'
import { LabRun, newProgress } from './run.ts'
import { beginStep, bearLabCluster } from './start.ts'
import { LabTerminal } from './terminal.ts'
import { compare, parseTranscripts, type Action, type Transcript } from './transcript.ts'

/** What a replay of a lab found. */
export interface ReplayResult {
  name: string
  ok: boolean
  /** "solution.txtar:12: expected …" */
  problem?: string
}

/** The longest that a command of a transcript may take, in virtual ms. */
const PATIENCE = 600_000
/** ms without a word: after them a program that nobody waits for is left alone; and the longest that a client in a Pod is silent, which is TCP's (127 s). */
const MOMENT = 5000
const SILENCE = 150_000

/** Replays the solution step by step, and each wrong attempt on a cluster of its own. */
export function* testLab(lab: Lab): Generator<ReplayResult, void, void> {
  const solutions = parseTranscripts('solution.txtar', lab.files.get('solution.txtar') ?? '', lab.definition).transcripts
  const wrongs = parseTranscripts('wrong.txtar', lab.files.get('wrong.txtar') ?? '', lab.definition).transcripts
  const refused = refusal(lab)
  if (refused !== undefined) return yield { name: `${lab.definition.id} setup`, ok: false, problem: refused }
  yield* solve(lab, solutions)
  for (const wrong of wrongs) yield tryWrong(lab, solutions, wrong)
}

/** Why the lab cannot begin: what kubectl says of its manifests. */
function refusal(lab: Lab): string | undefined {
  if (lab.definition.setup.length === 0) return undefined
  try {
    bearLabCluster(lab)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function* solve(lab: Lab, solutions: readonly Transcript[]): Generator<ReplayResult, void, void> {
  const student = new ReplayedStudent(lab)
  for (let n = 1; n <= lab.definition.steps.length; n++) {
    const name = `${lab.definition.id} step ${n}`
    const problem = student.play(solutions.filter((s) => s.step === n), 'solution.txtar') ?? student.stuckAt(n)
    yield problem ? { name, ok: false, problem } : { name, ok: true }
    if (problem) break
  }
  student.leave()
}

function tryWrong(lab: Lab, solutions: readonly Transcript[], wrong: Transcript): ReplayResult {
  const name = `${lab.definition.id} wrong: ${wrong.name}`
  const student = new ReplayedStudent(lab)
  try {
    for (let n = 1; n < wrong.step; n++) {
      const problem = student.play(solutions.filter((s) => s.step === n), 'solution.txtar') ?? student.stuckAt(n)
      if (problem) return { name, ok: false, problem }
    }
    const problem = student.play([wrong], 'wrong.txtar')
    if (problem) return { name, ok: false, problem }
    const check = lab.definition.steps[wrong.step - 1]!.checks.find((c) => c.id === wrong.check)!
    if (student.run.state(check).state === 'passed') return { name, ok: false, problem: `wrong.txtar: check "${check.id}" passed all the same` }
    return { name, ok: true }
  } finally {
    student.leave()
  }
}

/** Types transcripts into terminals of a lab's cluster, in virtual time. */
class ReplayedStudent {
  readonly cluster: Cluster
  readonly run: LabRun
  #lab: Lab
  #terminals = new Map<number, { terminal: LabTerminal; output: string }>()

  constructor(lab: Lab) {
    this.#lab = lab
    this.cluster = bearLabCluster(lab)
    this.run = new LabRun(lab, this.cluster, newProgress(), (step) => beginStep(this.cluster, lab, step))
  }

  /** The first problem, or undefined. */
  play(transcripts: readonly Transcript[], file: string): string | undefined {
    const actions = transcripts.flatMap((transcript) => transcript.actions)
    for (const [i, action] of actions.entries()) {
      const problem = this.#act(action, actions.slice(i + 1).find((a) => a.kind !== 'wait'))
      if (problem) return `${file}:${action.line}: ${problem}`
    }
    this.cluster.settle(60_000)
    this.run.evaluate()
    for (let i = 0; i < 100 && this.run.probing; i++) this.cluster.clock.runFor(200)
    this.run.evaluate()
    return undefined
  }

  /** Why step `n` has not passed. */
  stuckAt(n: number): string | undefined {
    if (this.run.active > n) return undefined
    const checks = this.#lab.definition.steps[n - 1]!.checks.filter((c) => this.run.state(c).state !== 'passed')
    return checks.map((c) => `check "${c.id}" has not passed: ${this.run.failText(c) ?? 'it waits for another'}`).join('; ')
  }

  leave(): void {
    this.run.stop()
    for (const { terminal } of this.#terminals.values()) terminal.close()
  }

  /** `next`: what is typed after it. */
  #act(action: Action, next: Action | undefined): string | undefined {
    if (action.kind === 'wait') return void this.cluster.clock.runFor(action.ms)
    if (action.kind === 'answer') {
      this.#settleStep()
      return this.run.answer(action.check, action.answer) ? undefined : `there is no quiz "${action.check}"`
    }
    const seat = this.#seat(action.terminal)
    if (!seat) return `terminal ${action.terminal} shows no prompt`
    const from = seat.output.length
    if (action.kind === 'key') seat.terminal.input(action.key === 'C' ? '\x03' : '\x04')
    else seat.terminal.input(action.text + '\r')
    // a command that a key interrupts, or that others are typed beside, does not come back to the prompt by itself: give it a moment
    const awaited = next === undefined || next.kind === 'answer' || (next.kind === 'command' && next.terminal === action.terminal)
    const back = this.#runUntilPrompt(seat, from, true, awaited ? SILENCE : MOMENT)
    const printed = linesAfterEcho(seat.output.slice(from))
    const problem = action.expect ? compare(back ? printed.slice(0, -1) : printed, action.expect) : undefined
    this.#settleStep()
    return problem
  }

  /** Checks see the world as a student's would who reads the output before typing on. */
  #settleStep(): void {
    this.cluster.settle(15_000)
    this.run.evaluate()
  }

  #seat(number: number): { terminal: LabTerminal; output: string } | undefined {
    let seat = this.#terminals.get(number)
    if (!seat) {
      const made: { terminal: LabTerminal; output: string } = { output: '', terminal: undefined as never }
      made.terminal = new LabTerminal(this.cluster, 400, 50, (text) => (made.output += text))
      this.#terminals.set(number, made)
      seat = made
      if (!this.#runUntilPrompt(made, 0, false)) return undefined
    }
    return seat
  }

  #runUntilPrompt(seat: { output: string }, from: number, typed: boolean, silence = MOMENT): boolean {
    const { clock } = this.cluster
    const end = clock.now + PATIENCE
    let quiet = clock.now
    let length = -1
    for (;;) {
      if (typed ? seat.output.includes('\n', from) && atPrompt(seat.output.slice(from)) : atPrompt(seat.output)) return true
      if (seat.output.length !== length) {
        length = seat.output.length
        quiet = clock.now
      }
      // a watcher, a server: nothing more to come until somebody acts
      if (clock.pending === 0 && clock.now - quiet > silence) return false
      if (!clock.step(end)) return false
    }
  }
}

const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]/g

function plainText(output: string): string {
  return output.replace(/\r\x1b\[\d+C/g, '').replace(ESCAPES, '').replace(/\r+\n/g, '\n')
}

/** Whether a shell waits for a command: its prompt is the last thing printed, on a line of its own. */
export function atPrompt(output: string): boolean {
  const last = plainText(output).split('\n').at(-1)!.split('\r').at(-1)!
  return /(\S@\S+:.*[$#]|^\S* ?[$#]) $/.test(last)
}

function linesAfterEcho(output: string): string[] {
  return plainText(output).split('\n').slice(1)
}
