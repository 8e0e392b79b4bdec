import { isBackground, Thread, type Cluster, type Journey, type Outcome } from '../engine/cluster.ts'
import { look, type CheckContext, type CheckResult } from './checks/index.ts'
import { valueText } from './checks/context.ts'
import { probe } from './checks/probe.ts'
import type { Check, CheckOf, Lab, Step } from './model.ts'

/** What is kept of a student's way through a lab; the host writes it to disk. */
export interface LabProgress {
  /** Check id → virtual wall-clock ms at which it passed. */
  passed: Record<string, number>
  answers: Record<string, string>
  /** Check id → hints taken. */
  hints: Record<string, number>
  variables: Record<string, string>
}

export const newProgress = (): LabProgress => ({ passed: {}, answers: {}, hints: {}, variables: {} })

export type CheckState = { state: 'passed' | 'failing' | 'waiting'; found: string | null }

/** How soon checks are looked at after a change, in virtual ms. */
const SOON = 250
/** How often without: not all that checks look at tells when it changes. */
const SELDOM = 2000
/** Probes cost packets: so long after a change they go out at each look, then only now and then. */
const RESTLESS = 6000
const PROBE_AGAIN = 10_000

/**
 * A lab under way on a cluster. Checks are looked at on the cluster's own clock, so that the same inputs at the same
 * moments pass the same checks. What has passed stays passed.
 */
export class LabRun {
  readonly lab: Lab
  readonly progress: LabProgress
  #cluster: Cluster
  #states = new Map<string, CheckState>()
  #probes = new Map<string, Thread<CheckResult>>()
  #probedAt = new Map<string, number>()
  #journeysAfter = 0
  #changedAt = 0
  #timer: ReturnType<Cluster['clock']['schedule']> | undefined
  #soon = false
  #stops: (() => void)[] = []
  #listeners = new Set<() => void>()
  #onStep: (step: Step) => void

  /** `onStep` is called when a step begins: it applies the step's own setup. */
  constructor(lab: Lab, cluster: Cluster, progress: LabProgress, onStep: (step: Step) => void) {
    this.lab = lab
    this.progress = progress
    this.#cluster = cluster
    this.#onStep = onStep
    const changed = (): void => {
      this.#changedAt = cluster.clock.now
      this.#lookSoon()
    }
    const journeyChanged = (journey: Journey): void => {
      if (!isBackground(journey)) this.#lookSoon()
    }
    this.#stops.push(cluster.onChange(changed), cluster.journeys.onChange(journeyChanged), cluster.laptop.fs.onChange(changed))
    this.#stops.push(() => cluster.clock.cancel(this.#timer))
    this.#begin()
    this.#lookSoon()
  }

  get steps(): readonly Step[] {
    return this.lab.definition.steps
  }

