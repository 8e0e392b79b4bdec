import type { CheckView, LabCard, LabView, PackOffer as OfferView, PackView, StepView } from '../../bridge/view.ts'
import { formatProblem, type Check, type LabDefinition, type LabProblem } from '../../lab/model.ts'
import type { LabRun } from '../../lab/run.ts'
import type { FoundLab } from '../labs.ts'
import type { KeptPack, PackOffer } from '../packs/shelf.ts'
import type { ProgressStore } from '../progress.ts'

export function catalogView(labs: readonly FoundLab[], progress: ProgressStore): Record<string, LabCard> {
  return Object.fromEntries(labs.map((found) => [found.id, { ...('lab' in found ? card(found.lab.definition, progress) : brokenCard(found.id, found.problems)), ...(found.pack ? { pack: found.pack.title } : {}) }]))
}

export function packViews(packs: readonly KeptPack[]): Record<string, PackView> {
  return Object.fromEntries(packs.map((kept) => [kept.id, 'pack' in kept ? { id: kept.id, title: kept.pack.title, labs: kept.pack.labs.length } : { id: kept.id, title: kept.id, labs: 0, problem: kept.problem }]))
}

export function offerView({ pack, replaces, clashes }: PackOffer): OfferView {
  const labs = pack.labs.map(({ lab: { definition, images } }) => {
    const { id, title, summary, level, minutes, steps } = definition
    return { id, title, summary, level, minutes, steps: steps.length, images: images.map((image) => image.name) }
  })
  return { id: pack.id, title: pack.title, labs, replaces: replaces ?? null, clashes }
}

function card(lab: LabDefinition, progress: ProgressStore): LabCard {
  const kept = progress.lab(lab.id)
  return {
    id: lab.id,
    title: lab.title,
    summary: lab.summary,
    track: lab.track,
    level: lab.level,
    minutes: lab.minutes,
    steps: lab.steps.length,
    passed: kept?.stepsPassed ?? 0,
    state: kept?.finished ? 'finished' : kept ? 'started' : 'new',
  }
}

function brokenCard(id: string, problems: readonly LabProblem[]): LabCard {
  return {
    id, title: id, summary: '', track: 'Labs with mistakes', level: 'beginner', minutes: 0, steps: 0, passed: 0, state: 'new',
    error: problems.slice(0, 5).map(formatProblem).join('\n'),
  }
}

export function labView(run: LabRun): LabView {
  const { definition, files } = run.lab
  const active = run.active
  const steps: Record<string, StepView> = {}
  run.steps.forEach((step, index) => {
    const number = index + 1
    steps[number] = {
      number,
      title: step.title,
      text: files.get(step.text) ?? '',
      state: number < active ? 'passed' : number === active ? 'active' : 'todo',
      checks: Object.fromEntries(step.checks.map((check) => [check.id, checkView(run, check)])),
    }
  })
  return { id: definition.id, title: definition.title, track: definition.track, steps, active, finished: run.finished, finish: run.finished ? definition.finish : null }
}

function checkView(run: LabRun, check: Check): CheckView {
  const hints = run.hintsTaken(check)
  return {
    id: check.id,
    title: check.title,
    kind: check.kind,
    state: run.state(check).state,
    found: run.failText(check),
    hints,
    hintsLeft: check.hints.length - hints.length,
    ...(check.kind === 'quiz' ? { quiz: { question: check.question, choices: check.choices ?? null, answered: run.progress.answers[check.id] ?? null } } : {}),
  }
}
