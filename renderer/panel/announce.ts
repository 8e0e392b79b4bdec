import type { LabView } from '../../electron/bridge/view.ts'

/** What a screen reader is told when something was passed; null when nothing was. */
export function announcement(before: LabView | null, after: LabView): string | null {
  if (!before || before.id !== after.id || before === after) return null
  if (after.finished && !before.finished) return `The lab ${after.title} is finished.`
  for (const step of Object.values(after.steps)) {
    const was = before.steps[step.number]
    if (!was || was === step) continue
    if (step.state === 'passed' && was.state !== 'passed') {
      const next = after.steps[after.active]
      return `Step ${step.number} passed: ${step.title}.${next && next !== step ? ` Step ${next.number} is next: ${next.title}.` : ''}`
    }
    const check = Object.values(step.checks).find((c) => c.state === 'passed' && was.checks[c.id]?.state !== 'passed')
    if (check) return `Check passed: ${check.title}.`
  }
  return null
}
