import type { LabCard } from '../../electron/bridge/view.ts'

const LEVELS = ['beginner', 'intermediate', 'advanced']

/** Tracks in the host's order, each with its labs from easy to hard, of equal ones the short first; what cannot be opened stands last. */
export function byTrack(catalog: Record<string, LabCard>): [track: string, labs: LabCard[]][] {
  const tracks = new Map<string, LabCard[]>()
  for (const card of Object.values(catalog)) tracks.set(card.track, [...(tracks.get(card.track) ?? []), card])
  const broken = ([, cards]: [string, LabCard[]]): number => Number(cards.every((card) => card.error))
  return [...tracks].sort((a, b) => broken(a) - broken(b)).map(([track, cards]) => [track, cards.sort((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) || a.minutes - b.minutes)])
}

/** What the button on a card says. */
export function invitation(card: LabCard): string {
  if (card.error) return 'Cannot be opened'
  return card.state === 'new' ? 'Start' : card.state === 'finished' ? 'Open again' : 'Continue'
}

/** Where a person stands in it, in words. */
export function standing(card: LabCard): string {
  if (card.state === 'finished') return 'finished'
  return card.passed ? `${card.passed} of ${card.steps} steps passed` : `${card.steps} ${card.steps === 1 ? 'step' : 'steps'}`
}