  /** The first step that has not passed, from 1; one more than there are when the lab is finished. */
  get active(): number {
    const index = this.steps.findIndex((s) => !this.#stepPassed(s))
    return index < 0 ? this.steps.length + 1 : index + 1
  }

  get finished(): boolean {
    return this.active > this.steps.length
  }

  state(check: Check): CheckState {
    if (this.progress.passed[check.id] !== undefined) return { state: 'passed', found: null }
    return this.#states.get(check.id) ?? { state: 'waiting', found: null }
  }

  /** The check's sentence, with what was found instead. */
  failText(check: Check): string | null {
    const state = this.state(check)
    if (state.state !== 'failing') return null
    return check.fail.replace(/\{found\}/g, state.found ?? '').trim()
  }

  hintsTaken(check: Check): string[] {
    return check.hints.slice(0, this.progress.hints[check.id] ?? 0)
  }

  /** Calls after anything here has changed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Gives the next hint. False when there is no such check or no more hints. */
  hint(id: string): boolean {
    const check = this.#find(id)
    const taken = this.progress.hints[id] ?? 0
    if (!check || taken >= check.hints.length) return false
    this.progress.hints[id] = taken + 1
    this.#changed()
    return true
  }

  /** Answers a quiz check of the step under way. */
  answer(id: string, answer: string): boolean {
    const check = this.#find(id)
    if (check?.kind !== 'quiz') return false
    // the right answer stays
    if (this.progress.passed[id] !== undefined) return true
    this.progress.answers[id] = answer
    this.evaluate()
    this.#changed()
    return true
  }

  /** Looks at the checks of the active step now; several steps may pass at once. */
  evaluate(): void {
    for (;;) {
      const before = this.active
      const step = this.steps[before - 1]
      if (!step) return
      for (const check of step.checks) this.#evaluate(check)
      if (this.active === before) return
      this.#begin()
    }
  }

  /** Changes come in crowds: one look a little later serves all. */
  #lookSoon(): void {
    if (this.#soon) return
    this.#soon = true
    this.#lookIn(SOON)
  }

  #lookIn(delay: number): void {
    const { clock } = this.#cluster
    clock.cancel(this.#timer)
    const look = (): void => {
      this.#soon = false
      this.evaluate()
      if (!this.finished && !this.#soon) this.#lookIn(SELDOM)
    }
    this.#timer = this.finished ? undefined : clock.schedule(delay, look, { background: true })
  }

  /** Whether packets of a probe are still on their way. */
  get probing(): boolean {
    return this.#probes.size > 0
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    for (const thread of this.#probes.values()) thread.kill()
  }

  #begin(): void {
    this.#journeysAfter = this.#cluster.journeys.recent.at(-1)?.id ?? 0
    const step = this.steps[this.active - 1]
    if (step) this.#onStep(step)
    this.#changed()
  }

  #evaluate(check: Check): void {
    if (this.progress.passed[check.id] !== undefined) return
    const missing = check.needs.some((id) => this.progress.passed[id] === undefined)
    const unasked = check.kind === 'quiz' && this.progress.answers[check.id] === undefined
    if (missing || unasked) return this.#set(check, { state: 'waiting', found: null })
    if (check.kind === 'dns' || check.kind === 'trace') return this.#probe(check)
    this.#conclude(check, check.kind === 'still' ? this.#still(check) : look(check, this.#context()))
  }

  /** Checks that have passed must hold now. */
  #still(check: CheckOf<'still'>): CheckResult {
    for (const id of check.checks) {
      const other = this.#find(id)
      if (!other || other.kind === 'dns' || other.kind === 'trace' || other.kind === 'still') continue
      const result = look(other, this.#context())
      if (!result.passed) return { passed: false, found: `"${other.title}" does not hold any more: ${result.found}` }
    }
    return { passed: true }
  }

  #probe(check: CheckOf<'dns'> | CheckOf<'trace'>): void {
    const { clock } = this.#cluster
    if (this.#probes.has(check.id)) return
    if (clock.now - this.#changedAt > RESTLESS && clock.now - (this.#probedAt.get(check.id) ?? -PROBE_AGAIN) < PROBE_AGAIN) return
    this.#probedAt.set(check.id, clock.now)
    const end = (outcome: Outcome<CheckResult>): void => {
      this.#probes.delete(check.id)
      if (outcome.kind === 'returned') this.#conclude(check, outcome.value)
      else if (outcome.kind === 'threw') this.#conclude(check, { passed: false, found: String(outcome.error) })
    }
    const thread = new Thread(clock, probe(check, this.#context()), end)
    if (!thread.outcome) this.#probes.set(check.id, thread)
  }

  #conclude(check: Check, result: CheckResult): void {
    if (!result.passed) return this.#set(check, { state: 'failing', found: result.found })
    this.progress.passed[check.id] = this.#cluster.clock.wall()
    if (result.remembered) {
      for (const [name, path] of Object.entries(check.remember ?? {})) this.progress.variables[name] = valueText(result.remembered, path)
    }
    this.#lookSoon()
    this.#changed()
  }

  #set(check: Check, state: CheckState): void {
    const old = this.#states.get(check.id)
    if (old?.state === state.state && old.found === state.found) return
    this.#states.set(check.id, state)
    this.#changed()
  }

  #context(): CheckContext {
    return {
      cluster: this.#cluster,
      journeysAfter: this.#journeysAfter,
      answers: new Map(Object.entries(this.progress.answers)),
      variables: new Map(Object.entries(this.progress.variables)),
    }
  }

  #stepPassed(step: Step): boolean {
    return step.checks.every((c) => this.progress.passed[c.id] !== undefined)
  }

  #find(id: string): Check | undefined {
    return this.steps.flatMap((s) => s.checks).find((c) => c.id === id)
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}
